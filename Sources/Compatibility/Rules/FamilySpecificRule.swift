import DeviceCode

/// Code with the suffix `f`, PTX too, runs on the members of its family. Source: CUDA programming guide,
/// "Family-specific features"; measured with ptxas.
///
/// Families grow with new devices: whether a compute capability that the table does not have is a member, in the same
/// major version and not older than the target, is not known, so it is not guaranteed.
enum FamilySpecificRule {
  static func judge(_ image: ImageSignature, on device: ComputeCapability) -> ImageJudgement {
    let code = image.computeCapability
    if code == device { return .init(image.best, by: .familySpecific) }
    let family = ArchitectureTable.shared.family(image.target.number)
    if let family, family.contains(device) {
      return .init(image.isPTX ? .jit : .minorCompatible, by: .familySpecific)
    }
    let maybeNewMember = code.major == device.major && code < device && (family == nil || !device.isKnown)
    return maybeNewMember
      ? .init(.notGuaranteed, by: .familySpecific)
      : .init(excluded: .otherFamily, by: .familySpecific)
  }

}
