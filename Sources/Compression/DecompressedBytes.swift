public import Bytes
import Synchronization

/// Random access to what a compressed stream holds, in memory that does not grow with it.
///
/// The stream is decompressed forward, as far as somebody reads. Going back costs what lies between the nearest
/// checkpoint and the place; deflate streams have at most ``checkpointLimit`` of them, others start again. The blocks that
/// were passed last are kept, so whatever is read within them is decompressed once.
public final class DecompressedBytes: ByteSource {
  /// How a stream is compressed.
  public struct Method: Sendable {
    /// Whether it is cheap to keep copies of its state, so that going back does not mean starting again.
    var isCopyable: Bool
    /// Bytes that are decompressed before the first of them comes out.
    var startSize: Int
    /// How many bytes of deflate are decompressed in the time that one of this takes.
    var slowness: Int
    /// Starts at the start of a source, with the memory that the decompressor may take.
    public var open: @Sendable (any ByteSource, _ memory: UInt64) throws(Problem) -> any ForwardBytes

    public init(
      isCopyable: Bool, startSize: Int = 0, slowness: Int = 1,
      open: @escaping @Sendable (any ByteSource, _ memory: UInt64) throws(Problem) -> any ForwardBytes
    ) {
      self.isCopyable = isCopyable
      self.startSize = startSize
      self.slowness = slowness
      self.open = open
    }

    /// ISA-L inflates what archives hold, where the program is built with it; zlib the rest.
    public static func deflate(_ framing: Inflater.Framing) -> Method {
      Method(isCopyable: true) { (source, _) throws(Problem) in
        #if ISAL
          if framing != .zlib { return ISALInflater(source, isGzip: framing == .gzip) }
        #endif
        return try Inflater(source, framing)
      }
    }

    public static let zstd = Method(isCopyable: false) { (source, memory) throws(Problem) in
      try ZstdDecompressor(source, memoryLimit: memory)
    }

    public static let xz = Method(isCopyable: false) { (source, memory) throws(Problem) in
      try XZDecompressor(source, memoryLimit: memory)
    }
  }

  /// Bytes that are decompressed together.
  public static let blockSize = 256 << 10
  /// How many blocks are kept because somebody read them, and how many because they were passed last: 4 MiB and 8 MiB; 4 MiB and
  /// 60 MiB where going back means starting again. Of a large stream with checkpoints few, which fit into a processor's cache:
  /// most of it is out of their reach anyway.
  static func keptBlocks(_ method: Method, size: UInt64?) -> (read: Int, recent: Int) {
    if !method.isCopyable { return (16, 240) }
    return size ?? 0 > 64 << 20 ? (4, 5) : (16, 32)
  }
  /// Copies of a deflate stream that are kept, 40 or 54 KiB each: 10 MiB.
  public static let checkpointLimit = 192

  /// How often a stream may be decompressed in all, besides ``effort`` bytes: who goes back and forth in a hostile file
  /// ends here.
  static func mostPasses(_ method: Method) -> UInt64 { method.isCopyable ? 32 : 16 }
  /// Bytes that may be decompressed again whatever the size of the stream is.
  public static let effort: UInt64 = 256 << 20

  /// Bytes that a decompressor may take for what a stream refers back to: what `zstd --ultra -22` wants, and more than
  /// `xz -9` does.
  public static let streamMemory: UInt64 = 128 << 20
  /// The same for members, many of which are read at a time: twice what `zstd -19` and `xz -6` want.
  public static let memberMemory: UInt64 = 16 << 20

  private let state: Mutex<State>

