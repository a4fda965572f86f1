import Compatibility
import DeviceCode
import Testing

/// Which modules without code for a device are gaps, by the names of their kernels.
struct DispatchTests {
  private func names(_ modules: [String]?...) -> KernelNames {
    var names = KernelNames()
    for (index, kernels) in modules.enumerated() {
      if let kernels { names.add(kernels, ofModule: index) }
    }
    return names
  }

  @Test func withoutNamesEveryModuleIsAGap() {
    let library = library(["sm_80", "sm_90"], ["sm_90"])
    let verdict = library.verdict(on: device("8.0"))
    #expect(verdict.verdict == .partial && verdict.excused == 0)
    #expect(library.verdict(on: device("8.0"), kernels: names(["a"], nil)).verdict == .partial)
  }

  @Test func dedicated() {
    let library = library(["sm_80", "sm_90"], ["sm_90"], ["sm_90"])
    let kernels = names(["kernel"], ["sm90_xmma_a", "hopper_b"], ["other"])
    let one = library.verdict(on: device("8.0"), kernels: kernels)
    #expect(one.verdict == .partial)
    #expect(one.dedicated == 1 && one.portable.none == 2 && one.portable.total == 3)
    #expect(one.uncovered.map(\.modules) == [[2]])
    let both = library.verdict(
      on: device("8.0"), kernels: names(["kernel"], ["sm90_xmma_a"], ["hopper_b", "kernel_sm90"]))
    #expect(both.verdict == .native && both.dedicated == 2 && both.uncovered.isEmpty && both.presumed.isEmpty)
    // They count where they run.
    #expect(library.verdict(on: device("9.0"), kernels: kernels).dedicated == 0)
    // Where nothing runs, nothing is picked.
    let none = library.verdict(on: device("7.5"), kernels: names(["sm80_a"], ["sm90_a"], ["sm90_b"]))
    #expect(none.verdict == .incompatible && none.dedicated == 0)
    #expect(none.uncovered.map(\.modules) == [[0], [1, 2]])
  }

  /// One kernel without a tag is enough for a gap, unless nearly all that lies beside it has one.
  @Test func oneUntaggedKernel() {
    let library = library(["sm_80", "sm_75"], ["sm_75"])
    func verdict(_ kernels: [String]) -> UnitVerdict {
      library.verdict(on: device("8.0"), kernels: names(["kernel"], kernels))
    }
    #expect(verdict(["volta_a", "helper"]).verdict == .partial)
    let mostly = verdict(["volta_a", "volta_b", "helper"])
    #expect(mostly.verdict == .native && mostly.dedicated == 0)
    #expect(mostly.presumed.map(\.modules) == [[1]] && mostly.uncovered.isEmpty)
    // A tag for the device says that it was meant for it.
    #expect(verdict(["volta_a", "volta_b", "volta_c", "ampere_d"]).verdict == .partial)
    #expect(verdict(["ampere_d"]).verdict == .partial)
  }

  /// cuDNN that is linked into another library: NVIDIA supports it on a GPU as a whole, and it picks its kernels itself.
  @Test func partsOfCuDNN() {
    let library = library(["sm_61", "sm_70"], ["sm_61", "compute_61"], ["sm_70"], ["sm_70"])
    let fill = "_ZN5cudnn4fillIfEEvPT_"
    let layer = "_ZN10cask_cudnn22first_layer_fwd_kernelILi2EEEv19FirstLayerFwdParams"
    let helper = "_Z8dgrad_1dILi9EEvPtN5cudnn15reduced_divisorES2_"
    let linked = names(["kernel"], [fill], [layer], [helper, "dgrad_1x1"])
    let pascal = library.verdict(on: device("6.1"), kernels: linked)
    #expect(pascal.verdict == .native && pascal.dedicated == 0)
    #expect(pascal.presumed.map(\.modules) == [[2, 3]] && pascal.uncovered.isEmpty)
    // What is not cuDNN's is a gap beside it.
    let mixed = library.verdict(on: device("6.1"), kernels: names(["kernel"], [fill], [layer], ["dgrad_1x1"]))
    #expect(mixed.verdict == .partial && mixed.uncovered.map(\.modules) == [[3]])
    // Nothing of cuDNN runs on the GPU: it is not known to support it.
    let without = library.verdict(on: device("6.1"), kernels: names(["kernel"], ["fill"], [layer], [helper]))
    #expect(without.verdict == .partial && without.uncovered.map(\.modules) == [[2, 3]])
    // PTX that the driver compiles does not show that NVIDIA supports cuDNN on this GPU.
    let later = library.verdict(on: device("8.6"), kernels: linked)
    #expect(later.uncovered.map(\.modules) == [[0], [2, 3]])
  }

