import Bytes
import FuzzSupport
import Testing

@Suite struct WordSearchTests {
  /// The first offset, found byte by byte.
  private static func naive(_ words: [UInt32], _ bytes: [UInt8], _ range: Range<Int>) -> Int? {
    guard range.count >= 4 else { return nil }
    return (range.lowerBound...range.upperBound - 4).first { offset in
      words.contains { word in
        (0..<4).allSatisfy { bytes[offset + $0] == UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
      }
    }
  }

  private static let words: [UInt32] = [0xBA55_ED50, 0x464C_457F, 0x7265_762E]

  /// Each word at each offset of ranges around the borders of the blocks that are looked at together.
  @Test(arguments: [4, 5, 63, 64, 65, 67, 68, 127, 128, 129, 130, 133, 200]) func everyOffset(length: Int) {
    let search = WordSearch(Self.words[0], Self.words[1], Self.words[2])
    for word in Self.words {
      for offset in 0...(length - 4) {
        var bytes = [UInt8](repeating: 0, count: length)
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: word >> (index * 8)) }
        #expect(search.first(in: bytes, 0..<length) == offset)
        // A range that cuts the word on either side does not hold it.
        #expect(search.first(in: bytes, 0..<offset + 3) == nil)
        #expect(search.first(in: bytes, offset + 1..<length) == nil)
        #expect(search.first(in: bytes, offset..<offset + 4) == offset)
      }
    }
  }

  @Test func shortRanges() {
    let search = WordSearch(0)
    #expect(search.first(in: [], 0..<0) == nil)
    #expect(search.first(in: [0, 0, 0], 0..<3) == nil)
    #expect(search.first(in: [0, 0, 0, 0], 0..<4) == 0)
    #expect(search.first(in: [1, 0, 0, 0, 0], 0..<5) == 1)
  }

  /// Random bytes of few values, so that words and halves of words are frequent.
  @Test func agreesWithANaiveSearch() {
    var generator = SeededGenerator(seed: 42)
    let alphabet: [UInt8] = [0x50, 0xED, 0x55, 0xBA, 0x7F]
    for _ in 0..<3000 {
      let bytes = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
        alphabet.randomElement(using: &generator)!
      }
      let start = Int.random(in: 0...bytes.count, using: &generator)
      let range = start..<Int.random(in: start...bytes.count, using: &generator)
      let words = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
        (0..<4).reduce(UInt32(0)) { word, _ in word << 8 | UInt32(alphabet.randomElement(using: &generator)!)
        }
      }
      let search =
        switch words.count {
        case 1: WordSearch(words[0])
        case 2: WordSearch(words[0], words[1])
        default: WordSearch(words[0], words[1], words[2])
        }
      #expect(search.first(in: bytes, range) == Self.naive(words, bytes, range))
    }
  }
}
