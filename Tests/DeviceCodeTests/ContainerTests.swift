import Bytes
import DeviceCode
import ELFFile
import FixtureSupport
import Testing

/// What a file is, by its content, and what is said about files that end early or change.
@Suite struct ContainerTests {
  static let library = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "compute_80")])

  @Test func hostELF() {
    let file = inspect(Self.library)
    #expect(file.format == .elf)
    #expect(file.elf?.machine.description == "x86-64")
    #expect(file.size == UInt64(Self.library.bytes.count))
    #expect(file.problems == [])
  }

  @Test(
    arguments: [
      (1, 1, "32-bit little-endian ELF"), (1, 2, "32-bit big-endian ELF"), (2, 2, "64-bit big-endian ELF"),
      (3, 1, "class 3 little-endian ELF"), (2, 0, "64-bit data encoding 0 ELF"),
    ] as [(UInt8, UInt8, String)]) func otherELF(_ fileClass: UInt8, _ encoding: UInt8, _ name: String)
  {
    var elf = Self.library
    elf.fileClass = fileClass
    elf.encoding = encoding
    #expect(inspect(elf).format == .unsupported(name))
    #expect(inspect(elf).problems == [])
  }

  @Test(arguments: 4..<64) func cutELFHeader(count: Int) {
    let file = inspect(Array(Self.library.bytes[..<count]))
    #expect(file.format == .elf)
    #expect(file.faults == [Fault(.truncated, "ELF header", 0)])
  }

  @Test(
    arguments: [
      [], [0x7F], [0x7F, 0x45, 0x4C], [0x50, 0xED, 0x55], [0, 0, 0, 0, 0], Array("!<arch>".utf8),
    ] as [[UInt8]])
  func nothing(_ bytes: [UInt8]) {
    #expect(inspect(bytes).format == .other)
    #expect(inspect(bytes).problems == [])
  }

  @Test func ltoIR() {
    var bytes: [UInt8] = [0xED, 0x43, 0x4E, 0x7F] + [UInt8](repeating: 0, count: 60)
    bytes.put(UInt16(1210), at: 0x1A)
    #expect(inspect(bytes).format == .ltoIR)
    #expect(inspect(bytes).targets == ["lto_121"])
    #expect(inspect(bytes).inventory.images.map(\.size) == [64])
    bytes.put(UInt32(0x0001_0020), at: 0x20)
    #expect(inspect(bytes).targets == ["lto_121a"])
    let file = inspect(Array(bytes[..<0x27]))
    #expect(file.inventory == Inventory())
    #expect(file.codes == [.truncated])
  }

  // MARK: Static libraries

  @Test func staticLibrary() {
    let file = inspect(
      ArchiveBuilder.bytes([
        ("a.o", Self.library.bytes), ("readme.txt", Array("text".utf8)),
        ("b.fatbin", FatBinaryBuilder("sm_90").bytes),
        ("c.cubin", CubinBuilder("sm_86").bytes),
        ("x.a", ArchiveBuilder.bytes([("y.o", Self.library.bytes)])),
      ]))
    #expect(file.format == .staticLibrary)
    #expect(file.targets == ["sm_80", "compute_80", "sm_90", "sm_86"])
    #expect(file.inventory.modules.map(\.member) == ["a.o", "b.fatbin", "c.cubin"])
    #expect(file.problems == [])
  }

  @Test func emptyStaticLibrary() {
    #expect(inspect(Array("!<arch>\n".utf8)).format == .staticLibrary)
    #expect(inspect(Array("!<arch>\n".utf8)).problems == [])
    #expect(
      inspect(Array("!<thin>\n".utf8)).format
        == .unsupported("thin static library, which only names its object files"))
  }

  @Test func staticLibraryThatEndsEarly() throws {
    let bytes = ArchiveBuilder.bytes([("a.o", Self.library.bytes), ("b.o", Self.library.bytes)])
    let tree = try TemporaryTree()
    for count in [8, 20, 67, 68, 69, 200, bytes.count / 2, bytes.count / 2 + 40, bytes.count - 1] {
      let cut = Array(bytes[..<count])
      let inMemory = inspect(cut)
      #expect(inMemory.problems.isEmpty == (count == 8), "\(count)")
      let file = InspectedFile(try FileBytes(path: Path(try tree.write(cut, to: "\(count).a"))))
      #expect(file.inventory == inMemory.inventory)
      #expect(file.problems == inMemory.problems)
    }
  }

  /// The same result from a file as from memory.
  @Test func filesAndMemoryAgree() throws {
    let tree = try TemporaryTree()
    let archive = ArchiveBuilder.bytes([("a.o", Self.library.bytes), ("b.o", Self.library.bytes)])
    for (index, bytes) in [Self.library.bytes, archive, FatBinaryBuilder("sm_80").bytes].enumerated() {
      let file = InspectedFile(try FileBytes(path: Path(try tree.write(bytes, to: "\(index)"))))
      #expect(file.inventory == inspect(bytes).inventory)
      #expect(file.problems == inspect(bytes).problems)
      #expect(file.format == inspect(bytes).format)
    }
  }

  // MARK: Sources that change

  /// Wherever the file was cut after it was opened: a problem, never a trap, and no image outside.
  @Test func fileThatShrinks() {
    let archive = ArchiveBuilder.bytes([("a.o", Self.library.bytes)])
    let fatBinary = FatBinaryBuilder("sm_80", "compute_80").bytes
    let text = Array(PTXText.text("sm_75").utf8)
    for bytes in [fatBinary, Self.library.bytes, CubinBuilder("sm_80").bytes, archive, text] {
      for left in stride(from: 0, to: bytes.count, by: 7) {
        let file = InspectedFile(ShrunkBytes(bytes, left: left))
        #expect(file.codes.contains(.changedWhileReading), "\(left) of \(bytes.count): \(file.problems)")
      }
    }
  }

  /// Longer than what is read first, so that the change shows later.
  @Test func largeFileThatShrinks() {
    var elf = Self.library
    elf.append([UInt8](repeating: 0x55, count: 300_000) + CubinBuilder("sm_90").bytes, to: ".rodata")
    let bytes = elf.bytes
    for left in [5000, 100_000, 301_000, bytes.count - 100] {
      #expect(InspectedFile(ShrunkBytes(bytes, left: left)).problems.isEmpty == false, "\(left)")
    }
    let plain = [UInt8](repeating: 0, count: 16) + [UInt8](repeating: 0, count: 100_000)
    let fatBinaries = FatBinaryBuilder("sm_80").bytes + plain + FatBinaryBuilder("sm_90").bytes
    #expect(InspectedFile(ShrunkBytes(fatBinaries, left: 20_000)).codes == [.changedWhileReading])
  }

  /// A file on disk that is cut while it is open, with its headers at the start.
  @Test(arguments: [1000, 4000, 60_000, 200_000, 400_000]) func openFileThatShrinks(left: Int) throws {
    var elf = ELFBuilder()
    elf.hasSectionTable = false
    elf.append(
      CubinBuilder("sm_75").bytes + [UInt8](repeating: 0x55, count: 500_000) + CubinBuilder("sm_90").bytes,
      to: ".rodata")
    let bytes = elf.bytes
    let tree = try TemporaryTree()
    let source = try FileBytes(path: Path(try tree.write(bytes, to: "file")))
    #expect(InspectedFile(source).targets == ["sm_75", "sm_90"])
    try tree.write(Array(bytes[..<left]), to: "file")
    let file = InspectedFile(source)
    // A part of the file is searched when all of it was read.
    #expect(file.targets == (left < 60_000 ? [] : ["sm_75"]))
    #expect(file.problems.map(\.code) == [.changedWhileReading])
    #expect(file.problems.allSatisfy { $0.offset == UInt64(left) })
  }

  @Test func sourceThatCannotBeRead() {
    final class Broken: ByteSource {
      let size: UInt64 = 1000
      func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
        throw Problem(.unreadable, "file", at: offset, observed: "Input/output error")
      }
    }
    let file = InspectedFile(Broken())
    #expect(file.format == .other)
    #expect(file.codes == [.unreadable])
  }
}
