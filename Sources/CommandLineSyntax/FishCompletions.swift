extension Command {
  var fishCompletions: String {
    var lines = ["# Completions of \(name) for fish.", "complete -c \(name) -f"]
    let start = "complete -c \(name) "
    for command in visibleSubcommands {
      let place = "-n __fish_use_subcommand "
      lines.append(start + place + "-a \(command.name) -d \(fishQuoted(command.summary))")
    }
    lines += visibleFlags.map { start + $0.fishSpecification }
    if visibleSubcommands.isEmpty {
      lines += argumentValues.fishArguments.map { start + $0 }
    }
    for command in visibleSubcommands {
      let place = "-n '__fish_seen_subcommand_from \(command.name)' "
      lines += command.visibleFlags.map { start + place + $0.fishSpecification }
      lines += command.argumentValues.fishArguments.map { start + place + $0 }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Flag {
  fileprivate var fishSpecification: String {
    var parts = (short.map { ["-s \($0)"] } ?? []) + ["-l \(long)"]
    if takesNextWord { parts.append(values == .files ? "-r" : "-x") }
    if valueName != nil { parts += values.fishArguments }
    return (parts + ["-d " + fishQuoted(firstSentence(documentation))]).joined(separator: " ")
  }
}

extension Values {
  fileprivate var fishArguments: [String] {
    switch self {
    case .any: []
    case .choices(let words), .suggestions(let words):
      // One argument a line: words may hold blanks.
      ["-a " + fishQuoted("(printf '%s\\n' " + words.map(fishQuoted).joined(separator: " ") + ")")]
    case .files: ["-F"]
    case .directories: ["-a '(__fish_complete_directories)'"]
    }
  }
}

/// `text` as one word of fish.
private func fishQuoted(_ text: String) -> String {
  "'"
    + text.map { character in
      switch character {
      case "\\": "\\\\"
      case "'": "\\'"
      default: String(character)
      }
    }.joined() + "'"
}
