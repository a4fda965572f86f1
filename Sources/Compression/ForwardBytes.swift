public import Bytes

/// Bytes that come one after the other.
public protocol ForwardBytes: AnyObject {
  /// Writes the next bytes into `output` at `range`; returns how many there were, fewer than asked for only at
  /// the end.
  ///
  /// - Parameter marks: takes where in the source the bytes come from, where the decompressor knows; nil where nobody asks.
  func read(
    into output: inout [UInt8], _ range: Range<Int>, noting marks: inout SourceMarks?
  ) throws(Problem) -> Int

  /// One that goes on where this one is; nil where only starting again leads there.
  func fork() throws(Problem) -> (any ForwardBytes)?
}

extension ForwardBytes {
  /// Writes the next bytes into `output` at `range`; returns how many there were, fewer than asked for only at the end.
  public func read(into output: inout [UInt8], _ range: Range<Int>) throws(Problem) -> Int {
    var marks: SourceMarks?
    return try read(into: &output, range, noting: &marks)
  }

  public func fork() throws(Problem) -> (any ForwardBytes)? { nil }
}

extension Inflater: ForwardBytes {
  /// A copy, which holds the window of 32 KiB.
  public func fork() throws(Problem) -> (any ForwardBytes)? { try copy() }
}

extension ZstdDecompressor: ForwardBytes {}

extension XZDecompressor: ForwardBytes {}
