import Bytes
import CommandLineSyntax
import Compatibility
import Glibc
import Report
import Stack
import Synchronization

extension ParsedArguments {
  /// The tables to judge by, with all rows of `--data` and of `CUBINSPECT_DATA`.
  ///
  /// Whole tables that one of these names are taken, the newest where there are several; else the newest of those that are
  /// installed and the program's own. Tables that are old are said to be.
  ///
  /// - Throws: a usage error with the place in the file when a file cannot be read or does not fit.
  var tables: TableSet {
    get throws(UsageError) {
      var tables: TableSet?
      var rows: [(file: DataFile, document: [UInt8])] = []
      for file in dataFiles {
        do throws(Problem) {
          let document = try readAll(file.path, limit: TableSet.sizeLimit)
          guard TableSet.date(ofWholeTables: document.prefix(TableSet.prefixSize)) != nil else {
            rows.append((file, document))
            continue
          }
          let whole = try TableSet(wholeTables: document, of: TableSet.types)
          if tables.map({ $0.date < whole.date }) ?? true { tables = whole }
        } catch {
          throw invalid(file, error)
        }
      }
      var result = tables ?? InstalledTables.newest
      for (file, document) in rows {
        do throws(Problem) {
          try result.add(document: document, to: TableSet.types)
        } catch {
          throw invalid(file, error)
        }
      }
      if !isQuiet { result.reportAge() }
      return result
    }
  }

  /// The program, the date of the tables and the files with rows that it was given.
  func tool(_ tables: TableSet) -> Tool {
    var tool = Cubinspect.tool
    tool.tables = tables.date
    tool.dataFiles = tablePaths
    return tool
  }

  /// The files with tables or rows, besides those that are installed.
  var tablePaths: [Path] { dataFiles.map(\.path) }

  /// Those of the environment, and then those of the command line.
  private var dataFiles: [DataFile] {
    Terminal.environment(DataFile.variable).split(separator: ":").map {
      DataFile(path: Path(String($0)), argument: nil)
    } + values(of: .data).map { DataFile(path: Path(bytes: $0.bytes), argument: $0) }
  }

  private func invalid(_ file: DataFile, _ problem: Problem) -> UsageError {
    if let argument = file.argument { return invalid(.data, argument, problem.description) }
    return UsageError(
      .unusable("\(DataFile.variable): \(file.path): \(problem)"), commandPath: commandPath)
  }
}

/// A file with tables or rows.
struct DataFile {
  static let variable = "CUBINSPECT_DATA"

  var path: Path
  /// Nil for one of the environment.
  var argument: Argument?
}

/// Whole tables where pip installs the package cubinspect-data beside the program, or where a user puts them.
private enum InstalledTables {
  /// The newest tables, those of the program included. What cannot be read is said, and left out.
  static var newest: TableSet {
    var newest = TableSet.shipped
    for path in places {
      guard let date = date(of: path), date > newest.date else { continue }
      do throws(Problem) {
        let document = try readAll(path, limit: TableSet.sizeLimit)
        newest = try TableSet(wholeTables: document, of: TableSet.types)
      } catch {
        Terminal.report("\(path): these tables of \(date) are left out: \(error)")
      }
    }
    return newest
  }

  private static let name = "tables.json"

  /// The date of the tables in a file, by its start; nil where there is no such file.
  private static func date(of path: Path) -> TableDate? {
    let descriptor = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var prefix = [UInt8](repeating: 0, count: TableSet.prefixSize)
    let count = unsafe prefix.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    return TableSet.date(ofWholeTables: prefix.prefix(max(count, 0)))
  }

  private static var places: [Path] {
    var places = PythonPackage.folders.map { Path("\($0)/cubinspect_data/\(name)") }
    let home = Terminal.environment("HOME")
    let data = Terminal.environment("XDG_DATA_HOME")
    if data.hasPrefix("/") {
      places.append(Path("\(data)/cubinspect/\(name)"))
    } else if !home.isEmpty {
      places.append(Path("\(home)/.local/share/cubinspect/\(name)"))
    }
    return places
  }
}

extension TableSet {
  /// How newer tables are got.
  static let update = "pip install --upgrade cubinspect-data"

  /// About half a year.
  private static let daysUntilOld = 183

  private static let isAgeReported = Atomic(false)

  /// Says once that the tables are old, where they are.
  fileprivate func reportAge() {
    guard Terminal.secondsSince1970 / 86_400 - date.daysSince1970 > Self.daysUntilOld,
      !Self.isAgeReported.exchange(true, ordering: .relaxed)
    else { return }
    Terminal.report("the tables of \(date) are more than half a year old; for newer ones: \(Self.update)")
  }
}
