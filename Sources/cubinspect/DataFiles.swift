import Bytes
import CommandLineSyntax
import Compatibility
import Report
import Stack

/// What `--data` asks for.
extension ParsedArguments {
  /// The tables of the program with the rows of all files.
  ///
  /// - Throws: a usage error with the place in the file when a file cannot be read or does not fit.
  var tables: TableSet {
    get throws(UsageError) {
      var tables = TableSet.shipped
      for file in values(of: .data) {
        do throws(Problem) {
          let document = try readAll(Path(bytes: file.bytes), limit: TableSet.sizeLimit)
          try tables.add(document: document, to: TableSet.types)
        } catch {
          throw invalid(.data, file, error.description)
        }
      }
      return tables
    }
  }

  /// The program, and the files with rows that it was given.
  var tool: Tool {
    var tool = Cubinspect.tool
    tool.dataFiles = values(of: .data).map { Path(bytes: $0.bytes) }
    return tool
  }
}
