/// What code is judged against: a compute capability, and the GPU's name and the driver where known.
public struct Device: Hashable, Sendable {
  public var computeCapability: ComputeCapability
  /// The product, as the driver prints it.
  public var name: String?
  /// The products that it may be, where only what people call it is known; empty for a bare compute capability.
  public private(set) var products: [String] = []
  /// The words that the names of all these products start with; nil for less than a product's name.
  public private(set) var commonName: String?
  /// The first driver of each branch that lists it by name, see ``GPU/firstDrivers``; of several products that it may be,
  /// those of the oldest. Empty where they are not known.
  public private(set) var firstDrivers: [DriverVersion] = []
  /// False where no document says that the product, or each that it may be, has this compute capability.
  public private(set) var isConfirmed = true
  public var driver: DriverVersion?
  /// The release of Jetson Linux (L4T) that a Tegra runs: `[36, 4, 3]`; nil where nothing tells.
  public var jetsonLinux: [Int]?
  /// The processor beside it, `x86_64` or `aarch64`; nil where only the GPU is known.
  public var machine: String?
  /// What is known of compute capabilities and drivers.
  public var tables: TableSet

  public init(
    _ computeCapability: ComputeCapability, name: String? = nil, driver: DriverVersion? = nil,
    tables: TableSet = .shipped
  ) {
    self.computeCapability = computeCapability
    self.name = name
    self.driver = driver
    self.tables = tables
  }

  /// A device that is one of several products.
  init(
    _ computeCapability: ComputeCapability, products gpus: [GPU], driver: DriverVersion?, tables: TableSet
  ) {
    let products = gpus.map(\.name)
    self.init(
      computeCapability, name: Set(products).count == 1 ? products[0] : nil, driver: driver, tables: tables)
    self.products = products
    isConfirmed = gpus.isEmpty || gpus.contains(where: \.isConfirmed)
    let firstDrivers = gpus.map(\.firstDrivers)
    if !firstDrivers.contains(where: \.isEmpty) {
      self.firstDrivers =
        firstDrivers.min { ($0[0].numbers ?? []).lexicographicallyPrecedes($1[0].numbers ?? []) } ?? []
    }
    let names = products.map { $0.split(whereSeparator: { !$0.isLetter && !$0.isNumber }) }
    guard var common = names.first else { return }
    for words in names.dropFirst() {
      common = Array(zip(common, words).prefix { $0 == $1 }.map(\.0))
    }
    // Without the number of a product it would name a whole series.
    let hasNumber = { (words: [Substring]) in words.contains { $0.contains(where: \.isNumber) } }
    commonName =
      common.count > 1 && (hasNumber(common) || !names.contains(where: hasNumber))
      ? common.joined(separator: " ") : nil
  }

  /// Whether it is part of a Tegra system on a chip (Jetson, DRIVE).
  public var isTegra: Bool { tables.architectures.isTegra(computeCapability) }

  /// The driver as far as the tables of desktop drivers apply to this device: for Tegra only a CUDA version, that of its
  /// JetPack where this is known, because its drivers are numbered differently.
  public var knownDriver: DriverVersion? {
    guard isTegra else { return driver }
    if case .cuda = driver { return driver }
    return jetPack.map { .cuda($0.cuda) }
  }

  /// The JetPack of a Tegra, by its driver or by its release of Jetson Linux; nil where neither tells.
  public var jetPack: JetsonTable.JetPack? {
    guard isTegra else { return nil }
    if let driver { return tables.jetson.jetPack(driver: driver) }
    return jetsonLinux.flatMap { tables.jetson.jetPack(jetsonLinux: $0) }
  }

  /// `10.3`, or `probably 10.7` for a product whose compute capability no document states.
  public var capability: String { (isConfirmed ? "" : "probably ") + computeCapability.description }

  /// The oldest driver that supports it: the first that lists the product where that is known, else the first release for
  /// its compute capability, or its first branch. Nil for Tegra, and where the tables do not tell.
  public var oldestDriver: DriverVersion? {
    guard let row = tables.architectures[computeCapability], let branch = row.firstDriver else { return nil }
    if let first = firstDrivers.first ?? row.firstRelease { return first }
    let toolkit = tables.toolkits.toolkits.first { $0.branch == branch && $0.minimumDriver != nil }
    return toolkit?.minimumDriver ?? .branch(branch)
  }

  /// The last driver branch that supports it; nil while the newest does.
  public var lastDriverBranch: Int? { tables.architectures[computeCapability]?.lastDriver }

  /// The release that its driver would have to have at least, to list the product, or a product of its compute capability;
  /// nil where it does, and where that is not known. An older release of a branch that supports its compute capability may
  /// run it under another name.
  public var missingDriver: DriverVersion? {
    guard case .release(let own, _)? = knownDriver else { return nil }
    let first = tables.architectures[computeCapability]?.firstRelease
    let listing = firstDrivers.isEmpty ? [first].compactMap { $0 } : firstDrivers
    guard let needed = listing.first(where: { $0.numbers?.first == own[0] }) ?? listing.first else {
      return nil
    }
    return own.lexicographicallyPrecedes(needed.numbers ?? []) ? needed : nil
  }

  /// The device with a driver that supports everything; what its driver says of a Tegra stays.
  public var withoutDriver: Device {
    guard !isTegra else { return self }
    var device = self
    device.driver = nil
    return device
  }

  /// Whether this Tegra is reported to run machine code for desktop GPUs; nil for other GPUs, and where neither its driver
  /// nor its release of Jetson Linux is known.
  public var runsDesktopCodeOnTegra: Bool? {
    guard isTegra else { return nil }
    let table = tables.architectures.desktopCodeOnTegra
    guard let first = table.first(where: { $0.computeCapability == computeCapability }) else { return false }
    switch driver {
    case .cuda(let version)?: return version >= first.cuda
    case let driver?: return driver.branchNumber(by: tables).map { $0 >= first.driverBranch }
    case nil: return jetsonLinux.map { !$0.lexicographicallyPrecedes(first.jetsonLinux) }
    }
  }

  /// Whether the driver supports the GPU at all; nil when that is not known.
  public var isSupportedByDriver: Bool? { knownDriver?.supports(computeCapability, by: tables) }
}
