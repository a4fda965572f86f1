import Assessment
import Bytes
import Compatibility
import Demangling
import DeviceCode
import Scan
import Stack

extension DiffReport {
  /// The report as text: what was lost, what was gained, how sizes changed, and the answer in one line.
  public func text(_ style: TextStyle) -> [UInt8] {
    var text = unread(style)
    for (name, root) in [("old", result.roots.first), ("new", result.roots.last)] {
      text += style.paint(name, .bold) + "  " + (root?.path.description ?? "") + "\n"
    }
    text += wrapped(overview, first: "", width: style.width)
    let functions = self.functions
    for change in losses(functions) { text += "\n" + self.text(of: change, mark: "✗", .red, style) }
    for change in gains(functions) { text += "\n" + self.text(of: change, mark: "+", .green, style) }
    var output = Array(text.utf8)
    if !difference.totals.isEmpty {
      output.append(UInt8(ascii: "\n"))
      writeTargets(style, to: &output)
      writeFiles(style, to: &output)
    }
    output += notCompared(style).utf8
    let problems = problems.map {
      FileProblem(path: $0.place.fullPath(in: result.roots), problem: $0.problem)
    }
    output += problemLines(problems, style) { $0.path.description }.utf8
    output += ("\n" + answer(style)).utf8
    return output
  }

  /// Problems that are failures.
  private var failures: Int { problems.count { $0.problem.isFailure } }

  /// That something was not read, which is said before what is known of the rest.
  private func unread(_ style: TextStyle) -> String {
    guard failures > 0 else { return "" }
    let sentence = "Not everything could be read as it should; \(counted(failures, "problem")) below."
    return style.paint(wrapped(sentence, first: "! ", width: style.width), .yellow)
  }

  private var overview: String {
    let differing = count(.changed) + count(.gained) + count(.lost)
    let same = count(.unchanged)
    if differing + same + count(.notCompared) == 0 {
      return "No CUDA device code on either side\(failures == 0 ? "" : " in what could be read")."
    }
    if differing == 0, same > 0 {
      return "\(counted(same, "library", "libraries")) with device code, no difference in targets, sizes"
        + (difference.kernels == nil ? "." : " and kernels.")
    }
    if differing == 0 { return "Nothing could be compared." }
    return
      "\(counted(differing, "library", "libraries")) with device code \(differing == 1 ? "differs" : "differ")"
      + (same > 0 ? ", \(grouped(same)) \(same == 1 ? "is" : "are") the same." : ".")
  }

  /// What it comes to, at the end: one line where it is not wider than a terminal.
  private func answer(_ style: TextStyle) -> String {
    var parts: [String] = []
    func add(_ count: Int, _ singular: String, _ plural: String? = nil) {
      if count > 0 { parts.append(counted(count, singular, plural)) }
    }
    add(count(.lost), "library", "libraries")
    add(lostTargets, "target")
    add(lostPTXVersions, "PTX version")
    add(missingKernels, "kernel")
    func add(_ what: String, on gpus: Set<ComputeCapability>) {
      if !gpus.isEmpty {
        parts.append("\(what) \(counted(gpus.count, "compute capability", "compute capabilities"))")
      }
    }
    add("GPUs of", on: lostGPUs)
    add("older drivers for GPUs of", on: gpusForNewerDrivers)
    let (mark, color, sentence) =
      !difference.losses.isEmpty
      ? ("✗", TextStyle.Color.red, "lost: " + parts.joined(separator: ", "))
      : count(.notCompared) > 0 || failures > 0
        ? ("?", .yellow, "not everything could be compared; nothing else was lost")
        : ("✓", .green, "nothing was lost")
    return style.headline(mark, color, sentence)
  }

  private func notCompared(_ style: TextStyle) -> String {
    let names = difference.libraries.filter { $0.status == .notCompared }.map(name)
    guard !names.isEmpty else { return "" }
    return "\n"
      + wrapped(
        "not compared, because the other side could not be read: \(named(names, atMost: 4))", first: "note: ",
        width: style.width)
  }
}

// MARK: Changes

/// One change that some libraries share.
private struct Change: Hashable {
  var what: String
  /// Where, one paragraph each.
  var places: [String] = []
  /// Kernels, one line each.
  var rows: [String] = []
  /// What is left out.
  var rest: String?
}

