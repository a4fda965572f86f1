/// The driver must support the GPU: each compute capability has a first driver branch and, when it is old, a last one,
/// in the table `architectures.json`.
enum DriverRule {
  static func judge(on device: Device) -> ImageJudgement? {
    device.isSupportedByDriver == false ? .init(excluded: .gpuUnknownToDriver, by: .driver) : nil
  }

}
