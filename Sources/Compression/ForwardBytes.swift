public import Bytes

/// Bytes that come one after the other.
public protocol ForwardBytes: AnyObject {
  /// Writes the next bytes into `output` at `range`; returns how many there were, fewer than asked for only at
  /// the end.
  func read(into output: inout [UInt8], _ range: Range<Int>) throws(Problem) -> Int

  /// One that goes on where this one is; nil where only starting again leads there.
  func fork() throws(Problem) -> (any ForwardBytes)?
}

extension ForwardBytes {
  public func fork() throws(Problem) -> (any ForwardBytes)? { nil }
}

extension Inflater: ForwardBytes {
  /// A copy, which holds the window of 32 KiB.
  public func fork() throws(Problem) -> (any ForwardBytes)? { try copy() }
}

extension ZstdDecompressor: ForwardBytes {}

extension XZDecompressor: ForwardBytes {}