extension DiffReport {
  /// Lines about whole libraries, and libraries whose kernels are shown.
  private static let shownLibraries = (whole: 10, kernels: 5)
  /// Functions that are named one by one.
  private static let shownFunctions = 8

  private func losses(_ functions: [String]) -> [Change] {
    var changes = wholeLibraries("lost", .lost)
    changes += coverage("lost", \.lostTargets, \.old, losses)
    changes += shared("lost") { library in
      Self.byDescription(library.targets.filter { !$0.lostPTX.isEmpty }) { target in
        let left = (target.new?.totals.ptxISAs ?? []).sorted()
        let cuda = left.first.flatMap { tables.drivers.cuda(for: $0) }
        return "as PTX \(Self.list(target.lostPTX)), now \(Self.list(left))"
          + (cuda.map { " (needs a driver for CUDA \($0))" } ?? "")
      }
    }
    changes += kernels("lost", " for some of their targets", \.old, functions) { library in
      library.missingKernels.filter(\.isElsewhere)
    }
    for hasOthers in [false, true] {
      let which =
        hasOthers ? "; their functions have other instances" : "; no instance of their functions is left"
      changes += kernels("lost", which, \.old, functions) { library in
        split(library.missingKernels.filter { !$0.isElsewhere }, by: library.pair.new, functions)[hasOthers]
          ?? []
      }
    }
    return changes
  }

  private func gains(_ functions: [String]) -> [Change] {
    var changes = wholeLibraries("gained", .gained)
    changes += coverage("gained", \.gainedTargets, \.new, gains)
    changes += shared("gained") { library in
      Self.byDescription(library.targets.filter { $0.lostPTX.isEmpty && !$0.gainedPTX.isEmpty }) {
        "as PTX \(Self.list($0.gainedPTX))"
      }
    }
    for hasOthers in [false, true] {
      let which = hasOthers ? ", of functions that had other instances" : ", of new functions"
      changes += kernels("gained", which, \.new, functions, shown: hasOthers ? 0 : Self.shownFunctions) {
        split($0.addedKernels, by: $0.pair.old, functions)[hasOthers] ?? []
      }
    }
    return changes
  }

  /// The names of targets, each before what `describe` says about it, once where it says the same.
  private static func byDescription(
    _ targets: [TargetDifference], _ describe: (TargetDifference) -> String
  ) -> String {
    targets.alike(by: describe).map { group in
      group.elements.map(\.target.name).joined(separator: " ") + " " + group.key
    }.joined(separator: "; ")
  }

  private static func list(_ versions: [PTXISAVersion]) -> String {
    versions.map(\.description).joined(separator: " ")
  }

  /// Libraries that only one side has.
  private func wholeLibraries(_ word: String, _ status: LibraryDifference.Status) -> [Change] {
    let libraries = difference.libraries.filter { $0.status == status }
    guard !libraries.isEmpty else { return [] }
    let places = libraries.alike { library in
      let targets = library.targets.map(\.target.name).joined(separator: " ")
      let kernels = status == .lost ? library.lostKernels : library.gainedKernels
      let moved = kernels.count(where: \.hasMoved)
      let from = status == .lost ? "are now in" : "come from"
      return targets
        + (moved > 0
          ? "; \(grouped(moved)) of \(counted(kernels.count, "kernel")) \(from) other libraries" : "")
    }.map { "\(named($0.elements.map(name), atMost: Self.shownLibraries.whole)): \($0.key)" }
    let shown = Self.shownLibraries.whole
    return [
      Change(
        what: "\(word): \(counted(libraries.count, "library", "libraries")) with device code",
        places: Array(places.prefix(shown)),
        rest: places.count > shown ? "and \(grouped(places.count - shown)) more" : nil)
    ]
  }

  /// The changed libraries, those together of which `key` is the same.
  private func changed<Key: Hashable>(
    by key: (LibraryDifference) -> Key
  ) -> [(key: Key, elements: [LibraryDifference])] {
    difference.libraries.filter { $0.status == .changed }.alike(by: key)
  }

