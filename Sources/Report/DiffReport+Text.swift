import Bytes
import Compatibility
import Demangling
import DeviceCode
import Scan

extension DiffReport {
  /// The report as text: what was lost, what was gained, how sizes changed, and the answer in one line.
  public func text(_ style: TextStyle) -> [UInt8] {
    var text = ""
    for (name, root) in [("old", result.roots.first), ("new", result.roots.last)] {
      text += style.paint(name, .bold) + "  " + (root?.path.description ?? "") + "\n"
    }
    text += wrapped(overview, first: "", width: style.width)
    for change in losses { text += "\n" + self.text(of: change, mark: "✗", .red, style) }
    for change in gains { text += "\n" + self.text(of: change, mark: "+", .green, style) }
    var output = Array(text.utf8)
    if !difference.totals.isEmpty {
      output.append(UInt8(ascii: "\n"))
      writeTargets(style, to: &output)
      writeFiles(style, to: &output)
    }
    output += notCompared(style).utf8
    output += problemLines(problems, style) { path(of: $0) }.utf8
    output += ("\n" + answer(style)).utf8
    return output
  }

  private var overview: String {
    let differing = count(.changed) + count(.gained) + count(.lost)
    let same = count(.unchanged)
    if differing + same + count(.notCompared) == 0 { return "No CUDA device code on either side." }
    if differing == 0, same > 0 {
      return "\(counted(same, "library", "libraries")) with device code, no difference in targets, sizes"
        + (difference.kernels == nil ? "." : " and kernels.")
    }
    return
      "\(counted(differing, "library", "libraries")) with device code "
      + "\(differing == 1 ? "differs" : "differ"), \(grouped(same)) \(same == 1 ? "is" : "are") the same."
  }

  /// One line at the end.
  private func answer(_ style: TextStyle) -> String {
    var parts: [String] = []
    func add(_ count: Int, _ singular: String, _ plural: String? = nil) {
      if count > 0 { parts.append(counted(count, singular, plural)) }
    }
    add(count(.lost), "library", "libraries")
    add(lostTargets, "target")
    add(lostPTXVersions, "PTX version")
    add(missingKernels, "kernel")
    let (mark, color, sentence) =
      difference.hasLosses
      ? ("✗", TextStyle.Color.red, "lost: " + parts.joined(separator: ", "))
      : count(.notCompared) > 0
        ? ("?", .yellow, "not everything could be compared; nothing else was lost")
        : ("✓", .green, "nothing was lost")
    return style.paint(mark, color) + " " + style.paint(sentence, .bold) + "\n"
  }

  private func notCompared(_ style: TextStyle) -> String {
    let names = difference.libraries.filter { $0.status == .notCompared }.map(name)
    guard !names.isEmpty else { return "" }
    return "\n"
      + wrapped(
        "not compared, because the other side could not be read: \(listed(names, 4))", first: "note: ",
        width: style.width)
  }
}

// MARK: Changes

/// One change that some libraries share.
private struct Change: Hashable {
  var what: String
  /// Where, and in what words.
  var places: [String]
  /// Lines below, which may be cut to the width of the terminal.
  var rows: [String] = []
  /// What the rows leave out.
  var rest: String?
}

extension DiffReport {
  /// Functions that are named one by one where kernels were lost, and where they were gained.
  private static let shownFunctions = (lost: 8, gained: 4)
  /// Libraries whose kernels are shown.
  private static let shownLibraries = 5

  private var losses: [Change] {
    var changes = libraries("lost", .lost)
    changes += shared("lost targets") { $0.lostTargets.map(\.name).joined(separator: " ") }
    changes += shared("lost PTX versions") { library in
      library.targets.filter { !$0.lostPTX.isEmpty }.map(Self.describePTX).joined(separator: "; ")
    }
    changes += kernels("lost for some targets", Self.shownFunctions.lost) { library in
      (library.missingKernels.filter(\.isElsewhere), library.pair.old)
    }
    changes += kernels("lost", Self.shownFunctions.lost) { library in
      library.status == .lost
        ? ([], nil) : (library.missingKernels.filter { !$0.isElsewhere }, library.pair.old)
    }
    return changes
  }

