import Bytes
import CommandLineSyntax
import DeviceCode
import Report

/// `cubinspect list`.
struct ListCommand {
  private let paths: [Path]
  private let outputs: [Output]
  private let style: TextStyle

  init(_ arguments: ParsedArguments) throws(UsageError) {
    paths = arguments.positionals.map { Path(bytes: $0.bytes) }
    outputs = try Output.all(arguments)
    style = Terminal.style(arguments)
  }

  func run() -> ExitStatus {
    let report = ListReport(
      files: paths.map { path in
        do throws(Problem) {
          return ListReport.File(
            path: path, contents: InspectedFile(try FileBytes(path: path)))
        } catch {
          return ListReport.File(
            path: path, contents: InspectedFile(format: .other, size: 0, problems: [error]))
        }
      })
    let isWritten = outputs.write(style, text: report.text, json: { report.json(Cubinspect.tool) })
    var status = isWritten ? ExitStatus.success : .usage
    for file in report.files {
      for problem in file.contents.problems {
        if !outputs.showsTextOnTerminal {
          Terminal.report("\(file.path): \(problem.description)")
        }
        if problem.isFailure { status = .usage }
      }
    }
    return status
  }
}
