public import Scan

/// What a line of progress says: what is under way, how much of it is done, and how fast it goes.
public struct ProgressText {
  private let start: ContinuousClock.Instant
  private var phase = ScanProgress.Phase.walking
  private var phaseStart: ContinuousClock.Instant
  /// The bytes that had been read and decompressed when the phase began.
  private var bytesBefore: UInt64 = 0
  private var decompressedBefore: UInt64 = 0

  public init(start: ContinuousClock.Instant = .now) {
    self.start = start
    phaseStart = start
  }

  /// The line for `snapshot`, taken just now; rates are those of its phase so far.
  public mutating func text(_ snapshot: ScanProgress.Snapshot, now: ContinuousClock.Instant = .now) -> String
  {
    if snapshot.phase != phase {
      phase = snapshot.phase
      phaseStart = now
      bytesBefore = snapshot.bytesRead
      decompressedBefore = snapshot.decompressedBytes
    }
    func bytes(_ count: UInt64, _ verb: String, before: UInt64) -> String {
      let seconds = (now - phaseStart) / .seconds(1)
      let rate = seconds > 0 && count > before ? min(Double(count - before) / seconds, 1e18) : 0
      return "\(byteCount(count)) \(verb)" + (rate >= 1 ? " (\(byteCount(UInt64(rate)))/s)" : "")
    }
    let read = bytes(snapshot.bytesRead, "read", before: bytesBefore)
    let decompressed = bytes(snapshot.decompressedBytes, "decompressed", before: decompressedBefore)
    let parts =
      switch snapshot.phase {
      case .walking:
        [counted(snapshot.filesVisited, "file"), read, "\(grouped(snapshot.libraries)) with device code"]
      case .opening: ["opening archives"]
      case .comparing: ["comparing copies", read]
      case .readingKernels:
        [
          "reading kernels: \(grouped(snapshot.stepsDone)) of \(counted(snapshot.steps, "library", "libraries"))",
          decompressed,
        ]
      case .decompressing:
        ["\(grouped(snapshot.images)) of \(counted(snapshot.imagesExpected, "image"))", decompressed]
      case .verifyingLayers:
        ["verifying layers: \(grouped(snapshot.stepsDone)) of \(grouped(snapshot.steps))"]
      case .digesting:
        ["computing digests: \(grouped(snapshot.stepsDone)) of \(counted(snapshot.steps, "file"))"]
      }
    return (parts + ["\((now - start).components.seconds) s"]).joined(separator: ", ")
  }
}