  private var gains: [Change] {
    var changes = libraries("gained", .gained)
    changes += shared("gained targets") { $0.gainedTargets.map(\.name).joined(separator: " ") }
    changes += shared("gained PTX versions") { library in
      library.targets.filter { $0.lostPTX.isEmpty && !$0.gainedPTX.isEmpty }.map { target in
        "\(target.target.name): " + target.gainedPTX.map(\.description).joined(separator: " ")
      }.joined(separator: "; ")
    }
    changes += kernels("gained", Self.shownFunctions.gained) { library in
      library.status == .gained ? ([], nil) : (library.addedKernels, library.pair.new)
    }
    return changes
  }

  /// `compute_90 7.8, now 8.4 (CUDA 12.4 or newer)`
  private static func describePTX(_ target: TargetDifference) -> String {
    let lost = target.lostPTX.map(\.description).joined(separator: " ")
    let left = (target.new?.totals.ptxISAs ?? []).sorted()
    let cuda = left.first.flatMap { DriverTable.shared.cuda(for: $0) }
    return "\(target.target.name) \(lost), now \(left.map(\.description).joined(separator: " "))"
      + (cuda.map { " (needs a driver for CUDA \($0))" } ?? "")
  }

  /// Whole libraries that only one side has.
  private func libraries(_ word: String, _ status: LibraryDifference.Status) -> [Change] {
    let libraries = difference.libraries.filter { $0.status == status }
    guard !libraries.isEmpty else { return [] }
    let rows = libraries.map { library in
      let targets = library.targets.map(\.target.name).joined(separator: " ")
      let differences = status == .lost ? library.lostKernels : library.gainedKernels
      let moved = differences.count { $0.hasMoved }
      let from = status == .lost ? "are now in" : "come from"
      return "\(name(library)): \(targets)"
        + (moved > 0
          ? "; \(grouped(moved)) of \(counted(differences.count, "kernel")) \(from) other libraries" : "")
    }
    let shown = 10
    return [
      Change(
        what: "\(word) \(libraries.count == 1 ? "library" : "libraries")"
          + (status == .lost ? ", or its device code" : ""),
        places: [], rows: Array(rows.prefix(shown)),
        rest: rows.count > shown ? "and \(grouped(rows.count - shown)) more" : nil)
    ]
  }

  /// What `describe` says about changed libraries, once for all of which it says the same.
  private func shared(_ word: String, _ describe: (LibraryDifference) -> String) -> [Change] {
    var changes: [Change] = []
    for library in difference.libraries where library.status == .changed {
      let what = describe(library)
      guard !what.isEmpty else { continue }
      let full = "\(word): \(what)"
      if let index = changes.firstIndex(where: { $0.what == full }) {
        changes[index].places.append(name(library))
      } else {
        changes.append(Change(what: full, places: [name(library)]))
      }
    }
    return changes
  }

