import Bytes
import DeviceCode
import FixtureSupport
import Testing

private typealias Entry = FatBinaryBuilder.Entry

/// Each branch of the reader of fat binaries, one field at a time.
@Suite struct FatBinaryTests {
  @Test func empty() {
    let file = inspect(FatBinaryBuilder([]))
    #expect(file.format == .fatBinary)
    #expect(file.inventory.modules == [Module(place: .standalone, section: "", size: 16)])
    #expect(file.problems == [])
  }

  @Test func severalOneBehindTheOther() {
    let first = FatBinaryBuilder("sm_80", "compute_80")
    let second = FatBinaryBuilder("sm_90")
    let file = inspect(first.bytes + [UInt8](repeating: 0, count: 24) + second.bytes)
    #expect(file.inventory.modules.map(\.images) == [0..<2, 2..<3])
    #expect(file.inventory.modules.map(\.offset) == [0, UInt64(first.bytes.count + 24)])
    #expect(file.inventory.modules.map(\.size) == [UInt64(first.bytes.count), UInt64(second.bytes.count)])
    #expect(file.problems == [])
  }

  // MARK: Header

  @Test func unknownVersion() {
    var fatBinary = FatBinaryBuilder("sm_80")
    fatBinary.version = 2
    #expect(inspect(fatBinary).targets == ["sm_80"])
    #expect(
      inspect(fatBinary).problems
        == [Problem(.unknownValue, "fat binary version", at: 4, expected: "1", observed: "2")])
  }

  @Test func longerHeader() {
    var fatBinary = FatBinaryBuilder("sm_80")
    fatBinary.headerSize = 24
    var bytes = fatBinary.bytes
    bytes.insert(contentsOf: [UInt8](repeating: 0, count: 8), at: 16)
    #expect(inspect(bytes).targets == ["sm_80"])
    #expect(inspect(bytes).faults == [Fault(.unknownValue, "fat binary header size", 6)])
  }

  @Test(arguments: [0, 8, 15, 0xFFFF] as [UInt16]) func impossibleHeaderSize(size: UInt16) {
    var fatBinary = FatBinaryBuilder("sm_80")
    fatBinary.headerSize = size
    let file = inspect(fatBinary)
    #expect(file.inventory == Inventory())
    #expect(file.faults.first == Fault(.invalidValue, "fat binary header size", 6))
  }

  @Test(arguments: [1, UInt64.max - 7, 1 << 63]) func sizePastTheEnd(size: UInt64) {
    var fatBinary = FatBinaryBuilder("sm_80", "sm_90")
    let count = UInt64(fatBinary.bytes.count)
    fatBinary.declaredSize = size == 1 ? count - 16 + 8 : size
    let file = inspect(fatBinary)
    #expect(file.targets == ["sm_80", "sm_90"])
    #expect(file.inventory.modules.map(\.size) == [count])
    #expect(file.faults == [Fault(.truncated, "fat binary size", 8)])
  }

  /// In a section, what lies behind the end is something else.
  @Test func sizePastTheSection() {
    var fatBinary = FatBinaryBuilder("sm_80")
    fatBinary.declaredSize = 1 << 40
    let elf = ELFBuilder(fatBinaries: [fatBinary])
    let file = inspect(elf)
    #expect(file.targets == ["sm_80"])
    let start = UInt64(elf.offset(of: .init(".nv_fatbin")))
    #expect(file.faults.contains(Fault(.outOfBounds, "fat binary size", start + 8)))
  }

  @Test func oddSize() {
    var fatBinary = FatBinaryBuilder("sm_80")
    fatBinary.declaredSize = UInt64(fatBinary.bytes.count - 16 - 4)
    #expect(inspect(fatBinary).faults.first == Fault(.invalidValue, "fat binary size", 8))
  }

  @Test(arguments: 4..<16) func cutHeader(count: Int) {
    let file = inspect(Array(FatBinaryBuilder("sm_80").bytes[..<count]))
    #expect(file.format == .fatBinary)
    #expect(file.inventory.images == [])
    #expect(file.codes == [.truncated])
  }

  /// Wherever a file ends, the images before the end are kept and one problem says where it is.
  @Test func everyCut() {
    let bytes = FatBinaryBuilder("sm_80", "compute_80", "sm_90").bytes
    let ends = inspect(bytes).inventory.images.map { Int($0.offset + $0.storedSize) }
    for count in 16..<bytes.count {
      let file = inspect(Array(bytes[..<count]))
      #expect(file.inventory.images.count == ends.count { $0 <= count }, "\(count) bytes")
      #expect(file.codes == [.truncated], "\(count) bytes: \(file.problems)")
    }
  }

  @Test func garbageBetween() {
    let bytes = FatBinaryBuilder("sm_80").bytes
    let file = inspect(bytes + [UInt8](repeating: 0x11, count: 40) + bytes)
    #expect(file.targets == ["sm_80", "sm_80"])
    #expect(file.faults == [Fault(.invalidValue, "fat binary magic", UInt64(bytes.count))])
  }

  @Test func garbageBehind() {
    let bytes = FatBinaryBuilder("sm_80").bytes
    #expect(inspect(bytes + [0, 0, 0]).problems == [])
    #expect(
      inspect(bytes + [0, 0, 7]).faults == [Fault(.truncated, "fat binary header", UInt64(bytes.count))])
  }

  // MARK: Entries

  @Test(
    arguments: [
      (0x1, "ptx", "compute_80"), (0x2, "cubin", "sm_80"), (0x4, "old-cubin", "sm_80"),
      (0x8, "ltoir", "lto_80"),
      (0x10, "cubin-variant", "sm_80"), (0x20, "index", "sm_80"), (0x40, "relocatable-ptx", "compute_80"),
      (0x80, "tileir", "sm_80"), (0x777, "kind-0x777", "sm_80"), (0, "kind-0x0", "sm_80"),
    ] as [(UInt16, String, String)]) func kinds(_ kind: UInt16, _ name: String, _ target: String) throws
  {
    var entry = Entry(
      kind: kind, number: 80, major: 8, minor: 3, payload: [UInt8](repeating: 0x33, count: 16))
    if kind == 2 {
      entry.payload = CubinBuilder("sm_80").bytes
      entry.minor = 7
    }
    let file = inspect(FatBinaryBuilder([entry]))
    let image = try #require(file.inventory.images.first)
    #expect(image.kind.rawValue == kind)
    #expect(image.kind.description == name)
    #expect(image.targetName == target)
    #expect(image.ptxISA == (kind == 1 || kind == 0x40 ? PTXISAVersion(8, 3) : nil))
    #expect(image.abiVersion == (kind == 2 ? 7 : nil))
    #expect(file.codes == (name.hasPrefix("kind-") ? [.unknownValue] : []))
  }

  @Test(
    arguments: [
      (0x11, "80"), (0x100011, "80a"), (0x200011, "80f"),
    ] as [(UInt64, String)]) func suffixes(_ flags: UInt64, _ target: String)
  {
    for kind in [1, 2, 8] as [UInt16] {
      var entry = Entry(kind: kind, number: 80, flags: flags, payload: [UInt8](repeating: 1, count: 8))
      if kind == 2 { entry.payload = CubinBuilder("sm_80").bytes }
      let file = inspect(FatBinaryBuilder([entry]))
      #expect(file.inventory.images.map(\.target.description) == [target])
      #expect(file.inventory.images.map(\.flags.rawValue) == [flags])
      #expect(file.problems == [])
    }
  }

  @Test func bothSuffixes() {
    let file = inspect(
      FatBinaryBuilder([Entry(kind: 1, number: 90, flags: 0x300011, payload: [UInt8](repeating: 1, count: 8))]
      ))
    #expect(file.faults == [Fault(.invalidValue, "entry flags", 16 + 0x28)])
    #expect(file.targets == ["compute_90a"])
  }

  @Test func unknownFlagsAreKept() {
    let flags: UInt64 = 0x8000_0000_0400_0011
    let file = inspect(
      FatBinaryBuilder([Entry(kind: 1, number: 90, flags: flags, payload: [UInt8](repeating: 1, count: 8))]))
    #expect(
      file.problems
        == [Problem(.unknownValue, "entry flags", at: 16 + 0x28, observed: "0x8000000004000000")])
    #expect(file.inventory.images.map(\.flags.rawValue) == [flags])
  }

  @Test func everyKnownFlag() {
    for flag in [0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x300, 0x10000, 0x1000000] as [UInt64] {
      let file = inspect(
        FatBinaryBuilder([Entry(kind: 1, number: 90, flags: flag, payload: [UInt8](repeating: 1, count: 8))]))
      #expect(file.problems == [])
    }
  }

  @Test func unknownTargets() {
    for number in [0, 1, 999, UInt32.max] {
      let file = inspect(
        FatBinaryBuilder([Entry(kind: 1, number: number, payload: [UInt8](repeating: 1, count: 8))]))
      #expect(file.targets == ["compute_\(number)"])
      #expect(file.problems == [])
    }
  }

  @Test(arguments: [
    (FatBinaryBuilder.Compression.none, ImageCompression.none), (.lz4, .lz4), (.zstd, .zstd), (.zlib, .zlib),
  ])
  func compression(_ asked: FatBinaryBuilder.Compression, _ expected: ImageCompression) throws {
    let file = inspect(
      FatBinaryBuilder([.ptx("compute_80", asked, payload: [UInt8](repeating: 7, count: 13))]))
    let image = try #require(file.inventory.images.first)
    #expect(image.compression == expected)
    #expect(image.storedSize == (asked == .none ? 16 : 13))
    #expect(image.size == (asked == .none ? 16 : 52))
    #expect(file.problems == [])
  }

  @Test func severalCompressions() {
    let file = inspect(
      FatBinaryBuilder([Entry(kind: 1, number: 90, flags: 0xA011, payload: [UInt8](repeating: 1, count: 8))]))
    #expect(file.faults == [Fault(.invalidValue, "entry flags", 16 + 0x28)])
    #expect(file.inventory.images.map(\.compression) == [.zstd])
  }

  @Test func storedSizes() {
    var entry = Entry.ptx("compute_80", .zstd, payload: [UInt8](repeating: 7, count: 13))
    entry.storedSize = 0
    #expect(inspect(FatBinaryBuilder([entry])).inventory.images.map(\.storedSize) == [16])
    #expect(inspect(FatBinaryBuilder([entry])).problems == [])
    entry.storedSize = 17
    #expect(inspect(FatBinaryBuilder([entry])).inventory.images.map(\.storedSize) == [16])
    #expect(
      inspect(FatBinaryBuilder([entry])).faults == [Fault(.mismatch, "entry compressed size", 16 + 0x10)])
    entry.storedSize = 16
    #expect(inspect(FatBinaryBuilder([entry])).problems == [])
  }

  @Test(
    arguments: [(1 << 36, true), (1 << 36 + 1, false), (1 << 63, false), (UInt64.max, false)]
      as [(UInt64, Bool)])
  func uncompressedSize(_ size: UInt64, _ isFine: Bool) {
    var entry = Entry.ptx("compute_80", .zstd)
    entry.uncompressedSize = size
    let file = inspect(FatBinaryBuilder([entry]))
    #expect(file.inventory.images.map(\.size) == [size])
    #expect(file.faults == (isFine ? [] : [Fault(.limitExceeded, "entry uncompressed size", 16 + 0x38)]))
  }

  @Test(
    arguments: [
      (0, Problem.Code.invalidValue), (63, .invalidValue), (1 << 20, .truncated), (UInt32.max, .truncated),
    ] as [(UInt32, Problem.Code)]) func entryHeaderSize(_ size: UInt32, _ code: Problem.Code)
  {
    var builder = FatBinaryBuilder("sm_80", "sm_90", "sm_100")
    let start = inspect(FatBinaryBuilder("sm_80")).size
    builder.entries[1].headerSize = size
    let file = inspect(builder)
    // Without a stride, the entries behind it are lost.
    #expect(file.targets == ["sm_80"])
    #expect(file.faults == [Fault(code, "entry header size", start + 4)])
  }

  @Test(arguments: [1 << 40, UInt64.max, UInt64.max - 63]) func payloadSize(size: UInt64) {
    var builder = FatBinaryBuilder("sm_80", "sm_90")
    let start = inspect(FatBinaryBuilder("sm_80")).size
    builder.entries[1].paddedSize = size
    let file = inspect(builder)
    #expect(file.targets == ["sm_80"])
    #expect(file.faults == [Fault(.truncated, "entry payload size", start + 8)])
  }

  @Test func emptyPayload() {
    let file = inspect(FatBinaryBuilder([Entry(kind: 1, number: 80), .cubin("sm_80")]))
    #expect(file.targets == ["compute_80", "sm_80"])
    #expect(file.faults == [Fault(.invalidValue, "entry payload size", 16 + 8)])
  }

  @Test func identifiers() {
    var entry = Entry.ptx("compute_80")
    entry.identifier = "kernels.cu"
    var bytes = FatBinaryBuilder([entry]).bytes
    #expect(inspect(bytes).inventory.images.map(\.identifier) == ["kernels.cu"])
    #expect(inspect(bytes).problems == [])
    bytes.put(UInt32(0), at: 16 + 0x20)
    #expect(inspect(bytes).inventory.images.map(\.identifier) == [nil])
    for (offset, length) in [(64, 1000), (70, 100), (UInt32.max, 1), (64, .max), (.max, .max)]
      as [(UInt32, UInt32)]
    {
      bytes.put(offset, at: 16 + 0x20)
      bytes.put(length, at: 16 + 0x24)
      #expect(inspect(bytes).inventory.images.map(\.identifier) == [nil])
      #expect(inspect(bytes).faults == [Fault(.outOfBounds, "entry identifier", 16 + 0x20)])
    }
  }

  /// The options table is not shown, but must lie in the header.
  @Test func options() {
    var entry = Entry.ptx("compute_80")
    entry.identifier = String(repeating: "x", count: 31)
    var bytes = FatBinaryBuilder([entry]).bytes
    // The identifier's bytes serve as the table: offset and length of the string.
    bytes.put(UInt32(0), at: 16 + 0x20)
    bytes.put(UInt32(64), at: 16 + 0x14)
    func faults(_ table: UInt32, _ offset: UInt32, _ length: UInt32) -> [Fault] {
      bytes.put(table, at: 16 + 0x14)
      if table <= 88 {
        bytes.put(offset, at: 16 + Int(table))
        bytes.put(length, at: 16 + Int(table) + 4)
      }
      return inspect(bytes).faults
    }
    #expect(faults(64, 72, 8) == [])
    #expect(faults(64, 72, 24) == [])
    #expect(faults(88, 0, 0) == [])
    let outside = [Fault(.outOfBounds, "entry options", 16 + 0x14)]
    #expect(faults(64, 72, 25) == outside)
    #expect(faults(64, .max, .max) == outside)
    #expect(faults(92, 0, 0) == outside)
    #expect(faults(.max, 0, 0) == outside)
  }

  // MARK: Cubins in entries

  @Test func numberOfHeaderAndCubin() {
    let file = inspect(FatBinaryBuilder([.cubin("sm_80", payload: CubinBuilder("sm_86").bytes)]))
    #expect(file.targets == ["sm_80"])
    #expect(
      file.problems
        == [
          Problem(.mismatch, "entry SM number", at: 16 + 0x1C, expected: "86 as in the cubin", observed: "80")
        ])
  }

  @Test func brokenCubinInAnEntry() {
    let file = inspect(
      FatBinaryBuilder([.cubin("sm_80", payload: [UInt8](repeating: 9, count: 64)), .ptx("compute_80")]))
    #expect(file.targets == ["sm_80", "compute_80"])
    #expect(file.faults == [Fault(.invalidValue, "cubin header", 16 + 64)])
  }

  @Test func toolkitAndRelocation() {
    var cubin = CubinBuilder("sm_100", abiVersion: 8)
    cubin.toolkit = "13.5"
    cubin.isRelocatable = true
    let file = inspect(FatBinaryBuilder([.cubin("sm_100", payload: cubin.bytes, abiVersion: 8)]))
    #expect(file.inventory.images.map(\.toolkit) == ["13.5"])
    #expect(file.inventory.images.map(\.isRelocatable) == [true])
    #expect(file.problems == [])
  }

  // MARK: Concatenated entries

  /// An entry of kind 0x100 with these descriptors and this payload.
  private func concatenated(
    _ descriptors: [[UInt8]], count: UInt32? = nil, tableSize: UInt32? = nil, options: UInt32 = 64,
    payload: [UInt8], flags: UInt64 = 0x11, uncompressed: UInt64 = 0
  ) -> [UInt8] {
    var table: [UInt8] = []
    table.append(littleEndian: count ?? UInt32(descriptors.count))
    table.append(littleEndian: tableSize ?? UInt32(8 + descriptors.joined().count))
    table += descriptors.joined()
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt16(0x100))
    bytes.append(littleEndian: UInt16(0x0101))
    bytes.append(littleEndian: UInt32(64 + table.count))
    bytes.append(littleEndian: UInt64(payload.count))
    bytes.append(littleEndian: uncompressed == 0 ? 0 : UInt32(payload.count))
    bytes.append(littleEndian: options)
    bytes.append(littleEndian: UInt64(0))
    bytes.append(littleEndian: UInt64(0))
    bytes.append(littleEndian: flags)
    bytes.append(littleEndian: UInt64(0))
    bytes.append(littleEndian: uncompressed)
    bytes += table + payload
    var header: [UInt8] = []
    header.append(littleEndian: UInt32(0xBA55_ED50))
    header.append(littleEndian: UInt16(1))
    header.append(littleEndian: UInt16(16))
    header.append(littleEndian: UInt64(bytes.count))
    return header + bytes
  }

  /// One member's descriptor with its identifier and options strings behind it.
  private func descriptor(
    kind: UInt16 = 2, number: UInt32, start: UInt32, size: UInt64, flags: UInt64 = 0x11,
    identifier: String? = nil, options: String? = nil
  ) -> [UInt8] {
    var strings: [UInt8] = []
    var identifierOffset: UInt32 = 0
    var optionsOffset: UInt32 = 0
    if let identifier {
      identifierOffset = 64
      strings += Array(identifier.utf8) + [0]
      strings.pad(to: 8)
    }
    if let options {
      optionsOffset = UInt32(64 + strings.count)
      strings.append(littleEndian: optionsOffset + 8)
      strings.append(littleEndian: UInt32(options.utf8.count))
      strings += Array(options.utf8) + [0]
      strings.pad(to: 8)
    }
    var bytes: [UInt8] = []
    bytes.append(littleEndian: kind)
    bytes.append(littleEndian: UInt16(0x0101))
    bytes.append(littleEndian: start)
    bytes.append(littleEndian: size)
    bytes.append(littleEndian: UInt32(0))
    bytes.append(littleEndian: optionsOffset)
    bytes.append(littleEndian: UInt16(7))
    bytes.append(littleEndian: UInt16(1))
    bytes.append(littleEndian: number)
    bytes.append(littleEndian: identifierOffset)
    bytes.append(littleEndian: UInt32(identifier?.utf8.count ?? 0))
    bytes.append(littleEndian: flags)
    bytes += [UInt8](repeating: 0, count: 16)
    return bytes + strings
  }

  @Test func membersWithDescriptorsOfAllLengths() {
    let cubins = ["sm_80", "sm_86", "sm_90", "sm_100"].map { CubinBuilder(Target($0)).bytes }
    var starts: [UInt32] = []
    for cubin in cubins { starts.append((starts.last ?? 0) + (starts.isEmpty ? 0 : UInt32(cubin.count))) }
    let size = UInt64(cubins[0].count)
    let file = inspect(
      concatenated(
        [
          descriptor(number: 80, start: starts[0], size: size),
          descriptor(number: 86, start: starts[1], size: size, identifier: "a.cu"),
          descriptor(number: 90, start: starts[2], size: size, options: "-O3 -g"),
          descriptor(number: 100, start: starts[3], size: size, identifier: "long/name.cu", options: "-v"),
        ], payload: cubins.flatMap { $0 }))
    #expect(file.problems == [])
    #expect(file.targets == ["sm_80", "sm_86", "sm_90", "sm_100"])
    #expect(file.inventory.images.map(\.identifier) == [nil, "a.cu", nil, "long/name.cu"])
    #expect(file.inventory.images.map(\.memberOffset) == starts.map { UInt64($0) })
    #expect(file.inventory.images.map(\.toolkit) == ["11.8", "11.8", "11.8", "11.8"])
    #expect(file.inventory.images.map(\.storedSize) == [size, size, size, size])
  }

  @Test func compressedMembersShareTheStream() {
    let file = inspect(
      concatenated(
        [descriptor(number: 80, start: 0, size: 64), descriptor(kind: 1, number: 80, start: 64, size: 36)],
        payload: [UInt8](repeating: 3, count: 24), flags: 0x8011, uncompressed: 100))
    #expect(file.problems == [])
    #expect(file.inventory.images.map(\.compression) == [.zstd, .zstd])
    #expect(file.inventory.images.map(\.storedSize) == [24, 24])
    #expect(file.inventory.images.map(\.size) == [64, 36])
    #expect(Set(file.inventory.images.map(\.offset)).count == 1)
  }

  @Test func brokenMemberTables() {
    let one = descriptor(kind: 1, number: 80, start: 0, size: 8)
    let payload = [UInt8](repeating: 3, count: 8)
    func faults(_ bytes: [UInt8]) -> [Fault] { inspect(bytes).faults }
    let table: UInt64 = 16 + 64
    #expect(faults(concatenated([one], payload: payload)) == [])
    #expect(faults(concatenated([], payload: payload)) == [Fault(.mismatch, "member count", table)])
    #expect(
      faults(concatenated([one], count: 2, payload: payload)) == [Fault(.outOfBounds, "member count", table)])
    #expect(
      faults(concatenated([one], count: .max, payload: payload)) == [
        Fault(.outOfBounds, "member count", table)
      ])
    #expect(
      faults(concatenated([one], tableSize: 1000, payload: payload))
        == [Fault(.outOfBounds, "member table size", table + 4)])
    #expect(
      faults(concatenated([one], tableSize: 0, payload: payload)) == [
        Fault(.outOfBounds, "member count", table)
      ])
    for options in [0, 63, 136, 1000, .max] as [UInt32] {
      #expect(
        faults(concatenated([one], options: options, payload: payload))
          == [Fault(.outOfBounds, "member table offset", 16 + 0x14)])
    }
  }

  @Test func brokenMembers() {
    let payload = [UInt8](repeating: 3, count: 8)
    let place: UInt64 = 16 + 64 + 8
    for (start, size) in [(0, 9), (8, 1), (.max, 0), (0, .max), (4, .max)] as [(UInt32, UInt64)] {
      let file = inspect(
        concatenated([descriptor(kind: 1, number: 80, start: start, size: size)], payload: payload))
      #expect(file.faults == [Fault(.outOfBounds, "member size", place + 8)])
      #expect(file.targets == ["compute_80"])
    }
    #expect(
      inspect(concatenated([descriptor(kind: 0x100, number: 80, start: 0, size: 8)], payload: payload)).faults
        == [Fault(.invalidValue, "member kind", place)])
    #expect(
      inspect(concatenated([descriptor(kind: 0x99, number: 80, start: 0, size: 8)], payload: payload)).faults
        == [Fault(.unknownValue, "entry kind", place)])
    // A string that reaches past the table.
    var long = descriptor(kind: 1, number: 80, start: 0, size: 8, options: "-v")
    long.put(UInt32(1000), at: 64 + 4)
    #expect(
      inspect(concatenated([long], payload: payload)).faults == [
        Fault(.outOfBounds, "member descriptor", place)
      ])
    var outside = descriptor(kind: 1, number: 80, start: 0, size: 8)
    outside.put(UInt32.max, at: 0x14)
    #expect(inspect(concatenated([outside], payload: payload)).codes == [.truncated])
    // A cubin that is none.
    #expect(
      inspect(concatenated([descriptor(number: 80, start: 0, size: 8)], payload: payload)).codes == [
        .truncated
      ])
  }
}

