import Bytes
import Compatibility
import DeviceCode
import Stack

/// A framework that compiles at run time, and what it makes for each device.
struct Compilation {
  var framework: RuntimeFramework
  var rule: CompilationRule
  /// By step the compilers that it may take; empty where there is none, nil where nobody knows.
  var candidates: [[RuntimeCompiler]?]
  /// The major version of CUDA whose compilers it loads; nil for any.
  var cudaMajor: Int?
  /// For every device, whatever its driver.
  var outcomes: [CompilationRule.Outcome] = []
  /// Its package among those that are judged, and those of its parts.
  var packages: [Int] = []
  /// For every device with its driver.
  var verdicts: [CompilationVerdict] = []

  var row: RuntimeTable.Framework { rule.row }

  /// What decides which toolkits would do: many environments may have the same framework.
  struct Asked: Hashable {
    private var framework: String
    private var since: String?
    private var cudaMajor: Int?
    private var candidates: [[RuntimeCompiler.Ability]?]
    private var computeCapability: ComputeCapability

    init(_ compilation: Compilation, _ computeCapability: ComputeCapability) {
      (framework, since) = (compilation.framework.name, compilation.row.since)
      cudaMajor = compilation.cudaMajor
      candidates = compilation.candidates.map { $0?.map(\.ability) }
      self.computeCapability = computeCapability
    }
  }

  /// `Triton 3.3.1`; `torch.compile of torch 2.7.1`, where it is a part of something else.
  var label: String {
    let (name, own) = (framework.name, framework.distribution)
    let isItself = own == name.lowercased() || own.hasPrefix(name.lowercased() + "-")
    return isItself ? "\(name) \(framework.version)" : "\(name) (\(own) \(framework.version))"
  }
}

/// What a framework that compiles at run time is worth on one device.
enum CompilationVerdict: Hashable {
  /// The device runs what it makes: one of these, by the compiler that it takes.
  case runs([MadeCode])
  case fails(CompilationFailure)
  /// It does not support so old a GPU.
  case tooOld(oldest: ComputeCapability)
  /// Nothing tells which compiler there is for the step with this index.
  case unknown(step: Int)
  /// Some of the compilers that it may take do, and some do not.
  case depends(CompilationFailure)
  /// There is nothing to say: it is of use without, and there is no compiler.
  case unused
}

extension Assessor {
  /// The frameworks that compile at run time, with what they make for each device.
  func findCompilations() -> [Compilation] {
    var known: [Compilation.Asked: CompilationRule.Outcome] = [:]
    return facts.runtimeFrameworks.compactMap { framework in
      guard let row = tables.runtime.row(of: framework), framework.searches.count == row.steps.count else {
        return nil
      }
      let environment = environment(in: framework.environment)
      let rule = CompilationRule(
        row: row, tables: tables,
        newestOfTorch: environment?.torch?.flags?.value.images.lazy.map { ComputeCapability($0.target) }
          .max(),
        isComplete: facts.isSystem)
      var compilation = Compilation(
        framework: framework, rule: rule,
        candidates: framework.searches.map { candidates(of: $0, environment?.torch) },
        cudaMajor: Framework.major(inName: framework.distribution)
          ?? (framework.distribution == "torch" ? environment?.torch?.cuda?.value.major : nil))
      compilation.outcomes = devices.map { outcome(of: compilation, on: $0, &known) }
      return compilation
    }
  }

  /// What a framework makes for a device. Where its compiler is not there, none that it could load may help: CuPy for CUDA 11
  /// loads the NVRTC of CUDA 11, which has no release for 12.0, and CuPy 11 asks every NVRTC for 9.0 at most.
  private func outcome(
    of compilation: Compilation, on device: Device,
    _ known: inout [Compilation.Asked: CompilationRule.Outcome]
  ) -> CompilationRule.Outcome {
    let outcome = compilation.rule.outcome(for: device.computeCapability, compilation.candidates)
    let step: Int
    switch outcome {
    case .unknown(let open): step = open
    case .made(let results):
      guard results.count == 1, case .failure(.noCompiler(let open)) = results[0] else { return outcome }
      step = open
    default: return outcome
    }
    guard compilation.row.isOptional != true, compilation.row.uses == nil,
      tables.architectures[device.computeCapability] != nil
    else { return outcome }
    let asked = Compilation.Asked(compilation, device.computeCapability)
    if let known = known[asked] { return known }
    var final = outcome
    let plain = device.withoutDriver
    if !compilation.hasToolkit(for: plain) {
      let isByMajor = compilation.hasToolkit(for: plain, anyMajor: true)
      final = .made([.failure(.noToolkit(step: step, major: isByMajor ? compilation.cudaMajor : nil))])
    }
    known[asked] = final
    return final
  }

  /// The compilers that a framework may take for a step; nil where nobody knows.
  private func candidates(of search: CompilerSearch, _ torch: TorchInstallation?) -> [RuntimeCompiler]? {
    let found = search.found.filter { facts.compilers.indices.contains($0) }.map { facts.compilers[$0] }
    if !found.isEmpty { return found }
    // What PyTorch requires comes when it is installed.
    if search.compilers.contains(.nvrtc), let torch {
      for name in ["nvidia-cuda-nvrtc-cu11", "nvidia-cuda-nvrtc-cu12", "nvidia-cuda-nvrtc"] {
        guard let pin = torch.requires[name], let cuda = CUDAVersion(release: pin.value),
          let compiler = RuntimeCompiler(.nvrtc, of: cuda, pin.evidence, by: tables)
        else { continue }
        return [compiler]
      }
    }
    return search.tries.contains { $0.outcome == .unknown } ? nil : []
  }

