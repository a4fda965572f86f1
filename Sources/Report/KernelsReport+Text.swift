import Bytes
import Compatibility
import Demangling
import DeviceCode
import Scan

extension KernelsReport {
  /// The report as text: for each file a table with a row per kernel, or a summary of its bytes.
  public func text(_ style: TextStyle) -> [UInt8] {
    var output: [UInt8] = []
    for (index, file) in files.enumerated() {
      if index > 0 { output.append(UInt8(ascii: "\n")) }
      output.append(contentsOf: heading(of: file, style).utf8)
      if selection.isSummary {
        CompositionReport(file, limit: selection.limit ?? 10, isMangled: selection.isMangled)
          .write(style, to: &output)
      } else if selection.isStubsOnly {
        writeStubs(of: file, style, to: &output)
      } else {
        writeTable(of: file, style, to: &output)
      }
      output.append(contentsOf: file.problems.lines(style).utf8)
    }
    return output
  }

  private func heading(of file: File, _ style: TextStyle) -> String {
    var text = style.paint(file.path.description, .bold)
    let isUnread = file.contents.size == 0 && !file.problems.isEmpty
    if !isUnread { text += "  \(byteCount(file.contents.size))" }
    let count = file.kernels.kernels.count
    switch file.contents.format {
    case .unsupported(let what): text += ", \(what): not read"
    case .other: text += file.problems.isEmpty ? ", no file that holds device code" : ""
    case _ where file.contents.inventory.images.isEmpty: text += ", no CUDA device code"
    case _ where file.rows.count < count && !selection.isSummary:
      text += ", \(grouped(file.rows.count)) of \(counted(count, "kernel"))"
    case _ where selection.isStubsOnly: text += ", every kernel is a suspected stub"
    default: text += ", \(counted(count, "kernel"))"
    }
    return text + "\n"
  }

  private func writeTable(of file: File, _ style: TextStyle, to output: inout [UInt8]) {
    var targets = TargetLists(file.contents.inventory.images)
    let rows = file.rows.map { KernelCells($0, &targets) }
    guard !rows.isEmpty else { return }
    // Most kernels use neither stack nor local memory: a column of zeros says nothing.
    // Functions, not key paths: these would copy the row.
    let columns: [(title: String, value: (KernelCells) -> Span)] = [
      ("regs", { $0.registers }), ("stack", { $0.stack }), ("local", { $0.local }), ("shared", { $0.shared }),
      ("const0", { $0.constant }), ("params", { $0.parameters }), ("code", { $0.code }),
    ].filter { column in rows.contains { column.1($0).upper > 0 } }
    let hasCode = !columns.isEmpty
    let hasCopies = rows.contains { $0.copies > $0.targetCount }
    let hasStubs = rows.contains { !$0.stub.isEmpty }
    var headers = columns.map { TextTable.Header.right($0.title) }
    if hasCode { headers.append(.right("in file")) }
    if hasCopies { headers.append(.right("copies")) }
    headers.append(.left("targets"))
    if hasStubs { headers.append(.left("stub")) }
    headers.append(.left("kernel"))
    TextTable(headers).write(style, to: &output, limit: style.width) { table in
      for row in rows {
        for column in columns { column.value(row).add(to: &table) }
        if hasCode { table.add(row.storedSize > 0 ? byteCount(row.storedSize) : "") }
        if hasCopies { table.add(UInt64(row.copies)) }
        table.add(row.targets)
        if hasStubs { table.add(row.stub) }
        table.add(row.name)
      }
    }
    if hasStubs {
      let count = file.rows.count { $0.stub != nil }
      let line = wrapped(
        "\(counted(count, "suspected stub")): what was compiled for the targets under 'stub' does none of the work that the "
          + "kernel does for others. --stubs shows them alone, with the evidence.",
        first: "  ", width: style.width)
      output.append(contentsOf: line.utf8)
    }
    if !targets.ptxVersions.isEmpty {
      let line = wrapped(
        targets.ptxVersions.joined(separator: ", "), first: "  PTX version: ", width: style.width)
      output.append(contentsOf: line.utf8)
    }
  }
}

