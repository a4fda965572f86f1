import Bytes
import Compatibility
import DeviceCode
import ELFFile

// The names of members are those of the properties, which say what they mean; `Docs/Schema/facts-1.json` describes both.
// What counts is never negative, and small enough to be added up.

extension KeyedDecodingContainer {
  /// A count: from 0 up to `limit`.
  fileprivate func count<Count: FixedWidthInteger & Decodable>(
    _ key: Key, upTo limit: Count = 1 << 40
  ) throws -> Count {
    let count = try decode(Count.self, forKey: key)
    guard (0...limit).contains(count) else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "a number from 0 to \(limit), but it is \(count)")
    }
    return count
  }
}

extension KeyedDecodingContainer {
  /// Bytes that are written in hexadecimal; nil where there are none.
  fileprivate func bytes(_ key: Key, atMost limit: Int) throws -> [UInt8]? {
    guard let text = try decodeIfPresent(String.self, forKey: key) else { return nil }
    guard let bytes = [UInt8](hexadecimal: text), bytes.count <= limit else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: self, debugDescription: "at most \(limit) bytes in hexadecimal")
    }
    return bytes
  }
}

extension CodeFile {
  /// Bytes of a build ID: linkers write 8, 16 or 20.
  fileprivate static let buildIDLimit = 64
}

extension ScanCounts: Decodable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init()
    filesVisited = try container.count(.filesVisited)
    directories = try container.count(.directories)
    elfFiles = try container.count(.elfFiles)
    librariesWithDeviceCode = try container.count(.librariesWithDeviceCode)
    modules = try container.count(.modules)
    images = try container.count(.images)
    bytesRead = try container.count(.bytesRead, upTo: 1 << 50)
    imagesRead = try container.count(.imagesRead)
    linksOutside = try container.count(.linksOutside)
  }
}

extension View: Decodable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      kind: try container.decode(Kind.self, forKey: .kind),
      paths: try container.decode([Path].self, forKey: .paths),
      label: try container.decodeIfPresent(String.self, forKey: .label),
      image: try container.decodeIfPresent(Image.self, forKey: .image))
    files = try container.decode([CodeFile].self, forKey: .files)
    otherFiles = try container.decode([OtherFile].self, forKey: .otherFiles)
    linksOutside = try container.count(.linksOutside)
    emptyPackages = try container.decode([Path].self, forKey: .emptyPackages)
    stack = try container.decode(StackFacts.self, forKey: .stack)
    problems = try container.decode([FileProblem].self, forKey: .problems)
    guard !paths.isEmpty else {
      throw DecodingError.dataCorruptedError(forKey: .paths, in: container, debugDescription: "a path")
    }
    let layers = image?.layers.count ?? 0
    guard files.allSatisfy({ $0.layer.map { (0..<layers).contains($0) } ?? true }) else {
      throw DecodingError.dataCorruptedError(
        forKey: .files, in: container, debugDescription: "files of \(layers) layers")
    }
  }
}

extension CodeFile: Codable {
  private enum CodingKeys: String, CodingKey {
    case path, aliases, layer, format, size, sha256, buildID, code, kernels, targets, imageCount, problems,
      readingProblems
  }

  /// What there is for one target.
  private struct Totals: Codable {
    var kind: ImageKind
    var target: CodeTarget
    var modules: Int
    var images: Int
    var storedSize: UInt64
    var size: UInt64
    /// Left out where the file is in no zip archive.
    var zippedSize: UInt64?
    var ptxISAs: [PTXISAVersion]

    init(_ target: ImageTarget, _ totals: TargetTotals) {
      kind = target.kind
      self.target = target.target
      modules = totals.modules
      images = totals.images
      storedSize = totals.storedSize
      size = totals.size
      zippedSize = totals.zippedSize
      ptxISAs = totals.ptxISAs.sorted()
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      kind = try container.decode(ImageKind.self, forKey: .kind)
      target = try container.decode(CodeTarget.self, forKey: .target)
      modules = try container.count(.modules)
      images = try container.count(.images)
      storedSize = try container.decode(UInt64.self, forKey: .storedSize)
      size = try container.decode(UInt64.self, forKey: .size)
      zippedSize = try container.decodeIfPresent(UInt64.self, forKey: .zippedSize)
      ptxISAs = try container.decode([PTXISAVersion].self, forKey: .ptxISAs)
    }

