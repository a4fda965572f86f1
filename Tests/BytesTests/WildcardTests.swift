import Bytes
import Testing

/// Names with `*` in them.
@Suite struct WildcardTests {
  @Test(arguments: [
    ("", "", true), ("a", "", false), ("", "*", true), ("", "a", false), ("abc", "abc", true),
    ("abc", "ab", false), ("ab", "abc", false), ("abc", "*", true), ("abc", "a*c", true), ("ac", "a*c", true),
    ("abcabd", "*abd", true), ("abcab", "*abd", false), ("aXbXc", "a*b*c", true), ("aXbXcd", "a*b*c", false),
    ("a*c", "a*c", true), ("abc", "**a**c**", true), ("mississippi", "m*iss*ip*i", true), ("é", "*", true),
    ("abc", "a?c", true),
    ("ac", "a?c", false), ("abcd", "?*?d", true), ("?", "?", true), ("", "?", false),
  ]) func matches(_ text: String, _ pattern: String, _ expected: Bool) {
    #expect(text.utf8.matches(pattern.utf8) == expected)
  }

  @Test func aSlashMeansThePath() {
    #expect(Path("torch/lib/libc10.so").matches("libc10*"))
    #expect(!Path("torch/lib/libc10.so").matches("torch/libc10*"))
    #expect(Path("torch/lib/libc10.so").matches("torch/*10.so"))
    #expect(!Path("torch/lib/libc10.so").matches("lib"))
  }

  /// Stars that each may stand for anything cost no more than the product of both lengths.
  @Test func manyStars() {
    let text = String(repeating: "a", count: 5000)
    let pattern = String(repeating: "*a", count: 1000) + "*b"
    #expect(!text.utf8.matches(pattern.utf8))
  }
}
