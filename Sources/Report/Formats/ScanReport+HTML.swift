import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as one page that loads nothing: the answers and the plan first, then packages × GPUs, the reasons and the
  /// software with their evidence, and a panel for each library. It can be read without scripts; with them rows and panels
  /// can be filtered.
  public func html(_ tool: Tool, seconds: Double) -> [UInt8] {
    let places = sections.map { $0.map { assessment.views[$0] } }
    let title =
      switch places.count {
      case 0: "No CUDA device code found"
      case 1: name(of: places[0])
      default: counted(places.count, "place")
      }
    var page = HTMLPage(title: title)
    page.add(hereSentences.map { "<p>\($0.asMarkup)</p>\n" }.joined())
    if places.count > 1 { page.add(overview(of: places)) }
    for (index, parts) in places.enumerated() {
      let id = "place-\(index + 1)"
      page.add(
        places.count > 1
          ? "<section class=\"place\" id=\"\(id)\" aria-labelledby=\"\(id)-name\">\n<h2 id=\"\(id)-name\">\(name(of: parts).asMarkup)</h2>\n"
          : "<div class=\"place\" id=\"\(id)\">\n")
      page.add(unread(parts))
      if question.namesDevices { page.add(answers(answers(on: parts))) }
      page.add(demands(demand(on: parts) + parts.flatMap { demandsOnLibraries(of: $0) }))
      page.add(parts.map { plan($0) + reasons($0) }.joined() + libraries(parts))
      page.add(parts.map { ignored($0) + software($0) + notes($0) + problems($0) }.joined())
      page.add(places.count > 1 ? "</section>\n" : "</div>\n")
    }
    page.add(demands(demandsWithoutLibrary) + ignoredNothing.map { "<p>\($0.asMarkup)</p>\n" }.joined())
    if places.isEmpty { page.add("<p>There is nothing to judge.</p>\n") }
    return page.finish(
      footer: summary(seconds: seconds, showsDetails: true) + " \(tool.name) \(tool.version)")
  }

  private func name(of parts: [ViewAssessment]) -> String {
    parts.count == 1 ? parts[0].name : counted(parts.count, "file")
  }

  private func answers(on parts: [ViewAssessment]) -> [Answer] {
    devices.indices.map { device in Answer.combined(parts.map { $0.answers[device] }, by: question.tables) }
  }

  /// The heading of a section, below that of its place where there are several.
  private func heading(_ title: String) -> String {
    let tag = sections.count > 1 ? "h3" : "h2"
    return "<\(tag) class=\"part\">\(title)</\(tag)>\n"
  }

  /// The answers over several places, and which of them gives which.
  private func overview(of places: [[ViewAssessment]]) -> String {
    guard question.namesDevices else {
      let items = places.enumerated().map { index, parts in
        "<li><a href=\"#place-\(index + 1)\">\(name(of: parts).asMarkup)</a></li>\n"
      }
      return "<nav aria-label=\"Places\"><ul>\n\(items.joined())</ul></nav>\n"
    }
    var text = answers(assessment.answers)
    text +=
      "\(WideTable.start("Places and GPUs"))<table class=\"heat\"><thead><tr><th scope=\"col\">place</th>\(columnHeads)</tr></thead>\n<tbody>\n"
    for (index, parts) in places.enumerated() {
      text += "<tr><th scope=\"row\"><a href=\"#place-\(index + 1)\">\(name(of: parts).asMarkup)</a></th>"
      for answer in answers(on: parts) {
        text +=
          "<td class=\"\(answer.kind.rawValue)\">\(answer.kind.mark)<i> \(answer.kind.word(answer.verdict).asMarkup)</i></td>"
      }
      text += "</tr>\n"
    }
    return text + "</tbody></table>\(WideTable.end)"
  }

  private func answers(_ answers: [Answer]) -> String {
    lines(
      zip(devices, answers).map { requested, answer in
        let (headline, reason) = sentences(requested, answer)
        return (
          answer.kind.rawValue, answer.kind.mark,
          "<b>\(headline.asMarkup)</b>" + (reason.map { ". \($0.asMarkup)" } ?? "")
        )
      })
  }

  private func demands(_ demands: [DemandLine]) -> String {
    folded(demands) { demands in
      lines(demands.map { ($0.isMet ? "yes" : "no", $0.mark, $0.text.asMarkup) })
    }
  }

  /// A list of sentences in markup, each with a sign, and the class of its colour.
  private func lines(_ lines: [(className: String, mark: String, markup: String)]) -> String {
    let items = lines.map { line in
      "<li class=\"\(line.className)\"><span class=\"mark\" aria-hidden=\"true\">\(line.mark)</span> <span>\(line.markup)</span></li>\n"
    }
    return "<ul class=\"answers\">\n\(items.joined())</ul>\n"
  }

  private func plan(_ part: ViewAssessment) -> String {
    let plan = part.plan
    let sentences = PlanText(part: part, question: question)
    func steps(_ title: String, _ tag: String, _ steps: [Plan.Step]) -> String {
      guard !steps.isEmpty else { return "" }
      let items = steps.map { step in
        "<li>\(step.text.asMarkup)" + (step.command.map { "<pre><code>\($0.asMarkup)</code></pre>" } ?? "")
          + "</li>\n"
      }
      return "<section>\(heading(title))<\(tag)>\n\(items.joined())</\(tag)></section>\n"
    }
    func paragraph(_ text: String?) -> String { text.map { "<p>\($0.asMarkup)</p>\n" } ?? "" }
    var text =
      paragraph(sentences.headline) + steps(Plan.stepsTitle, plan.steps.count > 1 ? "ol" : "ul", plan.steps)
    text += list(plan.obstaclesTitle, plan.obstacles)
    return text + steps("To compile extensions", "ul", plan.building) + paragraph(sentences.oldestDriver)
  }

  /// The table of packages and GPUs, the panels of the libraries, and what filters both.
  private func libraries(_ parts: [ViewAssessment]) -> String {
    guard parts.contains(where: \.hasGPUCode) else {
      return question.namesDevices ? "" : "<p>No CUDA device code found.</p>\n"
    }
    let tables = parts.map { TableRows(part: $0, question: question, showsDetails: true) }
    let rows = tables.flatMap(\.all)
    let panels = zip(parts, tables).map { LibraryPanels($0, question, $1) }
    let count = panels.reduce(0) { $0 + $1.count }
    var text = "<div class=\"filtered\">\n" + filter(rows, panels: count)
    if !question.isAboutTargetsOnly {
      text += "<section>\(heading("Packages and GPUs"))" + table(rows) + "</section>\n"
    }
    if count > 0 {
      text += "<section>\(heading("Libraries"))<div class=\"libraries\">\n"
      for (index, panel) in panels.lazy.flatMap(\.all).enumerated() {
        if index == HTMLPage.shown { text += "<noscript>\n" }
        text += panel
      }
      text += "\(count > HTMLPage.shown ? "</noscript>" : "")</div></section>\n"
    }
    return text + "</div>\n"
  }

  /// The heads of the columns of the GPUs.
  private var columnHeads: String {
    devices.map { device in
      let capability = device.device.computeCapability.description
      return "<th scope=\"col\">\(device.query.asMarkup)"
        + (device.query == capability ? "" : " <small>\(capability)</small>") + "</th>"
    }.joined()
  }

  private func table(_ rows: [TableRow]) -> String {
    let cells = Dictionary(uniqueKeysWithValues: TableRow.Cell.all.map { ($0, $0.tableCell) })
    let start =
      "<table class=\"heat\">\n<thead><tr><th scope=\"col\">\(rows.contains(where: \.isPackage) ? "package" : "library")</th><th scope=\"col\" class=\"number\">modules</th>\(columnHeads)</tr></thead>\n<tbody>\n"
    let end = "</tbody></table>"
    var text = WideTable.start("Packages and GPUs") + start
    for (index, row) in rows.enumerated() {
      if index == HTMLPage.shown { text += "\(end)\n<noscript>\(start)" }
      text +=
        "<tr data-cells=\"\(row.cells.letters)\"><th scope=\"row\"\(row.indent > 0 ? " class=\"inner\"" : "")>\(row.name.asMarkup)</th><td class=\"number\">\(grouped(row.modules))</td>"
      for cell in row.cells { text += cells[cell] ?? "" }
      text += "</tr>\n"
    }
    text += end + (rows.count > HTMLPage.shown ? "</noscript>" : "") + WideTable.end
    let legend = rows.usedCells.map { cell in
      "<span class=\"legend\"><b class=\"\(cell.className)\">\(cell.mark)</b> \(cell.meaning.asMarkup)</span>"
    }.joined(separator: " ")
    return text + "<p class=\"quiet\">\(legend)"
      + (sentenceOnColumns.map { " \($0.asMarkup)" } ?? "") + "</p>\n"
  }

  /// The form that chooses rows and panels, which is hidden until the script of the page runs.
  private func filter(_ rows: [TableRow], panels: Int) -> String {
    var text =
      "<form class=\"filter\" hidden><label>Package or library <input type=\"search\" name=\"text\" autocomplete=\"off\" spellcheck=\"false\"></label>"
    if !question.isAboutTargetsOnly {
      if devices.count > 1 {
        let gpus = devices.enumerated().map { "<option value=\"\($0)\">\($1.query.asMarkup)</option>" }
        text +=
          "<label>GPU <select name=\"gpu\"><option value=\"\">all</option>\(gpus.joined())</select></label>"
      }
      let used = Set(rows.usedCells)
      let offered = TableRow.Cell.all.filter { !$0.isIgnored || used.contains($0) }
      let states = offered.map { cell in
        "<option value=\"\([cell].letters)\">\(cell.mark) \(cell.meaning.asMarkup)</option>"
      }
      text +=
        "<label>Verdict <select name=\"state\"><option value=\"\">any</option>\(states.joined())</select></label>"
    }
    return text + "<output></output></form>\n"
  }

  private func reasons(_ part: ViewAssessment) -> String {
    let rows = ReasonRows(part: part, question: question)
    let shown = rows.rows(true).filter { !$0.check.isOutside(question) }
    // That a package fits is told by the table.
    let passed = shown.filter { $0.check.status == .pass && $0.check.line == nil }
    let others = shown.filter { $0.check.status != .pass || $0.check.line != nil }
    func list(_ shown: some Sequence<SharedCheck>) -> String {
      var text = "<ul class=\"checks\">\n"
      for row in shown {
        let check = row.check
        text +=
          "<li class=\"\(check.status.rawValue)\"><span class=\"mark\" aria-hidden=\"true\">\(check.status.mark)</span><div><b>\(rows.title(of: check).asMarkup)</b>: \(rows.sentence(of: row).asMarkup)"
        if let detail = check.detail { text += "; \(detail.asMarkup)" }
        let evidence = part.lines(of: row.evidence)
        if !evidence.isEmpty {
          text +=
            "<details><summary>evidence</summary><ul>\(evidence.map { "<li>\($0.asMarkup)</li>" }.joined())</ul></details>"
        }
        text += "</div></li>\n"
      }
      return text + "</ul>\n"
    }
    guard !shown.isEmpty else { return "" }
    let fold =
      passed.isEmpty
      ? ""
      : "<details><summary>\(counted(passed.count, "check")) passed</summary>\n\(list(passed))</details>\n"
    return "<section>\(heading("Why"))\(folded(others, list))\(fold)</section>\n"
  }

  /// The software around the device code: what it is, its version, and the file that says so.
  private func software(_ part: ViewAssessment) -> String {
    let rows = part.view.stack.software
    guard !rows.isEmpty else { return "" }
    let title = "Software around the device code"
    var text =
      "<section>\(heading(title))"
      + "\(WideTable.start(title))<table class=\"software\"><thead><tr><th scope=\"col\">what</th><th scope=\"col\">version</th><th scope=\"col\">evidence</th></tr></thead>\n<tbody>\n"
    for row in rows {
      text +=
        "<tr><th scope=\"row\">\(row.what.asMarkup)</th><td>\(row.version.asMarkup)</td><td>\(part.lines(of: [row.evidence]).joined().asMarkup)</td></tr>\n"
    }
    return text + "</tbody></table>\(WideTable.end)</section>\n"
  }

  private func unread(_ parts: [ViewAssessment]) -> String {
    unreadSentence(parts).map { "<p class=\"unread\">! \($0.asMarkup)</p>\n" } ?? ""
  }

  private func ignored(_ part: ViewAssessment) -> String {
    list("Ignored", ignored(in: part).map(\.text))
  }

  private func notes(_ part: ViewAssessment) -> String {
    let (notes, assumptions) = notes(on: part)
    return list("Notes", notes + assumptions)
  }

  private func problems(_ part: ViewAssessment) -> String {
    list("Problems", part.view.problems.sentences { part.path($0.path) })
  }

  private func list(_ title: String, _ sentences: [String]) -> String {
    sentences.isEmpty
      ? ""
      : "<section>\(heading(title))\(folded(sentences) { "<ul>\n\($0.map { "<li>\($0.asMarkup)</li>\n" }.joined())</ul>\n" })</section>\n"
  }

  /// Items of a list that are shown before a fold.
  private static let shownItems = 10

  /// A list of the first items, and behind a fold one of the others.
  private func folded<Item>(_ items: [Item], _ list: (ArraySlice<Item>) -> String) -> String {
    let (first, rest) = (items.prefix(Self.shownItems), items.dropFirst(Self.shownItems))
    return (first.isEmpty ? "" : list(first))
      + (rest.isEmpty
        ? "" : "<details><summary>and \(grouped(rest.count)) more</summary>\n\(list(rest))</details>\n")
  }
}

