public import Bytes

/// How many bytes something takes as a deflate stream, compressed as Python's `zipfile` compresses the members of wheels: by
/// zlib at its usual level.
public final class DeflateMeter {
  private let deflater: Deflater
  /// Bytes that have come out so far.
  private var count: UInt64 = 0

  /// - Throws: a ``Problem/Code/unreadable`` problem when there is no memory left.
  public init() throws(Problem) { deflater = try Deflater(.raw) }

  /// Compresses what comes next.
  public func add(_ bytes: [UInt8]) { deflater.compress(bytes) { count += UInt64($0.count) } }

  /// Ends the stream, to which nothing may be added any more, and says how many bytes it has.
  public func finish() -> UInt64 {
    deflater.compress([], isEnd: true) { count += UInt64($0.count) }
    return count
  }
}
