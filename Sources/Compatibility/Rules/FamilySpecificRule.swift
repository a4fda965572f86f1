import DeviceCode

/// Code with the suffix `f`, PTX too, runs on the members of its family. Source: CUDA programming guide,
/// "Family-specific features"; measured with ptxas.
///
/// Families grow with new devices: whether a compute capability that the table does not have is a member, in the same
/// major version and not older than the target, is not known, so it is not guaranteed.
enum FamilySpecificRule {
  static func judge(_ image: ImageSignature, on device: Device) -> ImageJudgement {
    let (code, own) = (image.computeCapability, device.computeCapability)
    let table = device.tables.architectures
    if code == own { return .init(image.best, by: .familySpecific) }
    let family = table.family(image.target.number)
    if let family, family.contains(own) {
      return .init(image.isPTX ? .jit : .minorCompatible, by: .familySpecific)
    }
    let maybeNewMember = code.major == own.major && code < own && (family == nil || table[own] == nil)
    return maybeNewMember
      ? .init(.notGuaranteed, by: .familySpecific)
      : .init(excluded: .otherFamily, by: .familySpecific)
  }

}
