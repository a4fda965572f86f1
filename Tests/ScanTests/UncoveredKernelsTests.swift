import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import Stack
import Testing

@testable import Scan

/// Which kernels' names a scan reads, and that it reads no others.
struct UncoveredKernelsTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func cubin(
    _ target: Target, _ kernels: [String]?, bytes: Int = 32
  ) -> FatBinaryBuilder.Entry {
    var cubin = CubinBuilder(target)
    cubin.kernels = kernels
    cubin.code = [UInt8](repeating: 0x5A, count: bytes)
    return .cubin(target, payload: cubin.bytes).inFrame()
  }

  /// A payload that is a problem as soon as it is decompressed.
  private func broken(_ target: Target) -> FatBinaryBuilder.Entry { .cubin(target, .zstd) }

  private func write(_ name: String, _ modules: [FatBinaryBuilder.Entry]...) throws {
    try tree.write(ELFBuilder(fatBinaries: modules.map { FatBinaryBuilder($0) }).bytes, to: name)
  }

  private func scan(_ name: String, on devices: String..., jobs: Int = 2) -> ScanResult {
    var result = Scan.Scanner(jobs: jobs).scan([Path(tree(name))])
    let purpose = FactsFor.devices(devices.map { Device(ComputeCapability($0) ?? .init(0, 0)) })
    result.readKernels(for: CodeReading(purpose, in: [], by: .shipped), jobs: jobs, progress: nil)
    return result
  }

  @Test func nothingIsReadWhereNoVerdictNeedsIt() throws {
    try write("lib/covered.so", [broken("sm_80"), broken("sm_90")], [broken("sm_80"), broken("sm_90")])
    try write("lib/special.so", [broken("sm_80"), broken("sm_90")], [broken("sm_100a")])
    try write("lib/minor.so", [broken("sm_80"), broken("sm_90")])
    let before = Scan.Scanner(jobs: 2).scan([Path(tree("lib"))])
    let result = scan("lib", on: "8.0", "8.6", "9.0")
    #expect(result.counts.imagesRead == 0 && result.problems == [])
    #expect(result.counts == before.counts)
    #expect(result.libraries.allSatisfy { $0.kernels[0] == nil })
    // The same files have something to say on another device.
    #expect(scan("lib", on: "10.0").counts.imagesRead > 0)
  }

  /// Where nothing runs, names are read until a few are found that are not for other GPUs.
  @Test func namesAreReadUntilOneSettlesIt() throws {
    try write(
      "lib/old.so", [cubin("sm_75", [])], [cubin("sm_75", ["a", "b", "c"])], [broken("sm_75")],
      [broken("sm_75")])
    try write("lib/empty.so", [cubin("sm_75", [])], [cubin("sm_75", [])], [cubin("sm_75", [])])
    try write("lib/others.so", [cubin("sm_75", ["turing_a"])], [cubin("sm_75", ["sm75_b"])])
    try write("lib/special.so", [broken("sm_90a")], [broken("sm_100a")])
    let result = scan("lib", on: "8.0")
    let device = Device(.init(8, 0))
    #expect(result.problems == [] && result.counts.imagesRead == 7)
    let verdicts = result.libraries.map { $0.unit.verdict(on: device, kernels: $0.kernels) }
    #expect(verdicts.map(\.verdict) == [.noDeviceCode, .incompatible, .incompatible, .incompatible])
    #expect(verdicts.map(\.isForOtherGPUs) == [false, false, true, true])
  }

  /// Code is judged for its own sake too, whatever the driver that was asked about.
  @Test func namesAreReadForTheGPUWithoutItsDriver() throws {
    try write("a.so", [cubin("sm_80", ["a"])], [cubin("sm_90", ["sm90_b"])])
    for driver in ["418.87", "535"] {
      var device = Device(.init(8, 0))
      device.driver = DriverVersion(driver)
      let facts = Scan.Scanner(jobs: 2).scan([Path(tree("a.so"))]).facts(
        for: .devices([device]), by: .shipped, jobs: 2)
      let file = facts.views[0].files[0]
      #expect(file.unit.verdict(on: device.withoutDriver, kernels: file.kernels).verdict == .native)
    }
  }

  /// The driver libraries of an image take the place of the host's, and bring other gaps.
  @Test func namesAreReadForTheDriverOfTheImage() throws {
    let zstd = cubin("sm_90", ["sm90_b"])
    try write("lib/a.so", [.cubin("sm_80", payload: CubinBuilder("sm_80").bytes)], [zstd])
    try tree.sharedLibrary("usr/local/cuda-12.8/compat/libcuda.so.570.86.15")
    var device = Device(.init(8, 0), driver: .branch(535))
    let facts = Scan.Scanner(jobs: 2).scan([Path(tree.path)]).facts(
      for: .devices([device]), by: .shipped, jobs: 2)
    let file = try #require(facts.views[0].files.first)
    device.driver = DriverVersion("570.86.15")
    #expect(file.unit.modulesToName(on: device, kernels: file.kernels) == [])
  }

  /// What cannot be read is told where somebody would have read it.
  @Test func problemsAreThoseOfTheDevicesAskedAbout() throws {
    try write("a.so", [cubin("sm_80", ["a"]), cubin("sm_90", ["a"])], [broken("sm_90")])
    let scanned = Scan.Scanner(jobs: 2).scan([Path(tree("a.so"))])
    let everything = scanned.facts(for: .everything, by: .shipped, jobs: 2)
    #expect(everything.problemCount == 0)
    #expect(everything.views[0].readingProblems.count == 1)
    #expect(everything.narrowed(to: [Device(.init(9, 0))], by: .shipped).problemCount == 0)
    let narrowed = everything.narrowed(to: [Device(.init(8, 0))], by: .shipped)
    #expect(
      narrowed.views[0].problems
        == scanned.facts(for: .devices([Device(.init(8, 0))]), by: .shipped, jobs: 2).views[0].problems)
    #expect(narrowed.problemCount == 1)
    #expect(narrowed.views[0].files[0].problems.count == 1)
  }

  /// The directives of PTX that is compiled are read, and of no other PTX.
  @Test func directivesOfCompiledPTX() throws {
    func ptx(_ header: Target, _ own: String) -> FatBinaryBuilder.Entry {
      .ptx(header, isa: (8, 0), payload: Array(".version 8.0\n.target \(own)\n.entry k() {}\n".utf8))
    }
    try write(
      "a.so", [ptx("compute_90", "sm_90a")], [ptx("compute_90", "sm_90")],
      [cubin("sm_120", ["x"]), ptx("compute_90", "sm_90a")])
    let scanned = scan("a.so", on: "12.0")
    #expect(scanned.problems == [])
    let unit = scanned.libraries[0].unit
    let fits = (0..<3).map { unit.verdict(ofModule: $0, on: Device(.init(12, 0)))?.fit }
    #expect(fits == [Fit.none, .jit, .exact])
    // Where it is compiled all the same it makes no difference.
    #expect(scan("a.so", on: "9.0").libraries[0].unit.verdict(on: Device(.init(9, 0))).verdict == .jit)
    // For everything all are read, so that the facts answer for every GPU.
    var everything = Scan.Scanner(jobs: 2).scan([Path(tree("a.so"))])
    everything.readKernels(for: CodeReading(.everything, in: [], by: .shipped), jobs: 2, progress: nil)
    for name in ["9.0", "10.0", "12.0", "12.1"] {
      let device = Device(ComputeCapability(name) ?? .init(0, 0))
      let alone = scan("a.so", on: name).libraries[0]
      let all = everything.libraries[0]
      #expect(
        alone.unit.verdict(on: device, kernels: alone.kernels)
          == all.unit.verdict(on: device, kernels: all.kernels), "on \(name)")
    }
    #expect(
      everything.libraries[0].unit.verdict(ofModule: 2, on: Device(.init(13, 0)))?.images.last?.judgement
        .reason == .otherPTXTarget)
  }

  @Test func tagsOfUncoveredModulesSuffice() throws {
    try write("a.so", [broken("sm_80")], [cubin("sm_90", ["sm90_xmma_a"])], [cubin("sm_75", [])])
    let result = scan("a.so", on: "8.0")
    #expect(result.counts.imagesRead == 2 && result.problems == [])
    let library = result.libraries[0]
    #expect(library.kernels[0] == nil)
    #expect(library.kernels[1] == ["sm90_xmma_a"])
    #expect(library.kernels[2] == [])
    let verdict = library.unit.verdict(on: Device(.init(8, 0)), kernels: library.kernels)
    #expect(verdict.verdict == .native && verdict.dedicated == 1 && verdict.withoutKernels.none == 1)
  }

  @Test func allModulesAreReadWhereTagsDoNotSuffice() throws {
    try write(
      "a.so", [cubin("sm_80", ["a", "b"])], [cubin("sm_90", ["a"])], [cubin("sm_80", ["c"])])
    let result = scan("a.so", on: "8.0")
    #expect(result.counts.imagesRead == 3)
    let library = result.libraries[0]
    let verdict = library.unit.verdict(on: Device(.init(8, 0)), kernels: library.kernels)
    #expect(verdict.verdict == .native && verdict.providedElsewhere == 1)
  }

  @Test func oneImageOfAModuleIsRead() throws {
    try write(
      "b.so", [broken("sm_80")],
      [cubin("sm_90", ["sm90_a"], bytes: 64), cubin("sm_100", ["sm90_b"]), .ptx("compute_90")])
    try write("c.so", [broken("sm_80")], [.ptx("compute_90")])
    let b = scan("b.so", on: "8.0")
    #expect(b.libraries[0].kernels[1] == ["sm90_b"] && b.counts.imagesRead == 1)
    // `kernel` has no tag, so that the module that runs is tried as well.
    let c = scan("c.so", on: "8.0")
    #expect(c.libraries[0].kernels[1] == ["kernel"] && c.counts.imagesRead == 2)
  }

  /// A kernel behind a guard for newer architectures is not in the smallest image.
  @Test func emptyImagesAreNotTakenAtTheirWord() throws {
    try write("a.so", [cubin("sm_80", ["x"])], [cubin("sm_75", []), cubin("sm_90", ["a"])])
    let result = scan("a.so", on: "8.0")
    #expect(result.libraries[0].kernels[1] == ["a"])
    let library = result.libraries[0]
    #expect(library.unit.verdict(on: Device(.init(8, 0)), kernels: library.kernels).verdict == .partial)
  }

  @Test func whatCannotBeReadIsAProblemAndAGap() throws {
    try write("a.so", [cubin("sm_80", ["x"])], [broken("sm_90")], [cubin("sm_90", nil)], [.ltoIR("lto_90")])
    let result = scan("a.so", on: "8.0")
    #expect(result.problems.map(\.problem.code) == [.corruptData])
    #expect(result.libraries[0].file.problems.count == 1)
    let library = result.libraries[0]
    let verdict = library.unit.verdict(on: Device(.init(8, 0)), kernels: library.kernels)
    #expect(verdict.verdict == .partial && verdict.uncovered.flatMap(\.modules) == [1, 2])
  }

  @Test func theSameForEveryNumberOfJobs() throws {
    for index in 0..<20 {
      try write(
        "lib/\(index).so", [cubin("sm_80", ["ampere_\(index)"])], [cubin("sm_90", ["a\(index)", "shared"])],
        [broken("sm_75")])
    }
    let modules = (0..<70).map { [cubin($0 % 2 == 0 ? "sm_80" : "sm_90", ["k\($0)"])] }
    try tree.write(ELFBuilder(fatBinaries: modules.map { FatBinaryBuilder($0) }).bytes, to: "lib/large.so")
    let results = [1, 3, 8].map { scan("lib", on: "8.0", "9.0", jobs: $0) }
    for result in results {
      #expect(result.counts == results[0].counts)
      #expect(result.problems == results[0].problems)
      #expect(result.problems.count == 20)
      for (library, first) in zip(result.libraries, results[0].libraries) {
        let indices = library.file.inventory.modules.indices
        #expect(indices.map { library.kernels[$0] } == indices.map { first.kernels[$0] })
      }
    }
  }

  /// A verdict does not depend on the other devices of the scan.
  @Test func verdictsDoNotDependOnEachOther() throws {
    try write(
      "a.so", [cubin("sm_80", ["ampere_a"]), cubin("sm_90", ["ampere_a"])], [cubin("sm_75", ["turing_b"])],
      [cubin("sm_75", ["c"]), .ptx("compute_75", payload: Array(".version 7.8\n.target sm_75\n".utf8))],
      [cubin("sm_90", ["hopper_d"])], [cubin("sm_100", ["e"])])
    let all = ["7.5", "8.0", "9.0", "10.0", "12.0"]
    let together = scan("a.so", on: "7.5", "8.0", "9.0", "10.0", "12.0").libraries[0]
    for name in all {
      let device = Device(ComputeCapability(name) ?? .init(0, 0))
      let alone = scan("a.so", on: name).libraries[0]
      #expect(
        alone.unit.verdict(on: device, kernels: alone.kernels)
          == together.unit.verdict(on: device, kernels: together.kernels), "on \(name)")
    }
  }
}
