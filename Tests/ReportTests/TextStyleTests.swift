import Testing

@testable import Report

struct TextStyleTests {
  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1049, "1.04 kB"), (12_345, "12.3 kB"),
    (999_999, "999 kB"),
    (1_000_000, "1.00 MB"), (520_025_889, "520 MB"), (UInt64.max, "18.4 EB"),
  ])
  func byteCounts(bytes: UInt64, text: String) {
    #expect(byteCount(bytes) == text)
  }

  @Test func numbers() {
    #expect(
      [0, 7, 999, 1000, 12_415, 1_234_567].map { grouped($0) } == [
        "0", "7", "999", "1,000", "12,415", "1,234,567",
      ])
    #expect(counted(1, "file") == "1 file")
    #expect(counted(2, "library", "libraries") == "2 libraries")
    #expect(counted(0, "file") == "0 files")
  }

  @Test(arguments: [
    ("lib/libcudart.so", 16, "lib/libcudart.so"), ("lib/libcudart.so", 15, "…/libcudart.so"),
    ("lib/libcudart.so", 14, "…/libcudart.so"), ("lib/libcudart.so", 12, "libcudart.so"),
    ("lib/libcudart.so", 11, "lib…dart.so"), ("a/b/c/d/libx.so", 13, "…/c/d/libx.so"),
    ("/usr/lib/libx.so", 13, "…/lib/libx.so"), ("libcudart.so", 8, "li…rt.so"), ("ü/ä.so", 5, "ä.so"),
  ])
  func elidedPaths(path: String, width: Int, text: String) {
    #expect(path.elidedPath(to: width) == text)
    #expect(columns(path.elidedPath(to: width)) <= width)
  }

  @Test func wrapping() {
    let text = "one two three four five six seven eight nine ten"
    #expect(wrapped(text, first: "why: ", width: nil) == "why: \(text)\n")
    #expect(
      wrapped(text, first: "why: ", width: 30)
        == "why: one two three four five\n     six seven eight nine ten\n")
    #expect(
      wrapped("a " + String(repeating: "x", count: 40), first: "", width: 30).split(separator: "\n").count
        == 2)
  }

  @Test func painting() {
    #expect(TextStyle(isColored: true).paint("x", .red) == "\u{1B}[31mx\u{1B}[0m")
    #expect(TextStyle(isColored: true).paint("", .red) == "")
    #expect(TextStyle(isColored: false).paint("x", .red) == "x")
  }
}
