public import Bytes
public import Compatibility
import FoundationEssentials

/// Facts as a JSON document, to be asked later, elsewhere and often. The same facts give the same bytes.
public enum FactsDocument {
  /// The version of the documents' schema.
  public static let version = 1

  /// Larger documents are not read.
  public static let sizeLimit: UInt64 = 256 << 20

  private static let kind = "facts"

  /// How many modules and kernels a document may stand for: more than the largest image has by far.
  private static let budget = 1 << 24

  /// Keys are written in their order, so that the first tell what it is.
  private struct Document: Codable {
    var factsVersion: Int
    var kind: String
    var summary: ScanCounts
    var tool: Tool
    var views: [View]

    init(_ facts: Facts, by tool: Tool) {
      factsVersion = FactsDocument.version
      kind = FactsDocument.kind
      summary = facts.counts
      self.tool = tool
      views = facts.views
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      factsVersion = try container.decode(Int.self, forKey: .factsVersion)
      kind = try container.decode(String.self, forKey: .kind)
      guard kind == FactsDocument.kind, factsVersion == FactsDocument.version else {
        throw Problem(
          .unsupported, "facts",
          expected: "\"kind\": \"\(FactsDocument.kind)\" and \"factsVersion\": \(FactsDocument.version)",
          observed: "\"\(printable(kind))\" and \(factsVersion)")
      }
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
    let document = Document(
      facts, by: Tool(name: toolName, tables: tables?.description, version: toolVersion))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Every value of facts is text, a number, a list or an object.
    guard let data = try? encoder.encode(document) else { preconditionFailure("facts are no JSON") }
    return Array(data).terminalSafeJSON + [UInt8(ascii: "\n")]
  }

  /// Bytes of the start of a file by which ``isDocument(prefix:)`` tells it.
  public static let prefixSize = 256

  /// Whether a file that starts with `prefix` means to be such a document.
  public static func isDocument(prefix: some Sequence<UInt8>) -> Bool {
    let spaces: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    let plain = String(decoding: prefix.filter { !spaces.contains($0) }, as: UTF8.self)
    guard plain.hasPrefix("{") else { return false }
    return plain.contains("\"factsVersion\":") && plain.contains("\"kind\":\"\(kind)\"")
  }

  /// Reads a document.
  ///
  /// - Throws: a problem for one of a newer version, and one that does not say what it must: where, and what it should be.
  public static func read(_ source: some ByteSource, by tables: TableSet) throws(Problem) -> Facts {
    guard source.size <= sizeLimit else {
      throw Problem(
        .limitExceeded, "facts", expected: "at most \(sizeLimit) bytes", observed: "\(source.size)")
    }
    let data = Data(try source.bytes(at: 0, count: Int(source.size), "facts"))
    let decoder = JSONDecoder()
    if let key = TableSet.key { decoder.userInfo[key] = tables }
    if let key = DecodingBudget.key { decoder.userInfo[key] = DecodingBudget(budget) }
    do {
      let document = try decoder.decode(Document.self, from: data)
      return Facts(views: document.views, counts: document.summary)
    } catch let problem as Problem {
      throw problem
    } catch let error as DecodingError {
      throw Problem(error)
    } catch {
      throw Problem(.invalidValue, "facts", expected: "a JSON document")
    }
  }
}

extension Problem {
  /// Where in a document something is not as it must be.
  fileprivate init(_ error: DecodingError) {
    func place(_ path: [any CodingKey]) -> String {
      let text = path.reduce("") { text, key in
        key.intValue.map { "\(text)[\($0)]" }
          ?? (text.isEmpty ? key.stringValue : "\(text).\(key.stringValue)")
      }
      return printable(text.isEmpty ? "facts" : "facts, \(text)")
    }
    switch error {
    case .keyNotFound(let key, let context):
      self.init(
        .invalidValue, place(context.codingPath), expected: "the member \(printable(key.stringValue))")
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      self.init(.invalidValue, place(context.codingPath), expected: "\(type)")
    case .dataCorrupted(let context):
      self.init(.invalidValue, place(context.codingPath), expected: printable(context.debugDescription))
    @unknown default: self.init(.invalidValue, "facts", expected: "a JSON document")
    }
  }
}
