import Assessment
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
    var gpus: [GPU] = []
    var instances: [CloudInstance] = []
    var matches: [GPUCatalogue.Match] = []
    let names = GPUCatalogue.queries(in: query)
    for name in names.isEmpty ? [""] : names {
      do throws(GPUCatalogue.Failure) {
        let found = try self.found(name)
        gpus += found.gpus.filter { !gpus.contains($0) }
        instances += found.instances.filter { !instances.contains($0) }
        if Self.target(name) == nil {
          matches += ((try? GPUCatalogue.resolveAll(name, in: tables)) ?? []).filter { !matches.contains($0) }
        }
      } catch {
        Terminal.report(error.description(by: tables))
        return .usage
      }
    }
    let facts = matches.count <= Self.fewMatches ? matches.map { GPUFacts($0, by: tables) } : []
    let report = GPUsReport(query: query, gpus: gpus, instances: instances, facts: facts, tables: tables)
    let isWritten = outputs.write(
      style, text: { Array(report.text($0).utf8) }, json: { report.json(tool) })
    return isWritten ? .success : .usage
  }

  /// Kinds of GPU of which everything is told that is known.
  private static let fewMatches = 3

  /// A target is a question about code: which GPUs run it as it is.
  private static func target(_ name: String) -> CodeTarget? { name.hasPrefix("sm_") ? CodeTarget(name) : nil }

  private func found(
    _ name: String
  ) throws(GPUCatalogue.Failure) -> (gpus: [GPU], instances: [CloudInstance]) {
    let gpus =
      Self.target(name).map { tables.gpus.gpus(running: $0, by: tables) }
      ?? tables.gpus.search(name, by: tables)
    if !gpus.isEmpty { return (gpus, []) }
    let matches = try GPUCatalogue.resolveAll(name, in: tables)
    return (matches.flatMap { tables.gpus.products(of: $0) }, matches.compactMap(\.instance))
  }
}

extension GPUCatalogue.Failure {
  /// What is wrong, with what would know a GPU that is newer than the tables.
  func description(by tables: TableSet) -> String {
    guard case .unknown = self else { return description }
    return description + ". The tables are of \(tables.date); newer ones may know it: \(TableSet.update)"
  }
}
