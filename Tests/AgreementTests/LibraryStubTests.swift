import Bytes
import Compatibility
import DeviceCode
import Foundation
import Testing

/// The kernels that published libraries compile out for some targets, as established by disassembling them: none more.
@Suite struct LibraryStubTests {
  private static func stubs(of file: URL) throws -> [SuspectedStub] {
    let source = try FileBytes(path: Path(file.path))
    let inventory = InspectedFile(source).inventory
    let reader = PayloadReader(source, inventory)
    var kernels: [String: [SuspectedStub.Evidence]] = [:]
    for payload in inventory.payloads {
      let images = inventory.images[payload.images].filter { $0.kind == .cubin }
      guard !images.isEmpty else { continue }
      let bytes = try reader.bytes(of: payload)
      for image in images {
        let cubin = try reader.bytes(of: image, in: bytes)
        for kernel in try CubinContents(cubin).kernels {
          let body = KernelBody(kernel, in: cubin, target: image.target)
          kernels[kernel.name, default: []].append(
            .init(target: image.target, codeSize: kernel.codeSize, body: body.kind))
        }
      }
    }
    return kernels.compactMap { SuspectedStub(kernel: $0, instances: $1) }.sorted { $0.kernel < $1.kernel }
  }

  private static func text(_ stub: SuspectedStub) -> String {
    stub.targets.map { "\($0.target) \($0.body.rawValue)" }.joined(separator: ", ")
  }

  @Test(arguments: ["torchvision", "torchaudio"])
  func librariesWithoutGuardsHaveNone(_ wheel: String) throws {
    let folder = try TestInputs.folder(of: wheel, size: "small")
    for library in try TestInputs.candidates(under: folder) {
      #expect(try Self.stubs(of: library).map(\.kernel) == [], "\(library.lastPathComponent)")
    }
  }

  /// Hopper's kernel prints a text on GPUs before it.
  @Test func xformers() throws {
    let folder = try TestInputs.folder(of: "xformers", size: "small")
    let stubs = try Self.stubs(of: folder.appending(path: "xformers/_C.so"))
    #expect(stubs.map(Self.text) == ["75 print, 80 print, 90a code"])
    #expect(stubs.first?.kernel.contains("MainloopSm90TmaGmmaWarpSpecialized") == true)
    #expect(stubs.first?.targets.map(\.codeSize) == [256, 384, 24192])
  }

  /// Each architecture has its own sizes of tiles; the others trap.
  @Test(arguments: ["130", "132"]) func bitsandbytes(_ version: String) throws {
    let folder = try TestInputs.folder(of: "bitsandbytes", size: "small")
    let stubs = try Self.stubs(of: folder.appending(path: "bitsandbytes/libbitsandbytes_cuda\(version).so"))
    #expect(stubs.allSatisfy { $0.kernel.contains("gemm_4bit_sm") })
    let counts = Dictionary(grouping: stubs, by: Self.text).mapValues(\.count)
    #expect(
      counts == [
        "75 empty, 80 code, 86 code, 89 code, 90 trap, 100 trap, 120 code": 10,
        "75 empty, 80 code, 86 code, 89 code, 90 code, 100 code, 120 code": 6,
        "75 code, 80 empty, 86 empty, 89 empty, 90 empty, 100 empty, 120 empty": 4,
        "75 empty, 80 code, 86 code, 89 code, 90 code, 100 trap, 120 code": 2,
        "75 empty, 80 code, 86 code, 89 code, 90 trap, 100 code, 120 code": 2,
        "75 empty, 80 code, 86 trap, 89 trap, 90 code, 100 code, 120 trap": 2,
      ])
  }

  @Test(.enabled(if: TestInputs.includesLarge, "only in make test-large")) func torch() throws {
    let folder = try TestInputs.folder(of: "torch", size: "large")
    let stubs = try Self.stubs(of: folder.appending(path: "torch/lib/libtorch_cuda.so"))
    let counts = Dictionary(grouping: stubs, by: Self.text).mapValues(\.count)
    #expect(stubs.count == 4528)
    // Vectorised by 8 for the GPUs that gain from it; FlashAttention, which needs Ampere; attention made for Turing.
    #expect(
      counts["75 assertion, 80 assertion, 86 assertion, 90 code, 100 code, 120 assertion"] == 1467)
    #expect(
      counts["75 assertion, 80 assertion, 86 assertion, 90 assertion, 100 code, 120 assertion"] == 1388)
    #expect(counts["75 print, 80 code, 86 code, 90 code, 100 code, 120 code"] == 1203)
    #expect(counts["75 code, 80 print, 86 print, 90 print, 100 print, 120 print"] == 52)
    #expect(
      try Self.stubs(of: folder.appending(path: "torch/lib/libtorch_cuda_linalg.so")).isEmpty)
  }

  @Test(arguments: [("from-80.so", ["75"]), ("from-100.so", ["75", "80", "90a"]), ("none.so", [])])
  func fixtures(_ file: String, _ targets: [String]) throws {
    let stubs = try Self.stubs(of: TestInputs.fixtures.appending(path: "stubs/\(file)"))
    #expect(stubs.count == (targets.isEmpty ? 0 : 14))
    for stub in stubs {
      #expect(stub.kernel.hasPrefix("guarded_"))
      #expect(stub.stubs.map(\.target.description) == targets)
      #expect(stub.stubs.allSatisfy { stub.kernel.split(separator: "_")[1] == $0.body.rawValue })
    }
  }
}
