import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension JSONWriter {
  /// The members of the object `stack`.
  mutating func members(ofStack part: ViewAssessment, _ question: Question) {
    rows("checks", of: part.checks) { writer, check in
      writer.member("detail", check.detail)
      if let device = check.device, question.namesDevices { writer.member("device", device) }
      if let folder = check.environment { writer.place("environment", folder) }
      writer.rows("evidence", of: check.evidence) { $0.members(of: $1) }
      writer.member("id", check.id.rawValue)
      writer.member("source", check.source)
      writer.member("status", check.status.rawValue)
      writer.member("subject", check.subject)
      writer.member("summary", check.summary)
    }
    object("facts") { $0.members(of: part.view.stack) }
    object("lines") { writer in
      for (key, line) in Self.lines where line != .runtimeCode || part.status(of: line) != nil {
        writer.member(key, (part.status(of: line) ?? .unknown).rawValue)
      }
    }
    if let demand = part.demand {
      object("minimumDriver") { writer in
        writer.array("demands", demand.demands.map(\.message))
        writer.member("driver", demand.driver?.description)
      }
    }
  }

  /// The members of the object `plan`.
  mutating func members(of plan: Plan, _ question: Question) {
    array("answers", zip(question.devices, plan.answers).map { $1.kind.rawValue })
    steps("building", plan.building)
    array("obstacles", plan.obstacles)
    steps("steps", plan.steps)
  }

  private mutating func steps(_ key: StaticString, _ steps: [Plan.Step]) {
    rows(key, of: steps) { writer, step in
      writer.member("command", step.command)
      writer.driver("driver", step.driver)
      if let folder = step.environment { writer.place("environment", folder) }
      writer.member("kind", step.kind.rawValue)
      writer.member("lastDriverBranch", step.lastDriverBranch.map { UInt64($0) })
      writer.member("text", step.text)
    }
  }

  /// A driver, with its numbers for comparing.
  mutating func driver(_ key: StaticString, _ driver: DriverVersion?) {
    guard let driver else { return }
    object(key) { writer in
      writer.array("numbers", driver.numbers ?? [])
      writer.member("text", driver.description)
    }
  }

  private static let lines: [(StaticString, SummaryLine)] = [
    ("driverAndCUDA", .driverAndCUDA), ("driverAndGPU", .driverAndGPU), ("runtimeCode", .runtimeCode),
    ("torchAndCUDA", .torchAndCUDA), ("torchAndGPU", .torchAndGPU),
  ]

  private mutating func members(of facts: StackFacts) {
    rows("compatPackages", of: facts.compatPackages) { writer, package in
      writer.member("cuda", package.cuda?.description)
      writer.fact("driver", package.driver)
      writer.place("folder", package.folder)
      if let note = package.note { writer.array("hosts", note.hosts.filter { $0 >= 0 }) }
    }
    array("compilers", of: facts.compilers) { writer, compiler in
      writer.member("cuda", compiler.cuda?.description)
      writer.member("kind", compiler.kind.rawValue)
      writer.place("place", compiler.path)
      writer.member("ptxISA", compiler.ptxISA?.value.description)
      writer.array("targets", compiler.targets.value.map(\.description))
      writer.member("version", compiler.version?.value)
    }
    components(facts.components)
    array("environments", of: facts.environments) { writer, environment in
      writer.components(environment.components)
      writer.place("folder", environment.folder)
      writer.rows("frameworks", of: environment.frameworks) { writer, framework in
        writer.fact("cuda", framework.cuda)
        if let major = framework.cudaMajor { writer.fact("cudaMajor", major) }
        writer.fact("cudnn", framework.cudnn)
        writer.fact("flags", framework.flags)
        writer.place("metadata", framework.metadata)
        writer.member("name", framework.name)
        writer.fact("torch", framework.torch)
        writer.member("version", framework.version)
      }
      writer.fact("python", environment.python)
      if let torch = environment.torch { writer.object("torch") { $0.members(of: torch) } }
    }
    rows("images", of: facts.images) { writer, image in
      writer.member("architecture", image.architecture)
      writer.array("names", image.names)
      writer.array("variables", image.environment.map { "\($0.key)=\($0.value)" }.sorted())
    }
    if let release = facts.jetsonLinux { fact("jetsonLinux", release) }
    rows("missing", of: facts.missing) { writer, library in
      writer.rows("neededBy", of: library.neededBy) { $0.path($1) }
      writer.member("soname", library.soname)
    }
    array("runtimeFrameworks", of: facts.runtimeFrameworks) { writer, framework in
      writer.array(
        "compilers", of: framework.searches.map { $0.found.filter { facts.compilers.indices.contains($0) } })
      writer.member("distribution", framework.distribution)
      writer.place("environment", framework.environment)
      writer.member("name", framework.name)
      writer.member("version", framework.version)
    }
    rows("staticRuntimes", of: facts.staticRuntimes) { writer, runtime in
      writer.member("cuda", runtime.toolkit?.description)
      writer.place("library", runtime.path)
    }
    rows("toolkits", of: facts.toolkits) { writer, toolkit in
      writer.member("default", toolkit.isDefault)
      writer.place("folder", toolkit.folder)
      writer.member("hasCompiler", toolkit.hasCompiler)
      writer.fact("version", toolkit.version)
    }
  }

  private mutating func components(_ components: [Component]) {
    rows("components", of: components) { writer, component in
      writer.member("cuda", component.cuda?.description)
      if let major = component.cudaMajor, major >= 0 { writer.member("cudaMajor", major) }
      writer.member("name", component.name)
      writer.fact("version", component.version)
    }
  }

  private mutating func members(of torch: TorchInstallation) {
    fact("cuda", torch.cuda)
    fact("flags", torch.flags)
    rows("needed", of: torch.needed) { $0.members(of: $1) }
    rows("requires", of: torch.requires.sorted { $0.key < $1.key }) { writer, required in
      writer.member("name", required.key)
      writer.fact("version", required.value)
    }
    fact("rocm", torch.rocm)
    fact("version", torch.version)
    member("withoutCUDA", torch.isWithoutCUDA)
  }

  private mutating func fact<Value: CustomStringConvertible>(
    _ key: StaticString, _ fact: Fact<Value>?
  ) {
    guard let fact else { return }
    object(key) { $0.members(of: fact) }
  }

  private mutating func members<Value: CustomStringConvertible>(
    of fact: Fact<Value>
  ) {
    members(of: fact.evidence)
    member("value", fact.value.description)
  }

  private mutating func members(of evidence: Evidence) {
    if let path = evidence.path { self.path(path) }
    member("says", evidence.says)
  }

  mutating func place(_ key: StaticString, _ path: Path) { object(key) { $0.path(path) } }
}
