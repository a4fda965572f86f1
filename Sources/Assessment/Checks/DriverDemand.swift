public import Compatibility
import Stack

/// The oldest driver with which everything runs that a driver decides.
public struct DriverDemand: Hashable, Sendable {
  /// Nil where no driver in the tables satisfies everything.
  public var driver: DriverVersion?
  /// The checks that the next older driver does not pass: what demands this one.
  public var demands: [Check]
  /// What they are about, each once: `CUDA 12.4 of PyTorch 2.5.1`, `the PTX of my-ops 1.0`.
  public var reasons: [String]

  /// The reasons as the subject of a sentence with its verb.
  public var asking: String {
    listed(reasons, atMost: 3) + (reasons.count == 1 ? " asks for it" : " ask for it")
  }
}

extension Assessor {
  /// The oldest driver that passes all checks which depend on the driver, and what demands it; nil where nothing
  /// asks for a driver, and for Tegras, whose drivers are numbered differently.
  ///
  /// Tried are the drivers of ``Question/drivers``.
  func driverDemand() -> DriverDemand? {
    guard !devices.isEmpty, !devices.contains(where: { $0.isTegra }) else { return nil }
    var assessor = self
    /// What the last driver fails by itself. The code is judged only where it counts.
    var failed: [Check] = []
    var isFirst = true
    var failing = 0
    func demand(_ driver: DriverVersion?) -> DriverDemand {
      let demands = isFirst ? [] : failed + assessor.driverFailures(on: assessor.devices)
      return DriverDemand(driver: driver, demands: demands, reasons: distinct(demands.map(reason)))
    }
    for driver in candidates {
      var next = assessor
      for index in next.devices.indices { next.devices[index].driver = driver }
      // Newer drivers are of no use to a GPU that they have left behind.
      if next.devices.contains(where: \.isLeftBehind) { break }
      let fails =
        next.driverChecks().filter { check in
          check.status == .fail && check.id.dependsOnDriver || check.status == .warn && check.id == .driverGPU
        }.filter { next.ignoreRule(for: $0) == nil } + next.compilationsThatDriversFail()
      if fails.isEmpty, !next.failsWithDriver(on: next.devices, lookingFirstAt: &failing) {
        return demand(driver)
      }
      (assessor, failed, isFirst) = (next, fails, false)
    }
    return demand(nil)
  }

  /// What a failed check about the driver is about.
  private func reason(_ check: Check) -> String {
    switch check.id {
    case .driverGPU: check.device.map { devices[$0].label } ?? "the GPU"
    case .driverRuntime:
      runtimes.first { $0.name == check.subject }.map { "\($0.name) of \($0.users[0])" } ?? "the CUDA runtime"
    case .driverImage: "the image's \(check.subject ?? "requirement")"
    case .ptxDriver: "the PTX of \(check.subject ?? "a library")"
    case .runtimeCode: "what \(check.subject ?? "a package") compiles"
    default: "the compressed code of \(check.subject ?? "a library")"
    }
  }
}

/// Which drivers do: from the first on, up to the last branch that still supports the GPU.
struct DriverRange: Hashable, CustomStringConvertible {
  var first: DriverVersion
  /// Nil while the newest does.
  var lastBranch: Int?

  /// Whether the last branch is older than the first driver.
  func isEmpty(by tables: TableSet) -> Bool {
    guard let lastBranch, let branch = first.branchNumber(by: tables) else { return false }
    return branch > lastBranch
  }

  /// `driver 525.60.13 or newer`, `a driver from 525.60.13 to R580`.
  var description: String {
    lastBranch.map { "a driver from \(first) to R\($0)" } ?? "driver \(first) or newer"
  }
}

extension Device {
  /// Whether its driver is of a branch after the last that supports it.
  var isLeftBehind: Bool {
    guard isSupportedByDriver == false, let last = lastDriverBranch,
      let branch = knownDriver?.branchNumber(by: tables)
    else { return false }
    return branch > last
  }
}
