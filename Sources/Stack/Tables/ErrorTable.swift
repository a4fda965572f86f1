public import Bytes
public import Compatibility

/// What programs say when device code, a driver and a GPU do not fit, and what it means: the table `errors.json`.
public struct ErrorTable: Sendable, Codable {
  public struct Row: Hashable, Sendable, Codable {
    public var id: String
    /// Parts of what is said, any of them; `*` stands for anything.
    public var texts: [String]
    /// Its names in CUDA's APIs.
    public var names: [String]?
    /// Its number in CUDA's APIs.
    public var code: Int?
    /// What is the case: a clause.
    public var meaning: String
    public var steps: [Step]
    /// Index into ``ErrorTable/sources``.
    public var source: Int
  }

  public struct Step: Hashable, Sendable, Codable {
    public var text: String
    /// `{gpu}` stands for the GPU, words in capitals for what the user puts there.
    public var command: String?
  }

  public var errors: [Row]
  public var sources: [String]

  /// The errors that a text tells of, in the order in which it does: by what is said, by a name of CUDA's, or by a number behind
  /// the word "error".
  public func errors(in text: String) -> [Row] {
    let said = Self.normalized(text)
    let words = said.split { !($0.isLetter || $0.isNumber || $0 == "_") }
    let found = errors.compactMap { row -> (row: Row, place: Int)? in
      if let place = row.texts.compactMap({ Self.place(of: $0, in: said) }).min() { return (row, place) }
      if let names = row.names,
        let place = words.firstIndex(where: { word in names.contains { $0.lowercased() == word } })
      {
        return (row, said.distance(from: said.startIndex, to: words[place].startIndex))
      }
      guard let code = row.code else { return nil }
      for (index, word) in words.enumerated() where word == "\(code)" {
        if words.count == 1 || index > 0 && (words[index - 1] == "error" || words[index - 1] == "code") {
          return (row, said.distance(from: said.startIndex, to: word.startIndex))
        }
      }
      return nil
    }
    return found.sorted { $0.place < $1.place }.map(\.row)
  }

  /// In small letters, with one space where there are several.
  private static func normalized(_ text: String) -> String {
    text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// Where the parts of `pattern` between its stars follow each other in `text`, in characters; nil where they do not.
  private static func place(of pattern: String, in text: String) -> Int? {
    let parts = pattern.split(separator: "*").map { normalized(String($0)) }
    var rest = text[...]
    var first: String.Index?
    for part in parts where !part.isEmpty {
      guard let range = rest.firstRange(of: part) else { return nil }
      first = first ?? range.lowerBound
      rest = rest[range.upperBound...]
    }
    return first.map { text.distance(from: text.startIndex, to: $0) }
  }
}

extension ErrorTable: DataTable {
  public static let name = "errors"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.errors_json }
  public var rowSources: [Int] { errors.map(\.source) }

  public mutating func add(_ other: ErrorTable) { errors.addFirst(other.errors, key: \.id) }

  public func problems(in tables: TableSet) -> [Problem] {
    var check = ListCheck(Self.self, "errors")
    for row in errors {
      check.expect(
        !row.texts.isEmpty && row.texts.allSatisfy { $0.contains(where: \.isLetter) }, row.id, "texts",
        "parts of what is said", "\(row.texts)")
      check.expect(!row.steps.isEmpty, row.id, "steps", "one step or more", nil)
    }
    return check.problems
  }
}
