import Bytes
import Compatibility
import FixtureSupport
import Stack
import Testing

@testable import Scan

/// What is counted while a scan runs.
struct ScanProgressTests {
  let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
    try tree.write(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes, to: "lib/a/a.so")
    var cubin = CubinBuilder("sm_70")
    cubin.kernels = ["kernel"]
    try tree.write(
      ELFBuilder(fatBinaries: [
        FatBinaryBuilder("sm_80"), FatBinaryBuilder([.cubin("sm_70", payload: cubin.bytes)]),
      ]).bytes, to: "lib/b.so")
    try tree.write(ELFBuilder().bytes, to: "lib/plain.so")
    for number in 1...100 { try tree.write(Array("text \(number)".utf8), to: "lib/many/\(number)") }
  }

  @Test(arguments: [1, 4]) func countsOfAScan(jobs: Int) {
    let progress = ScanProgress()
    #expect(progress.snapshot == ScanProgress.Snapshot())
    let result = Scan.Scanner(jobs: jobs, progress: progress).scan(
      ["lib", "lib/a/a.so"].map { Path(tree($0)) })
    let snapshot = progress.snapshot
    #expect(snapshot.filesVisited == 104)
    #expect(snapshot.filesVisited == result.counts.filesVisited)
    #expect(snapshot.bytesRead == result.counts.bytesRead)
    #expect(snapshot.libraries == 2)
    #expect(snapshot.images == 0)
  }

  @Test func countsOfReadingKernels() {
    let progress = ScanProgress()
    var result = Scan.Scanner(jobs: 2).scan([Path(tree("lib"))])
    result.readKernels(
      for: CodeReading(.devices([Device(ComputeCapability(8, 0))]), in: [], by: .shipped), jobs: 2,
      progress: progress)
    let snapshot = progress.snapshot
    #expect(result.counts.imagesRead > 0)
    #expect(snapshot.images == result.counts.imagesRead)
    #expect(snapshot.imagesExpected == snapshot.images)
    #expect(snapshot.decompressedBytes > 0)
    #expect(snapshot.phase == .readingKernels)
    #expect(snapshot.steps == 1)
    #expect(snapshot.stepsDone == 1)
  }
}
