import Bytes
import Compatibility
import Foundation
import Report
import Scan
import Stack
import Testing

/// Wheels of PyTorch with their own facts, judged for GPUs and drivers.
@Suite(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
struct RealStackTests {
  private func report(
    _ gpu: String, driver: String, size: String = "large", cuda: CUDAVersion = CUDAVersion(13, 2),
    image: ImageConfiguration? = nil
  ) throws -> StackReport {
    let folder = try TestInputs.folder(of: "torch", size: size).resolvingSymlinksInPath()
    let device = JudgedDevice(
      query: gpu, device: try GPUCatalogue.resolve(gpu).device(driver: DriverVersion(driver)))
    var result = Scan.Scanner(jobs: 4).scan([Path(folder.path)])
    result.readKernels(on: [device.device], jobs: 4)
    let facts = result.stackFacts(images: [image].compactMap { $0 })
    #expect(facts.torches.map(\.cuda?.value) == [cuda])
    return try #require(ScanReport(result, devices: [device], isQuestion: true, facts: facts).stack)
  }

  /// The stack that runs on an A100 after the one from before Ampere did not: PyTorch 1.13.1, CUDA 11.7.
  @Test func mendedRecipeOnAnA100() throws {
    let image = ImageConfiguration(environment: [
      "CUDA_VERSION": "11.7.1", "NVIDIA_VISIBLE_DEVICES": "all",
      "NVIDIA_REQUIRE_CUDA":
        "cuda>=11.7 brand=tesla,driver>=450,driver<451 brand=tesla,driver>=470,driver<471",
    ])
    let report = try report(
      "NVIDIA A100-PCIE-40GB", driver: "525.116.03", size: "dispatch", cuda: CUDAVersion(11, 7), image: image)
    #expect(
      report.summary.lines == [
        .driverAndCUDA: .pass, .torchAndCUDA: .pass, .driverAndGPU: .pass, .torchAndGPU: .pass,
      ])
    #expect(report.summary.answer == .pass)
    #expect(report.recommendations.isEmpty)
    // The flags are of libtorch_python.so; not every module carries all of them.
    #expect(report.checks.filter { $0.status != .pass }.map(\.id) == [.flagsContents])
  }

  @Test func newestBuildOnAV100() throws {
    let report = try report("V100", driver: "580.65.06")
    #expect(
      report.summary.lines == [
        .driverAndCUDA: .pass, .torchAndCUDA: .pass, .driverAndGPU: .pass, .torchAndGPU: .fail,
      ])
    let build = try #require(report.recommendations.first { $0.kind == .installTorch })
    #expect(
      build.command == "pip install torch==2.14.1 --index-url https://download.pytorch.org/whl/cu126")
    #expect(build.message.contains("sm_70"))
  }

  @Test func newestBuildOnAnH100() throws {
    let report = try report("H100 NVL", driver: "580.65.06")
    #expect(Set(report.summary.lines.values) == [.pass])
    #expect(report.summary.lines.count == 4)
    #expect(report.demand?.driver == DriverVersion("580.65.06"))
    let tooOld = try self.report("H100 NVL", driver: "570.86.15")
    #expect(tooOld.summary.lines[.driverAndCUDA] == .fail)
    #expect(tooOld.summary.lines[.torchAndGPU] == .pass)
  }
}
