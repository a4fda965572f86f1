public import Bytes
import FoundationEssentials

/// What the configuration of a container image says about CUDA: its environment.
public struct ImageConfiguration: Hashable, Sendable, Codable {
  /// The variables of its environment that say something about CUDA: `NVIDIA_*`, `CUDA_*`, those by which extensions are
  /// built, and those that say which compiler is taken at run time and what it makes; of one that is set twice the last
  /// value. Other variables are left out, because they may hold secrets.
  public var environment: [String: String]
  /// The processor architecture as images name it: `amd64`, `arm64`.
  public var architecture: String?
  /// The image's names; empty where the document has none.
  public var names: [String]

  public init(environment: [String: String], architecture: String? = nil, names: [String] = []) {
    self.environment = environment.filter { name, _ in
      name.hasPrefix("NVIDIA_") || name.hasPrefix("CUDA_") || Self.variables.contains(name)
    }
    self.architecture = architecture
    self.names = names
  }

  private static let variables: Set<String> = [
    "CUPY_COMPILE_WITH_PTX", "DG_JIT_NVCC_COMPILER", "DG_JIT_USE_NVRTC", "FLASHINFER_CUDA_ARCH_LIST",
    "LD_LIBRARY_PATH", "NUMBA_CUDA_ENABLE_PYNVJITLINK", "PATH", "PYCUDA_DEFAULT_NVCC_FLAGS",
    "TORCHDYNAMO_DISABLE", "TORCH_CUDA_ARCH_LIST", "TRITON_PTXAS_BLACKWELL_PATH", "TRITON_PTXAS_PATH",
    "TVM_CUDA_COMPILE_MODE", "XLA_FLAGS",
  ]

  /// Reads `NAME=value` lines as a process has them; lines without `=` are left out.
  public init(environment lines: [String], architecture: String? = nil, names: [String] = []) {
    var environment: [String: String] = [:]
    for line in lines {
      guard let place = line.firstIndex(of: "=") else { continue }
      environment[String(line[..<place])] = String(line[line.index(after: place)...])
    }
    self.init(environment: environment, architecture: architecture, names: names)
  }

  /// Larger documents are no image configuration.
  public static let sizeLimit = 64 << 20

  /// Reads an OCI or Docker image configuration, or what `docker inspect` prints, which is a list of images or
  /// containers.
  ///
  /// - Throws: a problem when the bytes are not JSON or hold no image configuration.
  public static func read(_ bytes: [UInt8]) throws(Problem) -> [ImageConfiguration] {
    guard bytes.count <= sizeLimit else {
      throw Problem(.limitExceeded, "image configuration", observed: "\(bytes.count) bytes")
    }
    let documents: [Document]
    do {
      let isList = bytes.first { !$0.isJSONSpace } == UInt8(ascii: "[")
      documents =
        isList
        ? try JSONDecoder().decode([Document].self, from: Data(bytes))
        : [try JSONDecoder().decode(Document.self, from: Data(bytes))]
    } catch {
      throw Problem(.invalidValue, "image configuration", expected: "JSON with an environment")
    }
    let configurations = documents.compactMap(\.configuration)
    guard !configurations.isEmpty, configurations.count == documents.count else {
      throw Problem(
        .unsupported, "image configuration",
        expected: "an OCI image configuration or the output of docker inspect")
    }
    return configurations
  }

  private struct Document: Decodable {
    struct Contents: Decodable {
      var upper: [String]?
      var lower: [String]?

      enum CodingKeys: String, CodingKey {
        case upper = "Env"
        case lower = "env"
      }
    }

    var oci: Contents?
    var docker: Contents?
    var architecture: String?
    var dockerArchitecture: String?
    var tags: [String]?

    enum CodingKeys: String, CodingKey {
      case oci = "config"
      case docker = "Config"
      case architecture
      case dockerArchitecture = "Architecture"
      case tags = "RepoTags"
    }

    /// Nil for a document without a configuration, such as an image manifest, whose `config` only points to one.
    var configuration: ImageConfiguration? {
      guard let contents = docker ?? oci else { return nil }
      let isOCI = docker == nil
      let lines = contents.upper ?? contents.lower
      guard let lines = lines ?? (isOCI && architecture == nil ? nil : []) else { return nil }
      return ImageConfiguration(
        environment: lines, architecture: architecture ?? dockerArchitecture, names: tags ?? [])
    }
  }
}

extension UInt8 {
  fileprivate var isJSONSpace: Bool { [0x20, 0x09, 0x0A, 0x0D].contains(self) }
}

/// What the variables mean. Source: NVIDIA container toolkit, `internal/config/image/cuda_image.go`.
extension ImageConfiguration {
  /// The version of the toolkit that the image says it has: `12.8.1`.
  public var cudaVersion: String? { environment["CUDA_VERSION"].flatMap { $0.isEmpty ? nil : $0 } }

