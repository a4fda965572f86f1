import Bytes
import DeviceCode
import Foundation
import Testing

/// Counts that were established by hand, by reading the bytes of two large libraries.
@Suite(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
struct KnownNumbersTests {
  private func inventory(_ wheel: String, _ path: String) throws -> Inventory {
    let file = try TestInputs.folder(of: wheel, size: "large").appending(path: path)
    return InspectedFile(try FileBytes(path: Path(file.path))).inventory
  }

  private func targets(_ inventory: Inventory, in section: String) -> [String: Int] {
    inventory.modules.filter { $0.section == section }
      .reduce(into: [:]) { counts, module in
        for image in inventory[module] { counts[image.targetName, default: 0] += 1 }
      }
  }

  @Test func torch() throws {
    let inventory = try inventory("torch", "torch/lib/libtorch_cuda.so")
    let sections = Dictionary(grouping: inventory.modules, by: \.section).mapValues(\.count)
    #expect(sections == [".nv_fatbin": 476, ".lrodata": 58])
    #expect(
      targets(inventory, in: ".nv_fatbin") == [
        "sm_75": 476, "sm_80": 476, "sm_86": 476, "sm_89": 1, "sm_90": 476, "sm_90a": 4, "sm_100": 476,
        "sm_100a": 59, "sm_103f": 59, "sm_120": 476, "sm_120a": 1, "sm_121a": 1,
      ])
    #expect(targets(inventory, in: ".lrodata") == ["sm_90": 29, "sm_100": 29])
    #expect(inventory.images.count == 2981 + 58)
    #expect(inventory.modules.filter { $0.place == .registered }.allSatisfy { $0.wrapperVersion == 1 })
  }

  /// cuobjdump: "does not contain device code".
  @Test func cuFFT() throws {
    let inventory = try inventory("nvidia-cufft", "nvidia/cu13/lib/libcufft.so.12")
    let sections = Dictionary(grouping: inventory.modules, by: \.section).mapValues(\.count)
    #expect(sections == [".data": 18215, ".ldata": 12])
    let kinds = Dictionary(grouping: inventory.images, by: \.kind).mapValues(\.count)
    #expect(kinds == [.cubin: 3527, .ptx: 8136, .ltoIR: 6573])
  }
}
