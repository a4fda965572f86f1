package import Bytes
import FoundationEssentials

/// A JSON document.
package enum JSONTree: Codable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONTree])
  case object([String: JSONTree])

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONTree].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONTree].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  /// The value in a few words.
  var summary: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): "\"\(value)\""
    case .array: "a list"
    case .object: "an object"
    }
  }

  subscript(key: any CodingKey) -> JSONTree? {
    switch self {
    case .array(let elements):
      key.intValue.flatMap { elements.indices.contains($0) ? elements[$0] : nil }
    case .object(let members): members[key.stringValue]
    case .null, .bool, .integer, .number, .string: nil
    }
  }
}

extension JSONTree {
  /// The value as a document, whose keys are in their order.
  package var document: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    // Its numbers come from a document, so that each can be written.
    let data = (try? encoder.encode(self)) ?? Data("null".utf8)
    return Array(data).terminalSafeJSON + [UInt8(ascii: "\n")]
  }

  /// Reads a document.
  ///
  /// - Throws: a problem with the line of the first thing that does not belong there.
  package init(document: [UInt8]) throws(Problem) {
    var reader = Reader(bytes: document)
    self = try reader.value(depth: 0)
    guard reader.next() == nil else { throw reader.problem(expected: "the end of the document") }
  }

  /// Reads the structure of a document, and leaves texts and numbers to Foundation, which says of a document that is
  /// no JSON not where.
  private struct Reader {
    let bytes: [UInt8]
    private var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Far more than any table has.
    private static var depthLimit: Int { 32 }

    /// The next byte that is no white space; nil at the end.
    mutating func next() -> UInt8? {
      while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
      return position < bytes.count ? bytes[position] : nil
    }

    mutating func value(depth: Int) throws(Problem) -> JSONTree {
      guard depth <= Self.depthLimit else { throw problem(expected: "at most \(Self.depthLimit) levels") }
      switch next() {
      case UInt8(ascii: "{"):
        var members: [String: JSONTree] = [:]
        try list(until: "}") { reader throws(Problem) in
          let start = reader
          guard reader.next() == UInt8(ascii: "\""), case .string(let name) = try reader.scalar() else {
            throw reader.problem(expected: "a name in quotation marks")
          }
          guard members[name] == nil else { throw start.problem(expected: "each name once in an object") }
          guard reader.next() == UInt8(ascii: ":") else { throw reader.problem(expected: "a colon") }
          reader.position += 1
          members[name] = try reader.value(depth: depth + 1)
        }
        return .object(members)
      case UInt8(ascii: "["):
        var elements: [JSONTree] = []
        try list(until: "]") { reader throws(Problem) in
          elements.append(try reader.value(depth: depth + 1))
        }
        return .array(elements)
      default: return try scalar()
      }
    }

    /// What stands between the bracket here and `end`, with commas in between.
    private mutating func list(
      until end: Unicode.Scalar, _ element: (inout Reader) throws(Problem) -> Void
    ) throws(Problem) {
      position += 1
      if next() == UInt8(ascii: end) {
        position += 1
        return
      }
      while true {
        try element(&self)
        let byte = next()
        guard byte == UInt8(ascii: ",") || byte == UInt8(ascii: end) else {
          throw problem(expected: "a comma or \(end)")
        }
        position += 1
        if byte == UInt8(ascii: end) { return }
      }
    }

    /// A text, a number, `true`, `false` or `null`.
    private mutating func scalar() throws(Problem) -> JSONTree {
      let start = position
      if next() == UInt8(ascii: "\"") {
        repeat {
          position += position < bytes.count && bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        } while position < bytes.count && bytes[position] != UInt8(ascii: "\"")
        position += 1
      } else {
        while position < bytes.count, !",:[]{}\" \t\r\n".utf8.contains(bytes[position]) { position += 1 }
      }
      let token = bytes[start..<min(position, bytes.count)]
      guard !token.isEmpty, let value = try? JSONDecoder().decode(JSONTree.self, from: Data(token)) else {
        position = start
        throw problem(expected: "a value")
      }
      return value
    }

    /// What stands here is not what should.
    func problem(expected: String) -> Problem {
      var reader = self
      let rest = reader.next() == nil ? nil : bytes[reader.position...].prefix(16).prefix { $0 >= 0x20 }
      let lines = bytes[..<reader.position].count { $0 == 0x0A }
      return Problem(
        .invalidValue, "line \(lines + 1)", expected: expected,
        observed: rest.map { printable($0) } ?? "the end")
    }
  }
}