  /// - Parameters:
  ///   - size: what must come out; nil where nobody says, then ``size`` is `limit` until the end was reached.
  ///   - checksum: the CRC-32 of all bytes, compared where the end is read.
  ///   - limit: the most bytes that may come out.
  ///   - limitText: what the problem expects that it was passed: "at most 5 bytes (limit x)"; nil for the number alone.
  ///   - memory: bytes that a decompressor may take, where the stream says how many.
  ///   - budget: bytes that may be decompressed by all that share it, those that are decompressed twice counted twice, and those of
  ///     slow formats as often as they are slower.
  ///   - notesSource: whether it is noted where bytes come from, for ``sourceSize(of:)``; costs time.
  /// - Throws: a ``Problem/Code/limitExceeded`` problem when `size` is past `limit`.
  public init(
    _ source: any ByteSource, by method: Method, size: UInt64? = nil, checksum: UInt32? = nil,
    limit: UInt64, limitText: String? = nil, memory: UInt64 = streamMemory, budget: Budget? = nil,
    notesSource: Bool = false
  ) throws(Problem) {
    var state = State(
      source: source, method: method, claimed: size, checksum: checksum, limit: limit,
      limitText: limitText ?? "at most \(limit) bytes", memory: memory, budget: budget)
    if let size, size > limit { throw state.limitExceeded(observed: "\(size)") }
    if notesSource { state.noteSource() }
    self.state = Mutex(state)
  }

  private init(_ state: State) { self.state = Mutex(state) }

  /// Another one of the same stream, which has nothing but at most `count` of the checkpoints.
  public func reopened(keepingCheckpoints count: Int = checkpointLimit) -> DecompressedBytes {
    var copy = state.withLock { $0 }
    copy.release(keepingCheckpoints: count)
    return DecompressedBytes(copy)
  }

  /// The number of bytes that come out, as claimed; without a claim the limit until the end was reached.
  public var size: UInt64 { state.withLock { $0.end ?? $0.claimed ?? $0.limit } }

  public var readsForward: Bool { true }

  /// Gives back the memory of the blocks that are kept, and of all checkpoints but `count`, evenly spaced.
  public func release(keepingCheckpoints count: Int = checkpointLimit) {
    state.withLock { $0.release(keepingCheckpoints: count) }
  }

  /// How many bytes were decompressed so far, those that were decompressed twice counted twice.
  public var bytesDecompressed: UInt64 { state.withLock { $0.decompressed } }

  /// About how many bytes of the source the bytes at `range` were decompressed from; nil where they were not reached yet, or
  /// that is not noted.
  public func sourceSize(of range: Range<UInt64>) -> UInt64? {
    state.withLock { state in
      guard let start = state.marks?.place(of: range.lowerBound),
        let end = state.marks?.place(of: range.upperBound)
      else { return nil }
      return end - min(start, end)
    }
  }

  public func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    let wanted = min(count, buffer.byteCount)
    var done = 0
    while done < wanted {
      let (place, overflow) = offset.addingReportingOverflow(UInt64(done))
      guard !overflow else { break }
      let index = place / UInt64(Self.blockSize)
      let start = Int(place % UInt64(Self.blockSize))
      let block = try state.withLock { (state) throws(Problem) in try state.block(index) }
      guard start < block.count else { break }
      let piece = min(wanted - done, block.count - start)
      // Both ranges were cut to what is there.
      unsafe buffer.withUnsafeMutableBytes { target in
        unsafe block.withUnsafeBytes { source in
          unsafe UnsafeMutableRawBufferPointer(rebasing: target[done...])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<start + piece]))
        }
      }
      done += piece
    }
    return done
  }

  /// Reads to the end, so that ``size`` is what comes out and the checksum was compared.
  ///
  /// - Throws: a ``Problem`` when the stream is broken or larger than the limit.
  public func finish() throws(Problem) {
    try state.withLock { (state) throws(Problem) in
      if state.end == nil { _ = try state.block(state.limit / UInt64(Self.blockSize) + 1) }
    }
  }
}

/// The stream and what is kept of it.
///
/// Two may share checkpoints, which are only copied: that changes nothing in them. Whatever else is no value belongs to one.
private struct State: @unchecked Sendable {
  let source: any ByteSource
  let method: DecompressedBytes.Method
  let claimed: UInt64?
  let checksum: UInt32?
  let limit: UInt64
  let limitText: String
  let memory: UInt64
  let budget: Budget?
  private let keptBlocks: (read: Int, recent: Int)

