import Bytes
import DeviceCode
import FixtureSupport
import Testing

/// Cubins with so many sections that their numbers do not fit into the ELF header.
@Suite struct CubinSectionTableTests {
  /// The last number that fits, the first ones that do not, and one past 16 bits.
  private static let counts = [0xFF00 - 7, 0xFF00 - 4, 0xFF00, 0x1_0005]

  private static func cubin(_ emptySections: Int, abiVersion: UInt8 = 7) -> [UInt8] {
    var builder = CubinBuilder("sm_90a", abiVersion: abiVersion)
    builder.emptySections = emptySections
    builder.kernels = ["first", "second"]
    builder.toolkit = abiVersion < 8 ? nil : "13.5"
    return builder.bytes
  }

  /// 65,280 empty sections; what the tests of broken ones start from.
  private static let long = cubin(0xFF00)

  /// Its sections are read from the image's bytes as they are extracted.
  private func expectWhole(_ file: InspectedFile, _ cubin: [UInt8], in bytes: [UInt8]) throws {
    #expect(file.problems == [])
    let image = try #require(file.inventory.images.first)
    #expect(file.targets == ["sm_90a"])
    // Payloads in fat binaries are padded to 8 bytes.
    #expect(image.size >= UInt64(cubin.count) && image.size < UInt64(cubin.count) + 8)
    let payload = try PayloadReader(MemoryBytes(bytes), file.inventory).bytes(of: image)
    #expect(image.fileContents(payload) == cubin[...])
    #expect(image.check(payload).problems == [])
    let contents = try CubinContents(payload)
    #expect(contents.kernels.map(\.name) == ["first", "second"])
    #expect(contents.kernels.map(\.codeSize) == [32, 32])
    let code = try #require(contents.sections.first { $0.kernel == 0 })
    #expect(contents.name(of: code, in: payload) == ".text.kernel")
    let composition = FileComposition(file, MemoryBytes(bytes))
    #expect(composition.size == UInt64(bytes.count))
    #expect(composition.storedSizes == [image.size])
    let parts = contents.composition(of: cubin[...])
    #expect(parts.parts.reduce(0, +) == UInt64(cubin.count))
    #expect(parts.kernels == [32, 0])
  }

  @Test(arguments: counts, [7, 8] as [UInt8]) func alone(_ count: Int, _ abiVersion: UInt8) throws {
    let cubin = Self.cubin(count, abiVersion: abiVersion)
    // The number stands in the header or in section 0.
    #expect((cubin[60] == 0 && cubin[61] == 0) == (count >= 0xFF00 - 6 + (abiVersion == 8 ? -2 : 0)))
    try expectWhole(inspect(cubin), cubin, in: cubin)
    let toolkit = inspect(cubin).inventory.images[0].toolkit
    #expect(toolkit == (abiVersion == 7 ? "11.8" : "13.5"))
  }

  @Test(arguments: counts) func inAFatBinary(_ count: Int) throws {
    let cubin = Self.cubin(count)
    let fatBinary = FatBinaryBuilder([.cubin("sm_90a", payload: cubin)])
    try expectWhole(inspect(fatBinary), cubin, in: fatBinary.bytes)
    let library = ELFBuilder(fatBinaries: [fatBinary]).bytes
    try expectWhole(inspect(library), cubin, in: library)
  }

  @Test(arguments: counts) func embedded(_ count: Int) throws {
    let cubin = Self.cubin(count)
    var elf = ELFBuilder()
    elf.append([1, 2, 3] + cubin + Self.cubin(1), to: ".rodata")
    let bytes = elf.bytes
    let file = inspect(bytes)
    #expect(file.targets == ["sm_90a", "sm_90a"])
    #expect(file.inventory.images.map(\.size) == [cubin.count, Self.cubin(1).count].map(UInt64.init))
    var first = file
    first.inventory.images.removeLast()
    first.inventory.modules.removeLast()
    let image = first.inventory.images[0]
    let payload = try PayloadReader(MemoryBytes(bytes), first.inventory).bytes(of: image)
    #expect(Array(image.fileContents(payload)) == cubin)
    #expect(try CubinContents(payload).kernels.map(\.name) == ["first", "second"])
  }

