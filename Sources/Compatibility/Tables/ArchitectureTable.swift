/// What is known about compute capabilities: the table `architectures.json`.
public struct ArchitectureTable: Sendable, Decodable {
  public struct Row: Sendable, Decodable {
    public var computeCapability: ComputeCapability
    public var architecture: String
    /// In a Tegra system on a chip.
    public var tegra: Bool
    /// Compiled for by the newest toolkit, supported by the newest driver, on a known product.
    public var current: Bool
    /// False marks a row that no public document confirms; nil means confirmed.
    public var confirmed: Bool?
    /// The first toolkit that compiles for it.
    public var firstToolkit: CUDAVersion
    /// The last toolkit that compiles for it; nil while the newest does.
    public var lastToolkit: CUDAVersion?
    /// The first public driver branch that supports it; nil for Tegra, where desktop branches do not apply.
    public var firstDriver: Int?
    /// The last driver branch that supports it; nil while the newest does.
    public var lastDriver: Int?
    /// A few products, for people.
    public var examples: String?
    public var note: String?
    /// Index into ``ArchitectureTable/sources``.
    public var source: Int
  }

  /// Where code for a family-specific target runs.
  public struct Family: Sendable, Decodable {
    /// The SM number of the target: 100 of `sm_100f`.
    public var target: UInt32
    public var members: [ComputeCapability]
    /// Index into ``ArchitectureTable/sources``.
    public var source: Int
  }

  /// A compute capability that has got another number.
  public struct Renumbering: Sendable, Decodable {
    public var from: ComputeCapability
    public var to: ComputeCapability
    public var sinceToolkit: CUDAVersion
    /// Index into ``ArchitectureTable/sources``.
    public var source: Int
  }

  public var rows: [Row]
  public var families: [Family]
  public var renumbered: [Renumbering]
  public var sources: [String]
  /// The numbers of the Tegra rows.
  let tegra: Set<UInt32>

  enum CodingKeys: String, CodingKey {
    case rows = "computeCapabilities"
    case families, renumbered, sources
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    rows = try container.decode([Row].self, forKey: .rows)
    families = try container.decode([Family].self, forKey: .families)
    renumbered = try container.decode([Renumbering].self, forKey: .renumbered)
    sources = try container.decode([String].self, forKey: .sources)
    tegra = Set(rows.lazy.filter(\.tegra).map(\.computeCapability.number))
  }

  /// The table, decoded at first use.
  public static let shared = decodeTable(Self.self, PackageResources.architectures_json)

  public subscript(computeCapability: ComputeCapability) -> Row? {
    rows.first { $0.computeCapability == computeCapability }
  }

  /// The members of the family of `sm_<number>f`; nil when the table does not have it.
  func family(_ number: UInt32) -> [ComputeCapability]? {
    families.first { $0.target == number }?.members
  }
}
