import Archives
public import Bytes

/// A tar in the POSIX format, member by member.
public struct TarBuilder {
  public private(set) var members: [UInt8] = []

  public init() {}

  /// The tar, with the two blocks of zeros that end it.
  public var bytes: [UInt8] { members + [UInt8](repeating: 0, count: 1024) }

  public mutating func add(_ contents: [UInt8], to name: String) { add(name, "0", contents: contents) }
  public mutating func addDirectory(_ name: String) { add(name, "5") }
  public mutating func addSymbolicLink(_ name: String, to target: String) { add(name, "2", target: target) }
  public mutating func addHardLink(_ name: String, to target: String) { add(name, "1", target: target) }

  private mutating func add(
    _ name: String, _ type: Character, target: String = "", contents: [UInt8] = []
  ) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    func octal(_ number: Int, _ digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    precondition(name.utf8.count <= 100 && target.utf8.count <= 100)
    put(name, at: 0)
    put(octal(0o644, 7), at: 100)
    put(octal(0, 7), at: 108)
    put(octal(0, 7), at: 116)
    put(octal(contents.count, 11), at: 124)
    put(octal(0, 11), at: 136)
    put("        \(type)\(target)", at: 148)
    put("ustar\u{0}00", at: 257)
    put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", at: 148)
    members += header + contents + [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
  }
}

/// An image as `docker save` writes it.
public struct ImageBuilder {
  /// From the lowest to the uppermost, with the commands that made them.
  public var layers: [(command: String, tar: TarBuilder)] = []
  public var variables: [String] = []
  public var names = ["example.org/app:1.0"]
  public var architecture = "amd64"

  public init() {}

  /// One archive of several images.
  public static func archive(of images: [ImageBuilder]) throws(Problem) -> [UInt8] {
    var tar = TarBuilder()
    var entries: [String] = []
    for image in images {
      let files = try image.files()
      entries.append(String(decoding: files[0].contents.dropFirst().dropLast(), as: UTF8.self))
      for (name, contents) in files.dropFirst() { tar.add(contents, to: name) }
    }
    tar.add(Array("[\(entries.joined(separator: ","))]".utf8), to: "manifest.json")
    return tar.bytes
  }

  /// The files of the archive: the manifest, the configuration and the layers.
  public func files() throws(Problem) -> [(name: String, contents: [UInt8])] {
    let tars = layers.map(\.tar.bytes)
    var digests: [String] = []
    for tar in tars { digests.append(try Self.digest(tar)) }
    func list(_ texts: [String]) -> String { texts.map { "\"\($0)\"" }.joined(separator: ",") }
    let history = layers.map { "{\"created_by\":\"\($0.command)\"}" }.joined(separator: ",")
    let configuration = Array(
      """
      {"architecture":"\(architecture)","os":"linux","config":{"Env":[\(list(variables))]},"history":[\(history)],\
      "rootfs":{"type":"layers","diff_ids":[\(list(digests.map { "sha256:" + $0 }))]}}
      """.utf8)
    let name = try Self.digest(configuration) + ".json"
    let manifest =
      #"[{"Config":"\#(name)","RepoTags":[\#(list(names))],"Layers":[\#(list(digests.map { $0 + ".tar" }))]}]"#
    return [("manifest.json", Array(manifest.utf8)), (name, configuration)]
      + zip(digests, tars).map { ($0 + ".tar", $1) }
  }

  /// The files of an OCI layout, whose layers are stored as they are; the configuration and the manifest are blobs.
  public func layout() throws(Problem) -> [(name: String, contents: [UInt8])] {
    let configuration = try files()[1].contents
    func descriptor(_ type: String, _ bytes: [UInt8]) throws(Problem) -> String {
      #"{"mediaType":"application/vnd.oci.image.\#(type)","digest":"sha256:\#(try Self.digest(bytes))","size":\#(bytes.count)}"#
    }
    var descriptors: [String] = []
    for layer in layers { descriptors.append(try descriptor("layer.v1.tar", layer.tar.bytes)) }
    let manifest = Array(
      #"{"schemaVersion":2,"config":\#(try descriptor("config.v1+json", configuration)),"layers":[\#(descriptors.joined(separator: ","))]}"#
        .utf8)
    let index = #"{"schemaVersion":2,"manifests":[\#(try descriptor("manifest.v1+json", manifest))]}"#
    var result = [
      ("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)), ("index.json", Array(index.utf8)),
    ]
    for blob in [configuration, manifest] + layers.map(\.tar.bytes) {
      result.append(("blobs/sha256/\(try Self.digest(blob))", blob))
    }
    return result
  }

  /// The archive.
  public func archive() throws(Problem) -> [UInt8] {
    var tar = TarBuilder()
    for (name, contents) in try files() { tar.add(contents, to: name) }
    return tar.bytes
  }

  /// The archive unpacked below `folder`.
  public func write(to folder: String, in tree: TemporaryTree) throws {
    for (name, contents) in try files() { try tree.write(contents, to: folder + "/" + name) }
  }

  private static func digest(_ bytes: [UInt8]) throws(Problem) -> String {
    let digits = Array("0123456789abcdef")
    return String(
      try SHA256.digest(of: MemoryBytes(bytes)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
