/// One product of the GPU catalogue.
public struct GPU: Hashable, Sendable, Codable {
  /// What the product is sold for, or that its name is only a chip label.
  public struct Segment: RawRepresentable, Hashable, Sendable, Codable {
    public var rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    public static let datacenter = Segment(rawValue: "datacenter")
    public static let workstation = Segment(rawValue: "workstation")
    public static let geforce = Segment(rawValue: "geforce")
    public static let jetson = Segment(rawValue: "jetson")
    /// A virtual GPU: what the guest's driver calls a board, without the profile.
    public static let virtual = Segment(rawValue: "vgpu")
    /// The name is a label in the public PCI id list, not the name that the driver prints.
    public static let label = Segment(rawValue: "label")
  }

  /// The name as the driver or NVIDIA's list prints it, or a chip label.
  public var name: String
  /// Several where products with different chips carry the same name.
  public var computeCapabilities: [ComputeCapability]
  public var segment: Segment
  /// Other names that people type.
  public var aliases: [String]
  /// False marks a row that no public document of NVIDIA confirms.
  public var isConfirmed: Bool
  /// PCI device ids of vendor 10DE, as four hexadecimal digits.
  public var pciIDs: [String]
  /// The first Linux driver of each branch that lists the product by name, oldest first, without branches of which every
  /// release does; empty where that is not known.
  public var firstDrivers: [DriverVersion]
  public var note: String?
  /// Index into ``GPUCatalogue/sources``.
  public var source: Int

  enum CodingKeys: String, CodingKey {
    case name, computeCapabilities, segment, aliases, pciIDs, firstDrivers, note, source
    case isConfirmed = "confirmed"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    computeCapabilities = try container.decode([ComputeCapability].self, forKey: .computeCapabilities)
    segment = try container.decode(Segment.self, forKey: .segment)
    aliases = try container.decodeIfPresent([String].self, forKey: .aliases) ?? []
    isConfirmed = try container.decodeIfPresent(Bool.self, forKey: .isConfirmed) ?? true
    pciIDs = try container.decodeIfPresent([String].self, forKey: .pciIDs) ?? []
    firstDrivers = try container.decodeIfPresent([DriverVersion].self, forKey: .firstDrivers) ?? []
    note = try container.decodeIfPresent(String.self, forKey: .note)
    source = try container.decode(Int.self, forKey: .source)
  }
}
