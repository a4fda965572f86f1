import Bytes
import ELFFile

extension ELFFile {
  /// The sections with what a program never changes, its texts among them.
  var readOnlyData: [ELFSection] {
    sections.filter { $0.isProgramData && $0.hasContents && $0.name.hasPrefix(".rodata") }
  }
}

extension SubrangeBytes {
  /// Bytes that are searched at a time.
  private static let step = 1 << 20

  /// Calls `body` with the bytes, a part at a time, until it returns true.
  ///
  /// Each part has the first bytes of the next one at its end, so that no text of `longest` bytes is cut, and the first has a NUL
  /// in front, because what starts the bytes starts a text.
  func forEachPart(
    overlapping longest: Int, _ field: StaticString, _ body: ([UInt8]) -> Bool
  ) throws(Problem) {
    var start: UInt64 = 0
    while start < size {
      var part = try bytes(at: start, count: Int(min(size - start, UInt64(Self.step + longest))), field)
      if start == 0 { part.insert(0, at: 0) }
      if body(part) { return }
      start += UInt64(Self.step)
    }
  }
}
