public import Bytes
public import Compatibility
public import DeviceCode

/// What compiles device code when it runs, with which compiler and for which target: the table `runtime.json`, whose
/// description says what its fields mean.
public struct RuntimeTable: Sendable, Codable {
  /// Some versions of a framework.
  public struct Framework: Sendable, Codable {
    /// For people: `Triton`.
    public var name: String
    /// In normal form; with `*` at the end for any letters and digits.
    public var distributions: [String]
    /// The first version that the row is about.
    public var since: String?
    /// The first version that the row is no longer about.
    public var before: String?
    /// The distributions whose compilers it uses; one of them is needed.
    public var uses: [String]?
    /// In normal form the distributions that are parts of it, and nothing without.
    public var parts: [String]?
    /// It is of use without.
    public var isOptional: Bool?
    /// It does nothing without.
    public var isNothingElse: Bool?
    /// The oldest GPU that it compiles for.
    public var oldest: ComputeCapability?
    /// The compilers that work one after the other; empty for one that ``uses`` others.
    public var steps: [Step]
    /// The suffix of what it asks for; the first that fits counts, and without one the plain target is asked for.
    public var names: [TargetName]?
    public var clamps: [Clamp]?
    /// A GPU that the compiler does not know gets code for the newest before it that the compiler knows.
    public var clampsToKnown: Bool?
    /// A newer GPU than PyTorch was compiled for gets PTX for the newest of those.
    public var clampsToTorch: Bool?
    /// Where the driver is older than the toolkit and the compiler knows the GPU, it makes a cubin instead of PTX.
    public var makesCubinForOlderDriver: Bool?
    /// The version of PTX that it writes, whatever the compiler knows.
    public var ptxISA: PTXISAVersion?
    /// What it says of a target that the compiler does not know: `{target}` stands for sm_90a, `{virtual}` for
    /// compute_90a, `{gpu}` for the name of the GPU.
    public var failure: String?
    /// What it says where there is no compiler.
    public var missing: String?
    /// What it says where the driver does not read its PTX.
    public var tooNew: String?
    /// False marks a row that no source states; nil means confirmed.
    public var confirmed: Bool?
    public var note: String?
    /// Index into ``RuntimeTable/sources``.
    public var source: Int
  }

  /// What a compiler makes.
  public enum Product: String, Hashable, Sendable, Codable {
    case ptx, cubin
  }

  public struct Step: Sendable, Codable {
    /// Any of these.
    public var compilers: [RuntimeCompiler.Kind]
    /// The name of the program, where there are several of a kind: `ptxas-blackwell`.
    public var tool: String?
    public var makes: Product
    /// The first compute capability that the step is for.
    public var from: ComputeCapability?
    /// The first compute capability that it is not for.
    public var below: ComputeCapability?
    /// The oldest toolkit whose compiler it works with.
    public var oldestToolkit: CUDAVersion?
    /// The newest toolkit whose compiler it works with.
    public var newestToolkit: CUDAVersion?
    /// Where it looks, in this order.
    public var places: [Place]
  }

  public struct Place: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable {
      /// What a variable names: the compiler, or with `file` a folder that it is in.
      case variable
      /// The same for a flag in `XLA_FLAGS`.
      case flag
      /// A file, or its folder, from the folder of the distributions.
      case package
      /// Anywhere in the same environment.
      case environment
      /// On `PATH`.
      case program
      /// A file, or its folder, from the root.
      case path
      /// Where the dynamic linker looks.
      case loader
    }

    public var kind: Kind
    public var name: String?
    public var file: String?

