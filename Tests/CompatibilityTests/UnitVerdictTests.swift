import Compatibility
import DeviceCode
import FuzzSupport
import Testing

@Suite struct UnitVerdictTests {
  @Test func theOldWheelOnANewGPU() {
    let old = ["sm_37", "sm_50", "sm_60", "sm_70"]
    let a100 = device("8.0")
    let incompatible = library(old, old).verdict(on: a100)
    #expect(incompatible.verdict == .incompatible)
    #expect(incompatible.portable.total == 2 && incompatible.portable.none == 2)
    #expect(incompatible.uncovered.count == 1)
    #expect(incompatible.uncovered.first?.modules == [0, 1])
    #expect(incompatible.uncovered.first?.targets == old)
    #expect(incompatible.uncovered.first?.reasons == Array(repeating: .differentMajor, count: 4))
    #expect(
      incompatible.advice == [
        .useBuildWith(CodeTarget(80)),
        .rebuild(gencode: "-gencode arch=compute_80,code=sm_80", since: CUDAVersion(11, 0), until: nil),
      ])
    #expect(library(old).targets.map(\.targetName) == old)

    let native = library(old + ["sm_80"]).verdict(on: a100)
    #expect(native.verdict == .native)
    #expect(native.advice.isEmpty && native.uncovered.isEmpty)

