public import Compatibility

/// The oldest driver with which everything runs that a driver decides.
public struct DriverDemand: Hashable, Sendable {
  /// Nil where no driver in the tables satisfies everything.
  public var driver: DriverVersion?
  /// The checks that the next older driver does not pass: what demands this one.
  public var demands: [Check]
}

extension StackQuestion {
  /// The oldest driver that passes all checks which depend on the driver, and what demands it; nil where nothing
  /// asks for a driver, and for Tegras, whose drivers are numbered differently.
  ///
  /// Tried are the releases that the tables name, and the branches of which they name none.
  public func driverDemand() -> DriverDemand? {
    guard !devices.isEmpty, !devices.contains(where: { $0.computeCapability.isTegra }) else { return nil }
    var question = self
    question.libraries.removeAll { !$0.library.dependsOnDriver }
    /// What a driver fails by itself, and the question with it, of which the code is judged only where it counts.
    var last: (question: StackQuestion, failed: [Check])?
    func demands() -> [Check] { last.map { $0.failed + $0.question.driverFailures() } ?? [] }
    for driver in Self.candidates {
      question = question.with(driver: driver)
      let failed = question.driverChecks().filter { $0.id.dependsOnDriver && $0.status == .fail }
      if failed.isEmpty, question.driverFailures().isEmpty {
        return DriverDemand(driver: driver, demands: demands())
      }
      last = (question, failed)
    }
    return DriverDemand(driver: nil, demands: demands())
  }

  /// Oldest first.
  private static let candidates: [DriverVersion] = {
    let releases =
      ToolkitTable.shared.toolkits.compactMap(\.minimumDriver)
      + DriverTable.shared.minorVersionCompatibility.map(\.minimumDriver)
      + DriverTable.shared.compression.map(\.minimumDriver)
    let known = Set(releases.compactMap(\.branchNumber))
    let branches = DriverTable.shared.branches.filter { $0.confirmed != false && !known.contains($0.branch) }
    return Array(Set(releases + branches.map { .branch($0.branch) })).sorted { left, right in
      left.numbers.lexicographicallyPrecedes(right.numbers)
    }
  }()
}

extension DriverVersion {
  /// The numbers of a release, the number of a branch; empty for a CUDA version.
  fileprivate var numbers: [Int] {
    switch self {
    case .release(let numbers, _): numbers
    case .branch(let number): [number]
    case .cuda: []
    }
  }
}
