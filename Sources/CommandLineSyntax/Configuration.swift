/// What a configuration file says: options with their values, and lists of tables, which are the program's to read.
public struct Configuration: Hashable, Sendable {
  /// A value as the file has it.
  public enum Value: Hashable, Sendable {
    case bool(Bool)
    /// A text, or a whole number.
    case text(String)
    case list([Value])
    /// Something that no option takes, in a few words: `a date`.
    case other(String)
  }

  /// An option of all commands that have it, or of one.
  public struct Setting: Hashable, Sendable {
    /// Nil for all commands.
    public var command: String?
    /// The option's long name.
    public var option: String
    public var value: Value

    public init(command: String? = nil, option: String, value: Value) {
      self.command = command
      self.option = option
      self.value = value
    }
  }

  /// The file, as messages name it.
  public var name: String
  /// The folder that the file is in, which paths in it start from; empty for the working directory.
  public var folder: [UInt8]
  public var settings: [Setting]
  public var tables: [String: [[String: Value]]]

  public init(
    name: String, folder: [UInt8] = [], settings: [Setting] = [],
    tables: [String: [[String: Value]]] = [:]
  ) {
    self.name = name
    self.folder = folder
    self.settings = settings
    self.tables = tables
  }

  /// What sets an option of a command: that for the command, else that for all; nil where nothing does.
  public func setting(of flag: Flag, in command: String?) -> Setting? {
    guard flag.isSetByFiles else { return nil }
    let own = settings.filter { $0.option == flag.long }
    return own.first { $0.command != nil && $0.command == command }
      ?? (flag.settings == .ofCommand ? nil : own.first { $0.command == nil })
  }

  /// A setting as messages name it: `cubinspect.toml: scan.gpu`.
  public func name(of setting: Setting) -> String {
    "\(name): " + (setting.command.map { "\($0)." } ?? "") + setting.option
  }

  /// What a setting of a flag is on a command line.
  ///
  /// - Throws: why it is no value of the flag.
  func occurrences(of flag: Flag, by setting: Setting) throws(UsageError.Reason)
    -> [ParsedArguments.Occurrence]
  {
    let source = name(of: setting)
    func occurrence(_ value: Value) throws(UsageError.Reason) -> ParsedArguments.Occurrence {
      guard case .text(let text) = value else {
        throw .unusable(
          "\(source): \(value.summary) is no value of --\(flag.long); write it in quotation marks")
      }
      var argument = Argument(text)
      if flag.values == .files || flag.values == .directories, text != "-", !text.hasPrefix("/"),
        !folder.isEmpty
      {
        argument = Argument(bytes: folder + [UInt8(ascii: "/")] + Array(text.utf8))
      }
      return .init(flag: flag.long, value: argument, source: source)
    }
    switch (flag.kind, setting.value) {
    case (.switch, .bool(let isOn)): return isOn ? [.init(flag: flag.long, source: source)] : []
    case (.switch, _):
      throw .unusable("\(source): \(setting.value.summary) is neither true nor false")
    case (.repeated, .list(let values)):
      var all: [ParsedArguments.Occurrence] = []
      for value in values { all.append(try occurrence(value)) }
      return all
    case (.value, .list), (.optionalValue, .list):
      throw .unusable("\(source): --\(flag.long) takes one value and not a list")
    default: return [try occurrence(setting.value)]
    }
  }
}

extension Configuration.Value {
  /// The value in a few words.
  public var summary: String {
    switch self {
    case .bool(let value): "\(value)"
    case .text(let text): "\"\(text)\""
    case .list: "a list"
    case .other(let what): what
    }
  }
}

extension Flag {
  /// Whether a configuration file may set it, which somebody else may have written.
  public var isSetByFiles: Bool {
    !replacesCommand && settings == .any || settings == .ofCommand
  }
}

extension Command {
  /// Holds a configuration file against the options of all commands.
  ///
  /// - Throws: which name or value does not fit.
  func check(_ configuration: Configuration, _ commandPath: [String]) throws(UsageError) {
    func failure(_ setting: Configuration.Setting, _ text: String, _ near: [String] = []) -> UsageError {
      UsageError(
        .unusable("\(configuration.name(of: setting)): \(text)"), commandPath: commandPath,
        suggestions: near)
    }
    for setting in configuration.settings {
      let commands: [Command]
      if let name = setting.command {
        guard let command = subcommand(name) else {
          throw failure(
            setting, "there is no command \(name)", nearMatches(for: name, in: visibleSubcommands.map(\.name))
          )
        }
        commands = [command, self]
      } else {
        commands = [self] + subcommands
      }
      let flags = commands.flatMap(\.flags).filter { $0.long == setting.option }
      let isForAll = setting.command == nil
      guard let flag = flags.first(where: { $0.isSetByFiles && !(isForAll && $0.settings == .ofCommand) })
      else {
        guard flags.isEmpty else {
          throw failure(
            setting, "a configuration file does not set this option, which is for the command line")
        }
        let known = Set(commands.flatMap(\.flags).filter(\.isSetByFiles).map(\.long)).sorted()
        throw failure(setting, "there is no such option", nearMatches(for: setting.option, in: known))
      }
      let values: [Argument?]
      do throws(UsageError.Reason) {
        values = try configuration.occurrences(of: flag, by: setting).map(\.value)
      } catch {
        throw UsageError(error, commandPath: commandPath)
      }
      for case let value? in values {
        try flag.values.check(value, of: configuration.name(of: setting), commandPath)
      }
    }
  }
}
