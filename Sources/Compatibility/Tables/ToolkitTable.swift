public import Bytes
public import DeviceCode

/// What is known about CUDA toolkits and forward-compatibility packages: the table `toolkits.json`.
public struct ToolkitTable: Sendable, Codable {
  /// One release of the toolkit.
  public struct Release: Sendable, Codable {
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
  public struct ForwardCompatibility: Sendable, Codable {
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
  public struct HostBranch: Sendable, Codable {
    public var branch: Int
    /// Index into ``ToolkitTable/sources``.
    public var source: Int
  }

  /// What the compilers of a toolkit compile for.
  public struct Compilers: Sendable, Codable {
    public var toolkit: CUDAVersion
    /// The one of them that the row is about, `nvvm`; nil for all that have no row of their own.
    public var compiler: String?
    /// Ascending. Each is a real and a virtual target.
    public var targets: [CodeTarget]
    /// Index into ``ToolkitTable/sources``.
    public var source: Int
  }

  /// Oldest first.
  public var toolkits: [Release]
  /// Oldest first.
  public var forwardCompatibility: [ForwardCompatibility]
  /// Oldest first.
  public var hostBranches: [HostBranch]
  /// Oldest first.
  public var compilers: [Compilers]
  public var sources: [String]

  /// The first release of a toolkit version; nil when the table does not have it.
  public subscript(toolkit: CUDAVersion) -> Release? { toolkits.first { $0.toolkit == toolkit } }

  /// The forward-compatibility package of a CUDA version; nil when the table does not have it.
  public func forwardCompatibility(for cuda: CUDAVersion) -> ForwardCompatibility? {
    forwardCompatibility.first { $0.cuda == cuda }
  }

  /// What a compiler of a toolkit, such as `nvrtc`, compiles for, ascending; nil when the table does not have the toolkit.
  public func targets(of toolkit: CUDAVersion, compiler: String) -> [CodeTarget]? {
    let rows = compilers.filter { $0.toolkit == toolkit }
    return (rows.first { $0.compiler == compiler } ?? rows.first { $0.compiler == nil })?.targets
  }
}

extension CUDAVersion {
  /// The oldest Linux driver that runs a CUDA runtime of this version: for a major version with minor-version
  /// compatibility that of the major version, before CUDA 11 that of the toolkit. Nil when the tables do not tell.
  public func minimumDriver(by tables: TableSet) -> DriverVersion? {
    tables.drivers.minorVersionCompatibility.first { $0.cudaMajor == major }?.minimumDriver
      ?? tables.toolkits[self]?.minimumDriver
  }
}

extension ToolkitTable: DataTable {
  public static let name = "toolkits"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.toolkits_json }
  public var rowSources: [Int] {
    toolkits.map(\.source) + forwardCompatibility.map(\.source) + hostBranches.map(\.source)
      + compilers.map(\.source)
  }

  public mutating func add(_ other: ToolkitTable) {
    toolkits.add(other.toolkits, by: \.key)
    forwardCompatibility.add(other.forwardCompatibility, by: \.cuda)
    hostBranches.add(other.hostBranches, by: \.branch)
    compilers.add(other.compilers, by: \.key)
  }

  public func problems(in tables: TableSet) -> [Problem] {
    let drivers = tables.drivers
    return problemsOfToolkits(drivers) + problemsOfForwardCompatibility(drivers)
      + problemsOfCompilers(tables.architectures)
  }

  private func problemsOfCompilers(_ architectures: ArchitectureTable) -> [Problem] {
    var check = ListCheck(Self.self, "compilers")
    check.expectAscending(compilers.map(\.key), "toolkit")
    for row in compilers {
      check.expect(
        self[row.toolkit] != nil, row.key, "toolkit", "a toolkit of toolkits.toolkits", row.toolkit)
      check.expect(
        !row.targets.isEmpty && row.targets == Set(row.targets).sorted(), row.key, "targets",
        "ascending targets, one or more", "\(row.targets)")
      // A row about one compiler is about what is special there.
      for target in row.targets where row.compiler == nil {
        let known = architectures[ComputeCapability(target)]
        let isIn = known.map {
          $0.firstToolkit <= row.toolkit && row.toolkit <= $0.lastToolkit ?? row.toolkit
        }
        check.expect(
          isIn ?? false, row.key, "targets",
          "targets that the toolkit compiles for by architectures.computeCapabilities", target)
      }
    }
    return check.problems
  }

