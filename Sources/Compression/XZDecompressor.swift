public import Bytes
import CLzma

/// An xz stream that is read forward from a source; streams that follow each other are one.
@safe public final class XZDecompressor {
  /// `LZMA_CONCATENATED`, a macro that Swift does not see.
  private static let concatenated: UInt32 = 0x08

  private var input: ForwardInput
  private let memoryLimit: UInt64
  /// liblzma keeps the state of the stream behind it, and is only given the pointer.
  private let stream: UnsafeMutablePointer<lzma_stream>
  private var isFinished = false

  /// Starts at the start of `source`.
  ///
  /// - Parameter memoryLimit: bytes that the decompressor may take, most of which are its dictionary.
  /// - Throws: a ``Problem/Code/unreadable`` problem when there is no memory left.
  public init(_ source: any ByteSource, memoryLimit: UInt64) throws(Problem) {
    input = ForwardInput(source)
    self.memoryLimit = memoryLimit
    unsafe stream = UnsafeMutablePointer.allocate(capacity: 1)
    unsafe stream.initialize(to: lzma_stream())
    guard unsafe lzma_stream_decoder(stream, memoryLimit, Self.concatenated) == LZMA_OK else {
      throw Problem(.unreadable, "xz stream", observed: "no memory left")
    }
  }

  deinit {
    unsafe lzma_end(stream)
    unsafe stream.deallocate()
  }

  /// Decompresses the next bytes into `output` at `range`; returns how many there were, fewer than asked for
  /// only at the end of the stream.
  ///
  /// - Throws: a ``Problem/Code/corruptData`` problem when the stream is broken, ``Problem/Code/truncated`` when the
  ///   source ends before it does, ``Problem/Code/limitExceeded`` when it wants too much memory.
  public func read(
    into output: inout [UInt8], _ range: Range<Int>, noting marks: inout SourceMarks?
  ) throws(Problem) -> Int {
    precondition(range.lowerBound >= 0 && range.upperBound <= output.count)
    var filled = range.lowerBound
    while filled < range.upperBound, !isFinished {
      try input.fill()
      // Only at the end is it known that no other stream follows.
      let action = input.pending.isEmpty ? LZMA_FINISH : LZMA_RUN
      var pending = input.pending
      var result = LZMA_OK
      // liblzma reads and writes within the two counts, which lie within the buffers.
      unsafe input.bytes.withUnsafeMutableBufferPointer { source in
        unsafe output.withUnsafeMutableBufferPointer { target in
          unsafe stream.pointee.next_in = UnsafePointer(source.baseAddress! + pending.lowerBound)
          unsafe stream.pointee.avail_in = pending.count
          unsafe stream.pointee.next_out = target.baseAddress! + filled
          unsafe stream.pointee.avail_out = range.upperBound - filled
          result = unsafe lzma_code(stream, action)
          pending = (pending.upperBound - Int(unsafe stream.pointee.avail_in))..<pending.upperBound
          filled = range.upperBound - Int(unsafe stream.pointee.avail_out)
        }
      }
      input.pending = pending
      marks?.add(filled - range.lowerBound, taken: input.place)
      switch result {
      case LZMA_OK: break
      case LZMA_STREAM_END: isFinished = true
      case LZMA_BUF_ERROR: throw Problem(.truncated, "xz stream", at: input.position)
      case LZMA_MEMLIMIT_ERROR:
        throw Problem(
          .limitExceeded, "xz stream", at: input.place,
          expected: "at most \(memoryLimit) bytes of memory",
          observed: "\(unsafe lzma_memusage(stream))")
      default:
        throw Problem(
          .corruptData, "xz stream", at: input.place,
          observed: "lzma error \(result.rawValue)")
      }
    }
    return filled - range.lowerBound
  }
}
