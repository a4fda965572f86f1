import Bytes
import DeviceCode
import FixtureSupport
import Testing

/// The records that tie fat binaries to the code that registers them.
@Suite struct WrapperTests {
  /// A library with two parts of relocatable code and what was device-linked from them.
  private func linked(_ type: UInt16 = 3, preLinked: Bool = true) -> ELFBuilder {
    var elf = ELFBuilder()
    elf.type = type
    let parts = [
      elf.add(FatBinaryBuilder("sm_80", "compute_80"), to: "__nv_relfatbin"),
      elf.add(FatBinaryBuilder("sm_80"), to: "__nv_relfatbin"),
    ]
    let whole = elf.append(FatBinaryBuilder("sm_80").bytes, to: ".nv_fatbin")
    elf.addWrapper(of: whole, preLinked: preLinked ? parts : [])
    return elf
  }

  @Test(arguments: [ELFBuilder.PointerStyle.inPlace, .relocated], [3, 2] as [UInt16])
  func bothVersions(_ style: ELFBuilder.PointerStyle, _ type: UInt16) {
    var elf = linked(type)
    elf.pointerStyle = style
    let file = inspect(elf)
    #expect(file.problems == [])
    #expect(file.inventory.modules.map(\.place) == [.relocatable, .relocatable, .registered])
    #expect(file.inventory.modules.map(\.wrapperVersion) == [1, 1, 2])
    #expect(file.inventory.modules.map(\.preLinked) == [[], [], [0, 1]])
    #expect(file.inventory.images.map(\.isRelocatable) == [true, true, true, false])
  }

  /// In an object file all pointers are relocations with a symbol.
  @Test func objectFile() {
    let file = inspect(linked(1))
    #expect(file.problems == [])
    #expect(file.inventory.modules.map(\.wrapperVersion) == [1, 1, 2])
    #expect(file.inventory.modules.map(\.preLinked) == [[], [], [0, 1]])
  }

  @Test func objectFilesInAStaticLibrary() {
    let object = linked(1).bytes
    let file = inspect(ArchiveBuilder.bytes([("a.o", object), ("b.o", object)]))
    #expect(file.problems == [])
    #expect(file.inventory.modules.map(\.member) == ["a.o", "a.o", "a.o", "b.o", "b.o", "b.o"])
    #expect(file.inventory.modules.map(\.preLinked) == [[], [], [0, 1], [], [], [3, 4]])
    #expect(file.inventory.modules.map(\.index) == [0, 1, 2, 3, 4, 5])
    #expect(file.inventory.images.map(\.module) == [0, 0, 1, 2, 3, 3, 4, 5])
    let starts = file.inventory.modules.map(\.offset)
    #expect(starts == starts.sorted())
    #expect(starts[3] - starts[0] == UInt64(object.count + object.count % 2 + 60))
  }

  /// nvcc leaves the list to be filled when the program starts: all registered parts may belong to it.
  @Test func listInZeroInitialisedMemory() {
    var elf = linked(preLinked: false)
    elf.sections.append(.init(".bss", type: 8, flags: 3, []))
    elf.pointers.removeAll { $0.to.section == ".data" }
    let file = inspect(elf)
    #expect(file.inventory.modules.map(\.preLinked) == [[], [], [0, 1]])
    #expect(file.problems == [])
  }

  /// An address past the segment's bytes in the file is memory that starts as zeros.
  @Test func listBehindTheFileContents() throws {
    var bytes = linked().bytes
    let wrapper = try #require(wrapperOffsets(bytes).last)
    bytes.put(UInt64(1) << 30, at: wrapper + 16)
    #expect(inspect(bytes).inventory.modules.map(\.preLinked) == [[], [], [0, 1]])
  }

  @Test func emptyList() throws {
    var bytes = linked().bytes
    let wrapper = try #require(wrapperOffsets(bytes).last)
    let list = Int(bytes.value(at: wrapper + 16))
    bytes.put(UInt64(0), at: list)
    #expect(inspect(bytes).inventory.modules.map(\.preLinked) == [[], [], []])
    #expect(inspect(bytes).problems == [])
  }

  private func wrapperOffsets(_ bytes: [UInt8]) -> [Int] {
    stride(from: 0, to: bytes.count - 24, by: 8).filter { bytes[$0..<$0 + 4] == [0xB1, 0x43, 0x62, 0x46] }
  }

