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
  public var namesDevices: Bool
  public var requirements: [TargetRequirement]
  /// What everything is judged by.
  public let tables: TableSet

  /// The devices are judged by `tables`, whatever they had.
  public init(
    devices: [RequestedDevice], namesDevices: Bool, requirements: [TargetRequirement] = [],
    tables: TableSet = .shipped
  ) {
    self.tables = tables
    self.devices = devices.map { requested in
      var requested = requested
      requested.device.tables = tables
      return requested
    }
    self.namesDevices = namesDevices
    self.requirements = requirements
  }

  /// Whether the driver is part of the question.
  public var namesDriver: Bool { devices.contains { $0.device.driver != nil } }
}

extension Device {
  /// `NVIDIA A100-PCIE-40GB (8.0)`, or `NVIDIA A100 (8.0)` where it may be one of several.
  public var label: String {
    guard let name = name ?? commonName else { return "compute capability \(computeCapability)" }
    return "\(name) (\(computeCapability))"
  }
}
