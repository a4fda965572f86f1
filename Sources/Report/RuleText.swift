import Assessment
import Compatibility
import DeviceCode

extension ExclusionReason {
  /// What keeps the code from running by the least comes first: an older driver before another GPU.
  static let nearestFirst: [ExclusionReason] = [
    .gpuUnknownToDriver, .compressionNewerThanDriver, .ptxISANewerThanDriver, .newerMinor, .ptxTargetNewer,
    .otherPTXTarget, .desktopCodeOnTegra, .architectureSpecific, .otherFamily, .differentMajor, .notLoadable,
    .unknownKind,
  ]

  /// The reason in words that follow the targets that it leaves out.
  func sentence(on device: Device) -> String {
    let own = device.computeCapability
    return switch self {
    case .differentMajor: "machine code runs on its own major compute capability only, not on \(own)"
    case .newerMinor: "machine code for a higher minor compute capability than \(own)"
    case .architectureSpecific: "the suffix a ties code to exactly its compute capability"
    case .otherFamily: "the suffix f ties code to a family that \(own) does not belong to"
    case .desktopCodeOnTegra:
      "machine code for desktop GPUs, which NVIDIA does not support on Tegra: expect it to fail"
    case .otherPTXTarget:
      "PTX whose own .target names another GPU than the header of its entry does (CUDA_ERROR_INVALID_PTX)"
    case .ptxTargetNewer: "PTX for a higher compute capability than \(own) cannot be compiled for it"
    case .ptxISANewerThanDriver:
      "PTX in a version that the driver \(device.driver?.description ?? "") does not know "
        + "(\"unsupported toolchain\", CUDA error 222)"
    case .gpuUnknownToDriver: "the driver \(device.driver?.description ?? "") does not support the GPU"
    case .compressionNewerThanDriver:
      "compressed in a way that the driver \(device.driver?.description ?? "") does not know "
        + "(\"device kernel image is invalid\", CUDA error 200)"
    case .notLoadable: "must be linked before a driver can load it"
    case .unknownKind: "a kind of code that this program does not know"
    }
  }
}

extension ImageJudgement {
  /// What the rule that decided says of the image, in words that follow its target.
  func sentence(on device: Device) -> String {
    if let reason { return reason.sentence(on: device) }
    let own = device.computeCapability
    switch (fit, rule) {
    case (.notGuaranteed, .familySpecific): return "whether \(own) belongs to its family is not known"
    case (.notGuaranteed, .ptxISA): return "whether the driver knows this version of PTX is not known"
    case (.notGuaranteed, .renumbering):
      return
        "code for a compute capability that was renumbered: NVIDIA does not promise that it runs on \(own)"
    case (.notGuaranteed, _):
      return
        "machine code for desktop GPUs on a Tegra or the other way round, which NVIDIA does not promise to run"
    case (.jit, .architectureSpecific): return "PTX for exactly \(own), which the driver compiles"
    case (.jit, .familySpecific): return "PTX for a family that \(own) belongs to, which the driver compiles"
    case (.jit, _): return "PTX for \(own) or an earlier compute capability, which the driver compiles"
    case (.minorCompatible, .familySpecific): return "machine code for a family that \(own) belongs to"
    case (.minorCompatible, _):
      return "machine code for a lower minor compute capability of the same major one as \(own)"
    default: return "machine code for exactly \(own)"
    }
  }
}

extension Fit {
  /// What it makes of a library that has nothing else.
  var verdict: Verdict {
    switch self {
    case .exact, .minorCompatible: .native
    case .jit: .jit
    case .notGuaranteed: .notGuaranteed
    case .none: .incompatible
    }
  }
}

extension Sequence<ImageSignature> {
  /// The targets, each once: machine code by number, then PTX and LTO-IR.
  var targetNames: [String] {
    distinct(
      sorted { ($0.kind == .cubin ? 0 : 1, $0.target) < ($1.kind == .cubin ? 0 : 1, $1.target) }
        .map(\.targetName))
  }
}
