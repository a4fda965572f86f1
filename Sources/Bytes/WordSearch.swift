/// Finds any of three four-byte words in memory, at every alignment, at about the speed of reading.
public struct WordSearch: Sendable {
  /// The words as they are loaded from little-endian memory.
  private let first: UInt32
  private let second: UInt32
  private let third: UInt32

  /// Searches for up to three words; the last one stands for those that are left out.
  public init(_ first: UInt32, _ second: UInt32? = nil, _ third: UInt32? = nil) {
    self.first = first
    self.second = second ?? first
    self.third = third ?? second ?? first
  }

  /// The first offset in `range` of `bytes` at which one of the words starts; all four bytes lie in `range`.
  public func first(in bytes: [UInt8], _ range: Range<Int>) -> Int? {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    // All loads below stay inside `range`, which was checked against the buffer.
    return unsafe bytes.withUnsafeBytes { buffer in
      guard range.count >= 4, let start = buffer.baseAddress else { return nil }
      var offset = range.lowerBound
      let last = range.upperBound - 4
      let lastBlock = range.upperBound - (Self.block + 1)
      while offset <= lastBlock {
        if unsafe hasCandidate(start + offset) {
          let end = min(offset + Self.block - 1, last)
          while offset <= end {
            if unsafe isWord(start + offset) { return offset }
            offset &+= 1
          }
        } else {
          offset &+= Self.block
        }
      }
      while offset <= last {
        if unsafe isWord(start + offset) { return offset }
        offset &+= 1
      }
      return nil
    }
  }

  /// Bytes that are looked at together.
  private static let block = 64

  @inline(__always)
  private func isWord(_ place: UnsafeRawPointer) -> Bool {
    let word = unsafe place.loadUnaligned(as: UInt32.self)
    return word == first || word == second || word == third
  }

  /// Whether the first two bytes of one of the words start in the block at `start`; reads one byte more.
  @inline(__always)
  private func hasCandidate(_ start: UnsafeRawPointer) -> Bool {
    let found0 = unsafe match(start)
    let found1 = unsafe match(start + 16)
    let found2 = unsafe match(start + 32)
    let found3 = unsafe match(start + 48)
    let found = (found0 | found1) | (found2 | found3)
    return found[0] | found[1] != 0
  }

  /// Bits where the first two bytes of one of the words start in the 16 bytes at `start`.
  @inline(__always)
  private func match(_ start: UnsafeRawPointer) -> SIMD2<UInt64> {
    let even = unsafe start.loadUnaligned(as: SIMD8<UInt16>.self)
    let odd = unsafe (start + 1).loadUnaligned(as: SIMD8<UInt16>.self)
    let first = SIMD8<UInt16>(repeating: UInt16(truncatingIfNeeded: first))
    let second = SIMD8<UInt16>(repeating: UInt16(truncatingIfNeeded: second))
    let third = SIMD8<UInt16>(repeating: UInt16(truncatingIfNeeded: third))
    let matches =
      ((even .== first) .| (even .== second) .| (even .== third))
      .| ((odd .== first) .| (odd .== second) .| (odd .== third))
    // A mask is a vector of the same size, all bits set where it is true.
    return unsafe unsafeBitCast(matches, to: SIMD2<UInt64>.self)
  }
}
