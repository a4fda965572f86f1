public import Bytes

/// What is known about the software of Tegras: the table `jetson.json`.
public struct JetsonTable: Sendable, Codable {
  /// One release of JetPack.
  public struct JetPack: Sendable, Codable {
    /// `6.2.1`.
    public var jetPack: String
    /// The release of Jetson Linux (L4T) in it: `[36, 4, 4]`.
    public var jetsonLinux: [Int]
    /// The newest CUDA version that its driver supports.
    public var cuda: CUDAVersion
    /// What nvidia-smi prints; nil where there is no nvidia-smi. Several releases may have the same.
    public var driver: DriverVersion?
    public var computeCapabilities: [ComputeCapability]
    /// False marks a row that no document of NVIDIA's confirms; nil means confirmed.
    public var confirmed: Bool?
    public var note: String?
    /// Index into ``JetsonTable/sources``.
    public var source: Int
  }

  /// Where the builds of PyTorch for a major version of JetPack are.
  public struct Wheels: Sendable, Codable {
    /// 6 of JetPack 6.2.1.
    public var jetPack: Int
    /// The address of the folder or of the package index.
    public var index: String
    /// The version of Python that they are for.
    public var python: String
    /// Index into ``JetsonTable/sources``.
    public var source: Int
  }

  /// Oldest first.
  public var jetPacks: [JetPack]
  /// Oldest first. Major versions without a row run what is built for servers.
  public var wheels: [Wheels]
  public var sources: [String]

  /// The newest release of JetPack that is not newer than a release of Jetson Linux and has its major version; nil where
  /// the table has none.
  public func jetPack(jetsonLinux release: [Int]) -> JetPack? {
    jetPacks.last {
      $0.jetsonLinux.first == release.first && !release.lexicographicallyPrecedes($0.jetsonLinux)
    }
  }

  /// The newest release of JetPack with a driver that is not newer than `driver` and of its branch; nil where the table has
  /// none, as for the drivers of desktop GPUs.
  public func jetPack(driver: DriverVersion) -> JetPack? {
    guard let numbers = driver.numbers else { return nil }
    return jetPacks.last { row in
      guard let own = row.driver?.numbers, own.first == numbers.first else { return false }
      return numbers.count == 1 || !numbers.lexicographicallyPrecedes(own)
    }
  }

  /// Where the builds of PyTorch for a release of JetPack are; nil where those for servers run.
  public func wheels(for jetPack: JetPack) -> Wheels? { wheels.first { $0.jetPack == jetPack.major } }
}

extension JetsonTable.JetPack {
  /// 6 of JetPack 6.2.1.
  var major: Int { jetPack.split(separator: ".").first.flatMap { Int($0) } ?? 0 }
}

extension JetsonTable: DataTable {
  public static let name = "jetson"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.jetson_json }
  public var rowSources: [Int] { jetPacks.map(\.source) + wheels.map(\.source) }

  public mutating func add(_ other: JetsonTable) {
    jetPacks.add(other.jetPacks, by: \.key)
    wheels.add(other.wheels, by: \.jetPack)
  }

  public func problems(in tables: TableSet) -> [Problem] {
    var check = ListCheck(Self.self, "jetPacks")
    check.expectAscending(jetPacks.map(\.key), "jetsonLinux")
    for row in jetPacks {
      check.expect(row.major > 0, row.key, "jetPack", "a version such as 6.2.1", row.jetPack)
      check.expect(
        tables.toolkits[row.cuda] != nil, row.key, "cuda", "a toolkit of toolkits.toolkits", row.cuda)
      check.expect(
        row.driver == nil || row.driver?.numbers != nil, row.key, "driver", "a release", row.driver)
      check.expect(
        !row.computeCapabilities.isEmpty
          && row.computeCapabilities.allSatisfy { tables.architectures.isTegra($0) }, row.key,
        "computeCapabilities", "those of Tegras, one or more",
        row.computeCapabilities.map(\.description).joined(separator: ", "))
    }
    for (earlier, later) in zip(jetPacks, jetPacks.dropFirst()) {
      check.expect(
        earlier.cuda <= later.cuda, later.key, "cuda",
        "\(earlier.cuda) of JetPack \(earlier.jetPack), or later",
        later.cuda)
    }
    var places = ListCheck(Self.self, "wheels")
    places.expectAscending(wheels.map(\.jetPack), "jetPack")
    for row in wheels {
      places.expect(
        jetPacks.contains { $0.major == row.jetPack }, row.jetPack, "jetPack",
        "the major version of one of jetson.jetPacks", row.jetPack)
      places.expect(!row.index.isEmpty, row.jetPack, "index", "an address", nil)
    }
    return check.problems + places.problems
  }
}

extension JetsonTable.JetPack {
  fileprivate var key: ReleaseKey { ReleaseKey(numbers: jetsonLinux) }
}

/// A release of Jetson Linux: `36.4.4`.
private struct ReleaseKey: Comparable, CustomStringConvertible {
  var numbers: [Int]

  var description: String { numbers.map { "\($0)" }.joined(separator: ".") }

  static func < (left: ReleaseKey, right: ReleaseKey) -> Bool {
    left.numbers.lexicographicallyPrecedes(right.numbers)
  }
}
