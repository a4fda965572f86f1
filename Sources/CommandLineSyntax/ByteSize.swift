/// A number of bytes as people write it: `4096`, `8GiB`, `8G`, `500MB`.
///
/// K, M, G and T, alone or followed by `iB`, are powers of 1024; followed by `B` they are powers of 1000, as for the
/// GNU tools. Upper and lower case are the same.
public struct ByteSize: Hashable, Sendable, LosslessStringConvertible {
  public var bytes: UInt64

  public init(_ bytes: UInt64) { self.bytes = bytes }

  /// nil for anything else, and for more than 2^64 - 1 bytes.
  public init?(_ text: String) {
    let digits = text.prefix { $0.isASCII && $0.isWholeNumber }
    guard let number = UInt64(digits), let unit = Self.unit(text.dropFirst(digits.count).lowercased()) else {
      return nil
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    self.bytes = bytes
  }

  private static func unit(_ suffix: String) -> UInt64? {
    guard let letter = suffix.first, suffix != "b" else { return 1 }
    guard let power = ["k", "m", "g", "t"].firstIndex(of: letter) else { return nil }
    switch suffix.dropFirst() {
    case "", "ib": return 1 << (10 * UInt64(power + 1))
    case "b": return (0..<power).reduce(1000) { unit, _ in unit * 1000 }
    default: return nil
    }
  }

  /// With the largest suffix of 1024 that leaves a whole number.
  public var description: String {
    let power = min(bytes.trailingZeroBitCount / 10, 4)
    guard bytes > 0, power > 0 else { return "\(bytes)" }
    return "\(bytes >> (10 * UInt64(power)))\(["", "KiB", "MiB", "GiB", "TiB"][power])"
  }
}
