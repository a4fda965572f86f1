import Bytes
import ELFFile
import FixtureSupport
import Testing

/// Small files that ask for much.
@Suite struct HostileTests {
  /// The extended number of sections is past the end of the file: the segments are still read.
  @Test(arguments: [100, 1 << 26, 1 << 31, 1 << 40, 1 << 63]) func numberOfSections(count: UInt64) throws {
    var elf = ELFBuilder()
    elf.append([1, 2, 3], to: ".data")
    var bytes = elf.bytes
    let table = bytes.indices.count - 64 * 3
    bytes.put(UInt64(table), at: 40)
    bytes.put(UInt16(0), at: 60)
    bytes.put(count, at: table + 32)
    let tree = try TemporaryTree()
    let path = Path(try tree.write(bytes, to: "many.so"))
    for source in [MemoryBytes(bytes) as any ByteSource, try FileBytes(path: path)] {
      if count > UInt32.max {
        // libelf believes no such file.
        #expect(throws: Problem.self) { try ELFFile(source) }
        continue
      }
      let file = try ELFFile(source)
      #expect(file.sections == [])
      #expect(file.segments.count == 1)
      #expect(file.problems.map(\.field) == ["section table"])
    }
  }

  /// An extended number of sections that fits is no error.
  @Test func extendedNumberOfSections() throws {
    var elf = ELFBuilder()
    elf.append([1, 2, 3], to: ".data")
    var bytes = elf.bytes
    let table = bytes.count - 64 * 3
    bytes.put(UInt16(0), at: 60)
    bytes.put(UInt64(3), at: table + 32)
    #expect(try ELFFile(MemoryBytes(bytes)).sections.map(\.name) == ["", ".data", ".shstrtab"])
  }

  /// Many sections with one long name.
  @Test func longNames() throws {
    var elf = ELFBuilder()
    elf.sections.append(.init(String(repeating: "n", count: 100_000), []))
    let file = try ELFFile(MemoryBytes(elf.bytes))
    #expect(file.sections[1].name == String(repeating: "n", count: 4096))
  }

  /// Many entries of the dynamic section that name one long string.
  @Test func longStrings() throws {
    let long = String(repeating: "x", count: 60_000)
    let dynamic = DynamicBuilder(
      [(Int64, String)](repeating: (1, long), count: 100) + [(14, "lib.so")])
    let file = try ELFFile(MemoryBytes(dynamic.bytes))
    #expect(file.dynamic.needed.count < 20)
    #expect(file.problems.map(\.code) == [.limitExceeded])
  }

  /// Many note segments over the same bytes.
  @Test func manyNotes() throws {
    var note: [UInt8] = []
    for value in [4, 400_000, 7] { note.append(littleEndian: UInt32(value)) }
    note += Array("GNU\0".utf8) + [UInt8](repeating: 1, count: 400_000)
    let bytes = SegmentBuilder.bytes(
      [SegmentBuilder.Segment](repeating: .init(type: 4, note), count: 1)
        + [SegmentBuilder.Segment](repeating: .init(type: 4, sameAs: 0), count: 50))
    let file = try ELFFile(MemoryBytes(bytes))
    #expect(file.notes.count == 2)
    #expect(file.problems.map(\.code) == [.limitExceeded])
  }
}
