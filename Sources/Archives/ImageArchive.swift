public import Bytes
import FoundationEssentials

/// The images in an archive of `docker save`, an OCI archive, or an OCI layout folder.
public struct ImageArchive: Sendable {
  public private(set) var images: [ContainerImage] = []
  /// The platforms of the images that were left out because others were wanted.
  public private(set) var otherPlatforms: [ContainerImage.Platform] = []
  /// What is wrong with the archive or one of its manifests.
  public private(set) var problems: [Problem] = []

  /// The most bytes of an index, a manifest or a configuration.
  fileprivate static let documentLimit = 16 << 20
  /// The most bytes of all of them that are read, those that are named several times counted as often.
  fileprivate static let documentsLimit = 64 << 20
  /// The most manifests of an archive, and indexes in indexes.
  private static let manifestLimit = 1000
  private static let indexDepth = 4
  /// The most layers of an image; container engines stop at a few hundred.
  fileprivate static let layerLimit = 1000

  /// The images in a folder: an OCI image layout, or what is in an archive of `docker save`. Symbolic links in it are
  /// not followed.
  ///
  /// - Parameters:
  ///   - blobs: a folder that layouts share, in which `sha256` has what is not in `blobs/sha256` of `folder`.
  ///   - platform: the one that is wanted of an image for several; nil for all of Linux.
  ///   - isKnown: whether the layer with a digest is known otherwise, so that its blob need not be there.
  /// - Throws: a ``Problem`` when it is no such folder.
  public init(
    folder: Path, blobs: Path? = nil, platform: ContainerImage.Platform? = nil,
    isKnown: @escaping @Sendable (_ digest: String) -> Bool = { _ in false }
  ) throws(Problem) {
    var store = try Store(kind: .folder(Folder(folder)))
    store.isKnown = isKnown
    if let blobs { store.sharedBlobs = try Folder(blobs) }
    try self.init(store, platform)
  }

  /// The images in a tar, of which `tree` has the files.
  ///
  /// - Parameter platform: the one that is wanted of an image for several; nil for all of Linux.
  /// - Throws: a ``Problem`` when there are none in it.
  public init(_ tree: FileTree, platform: ContainerImage.Platform? = nil) throws(Problem) {
    do {
      try self.init(Store(kind: .tar(tree)), platform)
    } catch {
      // A tar that is broken may have lost what was missed.
      throw tree.layers.lazy.flatMap(\.problems).first ?? error
    }
  }

  /// Whether a folder has the files that make it an image.
  public static func isImage(folder: Path) -> Bool {
    (try? Folder(folder)).map { Store(kind: .folder($0)).isImage } ?? false
  }

  /// Whether a tar has the files that make it an archive of images.
  public static func isImage(_ tree: FileTree) -> Bool { Store(kind: .tar(tree)).isImage }

  private init(_ store: Store, _ platform: ContainerImage.Platform?) throws(Problem) {
    if try store.has("index.json") {
      let index: Index = try store.document("index.json")
      var budget = Self.manifestLimit
      readIndex(index, names: [], depth: 0, store, platform, &budget)
    } else if try store.has("manifest.json") {
      let manifests: [DockerManifest] = try store.document("manifest.json")
      if manifests.count > Self.manifestLimit {
        problems.append(
          Problem(
            .limitExceeded, "image manifests", expected: "at most \(Self.manifestLimit)",
            observed: "\(manifests.count)"))
      }
      for manifest in manifests.prefix(Self.manifestLimit) {
        do {
          add(try store.image(manifest), platform)
        } catch {
          problems.append(withinLimit: error)
        }
      }
    } else {
      throw Problem(
        .invalidValue, "image archive", expected: "index.json or manifest.json", observed: "neither")
    }
  }

  private mutating func add(_ image: ContainerImage, _ platform: ContainerImage.Platform?) {
    if image.platform.isWanted(platform) {
      images.append(image)
    } else if !otherPlatforms.contains(image.platform) {
      otherPlatforms.append(image.platform)
    }
  }

