import Bytes
import CommandLineSyntax
import Report

/// `cubinspect config`: which options environment variables set.
struct ConfigCommand {
  private let output: MatrixOutput

  init(_ arguments: ParsedArguments) throws(UsageError) {
    let settings = Setting.all
    var matrix = Matrix(
      "config",
      settings.isEmpty
        ? "No option is set by an environment variable." : "Options that environment variables set.",
      ["option", "value", "variable", "commands"],
      settings.map { setting in
        let commands = setting.isOfAll ? "all" : setting.commands.joined(separator: ", ")
        return (["--\(setting.option)", setting.value, setting.variable, commands], setting.variable)
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

/// An option, the variable that sets it, and the commands for which it does.
private struct Setting {
  var option: String
  var value: String
  var variable: String
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
  static var all: [Setting] {
    var settings: [Setting] = []
    for (command, flag) in options {
      guard let (variable, value) = setting(of: flag, in: command) else { continue }
      if let known = settings.firstIndex(where: { $0.variable == variable }) {
        settings[known].commands.append(command)
      } else {
        settings.append(
          Setting(option: flag.long, value: value.text, variable: variable, commands: [command]))
      }
    }
    return settings
  }

  /// The variable that sets an option, with its value; nil where none does. That of `--data` adds to what is typed.
  private static func setting(of flag: Flag, in command: String) -> (variable: String, value: Argument)? {
    guard flag == .data else { return program.setting(of: flag, in: command, by: Terminal.variable) }
    let value = Terminal.variable(DataFile.variable).flatMap { $0.bytes.isEmpty ? nil : $0 }
    return value.map { (DataFile.variable, $0) }
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
