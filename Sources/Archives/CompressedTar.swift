public import Bytes

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
  /// Reads the headers of the tar that `source` is or holds compressed.
  ///
  /// A compressed tar is decompressed to its end; what it takes to come back to a member is kept.
  ///
  /// - Throws: a ``Problem`` when the source cannot be read at all.
  public init(
    decompressing source: any ByteSource, digests: Bool = false, limits: ArchiveLimits = ArchiveLimits()
  ) throws(Problem) {
    let prefix = try source.bytes(at: 0, count: Int(min(source.size, 6)), "tar")
    guard let compression = DecompressedBytes.Compression(prefix: prefix[...]) else {
      self.init(source, digests: digests, limits: limits)
      return
    }
    let contents = try DecompressedBytes(source, compression, limit: limits.streamSize)
    self.init(contents, digests: digests, limits: limits)
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
  /// - Throws: a ``Problem`` when it is neither.
  public init(_ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits()) throws(Problem) {
    let prefix = try source.bytes(at: 0, count: Int(min(source.size, 4)), "conda package")
    guard ZipArchive.isZip(prefix: prefix[...]) else {
      parts = [try TarArchive(decompressing: source, limits: limits)]
      problems = parts[0].problems
      return
    }
    let zip = try ZipArchive(source, limits: limits)
    problems = zip.problems
    for member in zip.members where member.path.bytes.suffix(8).elementsEqual(".tar.zst".utf8) {
      do {
        let part = try TarArchive(decompressing: zip.contents(of: member), limits: limits)
        parts.append(part)
        for problem in part.problems { problems.append(withinLimit: problem) }
      } catch {
        problems.append(withinLimit: error)
      }
    }
  }
}