  /// What `describe` says about changed libraries, once for all of which it says the same.
  private func shared(_ word: String, _ describe: (LibraryDifference) -> String) -> [Change] {
    changed(by: describe).filter { !$0.key.isEmpty }.map {
      Change(what: "\(word): \($0.key)", places: places($0.elements))
    }
  }

  /// The targets that changed libraries lost or gained, in how many modules, and what that means for GPUs: once for all
  /// libraries of which the same is true.
  private func coverage(
    _ word: String, _ targets: KeyPath<LibraryDifference, [ImageTarget]>,
    _ side: KeyPath<LibraryPair, LibraryPair.Side?>, _ describe: (LibraryDifference) -> [String]
  ) -> [Change] {
    changed { [$0[keyPath: targets].map(\.name), describe($0)] }.filter { $0.key != [[], []] }.map { group in
      let targets = group.elements[0][keyPath: targets]
      return Change(
        what: targets.isEmpty
          ? "\(word) on some GPUs" : "\(word): \(modules(with: targets, in: group.elements, side))",
        places: places(group.elements) + group.key[1])
    }
  }

  /// The names of targets, and in how many modules of one side of some libraries they are.
  private func modules(
    with targets: [ImageTarget], in libraries: [LibraryDifference],
    _ side: KeyPath<LibraryPair, LibraryPair.Side?>
  ) -> String {
    let files = Set(libraries.compactMap { $0.pair[keyPath: side]?.library })
      .map { result.libraries[$0].file.inventory }
    let all = files.reduce(0) { $0 + $1.modules.count }
    let totals = files.map(\.targetTotals)
    let counts = targets.map { target in totals.reduce(0) { $0 + ($1[target]?.modules ?? 0) } }
    guard let most = counts.max(), all > 1 else { return targets.map(\.name).joined(separator: " ") }
    let names = zip(targets, counts).map { $1 == most ? $0.name : "\($0.name) (\(grouped($1)))" }
    return names.joined(separator: " ")
      + (most == all ? " in all \(grouped(all)) modules" : " in \(grouped(most)) of \(grouped(all)) modules")
  }

  /// The kernels of each changed library that `choose` names, by function.
  private func kernels(
    _ word: String, _ which: String, _ side: KeyPath<LibraryPair, LibraryPair.Side?>, _ functions: [String],
    shown: Int = shownFunctions, _ choose: (LibraryDifference) -> [KernelDifference]
  ) -> [Change] {
    let groups = changed { library -> Change? in
      let kernels = choose(library)
      guard !kernels.isEmpty else { return nil }
      let rows = FunctionRow.list(kernels, functions)
      let digits = rows.map { grouped($0.instances).utf8.count }.max() ?? 0
      let rest = rows.dropFirst(shown)
      let all = self.kernels(of: library.pair[keyPath: side]).count
      return Change(
        what: "\(word): \(grouped(kernels.count)) of \(counted(all, "kernel"))\(which)",
        rows: rows.prefix(shown).map { row in
          grouped(row.instances).padded(to: digits, right: true) + "  " + printable(row.name)
            + (row.targets.isEmpty ? "" : "  \(row.targets.map(\.name).joined(separator: " "))")
        },
        rest: rest.isEmpty || shown == 0
          ? nil
          : "and \(grouped(rest.reduce(0) { $0 + $1.instances })) more, of "
            + "\(counted(rest.count, "function")); -o json has all")
    }.compactMap { group in group.key.map { ($0, group.elements) } }
    var changes = groups.prefix(Self.shownLibraries.kernels).map { change, libraries in
      var change = change
      change.places = places(libraries)
      return change
    }
    let hidden = groups.dropFirst(Self.shownLibraries.kernels).flatMap(\.1)
    if !hidden.isEmpty {
      let kernels = hidden.reduce(0) { $0 + choose($1).count }
      changes.append(
        Change(what: "\(word): \(counted(kernels, "kernel")) more\(which)", places: places(hidden)))
    }
    return changes
  }

  /// The kernels of one side of a library.
  private func kernels(of side: LibraryPair.Side?) -> Set<Int> {
    side.flatMap { difference.kernels?.kernels(of: $0.library) } ?? []
  }

  /// The kernels by whether `side` of their library has instances of the same function.
  private func split(
    _ differences: [KernelDifference], by side: LibraryPair.Side?, _ functions: [String]
  ) -> [Bool: [KernelDifference]] {
    guard !differences.isEmpty else { return [:] }
    let known = Set(kernels(of: side).map { functions[$0] })
    return Dictionary(grouping: differences) { known.contains(functions[$0.kernel]) }
  }

