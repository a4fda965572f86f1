import Archives
import Bytes
import Dispatch
import FixtureSupport
import FuzzSupport
import Testing

/// SquashFS images, by the builder of the tests; those of real tools are compared in `ViewAgreementTests`.
@Suite struct SquashFSTests {
  /// Bytes that do not repeat, so that each place shows.
  private static func data(_ count: Int, _ seed: UInt64 = 1) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next() & 0x3F) }
  }

  private static let sizes = [0, 1, 4095, 4096, 4097, 8192, 20_000]

  private static func sample(isCompressed: Bool) -> SquashFSBuilder {
    let builder = SquashFSBuilder(isCompressed: isCompressed)
    for size in sizes { builder.add(data(size, UInt64(size)), to: "files/\(size)") }
    builder.add([UInt8](repeating: 0, count: 8192) + data(5000), to: "files/sparse")
    builder.symbolicLink("usr/lib/libx.so", to: "../../files/1")
    builder.hardLink("again", to: "files/20000")
    builder.directory("empty")
    builder.other("dev/null", type: 5)
    builder.other("run/socket", type: 7)
    return builder
  }

  private static func contents(_ archive: SquashFSArchive) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for member in archive.members {
      if case .file(let index) = member.kind {
        found[member.path.text] = try archive.open(index).all(by: 3000)
      }
    }
    return found
  }

  @Test(arguments: [false, true]) func filesAndLinks(_ isCompressed: Bool) throws {
    var builder = Self.sample(isCompressed: isCompressed)
    let archive = try SquashFSArchive(MemoryBytes(builder.bytes()))
    #expect(archive.problems == [])
    var expected: [String: [UInt8]] = [:]
    for size in Self.sizes { expected["files/\(size)"] = Self.data(size, UInt64(size)) }
    expected["files/sparse"] = [UInt8](repeating: 0, count: 8192) + Self.data(5000)
    expected["again"] = expected["files/20000"]
    #expect(try Self.contents(archive) == expected)
    func kind(_ path: String) -> SquashFSArchive.Member.Kind? {
      archive.members.first { $0.path == Path(path) }?.kind
    }
    #expect(kind("usr/lib/libx.so") == .symbolicLink(Path("../../files/1")))
    #expect(kind("again") == kind("files/20000"))
    #expect(kind("dev/null") == nil && kind("run/socket") == nil)
    #expect(archive.directoryCount == 7)
    #expect(archive.contents.count == Self.sizes.count + 1)
  }

  @Test func anyPartOfAFile() throws {
    var builder = Self.sample(isCompressed: true)
    let archive = try SquashFSArchive(MemoryBytes(builder.bytes()))
    for size in Self.sizes {
      guard case .file(let index)? = archive.members.first(where: { $0.path == Path("files/\(size)") })?.kind
      else { continue }
      let file = try archive.open(index)
      let whole = Self.data(size, UInt64(size))
      var generator = SeededGenerator(seed: 7)
      for _ in 0..<50 where size > 0 {
        let start = Int.random(in: 0..<size, using: &generator)
        let count = Int.random(in: 0...(size - start), using: &generator)
        #expect(
          try file.bytes(at: UInt64(start), count: count, "part") == Array(whole[start..<start + count]))
      }
      var buffer: [UInt8] = [1, 2, 3]
      #expect(try file.read(at: UInt64(size), count: 3, into: &buffer) == 0)
      #expect(try file.read(at: .max, count: 3, into: &buffer) == 0)
    }
  }

  /// Tables of many blocks: names in runs of 256, folders in folders.
  @Test(arguments: [false, true]) func manyNames(_ isCompressed: Bool) throws {
    var builder = SquashFSBuilder(isCompressed: isCompressed)
    for number in 0..<3000 { builder.add(Array("\(number)".utf8), to: "lib/\(number % 7)/file-\(number).py") }
    builder.add([1], to: String(repeating: "d/", count: 400) + "deep")
    let archive = try SquashFSArchive(MemoryBytes(builder.bytes()))
    #expect(archive.problems == [])
    #expect(archive.members.count == 3001 && archive.directoryCount == 409)
    for (path, bytes) in try Self.contents(archive) where path.hasPrefix("lib/") {
      #expect(path.hasSuffix("/file-" + String(decoding: bytes, as: UTF8.self) + ".py"))
    }
  }

  @Test func severalThreads() throws {
    var builder = SquashFSBuilder(isCompressed: true)
    for number in 0..<200 { builder.add(Self.data(number * 97, UInt64(number)), to: "\(number)") }
    let archive = try SquashFSArchive(MemoryBytes(builder.bytes()))
    let wrong = Counter()
    DispatchQueue.concurrentPerform(iterations: 8) { job in
      for (position, member) in archive.members.enumerated() where (position + job) % 2 == 0 {
        guard case .file(let index) = member.kind, let number = Int(member.path.text),
          (try? archive.open(index).all(by: 1000)) == Self.data(number * 97, UInt64(number))
        else {
          wrong.add(1)
          continue
        }
      }
    }
    #expect(wrong.value == 0)
  }

  // MARK: - What means harm

  private func problems(_ bytes: [UInt8], _ limits: ArchiveLimits = ArchiveLimits()) -> [String] {
    do {
      return summary(try SquashFSArchive(MemoryBytes(bytes), limits: limits).problems)
    } catch {
      return summary([error])
    }
  }

  /// Every field of the superblock with values that are wrong: nothing is taken that the image cannot have.
  @Test(arguments: [false, true]) func superblocks(_ isCompressed: Bool) throws {
    var builder = Self.sample(isCompressed: isCompressed)
    let bytes = builder.bytes()
    let fields =
      [(4, 4), (12, 4), (16, 4), (20, 2), (22, 2), (24, 2), (26, 2), (28, 2), (30, 2)]
      + stride(from: 32, to: 96, by: 8).map { ($0, 8) }
    for (offset, count) in fields {
      for value: UInt64 in [
        0, 1, 7, 95, 96, 4096, 0x7FFF, 0x8000, 0xFFFF, 0x10_0000, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 40, 1 << 62,
        .max - 8192, .max - 1, .max, UInt64(bytes.count), UInt64(bytes.count - 1),
        UInt64(builder.tables.inodes), UInt64(builder.tables.directories), UInt64(builder.tables.fragments),
      ] {
        var damaged = bytes
        for index in 0..<count { damaged[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
        #expect(FuzzTarget.squashFS.violations(damaged) == [], "\(value) at \(offset)")
      }
    }
  }

  @Test func superblockProblems() throws {
    var builder = Self.sample(isCompressed: true)
    let bytes = builder.bytes()
    func changed(_ value: some FixedWidthInteger, at offset: Int) -> [UInt8] {
      var bytes = bytes
      for index in 0..<value.bitWidth / 8 {
        bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
      }
      return bytes
    }
    #expect(problems(Array(bytes.prefix(90))) == ["outOfBounds: SquashFS superblock"])
    #expect(problems(Array(bytes.dropLast(8))) == ["truncated: SquashFS image"])
    #expect(problems(changed(UInt16(3), at: 28)) == ["unsupported: SquashFS superblock"])
    #expect(problems(changed(UInt32(1000), at: 12)) == ["invalidValue: SquashFS superblock"])
    for compression: UInt16 in [2, 3] {
      #expect(problems(changed(compression, at: 20)) == ["unsupported: SquashFS compression"])
    }
    #expect(problems(changed(UInt64(bytes.count + 1), at: 40)) == ["truncated: SquashFS image"])
    #expect(problems(changed(UInt64(10), at: 64)) == ["invalidValue: SquashFS superblock"])
    #expect(problems(changed(UInt32.max, at: 16)) == ["outOfBounds: SquashFS fragments"])
    // The tables say zlib, and they are none of zstd.
    #expect(problems(changed(UInt16(6), at: 20)).contains("corruptData: SquashFS inode"))
  }

  /// Fields by which libsquashfs 1.2 leaves its memory, or asks for more than there is.
  @Test func fieldsOfInodes() throws {
    var builder = SquashFSBuilder()
    builder.add(Self.data(600), to: "file")
    let bytes = builder.bytes()
    let inode = builder.tables.inodes + 2
    func problem(_ change: (inout [UInt8]) -> Void) throws -> String {
      var bytes = bytes
      change(&bytes)
      let archive = try SquashFSArchive(MemoryBytes(bytes))
      guard archive.contents.count == 1 else { return summary(archive.problems).joined() }
      do {
        let file = try archive.open(0)
        _ = try file.bytes(at: 0, count: 600, "file")
        return ""
      } catch {
        return summary([error]).joined()
      }
    }
    #expect(try problem { _ in } == "")
    // The place in the block of the fragment, which with the size is small again in 32 bits; and its number.
    #expect(
      try problem { $0.replaceSubrange(inode + 24..<inode + 28, with: [0, 0xFF, 0xFF, 0xFF]) }
        == "corruptData: SquashFS block")
    #expect(try problem { $0[inode + 20] = 1 } == "outOfBounds: SquashFS fragment")
    // A file of 2^64 bytes, one of 2^32 and a link of as many.
    #expect(
      try problem {
        $0[inode] = 9
        $0.replaceSubrange(inode + 24..<inode + 32, with: [UInt8](repeating: 0xFF, count: 8))
      } == "limitExceeded: SquashFS file")
    #expect(
      try problem { $0.replaceSubrange(inode + 28..<inode + 32, with: [UInt8](repeating: 0xFF, count: 4)) }
        == "outOfBounds: SquashFS inode")
    #expect(
      try problem {
        $0[inode] = 3
        $0.replaceSubrange(inode + 20..<inode + 24, with: [UInt8](repeating: 0xFF, count: 4))
      } == "limitExceeded: SquashFS link target")
    #expect(try problem { $0[inode] = 15 } == "invalidValue: SquashFS inode")
  }

  /// A folder that is in itself, and one with two names.
  @Test func folderLoops() throws {
    var loop = SquashFSBuilder()
    loop.directory("a")
    var bytes = loop.bytes()
    // The inode of `a` comes first, that of the root behind it: `a` gets the list of the root, in which `a` is.
    let first = loop.tables.inodes + 2
    bytes.replaceSubrange(first + 20..<first + 28, with: Array(bytes[first + 60..<first + 68]))
    bytes.replaceSubrange(first + 34..<first + 36, with: Array(bytes[first + 74..<first + 76]))
    #expect(problems(bytes) == ["overlap: SquashFS directory"])
    var twice = SquashFSBuilder()
    twice.add([1], to: "a/file")
    twice.hardLink("b", to: "a")
    let archive = try SquashFSArchive(MemoryBytes(twice.bytes()))
    #expect(summary(archive.problems) == ["overlap: SquashFS directory"])
    #expect(archive.members.map(\.path) == [Path("a/file")])
  }

  @Test func names() throws {
    var builder = SquashFSBuilder()
    for name in [".", "..", "a/b", "a\0b", "same", "same", "good", "\u{1B}[1m"] {
      builder.add([1], named: Array(name.utf8))
    }
    let archive = try SquashFSArchive(MemoryBytes(builder.bytes()))
    #expect(archive.members.map(\.path.text).sorted() == ["\u{1B}[1m", "good", "same"])
    #expect(
      summary(archive.problems)
        == Array(repeating: "invalidValue: SquashFS directory", count: 4) + ["overlap: SquashFS directory"])
    #expect(archive.problems.allSatisfy { printable($0.description) == $0.description })
  }

  @Test func limits() throws {
    var builder = Self.sample(isCompressed: true)
    let bytes = builder.bytes()
    var limits = ArchiveLimits()
    limits.nodes = 5
    #expect(problems(bytes, limits) == ["limitExceeded: files of an image"])
    limits = ArchiveLimits()
    limits.pathLength = 9
    #expect(Set(problems(bytes, limits)) == ["limitExceeded: path in an image"])
    limits = ArchiveLimits()
    limits.memberSize = 4096
    let archive = try SquashFSArchive(MemoryBytes(bytes), limits: limits)
    let open = archive.contents.indices.filter { (try? archive.open($0)) != nil }
    #expect(open.count == 4)
    #expect(throws: Problem.self) { try archive.open(archive.contents.firstIndex { $0.size == 4097 } ?? 0) }
    // Memory for names, and bytes that are decompressed.
    let memory = Budget(1000)
    let names = try SquashFSArchive(MemoryBytes(bytes), memory: memory)
    #expect(summary(names.problems) == ["limitExceeded: memory for the members of an archive"])
    let decompression = Budget(9000, expected: "at most 9000")
    let some = try? SquashFSArchive(MemoryBytes(bytes), decompression: decompression)
    #expect(some?.problems.allSatisfy { $0.code == .limitExceeded } == true)
    let exact = Budget()
    let before = exact.rest
    let all = try SquashFSArchive(MemoryBytes(bytes), decompression: exact)
    let opened = before - exact.rest
    #expect(opened < 40_000)
    // A block is decompressed for whoever wants a byte of it, and once for neighbours.
    for index in all.contents.indices where all.contents[index].size > 0 {
      _ = try all.open(index).bytes(at: 0, count: 1, "start")
    }
    #expect(before - exact.rest - opened < 120_000)
  }

  /// A link that says more than any path.
  @Test func longLink() throws {
    var builder = SquashFSBuilder(isCompressed: true)
    builder.symbolicLink("link", to: String(repeating: "x", count: 5000))
    builder.add([1], to: "file")
    let archive = try SquashFSArchive(MemoryBytes(builder.bytes()))
    #expect(summary(archive.problems) == ["limitExceeded: SquashFS link target"])
    #expect(archive.members.map(\.path) == [Path("file")])
  }

  /// Damage anywhere: what can be read is, and no promise is broken.
  @Test(.timeLimit(.minutes(30)), arguments: [false, true]) func damage(_ isCompressed: Bool) throws {
    var builder = Self.sample(isCompressed: isCompressed)
    let bytes = builder.bytes()
    let tables = builder.tables
    var generator = SeededGenerator(seed: 3)
    for round in 0..<600 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let range = round % 2 == 0 ? tables.inodes..<bytes.count : 0..<bytes.count
        damaged[Int.random(in: range, using: &generator)] =
          [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)][
            Int.random(in: 0..<6, using: &generator)]
      }
      #expect(FuzzTarget.squashFS.violations(damaged) == [], "round \(round)")
    }
    for count in stride(from: 0, to: bytes.count, by: 61) {
      #expect(FuzzTarget.squashFS.violations(Array(bytes.prefix(count))) == [], "\(count) bytes")
    }
  }

  // MARK: - SIF

  private static func root(_ name: String) -> [UInt8] {
    var builder = SquashFSBuilder(isCompressed: true)
    builder.add([1], to: name)
    return builder.bytes()
  }

  @Test func partitions() throws {
    let bytes = SIFBuilder(
      .init(Array("Bootstrap: docker\n".utf8), type: 0x4001), .init(Self.root("data"), purpose: 3),
      .init(Self.root("root")), .init(Self.root("arm"), architecture: "04"),
      .init(Array("signature".utf8), type: 0x4005)
    ).bytes
    #expect(SIFImage.isSIF(prefix: bytes[...]))
    let image = try SIFImage(MemoryBytes(bytes))
    #expect(image.problems == [])
    #expect(image.partitions.map(\.platform.description) == ["linux/amd64", "linux/arm64", "linux/amd64"])
    #expect(image.partitions.map(\.name) == ["", "", "partition 2"])
    let names = try image.partitions.map { partition in
      try SquashFSArchive(SubrangeBytes(MemoryBytes(bytes), partition.range)).members.map(\.path.text)
    }
    #expect(names == [["root"], ["arm"], ["data"]])
    let arm = try SIFImage(MemoryBytes(bytes), platform: .init("linux/arm64"))
    #expect(arm.partitions.map(\.platform.architecture) == ["arm64"])
    #expect(arm.otherPlatforms.map(\.description) == ["linux/amd64"])
  }

  @Test func partitionsThatAreNotRead() throws {
    let image = try SIFImage(
      MemoryBytes(
        SIFBuilder(
          .init([1], fileSystem: 2), .init([1], fileSystem: 5), .init([1], fileSystem: 6),
          .init([1], fileSystem: 77), .init([1], purpose: 4), .init([1], purpose: 9), .init([1], type: 0x400B)
        ).bytes))
    #expect(image.partitions.isEmpty)
    #expect(
      image.problems.allSatisfy { $0.code == .unsupported && $0.observed?.contains("not read") == true })
    #expect(
      image.problems.map(\.field)
        == (1...6).map { "SIF partition \($0)" } + ["SIF blob 7"])
    #expect(image.problems[0].observed == "an ext3 file system, what it holds is not read")
    #expect(image.problems[1].observed == "encrypted SquashFS, what it holds is not read")
  }

  @Test func damagedDescriptors() throws {
    let bytes = SIFBuilder(.init(Self.root("root"))).bytes
    func problem(_ change: (inout [UInt8]) -> Void) -> String {
      var bytes = bytes
      change(&bytes)
      do {
        return summary(try SIFImage(MemoryBytes(bytes)).problems).joined()
      } catch {
        return summary([error]).joined()
      }
    }
    #expect(problem { $0[43] = UInt8(ascii: "2") } == "unsupported: SIF version")
    #expect(
      problem { $0.replaceSubrange(88..<96, with: [UInt8](repeating: 0xFF, count: 8)) }
        == "limitExceeded: SIF descriptors")
    #expect(
      problem { $0.replaceSubrange(96..<104, with: [UInt8](repeating: 0xFF, count: 8)) }
        == "outOfBounds: SIF descriptors")
    #expect(problem { $0[4096 + 25 + 7] = 0x7F } == "outOfBounds: SIF partition 1")
    #expect(problem { $0[4096 + 17 + 7] = 0xFF } == "outOfBounds: SIF partition 1")
    #expect(problem { $0 = Array($0.prefix(100)) } == "truncated: SIF header")
  }
}
