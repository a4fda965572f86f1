import Archives
import Bytes
import Testing

@Suite struct CondaPackageTests {
  @Test(arguments: ["sample.conda", "sample.tar.bz2"]) func files(_ name: String) throws {
    let package = try CondaPackage(Fixtures.bytes(name))
    #expect(package.problems == [])
    var found: [String: String] = [:]
    for part in package.parts {
      for member in part.members where member.kind == .file {
        found[member.path.text] = String(decoding: try part.contents(of: member).all(), as: UTF8.self)
      }
    }
    #expect(
      found == [
        "lib/library.so": "library",
        "info/index.json": #"{"name": "sample", "version": "1.0", "build": "0"}"#,
      ])
  }

  /// A part that is broken leaves the others.
  @Test func brokenPart() throws {
    var bytes = try Fixtures.bytes("sample.conda").bytes
    let archive = try ZipArchive(MemoryBytes(bytes))
    let info = try #require(archive["info-sample-1.0-0.tar.zst"])
    bytes[Int(info.headerOffset) + 30 + info.path.bytes.count + 12] ^= 0xFF
    let package = try CondaPackage(MemoryBytes(bytes))
    #expect(package.problems.count == 1)
    #expect(package.parts.contains { $0.members.contains { $0.path == Path("lib/library.so") } })
  }

  @Test func noPackage() throws {
    let package = try CondaPackage(MemoryBytes(Array("#!/bin/sh".utf8)))
    #expect(package.problems.count == 1 && package.parts.allSatisfy(\.members.isEmpty))
  }
}
