import Bytes
import ELFFile
import FixtureSupport
import Foundation
import Testing

private func read(_ bytes: [UInt8]) throws(Problem) -> ELFFile { try ELFFile(MemoryBytes(bytes)) }

@Suite struct ELFFileTests {
  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures")

  private func fixture(_ name: String) throws -> ELFFile {
    try ELFFile(FileBytes(path: Path(Self.fixtures.appending(path: name).path)))
  }

  // MARK: Identity

  @Test(
    arguments: [
      ([0x7F, 0x45, 0x4C, 0x46, 2, 1], .elf64LittleEndian),
      ([0x7F, 0x45, 0x4C, 0x46, 1, 1], .otherELF("32-bit little-endian")),
      ([0x7F, 0x45, 0x4C, 0x46, 2, 2], .otherELF("64-bit big-endian")),
      ([0x7F, 0x45, 0x4C, 0x46, 0, 9], .otherELF("class 0 data encoding 9")),
      ([0x7F, 0x45, 0x4C, 0x46, 2], nil), ([0x7F, 0x45, 0x4C], nil), ([], nil),
      (Array("!<arch>\n".utf8), .archive),
      (Array("!<thin>\n".utf8), .thinArchive), (Array("!<arch>".utf8), nil), (Array("!<arcX>\n".utf8), nil),
      ([1, 2, 3, 4, 5, 6, 7, 8], nil),
    ] as [([UInt8], ELFIdentity?)]) func identity(_ bytes: [UInt8], _ expected: ELFIdentity?)
  {
    #expect(ELFIdentity(prefix: unsafe ByteView(bytes.span.bytes)) == expected)
  }

  @Test func header() throws {
    var elf = ELFBuilder()
    elf.machine = 183
    elf.type = 2
    elf.flags = 0x1234
    elf.abi = (3, 5)
    elf.append([1], to: ".data", flags: 3)
    let file = try read(elf.bytes)
    #expect(file.machine == .aarch64)
    #expect(file.type == .executable)
    #expect(file.flags == 0x1234)
    #expect(file.abiVersion == 5)
    #expect(file.problems == [])
  }

