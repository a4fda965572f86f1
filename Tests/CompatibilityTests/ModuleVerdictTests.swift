import Compatibility
import DeviceCode
import Testing

@Suite struct ModuleVerdictTests {
  func verdict(_ names: [String], on: String, driver: String? = nil) -> ModuleVerdict {
    library(names).firstModule(on: device(on, driver: driver))
  }

  @Test(arguments: [
    (["sm_70", "sm_80", "sm_86", "compute_86"], "8.9", Fit.minorCompatible, "sm_86"),
    (["sm_86", "sm_80"], "8.9", .minorCompatible, "sm_86"),
    (["sm_80", "sm_86"], "8.0", .exact, "sm_80"),
    (["compute_80", "sm_80"], "8.0", .exact, "sm_80"),
    (["compute_80", "sm_80"], "8.6", .minorCompatible, "sm_80"),
    (["compute_50", "compute_80", "compute_90"], "8.9", .jit, "compute_80"),
    (["sm_80", "compute_80"], "9.0", .jit, "compute_80"),
    (["sm_87"], "8.9", .notGuaranteed, "sm_87"),
    (["sm_80", "compute_80"], "8.7", .jit, "compute_80"),
    (["sm_90", "sm_90a"], "9.0", .exact, "sm_90a"),
    (["sm_100", "sm_100f"], "10.3", .minorCompatible, "sm_100f"),
    (["sm_101a", "sm_110"], "11.0", .exact, "sm_110"),
    (["compute_101a", "sm_101"], "11.0", .notGuaranteed, "sm_101"),
    (["compute_90a", "compute_80"], "9.0", .jit, "compute_90a"),
    (["compute_90a", "compute_80"], "10.0", .jit, "compute_80"),
  ])
  func theDriversChoice(_ names: [String], _ on: String, _ fit: Fit, _ winner: String) {
    for names in [names, names.reversed()] {
      let verdict = verdict(names, on: on)
      #expect(verdict.fit == fit)
      #expect(verdict.winner?.signature.targetName == winner)
      #expect(verdict.winner.flatMap { verdict.images.firstIndex(of: $0) }.map { names[$0] } == winner)
    }
  }

