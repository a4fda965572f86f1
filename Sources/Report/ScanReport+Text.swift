import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as text: for each view the answers, what to do, a table of packages and GPUs, and why; then how much was
  /// looked at.
  ///
  /// - Parameter seconds: how long the scan took.
  public func text(_ style: TextStyle, seconds: Double) -> String {
    var text = hereText(style)
    var isCut = false
    let sections = sections
    if sections.count > 1 { text += unread(assessment.views, style) }
    if sections.count > 1, question.namesDevices {
      text += answerLines(assessment.answers, style) + "\n"
    }
    for section in sections {
      let parts = section.map { assessment.views[$0] }
      if sections.count > 1, let part = parts.first {
        text += style.paint("\(parts.count == 1 ? part.name : counted(parts.count, "file")):", .bold) + "\n"
      }
      text += self.text(of: parts, style, &isCut)
      if sections.count > 1 { text += "\n" }
    }
    if assessment.views.isEmpty { text += "No CUDA device code found.\n" }
    text += self.text(of: demandsWithoutLibrary, style)
    for sentence in ignoredNothing { text += wrapped(sentence, first: "note: ", width: style.width) }
    let last = summary(seconds: seconds, showsDetails: style.showsDetails) + (isCut ? " More: --details" : "")
    return text + (sections.count > 1 ? "" : "\n") + wrapped(last, first: "", width: style.width)
  }

  /// One line for each GPU of the question, for each view where there are several.
  public func shortText(_ style: TextStyle) -> String {
    assessment.views.isEmpty
      ? "No CUDA device code found.\n"
      : sections.map { section in
        if question.isAboutTargetsOnly {
          return text(of: demand(on: section.map { assessment.views[$0] }), style)
        }
        let parts = section.map { assessment.views[$0] }
        let name =
          sections.count > 1 ? "\(parts.count == 1 ? parts[0].name : counted(parts.count, "file")): " : ""
        return devices.indices.map { device in
          let answer = Answer.combined(parts.map { $0.answers[device] }, by: question.tables)
          return style.paint(answer.kind.mark, answer.kind.color) + " " + name
            + sentence(devices[device], answer) + "\n"
        }.joined()
      }.joined() + text(of: demandsWithoutLibrary, style)
  }

  /// What was looked at, where nobody said it.
  private func hereText(_ style: TextStyle) -> String {
    let sentences = hereSentences
    guard !sentences.isEmpty else { return "" }
    return sentences.map { sentence in
      style.paint(String(wrapped(printable(sentence), first: "", width: style.width).dropLast()), .dim) + "\n"
    }.joined() + "\n"
  }

  /// What was looked at, where nobody said it, in sentences.
  var hereSentences: [String] {
    (here?.notes ?? []).map { $0.prefix(1).uppercased() + $0.dropFirst() + "." }
  }

  /// The views that are shown together: single files in one table, everything else by itself.
  var sections: [[Int]] {
    let files = assessment.views.indices.filter { assessment.views[$0].view.kind == .file }
    return assessment.views.indices.compactMap { index in
      guard assessment.views[index].view.kind == .file else { return [index] }
      return index == files[0] ? files : nil
    }
  }

  /// - Parameter isCut: set where something is left out that the details tell.
  private func text(of parts: [ViewAssessment], _ style: TextStyle, _ isCut: inout Bool) -> String {
    var text = unread(parts, style)
    if question.namesDevices {
      text += answerLines(
        devices.indices.map { device in
          Answer.combined(parts.map { $0.answers[device] }, by: question.tables)
        }, style)
    }
    if question.isAboutTargetsOnly { text += self.text(of: demand(on: parts), style) }
    for part in parts {
      let plan = PlanText(part: part, question: question)
      text += plan.text(style)
      isCut = isCut || plan.isCut
    }
    if !parts.contains(where: \.hasGPUCode) {
      if !question.namesDevices {
        text += parts.contains(where: \.hasFailures) ? "" : "No CUDA device code found.\n"
      }
    } else if !question.isAboutTargetsOnly {
      if !text.isEmpty { text += "\n" }
      let tables = parts.map {
        (TableRows(part: $0, question: question, showsDetails: style.showsDetails), $0)
      }
      let rows = tables.flatMap { table, part in table.all.map { (row: $0, part: part) } }
      isCut = isCut || tables.contains { $0.0.isCut }
      text += table(rows, style) + legend(rows.map(\.row), style)
    }
    var room = style.showsDetails ? .max : Self.shownLines - Self.linesAround - text.lineCount
    var notes = parts.map { self.notes($0, style, &isCut) }
    if notes.joined().lineCount > room - ReasonRows.fewestRows {
      notes = parts.map { self.notes($0, style, isWhole: false, &isCut) }
    }
    room -= notes.joined().lineCount
    for part in parts {
      let reasons = ReasonRows(part: part, question: question).text(style, room: room)
      if !reasons.text.isEmpty { text += "\n" + reasons.text }
      isCut = isCut || reasons.isCut
    }
    for part in parts {
      let findings = Findings(part: part, question: question)
      for finding in findings.all {
        // The answer and its reasons tell the rest.
        guard style.showsDetails || finding.verdict == nil else {
          isCut = true
          continue
        }
        text += (text.isEmpty ? "" : "\n") + self.text(of: finding, findings, style)
      }
    }
    if !question.requirements.isEmpty, !question.isAboutTargetsOnly {
      text += (text.isEmpty ? "" : "\n") + self.text(of: demand(on: parts), style)
    }
    if style.showsDetails { text += parts.map { sizes($0, style) }.joined() }
    text += ignored(parts, style, &isCut)
    text += notes.joined()
    for part in parts { text += problemLines(part.view.problems, style) { part.path($0.path) } }
    return text
  }

  /// The first headline: that something was not read, which is said before what is known of the rest.
  private func unread(_ parts: [ViewAssessment], _ style: TextStyle) -> String {
    unreadSentence(parts).map { style.paint(wrapped($0, first: "! ", width: style.width), .yellow) } ?? ""
  }

  /// That something was not read; nil where everything was.
  func unreadSentence(_ parts: [ViewAssessment]) -> String? {
    let failures = parts.flatMap { part in
      part.view.problems.filter(\.problem.isFailure).map { (part: part, problem: $0) }
    }
    guard let first = failures.first else { return nil }
    let unreachable: Set<Problem.Code> = [.notFound, .unreadable, .notRegularFile]
    let isNothingRead = parts.allSatisfy { part in
      part.view.kind == .file && part.view.problems.contains { unreachable.contains($0.problem.code) }
    }
    if isNothingRead, failures.count == 1 {
      return "Nothing could be read: \(first.part.path(first.problem.path)) \(first.problem.problem.reason)."
    }
    if isNothingRead { return "Nothing could be read; \(counted(failures.count, "problem")) below." }
    let found =
      parts.allSatisfy(\.units.isEmpty) && !question.namesDevices
      ? "No CUDA device code found in what could be read" : "Not everything could be read as it should"
    return "\(found); \(counted(failures.count, "problem")) below."
  }

  /// A line for the answer for each GPU, in which a reason that the line before has told is not told again.
  private func answerLines(_ answers: [Answer], _ style: TextStyle) -> String {
    var lines = ""
    var told: String?
    for (device, answer) in zip(devices, answers) {
      let (headline, reason) = sentences(device, answer)
      let end = reason.map { $0 == told ? ", for the same reason" : ". \($0)" } ?? ""
      lines += style.headline(answer.kind.mark, answer.kind.color, headline + end)
      told = reason
    }
    return lines
  }

  /// The answer for one GPU, in one sentence: `✗ RTX 5090: no. PyTorch 2.1.2 has no code for it (sm_50 to sm_90)`.
  func line(_ device: RequestedDevice, _ answer: Answer, _ style: TextStyle) -> String {
    style.headline(answer.kind.mark, answer.kind.color, sentence(device, answer))
  }

  func sentence(_ device: RequestedDevice, _ answer: Answer) -> String {
    let (headline, reason) = sentences(device, answer)
    return headline + (reason.map { ". \($0)" } ?? "")
  }

  /// The answer for one GPU, and the first reason for it.
  func sentences(_ device: RequestedDevice, _ answer: Answer) -> (headline: String, reason: String?) {
    let driver = device.device.driver.map { " with driver \($0)" } ?? ""
    let reason = answer.reasons.first.map { printable($0.sentence.text(gpus: "it")) }
    let name = "\(device.device.label)\(driver): "
    if answer.kind == .nothing { return (name + (reason ?? answer.kind.word(answer.verdict)), nil) }
    return (name + answer.kind.word(answer.verdict), reason)
  }

  private func table(_ rows: [(row: TableRow, part: ViewAssessment)], _ style: TextStyle) -> String {
    let headers = devices.map { printable($0.query) }
    let widths = headers.indices.map { index in
      max(columns(headers[index]), columns(devices[index].device.computeCapability.description))
    }
    let title = rows.contains(where: \.row.isPackage) ? "package" : "library"
    let modules = rows.map { grouped($0.row.modules) }
    let longest = rows.map { columns($0.row.name) + $0.row.indent }.max() ?? 0
    // Where the terminal is too narrow for readable names, first the gaps shrink, then the modules go.
    let modulesWidth = max(7, modules.map(columns).max() ?? 0)
    let marks = widths.reduce(0, +)
    let layouts = [(modulesWidth, 2), (modulesWidth, 1), (0, 1)]
    let available = layouts.map { modulesWidth, gap in
      (style.width ?? Int.max / 2) - marks - gap * widths.count - (modulesWidth > 0 ? modulesWidth + 2 : 0)
    }
    let choice = available.firstIndex { $0 >= min(longest, Self.readableName) } ?? layouts.count - 1
    let (shownModules, gap) = layouts[choice]
    let nameWidth = max(min(longest, available[choice]), columns(title), 12)

    func line(_ name: String, _ modules: String, _ cells: [(text: String, color: TextStyle.Color?)]) -> String
    {
      var line = name.padded(to: nameWidth)
      if shownModules > 0 { line += "  " + modules.padded(to: shownModules, right: true) }
      for (cell, width) in zip(cells, widths) {
        line += String(repeating: " ", count: gap) + style.paint(cell.text, cell.color)
        line += String(repeating: " ", count: max(0, width - columns(cell.text)))
      }
      return line.trimmingEnd()
    }
    var text = style.paint(line(title, "modules", headers.map { ($0, nil) }), .bold) + "\n"
    // The query need not tell its compute capability.
    if devices.contains(where: { $0.query != $0.device.computeCapability.description }) {
      let capabilities = devices.map { ($0.device.computeCapability.description, TextStyle.Color?.none) }
      text += style.paint(line("", "", capabilities), .dim) + "\n"
    }
    for ((row, part), modules) in zip(rows, modules) {
      let marks = row.cells.map { ($0.mark, $0.color) }
      let indent = String(repeating: " ", count: row.indent)
      let shown = indent + row.name.elidedPath(to: nameWidth - row.indent)
      text += line(shown, modules, marks) + "\n"
      for alias in row.aliases.prefix(Self.shownAliases) {
        let name = part.shown(alias).elidedPath(to: (style.width ?? Int.max) - 4 - row.indent)
        text += style.paint(indent + "  = " + name, .dim) + "\n"
      }
      let hidden = row.aliases.count - Self.shownAliases
      if hidden > 0 { text += style.paint(indent + "  = \(grouped(hidden)) more", .dim) + "\n" }
    }
    return text
  }

  /// Other names of a file that are shown one by one.
  private static let shownAliases = 4

  /// Columns that a library's name should have in the table, so that it can be told from others.
  private static let readableName = 26

  private func legend(_ rows: [TableRow], _ style: TextStyle) -> String {
    let used = rows.usedCells
    var lines: [(text: String, width: Int)] = []
    for cell in used {
      let width = columns(cell.mark) + 1 + columns(cell.meaning)
      let entry = style.paint(cell.mark, cell.color) + " " + cell.meaning
      if let last = lines.last, last.width + 3 + width <= style.width ?? Int.max {
        lines[lines.count - 1] = (last.text + "   " + entry, last.width + 3 + width)
      } else {
        lines.append((entry, width))
      }
    }
    // The signs for code that runs and for code that does not need no legend.
    let isPlain = used.allSatisfy { [.verdict(.native), .verdict(.incompatible)].contains($0) }
    var text = isPlain && question.namesDevices ? "" : "\n" + lines.map { $0.text + "\n" }.joined()
    if let sentence = sentenceOnColumns { text += wrapped(sentence, first: "", width: style.width) }
    return text
  }

  /// What the columns of an overview are; nil where GPUs were named.
  var sentenceOnColumns: String? {
    guard !question.namesDevices else { return nil }
    let example = devices.first { $0.device.computeCapability == ComputeCapability(8, 0) } ?? devices.first
    return "Columns are compute capabilities; cubinspect gpus \(example?.query ?? "") lists the GPUs of one."
  }

  /// What the code for each target takes of a wheel or another zip archive; nothing for other views.
  private func sizes(_ part: ViewAssessment, _ style: TextStyle) -> String {
    let totals = part.targets(of: part.view.files)
    guard totals.contains(where: { $0.totals.zippedSize != nil }) else { return "" }
    var table: [UInt8] = []
    TextTable([
      .left("target"), .right("images"), .right("in the libraries"),
      .right(part.view.kind == .wheel ? "in the wheel" : "in the archive"),
    ]).write(style, to: &table) { row in
      for (target, total) in totals {
        row.add(target.name)
        row.add(grouped(total.images))
        row.add(byteCount(total.storedSize))
        row.add(total.zippedSize.map { byteCount($0) } ?? "")
      }
    }
    let sentence = "\(part.name) would be smaller by about this without the code for a target:"
    return "\n" + wrapped(sentence, first: "", width: style.width) + String(decoding: table, as: UTF8.self)
  }

  private func text(of finding: Finding, _ findings: Findings, _ style: TextStyle) -> String {
    let part = findings.part
    let mark = finding.verdict?.mark ?? "✗"
    let color = finding.verdict.map(\.color) ?? .red
    let shown = named(finding.units.map { part.name(of: $0) }, atMost: 4)
    let isEveryDevice = finding.devices.count == devices.count && !question.namesDevices
    let on =
      finding.devices.isEmpty || isEveryDevice
      ? "" : " on \(listed(finding.devices.map { devices[$0].device.label }))"
    let word = finding.verdict.map(\.word) ?? "not as required"
    let head = mark + " " + word + on + ":"
    var text = style.paint(head, color)
    if columns(head) + 1 + columns(shown) <= style.width ?? Int.max {
      text += " " + shown + "\n"
    } else {
      text += "\n" + wrapped(shown, first: "    ", width: style.width)
    }
    for layer in layers(of: finding, part) {
      text += wrapped(layer, first: "    layer: ", width: style.width)
    }
    text += wrapped(finding.what, first: "    ", width: style.width)
    let kernels = findings.kernels(of: finding)
    if !kernels.isEmpty {
      text += wrapped(
        named(kernels.map(printable), atMost: Self.shownKernels), first: "    kernels: ", width: style.width)
    }
    for reason in finding.why { text += wrapped(reason, first: "    why: ", width: style.width) }
    for step in finding.todo {
      text += wrapped(
        step.sentence, first: step.isAlternative ? "    or:  " : "    do:  ", width: style.width)
    }
    return text
  }

  /// The layers that brought the files of a finding: which they are, and the commands that made them.
  private func layers(of finding: Finding, _ part: ViewAssessment) -> [String] {
    guard let image = part.view.image else { return [] }
    var seen: Set<String> = []
    return finding.units.flatMap { part.units[$0].files }.compactMap { file in
      guard let layer = part.view.files[file].layer else { return nil }
      let command = image.layers[layer].createdBy.map {
        ", " + printable(String($0.prefix(Self.shownCommand)))
      }
      let text = "\(layer + 1) of \(image.layers.count)" + (command ?? "")
      return seen.insert(text).inserted ? text : nil
    }
  }

  /// Characters of a command that are shown.
  private static let shownCommand = 160
  /// Kernels of a finding that are shown by name.
  private static let shownKernels = 8

  /// What is said of requirements, a line each.
  private func text(of demands: [DemandLine], _ style: TextStyle) -> String {
    demands.map { style.headline($0.mark, $0.isMet ? .green : .red, $0.text) }.joined()
  }

  /// Lines about what was ignored that are shown without details.
  private static let shownIgnored = 6

  /// What was ignored.
  ///
  /// - Parameter isCut: set where something is left out that the details tell.
  private func ignored(_ parts: [ViewAssessment], _ style: TextStyle, _ isCut: inout Bool) -> String {
    let lines = parts.flatMap { ignored(in: $0) }
    let shown = style.showsDetails ? lines.count : Self.shownIgnored
    var text = lines.prefix(shown).map {
      wrapped($0.text, first: "ignored: ", indent: 9, width: style.width)
    }.joined()
    if lines.count > shown {
      text += "ignored: \(grouped(lines.count - shown)) more\n"
      isCut = true
    }
    return text.isEmpty ? "" : "\n" + text
  }

  /// Lines that the answer for one view takes without details, of which a long table leaves the reasons those that it does
  /// not need.
  private static let shownLines = 60
  /// Notes that are shown where there is little room.
  private static let shownNotes = 2
  /// Lines around the reasons: an empty one before them, and three of the summary.
  private static let linesAround = 4

  /// What is known besides the answers.
  ///
  /// - Parameters:
  ///   - isWhole: whether all notes are shown, and may take several lines each.
  ///   - isCut: set where something is left out that the details tell.
  private func notes(
    _ part: ViewAssessment, _ style: TextStyle, isWhole: Bool = true, _ isCut: inout Bool
  ) -> String {
    let (notes, assumptions) = notes(on: part)
    if !style.showsDetails, !assumptions.isEmpty { isCut = true }
    let shown = notes + (style.showsDetails ? assumptions : [])
    if shown.isEmpty { return "" }
    guard isWhole else {
      isCut = true
      return "\n"
        + shown.prefix(Self.shownNotes).map { "note: \($0)".cut(to: style.width ?? .max) + "\n" }.joined()
    }
    return "\n" + shown.map { wrapped($0, first: "note: ", width: style.width) }.joined()
  }

  /// What is known besides the answers, and what was assumed for them, in clauses.
  func notes(on part: ViewAssessment) -> (notes: [String], assumptions: [String]) {
    var notes: [String] = []
    func note(_ sentence: String) { notes.append(sentence) }
    if let image = part.view.image {
      let name = image.names.first.map { " \(printable($0))" } ?? ""
      note(
        "\(part.name) is the image\(name) for \(printable(image.platform))"
          + (image.layers.isEmpty ? "" : " with " + counted(image.layers.count, "layer")))
    }
    for (what, files) in Dictionary(grouping: part.view.otherFiles, by: \.what).sorted(by: { $0.key < $1.key }
    ) {
      note("\(printable(what)), not judged: \(named(files.map { part.shown($0.path) }, atMost: 3))")
    }
    if !part.view.emptyPackages.isEmpty {
      note("there is no device code in \(named(part.view.emptyPackages.map(\.description), atMost: 3))")
    }
    let packaged = Set(part.packages.flatMap(\.units))
    for (index, unit) in part.units.enumerated() where !packaged.contains(index) {
      guard let framework = unit.cachedBy else { continue }
      let targets = unit.targets.map(\.targetName).joined(separator: " ")
      note(
        "\(part.name(of: index)) was compiled on earlier runs, for \(targets), and decides nothing: "
          + "\(framework) compiles again for another GPU")
    }
    if question.namesDevices { notes += sentences { aside(part, $0) } }
    if part.view.linksOutside > 0 {
      note(
        part.view.linksOutside == 1
          ? "a symbolic link leads outside and was not followed"
          : "\(grouped(part.view.linksOutside)) symbolic links lead outside and were not followed")
    }
    return (notes, question.namesDevices ? sentences { assumptions(part, $0) } : [])
  }

  /// Sentences about each device, those that several share once with all of their names.
  private func sentences(_ make: (_ device: Int) -> [Sentence]) -> [String] {
    let all = devices.indices.flatMap { device in make(device).map { (sentence: $0, device: device) } }
    return groups(of: all) { $0.sentence.text(gpus: "") }.map { group in
      group[0].sentence.text(gpus: listed(distinct(group.map(\.device)).map { devices[$0].device.label }))
    }
  }

  /// What was set aside for one GPU because it is for others.
  private func aside(_ part: ViewAssessment, _ device: Int) -> [Sentence] {
    part.packages.compactMap { package in
      let others = zip(package.units, package.verdicts[device].standings).filter { $1 == .forOtherGPUs }
        .map(\.0)
      guard !others.isEmpty else { return nil }
      let (verb, what) = others.count == 1 ? ("is", "it does") : ("are", "they do")
      let shown = named(others.map { part.name(of: $0) }, atMost: 3)
      return
        "\(shown) \(verb) for other GPUs than \(gpu: devices[device].device.label): what \(what) is missing there"
    }
  }

  /// What was assumed for one GPU.
  private func assumptions(_ part: ViewAssessment, _ device: Int) -> [Sentence] {
    let label = devices[device].device.label
    var notes: [Sentence] = []
    for package in part.packages {
      var notTaken: [Int: [Int]] = [:]
      for (unit, standing) in zip(package.units, package.verdicts[device].standings) {
        if let taken = standing.taken { notTaken[taken, default: []].append(unit) }
      }
      for (taken, units) in notTaken.sorted(by: { $0.key < $1.key }) {
        notes.append(
          "\(part.name(of: taken)) is judged for \(gpu: label), in place of \(counted(units.count, "file")) for other versions of CUDA or other GPUs"
        )
      }
    }
    for (index, unit) in part.units.enumerated() {
      let verdict = unit.verdicts[device]
      let presumed = verdict.presumed.reduce(0) { $0 + $1.modules.count }
      if presumed > 0 {
        notes.append(
          "\(part.name(of: index)) picks its kernels by GPU: \(counted(presumed, "module")) without code for \(gpu: label) \(presumed == 1 ? "is" : "are") taken to be for others"
        )
      }
      let counts = verdict.specialised
      if unit.isCollection, unit.cachedBy == nil, counts.mayRun > 0, counts.none > 0 {
        let has = counts.mayRun == 1 ? "has 1" : "have \(grouped(counts.mayRun))"
        notes.append(
          "\(part.name(of: index)) \(has) for \(gpu: label); the others are taken to be for other GPUs")
      }
    }
    return notes
  }
}

