public import Bytes
public import DeviceCode
public import ELFFile

/// What an ELF file says about the libraries around it.
public struct HostLibrary: Hashable, Sendable {
  public var path: Path
  public var machine: ELFMachine
  public var dynamic: ELFDynamic
  public var notes: [ELFNote]
  /// It registers device code with the CUDA runtime, so that one must be in it or loaded with it.
  public var registersDeviceCode: Bool
  /// The newest compiler release that its device code names: `12.8`.
  public var compiler: String?
  /// What it says about the compiler that it is or has inside; nil where it is none, and before it was read.
  public var compilerContents: CompilerContents?

  public init(
    path: Path, machine: ELFMachine = .amd64, dynamic: ELFDynamic, notes: [ELFNote] = [],
    registersDeviceCode: Bool = false, compiler: String? = nil
  ) {
    self.path = path
    self.machine = machine
    self.dynamic = dynamic
    self.notes = notes
    self.registersDeviceCode = registersDeviceCode
    self.compiler = compiler
  }

  /// Nil for what the dynamic linker does not load: no host ELF file, or an object file.
  public init?(path: Path, file: InspectedFile) {
    guard let elf = file.elf, elf.machine != .cuda, elf.type != .relocatable else { return nil }
    self.init(
      path: path, machine: elf.machine, dynamic: elf.dynamic, notes: elf.notes,
      registersDeviceCode: file.inventory.modules.contains { $0.place == .registered },
      compiler: file.inventory.images.compactMap(\.toolkit).max { isOlder($0, $1) })
  }
}

/// Compares `9.2` and `12.4` by their numbers.
private func isOlder(_ left: String, _ right: String) -> Bool {
  let numbers = [left, right].map { $0.split(separator: ".").map { Int($0) ?? 0 } }
  return numbers[0].lexicographicallyPrecedes(numbers[1])
}

/// A library that another one needs and that nothing provides.
public struct MissingLibrary: Hashable, Sendable, Codable {
  public var soname: String
  /// Who needs it, in the order of the paths.
  public var neededBy: [Path]
}

/// Where the dynamic linker finds libraries, under a root that it takes for the file system's.
struct LibraryResolver {
  private let files: Set<Path>
  private let links: [Path: Path]
  /// The places of every file name, and of every soname that differs from it.
  private var places: [String: [Path]] = [:]

  /// Places that the dynamic linker searches without being told, and those that NVIDIA's images add.
  private static let standard = [
    "lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib", "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/local/cuda/lib64", "usr/local/nvidia/lib64",
  ].map { Path($0) }

  /// `files` are those of the tree.
  init(_ tree: Tree, files: Set<Path>, libraries: [HostLibrary] = []) {
    self.files = files
    links = tree.links
    if libraries.isEmpty { return }
    for path in tree.files { add(path) }
    for path in tree.links.keys { add(path) }
    for library in libraries {
      if let soname = library.dynamic.soname, soname != library.path.lastComponent.text {
        add(soname, library.path)
      }
    }
  }

  private mutating func add(_ path: Path) {
    if path.name.contains(".so") { add(String(decoding: path.name, as: UTF8.self), path) }
  }

  private mutating func add(_ name: String, _ path: Path) { places[name, default: []].append(path) }

  /// The libraries that are nowhere under the root where the one that needs them could get them: neither where it
  /// looks, nor anywhere else in the same environment or outside of all of them, from where they may be loaded before.
  func missing(for libraries: [HostLibrary], environments: [Path]) -> [MissingLibrary] {
    var missing: [String: [Path]] = [:]
    for library in libraries.sorted(by: { $0.path < $1.path }) {
      let own = environments.last { library.path.isInside($0) }
      let folders = searchPath(of: library)
      for soname in library.dynamic.needed where !LibraryTable.shared.isFromOutside(soname) {
        if soname.utf8.contains(UInt8(ascii: "/")), soname.utf8.count <= Self.pathLimit {
          if existing(expand(soname[...], for: library.path)) == nil {
            missing[soname, default: []].append(library.path)
          }
          continue
        }
        let candidates = places[soname] ?? []
        let isFound =
          candidates.contains { place in
            let other = environments.last { place.isInside($0) }
            return other == nil || other == own
          } || !candidates.isEmpty && folders.contains { existing($0.child(soname)) != nil }
        if !isFound { missing[soname, default: []].append(library.path) }
      }
    }
    return missing.map { MissingLibrary(soname: $0.key, neededBy: $0.value) }.sorted { $0.soname < $1.soname }
  }

  /// The folders in which the dynamic linker searches for what `library` needs.
  private func searchPath(of library: HostLibrary) -> [Path] {
    // A library with DT_RUNPATH does not use its DT_RPATH.
    let lists = library.dynamic.runpath.isEmpty ? library.dynamic.rpath : library.dynamic.runpath
    return lists.flatMap { $0.split(separator: ":") }.filter { $0.utf8.count <= Self.pathLimit }
      .prefix(Self.searchLimit).map { expand($0, for: library.path) } + Self.standard
  }

  private func expand(_ entry: Substring, for library: Path) -> Path {
    guard entry.utf8.contains(UInt8(ascii: "$")) else { return Path(entry) }
    let origin = library.parent.text
    return Path(
      entry.replacing("${ORIGIN}", with: origin).replacing("$ORIGIN", with: origin)
        .replacing("${LIB}", with: "lib64").replacing("$LIB", with: "lib64"))
  }

  /// Folders that a library may name; more are not searched.
  private static let searchLimit = 256
  /// Bytes of a path. The corresponding constant is `PATH_MAX`.
  private static let pathLimit = 4096

  /// The regular file that `path` leads to, through `.`, `..` and symbolic links; an absolute link starts at the root.
  func existing(_ path: Path) -> Path? { destination(path).flatMap { files.contains($0) ? $0 : nil } }

  /// Where `path` leads to in the same way, whatever is there; nil for a path that ends nowhere.
  func destination(_ path: Path) -> Path? {
    func joined(_ way: [ArraySlice<UInt8>]) -> Path {
      Path(bytes: way.joined(separator: [UInt8(ascii: "/")]))
    }
    return path.followed(link: { links[joined($0)] }).map { joined($0) }
  }
}
