public import Bytes
public import DeviceCode

/// What is known about drivers: the table `drivers.json`.
public struct DriverTable: Sendable, Codable {
  /// One driver branch: all releases with the same first number.
  public struct Branch: Sendable, Codable {
    public var branch: Int
    /// The newest CUDA version that it supports, as nvidia-smi prints it.
    public var maxCUDA: CUDAVersion
    /// False marks a row that no public document confirms; nil means confirmed.
    public var confirmed: Bool?
    public var note: String?
    /// Index into ``DriverTable/sources``.
    public var source: Int
  }

  /// One version of the PTX instruction set.
  public struct PTXRelease: Sendable, Codable {
    public var ptxISA: PTXISAVersion
    /// The CUDA version that brought it.
    public var cuda: CUDAVersion?
    /// The driver branch that brought it.
    public var driver: Int?
    /// The targets that it introduced.
    public var newTargets: [String]?
    /// False marks a row that no public document confirms; nil means confirmed.
    public var confirmed: Bool?
    public var note: String?
    /// Index into ``DriverTable/sources``.
    public var source: Int
  }

  /// The oldest driver that decompresses a format.
  public struct CompressionMinimum: Sendable, Codable {
    public var compression: String
    public var minimumDriver: DriverVersion
    /// Index into ``DriverTable/sources``.
    public var source: Int
  }

  /// The oldest driver that runs every toolkit of a major version.
  public struct MinorVersionMinimum: Sendable, Codable {
    public var cudaMajor: Int
    public var minimumDriver: DriverVersion
    /// Index into ``DriverTable/sources``.
    public var source: Int
  }

  /// Oldest first.
  public var branches: [Branch]
  /// Oldest first; a version that came with two CUDA versions has two rows.
  public var ptxISA: [PTXRelease]
  public var compression: [CompressionMinimum]
  public var minorVersionCompatibility: [MinorVersionMinimum]
  public var sources: [String]

  /// The newest branch that is not newer than `number`; nil before the first branch and past the last one.
  ///
  /// A number between two branches belongs to the lower one: Windows releases of branch 535 are numbered
  /// 536.25, 537.13, ….
  func branch(of number: Int) -> Branch? {
    guard let last = branches.last, number <= last.branch else { return nil }
    return branches.last { $0.branch <= number }
  }

  /// The newest PTX ISA version that came with a CUDA version up to `cuda`.
  package func newestPTXISA(for cuda: CUDAVersion) -> PTXISAVersion? {
    ptxISA.last { $0.cuda.map { $0 <= cuda } ?? false }?.ptxISA
  }

  /// The CUDA version that brought a PTX ISA version; nil when the table does not have it.
  public func cuda(for isa: PTXISAVersion) -> CUDAVersion? {
    ptxISA.first { $0.ptxISA >= isa && $0.cuda != nil }?.cuda
  }
}

extension PTXISAVersion: Codable {
  public init(from decoder: any Decoder) throws {
    self = try decodeText(decoder, "a PTX ISA version") { PTXISAVersion($0) }
  }

  public func encode(to encoder: any Encoder) throws { try encodeText(description, encoder) }
}

