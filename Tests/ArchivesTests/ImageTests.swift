import Archives
import Bytes
import Foundation
import Testing

@Suite struct ImageTests {
  private static let folder = Path(Fixtures.folder.appending(path: "archives/layout").path)

  /// The final files as umoci unpacks them, and as the tree has them.
  private func check(_ image: ContainerImage) throws {
    var tree = FileTree()
    for layer in image.layers { tree.apply(try layer.tar()) }
    #expect(tree.problems == [])
    var found: [String] = []
    for file in tree.files {
      found.append(
        "\(file.path)\tfile\t\(String(decoding: try tree.contents(of: file).all(), as: UTF8.self))")
    }
    tree.visit { _, path, entry in
      if case .symbolicLink(let target) = entry { found.append("\(path)\tlink\t\(target)") }
    }
    let expected = String(decoding: try Fixtures.bytes("image-tree.txt").bytes, as: UTF8.self)
      .split(separator: "\n").map(String.init)
    #expect(found.sorted() == expected.filter { !$0.hasSuffix("\tother") }.sorted())
    #expect(try tree.entry(at: Path("srv/pipe")) == .other(.fifo))
    // The layer that brought what is there now.
    func layer(_ path: String) throws -> Int? { try tree.file(at: Path(path))?.layer }
    #expect(try layer("usr/lib/first.so") == 1)
    #expect(try layer("usr/lib/same.so") == 0)
    #expect(try layer("opt/gone/again") == 2)
    #expect(try layer("/usr/lib/late.so") == 3)
    // Links lead to files of the image, from wherever they start.
    #expect(try layer("lib/late.so") == 3)
    #expect(try layer("absolute") == 3)
    #expect(try layer("out") == 1)
    #expect(try layer("../../out") == 1)
    #expect(try layer("usr/lib/link.so") == nil)
    let loop = #expect(throws: Problem.self) { try tree.entry(at: Path("loop1")) }
    #expect(loop?.code == .limitExceeded)
  }

  @Test func layoutFolder() throws {
    let archive = try ImageArchive(folder: Self.folder)
    #expect(archive.problems == [])
    let image = try #require(archive.images.first)
    #expect(archive.images.count == 1)
    #expect(image.names == ["latest"])
    #expect(image.platform.description == "linux/amd64")
    #expect(image.digest?.hasPrefix("sha256:") == true)
    #expect(String(decoding: image.configuration, as: UTF8.self).contains("CUDA_VERSION=12.4.1"))
    try check(image)
  }

  @Test(arguments: ["docker.tar", "docker.tar.gz", "oci.tar"]) func archives(_ name: String) throws {
    let archive = try ImageArchive(Fixtures.bytes(name))
    #expect(archive.problems == [])
    let image = try #require(archive.images.first)
    #expect(image.names == (name == "oci.tar" ? ["latest"] : ["docker.io/example/app:1.0"]))
    #expect(image.layers.map(\.digest).allSatisfy { $0.hasPrefix("sha256:") })
    try check(image)
  }

  @Test func platforms() throws {
    let folder = Path(Fixtures.folder.appending(path: "archives/platforms").path)
    let all = try ImageArchive(folder: folder)
    #expect(all.problems == [])
    #expect(all.images.map(\.platform.description) == ["linux/amd64", "linux/arm64"])
    #expect(all.images.allSatisfy { $0.names == ["example.org/app:1.0"] })
    let chosen = try ImageArchive(
      folder: folder, platform: .init(operatingSystem: "windows", architecture: "amd64"))
    #expect(chosen.images.map(\.platform.description) == ["windows/amd64"])
  }

  /// One image under two names is one image.
  @Test func severalNames() throws {
    let archive = try damaged("index.json") { data in
      let text = String(decoding: data, as: UTF8.self)
      let start = text.firstIndex(of: "[")!
      let end = text.lastIndex(of: "]")!
      let manifest = text[text.index(after: start)..<end]
      let other = manifest.replacing("latest", with: "1.0")
      data = Data("{\"manifests\": [\(manifest), \(other), \(manifest)]}".utf8)
    }
    #expect(archive.problems == [])
    #expect(archive.images.map(\.names) == [["latest", "1.0"]])
  }

  /// A copy of the layout folder in which one file is changed.
  ///
  /// - Parameter read: what is done with its images while the copy is there.
  private func damaged(
    _ name: String, _ change: (inout Data) -> Void, read: (ImageArchive) throws -> Void = { _ in }
  ) throws -> ImageArchive {
    let copy = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.copyItem(at: URL(filePath: Self.folder.text), to: copy)
    defer { try? FileManager.default.removeItem(at: copy) }
    let file = copy.appending(path: name)
    var data = try Data(contentsOf: file)
    change(&data)
    try data.write(to: file)
    let archive = try ImageArchive(folder: Path(copy.path))
    try read(archive)
    return archive
  }