  private mutating func readIndex(
    _ index: Index, names: [String], depth: Int, _ store: Store, _ platform: ContainerImage.Platform?,
    _ budget: inout Int
  ) {
    for descriptor in index.manifests {
      budget -= 1
      guard budget >= 0, depth < Self.indexDepth else {
        // Each index on the way here comes by when nothing is left.
        if budget < -1 { return }
        problems.append(
          withinLimit: Problem(
            .limitExceeded, "image index",
            expected: "at most \(Self.manifestLimit) manifests, \(Self.indexDepth) deep"))
        return
      }
      let own = ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
        .compactMap { descriptor.annotations?[$0] }.prefix(1)
      // Attestations stand beside the images that they are about.
      if descriptor.platform?.os == "unknown" { continue }
      if let known = images.firstIndex(where: { $0.digest == descriptor.digest }) {
        images[known].names += (names + own).filter { !images[known].names.contains($0) }
        continue
      }
      do throws(Problem) {
        let document: ManifestOrIndex = try store.blob(descriptor)
        switch document {
        case .index(let inner):
          readIndex(inner, names: names + own, depth: depth + 1, store, platform, &budget)
        case .manifest(let manifest):
          add(try store.image(manifest, descriptor, names: names + own), platform)
        case .other: break
        }
      } catch {
        problems.append(withinLimit: error)
      }
    }
  }
}

// MARK: - Documents

/// A reference to a blob (OCI image specification, "Descriptor").
private struct Descriptor: Decodable {
  struct Platform: Decodable {
    var os: String
    var architecture: String
    var variant: String?
  }

  var mediaType: String?
  var digest: String
  var size: UInt64
  var platform: Platform?
  var annotations: [String: String]?
}

private struct Index: Decodable {
  var manifests: [Descriptor]
}

private struct Manifest: Decodable {
  var config: Descriptor
  var layers: [Descriptor]
}

/// What a descriptor of an index leads to.
private enum ManifestOrIndex: Decodable {
  case index(Index)
  case manifest(Manifest)
  case other

  private enum Key: CodingKey { case manifests, layers, config }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    if container.contains(.manifests) {
      self = .index(try Index(from: decoder))
    } else if container.contains(.layers), container.contains(.config) {
      self = .manifest(try Manifest(from: decoder))
    } else {
      self = .other
    }
  }
}

/// What `docker save` writes for an image.
private struct DockerManifest: Decodable {
  var config: String
  var repoTags: [String]?
  var layers: [String]

  private enum CodingKeys: String, CodingKey {
    case config = "Config"
    case repoTags = "RepoTags"
    case layers = "Layers"
  }
}

/// What is read of an image configuration.
private struct Configuration: Decodable {
  /// One step of the making of an image.
  struct Step: Decodable {
    var createdBy: String?
    var emptyLayer: Bool?

    private enum CodingKeys: String, CodingKey {
      case createdBy = "created_by"
      case emptyLayer = "empty_layer"
    }
  }

  struct RootFileSystem: Decodable {
    var differences: [String]

    private enum CodingKeys: String, CodingKey { case differences = "diff_ids" }
  }

  var os: String?
  var architecture: String?
  var variant: String?
  var rootfs: RootFileSystem?
  var history: [Step]?

  /// For each of `count` layers the command that made it; nil where the history does not tell.
  func commands(_ count: Int) -> [String?] {
    let steps = (history ?? []).filter { $0.emptyLayer != true }
    return steps.count == count ? steps.map(\.createdBy) : Array(repeating: nil, count: count)
  }

  var platform: ContainerImage.Platform {
    .init(operatingSystem: os ?? "linux", architecture: architecture ?? "unknown", variant: variant)
  }
}

// MARK: - Files

/// The files that an image is stored in.
private struct Store: Sendable {
  enum Kind: Sendable {
    case folder(Folder)
    case tar(FileTree)
  }