/// The first problems, each with the path that `path` says; those of one file that say the same are one.
func problemLines(
  _ problems: [FileProblem], _ style: TextStyle, path: (FileProblem) -> String
) -> String {
  guard !problems.isEmpty else { return "" }
  let shown = 20
  var text = "\n"
  let sentences = problems.sentences(path: path)
  for sentence in sentences.prefix(shown) {
    text += wrapped(sentence, first: style.paint("problem", .yellow) + ": ", indent: 9, width: style.width)
  }
  if sentences.count > shown {
    text += "\(grouped(sentences.count - shown)) more problems: see the JSON report (-o json).\n"
  }
  return text
}

extension [FileProblem] {
  /// The problems, file by file; those of one file that say the same are one.
  func sentences(path: (FileProblem) -> String) -> [String] {
    var files: [(first: FileProblem, problems: [Problem])] = []
    for problem in self {
      if files.last?.first.path == problem.path {
        files[files.count - 1].problems.append(problem.problem)
      } else {
        files.append((problem, [problem.problem]))
      }
    }
    return files.flatMap { file in
      file.problems.grouped.map { "\(path(file.first)): \(printable($0.description))" }
    }
  }
}

extension [Problem] {
  /// The problems below the heading of their file.
  func lines(_ style: TextStyle) -> String {
    grouped.map { wrapped(printable($0.description), first: "  problem: ", width: style.width) }.joined()
  }
}

