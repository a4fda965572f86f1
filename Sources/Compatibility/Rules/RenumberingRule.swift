import DeviceCode

/// Code for a compute capability that was renumbered may run under the new number: `sm_101` code on 11.0. Source: PTX
/// ISA 9.0 target notes; PyTorch's `DEVICE_REQUIREMENT`.
///
/// Plain PTX needs no exception: it runs on every later compute capability.
enum RenumberingRule {
  static func judge(_ image: ImageSignature, on device: Device) -> ImageJudgement? {
    let (code, own) = (image.computeCapability, device.computeCapability)
    return device.tables.architectures.renumbered.contains { $0.from == code && $0.to == own }
      ? .init(.notGuaranteed, by: .renumbering) : nil
  }

}
