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

  /// What a machine shows of itself whose files these are.
  private func host(_ files: [String: String]) -> DetectedHost {
    DetectedHost(
      contents: { files[$0].map { Array($0.utf8) } },
      names: { folder in
        Set(
          files.keys.filter { $0.hasPrefix(folder + "/") }.map {
            String($0.dropFirst(folder.utf8.count + 1).prefix { $0 != "/" })
          }
        ).sorted()
      }, tables: .shipped)
  }

  /// Files of a PCI device.
  private func bus(_ address: String, vendor: String, device: String, class: String) -> [String: String] {
    let folder = "/sys/bus/pci/devices/\(address)"
    return [
      "\(folder)/vendor": vendor + "\n", "\(folder)/device": device + "\n", "\(folder)/class": `class` + "\n",
    ]
  }

  private let driver = ["/sys/module/nvidia/version": "550.54.14\n"]

  @Test func ofTheKernelModule() throws {
    let bus =
      bus("0000:65:00.0", vendor: "0x10de", device: "0x20b5", class: "0x030200")
      .merging(bus("0000:b3:00.0", vendor: "0x10de", device: "0x2330", class: "0x030200")) { $1 }
    let files = bus.merging(driver) { $1 }.merging([
      "/proc/driver/nvidia/gpus/0000:b3:00.0/information": "Model: \t\t Unknown\n",
      "/proc/driver/nvidia/gpus/0000:65:00.0/information": "Model: \t\t NVIDIA A100 80GB PCIe\nIRQ: 1\n",
    ]) { $1 }
    let host = host(files)
    #expect(host.release?.value == "550.54.14")
    #expect(
      host.gpus == [
        .init(name: "NVIDIA A100 80GB PCIe", pciID: "10de:20b5"), .init(name: nil, pciID: "10de:2330"),
      ])
    #expect(host.isKnown(to: .shipped))
    #expect(
      try host.devices(with: host.driver, by: .shipped).map(\.computeCapability.description) == [
        "8.0", "9.0",
      ])
    // A container that may use one of them.
    let container = self.host(files.filter { !$0.key.contains("gpus/0000:65") })
    #expect(container.gpus == [.init(name: nil, pciID: "10de:2330")])
  }

  /// The driver's folder of GPUs is missing: display controllers of NVIDIA count, no sound card and no other's.
  @Test func onTheBus() throws {
    let files =
      bus("0000:01:00.0", vendor: "0x10de", device: "0x2684", class: "0x030000")
      .merging(bus("0000:01:00.1", vendor: "0x10de", device: "0x22ba", class: "0x040300")) { $1 }
      .merging(bus("0000:00:02.0", vendor: "0x8086", device: "0x4680", class: "0x030000")) { $1 }
      .merging(bus("0000:02:00.0", vendor: "0x10de\u{1B}", device: "junk", class: "")) { $1 }
    let host = host(files.merging(driver) { $1 })
    #expect(host.gpus == [.init(name: nil, pciID: "10de:2684")])
    let device = try #require(try host.devices(with: host.driver, by: .shipped).first)
    #expect(device.computeCapability.description == "8.9")
    #expect(device.name?.contains("4090") == true)
    // Without a driver nothing is known, whatever is on the bus.
    #expect(!self.host(files).isKnown(to: .shipped))
  }

  @Test(arguments: [
    ("NVIDIA Jetson AGX Orin Developer Kit", "8.7"), ("NVIDIA Orin NX Developer Kit", "8.7"),
    ("NVIDIA Jetson Nano Developer Kit", "5.3"), ("NVIDIA Jetson Xavier NX Developer Kit", "7.2"),
  ])
  func tegras(_ model: String, _ computeCapability: String) throws {
    var files = [
      "/proc/device-tree/model": model + "\0",
      "/etc/nv_tegra_release": "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref\n",
    ]
    let tegra = host(files)
    let device = try #require(try tegra.devices(with: tegra.driver, by: .shipped).first)
    #expect(device.computeCapability.description == computeCapability)
    #expect(device.driver == .cuda(CUDAVersion(11, 4)))
    files["/sys/module/nvidia/version"] = "540.4.0"
    #expect(host(files).driver?.description == "540.4.0")
    files["/proc/device-tree/model"] = "Raspberry Pi 5 Model B Rev 1.0\0"
    #expect(host(files).gpus == [])
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
    let devices = try host.devices(with: host.driver, by: .shipped)
    #expect(devices.map(\.computeCapability.description) == ["8.0", "9.9", "9.0"])
    #expect(devices.map(\.name) == ["NVIDIA A100-PCIE-40GB", "NVIDIA Z9000", nil])
    #expect(Set(devices.map(\.driver?.description)) == ["550.54.14"])
    host.release = nil
    #expect(host.driver == .cuda(CUDAVersion(12, 4)))
    host.gpus.append(.init(name: "NVIDIA Z9000"))
    #expect(throws: DetectedHost.Failure.unknownGPU(name: "NVIDIA Z9000")) {
      try host.devices(with: host.driver, by: .shipped)
    }
    host.gpus = []
    #expect(throws: DetectedHost.Failure.noGPU(driver: "CUDA 12.4")) {
      try host.devices(with: host.driver, by: .shipped)
    }
    #expect(
      DetectedHost.Failure.noDriver(tried: ["a", "b"]).description
        == "there is no NVIDIA driver on this machine: a; b")
  }
}
