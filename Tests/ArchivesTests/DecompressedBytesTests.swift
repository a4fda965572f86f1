import Archives
import Bytes
import Compression
import FixtureSupport
import Foundation
import FuzzSupport
import Testing

/// Bytes that differ from block to block.
private func sample(_ count: Int) -> [UInt8] {
  var generator = SeededGenerator(seed: 7)
  let block = (0..<8192).flatMap { _ in
    let word = generator.next()
    return (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
  }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + block.count)
  while bytes.count < count {
    bytes.append(littleEndian: bytes.count)
    bytes += block
  }
  return Array(bytes[..<count])
}

@Suite struct DecompressedBytesTests {
  /// More than the blocks that are kept, so that going back needs checkpoints; the last block is short.
  private static let large = sample(40 << 20 | 12345)
  private static let deflated = HugeArchives.deflated(large)
  private static let limit: UInt64 = 1 << 30

  @Test func anyOrder() throws {
    let source = CountingBytes(Self.deflated)
    let contents = try DecompressedBytes(
      source, .deflate, size: UInt64(Self.large.count), limit: Self.limit)
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<100 {
      let offset = Int.random(in: 0..<Self.large.count, using: &generator)
      let count = Int.random(in: 1...600_000, using: &generator)
      let expected = Self.large[offset..<min(offset + count, Self.large.count)]
      var buffer = [UInt8](repeating: 0, count: count)
      let read = try contents.read(at: UInt64(offset), count: count, into: &buffer)
      #expect(buffer[..<read] == expected, "\(count) bytes at \(offset)")
    }
    // From checkpoints, a read costs its own blocks and less than two intervals; from the start it would be half of all.
    #expect(contents.bytesDecompressed < UInt64(Self.large.count) + 100 * (3 << 20))
    #expect(source.count.value > 0)
  }

