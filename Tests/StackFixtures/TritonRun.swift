/// What a release of Triton from PyPI did when it was made to compile a kernel for one compute capability after the other, which
/// takes no GPU.
public struct TritonRun: Sendable {
  public var version: String
  public var compiles: [String]
  public var fails: [String]

  /// Every release compiled for these.
  private static let older = [
    "5.0", "5.2", "6.0", "6.1", "7.0", "7.2", "7.5", "8.0", "8.6", "8.7", "8.9", "9.0",
  ]
  private static let newer = ["10.0", "10.1", "10.3", "10.7", "11.0", "12.0", "12.1"]

  /// All that were tried.
  public static let computeCapabilities = older + newer

  private init(_ version: String, _ newer: String...) {
    self.version = version
    compiles = Self.older + newer
    fails = Self.newer.filter { !newer.contains($0) }
  }

  public static let all = [
    TritonRun("2.0.0"), TritonRun("2.1.0"), TritonRun("2.2.0"), TritonRun("2.3.1"), TritonRun("3.0.0"),
    TritonRun("3.1.0"), TritonRun("3.2.0"),
    TritonRun("3.3.1", "10.0", "10.1", "12.0"), TritonRun("3.4.0", "10.0", "10.1", "12.0"),
    TritonRun("3.5.1", "10.0", "10.1", "12.0"),
    TritonRun("3.6.0", "10.0", "10.1", "10.3", "12.0", "12.1"),
    TritonRun("3.7.1", "10.0", "10.3", "11.0", "12.0", "12.1"),
    TritonRun("3.8.0", "10.0", "10.3", "11.0", "12.0", "12.1"),
    TritonRun("3.9.0", "10.0", "10.3", "10.7", "11.0", "12.0", "12.1"),
  ]
}
