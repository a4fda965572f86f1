import DeviceCode
import Synchronization

/// Finds the devices among which a unit of code makes a difference.
public final class DistinctDevices: Sendable {
  private let tables: TableSet
  private let found = Mutex(Found())

  /// What was found for units before.
  private struct Found {
    /// The drivers that the tables can tell apart; nil until somebody asks, because the tables have to be decoded for it.
    var drivers: [DriverVersion]?
    /// The devices of the compute capabilities that were asked about.
    var devices: [ComputeCapability: [DeviceWithDriver]] = [:]
    var groups: [Set<Trait>: Group] = [:]
  }

  /// A device, and the position of its driver where one is known.
  private struct DeviceWithDriver {
    var device: Device
    var driver: Int?
  }

  /// What code asks of a driver.
  private struct Trait: Hashable {
    var compression: ImageCompression
    var isa: PTXISAVersion?
  }

  /// What is the same for all units whose code asks for the same.
  private struct Group {
    /// Numbers that are the same for drivers that load the same; the last is that of a driver that loads everything.
    var kinds: [Int]
    var devices: [ComputeCapability: [Device]] = [:]
  }

  /// Groups that are remembered: far more than there are in real libraries.
  private static let groupLimit = 256

  public init(by tables: TableSet) { self.tables = tables }

  /// Devices that stand for all that there are or will be: whatever the unit is worth on some GPU with some driver, it is
  /// worth on one of these. For each compute capability they differ in what their drivers load of the unit.
  public func all(for unit: CodeUnit) -> [Device] {
    var computeCapabilities = Set(tables.architectures.rows.map(\.computeCapability))
    for target in Set(unit.signatures.flatMap { [$0.target] + ($0.directive.map { [$0.target] } ?? []) }) {
      // The next major one runs no machine code, and all PTX up to here. Numbers without bounds come from hostile files.
      let own = ComputeCapability(target)
      guard own.major < 1000 else { continue }
      computeCapabilities.insert(own)
      // Between two targets, or above the last of a major one, and without code for itself alone.
      if own.minor < 9 { computeCapabilities.insert(ComputeCapability(own.major, own.minor + 1)) }
      computeCapabilities.insert(ComputeCapability(own.major + 1, 0))
    }
    return devices(of: computeCapabilities.sorted(), for: unit)
  }

  /// The devices of some compute capabilities that differ in what their drivers load of the unit; of each first the one
  /// whose driver loads everything.
  public func devices(of computeCapabilities: [ComputeCapability], for unit: CodeUnit) -> [Device] {
    let traits = Set(
      unit.signatures.flatMap { signature in
        [signature, signature.byDirective].compactMap { $0 }.map {
          Trait(compression: $0.compression, isa: $0.isPTX ? $0.ptxISA : nil)
        }
      })
    return found.withLock { found in
      let drivers = found.drivers ?? Self.drivers(tables.drivers)
      found.drivers = drivers
      var group = found.groups[traits] ?? Group(kinds: kinds(of: traits, drivers))
      let devices = computeCapabilities.flatMap { computeCapability in
        if let known = group.devices[computeCapability] { return known }
        let all = found.devices[computeCapability] ?? makeDevices(of: computeCapability, drivers)
        found.devices[computeCapability] = all
        var seen: Set<[Int]> = []
        let distinct = all.filter { entry in
          let kind = entry.driver.map { group.kinds[$0] } ?? group.kinds[group.kinds.count - 1]
          return seen.insert([kind, entry.device.runsDesktopCodeOnTegra == true ? 1 : 0]).inserted
        }.map(\.device)
        group.devices[computeCapability] = distinct
        return distinct
      }
      if found.groups.count < Self.groupLimit || found.groups[traits] != nil { found.groups[traits] = group }
      return devices
    }
  }

  private func kinds(of traits: Set<Trait>, _ drivers: [DriverVersion]) -> [Int] {
    let traits = Array(traits)
    var numbers: [[Bool?]: Int] = [:]
    let loads =
      drivers.map { driver in
        traits.map { trait -> Bool? in
          guard driver.supports(trait.compression, by: tables) != false else { return false }
          return trait.isa.map { driver.supports($0, by: tables) } ?? true
        }
      } + [traits.map { _ in true }]
    return loads.map { loads in
      let number = numbers[loads] ?? numbers.count
      numbers[loads] = number
      return number
    }
  }

  /// One of each branch, one on either side of each release that brought something, one of each CUDA version, and such that
  /// are older and newer than the table.
  private static func drivers(_ table: DriverTable) -> [DriverVersion] {
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
  }

  /// Devices of one compute capability, each with another driver that supports it; the first has none. With each the
  /// position of its driver, where one is known.
  private func makeDevices(
    of computeCapability: ComputeCapability, _ drivers: [DriverVersion]
  ) -> [DeviceWithDriver] {
    let plain = Device(computeCapability, tables: tables)
    var devices = [DeviceWithDriver(device: plain)]
    if plain.isTegra {
      var newest = plain
      newest.jetsonLinux = [.max]
      devices.append(DeviceWithDriver(device: newest))
    }
    for (position, driver) in drivers.enumerated() {
      var device = plain
      device.driver = driver
      guard device.isSupportedByDriver != false else { continue }
      devices.append(DeviceWithDriver(device: device, driver: device.knownDriver == nil ? nil : position))
    }
    return devices
  }
}

extension CodeUnit {
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
