import Bytes
import DeviceCode
import FixtureSupport
import Testing

/// Small files that ask for much: memory, time, or an address that wraps.
@Suite struct HostileTests {
  /// A list of pre-linked parts whose relocations lie at the end of the address space.
  @Test func listAtTheEndOfTheAddressSpace() throws {
    var elf = ELFBuilder()
    elf.type = 1
    let linked = elf.append(FatBinaryBuilder("sm_80").bytes, to: ".nv_fatbin")
    let part = elf.append(FatBinaryBuilder("sm_80").bytes, to: "__nv_relfatbin")
    elf.addWrapper(of: linked, preLinked: [part])
    let list = try #require(elf.pointers.last?.at)
    let mark = 0x0123_4567
    let marked = ELFBuilder.Place(list.section, mark)
    for index in elf.pointers.indices {
      if elf.pointers[index].at == list { elf.pointers[index].at = marked }
      if elf.pointers[index].to == list { elf.pointers[index].to = marked }
    }
    var bytes = elf.bytes
    // The last whole pointer before the offset wraps to 0.
    let end = UInt64.max - 7 - UInt64(elf.offset(of: .init(list.section)))
    for place in stride(from: 0, to: bytes.count - 8, by: 8) where bytes.value(at: place) == UInt64(mark) {
      bytes.put(end, at: place)
    }
    let file = inspect(bytes)
    #expect(file.targets == ["sm_80", "sm_80"])
    #expect(file.inventory.modules.map(\.preLinked) == [[1], []])
  }

  @Test(arguments: [0, 1]) func tablesOfACubinOutsideTheFile(count: UInt16) {
    var cubin = CubinBuilder("sm_80").bytes
    cubin.put(UInt64(1) << 40, at: 32)
    cubin.put(count, at: 56)
    cubin.put(UInt16(56), at: 54)
    let file = inspect(cubin)
    if count == 0 {
      #expect(file.inventory.images.map(\.size) == [UInt64(cubin.count)])
      #expect(file.problems == [])
    } else {
      #expect(file.inventory.images == [])
      #expect(file.faults == [Fault(.outOfBounds, "cubin segment table", 32)])
    }
  }

