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
      compiler: file.inventory.images.compactMap(\.toolkit).max { VersionNumbers($0) < VersionNumbers($1) })
  }
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
  private let tree: Tree
  private var links = LinkTree()
  private let steps: Budget
  /// The folders that were searched, by what they are called.
  private var searched: [Path: Int?] = [:]
  /// Folders with libraries that are needed.
  private var folders: [Path: Int] = [:]

  /// Where the libraries of one name are.
  private struct Places {
    /// The environments that have one, and ``outside``.
    var environments: Set<Int> = []
    var folders: Set<Int> = []
  }

  /// What is outside of all environments.
  private static let outside = -1

  /// Places that the dynamic linker searches without being told, and those that NVIDIA's images add.
  private static let standard = [
    "lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib", "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/local/cuda/lib64", "usr/local/nvidia/lib64",
  ].map { Path($0) }

  /// `files` are those of the tree.
  init(_ tree: Tree, files: Set<Path>, steps: Budget) {
    self.files = files
    self.tree = tree
    self.steps = steps
    for (path, target) in tree.links { links.add(path.components, target: target) }
  }

  /// The libraries that are nowhere under the root where the one that needs them could get them: neither where it
  /// looks, nor anywhere else in the same environment or outside of all of them, from where they may be loaded before.
  ///
  /// When no steps are left, what was not looked up is not among them.
  ///
  /// - Parameter table: which libraries come with the driver or the system.
  mutating func missing(
    for libraries: [HostLibrary], environments: [Path], besides table: LibraryTable
  ) -> [MissingLibrary] {
    let index = FolderIndex(environments)
    let places = places(for: libraries, index)
    let standard = Set(Self.standard.compactMap { folder(at: $0) })
    var missing: [String: [Path]] = [:]
    for library in libraries.sorted(by: { $0.path < $1.path }) {
      let own = index.innermost(around: library.path) ?? Self.outside
      var search: Set<Int>?
      for soname in library.dynamic.needed where !table.isFromOutside(soname) {
        let isFound: Bool
        if Self.isPath(soname) {
          isFound = expand(soname[...], for: library.path).flatMap { existing($0) } != nil
        } else if let places = places[soname] {
          if places.environments.contains(own) || places.environments.contains(Self.outside) { continue }
          let folders = search ?? standard.union(searchPath(of: library))
          search = folders
          isFound =
            steps.take(min(folders.count, places.folders.count)) && !places.folders.isDisjoint(with: folders)
        } else {
          isFound = false
        }
        guard !steps.isSpent else { return Self.inOrder(missing) }
        if !isFound { missing[soname, default: []].append(library.path) }
      }
    }
    return Self.inOrder(missing)
  }

  private static func inOrder(_ missing: [String: [Path]]) -> [MissingLibrary] {
    missing.map { MissingLibrary(soname: $0.key, neededBy: $0.value) }.sorted { $0.soname < $1.soname }
  }

  /// Whether what a library needs is looked up by its path alone.
  private static func isPath(_ soname: String) -> Bool {
    soname.utf8.contains(UInt8(ascii: "/")) && soname.utf8.count <= LinkTree.pathLimit
  }

  /// The places of every file name that is needed, and of every soname that differs from it.
  private mutating func places(for libraries: [HostLibrary], _ environments: FolderIndex) -> [String: Places]
  {
    var places: [String: Places] = [:]
    for library in libraries {
      for soname in library.dynamic.needed where !Self.isPath(soname) { places[soname] = Places() }
    }
    for path in tree.files + tree.links.keys.sorted() where path.name.contains(".so") {
      let name = String(decoding: path.name, as: UTF8.self)
      guard places[name] != nil else { continue }
      places[name]?.environments.insert(environments.innermost(around: path) ?? Self.outside)
      if tree.links[path] == nil || existing(path) != nil {
        let parent = path.parent
        let folder = folders[parent] ?? folders.count
        folders[parent] = folder
        places[name]?.folders.insert(folder)
      }
    }
    for library in libraries {
      if let soname = library.dynamic.soname, soname != library.path.lastComponent.text {
        places[soname]?.environments.insert(environments.innermost(around: library.path) ?? Self.outside)
      }
    }
    return places
  }

  /// The folders in which the dynamic linker searches for what `library` needs, of those with libraries that are needed.
  private mutating func searchPath(of library: HostLibrary) -> Set<Int> {
    // A library with DT_RUNPATH does not use its DT_RPATH.
    let lists = library.dynamic.runpath.isEmpty ? library.dynamic.rpath : library.dynamic.runpath
    let entries = lists.lazy.flatMap { $0.split(separator: ":") }
      .filter { $0.utf8.count <= LinkTree.pathLimit }.prefix(Self.searchLimit)
    var found: Set<Int> = []
    for entry in entries {
      guard let path = expand(entry, for: library.path), let folder = folder(at: path) else { continue }
      found.insert(folder)
    }
    return found
  }

  /// The folder with libraries that are needed that `path` leads to; nil where it leads to none.
  private mutating func folder(at path: Path) -> Int? {
    if let known = searched[path] { return known }
    let folder = destination(of: path).flatMap { folders[$0] }
    if searched.count < Self.memoryLimit, path.bytes.count <= 256 { searched[path] = .some(folder) }
    return folder
  }

  /// `entry` with the folder of `library` in the place of `$ORIGIN`; nil where that is longer than any path.
  private func expand(_ entry: Substring, for library: Path) -> Path? {
    let parts = entry.utf8.split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false)
    var result = Array(parts[0])
    for part in parts.dropFirst() {
      if let variable = Self.variables.first(where: { part.starts(with: $0.name.utf8) }) {
        result += variable.value.map { Array($0.utf8) } ?? library.parent.bytes
        result += part.dropFirst(variable.name.utf8.count)
      } else {
        result.append(UInt8(ascii: "$"))
        result += part
      }
      guard result.count <= LinkTree.pathLimit else { return nil }
    }
    return Path(bytes: result)
  }

  /// What the dynamic linker replaces; nil stands for the folder of the library.
  private static let variables: [(name: String, value: String?)] = [
    ("{ORIGIN}", nil), ("ORIGIN", nil), ("{LIB}", "lib64"), ("LIB", "lib64"),
  ]

  /// Folders that are remembered.
  private static let memoryLimit = 1 << 16
  /// Folders that a library may name; more are not searched.
  private static let searchLimit = 256

  /// The regular file that `path` leads to, through `.`, `..` and symbolic links; an absolute link starts at the root.
  mutating func existing(_ path: Path) -> Path? {
    destination(of: path).flatMap { files.contains($0) ? $0 : nil }
  }

  /// Where `path` leads to in the same way, whatever is there; nil for a path that ends nowhere.
  mutating func destination(of path: Path) -> Path? {
    guard let place = links.destination(of: path.components, steps: steps) else { return nil }
    return Path(bytes: links.names(to: place).joined(separator: [UInt8(ascii: "/")]))
  }
}
