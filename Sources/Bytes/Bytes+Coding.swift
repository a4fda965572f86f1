/// A path is its text; one that is not UTF-8 an object with the text and the bytes in hexadecimal.
extension Path: Codable {
  private enum CodingKeys: String, CodingKey { case path, pathBytes }

  public func encode(to encoder: any Encoder) throws {
    if isUTF8 {
      var container = encoder.singleValueContainer()
      return try container.encode(text)
    }
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(text, forKey: .path)
    try container.encode(hexadecimal(bytes), forKey: .pathBytes)
  }

  public init(from decoder: any Decoder) throws {
    if let container = try? decoder.singleValueContainer(), let text = try? container.decode(String.self) {
      self.init(text)
      return
    }
    let container = try decoder.container(keyedBy: CodingKeys.self)
    guard let bytes = [UInt8](hexadecimal: try container.decode(String.self, forKey: .pathBytes)) else {
      throw DecodingError.dataCorruptedError(
        forKey: .pathBytes, in: container, debugDescription: "bytes in hexadecimal")
    }
    self.init(bytes: bytes)
  }
}

extension Problem.Code: Codable {}

extension Problem: Decodable {
  /// What a problem says is shown as it is, so nothing in it may disturb a terminal.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      try container.decode(Code.self, forKey: .code),
      printable(try container.decode(String.self, forKey: .field)),
      at: try container.decodeIfPresent(UInt64.self, forKey: .offset),
      expected: try container.decodeIfPresent(String.self, forKey: .expected).map { printable($0) },
      observed: try container.decodeIfPresent(String.self, forKey: .observed).map { printable($0) })
  }
}

/// Bytes as two digits each: `0aff`.
public func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

extension [UInt8] {
  /// Reads what ``hexadecimal(_:)`` writes; nil for anything else.
  public init?(hexadecimal text: String) {
    let digits = Array(text.utf8)
    let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
    guard bytes.count * 2 == digits.count else { return nil }
    self = bytes
  }
}
