import Bytes
import DeviceCode
import Foundation
import FuzzSupport
import Testing

/// Kernels that tell by their names what their code must be, see Fixtures/sources/stubs.cu.
@Suite struct KernelBodyTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/stubs")

  /// A file, and the first SM number for which guarded kernels have a body.
  struct Build: Sendable, CustomTestStringConvertible {
    var file: String
    var guardNumber: UInt32
    var targets: [String]
    var testDescription: String { file }
  }

  private static let old11 = ["50", "60", "70", "75", "80", "90"]
  private static let old12 = [
    "50", "52", "60", "61", "62", "70", "72", "75", "80", "90", "100", "101", "120",
  ]
  private static let builds = [
    Build(file: "from-80.so", guardNumber: 80, targets: ["75", "80", "86", "90", "100", "120"]),
    Build(file: "from-100.so", guardNumber: 100, targets: ["75", "80", "90a", "100a", "120"]),
    Build(
      file: "none.so", guardNumber: 999,
      targets: ["75", "80", "86", "87", "88", "89", "90", "100", "103", "107", "110", "120", "121"]),
    Build(file: "ptxas-11.8-0.fatbin", guardNumber: 0, targets: old11),
    Build(file: "ptxas-11.8-9999.fatbin", guardNumber: 999, targets: old11),
    Build(file: "ptxas-12.9-0.fatbin", guardNumber: 0, targets: old12),
    Build(file: "ptxas-12.9-9999.fatbin", guardNumber: 999, targets: old12),
    Build(file: "linked.fatbin", guardNumber: 0, targets: ["75", "90", "120"]),
  ]

  /// Every kernel of every cubin in a file.
  private static func kernels(of file: String) throws -> [(
    target: CodeTarget, kernel: Kernel, bytes: ArraySlice<UInt8>
  )] {
    let source = try FileBytes(path: Path(folder.appending(path: file).path))
    let inventory = InspectedFile(source).inventory
    let reader = PayloadReader(source, inventory)
    return try inventory.images.flatMap { image in
      let bytes = try reader.bytes(of: image)
      return try CubinContents(bytes).kernels.map { (image.target, $0, bytes) }
    }
  }

  private static func expected(_ name: String, _ target: CodeTarget, _ guardNumber: UInt32) throws
    -> KernelBody.Kind
  {
    let words = name.split(separator: "_")
    if words[0] == "guarded", target.number >= guardNumber { return .code }
    return try #require(KernelBody.Kind(rawValue: String(words[1])))
  }

  @Test(arguments: builds)
  func codeIsWhatItsNameSays(_ build: Build) throws {
    let kernels = try Self.kernels(of: build.file)
    #expect(Set(kernels.map(\.target.description)) == Set(build.targets))
    #expect(kernels.count == build.targets.count * (build.file == "linked.fatbin" ? 4 : 32))
    for (target, kernel, bytes) in kernels {
      let body = KernelBody(kernel, in: bytes, target: target)
      let expected = try Self.expected(kernel.name, target, build.guardNumber)
      #expect(body.kind == expected, "\(kernel.name) for \(target)")
      #expect(body.instructions > 0)
      #expect(body.instructions * 8 < kernel.codeSize)
    }
  }

  /// Neither too many nor too few instructions are counted: padding is none.
  @Test func instructionsAreCounted() throws {
    // The stack pointer, and the end. On sm_87, 20 more stand in front of every kernel.
    let expected = ["empty_plain": 2, "trap_plain": 2, "trap_breakpoint": 3]
    for (target, kernel, bytes) in try Self.kernels(of: "none.so") {
      guard let count = expected[String(kernel.name.dropFirst("guarded_".count))] else { continue }
      let body = KernelBody(kernel, in: bytes, target: target)
      #expect(body.instructions == count + (target.number == 87 ? 20 : 0), "\(kernel.name) for \(target)")
    }
  }

  /// The bytes of a stub for `target`.
  private static func stub(_ name: String, _ target: String) throws -> [UInt8] {
    let (_, kernel, bytes) = try #require(
      try kernels(of: "none.so").first { $0.kernel.name == name && $0.target.description == target })
    let start = bytes.startIndex + Int(kernel.code.lowerBound)
    return Array(bytes[start..<start + Int(kernel.codeSize)])
  }

  private static func body(_ code: [UInt8], _ sm: UInt32, _ calls: ExternalCalls = []) -> KernelBody {
    KernelBody(unsafe ByteView(code.span.bytes), target: CodeTarget(sm), calls: calls)
  }

  @Test func codeThatIsCutOrNotKnownIsUnknown() throws {
    let code = try Self.stub("guarded_trap_plain", "80")
    #expect(Self.body(code, 80).kind == .trap)
    #expect(Self.body([], 80) == KernelBody(kind: .unknown, instructions: 0))
    for count in 1..<code.count where count % 16 != 0 {
      #expect(Self.body(Array(code[..<count]), 80).kind == .unknown)
    }
    // Without the jump to itself at the end.
    #expect(Self.body(Array(code[..<32]), 80).kind == .unknown)
    #expect(Self.body(Array(code[..<48]), 80).kind == .trap)
    for sm: UInt32 in [0, 1, 37, 49, 63, 69, 122, 130, 1000, .max] {
      #expect(Self.body(code, sm).kind == .unknown, "sm_\(sm)")
    }
    // The jump's distance is written otherwise.
    #expect(Self.body(code, 90).kind == .unknown)
    #expect(Self.body(code, 60).kind == .unknown)
  }

  /// Calls whose functions are not known, or not known to be harmless, may do anything.
  @Test(
    arguments: [
      ([], .code), (.print, .print), (.assertion, .assertion), (.other, .code), ([.print, .other], .code),
    ] as [(ExternalCalls, KernelBody.Kind)])
  func callsCount(_ calls: ExternalCalls, _ kind: KernelBody.Kind) throws {
    for target: UInt32 in [75, 90, 120] {
      #expect(Self.body(try Self.stub("guarded_print_plain", "\(target)"), target, calls).kind == kind)
      #expect(Self.body(try Self.stub("guarded_empty_plain", "\(target)"), target, calls).kind == .empty)
    }
  }

  /// Longer code is no stand-in, whatever it consists of, and costs no more.
  @Test func longCodeIsCode() throws {
    let code = try Self.stub("guarded_empty_plain", "80")
    let start = code[..<16]
    func body(_ count: Int) -> KernelBody {
      Self.body(Array(repeatElement(start, count: count).joined()) + code[16...], 80)
    }
    #expect(body(1022) == KernelBody(kind: .empty, instructions: 1023))
    #expect(body(1023) == KernelBody(kind: .code, instructions: 1024))
    #expect(body(100_000) == KernelBody(kind: .code, instructions: 100_001))
    let padding = code[(code.count - 16)...]
    #expect(Self.body(code + repeatElement(padding, count: 1000).joined(), 80).kind == .empty)
    #expect(Self.body(code + repeatElement(padding, count: 1024).joined(), 80).kind == .unknown)
  }

  /// Jumps and calls that lead out of the code, or back, make it code or a loop.
  @Test func jumpsAreFollowed() throws {
    let code = try Self.stub("guarded_printAndTrap_once", "75")
    func withWord(_ word: UInt64, at index: Int) -> [UInt8] {
      var changed = code
      for byte in 0..<8 { changed[index * 16 + byte] = UInt8(truncatingIfNeeded: word >> (8 * UInt64(byte))) }
      return changed
    }
    let jump = try #require(
      (0..<code.count / 16).first { code[$0 * 16] == 0x47 && code[$0 * 16 + 1] == 0x09 })
    let distance = { (bytes: Int) in UInt64(UInt32(truncatingIfNeeded: bytes)) << 32 }
    #expect(Self.body(code, 75, .print).kind == .printAndTrap)
    #expect(Self.body(withWord(0x0947 | distance(16), at: jump), 75, .print).kind == .printAndTrap)
    #expect(Self.body(withWord(0x0947 | distance(1 << 20), at: jump), 75, .print).kind == .code)
    #expect(Self.body(withWord(0x7944 | distance(0), at: jump), 75, .print).kind == .code)
    #expect(Self.body(withWord(0x7944 | distance(32), at: jump), 75, .print).kind == .printAndTrap)
    #expect(Self.body(withWord(0x7944 | distance(1 << 20), at: jump), 75, .print).kind == .code)
  }

  /// No bytes lead to a trap, and bytes that no compiler wrote are never a stand-in.
  @Test func randomBytesAreNoStandIn() {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<2_000 {
      let code = (0..<Int.random(in: 0...600, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      for sm: UInt32 in [52, 75, 90, 120] {
        #expect(!Self.body(code, sm, [.print]).kind.isStandIn)
      }
    }
  }

  /// Attributes and relocations that name no function, or one of the cubin, lead to no stand-in.
  @Test func callsOfDamagedCubinsAreNotTrusted() throws {
    let (target, _, bytes) = try #require(try Self.kernels(of: "linked.fatbin").first)
    let attribute: [UInt8] = [0x04, 0x0F, 0x04, 0x00]
    var found = 0
    for place in bytes.indices.dropLast(8) where bytes[place...].starts(with: attribute) {
      for symbol: [UInt8] in [[0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0], [0xFF, 0, 0, 0]] {
        var damaged = bytes
        damaged.replaceSubrange(place + 4..<place + 8, with: symbol)
        let kernels = try CubinContents(damaged).kernels
        if kernels.contains(where: { $0.calls == .other }) { found += 1 }
        for kernel in kernels where kernel.calls == .other {
          #expect(KernelBody(kernel, in: damaged, target: target).kind == .code)
        }
      }
    }
    #expect(found >= 6)
  }

  /// Bits that flip in a stub's code lead to no trap.
  @Test func damagedStubsAreRead() throws {
    for (name, target) in [("guarded_printAndTrap_once", "75"), ("guarded_printAndTrap_called", "120")] {
      let code = try Self.stub(name, target)
      for bit in 0..<code.count * 8 {
        var damaged = code
        damaged[bit / 8] ^= 1 << UInt8(bit % 8)
        let body = Self.body(damaged, try #require(UInt32(target)), .print)
        #expect(body.instructions < code.count / 16)
      }
    }
  }
}
