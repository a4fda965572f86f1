import Bytes
import Compatibility
import Scan
public import Stack

/// The software around the device code, judged together with it.
public struct StackReport: Sendable {
  public var facts: StackFacts
  public var checks: [Check]
  public var summary: StackSummary
  public var recommendations: [Recommendation]
  /// The oldest driver that satisfies everything; nil where nothing asks for a driver.
  public var demand: DriverDemand?
  /// The GPUs that were asked for; empty when none was.
  var devices: [JudgedDevice]
  var hasDriver: Bool

  /// Nil where nothing of a stack is under the roots, and the driver is not too old for a runtime that the device code
  /// brings.
  ///
  /// Without a question only what does not depend on a GPU is judged.
  init?(_ facts: StackFacts, _ libraries: [StackLibrary], devices: [JudgedDevice], isQuestion: Bool) {
    hasDriver = devices.contains { $0.device.driver != nil }
    self.facts = facts
    self.devices = isQuestion ? devices : []
    // Without a question the driver is compared with what needs no GPU; those of Tegras are numbered differently.
    let generations = hasDriver ? devices.map(\.device).filter { !$0.computeCapability.isTegra } : []
    var question = StackQuestion(
      facts: facts, devices: isQuestion ? devices.map(\.device) : generations,
      libraries: libraries)
    checks = question.checks()
    guard facts.hasStack || checks.contains(where: { $0.id == .driverRuntime && $0.status == .fail }) else {
      return nil
    }
    if !isQuestion {
      checks = checks.filter { $0.device == nil } + checks.openWithoutGPU
      question.devices = []
    }
    summary = StackSummary(checks, namesDriver: hasDriver)
    let recommendations = question.recommendations(for: checks)
    // Without GPUs there is nothing to search builds of PyTorch for.
    self.recommendations =
      isQuestion
      ? recommendations : recommendations.filter { [.installLibraries, .toolkit].contains($0.kind) }
    demand = isQuestion ? question.driverDemand() : nil
  }

  /// The first deciding check of that status, and how many others there are.
  func first(_ status: Check.Status) -> (check: Check, others: Int)? {
    let all = summary.deciding.filter { $0.status == status }
    return all.first.map { ($0, all.count - 1) }
  }

  /// The checks of a line of the summary that decide it, at most one for each rule, and how many others there are.
  func deciding(_ line: StackSummary.Line) -> (checks: [Check], others: Int) {
    let all = checks.filter { $0.line == line && $0.status == summary.lines[line] }
    var shown: [Check] = []
    for check in all {
      guard let index = shown.firstIndex(where: { $0.id == check.id }) else {
        shown.append(check)
        continue
      }
      // The newest runtime asks most of the driver, and comes last.
      if check.id == .driverRuntime { shown[index] = check }
    }
    return (shown, all.count - shown.count)
  }

  /// The checks that did not pass, the failed ones first; without those that only want a driver to be named.
  var remarks: [Check] {
    let order: [Check.Status] = [.fail, .warn, .unknown]
    return order.flatMap { status in
      checks.filter { check in
        check.status == status && (hasDriver || status != .unknown || !check.id.dependsOnDriver)
      }
    }
  }
}

extension StackFacts {
  /// Whether anything is known of the software around the device code but what the code itself tells.
  fileprivate var hasStack: Bool {
    environments.contains { $0.torch != nil || !$0.frameworks.isEmpty || !$0.components.isEmpty }
      || !toolkits.isEmpty || !components.isEmpty || !compatPackages.isEmpty || !images.isEmpty
  }
}

extension [Check] {
  /// What each GPU answers for itself about the driver, in one check for a question without a GPU.
  fileprivate var openWithoutGPU: [Check] {
    let open = filter { $0.device != nil && ($0.id == .driverRuntime || $0.id == .driverImage) }
    var merged: [Check] = []
    for check in open where !merged.contains(where: { $0.id == check.id && $0.subject == check.subject }) {
      var one = check
      one.device = nil
      let statuses = Set(open.filter { $0.id == check.id && $0.subject == check.subject }.map(\.status))
      if statuses != [.pass], statuses != [.fail] {
        one.status = .unknown
        one.message =
          (check.id == .driverRuntime
            ? "whether the driver runs \(check.subject ?? "the CUDA runtime")"
            : "whether the image takes the driver")
          + " depends on the GPU, and none is given"
      }
      merged.append(one)
    }
    return merged
  }
}
