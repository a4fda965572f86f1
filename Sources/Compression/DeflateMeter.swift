public import Bytes
import CZlib

/// How many bytes something takes as a deflate stream, compressed as Python's `zipfile` compresses the members of wheels: by
/// zlib at its usual level.
@safe public final class DeflateMeter {
  /// zlib keeps a pointer back to the stream, which therefore must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  /// Takes the stream, which nobody wants.
  private var output = [UInt8](repeating: 0, count: 64 << 10)
  /// Bytes that have come out so far.
  private var count: UInt64 = 0

  /// - Throws: a ``Problem/Code/unreadable`` problem when there is no memory left.
  public init() throws(Problem) {
    unsafe stream = UnsafeMutablePointer.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let result = unsafe deflateInit2_(
      stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      CInt(MemoryLayout<z_stream>.size))
    guard result == Z_OK else { throw Problem(.unreadable, "deflate stream", observed: "no memory left") }
  }

  deinit {
    unsafe deflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Compresses what comes next.
  public func add(_ bytes: [UInt8]) { compress(bytes, Z_NO_FLUSH) }

  /// Ends the stream, to which nothing may be added any more, and says how many bytes it has.
  public func finish() -> UInt64 {
    compress([], Z_FINISH)
    return count
  }

  private func compress(_ bytes: [UInt8], _ flush: CInt) {
    var bytes = bytes
    let room = output.count
    // zlib reads and writes within the two counts, which are those of the buffers.
    unsafe bytes.withUnsafeMutableBufferPointer { source in
      unsafe output.withUnsafeMutableBufferPointer { target in
        unsafe stream.pointee.next_in = source.baseAddress
        unsafe stream.pointee.avail_in = CUnsignedInt(clamping: source.count)
        repeat {
          unsafe stream.pointee.next_out = target.baseAddress
          unsafe stream.pointee.avail_out = CUnsignedInt(room)
          unsafe deflate(stream, flush)
          count += UInt64(room - Int(unsafe stream.pointee.avail_out))
        } while unsafe stream.pointee.avail_out == 0
      }
    }
  }
}
