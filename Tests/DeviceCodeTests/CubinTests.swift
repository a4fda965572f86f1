import Bytes
import DeviceCode
import FixtureSupport
import Foundation
import Testing

@Suite struct CubinTests {
  private func cubin(_ builder: CubinBuilder) throws(Problem) -> Cubin {
    try Cubin(MemoryBytes(builder.bytes))
  }

  @Test(
    arguments: [
      (0x0023_0523, 7, "35"), (0x0032_055A, 7, "90"), (0x0032_0D5A, 7, "90a"), (0x0600_6402, 8, "100"),
      (0x0600_640A, 8, "100a"), (0x0600_5A04, 8, "90"), (0x0600_7802, 8, "120"), (0x0F00_640C, 8, "100a"),
      // A version that is not known yet is read like the newest that is.
      (0x0600_7802, 9, "120"), (0x0023_0523, 4, "35"),
    ] as [(UInt32, UInt8, String)]) func flags(_ flags: UInt32, _ version: UInt8, _ target: String)
  {
    #expect(Cubin.target(flags: flags, abiVersion: version).description == target)
  }

  @Test func abi7() throws {
    var builder = CubinBuilder("sm_90a")
    builder.version = 129
    let cubin = try cubin(builder)
    #expect(cubin.target == CodeTarget(90, .architectureSpecific))
    #expect(cubin.abiVersion == 7)
    #expect(cubin.toolkit == "12.9")
    #expect(!cubin.isRelocatable)
    #expect(cubin.compilerArguments == nil)
    #expect(cubin.size == UInt64(builder.bytes.count))
    builder.version = 1
    #expect(try self.cubin(builder).toolkit == nil)
  }

  @Test func abi8() throws {
    var builder = CubinBuilder("sm_100f", abiVersion: 8)
    #expect(try cubin(builder).toolkit == nil)
    builder.toolkit = "13.5"
    #expect(try cubin(builder).target == CodeTarget(100, .familySpecific))
    #expect(try cubin(builder).toolkit == "13.5")
    #expect(try cubin(builder).compilerArguments == "-arch sm_100f -m 64")
    builder.isRelocatable = true
    #expect(try cubin(builder).isRelocatable)
  }

  /// The arguments name the suffix; another number than the header's is not believed.
  @Test(arguments: [
    ("-arch sm_100a -m 64", "100a"), ("-m 64 --gpu-name sm_100f", "100f"), ("-gpu-name=sm_100f", "100f"),
    ("-arch sm_90a", "100"), ("-arch", "100"), ("-arch nonsense", "100"), ("", "100"), ("-m 64", "100"),
  ]) func arguments(_ text: String, _ target: String) throws {
    var builder = CubinBuilder("sm_100", abiVersion: 8)
    builder.arguments = text
    #expect(try cubin(builder).target.description == target)
    #expect(try cubin(builder).compilerArguments == text)
  }

  /// CuPy puts the SHA-1 of a cubin in front of it.
  @Test func fileOfCuPysCache() throws {
    let cubin = CubinBuilder("sm_89").bytes
    let digest = Array(String(repeating: "0123456789abcdef", count: 3).utf8)
    let file = InspectedFile(MemoryBytes(digest.prefix(40) + cubin))
    #expect(file.format == .cubin && file.problems.isEmpty)
    #expect(file.inventory.images.map(\.offset) == [40])
    #expect(file.inventory.images.map(\.target.description) == ["89"])
    for wrong in [digest.prefix(39), digest.prefix(41), Array("G".utf8) + digest.prefix(39)] {
      #expect(InspectedFile(MemoryBytes(wrong + cubin)).format == .other)
    }
  }

  @Test func compatibilityRecord() throws {
    var builder = CubinBuilder("sm_120", abiVersion: 8)
    builder.compatibilityRecord = true
    #expect(try cubin(builder).target == CodeTarget(120, .architectureSpecific))
  }

  /// A cubin with one more section of these contents.
  private func cubin(_ name: String, type: UInt32, _ contents: [UInt8], abiVersion: UInt8 = 8) throws(Problem)
    -> Cubin
  {
    var elf = ELFBuilder()
    elf.machine = 190
    elf.type = 2
    elf.abi = (0x41, abiVersion)
    elf.flags = 100 << 8
    elf.hasSegments = false
    elf.sections.append(.init(name, type: type, flags: 0, contents))
    return try Cubin(MemoryBytes(elf.bytes))
  }

