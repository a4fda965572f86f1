import DeviceCode

/// The rules by which images are judged; each is a file of this folder.
public enum Rule: String, Hashable, Sendable, CaseIterable {
  case loadable
  case renumbering
  case architectureSpecific
  case familySpecific
  case cubin
  case tegra
  case ptx
  case ptxISA
  case compression
  case driver

  /// Judges one image on one device. `linked`: the image is linked by the driver when it is loaded, as PTX that
  /// belongs to a device-linked module is, so that relocatable code counts.
  public static func judge(
    _ image: ImageSignature, on device: Device, linked: Bool = false
  ) -> ImageJudgement {
    if let judgement = LoadableRule.judge(image, linked: linked) { return judgement }
    let byTarget = judgeTarget(image, on: device.computeCapability)
    guard byTarget.fit > .none, let driver = device.knownDriver else { return byTarget }
    return DriverRule.judge(on: device)
      ?? CompressionRule.judge(image, with: driver)
      ?? (image.isPTX ? PTXISARule.judge(image, with: driver) : nil)
      ?? byTarget
  }

  /// Judges the target alone.
  private static func judgeTarget(
    _ image: ImageSignature, on device: ComputeCapability
  ) -> ImageJudgement {
    switch image.target.suffix {
    case .architectureSpecific:
      RenumberingRule.judge(image, on: device) ?? ArchitectureSpecificRule.judge(image, on: device)
    case .familySpecific:
      RenumberingRule.judge(image, on: device) ?? FamilySpecificRule.judge(image, on: device)
    case .none:
      image.isPTX
        ? PTXRule.judge(image, on: device)
        : RenumberingRule.judge(image, on: device)
          ?? TegraRule.judge(image, on: device)
          ?? CubinRule.judge(image, on: device)
    }
  }

  /// Says in one sentence what `judgement`, made by this rule, means.
  public static func message(
    _ judgement: ImageJudgement, image: ImageSignature, device: Device
  ) -> String {
    switch judgement.rule {
    case .loadable: LoadableRule.message(judgement, image)
    case .renumbering: RenumberingRule.message(image, device)
    case .architectureSpecific: ArchitectureSpecificRule.message(judgement, image, device)
    case .familySpecific: FamilySpecificRule.message(judgement, image, device)
    case .cubin: CubinRule.message(judgement, image, device)
    case .tegra: TegraRule.message(image, device)
    case .ptx: PTXRule.message(judgement, image, device)
    case .ptxISA: PTXISARule.message(judgement, image, device)
    case .compression: CompressionRule.message(judgement, image, device)
    case .driver: DriverRule.message(image, device)
    }
  }
}

extension ImageSignature {
  /// The compute capability that the target is named after.
  var computeCapability: ComputeCapability { ComputeCapability(target) }
  /// What running at its best means: PTX is compiled, machine code runs as it is.
  var best: Fit { isPTX ? .jit : .exact }
}
