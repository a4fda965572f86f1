public import Bytes
import DeviceCode

/// What is known about compute capabilities: the table `architectures.json`.
public struct ArchitectureTable: Sendable, Codable {
  public struct Row: Sendable, Codable {
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
    /// The first public Linux release of that branch that supports it, where it is not the one that came with the first
    /// toolkit.
    public var firstRelease: DriverVersion?
    /// The last driver branch that supports it; nil while the newest does.
    public var lastDriver: Int?
    /// A few products, for people.
    public var examples: String?
    public var note: String?
    /// Index into ``ArchitectureTable/sources``.
    public var source: Int
  }

  /// Where code for a family-specific target runs.
  public struct Family: Sendable, Codable {
    /// The SM number of the target: 100 of `sm_100f`.
    public var target: UInt32
    public var members: [ComputeCapability]
    /// Index into ``ArchitectureTable/sources``.
    public var source: Int
  }

  /// A compute capability that has got another number.
  public struct Renumbering: Sendable, Codable {
    public var from: ComputeCapability
    public var to: ComputeCapability
    public var sinceToolkit: CUDAVersion
    /// Index into ``ArchitectureTable/sources``.
    public var source: Int
  }

  /// From where on a Tegra is reported to run machine code for desktop GPUs, because its libraries are those of servers.
  public struct DesktopCode: Sendable, Codable {
    public var computeCapability: ComputeCapability
    /// The first release of Jetson Linux (L4T).
    public var jetsonLinux: [Int]
    public var driverBranch: Int
    /// The newest CUDA version that its driver supports.
    public var cuda: CUDAVersion
    /// Index into ``ArchitectureTable/sources``.
    public var source: Int
  }

  /// Oldest first.
  public var rows: [Row] { didSet { tegra = Self.tegra(of: rows) } }
  public var families: [Family]
  public var renumbered: [Renumbering]
  public var desktopCodeOnTegra: [DesktopCode]
  public var sources: [String]
  /// The numbers of the Tegra rows.
  private var tegra: Set<UInt32>

  enum CodingKeys: String, CodingKey {
    case rows = "computeCapabilities"
    case families, renumbered, desktopCodeOnTegra, sources
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    rows = try container.decode([Row].self, forKey: .rows)
    families = try container.decode([Family].self, forKey: .families)
    renumbered = try container.decode([Renumbering].self, forKey: .renumbered)
    desktopCodeOnTegra = try container.decode([DesktopCode].self, forKey: .desktopCodeOnTegra)
    sources = try container.decode([String].self, forKey: .sources)
    tegra = Self.tegra(of: rows)
  }

  private static func tegra(of rows: [Row]) -> Set<UInt32> {
    Set(rows.lazy.filter(\.tegra).map(\.computeCapability.number))
  }

  /// What is known of a compute capability; nil when the table does not have it.
  public subscript(computeCapability: ComputeCapability) -> Row? {
    rows.first { $0.computeCapability == computeCapability }
  }

  /// Whether it is that of a GPU inside a Tegra system on a chip (Jetson, DRIVE), which has drivers of its own. False
  /// when the table does not have it.
  public func isTegra(_ computeCapability: ComputeCapability) -> Bool {
    tegra.contains(computeCapability.number)
  }

  /// The generations that the newest toolkit compiles for and the newest driver supports, oldest first.
  public var current: [ComputeCapability] { rows.filter(\.current).map(\.computeCapability) }

  /// The confirmed compute capabilities of the architecture that `words` name, as in `nvidia ada lovelace`, oldest first,
  /// without those of Tegras where there are others; empty where they name none.
  func computeCapabilities(of words: Set<String>) -> [ComputeCapability] {
    let own = words.subtracting(["nvidia", "architecture", "generation", "gpu", "gpus", "lovelace"])
    guard own.count == 1, let name = own.first else { return [] }
    let rows = rows.filter { $0.architecture.lowercased() == name && $0.confirmed != false }
    let desktop = rows.filter { !$0.tegra }
    return (desktop.isEmpty ? rows : desktop).map(\.computeCapability)
  }

  /// The compute capability that digits alone may stand for, as compilers take them: 8.9 of `89`. Nil where there is none.
  func computeCapability(writtenWithoutPoint text: String) -> ComputeCapability? {
    guard (2...3).contains(text.utf8.count), let number = Int(text) else { return nil }
    let capability = ComputeCapability(number / 10, number % 10)
    return rows.contains { $0.computeCapability == capability } ? capability : nil
  }

  /// The members of the family of `sm_<number>f`; nil when the table does not have it.
  func family(_ number: UInt32) -> [ComputeCapability]? {
    families.first { $0.target == number }?.members
  }
}

