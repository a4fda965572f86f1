public import Bytes
import CLZ4

/// Decompresses the first bytes of `source`: `count` of them, or fewer where it does not give as many.
///
/// Only as much of `source` is read as that takes, and what follows is not checked.
///
/// - Parameter size: bytes that `source` decompresses to; the memory that a zstd frame may ask for is bounded by it.
/// - Throws: a ``Problem/Code/corruptData`` problem when the first bytes do not decompress, and whatever reading throws.
public func decompressPrefix(
  of source: any ByteSource, _ codec: Codec, count: Int, size: UInt64
) throws(Problem) -> [UInt8] {
  var output = [UInt8](repeating: 0, count: count)
  let produced: Int
  switch codec {
  case .lz4: produced = try decodeLZ4Prefix(source, into: &output)
  case .zstd:
    // Frames of unknown size may have a larger window than they need: up to 128 MiB, as zstd itself takes without asking.
    let window = min(max(size, 1 << 27), 1 << 31)
    // A power of two that holds it.
    let limit = UInt64(1) << UInt64(UInt64.bitWidth - (window - 1).leadingZeroBitCount)
    produced = try ZstdDecompressor(source, memoryLimit: limit).read(into: &output, 0..<count)
  case .zlib: produced = try Inflater(source, .zlib).read(into: &output, 0..<count)
  }
  output.removeLast(count - produced)
  return output
}

private func decodeLZ4Prefix(_ source: any ByteSource, into output: inout [UInt8]) throws(Problem) -> Int {
  guard let outputCount = CInt(exactly: output.count), source.size <= CInt.max else {
    throw Problem(.limitExceeded, "lz4 payload", expected: "at most \(CInt.max) bytes")
  }
  // Of a block that does not compress at all this much gives as many bytes as are wanted. More is needed only where one
  // long match or stretch of literals starts here, because its length comes first: one byte for 255.
  var wanted = output.count + output.count / 255 + 64
  while true {
    let input = try source.bytes(at: 0, count: min(wanted, Int(source.size)), "lz4 payload")
    // LZ4 reads and writes within the two counts, which are those of the buffers.
    let result = unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        unsafe LZ4_decompress_safe_partial(
          source.baseAddress?.assumingMemoryBound(to: CChar.self),
          target.baseAddress?.assumingMemoryBound(to: CChar.self), CInt(source.count), outputCount,
          outputCount)
      }
    }
    if result == outputCount { return Int(result) }
    if input.count == Int(source.size) {
      guard result >= 0 else { throw Problem(.corruptData, "lz4 payload", observed: "a broken block") }
      return Int(result)
    }
    wanted *= 8
  }
}
