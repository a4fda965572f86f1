import Bytes
import Compatibility

extension FactCollector {
  /// The compilers among the libraries and programs of the tree, by path; what is odd about them is noted.
  mutating func compilers(homes: [Path]) -> [RuntimeCompiler] {
    var compilers: [RuntimeCompiler] = []
    for library in libraries {
      guard let contents = library.compilerContents else { continue }
      for problem in contents.problems { note(problem, of: library.path) }
      guard var compiler = RuntimeCompiler(library) else {
        note(
          Problem(
            .unknownValue, "targets of the compiler", expected: "names such as lto_90a", observed: "none"),
          of: library.path)
        continue
      }
      if let difference = compiler.difference { note(difference, of: library.path) }
      if compiler.kind == .nvrtc, let cuda = compiler.cuda {
        let name = "libnvrtc-builtins.so.\(cuda)"
        compiler.builtins = RuntimeCompiler.Builtins(
          name: name, path: builtins(name, near: library.path, homes: homes))
      }
      compilers.append(compiler)
    }
    return compilers
  }

  /// A file or link of this name that the dynamic linker may find for a file: in the same folder first, then in the same
  /// environment, then outside of all.
  private func builtins(_ name: String, near path: Path, homes: [Path]) -> Path? {
    func home(_ path: Path) -> Path? {
      homes.filter { path.isInside($0) }.max { $0.bytes.count < $1.bytes.count }
    }
    let beside = path.parent.child(name)
    let places = placesOfBuiltins.filter { $0.lastComponent == Path(name) }
    if places.contains(beside) { return beside }
    let own = home(path)
    return places.first { home($0) == own } ?? places.first { home($0) == nil }
  }

  private var placesOfBuiltins: [Path] {
    (files.filter { $0.name.starts(with: "libnvrtc-builtins".utf8) }
      + tree.links.keys.filter { $0.name.starts(with: "libnvrtc-builtins".utf8) }).sorted()
  }

  /// The packages of the environments that compile at run time, and the compilers that they find.
  func runtimeFrameworks(
    _ facts: StackFacts, _ resolver: LibraryResolver, prefixes: Set<Path>
  ) -> [RuntimeFramework] {
    let table = RuntimeTable.shared
    let homes = facts.environments.map { $0.folder.home(in: prefixes) }
    let finder = CompilerFinder(
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