  /// For every kernel its name without template arguments and parameters; none where no kernel differs.
  private var functions: [String] {
    guard let kernels = difference.kernels,
      difference.libraries.contains(where: { !$0.missingKernels.isEmpty || !$0.addedKernels.isEmpty })
    else { return [] }
    return zip(kernels.names, demangle(kernels.names)).map { readableKernelName($1 ?? $0) }
  }

  private func text(of change: Change, mark: String, _ color: TextStyle.Color, _ style: TextStyle) -> String {
    let head = wrapped(change.what, first: mark + " ", width: style.width)
    var text = style.paint(String(head.dropLast()), color) + "\n"
    for place in change.places { text += wrapped(place, first: "    ", indent: 6, width: style.width) }
    for row in change.rows { text += "    " + row.elided(to: (style.width ?? Int.max) - 4) + "\n" }
    if let rest = change.rest { text += style.paint("    " + rest, .dim) + "\n" }
    return text
  }

  /// The paragraph that names libraries; none where there is only one.
  private func places(_ libraries: [LibraryDifference]) -> [String] {
    difference.libraries.count == 1 ? [] : ["in " + named(libraries.map(name), atMost: 4)]
  }

  /// The name of a library, with the older one where it differs; without its folder where that is the same.
  private func name(_ library: LibraryDifference) -> String {
    let old = library.pair.old?.place.path
    let new = library.pair.new?.place.path
    guard let old, let new, old != new else { return (new ?? old)?.description ?? "" }
    let folders = [old, new].map { $0.bytes.dropLast($0.lastComponent.bytes.count) }
    return "\(new) (was \(folders[0] == folders[1] ? old.lastComponent : old))"
  }
}

// MARK: GPUs

extension DiffReport {
  /// What GPUs and drivers lose in a library.
  private func losses(_ library: LibraryDifference) -> [String] {
    let lost = Set(library.lostTargets)
    return sentences(library.gpus) { gpu in
      let (old, new) = (gpu.old, gpu.new)
      if old.runs, !new.runs { return ("no longer runs on", "") }
      if gpu.isLost { return ("runs only in part on", gaps(new)) }
      if isWorse(new, than: old) {
        return new.verdict == .jit
          ? ("runs on", " only after the driver has compiled \(ptx(new))")
          : ("may run on", ", which NVIDIA does not promise")
      }
      return lost.isDisjoint(with: old.targets) || old.targets == new.targets
        ? nil : ("still runs on", ", with \(new.targets.inWords)")
    } + sentences(library.gpus.filter(\.needsNewerDriver), needsDriver)
  }

  /// What GPUs and drivers gain in a library.
  private func gains(_ library: LibraryDifference) -> [String] {
    let gained = Set(library.gainedTargets)
    return sentences(library.gpus) { gpu in
      let (old, new) = (gpu.old, gpu.new)
      if new.runs, !old.runs {
        return switch new.verdict {
        case .native: ("runs now on", "")
        case .jit: ("runs now on", " after the driver has compiled \(ptx(new))")
        case .notGuaranteed: ("may run now on", ", which NVIDIA does not promise")
        default: ("runs now in part on", gaps(new))
        }
      }
      if gpu.isGained { return ("runs now in full on", "") }
      if isWorse(old, than: new) {
        return old.verdict == .jit
          ? ("runs as it is on", ", before only after the driver had compiled \(ptx(old))")
          : ("runs now on", ", which NVIDIA did not promise before")
      }
      return gained.isDisjoint(with: new.targets) || isWorse(new, than: old)
        ? nil : ("runs on", " with \(new.targets.inWords) in place of \(old.targets.inWords)")
    } + sentences(library.gpus.filter(\.takesOlderDriver), needsDriver)
  }

  private func needsDriver(_ gpu: GPUDifference) -> (String, String)? {
    gpu.new.oldestDriver.map { ("now needs driver \($0) or newer on", "") }
  }