  /// Where the stream really ends, once that was seen.
  var end: UInt64?
  var decompressed: UInt64 = 0

  private var forward: (any ForwardBytes)?
  /// Where ``forward`` is.
  private var position: UInt64 = 0
  /// The farthest place that was ever reached.
  private var frontier: UInt64 = 0
  private var sum = Checksum()
  private var checkpoints: [(position: UInt64, stream: any ForwardBytes)] = []
  private var interval: UInt64 = 1 << 20
  /// Blocks that were read, the last one at the end.
  private var read: [(index: UInt64, bytes: [UInt8])] = []
  /// Blocks that were passed last, and their indices from the oldest one, which ``oldest`` names, around to the newest.
  private var recent: [UInt64: [UInt8]] = [:]
  private var order: [UInt64] = []
  private var oldest = 0
  /// A block that is no longer kept, for the next one.
  private var spare: [UInt8]?
  /// Where the bytes come from that were read first; nil where that is not noted.
  var marks: SourceMarks?
  /// Why the blocks from an index on cannot be read.
  private var failure: (index: UInt64, problem: Problem)?

  init(
    source: any ByteSource, method: DecompressedBytes.Method, claimed: UInt64?,
    checksum: UInt32?, limit: UInt64, limitText: String, memory: UInt64, budget: Budget?
  ) {
    self.source = source
    self.method = method
    self.claimed = claimed
    self.checksum = checksum
    self.limit = limit
    self.memory = memory
    self.limitText = limitText
    self.budget = budget
    keptBlocks = DecompressedBytes.keptBlocks(method, size: claimed)
  }

  /// Has ``marks`` set from now on, where a size was claimed.
  mutating func noteSource() {
    // The parts of small files are small. Marks cost time, because ISA-L stops for each and copies 32 KiB: of large files they
    // are set where it stops anyway.
    marks = claimed.map { SourceMarks(every: $0 <= 16 << 20 ? 2 << 10 : $0 <= 64 << 20 ? 32 << 10 : .max) }
  }

  mutating func release(keepingCheckpoints count: Int) {
    forward = nil
    position = 0
    while checkpoints.count > count { thinOut() }
    read = []
    recent = [:]
    order = []
    oldest = 0
    spare = nil
  }

  /// The bytes of a block, fewer than its size where the stream ends; none behind the end.
  mutating func block(_ index: UInt64) throws(Problem) -> [UInt8] {
    if let place = read.lastIndex(where: { $0.index == index }) {
      let block = read.remove(at: place)
      read.append(block)
      return block.bytes
    }
    if let bytes = recent[index] {
      keepRead(bytes, index)
      return bytes
    }
    let size = UInt64(DecompressedBytes.blockSize)
    if let end, index >= (end + size - 1) / size { return [] }
    if let failure, index >= failure.index { throw failure.problem }
    let (start, overflow) = index.multipliedReportingOverflow(by: size)
    guard !overflow else { return [] }
    try seek(to: start)
    while true {
      var bytes = spare.take() ?? [UInt8](repeating: 0, count: DecompressedBytes.blockSize)
      let current = position / size
      do {
        let count = try advance(into: &bytes)
        if count < bytes.count { bytes.removeSubrange(count...) }
      } catch {
        forward = nil
        if position == frontier { failure = (current, error) }
        throw error
      }
      keepRecent(bytes, current)
      if current == index {
        keepRead(bytes, index)
        return bytes
      }
      if bytes.count < DecompressedBytes.blockSize { return [] }
    }
  }

  /// Puts ``forward`` to the best place that is not behind `start`.
  private mutating func seek(to start: UInt64) throws(Problem) {
    let next = checkpoints.partitioningIndex { $0.position > start }
    let checkpoint = next > 0 ? checkpoints[next - 1] : nil
    if forward != nil, position <= start, position >= checkpoint?.position ?? 0 { return }
    forward = nil
    if let checkpoint {
      forward = try checkpoint.stream.fork()
      position = checkpoint.position
    }
    if forward == nil {
      forward = try method.open(source, memory)
      position = 0
      // Whoever starts again and again would decompress much of which nothing comes out.
      try spend(method.startSize)
    }
  }

