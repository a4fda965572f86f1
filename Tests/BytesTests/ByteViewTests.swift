import Bytes
import Testing

@Suite struct ByteViewTests {
  static let bytes: [UInt8] = [0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88, 0x09]

  @Test func integersAreLittleEndian() throws {
    let view = unsafe ByteView(Self.bytes.span.bytes)
    #expect(try view.u8(8, "f") == 0x09)
    #expect(try view.u16(0, "f") == 0x8201)
    #expect(try view.u16(7, "f") == 0x0988)
    #expect(try view.u32(1, "f") == 0x0584_0382)
    #expect(try view.u64(0, "f") == 0x8807_8605_8403_8201)
    #expect(try view.load(Int16.self, at: 0, "f") == Int16(bitPattern: 0x8201))
  }

  /// The last place that holds an integer, and every kind of place that does not.
  @Test func bounds() throws {
    let view = unsafe ByteView(Self.bytes.span.bytes, base: 1000)
    #expect(try view.u64(1, "f") == 0x0988_0786_0584_0382)
    for offset in [2, 8, 9, 10, Int.max, -1, Int.min] {
      let problem = #expect(throws: Problem.self) {
        try ByteView(unsafe Self.bytes.span.bytes, base: 1000).u64(offset, "f")
      }
      #expect(problem == Problem(.truncated, "f", at: 1000 &+ UInt64(bitPattern: Int64(offset))))
    }
    #expect(throws: Problem(.truncated, "f", at: 1009)) {
      try ByteView(unsafe Self.bytes.span.bytes, base: 1000).u8(9, "f")
    }
    #expect(throws: Problem(.truncated, "f", at: 1008)) {
      try ByteView(unsafe Self.bytes.span.bytes, base: 1000).u16(8, "f")
    }
    #expect(throws: Problem(.truncated, "f", at: 1006)) {
      try ByteView(unsafe Self.bytes.span.bytes, base: 1000).u32(6, "f")
    }
  }

  @Test func emptyView() {
    let none: [UInt8] = []
    #expect(throws: Problem(.truncated, "f", at: 5)) {
      try ByteView(unsafe none.span.bytes, base: 5).u8(0, "f")
    }
    #expect(unsafe ByteView(none.span.bytes).count == 0)
    #expect(unsafe ByteView(none.span.bytes).text() == "")
  }

  @Test func slices() throws {
    let view = unsafe ByteView(Self.bytes.span.bytes, base: 1000)
    let slice = try view.slice(2..<6, "f")
    #expect(slice.base == 1002)
    #expect(slice.count == 4)
    #expect(try slice.u32(0, "f") == 0x8605_8403)
    #expect(try view.slice(9..<9, "f").count == 0)
    for range in [5..<10, -1..<3, 10..<10, 0..<Int.max] {
      let problem = #expect(throws: Problem.self) {
        _ = try ByteView(unsafe Self.bytes.span.bytes, base: 1000).slice(range, "part").count
      }
      #expect(problem?.code == .outOfBounds)
      #expect(problem?.offset == 1000 &+ UInt64(bitPattern: Int64(range.lowerBound)))
    }
    // A slice knows only its own bytes.
    let problem = #expect(throws: Problem.self) {
      try ByteView(unsafe Self.bytes.span.bytes, base: 1000).slice(2..<6, "f").u32(1, "inner")
    }
    #expect(problem == Problem(.truncated, "inner", at: 1003))
  }

  @Test func text() {
    let text = Array("name\0rest".utf8)
    #expect(unsafe ByteView(text.span.bytes).text() == "name")
    let open = Array("name".utf8)
    #expect(unsafe ByteView(open.span.bytes).text() == "name")
    let bad: [UInt8] = [0x61, 0xFF, 0x62, 0]
    #expect(unsafe ByteView(bad.span.bytes).text() == "a\u{FFFD}b")
  }
}
