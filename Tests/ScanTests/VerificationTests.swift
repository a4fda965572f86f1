import Bytes
import DeviceCode
import FixtureSupport
import Foundation
import Scan
import Testing

/// Decompressed images compared with their headers, through whole files.
@Suite struct VerificationTests {
  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")

  /// What verifying adds to the problems of a file, and what it counts.
  private func verify(_ source: any ByteSource, jobs: Int = 2) -> (
    added: [Problem], verification: Verification, file: InspectedFile
  ) {
    let before = InspectedFile(source)
    var file = before
    let verification = file.verify(source, jobs: jobs)
    #expect(file.problems.starts(with: before.problems))
    return (Array(file.problems.dropFirst(before.problems.count)), verification, file)
  }

  private func verify(fixture: String) throws -> (
    added: [Problem], verification: Verification, file: InspectedFile
  ) {
    verify(try FileBytes(path: Path(Self.fixtures.appending(path: fixture).path)))
  }

  /// Everything that NVIDIA's tools made agrees with itself, but for one header that nvcc writes.
  @Test(arguments: [
    "compression", "concatenated", "containers", "debug", "embedded", "host", "lto", "rdc", "targets",
    "units",
  ]) func soundFixtures(_ group: String) throws {
    var images = 0
    let folder = Self.fixtures.appending(path: group)
    for name in FileManager.default.enumerator(atPath: folder.path)?.compactMap({ $0 as? String }) ?? [] {
      let path = folder.appending(path: name)
      guard (try? path.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true else { continue }
      let (added, verification, file) = try verify(fixture: group + "/" + name)
      images += verification.images
      #expect(verification.images + verification.opaque == file.inventory.images.count)
      if name == "from-ptx.fatbin" {
        #expect(
          added == [
            Problem(
              .mismatch, "entry target suffix", at: 16 + 0x28, expected: "compute_100f as in the text",
              observed: "compute_100")
          ])
      } else {
        #expect(added == [], "\(name)")
      }
      for image in file.inventory.images where image.kind == .cubin {
        // The notes of ABI version 8 have the arguments, whatever the image's compression.
        #expect(image.toolkit != nil, "\(name)")
        #expect((image.compilerArguments != nil) == (image.abiVersion == 8), "\(name)")
      }
    }
    #expect(images >= 5)
  }

  @Test(
    arguments: [
      ("payload-corrupt.fatbin", .corruptData, "zstd payload", 3608),
      ("declared-size-wrong.fatbin", .mismatch, "size of zstd payload", 3528 + 0x38),
      ("stored-size-past-payload.fatbin", .corruptData, "zstd payload", 3608),
      ("declared-size-2e63.fatbin", .limitExceeded, "zstd payload", 3608),
      ("concatenated-member-past-stream.fatbin", .outOfBounds, "member size", 248),
      ("sm-999.fatbin", .mismatch, "entry SM number", 3528 + 0x1C),
    ] as [(String, Problem.Code, String, UInt64)])
  func damage(_ name: String, _ code: Problem.Code, _ field: String, _ offset: UInt64) throws {
    let (added, verification, file) = try verify(fixture: "malformed/" + name)
    #expect(added.map(\.code) == [code], "\(added)")
    #expect(added.map(\.field) == [field])
    #expect(added.map(\.offset) == [offset])
    // The images beside it are checked all the same.
    #expect(verification.images >= 1)
    #expect(!file.inventory.images.isEmpty)
  }

  /// What was found when the file was read is not said again.
  @Test func uncompressedCubinsAreComparedOnce() throws {
    let (added, verification, file) = try verify(fixture: "malformed/sm-mismatch.fatbin")
    #expect(added == [])
    #expect(file.problems.map(\.code) == [.mismatch])
    #expect(verification.images == 2)
  }

  @Test func opaque() throws {
    let (added, verification, _) = try verify(fixture: "lto/lto.fatbin")
    #expect(added == [])
    #expect(verification == Verification(images: 0, opaque: 2))
  }

  @Test func decompressedBytes() throws {
    let (_, verification, file) = try verify(fixture: "concatenated/mixed.fatbin")
    #expect(verification.images == 6)
    #expect(verification.decompressedBytes == file.inventory.images.reduce(0) { $0 + $1.size })
    #expect(verification.decompressedBytes > 10_000)
    #expect(file.inventory.images.filter { $0.kind == .cubin }.allSatisfy { $0.toolkit == "13.5" })
  }

  /// One stream that does not decompress is one problem, whatever the number of its members.
  @Test func brokenStream() {
    let members = (0..<5).map { _ in FatBinaryBuilder.Entry.cubin("sm_90") }
    let bytes = FatBinaryBuilder([.concatenated(members, .zstd)]).bytes
    let (added, verification, _) = verify(MemoryBytes(bytes))
    #expect(added.map(\.code) == [.corruptData])
    #expect(verification == Verification(images: 0))
  }

  @Test(arguments: [1, 2, 3, 8]) func jobsDoNotChangeTheResult(_ jobs: Int) throws {
    let path = Self.fixtures.appending(path: "concatenated/mixed.fatbin").path
    let source = try FileBytes(path: Path(path))
    let one = verify(source, jobs: 1)
    let many = verify(source, jobs: jobs)
    #expect(one.file.inventory == many.file.inventory)
    #expect(one.added == many.added)
    #expect(one.verification == many.verification)
  }

  /// Members that share their bytes are read up to the size of their stream, and no further.
  @Test func overlappingMembers() {
    var entry = FatBinaryBuilder.Entry.concatenated([
      .ptx("compute_80"), .ptx("compute_80"), .ptx("compute_80"),
    ])
    for index in entry.members.indices { entry.members[index].headerSize = 0 }
    let size = UInt64(entry.payload.count)
    entry.members[0].paddedSize = size
    entry.members[1].paddedSize = size
    let (added, verification, _) = verify(MemoryBytes(FatBinaryBuilder([entry]).bytes))
    #expect(added.map(\.code) == [.overlap])
    #expect(verification.images == 1)
  }

  /// Problems are limited here as when the file is read.
  @Test func manyProblems() {
    let entries = (0..<1200).map { _ in FatBinaryBuilder.Entry.ptx("compute_80", payload: [1, 2, 3]) }
    let source = MemoryBytes(FatBinaryBuilder(entries).bytes)
    let (added, verification, _) = verify(source)
    #expect(added.count == 1001)
    #expect(added.last?.code == .limitExceeded)
    #expect(verification.images == 1200)
  }
}
