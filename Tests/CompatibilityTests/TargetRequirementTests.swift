import Bytes
import Compatibility
import DeviceCode
import Testing

@Suite struct TargetRequirementTests {
  @Test func readsLists() throws {
    #expect(
      try TargetRequirement.list("sm_80, sm_90a,compute_90  8.0;9.0+PTX") == [
        .cubin(CodeTarget(80)), .cubin(CodeTarget(90, .architectureSpecific)), .ptx(CodeTarget(90)),
        .native(ComputeCapability(8, 0)), .native(ComputeCapability(9, 0)),
      ])
    #expect(try TargetRequirement.list("9.0+PTX").map(\.description) == ["9.0", "compute_90"])
    #expect(try TargetRequirement.list("sm_80 sm_80").count == 1)
  }

  /// As in PyTorch's TORCH_CUDA_ARCH_LIST and CMake's CMAKE_CUDA_ARCHITECTURES.
  @Test(arguments: [
    ("8.0;8.6;9.0a+PTX", "8.0 8.6 sm_90a compute_90a"), ("10.0f 12.0+PTX", "sm_100f 12.0 compute_120"),
    ("80-real;90-virtual;75", "sm_80 compute_90 sm_75 compute_75"),
    ("90a-real;100f", "sm_90a sm_100f compute_100f"),
  ])
  func readsListsOfBuilds(list: String, targets: String) throws {
    #expect(try TargetRequirement.list(list).map(\.description).joined(separator: " ") == targets)
  }

  /// What a toolkit, a machine or a release of PyTorch gives a meaning is refused with the reason.
  @Test(arguments: [
    ("all", "depends on the toolkit"), ("80-real;all-major", "depends on the toolkit"),
    ("native", "depends on the machine"), ("Ampere", "write the compute capability"),
    ("Hopper+PTX", "write the compute capability"), ("sm80", "write sm_80"),
  ])
  func saysWhyItRefuses(list: String, why: String) {
    let failure = #expect(throws: TargetRequirement.Failure.self) { try TargetRequirement.list(list) }
    #expect(failure?.description.contains(why) == true)
  }

  @Test(arguments: ["80-", "80-unreal", "8-real", "9.0b", "9.0+ptx", "OFF", "-real"]) func refusesOthers(
    _ text: String
  ) {
    #expect(throws: TargetRequirement.Failure.self) { try TargetRequirement.list(text) }
  }

  @Test(arguments: [
    ("sm_80", ["a.so", "lib/libtorch.so"]), ("libtorch*=sm_80", ["lib/libtorch.so"]),
    ("lib/*=sm_80", ["lib/libtorch.so"]), ("torch=sm_80", []), ("?.so=sm_80", ["a.so"]),
  ])
  func namesOfLibraries(rule: String, holdsOf: [String]) throws {
    let requirements = try Requirements(rule)
    for path in ["a.so", "lib/libtorch.so"] {
      #expect(requirements.targets(of: [Path(path)]).isEmpty == !holdsOf.contains(path), "\(path)")
    }
    #expect(throws: TargetRequirement.Failure.self) { try Requirements("=sm_80") }
    #expect(throws: TargetRequirement.Failure.self) { try Requirements("a=") }
  }

  /// Every image that a driver loads has to be one of those that were required.
  @Test(arguments: [
    ("sm_80,sm_90,compute_90", ""), ("8.0,9.0+PTX", ""), ("sm_80,compute_90", "sm_90"),
    ("9.0", "sm_80 compute_90"),
    ("sm_90,compute_90", "sm_80"),
  ])
  func nothingElse(list: String, others: String) throws {
    let unit = CodeUnit(inventory([Draft(["sm_80", "sm_90", "compute_90"]), Draft(["lto_70"])]))
    let found = unit.targets(besides: try TargetRequirement.list(list), by: .shipped)
    #expect(found.map(\.name).joined(separator: " ") == others)
  }

  @Test(arguments: [
    (["sm_80", "sm_90", "compute_90"], "compute_90", true),
    (["sm_80", "sm_90", "compute_80"], "compute_90", false),
    (["sm_90", "sm_90a", "compute_90a"], "compute_90", false),
    (["sm_90a", "compute_90a"], "compute_90a", true),
    (["compute_70", "compute_80"], "compute_80", true), (["sm_90"], "compute_90", false),
  ])
  func ptxOfTheNewestTarget(targets: [String], meant: String, isMet: Bool) {
    let unit = CodeUnit(inventory([Draft(targets)]))
    let result = unit.check(.highestPTX, by: .shipped)
    #expect(result.requirement.description == meant)
    #expect(result.isMet == isMet)
    #expect(unit.targets(besides: [.highestPTX], by: .shipped).contains { $0.name == meant } == false)
  }

  @Test func ptxOfNothing() {
    let result = CodeUnit(inventory([Draft(["lto_80"])])).check(.highestPTX, by: .shipped)
    #expect(result.status == .noDeviceCode && !result.isMet)
  }

  @Test(arguments: ["", " , ", "sm_", "sm_80x", "A100", "lto_80", "sm_80,,foo", "8", "sm_80+PTX"])
  func refuses(_ text: String) {
    #expect(throws: TargetRequirement.Failure.self) { try TargetRequirement.list(text) }
  }

  func check(_ requirement: String, _ drafts: [Draft]) throws -> RequirementResult {
    CodeUnit(inventory(drafts)).check(try #require(TargetRequirement.list(requirement).first), by: .shipped)
  }

  @Test func everyPortableModuleMustCarryTheTarget() throws {
    let drafts = [Draft(["sm_80", "sm_90", "compute_90"]), Draft(["sm_80", "sm_90"])]
    #expect(try check("sm_80", drafts).isMet)
    let ptx = try check("compute_90", drafts)
    #expect(ptx.status == .partial && ptx.carrying == 1 && ptx.missing == [1] && !ptx.isMet)
    #expect(try check("sm_86", drafts).status == .missing, "what runs is not what was promised")
    #expect(try check("8.6", drafts).isMet, "a bare compute capability asks only that it runs natively")
    #expect(try check("10.0", drafts).status == .missing, "PTX is not native")
    #expect(try check("sm_90a", drafts).status == .missing)
  }

  @Test func specialisedModulesAreNotHeldToPlainTargets() throws {
    let drafts = [
      Draft(["sm_80", "sm_90"]), Draft(["sm_90a"]), Draft(["sm_100"], .embedded), Draft(["lto_80"]),
    ]
    #expect(try check("sm_80", drafts).isMet)
    #expect(try check("sm_90a", drafts).status == .missing)
  }

  @Test func aLibraryOfSpecialisedModulesNeedsOne() throws {
    let drafts = [Draft(["sm_90a"]), Draft(["sm_100a"])]
    #expect(try check("sm_90a", drafts).isMet)
    #expect(try check("sm_90a", drafts).carrying == 1)
    #expect(try check("9.0", drafts).isMet)
    let other = try check("sm_80", drafts)
    #expect(other.status == .missing && other.missing == [0, 1])
  }

  @Test func failsClosedWithoutDeviceCode() throws {
    for drafts in [[], [Draft([])], [Draft(["lto_80"])], [Draft(["sm_80"], .relocatable)]] {
      let result = try check("sm_80", drafts)
      #expect(result.status == .noDeviceCode && !result.isMet)
    }
  }

  @Test func preLinkedPTXIsCarried() throws {
    let drafts = [Draft(["sm_80"], preLinked: [1]), Draft(["compute_80"], .relocatable)]
    #expect(try check("compute_80", drafts).isMet)
    #expect(try check("compute_90", drafts).status == .missing)
  }

  @Test func tegraIsNoNativePromise() throws {
    #expect(try check("8.7", [Draft(["sm_80"])]).status == .missing)
    #expect(try check("8.7", [Draft(["sm_87"])]).isMet)
  }
}
