public import Bytes
import Synchronization

/// Tables that belong together: those of the program, to which rows of a user may be added.
public struct TableSet: Sendable {
  private var tables: [any DataTable]

  /// The tables of the program.
  public init(_ types: [any DataTable.Type]) {
    tables = types.map { decodeTable($0) }
  }

  /// One of the tables; that of the program where the set was made without it.
  public subscript<Table: DataTable>(_ type: Table.Type) -> Table {
    get { tables.lazy.compactMap { $0 as? Table }.first ?? decodeTable(type) }
    set {
      tables.removeAll { $0 is Table }
      tables.append(newValue)
    }
  }

  /// All tables, by name.
  public var all: [any DataTable] { tables.sorted { type(of: $0).name < type(of: $1).name } }

  /// What contradicts itself in the tables; empty for tables that can be judged by.
  public var problems: [Problem] {
    all.flatMap { table in
      let missing = table.rowSources.filter { !table.sources.indices.contains($0) }
      return missing.map {
        Problem(
          .outOfBounds, "\(type(of: table).name), source", expected: "a number below \(table.sources.count)",
          observed: "\($0)")
      } + table.problems(in: self)
    }
  }
}

extension TableSet {
  private struct Installation {
    var tables: TableSet?
    var isUsed = false
  }

  private static let installation = Mutex(Installation())

  /// Makes these the tables by which everything in this process is judged.
  ///
  /// The tables are constants: this may be called once, before anything asks one of them, and traps later.
  public func install() {
    Self.installation.withLock { installation in
      precondition(!installation.isUsed, "tables are installed before the first of them is used")
      installation = Installation(tables: self, isUsed: true)
    }
  }

  /// The installed table, or that of the program: what the constant `shared` of each table is.
  package static func shared<Table: DataTable>(_ type: Table.Type) -> Table {
    let tables = installation.withLock { installation in
      installation.isUsed = true
      return installation.tables
    }
    return tables?[type] ?? decodeTable(type)
  }
}
