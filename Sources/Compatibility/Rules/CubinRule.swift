import DeviceCode

/// Machine code runs on the same major and the same or a higher minor compute capability. Source: CUDA programming
/// guide, "Binary Compatibility", and NVIDIA's architecture compatibility guides.
enum CubinRule {
  static func judge(_ image: ImageSignature, on device: ComputeCapability) -> ImageJudgement {
    let code = image.computeCapability
    if code.major != device.major { return .init(excluded: .differentMajor, by: .cubin) }
    if code.minor > device.minor { return .init(excluded: .newerMinor, by: .cubin) }
    return .init(code.minor == device.minor ? .exact : .minorCompatible, by: .cubin)
  }

  static func message(_ judgement: ImageJudgement, _ image: ImageSignature, _ device: Device) -> String {
    let target = image.targetName
    let own = device.computeCapability
    return switch judgement.fit {
    case .exact: "\(target) is machine code for compute capability \(own)"
    case .minorCompatible:
      "\(target) runs on \(own): same major version, and \(own) is the higher minor version"
    default:
      judgement.reason == .newerMinor
        ? "\(target) needs compute capability \(image.computeCapability) or a higher \(own.major).x"
        : "\(target) runs on compute capability \(image.computeCapability.major).x only, not on \(own)"
    }
  }
}
