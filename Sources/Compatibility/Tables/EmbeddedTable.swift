import FoundationEssentials

/// Decodes a table that was built into the program.
///
/// The tests decode every table, so a table that does not decode cannot be shipped.
package func decodeTable<Table: Decodable>(_ type: Table.Type, _ bytes: [UInt8]) -> Table {
  do {
    return try JSONDecoder().decode(type, from: Data(bytes))
  } catch {
    preconditionFailure("embedded table: \(error)")
  }
}

/// A value that tables write as text.
package func decodeText<Value>(
  _ decoder: any Decoder, _ name: String, _ read: (String) -> Value?
) throws -> Value {
  let container = try decoder.singleValueContainer()
  let text = try container.decode(String.self)
  guard let value = read(text) else {
    throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no \(name)")
  }
  return value
}

extension ComputeCapability: Decodable {
  public init(from decoder: any Decoder) throws {
    self = try decodeText(decoder, "compute capability") { ComputeCapability($0) }
  }
}

extension CUDAVersion: Decodable {
  public init(from decoder: any Decoder) throws {
    self = try decodeText(decoder, "CUDA version") { CUDAVersion($0) }
  }
}
