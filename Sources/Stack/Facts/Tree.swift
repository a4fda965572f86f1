public import Bytes

/// A file and what it says: why a fact is believed.
public struct Evidence: Hashable, Sendable, Codable {
  /// From the root; nil for what is no file, such as the configuration of an image.
  public var path: Path?
  /// What is there, in a few words: `cuda = '12.8'`.
  public var says: String

  public init(path: Path?, says: String) {
    self.path = path
    self.says = says
  }
}

/// A value with the evidence for it.
public struct Fact<Value: Hashable & Sendable>: Hashable, Sendable {
  public var value: Value
  public var evidence: Evidence

  public init(_ value: Value, _ evidence: Evidence) {
    self.value = value
    self.evidence = evidence
  }

  public init(_ value: Value, in path: Path, says: String) {
    self.init(value, Evidence(path: path, says: says))
  }
}

extension Fact: Codable where Value: Codable {}

/// What facts are gathered from: the names under a root, and a way to read files. A directory, a wheel and an image
/// are all the same here.
public struct Tree: Sendable {
  /// The regular files that ``needs(_:)`` names at least, with their paths from the root and without a leading slash.
  public var files: [Path]
  /// The symbolic links: where they are, and what they say.
  public var links: [Path: Path]
  /// Opens one of ``files``.
  public var open: @Sendable (Path) throws(Problem) -> any ByteSource

  public init(
    files: [Path], links: [Path: Path] = [:],
    open: @escaping @Sendable (Path) throws(Problem) -> any ByteSource
  ) {
    self.files = files
    self.links = links
    self.open = open
  }

  /// Whether facts may depend on the file at `path`; a tree may leave out all others, which are most.
  public static func needs(_ path: Path) -> Bool {
    let file = path.name
    if file.count < names.count, names[file.count].contains(file) { return true }
    if file.contains(".so") || file.starts(with: "ptxas".utf8) { return true }
    let folder = path.bytes[..<file.startIndex].dropLast()
    // The records of packages; see `CondaRecord` and `DebianPackage`.
    return file.hasSuffix(".json") && folder.hasSuffix("conda-meta")
      || file.hasSuffix(".list") && folder.hasSuffix("var/lib/dpkg/info")
      || file.elementsEqual("status".utf8) && folder.hasSuffix("var/lib/dpkg")
      || folder.hasSuffix("var/lib/dpkg/status.d")
  }

  /// By their lengths, because every file is looked up.
  private static let names: [[ArraySlice<UInt8>]] = {
    let names = [
      // Of distributions and packages.
      "METADATA", "PKG-INFO", "RECORD", "WHEEL", "version.py", "build_info.py", "build_and_package_info.py",
      "cpp_lib.json", "top_level.txt",
      // Of toolkits and of the system.
      "nvcc", "version.json", "version.txt", "cuda.h", "os-release", "nv_tegra_release",
      // Of a conda package that is not installed, in its folder `info`.
      "index.json",
    ].map { Array($0.utf8)[...] }
    return (0...(names.map(\.count).max() ?? 0)).map { count in names.filter { $0.count == count } }
  }()

  /// Files of more bytes are not read.
  static let contentsLimit: UInt64 = 16 << 20

  /// The contents of a small file.
  ///
  /// - Throws: a ``Problem/Code/limitExceeded`` problem for a file of more than ``contentsLimit`` bytes.
  func contents(of path: Path) throws(Problem) -> [UInt8] {
    let source = try open(path)
    guard source.size <= Self.contentsLimit else {
      throw Problem(
        .limitExceeded, Problem.path,
        observed: "\(source.size) bytes, at most \(Self.contentsLimit) are read")
    }
    return try source.bytes(at: 0, count: Int(source.size), "contents")
  }
}

extension Path {
  /// `name` inside this directory; of the root just the name.
  package func child(_ name: some StringProtocol) -> Path { appending(name.utf8) }

  package func hasSuffix(_ suffix: String) -> Bool { bytes[...].hasSuffix(suffix) }

  /// Whether it is `folder` or lies below it.
  package func isInside(_ folder: Path) -> Bool {
    folder.bytes.isEmpty
      || bytes.starts(with: folder.bytes)
        && (bytes.count == folder.bytes.count || bytes[folder.bytes.count] == UInt8(ascii: "/"))
  }
}

extension ArraySlice<UInt8> {
  func hasSuffix(_ text: String) -> Bool {
    // The last byte tells most of them apart.
    guard last == text.utf8.last else { return false }
    let count = text.utf8.count
    return self.count >= count && suffix(count).elementsEqual(text.utf8)
  }

  /// Whether `text`, which starts with a dot, is somewhere in it.
  func contains(_ text: String) -> Bool {
    var rest = self
    while let dot = rest.firstIndex(of: UInt8(ascii: ".")) {
      rest = rest[dot...]
      if rest.starts(with: text.utf8) { return true }
      rest = rest.dropFirst()
    }
    return false
  }
}
