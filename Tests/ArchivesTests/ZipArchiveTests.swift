import Archives
import Bytes
import Compression
import FixtureSupport
import Testing

private let text = Array((0..<4000).map { "line \($0) of a text that deflates\n" }.joined().utf8)
private let elf: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 57)

@Suite struct ZipArchiveTests {
  /// The same members, written in the ways that real archives are.
  @Test(arguments: ["good", "comment", "prefix", "streamed", "zip64"])
  func readsMembers(_ name: String) throws {
    let archive = try ZipArchive(Fixtures.bytes("\(name).zip"))
    #expect(archive.problems == [])
    #expect(
      archive.members.map(\.path)
        == ["package/", "package/stored.so", "package/text.txt", "empty"].map {
          Path($0)
        })
    #expect(archive.members.map(\.isDirectory) == [true, false, false, false])
    #expect(archive.members.map(\.size) == [0, 64, UInt64(text.count), 0])
    #expect(archive.members[1].mode == 0o100644)
    let stored = try archive.contents(of: archive.members[1])
    #expect(stored is SubrangeBytes)
    #expect(try stored.all() == elf)
    let deflated = try archive.contents(of: archive.members[2])
    #expect(deflated.size == UInt64(text.count))
    #expect(try deflated.all() == text)
    #expect(try archive.contents(of: archive.members[3]).all() == [])
    #expect(try archive.prefix(of: archive.members[1], count: 4) == Array(elf[..<4]))
    #expect(try archive.prefix(of: archive.members[2], count: 4096) == Array(text[..<4096]))
    #expect(try archive.prefix(of: archive.members[3], count: 64) == [])
  }

  @Test func emptyArchive() throws {
    let archive = try ZipArchive(Fixtures.bytes("empty.zip"))
    #expect(archive.members.isEmpty && archive.problems == [])
  }

  @Test func otherMethods() throws {
    let archive = try ZipArchive(Fixtures.bytes("methods.zip"))
    #expect(try archive.contents(of: #require(archive["bzip2"])).all() == text)
    let problem = #expect(throws: Problem.self) { try archive.contents(of: #require(archive["lzma"])) }
    #expect(problem?.code == .unsupported && problem?.observed == "compression method 14")
  }

  @Test func namesAreBytes() throws {
    let archive = try ZipArchive(Fixtures.bytes("names.zip"))
    #expect(archive.problems == [])
    #expect(
      archive.members.map(\.path)
        == ["na\u{EF}ve.so", "new\nline", "back\\slash", " space "].map { Path($0) })
  }

  @Test func linksAreTold() throws {
    let archive = try ZipArchive(Fixtures.bytes("links.zip"))
    #expect(FileKind(mode: archive.members[0].mode) == .symbolicLink)
    #expect(try archive.contents(of: archive.members[0]).all() == Array("../../etc/passwd".utf8))
  }

  /// Python's zipfile, and so pip, takes the last one.
  @Test func lastOfSeveralCounts() throws {
    let archive = try ZipArchive(Fixtures.bytes("duplicate.zip"))
    #expect(archive.members.map(\.path) == [Path("b.so"), Path("a.so")])
    #expect(try archive.contents(of: #require(archive["a.so"])).all() == Array("second".utf8))
    #expect(summary(archive.problems) == ["invalidValue: zip member a.so"])
  }

  /// What is wrong with the directory, and which members are left.
  @Test(arguments: [
    ("escapes", ["outOfBounds: zip member path", "outOfBounds: zip member path"], 3),
    ("deep", ["limitExceeded: zip member path"], 1),
    ("wrong-count", ["mismatch: number of zip members"], 4),
    ("wrong-offset", ["outOfBounds: zip member package/text.txt"], 3),
    ("overlap", ["overlap: zip member package/stored.so"], 3),
    ("same-data", ["overlap: zip member package/stored.so"], 3),
  ])
  func directoryProblems(_ name: String, problems: [String], members: Int) throws {
    let archive = try ZipArchive(Fixtures.bytes("\(name).zip"))
    #expect(summary(archive.problems) == problems)
    #expect(archive.members.count == members)
    // What is left is read without complaint, unless its own header says something else.
    for member in archive.members where name != "same-data" {
      #expect(try archive.contents(of: member).all().count == Int(member.size))
    }
  }

  @Test(arguments: [
    ("truncated", Problem.Code.truncated, "zip archive"),
    ("no-directory", .outOfBounds, "zip directory"),
    ("disks", .unsupported, "zip archive"),
  ])
  func noDirectory(_ name: String, code: Problem.Code, field: String) throws {
    let problem = #expect(throws: Problem.self) { try ZipArchive(Fixtures.bytes("\(name).zip")) }
    #expect(problem?.code == code && problem?.field == field)
  }

  /// What is wrong with one member; the others are read.
  @Test(arguments: [
    ("encrypted", 2, Problem.Code.unsupported, "zip member package/text.txt"),
    ("wrong-size-more", 2, .mismatch, "decompressed size"),
    ("wrong-size-less", 2, .mismatch, "decompressed size"),
    ("wrong-size-stored", 1, .mismatch, "zip member package/stored.so"),
    ("wrong-checksum", 2, .corruptData, "decompressed contents"),
    ("wrong-compressed-size", 2, .truncated, "deflate stream"),
    ("corrupt", 2, .corruptData, "deflate stream"),
    ("wrong-name", 2, .mismatch, "zip local header"),
    ("wrong-method", 2, .unsupported, "zip member package/text.txt"),
    ("same-data", 1, .mismatch, "zip local header"),
  ])
  func memberProblems(_ name: String, index: Int, code: Problem.Code, field: String) throws {
    let archive = try ZipArchive(Fixtures.bytes("\(name).zip"))
    for (position, member) in archive.members.enumerated() where position != index {
      #expect(try archive.contents(of: member).all().count == Int(member.size))
    }
    let member = archive.members[index]
    let problem = #expect(throws: Problem.self) { try archive.contents(of: member).all() }
    #expect(problem?.code == code && problem?.field == field, "\(problem.map(\.description) ?? "none")")
  }

  @Test func memberPastLimit() throws {
    var limits = ArchiveLimits()
    limits.memberSize = UInt64(text.count) - 1
    let archive = try ZipArchive(Fixtures.bytes("good.zip"), limits: limits)
    let problem = #expect(throws: Problem.self) { try archive.contents(of: archive.members[2]) }
    #expect(problem?.code == .limitExceeded)
    #expect(problem?.expected == "at most \(text.count - 1) bytes (limit member-size)")
  }

  /// 10 GiB of zeros in 10 MB: the start is read, the whole is past the limit.
  @Test func decompressionBomb() throws {
    let archive = try ZipArchive(MemoryBytes(HugeArchives.zip(gibibytes: 10)))
    #expect(archive.problems == [])
    let member = archive.members[0]
    #expect(member.size == 10 << 30)
    let problem = #expect(throws: Problem.self) { try archive.contents(of: member) }
    #expect(problem?.code == .limitExceeded)
    var limits = ArchiveLimits()
    limits.memberSize = 16 << 30
    let believing = try ZipArchive(archive.source, limits: limits)
    let contents = try believing.contents(of: member)
    #expect(try contents.bytes(at: 0, count: 64, "start") == [UInt8](repeating: 0, count: 64))
    #expect(try #require(contents as? DecompressedBytes).bytesDecompressed <= 1 << 20)
    #expect(try believing.prefix(of: member, count: 64) == [UInt8](repeating: 0, count: 64))
  }

  @Test func membersPastLimit() throws {
    let archive = try ZipArchive(MemoryBytes(HugeArchives.zip(members: 1_000_000)))
    #expect(archive.members.count == ArchiveLimits().zipMembers)
    #expect(summary(archive.problems) == ["limitExceeded: zip members"])
    #expect(archive.problems.first?.expected == "at most 262144 (limit zip-members)")
    #expect(archive.problems.first?.observed == "1000000")
    let last = try #require(archive.members.last)
    #expect(try archive.contents(of: last).all() == [UInt8(ascii: "x")])
  }

  /// Whatever is cut off or changed, members stay within the source and reads end.
  @Test func damage() throws {
    for name in ["good.zip", "zip64.zip", "streamed.zip"] {
      let good = try Fixtures.bytes(name).bytes
      for count in stride(from: 0, to: good.count, by: 37) {
        _ = try? ZipArchive(MemoryBytes(Array(good[..<count])))
      }
      for position in good.count - 500..<good.count {
        for value: UInt8 in [0, 1, 0x7F, 0xFF] where value != good[position] {
          var bytes = good
          bytes[position] = value
          guard let archive = try? ZipArchive(MemoryBytes(bytes)) else { continue }
          for member in archive.members {
            guard let contents = try? archive.contents(of: member), let read = try? contents.all() else {
              continue
            }
            #expect(read.count == Int(member.size))
          }
        }
      }
    }
  }
}
