import DeviceCode

/// The driver must know how the entry is compressed: zstd needs the release in the driver table. An older one answers
/// "device kernel image is invalid".
enum CompressionRule {
  static func judge(_ image: ImageSignature, with driver: DriverVersion) -> ImageJudgement? {
    driver.supports(image.compression) == false
      ? .init(excluded: .compressionNewerThanDriver, by: .compression) : nil
  }

  static func message(_ judgement: ImageJudgement, _ image: ImageSignature, _ device: Device) -> String {
    let minimum = DriverTable.shared.compression
      .first { $0.compression == image.compression.rawValue }?.minimumDriver
    return "\(image.targetName) is compressed with \(image.compression.rawValue), which needs driver "
      + "\(minimum?.description ?? "?") or newer, not \(device.driver?.description ?? "this one")"
  }
}