    let jit = library(old + ["compute_70"]).verdict(on: a100)
    #expect(jit.verdict == .jit)
    #expect(jit.portable.jit == 1)
    #expect(jit.advice.first == .expectCompilation)
  }

  @Test(arguments: [
    ([["sm_80"], ["sm_80"]], "8.0", Verdict.native),
    ([["sm_80"], ["sm_80"]], "8.6", .native),
    ([["sm_80"], ["compute_80"]], "8.0", .jit),
    ([["compute_80"]], "9.0", .jit),
    ([["sm_80"], ["sm_90"]], "8.0", .partial),
    ([["sm_80"]], "9.0", .incompatible),
    ([["sm_80"]], "8.7", .incompatible),
    ([["sm_80"], ["sm_87"]], "8.7", .partial),
    ([["sm_87"]], "8.9", .notGuaranteed),
    // Some modules are certain, some are not, none is a gap: as good as the worst.
    ([["sm_80"], ["sm_87"]], "8.9", .notGuaranteed),
    // A gap is worse than an uncertain module.
    ([["sm_87"], ["sm_90"]], "8.9", .partial),
    ([["sm_101"]], "11.0", .notGuaranteed),
    // Specialised modules alone.
    ([["sm_90a"]], "9.0", .native),
    ([["sm_90a"]], "8.0", .incompatible),
    ([["sm_90a"], ["sm_100a"]], "9.0", .native),
    ([["compute_90a"]], "9.0", .jit),
    ([["sm_101a"]], "11.0", .notGuaranteed),
    ([["sm_101a"], ["sm_110a"]], "11.0", .native),
    ([["sm_90a"], ["compute_90a"]], "9.0", .native),
    // Specialised modules beside portable ones: those for other GPUs are no gaps.
    ([["sm_80", "sm_90"], ["sm_90a"]], "8.0", .native),
    ([["sm_80", "sm_90"], ["sm_90a"]], "9.0", .native),
    // They serve single features: the rest of the file runs where portable ones do.
    ([["sm_80"], ["sm_90a"]], "9.0", .incompatible),
    ([["sm_80"], ["sm_90"], ["sm_90a"]], "9.0", .partial),
    ([["sm_80"], ["sm_90a"]], "10.0", .incompatible),
    // Nothing to load.
    ([], "8.0", .noDeviceCode),
    ([[]], "8.0", .noDeviceCode),
    ([["lto_80"]], "8.0", .noDeviceCode),
    ([["lto_80"], ["sm_80"]], "8.0", .native),
  ])
  func verdicts(_ modules: [[String]], _ on: String, _ expected: Verdict) {
    #expect(CodeUnit(inventory(modules.map { Draft($0) })).verdict(on: device(on)).verdict == expected)
  }

  @Test func flashAttention3() {
    let library = CodeUnit(inventory(Array(repeating: Draft(["sm_90a"]), count: 33)))
    let ampere = library.verdict(on: device("8.0"))
    #expect(ampere.verdict == .incompatible)
    #expect(ampere.specialised.none == 33 && ampere.portable.total == 0)
    #expect(
      ampere.uncovered.first?.modules.count == 33, "without portable modules the specialised ones explain")
    #expect(ampere.uncovered.first?.reasons == [.architectureSpecific])
    #expect(library.targets.map(\.targetName) == ["sm_90a"])
    let hopper = library.verdict(on: device("9.0"))
    #expect(hopper.verdict == .native)
    #expect(hopper.specialised.runs == 33 && hopper.uncovered.isEmpty)
  }

  @Test func linearAlgebraOfTorch() {
    let newer = ["sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
    let drafts = [Draft(["sm_75"] + newer)] + Array(repeating: Draft(newer), count: 32)
    let library = CodeUnit(inventory(drafts))
    let turing = library.verdict(on: device("7.5"))
    // Next to nothing of it runs.
    #expect(turing.verdict == .incompatible && turing.running == 1 && turing.gaps == 32)
    #expect(!turing.isForOtherGPUs)
    #expect(turing.portable.runs == 1 && turing.portable.total == 33 && turing.portable.none == 32)
    #expect(turing.uncovered.map(\.modules) == [Array(1...32)])
    #expect(library.verdict(on: device("8.9")).verdict == .native)
    #expect(library.verdict(on: device("8.9")).portable.minorCompatible == 33)
    #expect(library.targets.map(\.targetName) == ["sm_75"] + newer)
  }

  /// Less than an eighth of the code that holds kernels: the unit does not do its work.
  @Test(arguments: [
    (1, 7, Verdict.partial), (1, 8, .incompatible), (2, 14, .partial), (2, 15, .incompatible),
  ])
  func nextToNothing(running: Int, gaps: Int, expected: Verdict) {
    func unit(_ empty: Int) -> CodeUnit {
      CodeUnit(
        inventory(
          Array(repeating: Draft(["sm_80"]), count: running + empty)
            + Array(repeating: Draft(["sm_90"]), count: gaps)))
    }
    #expect(unit(0).verdict(on: device("8.0")).verdict == expected)
    // Modules that hold no kernel carry no weight.
    var kernels = KernelNames()
    for module in 0..<running + gaps + 20 {
      kernels.add(module < running || module >= running + 20 ? ["k\(module)"] : [], ofModule: module)
    }
    let verdict = unit(20).verdict(on: device("8.0"), kernels: kernels)
    #expect(verdict.weight.running == 1000 * UInt64(running) && verdict.running == running + 20)
    #expect(verdict.weight.gaps == 1000 * UInt64(gaps))
    #expect(verdict.verdict == expected)
    // Specialised modules do not make up for it.
    let beside = CodeUnit(
      inventory(
        Array(repeating: Draft(["sm_80"]), count: running) + Array(repeating: Draft(["sm_90"]), count: gaps)
          + Array(repeating: Draft(["sm_80a"]), count: 50)))
    #expect(beside.verdict(on: device("8.0")).verdict == expected)
  }

  /// Code is weighed by its bytes: one large module outweighs many small ones.
  @Test func largeModulesWeighMore() {
    func unit(running: UInt64, gap: UInt64) -> Verdict {
      var large = image("sm_80")
      large.size = running
      var small = image("sm_90")
      small.size = gap
      let drafts = [Draft(images: [large])] + Array(repeating: Draft(images: [small]), count: 20)
      return CodeUnit(inventory(drafts)).verdict(on: device("8.0")).verdict
    }
    #expect(unit(running: 1000, gap: 1000) == .incompatible)
    #expect(unit(running: 10_000, gap: 1000) == .partial)
    #expect(unit(running: 1000, gap: 100) == .partial)
  }

  /// What was made for other GPUs on purpose says so; what was only left behind does not.
  @Test func forOtherGPUs() {
    func isForOthers(_ drafts: [Draft], _ kernels: [String]..., on: String = "8.0", driver: String? = nil)
      -> Bool
    {
      var names = KernelNames()
      for (index, list) in kernels.enumerated() { names.add(list, ofModule: index) }
      return CodeUnit(inventory(drafts)).verdict(on: device(on, driver: driver), kernels: names)
        .isForOtherGPUs
    }
    #expect(isForOthers([Draft(["sm_90a"]), Draft(["sm_100a", "sm_100f"])]))
    #expect(!isForOthers([Draft(["sm_90a"])], on: "9.0"))
    #expect(!isForOthers([Draft(["sm_90a"]), Draft(["sm_75"])]))
    #expect(!isForOthers([Draft(["sm_90a", "compute_90"])]))
    // By the names of all kernels.
    #expect(isForOthers([Draft(["sm_90"]), Draft(["sm_90"])], ["sm90_a", "hopper_b"], ["sm90_c"]))
    #expect(!isForOthers([Draft(["sm_90"]), Draft(["sm_90"])], ["sm90_a", "other"], ["sm90_c"]))
    #expect(!isForOthers([Draft(["sm_90"]), Draft(["sm_90"])], ["sm90_a"]))
    // Modules without kernels say nothing for or against it.
    #expect(isForOthers([Draft(["sm_90"]), Draft(["sm_90"])], ["sm90_a"], []))
    #expect(!isForOthers([Draft(["sm_90"])], []))
    // One for a single target, chosen by the library itself, is made for that one, but nothing says the others are not.
    #expect(!isForOthers([Draft(["sm_90"], .embedded)], ["sm90_a"]))
    // What another driver would run was made for this GPU.
    #expect(!isForOthers([Draft(["sm_90a"])], on: "9.0", driver: "460.32.03"))
  }

  @Test func embeddedSingleTargetsAreSpecialised() {
    let drafts =
      [Draft(["sm_80", "sm_90", "sm_100"])] + Array(repeating: Draft(["sm_90"], .embedded), count: 29)
      + Array(repeating: Draft(["sm_100"], .embedded), count: 29)
    let verdict = CodeUnit(inventory(drafts)).verdict(on: device("8.0"))
    #expect(verdict.verdict == .native)
    #expect(verdict.specialised.total == 58 && verdict.specialised.runs == 0)
    #expect(CodeUnit(inventory(drafts)).verdict(on: device("9.0")).specialised.runs == 29)
  }

  @Test func linkInputsAreCountedAndNeverJudged() {
    let drafts = [
      Draft(["sm_80"], preLinked: [1]), Draft(["sm_80", "compute_80"], .relocatable), Draft(["lto_75"]),
    ]
    let verdict = CodeUnit(inventory(drafts)).verdict(on: device("9.0"))
    #expect(verdict.verdict == .jit)
    #expect(verdict.linkInputs == 2 && verdict.portable.total == 1)
    let unlinked = CodeUnit(inventory([Draft(["sm_80", "compute_80"], .relocatable)]))
    #expect(unlinked.verdict(on: device("8.0")).verdict == .noDeviceCode)
    #expect(unlinked.verdict(on: device("8.0")).advice == [.linkDeviceCode])
    #expect(unlinked.verdict(on: device("8.0")).uncovered.isEmpty)
  }

  @Test func minimumDriver() {
    func minimum(_ images: [DeviceImage], _ on: String, driver: String? = nil) -> MinimumDriver? {
      CodeUnit(inventory([Draft(images: images)])).verdict(on: device(on, driver: driver)).minimumDriver
    }
    let ptx = image("compute_80", isa: PTXISAVersion(8, 5))
    #expect(minimum([ptx], "9.0")?.driver == .branch(555))
    #expect(minimum([ptx], "9.0")?.need == .ptxISA(PTXISAVersion(8, 5)))
    // Machine code is taken where it fits, so the PTX asks for nothing.
    #expect(minimum([ptx, image("sm_80")], "8.0") == nil)
    #expect(minimum([image("sm_80", compression: .zstd)], "8.0")?.driver.description == "550.54.14")
    let both = image("compute_80", isa: PTXISAVersion(8, 1), compression: .zstd)
    #expect(minimum([both], "9.0")?.need == .compression(.zstd))
    let future = image("compute_80", isa: PTXISAVersion(9, 5), compression: .zstd)
    #expect(minimum([future], "9.0")?.driver == .branch(620))
    #expect(minimum([ptx], "8.7") == nil, "desktop branches do not apply to Tegra")
    #expect(minimum([image("sm_80")], "9.0") == nil)
  }

  @Test func specialisedModulesAskForADriverOnlyWhereTheyDecide() {
    let jit = Draft(images: [image("compute_75", isa: PTXISAVersion(9, 0))], .embedded)
    let zstd = Draft(images: [image("sm_80", compression: .zstd)], .embedded)
    func minimum(_ drafts: [Draft], _ on: String) -> String? {
      CodeUnit(inventory(drafts)).verdict(on: device(on)).minimumDriver?.driver.description
    }
    #expect(minimum([Draft(["sm_80"]), jit, zstd], "8.0") == nil)
    #expect(minimum([jit, zstd], "8.0") == "550.54.14")
    #expect(minimum([jit, zstd], "9.0") == "R580")
  }

  @Test func adviceTakesTheOldestDriverThatHelpsEveryGap() {
    let zstd = image("sm_80", compression: .zstd)
    let ptx = image("compute_75", isa: PTXISAVersion(9, 0), compression: .zstd)
    func advice(_ drafts: [Draft]) -> Advice? {
      CodeUnit(inventory(drafts)).verdict(on: device("8.0", driver: "535")).advice.first
    }
    let release = DriverVersion("550.54.14") ?? .branch(0)
    #expect(advice([Draft(images: [ptx, zstd])]) == .updateDriver(release, .compression(.zstd)))
    #expect(
      advice([Draft(images: [ptx, zstd]), Draft(images: [ptx])])
        == .updateDriver(.branch(580), .ptxISA(PTXISAVersion(9, 0))))
  }

  @Test func adviceNamesTheDriverThatHelps() {
    let ptx = image("compute_80", isa: PTXISAVersion(8, 5))
    let library = CodeUnit(inventory([Draft(images: [ptx])]))
    let verdict = library.verdict(on: device("9.0", driver: "535.54.03"))
    #expect(verdict.verdict == .incompatible)
    #expect(verdict.advice.first == .updateDriver(.branch(555), .ptxISA(PTXISAVersion(8, 5))))
    let zstd = CodeUnit(inventory([Draft(images: [image("sm_90", compression: .zstd)])]))
    #expect(
      zstd.verdict(on: device("9.0", driver: "535.54.03")).advice.first
        == .updateDriver(DriverVersion.release([550, 54, 14], text: "550.54.14"), .compression(.zstd)))
    let unsupported = zstd.verdict(on: device("9.0", driver: "460.32.03"))
    #expect(unsupported.advice.first == .installDriver(first: 520, last: nil))
  }

  /// Gaps with the same images and reasons are one group, whatever else tells their modules apart.
  @Test func gapsWithTheSameImagesAreOneGroup() {
    let isa = PTXISAVersion(8, 0)
    func ptx(_ directive: String) -> PTXHeader? { PTXHeader(".version 8.0\n.target \(directive)\n") }
    let drafts = Array(repeating: Draft(images: [image("compute_90", isa: isa)]), count: 3)
    let unit = CodeUnit(inventory(drafts), directives: [1: ptx("sm_90a")].compactMapValues { $0 })
    let verdict = unit.verdict(on: device("8.0"))
    #expect(verdict.uncovered.map(\.modules) == [[0, 1, 2]])
    // Where the text decides it is evidence.
    let blackwell = unit.verdict(on: device("12.0"))
    #expect(blackwell.verdict == .partial)
    #expect(blackwell.uncovered.map(\.modules) == [[1]])
    #expect(blackwell.uncovered.map(\.reasons) == [[.otherPTXTarget]])
  }

  @Test func severity() {
    let order: [Verdict] = [.native, .jit, .notGuaranteed, .partial, .incompatible]
    #expect(order.map(\.severity) == [0, 1, 2, 3, 4])
    #expect(Verdict.noDeviceCode.severity == nil)
    #expect(Verdict.worst(of: [.native, .noDeviceCode, .partial, .jit]) == .partial)
    #expect(Verdict.worst(of: [.native, .noDeviceCode]) == .native)
    #expect(Verdict.worst(of: [.noDeviceCode]) == .noDeviceCode)
    #expect(Verdict.worst(of: [Verdict]()) == .noDeviceCode)
  }

  static let names = [
    "sm_70", "sm_75", "sm_80", "sm_86", "sm_87", "sm_90", "sm_90a", "sm_100f", "sm_101", "sm_120",
    "compute_70",
    "compute_80", "compute_90a", "compute_100f", "lto_80",
  ]
  static let devices = ["7.0", "7.5", "8.0", "8.6", "8.7", "9.0", "10.0", "10.3", "11.0", "12.1", "13.0"].map
  {
    device($0)
  }

  @Test(arguments: 0..<40)
  func theOrderOfImagesAndModulesDoesNotMatter(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var modules = (0..<6).map { _ in
      (0..<Int.random(in: 1...4, using: &generator)).map { _ in
        Self.names.randomElement(using: &generator) ?? "sm_80"
      }
    }
    let before = CodeUnit(inventory(modules.map { Draft($0) }))
    for index in modules.indices { modules[index].shuffle(using: &generator) }
    let shuffled = CodeUnit(inventory(modules.map { Draft($0) }))
    let reordered = CodeUnit(inventory(modules.reversed().map { Draft($0) }))
    for device in Self.devices {
      let one = before.verdict(on: device)
      for other in [shuffled.verdict(on: device), reordered.verdict(on: device)] {
        #expect(one.verdict == other.verdict)
        #expect(one.portable == other.portable && one.specialised == other.specialised)
        #expect(one.linkInputs == other.linkInputs && one.minimumDriver == other.minimumDriver)
      }
      for module in modules.indices {
        let (left, right) = (
          before.verdict(ofModule: module, on: device), shuffled.verdict(ofModule: module, on: device)
        )
        #expect(left?.winner?.signature == right?.winner?.signature)
      }
    }
  }

  @Test(arguments: 0..<40)
  func anotherImageNeverMakesAVerdictWorse(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed &+ 1000)
    // A plain cubin in every module keeps its role, which otherwise decides what is asked of it.
    var modules = (0..<4).map { _ in
      ["sm_70"]
        + (0..<Int.random(in: 0...2, using: &generator)).map { _ in
          Self.names.randomElement(using: &generator) ?? "sm_80"
        }
    }
    for _ in 0..<6 {
      let before = CodeUnit(inventory(modules.map { Draft($0) }))
      let changed = Int.random(in: 0..<4, using: &generator)
      modules[changed].append(Self.names.randomElement(using: &generator) ?? "sm_80")
      let after = CodeUnit(inventory(modules.map { Draft($0) }))
      for device in Self.devices {
        let (old, new) = (before.verdict(on: device).verdict, after.verdict(on: device).verdict)
        #expect((new.severity ?? 9) <= (old.severity ?? 9), "\(modules) on \(device.computeCapability)")
        let fits = [before, after].map { $0.verdict(ofModule: changed, on: device)?.fit ?? .none }
        #expect(fits[0] <= fits[1])
      }
    }
  }

  @Test(arguments: 0..<20)
  func countsAddUpAndAgreeWithTheModules(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed &+ 2000)
    let places: [Module.Place] = [.registered, .embedded, .relocatable, .standalone]
    let drafts = (0..<30).map { _ in
      Draft(
        (0..<Int.random(in: 0...3, using: &generator)).map { _ in
          Self.names.randomElement(using: &generator) ?? "sm_80"
        }, places.randomElement(using: &generator) ?? .registered)
    }
    let library = CodeUnit(inventory(drafts))
    for device in Self.devices {
      let verdict = library.verdict(on: device)
      var portable = UnitVerdict.Counts()
      var gaps: [Int] = []
      for module in drafts.indices where library.role(ofModule: module) == .portable {
        let fit = library.verdict(ofModule: module, on: device)?.fit ?? .none
        switch fit {
        case .exact: portable.exact += 1
        case .minorCompatible: portable.minorCompatible += 1
        case .jit: portable.jit += 1
        case .notGuaranteed: portable.notGuaranteed += 1
        case .none:
          portable.none += 1
          gaps.append(module)
        }
      }
      #expect(verdict.portable == portable)
      if portable.total > 0 { #expect(verdict.uncovered.flatMap(\.modules).sorted() == gaps) }
      let roles = drafts.indices.map { library.role(ofModule: $0) }
      #expect(verdict.specialised.total == roles.filter { $0 == .specialised }.count)
      #expect(verdict.linkInputs == roles.filter { $0 == .linkInput }.count)
    }
  }
}