  /// 60,000 rows of a section table that name the same bytes.
  @Test func sectionsThatClaimTheSameBytes() {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "sm_90")])
    let first = elf.sections[0]
    let place = UInt64(elf.offset(of: .init(first.name)))
    for _ in 0..<2000 {
      var copy = ELFBuilder.Section(first.name, flags: 2, [])
      copy.declaredOffset = place
      copy.declaredSize = UInt64(first.contents.count)
      elf.sections.append(copy)
    }
    let file = inspect(elf)
    #expect(file.targets == ["sm_80", "sm_90"])
    #expect(Set(file.codes) == [.overlap, .limitExceeded])
    #expect(file.problems.count == 1001)
  }

  @Test func segmentsThatClaimTheSameBytes() throws {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    elf.hasSectionTable = false
    var bytes = elf.bytes
    // A second program header, equal to the first, in place of the padding: the table moves to the end.
    let row = Array(bytes[64..<120])
    bytes.pad(to: 8)
    bytes.put(UInt64(bytes.count), at: 32)
    bytes.put(UInt16(3), at: 56)
    bytes += row + row + row
    let file = inspect(bytes)
    #expect(file.targets == ["sm_80"])
    #expect(file.codes == [.overlap, .overlap])
  }

  /// Relocation tables that lie over each other, so that reading all of them takes the square of the file's size.
  @Test(.timeLimit(.minutes(30))) func relocationTablesThatClaimTheSameBytes() {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    elf.pointerStyle = .relocated
    elf.append([UInt8](repeating: 1, count: 24 * 1000), to: ".rows")
    let place = UInt64(elf.offset(of: .init(".rows")))
    for _ in 0..<3000 {
      var table = ELFBuilder.Section(".rela.dyn", type: 4, flags: 2, [])
      table.declaredOffset = place
      table.declaredSize = 24 * 1000
      elf.sections.append(table)
    }
    let file = inspect(elf)
    #expect(file.targets == ["sm_80"])
    #expect(file.codes == [.limitExceeded])
  }

  /// A static library may have more members than any list of problems should have rows.
  @Test func problemsOfAStaticLibraryAreLimited() {
    var fatBinary = FatBinaryBuilder([.init(kind: 0x777, number: 80, payload: [1, 2, 3, 4, 5, 6, 7, 8])])
    fatBinary.entries = [FatBinaryBuilder.Entry](repeating: fatBinary.entries[0], count: 600)
    let object = ELFBuilder(fatBinaries: [fatBinary])
    let file = inspect(ArchiveBuilder.bytes([("a.o", object.bytes), ("b.o", object.bytes)]))
    #expect(file.format == .staticLibrary)
    #expect(file.inventory.images.count == 1200)
    #expect(file.problems.count == 1001)
    #expect(file.problems.last?.code == .limitExceeded)
  }

  /// Device-linked modules that all name one list of pre-linked parts.
  @Test func preLinkedListsAreLimited() {
    var elf = ELFBuilder()
    let part = elf.append(FatBinaryBuilder("sm_80").bytes, to: "__nv_relfatbin")
    let linked = elf.append(FatBinaryBuilder("sm_80").bytes, to: ".nv_fatbin")
    elf.addWrapper(of: linked, preLinked: [ELFBuilder.Place](repeating: part, count: 5000))
    let file = inspect(elf)
    #expect(file.inventory.modules.map(\.preLinked.count).max() == 2)
    #expect(file.codes == [.limitExceeded])
  }

  /// The start of PTX again and again: each place must cost little.
  @Test(.timeLimit(.minutes(30))) func manyStartsOfPTX() {
    var elf = ELFBuilder()
    let text = [UInt8](".version 7.8\n".utf8)
    elf.append((0..<50_000).flatMap { _ in text }, to: ".rodata")
    #expect(inspect(elf).inventory.images == [])
  }

  /// A compressed section that claims gigabytes for a few bytes.
  @Test func inflatedSizeThatNoStreamGives() {
    var contents: [UInt8] = []
    contents.append(littleEndian: UInt32(1))
    contents.append(littleEndian: UInt32(0))
    contents.append(littleEndian: UInt64(4) << 30)
    contents.append(littleEndian: UInt64(1))
    contents += [0x78, 0x9C, 3, 0, 0, 0, 0, 1]
    var elf = ELFBuilder()
    elf.sections.append(.init(".nv_fatbin", flags: 0x802, contents))
    #expect(inspect(elf).faults == [Fault(.limitExceeded, "size of a compressed section", 64 + 56 + 24)])
  }

  /// Names from a file reach messages only with their control characters escaped.
  @Test func namesInMessages() {
    var contents: [UInt8] = []
    contents.append(littleEndian: UInt32(77))
    contents += [UInt8](repeating: 0, count: 28)
    var elf = ELFBuilder()
    elf.sections.append(.init("\u{1B}[31m\u{202E}", flags: 0x802, contents))
    let problems = inspect(elf).problems
    #expect(problems.map(\.code) == [.unknownValue])
    #expect(problems.allSatisfy { $0.field == "compression type of section \\x1b[31m\\xe2\\x80\\xae" })
  }
}

@Suite struct SharedTableTests {
  /// Cubin headers in a row that all name one long section table whose last row is wrong.
  @Test func headersThatShareATableCostNoSquare() throws {
    let rows = 60_000
    let headers = 4_000
    let table = headers * 64
    var data = [UInt8](repeating: 0, count: table + rows * 64)
    for index in 0..<headers {
      var header = Array(CubinBuilder("sm_90").bytes.prefix(64))
      // Table offset (from this header), rows, no segments.
      let offset = UInt64(table - index * 64)
      for byte in 0..<8 { header[40 + byte] = UInt8(truncatingIfNeeded: offset >> (byte * 8)) }
      for byte in 32..<40 { header[byte] = 0 }
      (header[56], header[57]) = (0, 0)
      (header[58], header[59]) = (64, 0)
      (header[60], header[61]) = (UInt8(rows & 0xFF), UInt8(rows >> 8))
      data.replaceSubrange(index * 64..<index * 64 + 64, with: header)
    }
    // The last row: type PROGBITS, offset far outside.
    let last = table + (rows - 1) * 64
    data[last + 4] = 1
    for byte in 0..<8 { data[last + 24 + byte] = 0x7F }
    data[last + 32] = 1
    var elf = ELFBuilder()
    elf.append(data, to: ".rodata")
    let source = CountingBytes(elf.bytes)
    let file = InspectedFile(source)
    #expect(file.inventory.images.isEmpty)
    // Read again for each header, the tables would be 4,000 times as much.
    #expect(source.bytesRead < 20 * source.size)
  }
}
