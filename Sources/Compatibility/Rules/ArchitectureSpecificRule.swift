import DeviceCode

/// Code with the suffix `a`, PTX too, runs on exactly its compute capability. Source: CUDA programming guide,
/// "Architecture-specific features".
enum ArchitectureSpecificRule {
  static func judge(_ image: ImageSignature, on device: ComputeCapability) -> ImageJudgement {
    image.computeCapability == device
      ? .init(image.best, by: .architectureSpecific)
      : .init(excluded: .architectureSpecific, by: .architectureSpecific)
  }

}
