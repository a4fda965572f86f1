import Bytes
import Compatibility
import Stack

extension StackReport {
  /// The table of four lines, the answer, the reasons, and what mends the stack; empty where nothing was asked and
  /// nothing was found.
  func text(_ style: TextStyle) -> String {
    if devices.isEmpty, !hasDriver, facts.images.isEmpty, summary.lines.values.allSatisfy({ $0 == .unknown }),
      remarks.isEmpty,
      recommendations.isEmpty
    {
      return ""
    }
    var text = StackSummary.Line.allCases.map { line($0, style) }.joined()
    text += "\n" + answer(style)
    let remarks = remarks
    if !remarks.isEmpty { text += "\n" + remarks.map { remark($0, style) }.joined() }
    if !recommendations.isEmpty {
      text += "\n" + style.paint("What to do", .bold) + "\n"
      for recommendation in recommendations {
        text += wrapped(printable(recommendation.message), first: "  - ", width: style.width)
        if let command = recommendation.command {
          text += "      " + style.paint(printable(command), .cyan) + "\n"
        }
      }
    }
    return text + "\n"
  }

  private static let titleWidth = StackSummary.Line.allCases.map { columns($0.title) }.max() ?? 0

  private func line(_ line: StackSummary.Line, _ style: TextStyle) -> String {
    let status = summary.lines[line] ?? .unknown
    let (checks, others) = deciding(line)
    var reason = checks.map { printable($0.clause) }.joined(separator: "; ")
    // What the driver must be says more than that none is given.
    if status == .unknown, !hasDriver, let check = checks.first(where: { $0.id.dependsOnDriver }) {
      reason = printable(check.message)
    }
    if others > 0 { reason += " (and \(counted(others, "more like this", "more like this")))" }
    if checks.isEmpty { reason = self.reason(forNothing: line) }
    let title = line.title.padded(to: Self.titleWidth)
    let lines = wrapped(reason, first: "\(title)  \(status.mark)  ", width: style.width)
    return style.paint(title, .bold) + "  " + style.paint(status.mark, status.color)
      + lines.unicodeScalars.dropFirst(columns(title) + 2 + columns(status.mark)).text
  }

  /// Why nothing was compared.
  private func reason(forNothing line: StackSummary.Line) -> String {
    switch line {
    case .driverAndCUDA:
      if !hasDriver { return "no driver is given: name one with --driver" }
      return "no CUDA runtime was found"
    case .torchAndCUDA: return "PyTorch was not found"
    case .driverAndGPU: return devices.isEmpty ? "no GPU is given: name one with --gpu" : "no driver is given"
    case .torchAndGPU:
      if facts.torches.isEmpty { return "PyTorch was not found" }
      if devices.isEmpty { return "no GPU is given: name one with --gpu" }
      return facts.torches.allSatisfy { $0.cuda == nil }
        ? "PyTorch has no code for NVIDIA GPUs" : "no device code of PyTorch was found"
    }
  }

  private func answer(_ style: TextStyle) -> String {
    let status = summary.answer
    return wrapped(sentence(status) + ".", first: "", width: style.width).split(separator: "\n").map {
      style.paint(String($0), status == .pass ? .green : status == .fail ? .red : .yellow) + "\n"
    }.joined() + oldestDriver(style)
  }

  /// The oldest driver that does, where one does and nobody is told to install it.
  private func oldestDriver(_ style: TextStyle) -> String {
    guard summary.answer == .pass || summary.answer == .warn,
      !recommendations.contains(where: { $0.kind == .installDriver }),
      let demand, let driver = demand.driver, !demand.demands.isEmpty
    else { return "" }
    let sentence = "The oldest driver for this is \(driver): \(demand.asking)."
    return wrapped(printable(sentence), first: "", width: style.width)
  }

  /// The answer in one sentence.
  private func sentence(_ status: Check.Status) -> String {
    let labels = devices.map(\.deviceLabel)
    let driver = devices.first?.device.driver.map { " with driver \($0)" } ?? ""
    let hint = hasDriver ? "" : "; --driver asks about the driver too"
    if devices.isEmpty {
      let open = ", and --gpu asks about a GPU"
      return switch status {
      case .pass: "What is here fits together" + open
      case .fail: "No: " + because(.fail)
      case .warn: "With reservations: " + because(.warn) + open
      case .unknown where first(.unknown) != nil:
        "That cannot be told: " + because(.unknown) + "; --gpu names one"
      case .unknown: "Nothing here can be compared without a GPU: name one with --gpu"
      }
    }
    switch status {
    case .pass: return "Yes, it runs on \(listed(labels))\(driver)\(hint)"
    case .warn:
      let running = devices.indices.filter { summary.answer(onDevice: $0) == .pass }
      let others = labels.indices.filter { !running.contains($0) }
      let without = running.isEmpty ? "" : " (without on \(listed(running.map { labels[$0] })))"
      return "With reservations on \(listed(others.map { labels[$0] }))\(driver)\(without): " + because(.warn)
    case .unknown: return "That cannot be told for \(listed(labels))\(driver): " + because(.unknown)
    case .fail:
      let failing = devices.indices.filter { summary.answer(onDevice: $0) == .fail }
      let open = devices.indices.filter { summary.answer(onDevice: $0) == .unknown }
      let running = devices.indices.filter { !failing.contains($0) && !open.contains($0) }
      let others =
        (running.isEmpty ? [] : ["it does on \(listed(running.map { labels[$0] }))"])
        + (open.isEmpty ? [] : ["that cannot be told for \(listed(open.map { labels[$0] }))"])
      return "No, it does not run on \(listed(failing.map { labels[$0] }))\(driver)"
        + (others.isEmpty ? "" : " (\(others.joined(separator: "; ")))") + ": " + because(.fail)
    }
  }

  private func because(_ status: Check.Status) -> String {
    guard let (check, others) = first(status) else { return "nothing was found to judge" }
    return printable(check.clause) + (others > 0 ? " (and \(grouped(others)) more below)" : "")
  }

  /// Files that are shown as evidence of one check.
  private static let shownEvidence = 4

  private func remark(_ check: Check, _ style: TextStyle) -> String {
    let lines = wrapped(printable(check.message), first: check.status.mark + " ", width: style.width)
    var text = style.paint(check.status.mark, check.status.color) + lines.unicodeScalars.dropFirst(1).text
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

extension Sequence<Unicode.Scalar> {
  fileprivate var text: String {
    var scalars = String.UnicodeScalarView()
    scalars.append(contentsOf: self)
    return String(scalars)
  }
}

/// `a, b and c`.
private func listed(_ items: [String]) -> String {
  guard let last = items.last, items.count > 1 else { return items.first ?? "" }
  return items.dropLast().joined(separator: ", ") + " and " + last
}

extension JudgedDevice {
  /// For a sentence: the product where one is known, else what was asked for.
  fileprivate var deviceLabel: String {
    device.name.map { "\(printable($0)) (\(device.computeCapability))" } ?? label
  }
}

extension Check {
  /// The message up to its first colon or semicolon, behind which explanations stand.
  fileprivate var clause: String {
    let ends = [": ", "; "].compactMap { message.firstRange(of: $0)?.lowerBound }
    return String(message[..<(ends.min() ?? message.endIndex)])
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

extension StackSummary.Line {
  var title: String {
    switch self {
    case .driverAndCUDA: "CUDA and base image"
    case .torchAndCUDA: "PyTorch and CUDA"
    case .driverAndGPU: "CUDA and GPU"
    case .torchAndGPU: "PyTorch and GPU"
    }
  }
}
