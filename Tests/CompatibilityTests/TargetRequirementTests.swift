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

  @Test(arguments: ["", " , ", "80", "sm_", "sm_80x", "A100", "lto_80", "sm_80,,foo", "8", "sm_80+PTX"])
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
