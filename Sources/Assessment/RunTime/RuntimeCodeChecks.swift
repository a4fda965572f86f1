import Bytes
import Compatibility
import DeviceCode
import Stack

extension Assessor {
  /// The checks of what compiles device code at run time, one for each framework and device.
  func runtimeCodeChecks(on devices: Range<Int>) -> [Check] {
    var known: [Asked: [CUDAVersion]] = [:]
    return compilations.flatMap { compilation in devices.compactMap { check(compilation, $0, &known) } }
  }

  private struct Asked: Hashable {
    var compilation: Compilation.Asked
    var device: Int
  }

  /// A check of one framework on one device.
  private func check(
    _ compilation: Compilation, _ device: Int, _ status: Check.Status, _ summary: Sentence,
    detail: String? = nil, _ compilers: [RuntimeCompiler] = [], reason: Reason.Code? = nil
  ) -> Check {
    let own = Evidence(
      path: compilation.framework.metadata,
      says: "\(compilation.framework.distribution) \(compilation.framework.version)")
    var check = Check(
      .runtimeCode, status, subject: compilation.label, device: device,
      environment: compilation.framework.environment, summary, detail: detail,
      evidence: [own] + distinct(compilers.flatMap(\.evidence)))
    check.packages = compilation.packages
    check.reason = reason
    check.isWhole = compilation.row.isNothingElse == true
    return check
  }

  private func check(
    _ compilation: Compilation, _ device: Int, _ known: inout [Asked: [CUDAVersion]]
  ) -> Check? {
    let label = devices[device].label
    let name = compilation.label
    func check(
      _ status: Check.Status, _ summary: Sentence, detail: String? = nil, _ compilers: [RuntimeCompiler] = [],
      reason: Reason.Code? = nil
    ) -> Check {
      self.check(compilation, device, status, summary, detail: detail, compilers, reason: reason)
    }
    switch compilation.verdicts[device] {
    case .unused: return nil
    case .runs(let made):
      guard let first = made.first else { return nil }
      let with = listed(distinct(made.map(\.compiler.label)), atMost: 2)
      return check(
        .pass,
        first.isPTX
          ? "\(name) makes PTX for \(gpu: label) with \(with), which the driver compiles"
          : "\(name) compiles for \(gpu: label) with \(with)", made.map(\.compiler))
    case .tooOld(let oldest):
      return check(
        .warn, "\(name) does not support \(gpu: label): it is for \(oldest) and newer",
        detail: compilation.row.uses == nil
          ? nil : compilation.row.failure.map { "\"\(filled($0, on: device, nil))\"" },
        reason: .frameworkDoesNotSupportGPU)
    case .unknown(let step):
      let kinds = compilation.row.steps.indices.contains(step) ? compilation.row.steps[step].compilers : []
      let asked = Asked(
        compilation: Compilation.Asked(compilation, devices[device].computeCapability), device: device)
      let toolkits = known[asked] ?? compilation.toolkits(for: effective(devices[device]))
      known[asked] = toolkits
      return check(
        .unknown,
        "\(name) compiles with \(listed(kinds.map(\.name), with: "or")), and none for \(gpu: label) is in what was scanned",
        detail: toolkits.isEmpty
          ? "no toolkit in the tables has one that works"
          : "it has to be of CUDA \(described(toolkits))", reason: .compilerNotKnown)
    case .depends(let failure):
      let told = tell(failure, compilation, device)
      return check(
        .unknown, "\(name) may take one of several compilers, and with one of them it fails: \(told.summary)",
        detail: told.detail, told.compilers, reason: .compilerNotKnown)
    case .fails(let failure): return self.check(compilation, failure, device)
    }
  }

  /// The check of a framework that has no code for a device.
  func check(_ compilation: Compilation, _ failure: CompilationFailure, _ device: Int) -> Check {
    let told = tell(failure, compilation, device)
    // It is of use without; what its maker does not say it may do.
    let isCertain =
      compilation.row.confirmed != false && !(failure.isAbsence && compilation.row.isOptional == true)
    return check(
      compilation, device, isCertain ? .fail : .warn, told.summary, detail: told.detail, told.compilers,
      reason: told.reason)
  }

  private typealias Telling = (
    summary: Sentence, detail: String?, compilers: [RuntimeCompiler], reason: Reason.Code
  )

