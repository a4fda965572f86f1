import Bytes
import CommandLineSyntax
import Compatibility
import Report
import Stack

/// What `--data` asks for.
extension ParsedArguments {
  /// Adds the rows of all files to the tables, before anything is judged by them.
  ///
  /// - Throws: a usage error with the place in the file when a file cannot be read or does not fit.
  func installTables() throws(UsageError) {
    let files = values(of: .data)
    if files.isEmpty { return }
    var tables = TableSet.shipped
    for file in files {
      do throws(Problem) {
        try tables.add(document: readAll(Path(bytes: file.bytes), limit: TableSet.sizeLimit))
      } catch {
        throw invalid(.data, file, error.description)
      }
    }
    tables.install()
  }

  /// The program, and the files with rows that it was given.
  var tool: Tool {
    var tool = Cubinspect.tool
    tool.dataFiles = values(of: .data).map { Path(bytes: $0.bytes) }
    return tool
  }
}
