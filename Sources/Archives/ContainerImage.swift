public import Bytes

/// A container image: its configuration and its layers, not yet read.
public struct ContainerImage: Sendable {
  /// The names that the archive gives the image: "docker.io/library/app:1.0".
  public var names: [String]
  public var platform: Platform
  /// The digest of the manifest, with its algorithm in front; nil in an archive of `docker save` without manifests.
  public var digest: String?
  /// The image configuration, JSON as written.
  public var configuration: [UInt8]
  /// From the lowest to the uppermost.
  public var layers: [Layer]

  /// What an image runs on, in the words of Go.
  public struct Platform: Hashable, Sendable, CustomStringConvertible {
    public var operatingSystem: String
    public var architecture: String
    public var variant: String?

    public init(operatingSystem: String, architecture: String, variant: String? = nil) {
      self.operatingSystem = operatingSystem
      self.architecture = architecture
      self.variant = variant
    }

    /// The platform that ``description`` writes as `text`; nil for anything else.
    public init?(_ text: String) {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      let isPlain = parts.allSatisfy { part in
        !part.isEmpty && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
      }
      guard (2...3).contains(parts.count), isPlain else { return nil }
      self.init(
        operatingSystem: String(parts[0]), architecture: String(parts[1]),
        variant: parts.count == 3 ? String(parts[2]) : nil)
    }

    /// Whether it is `platform`, or any of Linux for nil.
    func isWanted(_ platform: Platform?) -> Bool {
      guard let platform else { return operatingSystem == "linux" }
      return operatingSystem == platform.operatingSystem && architecture == platform.architecture
        && (platform.variant == nil || variant == platform.variant)
    }

    public var description: String {
      ([operatingSystem, architecture] + (variant.map { [$0] } ?? [])).joined(separator: "/")
    }
  }

  /// A layer as the image names it.
  public struct Layer: Sendable {
    /// The digest, with its algorithm in front: of the layer as it is stored, or of its uncompressed tar.
    public var digest: String
    /// The command that made the layer, as the image's history has it: `RUN pip install torch`.
    public var createdBy: String?
    let digestIsOfTar: Bool
    /// The digest of the uncompressed tar that the configuration gives a layer that is named by another one.
    var tarDigest: String?
    /// Opens the stored layer: an image for many platforms has more layers than a process may have open files.
    let open: @Sendable () throws(Problem) -> any ByteSource
  }
}

extension ContainerImage.Layer {
  /// Reads and verifies the layer.
  ///
  /// - Parameters:
  ///   - memory: bytes that the members may take; nil for what `limits` say.
  ///   - decompression: bytes that may be decompressed; nil for no limit but that of the stream.
  /// - Throws: a ``Problem/Code/mismatch`` problem when it is not what its digest says, and whatever reading throws.
  public func tar(
    limits: ArchiveLimits = ArchiveLimits(), memory: Budget? = nil, decompression: Budget? = nil
  ) throws(Problem) -> TarArchive {
    let source = try open()
    // What lies in an archive was counted with that.
    if source is FileBytes {
      memory?.addMemory(for: source.size)
      decompression?.addDecompression(for: source.size)
    }
    let tar: TarArchive
    let found: [UInt8]?
    if digestIsOfTar {
      tar = try TarArchive(
        decompressing: source, digests: true, limits: limits, memory: memory, decompression: decompression)
      found = tar.digest
      // A tar that cannot be read to its end has no digest; its own problem says why.
      guard found != nil else { return tar }
    } else {
      found = try SHA256.digest(of: source)
      try verify(found)
      // Of a layer that is not compressed it is the same.
      let isSame = tarDigest == digest
      var tar = try TarArchive(
        decompressing: source, digests: tarDigest != nil && !isSame, limits: limits, memory: memory,
        decompression: decompression)
      if let found = tar.digest, let problem = tarProblem(Digest(found).text) { tar.problems.append(problem) }
      return tar
    }
    try verify(found)
    return tar
  }

  /// What is wrong where the uncompressed tar has the digest `found`, with its algorithm in front.
  public func tarProblem(_ found: String) -> Problem? {
    guard let tarDigest, found != tarDigest else { return nil }
    return Problem(
      .mismatch, "layer diff_id", expected: printable(String(tarDigest.prefix(256))),
      observed: printable(found))
  }

  private func verify(_ found: [UInt8]?) throws(Problem) {
    guard let found, digest == Digest(found).text else {
      throw Problem(
        .mismatch, "layer digest", expected: printable(digest), observed: found.map { Digest($0).text })
    }
  }
}

/// A SHA-256 digest as manifests write it.
package struct Digest: Hashable {
  /// 64 hexadecimal digits in lower case.
  package let digits: String

  package var text: String { "sha256:\(digits)" }

  package init(_ bytes: [UInt8]) {
    digits = hexadecimal(bytes)
  }

  /// - Throws: a ``Problem/Code/unsupported`` problem for another algorithm, or no digest at all.
  package init(text: String) throws(Problem) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0] == "sha256", parts[1].utf8.count == 64,
      parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else {
      throw Problem(
        .unsupported, "digest", expected: "sha256: and 64 hexadecimal digits",
        observed: printable(String(text.prefix(256))))
    }
    digits = String(parts[1])
  }
}
