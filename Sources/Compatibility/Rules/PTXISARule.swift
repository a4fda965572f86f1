import DeviceCode

/// The driver must know the version of PTX; CUDA minor-version compatibility does not help. Source: `cuda.h`, error 222
/// `CUDA_ERROR_UNSUPPORTED_PTX_VERSION`; NVIDIA's minor-version compatibility guide.
///
/// Whether a driver newer than the table knows a version newer than the table is not known, so it is not guaranteed.
enum PTXISARule {
  static func judge(_ image: ImageSignature, with driver: DriverVersion, by tables: TableSet)
    -> ImageJudgement?
  {
    guard let isa = image.ptxISA else { return nil }
    return switch driver.supports(isa, by: tables) {
    case true?: nil
    case false?: .init(excluded: .ptxISANewerThanDriver, by: .ptxISA)
    case nil: .init(.notGuaranteed, by: .ptxISA)
    }
  }

}
