import Bytes
import CommandLineSyntax
import Compatibility
import Report
import Stack

/// `cubinspect explain`.
struct ExplainCommand {
  private let text: String
  private let style: TextStyle
  private let tables: TableSet

  init(_ arguments: ParsedArguments) throws(UsageError) {
    let words = arguments.positionals.map(\.text)
    style = Terminal.style(arguments)
    tables = try arguments.tables
    guard words == ["-"] else {
      text = words.joined(separator: " ")
      return
    }
    do throws(Problem) {
      text = String(decoding: try readAll(Path("/dev/stdin"), limit: Self.limit), as: UTF8.self)
    } catch {
      throw UsageError(.other("standard input: \(error.description)"), commandPath: arguments.commandPath)
    }
  }

  /// Bytes of standard input that are read: more than a log of a job that fails.
  private static let limit = 64 << 20

  func run() -> ExitStatus {
    let report = ErrorReport(text, by: tables)
    guard !report.isEmpty else {
      Terminal.report(
        "this is no error that the tables know; to check an environment: cubinspect scan ENVIRONMENT --gpu GPU"
      )
      return .finding
    }
    return Terminal.write(report.text(style))
  }
}
