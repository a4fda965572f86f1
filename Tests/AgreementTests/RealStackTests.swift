import Assessment
import Bytes
import Compatibility
import Foundation
import Scan
import Stack
import Testing

/// Wheels of PyTorch with their own facts, judged for GPUs and drivers.
@Suite(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
struct RealStackTests {
  private func assess(
    _ gpu: String, driver: String, size: String = "large", cuda: CUDAVersion = CUDAVersion(13, 2),
    image: ImageConfiguration? = nil
  ) throws -> ViewAssessment {
    let folder = try TestInputs.folder(of: "torch", size: size).resolvingSymlinksInPath()
    let device = RequestedDevice(
      query: gpu,
      device: try GPUCatalogue.resolve(gpu, in: .shipped).device(
        driver: DriverVersion(driver), tables: .shipped))
    let facts = Scan.Scanner(jobs: 4).scan([Path(folder.path)])
      .facts(for: .devices([device.device]), by: .shipped, images: [image].compactMap { $0 }, jobs: 4)
    let view = try #require(facts.views.first)
    #expect(view.stack.torches.map(\.cuda?.value) == [cuda])
    return ViewAssessment(view, Question(devices: [device], namesDevices: true))
  }

  /// The stack that runs on an A100 after the one from before Ampere did not: PyTorch 1.13.1, CUDA 11.7.
  @Test func mendedRecipeOnAnA100() throws {
    let image = ImageConfiguration(environment: [
      "CUDA_VERSION": "11.7.1", "NVIDIA_VISIBLE_DEVICES": "all",
      "NVIDIA_REQUIRE_CUDA":
        "cuda>=11.7 brand=tesla,driver>=450,driver<451 brand=tesla,driver>=470,driver<471",
    ])
    let assessment = try assess(
      "NVIDIA A100-PCIE-40GB", driver: "525.116.03", size: "dispatch", cuda: CUDAVersion(11, 7), image: image)
    #expect(SummaryLine.allCases.map { assessment.status(of: $0) } == [.pass, .pass, .pass, .pass, nil])
    #expect(assessment.answers.map(\.kind) == [.yes])
    #expect(assessment.plan.isEmpty)
    // The flags are of libtorch_python.so; not every module carries all of them.
    #expect(assessment.checks.filter { $0.status != .pass }.map(\.id) == [.flagsContents])
  }

  @Test func newestBuildOnAV100() throws {
    let assessment = try assess("V100", driver: "580.65.06")
    #expect(SummaryLine.allCases.map { assessment.status(of: $0) } == [.pass, .pass, .pass, .fail, nil])
    #expect(assessment.answers.map(\.kind) == [.no])
    let build = try #require(assessment.plan.steps.first { $0.kind == .installTorch })
    #expect(
      build.command == "pip install torch==2.14.1 --index-url https://download.pytorch.org/whl/cu126")
    #expect(build.text.contains("sm_70"))
  }

  @Test func newestBuildOnAnH100() throws {
    let assessment = try assess("H100 NVL", driver: "580.65.06")
    #expect(SummaryLine.allCases.map { assessment.status(of: $0) } == [.pass, .pass, .pass, .pass, nil])
    #expect(assessment.answers.map(\.kind) == [.yes])
    #expect(assessment.demand?.driver == DriverVersion("580.65.06"))
    let tooOld = try assess("H100 NVL", driver: "570.86.15")
    #expect(tooOld.status(of: .driverAndCUDA) == .fail)
    #expect(tooOld.status(of: .torchAndGPU) == .pass)
    #expect(tooOld.answers.map(\.kind) == [.no])
  }
}
