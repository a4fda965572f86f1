import Bytes
import DeviceCode
import FixtureSupport
import FuzzSupport
import Testing

/// Images compared with their headers.
@Suite struct ImageCheckTests {
  /// The faults of the only image of a fat binary with this entry, whose header is at 16.
  private func faults(_ entry: FatBinaryBuilder.Entry) throws -> [Fault] {
    let file = inspect(FatBinaryBuilder([entry]))
    let source = MemoryBytes(FatBinaryBuilder([entry]).bytes)
    let image = try #require(file.inventory.images.first)
    #expect(image.headerOffset == 16)
    let check = image.check(try PayloadReader(source, file.inventory).bytes(of: image))
    // What reading the file finds in an uncompressed cubin is what comparing its bytes finds.
    if image.kind == .cubin { #expect(file.problems == check.problems) }
    return check.problems.map { Fault($0.code, $0.field, $0.offset) }
  }

  private let number = Fault(.mismatch, "entry SM number", 16 + 0x1C)
  private let suffix = Fault(.mismatch, "entry target suffix", 16 + 0x28)

  @Test(arguments: ["sm_80", "sm_90a"] as [Target]) func cubinsThatAgree(_ target: Target) throws {
    #expect(try faults(.cubin(target)) == [])
    #expect(try faults(.cubin(target, abiVersion: 8)) == [])
  }

  /// Header, cubin, ABI version, the compiler's arguments.
  @Test(
    arguments: [
      ("sm_80", "sm_90", 7, nil), ("sm_100f", "sm_103", 8, nil), ("sm_100f", "sm_103f", 8, "-arch sm_103f"),
    ] as [(Target, Target, UInt8, String?)])
  func otherNumber(_ header: Target, _ target: Target, _ abi: UInt8, _ arguments: String?) throws {
    #expect(try faults(entry(header, target, abi, arguments)) == [number])
  }

  @Test(
    arguments: [
      ("sm_90", "sm_90a", 7, nil), ("sm_100", "sm_100a", 8, nil), ("sm_100f", "sm_100a", 8, nil),
      ("sm_100", "sm_100", 8, "-arch sm_100f -m 64"), ("sm_100a", "sm_100", 8, "-arch sm_100f"),
      ("sm_100f", "sm_100", 8, "-arch sm_100 -m 64"),
    ] as [(Target, Target, UInt8, String?)])
  func otherSuffix(_ header: Target, _ target: Target, _ abi: UInt8, _ arguments: String?) throws {
    #expect(try faults(entry(header, target, abi, arguments)) == [suffix])
  }

  /// A suffix may leave no mark in the cubin.
  @Test(
    arguments: [
      ("sm_90a", "sm_90", 7, nil), ("sm_100f", "sm_100", 8, nil), ("sm_100a", "sm_100", 8, ""),
      ("sm_100f", "sm_100", 8, "-m 64"), ("sm_100f", "sm_100", 8, "-arch sm_90"),
      ("sm_100f", "sm_100", 8, "-arch sm_100f"),
    ] as [(Target, Target, UInt8, String?)])
  func suffixWithoutMark(_ header: Target, _ target: Target, _ abi: UInt8, _ arguments: String?) throws {
    #expect(try faults(entry(header, target, abi, arguments)) == [])
  }

  private func entry(_ header: Target, _ target: Target, _ abi: UInt8, _ arguments: String?)
    -> FatBinaryBuilder.Entry
  {
    var cubin = CubinBuilder(target, abiVersion: abi)
    cubin.arguments = arguments
    return .cubin(header, payload: cubin.bytes, abiVersion: abi)
  }

  @Test func otherABI() throws {
    let version = Fault(.mismatch, "entry ABI version", 16 + 0x18)
    #expect(try faults(.cubin("sm_90", payload: CubinBuilder("sm_90").bytes, abiVersion: 8)) == [version])
    let newer = CubinBuilder("sm_90", abiVersion: 8).bytes
    #expect(try faults(.cubin("sm_90", payload: newer, abiVersion: 7)) == [version])
  }

  @Test func cubinWithBytesBehindIt() throws {
    let cubin = CubinBuilder("sm_80").bytes
    let padding = (8 - cubin.count % 8) % 8
    #expect(try faults(.cubin("sm_80", payload: cubin + [UInt8](repeating: 0, count: padding))) == [])
    #expect(
      try faults(.cubin("sm_80", payload: cubin + [UInt8](repeating: 0, count: padding + 8)))
        == [Fault(.mismatch, "entry payload size", 16 + 8)])
  }

