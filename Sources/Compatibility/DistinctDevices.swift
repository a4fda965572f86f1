import DeviceCode

extension CodeUnit {
  /// Devices that stand for all that there are or will be: whatever this unit is worth on some GPU with some driver, it is
  /// worth on one of these. For each compute capability they differ in what their drivers load of the unit.
  public var distinctDevices: [Device] {
    var computeCapabilities = Set(ArchitectureTable.shared.rows.map(\.computeCapability))
    for target in Set(signatures.flatMap { [$0.target] + ($0.directive.map { [$0.target] } ?? []) }) {
      // The next major one runs no machine code, and all PTX up to here. Numbers without bounds come from hostile files.
      let own = ComputeCapability(target)
      guard own.major < 1000 else { continue }
      computeCapabilities.insert(own)
      // Between two targets, or above the last of a major one, and without code for itself alone.
      if own.minor < 9 { computeCapabilities.insert(ComputeCapability(own.major, own.minor + 1)) }
      computeCapabilities.insert(ComputeCapability(own.major + 1, 0))
    }
    return distinctDevices(of: computeCapabilities.sorted())
  }

  /// The devices of some compute capabilities that differ in what their drivers load of this unit; of each first the one
  /// whose driver loads everything.
  public func distinctDevices(of computeCapabilities: [ComputeCapability]) -> [Device] {
    let kinds = kinds(of: Driver.all)
    return computeCapabilities.flatMap { computeCapability in
      var devices: [Device] = []
      var seen: Set<[Int]> = []
      for (device, driver) in Driver.devices(of: computeCapability) {
        let runsDesktopCode = device.runsDesktopCodeOnTegra == true
        let kind = driver.map { kinds[$0] } ?? kinds[kinds.count - 1]
        if seen.insert([kind, runsDesktopCode ? 1 : 0]).inserted { devices.append(device) }
      }
      return devices
    }
  }

  /// Numbers that are the same for drivers that load the same of this unit; the last is that of a driver that loads
  /// everything.
  private func kinds(of drivers: [DriverVersion]) -> [Int] {
    struct Trait: Hashable {
      var compression: ImageCompression
      var isa: PTXISAVersion?
    }
    let traits = Array(
      Set(
        signatures.flatMap { signature in
          [signature, signature.byDirective].compactMap { $0 }.map {
            Trait(compression: $0.compression, isa: $0.isPTX ? $0.ptxISA : nil)
          }
        }))
    var numbers: [[Bool?]: Int] = [:]
    let loads =
      drivers.map { driver in
        traits.map { trait -> Bool? in
          guard driver.supports(trait.compression) != false else { return false }
          return trait.isa.map { driver.supports($0) } ?? true
        }
      } + [traits.map { _ in true }]
    return loads.map { loads in
      let number = numbers[loads] ?? numbers.count
      numbers[loads] = number
      return number
    }
  }

  /// The modules whose names the verdict on one of `devices` may depend on, at most: where some modules run and others do
  /// not those and, if the names of others tell nothing, these, and modules that run less well than most.
  ///
  /// Where nothing runs, ``modulesToName(on:kernels:)`` has to be asked, which takes less.
  public func modulesThatMayMatter(on devices: [Device]) -> [Int] {
    var wanted: Set<Int> = []
    for device in devices {
      let fits = fits(on: device)
      let judged = groups.indices.filter { groups[$0].role == .portable || groups[$0].role == .specialised }
      let portable = judged.filter { groups[$0].role == .portable }
      let running = judged.filter { fits[$0] > .none }
      guard !running.isEmpty else { continue }
      let gaps = portable.filter { fits[$0] == .none }
      wanted.formUnion(
        gaps.isEmpty ? portable.filter { !fits[$0].isNative } : gaps + running)
    }
    return wanted.flatMap { groups[$0].modules }.sorted()
  }

  /// Whether some module runs or may run on a device.
  public func runs(on device: Device) -> Bool { fits(on: device).contains { $0 > .none } }
}

/// The drivers that the tables can tell apart.
private enum Driver {
  /// One of each branch, one on either side of each release that brought something, one of each CUDA version, and such that
  /// are older and newer than the table.
  static let all: [DriverVersion] = {
    let table = DriverTable.shared
    let releases = table.compression.map(\.minimumDriver).flatMap { driver -> [DriverVersion] in
      guard case .release(var numbers, _) = driver, let last = numbers.last, last > 0 else { return [driver] }
      numbers[numbers.count - 1] = last - 1
      let text = numbers.map { String($0) }.joined(separator: ".")
      return [driver, .release(numbers, text: text)]
    }
    let versions = Set(table.branches.map(\.maxCUDA) + table.ptxISA.compactMap(\.cuda)).sorted()
    var others: [DriverVersion] = [.cuda(CUDAVersion(1, 0))]
    if let first = table.branches.first { others.append(.branch(first.branch - 1)) }
    if let last = table.branches.last { others.append(.branch(last.branch + 1)) }
    if let last = versions.last { others.append(.cuda(CUDAVersion(last.major + 1, 0))) }
    return table.branches.map { .branch($0.branch) } + releases + others + versions.map { .cuda($0) }
  }()

  /// Devices of one compute capability, each with another driver that supports it; the first has none. With each the
  /// position of its driver, where one is known.
  static func devices(of computeCapability: ComputeCapability) -> [(device: Device, driver: Int?)] {
    known[computeCapability] ?? makeDevices(of: computeCapability)
  }

  private static let known = Dictionary(
    ArchitectureTable.shared.rows.map { ($0.computeCapability, makeDevices(of: $0.computeCapability)) },
    uniquingKeysWith: { first, _ in first })

  private static func makeDevices(of computeCapability: ComputeCapability) -> [(device: Device, driver: Int?)]
  {
    let plain = Device(computeCapability)
    var devices: [(device: Device, driver: Int?)] = [(plain, nil)]
    if computeCapability.isTegra {
      var newest = plain
      newest.jetsonLinux = [.max]
      devices.append((newest, nil))
    }
    for (position, driver) in all.enumerated() {
      let device = Device(computeCapability, driver: driver)
      guard device.isSupportedByDriver != false else { continue }
      devices.append((device, device.knownDriver == nil ? nil : position))
    }
    return devices
  }
}
