import Bytes
import Compatibility
import Foundation
import Report
import Scan
import Stack
import Testing

/// The wheel of PyTorch 2.15 with its own facts, judged for GPUs and drivers.
@Suite(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
struct RealStackTests {
  private func report(_ gpu: String, driver: String) throws -> StackReport {
    let folder = try TestInputs.folder(of: "torch", size: "large")
    let device = JudgedDevice(
      query: gpu, device: try GPUCatalogue.resolve(gpu).device(driver: DriverVersion(driver)))
    var result = Scan.Scanner(jobs: 4).scan([Path(folder.path)])
    result.readKernels(on: [device.device], jobs: 4)
    let facts = result.stackFacts()
    #expect(facts.torches.map(\.cuda?.value) == [CUDAVersion(13, 2)])
    return try #require(ScanReport(result, devices: [device], isQuestion: true, facts: facts).stack)
  }

  @Test func newestBuildOnAV100() throws {
    let report = try report("V100", driver: "580.65.06")
    #expect(
      report.lines == [
        .driverAndCUDA: .pass, .torchAndCUDA: .pass, .driverAndGPU: .pass, .torchAndGPU: .fail,
      ])
    let build = try #require(report.recommendations.first { $0.kind == .installTorch })
    #expect(build.message.contains("for CUDA 12.6"))
    #expect(build.message.contains("sm_70"))
  }

  @Test func newestBuildOnAnH100() throws {
    let report = try report("H100 NVL", driver: "580.65.06")
    #expect(Set(report.lines.values) == [.pass])
    #expect(report.lines.count == 4)
    #expect(report.demand?.driver == DriverVersion("580.65.06"))
    let tooOld = try self.report("H100 NVL", driver: "570.86.15")
    #expect(tooOld.lines[.driverAndCUDA] == .fail)
    #expect(tooOld.lines[.torchAndGPU] == .pass)
  }
}