  /// A requirement and the variable that it stands in.
  public struct NamedRequirement: Hashable, Sendable {
    public var variable: String
    public var requirement: Requirement
  }

  /// What the image requires of the host, ordered by variable, whether or not that is switched off.
  ///
  /// An image with `CUDA_VERSION` and without `NVIDIA_REQUIRE_CUDA` requires that version.
  ///
  /// - Throws: a problem when such an image has a version that cannot be read, which keeps its containers from
  ///   starting.
  public func requirements() throws(Problem) -> [NamedRequirement] {
    var list = environment.filter { name, value in
      !value.isEmpty && name.hasPrefix("NVIDIA_REQUIRE_") && !name.hasPrefix("NVIDIA_REQUIRE_JETPACK")
    }.map { NamedRequirement(variable: $0.key, requirement: Requirement($0.value)) }
    if isLegacy, let version = cudaVersion {
      guard let short = Self.majorAndMinor(version) else {
        throw Problem(.invalidValue, "CUDA_VERSION", expected: "a version", observed: version)
      }
      list.append(NamedRequirement(variable: "CUDA_VERSION", requirement: Requirement("cuda>=\(short)")))
    }
    return list.sorted { ($0.variable, $0.requirement.text) < ($1.variable, $1.requirement.text) }
  }

  /// How much there is to judge: the conditions of all requirements, and 20 more for each variable.
  fileprivate var requirementCost: Int {
    environment.reduce(0) { cost, entry in
      guard entry.key.hasPrefix("NVIDIA_REQUIRE_") else { return cost }
      return cost + 20
        + entry.value.utf8.lazy.filter { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: ",") }.count
    }
  }

  /// Whether `NVIDIA_DISABLE_REQUIRE` switches all requirements off.
  public var disablesRequirements: Bool {
    ["1", "t", "T", "TRUE", "true", "True"].contains(environment["NVIDIA_DISABLE_REQUIRE"])
  }

  /// An image from before `NVIDIA_REQUIRE_CUDA`.
  private var isLegacy: Bool { cudaVersion != nil && environment["NVIDIA_REQUIRE_CUDA", default: ""].isEmpty }

  /// The devices that its containers see: `all`, indices or UUIDs; empty when they see none.
  public var visibleDevices: [String] {
    guard let value = environment["NVIDIA_VISIBLE_DEVICES"] else { return isLegacy ? ["all"] : [] }
    let devices = value.split(separator: ",").map { $0.trimmingSpaces() }.filter { !$0.isEmpty }
    return devices.contains("void") || devices == ["none"] ? [] : devices
  }

  /// What of the driver its containers get: `compute`, `utility`, …; nil when the image does not say.
  public var driverCapabilities: [String]? {
    guard let value = environment["NVIDIA_DRIVER_CAPABILITIES"], !value.isEmpty else {
      return isLegacy ? ["all"] : nil
    }
    return value.split(separator: ",").map(String.init)
  }

  /// Whether its containers can use CUDA; nil when the image does not say.
  public var hasCompute: Bool? {
    driverCapabilities.map { $0.contains("compute") || $0.contains("all") }
  }

  /// `12.8` of `12.8.1`: a semantic version, of which parts may be missing. Nil for anything else.
  private static func majorAndMinor(_ text: String) -> String? {
    let plain = text.hasPrefix("v") ? text.dropFirst() : text[...]
    let number = plain.prefix { !"-+".contains($0) }
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count), number.count == plain.count || parts.count == 3,
      plain.count - number.count != 1
    else { return nil }
    for part in parts {
      guard part.utf8.allSatisfy({ (48...57).contains($0) }), UInt32(part) != nil,
        part == "0" || part.first != "0"
      else { return nil }
    }
    return "\(parts[0]).\(parts.count > 1 ? parts[1] : "0")"
  }
}

extension Substring {
  func trimmingSpaces() -> String {
    var text = self
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}

extension Facts {
  /// Leaves out what images require of a driver where there is more to judge than `conditions`, and notes that.
  ///
  /// - Parameter limit: what there may be, in words.
  public mutating func limitRequirements(to conditions: Budget, _ limit: String) {
    for view in views.indices {
      for image in views[view].stack.images.indices {
        let cost = views[view].stack.images[image].requirementCost
        if cost == 0 || conditions.take(cost) { continue }
        var environment = views[view].stack.images[image].environment
        for name in environment.keys where name.hasPrefix("NVIDIA_REQUIRE_") { environment[name] = nil }
        views[view].stack.images[image].environment = environment
        let problem = Problem(.limitExceeded, "requirements of images", expected: limit)
        views[view].problems.append(FileProblem(path: Path(""), problem: problem))
      }
    }
  }
}
