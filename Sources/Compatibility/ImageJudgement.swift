public import DeviceCode

/// How well code runs on a device, worst first.
public enum Fit: String, Hashable, Sendable, CaseIterable, Comparable {
  /// It does not run.
  case none
  /// NVIDIA does not promise that it runs, and reports conflict.
  case notGuaranteed
  /// The driver compiles PTX when the code is first used.
  case jit
  /// Machine code for a lower minor compute capability of the same major one.
  case minorCompatible
  /// Machine code for this compute capability.
  case exact

  private var rank: Int {
    switch self {
    case .none: 0
    case .notGuaranteed: 1
    case .jit: 2
    case .minorCompatible: 3
    case .exact: 4
    }
  }

  public static func < (left: Fit, right: Fit) -> Bool { left.rank < right.rank }

  /// Whether it is machine code that runs as it is.
  public var isNative: Bool { self >= .minorCompatible }
}

/// Why an image does not run on a device.
public enum ExclusionReason: String, Hashable, Sendable, CaseIterable {
  /// Machine code for another major compute capability.
  case differentMajor
  /// Machine code for a higher minor compute capability.
  case newerMinor
  /// Code with the suffix `a` for another compute capability.
  case architectureSpecific
  /// Code with the suffix `f` for another family.
  case otherFamily
  /// Machine code for desktop GPUs, and the device is a Tegra.
  case desktopCodeOnTegra
  /// PTX whose own directive `.target` names another GPU than its header does.
  case otherPTXTarget
  /// PTX for a higher compute capability.
  case ptxTargetNewer
  /// PTX in a version that the driver does not know.
  case ptxISANewerThanDriver
  /// Compressed in a way that the driver does not know.
  case compressionNewerThanDriver
  /// It would run on the GPU, but the driver does not support the GPU.
  case gpuUnknownToDriver
  /// The driver cannot load it before it has been linked.
  case notLoadable
  /// A kind of code that this program does not know.
  case unknownKind
}

/// What one image is worth on one device, and by which rule.
public struct ImageJudgement: Hashable, Sendable {
  public var fit: Fit
  /// Why it does not run; nil where it does.
  public var reason: ExclusionReason?
  /// The rule that decided.
  public var rule: Rule

  init(_ fit: Fit, by rule: Rule) {
    self.fit = fit
    self.rule = rule
  }

  init(excluded reason: ExclusionReason, by rule: Rule) {
    self.fit = .none
    self.reason = reason
    self.rule = rule
  }
}

/// The parts of an image that decide where it runs: images with the same ones are judged once.
public struct ImageSignature: Hashable, Sendable, Codable {
  public var kind: ImageKind
  public var target: CodeTarget
  public var ptxISA: PTXISAVersion?
  public var compression: ImageCompression
  public var isRelocatable: Bool
  /// What the PTX says of itself, where that is known to differ from its header.
  var directive: Directive?

  /// The directives `.target` and `.version` of PTX.
  struct Directive: Hashable, Sendable, Codable {
    var target: CodeTarget
    var isa: PTXISAVersion
  }

  public init(_ image: DeviceImage) {
    kind = image.kind
    target = image.target
    ptxISA = image.ptxISA
    compression = image.compression
    isRelocatable = image.isRelocatable
  }

  /// The same image as its text describes it; nil where nothing else is known than the header.
  var byDirective: ImageSignature? {
    guard let directive else { return nil }
    var image = self
    image.target = directive.target
    image.ptxISA = directive.isa
    image.directive = nil
    return image
  }

  /// The same image without what its text says, for a judgement that did not need it.
  var byHeader: ImageSignature {
    var image = self
    image.directive = nil
    return image
  }

  /// PTX, relocatable or not.
  var isPTX: Bool { kind == .ptx || kind == .relocatablePTX }

  /// Whether both have one target, as the tools spell it: `sm_90` and `compute_90` are two.
  func hasTarget(of other: ImageSignature) -> Bool {
    target == other.target && isPTX == other.isPTX && (kind == .ltoIR) == (other.kind == .ltoIR)
  }

  /// The target as the tools spell it: `sm_90a`, `compute_120f`, `lto_75`.
  public var targetName: String { DeviceImage(kind: kind, target: target).targetName }
}
