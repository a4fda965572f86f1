import DeviceCode

/// Plain PTX runs on its compute capability and every higher one, Tegra included, through the driver's JIT compiler.
/// Source: CUDA programming guide, "PTX Compatibility"; measured with ptxas.
enum PTXRule {
  static func judge(_ image: ImageSignature, on device: ComputeCapability) -> ImageJudgement {
    image.computeCapability <= device
      ? .init(.jit, by: .ptx) : .init(excluded: .ptxTargetNewer, by: .ptx)
  }

}
