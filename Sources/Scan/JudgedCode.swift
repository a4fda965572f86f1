import Bytes
public import Compatibility
import DeviceCode
public import Stack

/// Device code that is judged as one: that of a file, or that of cubin files among which a program picks.
public struct JudgedCode: Sendable {
  /// The file; of several the folder that holds all of them.
  public var place: FilePlace
  /// Indices of the scan's libraries, by their places: more than one for cubin files only.
  public var files: [Int]
  /// Where each of them is: for a package in several environments its own copies.
  public var places: [FilePlace]
  /// The device code; of several files the module of each, in their order.
  public var library: Library
  /// The kernels of those modules whose names were read.
  public var kernels: KernelNames
  /// Indices of the packages that the files belong to, in the facts of the stack: several where the same file is in
  /// several environments.
  public var packages: [Int]

  /// Whether it stands for several files.
  public var isCollection: Bool { files.count > 1 }
}

extension ScanResult {
  /// The device code under the roots, by place.
  ///
  /// The cubin files of one package, or of one folder where no package has them, are one: each is for a single target,
  /// and the program that brought them picks one at run time. A cubin file that was named as a root is judged by itself.
  public func judgedCode(_ facts: StackFacts) -> [JudgedCode] {
    enum Owner: Hashable {
      case package(Int)
      case folder(FilePlace)
    }
    var judged: [JudgedCode] = []
    var collections: [Owner: [(place: FilePlace, file: Int)]] = [:]
    for (index, entry) in libraries.enumerated() {
      let places = [entry.place] + entry.aliases
      var packages: [Int] = []
      var own: [Owner: FilePlace] = [:]
      for place in places {
        guard let package = facts.packageIndex(of: path(of: place)) else { continue }
        if !packages.contains(package) { packages.append(package) }
        own[.package(package)] = own[.package(package)] ?? place
      }
      if entry.file.format == .cubin, roots[entry.place.root].kind != .file {
        if own.isEmpty { own[.folder(entry.place.folder)] = entry.place }
        for (owner, place) in own { collections[owner, default: []].append((place, index)) }
      } else {
        judged.append(
          JudgedCode(
            place: entry.place, files: [index], places: [entry.place], library: entry.library,
            kernels: entry.kernels,
            packages: packages))
      }
    }
    var alone: [Int: [Int]] = [:]
    for (owner, members) in collections {
      let files = members.sorted { $0.place < $1.place }
      var package: [Int] = []
      if case .package(let index) = owner { package = [index] }
      if files.count == 1 {
        alone[files[0].file, default: []] += package
        continue
      }
      var inventory = Inventory()
      for file in files { inventory.append(libraries[file.file].file.inventory) }
      // The program picks them as a library picks what is embedded in it.
      for index in inventory.modules.indices { inventory.modules[index].place = .embedded }
      judged.append(
        JudgedCode(
          place: FilePlace.folder(of: files.map(\.place)), files: files.map(\.file),
          places: files.map(\.place), library: Library(inventory), kernels: KernelNames(), packages: package))
    }
    for (file, packages) in alone {
      let entry = libraries[file]
      judged.append(
        JudgedCode(
          place: entry.place, files: [file], places: [entry.place], library: entry.library,
          kernels: entry.kernels,
          packages: packages.sorted()))
    }
    return judged.sorted { left, right in
      left.place == right.place
        ? left.packages.lexicographicallyPrecedes(right.packages) : left.place < right.place
    }
  }

  /// `judged` as the stack's checks take it: copies in other Python environments too.
  public func stackLibraries(_ judged: [JudgedCode], _ facts: StackFacts) -> [StackLibrary] {
    let collected = Set(judged.filter(\.isCollection).flatMap(\.places).map(path(of:)))
    let files = stackLibraries(facts).filter { !collected.contains($0.path) }
    return files
      + judged.filter(\.isCollection).map { code in
        StackLibrary(
          path: path(of: code.place), library: code.library,
          package: code.packages.first.map { facts.packages[$0] })
      }
  }
}

extension FilePlace {
  /// The folder that the file is in.
  var folder: FilePlace { FilePlace(root: root, path: path.parent) }

  /// The innermost folder that holds all of `files`, which are sorted.
  fileprivate static func folder(of files: [FilePlace]) -> FilePlace {
    guard let first = files.first, let last = files.last(where: { $0.root == first.root }) else {
      return FilePlace(root: 0, path: Path(""))
    }
    // Of sorted paths the first and the last differ earliest.
    let common = zip(first.path.bytes, last.path.bytes).prefix { $0 == $1 }.map(\.0)
    return FilePlace(root: first.root, path: Path(bytes: common + [0])).folder
  }
}