  @Test func withoutSections() {
    var elf = linked()
    elf.hasSectionTable = false
    let file = inspect(elf)
    // Relocatable code cannot be told without section names: what is registered counts as registered.
    #expect(file.inventory.modules.map(\.wrapperVersion).contains(2))
    #expect(Set(file.inventory.modules.map(\.place)) == [.registered])
    #expect(file.inventory.modules.map(\.preLinked.count).max() == 2)
    #expect(file.problems == [])
  }

  @Test func embeddedButRegistered() {
    var elf = ELFBuilder()
    elf.add(FatBinaryBuilder("sm_80"), to: ".rodata")
    elf.append(FatBinaryBuilder("sm_90").bytes, to: ".rodata")
    #expect(inspect(elf).inventory.modules.map(\.place) == [.registered, .embedded])
  }

  @Test func unknownVersion() throws {
    var bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    let wrapper = try #require(wrapperOffsets(bytes).first)
    bytes.put(UInt32(3), at: wrapper + 4)
    #expect(inspect(bytes).faults == [Fault(.unknownValue, "wrapper version", UInt64(wrapper + 4))])
    #expect(inspect(bytes).inventory.modules.map(\.wrapperVersion) == [3])
  }

  @Test func paddingAndGarbage() throws {
    var elf = ELFBuilder()
    elf.add(FatBinaryBuilder("sm_80"))
    elf.append([UInt8](repeating: 0, count: 24), to: ".nvFatBinSegment")
    elf.add(FatBinaryBuilder("sm_90"))
    #expect(inspect(elf).problems == [])
    #expect(inspect(elf).inventory.modules.map(\.wrapperVersion) == [1, 1])
    elf.append([UInt8](repeating: 7, count: 24), to: ".nvFatBinSegment")
    let start = UInt64(elf.offset(of: .init(".nvFatBinSegment")))
    #expect(inspect(elf).faults == [Fault(.invalidValue, "wrapper magic", start + 72)])
    elf.append([1, 2, 3], to: ".nvFatBinSegment")
    #expect(inspect(elf).faults.last?.field == "section .nvFatBinSegment")
  }

  @Test func pointerThatLeadsElsewhere() throws {
    let bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    let wrapper = try #require(wrapperOffsets(bytes).first)
    for address in [1, 1 << 40, UInt64.max] {
      var broken = bytes
      broken.put(address, at: wrapper + 8)
      #expect(inspect(broken).faults == [Fault(.mismatch, "wrapper's fat binary", UInt64(wrapper + 8))])
      #expect(inspect(broken).inventory.modules.map(\.wrapperVersion) == [nil])
    }
  }

  /// What was stripped of its device code keeps wrappers of nothing.
  @Test func nullPointer() throws {
    var bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    let wrapper = try #require(wrapperOffsets(bytes).first)
    bytes.put(UInt64(0), at: wrapper + 8)
    #expect(inspect(bytes).problems == [])
  }

  @Test func partThatIsNone() throws {
    var bytes = linked().bytes
    let wrapper = try #require(wrapperOffsets(bytes).last)
    let list = Int(bytes.value(at: wrapper + 16))
    bytes.put(UInt64(64), at: list + 8)
    #expect(inspect(bytes).faults == [Fault(.mismatch, "pre-linked fat binary", UInt64(list + 8))])
    #expect(inspect(bytes).inventory.modules.map(\.preLinked) == [[], [], [0]])
  }

  /// Relocation tables that lead outside, with symbols and sections that are none.
  @Test func brokenRelocations() {
    var elf = linked(1)
    let bytes = elf.bytes
    for offset in stride(from: bytes.count - 64 * 12, to: bytes.count, by: 4) {
      var broken = bytes
      broken.put(UInt32.max, at: offset)
      #expect(inspect(broken).inventory.modules.count <= 3)
    }
    elf.type = 3
    elf.pointerStyle = .relocated
    elf.sections.append(.init(".rela.more", type: 4, flags: 2, [UInt8](repeating: 0xFF, count: 24)))
    #expect(inspect(elf).inventory.modules.map(\.wrapperVersion) == [1, 1, 2])
    elf.sections[elf.sections.count - 1].declaredSize = 1 << 50
    #expect(inspect(elf).codes.contains(.outOfBounds))
  }
}
