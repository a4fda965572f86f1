import Compatibility
import Stack
import Testing

@Suite struct TableTests {
  let toolkits = ToolkitTable.shared
  let pytorch = PyTorchTable.shared
  let containers = ContainerTable.shared
  let libraries = LibraryTable.shared
  let drivers = DriverTable.shared

  @Test func noToolkitIsMissing() {
    // Every CUDA version of the PTX table since 7.0 has a toolkit, but 12.7, of which there was only a driver.
    let versions = Set(toolkits.toolkits.map(\.toolkit))
    let known = Set(drivers.ptxISA.compactMap(\.cuda).filter { $0 >= CUDAVersion(7, 0) })
    #expect(versions.symmetricDifference(known) == [CUDAVersion(12, 7)])
    for row in ArchitectureTable.shared.rows where row.firstToolkit >= CUDAVersion(7, 0) {
      #expect(versions.contains(row.firstToolkit), "\(row.computeCapability)")
    }
  }

  @Test func releasesAreFoundByVersion() {
    #expect(pytorch.release(of: "2.4.1+cu121")?.series == "2.4")
    #expect(pytorch.release(of: "2.15.0")?.series == "2.15")
    #expect(pytorch.release(of: "1.1.0") == nil)
    #expect(pytorch.release(of: "") == nil)
  }

  @Test func installing() throws {
    func command(
      _ version: String, _ cuda: String, over installed: String = "1.4.0", _ companions: String...,
      onAArch64: Bool = false
    ) throws -> String {
      let release = try #require(pytorch.release(of: version))
      let build = try #require(release.builds.first { $0.cuda.description == cuda })
      return pytorch.command(
        installing: build, of: release, version: version, over: installed, companions: companions,
        onAArch64: onAArch64)
    }
    #expect(try command("2.15.0", "13.2") == "pip install torch==2.15.0")
    // Pip would answer that 2.4.1 is there, whichever build it is.
    #expect(try command("2.4.1", "11.8", over: "2.4.1+cu121").contains("torch==2.4.1+cu118 "))
    #expect(try command("2.15.0", "13.2", over: "2.15.0+cpu").contains("torch==2.15.0+cu132 "))
    #expect(try command("2.4.1", "11.8").hasSuffix("https://download.pytorch.org/whl/cu118"))
    #expect(
      try command("1.12.1", "11.3")
        == "pip install torch==1.12.1+cu113 --extra-index-url https://download.pytorch.org/whl/cu113")
    #expect(
      try command("1.9.1", "11.1")
        == "pip install torch==1.9.1+cu111 -f https://download.pytorch.org/whl/torch_stable.html")
    // What belongs to it comes along.
    #expect(
      try command("2.4.1", "11.8", "torchvision", "torchaudio", "torchtext").contains(
        "torch==2.4.1+cu118 torchvision==0.19.1+cu118 torchaudio==2.4.1+cu118 "))
    // PyPI's build for AArch64 had no CUDA for long.
    #expect(try command("2.4.1", "12.1", onAArch64: true) != command("2.4.1", "12.1"))
    #expect(pytorch.install.last?.until == nil)
  }

  @Test func baseImagesAreNVIDIAs() {
    for row in containers.baseImages {
      #expect(row.image.hasPrefix("nvidia/cuda:\(row.cuda)"), "\(row.image)")
    }
  }

  @Test func productsHaveBrands() {
    for gpu in GPUCatalogue.shared.gpus {
      guard [.datacenter, .workstation, .geforce].contains(gpu.segment) else { continue }
      #expect(!containers.brands(ofGPU: gpu.name).isEmpty, "\(gpu.name)")
    }
    #expect(containers.brands(ofGPU: "NVIDIA GeForce RTX 3090") == ["GeForce"])
    #expect(containers.brands(ofGPU: "NVIDIA A100-PCIE-40GB").first == "Nvidia")
    #expect(containers.brands(ofGPU: "Tesla V100-SXM2-16GB").first == "Tesla")
    #expect(containers.brands(ofGPU: "Voodoo 2").isEmpty)
  }

  @Test func onlyTheOldModesEnforce() {
    #expect(containers.modes.filter(\.enforced).map(\.mode) == ["legacy", "csv"])
    #expect(containers.modes.filter { $0.isDefaultSince != nil }.map(\.enforced) == [false])
  }

  @Test func libraryNames() throws {
    for (text, stem, version) in [
      ("libcudart.so.12", "libcudart", [12]),
      ("libcudart-e409450e.so.11.0", "libcudart", [11, 0]),
      ("libcudnn_ops.so.9.28.0", "libcudnn_ops", [9, 28, 0]),
      ("libnvrtc-builtins.so", "libnvrtc-builtins", []),
      ("libfoo.so.bar", "libfoo", []),
      ("_C.cpython-312-x86_64-linux-gnu.so", "_C.cpython-312-x86_64-linux-gnu", []),
    ] {
      let name = try #require(LibraryName(text))
      #expect(name.stem == stem)
      #expect(name.version == version)
    }
    for text in ["", ".so", "lib.sox", "libcuda.a", "README"] { #expect(LibraryName(text) == nil, "\(text)") }
    #expect(libraries.cudaMajor(of: try #require(LibraryName("libcudart-e409450e.so.11.0"))) == 11)
    #expect(libraries.cudaMajor(of: try #require(LibraryName("libcusparse.so.12"))) == nil)
    #expect(libraries.isFromOutside("libcuda.so.1"))
    #expect(libraries.isFromOutside("libc.so.6"))
    #expect(!libraries.isFromOutside("libcudart.so.12"))
  }

  @Test func minimumDriversOfRuntimes() {
    for (cuda, driver) in [
      ("10.2", "440.33"), ("11.0", "450.80.02"), ("11.8", "450.80.02"), ("12.9", "525.60.13"),
      ("13.5", "580.65.06"),
    ] {
      #expect(CUDAVersion(cuda)?.minimumDriver?.description == driver)
    }
  }
}
