/// A target in the words of the tools, taken apart: `sm_90a`, `compute_120f`, `lto_75`.
public struct Target: Hashable, Sendable, ExpressibleByStringLiteral {
  /// `sm`, `compute` or `lto`.
  public var prefix: String
  public var number: UInt32
  /// `a`, `f` or nothing.
  public var suffix: String

  public init(_ text: String) {
    let parts = text.split(separator: "_")
    let digits = parts[1].prefix { $0.isNumber }
    guard parts.count == 2, let number = UInt32(digits) else { fatalError("\(text) is no target") }
    prefix = String(parts[0])
    self.number = number
    suffix = String(parts[1].dropFirst(digits.count))
  }

  public init(stringLiteral text: String) { self.init(text) }

  /// The flags that every entry for this target carries: 64-bit, Linux, the suffix, and on machine code the mark of
  /// sm_100 and newer.
  public var entryFlags: UInt64 {
    0x11 | (suffix == "a" ? 0x100000 : 0) | (suffix == "f" ? 0x200000 : 0)
      | (prefix == "sm" && number >= 100 ? 0x1000000 : 0)
  }
}
