public import Bytes
import FoundationEssentials

/// All tables in one document, as the package cubinspect-data has them: those of another release of the program.
///
///     {"date": "2026-11-29", "format": 1, "tables": {"architectures": {…}, "containers": {…}, …}}
extension TableSet {
  /// The version of the form of the tables. It changes when an older program could not read them.
  public static let format = 1

  /// Bytes of the start of a document by which ``date(ofWholeTables:)`` tells it.
  public static let prefixSize = 64

  /// The date of whole tables, by the start of their document; nil for any other document, such as rows.
  public static func date(ofWholeTables prefix: some Sequence<UInt8>) -> TableDate? {
    let text = String(decoding: prefix.filter { !" \t\r\n".utf8.contains($0) }, as: UTF8.self)
    let start = "{\"date\":\""
    guard text.hasPrefix(start) else { return nil }
    return TableDate(text.dropFirst(start.count).prefix { $0 != "\"" })
  }

  /// The tables in a document, in place of all of the program's. `types` are the tables that there are.
  ///
  /// - Throws: a problem with the place in the document, or with the row that contradicts another.
  public init(wholeTables document: [UInt8], of types: [any DataTable.Type]) throws(Problem) {
    self = .shipped
    let whole: WholeTables
    do {
      let decoder = JSONDecoder()
      if let key = WholeTables.types { decoder.userInfo[key] = types }
      whole = try decoder.decode(WholeTables.self, from: Data(document))
    } catch {
      throw Problem(error as? DecodingError, in: try JSONTree(document: document), named: "document")
    }
    guard let date = TableDate(whole.date) else {
      throw Problem(
        .invalidValue, "date", expected: "a day as in 2026-11-29", observed: printable(whole.date))
    }
    guard whole.format == Self.format else {
      throw Problem(
        .unsupported, "format", expected: "\(Self.format): a newer cubinspect reads these tables",
        observed: "\(whole.format)")
    }
    for table in whole.tables { set(table) }
    self.date = date
    if let problem = problems(of: types).first { throw problem }
  }

  private mutating func set<Table: DataTable>(_ table: Table) { self[Table.self] = table }
}

private struct WholeTables: Decodable {
  static let types = CodingUserInfoKey(rawValue: "types")

  var date: String
  var format: Int
  /// One of each type; none where the format is another one.
  var tables: [any DataTable] = []

  private struct Name: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    let root = try decoder.container(keyedBy: Name.self)
    date = try root.decode(String.self, forKey: Name(stringValue: "date"))
    format = try root.decode(Int.self, forKey: Name(stringValue: "format"))
    guard format == TableSet.format, let key = Self.types,
      let types = decoder.userInfo[key] as? [any DataTable.Type]
    else { return }
    let members = try root.nestedContainer(keyedBy: Name.self, forKey: Name(stringValue: "tables"))
    for type in types { tables.append(try members.decode(type, forKey: Name(stringValue: type.name))) }
  }
}
