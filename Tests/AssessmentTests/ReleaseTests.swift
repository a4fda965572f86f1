import Bytes
import Compatibility
import Foundation
import Report
import StackFixtures
import Testing

@testable import Assessment
@testable import Stack

/// Which release of a package runs on a GPU.
@Suite struct ReleaseTests {
  /// A release of the package `ops` and what it has.
  private struct Release {
    var version: String
    var targets: [String]?
    /// Modules with one target each, besides.
    var more: [String] = []
    var pythons: [String] = ["3.12"]
    var needs = "libcudart.so.12"
    var requires: [String] = []
    /// Alternatives by CUDA in place of one library: `118`.
    var byCUDA: [String: [String]] = [:]
  }

  /// A table of releases, of which those without targets were not measured.
  private func table(_ releases: [Release], machine: String = "x86_64") throws -> SurveyTable {
    let package: [String: Any] = [
      "asOf": "2026-11-29",
      "releases": releases.enumerated().map { index, release in
        ["version": release.version, "published": "2026-01-\(10 + index)", "pythons": release.pythons]
          as [String: Any]
      },
    ]
    var lines = [line("ops", machine, package)]
    for release in releases where release.targets != nil || !release.byCUDA.isEmpty {
      var view = View(kind: .wheel, paths: [Path("ops-\(release.version).whl")])
      var tree = TreeBuilder()
      tree.distribution("ops", release.version, requires: release.requires)
      view.files = release.targets.map { [codeFile("ops/_C.so", [$0] + release.more.map { [$0] })] } ?? []
      view.files += release.byCUDA.sorted { $0.key < $1.key }.map {
        codeFile("ops/libops_cuda\($0.key).so", [$0.value])
      }
      view.stack = tree.facts()
      view.stack.packages = [
        Package(
          ecosystem: .python, name: "ops", version: release.version,
          record: Path("ops-\(release.version).dist-info/METADATA"), environment: Path(""))
      ]
      for file in view.files { view.stack.setPackage(0, of: file.path) }
      view.stack.missing = [MissingLibrary(soname: release.needs, neededBy: view.files.map(\.path))]
      let facts = try JSONSerialization.jsonObject(with: JSONEncoder().encode(view.compact))
      lines.append(
        line(
          "ops", machine,
          [
            "release": release.version, "file": "ops-\(release.version)-cp312-cp312-linux_x86_64.whl",
            "sha256": String(repeating: "0", count: 64), "size": 1, "facts": facts,
          ]))
    }
    return SurveyTable(Array(lines.joined().utf8))
  }

