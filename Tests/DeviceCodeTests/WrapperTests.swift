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

  // MARK: Device code that was removed

  /// A library with code that was device-linked from as many parts, whose section was emptied: all their wrappers point
  /// to what now lies there.
  private func pruned(_ parts: Int) -> ELFBuilder {
    var elf = ELFBuilder()
    elf.add(FatBinaryBuilder("sm_80"))
    let next = elf.append([1, 2, 3, 4, 5, 6, 7, 8], to: ".eh_frame_hdr", flags: 2)
    for _ in 0..<parts { elf.addWrapper(of: next) }
    let linked = elf.append(FatBinaryBuilder("sm_80").bytes, to: ".nv_fatbin")
    elf.addWrapper(of: linked, preLinked: [])
    elf.sections.append(.init(".bss", type: 8, flags: 3, []))
    return elf
  }

  @Test(arguments: [ELFBuilder.PointerStyle.inPlace, .relocated])
  func partsThatWereRemovedAfterDeviceLinking(_ style: ELFBuilder.PointerStyle) {
    var elf = pruned(217)
    elf.pointerStyle = style
    let file = inspect(elf)
    let offset = UInt64(elf.offset(of: .init(".nvFatBinSegment", 24 + 8)))
    #expect(file.absentCode == [AbsentCode(kind: .linkedParts, count: 217, offset: offset)])
    #expect(
      file.problems == [
        Problem(
          .absent, "relocatable device code", at: offset,
          observed: "217 wrappers of parts that were removed after device linking")
      ])
    #expect(!file.problems[0].isFailure)
    #expect(file.inventory.modules.map(\.wrapperVersion) == [1, 2])
    // Without parts nothing is left to be compiled.
    #expect(file.inventory.modules.map(\.preLinked) == [[], []])
  }

  /// Beside device-linked code, an address among the fat binaries is damage all the same.
  @Test func wrapperIntoAFatBinary() {
    var elf = pruned(2)
    elf.addWrapper(of: .init(".nv_fatbin", 16))
    #expect(inspect(elf).absentCode.map(\.kind) == [.misplaced, .linkedParts])
    #expect(inspect(elf).absentCode.map(\.count) == [1, 2])
    #expect(inspect(elf).problems.map(\.isFailure) == [true, false])
  }

  /// Without device-linked code the same addresses are a damage, told once.
  @Test func wrappersOfSomethingElse() {
    var elf = ELFBuilder()
    let other = elf.append([1, 2, 3, 4, 5, 6, 7, 8], to: ".rodata", flags: 2)
    for _ in 0..<5 { elf.addWrapper(of: other) }
    let offset = UInt64(elf.offset(of: .init(".nvFatBinSegment", 8)))
    #expect(inspect(elf).absentCode == [AbsentCode(kind: .misplaced, count: 5, offset: offset)])
    #expect(
      inspect(elf).problems == [
        Problem(
          .mismatch, "wrapper's fat binary", at: offset, expected: "the address of a fat binary",
          observed: "5 wrappers of something else")
      ])
  }

  /// What was stripped of its device code keeps wrappers of nothing.
  @Test func nullPointer() throws {
    var bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    let wrapper = try #require(wrapperOffsets(bytes).first)
    bytes.put(UInt64(0), at: wrapper + 8)
    let file = inspect(bytes)
    #expect(file.absentCode == [AbsentCode(kind: .removed, count: 1, offset: UInt64(wrapper + 8))])
    #expect(file.faults == [Fault(.absent, "registered device code", UInt64(wrapper + 8))])
  }

  /// The wrappers of all members are one fact.
  @Test func staticLibraryWithoutItsDeviceCode() throws {
    var elf = ELFBuilder()
    elf.type = 1
    elf.addWrapper(of: elf.append([], to: ".nv_fatbin"))
    elf.addWrapper(of: .init(".nv_fatbin"))
    elf.pointers = []
    let file = inspect(ArchiveBuilder.bytes([("a.o", elf.bytes), ("b.o", elf.bytes), ("c.o", elf.bytes)]))
    #expect(file.inventory == Inventory())
    #expect(file.absentCode.map(\.kind) == [.removed])
    #expect(file.absentCode.map(\.count) == [6])
    let first = UInt64(8 + 60 + elf.offset(of: .init(".nvFatBinSegment", 8)))
    #expect(file.absentCode.map(\.offset) == [first])
    #expect(file.problems.count == 1)
  }

  /// Fat binaries that are there and cannot be read are not reported again as wrappers of nothing.
  @Test func fatBinariesThatCannotBeRead() {
    var elf = ELFBuilder()
    elf.addWrapper(of: elf.append([UInt8](repeating: 7, count: 64), to: ".nv_fatbin"))
    #expect(inspect(elf).faults.map(\.field) == ["fat binary magic"])
    #expect(inspect(elf).absentCode == [])
  }

  @Test func wholeFilesHaveNone() {
    #expect(inspect(linked()).absentCode == [])
    #expect(inspect(linked(1)).absentCode == [])
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
