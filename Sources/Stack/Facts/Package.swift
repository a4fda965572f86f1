public import Bytes

/// An installed package that a file belongs to.
public struct Package: Hashable, Sendable, Codable {
  /// Who installed it, which says where its record lies.
  public enum Ecosystem: String, Hashable, Sendable, Codable, CaseIterable {
    /// A Python distribution: `*.dist-info` or `*.egg-info`.
    case python
    /// A conda package: `conda-meta/*.json` of a prefix, `info/index.json` of a package that is not installed.
    case conda
    /// A Debian package: dpkg's database.
    case debian
  }

  public var ecosystem: Ecosystem
  /// As its record spells it; in normal form for Python.
  public var name: String
  /// As its record spells it: `2.4.1+cu121`, `12.4.5.8-1`.
  public var version: String
  /// Where that stands.
  public var record: Path
  /// The folder of its ``InstalledEnvironment``.
  public var environment: Path

  public init(ecosystem: Ecosystem, name: String, version: String, record: Path, environment: Path) {
    self.ecosystem = ecosystem
    self.name = name
    self.version = version
    self.record = record
    self.environment = environment
  }
}

/// Packages that are installed together, and see each other.
public struct InstalledEnvironment: Hashable, Sendable, Codable {
  /// Of Python the folder that holds the distributions, of conda the prefix, of Debian the root of the system.
  public var folder: Path
  public var kind: Package.Ecosystem

  public init(folder: Path, kind: Package.Ecosystem) {
    self.folder = folder
    self.kind = kind
  }
}

extension StackFacts {
  /// The index in ``packages`` of the package that a file with device code belongs to.
  public func packageIndex(of file: Path) -> Int? { owners[file] }

  /// Gives a file with device code to a package, by its index in ``packages``.
  public mutating func setPackage(_ package: Int, of file: Path) { owners[file] = package }

  /// The package that a file with device code belongs to.
  public func package(of file: Path) -> Package? { owners[file].map { packages[$0] } }

  /// The index in ``installed`` of the environment that a file lies in: the innermost one.
  public func environmentIndex(of file: Path) -> Int? { folders.innermost(around: file) }
}

/// Tells in which of many folders a file lies.
struct FolderIndex: Sendable {
  private var folders = NameTree()
  private var positions: [Int: Int] = [:]

  init(_ paths: [Path] = []) {
    for (position, path) in paths.enumerated() { positions[folders.insert(path.components)] = position }
  }

  /// The position of the innermost folder that holds `path` or is it.
  func innermost(around path: Path) -> Int? {
    var folder = NameTree.root
    var position = positions[folder]
    for name in path.components {
      guard let next = folders.child(name, of: folder) else { break }
      folder = next
      position = positions[folder] ?? position
    }
    return position
  }

  /// `files` by the innermost folder around each.
  func grouping(_ files: [Path]) -> [Int: [Path]] {
    var groups: [Int: [Path]] = [:]
    for file in files { if let folder = innermost(around: file) { groups[folder, default: []].append(file) } }
    return groups
  }
}

/// Paths that somebody looks for in long lists, told from all others without a copy.
struct SoughtPaths {
  /// By how a list spells it.
  private var paths: [ArraySlice<UInt8>: [Path]] = [:]
  private var lengths: Set<Int> = []

  var isEmpty: Bool { paths.isEmpty }

  mutating func add(_ path: Path, spelled bytes: ArraySlice<UInt8>) {
    paths[bytes, default: []].append(path)
    lengths.insert(bytes.count)
  }

  /// The paths that a list spells `bytes`.
  subscript(bytes: ArraySlice<UInt8>) -> [Path] {
    lengths.contains(bytes.count) ? paths[bytes] ?? [] : []
  }
}

extension Path {
  /// The part below `folder`, which it lies in.
  func below(_ folder: Path) -> ArraySlice<UInt8> {
    folder.bytes.isEmpty ? bytes[...] : bytes.dropFirst(folder.bytes.count + 1)
  }

  /// The path that `relative` leads to from this folder: `..` goes up, but never out of the root.
  func resolving(_ relative: ArraySlice<UInt8>) -> Path {
    var parts = components
    for part in relative.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
      if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
    }
    return Path(bytes: parts.joined(separator: [UInt8(ascii: "/")]))
  }
}