extension DriverTable: DataTable {
  public static let name = "drivers"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.drivers_json }
  public var rowSources: [Int] {
    branches.map(\.source) + ptxISA.map(\.source) + compression.map(\.source)
      + minorVersionCompatibility.map(\.source)
  }

  public mutating func add(_ other: DriverTable) {
    branches.add(other.branches, by: \.branch)
    ptxISA.add(other.ptxISA, key: \.key, order: \.order)
    compression.add(other.compression, by: \.compression)
    minorVersionCompatibility.add(other.minorVersionCompatibility, by: \.cudaMajor)
  }

  public func problems(in tables: TableSet) -> [Problem] {
    problemsOfBranches() + problemsOfPTX() + problemsOfMinimums()
  }

  private func problemsOfBranches() -> [Problem] {
    var check = ListCheck(Self.self, "branches")
    check.expect(!branches.isEmpty, "1", "branch", "at least one branch", nil)
    check.expectAscending(branches.map(\.branch), "branch")
    for (earlier, later) in zip(branches, branches.dropFirst()) {
      check.expect(
        earlier.maxCUDA <= later.maxCUDA, later.branch, "maxCUDA",
        "\(earlier.maxCUDA) of branch \(earlier.branch), or later", later.maxCUDA)
    }
    // No gap: a branch for every CUDA version in between, and a PTX ISA version for the CUDA version of every branch.
    guard let oldest = branches.first, let newest = branches.last else { return check.problems }
    for row in branches {
      check.expect(
        ptxISA.contains { $0.cuda == row.maxCUDA }, row.branch, "maxCUDA", "a CUDA version of drivers.ptxISA",
        row.maxCUDA)
    }
    for cuda in ptxISA.compactMap(\.cuda) where cuda > oldest.maxCUDA && cuda < newest.maxCUDA {
      check.expect(
        branches.contains { $0.maxCUDA == cuda }, newest.branch, "maxCUDA",
        "a branch before it for CUDA \(cuda), which drivers.ptxISA has", nil)
    }
    return check.problems
  }

  private func problemsOfPTX() -> [Problem] {
    var check = ListCheck(Self.self, "ptxISA")
    var introduced: Set<String> = []
    for (earlier, later) in zip(ptxISA, ptxISA.dropFirst()) {
      if let old = earlier.cuda, let new = later.cuda {
        check.expect(
          old < new, later.ptxISA, "cuda", "more than \(old), which has PTX \(earlier.ptxISA)", new)
      }
      if let old = earlier.driver, let new = later.driver {
        check.expect(
          old < new, later.ptxISA, "driver", "more than \(old), which has PTX \(earlier.ptxISA)", new)
      }
      check.expect(
        earlier.ptxISA <= later.ptxISA, later.ptxISA, "ptxISA", "\(earlier.ptxISA) or later", later.ptxISA)
    }
    for row in ptxISA {
      check.expect(
        row.cuda != nil || row.driver != nil, row.ptxISA, "cuda", "a CUDA version or a driver branch", nil)
      for target in row.newTargets ?? [] {
        check.expect(
          target.hasPrefix("sm_") && CodeTarget(target) != nil, row.ptxISA, "newTargets",
          "targets such as sm_90a", target)
        check.expect(
          introduced.insert(target).inserted, row.ptxISA, "newTargets", "targets that no earlier row has",
          target)
      }
      // The PTX table names internal branches too (400 for CUDA 10.0): the next public one supports its CUDA version.
      if let driver = row.driver, let cuda = row.cuda, let oldest = branches.first, driver >= oldest.branch {
        let branch = branches.first { $0.branch >= driver }
        check.expect(
          branch?.maxCUDA == cuda, row.ptxISA, "driver",
          "a branch of drivers.branches whose newest CUDA version is \(cuda)", driver)
      }
    }
    return check.problems
  }

  private func problemsOfMinimums() -> [Problem] {
    var formats = ListCheck(Self.self, "compression")
    for row in compression {
      formats.expect(
        maxCUDA(of: row.minimumDriver) != nil, row.compression, "minimumDriver",
        "a driver of a branch of drivers.branches", row.minimumDriver)
    }
    var majors = ListCheck(Self.self, "minorVersionCompatibility")
    majors.expectAscending(minorVersionCompatibility.map(\.cudaMajor), "cudaMajor")
    for row in minorVersionCompatibility {
      majors.expect(
        maxCUDA(of: row.minimumDriver) == CUDAVersion(row.cudaMajor, 0), row.cudaMajor, "minimumDriver",
        "a driver of the branch of CUDA \(row.cudaMajor).0", row.minimumDriver)
    }
    return formats.problems + majors.problems
  }

  /// The newest CUDA version that the branch of a release supports.
  func maxCUDA(of driver: DriverVersion) -> CUDAVersion? {
    driver.numbers.flatMap { branch(of: $0[0]) }?.maxCUDA
  }
}

extension DriverTable.PTXRelease {
  /// The CUDA version, or for a row without one the PTX ISA version.
  fileprivate var key: [Int] { cuda.map { [$0.major, $0.minor] } ?? [0, ptxISA.major, ptxISA.minor] }

  fileprivate var order: PTXOrder { PTXOrder(isa: ptxISA, cuda: cuda ?? CUDAVersion(0, 0)) }
}

private struct PTXOrder: Comparable {
  var isa: PTXISAVersion
  var cuda: CUDAVersion

  static func < (left: PTXOrder, right: PTXOrder) -> Bool {
    (left.isa, left.cuda) < (right.isa, right.cuda)
  }
}
