import Bytes
import CZlib
import Compression
import FixtureSupport
import FuzzSupport
import Testing

/// What parts of a stream take of the bytes that it was decompressed from.
struct SourceSizeTests {
  private static let size = 1 << 20
  /// A part that does not get smaller, one of zeros, and another one that does not.
  private static let contents: [UInt8] = {
    var random = SeededGenerator(seed: 1)
    let noise = (0..<2 * size).map { _ in UInt8.random(in: 0...255, using: &random) }
    return noise[..<size] + [UInt8](repeating: 0, count: size) + noise[size...]
  }()

  private func open(_ packed: [UInt8], _ method: DecompressedBytes.Method, size: UInt64?) throws
    -> DecompressedBytes
  {
    try DecompressedBytes(MemoryBytes(packed), by: method, size: size, limit: 1 << 30, notesSource: true)
  }

  @Test func partsOfAStream() throws {
    let packed = HugeArchives.deflated(Self.contents, level: 6)
    let size = UInt64(Self.size)
    let stream = try open(packed, .deflate(.none), size: UInt64(Self.contents.count))
    #expect(stream.sourceSize(of: 0..<size) == nil)
    #expect(stream.sourceSize(of: 0..<0) == 0)
    try stream.finish()
    // Between two marks it is estimated, which matters where one of the parts starts.
    let part = UInt64(4 << 10)
    let parts = try [0..<size, size..<2 * size, 2 * size..<3 * size].map {
      try #require(stream.sourceSize(of: $0))
    }
    #expect(parts[0] > size - part && parts[0] < size + part)
    #expect(parts[1] < part)
    #expect(parts[2] > size - part && parts[2] < size + part)
    let all = try #require(stream.sourceSize(of: 0..<3 * size))
    #expect(all <= UInt64(packed.count) && all + 16 > packed.count)
    #expect(stream.sourceSize(of: 0..<3 * size + 1) == nil)
    #expect(stream.sourceSize(of: .max - 1 ..< .max) == nil)
    // Whatever is cut, nothing is counted twice but what is rounded.
    var random = SeededGenerator(seed: 2)
    for _ in 0..<200 {
      let places = (0..<3).map { _ in UInt64.random(in: 0...3 * size, using: &random) }.sorted()
      let (first, second) = (
        stream.sourceSize(of: places[0]..<places[1]), stream.sourceSize(of: places[1]..<places[2])
      )
      #expect(try #require(first) + #require(second) == stream.sourceSize(of: places[0]..<places[2]))
    }
    // Who goes back counts nothing again.
    stream.release()
    _ = try stream.bytes(at: 0, count: 10, "start")
    #expect(stream.sourceSize(of: 0..<3 * size) == all)
    #expect(stream.reopened().sourceSize(of: 0..<3 * size) == all)
  }

  /// Where nobody says how much comes out, nothing is noted.
  @Test func sizeThatIsNotClaimed() throws {
    let stream = try open(HugeArchives.deflated(Self.contents, level: 6), .deflate(.none), size: nil)
    try stream.finish()
    #expect(stream.sourceSize(of: 0..<10) == nil)
  }

  @Test func brokenStream() throws {
    var packed = HugeArchives.deflated(Self.contents, level: 6)
    packed.removeLast(packed.count / 3)
    let stream = try open(packed, .deflate(.none), size: UInt64(Self.contents.count))
    #expect(throws: Problem.self) { try stream.finish() }
    #expect(throws: Problem.self) { try stream.finish() }
    #expect(stream.sourceSize(of: 0..<UInt64(Self.size)) != nil)
    #expect(stream.sourceSize(of: 0..<UInt64(Self.contents.count)) == nil)
  }

  @Test func meter() throws {
    let expected = UInt64(HugeArchives.deflated(Self.contents, level: 6).count)
    let meter = try DeflateMeter()
    meter.add(Self.contents)
    #expect(meter.finish() == expected)
    let pieces = try DeflateMeter()
    for start in stride(from: 0, to: Self.contents.count, by: 100_003) {
      pieces.add(Array(Self.contents[start..<min(start + 100_003, Self.contents.count)]))
    }
    #expect(pieces.finish() == expected)
    #expect(try DeflateMeter().finish() == 2)
  }
}

/// What is compressed here is decompressed by others, and by this module.
struct GzipTests {
  @Test func comesBack() throws {
    for size in [0, 1, 100_000] {
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 7) }
      let packed = try gzipped(bytes)
      #expect(packed.starts(with: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0]))
      #expect(packed.count < bytes.count / 10 || size < 100)
      let stream = try DecompressedBytes(MemoryBytes(packed), by: .deflate(.gzip), size: nil, limit: 1 << 30)
      var back: [UInt8] = []
      while case let piece = try stream.bytes(
        at: UInt64(back.count), count: min(4096, size - back.count), "bytes"),
        !piece.isEmpty
      {
        back += piece
      }
      #expect(back == bytes)
    }
  }
}
