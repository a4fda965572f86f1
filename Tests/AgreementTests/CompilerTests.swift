import Assessment
import Bytes
import Compatibility
import DeviceCode
import Foundation
import Scan
import Stack
import StackFixtures
import Testing

/// What is read from a compiler's bytes equals what it says and does when it is run: its release, and for each target that
/// there could be whether it compiles for it.
@Suite struct CompilerAgreementTests {
  private static let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Scripts/ask-compiler")

  /// The compilers that a wheel of this name and version holds.
  private static func kinds(in wheel: String) -> Set<RuntimeCompiler.Kind> {
    if wheel.hasPrefix("triton") { return [.ptxas, .llvm] }
    if wheel.contains("nvrtc") { return [.nvrtc] }
    if wheel.contains("nvjitlink") { return [.nvJitLink] }
    if wheel.contains("nvvm") { return [.nvvm] }
    return wheel.contains("-cu1") ? [.ptxas, .nvvm] : [.ptxas, .nvcc]
  }

  private func compare(_ folder: URL) throws {
    let folder = folder.resolvingSymlinksInPath()
    let kinds = Self.kinds(in: folder.lastPathComponent)
    let facts = Scan.Scanner(jobs: 2).scan([Path(folder.path)]).facts(
      for: .devices([]), by: .shipped, jobs: 2)
    let view = try #require(facts.views.first)
    #expect(view.problems == [], "\(folder.path)")
    #expect(Set(view.stack.compilers.map(\.kind)) == kinds, "\(folder.path)")
    for compiler in view.stack.compilers where compiler.kind != .llvm {
      let file = folder.appending(path: compiler.path.text)
      let work = try temporaryFolder()
      defer { try? FileManager.default.removeItem(at: work) }
      let answer = try run(URL(filePath: "/usr/bin/env"), ["python3", Self.script.path, file.path], in: work)
      try #require(answer.status == 0, "\(file.path): \(answer.messages)")
      let lines = answer.output.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
      let taken = lines.dropFirst().compactMap { CodeTarget($0) }
      try #require(!taken.isEmpty, "\(file.path)")
      // libNVVM does not tell its release, and NVRTC and nvJitLink only its first two numbers.
      #expect(compiler.version?.value.hasPrefix(lines[0]) == true, "\(file.path)")
      if compiler.kind == .nvcc {
        #expect(Set(compiler.targets.value.map(\.number)) == Set(taken.map(\.number)), "\(file.path)")
      } else {
        #expect(compiler.targets.value == taken.sorted(), "\(file.path)")
      }
      if compiler.kind == .nvrtc { judge(compiler, taken: taken) }
    }
    if let run = TritonRun.all.first(where: { "triton-\($0.version)" == folder.lastPathComponent }) {
      judge(view, run)
    }
  }

  /// The check of a wheel of Triton passes on the GPUs for which it compiled when it was run, and only there.
  private func judge(_ view: View, _ run: TritonRun) {
    let statuses = checks(of: view, on: run.compiles + run.fails).map { $0?.status }
    #expect(
      statuses == run.compiles.map { _ in .pass } + run.fails.map { _ in .fail }, "Triton \(run.version)")
  }

  /// The check of something that asks NVRTC for each GPU's own machine code passes where NVRTC makes it, and only there.
  private func judge(_ compiler: RuntimeCompiler, taken: [CodeTarget]) {
    var view = View(kind: .directory, paths: [Path("root")])
    view.stack.compilers = [compiler]
    view.stack.runtimeFrameworks = [
      RuntimeFramework(
        name: "cuda.core", distribution: "cuda-core", version: "0.3", metadata: Path("METADATA"),
        environment: Path(""),
        searches: [
          CompilerSearch(
            compilers: [.nvrtc], tool: nil,
            tries: [CompilerSearch.Try(RuntimeTable.Place(kind: .environment), found: [0])])
        ])
    ]
    let targets = TritonRun.computeCapabilities.compactMap { ComputeCapability($0)?.target }
    for (target, check) in zip(targets, checks(of: view, on: TritonRun.computeCapabilities)) {
      #expect(
        check?.status == (taken.contains(target) ? .pass : .fail),
        "\(compiler.path) for \(target): \(check?.summary ?? "")")
    }
  }

  /// The check of what compiles at run time for each of some compute capabilities.
  private func checks(of view: View, on computeCapabilities: [String]) -> [Check?] {
    let devices = computeCapabilities.compactMap { ComputeCapability($0) }.map { Device($0) }
    let assessment = ViewAssessment(
      view,
      Question(
        devices: devices.map { RequestedDevice(query: "\($0.computeCapability)", device: $0) },
        namesDevices: true))
    return devices.indices.map { index in
      assessment.checks.first { $0.id == .runtimeCode && $0.device == index }
    }
  }

  @Test func compilers() throws {
    for folder in try TestInputs.folders(size: "compilers") { try compare(folder) }
  }

  @Test(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
  func moreCompilers() throws {
    for folder in try TestInputs.folders(size: "compilers-large") { try compare(folder) }
    try compare(TestInputs.folder(of: "nvidia-cuda-nvcc", size: "large"))
  }
}