  /// Fills in what the frameworks are worth on the devices, and the packages that they are part of: those that hold no
  /// device code and only compile are added.
  mutating func judgeCompilations() {
    struct Key: Hashable {
      var distribution: String
      var environment: Path?
    }
    var positions: [Key: Int] = [:]
    for (index, package) in packages.enumerated() {
      guard let distribution = package.distribution else { continue }
      let key = Key(distribution: distribution, environment: package.environment)
      positions[key] = positions[key] ?? index
    }
    for index in compilations.indices {
      compilations[index].verdicts = devices.indices.map { verdict(of: compilations[index], on: $0) }
    }
    setAsideOptional()
    for index in compilations.indices {
      guard compilations[index].verdicts.contains(where: { $0 != .unused }) else { continue }
      let framework = compilations[index].framework
      let key = Key(distribution: framework.distribution, environment: framework.environment)
      if positions[key] == nil {
        positions[key] = packages.count
        var package = AssessedPackage(
          name: "\(framework.distribution) \(framework.version)", environment: framework.environment,
          package: nil)
        package.distribution = framework.distribution
        package.version = framework.version
        packages.append(package)
      }
      let parts = compilations[index].row.parts ?? []
      compilations[index].packages =
        ([framework.distribution] + parts).compactMap {
          positions[Key(distribution: $0, environment: framework.environment)]
        }
      if let position = positions[key], !framework.distribution.hasPrefix("nvidia-") {
        packages[position].compiles = true
      }
    }
  }

  /// Where there is anything else, what is of use without its compiler is not asked for one that lies elsewhere.
  private mutating func setAsideOptional() {
    func isOpen(_ verdict: CompilationVerdict) -> Bool { if case .unknown = verdict { true } else { false } }
    let hasOthers =
      packages.contains { !$0.units.isEmpty && !isPickedFrom($0) || $0.isTorch }
      || compilations.contains {
        $0.row.isOptional != true || !$0.verdicts.allSatisfy { isOpen($0) || $0 == .unused }
      }
    guard hasOthers else { return }
    for index in compilations.indices where compilations[index].row.isOptional == true {
      compilations[index].verdicts = compilations[index].verdicts.map { isOpen($0) ? .unused : $0 }
    }
  }

  /// The failed checks of the driver against what is compiled at run time, with the drivers that the devices have now.
  func compilationsThatDriversFail() -> [Check] {
    var seen: Set<[CompilationRule.Outcome]> = []
    let distinct = compilations.filter {
      $0.row.uses == nil && (seen.insert($0.outcomes).inserted || !ignores.isEmpty)
    }
    return distinct.flatMap { compilation in
      devices.indices.compactMap { device in
        guard case .fails(let failure) = verdict(of: compilation, on: device), failure.isByDriver else {
          return nil
        }
        let check = check(compilation, failure, device)
        return ignoreRule(for: check) == nil ? check : nil
      }
    }
  }

  private func verdict(of compilation: Compilation, on device: Int) -> CompilationVerdict {
    switch compilation.outcomes[device] {
    case .tooOld(let oldest): return .tooOld(oldest: oldest)
    case .unknown(let step):
      if let names = compilation.row.uses { return used(names, by: compilation, on: device) }
      return .unknown(step: step)
    case .made(let results):
      let own = effective(devices[device])
      let failures = results.compactMap { $0.failure(on: own) }
      guard let first = failures.first else {
        return .runs(
          results.compactMap { result in
            guard case .code(let made) = result else { return nil }
            return made.first { $0.failure(on: own) == nil }
          })
      }
      if failures.count < results.count { return .depends(first) }
      guard case .noCompiler(let step) = first else { return .fails(first) }
      if compilation.row.isOptional == true, compilation.row.missing == nil, facts.isSystem { return .unused }
      return facts.isSystem ? .fails(first) : .unknown(step: step)
    }
  }

  /// The verdict on the framework that another one uses.
  private func used(_ names: [String], by compilation: Compilation, on device: Int) -> CompilationVerdict {
    let others = compilations.filter {
      $0.framework.environment == compilation.framework.environment
        && names.contains($0.framework.distribution) && $0.row.uses == nil
    }
    guard let other = others.first else { return .unused }
    let verdict = verdict(of: other, on: device)
    return switch verdict {
    case .fails(let failure): .fails(.used(other.framework, failure))
    // The check of the other one says what is not known.
    case .unknown: .unused
    case .runs, .tooOld, .depends, .unused: verdict
    }
  }
}

extension CompilationRule.Result {
  /// Why a device does not run it.
  func failure(on device: Device) -> CompilationFailure? {
    switch self {
    case .failure(let failure): return failure
    case .code(let made):
      let failures = made.map { $0.failure(on: device) }
      return failures.contains(nil) ? nil : failures.first ?? nil
    }
  }
}