  @Test func wrongDigests() throws {
    let image = try #require(ImageArchive(folder: Self.folder).images.first)
    let layer = "blobs/sha256/" + image.layers[1].digest.dropFirst(7)
    _ = try damaged(layer) {
      $0[40] ^= 1
    } read: { changed in
      let problem = #expect(throws: Problem.self) { try changed.images[0].layers[1].tar() }
      #expect(problem?.code == .mismatch && problem?.field == "layer digest")
      let other = try changed.images[0].layers[0].tar()
      #expect(other.problems == [])
    }
    let longer = try damaged(layer) { $0.append(0) }
    #expect(longer.images.isEmpty && longer.problems.map(\.code) == [.mismatch])
    let manifest = try damaged("blobs/sha256/" + (image.digest ?? "").dropFirst(7)) { $0[$0.count - 3] ^= 1 }
    #expect(manifest.images.isEmpty)
    #expect(summary(manifest.problems) == ["mismatch: digest of a manifest"])
  }

  /// A layer that is what the manifest says, and not what the configuration says.
  @Test func wrongDigestOfTar() throws {
    let blobs = "blobs/sha256/"
    func text(_ name: String) throws -> String {
      String(
        decoding: try Data(contentsOf: URL(filePath: Self.folder.text).appending(path: name)), as: UTF8.self)
    }
    let copy = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.copyItem(at: URL(filePath: Self.folder.text), to: copy)
    defer { try? FileManager.default.removeItem(at: copy) }
    /// Writes a blob and returns its digest.
    func write(_ text: String) throws -> String {
      let bytes = Array(text.utf8)
      let digest = try SHA256.digest(of: MemoryBytes(bytes)).map {
        String(UInt16($0) | 0x100, radix: 16).suffix(2)
      }
      .joined()
      try Data(bytes).write(to: copy.appending(path: blobs + digest))
      return digest
    }
    let index = try text("index.json")
    let manifestDigest = try #require(index.firstMatch(of: /sha256:([0-9a-f]+)/)).1
    let manifest = try text(blobs + manifestDigest)
    let configurationDigest = try #require(manifest.firstMatch(of: /"config"[^}]*sha256:([0-9a-f]+)/)).1
    let configuration = try text(blobs + configurationDigest)
    let layer = try #require(configuration.firstMatch(of: /diff_ids[^0-9]*"sha256:([0-9a-f]+)/)).1
    let other = String(layer.reversed())
    try #require(layer != other)
    let changed = try write(configuration.replacing(layer, with: other))
    let changedManifest = try write(manifest.replacing(configurationDigest, with: changed))
    try Data(index.replacing(manifestDigest, with: changedManifest).utf8)
      .write(to: copy.appending(path: "index.json"))
    let image = try #require(ImageArchive(folder: Path(copy.path)).images.first)
    let tars = try image.layers.map { try $0.tar() }
    #expect(summary(tars[0].problems) == ["mismatch: layer diff_id"])
    #expect(tars.dropFirst().allSatisfy { $0.problems == [] })
  }

