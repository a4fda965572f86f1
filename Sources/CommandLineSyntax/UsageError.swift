/// A command line that cannot be followed.
public struct UsageError: Error, Hashable, Sendable {
  public enum Reason: Error, Hashable, Sendable {
    /// A word that starts with a dash and names no flag, as typed.
    case unknownFlag(Argument)
    case unknownCommand(Argument)
    case missingCommand
    case missingValue(Flag)
    /// A value for a flag that takes none.
    case unexpectedValue(Flag, Argument)
    /// A flag that may be given once was given again.
    case repeatedFlag(Flag)
    /// A value that its flag (`--fail-on`) or positional argument (`SHELL`) does not take.
    case invalidValue(of: String, Argument, expected: String)
    case missingArgument(Positional)
    case unexpectedArgument(Argument)
    /// Anything else, as a sentence without a full stop.
    case other(String)
    /// The command line is right, but something that it names cannot be used: a sentence without a full stop.
    case unusable(String)
  }

  public var reason: Reason
  /// The names from the program to the subcommand that was asked for.
  public var commandPath: [String]
  /// What may have been meant, best first.
  public var suggestions: [String]

  public init(_ reason: Reason, commandPath: [String], suggestions: [String] = []) {
    self.reason = reason
    self.commandPath = commandPath
    self.suggestions = suggestions
  }

  /// Where to read on: "Try 'cubinspect scan --help'."; nil where reading mends nothing.
  public var hint: String? {
    if case .unusable = reason { return nil }
    return "Try '\(commandPath.joined(separator: " ")) --help'."
  }
}

extension UsageError: CustomStringConvertible {
  /// What is wrong and what may have been meant, safe to print: "unknown option '--gpus'; did you mean '--gpu'?"
  public var description: String {
    guard let last = suggestions.last else { return sentence }
    let others = suggestions.dropLast().map { "'\($0)', " }.joined()
    return sentence + "; did you mean " + (others.isEmpty ? "" : others.dropLast(2) + " or ") + "'\(last)'?"
  }

  private var sentence: String {
    switch reason {
    case .unknownFlag(let typed): "unknown option \(typed)"
    case .unknownCommand(let typed): "unknown command \(typed)"
    case .missingCommand: "a command is missing"
    case .missingValue(let flag): "option '\(flag.dashed)' needs a value: \(flag.usage)"
    case .unexpectedValue(let flag, let value): "option '\(flag.dashed)' takes no value, but got \(value)"
    case .repeatedFlag(let flag): "option '\(flag.dashed)' was given more than once"
    case .invalidValue(let name, let value, let expected): "\(name): \(value) is not \(expected)"
    case .missingArgument(let positional): "\(positional.name) is missing"
    case .unexpectedArgument(let typed): "unexpected argument \(typed)"
    case .other(let sentence), .unusable(let sentence): sentence
    }
  }
}
