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

}
