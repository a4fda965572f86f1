/// Finds any of a few four-byte words in memory, at every alignment, at about the speed of reading.
public struct WordSearch: Sendable {
  /// The words as they are loaded from little-endian memory.
  public let words: [UInt32]
  private let firstBytes: [SIMD16<UInt8>]
  private let secondBytes: [SIMD16<UInt8>]

  public init(_ words: [UInt32]) {
    self.words = words
    firstBytes = words.map { SIMD16(repeating: UInt8(truncatingIfNeeded: $0)) }
    secondBytes = words.map { SIMD16(repeating: UInt8(truncatingIfNeeded: $0 >> 8)) }
  }

  /// The first offset in `range` of `bytes` at which one of the words starts; all four bytes lie in `range`.
  public func first(in bytes: [UInt8], _ range: Range<Int>) -> Int? {
    guard range.count >= 4 else { return nil }
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    let block = 64
    // All loads below stay inside `range`, which was checked against the buffer.
    return unsafe bytes.withUnsafeBytes { buffer in
      let start = buffer.baseAddress!
      var offset = range.lowerBound
      while offset <= range.upperBound - (block + 1) {
        if unsafe hasCandidate(start + offset) {
          for candidate in offset..<offset + block where candidate <= range.upperBound - 4 {
            if unsafe words.contains(start.loadUnaligned(fromByteOffset: candidate, as: UInt32.self)) {
              return candidate
            }
          }
        }
        offset += block
      }
      while offset <= range.upperBound - 4 {
        if unsafe words.contains(start.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) { return offset }
        offset += 1
      }
      return nil
    }
  }

  /// Whether the first two bytes of one of the words start in the 64 bytes at `start`; reads 65.
  @inline(__always)
  private func hasCandidate(_ start: UnsafeRawPointer) -> Bool {
    var found = SIMD16<UInt8>(repeating: 0)
    for part in 0..<4 {
      let first = unsafe start.loadUnaligned(fromByteOffset: part * 16, as: SIMD16<UInt8>.self)
      let second = unsafe start.loadUnaligned(fromByteOffset: part * 16 + 1, as: SIMD16<UInt8>.self)
      for index in firstBytes.indices {
        let match = (first .== firstBytes[index]) .& (second .== secondBytes[index])
        found |= unsafe unsafeBitCast(match, to: SIMD16<UInt8>.self)
      }
    }
    let halves = unsafe unsafeBitCast(found, to: SIMD2<UInt64>.self)
    return halves[0] | halves[1] != 0
  }
}
