public import Bytes
import CArchive
public import Compression

extension DecompressedBytes {
  /// How a stream of an archive is compressed.
  public enum Compression: Hashable, Sendable {
    /// Bare deflate (RFC 1951), as in zip members.
    case deflate
    case gzip
    case zstd
    case bzip2
    case xz

    var method: Method {
      switch self {
      case .deflate: .deflate(.none)
      case .gzip: .deflate(.gzip)
      case .zstd: .zstd
      case .xz: .xz
      // libbz2 takes 4 MB at most. It gives nothing of a block before it has all of it, and takes 3 to 5 times as long as zlib.
      case .bzip2:
        Method(isCopyable: false, startSize: 900_000, slowness: 3) { (source, _) throws(Problem) in
          try FilteredForwardBytes(source, filter: ARCHIVE_FILTER_BZIP2)
        }
      }
    }
  }

  /// What `source` holds compressed.
  ///
  /// - Parameters:
  ///   - size: what must come out; nil where nobody says.
  ///   - checksum: the CRC-32 of all bytes, compared where the end is read.
  ///   - limit: the most bytes that may come out.
  ///   - name: the name of that limit, for the problem that it was passed.
  ///   - memory: bytes that a decompressor may take, where the stream says how many.
  ///   - budget: bytes that may be decompressed by all that share it.
  ///   - notesSource: whether it is noted where bytes come from, for ``sourceSize(of:)``.
  /// - Throws: a ``Problem/Code/limitExceeded`` problem when `size` is past `limit`.
  public convenience init(
    _ source: any ByteSource, _ compression: Compression, size: UInt64? = nil, checksum: UInt32? = nil,
    limit: UInt64, named name: ArchiveLimits.Name? = nil, memory: UInt64 = streamMemory,
    budget: Budget? = nil, notesSource: Bool = false
  ) throws(Problem) {
    try self.init(
      source, by: compression.method, size: size, checksum: checksum, limit: limit,
      limitText: name?.atMost(limit), memory: memory, budget: budget, notesSource: notesSource)
  }
}