extension KernelsReport {
  /// How many suspected stubs there are for each target; then a row for those of one function that are compiled out
  /// alike: what they are where they were, and where they have code.
  private func writeStubs(of file: File, _ style: TextStyle, to output: inout [UInt8]) {
    let stubs = file.rows.compactMap { row in row.stub.map { (name: row.shownName, stub: $0) } }
    guard !stubs.isEmpty else { return }
    var bodies: [CodeTarget: [KernelBody.Kind: Int]] = [:]
    for target in stubs.lazy.flatMap(\.stub.stubs) {
      bodies[target.target, default: [:]][target.body, default: 0] += 1
    }
    TextTable([.left("target"), .right("compiled out"), .left("what is left")])
      .write(style, to: &output, limit: style.width) { table in
        for (target, counts) in bodies.sorted(by: { $0.key < $1.key }) {
          table.add("sm_\(target)")
          table.add(grouped(counts.values.reduce(0, +)))
          table.add(
            counts.sorted { ($1.value, $0.key.phrase) < ($0.value, $1.key.phrase) }
              .map { counts.count > 1 ? "\(grouped($1)) \($0.phrase)" : $0.phrase }.joined(separator: ", "))
        }
      }
    output.append(UInt8(ascii: "\n"))
    let rows = StubRow.list(stubs, isMangled: selection.isMangled)
    let hasCounts = rows.contains { $0.count > 1 }
    var headers: [TextTable.Header] = [.left("compiled out for"), .left("has code for"), .left("kernel")]
    if hasCounts { headers.insert(.right("kernels"), at: 0) }
    TextTable(headers).write(style, to: &output, limit: style.width) { table in
      for row in rows {
        if hasCounts { table.add(UInt64(row.count)) }
        table.add(row.evidence { $0.isStandIn })
        table.add(row.evidence { $0 == .code })
        table.add(printable(row.name))
      }
    }
    let note =
      "Behind the targets: what the code is, and its bytes. It is a fact about the file, not a fault: most libraries choose "
      + "at run time, and never launch a kernel where it was compiled out."
      + (hasCounts ? " Instances of a function are one row; -o csv has each." : "")
    output.append(contentsOf: wrapped(note, first: "  ", width: style.width).utf8)
  }
}

/// The suspected stubs of one function that are the same for the same targets.
private struct StubRow {
  /// What they are for some targets.
  struct Evidence {
    var body: KernelBody.Kind
    var targets: [CodeTarget] = []
    var sizes = Span()
  }

  private struct Key: Hashable {
    var name: String
    var targets: [CodeTarget]
    var bodies: [KernelBody.Kind]
  }

  /// The function, or the mangled name of one kernel.
  var name: String
  var count = 0
  private var groups: [Evidence] = []

  /// In the order in which `stubs` names them first.
  static func list(_ stubs: [(name: String, stub: SuspectedStub)], isMangled: Bool) -> [StubRow] {
    var rows: [StubRow] = []
    var positions: [Key: Int] = [:]
    for (name, stub) in stubs {
      let key = Key(
        name: isMangled ? name : readableKernelName(name), targets: stub.targets.map(\.target),
        bodies: stub.targets.map(\.body))
      let position = positions[key] ?? rows.count
      if position == rows.count {
        positions[key] = position
        rows.append(StubRow(name: key.name))
      }
      rows[position].add(stub)
    }
    return rows
  }

  private init(name: String) { self.name = name }

  private mutating func add(_ stub: SuspectedStub) {
    for target in stub.targets {
      let known = groups.firstIndex { $0.body == target.body }
      if known == nil { groups.append(Evidence(body: target.body)) }
      let group = known ?? groups.count - 1
      if count == 0 { groups[group].targets.append(target.target) }
      groups[group].sizes.add(target.codeSize)
    }
    count += 1
  }

  /// The targets whose code `isIncluded`, those alike together: `sm_75,80 print 256, sm_86 empty 128`.
  func evidence(_ isIncluded: (KernelBody.Kind) -> Bool) -> String {
    groups.filter { isIncluded($0.body) }.map { group in
      let names = "sm_" + group.targets.map(\.description).joined(separator: ",")
      let body = group.body == .code ? "" : " \(group.body.phrase)"
      let sizes =
        group.sizes.lower == group.sizes.upper
        ? "\(group.sizes.lower)" : "\(group.sizes.lower)–\(group.sizes.upper)"
      return "\(names)\(body) \(sizes)"
    }.joined(separator: ", ")
  }
}