  /// In an archive of `docker save` the configuration has the digests of the layers' tars.
  @Test func wrongDigestInDockerArchive() throws {
    var bytes = try Fixtures.bytes("docker.tar").bytes
    let archive = try ImageArchive(MemoryBytes(bytes))
    let text = Array("first, replaced".utf8)
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: text) })
    bytes[place] ^= 1
    let damaged = try ImageArchive(MemoryBytes(bytes))
    #expect(damaged.images[0].layers.map(\.digest) == archive.images[0].layers.map(\.digest))
    let problem = #expect(throws: Problem.self) { try damaged.images[0].layers[1].tar() }
    #expect(problem?.code == .mismatch)
  }

  @Test func wrongConfigurationInDockerArchive() throws {
    var bytes = try Fixtures.bytes("docker.tar").bytes
    let text = Array("CUDA_VERSION".utf8)
    // The first of them is in the configuration; the old files of each layer come after.
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: text) })
    bytes[place] ^= 1
    let damaged = try ImageArchive(MemoryBytes(bytes))
    #expect(damaged.images.isEmpty)
    #expect(summary(damaged.problems) == ["mismatch: digest of an image configuration"])
  }

  @Test(arguments: ["", "{", "[]", "{\"manifests\": [{}]}"]) func noIndex(_ text: String) throws {
    let problem = #expect(throws: Problem.self) { try damaged("index.json") { $0 = Data(text.utf8) } }
    #expect(problem?.code == .invalidValue)
  }

  @Test(arguments: [
    ("sha256:../../../../etc/passwd", Problem.Code.unsupported), ("sha512:00", .unsupported),
    ("sha256:" + String(repeating: "0", count: 64), .notFound),
  ])
  func wrongReferences(_ digest: String, code: Problem.Code) throws {
    let archive = try damaged("index.json") {
      $0 = Data("{\"manifests\": [{\"digest\": \"\(digest)\", \"size\": 1}]}".utf8)
    }
    #expect(archive.images.isEmpty && archive.problems.map(\.code) == [code])
  }

  @Test func cutArchive() throws {
    let bytes = try Fixtures.bytes("docker.tar").bytes
    let problem = #expect(throws: Problem.self) { try ImageArchive(MemoryBytes(Array(bytes[..<40_000]))) }
    #expect(problem?.code == .truncated)
  }

  @Test func noImage() throws {
    for name in ["sparse.tar", "hostile.tar"] {
      let problem = #expect(throws: Problem.self) { try ImageArchive(Fixtures.bytes(name)) }
      #expect(problem?.code == .invalidValue)
    }
  }

  /// What would reach outside, or cannot be, is named; the rest is there.
  @Test func hostileLayer() throws {
    var tree = FileTree()
    tree.apply(TarArchive(try Fixtures.bytes("hostile.tar")))
    #expect(tree.files.map(\.path.text).sorted() == ["absolute/file", "elsewhere/made", "good", "plain"])
    #expect(
      tree.problems.map(\.observed) == [
        ".wh.", "x/.wh...", "../../outside", "links/hard", "links/missing", "a link to b", "plain/below",
        "4220",
      ])
    #expect(
      tree.problems.map(\.code) == [
        .invalidValue, .invalidValue, .outOfBounds, .notFound, .notFound, .limitExceeded, .invalidValue,
        .limitExceeded,
      ])
  }

  @Test(arguments: ["linux/amd64", "linux/arm64/v8", "windows/amd64", "linux/x86_64"])
  func platform(text: String) {
    #expect(ContainerImage.Platform(text)?.description == text)
  }

  @Test(arguments: [
    "", "linux", "linux/", "/amd64", "linux//v8", "linux/arm64/v8/x", "linux/arm 64", "linux/ämd64",
  ])
  func noPlatform(text: String) {
    #expect(ContainerImage.Platform(text) == nil)
  }

  /// The members of a folder stand together in nearly every tar: none of them is looked up from the root.
  @Test func whatIsNearIsNotLookedUp() {
    let members = (0..<2000).map { number in
      TarMember(path: Path("./usr/share/folder\(number / 100)/file\(number)"), kind: .file, range: 0..<0)
    }
    let steps = Budget(1000)
    var tree = FileTree(steps: steps)
    tree.apply(TarArchive(members: members, problems: []))
    #expect(tree.files.count == 2000)
    // One for each folder.
    #expect(1000 - steps.rest == 22)
  }

  /// A layer that brings the files of the one below again follows the links on the way to them no more often.
  @Test func filesThatAreReplacedLeaveLinksKnown() {
    let target = Path(String(repeating: "d/../", count: 500) + "d")
    let link = TarMember(path: Path("link"), kind: .symbolicLink(target))
    let files = (0..<100).map { TarMember(path: Path("link/file\($0)"), kind: .file, range: 0..<0) }
    let steps = Budget(1_000_000)
    var tree = FileTree(steps: steps)
    tree.apply(
      TarArchive(members: [TarMember(path: Path("d"), kind: .directory), link] + files, problems: []))
    let first = 1_000_000 - steps.rest
    tree.apply(TarArchive(members: files, problems: []))
    #expect(tree.files.count == 100)
    #expect(first > 1000 && 1_000_000 - steps.rest <= 2 * first)
  }

  @Test func nodesPastLimit() throws {
    var limits = ArchiveLimits()
    limits.nodes = 5
    var tree = FileTree(limits: limits)
    tree.apply(TarArchive(try Fixtures.bytes("hostile.tar")))
    #expect(tree.problems.last?.code == .limitExceeded)
    #expect(tree.problems.last?.expected == "at most 5 (limit nodes)")
    #expect(tree.files.count <= 5)
  }
}

extension ImageArchive {
  /// The images in a tar, which may be compressed.
  fileprivate init(_ source: any ByteSource) throws(Problem) {
    var tree = FileTree()
    tree.apply(try TarArchive(decompressing: source))
    try self.init(tree)
  }
}
