import FixtureSupport

/// Builds an ELF file of segments alone.
enum SegmentBuilder {
  struct Segment {
    var type: UInt32
    var contents: [UInt8]
    var alignment: UInt64 = 4
    var flags: UInt32 = 4
    /// The segment whose bytes these are.
    var twin: Int?
    /// Written instead of what is there.
    var offset: UInt64?
    var size: UInt64?

    init(type: UInt32, _ contents: [UInt8] = [], sameAs twin: Int? = nil) {
      self.type = type
      self.contents = contents
      self.twin = twin
    }
  }

  /// Addresses are file offsets plus `base`; the first segment loads the whole file where `loads` says so.
  static func bytes(_ segments: [Segment], loads: Bool = false, base: UInt64 = 0) -> [UInt8] {
    let start = 64 + 56 * (segments.count + (loads ? 1 : 0))
    var contents: [UInt8] = []
    var ranges: [Range<Int>] = []
    for segment in segments {
      if let twin = segment.twin {
        ranges.append(ranges[twin])
        continue
      }
      contents.pad(to: 8)
      ranges.append(start + contents.count..<start + contents.count + segment.contents.count)
      contents += segment.contents
    }
    var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0] + [UInt8](repeating: 0, count: 7)
    bytes.append(littleEndian: UInt16(3))
    bytes.append(littleEndian: UInt16(62))
    bytes.append(littleEndian: UInt32(1))
    for value in [0, 64, 0] { bytes.append(littleEndian: UInt64(value)) }
    bytes.append(littleEndian: UInt32(0))
    for value in [64, 56, segments.count + (loads ? 1 : 0), 64, 0, 0] {
      bytes.append(littleEndian: UInt16(value))
    }
    func row(_ type: UInt32, _ flags: UInt32, _ offset: UInt64, _ size: UInt64, _ alignment: UInt64) {
      bytes.append(littleEndian: type)
      bytes.append(littleEndian: flags)
      for value in [offset, offset &+ base, offset &+ base, size, size, alignment] {
        bytes.append(littleEndian: value)
      }
    }
    if loads { row(1, 4, 0, UInt64(start + contents.count), 0x1000) }
    for (segment, range) in zip(segments, ranges) {
      row(
        segment.type, segment.flags, segment.offset ?? UInt64(range.lowerBound),
        segment.size ?? UInt64(range.count), segment.alignment)
    }
    return bytes + contents
  }
}

/// Builds a shared library with a dynamic section.
struct DynamicBuilder {
  /// Tags with their strings.
  var entries: [(tag: Int64, text: String)]
  /// Written instead of the address of the strings.
  var stringsAddress: UInt64?
  var base: UInt64 = 0x40_0000
  /// Whether the last string ends in a NUL.
  var isTerminated = true
  /// Added to every string's place.
  var shift: UInt64 = 0

  init(_ entries: [(Int64, String)]) { self.entries = entries.map { (tag: $0.0, text: $0.1) } }

  var bytes: [UInt8] {
    // One load segment, one dynamic segment; the strings lie behind the dynamic section, each text once.
    let start = 64 + 56 * 2
    let strings = UInt64(start + 16 * (entries.count + 2))
    var dynamic: [UInt8] = []
    var table: [UInt8] = [0]
    var places: [String: Int] = [:]
    for (tag, text) in entries {
      if places[text] == nil {
        places[text] = table.count
        table += Array(text.utf8) + [0]
      }
      dynamic.append(littleEndian: tag)
      dynamic.append(littleEndian: UInt64(places[text] ?? 0) &+ shift)
    }
    if !isTerminated { table.removeLast() }
    dynamic.append(littleEndian: Int64(5))
    dynamic.append(littleEndian: stringsAddress ?? strings + base)
    dynamic += [UInt8](repeating: 0, count: 16)
    var segment = SegmentBuilder.Segment(type: 2, dynamic + table)
    segment.size = UInt64(dynamic.count)
    segment.alignment = 8
    return SegmentBuilder.bytes([segment], loads: true, base: base)
  }
}
