import Assessment
import Bytes
import Compatibility
import Stack
import StackFixtures
import Testing

/// Answers over several views, and what fails a scan.
@Suite struct AnswerTests {
  /// Packages of one name, such as those of members whose folders are all called `..`, say the same of one GPU.
  @Test func theSameOfOneGPU() {
    let checks = [0, 1, 0, 1].map { device in
      Check(
        .packageGPU, .fail, subject: "..", device: device, "\(subject: "..") has no code for \(gpu: "A100")")
    }
    #expect(checks.shared.map(\.devices) == [[0, 1]])
  }

  @Test func levels() {
    let levels: [FailLevel] = [.jit, .notGuaranteed, .partial, .incompatible, .never]
    for (threshold, level) in levels.enumerated() {
      for verdict in Verdict.allCases {
        let expected = (verdict.severity ?? -1) > threshold
        #expect(level.includes(verdict) == expected, "\(level) \(verdict)")
      }
    }
  }

  /// As bad as the worst, and where nothing uses a GPU does not count beside others.
  @Test func combined() throws {
    let yes = Answer(.yes, .native, oldestDriver: DriverVersion("525.60.13"))
    let jit = Answer(.yes, .jit, reasons: [Reason(.compiledAtFirstStart, "a")])
    let open = Answer(.unknown, .notGuaranteed, reasons: [Reason(.notGuaranteed, "b")])
    let partly = Answer(.partly, .partial, reasons: [Reason(.someKernelsMissing, "c")])
    let no = Answer(
      .no, .incompatible, reasons: [Reason(.noKernelImage, "d")], oldestDriver: DriverVersion("R570"))
    let nothing = Answer(.nothing, .noDeviceCode, reasons: [Reason(.nothingUsesGPU, "e")])
    let order = [yes, open, partly, no]
    for (index, worst) in order.enumerated() {
      for other in order.prefix(index + 1) + [nothing, jit] {
        for pair in [[worst, other], [other, worst]] {
          let answer = Answer.combined(pair, by: .shipped)
          #expect(answer.kind == worst.kind)
          #expect(answer.reasons.first == (worst.reasons + other.reasons).first || other.kind == .nothing)
        }
      }
    }
    #expect(Answer.combined([yes, jit], by: .shipped).verdict == .jit)
    #expect(Answer.combined([yes, no], by: .shipped).oldestDriver == DriverVersion("R570"))
    #expect(Answer.combined([nothing, nothing], by: .shipped).kind == .nothing)
    #expect(Answer.combined([], by: .shipped).kind == .nothing)
    #expect(Answer.combined([no, no], by: .shipped).reasons == no.reasons)
  }

