import Compatibility
import DeviceCode
import Stack

/// What a framework makes at run time for a GPU: the row of the ``RuntimeTable`` applied to the compilers that it finds.
struct CompilationRule {
  var row: RuntimeTable.Framework
  let tables: TableSet
  /// The newest GPU that the PyTorch beside it was compiled for; nil where nothing tells.
  let newestOfTorch: ComputeCapability?
  /// Whether nothing is missing because it was not looked at.
  let isComplete: Bool

  /// What comes out for a compute capability.
  enum Outcome: Hashable {
    /// One for each of the compilers that it may take.
    case made([Result])
    /// It is too old for the framework, whatever the compilers know.
    case tooOld(oldest: ComputeCapability)
    /// Nothing tells which compiler there is for the step with this index.
    case unknown(step: Int)

    /// Whether a device runs all that may come out; nil where nothing tells what does.
    func runs(on device: Device) -> Bool? {
      switch self {
      case .made(let results): results.allSatisfy { $0.failure(on: device) == nil }
      case .tooOld: false
      case .unknown: nil
      }
    }
  }

  enum Result: Hashable {
    /// The first of these that the driver loads.
    case code([MadeCode])
    case failure(CompilationFailure)
  }

  /// The positions of the steps that are for a compute capability.
  func steps(for computeCapability: ComputeCapability) -> [Int] {
    row.steps.indices.filter { index in
      let step = row.steps[index]
      return step.from.map { $0 <= computeCapability } ?? true
        && step.below.map { computeCapability < $0 } ?? true
    }
  }

  /// - Parameter candidates: by step the compilers that it may take; empty where there is none, nil where nobody knows.
  func outcome(for computeCapability: ComputeCapability, _ candidates: [[RuntimeCompiler]?]) -> Outcome {
    if let oldest = row.oldest, computeCapability < oldest { return .tooOld(oldest: oldest) }
    let all = steps(for: computeCapability).filter { candidates.indices.contains($0) }
    // LLVM in a file that is not there is told by what works after it.
    let rest = all.filter { row.steps[$0].compilers != [.llvm] || candidates[$0]?.isEmpty == false }
    let steps = rest.isEmpty ? all : rest
    guard !steps.isEmpty else {
      return .unknown(step: 0)
    }
    var chains: [[RuntimeCompiler]] = [[]]
    for step in steps {
      guard let found = candidates[step] else { return .unknown(step: step) }
      if found.isEmpty { return .made([.failure(.noCompiler(step: step))]) }
      // Those that differ in their place only make the same.
      var abilities: Set<RuntimeCompiler.Ability> = []
      let different = found.filter { abilities.insert($0.ability).inserted }
      chains = chains.flatMap { chain in different.map { chain + [$0] } }
      // More than a person installs, and enough to tell that they differ.
      chains = Array(chains.prefix(Self.chainLimit))
    }
    let results = chains.map { chain in
      result(
        for: computeCapability,
        zip(steps, chain).map { Link(step: row.steps[$0], compiler: $1, isFirst: $0 == all[0]) })
    }
    return .made(distinct(results))
  }

  private static let chainLimit = 64

  /// A step with its compiler.
  private struct Link {
    var step: RuntimeTable.Step
    var compiler: RuntimeCompiler
    /// Nothing works before it.
    var isFirst: Bool
  }

