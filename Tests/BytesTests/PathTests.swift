import Bytes
import Testing

@Suite struct PathTests {
  @Test func appending() {
    #expect(Path("a").appending("b".utf8) == Path("a/b"))
    #expect(Path("a/").appending("b".utf8) == Path("a/b"))
    #expect(Path("").appending("b".utf8) == Path("b"))
    #expect(Path("/").appending([0xFF]) == Path(bytes: [0x2F, 0xFF]))
  }

  @Test(arguments: [
    ("a/b", "b"), ("a/b/", "b"), ("a/b///", "b"), ("b", "b"), ("/", "/"), ("/b", "b"), ("", ""), ("//", "//"),
  ]) func lastComponent(_ path: String, _ last: String) {
    #expect(Path(path).lastComponent == Path(last))
  }

  @Test func text() {
    #expect(Path("ü").isUTF8)
    #expect(Path("ü").text == "ü")
    #expect(!Path(bytes: [0x61, 0xFF]).isUTF8)
    #expect(Path(bytes: [0x61, 0xFF]).text == "a\u{FFFD}")
    #expect(Path(bytes: [0x61, 0xFF]).description == "a\\xff")
  }

  /// By bytes: an upper-case letter before a lower-case one, a byte that is not UTF-8 after all ASCII.
  @Test func order() {
    let paths = [Path("Z"), Path("a"), Path("a/b"), Path("aa"), Path(bytes: [0xFF])]
    #expect(paths.reversed().sorted() == paths)
  }

  @Test(arguments: [
    ("plain text", "plain text"),
    ("für β 漢字 🙂", "für β 漢字 🙂"),
    ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
    ("\u{0}\u{1B}[31m\u{7F}", "\\x00\\x1b[31m\\x7f"),
    // The second control block.
    ("\u{85}\u{9B}31m", "\\xc2\\x85\\xc2\\x9b31m"),
    // Bidirectional controls and other invisible formatting.
    ("a\u{202E}b\u{2066}c\u{2069}", "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6c\\xe2\\x81\\xa9"),
    (
      "\u{200B}\u{200F}\u{FEFF}\u{E0041}", "\\xe2\\x80\\x8b\\xe2\\x80\\x8f\\xef\\xbb\\xbf\\xf3\\xa0\\x81\\x81"
    ),
    // Separators of lines and paragraphs, private use.
    ("\u{2028}\u{2029}\u{E000}", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9\\xee\\x80\\x80"),
  ]) func printableText(_ text: String, _ expected: String) {
    #expect(printable(text) == expected)
  }

  @Test(
    arguments: [
      // Not a start of anything; a continuation alone.
      ([0xFF], "\\xff"), ([0x80], "\\x80"), ([0x61, 0xFE, 0x62], "a\\xfeb"),
      // Cut at the end, in the middle, by another start.
      ([0xC3], "\\xc3"), ([0xE6, 0xBC], "\\xe6\\xbc"), ([0xF0, 0x9F, 0x99], "\\xf0\\x9f\\x99"),
      ([0xE6, 0xBC, 0x61], "\\xe6\\xbca"), ([0xE6, 0xC3, 0xBC], "\\xe6ü"),
      // Overlong: a slash in two, three and four bytes.
      ([0xC0, 0xAF], "\\xc0\\xaf"), ([0xE0, 0x80, 0xAF], "\\xe0\\x80\\xaf"),
      ([0xF0, 0x80, 0x80, 0xAF], "\\xf0\\x80\\x80\\xaf"),
      // A surrogate; past the last scalar.
      ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"), ([0xF4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"),
      // Good text around bad bytes.
      ([0xC3, 0xBC, 0xFF, 0xC3, 0xBC], "ü\\xffü"), ([], ""),
    ] as [([UInt8], String)]) func printableBytes(_ bytes: [UInt8], _ expected: String)
  {
    #expect(printable(bytes) == expected)
  }

  /// A long name of bad bytes takes time in proportion to its length, and no stack.
  @Test(.timeLimit(.minutes(30))) func manyBadBytes() {
    #expect(printable([UInt8](repeating: 0xFF, count: 200_000)).utf8.count == 800_000)
  }
}
