import Bytes
import CLZ4
import CZlib
import CZstd
import Compression
import FuzzSupport
import Testing

private let codecs: [Codec] = [.lz4, .zstd, .zlib]

/// `input` compressed by the library that the codec belongs to.
private func compress(_ input: [UInt8], _ codec: Codec) -> [UInt8] {
  let room = input.count * 2 + 1024
  return unsafe [UInt8](unsafeUninitializedCapacity: room) { output, count in
    unsafe input.withUnsafeBytes { source in
      switch codec {
      case .lz4:
        count = Int(
          unsafe LZ4_compress_default(
            source.baseAddress?.assumingMemoryBound(to: CChar.self),
            UnsafeMutableRawPointer(output.baseAddress!).assumingMemoryBound(to: CChar.self),
            CInt(source.count), CInt(room)))
      case .zstd:
        count = unsafe ZSTD_compress(output.baseAddress, room, source.baseAddress, source.count, 3)
      case .zlib:
        var size = uLongf(room)
        _ = unsafe compress2(
          output.baseAddress, &size, source.baseAddress?.assumingMemoryBound(to: UInt8.self),
          uLong(source.count), 9)
        count = Int(size)
      }
    }
  }
}

@Suite struct DecompressionTests {
  static let text = Array(String(repeating: "device code, ", count: 400).utf8) + (0...255)
  static let limit: UInt64 = 1 << 24

  @Test(arguments: codecs) func good(_ codec: Codec) throws {
    let packed = compress(Self.text, codec)
    #expect(packed.count < Self.text.count)
    #expect(try decompress(packed, codec, size: UInt64(Self.text.count), limit: Self.limit) == Self.text)
  }

  @Test(arguments: codecs) func limitIsTheLastSizeAllowed(_ codec: Codec) throws {
    let size = UInt64(Self.text.count)
    let packed = compress(Self.text, codec)
    #expect(try decompress(packed, codec, size: size, limit: size) == Self.text)
    #expect(
      throws: Problem(
        .limitExceeded, "\(codec.rawValue) payload", expected: "at most \(size - 1) bytes",
        observed: "\(size)")
    ) { try decompress(packed, codec, size: size, limit: size - 1) }
    #expect(throws: Problem.self) { try decompress(packed, codec, size: .max, limit: Self.limit) }
  }

  /// Whatever is cut off, the result is an error.
  @Test(arguments: codecs) func cut(_ codec: Codec) {
    let packed = compress(Self.text, codec)
    for count in 0..<packed.count {
      let problem = #expect(throws: Problem.self, "\(count) of \(packed.count) bytes") {
        try decompress(Array(packed[..<count]), codec, size: UInt64(Self.text.count), limit: Self.limit)
      }
      #expect(problem?.code == .corruptData)
    }
  }

  /// Damage either is noticed or gives as many bytes as were asked for.
  @Test(arguments: codecs) func corrupt(_ codec: Codec) {
    let packed = compress(Self.text, codec)
    var noticed = 0
    for position in packed.indices {
      for bit in [0, 3, 7] {
        var damaged = packed
        damaged[position] ^= 1 << bit
        do {
          let output = try decompress(damaged, codec, size: UInt64(Self.text.count), limit: Self.limit)
          #expect(output.count == Self.text.count)
        } catch {
          // A zstd frame states its size, which can be damaged too.
          #expect(error.code == .corruptData || codec == .zstd && error.code == .mismatch)
          noticed += 1
        }
      }
    }
    #expect(noticed > 20)
  }

  @Test(arguments: codecs, [-1, 1, 1000]) func wrongSize(_ codec: Codec, difference: Int) {
    let packed = compress(Self.text, codec)
    let problem = #expect(throws: Problem.self) {
      try decompress(packed, codec, size: UInt64(Self.text.count + difference), limit: Self.limit)
    }
    // What is too small for LZ4 and zlib only shows that there is more.
    if difference > 0 || codec == .zstd {
      #expect(problem?.code == .mismatch)
      #expect(problem?.expected == "\(Self.text.count) bytes as in the payload")
      #expect(problem?.observed == "\(Self.text.count + difference)")
    } else {
      #expect(problem?.code == .corruptData)
      #expect(problem?.expected == "\(Self.text.count + difference) bytes")
      #expect(problem?.observed?.isEmpty == false)
    }
  }

  @Test(arguments: codecs) func nothing(_ codec: Codec) throws {
    #expect(try decompress(compress([], codec), codec, size: 0, limit: 0) == [])
    let problem = #expect(throws: Problem.self) {
      try decompress(compress(Self.text, codec), codec, size: 0, limit: 0)
    }
    #expect(problem?.code == (codec == .zstd ? .mismatch : .corruptData))
    #expect(throws: Problem.self) { try decompress([], codec, size: 10, limit: 10) }
  }

  /// Each format has a ratio that it cannot pass; nothing is allocated for a size beyond it.
  @Test(arguments: codecs) func sizeThatNoInputGives(_ codec: Codec) {
    let problem = #expect(throws: Problem.self) {
      try decompress([1, 2, 3, 4], codec, size: 1 << 40, limit: 1 << 41)
    }
    #expect(problem?.code == .corruptData)
  }

  /// The best ratio that each format reaches is still decompressed.
  @Test(arguments: codecs) func zeros(_ codec: Codec) throws {
    let zeros = [UInt8](repeating: 0, count: 4 << 20)
    let packed = compress(zeros, codec)
    #expect(try decompress(packed, codec, size: UInt64(zeros.count), limit: Self.limit) == zeros)
  }

  @Test(arguments: codecs) func random(_ codec: Codec) {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let input = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      _ = try? decompress(input, codec, size: UInt64.random(in: 0...5000, using: &generator), limit: 4000)
    }
  }
}

