import Bytes
import Compression

/// Bytes that come one after the other.
protocol ForwardBytes: AnyObject {
  /// Writes the next bytes into `output` at `range`; returns how many there were, fewer than asked for only at
  /// the end.
  func read(into output: inout [UInt8], _ range: Range<Int>) throws(Problem) -> Int

  /// One that goes on where this one is; nil where only starting again leads there.
  func copy() throws(Problem) -> (any ForwardBytes)?
}

/// What zlib inflates; a copy holds its window of 32 KiB.
final class InflatedForwardBytes: ForwardBytes {
  private let inflater: Inflater

  init(_ inflater: Inflater) { self.inflater = inflater }

  func read(into output: inout [UInt8], _ range: Range<Int>) throws(Problem) -> Int {
    try inflater.read(into: &output, range)
  }

  func copy() throws(Problem) -> (any ForwardBytes)? { InflatedForwardBytes(try inflater.copy()) }
}

/// What liblzma decompresses; libarchive would let it take a gigabyte.
final class XZForwardBytes: ForwardBytes {
  private let decompressor: XZDecompressor

  init(_ decompressor: XZDecompressor) { self.decompressor = decompressor }

  func read(into output: inout [UInt8], _ range: Range<Int>) throws(Problem) -> Int {
    try decompressor.read(into: &output, range)
  }

  func copy() throws(Problem) -> (any ForwardBytes)? { nil }
}

/// What libzstd decompresses, within bounds of memory that libarchive cannot set.
final class ZstdForwardBytes: ForwardBytes {
  private let decompressor: ZstdDecompressor

  init(_ decompressor: ZstdDecompressor) { self.decompressor = decompressor }

  func read(into output: inout [UInt8], _ range: Range<Int>) throws(Problem) -> Int {
    try decompressor.read(into: &output, range)
  }

  func copy() throws(Problem) -> (any ForwardBytes)? { nil }
}
