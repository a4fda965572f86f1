import Report
import Scan
import Testing

struct ProgressTextTests {
  private let start = ContinuousClock.now

  private func line(_ snapshot: ScanProgress.Snapshot, after seconds: Int) -> String {
    var text = ProgressText(start: start)
    return text.text(snapshot, now: start + .seconds(seconds))
  }

  @Test func walking() {
    var snapshot = ScanProgress.Snapshot()
    #expect(line(snapshot, after: 0) == "0 files, 0 B read, 0 with device code, 0 s")
    snapshot.filesVisited = 12_345
    snapshot.bytesRead = 2_000_000_000
    snapshot.libraries = 23
    #expect(line(snapshot, after: 4) == "12,345 files, 2.00 GB read (500 MB/s), 23 with device code, 4 s")
    snapshot.filesVisited = 1
    #expect(line(snapshot, after: 600).hasPrefix("1 file, 2.00 GB read (3.33 MB/s)"))
  }

  /// A rate is that of the phase, and the time that of all.
  @Test func phases() {
    var text = ProgressText(start: start)
    var snapshot = ScanProgress.Snapshot()
    snapshot.bytesRead = 1_000_000
    #expect(text.text(snapshot, now: start + .seconds(1)).contains("1.00 MB read (1.00 MB/s)"))
    snapshot.phase = .readingKernels
    snapshot.steps = 1200
    snapshot.decompressedBytes = 5000
    #expect(
      text.text(snapshot, now: start + .seconds(2))
        == "reading kernels: 0 of 1,200 libraries, 5.00 kB decompressed, 2 s")
    snapshot.stepsDone = 3
    snapshot.decompressedBytes = 25_000
    #expect(
      text.text(snapshot, now: start + .seconds(4))
        == "reading kernels: 3 of 1,200 libraries, 25.0 kB decompressed (10.0 kB/s), 4 s")
    snapshot.phase = .decompressing
    snapshot.images = 1
    snapshot.imagesExpected = 2
    #expect(text.text(snapshot, now: start + .seconds(5)) == "1 of 2 images, 25.0 kB decompressed, 5 s")
    snapshot.phase = .verifyingLayers
    snapshot.steps = 7
    #expect(text.text(snapshot, now: start + .seconds(6)) == "verifying layers: 3 of 7, 6 s")
    snapshot.phase = .opening
    #expect(text.text(snapshot, now: start + .seconds(6)) == "opening archives, 6 s")
    snapshot.phase = .comparing
    #expect(text.text(snapshot, now: start + .seconds(7)) == "comparing copies, 1.00 MB read, 7 s")
  }

  /// Counts that go back, or a clock that does, are no crash.
  @Test func countsThatGoBack() {
    var text = ProgressText(start: start)
    var snapshot = ScanProgress.Snapshot()
    snapshot.phase = .comparing
    snapshot.bytesRead = 100
    _ = text.text(snapshot, now: start + .seconds(5))
    snapshot.bytesRead = 50
    #expect(text.text(snapshot, now: start + .seconds(6)) == "comparing copies, 50 B read, 6 s")
    snapshot.bytesRead = .max
    #expect(text.text(snapshot, now: start + .nanoseconds(5_000_000_001)).contains("/s)"))
  }
}
