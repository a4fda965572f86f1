import DeviceCode

/// Plain PTX runs on its compute capability and every higher one, Tegra included, through the driver's JIT compiler.
/// Source: CUDA programming guide, "PTX Compatibility"; measured with ptxas.
enum PTXRule {
  static func judge(_ image: ImageSignature, on device: ComputeCapability) -> ImageJudgement {
    image.computeCapability <= device
      ? .init(.jit, by: .ptx) : .init(excluded: .ptxTargetNewer, by: .ptx)
  }

  static func message(_ judgement: ImageJudgement, _ image: ImageSignature, _ device: Device) -> String {
    judgement.fit == .none
      ? "\(image.targetName) is PTX for compute capability \(image.computeCapability) and higher, not for "
        + "\(device.computeCapability)"
      : "\(image.targetName) is PTX that the driver compiles for \(device.computeCapability) at first use"
  }
}
