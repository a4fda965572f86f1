import Bytes
package import Compatibility
import DeviceCode
package import Stack

/// The steps of a plan for what compiles at run time.
extension Planner {
  /// What gives the first framework that fails compilers that work; nil where none fails, or nothing does.
  func compilerStep(_ assessor: Assessor, _ checks: [Check]) -> Plan.Step? {
    let failing = Set(
      checks.filter { $0.id == .runtimeCode && $0.status == .fail }.map { Place($0.subject, $0.environment) })
    var looked = 0
    for compilation in assessor.compilations where looked < Self.lookedAt {
      let framework = compilation.framework
      guard failing.contains(Place(compilation.label, framework.environment)), !compilation.row.steps.isEmpty,
        !plan.steps.contains(where: { $0.change?.framework.map { $0.isSame(as: framework) } ?? false })
      else { continue }
      looked += 1
      let devices = assessor.devices.indices
        // What is too old for the framework no compiler helps.
        .filter { if case .tooOld = compilation.verdicts[$0] { false } else { true } }
        .map { assessor.effective(assessor.devices[$0]) }
      let mending = Mending(compilation: compilation, devices: devices, assessor: assessor)
      if let step = mending.step { return located(step, assessor) }
    }
    return nil
  }

  /// Failing frameworks that are looked at for a step: more than anybody installs.
  private static let lookedAt = 16

  private struct Place: Hashable {
    var name: String?
    var environment: Path?

    init(_ name: String?, _ environment: Path?) {
      self.name = name
      self.environment = environment
    }
  }
}

/// Looks for compilers with which a framework has code for all devices.
private struct Mending {
  let compilation: Compilation
  let devices: [Device]
  let assessor: Assessor

  private var framework: RuntimeFramework { compilation.framework }
  private var table: RuntimeTable { assessor.tables.runtime }
  private var label: String { listed(devices.map(\.label)) }

  /// The step that changes the least.
  var step: Plan.Step? {
    let toolkits = toolkits(of: compilation)
    let bringsOwn = !table.releases(of: framework.name).isEmpty
    if bringsOwn {
      let hasTorch = assessor.environment(in: framework.environment)?.torch != nil
      // PyTorch requires one release of what it uses.
      return hasTorch ? variable(toolkits) : release ?? variable(toolkits)
    }
    return install(toolkits) ?? distribution
  }

  /// The toolkits whose compilers do, the nearest to what is there first, and of two that are as near the newer; those of
  /// other major versions than that which the framework loads as well.
  private func toolkits(of compilation: Compilation) -> [CUDAVersion] {
    let all = assessor.tables.toolkits.withCompilers
    let fitting = devices.reduce(all) { rest, device in
      let own = Set(compilation.toolkits(for: device, anyMajor: true))
      return rest.filter { own.contains($0) }
    }
    let present = compilation.candidates.compactMap { $0 }.joined().compactMap(\.cuda).max()
    guard let place = present.flatMap({ all.firstIndex(of: $0) }) else { return fitting }
    func distance(_ toolkit: CUDAVersion) -> Int { abs((all.firstIndex(of: toolkit) ?? 0) - place) }
    return fitting.sorted { (distance($0), $1) < (distance($1), $0) }
  }

  /// NVIDIA's compilers that the framework takes from its environment or the system.
  private var foreign: [(kind: RuntimeCompiler.Kind, step: RuntimeTable.Step)] {
    compilation.row.steps.compactMap { step in
      step.toolkitCompiler.map { ($0, step) }
    }
  }

  private func install(_ toolkits: [CUDAVersion]) -> Plan.Step? {
    // What it brings along comes before what is installed.
    let bringsOwn = framework.searches.contains { search in
      search.tries.first { $0.outcome == .found }?.place.kind == .package && search.compilers != [.llvm]
    }
    let cudaMajor = compilation.cudaMajor
    guard let toolkit = toolkits.first(where: { cudaMajor == nil || $0.major == cudaMajor }),
      !foreign.isEmpty,
      !bringsOwn
    else { return nil }
    let names = listed(distinct(foreign.map(\.kind.name)))
    let distributions = foreign.map { table.distribution(of: $0.kind, cudaMajor: toolkit.major) }
    let isInEnvironment = foreign.allSatisfy { $0.step.places.contains { $0.kind == .environment } }
    let command =
      isInEnvironment && distributions.allSatisfy { $0 != nil }
      ? "pip install "
        + distinct(distributions.compactMap { $0 }).map { "\"\($0)==\(toolkit).*\"" }.joined(separator: " ")
      : foreign.contains { $0.kind == .nvcc }
        ? "apt-get install cuda-nvcc-\(toolkit.major)-\(toolkit.minor)" : nil
    return Plan.Step(
      kind: .installCompiler,
      text: "install \(names) of CUDA \(toolkit), with which \(compilation.label) compiles for \(label)",
      command: command, environment: framework.environment,
      change: .compilers(of: framework, toolkit: toolkit))
  }