  let kind: Kind
  /// Where blobs are that the image has not itself.
  var sharedBlobs: Folder?
  /// Whether the layer with a digest is known without its blob.
  var isKnown: @Sendable (String) -> Bool = { _ in false }
  /// Bytes of documents that may still be read.
  private let budget = Budget(ImageArchive.documentsLimit)

  init(kind: Kind) { self.kind = kind }

  /// The file at `path`; nil where there is none.
  private func file(_ path: String) throws(Problem) -> (any ByteSource)? {
    switch kind {
    case .folder(let folder):
      do {
        return try FileBytes(in: folder, Path(path))
      } catch  where error.code == .notFound {
        return nil
      }
    case .tar(let tree):
      guard let file = try tree.file(at: Path(path)) else { return nil }
      return try tree.contents(of: file)
    }
  }

  func has(_ path: String) throws(Problem) -> Bool { try file(path) != nil }

  /// Other folders may have a file `index.json` or `manifest.json` as well; one that cannot be read makes an image with
  /// what else an image has, so that its layers are not taken for files of no interest.
  var isImage: Bool {
    if (try? has("oci-layout")) == true { return true }
    guard (try? has("manifest.json")) == true else { return false }
    if let manifests: [DockerManifest] = try? document("manifest.json") { return !manifests.isEmpty }
    return (try? has("repositories")) == true || hasFolder("blobs/sha256")
  }

  private func hasFolder(_ path: String) -> Bool {
    switch kind {
    case .folder(let folder): (try? Directory(in: folder, Path(path))) != nil
    case .tar(let tree): (try? tree.entry(at: Path(path))) == .directory
    }
  }

  private func existing(_ path: String) throws(Problem) -> any ByteSource {
    guard let file = try file(path) else {
      throw Problem(.notFound, "file \(printable(String(path.prefix(256)))) of the image")
    }
    return file
  }

  func document<Document: Decodable>(_ path: String) throws(Problem) -> Document {
    try decode(documentBytes(existing(path), path), path)
  }

  private func documentBytes(_ file: any ByteSource, _ name: String) throws(Problem) -> [UInt8] {
    guard file.size <= UInt64(ImageArchive.documentLimit) else {
      throw Problem(
        .limitExceeded, "file \(printable(String(name.prefix(256)))) of the image",
        expected: "at most \(ImageArchive.documentLimit) bytes", observed: "\(file.size)")
    }
    // Smaller ones may still be read where this one is too large.
    let size = Int(file.size)
    guard size <= budget.rest, budget.take(size) else {
      throw Problem(
        .limitExceeded, "documents of the image",
        expected: "at most \(ImageArchive.documentsLimit) bytes together", observed: "more")
    }
    return try file.bytes(at: 0, count: size, "image manifest")
  }

  private func decode<Document: Decodable>(_ bytes: [UInt8], _ name: String) throws(Problem) -> Document {
    do {
      return try JSONDecoder().decode(Document.self, from: Data(bytes))
    } catch {
      throw Problem(
        .invalidValue, "file \(printable(String(name.prefix(256)))) of the image",
        expected: "JSON as in the OCI image specification")
    }
  }

  /// The bytes of a blob, of the size that the descriptor gives.
  private func blobFile(_ descriptor: Descriptor) throws(Problem) -> any ByteSource {
    let digest = try Digest(text: descriptor.digest)
    let file = try blobFile("sha256/\(digest.digits)")
    guard file.size == descriptor.size else {
      throw Problem(
        .mismatch, "size of the blob \(digest.digits)", expected: "\(descriptor.size) bytes",
        observed: "\(file.size)")
    }
    return file
  }

  private func blobFile(_ path: String) throws(Problem) -> any ByteSource {
    if let file = try file("blobs/" + path) { return file }
    if let sharedBlobs {
      do {
        return try FileBytes(in: sharedBlobs, Path(path))
      } catch  where error.code != .notFound {
        throw error
      } catch {}
    }
    return try existing("blobs/" + path)
  }

