import Bytes
import CZlib
import Compression
import FixtureSupport
import FuzzSupport
import Testing

/// A gzip member: the flags decide which of the optional fields its header has.
private func gzip(
  _ input: [UInt8], flags: UInt8 = 0, fieldSize: Int = 10, damageHeader: Bool = false
) -> [UInt8] {
  func sum(_ bytes: [UInt8]) -> UInt32 { unsafe UInt32(crc32(0, bytes, CUnsignedInt(bytes.count))) }
  func bytes(_ number: UInt32, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }
  let text = [UInt8](repeating: UInt8(ascii: "n"), count: fieldSize)
  var member: [UInt8] = [0x1F, 0x8B, 8, flags, 1, 2, 3, 4, 0, 3]
  if flags & 4 != 0 { member += bytes(UInt32(fieldSize), 2) + text }
  if flags & 8 != 0 { member += text + [0] }
  if flags & 16 != 0 { member += text + [0] }
  if flags & 2 != 0 { member += bytes(sum(member) ^ (damageHeader ? 1 : 0), 2) }
  return member + HugeArchives.deflated(input, level: 6) + bytes(sum(input), 4)
    + bytes(UInt32(truncatingIfNeeded: input.count), 4)
}

/// The inflater that archives are read with, against zlib. Where the program is built without ISA-L they are the same.
@Suite struct InflaterTests {
  struct Sample: Sendable, CustomTestStringConvertible {
    var name: String
    var framing: Inflater.Framing
    var stream: [UInt8]
    var contents: [UInt8]
    var testDescription: String { name }
  }

