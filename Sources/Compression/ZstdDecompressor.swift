public import Bytes
import CZstd

/// A zstd stream that is read forward from a source; frames that follow each other are one.
@safe public final class ZstdDecompressor {
  private var input: ForwardInput
  private let context: OpaquePointer
  private let windowLimit: Int
  /// Whether all that was read so far ends with a frame.
  private var isBetweenFrames = false
  private var isFinished = false

  /// Starts at the start of `source`.
  ///
  /// - Parameter memoryLimit: bytes that the window of a frame may have, rounded down to a power of two.
  /// - Throws: a ``Problem/Code/unreadable`` problem when there is no memory left.
  public init(_ source: any ByteSource, memoryLimit: UInt64) throws(Problem) {
    input = ForwardInput(source)
    windowLimit = UInt64.bitWidth - 1 - memoryLimit.leadingZeroBitCount
    guard let context = unsafe ZSTD_createDCtx() else {
      throw Problem(.unreadable, "zstd stream", observed: "no memory left")
    }
    unsafe self.context = context
    _ = unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, CInt(windowLimit))
  }

  deinit { unsafe ZSTD_freeDCtx(context) }

  /// Decompresses the next bytes into `output` at `range`; returns how many there were, fewer than asked for
  /// only at the end of the stream.
  ///
  /// - Throws: a ``Problem/Code/corruptData`` problem when the stream is broken, ``Problem/Code/truncated`` when the
  ///   source ends before it does, ``Problem/Code/limitExceeded`` when a frame has too large a window.
  public func read(
    into output: inout [UInt8], _ range: Range<Int>, noting marks: inout SourceMarks?
  ) throws(Problem) -> Int {
    precondition(range.lowerBound >= 0 && range.upperBound <= output.count)
    var filled = range.lowerBound
    while filled < range.upperBound, !isFinished {
      try input.fill()
      let isAtEnd = input.pending.isEmpty
      if isAtEnd, isBetweenFrames {
        isFinished = true
        break
      }
      let before = filled
      var pending = input.pending
      var result = 0
      // zstd reads and writes within the two sizes, which are those of the buffers.
      unsafe input.bytes.withUnsafeBytes { source in
        unsafe output.withUnsafeMutableBytes { target in
          var from = unsafe ZSTD_inBuffer(
            src: source.baseAddress, size: pending.upperBound, pos: pending.lowerBound)
          var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: range.upperBound, pos: filled)
          result = unsafe ZSTD_decompressStream(context, &to, &from)
          pending = unsafe from.pos..<pending.upperBound
          filled = unsafe to.pos
        }
      }
      input.pending = pending
      marks?.add(filled - range.lowerBound, taken: input.place)
      guard ZSTD_isError(result) == 0 else {
        if ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge {
          throw Problem(
            .limitExceeded, "zstd stream", at: input.place,
            expected: "a window of at most \(1 << windowLimit) bytes",
            observed: "a larger one")
        }
        throw Problem(
          .corruptData, "zstd stream", at: input.place,
          observed: unsafe String(cString: ZSTD_getErrorName(result)))
      }
      isBetweenFrames = result == 0
      // What was held back may still come when the source has ended.
      if isAtEnd, filled == before, !isBetweenFrames {
        throw Problem(.truncated, "zstd stream", at: input.position)
      }
    }
    return filled - range.lowerBound
  }
}
