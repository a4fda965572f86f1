/// A bounds-checked view of little-endian bytes that knows where in the file they lie.
///
/// Every load either succeeds or throws a ``Problem`` that names the field and its offset in the file.
public struct ByteView: ~Escapable {
  @usableFromInline let span: RawSpan
  /// The offset in the file of the first byte.
  public let base: UInt64

  @inlinable
  @_lifetime(copy span)
  public init(_ span: RawSpan, base: UInt64 = 0) {
    self.span = span
    self.base = base
  }

  @inlinable public var count: Int { span.byteCount }

  /// The little-endian integer at `offset`.
  ///
  /// - Throws: a ``Problem/Code/truncated`` problem when the view ends before the integer does.
  @inlinable
  public func load<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type = Value.self, at offset: Int, _ field: StaticString
  ) throws(Problem) -> Value {
    guard offset >= 0, offset <= span.byteCount - MemoryLayout<Value>.size else {
      throw outside(offset, field)
    }
    // The bounds were checked above, and every bit pattern is a valid integer.
    return Value(littleEndian: unsafe span.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  @inlinable
  public func u8(_ offset: Int, _ field: StaticString) throws(Problem) -> UInt8 {
    try load(at: offset, field)
  }
  @inlinable
  public func u16(_ offset: Int, _ field: StaticString) throws(Problem) -> UInt16 {
    try load(at: offset, field)
  }
  @inlinable
  public func u32(_ offset: Int, _ field: StaticString) throws(Problem) -> UInt32 {
    try load(at: offset, field)
  }
  @inlinable
  public func u64(_ offset: Int, _ field: StaticString) throws(Problem) -> UInt64 {
    try load(at: offset, field)
  }

  /// The part of the view at `range`.
  ///
  /// - Throws: a ``Problem/Code/outOfBounds`` problem when `range` leaves the view.
  @_lifetime(copy self)
  public func slice(_ range: Range<Int>, _ field: StaticString) throws(Problem) -> ByteView {
    guard range.lowerBound >= 0, range.upperBound <= count else {
      throw Problem(.outOfBounds, "\(field)", at: base &+ UInt64(truncatingIfNeeded: range.lowerBound))
    }
    return ByteView(span.extracting(range), base: base + UInt64(range.lowerBound))
  }

  /// A copy of the bytes at `range`.
  ///
  /// - Throws: a ``Problem/Code/outOfBounds`` problem when `range` leaves the view.
  public func bytes(_ range: Range<Int>, _ field: StaticString) throws(Problem) -> [UInt8] {
    let part = try slice(range, field)
    return unsafe part.span.withUnsafeBytes { unsafe Array($0) }
  }

  /// The bytes as text, up to the first NUL or the end; bytes that are not UTF-8 are replaced.
  public func text() -> String {
    var bytes: [UInt8] = []
    for offset in 0..<count {
      guard let byte = try? u8(offset, "text"), byte != 0 else { break }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @usableFromInline
  func outside(_ offset: Int, _ field: StaticString) -> Problem {
    Problem(.truncated, "\(field)", at: base &+ UInt64(truncatingIfNeeded: offset))
  }
}
