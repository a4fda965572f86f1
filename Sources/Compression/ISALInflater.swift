#if ISAL
  import Bytes
  import CIsal

  /// A deflate stream, bare or in gzip, that ISA-L reads forward from a source, and that can be copied at any point.
  ///
  /// ISA-L differs from zlib in one thing: it takes Huffman codes that are not complete, as long as no bits appear that have
  /// no meaning.
  @safe final class ISALInflater {
    private var input: ForwardInput
    private let isGzip: Bool
    /// The header of a gzip member while it is read.
    private var header: isal_gzip_header?
    /// ISA-L's state, 87 KiB, of which a copy has only what is in use, until it is read. It is never moved as a value:
    /// Swift does not see all of its fields.
    private var state: UnsafeMutablePointer<inflate_state>
    private var stateSize: Int
    private static let wholeSize = unsafe MemoryLayout<inflate_state>.size
    private var isFinished = false

    /// Starts at the start of `source`.
    init(_ source: any ByteSource, isGzip: Bool) {
      input = ForwardInput(source)
      self.isGzip = isGzip
      stateSize = Self.wholeSize
      unsafe state = Self.allocate(stateSize)
      unsafe isal_inflate_init(state)
      unsafe state.pointee.crc_flag = UInt32(isGzip ? ISAL_GZIP : ISAL_DEFLATE)
      if isGzip { beginHeader() }
    }

    private init(copying other: ISALInflater) {
      input = ForwardInput(other.input.source, at: other.input.place)
      isGzip = other.isGzip
      unsafe header = other.header
      isFinished = other.isFinished
      stateSize = unsafe inflate_state_used(other.state)
      unsafe state = Self.allocate(stateSize)
      unsafe UnsafeMutableRawPointer(state).copyMemory(from: other.state, byteCount: stateSize)
    }

    deinit { unsafe UnsafeMutableRawPointer(state).deallocate() }

    private static func allocate(_ size: Int) -> UnsafeMutablePointer<inflate_state> {
      unsafe UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        .assumingMemoryBound(to: inflate_state.self)
    }

    /// Gives a copy the memory that reading takes.
    private func completeState() {
      guard stateSize < Self.wholeSize else { return }
      let whole = unsafe Self.allocate(Self.wholeSize)
      unsafe UnsafeMutableRawPointer(whole).copyMemory(from: state, byteCount: stateSize)
      unsafe UnsafeMutableRawPointer(state).deallocate()
      unsafe state = whole
      stateSize = Self.wholeSize
    }

    private func beginHeader() {
      var header = unsafe isal_gzip_header()
      unsafe isal_gzip_header_init(&header)
      unsafe self.header = header
    }
  }

  extension ISALInflater: ForwardBytes {
    /// - Throws: a ``Problem/Code/corruptData`` problem when the stream is broken, ``Problem/Code/truncated`` when the source
    ///   ends before it does.
    func read(
      into output: inout [UInt8], _ range: Range<Int>, noting marks: inout SourceMarks?
    ) throws(Problem) -> Int {
      precondition(range.lowerBound >= 0 && range.upperBound <= output.count)
      completeState()
      var filled = range.lowerBound
      while filled < range.upperBound, !isFinished {
        try input.fill()
        let before = (input.pending.count, filled)
        try advance(&output, &filled, range.upperBound, most: marks?.distance ?? .max)
        // What it has decompressed and not given yet comes from there as well.
        let waiting = Int(unsafe state.pointee.tmp_out_valid - state.pointee.tmp_out_processed)
        marks?.add(filled - range.lowerBound + waiting, taken: input.place)
        if unsafe state.pointee.block_state == ISAL_BLOCK_FINISH {
          try finishMember()
        } else if before == (input.pending.count, filled) {
          throw Problem(.truncated, "deflate stream", at: input.position)
        }
      }
      return filled - range.lowerBound
    }

    /// Decompresses what is pending, at most `most` bytes of it, as far as `output` has room before `end`; what was decompressed before and had no room
    /// comes first.
    private func advance(
      _ output: inout [UInt8], _ filled: inout Int, _ end: Int, most: Int
    ) throws(Problem) {
      let start = input.pending.lowerBound
      let count = min(input.pending.count, most)
      var taken = 0
      var result = ISAL_DECOMP_OK
      // ISA-L reads and writes within the two counts, which lie within the buffers.
      unsafe input.bytes.withUnsafeMutableBufferPointer { source in
        unsafe output.withUnsafeMutableBufferPointer { target in
          unsafe state.pointee.next_in = source.baseAddress! + start
          unsafe state.pointee.avail_in = UInt32(count)
          unsafe state.pointee.next_out = target.baseAddress! + filled
          let room = UInt32(clamping: end - filled)
          unsafe state.pointee.avail_out = room
          result = unsafe header == nil ? isal_inflate(state) : isal_read_gzip_header(state, &header!)
          // Behind a problem the counts may be wrong.
          taken = count - min(count, Int(unsafe state.pointee.avail_in))
          filled += Int(room - min(room, unsafe state.pointee.avail_out))
        }
      }
      input.pending.removeFirst(taken)
      guard result >= 0 else { throw corrupt(Self.words(result, inHeader: unsafe header != nil)) }
      if let flags = unsafe header?.flags, result == ISAL_DECOMP_OK {
        guard flags & 0xE0 == 0 else { throw corrupt("unknown header flags set") }
        unsafe header = nil
      }
    }

    private func corrupt(_ observed: String) -> Problem {
      Problem(.corruptData, "deflate stream", at: input.place, observed: observed)
    }

    /// What an error means, in zlib's words where it has the same one.
    private static func words(_ error: CInt, inHeader: Bool) -> String {
      switch error {
      case ISAL_INVALID_BLOCK: "invalid block"
      case ISAL_INVALID_SYMBOL: "invalid code"
      case ISAL_INVALID_LOOKBACK: "invalid distance too far back"
      case ISAL_INVALID_WRAPPER: "incorrect header check"
      case ISAL_UNSUPPORTED_METHOD: "unknown compression method"
      case ISAL_INCORRECT_CHECKSUM: inHeader ? "header crc mismatch" : "incorrect data check"
      default: "ISA-L error \(error)"
      }
    }

    /// Goes on with the next gzip member, if there is one; other bytes behind the stream are left alone.
    private func finishMember() throws(Problem) {
      isFinished = true
      guard isGzip else { return }
      try input.fill()
      guard !input.pending.isEmpty, input.bytes[input.pending.lowerBound] == 0x1F else { return }
      unsafe isal_inflate_reset(state)
      beginHeader()
      isFinished = false
    }

    /// A copy, which holds the window of 32 KiB and the tables of the block: 54 KiB.
    func fork() -> (any ForwardBytes)? { ISALInflater(copying: self) }
  }
#endif
