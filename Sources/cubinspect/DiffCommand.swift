import Bytes
import CommandLineSyntax
import Compatibility
import Report
import Scan

/// `cubinspect diff`.
struct DiffCommand {
  private let fetched: Fetched
  private let comparesKernels: Bool
  private let failsOn: Set<Loss>
  private let scanner: Scanner
  private let isQuiet: Bool
  private let outputs: [Output]
  private let style: TextStyle
  private let tool: Tool
  private let tables: TableSet

  init(_ arguments: ParsedArguments) throws(UsageError) {
    let inputs = try arguments.inputs
    comparesKernels = !arguments.has(.noKernels)
    failsOn = try Self.losses(arguments)
    outputs = try Output.all(arguments, reading: inputs.compactMap(\.path))
    style = Terminal.style(arguments)
    tables = try arguments.tables
    tool = arguments.tool(tables)
    scanner = try arguments.scanner
    isQuiet = arguments.isQuiet
    fetched = try Fetched(inputs, arguments)
  }

  /// What `--fail-on` names.
  private static func losses(_ arguments: ParsedArguments) throws(UsageError) -> Set<Loss> {
    guard let value = arguments.value(of: .failOnLoss), value.text != "never" else { return [] }
    var losses: Set<Loss> = []
    for name in value.text.split(separator: ",", omittingEmptySubsequences: false) {
      if name == "lost" {
        losses.formUnion(Loss.allCases)
      } else if let loss = Loss(rawValue: String(name)) {
        losses.insert(loss)
      } else {
        throw arguments.invalid(
          .failOnLoss, value,
          "write never, lost, or some of \(Loss.allCases.map(\.rawValue).joined(separator: ", ")), separated by commas"
        )
      }
    }
    return losses
  }

  func run() -> ExitStatus {
    if FactsFile.refuse(among: fetched.inputs) { return .usage }
    let report = ProgressLine.during(isQuiet: isQuiet) { progress in
      var scanner = scanner
      scanner.progress = progress
      var result = scanner.scan(fetched.inputs)
      let pairs = result.libraryPairs
      let read = DeviceCodeDifference.readLibraries(pairs)
      let kernels = comparesKernels ? result.kernels(of: read, jobs: scanner.jobs, progress: progress) : nil
      if comparesKernels {
        result.readNames(of: read, by: tables, jobs: scanner.jobs, progress: progress)
      }
      return DiffReport(
        result, DeviceCodeDifference(result, pairs: pairs, kernels: kernels, tables: tables), tables: tables)
    }
    let isWritten = outputs.write(style, text: report.text, json: { report.json(tool) })
    if !outputs.showsTextOnTerminal {
      for problem in report.problems {
        Terminal.report("\(report.path(of: problem.place)): \(problem.problem.description)")
      }
    }
    if !isWritten { return .usage }
    if !failsOn.isDisjoint(with: report.difference.losses) { return .finding }
    return report.problems.contains { $0.problem.isFailure } ? .usage : .success
  }
}
