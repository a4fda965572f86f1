import DeviceCode

/// Machine code for desktop GPUs that would be minor-compatible does not run on a Tegra: NVIDIA supports binary
/// compatibility between desktop GPUs only, and users report `cudaErrorNoKernelImageForDevice` and "named symbol not
/// found". From the driver in the table on, which comes with the libraries of servers, it is reported to run, though NVIDIA
/// promises nothing. Code for a Tegra on a desktop GPU is not guaranteed either way.
///
/// Source: CUDA programming guide, note in "Binary Compatibility"; PyTorch's `DEVICE_REQUIREMENT`; jax-ml/jax issues 22723
/// and 40487; bitsandbytes pull request 1941.
enum TegraRule {
  static func judge(_ image: ImageSignature, on device: Device) -> ImageJudgement? {
    let (code, own) = (image.computeCapability, device.computeCapability)
    guard code.major == own.major, code.minor < own.minor else { return nil }
    let isForTegra = device.tables.architectures.isTegra(code)
    guard isForTegra || device.isTegra else { return nil }
    return isForTegra || device.runsDesktopCodeOnTegra == true
      ? .init(.notGuaranteed, by: .tegra) : .init(excluded: .desktopCodeOnTegra, by: .tegra)
  }
}
