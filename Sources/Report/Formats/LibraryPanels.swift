import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

/// The panels of the page of a scan: for each library of a view how its modules fare on each GPU, what they carry, and what
/// is missing.
struct LibraryPanels {
  private let part: ViewAssessment
  private let question: Question
  private let rows: TableRows
  private let findings: Findings
  /// For each unit the indices of the packages that have it.
  private let owners: [[Int]]

  init(_ part: ViewAssessment, _ question: Question, _ rows: TableRows) {
    self.part = part
    self.question = question
    self.rows = rows
    findings = Findings(part: part, question: question)
    var owners: [[Int]] = part.units.map { _ in [] }
    for (index, package) in part.packages.enumerated() {
      for unit in package.units { owners[unit].append(index) }
    }
    self.owners = owners
  }

  var count: Int { part.units.count }

  /// The panels, in the order of the libraries' paths.
  var all: some Sequence<String> { part.units.indices.lazy.map { panel(of: $0) } }

  private func panel(of unit: Int) -> String {
    let cells = question.isAboutTargetsOnly ? [] : rows.cells(of: unit)
    let packages = owners[unit].map { name(ofPackage: $0) }
    return
      "<details class=\"library\" data-cells=\"\(cells.letters)\"\(packages.isEmpty ? "" : " data-package=\"\(packages.joined(separator: " ").asMarkup)\"")><summary><code>\(part.name(of: unit).asMarkup)</code> \(signs(of: unit, cells))</summary>\n"
      + facts(of: unit, packages) + modules(of: unit, cells) + targets(of: unit) + standings(of: unit)
      + findings(of: unit) + "</details>\n"
  }

  private func name(ofPackage index: Int) -> String {
    let (name, version) = part.nameAndVersion(of: part.packages[index])
    return printable(name) + (version.map { " " + printable($0) } ?? "")
  }

  /// GPUs, of an overview with runs of them as ranges.
  private func names(_ devices: [Int]) -> String {
    let queries = question.devices.map(\.query)
    guard !question.namesDevices else { return devices.map { queries[$0] }.joined(separator: ", ") }
    return NumberRanges(devices).ranges.map { range in
      range[1] - range[0] > 1
        ? "\(queries[range[0]]) to \(queries[range[1]])"
        : (range[0]...range[1]).map { queries[$0] }.joined(separator: ", ")
    }.joined(separator: ", ")
  }

  /// A sign with the GPUs that it holds for, the words for screen readers.
  private func sign(_ className: String, _ mark: String, _ meaning: String, _ devices: String) -> String {
    "<b class=\"\(className)\">\(mark)<i> \(meaning.asMarkup)</i>\(devices.isEmpty ? "" : " \(devices.asMarkup)")</b>"
  }

  private func signs(of unit: Int, _ cells: [TableRow.Cell]) -> String {
    var signs = TableRow.Cell.all.filter(cells.contains).map { cell in
      sign(cell.className, cell.mark, cell.meaning, names(cells.indices.filter { cells[$0] == cell }))
    }
    if !question.requirements.isEmpty, !part.units[unit].requirements.isEmpty {
      signs.append(
        part.units[unit].meetsRequirements
          ? sign("native", "✓", "", "as required") : sign("incompatible", "✗", "", "not as required"))
    }
    return "<span class=\"signs\">\(signs.joined(separator: " "))</span>"
  }

  /// Other names of a file that are shown.
  private static let shownAliases = 4

  private func facts(of index: Int, _ packages: [String]) -> String {
    let unit = part.units[index]
    let files = unit.files.map { part.view.files[$0] }
    var facts = packages.isEmpty ? [] : ["of \(listed(packages))"]
    facts.append(counted(unit.code.moduleCount, "module"))
    // Compact facts have no sizes.
    let size = files.reduce(0) { $0 &+ $1.size }
    if size > 0 { facts.append(byteCount(size) + (unit.isCollection ? " in all" : "")) }
    if let image = part.view.image {
      let layers = distinct(files.compactMap(\.layer)).sorted()
      if !layers.isEmpty {
        facts.append(
          "from layer \(listed(layers.map { "\($0 + 1)" })) of \(image.layers.count)")
      }
    }
    let aliases = unit.isCollection ? [] : files[0].aliases.map { part.shown($0) }
    if !aliases.isEmpty { facts.append("also \(named(aliases, atMost: Self.shownAliases))") }
    return "<p>\(facts.joined(separator: "; ").asMarkup)</p>\n"
  }

  /// How many modules run, and how many do not, on each GPU; those of which that is the same share a row.
  private func modules(of unit: Int, _ cells: [TableRow.Cell]) -> String {
    guard !cells.isEmpty else { return "" }
    let verdicts = part.units[unit].verdicts
    let counts = verdicts.map { verdict in
      [
        verdict.portable.exact + verdict.portable.minorCompatible + verdict.specialised.exact
          + verdict.specialised.minorCompatible, verdict.portable.jit + verdict.specialised.jit,
        verdict.portable.notGuaranteed + verdict.specialised.notGuaranteed, verdict.gaps,
        verdict.modules - verdict.running - verdict.gaps,
      ]
    }
    let columns = Self.columns.indices.filter { column in counts.contains { $0[column] > 0 } }
    let heads = columns.map { "<th>\(Self.columns[$0])</th>" }.joined()
    var text =
      "<table class=\"modules\"><thead><tr><th>GPU</th><th>verdict</th>\(heads)</tr></thead><tbody>\n"
    for devices in groups(of: cells.indices, by: { RowKey(cell: cells[$0], counts: counts[$0]) }) {
      let cell = cells[devices[0]]
      text +=
        "<tr><th>\(names(devices).asMarkup)</th><td class=\"\(cell.className)\">\(cell.mark) \(cell.meaning.asMarkup)</td>"
      for column in columns { text += "<td>\(grouped(counts[devices[0]][column]))</td>" }
      text += "</tr>\n"
    }
    return text + "</tbody></table>\n"
  }

  private struct RowKey: Hashable {
    var cell: TableRow.Cell
    var counts: [Int]
  }

  /// What modules do; the last are for other GPUs, without kernels, or for the device linker.
  private static let columns = [
    "run as they are", "run after JIT compilation", "may run", "lack code", "are not for it",
  ]

  /// The targets, with their bytes as bars.
  private func targets(of unit: Int) -> String {
    let targets = part.targets(of: part.units[unit])
    guard !targets.isEmpty else { return "" }
    let largest = max(1, targets.map(\.totals.storedSize).max() ?? 1)
    let isZipped = targets.contains { $0.totals.zippedSize != nil }
    var text =
      "<table class=\"targets\"><thead><tr><th>target</th><th>images</th>\(isZipped ? "<th>size in the \(part.view.kind == .wheel ? "wheel" : "archive")</th>" : "")<th>size in the file</th></tr></thead><tbody>\n"
    for (target, total) in targets {
      let share = largest.dividingFullWidth(total.storedSize.multipliedFullWidth(by: 100)).quotient
      text +=
        "<tr><th>\(target.name.asMarkup)</th><td>\(grouped(total.images))</td>\(isZipped ? "<td>\(total.zippedSize.map { byteCount($0) } ?? "")</td>" : "")<td style=\"--share:\(share)%\">\(byteCount(total.storedSize))</td></tr>\n"
    }
    return text + "</tbody></table>\n"
  }

  /// What makes the verdict another one than that of the library's own code.
  private func standings(of unit: Int) -> String {
    guard !question.isAboutTargetsOnly else { return "" }
    var clauses: [(device: Int, text: String)] = []
    for device in question.devices.indices {
      switch part.standing(of: unit, on: device) {
      case .counts, .withoutCode: break
      case .forOtherGPUs:
        clauses.append((device, "it was made for other GPUs, and what it does is missing here"))
      case .notTaken(let taken): clauses.append((device, "\(part.name(of: taken)) is taken in its place"))
      case .cached:
        clauses.append(
          (device, "it was compiled on an earlier run, and is compiled again for another GPU"))
      case .ignored: clauses.append((device, "it is ignored"))
      }
      guard part.verdict(of: unit, on: device) != part.units[unit].verdicts[device].verdict else { continue }
      for package in owners[unit] {
        for reason in part.packages[package].verdicts[device].reasons {
          clauses.append((device, reason.text))
        }
      }
    }
    let items = groups(of: clauses, by: \.text).map { group in
      "<li>on \(names(group.map(\.device)).asMarkup): \(group[0].text.asMarkup)</li>\n"
    }
    return items.isEmpty ? "" : "<ul>\n\(items.joined())</ul>\n"
  }

  /// Kernels that are shown before a fold, and behind it.
  private static let (shownKernels, foldedKernels) = (20, 480)

  private func findings(of unit: Int) -> String {
    var text = ""
    for finding in findings.findings(of: unit) {
      let cell = finding.verdict.map { TableRow.Cell.verdict($0) }
      let on = finding.devices.isEmpty ? "" : names(finding.devices)
      text +=
        "<p>"
        + (cell.map { sign($0.className, $0.mark, $0.meaning, on) }
          ?? sign("incompatible", "✗", "", "not as required"))
        + " \(finding.what.asMarkup)</p>\n"
      var items = finding.why.map(\.asMarkup)
      items += finding.todo.map { ($0.isAlternative ? "or: " : "to do: ") + $0.sentence.asMarkup }
      let kernels = findings.kernels(of: finding)
      if !kernels.isEmpty {
        items.append(
          "\(counted(kernels.count, "missing kernel")): \(list(kernels.prefix(Self.shownKernels)))")
        let rest = kernels.dropFirst(Self.shownKernels)
        if !rest.isEmpty {
          let hidden = rest.count - Self.foldedKernels
          items[items.count - 1] +=
            "<details><summary>and \(grouped(rest.count)) more</summary>\(list(rest.prefix(Self.foldedKernels)))"
            + (hidden > 0 ? " and \(grouped(hidden)) more: see the JSON report (-o json)" : "") + "</details>"
        }
      }
      if !items.isEmpty { text += "<ul>\n\(items.map { "<li>\($0)</li>\n" }.joined())</ul>\n" }
    }
    return text
  }

  private func list(_ kernels: some Sequence<String>) -> String {
    kernels.map { "<code>\($0.asMarkup)</code>" }.joined(separator: ", ")
  }
}