  @Test func minimumTagsIncludeNewerDevices() {
    let library = library(["sm_80", "sm_90"], ["sm_80"])
    let kernels = names(["kernel"], ["_Z1kIN7cutlass4arch4Sm80EEvT_"])
    #expect(library.verdict(on: device("9.0"), kernels: kernels).verdict == .partial)
    #expect(library.verdict(on: device("9.0"), kernels: names(["kernel"], ["sm80_xmma"])).verdict == .native)
  }

  @Test func forwardCompatibleKernelsAreForNewerDevices() {
    let library = library(["sm_80", "sm_120"], ["sm_120", "compute_120"])
    let kernels = names(["kernel"], ["_Z1kI39cutlass_80_simt_sgemm_forwardCompat_128EvT_"])
    #expect(library.verdict(on: device("8.0"), kernels: kernels).dedicated == 1)
  }

  @Test func providedElsewhere() {
    let library = library(["sm_80"], ["sm_90"], ["sm_80", "sm_90"])
    let kernels = names(["a", "b", "d"], ["a", "sm90_c"], ["b"])
    let verdict = library.verdict(on: device("8.0"), kernels: kernels)
    #expect(verdict.verdict == .native && verdict.providedElsewhere == 1 && verdict.dedicated == 0)
    #expect(
      library.verdict(on: device("9.0"), kernels: kernels).verdict == .partial, "d is in module 0 alone")
    #expect(library.verdict(on: device("9.0"), kernels: kernels).uncovered.map(\.modules) == [[0]])
    // The module that has it must run as well.
    #expect(library.verdict(on: device("7.5"), kernels: kernels).uncovered.count == 3)
  }

  /// The same template with other numbers, for GPUs that the module does not serve.
  @Test func variants() {
    func verdict(_ older: String, _ newer: String, _ on: String, _ targets: [String]...) -> Verdict {
      let library = library(["sm_75", "sm_80", "sm_90"], targets[0], targets[1])
      return library.verdict(on: device(on), kernels: names(["k"], [older], [newer])).verdict
    }
    let (two, four) = ("_Z6MarlinILl1125E4halfLi128ELi2EEvv", "_Z6MarlinILl1125E4halfLi128ELi4EEvv")
    #expect(verdict(two, four, "8.0", ["sm_75"], ["sm_80", "sm_90"]) == .native)
    #expect(verdict(two, four, "7.5", ["sm_75"], ["sm_80", "sm_90"]) == .native)
    // A common target: the variants are for something else than the generation.
    #expect(verdict(two, four, "8.0", ["sm_75", "sm_90"], ["sm_80", "sm_90"]) == .partial)
    // Types, 64-bit numbers that stand for them, and enumerations are no variants.
    #expect(verdict(two, "_Z6MarlinILl1125E5floatLi128ELi4EEvv", "8.0", ["sm_75"], ["sm_80"]) == .partial)
    #expect(verdict(two, "_Z6MarlinILl2814E4halfLi128ELi4EEvv", "8.0", ["sm_75"], ["sm_80"]) == .partial)
    #expect(
      verdict(
        "_Z1kILN3c1010ScalarTypeE15ELi2EEvv", "_Z1kILN3c1010ScalarTypeE5ELi2EEvv", "8.0", ["sm_75"], ["sm_80"]
      )
        == .partial)
    #expect(
      verdict(
        "_Z1kILN3c1010ScalarTypeE15ELin2EEvv", "_Z1kILN3c1010ScalarTypeE15ELi2EEvv", "8.0", ["sm_75"],
        ["sm_80"])
        == .native)
    #expect(verdict("kernel_2", "kernel_4", "8.0", ["sm_75"], ["sm_80"]) == .partial)
  }

  @Test func withoutKernels() {
    let library = library(["sm_75"], ["sm_75", "sm_80"])
    let verdict = library.verdict(on: device("8.0"), kernels: names([], nil))
    #expect(verdict.verdict == .native && verdict.withoutKernels.none == 1)
    let only = CompatibilityTests.library(["sm_75"])
    #expect(only.verdict(on: device("8.0"), kernels: names([])).verdict == .noDeviceCode)
    #expect(only.verdict(on: device("8.0"), kernels: names([])).uncovered.isEmpty)
    #expect(only.verdict(on: device("8.0"), kernels: names(["k"])).verdict == .incompatible)
    // Where nothing runs, empty modules beside others tell nothing.
    let beside = CompatibilityTests.library(["sm_75"], ["sm_75"])
    let none = beside.verdict(on: device("8.0"), kernels: names([], ["k"]))
    #expect(none.verdict == .incompatible && none.withoutKernels.none == 0)
    #expect(none.uncovered.map(\.modules) == [[0, 1]])
    // PTX without a kernel is not compiled, and needs no driver that knows it.
    let native = Draft(["sm_75", "sm_80"])
    let ptx = Draft(images: [image("compute_75", isa: .init(8, 5))])
    let compiled = CodeUnit(inventory([native, native, ptx]))
    let all = compiled.verdict(on: device("8.0"), kernels: names(["k"], ["l"], ["m"]))
    #expect(all.verdict == .jit && all.minimumDriver?.driver == .branch(555))
    let empty = compiled.verdict(on: device("8.0"), kernels: names(["k"], ["l"], []))
    #expect(empty.verdict == .native && empty.withoutKernels.jit == 1 && empty.portable.jit == 1)
    #expect(empty.minimumDriver == nil)
    // As much of one as of the other: that is what the library is.
    #expect(
      CodeUnit(inventory([native, ptx])).verdict(on: device("8.0"), kernels: names(["k"], [])).verdict == .jit
    )
  }

  /// What names do not prove is presumed where others prove that the library picks its kernels by generation.
  @Test func presumed() {
    let library = library(["sm_80"], ["sm_75"], ["sm_90"])
    func verdict(_ own: String, _ turing: String, _ hopper: String, _ on: String = "8.0") -> UnitVerdict {
      library.verdict(on: device(on), kernels: names([own], [turing], [hopper]))
    }
    let picked = verdict("ampere_gemm", "turing_gemm", "syrk")
    #expect(picked.verdict == .native && picked.dedicated == 1 && picked.excused == 2)
    #expect(picked.presumed.map(\.modules) == [[2]] && picked.uncovered.isEmpty)
    #expect(verdict("gemm", "turing_gemm", "syrk").verdict == .partial, "nothing is named for 8.0")
    #expect(verdict("ampere_gemm", "gemv", "syrk").verdict == .partial, "nothing is named for others")
    #expect(verdict("_Z1kIN7cutlass4arch4Sm80EEvT_", "turing_gemm", "syrk").verdict == .partial)
    // More is unexplained than explained.
    let four = CompatibilityTests.library(["sm_80"], ["sm_75"], ["sm_90"], ["sm_90"])
    let left = four.verdict(on: device("8.0"), kernels: names(["ampere_a"], ["turing_a"], ["b"], ["c"]))
    #expect(left.verdict == .partial && left.uncovered.map(\.modules) == [[2, 3]] && left.dedicated == 1)
  }

  /// A template of which every module is for one target is compiled target by target, for a library that picks.
  @Test func madeForOneTarget() {
    func verdict(_ modules: [[String]], _ own: String = "3Two", on: String = "8.0") -> UnitVerdict {
      var kernels = KernelNames()
      kernels.add(["other"], ofModule: 0)
      for (index, tile) in (["3One", own, "5Three", "4Four"]).prefix(modules.count).enumerated() {
        kernels.add(["_Z6kernelI4GemmI\(tile)EEvv"], ofModule: index + 1)
      }
      let library = CodeUnit(inventory(([["sm_70", "sm_80", "sm_90"]] + modules).map { Draft($0) }))
      return library.verdict(on: device(on), kernels: kernels)
    }
    let split = [["sm_70"], ["sm_80"], ["sm_90"]]
    let picked = verdict(split)
    #expect(picked.verdict == .native && picked.presumed.map(\.modules) == [[1], [3]])
    #expect(picked.uncovered.isEmpty && picked.excused == 2)
    // Machine code runs on later minors.
    #expect(verdict(split, on: "8.6").verdict == .native)
    // Two targets are no proof.
    #expect(verdict([["sm_70"], ["sm_80"]]).uncovered.map(\.modules) == [[1]])
    #expect(verdict([["sm_70"], ["sm_80"], ["sm_70"]]).uncovered.map(\.modules) == [[1, 3]])
    // One module for several targets, or with PTX for newer ones, and the template is not compiled target by target.
    #expect(verdict([["sm_70"], ["sm_80", "sm_86"], ["sm_90"]]).verdict == .partial)
    #expect(verdict([["sm_70"], ["sm_80"], ["sm_90", "compute_90"]]).verdict == .partial)
    #expect(verdict([["sm_70"], ["sm_80"], ["sm_75"], ["sm_89", "sm_120"]]).verdict == .partial)
    // Nothing of it runs on the device.
    #expect(verdict([["sm_70"], ["sm_75"], ["sm_90"]]).uncovered.map(\.modules) == [[1], [2], [3]])
    // Another template.
    var kernels = KernelNames()
    for (index, name) in ["other", "_Z6kernelI4GemmI3OneEEvv", "_Z6kernelI4ConvI3TwoEEvv", "_Z3addIfEvv"]
      .enumerated()
    {
      kernels.add([name], ofModule: index)
    }
    let library = CodeUnit(inventory(([["sm_70", "sm_80", "sm_90"]] + split).map { Draft($0) }))
    #expect(library.verdict(on: device("8.0"), kernels: kernels).uncovered.map(\.modules) == [[1], [3]])
  }

  /// What a library picks is no stand-in for what all of its callers need: one embedded module that runs, beside
  /// nothing else, excuses nothing.
  @Test func nothingIsPresumedWhereOnlySpecialisedModulesRun() {
    let library = CodeUnit(
      inventory([
        Draft(["sm_70"], .embedded), Draft(["sm_80"], .embedded),
        Draft(["sm_75", "sm_80"]), Draft(["sm_75", "sm_80"]),
      ]))
    let verdict = library.verdict(
      on: device("7.0"), kernels: names(["attention_sm70"], nil, ["turing_a"], ["copy"]))
    #expect(verdict.verdict == .incompatible && verdict.dedicated == 1 && verdict.presumed.isEmpty)
    #expect(verdict.uncovered.map(\.modules) == [[3]])
  }

  /// Code that only the driver holds back is meant for the device, whatever its name.
  @Test func whatAnotherDriverWouldRunIsAGap() {
    let ptx = image("compute_70", isa: .init(8, 5))
    let library = CodeUnit(inventory([Draft(["sm_80"]), Draft(images: [ptx])]))
    let kernels = names(["ampere_a"], ["volta_b"])
    let old = library.verdict(on: device("8.0", driver: "470.57.02"), kernels: kernels)
    #expect(old.verdict == .partial && old.dedicated == 0)
    #expect(library.verdict(on: device("8.0"), kernels: kernels).verdict == .jit)
  }

  @Test func namesAreAskedForInSteps() {
    let library = library(["sm_80", "sm_90"], ["sm_90"], ["sm_75", "sm_80"])
    #expect(library.modulesToName(on: device("9.0"), kernels: names()) == [2])
    #expect(library.modulesToName(on: device("8.0"), kernels: names()) == [1])
    // Tags settle it.
    #expect(library.modulesToName(on: device("8.0"), kernels: names(nil, ["sm90_a"])) == [])
    // They do not: any module may have the same kernels.
    #expect(library.modulesToName(on: device("8.0"), kernels: names(nil, ["a"])) == [0, 2])
    #expect(library.modulesToName(on: device("8.0"), kernels: names(["b"], ["a"], ["c"])) == [])
    // What could not be read is not asked for again.
    var unreadable = names(["b"], nil, ["c"])
    unreadable.addUnreadable(1)
    #expect(library.modulesToName(on: device("8.0"), kernels: unreadable) == [])
    // Nothing runs: three kernels that are not named for others settle it.
    #expect(library.modulesToName(on: device("12.0"), kernels: names()) == [0])
    #expect(library.modulesToName(on: device("12.0"), kernels: names(["a"])) == [1])
    #expect(library.modulesToName(on: device("12.0"), kernels: names(["a", "b", "c"])) == [])
    #expect(library.modulesToName(on: device("12.0"), kernels: names(["sm90_a"])) == [1])
    #expect(library.modulesToName(on: device("12.0"), kernels: names(["sm90_a"], ["sm90_b"])) == [2])
    let covered = CompatibilityTests.library(["sm_80", "sm_90"], ["sm_90a"])
    #expect(covered.modulesToName(on: device("8.6"), kernels: names()) == [])
    let compiled = CompatibilityTests.library(["sm_80"], ["compute_75"], ["sm_80"])
    #expect(compiled.modulesToName(on: device("8.6"), kernels: names()) == [1])
    let half = CompatibilityTests.library(["sm_80"], ["compute_75"])
    #expect(half.modulesToName(on: device("8.6"), kernels: names()) == [])
  }

  /// Whether there is any kernel at all is known from the first module that has one.
  @Test func nothingRuns() {
    let library = CodeUnit(inventory(Array(repeating: Draft(["sm_75"]), count: 8)))
    func wanted(_ modules: [String]?...) -> [Int] {
      var names = KernelNames()
      for (index, kernels) in modules.enumerated() {
        if let kernels { names.add(kernels, ofModule: index) } else { names.addUnreadable(index) }
      }
      return library.modulesToName(on: device("8.0"), kernels: names)
    }
    #expect(wanted() == [0])
    #expect(wanted([]) == [1])
    #expect(wanted([], []) == [2, 3])
    #expect(wanted([], [], [], []) == [4, 5, 6, 7])
    #expect(wanted([], [], ["k", "l", "m"], []) == [])
    #expect(wanted([], [], ["k"], []) == [4, 5, 6, 7])
    #expect(wanted([], nil) == [])
    // Kernels that are named for others settle nothing.
    #expect(wanted(["turing_a"]) == [1])
    #expect(wanted(["turing_a", "k", "l"]) == [])
    #expect(wanted([], [], [], [], [], [], [], []) == [])
    let special = CompatibilityTests.library(["sm_90a"])
    #expect(special.modulesToName(on: device("8.0"), kernels: KernelNames()) == [])
  }
}