  static let contents: [(name: String, bytes: [UInt8])] = {
    var generator = SeededGenerator(seed: 3)
    let noise = (0..<80_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let words = (0..<15_000).flatMap { _ in Array("word\(Int.random(in: 0..<500, using: &generator)) ".utf8) }
    // Matches as long and as far back as there are.
    let far = (0..<4).flatMap { _ in noise[..<32_768] }
    return [
      ("nothing", []), ("a byte", [7]), ("text", DecompressionTests.text), ("words", words), ("noise", noise),
      ("zeros", [UInt8](repeating: 0, count: 200_000)), ("far matches", far),
      ("all of it", words + noise + far + words),
    ]
  }()

  static let samples: [Sample] = {
    var samples: [Sample] = []
    for (name, bytes) in contents {
      for level: CInt in [0, 1, 6, 9] {
        let stream = HugeArchives.deflated(bytes, level: level)
        samples.append(
          Sample(name: "\(name), level \(level)", framing: .none, stream: stream, contents: bytes))
      }
      for (kind, strategy) in [("fixed", Z_FIXED), ("Huffman alone", Z_HUFFMAN_ONLY), ("runs", Z_RLE)] {
        let stream = HugeArchives.deflated(bytes, level: 6, strategy: strategy, memory: 1, window: 9)
        samples.append(Sample(name: "\(name), \(kind)", framing: .none, stream: stream, contents: bytes))
      }
      samples.append(Sample(name: "\(name), gzip", framing: .gzip, stream: gzip(bytes), contents: bytes))
    }
    let text = DecompressionTests.text
    // The first kibibyte is read by itself: fields of this size end just before, at, and behind it.
    for size in [0, 1, 300, 500, 510, 511, 512, 513, 1000, 1010, 1011, 1012, 1013, 1014, 1015, 1024, 65_000] {
      for flags: UInt8 in [2, 4, 8, 16, 6, 10, 24, 30, 31] {
        samples.append(
          Sample(
            name: "header with flags \(flags) and \(size) bytes", framing: .gzip,
            stream: gzip(text, flags: flags, fieldSize: size), contents: text))
      }
    }
    let members = (0..<50).map { Array(text[..<($0 * 100)]) }
    samples.append(
      Sample(
        name: "50 members", framing: .gzip, stream: members.flatMap { gzip($0) },
        contents: members.flatMap { $0 }))
    samples.append(
      Sample(name: "zeros behind", framing: .gzip, stream: gzip(text) + [0, 0, 0], contents: text))
    samples.append(
      Sample(
        name: "bytes behind", framing: .none,
        stream: HugeArchives.deflated(text, level: 6) + [0x1F, 0x8B, 8], contents: text))
    return samples
  }()

  private static func inflate(_ stream: [UInt8], _ framing: Inflater.Framing) throws(Problem)
    -> any ForwardBytes
  {
    try DecompressedBytes.Method.deflate(framing).open(MemoryBytes(stream), 0)
  }

  @Test(arguments: samples) func sameBytes(_ sample: Sample) {
    for pieces in [[1 << 18], [1, 100_000], [64, 1000, 7]] {
      let comparison = InflaterComparison(sample.stream[...], sample.framing, pieces: pieces)
      #expect(comparison.difference == nil)
      #expect(comparison.archive.problem == nil)
      #expect(areEqual(comparison.archive.bytes[...], sample.contents[...]))
    }
  }

  /// Who asks for exactly what is in a stream may find its end in a byte that is taken already.
  @Test(arguments: [1, 6, 9]) func endOfAStream(level: CInt) throws {
    for count in 1...400 {
      let contents = Array(DecompressionTests.text[..<count])
      let stream = HugeArchives.deflated(contents, level: level)
      for inflater in [try Inflater(MemoryBytes(stream), .none), try Self.inflate(stream, .none)]
        as [any ForwardBytes]
      {
        var bytes = [UInt8](repeating: 0, count: count)
        #expect(try inflater.read(into: &bytes, 0..<count) == count)
        #expect(bytes == contents)
        #expect(try inflater.read(into: &bytes, 0..<1) == 0, "\(count) bytes")
      }
    }
  }

  /// What is cut is truncated, for both; where the cut is in front of the last byte that matters.
  @Test(
    arguments: samples.filter {
      $0.stream.count < 8000 && !$0.name.hasSuffix("behind") && $0.name != "50 members"
    })
  func cut(_ sample: Sample) {
    for count in sample.stream.indices {
      let comparison = InflaterComparison(sample.stream[..<count], sample.framing)
      #expect(comparison.archive.problem?.code == .truncated, "\(count) bytes")
      #expect(comparison.archive.problem == comparison.zlib.problem, "\(count) bytes")
    }
  }

  /// Damage gives the same bytes with both, or a problem with both.
  @Test(arguments: samples.filter { $0.stream.count < 3000 }) func damaged(_ sample: Sample) {
    var problems = 0
    for position in sample.stream.indices {
      for bit in [0, 3, 6] {
        var stream = sample.stream
        stream[position] ^= 1 << bit
        let comparison = InflaterComparison(stream[...], sample.framing)
        #expect(comparison.difference == nil, "bit \(bit) of byte \(position)")
        if comparison.archive.problem != nil { problems += 1 }
      }
    }
    #expect(problems > 0)
  }

  @Test func noise() {
    var generator = SeededGenerator(seed: 9)
    for round in 0..<5000 {
      let count = Int.random(in: 0...400, using: &generator)
      let stream = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      #expect(InflaterComparison(stream[...], .none).difference == nil, "round \(round)")
      #expect(InflaterComparison([0x1F, 0x8B, 8, 0] + stream, .gzip).difference == nil, "round \(round)")
    }
  }

  /// The same words for what is wrong with gzip's own fields.
  @Test func fieldsOfGzip() {
    let text = DecompressionTests.text
    let good = gzip(text)
    func changed(_ position: Int, _ value: UInt8) -> [UInt8] {
      var stream = good
      stream[position] = value
      return stream
    }
    for (stream, words) in [
      (changed(1, 0), "incorrect header check"), (changed(2, 9), "unknown compression method"),
      (changed(3, 0x20), "unknown header flags set"),
      (changed(good.count - 8, ~good[good.count - 8]), "incorrect data check"),
      (gzip(text, flags: 2, damageHeader: true), "header crc mismatch"),
      (good + changed(2, 9), "unknown compression method"),
    ] {
      let comparison = InflaterComparison(stream[...], .gzip)
      #expect(comparison.zlib.problem?.observed == words)
      #expect(comparison.archive.problem?.observed == words)
      #expect(comparison.archive.problem?.code == .corruptData)
    }
    // The size at the end, which zlib has words of its own for.
    let size = InflaterComparison(changed(good.count - 1, 1)[...], .gzip)
    #expect(size.archive.problem?.code == .corruptData)
  }

  /// A copy goes on where the other was, as often as one likes, and neither disturbs the other.
  @Test(arguments: [Inflater.Framing.none, .gzip]) func copies(_ framing: Inflater.Framing) throws {
    let contents = try #require(Self.contents.last).bytes
    let stream =
      framing == .gzip
      ? gzip(contents, flags: 31) + gzip(contents) : HugeArchives.deflated(contents, level: 6)
    let expected = framing == .gzip ? contents + contents : contents
    func rest(_ inflater: any ForwardBytes, from position: Int) throws {
      var buffer = [UInt8](repeating: 0, count: expected.count + 1)
      let count = try inflater.read(into: &buffer, 0..<buffer.count)
      #expect(areEqual(buffer[..<count], expected[position...]), "from \(position)")
    }
    let inflater = try Self.inflate(stream, framing)
    var position = 0
    var generator = SeededGenerator(seed: 5)
    while position < expected.count {
      let copy = try #require(try inflater.fork())
      let copyOfCopy = try #require(try copy.fork())
      try rest(copyOfCopy, from: position)
      try rest(try #require(try copy.fork()), from: position)
      try rest(copy, from: position)
      let piece = [1, 700, 40_000, 262_144][Int.random(in: 0..<4, using: &generator)]
      var buffer = [UInt8](repeating: 0, count: piece)
      let count = try inflater.read(into: &buffer, 0..<piece)
      #expect(areEqual(buffer[..<count], expected[position..<position + count]), "at \(position)")
      position += count
    }
  }
}

@Suite struct ChecksumTests {
  /// Whatever the parts are, the sum is that of zlib's.
  @Test func sumsOfParts() {
    var generator = SeededGenerator(seed: 4)
    let bytes = (0..<70_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    for count in [0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 255, 256, 257, 1000, 65_536, 70_000] {
      let whole = unsafe UInt32(crc32(0, bytes, CUnsignedInt(count)))
      for middle in [0, 1, count / 3, count] where middle <= count {
        var sum = Checksum()
        sum.add(bytes, 0..<middle)
        sum.add(bytes, middle..<count)
        #expect(sum.value == whole, "\(middle) and \(count - middle) bytes")
      }
    }
  }
}
