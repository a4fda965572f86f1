public import Compatibility
import DeviceCode

/// How what a library is worth on the GPUs of one compute capability differs between two sides.
public struct GPUDifference: Hashable, Sendable {
  public var computeCapability: ComputeCapability
  public var old: Coverage
  public var new: Coverage
  /// Whether it runs on both sides, and the new one only with drivers newer than the old one's oldest.
  public var needsNewerDriver: Bool
  /// The reverse.
  public var takesOlderDriver: Bool

  /// What the sides are worth on a device; nil where that is the same.
  init?(_ device: Device, old: Coverage, new: Coverage) {
    let hasChanged =
      old.verdict != new.verdict || old.targets != new.targets || old.oldestDriver != new.oldestDriver
    guard hasChanged, old.runs || new.runs else { return nil }
    computeCapability = device.computeCapability
    self.old = old
    self.new = new
    func isOlder(_ left: Coverage, _ right: Coverage) -> Bool {
      guard let own = left.oldestDriver, let other = right.oldestDriver else { return false }
      return own.isAtLeast(other, by: device.tables) == false
    }
    needsNewerDriver = isOlder(old, new)
    takesOlderDriver = isOlder(new, old)
  }

  /// Whether the new side has gaps on the GPUs where the old one had none, or nothing of it runs.
  public var isLost: Bool { Self.isLost(old, new) }
  public var isGained: Bool { Self.isLost(new, old) }

  private static func isLost(_ old: Coverage, _ new: Coverage) -> Bool {
    old.runs && (!new.runs || new.verdict == .partial && old.verdict != .partial)
  }
}

extension ScanResult {
  /// Reads the names of kernels, and the directives of PTX, that verdicts on GPUs depend on, in `libraries`, which are
  /// indices, on `jobs` threads. What cannot be read ``kernels(of:jobs:progress:)`` tells.
  public mutating func readNames(
    of libraries: some Collection<Int>, by tables: TableSet, jobs: Int, progress: ScanProgress? = nil
  ) {
    var named = self
    named.readKernels(
      for: CodeReading(.devices(Self.comparedDevices(tables)), in: [], by: tables), of: Set(libraries),
      jobs: jobs, progress: progress)
    for index in libraries {
      self.libraries[index].unit = named.libraries[index].unit
      self.libraries[index].kernels = named.libraries[index].kernels
    }
  }

  /// The GPUs for which two releases are compared: one of each compute capability that a document confirms.
  static func comparedDevices(_ tables: TableSet) -> [Device] {
    tables.architectures.rows.filter { $0.confirmed != false }
      .map { Device($0.computeCapability, tables: tables) }
  }

  /// How two of its libraries, which are indices, differ on the GPUs.
  func gpuDifferences(_ old: Int, _ new: Int, on devices: [Device]) -> [GPUDifference] {
    devices.compactMap { device in
      let sides = [old, new].map { libraries[$0].unit.coverage(on: device, kernels: libraries[$0].kernels) }
      return GPUDifference(device, old: sides[0], new: sides[1])
    }
  }
}
