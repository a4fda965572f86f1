import Bytes
import Compatibility
import DeviceCode
import Foundation
import Scan
import Stack
import Testing

/// What is read from a compiler's bytes equals what it says and does when it is run: its release, and for each target that
/// there could be whether it compiles for it.
@Suite struct CompilerAgreementTests {
  private static let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Scripts/ask-compiler")

  private func compare(_ folder: URL, kinds: Set<RuntimeCompiler.Kind>) throws {
    let folder = folder.resolvingSymlinksInPath()
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
    }
  }

  @Test func compilers() throws {
    let folders = try TestInputs.folders(size: "compilers")
    let kinds: [Set<RuntimeCompiler.Kind>] = [[.ptxas, .nvvm], [.nvrtc], [.nvrtc], [.nvJitLink]]
    #expect(folders.count == kinds.count)
    for (folder, kinds) in zip(folders, kinds) { try compare(folder, kinds: kinds) }
  }

  @Test(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
  func moreCompilers() throws {
    let folders = try TestInputs.folders(size: "compilers-large")
    let kinds: [Set<RuntimeCompiler.Kind>] = [
      [.ptxas, .nvvm], [.ptxas, .nvvm], [.nvrtc], [.nvrtc], [.nvJitLink], [.nvvm], [.ptxas, .llvm],
    ]
    #expect(folders.count == kinds.count)
    for (folder, kinds) in zip(folders, kinds) { try compare(folder, kinds: kinds) }
    try compare(TestInputs.folder(of: "nvidia-cuda-nvcc", size: "large"), kinds: [.ptxas, .nvcc])
  }
}