  @Test func cubinThatIsNone() throws {
    // Behind the entry's header of 64 bytes.
    #expect(
      try faults(.cubin("sm_80", payload: [UInt8](repeating: 1, count: 64)))
        == [Fault(.invalidValue, "cubin header", 80)])
  }

  @Test func ptx() throws {
    #expect(try faults(.ptx("compute_90a")) == [])
    #expect(try faults(.ptx("compute_90", payload: text("compute_80"))) == [number])
    #expect(try faults(.ptx("compute_90a", payload: text("compute_90"))) == [suffix])
    #expect(try faults(.ptx("compute_100", payload: text("compute_100f"))) == [suffix])
    let version = Fault(.mismatch, "entry PTX version", 16 + 0x18)
    #expect(try faults(.ptx("compute_90", isa: (7, 9), payload: text("compute_90"))) == [version])
    #expect(try faults(.ptx("compute_90", isa: (8, 8), payload: text("compute_80"))) == [version, number])
    #expect(
      try faults(.ptx("compute_90", payload: Array("nothing".utf8)))
        == [Fault(.invalidValue, "PTX header", 80)])
  }

  private func text(_ target: Target) -> [UInt8] { Array(PTXText.text(target).utf8) + [0] }

  @Test func ltoIR() throws {
    func entry(_ header: Target, sm: UInt16, isSpecific: Bool = false) -> FatBinaryBuilder.Entry {
      var payload = [UInt8](repeating: 0, count: 48)
      payload.put(UInt32(0x7F4E_43ED), at: 0)
      payload.put(sm * 10, at: 0x1A)
      payload.put(UInt32(isSpecific ? 0x0001_0020 : 0x63), at: 0x20)
      var entry = FatBinaryBuilder.Entry.ltoIR(header)
      entry.payload = payload
      return entry
    }
    #expect(try faults(entry("lto_90", sm: 90)) == [])
    #expect(try faults(entry("lto_90a", sm: 90, isSpecific: true)) == [])
    #expect(try faults(entry("lto_100f", sm: 100)) == [])
    #expect(try faults(entry("lto_90", sm: 80)) == [number])
    #expect(try faults(entry("lto_90", sm: 90, isSpecific: true)) == [suffix])
    // Not what LTO-IR starts with.
    #expect(try faults(.ltoIR("lto_90")) == [Fault(.invalidValue, "LTO-IR magic", 80)])
  }

  @Test func otherKindsSayNothing() throws {
    var entry = FatBinaryBuilder.Entry(kind: 0x80, number: 100, payload: [1, 2, 3])
    #expect(try faults(entry) == [])
    entry.kind = 0x10
    #expect(try faults(entry) == [])
  }

  @Test func takesOverWhatTheBytesSay() throws {
    var cubin = CubinBuilder("sm_100f", abiVersion: 8)
    cubin.toolkit = "13.5"
    cubin.arguments = "-arch sm_100f -m 64 "
    cubin.isRelocatable = true
    let file = inspect(FatBinaryBuilder([.cubin("sm_100f", payload: cubin.bytes, abiVersion: 8)]))
    let image = try #require(file.inventory.images.first)
    #expect(image.toolkit == "13.5")
    #expect(image.compilerArguments == "-arch sm_100f -m 64")
    #expect(image.isRelocatable)
    #expect(inspect(cubin.bytes).inventory.images.first?.compilerArguments == "-arch sm_100f -m 64")
  }

  @Test func longArgumentsAreNotKept() throws {
    var cubin = CubinBuilder("sm_100", abiVersion: 8)
    cubin.arguments = "-arch sm_100 " + String(repeating: "x", count: 5000)
    #expect(try Cubin(MemoryBytes(cubin.bytes)).compilerArguments == nil)
  }

  /// Members of concatenated entries are told from the entry, and their descriptors are blamed.
  @Test func members() throws {
    let builder = FatBinaryBuilder([
      .concatenated([.cubin("sm_80"), .cubin("sm_90", payload: CubinBuilder("sm_86").bytes)])
    ])
    let file = inspect(builder)
    let images = file.inventory.images
    // Behind the header, the entry's fixed part, and the number and size of the descriptors.
    let second: UInt64 = 16 + 64 + 8 + 64
    #expect(images.map(\.headerOffset) == [second - 64, second])
    #expect(file.faults == [Fault(.mismatch, "entry SM number", second + 0x1C)])
  }

  /// Images of the fixtures, damaged at random: whatever comes out, a file is a part of the image, and a message does
  /// not disturb a terminal.
  @Test(.timeLimit(.minutes(30))) func damagedImages() throws {
    let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/Fixtures/"
    var generator = SeededGenerator(seed: 3)
    var problems = 0
    for name in [
      "containers/scale.cubin", "rdc/relocatable.cubin", "containers/scale.ptx", "lto/lto_90.ltoir",
    ] {
      let source = try FileBytes(path: Path(root + name))
      let bytes = try source.bytes(at: 0, count: Int(source.size), "fixture")
      var image = try #require(inspect(bytes).inventory.images.first)
      image.headerOffset = 0
      #expect(image.check(bytes[...]).problems == [])
      for _ in 0..<500 {
        var damaged = bytes
        for _ in 0..<Int.random(in: 1...8, using: &generator) {
          let place = Int.random(in: 0..<min(damaged.count, 2000), using: &generator)
          damaged[place] = UInt8.random(in: 0...255, using: &generator)
        }
        if Bool.random(using: &generator) {
          damaged = Array(damaged.prefix(Int.random(in: 0...damaged.count, using: &generator)))
        }
        for problem in image.check(damaged[...]).problems {
          problems += 1
          #expect(printable(problem.description) == problem.description)
        }
        let file = image.fileContents(damaged[...])
        #expect(file.startIndex == 0 && file.count <= damaged.count)
      }
    }
    #expect(problems > 100)
  }

  @Test func imagesOutsideFatBinariesHaveNoHeader() {
    #expect(inspect(CubinBuilder("sm_80").bytes).inventory.images.map(\.headerOffset) == [nil])
    #expect(inspect(Array(PTXText.text("compute_80").utf8)).inventory.images.map(\.headerOffset) == [nil])
  }
}
