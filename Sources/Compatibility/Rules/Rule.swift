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
  ///
  /// The driver picks PTX by the header of its entry and compiles the text, whose directives must fit as well: PTX with
  /// `.target sm_90a` under a header of `compute_90` fails on other GPUs with CUDA_ERROR_INVALID_PTX (TensorFlow issue
  /// 101746).
  public static func judge(
    _ image: ImageSignature, on device: Device, linked: Bool = false
  ) -> ImageJudgement {
    let judgement = judgeHeader(image, on: device, linked: linked)
    guard judgement.fit > .none, let own = image.byDirective else { return judgement }
    let byText = judgeHeader(own, on: device, linked: linked)
    guard byText.fit == .none else { return byText.fit < judgement.fit ? byText : judgement }
    return byText.reason?.isByDriver == true
      ? byText : ImageJudgement(excluded: .otherPTXTarget, by: byText.rule)
  }

  private static func judgeHeader(
    _ image: ImageSignature, on device: Device, linked: Bool
  ) -> ImageJudgement {
    if let judgement = LoadableRule.judge(image, linked: linked) { return judgement }
    let byTarget = judgeTarget(image, on: device)
    guard byTarget.fit > .none, let driver = device.knownDriver else { return byTarget }
    return DriverRule.judge(on: device)
      ?? CompressionRule.judge(image, with: driver, by: device.tables)
      ?? (image.isPTX ? PTXISARule.judge(image, with: driver, by: device.tables) : nil)
      ?? byTarget
  }

  /// Judges the target alone.
  private static func judgeTarget(_ image: ImageSignature, on device: Device) -> ImageJudgement {
    let own = device.computeCapability
    return switch image.target.suffix {
    case .architectureSpecific:
      RenumberingRule.judge(image, on: device) ?? ArchitectureSpecificRule.judge(image, on: own)
    case .familySpecific:
      RenumberingRule.judge(image, on: device) ?? FamilySpecificRule.judge(image, on: device)
    case .none:
      image.isPTX
        ? PTXRule.judge(image, on: own)
        : RenumberingRule.judge(image, on: device)
          ?? TegraRule.judge(image, on: device)
          ?? CubinRule.judge(image, on: own)
    }
  }

}

extension ImageSignature {
  /// The compute capability that the target is named after.
  var computeCapability: ComputeCapability { ComputeCapability(target) }
  /// What running at its best means: PTX is compiled, machine code runs as it is.
  var best: Fit { isPTX ? .jit : .exact }
}