  @Test func machines() {
    let names = [
      62: "x86-64", 183: "AArch64", 190: "CUDA", 243: "RISC-V", 21: "PowerPC 64", 999: "machine 999",
    ]
    for (number, name) in names { #expect(ELFMachine(rawValue: UInt16(number)).description == name) }
  }

  @Test func noELF() {
    for bytes in [
      [], Array("text".utf8), Array("!<arch>\n".utf8), [0x7F, 0x45, 0x4C, 0x46],
      [UInt8](repeating: 0, count: 100),
    ] as [[UInt8]] {
      let problem = #expect(throws: Problem.self) { try read(bytes) }
      #expect(problem?.code == .invalidValue)
    }
  }

  // MARK: Sections and segments

  @Test func sections() throws {
    var elf = ELFBuilder()
    elf.append([1, 2, 3, 4], to: ".data", flags: 3)
    elf.append([0x90], to: ".text", flags: 6)
    elf.sections.append(.init(".bss", type: 8, flags: 3, []))
    let file = try read(elf.bytes)
    #expect(file.sections.map(\.name) == ["", ".data", ".text", ".bss", ".shstrtab"])
    #expect(file.sections.map(\.index) == [0, 1, 2, 3, 4])
    let data = file.sections[1]
    #expect(data.offset == UInt64(elf.offset(of: .init(".data"))))
    #expect(data.size == 4)
    #expect(data.address == data.offset)
    #expect(data.isProgramData && data.hasContents && data.flags == ELFSectionFlags(rawValue: 3))
    #expect(file.sections[2].flags.contains(.executable))
    #expect(!file.sections[3].hasContents)
    #expect(!file.sections[0].hasContents)
    #expect(file.segments.map(\.type) == [.load])
    #expect(file.segments[0].isExecutable == false)
  }

  @Test func sectionOutsideTheFile() throws {
    for (offset, size) in [(UInt64.max, 1), (0, UInt64.max), (1 << 40, 16), (100, 1 << 20)]
      as [(UInt64, UInt64)]
    {
      var elf = ELFBuilder()
      var section = ELFBuilder.Section(".da\u{7}ta", flags: 2, [1, 2, 3])
      section.declaredOffset = offset
      section.declaredSize = size
      elf.sections.append(section)
      let problems = try read(elf.bytes).problems
      #expect(problems.map(\.code) == [.outOfBounds])
      #expect(problems.map(\.field) == ["section .da\\x07ta"])
    }
  }

  /// The segments are still there when the table of sections is not.
  @Test(arguments: [(40, UInt64.max), (40, 1 << 40), (40, 100_000)] as [(Int, UInt64)])
  func brokenSectionTable(_ field: Int, _ value: UInt64) throws {
    var bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    bytes.put(value, at: field)
    let file = try read(bytes)
    #expect(file.sections == [])
    #expect(file.segments.count == 1)
    #expect(file.problems.map(\.field) == ["section table"])
    #expect(file.problems.map(\.code) == [.outOfBounds])
  }

  @Test func sectionRowsOfAnotherSize() throws {
    var bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    bytes.put(UInt16(40), at: 58)
    #expect(throws: Never.self) { try read(bytes) }
    #expect((try? read(bytes))?.problems.map(\.field) == ["section table"])
  }

  @Test func namesOutsideTheTable() throws {
    var bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    let table = Int(bytes[40..<48].reversed().reduce(0) { $0 << 8 | UInt64($1) })
    bytes.put(UInt32.max, at: table + 64)
    bytes.put(UInt32.max, at: table + 128)
    let file = try read(bytes)
    #expect(file.sections.map(\.name) == ["", "", "", ".shstrtab"])
    // Once, not for every section.
    #expect(file.problems.map(\.field) == ["section name"])
    // The table of names is no such table.
    var other = bytes
    other.put(UInt16(1), at: 62)
    #expect(try read(other).problems.contains { $0.field == "section name" })
  }

  @Test func programHeadersOutsideTheFile() throws {
    for offset in [UInt64.max, 1 << 40, 1_000_000] {
      var bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
      bytes.put(offset, at: 32)
      let file = try read(bytes)
      #expect(file.segments == [])
      #expect(file.problems.map(\.field) == ["program header table"])
    }
  }

  @Test func addresses() throws {
    let load = SegmentBuilder.Segment(type: 1, [UInt8](repeating: 1, count: 32))
    let bytes = SegmentBuilder.bytes([load], base: 0x1000)
    let file = try read(bytes)
    let start = UInt64(bytes.count - 32)
    #expect(file.fileOffset(ofAddress: 0x1000 + start) == start)
    #expect(file.fileOffset(ofAddress: 0x1000 + start + 31) == start + 31)
    #expect(file.fileOffset(ofAddress: 0x1000 + start + 32) == nil)
    #expect(file.fileOffset(ofAddress: 0x1000 + start - 1) == nil)
    #expect(file.fileOffset(ofAddress: 0) == nil)
    #expect(file.fileOffset(ofAddress: .max) == nil)
  }

  // MARK: Dynamic section

  @Test func dynamicEntries() throws {
    let file = try read(
      DynamicBuilder([
        (1, "libc.so.6"), (14, "libmine.so.1"), (1, "libcudart.so.13"), (15, "/old:/older"),
        (29, "$ORIGIN:$ORIGIN/../lib"),
        (30, ""), (0x6000_0001, "other"),
      ]).bytes)
    #expect(file.dynamic.needed == ["libc.so.6", "libcudart.so.13"])
    #expect(file.dynamic.soname == "libmine.so.1")
    #expect(file.dynamic.rpath == ["/old", "/older"])
    #expect(file.dynamic.runpath == ["$ORIGIN", "$ORIGIN/../lib"])
    #expect(file.problems == [])
  }

  @Test func longAndForeignNames() throws {
    let long = String(repeating: "l", count: 5000) + ".so"
    #expect(try read(DynamicBuilder([(1, long), (1, "übel.so")]).bytes).dynamic.needed == [long, "übel.so"])
  }

  /// An entry behind the end marker does not count.
  @Test func endOfTheDynamicSection() throws {
    #expect(try read(DynamicBuilder([(1, "a.so"), (0, "end"), (1, "b.so")]).bytes).dynamic == ELFDynamic())
  }

  @Test func stringsOutsideTheFile() throws {
    var builder = DynamicBuilder([(1, "libc.so.6")])
    builder.stringsAddress = 1
    #expect(try read(builder.bytes).dynamic == ELFDynamic())
    builder.stringsAddress = nil
    for shift in [1 << 40, UInt64.max - 1 << 20] {
      builder.shift = shift
      #expect(try read(builder.bytes).dynamic.needed == [])
      #expect(try read(builder.bytes).problems.map(\.field) == ["dynamic string"])
    }
    builder.shift = 0
    builder.isTerminated = false
    #expect(
      try read(builder.bytes).problems == [
        Problem(.truncated, "dynamic string", at: UInt64(builder.bytes.count - 9))
      ])
  }