  /// The kernels that `choose` names for each library, by function.
  private func kernels(
    _ word: String, _ shown: Int,
    _ choose: (LibraryDifference) -> (kernels: [KernelDifference], side: LibraryPair.Side?)
  ) -> [Change] {
    var changes: [Change] = []
    var hidden: [(library: String, kernels: Int)] = []
    for library in difference.libraries {
      let (kernels, side) = choose(library)
      guard !kernels.isEmpty, let side else { continue }
      guard changes.count < Self.shownLibraries else {
        hidden.append((name(library), kernels.count))
        continue
      }
      let functions = Function.list(kernels, names(of: kernels).map(\.name))
      let digits = functions.map { grouped($0.instances).utf8.count }.max() ?? 0
      let rows = functions.prefix(shown).map { function in
        grouped(function.instances).padded(to: digits, right: true) + "  " + printable(function.name)
          + (function.targets.isEmpty
            ? "" : "  (\(function.targets.map(\.name).joined(separator: " ")))")
      }
      let rest = functions.dropFirst(shown)
      let all = Set((difference.kernels?.libraries[side.library] ?? [:]).values.flatMap(\.codeSizes.keys)).count
      changes.append(
        Change(
          what: "\(word): \(grouped(kernels.count)) of \(counted(all, "kernel"))", places: [name(library)],
          rows: Array(rows),
          rest: rest.isEmpty
            ? nil
            : "and \(grouped(rest.reduce(0) { $0 + $1.instances })) more, of "
              + "\(counted(rest.count, "function")); -o json has all"))
    }
    if !hidden.isEmpty {
      let kernels = hidden.reduce(0) { $0 + $1.kernels }
      changes.append(
        Change(what: "\(word): \(counted(kernels, "kernel")) more", places: [listed(hidden.map(\.library), 4)]))
    }
    return changes
  }

  private func text(of change: Change, mark: String, _ color: TextStyle.Color, _ style: TextStyle) -> String {
    let places = listed(change.places, 4)
    let head = "\(mark) \(change.what)" + (places.isEmpty ? "" : ":")
    var text: String
    if columns(head) + 1 + columns(places) <= style.width ?? Int.max {
      text = style.paint(head, color) + (places.isEmpty ? "" : " " + places) + "\n"
    } else {
      let lines = wrapped(change.what + (places.isEmpty ? "" : ":"), first: mark + " ", width: style.width)
      text = style.paint(String(lines.dropLast()), color) + "\n"
      if !places.isEmpty { text += wrapped(places, first: "    ", width: style.width) }
    }
    for row in change.rows { text += "    " + row.elided(to: (style.width ?? Int.max) - 4) + "\n" }
    if let rest = change.rest { text += style.paint("    " + rest, .dim) + "\n" }
    return text
  }

  /// The name of a library, with the older one where it differs.
  private func name(_ library: LibraryDifference) -> String {
    let old = library.pair.old?.place.path
    let new = library.pair.new?.place.path
    guard let old, let new, old != new else { return (new ?? old)?.description ?? "" }
    return "\(new) (was \(old))"
  }
}

/// The instances of one function template among some kernels.
private struct Function {
  var name: String
  var instances: Int
  /// The targets that are concerned where the kernels are there for others; empty where they are not.
  var targets: [ImageTarget]

  private struct Key: Hashable {
    var name: String
    var targets: [ImageTarget]
  }

  /// Most instances first.
  static func list(_ kernels: [KernelDifference], _ names: [String]) -> [Function] {
    var counts: [Key: Int] = [:]
    for (kernel, name) in zip(kernels, names) {
      let targets = kernel.isElsewhere ? kernel.targets : []
      counts[Key(name: readableKernelName(name), targets: targets), default: 0] += 1
    }
    return counts.map { Function(name: $0.name, instances: $1, targets: $0.targets) }.sorted {
      $0.instances != $1.instances
        ? $0.instances > $1.instances
        : $0.name != $1.name ? $0.name < $1.name : $0.targets.lexicographicallyPrecedes($1.targets)
    }
  }
}

/// The first of some names, and how many follow.
private func listed(_ names: [String], _ shown: Int) -> String {
  names.prefix(shown).joined(separator: ", ")
    + (names.count > shown ? " and \(grouped(names.count - shown)) more" : "")
}

// MARK: Sizes

