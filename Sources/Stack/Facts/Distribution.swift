public import Bytes

/// One installed Python distribution: what its `.dist-info` says.
public struct Distribution: Hashable, Sendable, Codable {
  /// As it is written; compare ``normalizedName``.
  public var name: String
  public var version: String
  /// What it requires, each with its version and conditions.
  public var requires: [Requirement]
  /// Where that stands: `METADATA` of its `.dist-info`.
  public var metadata: Path

  /// One line `Requires-Dist`.
  public struct Requirement: Hashable, Sendable, Codable {
    /// In normal form: `nvidia-cudnn-cu12`.
    public var name: String
    /// The version that it is pinned to, where it is.
    public var pin: String?
    /// `cublas`, `cudart` of `cuda-toolkit[cublas,cudart]==13.2.2`.
    public var extras: [String] = []
    /// It is only required with an extra that somebody asks for.
    public var isOptional: Bool
    public var text: String
  }

  /// The name with its letters in lower case and every run of `-`, `_` and `.` as one `-` (PEP 503).
  public var normalizedName: String { Self.normalize(name) }

  /// Reads `METADATA` or `PKG-INFO`; nil without a name and a version.
  init?(metadata bytes: [UInt8], at path: Path) {
    var fields: [(String, String)] = []
    for line in String(decoding: bytes, as: UTF8.self).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    {
      // The description follows behind an empty line.
      if line.isEmpty { break }
      guard let colon = line.firstIndex(of: ":"), line.first?.isWhitespace == false else { continue }
      fields.append((line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingSpaces()))
    }
    guard let name = fields.first(where: { $0.0 == "name" })?.1,
      let version = fields.first(where: { $0.0 == "version" })?.1, !name.isEmpty, !version.isEmpty
    else { return nil }
    self.name = name
    self.version = version
    requires = fields.filter { $0.0 == "requires-dist" }.map { Requirement($0.1) }
    metadata = path
  }

  /// A name in normal form, see ``normalizedName``.
  package static func normalize(_ name: some StringProtocol) -> String {
    var result = ""
    for character in name.lowercased() {
      if "-_.".contains(character) {
        if result.last != "-" { result.append("-") }
      } else {
        result.append(character)
      }
    }
    return result
  }
}

extension Distribution.Requirement {
  init(_ text: String) {
    let name = text.prefix { $0.isLetter || $0.isNumber || "-_.".contains($0) }
    self.name = Distribution.normalize(name)
    let parts = text.split(separator: ";", maxSplits: 1)
    let versions = parts[0].dropFirst(name.count)
    if let place = versions.firstRange(of: "==") {
      let pinned = versions[place.upperBound...].drop { $0 == "=" || $0 == " " }
        .prefix { $0.isLetter || $0.isNumber || ".+!".contains($0) }
      pin = pinned.isEmpty || versions[place.upperBound...].contains("*") ? nil : String(pinned)
    }
    if versions.first == "[", let end = versions.firstIndex(of: "]") {
      extras = versions[..<end].dropFirst().split(separator: ",").map { $0.trimmingSpaces() }
    }
    isOptional = parts.count > 1 && parts[1].contains("extra")
    self.text = text
  }
}

extension Distribution {
  /// The version of Python in the tags of a `WHEEL` file: `3.12` of `Tag: cp312-cp312-manylinux_2_28_x86_64`. Nil for
  /// wheels of several versions.
  static func python(wheel bytes: [UInt8]) -> String? {
    let versions = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      .compactMap { line -> String? in
        guard line.hasPrefix("Tag:") else { return nil }
        let tags = line.dropFirst("Tag:".count).trimmingSpaces().split(separator: "-")
        // A stable ABI serves later versions too.
        guard tags.count == 3, tags[0].hasPrefix("cp3"), tags[1] != "abi3" else { return nil }
        let minor = tags[0].dropFirst(3)
        return Int(minor).map { "3.\($0)" }
      }
    return Set(versions).count == 1 ? versions.first : nil
  }
}

/// The files that a distribution installed: its `RECORD`.
enum DistributionRecord {
  /// Calls `body` with every path, as from the folder that holds the `.dist-info`.
  ///
  /// A row is `path,hash,size`; a path with a comma or a quote stands in quotes, with its quotes doubled.
  static func forEachPath(in bytes: [UInt8], _ body: (ArraySlice<UInt8>) -> Void) {
    forEachLine(of: bytes) { line in
      if line.first == UInt8(ascii: "\"") {
        body(quoted(line.dropFirst())[...])
      } else {
        let path = line[..<(line.firstIndex(of: UInt8(ascii: ",")) ?? line.endIndex)]
        if !path.isEmpty { body(path) }
      }
    }
  }

  private static func quoted(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var path: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\"") {
        guard rest.first == UInt8(ascii: "\"") else { break }
        rest.removeFirst()
      }
      path.append(byte)
    }
    return path
  }
}
