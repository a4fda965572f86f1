import Assessment
import Bytes
import CommandLineSyntax
import Compatibility
import Report
import Stack

/// `cubinspect explain`.
struct ExplainCommand {
  private enum Subject {
    case files(ScanCommand, package: String?)
    case target(TargetReport)
    case text(String)
  }

  private let subject: Subject
  private let style: TextStyle
  private let tables: TableSet

  init(_ arguments: ParsedArguments) throws(UsageError) {
    style = Terminal.style(arguments)
    tables = try arguments.tables
    subject = try Self.subject(arguments, tables)
  }

  /// What the words are: a path, a target, or else a text.
  private static func subject(_ arguments: ParsedArguments, _ tables: TableSet) throws(UsageError) -> Subject
  {
    let words = arguments.positionals
    func refuse(_ why: String) -> UsageError { UsageError(.other(why), commandPath: arguments.commandPath) }
    let isInput = words.count == 1 && words[0].text != "-"
    if isInput, Input.scheme(of: words[0]) != nil || (try? FileKind.of(Path(bytes: words[0].bytes))) != nil {
      let target = try JudgedFor(arguments, tables)
      guard target.namesDevices else { throw refuse("--gpu is missing: for which GPU?") }
      let scan = try ScanCommand(arguments, inputs: try arguments.inputs, tables: tables, target: target)
      return .files(scan, package: arguments.value(of: .package)?.text)
    }
    let facts = isInput ? TargetFacts(words[0].text, by: tables) : nil
    if let flag = [Flag.gpu, .driver, .host, .package].first(where: {
      arguments.isTyped($0) && (facts == nil || $0 == .package)
    }) {
      throw refuse(
        facts == nil
          ? "'\(words.map(\.text).joined(separator: " "))' is no path and no target, and --\(flag.long) is for one of these"
          : "--\(flag.long) is for a path, and '\(words[0].text)' is a target")
    }
    if let facts {
      let target = try JudgedFor(arguments, tables)
      guard target.namesDevices || target.driver == nil else {
        throw refuse("--gpu is missing: for which GPU?")
      }
      return .target(TargetReport(facts, devices: target.devices, tables: tables))
    }
    guard words.map(\.text) == ["-"] else { return .text(words.map(\.text).joined(separator: " ")) }
    do throws(Problem) {
      return .text(String(decoding: try readAll(Path("/dev/stdin"), limit: limit), as: UTF8.self))
    } catch {
      throw refuse("standard input: \(error.description)")
    }
  }

  /// Bytes of standard input that are read: more than a log of a job that fails.
  private static let limit = 64 << 20

  func run() -> ExitStatus {
    switch subject {
    case .files(let scan, let package): return explain(scan.assessment(), package)
    case .target(let report):
      let status = Terminal.write(report.text(style))
      return status == .success && !report.isKnown ? .finding : status
    case .text(let text):
      let report = ErrorReport(text, by: tables)
      guard !report.isEmpty else {
        Terminal.report(
          "this is no file, no target and no error that the tables know; to check an environment: cubinspect scan ENVIRONMENT --gpu GPU"
        )
        return .finding
      }
      return Terminal.write(report.text(style))
    }
  }

  private func explain(_ assessment: Assessment, _ package: String?) -> ExitStatus {
    let report = ExplanationReport(assessment, package: package)
    if let package, report.isEmpty {
      let names = ExplanationReport.names(in: assessment)
      Terminal.report(
        "there is no package '\(package)' with device code"
          + (names.isEmpty ? "" : "; there are \(names.joined(separator: ", "))"))
      return .usage
    }
    let status = Terminal.write(report.text(style))
    return status == .success && assessment.hasFailures ? .usage : status
  }
}
