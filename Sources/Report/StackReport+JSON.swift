import Bytes
import Compatibility
import Scan
import Stack

extension JSONWriter {
  /// The members of the object `stack`.
  mutating func members(of stack: StackReport, in result: ScanResult) {
    member("answer", stack.summary.answer.rawValue)
    rows("checks", of: stack.checks) { writer, check in
      if let device = check.device, !stack.devices.isEmpty { writer.member("device", device) }
      if let folder = check.environment { writer.place("environment", folder, in: result) }
      writer.rows("evidence", of: check.evidence) { $0.members(of: $1, in: result) }
      writer.member("id", check.id.rawValue)
      writer.member("message", check.message)
      writer.member("source", check.source)
      writer.member("status", check.status.rawValue)
      writer.member("subject", check.subject)
    }
    object("facts") { $0.members(of: stack.facts, in: result) }
    object("lines") { writer in
      for (key, line) in Self.lines { writer.member(key, (stack.summary.lines[line] ?? .unknown).rawValue) }
    }
    if let demand = stack.demand {
      object("minimumDriver") { writer in
        writer.array("demands", demand.demands.map(\.message))
        writer.member("driver", demand.driver?.description)
      }
    }
    rows("recommendations", of: stack.recommendations) { writer, recommendation in
      writer.member("command", recommendation.command)
      writer.member("kind", recommendation.kind.rawValue)
      writer.member("message", recommendation.message)
    }
  }

  private static let lines: [(StaticString, StackSummary.Line)] = [
    ("driverAndCUDA", .driverAndCUDA), ("driverAndGPU", .driverAndGPU), ("torchAndCUDA", .torchAndCUDA),
    ("torchAndGPU", .torchAndGPU),
  ]

  private mutating func members(of facts: StackFacts, in result: ScanResult) {
    rows("compatPackages", of: facts.compatPackages) { writer, package in
      writer.member("cuda", package.cuda?.description)
      writer.fact("driver", package.driver, in: result)
      writer.place("folder", package.folder, in: result)
      if let note = package.note { writer.array("hosts", note.hosts.filter { $0 >= 0 }) }
    }
    components(facts.components, in: result)
    array("environments", of: facts.environments) { writer, environment in
      writer.components(environment.components, in: result)
      writer.place("folder", environment.folder, in: result)
      writer.rows("frameworks", of: environment.frameworks) { writer, framework in
        writer.fact("cuda", framework.cuda, in: result)
        if let major = framework.cudaMajor { writer.fact("cudaMajor", major, in: result) }
        writer.fact("cudnn", framework.cudnn, in: result)
        writer.fact("flags", framework.flags, in: result)
        writer.place("metadata", framework.metadata, in: result)
        writer.member("name", framework.name)
        writer.fact("torch", framework.torch, in: result)
        writer.member("version", framework.version)
      }
      writer.fact("python", environment.python, in: result)
      if let torch = environment.torch { writer.object("torch") { $0.members(of: torch, in: result) } }
    }
    rows("images", of: facts.images) { writer, image in
      writer.member("architecture", image.architecture)
      writer.array("names", image.names)
      // Nothing else of an environment is anybody's business.
      let variables = image.environment.filter { $0.key.hasPrefix("NVIDIA_") || $0.key.hasPrefix("CUDA_") }
      writer.array("variables", variables.map { "\($0.key)=\($0.value)" }.sorted())
    }
    rows("missing", of: facts.missing) { writer, library in
      writer.rows("neededBy", of: library.neededBy) { $0.members(ofPlace: $1, in: result) }
      writer.member("soname", library.soname)
    }
    rows("staticRuntimes", of: facts.staticRuntimes) { writer, runtime in
      writer.member("cuda", runtime.toolkit?.description)
      writer.place("library", runtime.path, in: result)
    }
    rows("toolkits", of: facts.toolkits) { writer, toolkit in
      writer.member("default", toolkit.isDefault)
      writer.place("folder", toolkit.folder, in: result)
      writer.member("hasCompiler", toolkit.hasCompiler)
      writer.fact("version", toolkit.version, in: result)
    }
  }

  private mutating func components(_ components: [Component], in result: ScanResult) {
    rows("components", of: components) { writer, component in
      writer.member("cuda", component.cuda?.description)
      if let major = component.cudaMajor, major >= 0 { writer.member("cudaMajor", major) }
      writer.member("name", component.name)
      writer.fact("version", component.version, in: result)
    }
  }

  private mutating func members(of torch: TorchInstallation, in result: ScanResult) {
    fact("cuda", torch.cuda, in: result)
    fact("flags", torch.flags, in: result)
    rows("needed", of: torch.needed) { $0.members(of: $1, in: result) }
    rows("requires", of: torch.requires.sorted { $0.key < $1.key }) { writer, required in
      writer.member("name", required.key)
      writer.fact("version", required.value, in: result)
    }
    fact("rocm", torch.rocm, in: result)
    fact("version", torch.version, in: result)
    member("withoutCUDA", torch.isWithoutCUDA)
  }

  private mutating func fact<Value: CustomStringConvertible>(
    _ key: StaticString, _ fact: Fact<Value>?, in result: ScanResult
  ) {
    guard let fact else { return }
    object(key) { $0.members(of: fact, in: result) }
  }

  private mutating func members<Value: CustomStringConvertible>(
    of fact: Fact<Value>, in result: ScanResult
  ) {
    members(of: fact.evidence, in: result)
    member("value", fact.value.description)
  }

  private mutating func members(of evidence: Evidence, in result: ScanResult) {
    if let path = evidence.path { members(ofPlace: path, in: result) }
    member("says", evidence.says)
  }

  mutating func place(_ key: StaticString, _ path: Path, in result: ScanResult) {
    object(key) { $0.members(ofPlace: path, in: result) }
  }

  mutating func members(ofPlace path: Path, in result: ScanResult) {
    let place = result.place(of: path)
    self.path(place?.path ?? path)
    if let place { member("root", place.root) }
  }
}
