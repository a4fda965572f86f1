import Compatibility
import Stack

/// Whether driver libraries in an image can stand in for those of a host.
enum ForwardCompatibility: Hashable {
  /// They run on this host. `isSupported` is false for a branch that NVIDIA's table no longer has.
  case admitted(isSupported: Bool)
  /// The host's driver is as new.
  case notNeeded
  /// They do not run on this branch: error 803.
  case wrongBranch
  /// They do not run on this GPU: error 804.
  case wrongGPU
  /// Neither the library nor the table tells.
  case unknown

  /// Source: NVIDIA, CUDA compatibility, forward compatibility; the note of the library itself comes first.
  init(_ package: CompatPackage, on device: Device) {
    guard let host = device.knownDriver?.branchNumber(by: device.tables),
      let own = DriverVersion(package.driver.value)?.branchNumber(by: device.tables)
    else {
      self = .unknown
      return
    }
    guard own > host else {
      self = .notNeeded
      return
    }
    if device.segment == .geforce {
      self = .wrongGPU
      return
    }
    let row = package.cuda.flatMap { device.tables.toolkits.forwardCompatibility(for: $0) }
    let branches = package.note?.hosts ?? []
    let isSupported = row?.supportedHosts?.contains(host) ?? false
    if branches.isEmpty {
      if row?.hosts.contains(host) == true {
        self = .admitted(isSupported: isSupported)
      } else if row != nil, device.tables.toolkits.hostBranches.contains(where: { $0.branch == host }) {
        self = .wrongBranch
      } else {
        self = .unknown
        return
      }
    } else {
      self = branches.contains(host) ? .admitted(isSupported: isSupported) : .wrongBranch
    }
    // Only data-centre GPUs, Jetsons and some workstation GPUs are supported.
    if case .admitted = self, device.segment != .datacenter { self = .unknown }
  }
}

extension Assessor {
  /// The package that takes the place of the driver's libraries on a device; nil where none is admitted.
  func usablePackage(on device: Device) -> CompatPackage? {
    facts.compatPackages.filter { package in
      if case .admitted = ForwardCompatibility(package, on: device) { true } else { false }
    }.max { left, right in
      (left.cuda ?? CUDAVersion(0, 0)) < (right.cuda ?? CUDAVersion(0, 0))
    }
  }
}
