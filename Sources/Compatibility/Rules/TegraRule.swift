import DeviceCode

/// Machine code that would be minor-compatible is not guaranteed to run when either side is a Tegra: NVIDIA supports
/// binary compatibility between desktop GPUs only. Source: CUDA programming guide, note in "Binary Compatibility";
/// PyTorch's `DEVICE_REQUIREMENT` says the same.
enum TegraRule {
  static func judge(_ image: ImageSignature, on device: ComputeCapability) -> ImageJudgement? {
    let code = image.computeCapability
    guard code.major == device.major, code.minor < device.minor, code.isTegra || device.isTegra else {
      return nil
    }
    return .init(.notGuaranteed, by: .tegra)
  }

  static func message(_ image: ImageSignature, _ device: Device) -> String {
    let (code, own) = (image.computeCapability, device.computeCapability)
    return "\(image.targetName) on \(own): NVIDIA supports no binary compatibility between desktop and Tegra "
      + "(\(own.isTegra ? own : code) is Tegra), and reports from the field conflict"
  }
}
