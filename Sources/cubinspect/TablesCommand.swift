import CommandLineSyntax
import Compatibility
import Report

/// `cubinspect tables`.
struct TablesCommand {
  private let matrix: Matrix
  private let outputs: [Output]
  private let style: TextStyle
  private let tool: Tool

  init(_ arguments: ParsedArguments) throws(UsageError) {
    outputs = try Output.all(arguments)
    style = Terminal.style(arguments)
    let tables = try arguments.tables
    tool = arguments.tool(tables)
    guard let name = arguments.positionals.first?.text else {
      matrix = Matrix(
        "tables", "The tables that can be shown: cubinspect tables NAME.", ["table", "what it lists"],
        Matrix.kinds.map { ([$0.name, $0.title], "") })
      return
    }
    guard let kind = Matrix.kinds.first(where: { $0.name == name.lowercased() }) else {
      throw UsageError(
        .other("there is no table '\(name)'; there are \(Matrix.kinds.map(\.name).joined(separator: ", "))"),
        commandPath: arguments.commandPath)
    }
    matrix = kind.matrix(of: tables).filtered(by: arguments.positionals.dropFirst().map(\.text))
  }

  func run() -> ExitStatus {
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
