/// An argument that is told by its place.
public struct Positional: Hashable, Sendable {
  /// How many arguments it stands for. Only the last positional of a command may repeat or be missing.
  public enum Count: Hashable, Sendable {
    case one, optional, oneOrMore, any
  }

  /// The name that help shows, in capitals by custom.
  public var name: String
  public var count: Count
  public var values: Values
  public var documentation: String

  public init(_ name: String, _ count: Count = .one, values: Values = .any, documentation: String) {
    self.name = name
    self.count = count
    self.values = values
    self.documentation = documentation
  }

  var isRequired: Bool { count == .one || count == .oneOrMore }
  var repeats: Bool { count == .oneOrMore || count == .any }
}

/// A command line to copy, and what it answers.
public struct Example: Hashable, Sendable {
  public var explanation: String
  public var commandLine: String

  public init(_ explanation: String, _ commandLine: String) {
    self.explanation = explanation
    self.commandLine = commandLine
  }
}

/// A part of the help of a command with a heading of its own, such as the exit status.
public struct HelpSection: Hashable, Sendable {
  /// A term and what it means.
  public struct Entry: Hashable, Sendable {
    public var term: String
    public var meaning: String

    public init(_ term: String, _ meaning: String) {
      self.term = term
      self.meaning = meaning
    }
  }

  public var title: String
  public var text: String
  public var entries: [Entry]

  public init(_ title: String, text: String = "", entries: [Entry] = []) {
    self.title = title
    self.text = text
    self.entries = entries
  }
}

/// A program or one of its subcommands: the table that parsing, help, man page and completions read.
///
/// A program is a command with subcommands; its flags are accepted by every subcommand too, before and after
/// the subcommand's name.
public struct Command: Hashable, Sendable {
  public var name: String
  /// One sentence.
  public var summary: String
  /// Paragraphs separated by an empty line; lines that start with two spaces are kept as they are.
  public var discussion: String
  public var positionals: [Positional]
  public var flags: [Flag]
  public var examples: [Example]
  public var sections: [HelpSection]
  public var subcommands: [Command]
  /// The subcommand that is meant where none is named; nil where that is an error.
  public var defaultSubcommand: String?
  /// Parsed, but not listed in help, man page and completions.
  public var isHidden: Bool

  public init(
    _ name: String, summary: String, discussion: String = "", positionals: [Positional] = [],
    flags: [Flag] = [], examples: [Example] = [], sections: [HelpSection] = [],
    subcommands: [Command] = [], defaultSubcommand: String? = nil, isHidden: Bool = false
  ) {
    self.name = name
    self.summary = summary
    self.discussion = discussion
    self.positionals = positionals
    self.flags = flags
    self.examples = examples
    self.sections = sections
    self.subcommands = subcommands
    self.defaultSubcommand = defaultSubcommand
    self.isHidden = isHidden
  }

  /// The subcommand of that name, hidden ones included.
  public func subcommand(_ name: String) -> Command? {
    subcommands.first { $0.name == name }
  }

  var visibleSubcommands: [Command] { subcommands.filter { !$0.isHidden } }
  var visibleFlags: [Flag] { flags.filter { !$0.isHidden } }
}
