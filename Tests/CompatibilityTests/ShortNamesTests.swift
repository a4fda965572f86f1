import Testing

@testable import Compatibility
@testable import DeviceCode

/// Shorter names of kernels by which everything is judged alike.
@Suite struct ShortNamesTests {
  private static let targets = ["60", "70", "75", "80", "86", "90", "90a", "100", "120"].compactMap {
    CodeTarget($0)
  }
  /// Names with tags and without, of templates and not, in several patterns.
  private static let names = [
    "_Z6kernelPf", "_Z5otherPf", "_Z8gemmSm80ILi128EEvPf", "_Z8gemmSm80ILi64EEvPf", "sm80_xmma_gemm",
    "sm70_xmma_gemm",
    "volta_sgemm", "ampere_sgemm_128", "_ZN5cudnn6fusionEv", "cutlass_75_tensorop", "cask_forwardCompat_a",
    "_Z4wrapI4implILi1EEEvv", "_Z4wrapI4implILi2EEEvv", "_Z4wrapI5otherILi2EEEvv", "_Z3fooILb1EEvv",
    "_Z3fooILb0EEvv",
  ]

  /// A unit of modules with random targets and kernels.
  private static func unit(_ generator: inout Generator) -> (CodeUnit, KernelNames) {
    var inventory = Inventory()
    var kernels = KernelNames()
    for module in 0..<Int.random(in: 1...12, using: &generator) {
      let start = inventory.images.count
      let own = targets.filter { _ in Int.random(in: 0..<3, using: &generator) == 0 }
      for target in own.isEmpty ? [targets[3]] : own {
        let isPTX = Int.random(in: 0..<5, using: &generator) == 0
        inventory.images.append(
          DeviceImage(
            index: inventory.images.count, module: module, kind: isPTX ? .ptx : .cubin, target: target,
            size: 1000,
            ptxISA: isPTX ? PTXISAVersion("8.0") : nil))
      }
      inventory.modules.append(Module(index: module, images: start..<inventory.images.count))
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: kernels.addUnreadable(module)
      case 1: break
      case 2: kernels.add([], ofModule: module)
      default:
        kernels.add(names.filter { _ in Int.random(in: 0..<4, using: &generator) == 0 }, ofModule: module)
      }
    }
    return (CodeUnit(inventory), kernels)
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  @Test(arguments: 0..<40) func everyVerdictIsTheSame(seed: UInt64) {
    var generator = Generator(state: seed &* 7919)
    for _ in 0..<25 {
      let (unit, kernels) = Self.unit(&generator)
      let loadable = unit.loadable
      let short = kernels.keeping(loadable.modules).shortened(in: loadable)
      for row in ArchitectureTable.shipped.rows {
        for driver in [nil, "450.80.02", "580.65.06"] {
          let device = Device(row.computeCapability, driver: driver.flatMap { DriverVersion($0) })
          #expect(loadable.verdict(on: device, kernels: short) == unit.verdict(on: device, kernels: kernels))
        }
      }
    }
  }

  @Test func kernelsThatAreAlikeBecomeOne() {
    var inventory = Inventory()
    inventory.images = [DeviceImage(kind: .cubin, target: CodeTarget("80") ?? CodeTarget(80), size: 10)]
    inventory.modules = [Module(index: 0, images: 0..<1)]
    var kernels = KernelNames()
    kernels.add((0..<500).map { "_Z20a_very_long_name_\($0)Pf" }, ofModule: 0)
    let short = kernels.shortened(in: CodeUnit(inventory))
    #expect(short[0]?.count == 1)
    #expect((short[0]?[0].utf8.count ?? 99) < 20)
  }
}
