import Assessment
import Bytes
import Compatibility
import Stack

/// Writes what is around the device code of one view: the parts that have to fit, what does not, and what mends it.
struct StackText {
  let part: ViewAssessment
  let question: Question

  private var facts: StackFacts { part.view.stack }

  /// Empty where nothing of a stack is in the view and nothing is wrong with what is.
  func text(_ style: TextStyle) -> String {
    let remarks = remarks
    // Where nothing else is known, what is compiled at run time has its line alone, and none where nothing is.
    let lines = (facts.hasStack ? SummaryLine.allCases : [.runtimeCode]).map { ($0, part.status(of: $0)) }
      .filter { $0.1 != nil || $0.0 != .runtimeCode }
    guard !lines.isEmpty || !remarks.isEmpty || !part.plan.isEmpty else { return "" }
    let titleWidth = lines.map { columns($0.0.title) }.max() ?? 0
    let isSilent =
      !question.namesDevices && !question.namesDriver && facts.images.isEmpty
      && lines.allSatisfy { $0.1 == nil || $0.1 == .unknown } && remarks.isEmpty
      && part.plan.isEmpty
    if isSilent { return "" }
    var text = question.namesDevices && !lines.isEmpty ? "\n" : ""
    text += lines.map { line($0.0, $0.1 ?? .unknown, titleWidth, style) }.joined()
    text += headline(style) + oldestDriver(style)
    if !remarks.isEmpty { text += "\n" + remarks.map { remark($0, style) }.joined() }
    return text + plan(style)
  }

  /// What to do, in its order, and what no step mends.
  private func plan(_ style: TextStyle) -> String {
    let plan = part.plan
    var text = ""
    func write(_ title: String, _ steps: [Plan.Step], isNumbered: Bool) {
      text += "\n" + style.paint(title, .bold) + "\n"
      for (index, step) in steps.enumerated() {
        let first = isNumbered && steps.count > 1 ? "  \(index + 1). " : "  - "
        text += wrapped(printable(step.text), first: first, width: style.width)
        if let command = step.command {
          text += "      " + style.paint(printable(command), .cyan) + "\n"
        }
      }
    }
    if !plan.steps.isEmpty { write("What to do", plan.steps, isNumbered: true) }
    if !plan.obstacles.isEmpty {
      text +=
        "\n" + style.paint(plan.steps.isEmpty ? "What stands in the way" : "What is left then", .bold) + "\n"
      for obstacle in plan.obstacles {
        text += wrapped(printable(obstacle), first: "  - ", width: style.width)
      }
    }
    if !plan.building.isEmpty { write("To compile extensions", plan.building, isNumbered: false) }
    return text
  }

  /// What can be said without a GPU.
  private func headline(_ style: TextStyle) -> String {
    guard !question.namesDevices, facts.hasStack else { return "" }
    let failed = part.checks.contains { $0.status == .fail && !$0.id.isAboutBuilding }
    return "\n"
      + wrapped(
        failed
          ? "This does not run. Add --gpu to check a GPU." : "No conflicts found. Add --gpu to check a GPU.",
        first: "", width: style.width)
  }

  /// The checks that did not pass, the failed ones first; without those that only want a driver to be named.
  private var remarks: [Check] {
    let order: [Check.Status] = [.fail, .warn, .unknown]
    // What is the same for several GPUs is told once.
    var seen: Set<String> = []
    return order.flatMap { status in
      part.checks.filter { check in
        check.status == status
          && (question.namesDriver || status != .unknown || !check.id.dependsOnDriver)
          // What PyTorch says of itself is of interest where nobody asks whether it runs.
          && !(check.id == .flagsContents && question.namesDevices)
          && seen.insert(check.message).inserted
      }
    }
  }

  private func line(
    _ line: SummaryLine, _ status: Check.Status, _ titleWidth: Int, _ style: TextStyle
  ) -> String {
    let (checks, others) = deciding(line, status)
    var reason = checks.map { printable($0.summary) }.joined(separator: "; ")
    if others > 0 { reason += " (and \(counted(others, "more like this", "more like this")))" }
    if checks.isEmpty { reason = self.reason(forNothing: line) }
    let title = line.title.padded(to: titleWidth)
    let lines = wrapped(reason, first: "\(title)  \(status.mark)  ", width: style.width)
    return style.paint(title, .bold) + "  " + style.paint(status.mark, status.color)
      + String(lines.dropFirst(title.count + 2 + status.mark.count))
  }

  /// The checks of a line that decide it, at most one for each rule, and how many others there are.
  private func deciding(_ line: SummaryLine, _ status: Check.Status) -> (checks: [Check], others: Int) {
    let all = part.checks.filter { $0.line == line && $0.status == status }
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

  /// Why nothing was compared.
  private func reason(forNothing line: SummaryLine) -> String {
    switch line {
    case .driverAndCUDA:
      question.namesDriver ? "no CUDA runtime was found" : "no driver is given: name one with --driver"
    case .torchAndCUDA: "PyTorch was not found"
    case .driverAndGPU:
      question.namesDevices ? "no driver is given" : "no GPU is given: name one with --gpu"
    case .torchAndGPU:
      if facts.torches.isEmpty {
        "PyTorch was not found"
      } else if !question.namesDevices {
        "no GPU is given: name one with --gpu"
      } else {
        facts.torches.allSatisfy { $0.cuda == nil }
          ? "PyTorch has no code for NVIDIA GPUs" : "no device code of PyTorch was found"
      }
    case .runtimeCode: "nothing compiles at run time"
    }
  }

  /// The oldest driver that does, where nobody is told to install it.
  private func oldestDriver(_ style: TextStyle) -> String {
    guard part.answers.allSatisfy({ $0.kind == .yes || $0.kind == .partly }),
      !part.plan.steps.contains(where: { $0.driver != nil }),
      let demand = part.demand, let driver = demand.driver, !demand.demands.isEmpty
    else { return "" }
    return "\n"
      + wrapped(
        printable("The oldest driver for this is \(driver): \(demand.asking)."), first: "", width: style.width
      )
  }

  /// Files that are shown as evidence of one check.
  private static let shownEvidence = 4

  private func remark(_ check: Check, _ style: TextStyle) -> String {
    let lines = wrapped(printable(check.message), first: check.status.mark + " ", width: style.width)
    var text = style.paint(check.status.mark, check.status.color) + String(lines.dropFirst(1))
    var evidence: [String] = []
    for item in check.evidence {
      let line = (item.path.map { "\($0): " } ?? "") + printable(item.says)
      if !evidence.contains(line) { evidence.append(line) }
    }
    for line in evidence.prefix(Self.shownEvidence) {
      text += wrapped(line, first: "    ", width: style.width)
    }
    let hidden = evidence.count - Self.shownEvidence
    if hidden > 0 { text += "    and \(grouped(hidden)) more\n" }
    return text
  }
}

extension Check.Status {
  var mark: String {
    switch self {
    case .pass: "✓"
    case .warn: "!"
    case .fail: "✗"
    case .unknown: "?"
    }
  }

  var color: TextStyle.Color {
    switch self {
    case .pass: .green
    case .warn, .unknown: .yellow
    case .fail: .red
    }
  }
}

extension SummaryLine {
  var title: String {
    switch self {
    case .driverAndCUDA: "driver and CUDA"
    case .torchAndCUDA: "PyTorch and CUDA"
    case .driverAndGPU: "driver and GPU"
    case .torchAndGPU: "PyTorch and GPU"
    case .runtimeCode: "code made at run time"
    }
  }
}