  private func result(for own: ComputeCapability, _ chain: [Link]) -> Result {
    for link in chain {
      let (step, compiler) = (link.step, link.compiler)
      guard let cuda = compiler.cuda else { continue }
      if step.oldestToolkit.map({ cuda < $0 }) ?? false || step.newestToolkit.map({ $0 < cuda }) ?? false {
        return .failure(.otherToolkit(compiler, oldest: step.oldestToolkit, newest: step.newestToolkit))
      }
    }
    var unknown: [CompilationFailure.Unknown] = []
    var last = (target: own.target, isPTX: false)
    for link in chain {
      last = asked(for: own, link.compiler, link.step.makes, isFirst: link.isFirst)
      if !knows(link.compiler, last.target) {
        unknown.append(CompilationFailure.Unknown(compiler: link.compiler, target: last.target))
      }
    }
    if !unknown.isEmpty { return .failure(.unknownTarget(unknown)) }
    for compiler in chain.lazy.map(\.compiler) where isComplete {
      if let builtins = compiler.builtins, builtins.path == nil { return .failure(.builtins(compiler)) }
    }
    for (before, after) in zip(chain, chain.dropFirst()) {
      // LLVM is told by the framework which version to write.
      guard before.compiler.kind != .llvm, let written = before.compiler.ptxISA?.value,
        let read = after.compiler.ptxISA?.value, read < written
      else { continue }
      return .failure(.ptxNewerThanAssembler(compiler: before.compiler, assembler: after.compiler))
    }
    guard let compiler = chain.last?.compiler else { return .code([]) }
    var made = [
      MadeCode(last.target, isPTX: last.isPTX, isa: row.ptxISA ?? compiler.ptxISA?.value, by: compiler)
    ]
    if row.makesCubinForOlderDriver == true, last.isPTX, knows(compiler, own.target) {
      made.append(MadeCode(own.target, isPTX: false, isa: nil, by: compiler))
    }
    return .code(made)
  }

  /// What a compiler is asked for.
  private func asked(
    for own: ComputeCapability, _ compiler: RuntimeCompiler, _ makes: RuntimeTable.Product, isFirst: Bool
  ) -> (target: CodeTarget, isPTX: Bool) {
    var asked = own
    var makes = makes
    if isFirst {
      let clamp = row.clamps?.first { clamp in
        guard let cuda = compiler.cuda else { return clamp.sinceToolkit == nil && clamp.beforeToolkit == nil }
        return clamp.sinceToolkit.map { $0 <= cuda } ?? true && clamp.beforeToolkit.map { cuda < $0 } ?? true
      }
      if let clamp, clamp.newest < asked {
        asked = clamp.newest
        makes = clamp.makes ?? makes
      }
      if row.clampsToTorch == true, let newestOfTorch, newestOfTorch < asked {
        asked = newestOfTorch
        makes = .ptx
      }
      if row.clampsToKnown == true, !knows(compiler, asked.target),
        let newest = compiler.targets.value.lazy.map({ ComputeCapability($0) }).filter({ $0 < asked }).max()
      {
        asked = newest
      }
    }
    guard asked == own else { return (asked.target, makes == .ptx) }
    let name = row.names?.first { name in
      name.from <= own && name.below.map { own < $0 } ?? true
        && name.sinceToolkit.map { since in compiler.cuda.map { since <= $0 } ?? false } ?? true
    }
    guard let name else { return (own.target, makes == .ptx) }
    return (CodeTarget((name.of ?? own).number, name.suffix), makes == .ptx)
  }

  /// Whether a compiler takes a target. nvcc calls the others of its toolkit, and its own list leaves suffixes out.
  private func knows(_ compiler: RuntimeCompiler, _ target: CodeTarget) -> Bool {
    if compiler.targets.value.contains(target) { return true }
    guard compiler.kind == .nvcc, target.suffix != .none, let cuda = compiler.cuda else { return false }
    return compiler.targets.value.contains(CodeTarget(target.number))
      && tables.toolkits.targets(of: cuda, compiler: compiler.kind.rawValue)?.contains(target) ?? false
  }
}

extension RuntimeTable.Step {
  /// The compiler of NVIDIA's that it takes, where that is a file by itself.
  var toolkitCompiler: RuntimeCompiler.Kind? { compilers.first { $0 != .llvm && $0 != .linked } }
}

extension RuntimeCompiler {
  /// What decides what a compiler makes, wherever it is.
  struct Ability: Hashable {
    var kind: Kind
    var cuda: CUDAVersion?
    var targets: [CodeTarget]
    var ptxISA: PTXISAVersion?
    var lacksBuiltins: Bool
  }

  var ability: Ability {
    Ability(
      kind: kind, cuda: cuda, targets: targets.value, ptxISA: ptxISA?.value,
      lacksBuiltins: builtins.map { $0.path == nil } ?? false)
  }
}
