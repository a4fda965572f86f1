extension Command {
  var bashCompletions: String {
    let function = "_" + name.map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
    let subcommands = visibleSubcommands
    let takingValues = (subcommands + [self]).flatMap(\.visibleFlags).filter(\.takesNextWord)
    let valueWords = Set(takingValues.flatMap(\.bashNames)).sorted().joined(separator: "|")
    var lines = [
      "# Completions of \(name) for bash.",
      "# Offers what begins like the current word, one word a line: a word may hold blanks.",
      "\(function)_offer() {",
      "  local IFS=$'\\n'",
      "  mapfile -t COMPREPLY < <(compgen \"$@\" -- \"$current\")",
      "}",
      "\(function)() {",
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word index",
      "  # Bash takes --flag=value apart at the equals sign.",
      "  if [[ $current == = ]]; then current=; elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi",
      "  for ((index = 1; index < COMP_CWORD; index++)); do",
      "    word=${COMP_WORDS[index]}",
      "    case $word in",
    ]
    if !valueWords.isEmpty {
      lines.append("      \(valueWords)) [[ ${COMP_WORDS[index+1]} == = ]] && ((index++)); ((index++)) ;;")
    }
    lines += [
      "      -*) ;;",
      "      *) command=$word; break ;;",
      "    esac",
      "  done",
      "  COMPREPLY=()",
      "  case $command:$previous in",
    ]
    for command in subcommands + [self] {
      for flag in command.visibleFlags where flag.valueName != nil {
        let scope = command == self ? "*" : command.name
        let patterns = flag.bashNames.map { "\(scope):\($0)" }.joined(separator: "|")
        lines.append("    \(patterns)) \(flag.values.bashOffer(function)); return ;;")
      }
    }
    lines += ["  esac", "  if [[ $current == -* ]]; then", "    case $command in"]
    let ownFlags = visibleFlags.flatMap(\.bashNames)
    for command in subcommands {
      let words = command.visibleFlags.flatMap(\.bashNames) + ownFlags
      lines.append("      \(command.name)) \(Values.suggestions(words).bashOffer(function)) ;;")
    }
    lines += [
      "      *) \(Values.suggestions(ownFlags).bashOffer(function)) ;;", "    esac", "    return", "  fi",
    ]
    lines.append("  case $command in")
    let names =
      subcommands.isEmpty
      ? argumentValues.bashOffer(function) : Values.suggestions(subcommands.map(\.name)).bashOffer(function)
    lines.append("    '') \(names) ;;")
    lines += subcommands.map { "    \($0.name)) \($0.argumentValues.bashOffer(function)) ;;" }
    lines += ["  esac", "}", "complete -o filenames -F \(function) \(name)"]
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Flag {
  fileprivate var bashNames: [String] { [dashed] + (short.map { ["-\($0)"] } ?? []) }
}

extension Values {
  /// The command that offers the values.
  fileprivate func bashOffer(_ function: String) -> String {
    switch self {
    case .any: ":"
    case .choices(let words), .suggestions(let words):
      "\(function)_offer -W " + shellQuoted(words.joined(separator: "\n"))
    case .files: "\(function)_offer -f"
    case .directories: "\(function)_offer -d"
    }
  }
}
