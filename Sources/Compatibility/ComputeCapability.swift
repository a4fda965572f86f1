public import DeviceCode

/// A compute capability such as 9.0: which instructions a GPU has.
///
/// Capabilities that no table knows are valid: the rules work by arithmetic.
public struct ComputeCapability: Hashable, Sendable {
  public var major: Int
  public var minor: Int

  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// The compute capability that a code target is named after: 9.0 for `sm_90a`.
  public init(_ target: CodeTarget) {
    self.init(target.major, target.minor)
  }

  /// Reads `8.0`; nil for anything else. The minor version has one digit, as in every target's name.
  public init?(_ text: some StringProtocol) {
    guard let (major, minor) = versionPair(text), major >= 1, minor <= 9 else { return nil }
    self.init(major, minor)
  }

  /// The number in target names: 90 for 9.0.
  public var number: UInt32 { UInt32(clamping: major * 10 + minor) }

  /// The plain target of this compute capability: `sm_90` for 9.0.
  public var target: CodeTarget { CodeTarget(number) }
}

extension ComputeCapability: Comparable {
  public static func < (left: ComputeCapability, right: ComputeCapability) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }
}

extension ComputeCapability: CustomStringConvertible {
  public var description: String { "\(major).\(minor)" }
}

/// Reads two decimal numbers of at most four digits with a dot between them.
func versionPair(_ text: some StringProtocol) -> (Int, Int)? {
  let parts = text.split(separator: ".", omittingEmptySubsequences: false)
  guard parts.count == 2, let major = decimal(parts[0]), let minor = decimal(parts[1]) else { return nil }
  return (major, minor)
}

/// Reads a decimal number of one to four digits without a sign.
func decimal(_ text: some StringProtocol) -> Int? {
  guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else {
    return nil
  }
  return Int(text)
}