  @Test(
    arguments: [
      // Byte value, other attribute, half-word, block with its own size, cut.
      ([2, 9, 1, 0], true), ([2, 9, 0, 0], false), ([2, 9, 2, 0], false), ([2, 8, 1, 0], false),
      ([3, 9, 1, 0], false),
      ([4, 7, 8, 0, 2, 9, 1, 0, 2, 9, 1, 0], false), ([4, 7, 4, 0, 2, 9, 1, 0, 2, 9, 1, 0], true),
      ([2, 2, 1, 0, 2, 5, 5, 0, 2, 9, 1, 0], true), ([2, 9, 1], false), ([4, 9, 0xFF, 0xFF], false),
      ([2], false),
      ([4, 1, 0, 0, 2, 9, 1, 0], true),
    ] as [([UInt8], Bool)]) func compatibilityRecords(_ records: [UInt8], _ isSpecific: Bool) throws
  {
    let cubin = try cubin(".nv.compat", type: 0x7000_0086, records)
    #expect(cubin.target.suffix == (isSpecific ? .architectureSpecific : .none))
  }

  private func note(_ type: UInt32, _ contents: [UInt8], owner: String = "NVIDIA Corp") -> [UInt8] {
    var note: [UInt8] = []
    note.append(littleEndian: UInt32(owner.utf8.count + 1))
    note.append(littleEndian: UInt32(contents.count))
    note.append(littleEndian: type)
    note += Array(owner.utf8) + [0]
    note.pad(to: 4)
    return note + contents
  }

