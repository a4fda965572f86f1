import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as one page that loads nothing: the answers and the plan first, then packages × GPUs, the reasons with their
  /// evidence, and a panel for each library. It can be read without scripts; with them rows can be filtered.
  public func html(_ tool: Tool, seconds: Double) -> [UInt8] {
    let title =
      assessment.views.count == 1 ? assessment.views[0].name : counted(assessment.views.count, "place")
    var page = HTMLPage(title: "\(title) – cubinspect")
    page.add("<h1>\(title.asMarkup)</h1>\n")
    if assessment.views.count != 1 { page.add(answers(assessment.answers)) }
    for part in assessment.views {
      if assessment.views.count > 1 { page.add("<h2>\(part.name.asMarkup)</h2>\n") }
      page.add(unread(part))
      if question.namesDevices { page.add(answers(part.answers)) }
      page.add(demands(demand(on: [part]) + demandsOnLibraries(of: part)))
      page.add(plan(part) + (question.isAboutTargetsOnly ? "" : table(part)))
      page.add(reasons(part) + libraries(part) + problems(part))
    }
    page.add(demands(demandsWithoutLibrary))
    if assessment.views.isEmpty { page.add("<p>No CUDA device code found.</p>\n") }
    page.add(
      "<footer>\(summary(seconds: seconds, showsDetails: true).asMarkup) \(tool.name.asMarkup) \(tool.version.asMarkup)</footer>\n"
    )
    return page.finish()
  }

  /// The heading of a section, below that of its view where there are several.
  private func heading(_ title: String) -> String {
    let tag = assessment.views.count > 1 ? "h3" : "h2"
    return "<\(tag) class=\"part\">\(title)</\(tag)>"
  }

  private func answers(_ answers: [Answer]) -> String {
    lines(
      "Answers",
      zip(devices, answers).map { requested, answer in
        (answer.kind.rawValue, answer.kind.mark, sentence(requested, answer))
      })
  }

  private func demands(_ demands: [DemandLine]) -> String {
    demands.isEmpty
      ? "" : lines("Requirements", demands.map { ($0.isMet ? "yes" : "no", $0.mark, $0.text) })
  }

  /// A list of sentences, each with a sign, and the class of its colour.
  private func lines(_ label: String, _ lines: [(className: String, mark: String, text: String)]) -> String {
    let items = lines.map { line in
      "<li class=\"\(line.className)\"><span class=\"mark\" aria-hidden=\"true\">\(line.mark)</span> \(line.text.asMarkup)</li>\n"
    }
    return "<ul class=\"answers\" aria-label=\"\(label)\">\n\(items.joined())</ul>\n"
  }

  private func plan(_ part: ViewAssessment) -> String {
    let plan = part.plan
    var text = ""
    if !plan.steps.isEmpty {
      let steps = plan.steps.map { step in
        "<li>\(step.text.asMarkup)" + (step.command.map { "<pre><code>\($0.asMarkup)</code></pre>" } ?? "")
          + "</li>\n"
      }
      text += "<section>\(heading(Plan.stepsTitle))\n<ol>\n\(steps.joined())</ol></section>\n"
    }
    if !plan.obstacles.isEmpty {
      let items = plan.obstacles.map { "<li>\($0.asMarkup)</li>\n" }.joined()
      text += "<section>\(heading(plan.obstaclesTitle))\n<ul>\n\(items)</ul></section>\n"
    }
    return text
  }

  private func table(_ part: ViewAssessment) -> String {
    guard part.hasGPUCode else {
      return question.namesDevices ? "" : "<p>No CUDA device code found.</p>\n"
    }
    let rows = TableRows(part: part, question: question, showsDetails: true).all
    var text =
      "<section>\(heading("Packages and GPUs"))\n\(filter)<div class=\"wide\"><table class=\"heat\">\n<thead><tr><th scope=\"col\">package</th>"
    text += "<th scope=\"col\" class=\"number\">modules</th>"
    for device in devices {
      text += "<th scope=\"col\">\(device.query.asMarkup)"
      if device.query != device.device.computeCapability.description {
        text += "<br><small>\(device.device.computeCapability)</small>"
      }
      text += "</th>"
    }
    text += "</tr></thead>\n<tbody>\n"
    for row in rows {
      let states = Set(row.cells.map(\.className)).sorted().joined(separator: " ")
      text +=
        "<tr data-states=\"\(states)\"><th scope=\"row\"\(row.indent > 0 ? " class=\"inner\"" : "")>\(row.name.asMarkup)</th><td class=\"number\">\(grouped(row.modules))</td>"
      for cell in row.cells {
        text +=
          "<td class=\"\(cell.className)\"><span title=\"\(cell.meaning.asMarkup)\">\(cell.mark)</span><span class=\"sr\"> \(cell.meaning.asMarkup)</span></td>"
      }
      text += "</tr>\n"
    }
    return text + "</tbody></table></div>\n\(legend(rows))</section>\n"
  }

  private func legend(_ rows: [TableRow]) -> String {
    let entries = rows.usedCells.map { cell in
      "<span class=\"\(cell.className)\">\(cell.mark)</span> \(cell.meaning.asMarkup)"
    }
    return "<p class=\"legend\">\(entries.joined(separator: " &nbsp; "))</p>\n"
  }

  /// The form that chooses rows, which is hidden until the script of the page runs.
  private var filter: String {
    let states = TableRow.Cell.all.map { cell in
      "<option value=\"\(cell.className)\">\(cell.mark) \(cell.meaning.asMarkup)</option>"
    }
    return
      "<form class=\"filter\" hidden><label>Package <input type=\"search\" name=\"text\"></label> <label>Verdict <select name=\"state\"><option value=\"\">any</option>\(states.joined())</select></label> <output></output></form>\n"
  }

  private func reasons(_ part: ViewAssessment) -> String {
    let items = part.checks.filter { !$0.isOutside(question) }.shared
    guard !items.isEmpty else { return "" }
    let order: [Check.Status] = [.fail, .warn, .unknown, .pass]
    var text = "<section>\(heading("Why"))\n<ul class=\"checks\">\n"
    for status in order {
      for item in items where item.check.status == status {
        text +=
          "<li class=\"\(status.rawValue)\"><span class=\"mark\" aria-hidden=\"true\">\(status.mark)</span> "
        if let line = item.check.line { text += "<b>\(line.title.asMarkup)</b>: " }
        text += item.summary(question).asMarkup
        if let detail = item.check.detail { text += "; \(detail.asMarkup)" }
        if !item.evidence.isEmpty {
          let evidence = part.lines(of: item.evidence).map { "<li>\($0.asMarkup)</li>" }.joined()
          text += "<details><summary>evidence</summary><ul>\(evidence)</ul></details>"
        }
        text += "</li>\n"
      }
    }
    return text + "</ul></section>\n"
  }

  private func libraries(_ part: ViewAssessment) -> String {
    guard !part.units.isEmpty else { return "" }
    var text = "<section>\(heading("Libraries"))\n"
    let findings = Findings(part: part, question: question)
    var byUnit: [Int: [Finding]] = [:]
    for finding in findings.all { for unit in finding.units { byUnit[unit, default: []].append(finding) } }
    for (index, unit) in part.units.enumerated() {
      let files = unit.files.map { part.view.files[$0] }
      let verdicts = devices.indices.map { part.verdict(of: index, on: $0) }
      let marks = verdicts.map(\.mark).joined(separator: " ")
      let words = zip(devices, verdicts).map { "\($0.device.label): \($1.meaning)" }.joined(separator: ", ")
      text +=
        "<details class=\"library\"><summary><code>\(part.name(of: index).asMarkup)</code> <span class=\"marks\" role=\"img\" aria-label=\"\(words.asMarkup)\">\(marks)</span></summary>\n"
      text +=
        "<p>\(counted(unit.code.moduleCount, "module")), \(byteCount(files.reduce(0) { $0 + $1.size }))</p>\n"
      let totals = Dictionary(
        files.lazy.flatMap { $0.targets.lazy.map { ($0.key.name, $0.value) } }, uniquingKeysWith: +)
      let largest = max(1, totals.map(\.value.storedSize).max() ?? 1)
      if !totals.isEmpty {
        text +=
          "<table class=\"targets\"><thead><tr><th scope=\"col\">target</th><th scope=\"col\">images</th><th scope=\"col\">bytes</th></tr></thead><tbody>\n"
        for (name, total) in totals.sorted(by: { $0.key.targetOrder < $1.key.targetOrder }) {
          let share = largest.dividingFullWidth(total.storedSize.multipliedFullWidth(by: 100)).quotient
          text +=
            "<tr><th scope=\"row\">\(name.asMarkup)</th><td class=\"number\">\(grouped(total.images))</td><td><meter min=\"0\" max=\"100\" value=\"\(share)\">\(share) %</meter> \(byteCount(total.storedSize))</td></tr>\n"
        }
        text += "</tbody></table>\n"
      }
      for finding in byUnit[index] ?? [] {
        let on =
          finding.devices.isEmpty ? "" : " on \(listed(finding.devices.map { devices[$0].device.label }))"
        text +=
          "<p>\(finding.verdict?.mark ?? "✗") \((finding.verdict?.word ?? "not as required").asMarkup)\(on.asMarkup): \(finding.what.asMarkup)</p>\n<ul>"
        text += finding.why.map { "<li>\($0.asMarkup)</li>" }.joined()
        let kernels = findings.kernels(of: finding)
        if !kernels.isEmpty {
          text +=
            "<li>kernels: \(kernels.prefix(20).map { "<code>\($0.asMarkup)</code>" }.joined(separator: ", "))"
          text += kernels.count > 20 ? " and \(grouped(kernels.count - 20)) more</li>" : "</li>"
        }
        text += "</ul>\n"
      }
      text += "</details>\n"
    }
    return text + "</section>\n"
  }

  private func unread(_ part: ViewAssessment) -> String {
    let count = part.view.problems.count { $0.problem.isFailure }
    return count == 0
      ? ""
      : "<p class=\"unread\">! Not everything could be read as it should: \(counted(count, "problem")) below.</p>\n"
  }

  private func problems(_ part: ViewAssessment) -> String {
    let sentences = part.view.problems.sentences { part.path($0.path) }
    return sentences.isEmpty
      ? ""
      : "<section>\(heading("Problems"))\n<ul>\n\(sentences.map { "<li>\($0.asMarkup)</li>\n" }.joined())</ul></section>\n"
  }
}

