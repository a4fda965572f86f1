extension Command {
  var bashCompletions: String {
    let function = "_" + name.map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
    let subcommands = visibleSubcommands
    let takingValues = (subcommands + [self]).flatMap(\.visibleFlags).filter(\.takesNextWord)
    let valueWords = Set(takingValues.flatMap(\.bashNames)).sorted().joined(separator: "|")
    var lines = [
      "# Completions of \(name) for bash.",
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
        lines.append("    \(patterns)) \(bashReply(flag.values)); return ;;")
      }
    }
    lines += ["  esac", "  if [[ $current == -* ]]; then", "    case $command in"]
    let ownFlags = visibleFlags.flatMap(\.bashNames)
    for command in subcommands {
      let words = command.visibleFlags.flatMap(\.bashNames) + ownFlags
      lines.append("      \(command.name)) \(bashReply(.suggestions(words))) ;;")
    }
    lines += ["      *) \(bashReply(.suggestions(ownFlags))) ;;", "    esac", "    return", "  fi"]
    lines.append("  case $command in")
    let names =
      subcommands.isEmpty ? bashReply(argumentValues) : bashReply(.suggestions(subcommands.map(\.name)))
    lines.append("    '') \(names) ;;")
    lines += subcommands.map { "    \($0.name)) \(bashReply($0.argumentValues)) ;;" }
    lines += ["  esac", "}", "complete -o filenames -o bashdefault -F \(function) \(name)"]
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Flag {
  fileprivate var bashNames: [String] { [dashed] + (short.map { ["-\($0)"] } ?? []) }
}

/// Offers the values that begin like the current word; `-o filenames` quotes those with blanks.
private func bashReply(_ values: Values) -> String {
  let generator: String
  switch values {
  case .any: return ":"
  case .choices(let words), .suggestions(let words):
    generator = "-W " + shellQuoted(words.joined(separator: "\n"))
  case .files: generator = "-f"
  case .directories: generator = "-d"
  }
  return "local IFS=$'\\n'; mapfile -t COMPREPLY < <(compgen \(generator) -- \"$current\")"
}
