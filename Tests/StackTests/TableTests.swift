import Bytes
import Compatibility
import Stack
import Testing

@Suite struct TableTests {
  let toolkits = ToolkitTable.shipped
  let pytorch = PyTorchTable.shipped
  let containers = ContainerTable.shipped
  let libraries = LibraryTable.shipped
  let drivers = DriverTable.shipped

  @Test func noToolkitIsMissing() {
    // Every CUDA version of the PTX table since 7.0 has a toolkit, but 12.7, of which there was only a driver.
    let versions = Set(toolkits.toolkits.map(\.toolkit))
    let known = Set(drivers.ptxISA.compactMap(\.cuda).filter { $0 >= CUDAVersion(7, 0) })
    #expect(versions.symmetricDifference(known) == [CUDAVersion(12, 7)])
    for row in ArchitectureTable.shipped.rows where row.firstToolkit >= CUDAVersion(7, 0) {
      #expect(versions.contains(row.firstToolkit), "\(row.computeCapability)")
    }
  }

  /// The third number of 13.4 counts builds: 13.4.1 was the first release, and 13.4.2 is its update 1.
  @Test func updatesOfToolkits() {
    func updates(_ cuda: String) -> [Int] {
      toolkits.toolkits.filter { $0.toolkit.description == cuda }.map { $0.update ?? 0 }
    }
    for cuda in ["12.8", "12.9", "13.1", "13.2", "13.4"] { #expect(updates(cuda) == [0, 1, 2], "\(cuda)") }
    #expect(updates("13.0") == [0, 1, 2, 3])
    #expect(updates("13.5") == [0])
    let branches = toolkits.toolkits.filter { $0.toolkit >= CUDAVersion(13, 3) }.map(\.branch)
    #expect(branches == [610, 610, 615, 615, 615, 620])
    for (cuda, driver) in [("12.8", "570.86.15"), ("13.4", "615.71.09"), ("13.5", "620.70.06")] {
      #expect(CUDAVersion(cuda).flatMap { toolkits[$0] }?.minimumDriver?.description == driver)
    }
  }

  /// NVIDIA supports forward compatibility on branches that have not ended.
  @Test func supportedHosts() {
    let hosts = Set(toolkits.forwardCompatibility.flatMap { $0.supportedHosts ?? [] })
    #expect(hosts == [580, 595])
    for branch in [535, 570, 590, 610] { #expect(!hosts.contains(branch)) }
  }

  @Test func releasesAreFoundByVersion() {
    #expect(pytorch.release(of: "2.4.1+cu121")?.series == "2.4")
    #expect(pytorch.release(of: "2.15.0")?.series == "2.15")
    #expect(pytorch.release(of: "1.1.0") == nil)
    #expect(pytorch.release(of: "") == nil)
  }

  @Test func installing() throws {
    func command(
      _ version: String, _ cuda: String, over installed: String = "1.0.0", companions: [String] = [],
      onAArch64: Bool = false
    ) throws -> String {
      let release = try #require(pytorch.release(of: version))
      let build = try #require(release.builds.first { $0.cuda.description == cuda })
      return pytorch.command(
        installing: build, of: release, version: version, over: installed, companions: companions,
        onAArch64: onAArch64)
    }
    #expect(try command("2.15.0", "13.2") == "pip install torch==2.15.0")
    #expect(
      try command("2.4.1", "11.8")
        == "pip install torch==2.4.1+cu118 --index-url https://download.pytorch.org/whl/cu118")
    // Pip takes the version that is there as satisfied, whatever it was built for.
    #expect(
      try command("2.4.1", "12.1", over: "2.4.1+cpu")
        == "pip install torch==2.4.1+cu121 --index-url https://download.pytorch.org/whl/cu121")
    #expect(
      try command("2.7.1", "12.8", companions: ["torchvision", "torchaudio", "triton"])
        == "pip install torch==2.7.1+cu128 torchvision==0.22.1+cu128 torchaudio==2.7.1+cu128 "
        + "--index-url https://download.pytorch.org/whl/cu128")
    #expect(
      try command("2.15.0", "13.2", companions: ["torchvision"])
        == "pip install torch==2.15.0 torchvision==0.29.2")
    // On AArch64 PyPI has had builds without CUDA.
    #expect(
      try command("2.9.1", "12.8", onAArch64: true)
        == "pip install torch==2.9.1+cu128 --index-url https://download.pytorch.org/whl/cu128")
    #expect(try command("2.11.0", "13.0", onAArch64: true) == "pip install torch==2.11.0")
    #expect(
      try command("1.12.1", "11.3")
        == "pip install torch==1.12.1+cu113 --extra-index-url https://download.pytorch.org/whl/cu113")
    #expect(
      try command("1.9.1", "11.1")
        == "pip install torch==1.9.1+cu111 -f https://download.pytorch.org/whl/torch_stable.html")
    #expect(pytorch.install.last?.until == nil)
    // One torchaudio for several releases has a build for each CUDA version, unless it has none at all.
    #expect(
      try command("2.13.0", "12.6", companions: ["torchvision", "torchaudio"])
        == "pip install torch==2.13.0+cu126 torchvision==0.28.0+cu126 torchaudio==2.11.0+cu126 "
        + "--index-url https://download.pytorch.org/whl/cu126")
    #expect(
      try command("2.14.1", "12.6", companions: ["torchvision", "torchaudio"])
        == "pip install torch==2.14.1+cu126 torchvision==0.29.2 torchaudio==2.11.1 "
        + "--index-url https://download.pytorch.org/whl/cu126")
    #expect(
      try command("1.12.1", "11.3", companions: ["torchaudio"])
        == "pip install torch==1.12.1+cu113 torchaudio==0.12.1 "
        + "--extra-index-url https://download.pytorch.org/whl/cu113")
    #expect(
      try command("2.12.0", "12.6", companions: ["torchvision"]).contains("torchvision==0.27.0+cu126"))
  }

  /// Every version has its own companions, so that none is asked for one that pins another PyTorch.
  @Test func everyVersionHasCompanions() {
    for version in pytorch.releases.flatMap(\.versions) {
      #expect(pytorch.companions.contains { $0.torch == version }, "\(version)")
    }
  }

  /// Zeros at the end of a version are numbers like others: 3.0.1 is of the series of 3.0.0, and not of 3.1.
  @Test func releasesOfTheSameSeries() {
    let table = RuntimeTable.shipped
    func nearest(_ version: String) -> String? { table.release(of: "Triton", nearest: version)?.version }
    #expect(nearest("3.0.1") == "3.0.0")
    #expect(nearest("3.3.0+git96316ce5") == "3.3.1")
    #expect(nearest("3.0") == "3.0.0")
    #expect(nearest("4.0.0") == nil)
    #expect(!RuntimeTable.isOlder("3.1", "3.1.0") && !RuntimeTable.isOlder("3.1.0", "3.1"))
    #expect(RuntimeTable.isOlder("3.9", "3.10"))
  }

  @Test func tritonOfARelease() {
    #expect(pytorch.triton(for: "2.7.0+cu128") == "3.3.0")
    #expect(pytorch.triton(for: "2.7.1") == "3.3.1")
    #expect(pytorch.triton(for: "2.15.0", python: "3.15") == "3.9.0")
    #expect(pytorch.triton(for: "2.15.0", python: "3.16") == nil)
    #expect(pytorch.triton(for: "2.3.1", python: "3.11") == "2.3.1")
    #expect(pytorch.triton(for: "2.3.1", python: "3.12") == nil)
    #expect(pytorch.triton(for: "1.13.1") == nil)
    #expect(pytorch.triton(for: "2.99.0") == nil)
    // Every release since 2.0 has one.
    for release in pytorch.releases where release.series.hasPrefix("2.") {
      for version in release.versions { #expect(pytorch.triton(for: version) != nil, "\(version)") }
    }
  }

  /// What PyTorch's documents and lists of installed builds say of builds that PyPI does not have.
  @Test(arguments: [
    ("2.9.1", "12.8", "sm_70", "sm_100", true), ("2.11.0", "12.8", "sm_75", "sm_120", true),
    ("2.10.0", "12.9", "sm_70", "sm_120", true), ("2.13.0", "12.9", "sm_70", "sm_120", false),
    ("2.12.1", "13.2", "sm_75", "sm_120", true), ("2.15.0", "13.0", "sm_75", "sm_120", false),
    ("2.7.1", "11.8", "sm_37", "sm_90", true), ("2.6.0", "11.8", "sm_37", "sm_90", true),
  ])
  func builds(_ version: String, _ cuda: String, _ first: String, _ last: String, _ confirmed: Bool) throws {
    let release = try #require(pytorch.release(of: version))
    let build = try #require(release.builds.first { $0.cuda.description == cuda })
    #expect(build.versions?.contains(version) ?? true)
    let names = build.targets.description.split(separator: " ").map(String.init)
    #expect(names.contains(first) && names.contains(last))
    #expect(build.isConfirmed == confirmed)
  }

  @Test func buildsForAArch64() throws {
    for series in ["2.9", "2.10", "2.11"] {
      let release = try #require(pytorch.releases.first { $0.series == series })
      func targets(_ cuda: String) -> String? {
        release.builds.first { $0.cuda.description == cuda }?.targetsAArch64?.description
      }
      #expect(targets("12.6") == "sm_80 sm_90")
      #expect(targets("12.8") == "sm_80 sm_90 sm_100 sm_120")
    }
  }

  @Test func theBuildOfCUDA129IsWhereItIs() {
    let versions = pytorch.releases.flatMap { release in
      release.builds.filter { $0.cuda == CUDAVersion(12, 9) }.flatMap { $0.versions ?? release.versions }
    }
    #expect(versions == ["2.8.0", "2.9.0", "2.9.1", "2.10.0", "2.11.0", "2.12.1", "2.13.0"])
  }

  @Test func whatCuDNNCovers() {
    func covers(_ version: String, _ computeCapability: String) -> Bool? {
      ComputeCapability(computeCapability).flatMap { pytorch.cuDNN(version, covers: $0) }
    }
    #expect(covers("8.7.0.84", "3.7") == true)
    #expect(covers("8.8.0.121", "3.7") == false)
    #expect(covers("9.10.2.21", "5.0") == true)
    #expect(covers("9.11.0.98", "7.0") == false)
    #expect(covers("9.24.0.43", "12.0") == true)
    #expect(covers("6.0", "7.0") == nil)
  }

  @Test func baseImagesAreNVIDIAs() {
    for row in containers.baseImages {
      #expect(row.image.hasPrefix("nvidia/cuda:\(row.cuda)"), "\(row.image)")
    }
    #expect(containers.baseImages.last?.cuda == CUDAVersion(13, 4))
    #expect(containers.baseImages.first { $0.cuda == CUDAVersion(13, 0) }?.image.contains("13.0.3") == true)
  }

  @Test func productsHaveBrands() {
    for gpu in GPUCatalogue.shipped.gpus {
      guard [.datacenter, .workstation, .geforce].contains(gpu.segment) else { continue }
      #expect(!containers.brands(ofGPU: gpu.name, in: .shipped).isEmpty, "\(gpu.name)")
    }
    #expect(containers.brands(ofGPU: "NVIDIA GeForce RTX 3090", in: .shipped) == ["GeForce"])
    #expect(containers.brands(ofGPU: "NVIDIA A100-PCIE-40GB", in: .shipped).first == "Nvidia")
    #expect(containers.brands(ofGPU: "Tesla V100-SXM2-16GB", in: .shipped).first == "Tesla")
    #expect(containers.brands(ofGPU: "Voodoo 2", in: .shipped).isEmpty)
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
      #expect(CUDAVersion(cuda)?.minimumDriver(by: .shipped)?.description == driver)
    }
  }

  @Test(
    arguments: [
      ("root/.triton/cache/X/add.cubin", "Triton", "root/.triton/cache"),
      (".triton/cache/add.cubin", "Triton", ".triton/cache"),
      ("tmp/torchinductor_me/triton/0/\(hash)/add.cubin", "Triton", "tmp/torchinductor_me/triton/0"),
      ("home/me/.cupy/kernel_cache/1.cubin", "CuPy", "home/me/.cupy/kernel_cache"),
      (
        "home/me/.cache/torch_extensions/py311_cu128/a/a.so", "PyTorch extensions",
        "home/me/.cache/torch_extensions"
      ),
      ("home/me.triton/cache/add.cubin", nil, nil), ("home/.triton/caches/add.cubin", nil, nil),
      ("tmp/\(hash)A/add.cubin", nil, nil), ("tmp/\(hash.lowercased())/add.cubin", nil, nil),
      ("tmp/\(hash)/deeper/add.cubin", nil, nil), ("add.cubin", nil, nil), ("", nil, nil),
    ] as [(String, String?, String?)])
  func kernelCaches(_ file: String, _ framework: String?, _ folder: String?) {
    let found = RuntimeTable.shipped.kernelCache(of: Path(file))
    #expect(found?.cache.framework == framework)
    #expect(found?.folder.text == folder)
  }

  private static let hash = String(repeating: "QZ27", count: 13)
}
