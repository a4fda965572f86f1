import DeviceCode

/// The driver must know the version of PTX; CUDA minor-version compatibility does not help. Source: `cuda.h`, error 222
/// `CUDA_ERROR_UNSUPPORTED_PTX_VERSION`; NVIDIA's minor-version compatibility guide.
///
/// Whether a driver newer than the table knows a version newer than the table is not known, so it is not guaranteed.
enum PTXISARule {
  static func judge(_ image: ImageSignature, with driver: DriverVersion) -> ImageJudgement? {
    guard let isa = image.ptxISA else { return nil }
    return switch driver.supports(isa) {
    case true?: nil
    case false?: .init(excluded: .ptxISANewerThanDriver, by: .ptxISA)
    case nil: .init(.notGuaranteed, by: .ptxISA)
    }
  }

  static func message(_ judgement: ImageJudgement, _ image: ImageSignature, _ device: Device) -> String {
    let isa = image.ptxISA?.description ?? "?"
    let driver = device.driver?.description ?? "the driver"
    guard judgement.fit == .none else {
      return "\(image.targetName) is PTX \(isa); which versions \(driver) compiles is not known"
    }
    let newest = device.driver?.newestPTXISA.map { " (its newest is \($0))" } ?? ""
    return
      "\(image.targetName) is PTX \(isa), which \(driver) does not know\(newest): error 222, the provided PTX "
      + "was compiled with an unsupported toolchain"
  }
}
