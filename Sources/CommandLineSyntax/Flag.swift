/// Which values a flag or a positional argument takes: checked while parsing, offered by completions.
public enum Values: Hashable, Sendable {
  case any
  /// One of these; anything else is a usage error.
  case choices([String])
  /// Offered by completions; anything else is accepted too.
  case suggestions([String])
  case files
  case directories

  /// - Throws: that `value` of what is called `name` is none of these.
  func check(_ value: Argument, of name: String, _ commandPath: [String]) throws(UsageError) {
    guard case .choices(let choices) = self, !choices.contains(value.text) else { return }
    throw UsageError(
      .invalidValue(of: name, value, expected: "one of " + choices.joined(separator: ", ")),
      commandPath: commandPath, suggestions: nearMatches(for: value.text, in: choices, limit: 1))
  }
}

/// An option of a command: one row of the table that parsing, help, man page and completions share.
public struct Flag: Hashable, Sendable {
  /// Whether the flag takes a value, with the value's name as help shows it (`GPU`, `FORMAT[=FILE]`).
  public enum Kind: Hashable, Sendable {
    /// Given or not.
    case `switch`
    /// Takes a value and may be given once.
    case value(String)
    /// Takes a value and may be given any number of times.
    case repeated(String)
    /// Takes a value only as `--flag=value`, and may be given once.
    case optionalValue(String)
  }

  /// The name after `--`; it identifies the flag.
  public var long: String
  /// The letter after `-`.
  public var short: Character?
  public var kind: Kind
  public var values: Values
  /// What the flag does. Paragraphs are separated by an empty line; lines that start with two spaces are kept
  /// as they are.
  public var documentation: String
  /// What applies without the flag, as help shows it.
  public var defaultValue: String?
  /// The heading in help under which the flag is listed.
  public var group: String
  /// Asks for something in place of the command's work, as `--help` does: the command's other demands on its
  /// arguments are waived.
  public var replacesCommand: Bool
  /// Not listed in help, man page and completions.
  public var isHidden: Bool
  /// What may set it besides the command line.
  public var settings: Settings

  public init(
    _ long: String, short: Character? = nil, _ kind: Kind = .switch, values: Values = .any,
    documentation: String, defaultValue: String? = nil, group: String = "Options",
    replacesCommand: Bool = false, isHidden: Bool = false, settings: Settings = .any
  ) {
    self.long = long
    self.short = short
    self.kind = kind
    self.values = values
    self.documentation = documentation
    self.defaultValue = defaultValue
    self.group = group
    self.replacesCommand = replacesCommand
    self.isHidden = isHidden
    self.settings = settings
  }

  /// The name of the flag's value; nil for a switch.
  public var valueName: String? {
    switch kind {
    case .switch: nil
    case .value(let name), .repeated(let name), .optionalValue(let name): name
    }
  }

  /// Whether the word after the flag is its value.
  var takesNextWord: Bool {
    switch kind {
    case .value, .repeated: true
    case .switch, .optionalValue: false
    }
  }

  /// The long name as typed: `--gpu`.
  var dashed: String { "--" + long }
}
