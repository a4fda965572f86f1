public import Bytes
import CLZ4
import CZlib
import CZstd

/// The compression formats of device code and ELF sections.
public enum Codec: String, Sendable {
  /// One raw LZ4 block, without a frame.
  case lz4
  /// One zstd frame.
  case zstd
  /// One zlib stream (RFC 1950).
  case zlib
}

/// Decompresses `input`, which must give exactly `size` bytes.
///
/// - Parameter limit: the most bytes that are ever allocated, whatever `size` claims.
/// - Throws: a ``Problem/Code/limitExceeded`` problem when `size` is past `limit`, a
///   ``Problem/Code/corruptData`` problem when the input does not decompress to `size` bytes, or a
///   ``Problem/Code/mismatch`` problem where it decompresses to, or states, another number of bytes.
public func decompress(_ input: [UInt8], _ codec: Codec, size: UInt64, limit: UInt64) throws(Problem)
  -> [UInt8]
{
  guard size <= limit else {
    throw Problem(
      .limitExceeded, "\(codec.rawValue) payload", expected: "at most \(limit) bytes", observed: "\(size)")
  }
  guard size <= codec.mostBytes(from: input.count) else {
    throw Problem(
      .corruptData, "\(codec.rawValue) payload", expected: "\(size) bytes",
      observed: "\(input.count) bytes that cannot give as many")
  }
  let capacity = Int(size)
  var produced = 0
  var failure: String?
  let output = [UInt8](capacity: capacity) { span in
    // The closure writes only within the `capacity` bytes and declares initialised what the codec wrote.
    unsafe span.withUnsafeMutableBufferPointer { buffer, initialized in
      unsafe input.withUnsafeBufferPointer { source in
        switch codec {
        case .lz4: (produced, failure) = unsafe decodeLZ4(source, buffer)
        case .zstd: (produced, failure) = unsafe decodeZstd(source, buffer)
        case .zlib: (produced, failure) = unsafe decodeZlib(source, buffer)
        }
      }
      initialized = produced
    }
  }
  if failure == nil, produced == capacity { return output }
  if let real = failure == nil ? UInt64(produced) : codec.statedSize(of: input), real != size {
    throw Problem(
      .mismatch, "size of \(codec.rawValue) payload", expected: "\(real) bytes as in the payload",
      observed: "\(size)")
  }
  throw Problem(
    .corruptData, "\(codec.rawValue) payload", expected: "\(size) bytes",
    observed: failure ?? "\(produced) bytes")
}

extension Codec {
  /// The decompressed size that `input` states itself; nil where the format or this input states none.
  fileprivate func statedSize(of input: [UInt8]) -> UInt64? {
    guard self == .zstd else { return nil }
    let size = unsafe ZSTD_getFrameContentSize(input, input.count)
    // The two largest numbers stand for "unknown" and "no frame".
    return size < UInt64.max - 1 ? size : nil
  }

  /// More bytes than this do not come out of `count` bytes, whatever they are: a size that a header claims is
  /// checked against it before memory is asked for.
  ///
  /// LZ4 lengthens a match by 255 with each byte, deflate writes 258 bytes for two bits, and the smallest zstd
  /// block of 4 bytes repeats a byte 128 KiB times.
  fileprivate func mostBytes(from count: Int) -> UInt64 {
    let ratio: UInt64 =
      switch self {
      case .lz4: 255
      case .zlib: 1032
      case .zstd: 32 << 10
      }
    return UInt64(count) * ratio
  }
}

private func decodeLZ4(
  _ input: UnsafeBufferPointer<UInt8>, _ output: UnsafeMutableBufferPointer<UInt8>
) -> (Int, String?) {
  guard let inputCount = CInt(exactly: input.count), let outputCount = CInt(exactly: output.count) else {
    return (0, "more than 2 GiB")
  }
  let result = unsafe input.withMemoryRebound(to: CChar.self) { source in
    unsafe output.withMemoryRebound(to: CChar.self) { target in
      unsafe LZ4_decompress_safe(source.baseAddress, target.baseAddress, inputCount, outputCount)
    }
  }
  return result < 0 ? (0, "a broken block") : (Int(result), nil)
}

private func decodeZstd(
  _ input: UnsafeBufferPointer<UInt8>, _ output: UnsafeMutableBufferPointer<UInt8>
) -> (Int, String?) {
  let result = unsafe ZSTD_decompress(output.baseAddress, output.count, input.baseAddress, input.count)
  guard ZSTD_isError(result) == 0 else { return (0, unsafe String(cString: ZSTD_getErrorName(result))) }
  return (result, nil)
}

private func decodeZlib(
  _ input: UnsafeBufferPointer<UInt8>, _ output: UnsafeMutableBufferPointer<UInt8>
) -> (Int, String?) {
  var outputCount = uLongf(output.count)
  var inputCount = uLong(input.count)
  let result = unsafe uncompress2(output.baseAddress, &outputCount, input.baseAddress, &inputCount)
  guard result == Z_OK else { return (0, "zlib error \(result)") }
  return (Int(outputCount), nil)
}
