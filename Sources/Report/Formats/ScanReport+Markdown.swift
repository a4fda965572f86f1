import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as Markdown for the summary of a job and for a comment on a change: the answers, what to do, the worst rows of the
  /// table, and behind a fold the others and the reasons.
  public func markdown() -> String {
    var text = ""
    for part in assessment.views {
      text += "### \(part.name.asMarkdown)\n\n"
      for (requested, answer) in zip(devices, part.answers) where question.namesDevices {
        text += "- \(answer.kind.mark) \(sentence(requested, answer).asMarkdown)\n"
      }
      text += demands(demand(on: [part]) + demandsOnLibraries(of: part))
      text +=
        plan(part) + (question.isAboutTargetsOnly ? "" : table(part)) + reasons(part) + ignored(part)
        + problems(part)
    }
    text += demands(demandsWithoutLibrary)
    if assessment.views.isEmpty { text += "No CUDA device code found.\n" }
    return text
  }

  /// Rows that are shown before the fold.
  private static let shownRows = 20
  /// Rows behind the fold: a comment has a limit.
  private static let foldedRows = 200

  private func demands(_ demands: [DemandLine]) -> String {
    var text = demands.prefix(Self.shownRows).map { "- \($0.mark) \($0.text.asMarkdown)\n" }.joined()
    if demands.count > Self.shownRows { text += "- and \(grouped(demands.count - Self.shownRows)) more\n" }
    return text
  }

  private func plan(_ part: ViewAssessment) -> String {
    let plan = part.plan
    var text = ""
    if !plan.steps.isEmpty { text += "\n**\(Plan.stepsTitle)**\n\n" }
    for (number, step) in plan.steps.enumerated() {
      text += "\(number + 1). \(step.text.asMarkdown)\n"
      if let command = step.command { text += "   ```sh\n   \(printable(command))\n   ```\n" }
    }
    if !plan.obstacles.isEmpty {
      text += "\n**\(plan.obstaclesTitle)**\n\n"
      text += plan.obstacles.map { "- \($0.asMarkdown)\n" }.joined()
    }
    return text
  }

  private func table(_ part: ViewAssessment) -> String {
    guard part.hasGPUCode else { return "\nNo CUDA device code found.\n" }
    let rows = TableRows(part: part, question: question, showsDetails: true).all
    let worst = rows.enumerated().sorted { left, right in
      (right.element.severity, left.offset) < (left.element.severity, right.offset)
    }.map(\.element)
    let titles = devices.map(\.query)
    let head =
      "| package | \(titles.map(\.asMarkdown).joined(separator: " | ")) |\n|---|\(titles.map { _ in ":-:|" }.joined())\n"
    func line(_ row: TableRow) -> String {
      let indent = row.indent > 0 ? "&nbsp;&nbsp;" : ""
      return
        "| \(indent)\(row.name.asMarkdown) | \(row.cells.map(\.mark.asMarkdown).joined(separator: " | ")) |\n"
    }
    // In their own order where all are shown.
    var text =
      "\n" + head
      + (rows.count > Self.shownRows ? worst.prefix(Self.shownRows)[...] : rows[...]).map(line).joined()
    let rest = worst.dropFirst(Self.shownRows)
    if !rest.isEmpty {
      text += "\n<details><summary>\(counted(rest.count, "more row", "more rows"))</summary>\n\n" + head
      text += rest.prefix(Self.foldedRows).map(line).joined()
      if rest.count > Self.foldedRows { text += "\nand \(grouped(rest.count - Self.foldedRows)) more\n" }
      text += "\n</details>\n"
    }
    let legend = rows.usedCells.map { "\($0.mark.asMarkdown) \($0.meaning)" }.joined(separator: ", ")
    return text + "\n" + legend + "\n"
  }

  private func reasons(_ part: ViewAssessment) -> String {
    let text = ReasonRows(part: part, question: question).text(TextStyle(showsDetails: true)).text
    guard !text.isEmpty else { return "" }
    return
      "\n<details><summary>Why</summary>\n\n<pre>\n\(text.split(separator: "\n").map { String($0).asMarkdown }.joined(separator: "\n"))\n</pre>\n\n</details>\n"
  }

  private func ignored(_ part: ViewAssessment) -> String {
    let lines = ignored(in: part)
    guard !lines.isEmpty else { return "" }
    var text =
      "\n<details><summary>Ignored: \(grouped(lines.count))</summary>\n\n"
      + lines.prefix(Self.foldedRows).map { "- \($0.text.asMarkdown)\n" }.joined()
    if lines.count > Self.foldedRows { text += "- and \(grouped(lines.count - Self.foldedRows)) more\n" }
    return text + "\n</details>\n"
  }

  private func problems(_ part: ViewAssessment) -> String {
    let sentences = part.view.problems.sentences { part.path($0.path) }
    guard !sentences.isEmpty else { return "" }
    var text =
      "\n**Not read as it should be**\n\n"
      + sentences.prefix(Self.shownRows).map { "- \($0.asMarkdown)\n" }.joined()
    if sentences.count > Self.shownRows {
      text += "- and \(grouped(sentences.count - Self.shownRows)) more\n"
    }
    return text
  }
}

extension TableRow {
  /// That of its worst cell.
  fileprivate var severity: Int {
    cells.map { cell in if case .verdict(let verdict) = cell { verdict.severity ?? -1 } else { -1 } }.max()
      ?? -1
  }
}