  @Test func notes() throws {
    // u16 version, u16 SM, u16 release times 10.
    #expect(
      try cubin(".note.nv.cuinfo", type: 7, note(1000, [2, 0, 100, 0, 0x87, 0, 0, 0])).toolkit == "13.5")
    #expect(try cubin(".note.other", type: 7, note(3, [1, 2, 3, 4])).toolkit == nil)
    // Only ABI version 8 has such notes.
    #expect(
      try cubin(".note.nv.cuinfo", type: 7, note(1000, [2, 0, 100, 0, 0x87, 0]), abiVersion: 7).toolkit == nil
    )
  }

  /// Sizes and offsets in notes that lead outside.
  @Test func brokenNotes() throws {
    var long = note(1000, [2, 0, 100, 0, 0x87, 0])
    long.put(UInt32.max, at: 4)
    #expect(try cubin(".note.nv.cuinfo", type: 7, long).toolkit == nil)
    long.put(UInt32.max, at: 0)
    #expect(try cubin(".note.nv.cuinfo", type: 7, long).toolkit == nil)
    var strings = [UInt8](repeating: 0, count: 24) + Array("release 13.5".utf8)
    for offset in [4, 8, 12, 16, 20] { strings.put(UInt32.max, at: offset) }
    #expect(try cubin(".note.nv.tkinfo", type: 7, note(2000, strings)).toolkit == nil)
    strings.put(UInt32(0), at: 12)
    #expect(try cubin(".note.nv.tkinfo", type: 7, note(2000, strings)).toolkit == "13.5")
    strings = [UInt8](repeating: 0, count: 24) + Array("release".utf8)
    #expect(try cubin(".note.nv.tkinfo", type: 7, note(2000, strings)).toolkit == nil)
  }

  @Test func sectionsWithoutContents() throws {
    var elf = ELFBuilder()
    elf.machine = 190
    elf.hasSegments = false
    var shared = ELFBuilder.Section(".nv.shared.kernel", type: 8, flags: 3, [])
    shared.declaredSize = 1 << 40
    elf.sections.append(shared)
    #expect(try Cubin(MemoryBytes(elf.bytes)).size == UInt64(elf.bytes.count))
  }

  @Test(
    arguments: [
      (0, 0x7E), (4, 1), (5, 2), (18, 62), (58, 63), (54, 0x38),
    ] as [(Int, UInt8)]) func brokenHeaders(_ offset: Int, _ value: UInt8)
  {
    var bytes = CubinBuilder("sm_80").bytes
    bytes[offset] = value
    if offset == 54 {
      // Program headers of another size than the format's.
      bytes[54] = 0x40
      bytes[56] = 1
    }
    let problem = #expect(throws: Problem.self) { try Cubin(MemoryBytes(bytes)) }
    #expect(problem?.code == .invalidValue)
  }

  @Test(arguments: [32, 40]) func tableOffsets(field: Int) {
    for offset in [1 << 40, 1 << 48, UInt64.max] {
      var bytes = CubinBuilder("sm_80").bytes
      bytes.put(offset, at: field)
      bytes.put(UInt16(56), at: 54)
      bytes.put(UInt16(1), at: 56)
      #expect(throws: Problem.self) { try Cubin(MemoryBytes(bytes)) }
    }
  }

  @Test func sectionOutsideTheFile() {
    let bytes = CubinBuilder("sm_80").bytes
    let table = Int(bytes.value(at: 40))
    for (offset, size) in [(UInt64.max, 1), (0, UInt64.max), (UInt64(bytes.count), 1)] as [(UInt64, UInt64)] {
      var broken = bytes
      broken.put(offset, at: table + 64 + 24)
      broken.put(size, at: table + 64 + 32)
      let problem = #expect(throws: Problem.self) { try Cubin(MemoryBytes(broken)) }
      #expect(problem?.code == .outOfBounds)
      #expect(problem?.field == "cubin section 1")
      #expect(problem?.offset == UInt64(table + 64 + 24))
      #expect(inspect(broken).faults == [Fault(.outOfBounds, "cubin section 1", UInt64(table + 64 + 24))])
    }
  }

  @Test func everyCut() {
    var builder = CubinBuilder("sm_100f", abiVersion: 8)
    builder.toolkit = "13.5"
    let bytes = builder.bytes
    for count in 0..<bytes.count {
      #expect(throws: Problem.self) { try Cubin(MemoryBytes(Array(bytes[..<count]))) }
    }
  }

  @Test func standalone() throws {
    var builder = CubinBuilder("sm_90a")
    builder.isRelocatable = true
    let file = inspect(builder.bytes)
    #expect(file.format == .cubin)
    #expect(file.problems == [])
    let image = try #require(file.inventory.images.first)
    #expect(image.targetName == "sm_90a")
    #expect(image.isRelocatable)
    #expect(image.abiVersion == 7)
    #expect(image.toolkit == "11.8")
    #expect(file.inventory.modules.map(\.place) == [.standalone])
  }

  @Test func unknownABI() {
    var bytes = CubinBuilder("sm_120", abiVersion: 8).bytes
    bytes[8] = 9
    let file = inspect(bytes)
    #expect(file.targets == ["sm_120"])
    #expect(
      file.problems == [
        Problem(.unknownValue, "cubin ABI version", at: 8, expected: "at most 8", observed: "9")
      ])
  }

  // MARK: Measured headers

  private struct Header: Decodable {
    var toolkit: String
    var sm: String
    var abiVersion: UInt8
    var flags: String

    enum CodingKeys: String, CodingKey {
      case toolkit, sm
      case abiVersion = "ei_abiversion"
      case flags = "e_flags"
    }
  }

  private static let headers: [Header] = {
    struct Table: Decodable { var rows: [Header] }
    do {
      return try JSONDecoder().decode(Table.self, from: Data(PackageResources.cubinHeaders_json)).rows
    } catch {
      fatalError("the measured headers cannot be read: \(error)")
    }
  }()

  /// What ptxas 11.7 to 13.5 wrote for each target: the number always, the suffix where the flags have it.
  @Test func measuredHeaders() throws {
    #expect(Self.headers.count == 330)
    var withoutSuffix: Set<String> = []
    for header in Self.headers {
      let flags = try #require(UInt32(header.flags.dropFirst(2), radix: 16))
      let expected = try #require(CodeTarget(header.sm))
      let target = Cubin.target(flags: flags, abiVersion: header.abiVersion)
      #expect(target.number == expected.number, "\(header)")
      if target.suffix != expected.suffix {
        // A suffix may be missing, never be another or one too many.
        #expect(target.suffix == .none, "\(header)")
        withoutSuffix.insert("\(expected.suffix.rawValue) \(header.toolkit.prefix { $0 != "." })")
      }
    }
    // The suffix f never shows; CUDA 13 also leaves out the suffix a.
    #expect(withoutSuffix == ["f 12", "f 13", "a 13"])
  }
}
