import Archives
import Bytes
import Compression
import DeviceCode
import ELFFile
import FixtureSupport
import Foundation
import FuzzSupport
import Testing

/// Files with device code, as they are and as members of a zip archive.
@Suite struct MemberTests {
  private static let files: [URL] = {
    let found = FileManager.default.enumerator(at: Fixtures.folder, includingPropertiesForKeys: nil)
    return (found?.compactMap { $0 as? URL } ?? []).filter {
      ["so", "a", "o", "cubin", "fatbin", "ptx", "ltoir"].contains($0.pathExtension)
    }
  }()

  /// What a reader finds, without the source that it found it in.
  private func description(_ file: InspectedFile) -> String {
    let elf = file.elf.map { "\($0.sections) \($0.segments) \($0.dynamic) \($0.notes) \($0.problems)" } ?? ""
    return "\(file.format) \(file.size) \(file.inventory) \(file.foreignDeviceCode) \(file.problems) \(elf)"
  }

  @Test func deflatedMembersReadLikeFiles() throws {
    #expect(Self.files.count > 200)
    for file in Self.files {
      let bytes = Array(try Data(contentsOf: file))
      let member = try DecompressedBytes(
        MemoryBytes(HugeArchives.deflated(bytes)), .deflate, size: UInt64(bytes.count), limit: 1 << 30)
      let expected = description(InspectedFile(MemoryBytes(bytes)))
      #expect(description(InspectedFile(member)) == expected, "\(file.lastPathComponent)")
      let passed = PassedBytes(member.reopened())
      #expect(description(InspectedFile(passed)) == expected, "\(file.lastPathComponent)")
    }
  }

  /// The section table lies behind more fat binaries than a stream keeps; their headers are read on the way there.
  @Test func fatBinariesArePassedOnce() throws {
    var generator = SeededGenerator(seed: 1)
    let payload = (0..<500_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let fatBinaries = (0..<20).map { _ in
      FatBinaryBuilder(
        [UInt32(80), 90].map { number in
          var entry = FatBinaryBuilder.Entry(kind: 2, number: number, flags: 0x8011, payload: payload)
          entry.storedSize = UInt32(payload.count)
          entry.uncompressedSize = 1 << 20
          return entry
        })
    }
    let bytes = ELFBuilder(fatBinaries: fatBinaries).bytes
    let size = UInt64(bytes.count)
    let stream = try DecompressedBytes(
      MemoryBytes(HugeArchives.deflated(bytes, level: 1)), .deflate, size: size, limit: size)
    let file = InspectedFile(PassedBytes(stream))
    #expect(file.inventory.images.count == 40)
    #expect(file.problems == [])
    // All of it, and the way to a few places from the checkpoints before them.
    #expect(stream.bytesDecompressed < size + size / 4)
    let other = stream.reopened(keepingCheckpoints: 0)
    #expect(description(InspectedFile(other)) == description(file))
    #expect(other.bytesDecompressed > stream.bytesDecompressed + size)
  }

  /// What only starts like a fat binary, and fat binaries of a few bytes, cost what they take: nothing is passed over and over.
  @Test func passingCostsWhatIsThere() throws {
    let word: [UInt8] = [0x50, 0xED, 0x55, 0xBA]
    let small = FatBinaryBuilder([FatBinaryBuilder.Entry(kind: 2, number: 80, payload: [1])]).bytes
    for part in [word, word + [0, 0, 0], small] {
      let bytes = Array([[UInt8]](repeating: part, count: (2 << 20) / part.count).joined())
      let counted = CountedBytes(MemoryBytes(bytes))
      let passed = PassedBytes(counted)
      _ = try passed.bytes(at: UInt64(bytes.count - 8), count: 8, "end")
      // Each fat binary is looked at in 512 bytes.
      let most = part == small ? bytes.count / small.count * 600 : 0
      #expect(counted.bytesRead <= UInt64(4 * bytes.count + most), "\(part.count) bytes")
    }
  }

  @Test func storedMembersReadLikeFiles() throws {
    for file in Self.files {
      let bytes = Array(try Data(contentsOf: file))
      let member = SubrangeBytes(MemoryBytes([1, 2, 3] + bytes + [4]), 3..<3 + UInt64(bytes.count))
      let expected = description(InspectedFile(MemoryBytes(bytes)))
      #expect(description(InspectedFile(member)) == expected, "\(file.lastPathComponent)")
    }
  }

  /// In a file on disk, members are read from the descriptor in place.
  @Test func storedMembersOfFilesReadLikeFiles() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let place = folder.appending(path: "archive")
    for file in Self.files.filter({ ["so", "a", "o"].contains($0.pathExtension) }) {
      let bytes = Array(try Data(contentsOf: file))
      try Data([UInt8](repeating: 0x21, count: 100) + bytes).write(to: place)
      let member = SubrangeBytes(
        try FileBytes(path: Path(place.path)), 100..<100 + UInt64(bytes.count))
      let expected = description(InspectedFile(MemoryBytes(bytes)))
      #expect(description(InspectedFile(member)) == expected, "\(file.lastPathComponent)")
    }
  }
}
