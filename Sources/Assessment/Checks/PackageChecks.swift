import Bytes
import Compatibility
import Stack

extension Assessor {
  /// The checks among the packages under the root.
  func packageChecks() -> [Check] {
    var checks: [Check] = []
    if facts.torches.count > 1 {
      checks.append(
        Check(
          .torchCount, .warn,
          "PyTorch is installed \(facts.torches.count) times: \(listed(facts.torches.map { "\($0.version.value) in \(view.shown($0.folder))" }, atMost: 4))",
          detail: "each is judged by itself",
          evidence: facts.torches.map(\.version.evidence)))
    }
    for environment in facts.environments {
      if let torch = environment.torch { checks.append(torchLibraries(torch, in: environment)) }
      checks += packageTorch(in: environment)
    }
    checks += missingLibraries()
    return checks
  }

  /// Whether it is a package, or several, and not an environment that they were installed into: a wheel, or what was unpacked
  /// from one. Then what it requires is declared and comes when it is installed.
  private func isNotInstalled(_ environment: PythonEnvironment) -> Bool {
    if view.kind.isPackage { return true }
    let name = environment.folder.lastComponent
    return !view.kind.isSystem && name != Path("site-packages") && name != Path("dist-packages")
      && environment.distributions.count <= 1
      && environment.components.allSatisfy { component in
        environment.torch.map { component.path.isInside($0.folder.child("torch")) } ?? false
      }
  }

  /// The package of an environment that is PyTorch.
  private func torchPackages(_ environment: PythonEnvironment) -> [Int] {
    packages.indices.filter { packages[$0].isTorch && packages[$0].environment == environment.folder }
  }