@Suite struct PrefixTests {
  /// Text, incompressible bytes, and one byte over and over, whose length takes thousands of bytes.
  private static let inputs: [[UInt8]] = {
    var generator = SeededGenerator(seed: 11)
    return [
      DecompressionTests.text, (0..<300_000).map { _ in UInt8.random(in: 0...255, using: &generator) },
      [UInt8](repeating: 7, count: 3_000_000), [1],
    ]
  }()

  @Test(arguments: codecs) func everyLengthIsTheStartOfTheWhole(_ codec: Codec) throws {
    for input in Self.inputs {
      let packed = compress(input, codec)
      for count in [0, 1, 2, 15, 64, 255, 256, 1000, 1024, 4096, 70_000, input.count]
      where count <= input.count {
        let prefix = try decompressPrefix(
          of: MemoryBytes(packed), codec, count: count, size: UInt64(input.count))
        #expect(prefix.elementsEqual(input.prefix(count)), "\(count) of \(input.count)")
      }
    }
  }

  /// What ends early gives what there is.
  @Test(arguments: codecs) func moreThanThereIs(_ codec: Codec) throws {
    let packed = compress(DecompressionTests.text, codec)
    let count = DecompressionTests.text.count + 100
    let all = try decompressPrefix(of: MemoryBytes(packed), codec, count: count, size: UInt64(count))
    #expect(all == DecompressionTests.text)
  }

  @Test(arguments: codecs) func cutStreamsAreProblemsOnlyWhereTheyAreCut(_ codec: Codec) throws {
    let packed = compress(DecompressionTests.text, codec)
    let cut = MemoryBytes(packed[..<(packed.count - 6)])
    let count = DecompressionTests.text.count
    let prefix = try? decompressPrefix(of: cut, codec, count: 100, size: UInt64(count))
    // The only block of this zstd frame is not decompressed before it is there.
    #expect(prefix == (codec == .zstd ? nil : Array(DecompressionTests.text[..<100])))
    let whole = try? decompressPrefix(of: cut, codec, count: count, size: UInt64(count))
    #expect(whole != DecompressionTests.text)
  }

  @Test(arguments: codecs) func garbage(_ codec: Codec) {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<200 {
      let bytes = (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let prefix = try? decompressPrefix(of: MemoryBytes(bytes), codec, count: 4096, size: 1 << 20)
      #expect((prefix ?? []).count <= 4096)
    }
  }
}
