import Bytes
import DeviceCode
import FixtureSupport
import FuzzSupport
import Testing

/// Device code in sections that may hold anything.
@Suite struct EmbeddedTests {
  private static let fatBinary = FatBinaryBuilder("sm_80", "compute_80").bytes
  private static let cubin = CubinBuilder("sm_90a").bytes
  /// One entry, compressed, so that nothing in it can be told.
  private static let sealed = FatBinaryBuilder([
    .ptx("compute_80", .zstd, payload: [UInt8](repeating: 9, count: 64))
  ]).bytes
  private static let ptx = Array(PTXText.text("sm_75").utf8) + [0]

  private func library(_ contents: [UInt8], section: String = ".rodata", flags: UInt64 = 2) -> ELFBuilder {
    var elf = ELFBuilder()
    elf.append(contents, to: section, flags: flags)
    return elf
  }

  @Test(arguments: [
    ".rodata", ".data", ".lrodata", ".ldata", ".cask_resource", ".data.rel.ro", "", ".nv_fatbin2",
  ])
  func anyDataSection(name: String) {
    let file = inspect(library(Self.fatBinary + Self.cubin + Self.ptx, section: name))
    #expect(file.targets == ["sm_80", "compute_80", "sm_90a", "compute_75"])
    #expect(file.inventory.modules.map(\.place) == [.embedded, .embedded, .embedded])
    #expect(file.inventory.modules.map(\.section) == [name, name, name])
    #expect(file.problems == [])
  }

  @Test(
    arguments: [
      (".text", 6), (".eh_frame", 2), (".debug_info", 0), (".gnu.version", 0), (".stabstr", 0),
      (".hip_fatbin", 2),
      (".zdebug_info", 0), (".comment", 0),
    ] as [(String, UInt64)]) func sectionsThatAreNotSearched(_ name: String, _ flags: UInt64)
  {
    let file = inspect(library(Self.fatBinary, section: name, flags: flags))
    #expect(file.inventory == Inventory())
    #expect(file.foreignDeviceCode == (name == ".hip_fatbin" ? ["AMD (.hip_fatbin)"] : []))
  }

  @Test func sectionsOfOtherTypes() {
    var elf = ELFBuilder()
    elf.sections.append(.init(".init_array", type: 14, flags: 3, Self.fatBinary))
    #expect(inspect(elf).inventory == Inventory())
  }

  /// A section that takes no memory at run time may still be read by the program.
  @Test func unallocatedSection() {
    #expect(inspect(library(Self.fatBinary, section: ".mine", flags: 0)).targets == ["sm_80", "compute_80"])
  }