  /// What is the case, and what its user sees then.
  private func tell(_ failure: CompilationFailure, _ compilation: Compilation, _ device: Int) -> Telling {
    let (row, name, label) = (compilation.row, compilation.label, devices[device].label)
    let driver = effective(devices[device]).knownDriver.map { "driver \($0)" } ?? "the driver"
    func quoted(_ text: String?, _ target: CodeTarget? = nil) -> String? {
      text.map { "\"\(filled($0, on: device, target))\"" }
    }
    switch failure {
    case .unknownTarget(let unknown):
      let compilers = unknown.map(\.compiler)
      let targets = distinct(unknown.map { "sm_\($0.target)" })
      // The last of them has the last word, and LLVM one of its own.
      let last = unknown.last { $0.compiler.kind != .llvm }
      let detail =
        last.flatMap { quoted(row.failure, $0.target) }
        ?? unknown.first.map { "\"'sm_\($0.target)' is not a recognized processor for this target\"" }
      return (
        "\(listed(compilers.map(\.label))) \(compilers.count == 1 ? "does" : "do") not know \(listed(targets)), so that \(name) does not compile for \(gpu: label)",
        detail, compilers,
        .compilerDoesNotKnowGPU
      )
    case .otherGPU(let made, _):
      return (
        "\(name) has \(made.compiler.label) compile for \(made.image.targetName) at most, which \(gpu: label) does not run",
        "\"no kernel image is available for execution on the device\" (CUDA_ERROR_NO_BINARY_FOR_GPU, CUDA error 209)",
        [made.compiler], .compilerDoesNotKnowGPU
      )
    case .cubinNewerThanDriver(let made, let minimum):
      return (
        "\(driver) does not load what \(name) compiles with \(made.compiler.label); it needs driver \(minimum) or newer",
        "\"device kernel image is invalid\" (CUDA error 200)", [made.compiler], .driverTooOldForRuntime
      )
    case .ptxNewerThanDriver(let made):
      let version = made.image.ptxISA.map { " \($0)" } ?? ""
      return (
        "\(driver) does not read PTX\(version), which \(name) makes with \(made.compiler.label)",
        quoted(row.tooNew)
          ?? "\"the provided PTX was compiled with an unsupported toolchain\" (CUDA error 222)",
        [made.compiler], .driverTooOldForPTX
      )
    case .ptxNewerThanAssembler(let compiler, let assembler):
      let (written, read) = (compiler.ptxISA?.value, assembler.ptxISA?.value)
      return (
        "\(name) writes PTX with \(compiler.label) that \(assembler.label) does not read",
        written.flatMap { written in
          read.map { "\"Unsupported .version \(written); current version is '\($0)'\"" }
        }, [compiler, assembler], .compilersDoNotFit
      )
    case .otherToolkit(let compiler, let oldest, let newest):
      let bound =
        switch (oldest, newest) {
        case (let oldest?, let newest?): "CUDA \(oldest) to \(newest)"
        case (let oldest?, nil): "CUDA \(oldest) or newer"
        case (nil, let newest?): "CUDA \(newest) or older"
        case (nil, nil): "another CUDA"
        }
      return (
        "\(name) works with \(compiler.kind.name) of \(bound), and takes \(compiler.label)", nil, [compiler],
        .compilersDoNotFit
      )
    case .builtins(let compiler):
      let library = compiler.builtins?.name ?? "its library of built-in functions"
      return (
        "\(compiler.label), with which \(name) compiles, does not find \(library)",
        "\"nvrtc: error: failed to open \(library)\"", [compiler], .compilersDoNotFit
      )
    case .noToolkit(let step, let major):
      let kinds = row.steps.indices.contains(step) ? row.steps[step].compilers.filter { $0 != .linked } : []
      let (target, compilers) = (
        devices[device].computeCapability.target, listed(kinds.map(\.name), with: "or")
      )
      return (
        major.map { "\(name) compiles with \(compilers) of CUDA \($0), none of which knows sm_\(target)" }
          ?? "\(name) does not compile for \(gpu: label), whichever \(compilers) it finds",
        quoted(row.failure, target), [], .compilerDoesNotKnowGPU
      )
    case .noCompiler(let step):
      let kinds = row.steps.indices.contains(step) ? row.steps[step].compilers : []
      return (
        "\(name) compiles at run time with \(listed(kinds.map(\.name), with: "or")), which is missing",
        quoted(row.missing), [], .compilerMissing
      )
    case .used(let framework, let failure):
      let other = compilations.first { $0.framework == framework }
      let told = other.map { tell(failure, $0, device) }
      return (
        "\(name) fails with \(other?.label ?? framework.name), which it uses", nil, told?.compilers ?? [],
        told?.reason ?? .compilerDoesNotKnowGPU
      )
    }
  }

