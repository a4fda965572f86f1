import Bytes
import Compatibility
import DeviceCode
import Scan

extension ScanReport {
  /// The report as text: the stack, a table of libraries and GPUs, the findings, and how much was looked at.
  ///
  /// - Parameter seconds: how long the scan took.
  public func text(_ style: TextStyle, seconds: Double) -> String {
    var text = stack?.text(style) ?? ""
    if judged.isEmpty {
      text += "No CUDA device code found.\n"
    } else {
      text += table(style)
      text += "\n" + legend(style)
    }
    let findings = self.findings
    if !findings.isEmpty {
      for finding in findings { text += "\n" + self.text(of: finding, style) }
    }
    if !requirements.isEmpty { text += "\n" + promise(style) }
    if isQuestion, stack == nil, !judged.isEmpty { text += "\n" + answer(style) }
    text += notes(style)
    text += problemLines(result.problems, style) { path(of: $0) }
    text += "\n" + wrapped(summary(seconds: seconds), first: "", width: style.width)
    return text
  }

  private func table(_ style: TextStyle) -> String {
    let headers = devices.map { isQuestion ? printable($0.query) : $0.device.computeCapability.description }
    let widths = headers.indices.map { index in
      max(columns(headers[index]), columns(devices[index].device.computeCapability.description))
    }
    let rows = tableRows
    let title = rows.contains(where: \.isPackage) ? "package" : "library"
    let modules = rows.map { grouped($0.modules) }
    let longest = rows.map { columns($0.name) + $0.indent }.max() ?? 0
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
    for (row, modules) in zip(rows, modules) {
      let marks = row.verdicts.map { ($0.mark, $0.color) }
      let indent = String(repeating: " ", count: row.indent)
      let shown = indent + row.name.elidedPath(to: nameWidth - row.indent)
      text += line(shown, modules, marks) + "\n"
      for alias in row.aliases.prefix(Self.shownAliases) {
        let name = name(of: alias).elidedPath(to: (style.width ?? Int.max) - 4 - row.indent)
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

  private func legend(_ style: TextStyle) -> String {
    let used = Verdict.allCases.filter { verdict in
      verdicts.contains { $0.contains { $0.verdict == verdict } }
        || verdict == .noDeviceCode && !rowsOfOtherPackages.isEmpty
    }
    var lines: [(text: String, width: Int)] = []
    for verdict in used {
      let width = columns(verdict.mark) + 1 + columns(verdict.meaning)
      let entry = style.paint(verdict.mark, verdict.color) + " " + verdict.meaning
      if let last = lines.last, last.width + 3 + width <= style.width ?? Int.max {
        lines[lines.count - 1] = (last.text + "   " + entry, last.width + 3 + width)
      } else {
        lines.append((entry, width))
      }
    }
    var text = lines.map { $0.text + "\n" }.joined()
    if !isQuestion {
      let example = devices.first { $0.device.computeCapability == ComputeCapability(8, 0) } ?? devices.first
      text += wrapped(
        "Columns are compute capabilities; cubinspect gpus \(example?.query ?? "") lists the GPUs of one.",
        first: "",
        width: style.width)
    }
    return text
  }

  private func text(of finding: Finding, _ style: TextStyle) -> String {
    let mark = finding.verdict?.mark ?? "✗"
    let color = finding.verdict.map(\.color) ?? .red
    let names = finding.libraries.map { name(of: $0) }
    let shown = named(names, atMost: 4)
    let isEveryDevice = finding.devices.count == devices.count && !isQuestion
    let on =
      finding.devices.isEmpty || isEveryDevice
      ? "" : " on \(finding.devices.map { devices[$0].label }.joined(separator: ", "))"
    let word = finding.verdict.map(\.word) ?? "missing target"
    let head = mark + " " + word + on + ":"
    var text = style.paint(head, color)
    if columns(head) + 1 + columns(shown) <= style.width ?? Int.max {
      text += " " + shown + "\n"
    } else {
      text += "\n" + wrapped(shown, first: "    ", width: style.width)
    }
    for layer in layers(of: finding) { text += wrapped(layer, first: "    layer: ", width: style.width) }
    text += wrapped(finding.what, first: "    ", width: style.width)
    let kernels = self.kernels(of: finding)
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
  private func layers(of finding: Finding) -> [String] {
    var seen: Set<String> = []
    return finding.libraries.flatMap { judged[$0].files }.compactMap { file in
      let place = result.libraries[file].place
      let root = result.roots[place.root]
      guard let image = root.image, let layer = root.layer(of: place.path) else { return nil }
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

  /// The first of `names`, and how many more there are.
  private func named(_ names: [String], atMost count: Int) -> String {
    names.prefix(count).joined(separator: ", ")
      + (names.count > count ? " and \(grouped(names.count - count)) more" : "")
  }

  /// One sentence on the targets that were required.
  private func promise(_ style: TextStyle) -> String {
    let targets = requirements.map(\.description).joined(separator: ", ")
    let failing = requirementResults.count { !$0.allSatisfy(\.isMet) }
    let sentence =
      if judged.isEmpty {
        "there is no device code that could carry \(targets)"
      } else if failing > 0 {
        "\(grouped(failing)) of \(counted(judged.count, "library", "libraries")) "
          + "\(failing == 1 ? "does" : "do") not carry all of \(targets)"
      } else {
        "every library carries \(targets)"
      }
    return style.paint(meetsRequirements ? "✓" : "✗", meetsRequirements ? .green : .red) + " "
      + style.paint(sentence, .bold) + "\n"
  }

  /// One sentence per GPU that was asked for.
  private func answer(_ style: TextStyle) -> String {
    devices.indices.map { index in
      let verdict = overall(device: index)
      let driver = devices[index].device.driver.map { " with driver \($0)" } ?? ""
      let lines = wrapped(
        "\(devices[index].label)\(driver): \(sentence(verdict, device: index))", first: verdict.mark + " ",
        width: style.width)
      return style.paint(verdict.mark, verdict.color)
        + style.paint(String(lines.dropFirst(verdict.mark.count).dropLast()), .bold) + "\n"
    }.joined()
  }

  /// The answer, with the share of the libraries where it is not the same for all.
  private func sentence(_ verdict: Verdict, device: Int) -> String {
    let judged = verdicts.map { $0[device].verdict }.filter { $0 != .noDeviceCode }
    let concerned = judged.count { $0 == verdict }
    guard verdict == .incompatible, concerned < judged.count else { return verdict.answer }
    return "no, \(grouped(concerned)) of \(counted(judged.count, "library", "libraries")) "
      + (concerned == 1 ? "does not run" : "do not run")
  }

  private func notes(_ style: TextStyle) -> String {
    var text = ""
    for (index, root) in result.roots.enumerated() {
      guard let image = root.image else { continue }
      let name = image.names.first.map { " \(printable($0))" } ?? ""
      let layers = counted(image.layers.count, "layer")
      text += wrapped(
        "\(self.name(ofRoot: index)) is the image\(name) for \(printable("\(image.platform)")) with \(layers)",
        first: "note: ", width: style.width)
    }
    for (what, files) in Dictionary(grouping: result.recognised, by: \.what).sorted(by: { $0.key < $1.key }) {
      let names = files.map { name(of: $0.place) }
      text += wrapped(
        "\(printable(what)), not judged: \(named(names, atMost: 3))", first: "note: ", width: style.width)
    }
    if isQuestion {
      for (library, verdicts) in verdicts.enumerated() {
        for (device, verdict) in zip(devices, verdicts) where !verdict.presumed.isEmpty {
          let modules = verdict.presumed.reduce(0) { $0 + $1.modules.count }
          text += wrapped(
            "\(name(of: library)) picks its kernels by GPU: \(counted(modules, "module")) without code for "
              + "\(device.label) \(modules == 1 ? "is" : "are") taken to be for others",
            first: "note: ", width: style.width)
        }
        for (device, verdict) in zip(devices, verdicts) where judged[library].isCollection {
          let counts = verdict.specialised
          guard counts.mayRun > 0, counts.none > 0 else { continue }
          text += wrapped(
            "\(name(of: library)) \(counts.mayRun == 1 ? "has 1" : "have \(grouped(counts.mayRun))") for \(device.label); "
              + "the others are taken to be for other GPUs",
            first: "note: ", width: style.width)
        }
      }
    }
    if result.counts.linksOutside > 0 {
      text += wrapped(
        result.counts.linksOutside == 1
          ? "a symbolic link leads outside and was not followed"
          : "\(grouped(result.counts.linksOutside)) symbolic links lead outside and were not followed",
        first: "note: ", width: style.width)
    }
    return text.isEmpty ? "" : "\n" + text
  }

  /// How much was scanned and found, in one sentence.
  ///
  /// - Parameter seconds: how long the scan took.
  public func summary(seconds: Double) -> String {
    let counts = result.counts
    var text =
      "\(counted(counts.filesVisited, "file")), \(byteCount(counts.bytesRead)) read in \(duration(seconds)): "
      + "\(counted(counts.librariesWithDeviceCode, "library with device code", "libraries with device code")), "
      + "\(counted(counts.modules, "module")), \(counted(counts.images, "image"))"
    if !result.problems.isEmpty { text += ", \(counted(result.problems.count, "problem"))" }
    return text + "."
  }
}

/// The first problems, each with the path that `path` says.
func problemLines(
  _ problems: [FileProblem], _ style: TextStyle, path: (FilePlace) -> String
) -> String {
  guard !problems.isEmpty else { return "" }
  let shown = 20
  var text = "\n"
  for entry in problems.prefix(shown) {
    let sentence = "\(path(entry.place)): \(printable(entry.problem.description))"
    text += wrapped(sentence, first: style.paint("problem", .yellow) + ": ", indent: 9, width: style.width)
  }
  if problems.count > shown {
    text += "\(grouped(problems.count - shown)) more problems: see the JSON report (-o json).\n"
  }
  return text
}

/// `12 ms`, `3.4 s`.
private func duration(_ seconds: Double) -> String {
  let milliseconds = Int((seconds * 1000).rounded())
  if milliseconds < 1000 { return "\(max(milliseconds, 1)) ms" }
  return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
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

  /// The answer to "does it run?".
  var answer: String {
    switch self {
    case .native: "yes, everything runs as it is"
    case .jit: "yes, after the driver has compiled PTX at the first start"
    case .partial: "partly, some kernels fail when they are called"
    case .notGuaranteed: "perhaps, NVIDIA does not promise it"
    case .incompatible: "no"
    case .noDeviceCode: "there is no device code to run"
    }
  }
}
