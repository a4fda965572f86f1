import Compatibility
import DeviceCode
import Stack
import Testing

@Suite struct TableTests {
  let toolkits = ToolkitTable.shared
  let pytorch = PyTorchTable.shared
  let containers = ContainerTable.shared
  let libraries = LibraryTable.shared
  let drivers = DriverTable.shared

  @Test func everyRowHasASource() {
    for (name, used, sources) in [
      (
        "toolkits",
        toolkits.toolkits.map(\.source) + toolkits.forwardCompatibility.map(\.source)
          + toolkits.hostBranches.map(\.source), toolkits.sources
      ),
      (
        "pytorch",
        pytorch.releases.flatMap(\.builds).map(\.source) + pytorch.install.map(\.source), pytorch.sources
      ),
      (
        "containers",
        containers.baseImages.map(\.source) + containers.brands.map(\.source)
          + containers.modes.map(\.source),
        containers.sources
      ),
      (
        "libraries",
        libraries.components.flatMap { [$0.source] + ($0.packageSource.map { [$0] } ?? []) }
          + libraries.cudaMajors.map(\.source)
          + libraries.driver.map(\.source) + libraries.platform.map(\.source), libraries.sources
      ),
    ] {
      #expect(Set(used) == Set(sources.indices), "\(name): every index exists and every source is used")
      #expect(sources.allSatisfy { $0.count > 10 })
      #expect(Set(sources).count == sources.count)
    }
  }

  @Test func toolkitsGrow() throws {
    for (earlier, later) in zip(toolkits.toolkits, toolkits.toolkits.dropFirst()) {
      let (old, new) = ((earlier.toolkit, earlier.update ?? 0), (later.toolkit, later.update ?? 0))
      #expect(old < new)
      if let old = earlier.minimumDriver, let new = later.minimumDriver {
        #expect(new.isAtLeast(old) == true, "\(earlier.toolkit) \(later.toolkit)")
      }
      if let old = earlier.branch, let new = later.branch { #expect(old <= new) }
    }
  }

  @Test func theDriverOfAToolkitSupportsIt() throws {
    for row in toolkits.toolkits {
      guard let branch = row.branch else { continue }
      #expect(DriverVersion.branch(branch).maxCUDA == row.toolkit, "\(row.toolkit)")
      if let minimum = row.minimumDriver { #expect(minimum.branchNumber == branch, "\(row.toolkit)") }
    }
  }

  @Test func noToolkitIsMissing() {
    // Every CUDA version of the PTX table since 7.0 has a toolkit, but 12.7, of which there was only a driver.
    let versions = Set(toolkits.toolkits.map(\.toolkit))
    let known = Set(drivers.ptxISA.compactMap(\.cuda).filter { $0 >= CUDAVersion(7, 0) })
    #expect(versions.symmetricDifference(known) == [CUDAVersion(12, 7)])
    for row in ArchitectureTable.shared.rows where row.firstToolkit >= CUDAVersion(7, 0) {
      #expect(versions.contains(row.firstToolkit), "\(row.computeCapability)")
    }
  }

  @Test func forwardCompatibilityLeadsToNewerCUDA() throws {
    for row in toolkits.forwardCompatibility {
      #expect(toolkits[row.cuda] != nil)
      #expect(row.hosts == row.hosts.sorted())
      #expect(Set(row.supportedHosts ?? []).isSubset(of: row.hosts))
      for host in row.hosts {
        let own = try #require(DriverVersion.branch(host).maxCUDA)
        #expect(own < row.cuda, "\(row.cuda) on R\(host)")
      }
      for host in row.supportedHosts ?? [] {
        #expect(toolkits.hostBranches.contains { $0.branch == host })
      }
      if let own = row.ownBranch {
        #expect(DriverVersion.branch(own).maxCUDA == row.cuda)
        #expect(!row.hosts.contains(own))
      }
    }
    let versions = toolkits.forwardCompatibility.map(\.cuda)
    #expect(versions == Array(Set(versions)).sorted())
  }

  @Test func pytorchBuildsAreOfKnownToolkits() throws {
    #expect(pytorch.releases.count == 23)
    var previous = (0, 0)
    for release in pytorch.releases {
      let numbers = release.series.split(separator: ".").compactMap { Int($0) }
      #expect(numbers.count == 2)
      #expect(previous < (numbers[0], numbers[1]))
      previous = (numbers[0], numbers[1])
      #expect(!release.versions.isEmpty && release.versions.allSatisfy { $0.hasPrefix(release.series + ".") })
      #expect(!release.python.isEmpty)
      #expect(release.builds.filter(\.isDefault).count == 1, "\(release.series)")
      let versions = release.builds.map(\.cuda)
      #expect(versions == Array(Set(versions)).sorted(), "\(release.series)")
      for build in release.builds {
        #expect(toolkits[build.cuda] != nil, "\(release.series) \(build.cuda)")
        #expect(build.cuda.minimumDriver != nil)
        #expect(Set(build.versions ?? []).isSubset(of: release.versions))
      }
    }
  }

  @Test func pytorchIsCompiledByItsToolkit() throws {
    for release in pytorch.releases {
      for build in release.builds {
        for list in [build.targets, build.targetsAArch64].compactMap({ $0 }) {
          #expect(!list.requirements.isEmpty)
          for image in list.images {
            let row = try #require(ArchitectureTable.shared[ComputeCapability(image.target)])
            let name = "\(release.series) \(build.variant) \(image.targetName)"
            #expect(row.firstToolkit <= build.cuda, "\(name)")
            if let last = row.lastToolkit { #expect(build.cuda <= last, "\(name)") }
          }
        }
      }
    }
  }

  @Test func releasesAreFoundByVersion() {
    #expect(pytorch.release(of: "2.4.1+cu121")?.series == "2.4")
    #expect(pytorch.release(of: "2.15.0")?.series == "2.15")
    #expect(pytorch.release(of: "1.1.0") == nil)
    #expect(pytorch.release(of: "") == nil)
  }

  @Test func installing() throws {
    func command(_ version: String, _ cuda: String) throws -> String {
      let release = try #require(pytorch.release(of: version))
      let build = try #require(release.builds.first { $0.cuda.description == cuda })
      return pytorch.command(installing: build, of: release, version: version)
    }
    #expect(try command("2.15.0", "13.2") == "pip install torch==2.15.0")
    #expect(
      try command("2.4.1", "11.8")
        == "pip install torch==2.4.1 --index-url https://download.pytorch.org/whl/cu118")
    #expect(
      try command("1.12.1", "11.3")
        == "pip install torch==1.12.1+cu113 --extra-index-url https://download.pytorch.org/whl/cu113")
    #expect(
      try command("1.9.1", "11.1")
        == "pip install torch==1.9.1+cu111 -f https://download.pytorch.org/whl/torch_stable.html")
    #expect(pytorch.install.last?.until == nil)
    for row in pytorch.install.dropLast() { #expect(pytorch.releases.contains { $0.series == row.until }) }
  }

  @Test func baseImagesGrow() {
    let versions = containers.baseImages.map(\.cuda)
    #expect(versions == Array(Set(versions)).sorted())
    for row in containers.baseImages {
      #expect(toolkits[row.cuda] != nil)
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
