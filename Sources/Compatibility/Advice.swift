public import DeviceCode

/// Something that would make a library run, or run better, on a device.
public enum Advice: Hashable, Sendable {
  /// Take a build that carries code for the device: this target, or PTX for it or an earlier compute capability.
  case useBuildWith(CodeTarget)
  /// Compile with this nvcc option, which needs a toolkit from `since` to `until`.
  case rebuild(gencode: String, since: CUDAVersion?, until: CUDAVersion?)
  /// Install this driver or a newer one.
  case updateDriver(DriverVersion, MinimumDriver.Need)
  /// The installed driver does not support the GPU: a branch from `first` to `last` does.
  case installDriver(first: Int, last: Int?)
  /// The first start compiles PTX, which takes time; later ones find the result in the driver's cache.
  case expectCompilation
  /// The device code was never device-linked: link it with `nvcc -dlink` or nvJitLink.
  case linkDeviceCode
}

extension Advice {
  /// The nvcc option that compiles machine code for a device.
  static func rebuild(for device: Device) -> Advice {
    let row = device.tables.architectures[device.computeCapability]
    return .rebuild(
      gencode: device.computeCapability.target.gencode(), since: row?.firstToolkit, until: row?.lastToolkit)
  }

  /// What helps a library with this verdict.
  static func all(for verdict: UnitVerdict) -> [Advice] {
    let device = verdict.device
    var advice: [Advice] = []
    if device.isSupportedByDriver == false, let row = device.tables.architectures[device.computeCapability],
      let first = row.firstDriver
    {
      advice.append(.installDriver(first: first, last: row.lastDriver))
    }
    // For every gap the oldest driver that takes one of its images; of those the newest.
    let blocked = verdict.uncovered.map { gap in
      gap.images.filter { $0.judgement.reason?.isDriverTooOld == true }
        .compactMap { MinimumDriver($0.signature, by: device.tables) }
        .reduce(nil) { oldest, next in oldest.map { MinimumDriver.older($0, next, by: device.tables) } ?? next
        }
    }.reduce(nil) { MinimumDriver.newer($0, $1, by: device.tables) }
    if let blocked { advice.append(.updateDriver(blocked.driver, blocked.need)) }
    // Where every gap has machine code that only the driver holds back, the build is not to blame.
    let isDriverToBlame =
      !verdict.uncovered.isEmpty
      && verdict.uncovered.allSatisfy { gap in
        gap.images.contains { image in
          let reason = image.judgement.reason
          return reason == .gpuUnknownToDriver
            || reason?.isDriverTooOld == true && !image.signature.isPTX
        }
      }
    switch verdict.verdict {
    case .incompatible where isDriverToBlame, .partial where isDriverToBlame: break
    // Code that was written for other GPUs cannot be compiled for this one.
    case .incompatible where verdict.isForOtherGPUs: break
    case .incompatible, .partial, .notGuaranteed:
      advice.append(.useBuildWith(device.computeCapability.target))
      advice.append(.rebuild(for: device))
    case .jit:
      advice.append(.expectCompilation)
      advice.append(.rebuild(for: device))
    case .noDeviceCode where verdict.linkInputs > 0: advice.append(.linkDeviceCode)
    case .native, .noDeviceCode: break
    }
    return advice
  }
}

extension ExclusionReason {
  /// A newer driver would take the image.
  public var isDriverTooOld: Bool { self == .ptxISANewerThanDriver || self == .compressionNewerThanDriver }

  /// Another driver would take the image.
  public var isByDriver: Bool { isDriverTooOld || self == .gpuUnknownToDriver }
}
