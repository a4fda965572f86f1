import Assessment
import Bytes
import Compatibility
import Stack

/// Writes what to do about one view, and what can be said where nobody asks about a GPU.
struct PlanText {
  let part: ViewAssessment
  let question: Question

  /// Empty where there is nothing to do.
  func text(_ style: TextStyle) -> String {
    (headline.map { wrapped($0, first: "", width: style.width) } ?? "") + plan(style)
      + (oldestDriver.map { "\n" + wrapped(printable($0), first: "", width: style.width) } ?? "")
  }

  /// What to do, in its order, and what no step mends.
  private func plan(_ style: TextStyle) -> String {
    let plan = part.plan
    var text = ""
    func write(_ title: String, _ steps: [Plan.Step], isNumbered: Bool) {
      text += "\n" + style.paint(title, .bold) + "\n"
      for (index, step) in steps.enumerated() {
        text += style.step(
          step.text, step.command, number: isNumbered && steps.count > 1 ? index + 1 : nil)
      }
    }
    if !plan.steps.isEmpty { write(Plan.stepsTitle, plan.steps, isNumbered: true) }
    if !plan.obstacles.isEmpty {
      text += (plan.steps.isEmpty ? "\n" : "") + style.paint(plan.obstaclesTitle, .bold) + "\n"
      let shown = style.showsDetails ? plan.obstacles.count : shownObstacles
      for obstacle in plan.obstacles.prefix(shown) {
        text += wrapped(printable(obstacle), first: "  - ", width: style.width)
      }
      let hidden = plan.obstacles.count - shown
      if hidden > 0 { text += "  and \(grouped(hidden)) more\n" }
    }
    if !plan.building.isEmpty { write("To compile extensions", plan.building, isNumbered: false) }
    return text
  }

  /// Obstacles that are shown without details: fewer behind several steps.
  private var shownObstacles: Int { part.plan.steps.count > 1 ? 2 : 4 }

  /// Whether something is left out without details.
  var isCut: Bool { part.plan.obstacles.count > shownObstacles }

  /// What can be said without a GPU; nil where one is named.
  var headline: String? {
    guard !question.namesDevices, part.view.stack.hasStack else { return nil }
    let failed = part.checks.contains { $0.status == .fail && !$0.id.isAboutBuilding }
    if question.isAboutTargetsOnly, !failed { return nil }
    return failed
      ? "This does not run. Add --gpu to check a GPU." : "No conflicts found. Add --gpu to check a GPU."
  }

  /// The oldest driver that runs everything; nil where a step installs a driver.
  var oldestDriver: String? {
    guard part.answers.allSatisfy({ $0.kind == .yes || $0.kind == .partly }),
      !part.plan.steps.contains(where: { $0.driver != nil }),
      let demand = part.demand, let driver = demand.driver, !demand.demands.isEmpty
    else { return nil }
    return "The oldest driver for this is \(driver): \(demand.asking)."
  }
}

extension Plan {
  /// The heading of steps.
  static let stepsTitle = "What to do"

  /// The heading of what no step mends.
  var obstaclesTitle: String { steps.isEmpty ? "What stands in the way" : "What is left then" }
}

extension TextStyle {
  /// One thing to do, behind its number or a dash, and below it what to type or to write.
  func step(_ text: String, _ command: String?, number: Int? = nil) -> String {
    let first = number.map { "  \($0). " } ?? "  - "
    return wrapped(printable(text), first: first, width: width)
      + (command.map { "      " + paint(printable($0), .cyan) + "\n" } ?? "")
  }
}