  private func problemsOfToolkits(_ drivers: DriverTable) -> [Problem] {
    var check = ListCheck(Self.self, "toolkits")
    check.expectAscending(toolkits.map(\.key), "toolkit")
    for (earlier, later) in zip(toolkits, toolkits.dropFirst()) {
      if let old = earlier.minimumDriver, let new = later.minimumDriver,
        let oldNumbers = old.numbers, let newNumbers = new.numbers
      {
        check.expect(
          !newNumbers.lexicographicallyPrecedes(oldNumbers), later.key, "minimumDriver",
          "\(old) of \(earlier.key), or later", new)
      }
      if let old = earlier.branch, let new = later.branch {
        check.expect(old <= new, later.key, "branch", "\(old) of \(earlier.key), or later", new)
      }
    }
    for row in toolkits {
      if let branch = row.branch {
        check.expect(
          drivers.branch(of: branch)?.maxCUDA == row.toolkit, row.key, "branch",
          "a branch of drivers.branches whose newest CUDA version is \(row.toolkit)", branch)
      }
      if let minimum = row.minimumDriver {
        check.expect(
          minimum.numbers?.first == row.branch && row.branch != nil, row.key, "minimumDriver",
          "a release of its branch \(row.branch.map(String.init) ?? "(missing)")", minimum)
      }
    }
    return check.problems
  }

  private func problemsOfForwardCompatibility(_ drivers: DriverTable) -> [Problem] {
    var check = ListCheck(Self.self, "forwardCompatibility")
    check.expectAscending(forwardCompatibility.map(\.cuda), "cuda")
    for row in forwardCompatibility {
      check.expect(self[row.cuda] != nil, row.cuda, "cuda", "a toolkit of toolkits.toolkits", row.cuda)
      check.expect(row.hosts == row.hosts.sorted(), row.cuda, "hosts", "ascending branches", "\(row.hosts)")
      for host in row.hosts {
        check.expect(
          drivers.branch(of: host).map { $0.maxCUDA < row.cuda } ?? false, row.cuda, "hosts",
          "branches of drivers.branches whose newest CUDA version is less than \(row.cuda)", host)
      }
      for host in row.supportedHosts ?? [] {
        check.expect(
          row.hosts.contains(host) && hostBranches.contains { $0.branch == host }, row.cuda, "supportedHosts",
          "branches of its hosts and of toolkits.hostBranches", host)
      }
      if let own = row.ownBranch {
        check.expect(
          drivers.branch(of: own)?.maxCUDA == row.cuda, row.cuda, "ownBranch",
          "a branch of drivers.branches whose newest CUDA version is \(row.cuda)", own)
      }
    }
    var hosts = ListCheck(Self.self, "hostBranches")
    hosts.expectAscending(hostBranches.map(\.branch), "branch")
    for row in hostBranches {
      hosts.expect(
        drivers.branches.contains { $0.branch == row.branch }, row.branch, "branch",
        "a branch of drivers.branches", row.branch)
    }
    return check.problems + hosts.problems
  }
}

extension ToolkitTable.Release {
  fileprivate var key: ToolkitKey { ToolkitKey(toolkit: toolkit, update: update ?? 0) }
}

extension ToolkitTable.Compilers {
  fileprivate var key: CompilersKey { CompilersKey(toolkit: toolkit, compiler: compiler ?? "") }
}

/// `12.4`, or `12.4 nvvm`.
private struct CompilersKey: Comparable, CustomStringConvertible {
  var toolkit: CUDAVersion
  var compiler: String

  var description: String { compiler.isEmpty ? "\(toolkit)" : "\(toolkit) \(compiler)" }

  static func < (left: CompilersKey, right: CompilersKey) -> Bool {
    (left.toolkit, left.compiler) < (right.toolkit, right.compiler)
  }
}

/// `12.4`, or `12.4 update 1`.
private struct ToolkitKey: Comparable, CustomStringConvertible {
  var toolkit: CUDAVersion
  var update: Int

  var description: String { update == 0 ? "\(toolkit)" : "\(toolkit) update \(update)" }

  static func < (left: ToolkitKey, right: ToolkitKey) -> Bool {
    (left.toolkit, left.update) < (right.toolkit, right.update)
  }
}
