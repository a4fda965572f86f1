/// The ranges of a source that have been taken to be read, none of which overlap: so that reading all of them
/// takes no longer than reading the source once, whatever its tables say.
struct ClaimedRanges {
  /// In ascending order.
  private var ranges: [Range<UInt64>] = []

  /// Takes `range`, which is not empty; false when a part of it has been taken before.
  mutating func claim(_ range: Range<UInt64>) -> Bool {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].lowerBound < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    if low > 0, ranges[low - 1].overlaps(range) { return false }
    if low < ranges.count, ranges[low].overlaps(range) { return false }
    ranges.insert(range, at: low)
    return true
  }
}