  /// Decompresses the next block; returns how many bytes it has.
  private mutating func advance(into bytes: inout [UInt8]) throws(Problem) -> Int {
    guard let forward else { return 0 }
    // Whoever tries again must not decompress to find that out.
    if budget?.isSpent == true { throw budgetSpent }
    if position < frontier { try checkEffort() }
    let isNew = position == frontier
    if isNew { marks?.start = position }
    let count =
      try isNew
      ? forward.read(into: &bytes, 0..<bytes.count, noting: &marks)
      : forward.read(into: &bytes, 0..<bytes.count)
    position += UInt64(count)
    try spend(count)
    guard isNew else { return count }
    frontier = position
    if checksum != nil { sum.add(bytes, 0..<count) }
    if let claimed, frontier > claimed { throw sizeMismatch(observed: "more") }
    guard frontier <= limit else { throw limitExceeded(observed: "more") }
    let isLast = count < bytes.count ? true : try isAtEnd(forward)
    if isLast {
      try finish()
    } else if frontier - (checkpoints.last?.position ?? 0) >= interval, let copy = try forward.fork() {
      checkpoints.append((frontier, copy))
      if checkpoints.count > DecompressedBytes.checkpointLimit { thinOut() }
    }
    return count
  }

  /// Counts bytes that were decompressed.
  private mutating func spend(_ count: Int) throws(Problem) {
    decompressed += UInt64(count)
    if let budget, !budget.take(count * method.slowness) { throw budgetSpent }
  }

  private func checkEffort() throws(Problem) {
    let passes = DecompressedBytes.mostPasses(method)
    let (most, overflow) = frontier.multipliedReportingOverflow(by: passes)
    guard !overflow, decompressed > most, decompressed - most > DecompressedBytes.effort else { return }
    throw Problem(
      .limitExceeded, "decompression of one stream", expected: "at most \(passes) times what it holds",
      observed: "more, by going back and forth")
  }

  /// Whether `forward`, which was just read, has given all that was claimed and ends there as well.
  private func isAtEnd(_ forward: any ForwardBytes) throws(Problem) -> Bool {
    guard let claimed, frontier == claimed else { return false }
    var next: [UInt8] = [0]
    guard try forward.read(into: &next, 0..<1) == 0 else { throw sizeMismatch(observed: "more") }
    return true
  }

  private var budgetSpent: Problem { .tooMuchDecompressed(budget) }

  func limitExceeded(observed: String) -> Problem {
    Problem(.limitExceeded, "decompressed size", expected: limitText, observed: observed)
  }

  private func sizeMismatch(observed: String) -> Problem {
    Problem(.mismatch, "decompressed size", expected: "\(claimed ?? limit) bytes", observed: observed)
  }

  /// Checks what is only known at the end.
  private mutating func finish() throws(Problem) {
    if let claimed, frontier != claimed {
      throw sizeMismatch(observed: "\(frontier)")
    }
    if let checksum, checksum != sum.value {
      throw Problem(
        .corruptData, "decompressed contents", expected: "the CRC-32 \(hexadecimal(checksum))",
        observed: hexadecimal(sum.value))
    }
    end = frontier
  }

  /// Drops every second checkpoint, and makes new ones at twice the distance.
  private mutating func thinOut() {
    interval *= 2
    checkpoints = checkpoints.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
  }

  private mutating func keepRead(_ bytes: [UInt8], _ index: UInt64) {
    if read.count == keptBlocks.read { read.removeFirst() }
    read.append((index, bytes))
  }

  private mutating func keepRecent(_ bytes: [UInt8], _ index: UInt64) {
    guard recent.updateValue(bytes, forKey: index) == nil else { return }
    if order.count < keptBlocks.recent {
      order.append(index)
    } else {
      spare = recent.removeValue(forKey: order[oldest]).flatMap {
        $0.count == DecompressedBytes.blockSize ? $0 : nil
      }
      order[oldest] = index
      oldest = (oldest + 1) % order.count
    }
  }
}
