import Bytes
import Compatibility
import DeviceCode
import Scan

extension ScanReport {
  /// The report as text: a table of libraries and GPUs, the findings, and how much was looked at.
  ///
  /// - Parameter seconds: how long the scan took.
  public func text(_ style: TextStyle, seconds: Double) -> String {
    var text = ""
    if result.libraries.isEmpty {
      text += "No CUDA device code found.\n"
    } else {
      text += table(style)
      text += "\n" + legend(style)
    }
    let findings = self.findings
    if !findings.isEmpty {
      text += "\n"
      for finding in findings { text += self.text(of: finding, style) }
    }
    if isQuestion, !result.libraries.isEmpty { text += "\n" + answer(style) }
    text += notes(style)
    text += problems(style)
    text += "\n" + counts(seconds: seconds)
    return text
  }

  private func table(_ style: TextStyle) -> String {
    let names = result.libraries.map { name(of: $0.place) }
    let headers = devices.map { isQuestion ? printable($0.query) : $0.device.computeCapability.description }
    let widths = headers.map { max(columns($0), 4) }
    let modulesWidth = max(
      7, result.libraries.map { columns(grouped($0.file.inventory.modules.count)) }.max() ?? 0)
    let fixed = modulesWidth + 2 + widths.reduce(0) { $0 + $1 + 2 }
    let longest = names.map(columns).max() ?? 0
    let nameWidth = max(min(longest, (style.width ?? Int.max / 2) - fixed), 20)
    func line(_ name: String, _ modules: String, _ cells: [String]) -> String {
      var line = name.padded(to: nameWidth) + "  " + modules.padded(to: modulesWidth, right: true)
      for (cell, width) in zip(cells, widths) { line += "  " + cell.padded(to: width) }
      return line.trimmingEnd()
    }
    var text = style.paint(line("library", "modules", headers), .bold) + "\n"
    // The query need not tell its compute capability.
    if devices.contains(where: { $0.query != $0.device.computeCapability.description }) {
      text += style.paint(line("", "", devices.map(\.device.computeCapability.description)), .dim) + "\n"
    }
    for (index, library) in result.libraries.enumerated() {
      var row = names[index].elided(to: nameWidth).padded(to: nameWidth) + "  "
      row += grouped(library.file.inventory.modules.count).padded(to: modulesWidth, right: true)
      for (verdict, width) in zip(verdicts[index], widths) {
        let mark = verdict.verdict.mark
        row += "  " + style.paint(mark, verdict.verdict.color)
        row += String(repeating: " ", count: width - columns(mark))
      }
      text += row.trimmingEnd() + "\n"
      for alias in library.aliases {
        text += style.paint("  = " + name(of: alias).elided(to: (style.width ?? Int.max) - 4), .dim) + "\n"
      }
    }
    return text
  }

  private func legend(_ style: TextStyle) -> String {
    let used = Verdict.allCases.filter { verdict in
      verdicts.contains { $0.contains { $0.verdict == verdict } }
    }
    return used.map { style.paint($0.mark, $0.color) + " " + $0.meaning }.joined(separator: "   ") + "\n"
  }

  private func text(of finding: Finding, _ style: TextStyle) -> String {
    let mark = finding.verdict?.mark ?? "✗"
    let color = finding.verdict.map(\.color) ?? .red
    let names = finding.libraries.map { name(of: result.libraries[$0].place) }
    let shown =
      names.prefix(4).joined(separator: ", ") + (names.count > 4 ? " and \(names.count - 4) more" : "")
    let isEveryDevice = finding.devices.count == devices.count && !isQuestion
    let on =
      finding.devices.isEmpty || isEveryDevice
      ? "" : " on \(finding.devices.map { devices[$0].label }.joined(separator: ", "))"
    let word = finding.verdict.map(\.word) ?? "missing target"
    var text = style.paint(mark + " " + word + on, color) + ": " + shown + "\n"
    text += wrapped(finding.what, first: "    ", width: style.width)
    for reason in finding.why { text += wrapped(reason, first: "    why: ", width: style.width) }
    for advice in finding.todo { text += wrapped(advice, first: "    do:  ", width: style.width) }
    return text
  }

  /// One sentence per GPU that was asked for.
  private func answer(_ style: TextStyle) -> String {
    devices.indices.map { index in
      let verdict = overall(device: index)
      let driver = devices[index].device.driver.map { " with driver \($0)" } ?? ""
      return style.paint(verdict.mark, verdict.color) + " "
        + style.paint("\(devices[index].label)\(driver): \(verdict.answer)", .bold) + "\n"
    }.joined()
  }

  private func notes(_ style: TextStyle) -> String {
    var text = ""
    for (what, files) in Dictionary(grouping: result.recognised, by: \.what).sorted(by: { $0.key < $1.key }) {
      let names = files.map { name(of: $0.place) }
      let shown =
        names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
      text += wrapped("\(printable(what)), not judged: \(shown)", first: "note: ", width: style.width)
    }
    if result.counts.linksOutside > 0 {
      text += wrapped(
        "\(counted(result.counts.linksOutside, "symbolic link")) to places outside were not followed",
        first: "note: ", width: style.width)
    }
    return text.isEmpty ? "" : "\n" + text
  }

  private func problems(_ style: TextStyle) -> String {
    guard !result.problems.isEmpty else { return "" }
    let shown = 20
    var text = "\n"
    for entry in result.problems.prefix(shown) {
      let sentence = "\(path(of: entry.place)): \(printable(entry.problem.description))"
      text += wrapped(sentence, first: style.paint("problem", .yellow) + ": ", indent: 9, width: style.width)
    }
    if result.problems.count > shown {
      text += "\(grouped(result.problems.count - shown)) more problems: see the JSON report (-o json).\n"
    }
    return text
  }

  private func counts(seconds: Double) -> String {
    let counts = result.counts
    var text =
      "\(counted(counts.filesVisited, "file")), \(byteCount(counts.bytesRead)) read in \(duration(seconds)): "
      + "\(counted(counts.librariesWithDeviceCode, "library with device code", "libraries with device code")), "
      + "\(counted(counts.modules, "module")), \(counted(counts.images, "image"))"
    if !result.problems.isEmpty { text += ", \(counted(result.problems.count, "problem"))" }
    return text + ".\n"
  }
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
    case .partial: "part"
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
