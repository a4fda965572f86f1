public import DeviceCode

/// What a unit of device code is worth on a GPU, in the terms by which two releases are compared.
public struct Coverage: Hashable, Sendable {
  public var verdict: Verdict
  /// The targets of the code that the driver takes, ascending.
  public var targets: [ImageTarget]
  /// Modules that should run and have no code for the GPU, and how many modules there are.
  public var gaps: Int
  public var modules: Int
  /// The oldest driver that supports the GPU and runs the code; nil where nothing runs and where the tables do not tell.
  public var oldestDriver: DriverVersion?

  /// Whether any of it runs or may run.
  public var runs: Bool { verdict != .incompatible && verdict != .noDeviceCode }
}

extension CodeUnit {
  /// What the unit is worth on a device, whatever its driver.
  public func coverage(on device: Device, kernels: KernelNames = KernelNames()) -> Coverage {
    let (verdict, steps) = judge(on: device.withoutDriver, kernels)
    let taken = steps.filter { $0.role == .portable || $0.role == .specialised }
      .compactMap(\.verdict.winner?.signature)
    var coverage = Coverage(
      verdict: verdict.verdict, targets: Set(taken.map { ImageTarget($0.kind, $0.target) }).sorted(),
      gaps: verdict.gaps, modules: verdict.modules)
    guard coverage.runs else { return coverage }
    coverage.oldestDriver = device.oldestDriver
    if let needed = verdict.minimumDriver?.driver,
      device.oldestDriver?.isAtLeast(needed, by: device.tables) != true
    {
      coverage.oldestDriver = needed
    }
    return coverage
  }
}