  @Test func withoutAWinnerEveryImageHasItsReason() {
    let verdict = verdict(["sm_70", "sm_89", "sm_90a", "sm_100f", "compute_90", "lto_80"], on: "8.6")
    #expect(verdict.fit == .none)
    #expect(verdict.winner == nil)
    #expect(
      verdict.images.map(\.judgement.reason) == [
        .differentMajor, .newerMinor, .architectureSpecific, .otherFamily, .ptxTargetNewer, .notLoadable,
      ])
  }

  @Test func aDriverNarrowsTheChoice() {
    let images = [
      image("compute_80", isa: PTXISAVersion(8, 5)), image("compute_70", isa: PTXISAVersion(7, 0)),
    ]
    let library = CodeUnit(inventory([Draft(images: images)]))
    let free = library.firstModule(on: device("9.0"))
    let held = library.firstModule(on: device("9.0", driver: "535"))
    #expect(free.winner?.signature.targetName == "compute_80")
    #expect(held.winner?.signature.targetName == "compute_70")
  }

  @Test func ofTwoEqualPTXTheNewerVersionCounts() {
    let versions = [nil, PTXISAVersion(8, 5), PTXISAVersion(7, 0)]
    for order in [versions, versions.reversed()] {
      let library = CodeUnit(inventory([Draft(images: order.map { image("compute_80", isa: $0) })]))
      let winner = library.firstModule(on: device("9.0")).winner
      #expect(winner?.signature.ptxISA == PTXISAVersion(8, 5))
    }
  }

  @Test(arguments: [
    (["sm_80", "sm_90"], Module.Place.registered, ModuleRole.portable),
    (["sm_90"], .registered, .portable),
    (["sm_90a"], .registered, .specialised),
    (["sm_90a", "sm_100f", "compute_120f"], .registered, .specialised),
    (["sm_90a", "sm_80"], .registered, .portable),
    (["sm_90"], .embedded, .specialised),
    (["sm_90", "compute_90"], .embedded, .portable), (["sm_90", "sm_90"], .embedded, .specialised),
    (["compute_75"], .embedded, .specialised),
    (["sm_90", "sm_100"], .embedded, .portable),
    (["sm_90"], .standalone, .portable),
    (["sm_90a"], .standalone, .specialised),
    (["sm_80", "compute_80"], .relocatable, .linkInput),
    (["lto_80"], .registered, .linkInput),
    (["lto_80", "lto_90"], .embedded, .linkInput),
    (["lto_80", "compute_80"], .registered, .portable),
    ([], .registered, .empty),
  ])
  func roles(_ names: [String], _ place: Module.Place, _ role: ModuleRole) {
    #expect(CodeUnit(inventory([Draft(names, place)])).role(ofModule: 0) == role)
    #expect(ModuleRole(Module(place: place), names.map { image($0) }) == role)
  }

  @Test func aRelocatableCubinIsLinkInputWhereverItLies() {
    let draft = Draft(images: [image("sm_80", isRelocatable: true)], .embedded)
    #expect(CodeUnit(inventory([draft])).role(ofModule: 0) == .linkInput)
  }

  @Test func preLinkedPTXIsTheFallback() {
    let linked = inventory([
      Draft(["sm_80"], preLinked: [1]), Draft(["sm_80", "compute_80"], .relocatable),
      Draft(["compute_70"], .relocatable),
    ])
    let verdict = CodeUnit(linked).firstModule(on: device("9.0"))
    #expect(verdict.fit == .jit)
    #expect(verdict.winner?.isPreLinked == true)
    #expect(verdict.winner?.signature.targetName == "compute_80")
    #expect(
      verdict.images.map(\.signature.targetName) == ["sm_80", "compute_80"],
      "the pre-linked cubin and the other module do not count")
    // PTX that nothing names helps nobody.
    var apart = linked
    apart.modules[0].preLinked = []
    #expect(CodeUnit(apart).firstModule(on: device("9.0")).fit == .none)
    #expect(CodeUnit(linked).firstModule(on: device("8.6")).fit == .minorCompatible)
    #expect(CodeUnit(linked).firstModule(on: device("7.5")).fit == .none)
  }

  @Test func everyPreLinkedPartMustHaveThePTX() {
    let linked = inventory([
      Draft(["sm_80"], preLinked: [1, 2]), Draft(["compute_80", "compute_90"], .relocatable),
      Draft(["sm_80", "compute_90"], .relocatable),
    ])
    let library = CodeUnit(linked)
    #expect(library.firstModule(on: device("9.0")).fit == .jit)
    // The second part has no PTX that 8.9 could compile, and the driver links all parts or none.
    let other = inventory([
      Draft(["sm_90"], preLinked: [1, 2]), Draft(["compute_80"], .relocatable),
      Draft(["sm_90"], .relocatable),
    ])
    #expect(CodeUnit(other).firstModule(on: device("8.9")).fit == .none)
  }

  @Test(arguments: [ImageKind.ptx, .relocatablePTX])
  func relocatablePTXCountsWhenPreLinked(_ kind: ImageKind) {
    let ptx = DeviceImage(kind: kind, target: CodeTarget(80), isRelocatable: true)
    let linked = inventory([Draft(["sm_80"], preLinked: [1]), Draft(images: [ptx], .relocatable)])
    #expect(CodeUnit(linked).firstModule(on: device("9.0")).fit == .jit)
  }

  @Test func indicesOutsideTheFileAreIgnored() {
    var broken = inventory([Draft(["sm_80"], preLinked: [7, -1])])
    broken.modules[0].images = 0..<9
    let verdict = CodeUnit(broken).firstModule(on: device("8.0"))
    #expect(verdict.fit == .exact)
    #expect(verdict.images.count == 1)
  }
}