  /// At every distance from the borders of what is read at a time.
  @Test(arguments: [511, 512, 4095, 4096, 32768, 65536, 262_144, 4 << 20]) func chunkBorders(border: Int) {
    for delta in [-81, -65, -16, -5, -4, -3, -2, -1, 0, 1, 2, 3, 7] {
      let fill = [UInt8](repeating: 0xAA, count: border + delta)
      var elf = ELFBuilder()
      elf.sections.append(.init(".rodata", flags: 2, fill + Self.cubin + [1, 2, 3] + Self.ptx))
      let file = inspect(elf)
      #expect(file.targets == ["sm_90a", "compute_75"], "\(border) \(delta)")
      let start = UInt64(elf.offset(of: .init(".rodata")) + fill.count)
      #expect(
        file.inventory.images.map(\.offset) == [start, start + UInt64(Self.cubin.count + 3)],
        "\(border) \(delta)")
    }
  }

  /// The last of several finds after long stretches without one.
  @Test func closeTogetherBehindALongStretch() {
    for stretch in [600, 1000, 5000, 40_000, 70_000, 300_000] {
      let fill = [UInt8](repeating: 0xAA, count: stretch)
      let file = inspect(library(fill + Self.ptx + Self.ptx + Self.ptx + fill + Self.ptx + Self.ptx))
      #expect(file.targets == [String](repeating: "compute_75", count: 5), "\(stretch)")
    }
  }

  /// Random layouts of known pieces, found exactly where they were put.
  @Test func randomLayouts() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<60 {
      var contents: [UInt8] = []
      var expected: [UInt64] = []
      for _ in 0..<Int.random(in: 1...12, using: &generator) {
        let room = [0, 8, 60, 500, 4000, 9000, 80_000].randomElement(using: &generator) ?? 0
        contents += [UInt8](repeating: 0xAA, count: Int.random(in: 0...room, using: &generator))
        let piece = [Self.cubin, Self.ptx, Self.fatBinary].randomElement(using: &generator) ?? []
        expected.append(UInt64(contents.count))
        contents += piece
      }
      let elf = library(contents)
      let start = UInt64(elf.offset(of: .init(".rodata")))
      let file = inspect(elf)
      #expect(file.inventory.modules.map(\.offset) == expected.map { $0 + start })
      #expect(file.problems == [])
    }
  }

  /// Device code inside other device code belongs to it.
  @Test func nestedCodeIsNotCountedTwice() {
    var outer = FatBinaryBuilder([
      .cubin("sm_80", .lz4, payload: [1, 2] + Self.cubin + Self.ptx + Self.fatBinary)
    ])
    outer.entries[0].uncompressedSize = 100_000
    #expect(inspect(library(outer.bytes)).targets == ["sm_80"])
    var cubin = CubinBuilder("sm_86")
    cubin.code = Self.ptx + Self.fatBinary
    #expect(inspect(library(cubin.bytes)).targets == ["sm_86"])
  }

  /// Bytes that look like device code at first.
  @Test func lookAlikes() {
    var version = Self.sealed
    version.put(UInt16(2), at: 4)
    var entry = Self.sealed
    entry.put(UInt16(0), at: 18)
    var size = Self.sealed
    size.put(UInt64(32), at: 8)
    var host = Self.cubin
    host.put(UInt16(62), at: 18)
    var noSections = Self.cubin
    noSections.put(UInt16(0), at: 60)
    let texts = [".version 7.8\n.text\0", "GLIBC.version\0", ".versio"]
    for contents in [version, entry, size, host, noSections] + texts.map({ Array($0.utf8) }) {
      let file = inspect(library(contents))
      #expect(file.inventory == Inventory())
      #expect(file.problems == [])
    }
    // Cut by the end of the section.
    for piece in [Self.fatBinary, Self.cubin] {
      #expect(inspect(library(Array(piece[..<60]))).inventory == Inventory())
    }
  }

  /// What writes or reads PTX has the directive by itself.
  @Test func mentionsOfPTX() {
    for (text, isMention) in [
      (".version ", true), ("\t.version %d.%d\0", true), ("Unsupported .version in", true),
      (".version\0", false),
      ("GLIBC.versions \0", false), (".version 7.8\n.target sm_75\n\0", false), ("nothing", false),
    ] {
      #expect(inspect(library(Array(text.utf8))).mentionsPTX == isMention, "\(text)")
      #expect(inspect(library(Self.ptx + Array(text.utf8))).mentionsPTX == isMention, "\(text)")
    }
    #expect(!inspect(library(Self.fatBinary + Self.ptx)).mentionsPTX)
    #expect(!inspect(library(Array(".version %d".utf8), section: ".text", flags: 6)).mentionsPTX)
    // Far into the section, where parts of several MiB are searched at once.
    let far = [UInt8](repeating: 1, count: 9 << 20) + Array("\t.version %d.%d\0".utf8)
    #expect(inspect(library(far)).mentionsPTX)
  }

  /// A module starts at the comments before `.version`, if nothing else precedes it.
  @Test func commentsBeforeTheVersion() {
    let text = "// made by hand\n.version 7.8\n.target sm_75\n\0"
    for (before, isPart) in [("\0", true), ("x\0", true), ("word ", false), ("\u{1}", true)] {
      let elf = library(Array((before + text).utf8))
      let start = UInt64(elf.offset(of: .init(".rodata")) + before.utf8.count)
      let file = inspect(elf)
      #expect(file.inventory.images.map(\.offset) == [isPart ? start : start + 16], "\(before)")
      #expect(file.inventory.images.map(\.size) == [UInt64(text.utf8.count - 1 - (isPart ? 0 : 16))])
    }
  }

  @Test func textWithoutTerminator() {
    let text = Array(".version 7.8\n.target sm_75\n".utf8)
    let file = inspect(library(text))
    #expect(file.inventory.images.map(\.size) == [UInt64(text.count)])
    // A long comment between the directives.
    let comment = "/* " + String(repeating: "x", count: 9000) + " */"
    #expect(
      inspect(library(Array(".version 7.8\n\(comment)\n.target sm_75\n".utf8))).targets == ["compute_75"])
  }

  @Test func withoutSections() {
    var elf = library(Self.fatBinary + Self.ptx)
    elf.hasSectionTable = false
    let file = inspect(elf)
    #expect(file.targets == ["sm_80", "compute_80", "compute_75"])
    #expect(file.inventory.modules.map(\.section) == ["LOAD[0]", "LOAD[0]"])
    #expect(file.problems == [])
  }

  // MARK: Compressed sections

  private func compressed(_ type: UInt32, _ size: Int, _ stream: [UInt8], name: String = ".rodata")
    -> ELFBuilder
  {
    var contents: [UInt8] = []
    contents.append(littleEndian: type)
    contents.append(littleEndian: UInt32(0))
    contents.append(littleEndian: UInt64(size))
    contents.append(littleEndian: UInt64(8))
    var elf = ELFBuilder()
    elf.sections.append(.init(name, flags: 0x802, contents + stream))
    return elf
  }

  /// A zlib stream of one stored block.
  private func stored(_ bytes: [UInt8]) -> [UInt8] {
    var stream: [UInt8] = [0x78, 0x01, 1]
    stream.append(littleEndian: UInt16(bytes.count))
    stream.append(littleEndian: ~UInt16(bytes.count))
    stream += bytes
    var low: UInt32 = 1
    var high: UInt32 = 0
    for byte in bytes {
      low = (low + UInt32(byte)) % 65521
      high = (high + low) % 65521
    }
    return stream + [high >> 8, high, low >> 8, low].map { UInt8(truncatingIfNeeded: $0) }
  }

  @Test(arguments: [
    (".rodata", Module.Place.embedded), (".nv_fatbin", .registered), ("__nv_relfatbin", .relocatable),
  ]) func inflated(_ name: String, _ place: Module.Place) {
    let file = inspect(compressed(1, Self.fatBinary.count, stored(Self.fatBinary), name: name))
    #expect(file.targets == ["sm_80", "compute_80"])
    #expect(file.inventory.modules.map(\.offset) == [0])
    #expect(file.inventory.modules.map(\.place) == [place])
    #expect(file.inventory.images.map(\.isRelocatable) == [place == .relocatable, place == .relocatable])
    #expect(file.problems == [])
  }

  @Test func inflatedSectionThatIsBroken() {
    let stream = stored(Self.fatBinary)
    func codes(_ elf: ELFBuilder) -> [Problem.Code] { inspect(elf).codes }
    #expect(codes(compressed(1, Self.fatBinary.count + 1, stream)) == [.mismatch])
    #expect(codes(compressed(1, Self.fatBinary.count - 1, stream)) == [.mismatch])
    #expect(codes(compressed(1, Self.fatBinary.count, Array(stream.dropLast(5)))) == [.truncated])
    #expect(codes(compressed(2, Self.fatBinary.count, stream)) == [.corruptData])
    #expect(codes(compressed(3, Self.fatBinary.count, stream)) == [.unknownValue])
    #expect(codes(compressed(1, 1 << 40, stream)) == [.limitExceeded])
    // Sections that would not be searched are not inflated.
    #expect(codes(compressed(3, 1, stream, name: ".eh_frame")) == [])
    var short = ELFBuilder()
    short.sections.append(.init(".rodata", flags: 0x802, [1, 0, 0, 0]))
    #expect(codes(short) == [.truncated])
    // Problems inside count from the start of the contents.
    var damaged = Self.fatBinary
    damaged.put(UInt16(9), at: 4)
    let file = inspect(compressed(1, damaged.count, stored(damaged), name: ".nv_fatbin"))
    #expect(file.faults == [Fault(.unknownValue, "fat binary version", 4)])
  }
}
