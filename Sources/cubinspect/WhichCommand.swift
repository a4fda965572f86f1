import Assessment
import CommandLineSyntax
import Compatibility
import Report
import Stack

/// `cubinspect which`.
struct WhichCommand {
  private let question: ReleaseQuestion
  private let outputs: [Output]
  private let style: TextStyle
  private let tool: Tool

  init(_ arguments: ParsedArguments) throws(UsageError) {
    outputs = try Output.all(arguments)
    style = Terminal.style(arguments)
    let tables = try arguments.tables
    tool = arguments.tool(tables)
    let package = arguments.positionals[0]
    let target = try JudgedFor(arguments, tables)
    guard target.namesDevices else {
      throw UsageError(.other("--gpu is missing: for which GPU?"), commandPath: arguments.commandPath)
    }
    let python = try arguments.pythonVersion
    var cuda: CUDAVersion?
    if let value = arguments.value(of: .cuda) {
      cuda = CUDAVersion(value.text)
      if cuda == nil { throw arguments.invalid(.cuda, value, "write a version such as 12.8") }
    }
    question = ReleaseQuestion(
      package: package.text,
      question: Question(devices: target.requested(by: tables), namesDevices: true, tables: tables),
      python: python, cuda: cuda, machine: arguments.value(of: .machine)?.text)
  }

  func run() -> ExitStatus {
    do {
      let report = ReleaseReport(question: question, answer: try ReleaseAnswer(question))
      let isWritten = outputs.write(
        style, text: { Array(report.text($0).utf8) }, json: { report.json(tool) })
      return !isWritten ? .usage : report.answer.best == nil ? .finding : .success
    } catch let error as NotSurveyed {
      Terminal.report(error.description)
    } catch {
      Terminal.report("the table of surveyed packages: \(error)")
    }
    return .usage
  }
}