  @Test func dynamicSegmentOutsideTheFile() throws {
    for (offset, size) in [(UInt64.max, 16), (0, 1 << 19), (0, 1 << 30), (1 << 63, 16)] as [(UInt64, UInt64)]
    {
      var segment = SegmentBuilder.Segment(type: 2, [UInt8](repeating: 0, count: 32))
      segment.offset = offset
      segment.size = size
      let file = try read(SegmentBuilder.bytes([segment]))
      #expect(file.problems.map(\.field) == ["dynamic segment"])
    }
  }

  // MARK: Notes

  private func note(_ owner: String, _ type: UInt32, _ contents: [UInt8], alignment: Int = 4) -> [UInt8] {
    var note: [UInt8] = []
    note.append(littleEndian: UInt32(owner.utf8.count + 1))
    note.append(littleEndian: UInt32(contents.count))
    note.append(littleEndian: type)
    note += Array(owner.utf8) + [0]
    note.pad(to: alignment)
    note += contents
    note.pad(to: alignment)
    return note
  }

  @Test func notes() throws {
    let file = try read(
      SegmentBuilder.bytes([
        .init(type: 4, note("GNU", 3, [1, 2, 3, 4, 5]) + note("Custom", 7, [])),
        .init(type: 4, note("Xen", 1, [9])),
      ]))
    #expect(file.notes.map(\.owner) == ["GNU", "Custom", "Xen"])
    #expect(file.notes.map(\.type) == [3, 7, 1])
    #expect(file.notes.map(\.description) == [[1, 2, 3, 4, 5], [], [9]])
    #expect(file.buildID == [1, 2, 3, 4, 5])
    #expect(file.problems == [])
  }

  @Test func notesAlignedTo8() throws {
    var segment = SegmentBuilder.Segment(
      type: 4, note("GNU", 5, [1, 2, 3, 4], alignment: 8) + note("GNU", 3, [7], alignment: 8))
    segment.alignment = 8
    #expect(try read(SegmentBuilder.bytes([segment])).buildID == [7])
  }

