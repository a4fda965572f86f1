extension Command {
  /// The program's manual page in section 1, as roff text for `man`, subcommands included.
  public func manPage(version: String) -> String {
    var page = [
      ".TH \(roff(name.uppercased())) 1 \"\" \(quoted("\(name) \(version)")) \"User Commands\"", ".SH NAME",
      "\(roff(name)) \\- \(roff(summary.trimmingFullStop))", ".SH SYNOPSIS", ".B \(roff(name))", roff(usage),
    ]
    if !discussion.isEmpty { page += [".SH DESCRIPTION"] + paragraphs(discussion) }
    page += arguments(of: self, heading: ".SH")
    for group in flagGroups {
      page += [".SH \(quoted(group.title.uppercased()))"] + group.flags.flatMap(entry)
    }
    for command in visibleSubcommands {
      page += [".SH \(quoted("\(name) \(command.name)"))", ".B \(roff("\(name) \(command.name)"))"]
      page += [roff(command.usage), ".PP"] + paragraphs(command.summary)
      if !command.discussion.isEmpty { page += [".PP"] + paragraphs(command.discussion) }
      page += arguments(of: command, heading: ".SS")
      for group in command.flagGroups {
        page += [".SS \(quoted(group.title))"] + group.flags.flatMap(entry)
      }
      page += command.sections.flatMap { section($0, heading: ".SS", title: $0.title) }
      page += exampleLines(of: command, heading: ".SS", title: "Examples")
    }
    page += sections.flatMap { section($0, heading: ".SH", title: $0.title.uppercased()) }
    page += exampleLines(of: self, heading: ".SH", title: "EXAMPLES")
    return page.joined(separator: "\n") + "\n"
  }
}

private func arguments(of command: Command, heading: String) -> [String] {
  guard !command.positionals.isEmpty else { return [] }
  let title = heading == ".SH" ? "ARGUMENTS" : "Arguments"
  return [heading + " " + title]
    + command.positionals.flatMap {
      [".TP", ".I \(roff($0.name))"] + paragraphs($0.fullDocumentation, in: ".IP")
    }
}

private func entry(_ flag: Flag) -> [String] {
  let short = flag.short.map { "\\fB\\-\($0)\\fR, " } ?? ""
  let long = "\\fB\(roff(flag.dashed))\\fR\(roff(String(flag.usage.dropFirst(flag.dashed.count))))"
  return [".TP", short + long] + paragraphs(flag.fullDocumentation, in: ".IP")
}

private func section(_ section: HelpSection, heading: String, title: String) -> [String] {
  [heading + " " + quoted(title)] + (section.text.isEmpty ? [] : paragraphs(section.text))
    + section.entries.flatMap { [".TP", "\\fB\(roff($0.term))\\fR"] + paragraphs($0.meaning, in: ".IP") }
}

private func exampleLines(of command: Command, heading: String, title: String) -> [String] {
  guard !command.examples.isEmpty else { return [] }
  return [heading + " " + title]
    + command.examples.enumerated().flatMap { place, example in
      (place == 0 ? [] : [".PP"]) + paragraphs(example.explanation) + [
        ".PP", ".RS 4", ".nf", roff(example.commandLine), ".fi", ".RE",
      ]
    }
}

/// Lines of roff for text as ``Flag/documentation`` holds it; `separator` is the macro between paragraphs.
private func paragraphs(_ text: String, in separator: String = ".PP") -> [String] {
  text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { line in
    if line.isEmpty { return [separator] }
    if line.hasPrefix("  ") { return [".nf", roff(String(line)), ".fi"] }
    return [roff(String(line))]
  }
}

/// `text` with roff's own characters made literal.
private func roff(_ text: String) -> String {
  var result = ""
  for character in text {
    switch character {
    case "\\": result += "\\e"
    case "-": result += "\\-"
    case "'": result += "\\(aq"
    case "`": result += "\\(ga"
    case "^": result += "\\(ha"
    case "~": result += "\\(ti"
    default: result.append(character)
    }
  }
  return text.first == "." ? "\\&" + result : result
}

/// `text` as one macro argument.
private func quoted(_ text: String) -> String {
  "\""
    + text.split(separator: "\"", omittingEmptySubsequences: false).map { roff(String($0)) }
    .joined(separator: "\\(dq") + "\""
}

extension String {
  fileprivate var trimmingFullStop: String { last == "." ? String(dropLast()) : self }
}
