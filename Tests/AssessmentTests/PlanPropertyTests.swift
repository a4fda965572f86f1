import Bytes
import Compatibility
import FuzzSupport
import Stack
import StackFixtures
import Testing

@testable import Assessment

/// What must hold of every plan, tried on stacks made at random: the steps are applied to the facts, and the question is
/// asked again.
@Suite struct PlanPropertyTests {
  @Test(arguments: 0..<12 as Range<UInt64>)
  func plansLeadWhereTheySay(_ seed: UInt64) {
    for index in 0..<12 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed &* 5000 &+ index)
      let stack = GeneratedStack(&generator)
      check(stack.view(), stack.devices, "seed \(seed &* 5000 &+ index)")
    }
  }

  private func check(_ view: View, _ devices: [Device], _ name: Comment) {
    let question = Question(
      devices: devices.map { RequestedDevice(query: "\($0.computeCapability)", device: $0) },
      namesDevices: true)
    let assessment = ViewAssessment(view, question)
    let plan = assessment.plan
    let isWrong = assessment.answers.contains { $0.kind == .no || $0.kind == .partly }
    // What does not run has a way out, or something that stands in it.
    #expect(!isWrong || !plan.steps.isEmpty || !plan.obstacles.isEmpty, name)
    #expect(isWrong || plan.steps.isEmpty && plan.obstacles.isEmpty, name)
    #expect(plan.answers.count == devices.count, name)
    #expect(
      plan.obstacles.isEmpty == !plan.answers.contains { $0.kind == .no || $0.kind == .partly }, name)
    // No step is there twice.
    let keys = plan.steps.map { "\($0.kind) \($0.command ?? "") \($0.environment.map { "\($0)" } ?? "")" }
    #expect(Set(keys).count == keys.count, name)
    guard !plan.steps.isEmpty else { return }

    var mended = view
    var later = devices
    for step in plan.steps {
      guard let change = step.change else { continue }
      mended = mended.after(change, by: .shipped)
      if case .driver(let driver) = change {
        for index in later.indices where !later[index].isTegra {
          later[index].driver = driver
        }
      }
    }
    let again = ViewAssessment(
      mended,
      Question(
        devices: later.map { RequestedDevice(query: "\($0.computeCapability)", device: $0) },
        namesDevices: true))
    #expect(again.answers.map(\.kind) == plan.answers.map(\.kind), name)
    #expect(!plan.obstacles.isEmpty || again.plan.steps.isEmpty, name)
    // A step makes no answer worse.
    for (before, after) in zip(assessment.answers, again.answers) {
      #expect(rank(after.kind) <= rank(before.kind), name)
    }
  }

  private func rank(_ kind: Answer.Kind) -> Int {
    switch kind {
    case .yes, .nothing, .unknown: 0
    case .partly: 1
    case .no: 2
    }
  }
}
