/// What a library or a package is worth on one device.
public enum Verdict: String, Hashable, Sendable, CaseIterable {
  /// Every portable module has machine code for the device.
  case native
  /// Every portable module runs, some only after the driver has compiled PTX.
  case jit
  /// Every portable module may run, but for some of them NVIDIA does not promise it.
  case notGuaranteed
  /// Some modules run or may run; others are gaps, whose kernels fail when they are called.
  case partial
  /// No module runs.
  case incompatible
  /// There is no device code that the driver could load.
  case noDeviceCode

  /// How bad it is: 0 is `native`, 4 `incompatible`; nil for `noDeviceCode`, which is neither good nor bad.
  public var severity: Int? {
    switch self {
    case .native: 0
    case .jit: 1
    case .notGuaranteed: 2
    case .partial: 3
    case .incompatible: 4
    case .noDeviceCode: nil
    }
  }

  /// The verdict over several libraries, such as those of a package: the worst one. Those without device code do not
  /// count; if there are no others the result is `noDeviceCode`.
  public static func worst(of verdicts: some Sequence<Verdict>) -> Verdict {
    verdicts.reduce(.noDeviceCode) { worst, next in
      (next.severity ?? -1) > (worst.severity ?? -1) ? next : worst
    }
  }
}
