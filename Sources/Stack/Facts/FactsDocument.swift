public import Bytes
public import Compatibility

/// Facts as a JSON document, to be asked later, elsewhere and often. The same facts give the same bytes.
public enum FactsDocument {
  /// The version of the documents' schema.
  public static let version = 1

  private static let document = JSONDocument(name: "facts", kind: "facts", version: version)

  /// Keys are written in their order, so that the first tell what it is.
  private struct Document: Codable {
    var factsVersion: Int
    var kind: String
    var summary: ScanCounts
    var tool: Tool
    var views: [View]

    init(_ facts: Facts, by tool: Tool) {
      factsVersion = FactsDocument.version
      kind = document.kind
      summary = facts.counts
      self.tool = tool
      views = facts.views
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      factsVersion = try container.decode(Int.self, forKey: .factsVersion)
      kind = try container.decode(String.self, forKey: .kind)
      try document.check(kind: kind, version: factsVersion)
      summary = try container.decode(ScanCounts.self, forKey: .summary)
      tool = try container.decode(Tool.self, forKey: .tool)
      views = try container.decode([View].self, forKey: .views)
    }
  }

  private struct Tool: Codable {
    var name: String
    var tables: String?
    var version: String
  }

  /// Writes the facts, and the program that found them.
  ///
  /// - Parameter tables: the date of the tables by which it has recognised what it found; nil where that is not known.
  public static func write(
    _ facts: Facts, toolName: String, toolVersion: String, tables: TableDate? = nil
  ) -> [UInt8] {
    Self.document.write(
      Document(facts, by: Tool(name: toolName, tables: tables?.description, version: toolVersion)))
  }

  /// Bytes of the start of a file by which ``isDocument(prefix:)`` tells it.
  public static let prefixSize = 256

  /// Whether `source` means to be such a document, also compressed with gzip.
  public static func isDocument(_ source: any ByteSource) -> Bool {
    (try? JSONDocument.prefix(of: source, count: prefixSize)).map { isDocument(prefix: $0) } ?? false
  }

  /// Whether a file that starts with `prefix` means to be such a document.
  public static func isDocument(prefix: some Sequence<UInt8>) -> Bool {
    let spaces: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    let plain = String(decoding: prefix.filter { !spaces.contains($0) }, as: UTF8.self)
    guard plain.hasPrefix("{") else { return false }
    return plain.contains("\"factsVersion\":") && plain.contains("\"kind\":\"\(document.kind)\"")
  }

  /// Reads a document, which may be compressed with gzip.
  ///
  /// - Throws: a problem for one of a newer version, and one that does not say what it must: where, and what it should be.
  public static func read(_ source: some ByteSource, by tables: TableSet) throws(Problem) -> Facts {
    let document = try Self.document.read(Document.self, from: source, by: tables)
    return Facts(views: document.views, counts: document.summary)
  }
}
