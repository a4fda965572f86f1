/// What is known about CUDA toolkits and forward-compatibility packages: the table `toolkits.json`.
public struct ToolkitTable: Sendable, Decodable {
  /// One release of the toolkit.
  public struct Release: Sendable, Decodable {
    public var toolkit: CUDAVersion
    /// The update of that version; nil for its first release.
    public var update: Int?
    /// The oldest Linux driver of the release's own branch; nil where no public document tells.
    public var minimumDriver: DriverVersion?
    /// The driver branch that came with it; nil where no public document tells.
    public var branch: Int?
    /// False marks a row that no public document of NVIDIA confirms; nil means confirmed.
    public var confirmed: Bool?
    public var note: String?
    /// Index into ``ToolkitTable/sources``.
    public var source: Int
  }

  /// The driver libraries of the package `cuda-compat-X-Y`, which run on the kernel module of an older driver.
  public struct ForwardCompatibility: Sendable, Decodable {
    public var cuda: CUDAVersion
    /// Driver branches that the package, or a base image with it, admits.
    public var hosts: [Int]
    /// Those of them that NVIDIA supports today; nil where its table does not have the package.
    public var supportedHosts: [Int]?
    /// The branch that the package is built from, which needs none; nil where the table does not have it.
    public var ownBranch: Int?
    /// Index into ``ToolkitTable/sources``.
    public var source: Int
  }

  /// A driver branch that NVIDIA's table of forward compatibility is about.
  public struct HostBranch: Sendable, Decodable {
    public var branch: Int
    /// Index into ``ToolkitTable/sources``.
    public var source: Int
  }

  /// Oldest first.
  public var toolkits: [Release]
  /// Oldest first.
  public var forwardCompatibility: [ForwardCompatibility]
  public var hostBranches: [HostBranch]
  public var sources: [String]

  /// The table, decoded at first use.
  public static let shared = decodeTable(Self.self, PackageResources.toolkits_json)

  /// The first release of a toolkit version; nil when the table does not have it.
  public subscript(toolkit: CUDAVersion) -> Release? { toolkits.first { $0.toolkit == toolkit } }

  /// The forward-compatibility package of a CUDA version; nil when the table does not have it.
  public func forwardCompatibility(for cuda: CUDAVersion) -> ForwardCompatibility? {
    forwardCompatibility.first { $0.cuda == cuda }
  }
}

extension CUDAVersion {
  /// The oldest Linux driver that runs a CUDA runtime of this version: for a major version with minor-version
  /// compatibility that of the major version, before CUDA 11 that of the toolkit. Nil when the tables do not tell.
  public var minimumDriver: DriverVersion? {
    if let row = DriverTable.shared.minorVersionCompatibility.first(where: { $0.cudaMajor == major }) {
      return row.minimumDriver
    }
    return ToolkitTable.shared[self]?.minimumDriver
  }
}