  /// Several installations are each judged by what is in them, and together as the worst of them.
  @Test func severalViews() throws {
    var good = View(kind: .image, paths: ["images.tar"], label: "linux/amd64")
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "site/")
    good.stack = tree.facts()
    good.files = [codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80"]])]
    var without = View(kind: .image, paths: ["images.tar"], label: "linux/arm64")
    var processor = TreeBuilder()
    processor.torch("2.4.1+cpu", cuda: nil, in: "site/")
    without.stack = processor.facts()
    let question = Question(
      devices: [RequestedDevice(query: "8.0", device: try device("8.0"))], namesDevices: true)
    let assessment = Assessment(Facts(views: [good, without]), question)
    #expect(assessment.views.map { $0.answers.map(\.kind) } == [[.yes], [.no]])
    #expect(
      assessment.views.map { $0.packages.map(\.name) } == [
        ["PyTorch 2.4.1+cu121"], ["PyTorch 2.4.1+cpu"],
      ])
    #expect(assessment.answers.map(\.kind) == [.no])
    #expect(assessment.answers[0].reasons.map(\.code) == [.builtWithoutCUDA])
    #expect(assessment.reaches(.incompatible) && !assessment.reaches(.never))
    let alone = Assessment(Facts(views: [good]), question)
    #expect(alone.answers.map(\.kind) == [.yes] && !alone.reaches(.incompatible))
  }

  /// A folder with nothing but a version says nothing about libraries, and nothing about a GPU.
  @Test func nothingButAVersion() throws {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "site/")
    let question = Case(facts: tree.facts(), devices: [try device("8.0", driver: "550.54.14")], files: [])
    #expect(question.checks().statuses(.torchLibraries) == [.unknown])
    #expect(question.checks().statuses(.torchGPU) == [.unknown])
    #expect(question.answers == [.unknown])
    #expect(question.assessment.answers[0].verdict == .noDeviceCode)
  }

  /// What was not read may use a GPU.
  @Test func whatWasNotRead() throws {
    func answer(_ change: (inout View) -> Void) throws -> Answer {
      var question = Case(facts: StackFacts(), devices: [try device("8.0")], files: [])
      change(&question.view)
      return question.assessment.answers[0]
    }
    #expect(try answer { _ in }.kind == .nothing)
    // What no driver is asked for, none stops.
    for driver in ["418.226.00", "700.10"] {
      let question = Case(facts: StackFacts(), devices: [try device("8.0", driver: driver)], files: [])
      #expect(question.answers == [.nothing])
    }
    #expect(try answer { $0.linksOutside = 2 }.kind == .unknown)
    #expect(try answer { $0.linksOutside = 2 }.reasons.map(\.code) == [.notKnown])
    #expect(
      try answer { $0.problems = [FileProblem(path: "a.so", problem: Problem(.corruptData, "x"))] }.kind
        == .unknown)
  }

  /// Nothing answers for a driver that the verdict does not.
  @Test func theDriverIsInTheVerdict() throws {
    var tree = TreeBuilder()
    tree.torch("2.9.0+cu130", cuda: "13.0", in: "site/")
    let question = Case(
      facts: tree.facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: "535.54.03")],
      files: [codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80"]])])
    let assessment = question.assessment
    #expect(assessment.answers.map(\.kind) == [.no])
    #expect(assessment.answers[0].verdict == .incompatible)
    #expect(assessment.answers[0].reasons.map(\.code) == [.driverTooOldForRuntime])
    #expect(assessment.answers[0].oldestDriver == DriverVersion("580.65.06"))
    #expect(assessment.packages[0].verdicts.map(\.verdict) == [.incompatible])
    #expect(assessment.packages[0].verdicts.map(\.code) == [.native])
  }

  /// Of what stops a package the first check is told first, and nothing is compiled that the driver does not know.
  @Test func whatStopsComesFirst() throws {
    var tree = TreeBuilder()
    tree.torch("2.9.0+cu130", cuda: "13.0", in: "site/")
    let question = Case(
      facts: tree.facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: "418.226.00")],
      files: [codeFile("site/torch/lib/libtorch_cuda.so", [["compute_80"]], isa: "9.0")])
    #expect(
      question.assessment.answers[0].reasons.map(\.code) == [
        .driverDoesNotSupportGPU, .driverTooOldForRuntime,
      ])
    let old = Case(
      facts: StackFacts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: "535.54.03")],
      files: [codeFile("app/lib.so", [["compute_80"]], isa: "9.0")])
    #expect(old.assessment.answers[0].reasons.map(\.code) == [.driverTooOldForPTX])
  }

  /// In an overview every desktop GPU has its say on the driver, and Tegras have none.
  @Test func anOverviewWithADriver() throws {
    var tree = TreeBuilder()
    tree.images = [
      ImageConfiguration(environment: ["CUDA_VERSION": "12.8.1", "NVIDIA_REQUIRE_CUDA": "cuda>=12.8"])
    ]
    func status(_ driver: String) throws -> [Check.Status] {
      var question = Case(
        facts: tree.facts(), devices: try ["8.0", "8.7", "9.0"].map { try device($0, driver: driver) },
        files: [])
      question.question.namesDevices = false
      return question.checks().statuses(.driverImage)
    }
    #expect(try status("535.54.03") == [.fail])
    #expect(try status("580.65.06") == [.pass])
  }

  /// Desktop machine code on an Orin: by the release of Jetson Linux that is there, or the driver that is given.
  @Test func desktopCodeOnOrin() throws {
    func assess(_ release: String?, _ driver: String?) throws -> ViewAssessment {
      var tree = TreeBuilder()
      tree.torch("2.9.0+cu130", cuda: "13.0", in: "site/")
      if let release {
        tree.add(
          "# R\(release.prefix { $0 != "." }) (release), REVISION: "
            + "\(release.drop { $0 != "." }.dropFirst()), GCID: 1\n", at: "etc/nv_tegra_release")
      }
      return Case(
        facts: tree.facts(), devices: [try device("Jetson AGX Orin", driver: driver)],
        files: [codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80", "sm_90"]])]
      ).assessment
    }
    let unknown = try assess(nil, nil)
    #expect(unknown.answers.map(\.kind) == [.no])
    #expect(unknown.answers[0].reasons.map(\.code) == [.noKernelImage])
    #expect(
      unknown.checks.messages(.torchGPU).allSatisfy { $0.contains("expect it to fail") })
    #expect(try assess("36.4.3", nil).answers.map(\.kind) == [.no])
    #expect(
      try assess("36.4.3", nil).checks.messages(.torchGPU).allSatisfy { !$0.contains("is not known") })
    let jetPack7 = try assess("39.2", nil)
    #expect(jetPack7.answers.map(\.kind) == [.unknown])
    #expect(jetPack7.answers[0].verdict == .notGuaranteed)
    #expect(jetPack7.answers[0].reasons.map(\.code) == [.notGuaranteed])
    #expect(try assess(nil, "595.78").answers.map(\.kind) == [.unknown])
    #expect(try assess(nil, "540.4.0").answers.map(\.kind) == [.no])
    #expect(try assess("39.2", "540.4.0").answers.map(\.kind) == [.no])
  }
}