  private func torchLibraries(_ torch: TorchInstallation, in environment: PythonEnvironment) -> Check {
    let name = torch.label
    func check(
      _ status: Check.Status, _ summary: Sentence, detail: String? = nil, _ evidence: [Evidence] = []
    ) -> Check {
      var check = Check(
        .torchLibraries, status, subject: name, environment: environment.folder, summary, detail: detail,
        evidence: [torch.version.evidence] + evidence)
      check.packages = torchPackages(environment)
      return check
    }
    func builtWithoutCUDA(
      _ status: Check.Status, _ summary: Sentence, detail: String, _ evidence: [Evidence] = []
    ) -> Check {
      var check = check(status, summary, detail: detail, evidence)
      check.isBuiltWithoutCUDA = true
      return check
    }
    // Whoever asks about no GPU may want it so.
    let withoutCUDA = devices.isEmpty || !namesDevices ? Check.Status.warn : .fail
    if let rocm = torch.rocm {
      return builtWithoutCUDA(
        withoutCUDA, "\(subject: name) was built for AMD GPUs (ROCm \(rocm.value)) and does not use NVIDIA's",
        detail: "torch.cuda.is_available() is about AMD's", [rocm.evidence])
    }
    if torch.isWithoutCUDA {
      return builtWithoutCUDA(
        withoutCUDA, "\(subject: name) was built without CUDA and runs on the processor only",
        detail: "torch.cuda.is_available() is False")
    }
    guard let cuda = torch.cuda else {
      return check(.unknown, "which CUDA \(subject: name) was built with is not known")
    }
    let table = tables.libraries
    // The names that it needs must be of its own CUDA.
    let strangers = torch.needed.filter { fact in
      LibraryName(fact.value).flatMap { table.cudaMajor(of: $0) }.map { $0 != cuda.value.major } ?? false
    }
    if !strangers.isEmpty {
      return check(
        .fail,
        "\(subject: name) says that it was built with CUDA \(cuda.value), but needs \(listed(strangers.map(\.value)))",
        [cuda.evidence] + strangers.map(\.evidence))
    }
    let missing = facts.missing.filter { library in
      library.neededBy.contains { $0.isInside(torch.libraryFolder) }
        && LibraryName(library.soname).flatMap { table.component(of: $0) } != nil
    }
    if !missing.isEmpty {
      let required = torch.requires.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.value)" }
      if isNotInstalled(environment) && !required.isEmpty {
        return check(
          .pass, "\(subject: name) declares the libraries of CUDA \(cuda.value) as requirements",
          detail: listed(required),
          torch.requires.sorted { $0.key < $1.key }.map(\.value.evidence))
      }
      // Where another version lies instead, say so.
      let others = missing.compactMap { library -> String? in
        guard let row = LibraryName(library.soname).flatMap({ table.component(of: $0) }),
          let component = (environment.components + facts.components).first(where: { $0.name == row.name })
        else { return nil }
        return "\(component.name) \(component.version.value) in \(component.path)"
      }
      return check(
        .fail,
        "\(subject: name) needs \(listed(missing.map(\.soname), atMost: 4)), which \(missing.count == 1 ? "is" : "are") missing",
        detail: others.isEmpty ? nil : "there is \(listed(others))",
        missing.flatMap { library in
          library.neededBy.prefix(1).map { Evidence(path: $0, says: "needs \(library.soname)") }
        } + torch.needed.filter { fact in missing.contains { $0.soname == fact.value } }.map(\.evidence))
    }
    let answer = comparePins(of: torch, cuda, in: environment)
    return check(answer.status, answer.summary, answer.evidence)
  }

  /// Compares what is installed with what the distribution requires.
  private func comparePins(
    of torch: TorchInstallation, _ cuda: Fact<CUDAVersion>, in environment: PythonEnvironment
  ) -> (status: Check.Status, summary: Sentence, evidence: [Evidence]) {
    let name = torch.label
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
      return (.fail, "\(subject: name) finds \(listed(different.map(\.text)))", evidence)
    }
    if !different.isEmpty {
      return (
        .warn, "\(subject: name) finds \(listed(different.map(\.text))), which it was not tested with",
        evidence
      )
    }
    let cudnn = torch.needed.first { LibraryName($0.value)?.stem == "libcudnn" }
    if torch.needed.isEmpty, environment.components.isEmpty {
      return (
        .unknown, "which libraries \(subject: name) needs is not known, because none of its own were found",
        evidence
      )
    }
    return (
      .pass,
      "\(subject: name) finds the libraries of CUDA \(cuda.value) that it needs\(cudnn.map { ", \($0.value) among them" } ?? "")",
      evidence + [cudnn?.evidence].compactMap { $0 }
    )
  }

  private func packageTorch(in environment: PythonEnvironment) -> [Check] {
    guard let torch = environment.torch else { return [] }
    let own = torch.version.value
    return environment.frameworks.compactMap { framework in
      let name = "\(framework.name) \(framework.version)"
      func check(
        _ status: Check.Status, _ summary: Sentence, detail: String? = nil, _ evidence: [Evidence]
      ) -> Check {
        Check(
          .packageTorch, status, subject: name, environment: environment.folder, summary, detail: detail,
          evidence: evidence + [torch.version.evidence])
      }
      if let wanted = framework.torch, !isSame(wanted.value, own) {
        return check(
          .warn, "\(subject: name) was made for PyTorch \(wanted.value), and \(own) is installed",
          [wanted.evidence])
      }
      let major = framework.cuda.map { Fact($0.value.major, $0.evidence) } ?? framework.cudaMajor
      guard let major, let cuda = torch.cuda else { return nil }
      return major.value == cuda.value.major
        ? check(.pass, "\(subject: name) and PyTorch \(own) use CUDA \(major.value)", [major.evidence])
        : check(
          .warn,
          "\(subject: name) uses CUDA \(major.value), PyTorch \(own) CUDA \(cuda.value)",
          detail: "two CUDA runtimes in one process",
          [major.evidence])
    }
  }

  /// Compares versions of PyTorch: the local part counts only where both have one.
  private func isSame(_ wanted: String, _ own: String) -> Bool {
    if wanted.contains("+"), own.contains("+") { return wanted == own }
    return wanted.prefix { $0 != "+" } == own.prefix { $0 != "+" }
  }

  /// What is missing besides the libraries that PyTorch's check names, for each package that needs it.
  ///
  /// A package whose every library needs something that is missing does not start. Where only some of its libraries do, they
  /// are taken to be for other uses: a plug-in for software that is not there.
  private func missingLibraries() -> [Check] {
    let others = facts.missing.filter { library in
      library.neededBy.contains { path in
        guard let environment = facts.environment(of: path) else { return facts.isSystem }
        return !isNotInstalled(environment)
          && environment.torch.map { !path.isInside($0.libraryFolder) } ?? true
      }
    }
    guard !others.isEmpty else { return [] }
    let missing = Set(others.flatMap(\.neededBy))
    func check(_ status: Check.Status, subject: String?, _ libraries: [MissingLibrary], who: String) -> Check
    {
      Check(
        .missingLibraries, status, subject: subject,
        "\(who) \(listed(libraries.map(\.soname), atMost: 4)), which \(libraries.count == 1 ? "is" : "are") missing",
        evidence: libraries.map { Evidence(path: $0.neededBy[0], says: "needs \($0.soname)") })
    }
    var checks: [Check] = []
    var told: Set<Path> = []
    for (index, package) in packages.enumerated() where !package.units.isEmpty && !package.isTorch {
      let paths = package.units.map { units[$0].path }
      guard paths.allSatisfy({ missing.contains($0) }) else { continue }
      let needed = others.filter { library in library.neededBy.contains { paths.contains($0) } }
      var check = check(.fail, subject: package.name, needed, who: "\(package.name) needs")
      check.packages = [index]
      checks.append(check)
      told.formUnion(paths)
    }
    let rest = others.filter { !$0.neededBy.allSatisfy { told.contains($0) } }
    if !rest.isEmpty { checks.append(check(.warn, subject: nil, rest, who: "some libraries need")) }
    return checks
  }
}
