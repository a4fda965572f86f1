#if ISAL
  import CIsal
#else
  import CZlib
#endif

/// The CRC-32 of zip and gzip (ISO 3309), computed piece by piece.
public struct Checksum: Sendable {
  public private(set) var value: UInt32 = 0

  public init() {}

  /// Adds the bytes at `range`.
  public mutating func add(_ bytes: [UInt8], _ range: Range<Int>) {
    let start = value
    // The pointer and the count are those of the part.
    unsafe bytes.withUnsafeBytes { buffer in
      let part = unsafe UnsafeRawBufferPointer(rebasing: buffer[range])
      // Without an address zlib answers with the start value of a new sum.
      guard let address = unsafe part.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
      #if ISAL
        value = unsafe crc32_gzip_refl(start, address, UInt64(part.count))
      #else
        value = UInt32(unsafe crc32_z(uLong(start), address, part.count))
      #endif
    }
  }
}