  // MARK: Broken tables

  /// A cubin with changed bytes: alone it is one problem and no image, in a fat binary an image with that problem,
  /// embedded nothing at all. Its contents cannot be read.
  private func expectBroken(_ bytes: [UInt8], _ code: Problem.Code, _ field: String, _ offset: UInt64) throws
  {
    let alone = inspect(bytes)
    #expect(alone.inventory.images == [])
    #expect(alone.faults == [Fault(code, field, offset)])
    let fatBinary = inspect(FatBinaryBuilder([.cubin("sm_90a", payload: bytes)]))
    #expect(fatBinary.targets == ["sm_90a"])
    let payload = try #require(fatBinary.inventory.images.first).offset
    #expect(fatBinary.faults == [Fault(code, field, payload + offset)])
    var elf = ELFBuilder()
    elf.append(bytes, to: ".rodata")
    #expect(inspect(elf).inventory.images == [])
    let problem = #expect(throws: Problem.self) { try CubinContents(bytes[...]) }
    #expect(problem?.code == code)
    #expect(problem?.field == field)
  }

  private func changed(_ change: (inout [UInt8], _ table: Int) -> Void) -> [UInt8] {
    var bytes = Self.long
    change(&bytes, Int(bytes.value(at: 40)))
    return bytes
  }

  @Test(arguments: [1 << 18, 1 << 22] as [UInt64]) func moreSectionsThanBytes(count: UInt64) throws {
    let bytes = changed { $0.put(count, at: $1 + 32) }
    // In a fat binary the end of the payload is the limit, padded by up to 7 bytes: still too few.
    try expectBroken(bytes, .outOfBounds, "cubin section table", 40)
  }

  @Test(arguments: [(1 << 22) + 1, 1 << 58, UInt64.max] as [UInt64]) func moreSectionsThanAnyCubin(
    count: UInt64
  ) throws {
    let table = Self.long.value(at: 40)
    try expectBroken(
      changed { $0.put(count, at: $1 + 32) }, .limitExceeded, "cubin section count", table + 32)
  }

  @Test func oneSectionTooMany() throws {
    let bytes = changed { $0.put($0.value(at: $1 + 32) + 1, at: $1 + 32) }
    #expect(inspect(bytes).faults == [Fault(.outOfBounds, "cubin section table", 40)])
  }

  @Test func noSections() throws {
    try expectBroken(
      changed { $0.put(UInt64(0), at: $1 + 32) }, .invalidValue, "cubin section count", 60)
  }

  @Test func noTable() throws {
    try expectBroken(
      changed { bytes, _ in bytes.put(UInt64(0), at: 40) }, .invalidValue, "cubin section table", 40)
  }

  /// The table's offset leaves no room for section 0.
  @Test func noFirstSection() {
    for offset in [Self.long.count - 63, Self.long.count, 1 << 40] {
      let bytes = changed { bytes, _ in bytes.put(UInt64(offset), at: 40) }
      let faults = inspect(bytes).faults
      #expect(faults.map(\.code) == [.truncated])
      #expect(faults.map(\.field) == ["cubin section 0"])
      #expect(throws: Problem.self) { try CubinContents(bytes[...]) }
    }
  }

  /// A section for the names that is not there: nothing else is lost.
  @Test func noNames() throws {
    let bytes = changed { $0.put(UInt32.max, at: $1 + 40) }
    #expect(inspect(bytes).problems == [])
    let contents = try CubinContents(bytes[...])
    #expect(contents.kernels.map(\.name) == ["first", "second"])
    #expect(contents.name(of: contents.sections[0xFF01], in: bytes[...]) == "")
  }

