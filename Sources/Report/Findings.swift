import Assessment
import Bytes
import Compatibility
import Demangling
import DeviceCode

/// One thing that a person should know: what is the matter with which libraries on which devices, why, and
/// what to do. Libraries and devices of which all of that is the same share one finding.
struct Finding {
  /// How bad it is, worst highest.
  var severity: Int
  var verdict: Verdict?
  /// Indices of the view's units.
  var units: [Int]
  var devices: [Int]
  var what: String
  var why: [String]
  var todo: [Step]
  /// By unit the modules whose kernels do not run.
  var uncovered: [Int: Set<Int>] = [:]

  /// What is the same in the findings that are shown as one.
  fileprivate struct Key: Hashable {
    var severity: Int
    var devices: [Int]
    var what: String
    var why: [String]
    var todo: [Step]
  }

  fileprivate var key: Key {
    Key(severity: severity, devices: devices, what: what, why: why, todo: todo)
  }

  /// Something to do: `or` instead of the step before.
  struct Step: Hashable {
    var isAlternative: Bool
    var sentence: String
  }
}

/// The findings about the device code of one view.
struct Findings {
  let part: ViewAssessment
  let question: Question

  /// Whether findings advise: somebody asked about a GPU, and the plan has no step.
  private var advises: Bool { question.asksForPlan && question.namesDevices && part.plan.steps.isEmpty }

