public import Bytes

/// The tables by which everything is judged: those of the program, to which rows of a user may be added.
///
/// A set without such rows costs nothing to make and to copy: a table is decoded when it is first asked.
public struct TableSet: Sendable {
  /// The tables that have other rows than those of the program.
  private final class Changed: Sendable {
    let tables: [ObjectIdentifier: any DataTable]
    let date: TableDate

    init(_ tables: [ObjectIdentifier: any DataTable], _ date: TableDate) {
      self.tables = tables
      self.date = date
    }
  }

  /// Nil where there are none.
  private var changed: Changed?

  private init() {}

  /// The tables of the program.
  public static let shipped = TableSet()

  /// One of the tables.
  public subscript<Table: DataTable>(_ type: Table.Type) -> Table {
    get { changed?.tables[ObjectIdentifier(type)] as? Table ?? Table.shipped }
    set {
      var tables = changed?.tables ?? [:]
      tables[ObjectIdentifier(type)] = newValue
      changed = Changed(tables, date)
    }
  }

  /// The day of which the tables are; rows of a user do not change it.
  public internal(set) var date: TableDate {
    get { changed?.date ?? Self.shippedDate }
    set { changed = Changed(changed?.tables ?? [:], newValue) }
  }

  private static let shippedDate: TableDate = {
    let text = String(decoding: PackageResources.date_txt.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    guard let date = TableDate(text) else { preconditionFailure("embedded date: \(text)") }
    return date
  }()

  /// What contradicts itself in the tables of these types; empty for tables that can be judged by.
  public func problems(of types: [any DataTable.Type]) -> [Problem] {
    types.sorted { $0.name < $1.name }.flatMap { problems(of: $0) }
  }

  private func problems<Table: DataTable>(of type: Table.Type) -> [Problem] {
    let table = self[type]
    let missing = table.rowSources.filter { !table.sources.indices.contains($0) }
    return missing.map {
      Problem(
        .outOfBounds, "\(type.name), source", expected: "a number below \(table.sources.count)",
        observed: "\($0)")
    } + table.problems(in: self)
  }
}

/// Sets are equal that were made by the same changes, not merely by equal ones.
extension TableSet: Hashable {
  public static func == (left: TableSet, right: TableSet) -> Bool { left.changed === right.changed }

  public func hash(into hasher: inout Hasher) { hasher.combine(changed.map { ObjectIdentifier($0) }) }
}

extension TableSet {
  /// The key of the tables in the user info of a decoder of kernels' names.
  package static let key = CodingUserInfoKey(rawValue: "tables")

  public var architectures: ArchitectureTable { self[ArchitectureTable.self] }
  public var drivers: DriverTable { self[DriverTable.self] }
  public var toolkits: ToolkitTable { self[ToolkitTable.self] }
  public var gpus: GPUCatalogue { self[GPUCatalogue.self] }
  public var jetson: JetsonTable { self[JetsonTable.self] }
}