extension ViewAssessment {
  /// Whether something in it could not be read as it should.
  fileprivate var hasFailures: Bool { view.problems.contains { $0.problem.isFailure } }
}

extension Problem {
  /// Why a path could not be read, behind its name.
  fileprivate var reason: String {
    code == .notFound ? code.phrase : observed.map { "\(code.phrase): \(printable($0))" } ?? code.phrase
  }
}

extension Answer.Kind {
  /// The mark in front of an answer.
  var mark: String {
    switch self {
    case .yes: "✓"
    case .partly: "◐"
    case .no: "✗"
    case .unknown: "?"
    case .nothing: "–"
    }
  }

  var color: TextStyle.Color {
    switch self {
    case .yes: .green
    case .partly, .unknown: .yellow
    case .no: .red
    case .nothing: .dim
    }
  }

  /// The answer to "does it run?".
  func word(_ verdict: Verdict) -> String {
    switch self {
    case .yes: verdict == .jit ? "yes, after the driver has compiled PTX at the first start" : "yes"
    case .partly: "partly"
    case .no: "no"
    case .unknown: verdict == .notGuaranteed ? "perhaps" : "not known"
    case .nothing: "nothing here uses a GPU"
    }
  }
}

extension TableRow.Cell {
  var mark: String {
    switch self {
    case .verdict(let verdict): verdict.mark
    case .setAside: "·"
    case .ignored(let verdict): "(\(verdict.mark))"
    }
  }

