import DeviceCode

/// The driver must know how the entry is compressed: zstd needs the release in the driver table. An older one answers
/// "device kernel image is invalid".
enum CompressionRule {
  static func judge(_ image: ImageSignature, with driver: DriverVersion, by tables: TableSet)
    -> ImageJudgement?
  {
    driver.supports(image.compression, by: tables) == false
      ? .init(excluded: .compressionNewerThanDriver, by: .compression) : nil
  }

}
