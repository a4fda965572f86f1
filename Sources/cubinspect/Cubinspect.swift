import Bytes
import CommandLineSyntax
import Compatibility
import Demangling
import Glibc
import Report

/// The program: reads the command line, runs one subcommand, and ends with its status.
@main
enum Cubinspect {
  static let tool = Tool(name: "cubinspect", version: "0.1.0")

  static func main() {
    // A closed pipe is an error of `write`, which ends the output quietly.
    _ = signal(SIGPIPE, SIG_IGN)
    // So is a file that grows past the limit of the process.
    _ = signal(SIGXFSZ, SIG_IGN)
    let status = run(rawArguments())
    if Demangling.lacksThread {
      Terminal.report(
        "names are shown as they are in the file: the system gives no thread to demangle them on")
    }
    exit(status.rawValue)
  }

  private static func run(_ arguments: [Argument]) -> ExitStatus {
    do throws(UsageError) {
      let parsed = try Command.cubinspect.parse(
        arguments, environment: Terminal.variable, configuration: ConfigurationFile.read)
      let command = parsed.commandPath.dropFirst().first
      if parsed.has(.version) {
        return Terminal.write(
          "\(tool.name) \(tool.version), tables of \(((try? parsed.tables) ?? .shipped).date)\n")
      }
      if parsed.has(.help) { return help(for: Array(parsed.commandPath.dropFirst())) }
      // Its thread costs as much as a small file, so only where something could be left behind.
      if ProgressLine.isPossible(isQuiet: parsed.isQuiet) || parsed.writesFiles { Interruption.watch() }
      switch command {
      case "check":
        let status = try CheckCommand(parsed).run()
        if parsed.isCommandImplied, !parsed.isQuiet {
          Terminal.report(
            "\(tool.name) --help explains what else there is, such as \(tool.name) scan PATH --gpu GPU")
        }
        return status
      case "scan": return try ScanCommand(parsed).run()
      case "facts": return try FactsCommand(parsed).run()
      case "list": return try ListCommand(parsed).run()
      case "kernels": return try KernelsCommand(parsed).run()
      case "diff": return try DiffCommand(parsed).run()
      case "extract": return try ExtractCommand(parsed).run()
      case "explain": return try ExplainCommand(parsed).run()
      case "gpus": return try GPUsCommand(parsed).run()
      case "tables": return try TablesCommand(parsed).run()
      case "which": return try WhichCommand(parsed).run()
      case "config": return try ConfigCommand(parsed).run()
      case "cache": return try CacheCommand(parsed).run()
      case "help": return help(for: parsed.positionals.map(\.text))
      case "licenses":
        return Terminal.write(String(decoding: PackageResources.licenses_txt, as: UTF8.self))
      case "man": return Terminal.write(Command.cubinspect.manPage(version: tool.version))
      case "completions":
        let shell = parsed.positionals.first.flatMap { Shell(rawValue: $0.text) }
        guard let shell else { return .usage }
        return Terminal.write(Command.cubinspect.completions(for: shell))
      default: return help(for: [])
      }
    } catch {
      Terminal.report("\(error)")
      // Who forgets the command most likely wants a scan.
      if case .unknownCommand(let word) = error.reason,
        Input.scheme(of: word) != nil || (try? FileKind.of(Path(bytes: word.bytes))) != nil
      {
        Terminal.report("To scan it: \(tool.name) scan \(word)")
      }
      if let hint = error.hint { Terminal.report(hint) }
      return .usage
    }
  }

  private static func help(for path: [String]) -> ExitStatus {
    guard let text = Command.cubinspect.help(for: path, width: min(Terminal.width ?? 80, 100)) else {
      Terminal.report("there is no command '\(path.joined(separator: " "))'")
      return .usage
    }
    return Terminal.write(text)
  }

  /// The arguments as bytes: file names need not be UTF-8.
  private static func rawArguments() -> [Argument] {
    let arguments = unsafe CommandLine.unsafeArgv
    return (1..<max(1, Int(CommandLine.argc))).compactMap { index in
      unsafe arguments[index].map { unsafe Argument(ofSystem: $0) }
    }
  }
}

extension Argument {
  /// The bytes of an argument or of a variable of the environment, which the system ends with a NUL.
  init(ofSystem text: UnsafePointer<CChar>) {
    self.init(bytes: unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text))))
  }
}

/// How the program ends.
enum ExitStatus: CInt {
  /// Done, and nothing at or past the level of `--fail-on`.
  case success = 0
  /// A finding at or past it, or a required target is missing.
  case finding = 1
  /// Wrong usage, or an input that could not be read.
  case usage = 2
}
