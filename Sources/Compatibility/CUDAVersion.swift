/// A version of CUDA such as 12.4: of a toolkit, a runtime, or the newest that a driver supports.
public struct CUDAVersion: Hashable, Sendable, Comparable, CustomStringConvertible {
  public var major: Int
  public var minor: Int

  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// Reads `12.4`; nil for anything else.
  public init?(_ text: some StringProtocol) {
    guard let (major, minor) = versionPair(text) else { return nil }
    self.init(major, minor)
  }

  public var description: String { "\(major).\(minor)" }

  public static func < (left: CUDAVersion, right: CUDAVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }
}
