/// A command line as it was typed: which command, which flags in which order, which positional arguments; and behind the
/// flags those that environment variables and a configuration file set.
///
/// Values are arguments still; what they mean is the program's to say.
public struct ParsedArguments: Hashable, Sendable {
  /// One use of a flag.
  public struct Occurrence: Hashable, Sendable {
    /// The flag's long name.
    public var flag: String
    /// The value; nil for a switch, and for an optional value that was left out.
    public var value: Argument?
    /// The environment variable, or the file and the name in it, that it is from; nil for the command line.
    public var source: String?

    public init(flag: String, value: Argument? = nil, source: String? = nil) {
      self.flag = flag
      self.value = value
      self.source = source
    }
  }

  /// The names from the program to the subcommand.
  public var commandPath: [String]
  /// In the order of the command line, then those of the environment, then those of the configuration file.
  public var occurrences: [Occurrence]
  public var positionals: [Argument]
  /// Whether the subcommand was not named, and is the program's default.
  public var isCommandImplied = false
  /// The configuration file that was read; nil without one.
  public var configuration: Configuration?

  public init(commandPath: [String], occurrences: [Occurrence] = [], positionals: [Argument] = []) {
    self.commandPath = commandPath
    self.occurrences = occurrences
    self.positionals = positionals
  }

  /// Whether the flag was given at all.
  public func has(_ flag: Flag) -> Bool { count(of: flag) > 0 }

  /// How often the flag was given.
  public func count(of flag: Flag) -> Int { occurrences.count { $0.flag == flag.long } }

  /// The last value given; nil when there is none.
  public func value(of flag: Flag) -> Argument? { values(of: flag).last }

  /// The environment variable, or the file and the name in it, that gave the flag its values; nil where they were typed.
  public func source(of flag: Flag) -> String? {
    occurrences.first { $0.flag == flag.long }?.source
  }

  /// Whether the flag was typed.
  public func isTyped(_ flag: Flag) -> Bool { has(flag) && source(of: flag) == nil }

  /// Every value given, in order.
  public func values(of flag: Flag) -> [Argument] {
    occurrences.filter { $0.flag == flag.long }.compactMap(\.value)
  }
}
