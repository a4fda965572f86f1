extension Command {
  /// The help of the command, or of the subcommand that `path` names; nil when there is none of that name.
  ///
  /// Lines take at most `width` columns, and never more than 100 or less than 40.
  public func help(for path: [String] = [], width: Int = 80) -> String? {
    guard let name = path.first else {
      return HelpText(command: self, program: nil, width: width).text
    }
    guard path.count == 1, let subcommand = subcommand(name) else { return nil }
    return HelpText(command: subcommand, program: self, width: width).text
  }
}

extension Flag {
  /// The flag with its value: `--gpu GPU`, `--color[=WHEN]`.
  var usage: String { dashed + valueSuffix }

  /// The flag as help lists it, with room for the short name where there is none.
  var label: String { (short.map { "-\($0), " } ?? "    ") + usage }

  private var valueSuffix: String {
    switch kind {
    case .switch: ""
    case .value(let name), .repeated(let name): " " + name
    case .optionalValue(let name): "[=" + name + "]"
    }
  }

  /// The documentation, with the choices and the default where there are any.
  var fullDocumentation: String {
    var notes: [String] = []
    if case .choices(let choices) = values { notes.append("One of " + choices.joined(separator: ", ") + ".") }
    if let defaultValue { notes.append("Default: " + defaultValue + ".") }
    return ([documentation] + (notes.isEmpty ? [] : [notes.joined(separator: " ")])).joined(separator: "\n")
  }
}

extension Positional {
  /// The argument as the usage line shows it: `PATH...`, `[QUERY]`.
  var usage: String {
    switch count {
    case .one: name
    case .optional: "[\(name)]"
    case .oneOrMore: "\(name)..."
    case .any: "[\(name)]..."
    }
  }

  /// The documentation, with the choices where there are any.
  var fullDocumentation: String {
    guard case .choices(let choices) = values else { return documentation }
    return documentation + "\nOne of " + choices.joined(separator: ", ") + "."
  }
}

extension Command {
  /// What follows the name of the command on its usage line.
  var usage: String {
    let words =
      subcommands.isEmpty
      ? positionals.map(\.usage) : [defaultSubcommand == nil ? "COMMAND" : "[COMMAND]", "[ARGUMENT]..."]
    return (["[OPTION]..."] + words).joined(separator: " ")
  }

  /// The visible flags by their headings, in the order in which the headings first appear.
  var flagGroups: [(title: String, flags: [Flag])] {
    var titles: [String] = []
    for flag in visibleFlags where !titles.contains(flag.group) { titles.append(flag.group) }
    return titles.map { title in (title, visibleFlags.filter { $0.group == title }) }
  }
}

private struct HelpText {
  let command: Command
  /// The program, when the help is of one of its subcommands.
  let program: Command?
  let width: Int

  init(command: Command, program: Command?, width: Int) {
    self.command = command
    self.program = program
    self.width = min(max(width, 40), 100)
  }

  var text: String {
    let fullName = (program.map { $0.name + " " } ?? "") + command.name
    var blocks = [
      wrapped(command.summary, width: width), wrapped("Usage: \(fullName) \(command.usage)", width: width),
    ]
    if !command.discussion.isEmpty { blocks.append(wrapped(command.discussion, width: width)) }
    if !command.visibleSubcommands.isEmpty {
      blocks.append(list("Commands", command.visibleSubcommands.map { ($0.name, $0.summary) }))
    }
    if !command.positionals.isEmpty {
      blocks.append(list("Arguments", command.positionals.map { ($0.name, $0.fullDocumentation) }))
    }
    for group in command.flagGroups + (program?.flagGroups ?? []) {
      blocks.append(list(group.title, group.flags.map { ($0.label, $0.fullDocumentation) }))
    }
    if !command.examples.isEmpty { blocks.append(examples) }
    blocks += command.sections.map(section)
    if !command.visibleSubcommands.isEmpty {
      let sentence = "'\(command.name) COMMAND --help' explains one command."
      blocks.append(wrapped(sentence, width: width))
    }
    return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
  }

  func list(_ title: String, _ rows: [(term: String, meaning: String)]) -> [String] {
    [title + ":"] + columns(rows, width: width)
  }

  var examples: [String] {
    let parts = command.examples.map { example in
      wrapped(example.explanation, width: width, indent: 2) + ["    " + example.commandLine]
    }
    return ["Examples:"] + Array(parts.joined(separator: [""]))
  }

  func section(_ section: HelpSection) -> [String] {
    [section.title + ":"] + wrapped(section.text, width: width, indent: 2)
      + columns(section.entries.map { ($0.term, $0.meaning) }, width: width)
  }
}