extension ArchitectureTable: DataTable {
  public static let name = "architectures"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.architectures_json }
  public var rowSources: [Int] {
    rows.map(\.source) + families.map(\.source) + renumbered.map(\.source)
      + desktopCodeOnTegra.map(\.source)
  }

  public mutating func add(_ other: ArchitectureTable) {
    rows.add(other.rows, by: \.computeCapability)
    families.add(other.families, by: \.target)
    renumbered.add(other.renumbered, by: \.from)
    desktopCodeOnTegra.add(other.desktopCodeOnTegra, by: \.computeCapability)
  }

  public func problems(in tables: TableSet) -> [Problem] {
    problemsOfRows(tables.drivers, tables.toolkits) + problemsOfFamilies()
      + problemsOfRenumberings() + problemsOfDesktopCode()
  }

  private func problemsOfRows(_ drivers: DriverTable, _ toolkits: ToolkitTable) -> [Problem] {
    var check = ListCheck(Self.self, "computeCapabilities")
    check.expectAscending(rows.map(\.computeCapability), "computeCapability")
    for row in rows {
      let key = row.computeCapability
      if row.tegra {
        check.expect(row.firstDriver == nil, key, "firstDriver", "none for a Tegra", row.firstDriver)
        check.expect(row.lastDriver == nil, key, "lastDriver", "none for a Tegra", row.lastDriver)
      } else {
        check.expect(row.firstDriver != nil, key, "firstDriver", "a branch, or \"tegra\": true", nil)
      }
      if let release = row.firstRelease {
        check.expect(
          release.numbers?.first == row.firstDriver && row.firstDriver != nil, key, "firstRelease",
          "a release of its first branch \(row.firstDriver.map(String.init) ?? "(missing)")", release)
      }
      if row.current {
        let isSupported = row.lastToolkit == nil && row.lastDriver == nil && row.confirmed != false
        check.expect(
          isSupported, key, "current", "false with a last toolkit or driver, or unconfirmed", true)
      }
      if let last = row.lastToolkit {
        check.expect(
          row.firstToolkit <= last, key, "lastToolkit", "\(row.firstToolkit), which is its first, or later",
          last)
      }
      for (toolkit, field) in [(row.firstToolkit, "firstToolkit"), (row.lastToolkit, "lastToolkit")] {
        guard let toolkit, let oldest = toolkits.toolkits.first?.toolkit, toolkit >= oldest else { continue }
        check.expect(toolkits[toolkit] != nil, key, field, "a toolkit of toolkits.toolkits", toolkit)
      }
      // Branches from before the table are not compared.
      if let first = row.firstDriver, let oldest = drivers.branches.first?.branch, first >= oldest {
        let cuda = drivers.branch(of: first)?.maxCUDA
        check.expect(
          cuda.map { $0 >= row.firstToolkit } ?? false, key, "firstDriver",
          "a branch of drivers.branches that supports CUDA \(row.firstToolkit)", first)
      }
      if let last = row.lastDriver {
        check.expect(
          drivers.branches.contains { $0.branch == last }, key, "lastDriver",
          "a branch of drivers.branches", last)
        check.expect(
          row.firstDriver.map { $0 <= last } ?? true, key, "lastDriver",
          "\(row.firstDriver ?? 0), which is its first, or later", last)
      }
    }
    return check.problems
  }

  private func problemsOfFamilies() -> [Problem] {
    var check = ListCheck(Self.self, "families")
    check.expectAscending(families.map(\.target), "target")
    for family in families {
      let own = ComputeCapability(CodeTarget(family.target))
      let members = family.members
      let text = members.map(\.description).joined(separator: ", ")
      check.expect(members.first == own, family.target, "members", "\(own) first", text)
      check.expect(
        zip(members, members.dropFirst()).allSatisfy { $0 < $1 }, family.target, "members",
        "ascending compute capabilities", text)
      for member in members {
        check.expect(
          member.major == own.major, family.target, "members", "major version \(own.major)", member)
        check.expect(
          self[member] != nil, family.target, "members",
          "a compute capability of architectures.computeCapabilities", member)
        check.expect(
          tegra.contains(member.number) == tegra.contains(own.number), family.target, "members",
          "Tegras alone or none", member)
        // A later member's family is the rest of an earlier one's.
        let rest = members.filter { $0 >= member }
        check.expect(
          self.family(member.number) == rest, member.number, "members",
          rest.map(\.description).joined(separator: ", ") + ", as in family \(family.target)",
          self.family(member.number).map { $0.map(\.description).joined(separator: ", ") })
      }
    }
    return check.problems
  }

  private func problemsOfDesktopCode() -> [Problem] {
    var check = ListCheck(Self.self, "desktopCodeOnTegra")
    check.expectAscending(desktopCodeOnTegra.map(\.computeCapability), "computeCapability")
    for row in desktopCodeOnTegra {
      check.expect(
        self[row.computeCapability]?.tegra == true, row.computeCapability, "computeCapability",
        "one of a Tegra",
        row.computeCapability)
    }
    return check.problems
  }

  private func problemsOfRenumberings() -> [Problem] {
    var check = ListCheck(Self.self, "renumbered")
    check.expectAscending(renumbered.map(\.from), "from")
    for row in renumbered {
      check.expect(self[row.from]?.tegra == true, row.from, "from", "a Tegra of the table", row.from)
      check.expect(self[row.to]?.tegra == true, row.from, "to", "a Tegra of the table", row.to)
      check.expect(
        self[row.to]?.firstToolkit == row.sinceToolkit, row.from, "sinceToolkit",
        "the first toolkit of \(row.to)", row.sinceToolkit)
      check.expect(
        self[row.from]?.lastToolkit.map { $0 < row.sinceToolkit } ?? false, row.from, "sinceToolkit",
        "a toolkit after the last of \(row.from)", row.sinceToolkit)
    }
    return check.problems
  }
}