  private func blobBytes(_ descriptor: Descriptor) throws(Problem) -> [UInt8] {
    let bytes = try documentBytes(blobFile(descriptor), descriptor.digest)
    let found = Digest(try SHA256.digest(of: MemoryBytes(bytes))).text
    guard found == descriptor.digest else {
      throw Problem(.mismatch, "digest of a manifest", expected: descriptor.digest, observed: found)
    }
    return bytes
  }

  func blob<Document: Decodable>(_ descriptor: Descriptor) throws(Problem) -> Document {
    try decode(blobBytes(descriptor), descriptor.digest)
  }

  private func checkNumber(ofLayers count: Int) throws(Problem) {
    guard count <= ImageArchive.layerLimit else {
      throw Problem(
        .limitExceeded, "layers of an image", expected: "at most \(ImageArchive.layerLimit)",
        observed: "\(count)")
    }
  }

  func image(
    _ manifest: Manifest, _ descriptor: Descriptor, names: [String]
  ) throws(Problem) -> ContainerImage {
    try checkNumber(ofLayers: manifest.layers.count)
    let bytes = try blobBytes(manifest.config)
    let configuration: Configuration = try decode(bytes, manifest.config.digest)
    // What is not for containers has no digests of tars.
    let differences = configuration.rootfs?.differences ?? []
    guard differences.isEmpty || differences.count == manifest.layers.count else {
      throw Problem(
        .mismatch, "layers of an image", expected: "\(differences.count), as in its configuration",
        observed: "\(manifest.layers.count)")
    }
    var layers: [ContainerImage.Layer] = []
    let commands = configuration.commands(manifest.layers.count)
    for (index, layer) in manifest.layers.enumerated() {
      guard layer.mediaType?.hasSuffix("+encrypted") != true else {
        throw Problem(.unsupported, "layer", observed: "encrypted")
      }
      if !isKnown(layer.digest) { _ = try blobFile(layer) }
      layers.append(
        .init(
          digest: layer.digest, createdBy: commands[index], digestIsOfTar: false,
          tarDigest: differences.isEmpty ? nil : differences[index]
        ) { () throws(Problem) in try blobFile(layer) })
    }
    let platform = descriptor.platform.map {
      ContainerImage.Platform(operatingSystem: $0.os, architecture: $0.architecture, variant: $0.variant)
    }
    return ContainerImage(
      names: names, platform: platform ?? configuration.platform, digest: descriptor.digest,
      configuration: bytes, layers: layers)
  }

  func image(_ manifest: DockerManifest) throws(Problem) -> ContainerImage {
    try checkNumber(ofLayers: manifest.layers.count)
    let bytes = try documentBytes(existing(manifest.config), manifest.config)
    // The file is named by its digest, and in turn has those of the layers.
    let name = manifest.config.split(separator: "/").last?.split(separator: ".").first
    if let named = try? Digest(text: "sha256:\(name ?? "")") {
      let found = Digest(try SHA256.digest(of: MemoryBytes(bytes)))
      guard found == named else {
        throw Problem(
          .mismatch, "digest of an image configuration", expected: named.text, observed: found.text)
      }
    }
    let configuration: Configuration = try decode(bytes, manifest.config)
    let digests = configuration.rootfs?.differences ?? []
    guard digests.count == manifest.layers.count else {
      throw Problem(
        .mismatch, "layers of an image", expected: "\(digests.count), as in its configuration",
        observed: "\(manifest.layers.count)")
    }
    var layers: [ContainerImage.Layer] = []
    let commands = configuration.commands(digests.count)
    for (index, path) in manifest.layers.enumerated() {
      _ = try existing(path)
      layers.append(
        .init(digest: digests[index], createdBy: commands[index], digestIsOfTar: true) {
          () throws(Problem) in try existing(path)
        })
    }
    return ContainerImage(
      names: manifest.repoTags ?? [], platform: configuration.platform, digest: nil, configuration: bytes,
      layers: layers)
  }
}
