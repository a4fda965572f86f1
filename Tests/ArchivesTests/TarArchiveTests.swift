import Archives
import Bytes
import Compression
import FixtureSupport
import Foundation
import Testing

@Suite struct TarArchiveTests {
  private func member(_ path: String, of tar: TarArchive) throws -> TarMember {
    try #require(tar.members.first { $0.path == Path(path) })
  }

  @Test func contentsLieInTheTar() throws {
    let tar = TarArchive(try Fixtures.bytes("docker.tar"))
    #expect(tar.problems == [])
    let manifest = try tar.contents(of: member("manifest.json", of: tar))
    #expect(manifest is SubrangeBytes)
    #expect(String(decoding: try manifest.all(), as: UTF8.self).hasPrefix("[{\"Config\":"))
    #expect(tar.digest == nil)
    let link = try #require(tar.members.first { $0.path.text.hasSuffix("/layer.tar") })
    guard case .symbolicLink(let target) = link.kind else {
      Issue.record("\(link.kind)")
      return
    }
    #expect(target.text.hasPrefix("../"))
    let problem = #expect(throws: Problem.self) { try tar.contents(of: link) }
    #expect(problem?.code == .unsupported)
  }

  /// Of an uncompressed tar only the headers are read.
  @Test func contentsAreSkipped() throws {
    let source = CountingBytes(Self.tar(memberSize: 8 << 20, members: 4))
    let tar = TarArchive(source)
    #expect(tar.problems == [] && tar.members.count == 4)
    #expect(source.count.value < 1 << 20)
    #expect(try tar.contents(of: tar.members[3]).bytes(at: 0, count: 3, "start") == [3, 3, 3])
  }

  @Test func digest() throws {
    let source = MemoryBytes(Self.tar(memberSize: 100_000, members: 2) + [UInt8](repeating: 0, count: 20_000))
    let tar = TarArchive(source, digests: true)
    #expect(tar.problems == [] && tar.members.count == 2)
    #expect(tar.digest == SHA256Program.digest(of: Array(source.bytes)))
  }

  @Test(arguments: [
    ("gzip", DecompressedBytes.Compression.gzip), ("zstd", .zstd), ("bzip2", .bzip2), ("xz", .xz),
  ])
  func compressedTars(_ tool: String, compression: DecompressedBytes.Compression) throws {
    let plain = Self.tar(memberSize: 300_000, members: 5)
    let packed = try compressed(plain, by: tool)
    #expect(DecompressedBytes.Compression(prefix: packed[..<6]) == compression)
    let tar = try TarArchive(decompressing: MemoryBytes(packed), digests: true)
    #expect(tar.problems == [])
    #expect(tar.source.size == UInt64(plain.count))
    #expect(tar.digest == SHA256Program.digest(of: plain))
    // Last first: all are still reached.
    for (index, member) in tar.members.enumerated().reversed() {
      #expect(try tar.contents(of: member).all() == [UInt8](repeating: UInt8(index), count: 300_000))
    }
    let cut = try TarArchive(decompressing: MemoryBytes(Array(packed[..<(packed.count - 20)])))
    #expect(cut.problems.count == 1, "\(cut.problems)")
    var limits = ArchiveLimits()
    limits.streamSize = 1 << 20
    let bomb = try TarArchive(decompressing: MemoryBytes(packed), limits: limits)
    #expect(bomb.problems.map(\.code) == [.limitExceeded])
    #expect(bomb.problems.first?.expected?.hasSuffix(" bytes (limit stream-size)") == true)
  }

