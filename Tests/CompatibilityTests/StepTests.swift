import Compatibility
import DeviceCode
import Testing

/// The steps by which a unit is judged: they add up to its verdict.
struct StepTests {
  private func names(_ modules: [Int: [String]]) -> KernelNames {
    var names = KernelNames()
    for (index, kernels) in modules.sorted(by: { $0.key < $1.key }) { names.add(kernels, ofModule: index) }
    return names
  }

  @Test func everyModuleIsInOneStep() {
    let library = library(
      ["sm_80", "sm_90"], ["sm_90"], ["sm_90"], ["sm_90"], ["sm_90a"], ["lto_80"], [], ["compute_70"])
    let kernels = names([0: ["kernel"], 1: ["sm90_a"], 2: [], 3: ["other"]])
    let steps = library.steps(on: device("8.0"), kernels: kernels)
    let verdict = library.verdict(on: device("8.0"), kernels: kernels)
    #expect(steps.map(\.role) == [.portable, .portable, .specialised, .linkInput, .portable])
    #expect(steps.map(\.count) == [1, 3, 1, 1, 1])
    #expect(steps.reduce(0) { $0 + $1.count } == verdict.modules)
    #expect(
      steps.map { $0.verdict.winner?.signature.targetName } == ["sm_80", nil, nil, nil, "compute_70"])
    #expect(steps[1].standings == [.dedicated: 1, .withoutKernels: 1, .gap: 1])
    #expect(verdict.dedicated == 1 && verdict.withoutKernels.none == 1 && verdict.gaps == 1)
  }

  /// Where the library is shown to pick by generation, what is left is said to be picked so.
  @Test func pickedByGeneration() {
    let library = library(["sm_80"], ["sm_90"], ["sm_90"])
    let kernels = names([0: ["ampere_gemm"], 1: ["sm90_a"], 2: ["other"]])
    let steps = library.steps(on: device("8.0"), kernels: kernels)
    #expect(steps.map(\.standings) == [[:], [.dedicated: 1, .pickedByGeneration: 1]])
    #expect(library.verdict(on: device("8.0"), kernels: kernels).presumed.map(\.modules) == [[2]])
  }

  @Test func nothingRuns() {
    let library = library(["sm_90"], ["sm_90"])
    #expect(library.steps(on: device("8.0")).map(\.standings) == [[.gap: 2]])
    let empty = library.steps(on: device("8.0"), kernels: names([0: [], 1: []]))
    #expect(empty.map(\.standings) == [[.withoutKernels: 2]])
  }

  /// A module that would run by JIT only counts as empty beside more that run as they are.
  @Test func emptyModulesBesideNativeOnes() {
    let library = library(["sm_80"], ["sm_80"], ["compute_70"])
    let steps = library.steps(on: device("8.0"), kernels: names([2: []]))
    #expect(steps.map(\.standings) == [[:], [.withoutKernels: 1]])
  }
}

/// What is known of one target.
struct TargetFactsTests {
  private func facts(_ name: String) throws -> TargetFacts {
    try #require(TargetFacts(name, by: .shipped))
  }

  /// The compute capabilities on which the rules give code for the target a fit.
  private func capabilities(_ name: String, _ fits: Set<Fit>) throws -> [String] {
    try facts(name).judgements.filter { fits.contains($0.judgement.fit) }.map {
      $0.row.computeCapability.description
    }
  }

  @Test func names() throws {
    for name in ["sm_80", "sm_90a", "compute_120f", "sm_999"] { #expect(try facts(name).name == name) }
    for name in ["80", "8.0", "lto_80", "sm_", "sm_80x", "compute_", "SM_80", "sm_80 sm_90"] {
      #expect(TargetFacts(name, by: .shipped) == nil, "\(name)")
    }
  }

  @Test func whereCodeRuns() throws {
    #expect(try capabilities("sm_100f", [.exact, .minorCompatible]).starts(with: ["10.0", "10.3"]))
    #expect(try capabilities("sm_90a", [.exact, .minorCompatible, .jit]) == ["9.0"])
    #expect(try capabilities("compute_90a", [.jit]) == ["9.0"])
    #expect(try capabilities("sm_70", [.exact, .minorCompatible]) == ["7.0", "7.5"])
    let ptx = try capabilities("compute_90", [.jit])
    #expect(ptx.first == "9.0" && ptx.contains("12.0"))
  }

  @Test func toolkits() throws {
    let family = try facts("sm_100f")
    #expect(family.firstToolkit == CUDAVersion(12, 9) && family.lastToolkit == nil)
    #expect(family.ptxISA?.ptxISA == PTXISAVersion(8, 8))
    // Compiled for before the list of compilers begins.
    let volta = try facts("sm_70")
    #expect(volta.firstToolkit == CUDAVersion(9, 0) && volta.lastToolkit == CUDAVersion(12, 9))
    let renumbered = try facts("sm_101a")
    #expect(renumbered.firstToolkit == CUDAVersion(12, 8) && renumbered.lastToolkit == CUDAVersion(12, 9))
    // A compute capability that there is, with a suffix that no compiler takes.
    for name in ["sm_80a", "sm_999"] { #expect(try facts(name).firstToolkit == nil) }
  }

  /// PTX is of the version that brought its target, or of a newer one: an older driver does not compile it.
  @Test func driversOfPTX() throws {
    let ptx = try facts("compute_80")
    #expect(ptx.judgement(on: device("8.6", driver: "470")).fit == .jit)
    let newer = try facts("compute_86")
    #expect(newer.judgement(on: device("8.9", driver: "520")).fit == .jit)
    #expect(try facts("compute_89").judgement(on: device("8.9", driver: "520")).fit == .jit)
    #expect(
      try facts("compute_100f").judgement(on: device("10.0", driver: "570")).reason == .ptxISANewerThanDriver)
  }

  @Test func options() {
    #expect(CodeTarget(90, .architectureSpecific).gencode() == "-gencode arch=compute_90a,code=sm_90a")
    #expect(CodeTarget(80).gencode(isPTX: true) == "-gencode arch=compute_80,code=compute_80")
  }

  @Test func nativeTargets() {
    func names(_ text: String) -> [String] { device(text).nativeTargets.map(\.description) }
    #expect(names("6.1") == ["60", "61"])
    #expect(names("10.3") == ["100", "100f", "103", "103a", "103f"])
    // Whatever the driver.
    #expect(device("8.6", driver: "340").nativeTargets == device("8.6").nativeTargets)
  }
}