  @Test func smallStreamsAreDecompressedOnce() throws {
    let bytes = Array(Self.large[..<(8 << 20)])
    let contents = try DecompressedBytes(
      MemoryBytes(HugeArchives.deflated(bytes)), .deflate, size: UInt64(bytes.count), limit: Self.limit)
    for offset in stride(from: bytes.count - 1000, through: 0, by: -70_000) {
      #expect(
        try contents.bytes(at: UInt64(offset), count: 1000, "part") == Array(bytes[offset..<offset + 1000]))
    }
    #expect(contents.bytesDecompressed == UInt64(bytes.count))
  }

  /// The blocks are given back, and the places from which reading can go on are not.
  @Test func checkpointsOutliveBlocks() throws {
    let size = UInt64(Self.large.count)
    let contents = try DecompressedBytes(MemoryBytes(Self.deflated), .deflate, size: size, limit: Self.limit)
    try contents.finish()
    contents.release()
    for place in [size - 1, 20 << 20, 10 << 20, 5 << 20] {
      #expect(try contents.bytes(at: place, count: 1, "part") == [Self.large[Int(place)]])
    }
    #expect(contents.bytesDecompressed < size + 4 * (3 << 20))
  }

  @Test func onlyTheStartIsRead() throws {
    let source = CountingBytes(Self.deflated)
    let contents = try DecompressedBytes(source, .deflate, size: UInt64(Self.large.count), limit: Self.limit)
    #expect(source.count.value == 0)
    #expect(try contents.bytes(at: 0, count: 64, "start") == Array(Self.large[..<64]))
    #expect(contents.bytesDecompressed == UInt64(DecompressedBytes.blockSize))
  }

  @Test func endsOutsideTheStream() throws {
    let contents = try DecompressedBytes(
      MemoryBytes(Self.deflated), .deflate, size: UInt64(Self.large.count), limit: Self.limit)
    var buffer: [UInt8] = [1, 2, 3]
    for offset in [UInt64(Self.large.count), UInt64(Self.large.count) + 1, 1 << 40, .max] {
      #expect(try contents.read(at: offset, count: 3, into: &buffer) == 0)
    }
    #expect(try contents.read(at: UInt64(Self.large.count) - 1, count: 3, into: &buffer) == 1)
  }

  /// Where nobody says how large the stream is, the end tells.
  @Test func unknownSize() throws {
    for count in [0, 1, DecompressedBytes.blockSize, DecompressedBytes.blockSize + 1, 3 << 20] {
      let bytes = Array(Self.large[..<count])
      let contents = try DecompressedBytes(
        MemoryBytes(HugeArchives.deflated(bytes)), .deflate, limit: UInt64(count))
      try contents.finish()
      #expect(contents.size == UInt64(count))
      #expect(try contents.all() == bytes)
      guard count > 0 else { continue }
      let small = try DecompressedBytes(
        MemoryBytes(HugeArchives.deflated(bytes)), .deflate, limit: UInt64(count) - 1)
      let problem = #expect(throws: Problem.self) { try small.finish() }
      #expect(problem?.code == .limitExceeded)
    }
  }

  /// What lies in front of the damage is read; behind it every read has the same problem.
  @Test func damageIsLocal() throws {
    let cut = Array(Self.deflated[..<(Self.deflated.count / 2)])
    let contents = try DecompressedBytes(
      MemoryBytes(cut), .deflate, size: UInt64(Self.large.count), limit: Self.limit)
    let far = UInt64(Self.large.count) - 100
    let first = try #require(throws: Problem.self) { try contents.bytes(at: far, count: 100, "end") }
    #expect(first.code == .truncated)
    #expect(
      try contents.bytes(at: 5 << 20, count: 100, "part") == Array(Self.large[5 << 20..<(5 << 20) + 100]))
    let before = contents.bytesDecompressed
    #expect(throws: first) { try contents.bytes(at: far, count: 100, "end") }
    #expect(contents.bytesDecompressed == before)
  }

  /// The tools' own streams; zstd, bzip2 and xz start again to go back.
  @Test(arguments: [
    ("gzip", DecompressedBytes.Compression.gzip), ("zstd", .zstd), ("bzip2", .bzip2), ("xz", .xz),
  ])
  func otherStreams(_ tool: String, compression: DecompressedBytes.Compression) throws {
    let bytes = Array(Self.large[..<(3 << 20)])
    let packed = try compressed(bytes, by: tool)
    // Two streams behind each other are one, for all these tools.
    for (input, expected) in [(packed, bytes), (packed + packed, bytes + bytes)] {
      let contents = try DecompressedBytes(MemoryBytes(input), compression, limit: 1 << 24)
      #expect(try contents.bytes(at: 2 << 20, count: 50, "part") == Array(bytes[2 << 20..<(2 << 20) + 50]))
      #expect(try contents.bytes(at: 10, count: 50, "part") == Array(bytes[10..<60]))
      #expect(try contents.all() == expected)
      #expect(contents.size == UInt64(expected.count))
    }
    let cut = try DecompressedBytes(
      MemoryBytes(Array(packed[..<(packed.count / 2)])), compression, limit: 1 << 24)
    let problem = #expect(throws: Problem.self) { try cut.finish() }
    #expect([.truncated, .corruptData].contains(problem?.code), "\(String(describing: problem))")
    let bomb = try DecompressedBytes(MemoryBytes(packed), compression, limit: 1 << 20)
    let past = #expect(throws: Problem.self) { try bomb.finish() }
    #expect(past?.code == .limitExceeded)
    for input in [[], [0x50, 0x4B], Array("neither of these formats".utf8)] as [[UInt8]] {
      let contents = try DecompressedBytes(MemoryBytes(input), compression, limit: 1 << 24)
      #expect(throws: Problem.self) { try contents.finish() }
    }
  }

  /// bzip2 gives nothing before it has decompressed a block, 900 kB of which here come from 69 bytes: whoever starts many streams for
  /// little of each has spent what is allowed all the same.
  @Test func startsAreCounted() throws {
    let block = try #require(
      [UInt8](
        hexadecimal:
          "425a6839314159265359111f2a98036ee301003000200030804d468a84226150844e6282b24ca6b33a29e14600000902006000400041534104cb1c5dc914e14242fcaa964c"
      ))
    let budget = Budget(30_000_000, expected: "at most 30000000 bytes")
    func start() throws(Problem) {
      let contents = try DecompressedBytes(MemoryBytes(block), .bzip2, limit: 1 << 20, budget: budget)
      #expect(try contents.bytes(at: 0, count: 4, "start") == Array("abab".utf8))
    }
    // Three times as many bytes as of deflate, because they take as long: those of the start, and 256 KiB that were read.
    for _ in 0..<8 { try start() }
    let problem = #expect(throws: Problem.self) { try start() }
    #expect(problem?.code == .limitExceeded)
  }

  /// Streams say how much memory they want, and get so much.
  @Test(arguments: ["zstd", "xz"]) func memoryIsLimited(_ tool: String) throws {
    let bytes = Array(Self.large[..<(9 << 20)])
    let packed = try compressed(bytes, by: tool, arguments: ["-c", "-9"])
    let compression = try #require(DecompressedBytes.Compression(prefix: packed[..<6]))
    for (memory, isEnough) in [(DecompressedBytes.streamMemory, true), (2 << 20, false)] {
      let contents = try DecompressedBytes(
        MemoryBytes(packed), compression, limit: 1 << 24, memory: memory)
      if isEnough {
        #expect(try contents.all() == bytes)
      } else {
        let problem = #expect(throws: Problem.self) { try contents.finish() }
        #expect(problem?.code == .limitExceeded)
      }
    }
  }

  /// Many threads share one stream.
  @Test func parallelReads() throws {
    let contents = try DecompressedBytes(
      MemoryBytes(Self.deflated), .deflate, size: UInt64(Self.large.count), limit: Self.limit)
    let wrong = Counter()
    DispatchQueue.concurrentPerform(iterations: 8) { job in
      var generator = SeededGenerator(seed: UInt64(job))
      for _ in 0..<20 {
        let offset = Int.random(in: 0..<Self.large.count - 4096, using: &generator)
        let read = try? contents.bytes(at: UInt64(offset), count: 4096, "part")
        if read != Array(Self.large[offset..<offset + 4096]) { wrong.add(1) }
      }
    }
    #expect(wrong.value == 0)
  }

  /// Who goes back and forth for ever is stopped; what was read last can still be read.
  @Test func effortIsLimited() throws {
    let count = 20 << 20
    let contents = try DecompressedBytes(
      MemoryBytes(HugeArchives.zeros(mebibytes: 20)), .deflate, size: UInt64(count), limit: Self.limit)
    var problem: Problem?
    var generator = SeededGenerator(seed: 3)
    var reads = 0
    while problem == nil, reads < 100_000 {
      reads += 1
      let offset = UInt64.random(in: 0..<UInt64(count - 1), using: &generator)
      do { _ = try contents.bytes(at: offset, count: 1, "byte") } catch { problem = error }
    }
    #expect(problem?.code == .limitExceeded)
    #expect(reads > 1000)
    #expect(contents.bytesDecompressed < 33 * UInt64(count) + DecompressedBytes.effort)
  }
}