    public init(kind: Kind, name: String? = nil, file: String? = nil) {
      self.kind = kind
      self.name = name
      self.file = file
    }
  }

  public struct TargetName: Sendable, Codable {
    public var from: ComputeCapability
    public var below: ComputeCapability?
    public var suffix: CodeTarget.Suffix
    /// What is asked for instead of the GPU's own.
    public var of: ComputeCapability?
    /// The first toolkit for whose compiler it is asked.
    public var sinceToolkit: CUDAVersion?
  }

  /// What a newer GPU gets from the first of the steps.
  public struct Clamp: Sendable, Codable {
    public var sinceToolkit: CUDAVersion?
    public var beforeToolkit: CUDAVersion?
    public var newest: ComputeCapability
    /// What a newer GPU gets, where that is something else.
    public var makes: Product?
  }

  /// What a release of a framework that brings its own compilers makes code for.
  public struct Release: Sendable, Codable {
    /// The name of its rows in ``RuntimeTable/frameworks``.
    public var framework: String
    /// In normal form.
    public var distribution: String
    public var version: String
    /// What its LLVM compiles for, ascending, from `sm_50` on.
    public var llvm: [CodeTarget]
    public var assemblers: [Assembler]
    /// Index into ``RuntimeTable/sources``.
    public var source: Int
  }

  public struct Assembler: Sendable, Codable {
    /// The name of the program: `ptxas-blackwell`.
    public var tool: String
    public var toolkit: CUDAVersion
  }

  /// What brings one of NVIDIA's compilers.
  public struct CompilerDistribution: Sendable, Codable {
    public var compiler: RuntimeCompiler.Kind
    /// In normal form.
    public var name: String
    public var cudaMajor: Int
    /// Index into ``RuntimeTable/sources``.
    public var source: Int
  }

  /// Where a framework keeps what it compiled, to load it again on the same kind of GPU.
  public struct KernelCache: Hashable, Sendable, Codable {
    /// For people: `Triton`.
    public var framework: String
    /// Folders inside each other, the last of which is the cache: `.triton/cache`. Nil for a cache wherever it is.
    public var folder: String?
    /// Characters of base32 in the names of the folders in it, each with the files of one kernel.
    public var hashLength: Int?
    /// PTX in it is a step on the way to a cubin and is never loaded.
    public var loadsCubinsOnly: Bool?
    /// Index into ``RuntimeTable/sources``.
    public var source: Int
  }

  public var frameworks: [Framework]
  public var releases: [Release]
  public var distributions: [CompilerDistribution]
  public var kernelCaches: [KernelCache]
  public var sources: [String]

  /// The name of the distribution that brings a compiler of a major version of CUDA; nil where the table has none.
  public func distribution(of compiler: RuntimeCompiler.Kind, cudaMajor: Int) -> String? {
    distributions.first { $0.compiler == compiler && $0.cudaMajor == cudaMajor }?.name
  }

  /// The cache that a file lies in, and the folder that is the cache; nil for other files.
  public func kernelCache(of file: Path) -> (cache: KernelCache, folder: Path)? {
    for cache in kernelCaches {
      if let folder = cache.folder.flatMap({ file.folder(named: $0) }) { return (cache, folder) }
      if let length = cache.hashLength, file.parent.lastComponent.isBase32(length) {
        return (cache, file.parent.parent)
      }
    }
    return nil
  }

  /// The releases of a framework, oldest first.
  public func releases(of framework: String) -> [Release] {
    releases.filter { $0.framework == framework }.sorted { Self.isOlder($0.version, $1.version) }
  }

  /// The release of a framework with this version, or else the newest of the same major and minor number; nil without one.
  public func release(of framework: String, nearest version: String) -> Release? {
    let releases = releases(of: framework)
    let series = VersionNumbers(version).series
    return releases.first { $0.version == version }
      ?? releases.last { VersionNumbers($0.version).series == series }
  }

  /// Whether a version is older than another by the numbers that both start with.
  public static func isOlder(_ version: String, _ other: String) -> Bool {
    VersionNumbers(version) < VersionNumbers(other)
  }

  /// The row of a framework that is about a version of one of its distributions.
  public func row(ofFramework name: String, distribution: String, version: String) -> Framework? {
    frameworks(of: distribution, version: version).first { $0.name == name }
  }

  /// The rows about a version of a distribution, whose name is in normal form.
  public func frameworks(of distribution: String, version: String) -> [Framework] {
    let version = VersionNumbers(version)
    return frameworks.filter { row in
      row.distributions.contains { Self.isName(distribution, $0) }
        && row.since.map { VersionNumbers($0) <= version } ?? true
        && row.before.map { version < VersionNumbers($0) } ?? true
    }
  }

  /// The row that a framework was found by; nil where the table no longer has it.
  public func row(of framework: RuntimeFramework) -> Framework? {
    row(ofFramework: framework.name, distribution: framework.distribution, version: framework.version)
  }

  private static func isName(_ name: String, _ pattern: String) -> Bool {
    guard pattern.hasSuffix("*") else { return name == pattern }
    return name.hasPrefix(pattern.dropLast()) && name.count >= pattern.count
      && name.dropFirst(pattern.count - 1).allSatisfy { $0.isLetter || $0.isNumber }
  }
}

extension Path {
  /// The part up to and with the folders `names`, which lie inside each other; nil where the file is in no such folder.
  fileprivate func folder(named names: String) -> Path? {
    let names = Array(names.utf8)
    let slash = UInt8(ascii: "/")
    for start in bytes.indices where start == 0 || bytes[start - 1] == slash {
      let rest = bytes[start...]
      if rest.count > names.count, rest[start + names.count] == slash, rest.starts(with: names) {
        return Path(bytes: bytes[..<(start + names.count)])
      }
    }
    return nil
  }

  /// Whether it is that many of the characters that base32 has: A to Z and 2 to 7.
  fileprivate func isBase32(_ length: Int) -> Bool {
    bytes.count == length
      && bytes.allSatisfy { (0x41...0x5A).contains($0) || (0x32...0x37).contains($0) }
  }
}