extension StackFacts {
  /// What is known of the software, each with the evidence for its version.
  fileprivate var software: [(what: String, version: String, evidence: Evidence)] {
    struct Row: Hashable {
      var what: String
      var version: String
      var evidence: Evidence
    }
    var rows: [Row] = []
    func add<Value>(_ what: String, _ fact: Fact<Value>?) {
      guard let fact else { return }
      rows.append(Row(what: what, version: "\(fact.value)", evidence: fact.evidence))
    }
    for environment in environments {
      add("Python", environment.python)
      if let torch = environment.torch {
        add("PyTorch", torch.version)
        add("CUDA of PyTorch", torch.cuda)
        add("ROCm of PyTorch", torch.rocm)
        add("targets that PyTorch names", torch.flags)
      }
      for framework in environment.frameworks {
        let name = "\(framework.name) \(framework.version)"
        add("CUDA of \(name)", framework.cuda)
        if framework.cuda == nil { add("CUDA of \(name)", framework.cudaMajor) }
        add("cuDNN of \(name)", framework.cudnn)
        add("PyTorch of \(name)", framework.torch)
        add("targets that \(name) names", framework.flags)
      }
      for component in environment.components { add(component.name, component.version) }
    }
    for component in components { add(component.name, component.version) }
    for toolkit in toolkits { add("CUDA toolkit", toolkit.version) }
    for package in compatPackages { add("driver for older hosts (cuda-compat)", package.driver) }
    for compiler in compilers { add("compiler \(compiler.kind.rawValue)", compiler.version) }
    add("Jetson Linux", jetsonLinux)
    return distinct(rows).map { ($0.what, $0.version, $0.evidence) }
  }
}

/// Around tables that may be wider than the page: a group that the keyboard can scroll.
private enum WideTable {
  static func start(_ label: String) -> String {
    "<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"\(label)\">"
  }

  static let end = "</div>\n"
}

extension TableRow.Cell {
  /// The class of its elements, which gives it its colour.
  var className: String {
    switch self {
    case .verdict(let verdict): verdict.rawValue
    case .setAside: "setAside"
    case .ignored: "ignored"
    }
  }

  /// In a row of a table; the words are for screen readers.
  fileprivate var tableCell: String {
    "<td class=\"\(className)\">\(mark)<i> \(meaning.asMarkup)</i></td>"
  }
}

extension [TableRow.Cell] {
  /// A letter for each, by which the script of the page filters.
  var letters: String {
    let all = TableRow.Cell.all
    return String(
      String.UnicodeScalarView(
        map { Unicode.Scalar(UInt8(ascii: "a") + UInt8(all.firstIndex(of: $0) ?? 0)) }))
  }
}
