public import DeviceCode

/// What is known about drivers: the table `drivers.json`.
public struct DriverTable: Sendable, Decodable {
  /// One driver branch: all releases with the same first number.
  public struct Branch: Sendable, Decodable {
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
  public struct PTXRelease: Sendable, Decodable {
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
  public struct CompressionMinimum: Sendable, Decodable {
    public var compression: String
    public var minimumDriver: DriverVersion
    /// Index into ``DriverTable/sources``.
    public var source: Int
  }

  /// The oldest driver that runs every toolkit of a major version.
  public struct MinorVersionMinimum: Sendable, Decodable {
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

  /// The table, decoded at first use.
  public static let shared = decodeTable(Self.self, PackageResources.drivers_json)

  /// The newest branch that is not newer than `number`; nil before the first branch and past the last one.
  ///
  /// A number between two branches belongs to the lower one: Windows releases of branch 535 are numbered
  /// 536.25, 537.13, ….
  func branch(of number: Int) -> Branch? {
    guard let last = branches.last, number <= last.branch else { return nil }
    return branches.last { $0.branch <= number }
  }

  /// The newest PTX ISA version that came with a CUDA version up to `cuda`.
  func newestPTXISA(for cuda: CUDAVersion) -> PTXISAVersion? {
    ptxISA.last { $0.cuda.map { $0 <= cuda } ?? false }?.ptxISA
  }

  /// The CUDA version that brought a PTX ISA version; nil when the table does not have it.
  public func cuda(for isa: PTXISAVersion) -> CUDAVersion? {
    ptxISA.first { $0.ptxISA >= isa && $0.cuda != nil }?.cuda
  }
}

extension PTXISAVersion: Decodable {
  public init(from decoder: any Decoder) throws {
    self = try decodeText(decoder, "PTX ISA version") { PTXISAVersion($0) }
  }
}
