extension Command {
  var zshCompletions: String {
    let function = "_" + name
    var lines = ["#compdef \(name)", "# Completions of \(name) for zsh.", "\(function)() {"]
    guard !visibleSubcommands.isEmpty else {
      lines += ["  _arguments -s -S \\", zshArguments(flags: visibleFlags), "}"]
      return (lines + [zshStart(function)]).joined(separator: "\n") + "\n"
    }
    lines += [
      "  local curcontext=$curcontext state line",
      "  typeset -A opt_args",
      "  local -a commands=(",
    ]
    lines += visibleSubcommands.map { "    " + shellQuoted("\($0.name):\($0.summary.zshEscaped)") }
    lines += [
      "  )",
      "  _arguments -C -s -S \\",
      (visibleFlags.flatMap(\.zshSpecifications) + ["'1: :->command'", "'*:: :->arguments'"])
        .map { "    " + $0 }.joined(separator: " \\\n"),
      "  case $state in",
      "    command) _describe command commands ;;",
      "    arguments)",
      "      case $line[1] in",
    ]
    for command in visibleSubcommands {
      lines += [
        "        \(command.name))", "          _arguments -s -S \\",
        command.zshArguments(flags: command.visibleFlags + visibleFlags), "          ;;",
      ]
    }
    lines += ["      esac", "      ;;", "  esac", "}", zshStart(function)]
    return lines.joined(separator: "\n") + "\n"
  }

  fileprivate func zshArguments(flags: [Flag]) -> String {
    (flags.flatMap(\.zshSpecifications) + positionals.map(\.zshSpecification))
      .map { "            " + $0 }.joined(separator: " \\\n")
  }
}

/// Works both when the script is sourced and when it is found along `fpath`.
private func zshStart(_ function: String) -> String {
  "if [[ $funcstack[1] == \(function) ]]; then \(function) \"$@\"; else compdef \(function) ${function#_}; fi"
    .split(separator: "${function#_}", omittingEmptySubsequences: false)
    .joined(separator: String(function.dropFirst()))
}

extension Flag {
  fileprivate var zshSpecifications: [String] {
    let isRepeated = if case .repeated = kind { true } else { false }
    let names = (short.map { ["-\($0)"] } ?? []) + [dashed]
    return names.map { name in
      let star = isRepeated ? "*" : ""
      let exclusion = isRepeated || names.count == 1 ? "" : "(" + names.joined(separator: " ") + ")"
      let separator = takesNextWord ? (name == dashed ? "=" : "+") : (valueName == nil ? "" : "=-")
      var text = exclusion + star + name + separator + "[" + firstSentence(documentation).zshEscaped + "]"
      if let valueName {
        let colon = takesNextWord ? ":" : "::"
        text += colon + valueName.zshEscaped + ":" + values.zshAction
      }
      return shellQuoted(text)
    }
  }
}

extension Positional {
  fileprivate var zshSpecification: String {
    let place = repeats ? "*" : count == .optional ? ":" : ""
    return shellQuoted("\(place):\(name.zshEscaped):\(values.zshAction)")
  }
}

extension Values {
  fileprivate var zshAction: String {
    switch self {
    case .any: " "
    case .choices(let words), .suggestions(let words):
      "(" + words.map { $0.split(separator: " ").joined(separator: "\\ ") }.joined(separator: " ") + ")"
    case .files: "_files"
    case .directories: "_files -/"
    }
  }
}

extension String {
  /// The text with the characters escaped that end a part of a specification.
  fileprivate var zshEscaped: String {
    reduce(into: "") { result, character in
      if "[]:\\".contains(character) { result.append("\\") }
      result.append(character)
    }
  }
}
