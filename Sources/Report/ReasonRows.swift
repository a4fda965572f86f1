import Assessment
import Bytes
import Compatibility
import Stack

/// Why the answers of one view are what they are: a row for each part of the stack and each package that a check says something
/// about.
struct ReasonRows {
  let part: ViewAssessment
  let question: Question

  /// Rows besides those of the stack that are shown without details.
  private static let shownRows = 8
  /// Rows that are shown however little room there is.
  static let fewestRows = 3
  /// Columns of a title, unless all are shorter.
  private static let titleWidth = 24

  /// The rows, and whether something is left out of them.
  ///
  /// - Parameter room: lines that they may take, of which the fewest rows take more if they must.
  func text(_ style: TextStyle, room: Int = .max) -> (text: String, isCut: Bool) {
    var rows = rows(style.showsDetails)
    var hidden = 0
    if !style.showsDetails {
      var left = Self.shownRows
      let all = rows.count
      rows.removeAll { row in
        guard row.check.line == nil else { return false }
        left -= 1
        return left < 0
      }
      hidden = all - rows.count
    }
    let width = min(rows.map { columns(title(of: $0.check)) }.max() ?? 0, Self.titleWidth)
    var text = ""
    var lines = 0
    var isCut = false
    var told = Told()
    for (index, row) in rows.enumerated() {
      let isNews = isNews(row, &told)
      // Of the last lines that there is room for, one tells how many rows are left out.
      let last = room - (index + 1 < rows.count || hidden > 0 ? 1 : 0)
      guard index < Self.fewestRows || lines < last else {
        hidden += rows.count - index
        break
      }
      let toldBefore = told
      var (written, wasCut) = write(row, width, isWhole: style.showsDetails || isNews, &told, style)
      if lines + written.lineCount > last {
        // What there is no room for is not told.
        told = toldBefore
        (written, wasCut) = write(row, width, isWhole: false, &told, style)
      }
      text += written
      lines += written.lineCount
      isCut = isCut || wasCut
    }
    if hidden > 0 { text += style.paint("and \(grouped(hidden)) more\n", .dim) }
    return (text, isCut || hidden > 0)
  }

  /// What the rows before have told.
  private struct Told {
    /// The devices of which something was told.
    var devices: Set<Int> = []
    /// The packages of which it was told why they fail.
    var packages: Set<Int> = []
    var details: Set<String> = []
  }

  /// Whether a row is the first about one of its devices, or tells of a package why it fails: it is shown as a whole.
  private func isNews(_ row: SharedCheck, _ told: inout Told) -> Bool {
    guard row.check.status != .pass else { return false }
    let devices = row.devices.isEmpty ? Array(question.devices.indices) : row.devices
    let isFirst = !told.devices.isSuperset(of: devices)
    told.devices.formUnion(devices)
    guard row.check.status == .fail else { return isFirst }
    let packages =
      row.check.packages
      ?? part.packages.indices.filter { index in
        part.packages[index].name == row.check.subject
          && part.packages[index].environment == row.check.environment
      }
    let isNew = !told.packages.isSuperset(of: packages)
    // With another driver there may be other causes.
    if !row.check.dependsOnDriver { told.packages.formUnion(packages) }
    return isFirst || isNew
  }

  private func write(
    _ row: SharedCheck, _ titleWidth: Int, isWhole: Bool, _ told: inout Told, _ style: TextStyle
  ) -> (String, Bool) {
    let (check, mark) = (row.check, row.check.status.mark)
    let title = title(of: check).elided(to: titleWidth).padded(to: titleWidth)
    let sentence = sentence(of: row)
    let first = "\(title)  \(mark)  "
    let head = style.paint(title, .bold) + "  " + style.paint(mark, check.status.color) + "  "
    guard isWhole else {
      let limit = (style.width ?? Int.max) - columns(first)
      let shown = sentence.cut(to: limit)
      return (head + shown + "\n", shown != sentence || check.detail != nil || !row.evidence.isEmpty)
    }
    let indent = "    "
    // A word that is wider than the column has room below the title.
    let widest = sentence.split(separator: " ").lazy.map { columns(String($0)) }.max() ?? 0
    var text =
      columns(first) + widest <= style.width ?? Int.max
      ? head + String(wrapped(sentence, first: first, width: style.width).dropFirst(first.count))
      : head.trimmingEnd() + "\n" + wrapped(sentence, first: indent, width: style.width)
    if let detail = check.detail, told.details.insert(detail).inserted || style.showsDetails {
      text += wrapped(printable(detail), first: indent, width: style.width)
    }
    guard style.showsDetails else { return (text, !row.evidence.isEmpty) }
    for line in part.lines(of: row.evidence) {
      text += wrapped(line, first: indent, width: style.width)
    }
    return (text, false)
  }

  /// What a row says behind its title.
  func sentence(of row: SharedCheck) -> String {
    let check = row.check
    // The title is the subject's name, or the subject is the only PyTorch.
    let isNamed = check.line == nil || part.view.stack.torches.count == 1
    let sentence = printable(row.summary(question, subject: isNamed ? "it" : nil))
    guard part.view.stack.environments.count > 1, let folder = check.environment, check.line == nil else {
      return sentence
    }
    return sentence + " (in \(part.shown(folder)))"
  }

  /// What stops everything first, then what fails, and so on; in the order of the stack, then of the packages.
  func rows(_ showsDetails: Bool) -> [SharedCheck] {
    var rows = part.checks.filter { showsDetails || isOfInterest($0) }.shared
    if !showsDetails { rows = shortened(rows) }
    func rank(_ row: SharedCheck) -> Int {
      switch row.check.status {
      case .fail: row.check.isStop ? 0 : 1
      case .warn: 2
      case .unknown: 3
      case .pass: 4
      }
    }
    func place(_ row: SharedCheck) -> Int {
      row.check.line.flatMap { SummaryLine.allCases.firstIndex(of: $0) } ?? SummaryLine.allCases.count
    }
    return rows.enumerated().sorted { left, right in
      (rank(left.element), place(left.element), left.offset)
        < (rank(right.element), place(right.element), right.offset)
    }.map(\.element)
  }

  /// Of what passes one row for each part of the stack of which nothing else is said: that of the newest CUDA runtime, which
  /// comes last and asks most of the driver.
  private func shortened(_ rows: [SharedCheck]) -> [SharedCheck] {
    var last: [SummaryLine: Int] = [:]
    for (index, row) in rows.enumerated() {
      if let line = row.check.line, row.check.status == .pass, part.status(of: line) == .pass {
        last[line] = index
      }
    }
    return rows.enumerated().filter { index, row in
      row.check.status != .pass || row.check.line.map { last[$0] == index } ?? false
    }.map(\.element)
  }

  /// Whether a check is shown without details: not what passes for one package, what only wants a driver to be named, and what
  /// PyTorch says of itself where somebody asks whether it runs.
  private func isOfInterest(_ check: Check) -> Bool {
    if check.status == .pass, check.line == nil { return false }
    if check.isOutside(question) { return false }
    return !(check.id == .flagsContents && question.namesDevices)
  }

  func title(of check: Check) -> String {
    if let line = check.line { return line.title }
    switch check.id {
    case .toolkitGPU, .toolkitTorch: return "compiling"
    case .torchCount: return "PyTorch"
    case .imageDevices: return "image"
    case .missingLibraries where check.subject == nil: return "libraries"
    default: return printable(check.subject ?? "device code")
    }
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
