public import Bytes
public import Compatibility

/// The device code of one file, to be judged with the software around it.
public struct StackLibrary: Sendable {
  public var path: Path
  public var library: Library
  /// The package that it belongs to, where its path does not tell.
  public var package: Package?
  /// Judges the library on a device, with all that is known of its kernels.
  public var verdict: @Sendable (Device) -> LibraryVerdict

  /// Without `verdict` the library is judged by its headers alone.
  public init(
    path: Path, library: Library, package: Package? = nil,
    verdict: (@Sendable (Device) -> LibraryVerdict)? = nil
  ) {
    self.path = path
    self.library = library
    self.package = package
    self.verdict = verdict ?? { library.verdict(on: $0) }
  }
}

/// What is asked: whether software runs on some devices with a driver.
public struct StackQuestion: Sendable {
  public var facts: StackFacts
  /// Every device has to run all of it; one without a driver is on a host whose driver nobody knows.
  public var devices: [Device]
  public var libraries: [StackLibrary]

  public init(facts: StackFacts, devices: [Device], libraries: [StackLibrary]) {
    self.facts = facts
    self.devices = devices
    self.libraries = libraries
  }

  /// All checks, those about the driver first; the order depends on nothing but the question.
  public func checks() -> [Check] {
    driverChecks() + packageChecks() + deviceCodeChecks() + toolkitChecks()
  }

  /// The same question with another driver.
  func with(driver: DriverVersion?) -> StackQuestion {
    var question = self
    for index in question.devices.indices { question.devices[index].driver = driver }
    return question
  }
}

extension Device {
  /// `NVIDIA A100-PCIE-40GB (8.0)`, or `NVIDIA A100 (8.0)` where it may be one of several.
  var label: String {
    guard let name = name ?? commonName else { return "compute capability \(computeCapability)" }
    return "\(name) (\(computeCapability))"
  }

  /// The words that the names of all products that it may be start with; nil for less than a product's name.
  private var commonName: String? {
    let names = products.map { $0.split(whereSeparator: { !$0.isLetter && !$0.isNumber }) }
    guard var common = names.first else { return nil }
    for words in names.dropFirst() {
      common = Array(zip(common, words).prefix { $0 == $1 }.map(\.0))
    }
    return common.count > 1 ? common.joined(separator: " ") : nil
  }

  /// The names of the products that it may be; empty where nobody knows.
  var candidates: [String] { name.map { [$0] } ?? products }

  /// What it is sold as; nil where its name is not known, where the catalogue does not have it, and where products
  /// that it may be are sold as different things.
  var segment: GPU.Segment? {
    let segments = candidates.map { name in
      GPUCatalogue.shared.gpus.first { $0.name == name && $0.segment != .label }?.segment
    }
    return Set(segments).count == 1 ? segments[0] : nil
  }

  /// The brands that `NVIDIA_REQUIRE_*` may know it by, likeliest first; empty where nobody knows.
  var brands: [String] {
    var brands: [String] = []
    for candidate in candidates {
      for brand in ContainerTable.shared.brands(ofGPU: candidate) where !brands.contains(brand) {
        brands.append(brand)
      }
    }
    return brands
  }
}

/// `a, b and c`.
func list(_ items: [String]) -> String {
  guard let last = items.last else { return "" }
  return items.count == 1 ? last : items.dropLast().joined(separator: ", ") + " and " + last
}
