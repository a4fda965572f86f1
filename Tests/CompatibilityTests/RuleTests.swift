import Compatibility
import DeviceCode
import Testing

@Suite struct RuleTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var target: String
    var device: String
    var fit: Fit
    var reason: ExclusionReason?
    var rule: Rule

    init(_ target: String, _ device: String, _ fit: Fit, _ rule: Rule) {
      (self.target, self.device, self.fit, self.rule) = (target, device, fit, rule)
    }

    init(_ target: String, _ device: String, _ reason: ExclusionReason, _ rule: Rule) {
      (self.target, self.device, self.fit, self.reason, self.rule) = (target, device, .none, reason, rule)
    }

    var testDescription: String { "\(target) on \(device)" }
  }

  @Test(arguments: [
    Case("sm_80", "8.0", .exact, .cubin),
    Case("sm_80", "8.6", .minorCompatible, .cubin),
    Case("sm_70", "7.5", .minorCompatible, .cubin),
    Case("sm_120", "12.1", .minorCompatible, .cubin),
    Case("sm_100", "10.7", .minorCompatible, .cubin),
    Case("sm_86", "8.0", .newerMinor, .cubin),
    Case("sm_70", "8.0", .differentMajor, .cubin),
    Case("sm_90", "8.9", .differentMajor, .cubin),
    // Numbers that no table has.
    Case("sm_130", "13.0", .exact, .cubin),
    Case("sm_130", "13.4", .minorCompatible, .cubin),
    Case("sm_135", "13.4", .newerMinor, .cubin),
    Case("sm_80", "13.0", .differentMajor, .cubin),
    // Tegra.
    Case("sm_87", "8.7", .exact, .cubin),
    Case("sm_80", "8.7", .desktopCodeOnTegra, .tegra),
    Case("sm_87", "8.9", .notGuaranteed, .tegra),
    Case("sm_89", "8.7", .newerMinor, .cubin),
    Case("sm_70", "7.2", .desktopCodeOnTegra, .tegra),
    Case("sm_72", "7.5", .notGuaranteed, .tegra),
    Case("sm_87", "8.6", .newerMinor, .cubin),
    Case("sm_90", "8.7", .differentMajor, .cubin),
    Case("sm_100", "10.1", .desktopCodeOnTegra, .tegra),
    // The suffix a.
    Case("sm_90a", "9.0", .exact, .architectureSpecific),
    Case("sm_100a", "10.3", .architectureSpecific, .architectureSpecific),
    Case("sm_90a", "8.0", .architectureSpecific, .architectureSpecific),
    Case("compute_90a", "9.0", .jit, .architectureSpecific),
    Case("compute_90a", "10.0", .architectureSpecific, .architectureSpecific),
    Case("sm_130a", "13.0", .exact, .architectureSpecific),
    // The suffix f.
    Case("sm_100f", "10.0", .exact, .familySpecific),
    Case("sm_100f", "10.3", .minorCompatible, .familySpecific),
    Case("sm_100f", "10.7", .minorCompatible, .familySpecific),
    Case("sm_100f", "10.1", .otherFamily, .familySpecific),
    Case("sm_100f", "12.0", .otherFamily, .familySpecific),
    Case("sm_103f", "10.0", .otherFamily, .familySpecific),
    Case("sm_120f", "12.1", .minorCompatible, .familySpecific),
    Case("sm_121f", "12.0", .otherFamily, .familySpecific),
    Case("compute_100f", "10.3", .jit, .familySpecific),
    Case("compute_100f", "12.0", .otherFamily, .familySpecific),
    Case("sm_100f", "10.9", .notGuaranteed, .familySpecific),
    Case("sm_130f", "13.0", .exact, .familySpecific),
    Case("compute_130f", "13.0", .jit, .familySpecific),
    Case("sm_130f", "13.1", .notGuaranteed, .familySpecific),
    Case("sm_131f", "13.0", .otherFamily, .familySpecific),
    // The renumbering.
    Case("sm_101", "11.0", .notGuaranteed, .renumbering),
    Case("sm_101a", "11.0", .notGuaranteed, .renumbering),
    Case("sm_101f", "11.0", .notGuaranteed, .renumbering),
    Case("compute_101a", "11.0", .notGuaranteed, .renumbering),
    Case("compute_101", "11.0", .jit, .ptx),
    Case("sm_101", "10.1", .exact, .cubin),
    Case("sm_110", "10.1", .differentMajor, .cubin),
    // PTX.
    Case("compute_70", "7.0", .jit, .ptx),
    Case("compute_70", "12.1", .jit, .ptx),
    Case("compute_80", "8.7", .jit, .ptx),
    Case("compute_90", "8.9", .ptxTargetNewer, .ptx),
    Case("compute_130", "14.0", .jit, .ptx),
    // Code that the driver does not load.
    Case("lto_75", "9.0", .notLoadable, .loadable),
  ])
  func judges(_ test: Case) {
    let judgement = judge(image(test.target), test.device)
    #expect(judgement.fit == test.fit)
    #expect(judgement.reason == test.reason)
    #expect(judgement.rule == test.rule)
  }

  @Test func relocatableCodeIsNotLoadable() {
    #expect(judge(image("sm_80", isRelocatable: true), "8.0").reason == .notLoadable)
    let ptx = DeviceImage(kind: .relocatablePTX, target: CodeTarget(80))
    #expect(judge(ptx, "8.0").reason == .notLoadable)
    #expect(Rule.judge(ImageSignature(ptx), on: device("8.0"), linked: true).fit == .jit)
  }

  @Test(arguments: [0x4, 0x10, 0x20, 0x80, 0x100, 0x4000] as [UInt16])
  func otherKindsAreUnknown(_ kind: UInt16) {
    let judgement = judge(DeviceImage(kind: ImageKind(rawValue: kind), target: CodeTarget(80)), "8.0")
    #expect(judgement.reason == .unknownKind)
  }

  @Test func theDriverMustKnowThePTXVersion() {
    let ptx = image("compute_80", isa: PTXISAVersion(8, 5))
    #expect(judge(ptx, "9.0").fit == .jit)
    #expect(judge(ptx, "9.0", driver: "550").reason == .ptxISANewerThanDriver)
    #expect(judge(ptx, "9.0", driver: "555.42.02").fit == .jit)
    #expect(judge(ptx, "9.0", driver: "12.4").reason == .ptxISANewerThanDriver)
    #expect(judge(ptx, "9.0", driver: "12.6").fit == .jit)
    // The target is looked at first.
    #expect(judge(ptx, "7.5", driver: "550").reason == .ptxTargetNewer)
    // A PTX version newer than the table on a driver newer than the table.
    let future = image("compute_80", isa: PTXISAVersion(9, 9))
    #expect(judge(future, "9.0", driver: "700").fit == .notGuaranteed)
    #expect(judge(future, "9.0", driver: "700").rule == .ptxISA)
    #expect(judge(future, "9.0", driver: "615").reason == .ptxISANewerThanDriver)
    // Desktop branches say nothing about a Tegra driver.
    #expect(judge(ptx, "8.7", driver: "535").fit == .jit)
    #expect(judge(ptx, "8.7", driver: "12.2").reason == .ptxISANewerThanDriver)
    // A PTX without a known version is not held back.
    #expect(judge(image("compute_80"), "9.0", driver: "520").fit == .jit)
  }

  @Test func theDriverMustKnowTheCompression() {
    let zstd = image("sm_80", compression: .zstd)
    #expect(judge(zstd, "8.0").fit == .exact)
    #expect(judge(zstd, "8.0", driver: "535").reason == .compressionNewerThanDriver)
    #expect(judge(zstd, "8.0", driver: "550.54.14").fit == .exact)
    #expect(judge(image("sm_80", compression: .lz4), "8.0", driver: "450").fit == .exact)
    #expect(judge(zstd, "9.0", driver: "535").reason == .differentMajor)
    let ptx = image("compute_80", isa: PTXISAVersion(7, 0), compression: .zstd)
    #expect(judge(ptx, "8.0", driver: "535").reason == .compressionNewerThanDriver)
  }

  /// JetPack 7.2 brings libraries of servers, which are reported to run `sm_80` code on Orin.
  @Test(arguments: [
    ("8.7", "595.78", nil, true), ("8.7", "R595", nil, true), ("8.7", "580.95.05", nil, false),
    ("8.7", "13.2", nil, true), ("8.7", "13.0", nil, false), ("8.7", nil, "39.2", true),
    ("8.7", nil, "39.2.1", true), ("8.7", nil, "40", true), ("8.7", nil, "39.1.9", false),
    ("8.7", nil, "36.4.3", false), ("8.7", nil, nil, nil),
    // Who names a driver knows better than the files.
    ("8.7", "540.4.0", "39.2", false),
    // Nobody reports it of others.
    ("7.2", "595.78", nil, false), ("7.2", nil, "39.2", false), ("8.6", "595.78", nil, nil),
  ])
  func desktopCodeOnTegra(on: String, driver: String?, release: String?, runs: Bool?) {
    var device = device(on, driver: driver)
    device.jetsonLinux = release?.split(separator: ".").compactMap { Int($0) }
    #expect(device.runsDesktopCodeOnTegra == runs)
    guard device.isTegra else { return }
    let desktop = ImageSignature(image(on == "8.7" ? "sm_80" : "sm_70"))
    let judgement = Rule.judge(desktop, on: device)
    #expect(judgement.rule == .tegra)
    #expect(judgement.fit == (runs == true ? .notGuaranteed : .none))
    #expect(judgement.reason == (runs == true ? nil : .desktopCodeOnTegra))
  }

  /// The driver picks PTX by the header of its entry and compiles the text.
  @Test func ptxWhoseTextNamesAnotherTarget() throws {
    func fit(_ text: String, _ on: String, header: String = "compute_90", driver: String? = nil) throws
      -> ImageJudgement
    {
      let lines = try #require(
        PTXHeader(
          ".version \(text.split(separator: " ")[0])\n.target "
            + "\(text.split(separator: " ")[1])\n"))
      let unit = CodeUnit(
        inventory([Draft(images: [image(header, isa: PTXISAVersion(8, 0))])]), directives: [0: lines])
      return try #require(
        unit.verdict(ofModule: 0, on: device(on, driver: driver))?.images.first?.judgement)
    }
    // TensorFlow 2.18 to 2.20.
    #expect(try fit("8.0 sm_90a", "9.0").fit == .jit)
    #expect(try fit("8.0 sm_90a", "12.0").reason == .otherPTXTarget)
    #expect(try fit("8.0 sm_100", "9.0").reason == .otherPTXTarget)
    // A lower target than the header's is no harm.
    #expect(try fit("8.0 sm_70", "9.0").fit == .jit)
    // What the header excludes the text does not let in.
    #expect(try fit("8.0 sm_70", "8.0").reason == .ptxTargetNewer)
    // The text is in a version that the driver does not know, though the header is in one that it knows.
    #expect(try fit("9.0 sm_90", "9.0", driver: "535").reason == .ptxISANewerThanDriver)
    #expect(try fit("9.0 sm_90", "9.0", driver: "580.65.06").fit == .jit)
  }

  @Test func everyExclusionHasAReason() {
    let names = [
      "sm_80", "sm_87", "sm_90a", "sm_100f", "sm_101", "compute_80", "compute_90a", "compute_100f", "lto_75",
      "sm_130f",
    ]
    let devices = ["7.5", "8.0", "8.7", "8.9", "9.0", "10.0", "10.3", "11.0", "13.1"]
    for name in names {
      for on in devices {
        for driver in [nil, "535", "700"] {
          let image = image(name, isa: PTXISAVersion(9, 9), compression: .zstd)
          let device = device(on, driver: driver)
          let judgement = Rule.judge(ImageSignature(image), on: device)
          #expect((judgement.reason == nil) == (judgement.fit > .none))
        }
      }
    }
  }
}

@Suite struct DriverRuleTests {
  @Test func aDriverThatDoesNotSupportTheGPURunsNothing() {
    let device = Device(ComputeCapability(8, 9), driver: DriverVersion("460.32.03"))
    for name in ["sm_80", "sm_89", "compute_70"] {
      let judgement = Rule.judge(ImageSignature(image(name)), on: device)
      #expect(judgement.reason == .gpuUnknownToDriver && judgement.rule == .driver)
    }
    // What would not run anyway says so.
    #expect(Rule.judge(ImageSignature(image("sm_90")), on: device).reason == .differentMajor)
    // Old GPUs are dropped as well.
    let volta = Device(ComputeCapability(7, 0), driver: DriverVersion("590"))
    #expect(Rule.judge(ImageSignature(image("sm_70")), on: volta).reason == .gpuUnknownToDriver)
    let verdict = CodeUnit(inventory([Draft(["sm_86"])])).verdict(on: device)
    #expect(verdict.verdict == .incompatible)
    #expect(verdict.advice.contains(.installDriver(first: 520, last: nil)))
    #expect(!verdict.advice.contains(.useBuildWith(CodeTarget(89))))
  }
}
