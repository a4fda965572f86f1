public import DeviceCode

extension CodeTarget {
  /// The option of nvcc that compiles machine code for it, or PTX.
  public func gencode(isPTX: Bool = false) -> String {
    "-gencode arch=compute_\(self),code=\(isPTX ? "compute" : "sm")_\(self)"
  }
}

extension Device {
  /// The targets of the toolkits in the tables whose machine code runs on it as it is, whatever the driver; ascending.
  public var nativeTargets: [CodeTarget] {
    let compiled = tables.toolkits.compilers.filter { $0.compiler == nil }.flatMap(\.targets)
    let device = withoutDriver
    return Set(compiled + tables.architectures.rows.map(\.computeCapability.target)).sorted().filter {
      target in
      Rule.judge(ImageSignature(DeviceImage(kind: .cubin, target: target)), on: device).fit.isNative
    }
  }
}
