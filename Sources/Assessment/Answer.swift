public import Compatibility

/// Whether something runs on one device, with the reasons: the one answer that everything else repeats.
public struct Answer: Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Everything that counts runs.
    case yes
    /// Some of it runs, and some does not.
    case partly
    /// It does not run.
    case no
    /// What is known does not tell.
    case unknown
    /// Nothing in it uses a GPU.
    case nothing
  }

  public var kind: Kind
  /// The verdict over all that counts, the driver and what else stands in the way included.
  public var verdict: Verdict
  /// What keeps it from running, or from running well, the worst first.
  public var reasons: [Reason]
  /// The oldest driver with which everything runs that a driver decides; nil where nothing asks for one, or none does.
  public var oldestDriver: DriverVersion?

  public init(_ kind: Kind, _ verdict: Verdict, reasons: [Reason] = [], oldestDriver: DriverVersion? = nil) {
    self.kind = kind
    self.verdict = verdict
    self.reasons = reasons
    self.oldestDriver = oldestDriver
  }

  /// The answer over several views that were all asked about: as bad as the worst of them. Views in which nothing uses a
  /// GPU do not count beside others.
  public static func combined(_ answers: [Answer], by tables: TableSet) -> Answer {
    let counting = answers.filter { $0.kind != .nothing }
    guard let worst = counting.max(by: { $0.kind.rank < $1.kind.rank }) else {
      return answers.first ?? Answer(.nothing, .noDeviceCode)
    }
    let reasons = distinct(counting.sorted { $0.kind.rank > $1.kind.rank }.lazy.flatMap(\.reasons))
    let drivers = counting.compactMap(\.oldestDriver)
    return Answer(
      worst.kind, Verdict.worst(of: counting.lazy.filter { $0.kind == worst.kind }.map(\.verdict)),
      reasons: reasons, oldestDriver: drivers.newest(by: tables))
  }
}

extension Answer.Kind {
  /// The worst counts most.
  fileprivate var rank: Int {
    switch self {
    case .nothing: 0
    case .yes: 1
    case .unknown: 2
    case .partly: 3
    case .no: 4
    }
  }
}

/// Why something does not run, or not as one would expect.
public struct Reason: Hashable, Sendable {
  public enum Code: String, Hashable, Sendable, CaseIterable {
    /// The code is for other GPUs: "no kernel image is available for execution on the device".
    case noKernelImage
    /// Some of the code is for other GPUs.
    case someKernelsMissing
    /// PTX that the driver compiles at the first start.
    case compiledAtFirstStart
    /// NVIDIA does not support it, though it may run.
    case notGuaranteed
    /// The driver does not support the GPU.
    case driverDoesNotSupportGPU
    /// The driver is too old for a CUDA runtime.
    case driverTooOldForRuntime
    /// The driver does not support the version of PTX.
    case driverTooOldForPTX
    /// The driver does not decompress the code.
    case driverTooOldForCompression
    /// The image refuses the driver.
    case imageRefusesDriver
    /// Libraries are missing, or are the wrong ones.
    case libraries
    /// PyTorch was built without CUDA.
    case builtWithoutCUDA
    /// A package that it requires does not run.
    case requiredPackage
    /// The compiler that a package takes at run time does not make code for the GPU.
    case compilerDoesNotKnowGPU
    /// A package that compiles at run time finds no compiler.
    case compilerMissing
    /// Which compiler a package finds at run time is not known.
    case compilerNotKnown
    /// The compilers that a package takes at run time do not work together or with it.
    case compilersDoNotFit
    /// A package that compiles at run time does not do so for so old a GPU.
    case frameworkDoesNotSupportGPU
    /// Nothing tells.
    case notKnown
    /// Nothing uses a GPU.
    case nothingUsesGPU
  }

  public var code: Code
  /// The package that it is about.
  public var package: String?
  public var sentence: Sentence

  /// A clause for a person, without a full stop at the end.
  public var text: String { sentence.text }

  public init(_ code: Code, package: String? = nil, _ sentence: Sentence) {
    self.code = code
    self.package = package
    self.sentence = sentence
  }

  /// The reason that a failed, warning or unknown check is.
  init(_ check: Check) {
    let code: Code =
      switch check.id {
      case .driverGPU: .driverDoesNotSupportGPU
      case .driverRuntime: .driverTooOldForRuntime
      case .driverImage, .imageDevices: .imageRefusesDriver
      case .ptxDriver: .driverTooOldForPTX
      case .compressionDriver: .driverTooOldForCompression
      case .torchLibraries: check.isBuiltWithoutCUDA ? .builtWithoutCUDA : .libraries
      case .missingLibraries: .libraries
      case .torchGPU, .packageGPU: .noKernelImage
      case .toolkitGPU, .toolkitTorch, .torchCount, .packageTorch, .flagsContents, .runtimeCode: .notKnown
      }
    self.init(
      check.reason ?? (check.status == .unknown ? .notKnown : code), package: check.subject, check.sentence)
  }
}
