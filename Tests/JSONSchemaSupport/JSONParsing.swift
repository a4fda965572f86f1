extension JSONValue {
  /// A text that is not JSON, at a byte offset.
  public struct SyntaxError: Error, Hashable {
    public var offset: Int
    public var message: String
  }

  /// Reads a JSON text as RFC 8259 has it, no more: no trailing commas, no bytes that are not UTF-8. An object with
  /// the same name twice is refused too.
  public init(parsing bytes: [UInt8]) throws(SyntaxError) {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw SyntaxError(offset: 0, message: "not UTF-8")
    }
    var parser = JSONParser(bytes: bytes)
    self = try parser.document()
  }

  public init(parsing text: String) throws(SyntaxError) {
    try self.init(parsing: Array(text.utf8))
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  var offset = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var next: Unicode.Scalar? { offset < bytes.count ? Unicode.Scalar(bytes[offset]) : nil }

  func failure(_ message: String) -> JSONValue.SyntaxError {
    JSONValue.SyntaxError(offset: offset, message: message)
  }

  mutating func skipBlanks() {
    while let byte = next, [" ", "\t", "\n", "\r"].contains(byte) { offset += 1 }
  }

  /// Steps over `text`, if it comes next.
  mutating func skip(_ text: StaticString) -> Bool {
    let wanted = Array(text.description.utf8)
    guard bytes[offset...].starts(with: wanted) else { return false }
    offset += wanted.count
    return true
  }

  mutating func document() throws(JSONValue.SyntaxError) -> JSONValue {
    let result = try value()
    guard offset == bytes.count else { throw failure("more after the end") }
    return result
  }

  /// Reads a value and the blanks around it.
  mutating func value() throws(JSONValue.SyntaxError) -> JSONValue {
    skipBlanks()
    let result: JSONValue
    switch next {
    case "{": result = .object(try object())
    case "[": result = .array(try array())
    case "\"": result = .string(try string())
    case .some("-"), .some("0"..."9"): result = try number()
    default:
      if skip("null") {
        result = .null
      } else if skip("true") {
        result = .boolean(true)
      } else if skip("false") {
        result = .boolean(false)
      } else {
        throw failure("no value")
      }
    }
    skipBlanks()
    return result
  }

  mutating func object() throws(JSONValue.SyntaxError) -> [String: JSONValue] {
    var members: [String: JSONValue] = [:]
    offset += 1
    skipBlanks()
    if skip("}") { return members }
    repeat {
      skipBlanks()
      guard next == "\"" else { throw failure("no name") }
      let name = try string()
      skipBlanks()
      guard skip(":") else { throw failure("no colon") }
      guard members.updateValue(try value(), forKey: name) == nil else { throw failure("\(name) twice") }
    } while skip(",")
    guard skip("}") else { throw failure("no end of the object") }
    return members
  }

  mutating func array() throws(JSONValue.SyntaxError) -> [JSONValue] {
    var elements: [JSONValue] = []
    offset += 1
    skipBlanks()
    if skip("]") { return elements }
    repeat {
      elements.append(try value())
    } while skip(",")
    guard skip("]") else { throw failure("no end of the array") }
    return elements
  }

  mutating func number() throws(JSONValue.SyntaxError) -> JSONValue {
    let start = offset
    _ = skip("-")
    if !skip("0") { try digits() }
    var isInteger = true
    if skip(".") {
      isInteger = false
      try digits()
    }
    if skip("e") || skip("E") {
      isInteger = false
      _ = skip("+") || skip("-")
      try digits()
    }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    guard let value = Double(text) else { throw failure("no number") }
    return .number(value)
  }

  mutating func digits() throws(JSONValue.SyntaxError) {
    guard let first = next, ("0"..."9").contains(first) else { throw failure("no digit") }
    while let byte = next, ("0"..."9").contains(byte) { offset += 1 }
  }

  mutating func string() throws(JSONValue.SyntaxError) -> String {
    var units: [UInt8] = []
    offset += 1
    while let byte = next {
      if skip("\"") { return String(decoding: units, as: UTF8.self) }
      guard byte.value >= 0x20 else { throw failure("a control character") }
      if skip("\\") {
        units += String(try escape()).utf8
      } else {
        units.append(bytes[offset])
        offset += 1
      }
    }
    throw failure("no end of the string")
  }

  /// Reads what follows a backslash.
  mutating func escape() throws(JSONValue.SyntaxError) -> Unicode.Scalar {
    let plain: [(StaticString, Unicode.Scalar)] = [
      ("\"", "\""), ("\\", "\\"), ("/", "/"), ("b", "\u{8}"), ("f", "\u{c}"), ("n", "\n"), ("r", "\r"),
      ("t", "\t"),
    ]
    for (letter, scalar) in plain where skip(letter) { return scalar }
    guard skip("u") else { throw failure("unknown escape") }
    var unit = try hexadecimal()
    if (0xD800..<0xDC00).contains(unit) {
      guard skip("\\u") else { throw failure("half a surrogate pair") }
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair") }
      unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(unit) else { throw failure("half a surrogate pair") }
    return scalar
  }

  mutating func hexadecimal() throws(JSONValue.SyntaxError) -> UInt32 {
    let digits = bytes[offset...].prefix(4)
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw failure("no hexadecimal digits") }
    offset += 4
    return value
  }
}
