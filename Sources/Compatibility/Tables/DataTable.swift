public import Bytes

/// A table of what is known: the rows of a JSON resource, each with the source that says so.
public protocol DataTable: Codable, Sendable {
  /// The name of the table in a file with more rows: `drivers`.
  static var name: String { get }
  /// The resource.
  static var resource: [UInt8] { get }
  /// The table of the program: a constant, decoded from ``resource`` at first use by ``decoded()``.
  static var shipped: Self { get }
  /// Where the rows are from.
  var sources: [String] { get set }
  /// For each row its index into ``sources``.
  var rowSources: [Int] { get }
  /// Adds the rows of `other`, whose `source` counts in the sources of this table; a row takes the place of the one
  /// with the same key.
  mutating func add(_ other: Self)
  /// What contradicts itself or the other tables; empty for a table that can be judged by.
  func problems(in tables: TableSet) -> [Problem]
}

extension Array {
  /// Adds rows to a list that is ordered by `order`, in place of those with the same key.
  package mutating func add<Order: Comparable>(
    _ rows: [Element], key: (Element) -> some Equatable, order: (Element) -> Order
  ) {
    for row in rows {
      removeAll { key($0) == key(row) }
      insert(row, at: (lastIndex { order($0) <= order(row) } ?? -1) + 1)
    }
  }

  /// Adds rows to a list that is ordered by its key.
  package mutating func add<Key: Comparable>(_ rows: [Element], by key: (Element) -> Key) {
    add(rows, key: key, order: key)
  }

  /// Adds rows to a list whose first fitting row counts: new ones in front, others where the row with their key is.
  package mutating func addFirst(_ rows: [Element], key: (Element) -> some Equatable) {
    var new: [Element] = []
    for row in rows {
      if let place = firstIndex(where: { key($0) == key(row) }) {
        self[place] = row
      } else {
        new.removeAll { key($0) == key(row) }
        new.append(row)
      }
    }
    insert(contentsOf: new, at: 0)
  }
}

/// Collects what does not fit in one list of a table.
package struct ListCheck {
  private let list: String
  package private(set) var problems: [Problem] = []

  /// - Parameter list: a list of the table, as in `branches`.
  package init(_ table: (some DataTable).Type, _ list: String) { self.list = "\(table.name).\(list)" }

  /// Notes a problem of a row, which `row` names by its key, where a statement about it does not hold.
  package mutating func expect(
    _ holds: Bool, _ row: some CustomStringConvertible, _ field: String,
    _ expected: @autoclosure () -> String,
    _ observed: @autoclosure () -> (any CustomStringConvertible)?
  ) {
    guard !holds else { return }
    let observed = observed()?.description ?? ""
    problems.append(
      Problem(
        .mismatch, "\(list), row \(row), \(field)", expected: expected(),
        observed: observed.isEmpty ? "none" : observed))
  }

  /// Notes rows that do not come after the one before, by their keys.
  package mutating func expectAscending<Key: Comparable & CustomStringConvertible>(
    _ keys: [Key], _ field: String
  ) {
    for (earlier, later) in zip(keys, keys.dropFirst()) {
      expect(earlier < later, later, field, "more than \(earlier), which is before it", later)
    }
  }
}
