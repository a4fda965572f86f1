import Archives
import Bytes
public import Compatibility
public import Scan
public import Stack

/// One GPU, or one generation of GPUs, that a scan was judged for.
public struct JudgedDevice: Hashable, Sendable {
  /// As it was asked for; for the generations of a scan without question the compute capability.
  public var query: String
  public var device: Device

  public init(query: String, device: Device) {
    self.query = query
    self.device = device
  }

  /// For a sentence: `A100 (8.0)`, or `8.0`.
  var label: String {
    let computeCapability = device.computeCapability.description
    return query == computeCapability ? computeCapability : "\(printable(query)) (\(computeCapability))"
  }
}

/// What a scan found, judged for some GPUs: what the command `scan` shows.
public struct ScanReport: Sendable {
  public var result: ScanResult
  public var devices: [JudgedDevice]
  public var requirements: [TargetRequirement]
  /// What was judged, in the order of the libraries.
  public var judged: [JudgedCode]
  /// For all that was judged the verdict on every device.
  public var verdicts: [[LibraryVerdict]]
  /// For all that was judged the result of every requirement.
  public var requirementResults: [[RequirementResult]]
  /// Whether the devices were asked for, or are the generations shown when nobody asks.
  public var isQuestion: Bool
  /// What is known of the software around the device code.
  public var facts: StackFacts
  /// The software around the device code, judged; nil where there is none.
  public var stack: StackReport?

  public init(
    _ result: ScanResult, devices: [JudgedDevice], requirements: [TargetRequirement] = [], isQuestion: Bool,
    facts: StackFacts = StackFacts()
  ) {
    self.result = result
    self.devices = devices
    self.requirements = requirements
    self.isQuestion = isQuestion
    self.facts = facts
    judged = result.judgedCode(facts)
    verdicts = judged.map { code in
      devices.map { code.library.verdict(on: $0.device, kernels: code.kernels) }
    }
    requirementResults = judged.map { code in
      requirements.map { code.library.check($0) }
    }
    stack = StackReport(
      facts, result.stackLibraries(judged, facts), devices: devices, isQuestion: isQuestion)
  }

  /// Whether any verdict is at `level` or worse; a failed check of the stack counts as `incompatible`.
  public func reaches(_ level: FailLevel) -> Bool {
    verdicts.contains { $0.contains { level.includes($0.verdict) } }
      || stack?.summary.answer == .fail && level.includes(.incompatible)
  }

  /// Whether everything that was required is there; false also when there is no device code to carry it.
  public var meetsRequirements: Bool {
    requirements.isEmpty
      || !judged.isEmpty && requirementResults.allSatisfy { $0.allSatisfy(\.isMet) }
  }

  /// The verdict over all that was judged on one device.
  public func overall(device: Int) -> Verdict { overall(device: device, of: judged.indices) }

  /// The verdict over a part of what was judged, by indices.
  func overall(device: Int, of part: some Sequence<Int>) -> Verdict {
    Verdict.worst(of: part.map { verdicts[$0][device].verdict })
  }

  /// Where a file is, for a message: its root and its path from there.
  public func path(of place: FilePlace) -> String {
    let root = result.roots[place.root]
    if root.kind == .file || place.path.bytes.isEmpty { return name(ofRoot: place.root) }
    return "\(name(ofRoot: place.root))/\(place.path)"
  }

  /// What was judged for a person: the path of the file, or the folder of several with their number.
  func name(of index: Int) -> String {
    named(name(of: judged[index].place), judged[index])
  }

  /// `name`, and how many files it is where it is several.
  func named(_ name: String, _ code: JudgedCode) -> String {
    code.isCollection ? "\(name.isEmpty ? "." : name) (\(counted(code.files.count, "cubin file")))" : name
  }

  /// The path of a file for a person: with the root in front when there are several.
  func name(of place: FilePlace) -> String {
    let root = result.roots[place.root]
    if result.roots.count > 1, place.path.bytes.isEmpty { return name(ofRoot: place.root) }
    return result.roots.count > 1 && root.kind != .file
      ? path(of: place) : place.path.description
  }

  /// The path of a root, with the platform or the name of the image where several are in one archive.
  func name(ofRoot index: Int) -> String {
    let root = result.roots[index]
    let siblings = result.roots.filter { $0.path == root.path }
    guard siblings.count > 1, let image = root.image else { return root.path.description }
    let platforms = Set(siblings.compactMap { $0.image?.platform })
    let own = platforms.count == siblings.count ? image.platform.description : image.names.first
    return "\(root.path) (\(printable(own ?? image.digest ?? "image \(index)")))"
  }
}

/// What was judged, by where it belongs: indices of ``ScanReport/judged``, ascending.
struct Belongings {
  /// By package of the facts.
  var packages: [[Int]]
  /// By environment of the facts: what lies in it, whether a package owns it or not.
  var environments: [[Int]]
  /// By root of the scan.
  var roots: [[Int]]

  init(_ report: ScanReport) {
    let (result, facts) = (report.result, report.facts)
    packages = facts.packages.map { _ in [] }
    environments = facts.installed.map { _ in [] }
    roots = result.roots.map { _ in [] }
    for (index, code) in report.judged.enumerated() {
      for package in code.packages { packages[package].append(index) }
      // What is in several environments under several names counts in each.
      var places = [code.place]
      if let file = code.files.first, !code.isCollection { places += result.libraries[file].aliases }
      for root in Set(places.map(\.root)) { roots[root].append(index) }
      for environment in Set(places.compactMap { facts.environmentIndex(of: result.path(of: $0)) }) {
        environments[environment].append(index)
      }
    }
  }
}