  /// The findings, worst first, then in the order of the units.
  var all: [Finding] {
    var findings: [Finding] = []
    var positions: [Finding.Key: Int] = [:]
    func add(_ finding: Finding) {
      // The devices of a unit are merged before.
      let key = finding.key
      if let position = positions[key] {
        findings[position].units += finding.units
        findings[position].uncovered.merge(finding.uncovered) { $0.union($1) }
      } else {
        positions[key] = findings.count
        findings.append(finding)
      }
    }
    for unit in part.units.indices {
      for finding in self.findings(of: unit) { add(finding) }
    }
    return findings.enumerated().sorted {
      ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset)
    }
    .map(\.element)
  }

  /// The findings about one unit: what is required of it, then GPU by GPU.
  func findings(of unit: Int) -> [Finding] { requirementFindings(of: unit) + verdictFindings(of: unit) }

  private func verdictFindings(of unit: Int) -> [Finding] {
    var findings: [Finding] = []
    for (device, verdict) in part.units[unit].verdicts.enumerated() {
      // What is set aside is a note, not a finding.
      switch part.standing(of: unit, on: device) {
      case .cached, .forOtherGPUs, .notTaken, .ignored: continue
      case .counts, .withoutCode: break
      }
      // In an overview the table tells which GPUs a library is for.
      if question.isAboutTargetsOnly { continue }
      if !question.namesDevices, verdict.verdict != .partial, verdict.verdict != .noDeviceCode { continue }
      guard let finding = self.finding(verdict, unit: unit, device: device),
        !finding.devices.isEmpty || device == 0
      else { continue }
      if let same = findings.firstIndex(where: {
        $0.verdict == finding.verdict && $0.what == finding.what
          && (!question.namesDevices || $0.why == finding.why)
          && $0.todo == finding.todo
      }) {
        findings[same].devices.append(device)
        findings[same].uncovered.merge(finding.uncovered) { $0.union($1) }
      } else {
        findings.append(finding)
      }
    }
    return findings
  }

  /// What is the matter with one unit on one device; nil where it runs as it is.
  func finding(_ verdict: UnitVerdict, unit: Int, device: Int) -> Finding? {
    let total = verdict.portable.total - verdict.excused
    var finding = Finding(
      severity: verdict.verdict.severity ?? 0, verdict: verdict.verdict, units: [unit],
      devices: [device],
      what: "", why: [],
      // The plan has no step for code that no driver loads.
      todo: advises || verdict.verdict == .noDeviceCode
        ? Finding.Step.all(part.advice(ofUnit: unit, on: device)) : [],
      uncovered: [unit: Set(verdict.uncovered.flatMap(\.modules))])
    switch verdict.verdict {
    case .native: return nil
    case .noDeviceCode where verdict.withoutKernels.total > 0:
      finding.what = "has no kernel for any GPU: nothing of its device code is ever called"
    case .noDeviceCode:
      finding.what =
        verdict.linkInputs > 0
        ? "holds only code for the device linker (\(counted(verdict.linkInputs, "module"))), which no driver loads"
        : "holds no device code that a driver loads"
      // The same on every device.
      finding.devices = []
    case .jit:
      let compiled = verdict.portable.jit - verdict.withoutKernels.jit + verdict.specialised.jit
      let of =
        compiled < total
        ? "\(grouped(compiled)) of \(grouped(total)) modules"
        : compiled == 1 ? "its only module" : "all \(grouped(compiled)) modules"
      finding.what = "runs after the driver has compiled the PTX of \(of)"
    case .notGuaranteed:
      finding.what =
        "may run: NVIDIA does not promise it for "
        + "\(verdict.portable.notGuaranteed - verdict.withoutKernels.notGuaranteed) of its modules"
      finding.why = [
        "machine code for desktop GPUs on Tegra or the other way round, or for a compute capability that was "
          + "renumbered: only an exact match is supported"
      ]
    case .partial:
      finding.what = share(of: verdict)
      finding.why = reasons(of: verdict)
    case .incompatible where verdict.running > 0 && !verdict.isHeldByDriver:
      finding.what = "next to nothing of it runs: " + share(of: verdict)
      finding.why = [carried(by: unit)] + reasons(of: verdict)
    case .incompatible:
      let driver = verdict.device.knownDriver
      if let driver, verdict.device.isSupportedByDriver == false {
        finding.what = "the driver \(driver) does not support this GPU, so nothing runs on it"
        return finding
      }
      let modules = verdict.portable.total > 0 ? total : verdict.specialised.total
      // What is for the device linker or for a single target is no candidate, and there may be much more of it.
      let kind =
        if verdict.portable.total > 0, verdict.specialised.total > 0 {
          "portable "
        } else {
          verdict.linkInputs > 0 ? "loadable " : ""
        }
      let subject =
        modules == 1
        ? "its only \(kind)module has no code" : "none of its \(grouped(modules)) \(kind)modules has code"
      if let driver, verdict.isBlockedByDriver {
        finding.what = "\(subject) that the driver \(driver) can load on this GPU"
      } else {
        finding.what =
          "\(subject) for this GPU: the first kernel fails with \"no kernel image is available for execution on the "
          + "device\" (CUDA error 209)"
      }
      finding.why = [carried(by: unit)] + reasons(of: verdict)
    }
    return finding
  }

  /// How many modules run, how many do not though they should, and what the rest is: the parts add up.
  private func share(of verdict: UnitVerdict) -> String {
    let rest = verdict.modules - verdict.running - verdict.gaps
    let empty = verdict.withoutKernels.none
    let kinds =
      (rest > empty + verdict.linkInputs ? ["for other GPUs"] : []) + (empty > 0 ? ["without kernels"] : [])
      + (verdict.linkInputs > 0 ? ["for the device linker"] : [])
    return "only \(grouped(verdict.running)) of \(counted(verdict.modules, "module")) "
      + (verdict.running == 1 ? "runs" : "run")
      + (rest == 0
        ? "" : ", \(rest == 1 ? "one is" : "\(grouped(rest)) are") \(kinds.joined(separator: " or "))")
      + "; the kernels of the other \(verdict.gaps == 1 ? "one" : grouped(verdict.gaps)) fail when they are called"
  }

  /// The kernels that a finding is about, without template arguments and parameters: each once, the shortest first.
  /// Empty where they are not known.
  func kernels(of finding: Finding) -> [String] {
    var mangled: Set<String> = []
    for (unit, modules) in finding.uncovered {
      // Where nothing runs, all kernels fail, and nobody has read all their names.
      guard finding.devices.contains(where: { part.units[unit].verdicts[$0].running > 0 }) else { continue }
      for module in modules { mangled.formUnion(part.units[unit].kernels[module] ?? []) }
    }
    let names = Array(mangled)
    let readable = Set(
      zip(names, demangle(names)).map { name, demangled in demangled.map(readableKernelName) ?? name })
    return readable.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
  }

  /// "it carries sm_37 sm_50 compute_70".
  private func carried(by unit: Int) -> String {
    let targets = part.units[unit].targets.map(\.targetName)
    return "it carries \(targets.joined(separator: " "))"
  }

  /// For every reason that leaves images out, the targets that it concerns.
  private func reasons(of verdict: UnitVerdict) -> [String] {
    var targets: [ExclusionReason: [ImageSignature]] = [:]
    for group in verdict.uncovered {
      for image in group.images {
        guard let reason = image.judgement.reason else { continue }
        if targets[reason]?.contains(where: { $0.targetName == image.signature.targetName }) != true {
          targets[reason, default: []].append(image.signature)
        }
      }
    }
    return ExclusionReason.nearestFirst.compactMap { reason in
      guard let targets = targets[reason]?.sorted(by: { $0.target < $1.target }) else { return nil }
      return "\(targets.map(\.targetName).joined(separator: ", ")): \(reason.sentence(on: verdict.device))"
    }
  }

  private func requirementFindings(of unit: Int) -> [Finding] {
    part.units[unit].requirementClauses.map {
      Finding(
        severity: 5, verdict: nil, units: [unit], devices: [], what: $0, why: [carried(by: unit)], todo: [])
    }
  }
}