  /// A sentence for all GPUs of which `describe` says the same before and behind their names.
  private func sentences(
    _ gpus: [GPUDifference], _ describe: (GPUDifference) -> (before: String, behind: String)?
  ) -> [String] {
    gpus.alike { describe($0).map { [$0.before, $0.behind] } }.compactMap { group in
      guard let words = group.key else { return nil }
      let names = group.elements.map { gpu in
        let examples = tables.architectures[gpu.computeCapability]?.examples
        return "\(gpu.computeCapability)\(examples.map { " (\($0))" } ?? "")"
      }
      return "\(words[0]) compute capability \(names.joined(separator: ", "))\(words[1])"
    }
  }
}

extension Sequence {
  /// The elements of which `key` is the same together, in the order of the first of each group.
  fileprivate func alike<Key: Hashable>(by key: (Element) -> Key) -> [(key: Key, elements: [Element])] {
    groups(of: map { (key: key($0), element: $0) }) { $0.key }.map { ($0[0].key, $0.map(\.element)) }
  }
}

private func isWorse(_ left: Coverage, than right: Coverage) -> Bool {
  (left.verdict.severity ?? 0) > (right.verdict.severity ?? 0)
}

private func gaps(_ coverage: Coverage) -> String {
  ": \(grouped(coverage.gaps)) of \(counted(coverage.modules, "module")) have no code for it"
}

private func ptx(_ coverage: Coverage) -> String { coverage.targets.filter { $0.kind == .ptx }.inWords }

extension [ImageTarget] {
  /// `sm_80 and sm_90`.
  fileprivate var inWords: String { map(\.name).joined(separator: " and ") }
}

/// The instances of one function among some kernels.
private struct FunctionRow: Hashable {
  var name: String
  /// The targets that are concerned where the kernels are there for others; empty where they are not.
  var targets: [ImageTarget]
  var instances = 0

  /// Most instances first.
  static func list(_ kernels: [KernelDifference], _ functions: [String]) -> [FunctionRow] {
    var counts: [FunctionRow: Int] = [:]
    for kernel in kernels {
      let row = FunctionRow(
        name: functions[kernel.kernel], targets: kernel.isElsewhere ? kernel.targets : [])
      counts[row, default: 0] += 1
    }
    return counts.map { FunctionRow(name: $0.name, targets: $0.targets, instances: $1) }.sorted {
      $0.instances != $1.instances
        ? $0.instances > $1.instances
        : $0.name != $1.name ? $0.name < $1.name : $0.targets.lexicographicallyPrecedes($1.targets)
    }
  }
}

// MARK: Sizes

extension DiffReport {
  private func writeTargets(_ style: TextStyle, to output: inout [UInt8]) {
    let width = style.width ?? Int.max
    let hasSize = width >= 80
    let hasCode =
      width >= 100 && difference.totals.contains { max($0.old?.codeSize ?? 0, $0.new?.codeSize ?? 0) > 0 }
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
        row.add(
          arrow(target.old.map { $0.totals.modules }, target.new.map { $0.totals.modules }) { grouped($0) })
        let stored = (target.old?.totals.storedSize, target.new?.totals.storedSize)
        row.add(arrow(stored.0, stored.1, byteCount))
        row.add(change(stored.0, stored.1))
        if hasSize { row.add(arrow(target.old?.totals.size, target.new?.totals.size, byteCount)) }
        if hasCode {
          // PTX has no machine code.
          row.add(
            target.target.kind == .ptx ? "" : arrow(target.old?.codeSize, target.new?.codeSize, byteCount))
        }
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
    let libraries = difference.libraries.filter { $0.status == .changed }.map {
      (name: $0.pair.new?.place.path.description ?? "", old: size($0.pair.old), new: size($0.pair.new))
    }.sorted { left, right in
      let changes = [left, right].map { max($0.old ?? 0, $0.new ?? 0) - min($0.old ?? 0, $0.new ?? 0) }
      return changes[0] == changes[1] ? left.name < right.name : changes[0] > changes[1]
    }
    guard !libraries.isEmpty else { return }
    let shown = 8
    output.append(UInt8(ascii: "\n"))
    TextTable([.left("library"), .right("file"), .right("")]).write(style, to: &output) { row in
      for library in libraries.prefix(shown) {
        row.add(library.name.elidedPath(to: max(20, (style.width ?? Int.max) - 36)))
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
