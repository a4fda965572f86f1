public import Bytes
import CZlib

/// Makes a deflate stream of bytes that come piece by piece, by zlib.
@safe final class Deflater {
  enum Format {
    /// As in a zip archive, with nothing around the stream.
    case raw
    case gzip
  }

  /// zlib keeps a pointer back to the stream, which therefore must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private var output = [UInt8](repeating: 0, count: 64 << 10)

  /// - Parameter level: from 1, fast, to 9, small; nil for zlib's usual one.
  /// - Throws: a ``Problem/Code/unreadable`` problem when there is no memory left.
  init(_ format: Format, level: CInt? = nil) throws(Problem) {
    unsafe stream = UnsafeMutablePointer.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let window = format == .gzip ? MAX_WBITS + 16 : -MAX_WBITS
    let result = unsafe deflateInit2_(
      stream, level ?? Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      CInt(MemoryLayout<z_stream>.size))
    guard result == Z_OK else { throw Problem(.unreadable, "deflate stream", observed: "no memory left") }
  }

  deinit {
    unsafe deflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Compresses what comes next, and calls `take` with what comes out.
  ///
  /// - Parameter isEnd: whether nothing comes after it.
  func compress(_ bytes: [UInt8], isEnd: Bool = false, take: (ArraySlice<UInt8>) -> Void) {
    var rest = bytes[...]
    // zlib counts in 32 bits.
    repeat {
      var piece = Array(rest.prefix(1 << 30))
      rest = rest.dropFirst(piece.count)
      compress(&piece, isEnd && rest.isEmpty ? Z_FINISH : Z_NO_FLUSH, take)
    } while !rest.isEmpty
  }

  private func compress(_ piece: inout [UInt8], _ flush: CInt, _ take: (ArraySlice<UInt8>) -> Void) {
    // zlib reads and writes within the two counts, which are those of the buffers.
    unsafe piece.withUnsafeMutableBufferPointer { source in
      unsafe stream.pointee.next_in = source.baseAddress
      unsafe stream.pointee.avail_in = CUnsignedInt(source.count)
      repeat {
        let count = unsafe output.withUnsafeMutableBufferPointer { target in
          unsafe stream.pointee.next_out = target.baseAddress
          unsafe stream.pointee.avail_out = CUnsignedInt(target.count)
          unsafe deflate(stream, flush)
          return target.count - Int(unsafe stream.pointee.avail_out)
        }
        take(output[..<count])
      } while unsafe stream.pointee.avail_out == 0
    }
  }
}

/// `bytes` as a gzip file (RFC 1952) without a name and a time, compressed for speed.
///
/// - Throws: a ``Problem/Code/unreadable`` problem when there is no memory left.
public func gzipped(_ bytes: [UInt8]) throws(Problem) -> [UInt8] {
  var result: [UInt8] = []
  try Deflater(.gzip, level: 1).compress(bytes, isEnd: true) { result += $0 }
  return result
}
