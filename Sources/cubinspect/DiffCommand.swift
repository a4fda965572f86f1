import Bytes
import CommandLineSyntax
import Report
import Scan

/// `cubinspect diff`.
struct DiffCommand {
  private let old: Path
  private let new: Path
  private let comparesKernels: Bool
  private let failsOnLosses: Bool
  private let jobs: Int
  private let outputs: [Output]
  private let style: TextStyle
  private let tool: Tool

  init(_ arguments: ParsedArguments) throws(UsageError) {
    old = Path(bytes: arguments.positionals[0].bytes)
    new = Path(bytes: arguments.positionals[1].bytes)
    comparesKernels = !arguments.has(.noKernels)
    failsOnLosses = arguments.value(of: .failOnLoss)?.text == "lost"
    outputs = try Output.all(arguments)
    style = Terminal.style(arguments)
    tool = arguments.tool
    jobs = try arguments.jobs
  }

  func run() -> ExitStatus {
    let result = Scanner(jobs: jobs).scan([old, new])
    let pairs = result.libraryPairs
    let kernels =
      comparesKernels ? result.kernels(of: DeviceCodeDifference.readLibraries(pairs), jobs: jobs) : nil
    let report = DiffReport(result, DeviceCodeDifference(result, pairs: pairs, kernels: kernels))
    let isWritten = outputs.write(style, text: report.text, json: { report.json(tool) })
    if !outputs.showsTextOnTerminal {
      for problem in report.problems {
        Terminal.report("\(report.path(of: problem.place)): \(problem.problem.description)")
      }
    }
    if !isWritten { return .usage }
    if failsOnLosses, report.difference.hasLosses { return .finding }
    return report.problems.contains { $0.problem.isFailure } ? .usage : .success
  }
}
