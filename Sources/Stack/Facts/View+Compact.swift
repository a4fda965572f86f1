import Bytes
public import Compatibility

extension View {
  /// The same facts without what no verdict depends on: digests, sizes, evidence of requirements, what is optional, and
  /// the names of kernels, in whose place are shorter ones by which the rules decide alike.
  public var compact: View {
    var view = self
    view.files = files.map(\.compact)
    view.otherFiles = []
    for index in view.stack.environments.indices { view.stack.environments[index].makeCompact() }
    // Of which libraries there are too few is no question for a lone package, but which CUDA they are of.
    view.stack.missing = stack.missing.filter { $0.soname.hasPrefix("libcudart.so.") }
    return view
  }

  /// The facts of a lone wheel with the CUDA runtime that it needs and others bring: in this version, or of those that its
  /// files name the oldest.
  public func withNeededRuntime(_ cuda: CUDAVersion? = nil, by table: LibraryTable) -> View {
    guard let environment = stack.environments.first,
      !environment.components.contains(where: { $0.name == Self.runtime }), environment.torch == nil
    else { return self }
    let needed = stack.missing.compactMap { library in
      library.neededBy.first.flatMap { user in
        let name = cuda.map { "libcudart.so.\($0).0" } ?? library.soname
        return Component(file: user.parent.child(name), table)
      }
    }.filter { $0.name == Self.runtime }
    guard let oldest = needed.min(by: { $0.cudaMajor ?? .max < $1.cudaMajor ?? .max }) else { return self }
    var view = self
    view.stack.environments[0].components.append(oldest)
    return view
  }

  private static let runtime = "CUDA runtime"
}

extension CodeFile {
  fileprivate var compact: CodeFile {
    let unit = unit.loadable
    return CodeFile(
      path: path, aliases: aliases, layer: layer, format: format, unit: unit,
      kernels: kernels.keeping(unit.modules).shortened(in: unit), problems: problems,
      readingProblems: readingProblems)
  }
}

extension PythonEnvironment {
  fileprivate mutating func makeCompact() {
    for index in distributions.indices {
      distributions[index].requires.removeAll(where: \.isOptional)
    }
  }
}
