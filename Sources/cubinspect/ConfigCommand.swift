import Assessment
import Bytes
import CommandLineSyntax
import Report

/// `cubinspect config`: which options environment variables and the configuration file set, and what that ignores.
struct ConfigCommand {
  private let output: MatrixOutput

  init(_ arguments: ParsedArguments) throws(UsageError) {
    let configuration = arguments.configuration
    let settings = Setting.all(configuration)
    let rules = configuration == nil ? [] : try arguments.ignoreRules(try arguments.tables)
    let title =
      configuration.map { "What \($0.name) and environment variables set." }
      ?? (settings.isEmpty
        ? "No option is set by an environment variable, and there is no \(ConfigurationFile.fileName)."
        : "Options that environment variables set.")
    var matrix = Matrix(
      "config", title, ["option", "value", "from", "commands"],
      settings.map { setting in
        let commands = setting.isOfAll ? "all" : setting.commands.joined(separator: ", ")
        return (["--\(setting.option)", setting.value, setting.source, commands], setting.source)
      }
        + rules.map { rule in
          (["ignored", "\(rule.subject): \(rule.reason)", rule.source, "scan, check, explain"], rule.source)
        })
    matrix.whenEmpty = nil
    output = try MatrixOutput(arguments, matrix)
  }

  func run() -> ExitStatus {
    for name in Setting.strangers {
      let meant = nearMatches(for: name, in: Setting.names.sorted(), limit: 1).first
      Terminal.report("\(name) sets no option" + (meant.map { "; did you mean \($0)?" } ?? ""))
    }
    return output.write()
  }
}

/// An option, the variable or the file that sets it, and the commands for which it does.
private struct Setting {
  var option: String
  var value: String
  var source: String
  var commands: [String]

  private static let program = Command.cubinspect
  private static let visible = program.subcommands.filter { !$0.isHidden }

  var isOfAll: Bool { commands.count == Self.visible.count }

  /// The commands with their options, those of the program included.
  private static var options: [(command: String, flag: Flag)] {
    visible.flatMap { command in
      (command.flags + program.flags).map { (command.name, $0) }
    }
  }

  /// All that are in force, in the order of the commands and their options.
  static func all(_ configuration: Configuration?) -> [Setting] {
    var settings: [Setting] = []
    for (command, flag) in options {
      guard let (source, value) = setting(of: flag, in: command, configuration) else { continue }
      if let known = settings.firstIndex(where: { $0.source == source }) {
        settings[known].commands.append(command)
      } else {
        settings.append(Setting(option: flag.long, value: value, source: source, commands: [command]))
      }
    }
    return settings
  }

  /// The variable that sets an option, or else the file, with the value; nil where neither does. The variable of `--data` adds
  /// to what is typed.
  private static func setting(of flag: Flag, in command: String, _ configuration: Configuration?)
    -> (source: String, value: String)?
  {
    if flag == .data {
      let value = Terminal.environment(DataFile.variable)
      if !value.isEmpty { return (DataFile.variable, value) }
    } else if let (variable, value) = program.setting(of: flag, in: command, by: Terminal.variable) {
      return (variable, value.text)
    }
    guard let configuration, let setting = configuration.setting(of: flag, in: command) else { return nil }
    return (configuration.name(of: setting), setting.value.words)
  }

  /// The names of all variables that set something.
  static var names: Set<String> {
    Set(options.flatMap { program.variables(for: $0.flag, of: $0.command) })
      .union([DataFile.variable, Fetcher.timeoutVariable])
  }

  /// Variables that are set and named like those of the program, but set nothing.
  static var strangers: [String] {
    let environment = (try? readAll(Path("/proc/self/environ"), limit: 1 << 20)) ?? []
    return environment.split(separator: 0).map { entry in
      String(decoding: entry.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
    }.filter { $0.hasPrefix("CUBINSPECT_") && !names.contains($0) }.sorted()
  }
}
