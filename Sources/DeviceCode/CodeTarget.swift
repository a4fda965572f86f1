/// The GPU architecture that device code was compiled for: an SM number and a feature suffix, without
/// the prefix that tells the kind of code (`90` and `a` of `sm_90a`, `compute_90a`, `lto_90a`).
///
/// The number is the compute capability without its dot: 90 is 9.0, 121 is 12.1. Numbers that no table
/// knows are kept.
public struct CodeTarget: Hashable, Sendable {
  /// Which features the code may use.
  public enum Suffix: String, Hashable, Sendable, CaseIterable {
    /// None: the baseline features, upward compatible.
    case none = ""
    /// Architecture-specific features: runs on exactly this compute capability.
    case architectureSpecific = "a"
    /// Family-specific features: runs on this compute capability and the family's later members.
    case familySpecific = "f"
  }

  public var number: UInt32
  public var suffix: Suffix

  public init(_ number: UInt32, _ suffix: Suffix = .none) {
    self.number = number
    self.suffix = suffix
  }

  /// The major compute capability: the number without its last digit.
  public var major: Int { Int(number / 10) }
  /// The minor compute capability: the number's last digit.
  public var minor: Int { Int(number % 10) }

  /// Reads `90a`, `sm_90a`, `compute_90a` or `lto_90a`; nil for anything else.
  public init?(_ text: some StringProtocol) {
    var rest = Substring(text)
    if let end = rest.utf8.firstIndex(of: UInt8(ascii: "_")) {
      guard ["sm", "compute", "lto"].contains(rest[..<end]) else { return nil }
      rest = rest[rest.utf8.index(after: end)...]
    }
    let digits = rest.utf8.prefix { (48...57).contains($0) }
    guard let number = UInt32(Substring(digits)),
      let suffix = Suffix(rawValue: String(rest[digits.endIndex...]))
    else { return nil }
    self.init(number, suffix)
  }
}

extension CodeTarget: CustomStringConvertible {
  /// The number and suffix without a prefix: `90a`.
  public var description: String { "\(number)\(suffix.rawValue)" }
}

extension CodeTarget: Comparable {
  /// By number, then plain before `a` before `f`.
  public static func < (left: CodeTarget, right: CodeTarget) -> Bool {
    (left.number, left.suffix.rawValue) < (right.number, right.suffix.rawValue)
  }
}
