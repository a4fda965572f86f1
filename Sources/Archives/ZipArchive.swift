public import Bytes

/// A zip archive, such as a wheel or a `.conda` package: its members, and random access to what they hold.
public struct ZipArchive: Sendable {
  public let source: any ByteSource
  public let limits: ArchiveLimits
  /// Bytes that may be decompressed of all members; nil for no limit but those of each.
  let decompression: Budget?
  let largeStreams = LargeStreams()
  /// In the order of the central directory. Where a path occurs twice, the last one counts, as for Python's `zipfile`.
  public internal(set) var members: [ZipMember] = []
  /// What is wrong with the directory. Members that cannot be trusted are left out of ``members``.
  public internal(set) var problems: [Problem] = []
}

/// One member of a zip archive, as the central directory describes it.
public struct ZipMember: Sendable {
  /// How a member is compressed (APPNOTE 4.4.5).
  public struct Method: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let stored = Method(rawValue: 0)
    public static let deflate = Method(rawValue: 8)
    public static let bzip2 = Method(rawValue: 12)
    public static let zstd = Method(rawValue: 93)
    public static let xz = Method(rawValue: 95)
  }

  /// General-purpose flags (APPNOTE 4.4.4).
  public struct Flags: OptionSet, Hashable, Sendable {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let encrypted = Flags(rawValue: 1 << 0)
  }

  /// With slashes; data, never opened on the host.
  public var path: Path
  public var method: Method
  public var flags: Flags
  /// CRC-32 of the contents.
  public var checksum: UInt32
  public var compressedSize: UInt64
  public var size: UInt64
  /// Type and permissions as in `st_mode`; 0 where the archive was not made on Unix.
  public var mode: UInt32
  /// Where the local header lies in the source.
  public var headerOffset: UInt64
  /// Where the next member or the directory starts.
  var end: UInt64

  public var isDirectory: Bool { path.bytes.last == UInt8(ascii: "/") }
}
