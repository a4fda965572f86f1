public import Bytes
import CZlib

/// A deflate stream that is read forward from a source, and can be copied at any point.
@safe public final class Inflater {
  /// What surrounds the stream.
  public enum Framing: Sendable {
    /// Nothing (RFC 1951), as in zip members.
    case none
    /// gzip (RFC 1952); members that follow each other are one stream.
    case gzip
    /// zlib (RFC 1950), as in ELF sections and fat binaries.
    case zlib
  }

  private var input: ForwardInput
  private let framing: Framing
  /// zlib keeps a pointer back to the stream, which therefore must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private var isFinished = false

  /// Starts at the start of `source`.
  ///
  /// - Throws: a ``Problem/Code/unreadable`` problem when there is no memory left.
  public init(_ source: any ByteSource, _ framing: Framing) throws(Problem) {
    input = ForwardInput(source)
    self.framing = framing
    unsafe stream = UnsafeMutablePointer.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let windowBits: CInt =
      switch framing {
      case .none: -15
      case .gzip: 15 + 16
      case .zlib: 15
      }
    let result = unsafe inflateInit2_(
      stream, windowBits, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
    guard result == Z_OK else { throw Self.noMemory }
  }

  private init(copying other: Inflater) throws(Problem) {
    input = ForwardInput(other.input.source, at: other.input.place)
    framing = other.framing
    unsafe stream = UnsafeMutablePointer.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    isFinished = other.isFinished
    guard unsafe inflateCopy(stream, other.stream) == Z_OK else { throw Self.noMemory }
  }

  deinit {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// A stream that goes on where this one is; it takes about 40 KiB.
  ///
  /// - Throws: a ``Problem/Code/unreadable`` problem when there is no memory left.
  public func copy() throws(Problem) -> Inflater { try Inflater(copying: self) }

  private static let noMemory = Problem(.unreadable, "deflate stream", observed: "no memory left")

  /// Decompresses the next bytes into `output` at `range`; returns how many there were, fewer than asked for
  /// only at the end of the stream.
  ///
  /// - Throws: a ``Problem/Code/corruptData`` problem when the stream is broken, ``Problem/Code/truncated`` when the
  ///   source ends before it does.
  public func read(
    into output: inout [UInt8], _ range: Range<Int>, noting marks: inout SourceMarks?
  ) throws(Problem) -> Int {
    precondition(range.lowerBound >= 0 && range.upperBound <= output.count)
    var filled = range.lowerBound
    while filled < range.upperBound, !isFinished {
      try input.fill()
      let isAtEnd = input.pending.isEmpty
      let start = input.pending.lowerBound
      let count = min(input.pending.count, marks?.distance ?? .max)
      var taken = 0
      var result = Z_OK
      // zlib reads and writes within the two counts, which lie within the buffers.
      unsafe input.bytes.withUnsafeMutableBufferPointer { source in
        unsafe output.withUnsafeMutableBufferPointer { target in
          unsafe stream.pointee.next_in = source.baseAddress.map { unsafe $0 + start }
          unsafe stream.pointee.avail_in = CUnsignedInt(count)
          unsafe stream.pointee.next_out = target.baseAddress.map { unsafe $0 + filled }
          let room = CUnsignedInt(clamping: range.upperBound - filled)
          unsafe stream.pointee.avail_out = room
          result = unsafe inflate(stream, Z_NO_FLUSH)
          taken = count - Int(unsafe stream.pointee.avail_in)
          filled += Int(room - (unsafe stream.pointee.avail_out))
        }
      }
      input.pending.removeFirst(taken)
      marks?.add(filled - range.lowerBound, taken: input.place)
      switch result {
      case Z_OK: break
      case Z_STREAM_END: try finishMember()
      // Without input, the end may still come out of the last byte.
      case Z_BUF_ERROR where isAtEnd: throw Problem(.truncated, "deflate stream", at: input.position)
      case Z_BUF_ERROR where input.pending.isEmpty: break
      default:
        throw Problem(
          .corruptData, "deflate stream", at: input.place,
          observed: unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "zlib error \(result)")
      }
    }
    return filled - range.lowerBound
  }

  /// Goes on with the next gzip member, if there is one; other bytes behind the stream are left alone.
  private func finishMember() throws(Problem) {
    isFinished = true
    guard framing == .gzip else { return }
    try input.fill()
    guard !input.pending.isEmpty, input.bytes[input.pending.lowerBound] == 0x1F else { return }
    isFinished = unsafe inflateReset(stream) != Z_OK
  }
}