extension Finding.Step {
  /// Each piece of advice replaces the one before, except that nothing replaces a driver that knows the GPU.
  static func all(_ advice: [Advice]) -> [Finding.Step] {
    zip([nil] + advice, advice).map { previous, next in
      let isAlternative =
        switch previous {
        case nil, .installDriver: false
        default: true
        }
      return Finding.Step(isAlternative: isAlternative, sentence: next.sentence)
    }
  }
}

extension UnitVerdict {
  /// Whether every module that lacks code for the device would have some with a newer driver.
  fileprivate var isBlockedByDriver: Bool {
    uncovered.allSatisfy { $0.reasons.contains(where: \.isDriverTooOld) }
  }
}

extension Advice {
  /// The advice in one sentence, without a full stop.
  var sentence: String {
    switch self {
    case .useBuildWith(let target):
      "install a build that carries sm_\(target), or PTX for compute_\(target) or an earlier compute capability"
    case .rebuild(let gencode, let since, let until):
      "compile it with \(gencode)" + Self.toolkits(since, until)
    case .updateDriver(let driver, .ptxISA(let isa)):
      "update the driver to \(driver) or newer, which knows PTX ISA \(isa)"
    case .updateDriver(let driver, .compression(let compression)):
      "update the driver to \(driver) or newer, which knows \(compression.rawValue) compression"
    case .installDriver(let first, let last):
      "this driver does not support the GPU: install one "
        + (last.map { "of the branches R\(first) to R\($0)" } ?? "of branch R\(first) or newer")
    case .expectCompilation:
      "expect a slow first start; later ones find the compiled code in the driver's cache"
    case .linkDeviceCode: "link the device code: nvcc -dlink, or nvJitLink at run time"
    }
  }

  private static func toolkits(_ since: CUDAVersion?, _ until: CUDAVersion?) -> String {
    switch (since, until) {
    case (let since?, let until?): " (CUDA \(since) to \(until))"
    case (let since?, nil): " (CUDA \(since) or newer)"
    default: ""
    }
  }
}