  private func line(_ package: String, _ machine: String, _ members: [String: Any]) -> String {
    var text = "{\"package\":\"\(package)\",\"machine\":\"\(machine)\""
    // The release comes first.
    let members = members.sorted { ($0.key == "release" ? "" : $0.key) < ($1.key == "release" ? "" : $1.key) }
    for (key, value) in members {
      guard let data = try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed]) else {
        continue
      }
      text += ",\"\(key)\":" + String(decoding: data, as: UTF8.self)
    }
    return text + "}\n"
  }

  /// A release is of no use on a GPU on which the PyTorch that it requires does not run.
  @Test func requiredPyTorch() throws {
    let table = try table([
      Release(version: "1.0", targets: ["sm_50", "compute_50"], requires: ["torch==2.3.0"]),
      Release(version: "2.0", targets: ["sm_50", "compute_50"], requires: ["torch==2.10.0"]),
      Release(version: "3.0", targets: ["sm_50", "compute_50"], requires: ["torch==99.0.0"]),
    ])
    let answer = try ReleaseAnswer(question(["B300"]), in: table)
    // Of a PyTorch that no table has nothing is known.
    #expect(answer.releases.map(\.answer.kind) == [.no, .yes, .yes])
    #expect(
      answer.releases[0].answer.reasons.map(\.text) == [
        "ops 1.0 requires PyTorch 2.3.0, of which no official build runs on B300 SXM6 AC"
      ])
    #expect(
      try ReleaseAnswer(question(["V100"]), in: table).releases.map(\.answer.kind) == [.yes, .yes, .yes])
  }

  /// A release of which most runs is taken before an older one of which all does, and one of which little runs is not.
  @Test func mostOfANewerRelease() throws {
    let answer = try ReleaseAnswer(
      question(["A100"]),
      in: table([
        Release(version: "1.0", targets: ["sm_80", "sm_90"]),
        Release(version: "2.0", targets: ["sm_80", "sm_90"], more: ["sm_80", "sm_80", "sm_90"]),
        Release(version: "3.0", targets: ["sm_80", "sm_90"], more: ["sm_90", "sm_90", "sm_90"]),
      ]))
    #expect(answer.releases.map(\.runningShare) == [1, 0.75, 0.25])
    #expect(answer.newest?.version == "1.0")
    #expect(answer.newestInPart?.version == "3.0")
    #expect(answer.best?.version == "1.0")
    let most = try ReleaseAnswer(
      question(["A100"]),
      in: table([
        Release(version: "1.0", targets: ["sm_80", "sm_90"]),
        Release(version: "2.0", targets: ["sm_80", "sm_90"], more: ["sm_80", "sm_80", "sm_90"]),
      ]))
    #expect(most.best?.version == "2.0")
    let text = ReleaseReport(question: try question(["A100"]), answer: most).text(TextStyle())
    #expect(text.contains("75 % of the code runs on A100"))
    #expect(text.contains("ops 1.0 is the newest of which all runs."))
  }

  @Test(
    arguments: [
      (["3.8+"], "<3.15,>=3.10", "3.10", "3.14"), (["3.8+"], nil, "3.8", nil), ([], ">=3.9", "3.9", nil),
      (["3.9", "3.10"], ">=3.6.1", "3.9", "3.10"), (["2.7", "3.5"], nil, "2.7", "3.5"),
    ] as [([String], String?, String, String?)])
  func whichPythons(_ tags: [String], _ condition: String?, _ oldest: String, _ newest: String?) throws {
    let release = SurveyTable.Release(
      version: "1.0", published: "2026-01-01", pythons: tags, requiresPython: condition)
    let range = try #require(release.pythonRange)
    #expect(range.oldest == oldest)
    #expect(range.newest == newest)
  }

  private func question(
    _ gpus: [String], package: String = "ops", driver: String? = nil, python: String? = nil,
    cuda: String? = nil
  ) throws -> ReleaseQuestion {
    let devices = try gpus.map { RequestedDevice(query: $0, device: try device($0, driver: driver)) }
    return ReleaseQuestion(
      package: package, question: Question(devices: devices, namesDevices: true), python: python,
      cuda: cuda.flatMap { CUDAVersion($0) })
  }

  private let releases = [
    Release(version: "1.0", targets: ["sm_50", "sm_60", "sm_70"], needs: "libcudart.so.11.0"),
    Release(version: "1.1", targets: nil),
    Release(version: "2.0", targets: ["sm_60", "sm_70", "sm_80"], pythons: ["3.10+"]),
    Release(version: "2.1", targets: ["sm_70", "sm_80", "sm_90"]),
    Release(version: "3.0", targets: ["sm_80", "sm_90", "sm_120"], needs: "libcudart.so.13"),
    Release(version: "3.1", targets: nil),
  ]

  @Test func theNewestThatRunsIsNamedWithSinceWhenItIsGone() throws {
    let answer = try ReleaseAnswer(question(["GTX 980"]), in: table(releases))
    #expect(answer.newest?.version == "1.0")
    #expect(answer.best?.command == "pip install ops==1.0")
    #expect(answer.latest?.version == "3.0")
    #expect(
      answer.changes == [
        [ReleaseChange(kind: .gone, before: "1.0", after: "2.0", published: "2026-01-12", unmeasured: 1)]
      ])
    #expect(answer.extent.releases == 6)
    #expect(answer.extent.measured == 4)
    #expect(answer.extent.newer == 1)
    // CUDA 11 asks for less than CUDA 12 does, and R580 is the last for Maxwell.
    #expect(answer.best?.cuda == [CUDAVersion(11, 0)])
    #expect(answer.best?.oldestDriver?.isAtLeast(DriverVersion.branch(450), by: .shipped) == true)
    #expect(answer.best?.lastDriverBranch == 580)
  }

  @Test func aGPUThatCame() throws {
    let answer = try ReleaseAnswer(question(["RTX 5090"]), in: table(releases))
    #expect(answer.newest?.version == "3.0")
    #expect(answer.changes[0].map(\.kind) == [.came])
    #expect(answer.changes[0].map(\.before) == ["2.1"])
    #expect(answer.newestInPart == nil)
  }

  @Test func allGPUsHaveToRunIt() throws {
    let table = try table(releases)
    #expect(try ReleaseAnswer(question(["V100", "H100 NVL"]), in: table).newest?.version == "2.1")
    #expect(try ReleaseAnswer(question(["GTX 980", "H100 NVL"]), in: table).best == nil)
  }

  @Test func driverPythonAndCUDANarrowItDown() throws {
    let table = try table(releases)
    #expect(try ReleaseAnswer(question(["A100"]), in: table).newest?.version == "3.0")
    // R535 runs CUDA 12, and not CUDA 13.
    #expect(try ReleaseAnswer(question(["A100"], driver: "535.54.03"), in: table).newest?.version == "2.1")
    let old = try ReleaseAnswer(question(["A100"], python: "3.11"), in: table)
    #expect(old.newest?.version == "2.0")
    #expect(old.extent.leftOut == 3)
    #expect(try ReleaseAnswer(question(["A100"], cuda: "12.4"), in: table).newest?.version == "2.1")
    #expect(try ReleaseAnswer(question(["A100"], cuda: "10.2"), in: table).best == nil)
  }

  @Test func ofSeveralFilesTheOneForCUDACounts() throws {
    let table = try table([
      Release(version: "1.0", byCUDA: ["118": ["sm_50", "sm_80"], "124": ["sm_50", "sm_80"]]),
      Release(version: "2.0", byCUDA: ["118": ["sm_50", "sm_80"], "128": ["sm_80", "sm_120"]]),
    ])
    let any = try ReleaseAnswer(question(["GTX 980"]), in: table)
    #expect(any.newest?.version == "2.0")
    #expect(any.newest?.cuda == [CUDAVersion(11, 8)])
    #expect(try ReleaseAnswer(question(["GTX 980"], cuda: "12.4"), in: table).newest?.version == "1.0")
    #expect(try ReleaseAnswer(question(["GTX 980"], cuda: "12.8"), in: table).best == nil)
    #expect(try ReleaseAnswer(question(["RTX 5090"]), in: table).newest?.cuda == [CUDAVersion(12, 8)])
  }

  @Test func whatWasNotMeasuredIsNotGuessed() throws {
    let table = try table(releases)
    #expect(throws: NotSurveyed(package: "other", machines: [], similar: [])) {
      try ReleaseAnswer(question(["A100"], package: "other"), in: table)
    }
    #expect(throws: NotSurveyed(package: "ops-extra", machines: [], similar: ["ops"])) {
      try ReleaseAnswer(question(["A100"], package: "ops_extra"), in: table)
    }
    var arm = try question(["A100"])
    arm.machine = "aarch64"
    #expect(throws: NotSurveyed(package: "ops", machines: ["x86_64"], similar: [])) {
      try ReleaseAnswer(arm, in: table)
    }
  }

  @Test func theTextSaysWhatMatters() throws {
    let asked = try question(["GTX 980"])
    let text = ReleaseReport(question: asked, answer: try ReleaseAnswer(asked, in: table(releases))).text(
      TextStyle())
    #expect(
      text.hasPrefix(
        "✓ ops 1.0 is the newest that runs on GTX 980.\n    pip install ops==1.0\n"))
    #expect(
      text.contains(
        "gone since 2.0 of 2026-01-12; 1.0 was the last that ran on it (1 release between them was not measured)."
      ))
    #expect(text.contains("What you lose: 4 releases older than 3.0 of 2026-01-14; nothing for 8.0"))
    #expect(text.contains("Measured: 4 of 6 releases on PyPI (1.0 to 3.0)"))
    #expect(text.contains("Not measured: 1 newer release."))
    let none = try question(["GTX 980", "RTX 5090"])
    let no = ReleaseReport(question: none, answer: try ReleaseAnswer(none, in: table(releases))).text(
      TextStyle())
    #expect(
      no.hasPrefix(
        "✗ ops: no measured release runs on GTX 980 and RTX 5090"))
  }

  /// PyTorch is answered from the table of its builds, by the search that plans use.
  @Test func pytorch() throws {
    let pascal = try ReleaseAnswer(question(["GTX 1080"], package: "Torch"))
    #expect(pascal.newest?.command.contains("+cu126") == true)
    #expect(pascal.changes[0].last?.kind == .gone)
    #expect(pascal.newest?.lastDriverBranch == 580)
    let old = try ReleaseAnswer(question(["RTX 5090"], package: "torch", driver: "535.54.03"))
    #expect(old.best == nil)
    let python = try ReleaseAnswer(question(["A100"], package: "torch", python: "3.8"))
    #expect(python.newest?.version.hasPrefix("2.4.") == true)
    let cuda = try ReleaseAnswer(question(["A100"], package: "torch", cuda: "11.8"))
    #expect(cuda.newest?.cuda.map(\.major) == [11])
  }

  // MARK: In plans

  /// bitsandbytes as the wheel of a release has it, beside PyTorch.
  private func environment(_ release: String, torch: String?, cuda: String?, _ gpu: String) throws -> Case {
    let wheel = try #require(
      try SurveyTable.shipped.wheels(of: "bitsandbytes").first {
        $0.release == release && $0.machine == "x86_64"
      })
    var tree = TreeBuilder()
    if let torch { tree.torch(torch, cuda: cuda) }
    tree.distribution("bitsandbytes", release)
    var facts = tree.facts()
    facts.packages = [
      Package(
        ecosystem: .python, name: "bitsandbytes", version: release,
        record: Path("bitsandbytes-\(release).dist-info/METADATA"), environment: Path(""))
    ]
    facts.machine = wheel.facts.stack.machine
    var files = wheel.facts.files
    for file in files { facts.setPackage(0, of: file.path) }
    if torch != nil { files.append(codeFile("torch/lib/libtorch_cuda.so", [["sm_50", "sm_80"]])) }
    return Case(facts: facts, devices: [try device(gpu, driver: nil)], files: files)
  }

  @Test func aPlanInstallsTheNewestReleaseThatRuns() throws {
    let plan = try environment("0.48.0", torch: nil, cuda: nil, "GTX 980").plan
    #expect(plan.steps.map(\.kind) == [.installPackage])
    #expect(plan.steps.first?.command == "pip install bitsandbytes==0.47.0")
    #expect(plan.answers.map(\.kind) == [.yes])
    #expect(plan.obstacles == [])
    // Beside PyTorch the file for its CUDA counts.
    let beside = try environment("0.48.0", torch: "2.7.1+cu126", cuda: "12.6", "GTX 980").plan
    #expect(beside.steps.map(\.command) == ["pip install bitsandbytes==0.47.0"])
  }

  @Test func aPlanSaysThatNoMeasuredReleaseRuns() throws {
    // With the CUDA 12.8 of PyTorch no release has a file that runs on Maxwell.
    let plan = try environment("0.50.2", torch: "2.7.1+cu128", cuda: "12.8", "GTX 980").plan
    let text = plan.obstacles.joined(separator: "\n")
    #expect(plan.steps.filter { $0.kind == .installPackage }.isEmpty)
    #expect(text.contains("no measured release of bitsandbytes has"), "\(text)")
  }
}