extension CodeTarget.Suffix: Codable {}

extension RuntimeTable: DataTable {
  public static let name = "runtime"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.runtime_json }
  public var rowSources: [Int] {
    frameworks.map(\.source) + releases.map(\.source) + distributions.map(\.source)
      + kernelCaches.map(\.source)
  }

  public mutating func add(_ other: RuntimeTable) {
    frameworks.addFirst(other.frameworks) { [$0.name, $0.distributions.joined(separator: " "), $0.since] }
    releases.addFirst(other.releases) { [$0.distribution, $0.version] }
    distributions.addFirst(other.distributions) { [$0.compiler.rawValue, "\($0.cudaMajor)"] }
    kernelCaches.addFirst(other.kernelCaches) { [$0.framework, $0.folder] }
  }

  public func problems(in tables: TableSet) -> [Problem] {
    let toolkits = tables.toolkits
    let architectures = tables.architectures
    var check = ListCheck(Self.self, "frameworks")
    for row in frameworks {
      let key = row.since.map { "\(row.name) \($0)" } ?? row.name
      check.expect(
        !row.distributions.isEmpty && row.distributions.allSatisfy { $0.contains { $0.isLetter } }, key,
        "distributions", "names of distributions", "\(row.distributions)")
      check.expect(
        row.steps.isEmpty == (row.uses != nil), key, "steps", "either steps or distributions that it uses",
        row.steps.isEmpty ? nil : "both")
      if let since = row.since, let before = row.before {
        check.expect(
          Self.isOlder(since, before), key, "before", "more than \(since)", before)
      }
      for step in row.steps {
        check.expect(!step.compilers.isEmpty, key, "compilers", "one compiler or more", nil)
        check.expect(!step.places.isEmpty, key, "places", "one place or more", nil)
        for place in step.places {
          let isWhole =
            switch place.kind {
            case .variable: place.name?.isEmpty == false
            case .flag: place.name?.isEmpty == false && place.file != nil
            case .package, .program, .path: place.file?.isEmpty == false
            case .environment, .loader: place.name == nil && place.file == nil
            }
          check.expect(
            isWhole, key, "places", "what a place of the kind \(place.kind.rawValue) needs",
            "name \(place.name ?? "none"), file \(place.file ?? "none")")
        }
        for toolkit in [step.oldestToolkit, step.newestToolkit].compactMap({ $0 }) {
          check.expect(
            toolkits[toolkit] != nil, key, "oldestToolkit", "a toolkit of toolkits.toolkits", toolkit)
        }
      }
      for clamp in row.clamps ?? [] {
        check.expect(
          architectures[clamp.newest] != nil, key, "newest",
          "a compute capability of architectures.computeCapabilities", clamp.newest)
        for toolkit in [clamp.sinceToolkit, clamp.beforeToolkit].compactMap({ $0 }) {
          check.expect(
            toolkits[toolkit] != nil, key, "sinceToolkit", "a toolkit of toolkits.toolkits", toolkit)
        }
      }
    }
    return check.problems + problemsOfReleases(tables) + problemsOfCaches
  }

  private var problemsOfCaches: [Problem] {
    var check = ListCheck(Self.self, "kernelCaches")
    for row in kernelCaches {
      check.expect(
        (row.folder == nil) != (row.hashLength == nil) && row.folder?.isEmpty != true, row.framework,
        "folder", "either folders or the length of a hash", row.folder)
    }
    return check.problems
  }

  private func problemsOfReleases(_ tables: TableSet) -> [Problem] {
    var check = ListCheck(Self.self, "releases")
    for row in releases {
      let key = "\(row.framework) \(row.version)"
      let steps =
        self.row(ofFramework: row.framework, distribution: row.distribution, version: row.version)?.steps
        ?? []
      check.expect(
        !steps.isEmpty, key, "framework", "a framework of runtime.frameworks with rows about this version",
        row.framework)
      check.expect(
        !row.llvm.isEmpty && row.llvm == Set(row.llvm).sorted(), key, "llvm",
        "ascending targets, one or more",
        "\(row.llvm)")
      let tools = steps.filter { $0.compilers == [.ptxas] }.compactMap(\.tool)
      check.expect(
        row.assemblers.map(\.tool) == tools, key, "assemblers", "one for each of \(tools)",
        "\(row.assemblers.map(\.tool))")
      for assembler in row.assemblers {
        check.expect(
          tables.toolkits.targets(of: assembler.toolkit, compiler: "ptxas") != nil, key, "assemblers",
          "toolkits of toolkits.compilers", assembler.toolkit)
      }
    }
    return check.problems
  }
}
