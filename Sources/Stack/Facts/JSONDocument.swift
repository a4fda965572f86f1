package import Bytes
package import Compatibility
import Compression
import FoundationEssentials

/// How documents are written and read: one line of JSON, which may be compressed with gzip where it is read.
package struct JSONDocument: Sendable {
  /// What problems call it: "facts of a layer".
  let name: String
  /// What it says that it is, in the member `kind`: "layer".
  package let kind: String
  /// The version of its schema, in the member `layerVersion`.
  package let version: Int

  /// Larger documents are not read; compressed ones are measured without their compression.
  private static let sizeLimit: UInt64 = 256 << 20

  /// How many modules and kernels a document may stand for: more than the largest image has by far.
  private static let budget = 1 << 24

  package init(name: String, kind: String, version: Int) {
    self.name = name
    self.kind = kind
    self.version = version
  }

  /// Compares what a document says that it is.
  ///
  /// - Throws: a ``Problem/Code/unsupported`` problem for one of another kind or version.
  package func check(kind observed: String, version observedVersion: Int) throws(Problem) {
    guard observed == kind, observedVersion == version else {
      throw Problem(
        .unsupported, name, expected: "\"kind\": \"\(kind)\" and \"\(kind)Version\": \(version)",
        observed: "\"\(printable(observed))\" and \(observedVersion)")
    }
  }

  /// The same value gives the same bytes.
  package func write(_ value: some Encodable) -> [UInt8] {
    // Every value of a document is text, a number, a list or an object.
    guard let bytes = Self.encoded(value) else { preconditionFailure("\(name): no JSON") }
    return bytes.terminalSafeJSON + [UInt8(ascii: "\n")]
  }

  /// A value as JSON, its keys sorted; nil for what is no JSON.
  static func encoded(_ value: some Encodable) -> [UInt8]? {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(value)).map { Array($0) }
  }

  /// - Throws: a problem for what does not say what it must: where, and what it should be.
  package func read<Value: Decodable>(
    _ type: Value.Type, from source: any ByteSource, by tables: TableSet
  ) throws(Problem) -> Value {
    let data = Data(try bytes(of: source))
    let decoder = JSONDecoder()
    if let key = TableSet.key { decoder.userInfo[key] = tables }
    if let key = DecodingBudget.key { decoder.userInfo[key] = DecodingBudget(Self.budget) }
    do {
      return try decoder.decode(type, from: data)
    } catch let problem as Problem {
      throw problem
    } catch let error as DecodingError {
      throw problem(error)
    } catch {
      throw Problem(.invalidValue, name, expected: "a JSON document")
    }
  }

  /// Up to `count` bytes from the start of the document.
  ///
  /// - Throws: a problem when it cannot be read or not be decompressed.
  static func prefix(of source: any ByteSource, count: Int) throws(Problem) -> [UInt8] {
    if try isCompressed(source) {
      let inflater = try Inflater(source, .gzip)
      var prefix = [UInt8](repeating: 0, count: count)
      return Array(prefix[..<(try inflater.read(into: &prefix, 0..<count))])
    }
    return try source.bytes(at: 0, count: Int(min(source.size, UInt64(count))), "file")
  }

  private static func isCompressed(_ source: any ByteSource) throws(Problem) -> Bool {
    try source.bytes(at: 0, count: Int(min(source.size, 2)), "file") == [0x1F, 0x8B]
  }

  private func bytes(of source: any ByteSource) throws(Problem) -> [UInt8] {
    guard source.size <= Self.sizeLimit else { throw tooLarge("\(source.size)") }
    guard try Self.isCompressed(source) else {
      return try source.bytes(at: 0, count: Int(source.size), "facts")
    }
    let inflater = try Inflater(source, .gzip)
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 256 << 10)
    while case let count = try inflater.read(into: &block, 0..<block.count), count > 0 {
      bytes += block[..<count]
      guard bytes.count <= Self.sizeLimit else { throw tooLarge("more") }
    }
    return bytes
  }

  private func tooLarge(_ observed: String) -> Problem {
    Problem(.limitExceeded, name, expected: "at most \(Self.sizeLimit) bytes", observed: observed)
  }

  /// Where in a document something is not as it must be.
  private func problem(_ error: DecodingError) -> Problem {
    func place(_ path: [any CodingKey]) -> String {
      let text = path.reduce("") { text, key in
        key.intValue.map { "\(text)[\($0)]" }
          ?? (text.isEmpty ? key.stringValue : "\(text).\(key.stringValue)")
      }
      return printable(text.isEmpty ? name : "\(name), \(text)")
    }
    return switch error {
    case .keyNotFound(let key, let context):
      Problem(
        .invalidValue, place(context.codingPath), expected: "the member \(printable(key.stringValue))")
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      Problem(.invalidValue, place(context.codingPath), expected: "\(type)")
    case .dataCorrupted(let context):
      Problem(.invalidValue, place(context.codingPath), expected: printable(context.debugDescription))
    @unknown default: Problem(.invalidValue, name, expected: "a JSON document")
    }
  }
}
