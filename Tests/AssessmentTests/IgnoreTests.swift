import Assessment
import Bytes
import Compatibility
import Stack
import StackFixtures
import Testing

/// What does not matter to whoever asks.
@Suite struct IgnoreTests {
  private let reason = "used for training only"

  private func rule(
    _ what: IgnoreRule.What = .everything, package: String? = nil, library: String? = nil,
    on gpu: String? = nil
  ) throws -> IgnoreRule {
    IgnoreRule(
      what, package: package, library: library, devices: try gpu.map { [try device($0)] }, reason: reason,
      source: "cubinspect.toml")
  }

  /// PyTorch for V100 and H100, and a package for H100 alone, which another requires.
  private func stack(_ rules: IgnoreRule..., require: String? = nil) throws -> ViewAssessment {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "site/")
    tree.distribution("flash-attn", "2.8.0", in: "site/")
    tree.distribution("vllm", "0.6.0", requires: ["flash-attn"], in: "site/")
    tree.add("flash_attn/ops.so,,\n", at: "site/flash_attn-2.8.0.dist-info/RECORD")
    tree.library("site/flash_attn/ops.so")
    tree.library("site/vllm/_C.so")
    tree.add("vllm/_C.so,,\n", at: "site/vllm-0.6.0.dist-info/RECORD")
    var question = Case(
      facts: tree.facts(),
      devices: [try device("Tesla V100-SXM2-16GB"), try device("NVIDIA H100 80GB HBM3")],
      files: [
        codeFile("site/torch/lib/libtorch_cuda.so", [["sm_70", "sm_90"]]),
        codeFile("site/flash_attn/ops.so", [["sm_90"]]),
        codeFile("site/vllm/_C.so", [["sm_70", "sm_90"]]),
      ])
    question.question.ignores = rules
    if let require { question.question.requirements = try Requirements(require) }
    return question.assessment
  }

  @Test func nothingIsIgnored() throws {
    let assessment = try stack()
    #expect(assessment.answers.map(\.kind) == [.partly, .yes])
    #expect(!assessment.plan.isEmpty)
    #expect(assessment.ignored.isEmpty)
  }

  @Test(arguments: ["flash-attn", "flash_attn", "Flash*", "fl*tn"])
  func aPackage(_ name: String) throws {
    let assessment = try stack(try rule(package: name))
    #expect(assessment.answers.map(\.kind) == [.yes, .yes])
    #expect(assessment.plan.steps.isEmpty && assessment.plan.obstacles.isEmpty)
    #expect(!assessment.checks.contains { $0.subject?.contains("flash") == true })
    let finding = try #require(assessment.ignored.first)
    #expect(assessment.ignored.count == 1)
    #expect(finding.id == "packageGPU" && finding.status == .fail && finding.device == 0)
    #expect(finding.sentence.text.contains("flash-attn 2.8.0 has no code for"))
    #expect(finding.paths == [Path("site/flash_attn/ops.so")])
    #expect(finding.rule.reason == reason)
    let package = try #require(assessment.packages.first { $0.name.hasPrefix("flash") })
    #expect(package.verdicts.map(\.told) == [.incompatible, .native])
    #expect(package.verdicts.map(\.verdict) == [.noDeviceCode, .noDeviceCode])
    #expect(package.verdicts[0].standings == [.ignored])
  }

  @Test func onOneGPU() throws {
    #expect(
      try stack(try rule(package: "flash-attn", on: "Tesla V100-SXM2-16GB")).answers.map(\.kind) == [
        .yes, .yes,
      ])
    #expect(try stack(try rule(package: "flash-attn", on: "7.0")).answers.map(\.kind) == [.yes, .yes])
    let other = try stack(try rule(package: "flash-attn", on: "NVIDIA H100 80GB HBM3"))
    #expect(other.answers.map(\.kind) == [.partly, .yes])
    #expect(other.ignored.isEmpty)
  }

  @Test func aLibrary() throws {
    for name in ["ops.so", "ops*", "site/flash*"] {
      let assessment = try stack(try rule(library: name))
      #expect(assessment.answers.map(\.kind) == [.yes, .yes])
      #expect(assessment.ignored.map(\.paths) == [[Path("site/flash_attn/ops.so")]])
    }
    #expect(try stack(try rule(package: "vllm", library: "ops.so")).answers.map(\.kind) == [.partly, .yes])
  }

  /// A rule about all packages leaves nothing, and says so.
  @Test func everything() throws {
    let assessment = try stack(try rule(package: "*"))
    #expect(assessment.answers.map(\.kind) == [.nothing, .nothing])
    #expect(assessment.answers[0].reasons[0].text == "nothing that counts uses a GPU: the rest is ignored")
  }

  @Test func aCheck() throws {
    var tree = TreeBuilder()
    tree.images = [
      ImageConfiguration(environment: ["CUDA_VERSION": "12.8.1", "NVIDIA_REQUIRE_CUDA": "cuda>=12.8"])
    ]
    func assess(_ rules: [IgnoreRule]) throws -> ViewAssessment {
      var question = Case(
        facts: tree.facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: "535.54.03")],
        files: [codeFile("app/lib.so", [["sm_80"]])])
      question.question.ignores = rules
      return question.assessment
    }
    #expect(try assess([]).answers.map(\.kind) == [.no])
    let assessment = try assess([try rule(.check(.driverImage))])
    #expect(assessment.answers.map(\.kind) == [.yes])
    #expect(assessment.ignored.map(\.id) == ["driverImage"])
    #expect(assessment.checks.statuses(.driverImage).isEmpty)
    // The driver that is recommended is for what counts.
    #expect(try assess([]).demand?.reasons.contains { $0.hasPrefix("the image") } == true)
    #expect(assessment.demand?.reasons.contains { $0.hasPrefix("the image") } != true)
  }

  @Test func aRequirement() throws {
    let before = try stack(require: "sm_70")
    #expect(before.units.filter { !$0.meetsRequirements }.map(\.path) == [Path("site/flash_attn/ops.so")])
    for rule in [
      try rule(.requirement, library: "ops.so"), try rule(.requirement, package: "flash-attn"),
      try rule(library: "ops.so"),
    ] {
      let after = try stack(rule, require: "sm_70")
      #expect(after.units.allSatisfy { $0.meetsRequirements })
      #expect(
        after.ignored.filter { $0.id == "requirement" }.map(\.sentence.text) == [
          "site/flash_attn/ops.so does not carry sm_70, which is required"
        ])
    }
    // On one GPU alone nothing is said about targets.
    #expect(
      try stack(try rule(library: "ops.so", on: "7.0"), require: "sm_70").units.contains {
        !$0.meetsRequirements
      })
  }

  @Test func whatNamesNothingIsKnown() throws {
    let rules = [try rule(package: "flash-attn"), try rule(package: "xformers"), try rule(library: "nix*")]
    var question = Question(
      devices: [RequestedDevice(query: "8.0", device: try device("8.0"))], namesDevices: true)
    question.ignores = rules
    var facts = Facts()
    var tree = TreeBuilder()
    tree.distribution("flash-attn", "2.8.0", in: "site/")
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "site/")
    var view = View(kind: .directory, paths: [Path("root")])
    view.stack = tree.facts()
    facts.views = [view]
    #expect(Assessment(facts, question).ignoresWithoutSubject == Array(rules[1...]))
  }
}
