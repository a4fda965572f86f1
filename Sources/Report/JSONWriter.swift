public import Bytes
public import Compatibility

/// Writes one JSON document in the order in which it is told the parts: a value per line, indented by two
/// spaces, but the rows of long tables on one line each.
///
/// Documents of a million values are written without building them first; callers name keys in sorted order.
struct JSONWriter {
  private var bytes: [UInt8] = []
  private var depth = 0
  private var isFirst = true
  /// Whether everything up to the end of the current row goes on one line.
  private var isRow = false

  /// - Parameters:
  ///   - capacity: bytes that the document is expected to take.
  ///   - isOneLine: whether the whole document is one line.
  init(capacity: Int = 0, isOneLine: Bool = false) {
    bytes.reserveCapacity(capacity)
    isRow = isOneLine
  }

  mutating func object(_ body: (inout JSONWriter) -> Void) { nest("{", "}", body) }
  mutating func array(_ body: (inout JSONWriter) -> Void) { nest("[", "]", body) }

  mutating func object(_ key: StaticString, _ body: (inout JSONWriter) -> Void) {
    name(key)
    object(body)
  }

  mutating func array(_ key: StaticString, _ body: (inout JSONWriter) -> Void) {
    name(key)
    array(body)
  }

  /// One object per element.
  mutating func array<Elements: Sequence>(
    _ key: StaticString, of elements: Elements, _ body: (inout JSONWriter, Elements.Element) -> Void
  ) {
    array(key) { array in
      for element in elements {
        array.element { $0.object { object in body(&object, element) } }
      }
    }
  }

  /// One object per element, each on one line.
  mutating func rows<Elements: Sequence>(
    _ key: StaticString, of elements: Elements, _ body: (inout JSONWriter, Elements.Element) -> Void
  ) {
    array(key) { array in
      for element in elements {
        array.element { writer in
          let outer = writer.isRow
          writer.isRow = true
          writer.object { object in body(&object, element) }
          writer.isRow = outer
        }
      }
    }
  }

  /// The strings, on one line.
  mutating func array(_ key: StaticString, _ strings: some Sequence<String>) {
    row(key, strings) { $0.value($1) }
  }

  /// The numbers, on one line.
  mutating func array(_ key: StaticString, _ numbers: some Sequence<Int>) {
    row(key, numbers) { $0.append(decimal: UInt64($1)) }
  }

  private mutating func row<Elements: Sequence>(
    _ key: StaticString, _ elements: Elements, _ body: (inout JSONWriter, Elements.Element) -> Void
  ) {
    // The key stands where others do; what follows it is one line.
    name(key)
    let outer = isRow
    isRow = true
    array { array in
      for element in elements { array.element { body(&$0, element) } }
    }
    isRow = outer
  }

  mutating func member(_ key: StaticString, _ text: String?) {
    guard let text else { return }
    name(key)
    value(text)
  }

  mutating func member(_ key: StaticString, _ number: (some UnsignedInteger)?) {
    guard let number else { return }
    name(key)
    append(decimal: UInt64(number))
  }

  /// A count: never negative.
  mutating func member(_ key: StaticString, _ count: Int) { member(key, UInt64(count)) }

  mutating func member(_ key: StaticString, _ flag: Bool) {
    name(key)
    append(flag ? "true" : "false")
  }

  /// Ends the document with a newline.
  mutating func finish() -> [UInt8] {
    append("\n")
    return bytes
  }

  private mutating func element(_ body: (inout JSONWriter) -> Void) {
    separate()
    body(&self)
  }

  private mutating func nest(_ open: StaticString, _ close: StaticString, _ body: (inout JSONWriter) -> Void)
  {
    append(open)
    depth += 1
    isFirst = true
    body(&self)
    depth -= 1
    if !isFirst, !isRow { newline() }
    isFirst = false
    append(close)
  }

  /// The array of arrays of strings, each of these on one line.
  mutating func array(_ key: StaticString, of rows: some Sequence<[String]>) {
    array(key) { array in
      for row in rows {
        array.element { writer in
          let outer = writer.isRow
          writer.isRow = true
          writer.array { cells in
            for cell in row { cells.element { $0.value(cell) } }
          }
          writer.isRow = outer
        }
      }
    }
  }

  /// The array of arrays of numbers, on one line.
  mutating func array(_ key: StaticString, of rows: some Sequence<[Int]>) {
    row(key, rows) { writer, numbers in
      writer.array { array in
        for number in numbers { array.element { $0.append(decimal: UInt64(number)) } }
      }
    }
  }

  private mutating func name(_ key: StaticString) {
    separate()
    append("\"")
    append(key)
    append("\": ")
  }

  private mutating func separate() {
    if isRow {
      if !isFirst { append(", ") }
    } else {
      if !isFirst { append(",") }
      newline()
    }
    isFirst = false
  }

  private mutating func newline() {
    append("\n")
    for _ in 0..<depth { append("  ") }
  }

  /// What could disturb a terminal is escaped, because documents are shown on them too.
  private mutating func value(_ text: String) {
    append("\"")
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C && $0 < 0x7F }) {
      append(text)
      return append("\"")
    }
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case "\t": append("\\t")
      default: bytes.append(json: scalar)
      }
    }
    append("\"")
  }

  private mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
  }

  private mutating func append(decimal number: UInt64) { bytes.append(decimal: number) }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

extension JSONWriter {
  /// The version of the documents' schema.
  static let schemaVersion = 2

  mutating func members(of problem: Problem, path: Path? = nil) {
    member("code", problem.code.rawValue)
    member("expected", problem.expected)
    member("field", problem.field)
    member("message", problem.description)
    member("observed", problem.observed)
    member("offset", problem.offset)
    if let path { self.path(path) }
  }

  /// The members that name a file: its path as text, and where that is not UTF-8 its bytes too.
  mutating func path(_ path: Path, _ key: StaticString = "path", bytes: StaticString = "pathBytes") {
    member(key, path.text)
    if !path.isUTF8 { member(bytes, hexadecimal(path.bytes)) }
  }

  mutating func tool(_ tool: Tool) {
    object("tool") {
      if !tool.dataFiles.isEmpty { $0.rows("dataFiles", of: tool.dataFiles) { $0.path($1) } }
      $0.member("name", tool.name)
      $0.member("tables", tool.tables?.description)
      $0.member("version", tool.version)
    }
  }
}

extension [UInt8] {
  /// Appends the decimal digits of `number`.
  mutating func append(decimal number: UInt64) {
    // The largest number has 20 digits.
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var first = digits.count
    var rest = number
    repeat {
      first -= 1
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      digits[first] = UInt8(ascii: "0") + UInt8(digit)
      rest = quotient
    } while rest > 0
    for position in first..<digits.count { append(digits[position]) }
  }
}

/// The program that writes a report.
public struct Tool: Hashable, Sendable {
  public var name: String
  public var version: String
  /// The date of the tables by which the report was made; nil for one that needs none.
  public var tables: TableDate?
  /// The files whose rows were added to these tables.
  public var dataFiles: [Path]

  public init(name: String, version: String, tables: TableDate? = nil, dataFiles: [Path] = []) {
    self.name = name
    self.version = version
    self.tables = tables
    self.dataFiles = dataFiles
  }
}