  /// The same package for another major version of CUDA.
  private var distribution: Plan.Step? {
    guard let major = Framework.major(inName: framework.distribution) else { return nil }
    for toolkit in toolkits(of: compilation) where toolkit.major != major {
      let name = framework.distribution.replacing("\(major)", with: "\(toolkit.major)", maxReplacements: 1)
      guard table.row(ofFramework: framework.name, distribution: name, version: framework.version) != nil
      else {
        continue
      }
      return Plan.Step(
        kind: .installPackage,
        text:
          "install \(name) in place of \(framework.distribution), because no \(listed(distinct(foreign.map(\.kind.name)))) "
          + "of CUDA \(major) compiles for \(label)",
        command: "pip uninstall \(framework.distribution) && pip install \(name)",
        environment: framework.environment,
        change: .distribution(of: framework, name: name, toolkit: toolkit))
    }
    return nil
  }

  /// A compiler in place of the framework's own, where a variable can name one.
  private func variable(_ toolkits: [CUDAVersion]) -> Plan.Step? {
    let steps = Set(devices.flatMap { compilation.rule.steps(for: $0.computeCapability) }).sorted()
      .map { compilation.row.steps[$0] }.filter { $0.compilers.contains(.ptxas) }
    guard let toolkit = toolkits.first, steps.count == 1,
      let variable = steps[0].places.first(where: { $0.kind == .variable })?.name
    else { return nil }
    // What lies in the system can be named by its path.
    let known = assessor.facts.compilers.first { compiler in
      compiler.kind == .ptxas && assessor.facts.isSystem
        && compiler.cuda.map { toolkits.contains($0) } ?? false
    }
    let distribution = table.distribution(of: .ptxas, cudaMajor: toolkit.major)
    let source = known == nil ? distribution.map { " (\($0) \(toolkit) has one)" } ?? "" : ""
    let path = known.map { "/\($0.path)" } ?? "/usr/local/cuda-\(toolkit)/bin/ptxas"
    let used = known?.cuda ?? toolkit
    return Plan.Step(
      kind: .setVariable,
      text:
        "let \(framework.name) take ptxas of CUDA \(used) in place of its own\(source), which compiles for \(label)",
      command: "export \(variable)=\(path)", environment: framework.environment,
      change: .compilers(of: framework, toolkit: used))
  }

  /// The nearest release of the framework whose own compilers do.
  private var release: Plan.Step? {
    let releases = table.releases(of: framework.name)
    let newer = releases.filter { !RuntimeTable.isOlder($0.version, framework.version) }
    let older = releases.filter { RuntimeTable.isOlder($0.version, framework.version) }.reversed()
    guard let release = (newer + older).first(where: { isEnough($0) }) else { return nil }
    return Plan.Step(
      kind: .installPackage,
      text: "install \(release.distribution) \(release.version), whose own compilers know \(label)",
      command: "pip install \(release.distribution)==\(release.version)", environment: framework.environment,
      change: .release(of: framework, version: release.version))
  }

  private func isEnough(_ release: RuntimeTable.Release) -> Bool {
    devices.allSatisfy { release.makesCode(for: $0, by: assessor.tables) == true }
  }
}

extension RuntimeTable.Release {
  /// Whether a device runs what the compilers make that the release brings; nil where the tables do not tell.
  package func makesCode(for device: Device, by tables: TableSet) -> Bool? {
    guard
      let row = tables.runtime.row(ofFramework: framework, distribution: distribution, version: version)
    else { return nil }
    let rule = CompilationRule(row: row, tables: tables, newestOfTorch: nil, isComplete: false)
    return rule.outcome(for: device.computeCapability, compilers(for: row, by: tables)).runs(on: device)
  }

  /// By step the compilers that the release brings; empty where the tables do not know one.
  fileprivate func compilers(for row: RuntimeTable.Framework, by tables: TableSet) -> [[RuntimeCompiler]] {
    let evidence = Evidence(path: nil, says: "\(distribution) \(version)")
    return row.steps.map { step in
      if step.compilers == [.llvm] { return [RuntimeCompiler(llvm: llvm, evidence)] }
      guard let assembler = assemblers.first(where: { $0.tool == step.tool }) else { return [] }
      return RuntimeCompiler(.ptxas, of: assembler.toolkit, evidence, by: tables).map { [$0] } ?? []
    }
  }
}

