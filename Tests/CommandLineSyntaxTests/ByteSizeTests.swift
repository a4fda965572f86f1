import CommandLineSyntax
import Testing

struct ByteSizeTests {
  static let sizes: [(String, UInt64)] = [
    ("0", 0), ("1", 1), ("4096", 4096), ("4096B", 4096), ("4K", 4096), ("4k", 4096), ("4KiB", 4096),
    ("4kib", 4096), ("4kB", 4000), ("4KB", 4000), ("2M", 2 << 20), ("2MiB", 2 << 20), ("2MB", 2_000_000),
    ("8G", 8 << 30), ("8GiB", 8 << 30), ("8GB", 8_000_000_000), ("3T", 3 << 40), ("3TiB", 3 << 40),
    ("3TB", 3_000_000_000_000), ("007", 7), ("18446744073709551615", UInt64.max),
    ("16777215TiB", 16_777_215 << 40),
  ]

  @Test(arguments: sizes)
  func bytes(text: String, bytes: UInt64) {
    #expect(ByteSize(text)?.bytes == bytes)
  }

  @Test(arguments: [
    "", "GiB", "-1", "+1", "1.5G", "1,000", "8 GiB", " 8", "8 ", "8X", "8GiBB", "8Gi", "8i", "8iB", "0x10",
    "8EiB",
    "18446744073709551616", "16777216TiB", "٣", "8Ｇ",
  ])
  func noBytes(text: String) {
    #expect(ByteSize(text) == nil)
  }

  static let descriptions: [(UInt64, String)] = [
    (0, "0"), (1, "1"), (1023, "1023"), (1024, "1KiB"), (1025, "1025"), (4096, "4KiB"), (1 << 20, "1MiB"),
    (8 << 30, "8GiB"), (3 << 39, "1536GiB"), (1 << 40, "1TiB"), (1 << 60, "1048576TiB"),
    (UInt64.max, "18446744073709551615"),
  ]

  @Test(arguments: descriptions)
  func description(bytes: UInt64, text: String) {
    #expect(ByteSize(bytes).description == text)
    #expect(ByteSize(text)?.bytes == bytes)
  }
}
