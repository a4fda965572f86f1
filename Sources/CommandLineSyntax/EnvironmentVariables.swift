extension Flag {
  /// What may set a flag besides the command line.
  public enum Settings: Hashable, Sendable {
    /// A variable of all commands that have it, and one of each command: `CUBINSPECT_GPU`, `CUBINSPECT_SCAN_GPU`. A
    /// configuration file likewise.
    case any
    /// Only what is for its command, because the flag means something else in another command.
    case ofCommand
    /// A variable of its command, and no configuration file, because it writes files.
    case writesFiles
    /// A variable of all commands that have it, and one of each command, and no configuration file, because such a file may be part
    /// of what is scanned.
    case variable
    /// Nothing: the program reads a variable of that name in its own way, or the flag is another way to type one that can be set.
    case none
  }
}

extension Command {
  /// The environment variables that stand for a flag of one of the program's commands, the one that wins first.
  ///
  /// - Parameter command: nil for a program without subcommands.
  public func variables(for flag: Flag, of command: String?) -> [String] {
    guard !flag.replacesCommand else { return [] }
    let own = command.map { variable($0, flag.long) }
    return switch flag.settings {
    case .any, .variable: [own, variable(flag.long)].compactMap { $0 }
    case .ofCommand, .writesFiles: [own ?? variable(flag.long)]
    case .none: []
    }
  }

  /// The environment variable that sets a flag of a command, with its value; nil where none does. An empty one counts as
  /// not set.
  public func setting(
    of flag: Flag, in command: String?, by environment: (String) -> Argument?
  ) -> (variable: String, value: Argument)? {
    for variable in variables(for: flag, of: command) {
      if let value = environment(variable), !value.bytes.isEmpty { return (variable, value) }
    }
    return nil
  }

  private func variable(_ words: String...) -> String {
    ([name] + words).joined(separator: "_").uppercased().replacing("-", with: "_")
  }
}

extension Flag {
  /// What the value of an environment variable that stands for the flag is on a command line: an occurrence for each line
  /// of the value, of a switch one or none.
  ///
  /// - Throws: why it is no value of the flag.
  func occurrences(from value: Argument, of variable: String) throws(UsageError.Reason)
    -> [ParsedArguments.Occurrence]
  {
    switch kind {
    case .switch:
      switch value.text.lowercased() {
      case "1", "true", "yes", "on": return [.init(flag: long, source: variable)]
      case "0", "false", "no", "off": return []
      default: throw .invalidValue(of: variable, value, expected: "1 or 0")
      }
    case .repeated:
      return value.bytes.split(separator: UInt8(ascii: "\n")).map {
        .init(flag: long, value: Argument(bytes: Array($0)), source: variable)
      }
    case .value, .optionalValue: return [.init(flag: long, value: value, source: variable)]
    }
  }
}
