public import Compatibility

/// One GPU, or one generation of GPUs, that is asked about.
public struct RequestedDevice: Hashable, Sendable {
  /// As it was asked for; for the generations of an overview the compute capability.
  public var query: String
  public var device: Device

  public init(query: String, device: Device) {
    self.query = query
    self.device = device
  }
}

/// What is asked of the facts.
public struct Question: Sendable {
  public var devices: [RequestedDevice]
  /// Whether somebody asked about these devices, or they are the generations of an overview.
  public package(set) var namesDevices: Bool
  public var requirements: Requirements
  /// What does not matter; of several rules for one thing the first counts.
  public var ignores: [IgnoreRule] = []
  /// Whether it is asked what to do, too, which takes longer than all else.
  public var asksForPlan = true
  /// What everything is judged by.
  public let tables: TableSet
  /// The drivers that the tables name, oldest first: their releases, and the branches of which they name none. Empty where
  /// no devices are named, because then nobody asks for a driver.
  let drivers: [DriverVersion]

  /// The devices are judged by `tables`, whatever they had.
  public init(
    devices: [RequestedDevice], namesDevices: Bool, requirements: Requirements = Requirements(),
    tables: TableSet = .shipped
  ) {
    self.tables = tables
    drivers = namesDevices ? Self.drivers(tables, devices.map(\.device)) : []
    self.devices = devices.map { requested in
      var requested = requested
      requested.device.tables = tables
      return requested
    }
    self.namesDevices = namesDevices
    self.requirements = requirements
  }

  private static func drivers(_ tables: TableSet, _ devices: [Device]) -> [DriverVersion] {
    let releases =
      devices.flatMap(\.firstDrivers) + tables.architectures.rows.compactMap(\.firstRelease)
      + tables.toolkits.toolkits.compactMap(\.minimumDriver)
      + tables.drivers.minorVersionCompatibility.map(\.minimumDriver)
      + tables.drivers.compression.map(\.minimumDriver)
    let known = Set(releases.compactMap { $0.branchNumber(by: tables) })
    let branches = tables.drivers.branches.filter { $0.confirmed != false && !known.contains($0.branch) }
    return Set(releases + branches.map { .branch($0.branch) }).sorted { left, right in
      (left.numbers ?? []).lexicographicallyPrecedes(right.numbers ?? [])
    }
  }

  /// Whether somebody asks what libraries carry, and about no GPU.
  public var isAboutTargetsOnly: Bool { !namesDevices && !requirements.isEmpty }

  /// Whether the driver is part of the question.
  public var namesDriver: Bool { devices.contains { $0.device.driver != nil } }
}

extension Device {
  /// What people call it: `RTX 5090`, `A100-PCIE-40GB`, or `A100` where it may be one of several.
  public var label: String {
    guard var name = (name ?? commonName)?[...] else { return "compute capability \(computeCapability)" }
    for maker in ["NVIDIA ", "GeForce "] where name.hasPrefix(maker) {
      let rest = name.dropFirst(maker.count)
      // `NVIDIA TITAN V`, but `GeForce 940A` and `GeForce GT 440`.
      if maker == "NVIDIA " || rest.hasPrefix("RTX ") || rest.hasPrefix("GTX ") { name = rest }
    }
    return String(name)
  }
}
