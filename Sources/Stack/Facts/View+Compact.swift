import Bytes
public import Compatibility

extension View {
  /// The same facts without what no verdict depends on: digests, sizes, files that hold no CUDA code, and requirements that are
  /// optional. What is wrong with a file is there once of each kind. In place of the names of kernels are shorter ones by
  /// which the rules decide alike.
  public var compact: View {
    var view = self
    view.files = files.map(\.compact)
    view.otherFiles = []
    var seen: Set<[String]> = []
    view.problems = problems.filter { seen.insert(["\($0.path)"] + $0.problem.kind).inserted }
    for index in view.stack.environments.indices { view.stack.environments[index].makeCompact() }
    // A lone package brings few of the libraries that it needs; the name of the runtime among them tells its CUDA.
    view.stack.missing = stack.missing.filter { $0.soname.hasPrefix("libcudart.so.") }
    return view
  }

  /// The facts of a lone wheel with the CUDA runtime that it needs and others bring: in this version, or of those that its
  /// files name the oldest.
  public func withNeededRuntime(_ cuda: CUDAVersion? = nil, by table: LibraryTable) -> View {
    guard let environment = stack.environments.first,
      !environment.components.contains(where: \.isRuntime), environment.torch == nil
    else { return self }
    func runtime(_ library: MissingLibrary, _ name: String) -> Component? {
      let component = library.neededBy.first.flatMap { Component(file: $0.parent.child(name), table) }
      return component?.isRuntime == true ? component : nil
    }
    let needed = stack.missing.compactMap { library in
      runtime(library, library.soname).map { (library: library, component: $0) }
    }
    guard var oldest = needed.map(\.component).min(by: { $0.cudaMajor ?? .max < $1.cudaMajor ?? .max }) else {
      return self
    }
    // A runtime of another major version has another name.
    if let cuda, let own = needed.first(where: { $0.component.cudaMajor == cuda.major }),
      let exact = runtime(own.library, "libcudart.so.\(cuda).0")
    {
      oldest = exact
    }
    var view = self
    view.stack.environments[0].components.append(oldest)
    return view
  }
}

extension CodeFile {
  fileprivate var compact: CodeFile {
    let unit = unit.loadable
    var seen: Set<[String]> = []
    return CodeFile(
      path: path, aliases: aliases, layer: layer, format: format, unit: unit,
      kernels: kernels.keeping(unit.modules).shortened(in: unit),
      problems: problems.filter { seen.insert($0.kind).inserted }, readingProblems: readingProblems)
  }
}

extension Problem {
  fileprivate var kind: [String] { [code.rawValue, field] }
}

extension PythonEnvironment {
  fileprivate mutating func makeCompact() {
    for index in distributions.indices {
      distributions[index].requires.removeAll(where: \.isOptional)
    }
  }
}
