import Bytes
import DeviceCode
import Foundation
import FuzzSupport
import Scan
import Testing

/// Registers, stack, shared and local memory, constants and names of kernels are what cuobjdump says.
@Suite struct ResourceAgreementTests {
  @Test(arguments: [
    ("torchvision", ResourceComparison(cubins: 152, kernels: 2830)),
    ("torchaudio", ResourceComparison(cubins: 24, kernels: 222)),
    ("bitsandbytes", ResourceComparison(cubins: 350, kernels: 20200, mended: 6)),
    ("jax-cuda12-plugin", ResourceComparison(cubins: 32, kernels: 168)),
  ])
  func smallWheelAgrees(_ wheel: String, _ expected: ResourceComparison) throws {
    let cuobjdump = try Cuobjdump()
    var total = ResourceComparison()
    for file in try TestInputs.candidates(under: TestInputs.folder(of: wheel, size: "small")) {
      let seen = try cuobjdump.compareResources(of: file)
      total.cubins += seen.cubins
      total.kernels += seen.kernels
      total.mended += seen.mended
    }
    #expect(total == expected)
  }

  /// 200 cubins of one library, the same in every run.
  @Test(.enabled(if: TestInputs.includesLarge, "only in make test-large")) func sampleOfTorchAgrees() throws {
    let file = try TestInputs.folder(of: "torch", size: "large")
      .appending(path: "torch/lib/libtorch_cuda.so")
    var generator = SeededGenerator(seed: 1)
    let seen = try Cuobjdump().compareResources(of: file) {
      Array($0.shuffled(using: &generator).prefix(200))
    }
    #expect(seen == ResourceComparison(cubins: 200, kernels: 9941))
  }
}

/// Every byte of real libraries is counted once.
@Suite struct CompositionTests {
  private static let small = ["torchvision", "torchaudio", "bitsandbytes", "xformers", "jax-cuda12-plugin"]
  private static let large = ["torch", "nvidia-cusparse", "nvidia-cufft", "nvidia-curand"]

  @Test(arguments: small) func smallWheelAddsUp(_ wheel: String) throws {
    try expectSums(wheel, size: "small")
  }

  @Test(.enabled(if: TestInputs.includesLarge, "only in make test-large"), arguments: large)
  func largeWheelAddsUp(_ wheel: String) throws { try expectSums(wheel, size: "large") }

  private func expectSums(_ wheel: String, size: String) throws {
    var images = 0
    for path in try TestInputs.candidates(under: TestInputs.folder(of: wheel, size: size)) {
      let source = try FileBytes(path: Path(path.path))
      let file = InspectedFile(source)
      guard !file.inventory.images.isEmpty else { continue }
      let kernels = FileKernels(file, source, jobs: 4)
      let composition = kernels.composition
      let name = path.lastPathComponent
      #expect(composition.size == source.size, "\(name)")
      #expect(composition.storedSizes.reduce(0, +) == composition.images, "\(name)")
      let cubins = file.inventory.images.filter { $0.kind == .cubin }
      #expect(
        kernels.cubinParts.reduce(0) { $0 + $1.size } == cubins.reduce(0) { $0 + $1.size }, "\(name)")
      #expect(
        kernels.cubinParts.reduce(0) { $0 + $1.stored }
          == cubins.reduce(0) { $0 + composition.storedSizes[$1.index] }, "\(name)")
      #expect(kernels.problems.isEmpty, "\(name)")
      images += file.inventory.images.count
    }
    #expect(images > 0)
  }
}
