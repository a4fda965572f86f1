import Bytes
import Compatibility
import FixtureSupport
import Scan
import Stack
import Testing

/// What is judged as one, and which packages it belongs to.
struct JudgedCodeTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func judged(_ names: String...) -> (result: ScanResult, facts: StackFacts, code: [JudgedCode]) {
    var result = Scan.Scanner(jobs: 2).scan(names.map { Path(tree($0)) })
    let facts = result.stackFacts()
    return (result, facts, result.judgedCode(facts))
  }

  private func cubin(_ target: Target, _ name: String) throws {
    try tree.write(CubinBuilder(target).bytes, to: name)
  }

  @Test func cubinsOfAPackageAreOne() throws {
    try tree.distribution("kernels", "1.0", files: ["kernels/a/1.cubin", "kernels/b/2.cubin"], in: "site/")
    try cubin("sm_80", "site/kernels/a/1.cubin")
    try cubin("sm_90", "site/kernels/b/2.cubin")
    try cubin("sm_100", "site/loose/3.cubin")
    try cubin("sm_120", "site/loose/4.cubin")
    try cubin("sm_75", "site/single/5.cubin")
    try tree.sharedLibrary("kernels/lib.so", modules: [FatBinaryBuilder("sm_70")], in: "site/")
    let (result, facts, code) = judged("site")
    #expect(
      code.map(\.place.path) == ["kernels", "kernels/lib.so", "loose", "single/5.cubin"].map { Path($0) })
    #expect(code.map(\.files.count) == [2, 1, 2, 1])
    #expect(code.map { $0.packages.map { facts.packages[$0].name } } == [["kernels"], ["kernels"], [], []])
    let verdicts = ["8.0", "9.0", "12.0"].map { name in
      code.map { $0.library.verdict(on: Device(ComputeCapability(name)!)).verdict }
    }
    #expect(verdicts[0] == [.native, .incompatible, .incompatible, .incompatible])
    #expect(verdicts[1] == [.native, .incompatible, .incompatible, .incompatible])
    #expect(verdicts[2] == [.incompatible, .incompatible, .native, .incompatible])
    #expect(
      result.stackLibraries(code, facts).map(\.path)
        == ["kernels/lib.so", "single/5.cubin", "kernels", "loose"].map { Path($0) })
  }

  /// Copies in two environments are one file each, and belong to the package of each.
  @Test func copiesBelongToEachEnvironment() throws {
    for folder in ["a/", "b/"] {
      try tree.distribution("kernels", "1.0", files: ["k/1.cubin", "k/2.cubin", "k/x.so"], in: folder)
      try cubin("sm_80", "\(folder)k/1.cubin")
      try cubin("sm_90", "\(folder)k/2.cubin")
      try tree.sharedLibrary("k/x.so", modules: [FatBinaryBuilder("sm_80")], in: folder)
    }
    // Only one of them has a file for another GPU.
    try cubin("sm_120", "b/k/3.cubin")
    let (_, facts, code) = judged(".")
    #expect(facts.packages.map(\.environment) == [Path("a"), Path("b")])
    #expect(code.map(\.place.path) == ["a/k", "a/k/x.so", "b/k"].map { Path($0) })
    #expect(code.map(\.packages) == [[0], [0, 1], [1]])
    #expect(
      code.map { $0.places.map(\.path.text) } == [
        ["a/k/1.cubin", "a/k/2.cubin"], ["a/k/x.so"], ["b/k/1.cubin", "b/k/2.cubin", "b/k/3.cubin"],
      ])
    #expect(facts.installed.map(\.folder) == [Path("a"), Path("b")])
  }

  /// Who names a file asks about it.
  @Test func namedCubinsAreJudgedAlone() throws {
    try cubin("sm_80", "k/1.cubin")
    try cubin("sm_90", "k/2.cubin")
    #expect(judged("k").code.map(\.files.count) == [2])
    #expect(judged("k/1.cubin", "k/2.cubin").code.map(\.files.count) == [1, 1])
  }

  /// No names of kernels are read for files that are judged together.
  @Test func namesOfAlternativesAreNotRead() throws {
    try cubin("sm_80", "k/1.cubin")
    try cubin("sm_90", "k/2.cubin")
    var result = judged("k").result
    result.readKernels(on: [Device(ComputeCapability(7, 5))], jobs: 2)
    #expect(result.counts.imagesRead == 0)
    var named = judged("k/1.cubin").result
    named.readKernels(on: [Device(ComputeCapability(7, 5))], jobs: 2)
    #expect(named.counts.imagesRead == 1)
  }
}