extension KernelBody.Kind {
  /// The kind in words that stand behind a target.
  fileprivate var phrase: String {
    switch self {
    case .printAndTrap: "print+trap"
    default: rawValue
    }
  }
}

/// The smallest and the largest of some numbers; empty where there are none.
struct Span {
  var lower = UInt64.max
  var upper: UInt64 = 0

  mutating func add(_ value: (some UnsignedInteger)?) {
    guard let value else { return }
    lower = min(lower, UInt64(value))
    upper = max(upper, UInt64(value))
  }

  func add(to table: inout TextTable.Row) {
    if lower == upper {
      table.add(lower)
    } else {
      table.add(lower > upper ? "" : "\(lower)–\(upper)")
    }
  }
}

/// A target as it stands in a list of targets.
struct TargetLabel: Hashable, Comparable {
  var isPTX: Bool
  var target: CodeTarget

  init(_ image: DeviceImage) {
    isPTX = image.kind == .ptx
    target = image.target
  }

  var name: String { (isPTX ? "compute_" : "sm_") + target.description }

  static func < (left: TargetLabel, right: TargetLabel) -> Bool {
    left.isPTX == right.isPTX ? left.target < right.target : right.isPTX
  }

  /// `sm_75,80,90a compute_90`.
  static func list(_ labels: [TargetLabel]) -> String {
    [false, true].compactMap { isPTX in
      let names = labels.filter { $0.isPTX == isPTX }.map(\.target.description)
      return names.isEmpty ? nil : (isPTX ? "compute_" : "sm_") + names.joined(separator: ",")
    }.joined(separator: " ")
  }
}

/// The lists of targets of many kernels, each made once.
private struct TargetLists {
  /// By image, the position of its target among all.
  private let positions: [Int]
  private let labels: [TargetLabel]
  private let versions: [PTXISAVersion?]
  private var texts: [[Int]: String] = [:]
  private var ptx: Set<String> = []

  init(_ images: [DeviceImage]) {
    let all = images.map { TargetLabel($0) }
    labels = Set(all).sorted()
    let places = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, $0) })
    positions = all.map { places[$0] ?? 0 }
    versions = images.map(\.ptxISA)
  }

  /// The targets of `copies` as text, and how many they are.
  mutating func list(of copies: ArraySlice<KernelCopy>) -> (text: String, count: Int) {
    var found: [Int] = []
    for copy in copies {
      let position = positions[copy.image]
      if !found.contains(position) { found.append(position) }
      if copy.resources == nil { addVersion(of: copy) }
    }
    found.sort()
    if let text = texts[found] { return (text, found.count) }
    let text = TargetLabel.list(found.map { labels[$0] })
    texts[found] = text
    return (text, found.count)
  }

  private mutating func addVersion(of copy: KernelCopy) {
    guard let version = versions[copy.image] else { return }
    ptx.insert("\(labels[positions[copy.image]].name) \(version)")
  }

  /// The versions of all PTX in these lists.
  var ptxVersions: [String] { ptx.sorted() }
}

/// What a row of the table shows.
private struct KernelCells {
  var name: String
  var registers = Span()
  var stack = Span()
  var local = Span()
  var shared = Span()
  var constant = Span()
  var parameters = Span()
  var code = Span()
  var storedSize: UInt64
  var copies: Int
  var targets: String
  var targetCount: Int
  /// The targets for which it was compiled out.
  var stub: String

  init(_ row: KernelRow, _ lists: inout TargetLists) {
    name = printable(row.shownName)
    storedSize = row.storedSize
    copies = row.copies.count
    (targets, targetCount) = lists.list(of: row.copies)
    stub = row.stub.map { "sm_" + $0.stubs.map(\.target.description).joined(separator: ",") } ?? ""
    for copy in row.copies {
      guard let resources = copy.resources else { continue }
      registers.add(resources.registers)
      stack.add(resources.stackSize)
      local.add(resources.localMemory)
      shared.add(resources.sharedMemory)
      constant.add(resources.constantBank0)
      parameters.add(resources.parameterBytes)
      code.add(resources.codeSize)
    }
  }
}
