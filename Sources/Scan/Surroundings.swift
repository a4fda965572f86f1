public import Bytes
import Compatibility
import DeviceCode
public import Stack

/// What lies under the roots besides device code and tells about the software around it.
public struct Surroundings: Sendable {
  /// The files that facts may depend on.
  public var files: [FilePlace] = []
  /// All symbolic links, and what they say.
  public var links: [(place: FilePlace, target: Path)] = []
  /// Host ELF files, whether they hold device code or not.
  public var libraries: [(place: FilePlace, library: HostLibrary)] = []

  public init() {}
}

extension ScanResult {
  /// The facts about the software under the roots, of which those of several are one tree, and about `images` together
  /// with the images whose configuration lies under a root.
  ///
  /// What cannot be read is added to the problems.
  public mutating func stackFacts(images: [ImageConfiguration] = []) -> StackFacts {
    var images = images
    for (index, root) in roots.enumerated() {
      guard let image = root.image else { continue }
      do throws(Problem) {
        for var configuration in try ImageConfiguration.read(image.configuration) {
          if configuration.names.isEmpty { configuration.names = image.names }
          if !images.contains(configuration) { images.append(configuration) }
        }
      } catch {
        problems.append(FileProblem(place: FilePlace(root: index, path: Path("")), problem: error))
      }
    }
    let scan = self
    let tree = Tree(
      files: surroundings.files.map(path(of:)),
      links: Dictionary(surroundings.links.map { (path(of: $0.place), $0.target) }) { first, _ in first }
    ) { (path) throws(Problem) in
      guard let place = scan.place(of: path) else { throw Problem(.notFound, Problem.path) }
      return try scan.open(place)
    }
    let libraries = surroundings.libraries.map { entry in
      var library = entry.library
      library.path = path(of: entry.place)
      return library
    }
    let deviceCode = self.libraries.flatMap { [$0.place] + $0.aliases }.map(path(of:))
    var facts = FactCollector.facts(of: tree, libraries: libraries, deviceCode: deviceCode, images: images)
    facts.arePackages = roots.contains(where: \.isPackage)
    for problem in facts.problems {
      guard let place = place(of: problem.path),
        !problems.contains(where: { $0.place == place && $0.problem == problem.problem })
      else { continue }
      problems.append(FileProblem(place: place, problem: problem.problem))
    }
    facts.problems = []
    problems.sort { ($0.place, $0.problem.offset ?? 0) < ($1.place, $1.problem.offset ?? 0) }
    return facts
  }

  /// The libraries with device code for judging the stack: copies in other Python environments too.
  public func stackLibraries(_ facts: StackFacts) -> [StackLibrary] {
    libraries.flatMap { entry in
      let path = path(of: entry.place)
      let environment = facts.environment(of: path)?.folder
      let (library, kernels) = (entry.library, entry.kernels)
      let copies = entry.aliases.map(self.path(of:)).filter { alias in
        facts.environment(of: alias).map { $0.folder != environment } ?? false
      }
      return ([path] + copies).map { path in
        StackLibrary(path: path, library: library) { library.verdict(on: $0, kernels: kernels) }
      }
    }
  }

  /// The path of a file in the tree that all roots are parts of: below a lone directory, else below the root of the
  /// file system, or below the current directory for roots that are relative. Wheels that can be installed together
  /// are unpacked into one folder.
  public func path(of place: FilePlace) -> Path {
    guard roots.count > 1, !(wheelsAreTogether && roots[place.root].kind == .wheel) else { return place.path }
    let prefix = prefix(ofRoot: place.root)
    if roots[place.root].kind == .file || place.path.bytes.isEmpty { return prefix }
    return prefix.bytes.isEmpty ? place.path : prefix.appending(place.path.bytes)
  }

  /// Where a path of that tree is; nil for one that is under no root.
  public func place(of path: Path) -> FilePlace? {
    if roots.count == 1 { return FilePlace(root: 0, path: path) }
    if wheelsAreTogether {
      for (index, root) in roots.enumerated()
      where root.kind == .wheel && root.archive?.index(of: path) != nil {
        return FilePlace(root: index, path: path)
      }
    }
    var best: (place: FilePlace, length: Int)?
    for index in roots.indices {
      let prefix = prefix(ofRoot: index).bytes
      guard path.bytes.starts(with: prefix), prefix.count > best?.length ?? -1 else { continue }
      let rest = path.bytes.dropFirst(prefix.count)
      if roots[index].kind == .file {
        if rest.isEmpty {
          best = (FilePlace(root: index, path: roots[index].path.lastComponent), prefix.count)
        }
      } else if prefix.isEmpty || rest.isEmpty || rest.first == UInt8(ascii: "/") {
        best = (
          FilePlace(root: index, path: Path(bytes: prefix.isEmpty ? rest : rest.dropFirst())), prefix.count
        )
      }
    }
    return best?.place
  }

  /// The path of a root without slashes at its ends, and without parts that lead nowhere or up.
  private func prefix(ofRoot index: Int) -> Path {
    let parts = roots[index].path.components.filter { part in
      !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
    }
    return Path(bytes: parts.joined(separator: [UInt8(ascii: "/")]))
  }
}
