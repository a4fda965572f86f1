public import Bytes
import FoundationEssentials

extension TableSet {
  /// Bytes of a file with rows: far more than all tables of the program have.
  public static let sizeLimit = 2 << 20

  /// Adds the rows of a JSON document: an object whose members are named after tables and hold lists of rows, in the
  /// form of the program's resources, but with the `source` of each row in words.
  ///
  /// `types` are the tables that there are. A row takes the place of the one with the same key. A member `description` is for people.
  ///
  /// - Throws: a problem whose field is the place in the document (`drivers.branches[0].maxCUDA`), or, where rows
  ///   contradict each other or those that were there, the row by its key. The tables then are as before.
  public mutating func add(document: [UInt8], to types: [any DataTable.Type]) throws(Problem) {
    let root = try JSONTree(document: document)
    guard case .object(let members) = root else {
      throw Problem(
        .invalidValue, "document", expected: "an object with a member for each table", observed: root.summary)
    }
    var result = self
    for (name, rows) in members.sorted(by: { $0.key < $1.key }) where name != Self.description {
      guard let table = types.first(where: { $0.name == name }) else {
        let names = types.map { $0.name }.sorted().joined(separator: ", ")
        throw Problem(.unsupported, name, expected: "one of the tables \(names)")
      }
      try result.add(rows, to: table)
    }
    if let problem = result.problems(of: types).first { throw problem }
    self = result
  }

  private static let description = "description"
  private static let sources = "sources"

  private mutating func add<Table: DataTable>(_ rows: JSONTree, to type: Table.Type) throws(Problem) {
    guard case .object(var lists) = rows else {
      throw Problem(
        .invalidValue, Table.name, expected: "an object with lists of rows", observed: rows.summary)
    }
    lists[Self.description] = nil
    var table = self[type]
    // The lists of a table are those of its resource.
    let own = (try? JSONDecoder().decode([String: AnyValue].self, from: Data(Table.resource))) ?? [:]
    let names = own.keys.filter { ![Self.description, Self.sources].contains($0) }.sorted()
    for name in lists.keys.sorted() where !names.contains(name) {
      throw Problem(
        .unsupported, "\(Table.name).\(name)", expected: "one of the lists \(names.joined(separator: ", "))")
    }
    for name in names {
      lists[name] = try (lists[name] ?? .array([])).numberingSources(
        from: "\(Table.name).\(name)", in: &table.sources)
    }
    lists[Self.sources] = .array([])

    let tree = JSONTree.object(lists)
    let addition: Table
    let understood: JSONTree
    do {
      addition = try JSONDecoder().decode(type, from: JSONEncoder().encode(tree))
      understood = try JSONDecoder().decode(JSONTree.self, from: JSONEncoder().encode(addition))
    } catch {
      throw Problem(error as? DecodingError, in: tree, named: Table.name)
    }
    // What was decoded has every member that the rows may have.
    if let place = tree.firstMember(missingIn: understood, at: Table.name) {
      throw Problem(.unsupported, place, expected: "a field of this list")
    }
    table.add(addition)
    self[type] = table
  }
}

/// A value that nobody asks for.
private struct AnyValue: Decodable {
  init(from decoder: any Decoder) {}
}

extension JSONTree {
  /// The rows with a number for the text of each `source`; the texts go into `sources`.
  fileprivate func numberingSources(from place: String, in sources: inout [String]) throws(Problem)
    -> JSONTree
  {
    switch self {
    case .array(let elements):
      var result: [JSONTree] = []
      for (index, element) in elements.enumerated() {
        result.append(try element.numberingSources(from: "\(place)[\(index)]", in: &sources))
      }
      return .array(result)
    case .object(var members):
      for (name, value) in members.sorted(by: { $0.key < $1.key }) {
        members[name] = try value.numberingSources(from: "\(place).\(name)", in: &sources)
        if name != "source" { continue }
        guard case .string(let text) = value, text.contains(where: { !$0.isWhitespace }) else {
          throw Problem(
            .invalidValue, "\(place).source", expected: "a text that says where the row is from",
            observed: value.summary)
        }
        let known = sources.firstIndex(of: text)
        if known == nil { sources.append(text) }
        members[name] = .integer(known ?? sources.count - 1)
      }
      return .object(members)
    case .number(let value):
      // No table has one, and Foundation does not tell where it meets one in place of a whole number.
      throw Problem(.invalidValue, place, expected: "a text or a whole number", observed: "\(value)")
    case .string(let text):
      // What tables say is shown.
      guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
      else {
        throw Problem(
          .invalidValue, place, expected: "a text without control characters", observed: printable(text))
      }
      return self
    case .null, .bool, .integer: return self
    }
  }

  /// The place of a member of an object that `other` does not have; nulls need not be there.
  fileprivate func firstMember(missingIn other: JSONTree, at place: String) -> String? {
    switch (self, other) {
    case (.array(let own), .array(let others)):
      for (index, pair) in zip(own, others).enumerated() {
        if let place = pair.0.firstMember(missingIn: pair.1, at: "\(place)[\(index)]") { return place }
      }
    case (.object(let own), .object(let others)):
      for (name, value) in own.sorted(by: { $0.key < $1.key }) {
        if case .null = value { continue }
        guard let other = others[name] else { return "\(place).\(name)" }
        if let place = value.firstMember(missingIn: other, at: "\(place).\(name)") { return place }
      }
    default: break
    }
    return nil
  }
}

extension Problem {
  /// Why the rows of a table cannot be decoded.
  init(_ error: DecodingError?, in tree: JSONTree, named name: String) {
    var path: [any CodingKey] = []
    var expected: String?
    switch error {
    case .keyNotFound(let key, let context):
      path = context.codingPath + [key]
      expected = "a value"
    case .valueNotFound(_, let context):
      path = context.codingPath
      expected = "a value"
    case .typeMismatch(let type, let context):
      path = context.codingPath
      expected =
        switch type {
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is any FixedWidthInteger.Type: "a whole number"
        case is [Any].Type: "a list"
        case is [String: Any].Type: "an object"
        default: nil
        }
    case .dataCorrupted(let context):
      path = context.codingPath
      expected = context.debugDescription
    default: break
    }
    var place = name
    var value: JSONTree? = tree
    for key in path {
      value = value?[key]
      place += key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)"
    }
    self.init(.invalidValue, place, expected: expected, observed: value?.summary ?? "nothing")
  }
}