extension RuntimeFramework {
  /// Whether both are one package of one environment, whatever its version.
  fileprivate func isSame(as other: RuntimeFramework) -> Bool {
    name == other.name && environment == other.environment && metadata == other.metadata
  }
}

extension Plan.Step.Change {
  /// The framework that it is about; nil for what changes other things.
  fileprivate var framework: RuntimeFramework? {
    switch self {
    case .compilers(let framework, _), .distribution(let framework, _, _), .release(let framework, _):
      framework
    case .torch, .package, .libraries, .driver, .image, .variable: nil
    }
  }
}

extension StackFacts {
  /// The framework finds the compilers of a toolkit in place of NVIDIA's that it found, and so does what shares them.
  mutating func replaceCompilers(of framework: RuntimeFramework, by toolkit: CUDAVersion, _ tables: TableSet)
  {
    guard let index = runtimeFrameworks.firstIndex(where: { $0.isSame(as: framework) }),
      let row = tables.runtime.row(of: runtimeFrameworks[index])
    else { return }
    for (position, step) in row.steps.enumerated()
    where runtimeFrameworks[index].searches.indices.contains(position) {
      guard let kind = step.toolkitCompiler,
        let place = step.places.first,
        var compiler = RuntimeCompiler(
          kind, of: toolkit, Evidence(path: nil, says: "CUDA \(toolkit)"), by: tables)
      else { continue }
      let found = runtimeFrameworks[index].searches[position].found.filter { compilers.indices.contains($0) }
      // The framework's own stays where a variable names another.
      if let first = found.first, !place.isOverride {
        compiler.path = compilers[first].path
        for index in found { compilers[index] = compiler }
      } else {
        compilers.append(compiler)
        runtimeFrameworks[index].searches[position].tries = [
          CompilerSearch.Try(place, found: [compilers.count - 1])
        ]
      }
    }
  }

  mutating func replace(
    _ framework: RuntimeFramework, by name: String, _ toolkit: CUDAVersion, _ tables: TableSet
  ) {
    guard let index = runtimeFrameworks.firstIndex(where: { $0.isSame(as: framework) }) else { return }
    runtimeFrameworks[index].distribution = name
    replaceCompilers(of: framework, by: toolkit, tables)
  }

  /// The frameworks of PyTorch find what another build of it brings.
  mutating func replaceCompilers(
    ofTorch version: String, _ cuda: CUDAVersion, in folder: Path, _ tables: TableSet
  ) {
    let triton = tables.pytorch.triton(for: version).flatMap {
      tables.runtime.release(of: "Triton", nearest: $0)
    }
    for framework in runtimeFrameworks where framework.environment == folder {
      if framework.distribution == "torch" {
        if let index = runtimeFrameworks.firstIndex(where: { $0.isSame(as: framework) }) {
          runtimeFrameworks[index].version = version
        }
        // What was not there before is not judged after.
        if framework.searches.contains(where: { !$0.found.isEmpty }) {
          replaceCompilers(of: framework, by: cuda, tables)
        }
      } else if framework.name == "Triton", let triton {
        replace(framework, byRelease: triton.version, tables)
      }
    }
  }

  mutating func replace(
    _ framework: RuntimeFramework, byRelease version: String, _ tables: TableSet
  ) {
    let table = tables.runtime
    guard let index = runtimeFrameworks.firstIndex(where: { $0.isSame(as: framework) }),
      let release = table.releases(of: framework.name).first(where: { $0.version == version }),
      let row = table.row(
        ofFramework: release.framework, distribution: release.distribution, version: version)
    else { return }
    runtimeFrameworks[index].version = version
    runtimeFrameworks[index].searches = zip(row.steps, release.compilers(for: row, by: tables)).map {
      step, own in
      compilers += own
      let found = Array(compilers.indices.suffix(own.count))
      return CompilerSearch(
        compilers: step.compilers, tool: step.tool,
        tries: step.places.last.map { [CompilerSearch.Try($0, found: found)] } ?? [])
    }
  }
}

extension RuntimeTable.Place {
  /// Whether somebody has to set it, so that it comes before what is there.
  fileprivate var isOverride: Bool { kind == .variable || kind == .flag }
}
