import Compatibility
import DeviceCode
import FuzzSupport
import Testing

/// The devices that stand for all others.
struct DistinctDevicesTests {
  private static let computeCapabilities =
    ArchitectureTable.shipped.rows.map(\.computeCapability)
    + [(13, 0), (4, 0), (8, 4), (9, 3), (11, 5), (20, 1)].map { ComputeCapability($0.0, $0.1) }

  /// Every branch, releases beside what the tables name, CUDA versions, and what no table has.
  private static let drivers: [DriverVersion] = {
    let texts =
      DriverTable.shipped.branches.flatMap { ["\($0.branch)", "\($0.branch).10", $0.maxCUDA.description] }
      + [
        "550.54.13", "550.54.14", "550.54.15", "550.40", "551.61", "340.1", "304", "700", "999.9", "6.0",
        "99.9",
      ]
    return texts.compactMap { DriverVersion($0) }
  }()

  private static func unit(_ generator: inout SeededGenerator) -> CodeUnit {
    func pick<Value>(_ values: [Value]) -> Value {
      values[Int.random(in: 0..<values.count, using: &generator)]
    }
    let names = [
      "sm_50", "sm_70", "sm_80", "sm_86", "sm_87", "sm_90", "sm_90a", "sm_100f", "sm_120", "compute_52",
      "compute_80",
      "compute_90", "compute_90a", "compute_120", "lto_80",
    ]
    let drafts = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
      Draft(
        images: (0..<Int.random(in: 1...4, using: &generator)).map { _ in
          let name = pick(names)
          let isa: PTXISAVersion? =
            name.hasPrefix("compute_")
            ? pick([
              PTXISAVersion(6, 0), PTXISAVersion(8, 4), PTXISAVersion(8, 7), PTXISAVersion(9, 4),
              PTXISAVersion(12, 0),
            ])
            : nil
          return image(name, isa: isa, compression: pick([.none, .lz4, .zstd]))
        })
    }
    return CodeUnit(inventory(drafts))
  }

  @Test func everyDeviceHasOneThatStandsForIt() {
    var generator = SeededGenerator(seed: 4)
    var compared = 0
    for _ in 0..<8 {
      let unit = Self.unit(&generator)
      for computeCapability in Self.computeCapabilities {
        let verdicts = DistinctDevices(by: .shipped).devices(of: [computeCapability], for: unit).map {
          unit.verdict(on: $0)
        }
        let plain = Device(computeCapability)
        var tegra = plain
        tegra.jetsonLinux = [39, 0]
        let others = Self.drivers.map { Device(computeCapability, driver: $0) }
        for device in [plain, tegra] + others where device.isSupportedByDriver != false {
          let verdict = unit.verdict(on: device)
          #expect(
            verdicts.contains {
              $0.portable == verdict.portable && $0.specialised == verdict.specialised
                && $0.uncovered.map(\.modules) == verdict.uncovered.map(\.modules)
            }, "\(device)")
          compared += 1
        }
      }
    }
    #expect(compared > 10_000)
  }

  /// What no target of the unit and no row of a table names behaves as something that one does.
  @Test func whatNoTableNamesIsAmongThem() {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<30 {
      let unit = Self.unit(&generator)
      let counts = Set(DistinctDevices(by: .shipped).all(for: unit).map { unit.verdict(on: $0).portable })
      for computeCapability in Self.computeCapabilities {
        #expect(counts.contains(unit.verdict(on: Device(computeCapability)).portable), "\(computeCapability)")
      }
    }
  }

  @Test func fewStandForAll() {
    let unit = library(["sm_80", "compute_80"], ["sm_90"])
    let computeCapabilities = Set(DistinctDevices(by: .shipped).all(for: unit).map(\.computeCapability))
    #expect(computeCapabilities.isSuperset(of: ArchitectureTable.shipped.rows.map(\.computeCapability)))
    #expect(computeCapabilities.contains(ComputeCapability(10, 0)))
    // Neither has a version of PTX nor is compressed, so drivers load the same of it.
    #expect(DistinctDevices(by: .shipped).devices(of: [ComputeCapability(8, 0)], for: unit).count == 1)
    let zstd = CodeUnit(inventory([Draft(images: [image("sm_80", compression: .zstd)])]))
    #expect(DistinctDevices(by: .shipped).devices(of: [ComputeCapability(8, 0)], for: zstd).count == 2)
  }

  /// With the names of the modules that may matter, no verdict where something runs asks for others.
  @Test func modulesThatMayMatterAreAll() {
    var generator = SeededGenerator(seed: 6)
    let names = ["sm80_gemm", "sm90_gemm", "volta_gemm", "plain", "_Z1kILi3EEvv", "_Z1kILi4EEvv"]
    for _ in 0..<40 {
      let unit = Self.unit(&generator)
      let wanted = unit.modulesThatMayMatter(on: DistinctDevices(by: .shipped).all(for: unit))
      var kernels = KernelNames()
      for module in wanted {
        kernels.add(names.filter { _ in Int.random(in: 0..<3, using: &generator) == 0 }, ofModule: module)
      }
      for computeCapability in Self.computeCapabilities {
        for driver in [
          nil, DriverVersion("535"), DriverVersion("550.40"), DriverVersion("580"), DriverVersion("12.2"),
        ] {
          let device = Device(computeCapability, driver: driver)
          guard unit.runs(on: device) else { continue }
          #expect(unit.modulesToName(on: device, kernels: kernels) == [], "\(device)")
        }
      }
    }
  }
}