  /// A message of the table with its names filled in.
  private func filled(_ text: String, on device: Int, _ target: CodeTarget?) -> String {
    let target = target ?? devices[device].computeCapability.target
    return text.replacing("{target}", with: "sm_\(target)")
      .replacing("{virtual}", with: "compute_\(target)")
      .replacing("{gpu}", with: devices[device].name ?? devices[device].label)
  }

  /// `12.8 or newer`, `12.4 to 12.9`: versions of the tables, oldest first.
  private func described(_ toolkits: [CUDAVersion]) -> String {
    guard let first = toolkits.first, let last = toolkits.last else { return "no version" }
    if last == tables.toolkits.compilers.last?.toolkit { return "\(first) or newer" }
    return first == last ? "\(first)" : "\(first) to \(last)"
  }
}

extension Compilation {
  /// The toolkits of the tables, oldest first, with whose compilers in place of NVIDIA's that are there the device runs what
  /// is made; of the major version that the framework loads, unless `anyMajor`.
  func toolkits(for device: Device, anyMajor: Bool = false) -> [CUDAVersion] {
    rule.tables.toolkits.withCompilers.filter { compiles(with: $0, for: device, anyMajor) }
  }

  /// Whether there is one of ``toolkits(for:anyMajor:)``.
  func hasToolkit(for device: Device, anyMajor: Bool = false) -> Bool {
    rule.tables.toolkits.withCompilers.contains { compiles(with: $0, for: device, anyMajor) }
  }

  private func compiles(with cuda: CUDAVersion, for device: Device, _ anyMajor: Bool) -> Bool {
    (anyMajor || cudaMajor == nil || cuda.major == cudaMajor)
      && rule.outcome(for: device.computeCapability, replacing(with: cuda)).runs(on: device) == true
  }

  /// The candidates, with a toolkit's compilers in place of NVIDIA's.
  func replacing(with cuda: CUDAVersion) -> [[RuntimeCompiler]?] {
    zip(row.steps, candidates).map { step, own in
      guard let kind = step.toolkitCompiler,
        let compiler = RuntimeCompiler(
          kind, of: cuda, Evidence(path: nil, says: "CUDA \(cuda)"), by: rule.tables)
      else { return own }
      return [compiler]
    }
  }
}

extension ToolkitTable {
  /// The toolkits whose compilers the table knows, oldest first.
  var withCompilers: [CUDAVersion] { distinct(compilers.map(\.toolkit)) }
}

extension CompilationFailure {
  /// Whether it is that there is no compiler.
  fileprivate var isAbsence: Bool { if case .noCompiler = self { true } else { false } }
}

extension RuntimeCompiler {
  /// `ptxas-blackwell 12.9.86`, `NVRTC 12.6.85`, `LLVM 20.0.0git`.
  var label: String {
    let name =
      switch kind {
      case .ptxas where !path.bytes.isEmpty: path.lastComponent.text
      case .linked: "the compiler in \(path.lastComponent)"
      default: kind.name
      }
    return version.map { "\(name) \($0.value)" } ?? name
  }

  /// What tells its targets, and its version where that is written elsewhere.
  fileprivate var evidence: [Evidence] { [version?.evidence, targets.evidence].compactMap { $0 } }
}

extension RuntimeCompiler.Kind {
  /// As people call it.
  var name: String {
    switch self {
    case .ptxas: "ptxas"
    case .nvcc: "nvcc"
    case .nvrtc: "NVRTC"
    case .nvvm: "libNVVM"
    case .nvJitLink: "nvJitLink"
    case .llvm: "LLVM"
    case .linked: "a compiler of NVIDIA's"
    }
  }
}
