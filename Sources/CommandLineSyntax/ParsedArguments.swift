/// A command line as it was typed: which command, which flags in which order, which positional arguments.
///
/// Values are arguments still; what they mean is the program's to say.
public struct ParsedArguments: Hashable, Sendable {
  /// One use of a flag.
  public struct Occurrence: Hashable, Sendable {
    /// The flag's long name.
    public var flag: String
    /// The value; nil for a switch, and for an optional value that was left out.
    public var value: Argument?

    public init(flag: String, value: Argument? = nil) {
      self.flag = flag
      self.value = value
    }
  }

  /// The names from the program to the subcommand.
  public var commandPath: [String]
  /// In the order of the command line.
  public var occurrences: [Occurrence]
  public var positionals: [Argument]
  /// Whether the subcommand was not named, and is the program's default.
  public var isCommandImplied = false

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

  /// Every value given, in order.
  public func values(of flag: Flag) -> [Argument] {
    occurrences.filter { $0.flag == flag.long }.compactMap(\.value)
  }
}
