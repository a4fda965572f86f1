import Bytes
import DeviceCode
import FixtureSupport
import Testing

/// What the builders build is what the reader reads: else the tests on top of them say nothing.
struct BuilderTests {
  func read(_ bytes: [UInt8]) -> InspectedFile { InspectedFile(MemoryBytes(bytes)) }

  @Test func library() {
    let elf = ELFBuilder(fatBinaries: [
      FatBinaryBuilder("sm_70", "sm_90a", "compute_90"), FatBinaryBuilder("sm_80"),
    ])
    let file = read(elf.bytes)
    #expect(file.problems == [])
    #expect(file.format == .elf)
    #expect(file.inventory.images.map(\.targetName) == ["sm_70", "sm_90a", "compute_90", "sm_80"])
    #expect(file.inventory.modules.map(\.place) == [.registered, .registered])
    #expect(file.inventory.modules.map(\.wrapperVersion) == [1, 1])
    #expect(file.inventory.images[2].ptxISA == PTXISAVersion(7, 8))
    #expect(file.inventory.images[0].toolkit == "11.8")
  }

  @Test(arguments: [ELFBuilder.PointerStyle.inPlace, .relocated])
  func deviceLinkedLibrary(style: ELFBuilder.PointerStyle) {
    var elf = ELFBuilder()
    elf.pointerStyle = style
    let part = elf.add(FatBinaryBuilder("sm_80", "compute_80"), to: "__nv_relfatbin")
    let linked = elf.append(FatBinaryBuilder("sm_80").bytes, to: ".nv_fatbin")
    elf.addWrapper(of: linked, preLinked: [part])
    let file = read(elf.bytes)
    #expect(file.problems == [])
    #expect(file.inventory.modules.map(\.wrapperVersion) == [1, 2])
    #expect(file.inventory.modules.map(\.preLinked) == [[], [0]])
  }

  @Test func objectFile() throws {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80"), FatBinaryBuilder("sm_90")])
    elf.type = 1
    let file = read(elf.bytes)
    #expect(file.problems == [])
    #expect(file.inventory.modules.map(\.wrapperVersion) == [1, 1])
    let tree = try TemporaryTree()
    let members = [("a.o", elf.bytes), ("b.txt", [1, 2, 3]), ("c.o", elf.bytes)]
    let archive = InspectedFile(
      try FileBytes(path: Path(try tree.write(ArchiveBuilder.bytes(members), to: "lib.a"))))
    #expect(archive.format == .staticLibrary)
    #expect(archive.problems == [])
    #expect(archive.inventory.modules.map(\.member) == ["a.o", "a.o", "c.o", "c.o"])
  }

  @Test func withoutSectionTable() {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80"), FatBinaryBuilder("sm_90")])
    elf.hasSectionTable = false
    let file = read(elf.bytes)
    #expect(file.problems == [])
    #expect(file.inventory.modules.map(\.section) == ["LOAD[0]", "LOAD[0]"])
    #expect(file.inventory.modules.map(\.wrapperVersion) == [1, 1])
  }

  @Test func entriesOfEveryKind() {
    var named = FatBinaryBuilder.Entry.cubin("sm_75", .zstd)
    named.identifier = "kernel.cu"
    var member = FatBinaryBuilder.Entry.cubin("sm_100a")
    member.identifier = "member.cu"
    let fatBinary = FatBinaryBuilder([
      named, .ptx("compute_120f", isa: (9, 5), .lz4), .ltoIR("lto_75"),
      .concatenated([member, .ptx("compute_100f")]),
    ])
    let file = read(fatBinary.bytes)
    #expect(file.problems == [])
    #expect(file.format == .fatBinary)
    #expect(
      file.inventory.images.map(\.targetName) == [
        "sm_75", "compute_120f", "lto_75", "sm_100a", "compute_100f",
      ])
    #expect(file.inventory.images.map(\.compression) == [.zstd, .lz4, .none, .none, .none])
    #expect(file.inventory.images.map(\.identifier) == ["kernel.cu", nil, nil, "member.cu", nil])
  }

  @Test(arguments: [
    ("sm_35", 7), ("sm_90a", 7), ("sm_90", 8), ("sm_100a", 8), ("sm_121", 8),
  ])
  func cubin(target: String, abiVersion: UInt8) throws {
    var builder = CubinBuilder(Target(target), abiVersion: abiVersion)
    if abiVersion == 8 { builder.toolkit = "13.5" }
    let cubin = try Cubin(MemoryBytes(builder.bytes))
    #expect("sm_\(cubin.target)" == target)
    #expect(cubin.toolkit == (abiVersion == 8 ? "13.5" : "11.8"))
    #expect(cubin.size == UInt64(builder.bytes.count))
  }

  @Test func familySuffixOfACubin() throws {
    var builder = CubinBuilder("sm_100f", abiVersion: 8)
    builder.arguments = "-arch sm_100f -m 64"
    #expect(try "sm_\(Cubin(MemoryBytes(builder.bytes)).target)" == "sm_100f")
  }
}