  /// Names are bytes in every place that has them, whatever the locale.
  @Test func namesAreBytes() throws {
    let tar = TarArchive(try Fixtures.bytes("names.tar"))
    #expect(tar.problems == [])
    let long = [UInt8](repeating: UInt8(ascii: "l"), count: 120)
    let latin: UInt8 = 0xE9
    #expect(
      tar.members.map(\.path.bytes) == [
        [UInt8(ascii: "h"), latin], [UInt8(ascii: "g"), latin] + long, Array("p\u{E9}".utf8) + long,
        [UInt8(ascii: "p"), latin] + long,
      ])
  }

  @Test func filesWithHoles() throws {
    let tar = TarArchive(try Fixtures.bytes("sparse.tar"))
    #expect(tar.problems == [])
    #expect(tar.members.map(\.path) == [Path("holes"), Path("whole")])
    let problem = #expect(throws: Problem.self) { try tar.contents(of: tar.members[0]) }
    #expect(problem?.code == .unsupported)
    #expect(try tar.contents(of: tar.members[1]).all() == Array("whole".utf8))
  }

  @Test func overlongPath() throws {
    let tar = TarArchive(try Fixtures.bytes("deep.tar"))
    #expect(tar.members.map(\.path) == [Path("shallow")])
    #expect(summary(tar.problems) == ["limitExceeded: tar member path"])
    #expect(tar.problems.first?.expected == "at most 4096 bytes (limit path-length)")
  }

  @Test func truncated() throws {
    let tar = TarArchive(try Fixtures.bytes("cut.tar"))
    #expect(tar.members.map(\.path) == [Path("one")])
    #expect(try tar.contents(of: tar.members[0]).all() == [UInt8](repeating: UInt8(ascii: "1"), count: 700))
    #expect(tar.problems.map(\.code) == [.truncated], "\(tar.problems)")
    let second = TarArchive(try Fixtures.bytes("cut-data.tar"))
    #expect(second.members.map(\.path) == [Path("one"), Path("two")])
    let problem = #expect(throws: Problem.self) { try second.contents(of: second.members[1]) }
    #expect(problem?.code == .truncated)
  }

  /// Some tools leave out the zeros that fill the last block, and those that end the tar.
  @Test(arguments: [false, true]) func endsInTheLastBlock(_ digests: Bool) throws {
    var builder = TarBuilder()
    builder.add([1, 2, 3], to: "first")
    builder.add([UInt8](repeating: 7, count: 700), to: "last")
    for missing in [0, 1, 324] {
      let tar = TarArchive(MemoryBytes(builder.members.dropLast(missing)), digests: digests)
      #expect(tar.problems == [] && tar.members.count == 2)
      #expect((tar.digest != nil) == digests)
      #expect(try tar.contents(of: tar.members[1]).size == 700)
    }
    #expect(TarArchive(MemoryBytes(builder.members.dropLast(325))).problems.map(\.code) == [.truncated])
  }

  /// Behind a broken header the next one is found; what is behind the end is not there, and is told.
  @Test func goesOnBehindDamage() {
    let good = Self.tar(memberSize: 700, members: 3)
    var damaged = good
    damaged[1536] ^= 1
    let tar = TarArchive(MemoryBytes(damaged))
    #expect(tar.members.map(\.path) == [Path("member-0"), Path("member-2")])
    #expect(summary(tar.problems) == ["corruptData: tar"])
    let twice = TarArchive(MemoryBytes(good + good))
    #expect(twice.members.count == 3)
    #expect(summary(twice.problems) == ["invalidValue: tar"])
    #expect(twice.problems.first?.offset == UInt64(good.count))
    #expect(TarArchive(MemoryBytes(good + [UInt8](repeating: 0, count: 1 << 20))).problems == [])
    // Not without end.
    damaged.replaceSubrange(1536..., with: [UInt8](repeating: 0x55, count: 4 << 20))
    let source = CountingBytes(damaged)
    #expect(summary(TarArchive(source).problems) == ["corruptData: tar", "corruptData: tar"])
    #expect(source.count.value < 2 << 20)
  }

  @Test func noTar() {
    for bytes in [[1, 2, 3], [UInt8](repeating: 0x55, count: 5000)] as [[UInt8]] {
      let tar = TarArchive(MemoryBytes(bytes))
      #expect(tar.members.isEmpty && tar.problems.count == 1)
    }
  }

  @Test func memberPastLimit() throws {
    var limits = ArchiveLimits()
    limits.memberSize = 999
    let tar = TarArchive(MemoryBytes(Self.tar(memberSize: 1000, members: 1)), limits: limits)
    let problem = #expect(throws: Problem.self) { try tar.contents(of: tar.members[0]) }
    #expect(problem?.code == .limitExceeded)
    #expect(problem?.expected == "at most 999 bytes (limit member-size)")
  }

  @Test func membersPastLimit() {
    var limits = ArchiveLimits()
    limits.tarMembers = 3
    let tar = TarArchive(MemoryBytes(Self.tar(memberSize: 1, members: 4)), limits: limits)
    #expect(tar.members.count == 3)
    #expect(summary(tar.problems) == ["limitExceeded: tar members"])
    #expect(tar.problems.first?.expected == "at most 3 (limit tar-members)")
  }

  /// A ustar archive whose member number n is `memberSize` bytes n.
  private static func tar(memberSize: Int, members: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for index in 0..<members {
      var header = [UInt8](repeating: 0, count: 512)
      func put(_ text: String, at offset: Int) {
        header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
      }
      func octal(_ value: Int, _ digits: Int) -> String {
        let text = String(value, radix: 8)
        return String(repeating: "0", count: digits - text.count) + text
      }
      put("member-\(index)", at: 0)
      put("0000644", at: 100)
      put(octal(memberSize, 11), at: 124)
      put("0        ", at: 156 - 8)
      header[156] = UInt8(ascii: "0")
      put("ustar\u{0}00", at: 257)
      header.replaceSubrange(148..<156, with: repeatElement(UInt8(ascii: " "), count: 8))
      put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", at: 148)
      bytes += header
      bytes += repeatElement(UInt8(index), count: memberSize)
      bytes += repeatElement(0, count: (512 - memberSize % 512) % 512)
    }
    return bytes + [UInt8](repeating: 0, count: 1024)
  }
}