  var color: TextStyle.Color {
    switch self {
    case .verdict(let verdict): verdict.color
    case .setAside, .ignored: .dim
    }
  }

  var meaning: String {
    switch self {
    case .verdict(let verdict): verdict.meaning
    case .setAside: "for other GPUs or another CUDA"
    case .ignored(let verdict): "\(verdict.meaning), and is ignored"
    }
  }
}

extension Verdict {
  /// The mark in tables.
  var mark: String {
    switch self {
    case .native: "✓"
    case .jit: "✓*"
    case .partial: "◐"
    case .notGuaranteed: "?"
    case .incompatible: "✗"
    case .noDeviceCode: "–"
    }
  }

  var color: TextStyle.Color {
    switch self {
    case .native: .green
    case .jit: .cyan
    case .partial, .notGuaranteed: .yellow
    case .incompatible: .red
    case .noDeviceCode: .dim
    }
  }

  /// What the mark means.
  var meaning: String {
    switch self {
    case .native: "runs as it is"
    case .jit: "runs after JIT compilation"
    case .partial: "some kernels fail"
    case .notGuaranteed: "may run, not guaranteed"
    case .incompatible: "does not run"
    case .noDeviceCode: "nothing to load"
    }
  }

  /// The verdict at the head of a finding.
  var word: String {
    switch self {
    case .native: "native"
    case .jit: "JIT"
    case .partial: "partial"
    case .notGuaranteed: "not guaranteed"
    case .incompatible: "incompatible"
    case .noDeviceCode: "no device code"
    }
  }
}