extension DiffReport {
  private func writeTargets(_ style: TextStyle, to output: inout [UInt8]) {
    let width = style.width ?? Int.max
    let hasSize = width >= 80
    let hasCode = width >= 100 && difference.kernels != nil
    var headers: [TextTable.Header] = [.left("target"), .right("modules"), .right("stored"), .right("")]
    if hasSize { headers.append(.right("decompressed")) }
    if hasCode { headers.append(.right("code")) }
    let (old, new) = difference.comparedLibraries
    func total(_ value: (TargetDifference.Side) -> UInt64?, _ side: Side) -> UInt64? {
      difference.totals.reduce(0 as UInt64?) { sum, target in
        guard let own = target[keyPath: side] else { return sum }
        return sum.flatMap { sum in value(own).map { sum &+ $0 } }
      }
    }
    func modules(_ libraries: [Int]) -> Int {
      libraries.reduce(0) { $0 + result.libraries[$1].file.inventory.modules.count }
    }
    TextTable(headers).write(style, to: &output) { row in
      for target in difference.totals {
        row.add(target.target.name)
        row.add(arrow(target.old.map { $0.totals.modules }, target.new.map { $0.totals.modules }) { grouped($0) })
        let stored = (target.old?.totals.storedSize, target.new?.totals.storedSize)
        row.add(arrow(stored.0, stored.1, byteCount))
        row.add(change(stored.0, stored.1))
        if hasSize { row.add(arrow(target.old?.totals.size, target.new?.totals.size, byteCount)) }
        if hasCode { row.add(arrow(target.old?.codeSize, target.new?.codeSize, byteCount)) }
      }
      guard difference.totals.count > 1 else { return }
      row.add("all")
      row.add(arrow(modules(old), modules(new)) { grouped($0) })
      let stored = (
        total({ $0.totals.storedSize }, \.old), total({ $0.totals.storedSize }, \.new)
      )
      row.add(arrow(stored.0, stored.1, byteCount))
      row.add(change(stored.0, stored.1))
      if hasSize {
        row.add(arrow(total({ $0.totals.size }, \.old), total({ $0.totals.size }, \.new), byteCount))
      }
      if hasCode {
        row.add(arrow(total(\.codeSize, \.old), total(\.codeSize, \.new), byteCount))
      }
    }
  }

  private typealias Side = KeyPath<TargetDifference, TargetDifference.Side?>

  /// The libraries whose files changed most in size.
  private func writeFiles(_ style: TextStyle, to output: inout [UInt8]) {
    func size(_ side: LibraryPair.Side?) -> UInt64? { side.map { result.libraries[$0.library].file.size } }
    let libraries = difference.libraries.filter { $0.status != .unchanged && $0.status != .notCompared }.map {
      (name: name($0), old: size($0.pair.old), new: size($0.pair.new))
    }.sorted { left, right in
      let changes = [left, right].map { max($0.old ?? 0, $0.new ?? 0) - min($0.old ?? 0, $0.new ?? 0) }
      return changes[0] == changes[1] ? left.name < right.name : changes[0] > changes[1]
    }
    let shown = 8
    output.append(UInt8(ascii: "\n"))
    TextTable([.left("library"), .right("file"), .right("")]).write(style, to: &output) { row in
      for library in libraries.prefix(shown) {
        row.add(library.name.elidedPath(to: max(20, (style.width ?? 100) - 36)))
        row.add(arrow(library.old, library.new, byteCount))
        row.add(change(library.old, library.new))
      }
    }
    if libraries.count > shown {
      output += (style.paint("  and \(grouped(libraries.count - shown)) more", .dim) + "\n").utf8
    }
  }
}

/// `old → new`, or one of them where they are the same; a dash for what is not there.
private func arrow<Value: Equatable>(_ old: Value?, _ new: Value?, _ text: (Value) -> String) -> String {
  old == new ? old.map(text) ?? "–" : "\(old.map(text) ?? "–") → \(new.map(text) ?? "–")"
}

/// By what share a size changed: `+12.5 %`; empty where it did not, or where one side has none.
private func change(_ old: UInt64?, _ new: UInt64?) -> String {
  guard let old, let new, old > 0, old != new else { return "" }
  let ratio = (Double(new) / Double(old) - 1) * 100
  let tenths = Int((min(abs(ratio), 1e9) * 10).rounded())
  let sign = new > old ? "+" : "−"
  return sign + (tenths < 1000 ? "\(tenths / 10).\(tenths % 10)" : grouped(tenths / 10)) + " %"
}
