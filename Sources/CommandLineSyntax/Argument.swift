/// One word of a command line, with its bytes as the operating system handed them over.
///
/// File names need not be UTF-8, so ``bytes`` is the argument and ``text`` only a reading of it.
public struct Argument: Hashable, Sendable {
  public var bytes: [UInt8]

  public init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  public init(_ text: String) {
    self.init(bytes: Array(text.utf8))
  }

  /// The argument as UTF-8, with U+FFFD in place of whatever is not.
  public var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Argument: ExpressibleByStringLiteral {
  public init(stringLiteral text: String) {
    self.init(text)
  }
}

extension Argument: CustomStringConvertible {
  /// The argument in single quotes, safe to print: control and formatting characters and bytes that are not
  /// UTF-8 appear as `\n`, `\t`, `\u{…}` and `\xNN`.
  public var description: String { "'" + printable(bytes) + "'" }
}

/// `bytes` as text without anything that could steer a terminal.
func printable(_ bytes: [UInt8]) -> String {
  var text = ""
  var rest = bytes[...]
  var decoder = UTF8()
  while !rest.isEmpty {
    var iterator = rest.makeIterator()
    switch decoder.decode(&iterator) {
    case .scalarValue(let scalar):
      text += escaped(scalar)
      rest = rest.dropFirst(UTF8.width(scalar))
    case .emptyInput, .error:
      text += "\\x" + padded(UInt32(rest[rest.startIndex]), to: 2)
      rest = rest.dropFirst()
    }
    decoder = UTF8()
  }
  return text
}

private func escaped(_ scalar: Unicode.Scalar) -> String {
  switch scalar {
  case "\n": return "\\n"
  case "\t": return "\\t"
  case "\r": return "\\r"
  default: break
  }
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
    return "\\u{" + String(scalar.value, radix: 16) + "}"
  default:
    return String(scalar)
  }
}

private func padded(_ value: UInt32, to count: Int) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: max(0, count - digits.count)) + digits
}
