import CommandLineSyntax
import Compatibility
import DeviceCode
import Report

/// `cubinspect gpus`.
struct GPUsCommand {
  private let query: String
  private let outputs: [Output]
  private let style: TextStyle
  private let tool: Tool
  private let tables: TableSet

  init(_ arguments: ParsedArguments) throws(UsageError) {
    query = arguments.positionals.first?.text ?? ""
    outputs = try Output.all(arguments)
    style = Terminal.style(arguments)
    tables = try arguments.tables
    tool = arguments.tool(tables)
  }

  func run() -> ExitStatus {
    // A target is a question about code: which GPUs run it as it is.
    let target = query.hasPrefix("sm_") ? CodeTarget(query) : nil
    var gpus =
      target.map { tables.gpus.gpus(running: $0, by: tables) } ?? tables.gpus.search(query, by: tables)
    var instances: [CloudInstance] = []
    if gpus.isEmpty {
      do throws(GPUCatalogue.Failure) {
        let matches = try GPUCatalogue.resolveAll(query, in: tables)
        gpus = matches.flatMap { tables.gpus.products(of: $0) }
        instances = matches.compactMap(\.instance)
      } catch {
        Terminal.report(error.description(by: tables))
        return .usage
      }
    }
    let report = GPUsReport(query: query, gpus: gpus, instances: instances, tables: tables)
    let isWritten = outputs.write(
      style, text: { Array(report.text($0).utf8) }, json: { report.json(tool) })
    return isWritten ? .success : .usage
  }
}

extension GPUCatalogue.Failure {
  /// What is wrong, with what would know a GPU that is newer than the tables.
  func description(by tables: TableSet) -> String {
    guard case .unknown = self else { return description }
    return description + ". The tables are of \(tables.date); newer ones may know it: \(TableSet.update)"
  }
}
