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
