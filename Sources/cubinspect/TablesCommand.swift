import CommandLineSyntax
import Compatibility
import Report

/// `cubinspect tables`.
struct TablesCommand {
  private let output: MatrixOutput

  init(_ arguments: ParsedArguments) throws(UsageError) {
    let tables = try arguments.tables
    guard let name = arguments.positionals.first?.text else {
      output = try MatrixOutput(
        arguments,
        Matrix(
          "tables", "The tables that can be shown: cubinspect tables NAME.", ["table", "what it lists"],
          Matrix.kinds.map { ([$0.name, $0.title], "") }),
        by: tables)
      return
    }
    guard let kind = Matrix.kinds.first(where: { $0.name == name.lowercased() }) else {
      throw UsageError(
        .other("there is no table '\(name)'; there are \(Matrix.kinds.map(\.name).joined(separator: ", "))"),
        commandPath: arguments.commandPath)
    }
    let words = arguments.positionals.dropFirst().map(\.text)
    output = try MatrixOutput(arguments, kind.matrix(of: tables).filtered(by: words), by: tables)
  }

  func run() -> ExitStatus { output.write() }
}

/// A table, and where it is written in which form.
struct MatrixOutput {
  private let matrix: Matrix
  private let outputs: [Output]
  private let style: TextStyle
  private let tool: Tool

  init(_ arguments: ParsedArguments, _ matrix: Matrix, by tables: TableSet = .shipped) throws(UsageError) {
    self.matrix = matrix
    outputs = try Output.all(arguments)
    style = Terminal.style(arguments)
    tool = arguments.tool(tables)
  }

  func write() -> ExitStatus {
    let isWritten = outputs.write(style) { format, style in
      switch format {
      case .json: matrix.json(tool)
      case .markdown: Array(matrix.markdown().utf8)
      case .csv: Array(matrix.csv().utf8)
      case .tsv: Array(matrix.csv(.tab).utf8)
      default: Array(matrix.text(style).utf8)
      }
    }
    return isWritten ? .success : .usage
  }
}
