public import Bytes
public import Compression

extension DecompressedBytes.Compression {
  /// The compression that a stream with these first bytes has; nil for anything else.
  public init?(prefix: ArraySlice<UInt8>) {
    if prefix.starts(with: [0x1F, 0x8B]) {
      self = .gzip
    } else if prefix.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) || Self.isSkippableFrame(prefix) {
      self = .zstd
    } else if prefix.starts(with: "BZh".utf8) {
      self = .bzip2
    } else if prefix.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]) {
      self = .xz
    } else {
      return nil
    }
  }

  /// Whether these are the first bytes of a frame that decoders of zstd skip, as pzstd puts it in front (RFC 8878, 3.1.2).
  private static func isSkippableFrame(_ prefix: ArraySlice<UInt8>) -> Bool {
    prefix.first.map { $0 & 0xF0 == 0x50 } == true && prefix.dropFirst().starts(with: [0x2A, 0x4D, 0x18])
  }
}

extension TarArchive {
  /// Whether `source` is a tar, or holds one compressed, by the checksum of its first header.
  ///
  /// - Throws: a ``Problem`` when it cannot be read, or not be decompressed.
  public static func isTar(_ source: any ByteSource) throws(Problem) -> Bool {
    var block = [UInt8](repeating: 0, count: blockSize)
    var count = try source.read(at: 0, count: blockSize, into: &block)
    if let compression = DecompressedBytes.Compression(prefix: block[..<count]) {
      let contents = try DecompressedBytes(
        source, compression, limit: UInt64(DecompressedBytes.blockSize) * 2)
      block = [UInt8](repeating: 0, count: blockSize)
      count = try contents.read(at: 0, count: blockSize, into: &block)
    }
    guard count == blockSize else { return false }
    // The checksum is an octal number, and is computed with spaces in its place.
    let field = 148..<156
    let digits = block[field].drop { $0 == UInt8(ascii: " ") }.prefix { (0x30...0x37).contains($0) }
    guard let claimed = Int(String(decoding: digits, as: UTF8.self), radix: 8) else { return false }
    let sum = block.enumerated().reduce(0) { $0 + (field.contains($1.offset) ? 0x20 : Int($1.element)) }
    return sum == claimed
  }

  /// Reads the headers of the tar that `source` is or holds compressed.
  ///
  /// A compressed tar is decompressed to its end; what it takes to come back to a member is kept.
  ///
  /// - Throws: a ``Problem`` when the source cannot be read at all.
  public init(
    decompressing source: any ByteSource, digests: Bool = false, limits: ArchiveLimits = ArchiveLimits(),
    memory: Budget? = nil, decompression: Budget? = nil
  ) throws(Problem) {
    let memory = memory ?? limits.memory(for: source.size)
    let prefix = try source.bytes(at: 0, count: Int(min(source.size, 6)), "tar")
    guard let compression = DecompressedBytes.Compression(prefix: prefix[...]) else {
      self.init(source, digests: digests, limits: limits, memory: memory)
      return
    }
    let contents = try DecompressedBytes(
      source, compression, limit: limits.streamSize, named: .streamSize, budget: decompression)
    self.init(contents, digests: digests, limits: limits, memory: memory)
    guard problems.isEmpty else { return }
    do {
      try contents.finish()
    } catch {
      problems.append(error)
    }
  }
}

/// A package of conda: one compressed tar, or a zip archive of several.
public struct CondaPackage: Sendable {
  /// The files of the package, and in a `.conda` those about it.
  public private(set) var parts: [TarArchive] = []
  public private(set) var problems: [Problem] = []

  /// Reads the package `source`, a `.conda` or a `.tar.bz2`.
  ///
  /// - Parameters:
  ///   - memory: bytes that the members may take; nil for what `limits` say.
  ///   - decompression: bytes that may be decompressed; nil for no limit but those of each stream.
  /// - Throws: a ``Problem`` when it is neither.
  public init(
    _ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits(), memory: Budget? = nil,
    decompression: Budget? = nil
  ) throws(Problem) {
    let memory = memory ?? limits.memory(for: source.size)
    let prefix = try source.bytes(at: 0, count: Int(min(source.size, 4)), "conda package")
    guard ZipArchive.isZip(prefix: prefix[...]) else {
      parts = [
        try TarArchive(decompressing: source, limits: limits, memory: memory, decompression: decompression)
      ]
      problems = parts[0].problems
      return
    }
    let zip = try ZipArchive(source, limits: limits, decompression: decompression)
    problems = zip.problems
    for member in zip.members where member.path.bytes.suffix(8).elementsEqual(".tar.zst".utf8) {
      do {
        let stored = try zip.contents(of: member)
        let part = try TarArchive(
          decompressing: stored, limits: limits, memory: memory, decompression: decompression)
        // There may be many.
        (part.source as? DecompressedBytes)?.release(keepingCheckpoints: 0)
        parts.append(part)
        for problem in part.problems { problems.append(withinLimit: problem) }
        if part.problems.isEmpty { try zip.verify(member, contents: stored) }
      } catch {
        problems.append(withinLimit: error)
      }
    }
  }
}