  /// The number of program headers stands in section 0 too.
  @Test func manySegments() throws {
    let table = Int(Self.long.value(at: 40))
    func cubin(_ count: UInt32) -> [UInt8] {
      var bytes = Self.long
      bytes.put(UInt64(64), at: 32)
      bytes.put(UInt16(0xFFFF), at: 56)
      bytes.put(count, at: table + 44)
      return bytes
    }
    let segments = (Self.long.count - 64) / 56
    #expect(inspect(cubin(UInt32(segments))).problems == [])
    #expect(
      try CubinContents(cubin(UInt32(segments))[...]).segmentTable == 64..<UInt64(64 + segments * 56))
    for count in [UInt32(segments + 1), .max] {
      try expectBroken(cubin(count), .outOfBounds, "cubin segment table", 32)
    }
  }

  /// A last section that lies outside, past the numbers that fit.
  @Test func sectionOutside() throws {
    let table = Int(Self.long.value(at: 40))
    let last = Int(Self.long.value(at: table + 32)) - 1
    let bytes = changed { $0.put(UInt64.max, at: $1 + last * 64 + 24) }
    try expectBroken(
      bytes, .outOfBounds, "cubin section \(last)", UInt64(table + last * 64 + 24))
  }

  /// Symbols without the table of their sections.
  @Test func noIndicesOfSymbols() throws {
    let table = Int(Self.long.value(at: 40))
    let row = try #require(
      (0..<Int(Self.long.value(at: table + 32))).first { Self.long[table + $0 * 64 + 4] == 18 })
    for change in [
      // As another type, and with room for one symbol alone.
      { $0.put(UInt32(1), at: table + row * 64 + 4) }, { $0.put(UInt64(4), at: table + row * 64 + 32) },
    ] as [(inout [UInt8]) -> Void] {
      var bytes = Self.long
      change(&bytes)
      let problem = #expect(throws: Problem.self) { try CubinContents(bytes[...]) }
      #expect(problem?.code == .outOfBounds)
      #expect(problem?.field == "section indices of symbols")
    }
  }

  /// Note sections that all name the same bytes.
  @Test func notesThatShareBytes() {
    var elf = ELFBuilder()
    elf.machine = 190
    elf.abi = (0x41, 8)
    elf.flags = 100 << 8
    elf.hasSegments = false
    elf.sections.append(.init(".note", type: 7, flags: 0, [UInt8](repeating: 0, count: 60_000)))
    for _ in 0..<2000 {
      var copy = ELFBuilder.Section(".note", type: 7, flags: 0, [])
      copy.declaredOffset = 64
      copy.declaredSize = 60_000
      elf.sections.append(copy)
    }
    let source = CountingBytes(elf.bytes)
    #expect(throws: Problem(.overlap, "cubin notes", at: 64)) { try Cubin(source) }
    #expect(source.bytesRead < 8 * source.size)
  }

  /// Headers without numbers that share one long table, each of which must cost little.
  @Test(.timeLimit(.minutes(30))) func headersThatShareATableCostNoSquare() {
    let rows = 100_000
    let headers = 4_000
    let table = headers * 64
    var data = [UInt8](repeating: 0, count: table + rows * 64)
    for index in 0..<headers {
      var header = Array(CubinBuilder("sm_90").bytes.prefix(64))
      header.put(UInt64(table - index * 64), at: 40)
      header.put(UInt64(0), at: 32)
      header.put(UInt16(0), at: 56)
      header.put(UInt16(0), at: 60)
      data.replaceSubrange(index * 64..<index * 64 + 64, with: header)
    }
    data.put(UInt64(rows), at: table + 32)
    data.put(UInt32(1), at: table + (rows - 1) * 64 + 4)
    data.put(UInt64.max, at: table + (rows - 1) * 64 + 24)
    var elf = ELFBuilder()
    elf.append(data, to: ".rodata")
    let source = CountingBytes(elf.bytes)
    #expect(InspectedFile(source).inventory.images == [])
    #expect(source.bytesRead < 20 * source.size)
  }
}
