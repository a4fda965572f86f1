import Synchronization

/// Random access to bytes: a file, a part of one, or memory.
public protocol ByteSource: AnyObject, Sendable {
  /// The number of bytes.
  var size: UInt64 { get }

  /// Reads up to `count` bytes at `offset` into the start of `buffer`, which must have room for them; returns
  /// how many there were, fewer than `count` only at the end of the source.
  ///
  /// - Throws: a ``Problem/Code/unreadable`` problem when the operating system refuses.
  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int

  /// Whether going back in the source is slow, so that its parts are best read in the order in which they lie.
  var readsForward: Bool { get }
}

extension ByteSource {
  public var readsForward: Bool { false }

  /// The `count` bytes at `offset`.
  ///
  /// - Throws: a ``Problem/Code/truncated`` problem when the source ends earlier,
  ///   ``Problem/Code/changedWhileReading`` when it does so although it was longer at the start.
  public func bytes(at offset: UInt64, count: Int, _ field: StaticString) throws(Problem) -> [UInt8] {
    guard count >= 0, offset <= size, UInt64(count) <= size - offset else {
      throw Problem(.truncated, "\(field)", at: offset)
    }
    var buffer = [UInt8](repeating: 0, count: count)
    let read = try self.read(at: offset, count: count, into: &buffer)
    guard read == count else {
      throw Problem(.changedWhileReading, "\(field)", at: offset + UInt64(read))
    }
    return buffer
  }
}

extension ByteSource {
  /// Reads up to `count` bytes at `offset` into the start of `buffer`, which must have room for them; returns
  /// how many there were.
  public func read(at offset: UInt64, count: Int, into buffer: inout [UInt8]) throws(Problem) -> Int {
    var elements = buffer.mutableSpan
    // Any bytes are valid elements of type UInt8.
    var bytes = unsafe elements.mutableBytes
    return try read(at: offset, count: count, into: &bytes)
  }
}

/// Bytes in memory.
public final class MemoryBytes: ByteSource {
  public let bytes: ArraySlice<UInt8>

  public init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

  /// The part of an array, which is not copied.
  public init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  public var size: UInt64 { UInt64(bytes.count) }

  public func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    guard offset < size else { return 0 }
    let start = Int(offset)
    let count = min(count, buffer.byteCount, bytes.count - start)
    // Both ranges were cut to what is there.
    unsafe buffer.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<start + count]))
      }
    }
    return count
  }
}

/// A part of another source, with offsets that count from its start.
public final class SubrangeBytes: ByteSource {
  public let source: any ByteSource
  /// The part, in the offsets of ``source``.
  public let range: Range<UInt64>

  /// The part of `source` at `range`, cut to what is there.
  public init(_ source: any ByteSource, _ range: Range<UInt64>) {
    self.source = source
    self.range = range.clamped(to: 0..<source.size)
  }

  public var size: UInt64 { range.upperBound - range.lowerBound }

  public var readsForward: Bool { source.readsForward }

  public func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    guard offset < size else { return 0 }
    let count = Int(min(UInt64(count), size - offset))
    return try source.read(at: range.lowerBound + offset, count: count, into: &buffer)
  }
}

/// A source that knows how much was read of it.
public protocol CountingByteSource: ByteSource {
  /// How many bytes were read so far.
  var bytesRead: UInt64 { get }
}

/// Counts the bytes that are read of another source.
public final class CountedBytes: CountingByteSource {
  public let source: any ByteSource
  private let counter = Atomic<UInt64>(0)

  public init(_ source: any ByteSource) { self.source = source }

  public var bytesRead: UInt64 { counter.load(ordering: .relaxed) }

  public var size: UInt64 { source.size }

  public var readsForward: Bool { source.readsForward }

  public func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    let count = try source.read(at: offset, count: count, into: &buffer)
    counter.wrappingAdd(UInt64(count), ordering: .relaxed)
    return count
  }
}