@Suite struct HiddenFatBinaryTests {
  /// A fat binary whose size is wrong in `change`, padding, and a good one.
  private func twins(_ change: (inout [UInt8]) -> Void) -> InspectedFile {
    var first = FatBinaryBuilder([.cubin("sm_80")]).bytes
    change(&first)
    return inspect(first + [UInt8](repeating: 0, count: 24) + FatBinaryBuilder([.cubin("sm_90")]).bytes)
  }

  @Test(arguments: [1 << 20, Int.max - 7])
  func aSizeThatIsTooLargeHidesNothing(_ size: Int) {
    let file = twins { $0.replaceSubrange(8..<16, with: littleEndian(size)) }
    #expect(file.inventory.modules.count == 2)
    #expect(file.inventory.images.map(\.targetName) == ["sm_80", "sm_90"])
    #expect(file.problems.map(\.code) == [.truncated])
  }

  @Test func aSizeThatReachesIntoTheNextOneHidesNothing() {
    let file = twins { bytes in
      bytes.replaceSubrange(8..<16, with: littleEndian(bytes.count - 16 + 64))
    }
    #expect(file.inventory.images.map(\.targetName) == ["sm_80", "sm_90"])
    #expect(file.problems.count == 1)
  }
}

private func littleEndian(_ value: Int) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}
