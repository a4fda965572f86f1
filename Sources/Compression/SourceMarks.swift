import Bytes

/// Where in a source the bytes come from that were decompressed of it: for some places of these, how many bytes of the source
/// were taken.
public struct SourceMarks: Sendable {
  private var marks: [(position: UInt64, taken: UInt64)] = []
  /// How many bytes had come out before those that are read now.
  var start: UInt64 = 0
  /// How many bytes of the source a decompressor takes at most before it sets a mark.
  let distance: Int

  init(every distance: Int) { self.distance = distance }

  /// Notes that `taken` bytes of the source were decompressed to `count` bytes behind ``start``. What was read before is not
  /// noted again.
  mutating func add(_ count: Int, taken: UInt64) {
    let position = start + UInt64(count)
    if position > marks.last?.position ?? 0 { marks.append((position, taken)) }
  }

  /// How many bytes of the source were taken for those before `offset`, between two marks in proportion; nil behind the last
  /// mark.
  func place(of offset: UInt64) -> UInt64? {
    guard offset > 0 else { return 0 }
    let next = marks.partitioningIndex { $0.position >= offset }
    guard next < marks.count else { return nil }
    let (before, mark) = (next > 0 ? marks[next - 1] : (position: 0, taken: 0), marks[next])
    let share = Double(offset - before.position) / Double(mark.position - before.position)
    return before.taken + UInt64(Double(mark.taken - min(before.taken, mark.taken)) * share)
  }
}
