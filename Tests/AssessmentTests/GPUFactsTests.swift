import Assessment
import Compatibility
import DeviceCode
import Stack
import Testing

/// What the tables tell of a GPU that somebody names.
@Suite struct GPUFactsTests {
  private func facts(_ query: String) throws -> GPUFacts {
    GPUFacts(try GPUCatalogue.resolve(query, in: .shipped), by: .shipped)
  }

  @Test func supportThatEnded() throws {
    let facts = try facts("GTX 1080 Ti")
    #expect(facts.device.computeCapability == ComputeCapability(6, 1))
    #expect(facts.architecture?.architecture == "Pascal")
    #expect(facts.targets.map(\.description) == ["60", "61"])
    #expect(facts.lastDriver?.branch == 580)
    let last = try #require(facts.architecture?.lastToolkit)
    #expect(last == CUDAVersion(12, 9) && facts.firstToolkitWithout == CUDAVersion(13, 0))
    #expect(facts.gencode == "-gencode arch=compute_61,code=sm_61")
    #expect(facts.torchArchitectures == "6.1" && facts.cmakeArchitectures == "61")
    // A build for a newer CUDA has nothing for it.
    #expect(try #require(facts.torch?.cuda.last) <= last)
    #expect(facts.jetPacks.isEmpty && facts.ownTorch == nil)
  }

  /// The same PyTorch that `which` names.
  @Test func newestTorch() throws {
    let facts = try facts("RTX 5090")
    let question = Question(
      devices: [RequestedDevice(query: "RTX 5090", device: facts.device)], namesDevices: true)
    let answer = try ReleaseAnswer(ReleaseQuestion(package: "torch", question: question))
    #expect(facts.torch?.version == answer.best?.version && facts.torch?.command == answer.best?.command)
    #expect(facts.torch != nil)
    #expect(facts.lastDriver == nil && facts.firstToolkitWithout == nil)
  }

  @Test func tegra() throws {
    let facts = try facts("Jetson AGX Orin")
    #expect(facts.device.oldestDriver == nil && facts.lastDriver == nil)
    #expect(facts.jetPacks.first?.jetPack == "5.0.2")
    #expect(facts.ownTorch?.contains("JetPack 6") == true)
  }

  /// What no table has is nil, not guessed.
  @Test func unknownComputeCapability() throws {
    let facts = try facts("99.0")
    #expect(facts.architecture == nil && facts.torch == nil && facts.targets.isEmpty)
  }
}

/// How the verdict on a package follows from those on its libraries.
@Suite struct PackageBasisTests {
  private func basis(_ files: CodeFile..., on device: String) throws -> PackageBasis? {
    let own = try #require(ComputeCapability(device))
    let assessment = Case(facts: StackFacts(), devices: [Device(own)], files: files).assessment
    return assessment.packages.first?.verdicts[0].basis
  }

  @Test func bases() throws {
    let native = codeFile("lib/a.so", [["sm_80"]])
    #expect(try basis(native, codeFile("lib/b.so", [["compute_70"]]), on: "8.0") == .worst)
    #expect(try basis(native, codeFile("lib/b.so", [["sm_70"]]), on: "8.0") == .someRun)
    let many = codeFile("lib/b.so", Array(repeating: ["sm_70"], count: 20))
    #expect(try basis(native, many, on: "8.0") == .nearlyNothing)
    let library = codeFile("nvidia/cublas/lib/libcublas.so.12", [["sm_80"]])
    #expect(try basis(native, library, on: "9.0") == .worst)
  }

  @Test func librariesOfNVIDIAs() throws {
    let library = codeFile("lib/libcublas.so.12", [["sm_80"], ["sm_80"], ["sm_70"]])
    #expect(try basis(library, on: "8.0") == .picksByGPU)
    let elementary = codeFile("lib/libcudnn_ops.so.9", [["sm_80"]])
    let engines = codeFile("lib/libcudnn_engines_precompiled.so.9", [["sm_80"]])
    #expect(try basis(elementary, engines, on: "8.0") == .worst)
    let old = codeFile("lib/libcudnn_engines_precompiled.so.9", [["sm_70"]])
    #expect(try basis(elementary, old, on: "8.0") == .decisive)
  }
}
