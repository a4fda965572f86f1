/// Something wrong with an input: a value, never a reason to stop.
///
/// A problem says what was expected of which field at which place, and what was observed there.
/// The sentence that a person reads is ``description``; programs compare the parts.
public struct Problem: Error, Hashable, Sendable, Encodable {
  /// What kind of thing is wrong.
  public enum Code: String, Hashable, Sendable, CaseIterable {
    /// The bytes end before the structure does.
    case truncated
    /// A structure claims bytes outside the one that holds it.
    case outOfBounds
    /// Two structures claim the same bytes.
    case overlap
    /// A field holds a value that the format forbids.
    case invalidValue
    /// Two places that must agree do not.
    case mismatch
    /// A well-formed value that this program does not know.
    case unknownValue
    /// A structure that is recognised but not read: another byte order, another class, another vendor.
    case unsupported
    /// A compressed payload that does not decompress.
    case corruptData
    /// A size or a count past the stated limit.
    case limitExceeded
    /// The operating system refused to open or read.
    case unreadable
    /// The file changed while it was read.
    case changedWhileReading
    /// A path that is not a regular file or a directory.
    case notRegularFile
    /// A path that does not exist.
    case notFound
    /// Something that the file refers to was left out of it on purpose: a fact about the file, which was read as it is.
    case absent
  }

  /// The ``field`` of a problem with a file as a whole.
  public static let path = "path"

  public var code: Code
  /// The part of the input that is concerned, in plain words: "entry header size".
  public var field: String
  /// Where it lies: bytes from the start of the file; nil where no byte is to blame.
  public var offset: UInt64?
  /// What the format asks for.
  public var expected: String?
  /// What is there.
  public var observed: String?

  enum CodingKeys: String, CodingKey { case code, field, offset, expected, observed }

  public init(
    _ code: Code, _ field: String, at offset: UInt64? = nil, expected: String? = nil,
    observed: String? = nil
  ) {
    self.code = code
    self.field = field
    self.offset = offset
    self.expected = expected
    self.observed = observed
  }

  /// Whether something could not be read as it should: a value that is only unknown was read all the same, and what is
  /// absent could not be read by anyone.
  public var isFailure: Bool { code != .unknownValue && code != .absent }
}

extension Problem: CustomStringConvertible {
  public var description: String {
    guard field != Self.path, let offset else { return sentence }
    return sentence + " (at offset \(hexadecimal(offset)))"
  }

  /// The description without the place.
  var sentence: String {
    if field == Self.path {
      return code == .notFound ? code.phrase : observed.map { "\(code.phrase): \($0)" } ?? code.phrase
    }
    var text = "\(field): \(code.phrase)"
    if let expected { text += ", expected \(expected)" }
    if let observed { text += expected == nil ? ": \(observed)" : ", found \(observed)" }
    return text
  }
}

extension Problem.Code {
  /// The kind in words that read on after the field's name.
  public var phrase: String {
    switch self {
    case .truncated: "the data ends too early"
    case .outOfBounds: "reaches outside what holds it"
    case .overlap: "overlaps another structure"
    case .invalidValue: "invalid value"
    case .mismatch: "does not agree"
    case .unknownValue: "unknown value"
    case .unsupported: "not supported"
    case .corruptData: "does not decompress"
    case .limitExceeded: "larger than the limit"
    case .unreadable: "cannot be read"
    case .changedWhileReading: "changed while it was read"
    case .notRegularFile: "not a regular file"
    case .notFound: "does not exist"
    case .absent: "not in the file"
    }
  }
}

/// `value` in hexadecimal with the prefix `0x`.
public func hexadecimal(_ value: some BinaryInteger) -> String {
  "0x" + String(value, radix: 16)
}

extension [Problem] {
  /// Problems of one file past this number are counted as one more, so that a hostile file fills no memory.
  private static var limit: Int { 1000 }

  /// Adds a problem of a file, unless there are too many already.
  public mutating func append(withinLimit problem: Problem) {
    if count < Self.limit {
      append(problem)
    } else if count == Self.limit {
      append(Problem(.limitExceeded, "problems", expected: "at most \(Self.limit) in one file"))
    }
  }
}
