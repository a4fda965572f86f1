import Bytes
import Compatibility

extension FactCollector {
  /// The compilers among the libraries and programs of the tree, by path; what is odd about them is noted.
  mutating func compilers(_ homes: FolderIndex) -> [RuntimeCompiler] {
    var compilers: [RuntimeCompiler] = []
    let builtins = BuiltinsFinder(tree, homes)
    for library in libraries {
      // What the driver brings is not asked about here.
      guard let contents = library.compilerContents,
        !tables.libraries.isFromOutside(library.path.lastComponent.text)
      else { continue }
      for problem in contents.problems { note(problem, of: library.path) }
      guard var compiler = RuntimeCompiler(library, by: tables) else {
        note(
          Problem(
            .unknownValue, "targets of the compiler", expected: "names such as lto_90a", observed: "none"),
          of: library.path)
        continue
      }
      if let difference = compiler.difference(from: tables.toolkits) { note(difference, of: library.path) }
      // Before, the name had no release in it, or was not looked up.
      if compiler.kind == .nvrtc, let cuda = compiler.cuda, cuda >= CUDAVersion(11, 1) {
        let name = "libnvrtc-builtins.so.\(cuda)"
        compiler.builtins = RuntimeCompiler.Builtins(
          name: name, path: builtins.path(of: name, for: library.path))
      }
      compilers.append(compiler)
    }
    return compilers
  }

  /// The packages of the environments that compile at run time, and the compilers that they find.
  func runtimeFrameworks(
    _ facts: StackFacts, _ resolver: LibraryResolver, prefixes: Set<Path>
  ) -> [RuntimeFramework] {
    // The table takes longer to decode than a small file to scan.
    guard facts.environments.contains(where: { !$0.distributions.isEmpty }) else { return [] }
    let table = tables.runtime
    let homes = facts.environments.map { $0.folder.home(in: prefixes) }
    var finder = CompilerFinder(
      facts.compilers, resolver, images: facts.images, isSystem: facts.isSystem, homes: homes)
    var frameworks: [RuntimeFramework] = []
    for (environment, home) in zip(facts.environments, homes) {
      for distribution in environment.distributions.sorted(by: {
        ($0.normalizedName, $0.metadata) < ($1.normalizedName, $1.metadata)
      }) {
        let name = distribution.normalizedName
        let major =
          Framework.major(inName: name) ?? (name == "torch" ? environment.torch?.cuda?.value.major : nil)
        for row in table.frameworks(of: name, version: distribution.version) {
          if name == "torch", environment.torch?.cuda == nil { continue }
          if let uses = row.uses,
            !environment.distributions.contains(where: { uses.contains($0.normalizedName) })
          {
            continue
          }
          frameworks.append(
            RuntimeFramework(
              name: row.name, distribution: name, version: distribution.version,
              metadata: distribution.metadata, environment: environment.folder,
              searches: row.steps.map {
                finder.search($0, folder: environment.folder, home: home, cudaMajor: major)
              }))
        }
      }
    }
    return frameworks
  }
}

/// Finds the libraries of built-in functions that NVRTC loads.
private struct BuiltinsFinder {
  private let places: [Path: [Path]]
  private let folders: FolderIndex

  init(_ tree: Tree, _ homes: FolderIndex) {
    let all = [tree.files, Array(tree.links.keys)].lazy.joined()
      .filter { $0.name.starts(with: "libnvrtc-builtins".utf8) }
    places = Dictionary(grouping: all.sorted(), by: \.lastComponent)
    folders = homes
  }

  /// A file or link of this name that the dynamic linker may find for `library`: in the same folder first, then in the
  /// same environment, then outside of all.
  func path(of name: String, for library: Path) -> Path? {
    let places = places[Path(name)] ?? []
    let beside = library.parent.child(name)
    if places.contains(beside) { return beside }
    let own = folders.innermost(around: library)
    return places.first { folders.innermost(around: $0) == own }
      ?? places.first { folders.innermost(around: $0) == nil }
  }
}
