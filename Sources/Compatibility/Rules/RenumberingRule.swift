import DeviceCode

/// Code for a compute capability that was renumbered may run under the new number: `sm_101` code on 11.0. Source: PTX
/// ISA 9.0 target notes; PyTorch's `DEVICE_REQUIREMENT`.
///
/// Plain PTX needs no exception: it runs on every later compute capability.
enum RenumberingRule {
  static func judge(_ image: ImageSignature, on device: ComputeCapability) -> ImageJudgement? {
    renumbering(of: image.computeCapability, to: device) == nil
      ? nil : .init(.notGuaranteed, by: .renumbering)
  }

  private static func renumbering(
    of code: ComputeCapability, to device: ComputeCapability
  ) -> ArchitectureTable.Renumbering? {
    ArchitectureTable.shared.renumbered.first { $0.from == code && $0.to == device }
  }

}
