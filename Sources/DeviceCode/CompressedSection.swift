public import Bytes
public import Compression

/// A section of a host ELF file that is stored compressed. The corresponding flag is `SHF_COMPRESSED`.
public struct CompressedSection: Hashable, Sendable {
  /// Where the compressed bytes start, behind the compression header: bytes from the start of the file.
  public var offset: UInt64
  /// Bytes that it takes in the file, without the header.
  public var storedSize: UInt64
  /// Bytes of its contents.
  public var size: UInt64
  public var codec: Codec

  public init(offset: UInt64, storedSize: UInt64, size: UInt64, codec: Codec) {
    self.offset = offset
    self.storedSize = storedSize
    self.size = size
    self.codec = codec
  }

  /// Its contents, which are decompressed as they are read.
  ///
  /// - Parameter budget: bytes that may be decompressed by all that share it; nil for no limit but that of the section.
  /// - Throws: a ``Problem/Code/limitExceeded`` problem when it is past ``InspectedFile/inflatedSectionLimit``.
  public func contents(in source: any ByteSource, budget: Budget? = nil) throws(Problem) -> DecompressedBytes
  {
    let (end, overflow) = offset.addingReportingOverflow(storedSize)
    return try DecompressedBytes(
      SubrangeBytes(source, offset..<(overflow ? .max : end)), by: codec == .zlib ? .deflate(.zlib) : .zstd,
      size: size, limit: InspectedFile.inflatedSectionLimit, budget: budget)
  }
}

/// What the compressed sections of one file may decompress to.
struct InflationBudget: Sendable {
  /// Bytes for each that is stored, and for the file besides.
  private static let perByte: UInt64 = 10
  private static let perFile = 64 << 20

  private let file = Budget(perFile)
  /// Bytes that may be decompressed of this file and others.
  let shared: Budget?

  init(shared: Budget? = nil) { self.shared = shared }

  /// - Throws: a ``Problem/Code/limitExceeded`` problem when the file has decompressed to as much as it may.
  func take(_ section: CompressedSection) throws(Problem) {
    let (more, overflow) = section.storedSize.multipliedReportingOverflow(by: Self.perByte)
    file.add(overflow ? .max : Int(clamping: more))
    guard file.take(Int(clamping: section.size)) else {
      throw Problem(
        .limitExceeded, "size of a compressed section", at: section.offset,
        expected: "at most \(Self.perFile) bytes in one file, and \(Self.perByte) for each that is stored",
        observed: "\(section.size)")
    }
  }
}
