import DeviceCode

/// Code with the suffix `a`, PTX too, runs on exactly its compute capability. Source: CUDA programming guide,
/// "Architecture-specific features".
enum ArchitectureSpecificRule {
  static func judge(_ image: ImageSignature, on device: ComputeCapability) -> ImageJudgement {
    image.computeCapability == device
      ? .init(image.best, by: .architectureSpecific)
      : .init(excluded: .architectureSpecific, by: .architectureSpecific)
  }

  static func message(_ judgement: ImageJudgement, _ image: ImageSignature, _ device: Device) -> String {
    judgement.fit == .none
      ? "\(image.targetName) uses features of compute capability \(image.computeCapability) and runs on no other, "
        + "not on \(device.computeCapability)"
      : "\(image.targetName) is made for exactly compute capability \(device.computeCapability)"
  }
}
