import FoundationEssentials

extension DataTable {
  /// The table that was built into the program.
  ///
  /// The tests decode every table, so a table that does not decode cannot be shipped.
  package static func decoded() -> Self {
    do {
      return try JSONDecoder().decode(Self.self, from: Data(resource))
    } catch {
      preconditionFailure("embedded table: \(error)")
    }
  }
}

/// A value that tables write as text; `name` says what it is, as in "a CUDA version".
package func decodeText<Value>(
  _ decoder: any Decoder, _ name: String, _ read: (String) -> Value?
) throws -> Value {
  let container = try decoder.singleValueContainer()
  let text = try container.decode(String.self)
  guard let value = read(text) else {
    throw DecodingError.dataCorruptedError(in: container, debugDescription: name)
  }
  return value
}

/// Writes a value as tables have it.
package func encodeText(_ text: String, _ encoder: any Encoder) throws {
  var container = encoder.singleValueContainer()
  try container.encode(text)
}

extension ComputeCapability: Codable {
  public init(from decoder: any Decoder) throws {
    self = try decodeText(decoder, "a compute capability") { ComputeCapability($0) }
  }

  public func encode(to encoder: any Encoder) throws { try encodeText(description, encoder) }
}

extension CUDAVersion: Codable {
  public init(from decoder: any Decoder) throws {
    self = try decodeText(decoder, "a CUDA version") { CUDAVersion($0) }
  }

  public func encode(to encoder: any Encoder) throws { try encodeText(description, encoder) }
}

extension DriverVersion: Codable {
  public init(from decoder: any Decoder) throws {
    self = try decodeText(decoder, "a driver version") { DriverVersion($0) }
  }

  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .release(_, let text): try encodeText(text, encoder)
    case .branch(let number): try encodeText("\(number)", encoder)
    case .cuda(let version): try encodeText(version.description, encoder)
    }
  }
}