/// A page that is built from its top to its end.
private struct HTMLPage {
  private var text: String

  init(title: String) {
    text = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
      <title>\(title.asMarkup)</title>
      <style>\(pageStyle)</style>
      </head>
      <body>
      <main>

      """
  }

  mutating func add(_ part: String) { text += part }

  func finish() -> [UInt8] {
    Array((text + "</main>\n<script>\(pageScript)</script>\n</body>\n</html>\n").utf8)
  }
}

extension TableRow.Cell {
  /// The class of its elements, which gives it its color.
  fileprivate var className: String {
    switch self {
    case .verdict(let verdict): verdict.rawValue
    case .setAside: "setAside"
    case .ignored: "ignored"
    }
  }
}

extension String {
  /// By what names of targets are ordered: the number in them, then all of it.
  fileprivate var targetOrder: (Int, String) { (Int(filter(\.isNumber)) ?? 0, self) }
}

private let pageStyle = """

  :root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --soft: #f6f8fa; --quiet: #57606a;
    --native: #dafbe1; --jit: #ddf4ff; --partial: #fff8c5; --notGuaranteed: #fff8c5; --incompatible: #ffd8d3; --none: #eaeef2; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --soft: #161b22; --quiet: #9198a1;
    --native: #12361f; --jit: #0c2d4d; --partial: #3b2e00; --notGuaranteed: #3b2e00; --incompatible: #4f1412; --none: #21262d; } }
  * { box-sizing: border-box; }
  body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
  main { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 1.4rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
  h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; border-top: 1px solid var(--line); padding-top: 1.5rem; overflow-wrap: anywhere; }
  .part { font-size: 1rem; margin: 1.75rem 0 .5rem; border: 0; padding: 0; }
  ul, ol { padding-left: 1.4rem; } li { margin: .2rem 0; overflow-wrap: anywhere; }
  .answers, .checks { list-style: none; padding: 0; }
  .answers li { font-size: 1.1rem; font-weight: 600; padding: .5rem .75rem; border-radius: 6px; margin: .4rem 0; background: var(--none); }
  .answers .yes { background: var(--native); } .answers .no { background: var(--incompatible); }
  .answers .partly, .answers .unknown { background: var(--partial); }
  .checks li { padding: .15rem 0; } .checks > li > .mark { display: inline-block; width: 1.2rem; font-weight: 700; }
  pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .75rem; overflow-x: auto; margin: .4rem 0; }
  code, pre { font-family: ui-monospace, monospace; font-size: .875rem; }
  .wide { overflow-x: auto; }
  table { border-collapse: separate; border-spacing: 0; font-size: .9rem; }
  th, td { padding: .25rem .6rem; text-align: center; border-bottom: 1px solid var(--line); }
  th[scope=row], thead th:first-child { text-align: left; font-weight: 500; overflow-wrap: anywhere; }
  .heat th[scope=row] { position: sticky; left: 0; background: var(--paper); min-width: 14rem; }
  th.inner { padding-left: 1.8rem; color: var(--quiet); } th small { color: var(--quiet); font-weight: 400; }
  .number { text-align: right; font-variant-numeric: tabular-nums; }
  .native { background: var(--native); } .jit { background: var(--jit); } .partial { background: var(--partial); }
  .notGuaranteed { background: var(--notGuaranteed); } .incompatible { background: var(--incompatible); }
  .noDeviceCode, .setAside { background: var(--none); color: var(--quiet); }
  .legend span { padding: .1rem .4rem; border-radius: 4px; } .legend, footer, .filter { color: var(--quiet); font-size: .9rem; }
  .filter { display: flex; gap: 1rem; flex-wrap: wrap; margin: .5rem 0; } .filter[hidden] { display: none; }
  .library { border-bottom: 1px solid var(--line); padding: .3rem 0; content-visibility: auto; contain-intrinsic-size: auto 2rem; }
  .heat tbody tr { content-visibility: auto; }
  .marks { letter-spacing: .1em; color: var(--quiet); white-space: nowrap; } summary { cursor: pointer; overflow-wrap: anywhere; }
  meter { width: 8rem; vertical-align: middle; } .unread { background: var(--partial); padding: .5rem .75rem; border-radius: 6px; }
  .sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .75rem; }
  @media print { .filter { display: none; } details::details-content { content-visibility: visible; } body { font-size: 11px; } }

  """

private let pageScript = """

  for (const form of document.querySelectorAll(".filter")) {
    const rows = [...form.parentElement.querySelectorAll(".heat tbody tr")];
    const names = rows.map(row => row.cells[0].textContent.toLowerCase());
    form.hidden = rows.length < 2;
    const apply = () => {
      const text = form.elements.text.value.toLowerCase(), state = form.elements.state.value;
      let shown = 0;
      rows.forEach((row, index) => {
        const fits = names[index].includes(text) && (!state || row.dataset.states.split(" ").includes(state));
        row.hidden = !fits;
        shown += fits;
      });
      form.querySelector("output").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", event => event.preventDefault());
  }

  """
