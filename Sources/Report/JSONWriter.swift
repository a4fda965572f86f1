import Bytes

/// Writes one JSON document, indented by two spaces, in the order in which it is told the parts.
///
/// Documents of a million values are written without building them first; callers name keys in sorted order.
struct JSONWriter {
  private(set) var bytes: [UInt8] = []
  private var depth = 0
  private var isFirst = true

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

  mutating func array(_ key: StaticString, _ strings: some Sequence<String>) {
    array(key) { array in
      for text in strings { array.element { $0.value(text) } }
    }
  }

  mutating func array(_ key: StaticString, _ numbers: some Sequence<Int>) {
    array(key) { array in
      for number in numbers { array.element { $0.append("\(number)") } }
    }
  }

  mutating func member(_ key: StaticString, _ text: String?) {
    guard let text else { return }
    name(key)
    value(text)
  }

  mutating func member(_ key: StaticString, _ number: (some BinaryInteger)?) {
    guard let number else { return }
    name(key)
    append(String(number))
  }

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

  private mutating func nest(_ open: StaticString, _ close: StaticString, _ body: (inout JSONWriter) -> Void) {
    append(open)
    depth += 1
    isFirst = true
    body(&self)
    depth -= 1
    if !isFirst { newline() }
    isFirst = false
    append(close)
  }

  private mutating func name(_ key: StaticString) {
    separate()
    append("\"")
    append(key)
    append("\": ")
  }

  private mutating func separate() {
    if !isFirst { append(",") }
    isFirst = false
    newline()
  }

  private mutating func newline() {
    append("\n")
    for _ in 0..<depth { append("  ") }
  }

  private mutating func value(_ text: String) {
    append("\"")
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0x0A: append("\\n")
      case 0x09: append("\\t")
      case 0..<0x20, 0x7F:
        let digits = String(byte, radix: 16)
        append(digits.count < 2 ? "\\u000\(digits)" : "\\u00\(digits)")
      default: bytes.append(byte)
      }
    }
    append("\"")
  }

  private mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

extension JSONWriter {
  /// The version of the documents' schema.
  static let schemaVersion = 1

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
  mutating func path(_ path: Path, _ key: StaticString = "path") {
    member(key, path.text)
    if !path.isUTF8 {
      member("pathBytes", path.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }
  }

  mutating func tool(_ tool: Tool) {
    object("tool") {
      $0.member("name", tool.name)
      $0.member("version", tool.version)
    }
  }
}

/// The program that writes a report.
public struct Tool: Hashable, Sendable {
  public var name: String
  public var version: String

  public init(name: String, version: String) {
    self.name = name
    self.version = version
  }
}
