import Bytes
import Compatibility
import Stack
import StackFixtures
import Testing

@Suite struct DetectedHostTests {
  @Test(arguments: [
    (
      "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023\nGCC version:  gcc 11.4.0\n",
      "535.54.03"
    ),
    (
      "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs-builder@U22)  Thu Jan 23\n",
      "570.86.15"
    ),
    ("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build\n", "540.4.0"),
    (
      "GCC version:  gcc version 455.1\nNVRM version: NVIDIA UNIX x86_64 Kernel Module 390.48 Thu\n", "390.48"
    ),
    ("NVRM version: NVIDIA UNIX x86_64 Kernel Module\n", nil), ("GCC version: 535.54.03\n", nil), ("", nil),
  ])
  func procVersion(_ text: String, _ release: String?) {
    #expect(DriverFiles.release(procVersion: Array(text.utf8)) == release)
  }

  @Test(arguments: [("535.54.03\n", "535.54.03"), ("535", nil), ("", nil), ("12.4", nil), ("x\n", nil)])
  func moduleVersion(_ text: String, _ release: String?) {
    #expect(DriverFiles.release(moduleVersion: Array(text.utf8)) == release)
  }

  @Test func models() {
    let text = "Model: \t\t NVIDIA A100-PCIE-40GB\nIRQ:   \t\t 154\nGPU UUID: \t GPU-1\n"
    #expect(DriverFiles.model(information: Array(text.utf8)) == "NVIDIA A100-PCIE-40GB")
    #expect(DriverFiles.model(information: Array("Model: \t\t Unknown\n".utf8)) == nil)
    #expect(DriverFiles.model(information: Array("IRQ: 1\n".utf8)) == nil)
    #expect(DriverFiles.model(information: [0xFF, 0xFE]) == nil)
  }

  @Test func numbers() {
    #expect(CUDAVersion(number: 12040) == CUDAVersion(12, 4))
    #expect(CUDAVersion(number: 9020) == CUDAVersion(9, 2))
    #expect(CUDAVersion(number: 13050) == CUDAVersion(13, 5))
    for number in [0, -1, 999, 1_000_000, .max, .min] { #expect(CUDAVersion(number: number) == nil) }
  }

  @Test func devices() throws {
    let release = Fact("550.54.14", in: Path("/sys/module/nvidia/version"), says: "driver 550.54.14")
    var host = DetectedHost(
      release: release, cuda: CUDAVersion(12, 4),
      gpus: [
        .init(name: "NVIDIA A100-PCIE-40GB"),
        .init(name: "NVIDIA Z9000", computeCapability: ComputeCapability(9, 9)),
        .init(name: nil, computeCapability: ComputeCapability(9, 0)),
      ])
    #expect(try host.devices(by: .shipped).map(\.computeCapability.description) == ["8.0", "9.9", "9.0"])
    #expect(try host.devices(by: .shipped).map(\.name) == ["NVIDIA A100-PCIE-40GB", "NVIDIA Z9000", nil])
    #expect(Set(try host.devices(by: .shipped).map(\.driver?.description)) == ["550.54.14"])
    host.release = nil
    #expect(host.driver == .cuda(CUDAVersion(12, 4)))
    host.gpus.append(.init(name: "NVIDIA Z9000"))
    #expect(throws: DetectedHost.Failure.unknownGPU(name: "NVIDIA Z9000")) { try host.devices(by: .shipped) }
    host.gpus = []
    #expect(throws: DetectedHost.Failure.noGPU(driver: "CUDA 12.4")) { try host.devices(by: .shipped) }
    #expect(throws: DetectedHost.Failure.noDriver(tried: [])) { try DetectedHost().devices(by: .shipped) }
    #expect(
      DetectedHost.Failure.noDriver(tried: ["a", "b"]).description
        == "there is no NVIDIA driver on this machine: a; b")
  }
}