    var totals: TargetTotals {
      var totals = TargetTotals()
      totals.modules = modules
      totals.images = images
      totals.storedSize = storedSize
      totals.size = size
      totals.zippedSize = zippedSize
      totals.ptxISAs = Set(ptxISAs)
      return totals
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(path, forKey: .path)
    try container.encode(aliases, forKey: .aliases)
    try container.encodeIfPresent(layer, forKey: .layer)
    try container.encode(format, forKey: .format)
    try container.encode(size, forKey: .size)
    try container.encodeIfPresent(digest.map(hexadecimal), forKey: .sha256)
    try container.encodeIfPresent(buildID.map(hexadecimal), forKey: .buildID)
    try container.encode(unit, forKey: .code)
    try container.encode(kernels, forKey: .kernels)
    try container.encode(
      targets.sorted { $0.key < $1.key }.map { Totals($0.key, $0.value) }, forKey: .targets)
    try container.encode(imageCount, forKey: .imageCount)
    try container.encode(problems, forKey: .problems)
    if !readingProblems.isEmpty { try container.encode(readingProblems, forKey: .readingProblems) }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let totals = try container.decode([Totals].self, forKey: .targets)
    self.init(
      path: try container.decode(Path.self, forKey: .path),
      aliases: try container.decode([Path].self, forKey: .aliases),
      layer: try container.decodeIfPresent(Int.self, forKey: .layer),
      format: try container.decode(InspectedFile.Format.self, forKey: .format),
      size: try container.count(.size, upTo: 1 << 44),
      digest: try container.bytes(.sha256, atMost: 32),
      buildID: try container.bytes(.buildID, atMost: CodeFile.buildIDLimit),
      unit: try container.decode(CodeUnit.self, forKey: .code),
      kernels: try container.decode(KernelNames.self, forKey: .kernels),
      targets: Dictionary(totals.map { (ImageTarget($0.kind, $0.target), $0.totals) }) { _, last in last },
      imageCount: try container.count(.imageCount),
      problems: try container.decode([Problem].self, forKey: .problems),
      readingProblems: try container.decodeIfPresent([ReadingProblem].self, forKey: .readingProblems) ?? [])
  }
}

extension StackFacts: Codable {
  private enum CodingKeys: String, CodingKey {
    case environments, toolkits, components, compatPackages, staticRuntimes, missing, compilers,
      runtimeFrameworks, images, packages, installed, owners, machine, jetsonLinux, isSystem
  }

  /// A file with device code and the package that it belongs to.
  private struct Owner: Codable {
    var path: Path
    /// The index of the package.
    var package: Int
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(environments, forKey: .environments)
    try container.encode(toolkits, forKey: .toolkits)
    try container.encode(components, forKey: .components)
    try container.encode(compatPackages, forKey: .compatPackages)
    try container.encode(staticRuntimes, forKey: .staticRuntimes)
    try container.encode(missing, forKey: .missing)
    if !compilers.isEmpty { try container.encode(compilers, forKey: .compilers) }
    if !runtimeFrameworks.isEmpty { try container.encode(runtimeFrameworks, forKey: .runtimeFrameworks) }
    try container.encode(images, forKey: .images)
    try container.encode(packages, forKey: .packages)
    try container.encode(installed, forKey: .installed)
    try container.encode(
      owners.sorted { $0.key < $1.key }.map { Owner(path: $0.key, package: $0.value) }, forKey: .owners)
    try container.encodeIfPresent(machine, forKey: .machine)
    try container.encodeIfPresent(jetsonLinux, forKey: .jetsonLinux)
    try container.encode(isSystem, forKey: .isSystem)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      environments: try container.decode([PythonEnvironment].self, forKey: .environments),
      toolkits: try container.decode([Toolkit].self, forKey: .toolkits),
      components: try container.decode([Component].self, forKey: .components),
      compatPackages: try container.decode([CompatPackage].self, forKey: .compatPackages),
      staticRuntimes: try container.decode([StaticRuntime].self, forKey: .staticRuntimes),
      missing: try container.decode([MissingLibrary].self, forKey: .missing),
      images: try container.decode([ImageConfiguration].self, forKey: .images))
    compilers = try container.decodeIfPresent([RuntimeCompiler].self, forKey: .compilers) ?? []
    runtimeFrameworks =
      try container.decodeIfPresent([RuntimeFramework].self, forKey: .runtimeFrameworks) ?? []
    let tries = runtimeFrameworks.lazy.flatMap { $0.searches.lazy.flatMap(\.tries) }
    guard tries.allSatisfy({ $0.compilers.allSatisfy { compilers.indices.contains($0) } }) else {
      throw DecodingError.dataCorruptedError(
        forKey: .runtimeFrameworks, in: container, debugDescription: "compilers among \(compilers.count)")
    }
    packages = try container.decode([Package].self, forKey: .packages)
    // In a method, because an initializer calls no observers, and one of this makes an index.
    installInOrder(try container.decode([InstalledEnvironment].self, forKey: .installed))
    for owner in try container.decode([Owner].self, forKey: .owners) {
      guard packages.indices.contains(owner.package) else {
        throw DecodingError.dataCorruptedError(
          forKey: .owners, in: container,
          debugDescription: "one of \(packages.count) packages, but it is \(owner.package)")
      }
      owners[owner.path] = owner.package
    }
    machine = try container.decodeIfPresent(ELFMachine.self, forKey: .machine)
    jetsonLinux = try container.decodeIfPresent(Fact<String>.self, forKey: .jetsonLinux)
    isSystem = try container.decode(Bool.self, forKey: .isSystem)
  }

  private mutating func installInOrder(_ environments: [InstalledEnvironment]) { installed = environments }
}
