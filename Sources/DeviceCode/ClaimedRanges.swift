import Bytes

/// The ranges of a source that have been taken to be read, none of which overlap: so that reading all of them
/// takes no longer than reading the source once, whatever its tables say.
struct ClaimedRanges {
  /// In ascending order.
  private var ranges: [Range<UInt64>] = []

  /// Takes `range`, which is not empty; false when a part of it has been taken before.
  mutating func claim(_ range: Range<UInt64>) -> Bool {
    let index = ranges.partitioningIndex { $0.lowerBound >= range.lowerBound }
    if index > 0, ranges[index - 1].overlaps(range) { return false }
    if index < ranges.count, ranges[index].overlaps(range) { return false }
    ranges.insert(range, at: index)
    return true
  }
}
