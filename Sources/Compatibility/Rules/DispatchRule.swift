/// Tells gaps from modules that the library's own code does not use on a device.
///
/// Libraries that pick their kernels at run time ship modules for some generations of GPUs only. That a module lacks
/// code for a device then means nothing; the names of its kernels show it.
struct DispatchRule {
  private let kernels: KernelNames
  private let device: ComputeCapability
  /// The kernels that run on the device.
  private let running: Set<Int>
  /// For every pattern of a kernel that runs, the targets of the modules that have it.
  private let runningPatterns: [KernelNames.Fingerprint: [Set<String>]]
  /// Templates that are compiled target by target, and run on the device.
  private let splitTemplates: Set<KernelNames.Fingerprint>
  /// Whether a kernel runs that is named for the device's own generation.
  let runsOwnGeneration: Bool
  /// Whether machine code of cuDNN's runs.
  private let runsCuDNN: Bool

  /// A module and the names of its targets.
  typealias TargetedModule = (module: Int, targets: Set<String>)

  /// - Parameters:
  ///   - modules: the modules that run on the device.
  ///   - native: those of them that run without being compiled first.
  ///   - others: those without code for it.
  init(
    _ kernels: KernelNames, on device: ComputeCapability, running modules: [TargetedModule],
    native: [Int], others: [TargetedModule]
  ) {
    self.kernels = kernels
    self.device = device
    var running: Set<Int> = []
    var patterns: [KernelNames.Fingerprint: [Set<String>]] = [:]
    for (module, targets) in modules {
      for kernel in kernels.kernels(ofModule: module) ?? [] {
        running.insert(kernel)
        let pattern = kernels.facts(of: kernel).pattern
        if patterns[pattern]?.contains(targets) != true { patterns[pattern, default: []].append(targets) }
      }
    }
    self.running = running
    runningPatterns = patterns
    splitTemplates = Self.splitTemplates(kernels, running: running, in: modules + others)
    runsCuDNN = native.contains { module in
      kernels.kernels(ofModule: module)?.contains { kernels.facts(of: $0).isCuDNNs } ?? false
    }
    runsOwnGeneration = running.contains { kernel in
      kernels.facts(of: kernel).tags.contains { !$0.isMinimum && $0.includes(device) }
    }
  }

  /// Judges a module that has nothing for the device but code for `targets`.
  func standing(ofModule module: Int, targets: Set<String>) -> ModuleStanding {
    guard let own = kernels.kernels(ofModule: module) else { return .gap }
    if own.isEmpty { return .withoutKernels }
    let rest = own.filter { !isForOthers($0) }
    if rest.isEmpty { return .dedicated }
    if rest.allSatisfy({ isProvided($0, targets) }) { return .providedElsewhere }
    if rest.allSatisfy({ isProvided($0, targets) || splitTemplates.contains(kernels.facts(of: $0).template) })
    {
      return .madeForOneTarget
    }
    if runsCuDNN, own.contains(where: { kernels.facts(of: $0).isCuDNNs }) { return .partOfCuDNN }
    let isForDevice = rest.contains { !kernels.facts(of: $0).tags.isEmpty }
    return rest.count < own.count - rest.count && !isForDevice ? .mostlyDedicated : .gap
  }

  /// Whether the name of a kernel in a module includes the device.
  func namesDevice(inModule module: Int) -> Bool {
    (kernels.kernels(ofModule: module) ?? []).contains { kernel in
      kernels.facts(of: kernel).tags.contains { $0.includes(device) }
    }
  }

  /// How many targets show that a template is compiled target by target.
  private static let fewestTargets = 3

  /// The templates of which every module has code for a single target, and all modules together for several, so that
  /// the library's own code has to pick among them; without those of which nothing runs.
  private static func splitTemplates(
    _ kernels: KernelNames, running: Set<Int>, in modules: [TargetedModule]
  ) -> Set<KernelNames.Fingerprint> {
    var targets: [KernelNames.Fingerprint: Set<String>] = [:]
    var shared: Set<KernelNames.Fingerprint> = []
    for module in modules {
      for template in Set(
        kernels.kernels(ofModule: module.module)?.map { kernels.facts(of: $0).template } ?? [])
      {
        targets[template, default: []].formUnion(module.targets)
        if module.targets.count > 1 { shared.insert(template) }
      }
    }
    let runningTemplates = Set(running.map { kernels.facts(of: $0).template })
    return Set(targets.filter { $0.value.count >= fewestTargets }.keys).subtracting(shared)
      .intersection(runningTemplates)
  }

  /// Whether the name of a kernel that has no code for the device says that it is for others: its tags do not include
  /// the device, or it is for GPUs newer than all that the library knows.
  private func isForOthers(_ kernel: Int) -> Bool {
    let facts = kernels.facts(of: kernel)
    return facts.isForwardCompatible
      || !facts.tags.isEmpty && !facts.tags.contains { $0.includes(device) }
  }

  /// Whether a module that runs has the kernel, or has a variant of it and no target in common with this module: then
  /// each of both serves GPUs that the other does not.
  private func isProvided(_ kernel: Int, _ targets: Set<String>) -> Bool {
    running.contains(kernel)
      || runningPatterns[kernels.facts(of: kernel).pattern]?.contains { $0.isDisjoint(with: targets) } == true
  }
}
