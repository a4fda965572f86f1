import Bytes
import Compatibility

extension StackQuestion {
  /// The checks among the packages under the root.
  func packageChecks() -> [Check] {
    var checks: [Check] = []
    if facts.torches.count > 1 {
      checks.append(
        Check(
          .torchCount, .warn,
          "PyTorch is installed \(facts.torches.count) times: "
            + list(
              facts.torches.map {
                "\($0.version.value) in \($0.folder.bytes.isEmpty ? Path(".") : $0.folder)"
              })
            + "; each is judged by itself",
          evidence: facts.torches.map(\.version.evidence)))
    }
    for environment in facts.environments {
      if let torch = environment.torch { checks.append(torchLibraries(torch, in: environment)) }
      checks += packageTorch(in: environment)
    }
    if let missing = missingLibraries() { checks.append(missing) }
    return checks
  }

  /// Whether it is a package, or several, and not an environment that they were installed into.
  private func isNotInstalled(_ environment: PythonEnvironment) -> Bool {
    facts.arePackages
      || environment.distributions.count <= 1
        && environment.components.allSatisfy { component in
          environment.torch.map { component.path.isInside($0.folder.child("torch")) } ?? false
        }
  }

  private func torchLibraries(_ torch: TorchInstallation, in environment: PythonEnvironment) -> Check {
    let name = "PyTorch \(torch.version.value)"
    func check(_ status: Check.Status, _ message: String, _ evidence: [Evidence] = []) -> Check {
      Check(
        .torchLibraries, status, subject: name, environment: environment.folder, message,
        evidence: [torch.version.evidence] + evidence)
    }
    if let rocm = torch.rocm {
      return check(
        .warn, "\(name) was built for AMD GPUs (ROCm \(rocm.value)) and does not use NVIDIA's",
        [rocm.evidence])
    }
    if torch.isWithoutCUDA {
      return check(.warn, "\(name) was built without CUDA and runs on the processor only")
    }
    guard let cuda = torch.cuda else {
      return check(.unknown, "which CUDA \(name) was built with is not known")
    }
    let table = LibraryTable.shared
    // The names that it needs must be of its own CUDA.
    let strangers = torch.needed.filter { fact in
      LibraryName(fact.value).flatMap { table.cudaMajor(of: $0) }.map { $0 != cuda.value.major } ?? false
    }
    if !strangers.isEmpty {
      return check(
        .fail,
        "\(name) says that it was built with CUDA \(cuda.value), but needs \(list(strangers.map(\.value)))",
        [cuda.evidence] + strangers.map(\.evidence))
    }
    let missing = facts.missing.filter { library in
      library.neededBy.contains { $0.isInside(torch.libraryFolder) }
        && table.components.contains { $0.library != nil && $0.library == LibraryName(library.soname)?.stem }
    }
    if !missing.isEmpty {
      let required = torch.requires.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.value)" }
      if isNotInstalled(environment) && !required.isEmpty {
        return check(
          .pass, "\(name) requires the libraries of CUDA \(cuda.value) that it needs: \(list(required))",
          torch.requires.sorted { $0.key < $1.key }.map(\.value.evidence))
      }
      // Where another version lies instead, say so.
      let others = missing.compactMap { library -> String? in
        guard let stem = LibraryName(library.soname)?.stem,
          let row = table.components.first(where: { $0.library == stem }),
          let component = (environment.components + facts.components).first(where: { $0.name == row.name })
        else { return nil }
        return "\(component.name) \(component.version.value) in \(component.path)"
      }
      return check(
        .fail,
        "\(name) needs \(list(missing.map(\.soname))), which nothing under the root provides"
          + (others.isEmpty ? "" : "; there is \(list(others))"),
        missing.flatMap { library in
          library.neededBy.prefix(1).map { Evidence(path: $0, says: "needs \(library.soname)") }
        } + torch.needed.filter { fact in missing.contains { $0.soname == fact.value } }.map(\.evidence))
    }
    let answer = comparePins(of: torch, cuda, in: environment)
    return check(answer.status, answer.message, answer.evidence)
  }

  /// Compares what is installed with what the distribution requires.
  private func comparePins(
    of torch: TorchInstallation, _ cuda: Fact<CUDAVersion>, in environment: PythonEnvironment
  ) -> (status: Check.Status, message: String, evidence: [Evidence]) {
    let name = "PyTorch \(torch.version.value)"
    var different: [(text: String, isMajor: Bool, evidence: [Evidence])] = []
    for (distribution, pin) in torch.requires.sorted(by: { $0.key < $1.key }) {
      guard let installed = environment.distributions.first(where: { $0.normalizedName == distribution }),
        installed.version != pin.value
      else { continue }
      let majors = [installed.version, pin.value].map { $0.prefix { $0 != "." } }
      different.append(
        (
          "\(distribution) \(installed.version) instead of \(pin.value)", majors[0] != majors[1],
          [pin.evidence, Evidence(path: installed.metadata, says: "\(installed.name) \(installed.version)")]
        ))
    }
    let evidence = [cuda.evidence] + different.flatMap(\.evidence)
    if different.contains(where: \.isMajor) {
      return (.fail, "\(name) finds \(list(different.map(\.text)))", evidence)
    }
    if !different.isEmpty {
      return (
        .warn, "\(name) finds \(list(different.map(\.text))), which it was not tested with", evidence
      )
    }
    let cudnn = torch.needed.first { LibraryName($0.value)?.stem == "libcudnn" }
    return (
      .pass,
      "\(name) finds the libraries of CUDA \(cuda.value) that it needs"
        + (cudnn.map { ", \($0.value) among them" } ?? ""),
      evidence + [cudnn?.evidence].compactMap { $0 }
    )
  }

  private func packageTorch(in environment: PythonEnvironment) -> [Check] {
    guard let torch = environment.torch else { return [] }
    let own = torch.version.value
    return environment.frameworks.compactMap { framework in
      let name = "\(framework.name) \(framework.version)"
      func check(_ status: Check.Status, _ message: String, _ evidence: [Evidence]) -> Check {
        Check(
          .packageTorch, status, subject: name, environment: environment.folder, message,
          evidence: evidence + [torch.version.evidence])
      }
      if let wanted = framework.torch, !isSame(wanted.value, own) {
        return check(
          .warn, "\(name) was made for PyTorch \(wanted.value), and \(own) is installed", [wanted.evidence])
      }
      let major = framework.cuda.map { Fact($0.value.major, $0.evidence) } ?? framework.cudaMajor
      guard let major, let cuda = torch.cuda else { return nil }
      return major.value == cuda.value.major
        ? check(.pass, "\(name) and PyTorch \(own) use CUDA \(major.value)", [major.evidence])
        : check(
          .warn,
          "\(name) uses CUDA \(major.value), PyTorch \(own) CUDA \(cuda.value): two runtimes in one process",
          [major.evidence])
    }
  }

  /// Compares versions of PyTorch: the local part counts only where both have one.
  private func isSame(_ wanted: String, _ own: String) -> Bool {
    if wanted.contains("+"), own.contains("+") { return wanted == own }
    return wanted.prefix { $0 != "+" } == own.prefix { $0 != "+" }
  }

  /// What is missing besides the libraries that PyTorch's check names.
  private func missingLibraries() -> Check? {
    let others = facts.missing.filter { library in
      library.neededBy.contains { path in
        guard let environment = facts.environment(of: path) else { return facts.isSystem }
        return !isNotInstalled(environment)
          && environment.torch.map { !path.isInside($0.libraryFolder) } ?? true
      }
    }
    guard !others.isEmpty else { return nil }
    let shown = others.prefix(5).map { "\($0.soname) (for \($0.neededBy[0]))" }
    return Check(
      .missingLibraries, .warn,
      "nothing under the root provides \(list(shown))"
        + (others.count > 5 ? " and \(others.count - 5) other libraries" : ""),
      evidence: others.map { Evidence(path: $0.neededBy[0], says: "needs \($0.soname)") })
  }
}
