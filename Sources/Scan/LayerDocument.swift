import Archives
public import Bytes
public import Compatibility
import DeviceCode
import Stack

/// The facts of a layer as a JSON document. The same layer gives the same bytes.
public enum LayerDocument {
  /// The version of the documents' schema.
  public static let version = 1

  private static let document = JSONDocument(name: "facts of a layer", kind: "layer", version: version)

  /// Keys are written in their order.
  private struct Document: Codable {
    var digest: String
    var files: [File]
    var kind: String
    var layerVersion: Int
    var members: [Member]
    var problems: [Problem]
    var tarDigest: String?
    var tool: Tool

    init(_ facts: LayerFacts, by tool: Tool) {
      digest = facts.digest
      files = facts.files.sorted { $0.key < $1.key }.map { File(member: $0.key, file: $0.value) }
      kind = document.kind
      layerVersion = LayerDocument.version
      members = facts.members.map { Member($0) }
      problems = facts.problems
      tarDigest = facts.tarDigest
      self.tool = tool
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      layerVersion = try container.decode(Int.self, forKey: .layerVersion)
      kind = try container.decode(String.self, forKey: .kind)
      try document.check(kind: kind, version: layerVersion)
      digest = try container.decode(String.self, forKey: .digest)
      members = try container.decode([Member].self, forKey: .members)
      files = try container.decode([File].self, forKey: .files)
      problems = try container.decode([Problem].self, forKey: .problems)
      tarDigest = try container.decodeIfPresent(String.self, forKey: .tarDigest)
      tool = try container.decode(Tool.self, forKey: .tool)
      guard files.allSatisfy({ members.indices.contains($0.member) }) else {
        throw DecodingError.dataCorruptedError(
          forKey: .files, in: container, debugDescription: "files among \(members.count) members")
      }
    }
  }

  private struct Tool: Codable {
    var name: String
    var tables: String
    var version: String
  }

  /// Writes the facts, and the program that found them.
  ///
  /// - Parameter tables: the date of the tables by which it has recognised what it found.
  public static func write(
    _ facts: LayerFacts, toolName: String, toolVersion: String, tables: TableDate
  ) -> [UInt8] {
    document.write(
      Document(facts, by: Tool(name: toolName, tables: tables.description, version: toolVersion)))
  }

  /// Reads a document, which may be compressed with gzip.
  ///
  /// - Throws: a problem for one of a newer version, and one that does not say what it must: where, and what it should be.
  public static func read(_ source: any ByteSource, by tables: TableSet) throws(Problem) -> LayerFacts {
    let document = try document.read(Document.self, from: source, by: tables)
    return LayerFacts(
      digest: document.digest, tarDigest: document.tarDigest, members: document.members.map(\.member),
      files: Dictionary(document.files.map { ($0.member, $0.file) }) { _, last in last },
      problems: document.problems)
  }
}

/// A member of a layer: an ordinary file is its path, a directory its path with a slash behind it, and everything else an object.
private struct Member: Codable {
  var member: TarMember

  private enum CodingKeys: String, CodingKey { case path, kind, target }

  private enum Kind: String, Codable { case file, directory, symbolicLink, hardLink, other }

  private static let slash = UInt8(ascii: "/")

  init(_ member: TarMember) { self.member = member }

  func encode(to encoder: any Encoder) throws {
    let path = member.path
    if path.isUTF8, (path.bytes.last == Self.slash) == (member.kind == .directory),
      member.kind == .file || member.kind == .directory
    {
      var container = encoder.singleValueContainer()
      return try container.encode(path.text)
    }
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(path, forKey: .path)
    switch member.kind {
    case .file: try container.encode(Kind.file, forKey: .kind)
    case .directory: try container.encode(Kind.directory, forKey: .kind)
    case .symbolicLink(let target):
      try container.encode(Kind.symbolicLink, forKey: .kind)
      try container.encode(target, forKey: .target)
    case .hardLink(let target):
      try container.encode(Kind.hardLink, forKey: .kind)
      try container.encode(target, forKey: .target)
    case .other: try container.encode(Kind.other, forKey: .kind)
    }
  }

  init(from decoder: any Decoder) throws {
    if let container = try? decoder.singleValueContainer(), let text = try? container.decode(String.self) {
      let path = Path(text)
      member = TarMember(path: path, kind: path.bytes.last == Self.slash ? .directory : .file)
      return
    }
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let kind: TarMember.Kind =
      switch try container.decode(Kind.self, forKey: .kind) {
      case .file: .file
      case .directory: .directory
      case .symbolicLink: .symbolicLink(try container.decode(Path.self, forKey: .target))
      case .hardLink: .hardLink(try container.decode(Path.self, forKey: .target))
      // Which kind of other file it is, matters to nobody.
      case .other: .other(.fifo)
      }
    member = TarMember(path: try container.decode(Path.self, forKey: .path), kind: kind)
  }
}

/// What is known of a member.
private struct File: Codable {
  var member: Int
  var file: LayerFile

  private enum CodingKeys: String, CodingKey {
    case member, code, contents, ends, foreignDeviceCode, format, library, problems, unsupported, wayProblems
  }

  init(member: Int, file: LayerFile) {
    self.member = member
    self.file = file
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(member, forKey: .member)
    switch file.format {
    case .unsupported(let what): try container.encode(what, forKey: .unsupported)
    case let format?: try container.encode(format, forKey: .format)
    case nil: break
    }
    try container.encodeIfPresent(file.code, forKey: .code)
    try container.encodeIfPresent(file.contents, forKey: .contents)
    try container.encodeIfPresent(file.ends, forKey: .ends)
    try container.encodeIfPresent(file.host, forKey: .library)
    if !file.foreignDeviceCode.isEmpty {
      try container.encode(file.foreignDeviceCode, forKey: .foreignDeviceCode)
    }
    if !file.problems.isEmpty { try container.encode(file.problems, forKey: .problems) }
    if !file.wayProblems.isEmpty { try container.encode(file.wayProblems, forKey: .wayProblems) }
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    member = try container.decode(Int.self, forKey: .member)
    file = LayerFile()
    if let what = try container.decodeIfPresent(String.self, forKey: .unsupported) {
      file.format = .unsupported(printable(what))
    } else {
      file.format = try container.decodeIfPresent(InspectedFile.Format.self, forKey: .format)
    }
    file.code = try container.decodeIfPresent(CodeFile.self, forKey: .code)
    file.contents = try container.decodeIfPresent(KeptContents.self, forKey: .contents)
    file.ends = try container.decodeIfPresent(UInt64.self, forKey: .ends)
    file.host = try container.decodeIfPresent(HostLibrary.self, forKey: .library)
    file.foreignDeviceCode =
      try (container.decodeIfPresent([String].self, forKey: .foreignDeviceCode) ?? []).map { printable($0) }
    file.problems = try container.decodeIfPresent([Problem].self, forKey: .problems) ?? []
    file.wayProblems = try container.decodeIfPresent([Problem].self, forKey: .wayProblems) ?? []
    if file.code != nil || file.host != nil, file.format == nil {
      throw DecodingError.dataCorruptedError(
        forKey: .format, in: container, debugDescription: "the format of a file that was read")
    }
  }
}
