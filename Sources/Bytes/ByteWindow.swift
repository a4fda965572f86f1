/// Reads small structures from a source through one buffer, so that neighbours cost one read.
public struct ByteWindow: ~Copyable {
  public let source: any ByteSource
  private var buffer: [UInt8]
  private var start: UInt64 = 0
  private var filled = 0

  /// - Parameter capacity: bytes read at a time.
  public init(_ source: any ByteSource, capacity: Int = 512) {
    self.source = source
    self.buffer = [UInt8](repeating: 0, count: capacity)
  }

  /// Calls `body` with the `count` bytes at `offset`.
  ///
  /// - Throws: a ``Problem/Code/truncated`` problem when the source ends earlier, and whatever `body` throws.
  public mutating func withBytes<Result>(
    at offset: UInt64, count: Int, _ field: StaticString,
    _ body: (ByteView) throws(Problem) -> Result
  ) throws(Problem) -> Result {
    if offset < start || offset - start > UInt64(filled) || UInt64(filled) - (offset - start) < UInt64(count)
    {
      try fill(at: offset, count: count, field)
    }
    let first = Int(offset - start)
    // Elements of type UInt8 have no padding, so all their bytes are initialised.
    let bytes = unsafe buffer.span.bytes
    return try body(ByteView(bytes.extracting(first..<first + count), base: offset))
  }

  /// The little-endian integer of 64 bits at `offset`.
  ///
  /// - Throws: a ``Problem/Code/truncated`` problem when the source ends earlier.
  public mutating func u64(at offset: UInt64, _ field: StaticString) throws(Problem) -> UInt64 {
    try withBytes(at: offset, count: 8, field) { (view) throws(Problem) in try view.u64(0, field) }
  }

  /// How many bytes are read at a time.
  public var capacity: Int { buffer.count }

  /// The first offset in `range` at which one of the words of `search` starts.
  ///
  /// Meant for ranges of up to ``capacity`` bytes: what follows a find is then in the window.
  ///
  /// - Throws: a ``Problem/Code/truncated`` problem when the source ends earlier.
  public mutating func first(
    _ search: WordSearch, in range: Range<UInt64>, _ field: StaticString
  ) throws(Problem) -> UInt64? {
    let count = Int(range.upperBound - range.lowerBound)
    try withBytes(at: range.lowerBound, count: count, field) { _ in }
    let first = Int(range.lowerBound - start)
    return search.first(in: buffer, first..<first + count).map { start + UInt64($0) }
  }

  private mutating func fill(at offset: UInt64, count: Int, _ field: StaticString) throws(Problem) {
    guard count >= 0, offset <= source.size, UInt64(count) <= source.size - offset else {
      throw Problem(.truncated, "\(field)", at: min(offset, source.size))
    }
    if count > buffer.count { buffer = [UInt8](repeating: 0, count: count) }
    filled = 0
    filled = try source.read(at: offset, count: buffer.count, into: &buffer)
    start = offset
    guard filled >= count else {
      throw Problem(.changedWhileReading, "\(field)", at: offset + UInt64(filled))
    }
  }
}
