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

  /// Bytes that a stored one may stand for.
  private static let limitPerByte: UInt64 = 10
  /// Bytes that any section may have.
  private static let leastLimit: UInt64 = 64 << 20

  /// Its contents, in memory.
  ///
  /// - Throws: a ``Problem`` when it cannot be read, does not inflate, or is past
  ///   ``InspectedFile/inflatedSectionLimit`` and ``limitPerByte`` for each byte that is stored.
  public func contents(in source: any ByteSource) throws(Problem) -> [UInt8] {
    let (most, overflow) = storedSize.multipliedReportingOverflow(by: Self.limitPerByte)
    guard overflow || size <= max(most, Self.leastLimit) else {
      throw Problem(
        .limitExceeded, "size of a compressed section", at: offset,
        expected: "at most \(max(most, Self.leastLimit)) bytes, \(Self.limitPerByte) for each that is stored",
        observed: "\(size)")
    }
    let stored = try source.bytes(at: offset, count: Int(clamping: storedSize), "compressed section")
    return try decompress(stored, codec, size: size, limit: InspectedFile.inflatedSectionLimit)
  }
}
