import Bytes
import Compatibility
import DeviceCode
import Foundation
import Scan
import Stack
import Testing

/// The verdicts on libraries that pick their kernels by GPU, and on some that only seem to, as people who know them
/// would give them. Docs/Verdicts.md says why.
@Suite(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
struct DispatchVerdictTests {
  private static let devices = ["7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0"]

  private static func scan(_ wheel: String, _ size: String, _ path: String) throws -> CodeFile {
    let file = try TestInputs.folder(of: wheel, size: size).resolvingSymlinksInPath().appending(path: path)
    let facts = Scan.Scanner(jobs: 4).scan([Path(file.path)])
      .facts(for: .devices(try devices.map(device)), by: .shipped, jobs: 4)
    #expect(facts.problemCount == 0)
    return try #require(facts.views.first?.files.first, "\(file.path) holds no device code")
  }

  private static func device(_ name: String) throws -> Device {
    Device(try #require(ComputeCapability(name)))
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var wheel: String
    var size = "dispatch"
    var path: String
    /// One for each device, and how many modules are uncovered there.
    var verdicts: [(Verdict, Int)]

    var testDescription: String { path }
  }

  static let rows = [
    Row(
      wheel: "nvidia-cublas", path: "nvidia/cu13/lib/libcublas.so.13",
      verdicts: [
        (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0),
      ]),
    // On 7.5 and 10.0 one module with a kernel that does nothing has only PTX.
    Row(
      wheel: "nvidia-cublas", path: "nvidia/cu13/lib/libcublasLt.so.13",
      verdicts: [(.jit, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.jit, 0), (.native, 0)]),
    Row(
      wheel: "nvidia-cudnn-cu13", path: "nvidia/cudnn/lib/libcudnn_cnn.so.9",
      verdicts: [
        (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0),
      ]),
    Row(
      wheel: "nvidia-cudnn-cu13", path: "nvidia/cudnn/lib/libcudnn_engines_precompiled.so.9",
      verdicts: [
        (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0),
      ]),
    // Fused attention needs 8.0.
    Row(
      wheel: "nvidia-cudnn-cu13", path: "nvidia/cudnn/lib/libcudnn_engines_runtime_compiled.so.9",
      verdicts: [
        (.partial, 11), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0),
      ]),
    // Marlin for 8-bit activations exists for 8.9 and 12.0 alone.
    Row(
      wheel: "vllm", path: "vllm/_C_stable_libtorch.abi3.so",
      verdicts: [
        (.partial, 14), (.partial, 5), (.partial, 5), (.native, 0), (.partial, 5), (.partial, 5), (.jit, 0),
      ]),
    Row(
      wheel: "vllm", path: "vllm/_moe_C_stable_libtorch.abi3.so",
      verdicts: [
        (.partial, 12), (.partial, 5), (.partial, 5), (.native, 0), (.partial, 5), (.partial, 5), (.jit, 0),
      ]),
    // FlashAttention 3 is for Hopper.
    Row(
      wheel: "vllm", path: "vllm/vllm_flash_attn/_vllm_fa3_C.abi3.so",
      verdicts: [
        (.incompatible, 192), (.incompatible, 192), (.incompatible, 192), (.incompatible, 192), (.native, 0),
        (.incompatible, 192), (.incompatible, 192),
      ]),
    Row(
      wheel: "nvidia-npp", path: "nvidia/cu13/lib/libnppc.so.13",
      verdicts: [
        (.native, 0), (.noDeviceCode, 0), (.noDeviceCode, 0), (.noDeviceCode, 0), (.noDeviceCode, 0),
        (.noDeviceCode, 0), (.noDeviceCode, 0),
      ]),
    // cuSPARSE inside it has a template that is compiled target by target. Nothing of it is for newer GPUs.
    Row(
      wheel: "torch", path: "torch/lib/libtorch_cuda_cu.so",
      verdicts: [(.native, 0), (.native, 0), (.native, 0), (.native, 0)]),
    // A true gap, and of nearly everything: MAGMA was compiled without 7.5.
    Row(
      wheel: "torch", size: "large", path: "torch/lib/libtorch_cuda_linalg.so",
      verdicts: [
        (.incompatible, 32), (.native, 0), (.native, 0), (.native, 0), (.native, 0), (.native, 0),
        (.native, 0),
      ]),
  ]

  @Test(arguments: rows) func verdicts(_ row: Row) throws {
    let library = try Self.scan(row.wheel, row.size, row.path)
    for (name, expected) in zip(Self.devices, row.verdicts) {
      let verdict = library.unit.verdict(on: try Self.device(name), kernels: library.kernels)
      #expect(verdict.verdict == expected.0, "on \(name)")
      #expect(verdict.uncovered.reduce(0) { $0 + $1.modules.count } == expected.1, "on \(name)")
      // All that is uncovered can be named, but where nothing runs nobody looks.
      if verdict.running == 0 { continue }
      #expect(verdict.uncovered.flatMap(\.modules).allSatisfy { library.kernels[$0]?.isEmpty == false })
    }
  }

  /// Torch's largest library has code for all of these GPUs: no image is decompressed.
  @Test func nothingIsReadOfACoveredLibrary() throws {
    let library = try Self.scan("torch", "large", "torch/lib/libtorch_cuda.so")
    #expect((0..<library.unit.moduleCount).allSatisfy { !library.kernels.isRead($0) })
  }

  @Test func gapsOfTheLinearAlgebraAreNamed() throws {
    let library = try Self.scan("torch", "large", "torch/lib/libtorch_cuda_linalg.so")
    let verdict = library.unit.verdict(on: try Self.device("7.5"), kernels: library.kernels)
    let kernels = Set(verdict.uncovered.flatMap(\.modules).flatMap { library.kernels[$0] ?? [] })
    #expect(kernels.count == 685)
    #expect(kernels.contains("_Z18zlacpy_conj_kerneliP7double2iS0_i"))
    #expect(verdict.excused == 0)
  }
}