  @Test func brokenNotes() throws {
    let good = note("GNU", 3, [1, 2, 3, 4])
    for field in [0, 4] {
      for value in [UInt32.max, 1 << 30, 17] {
        var broken = good
        broken.put(value, at: field)
        #expect(
          try read(SegmentBuilder.bytes([.init(type: 4, broken)])).notes.allSatisfy {
            $0.description.count <= 4
          })
      }
    }
    for count in 0..<good.count {
      #expect(try read(SegmentBuilder.bytes([.init(type: 4, Array(good[..<count]))])).buildID == nil)
    }
    var outside = SegmentBuilder.Segment(type: 4, good)
    outside.offset = .max
    #expect(try read(SegmentBuilder.bytes([outside])).problems.map(\.field) == ["note segment"])
  }

  // MARK: Real files

  @Test func realFiles() throws {
    let needs = try fixture("host/needs.so")
    #expect(!needs.dynamic.needed.isEmpty)
    #expect(needs.problems == [])
    #expect(try fixture("host/aarch64-wrapped.so").machine == .aarch64)
    #expect(try fixture("host/no-sections.so").sections.allSatisfy { !$0.hasContents })
  }

  // MARK: Archives

  private func list(_ bytes: [UInt8]) throws -> ([ArchiveMember], [Problem]) {
    let (members, problems) = try ArchiveMember.list(MemoryBytes(bytes))
    let tree = try TemporaryTree()
    let (inFile, fileProblems) = try ArchiveMember.list(
      FileBytes(path: Path(try tree.write(bytes, to: "lib.a"))))
    #expect(inFile.map(\.name) == members.map(\.name))
    #expect(inFile.map(\.range) == members.map(\.range))
    #expect(fileProblems == problems)
    return (members, problems)
  }

  @Test func members() throws {
    let (members, problems) = try list(
      ArchiveBuilder.bytes([("a.o", [1, 2, 3]), ("b.o", [4]), ("c.o", [])]))
    #expect(members.map(\.name) == ["a.o", "b.o", "c.o"])
    #expect(members.map(\.range) == [68..<71, 132..<133, 194..<194])
    #expect(problems == [])
  }

  /// The index of symbols has the name of a slash. That of CUPTI's static library has 40 MB, and nothing in it is needed.
  @Test func largeIndexOfSymbols() throws {
    let index = [UInt8](repeating: 0, count: 34 << 20)
    let (members, problems) = try list(ArchiveBuilder.bytes([("", index), ("a.o", [1, 2, 3])]))
    #expect(members.map(\.name) == ["a.o"])
    #expect(problems == [])
  }

  @Test func realArchive() throws {
    let (members, problems) = try ArchiveMember.list(
      FileBytes(path: Path(Self.fixtures.appending(path: "units/three.a").path)))
    #expect(members.count == 3)
    #expect(members.allSatisfy { $0.name.hasSuffix(".o") })
    #expect(problems == [])
  }

  @Test func memberPastTheEnd() throws {
    var bytes = ArchiveBuilder.bytes([("a.o", [1, 2, 3, 4])])
    bytes.replaceSubrange(56..<66, with: Array("9999999999".utf8))
    let (members, problems) = try list(bytes)
    #expect(members.map(\.name) == ["a.o"])
    #expect(problems.map(\.code) == [.truncated])
    #expect(problems.map(\.offset) == [68])
  }

  @Test func brokenMemberHeaders() throws {
    let good = ArchiveBuilder.bytes([("a.o", [1, 2, 3, 4]), ("b.o", [5, 6])])
    // The second header's size, its end mark, all of it.
    for (range, text) in [
      (72 + 48..<72 + 58, "nonsense  "), (72 + 58..<72 + 60, "xx"), (72..<82, "          "),
    ] {
      var bytes = good
      bytes.replaceSubrange(range, with: Array(text.utf8))
      let (members, _) = try list(bytes)
      #expect(members.first?.name == "a.o")
    }
    let (members, problems) = try list(good + Array("rest".utf8))
    #expect(members.count == 2)
    #expect(problems.map(\.code) == [.invalidValue])
    #expect(throws: Problem.self) { try ArchiveMember.list(MemoryBytes([1, 2, 3])) }
  }

  /// A member is read where it lies in the library, in a file as in memory.
  @Test func memberAsELF() throws {
    var object = ELFBuilder()
    object.type = 1
    object.append([1, 2, 3], to: ".data")
    let bytes = ArchiveBuilder.bytes([("a.o", object.bytes), ("b.o", object.bytes)])
    let tree = try TemporaryTree()
    for source in [
      MemoryBytes(bytes) as any ByteSource, try FileBytes(path: Path(try tree.write(bytes, to: "lib.a"))),
    ] {
      for member in try ArchiveMember.list(source).0 {
        let file = try ELFFile(SubrangeBytes(source, member.range))
        #expect(file.type == .relocatable)
        #expect(file.sections.map(\.name) == ["", ".data", ".shstrtab"])
      }
      // A part that is no member.
      #expect(throws: Problem.self) { try ELFFile(SubrangeBytes(source, 100..<source.size)) }
    }
  }
}
