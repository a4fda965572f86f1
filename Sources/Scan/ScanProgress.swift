import Synchronization

/// What a scan, or another long piece of work, has done so far: its threads add to it, and anybody may look meanwhile.
public final class ScanProgress: Sendable {
  /// What is under way.
  public enum Phase: UInt8, CaseIterable, Hashable, Sendable {
    /// Walking trees and archives, and reading the headers of files.
    case walking
    /// Opening what the scan starts at: reading the directories of archives.
    case opening
    /// Comparing files that look the same.
    case comparing
    /// Reading the kernels of libraries; a step is a library.
    case readingKernels
    /// Decompressing images.
    case decompressing
    /// Verifying and applying the layers of images; a step is a layer.
    case verifyingLayers
    /// Computing the digests of files with device code; a step is a file.
    case digesting
  }

  /// The counts of one moment. Each is right by itself; together they may be a moment apart.
  public struct Snapshot: Hashable, Sendable {
    public var phase = Phase.walking
    /// Steps of the phase that are done.
    public var stepsDone = 0
    /// Steps of the phase; 0 where nobody knows.
    public var steps = 0
    public var filesVisited = 0
    public var bytesRead: UInt64 = 0
    /// Files with device code, copies counted.
    public var libraries = 0
    /// Images that were decompressed, or read as a whole.
    public var images = 0
    /// Images that are to be: those of the files that were begun.
    public var imagesExpected = 0
    /// Bytes of the images that were decompressed, as they came out.
    public var decompressedBytes: UInt64 = 0

    public init() {}
  }

  private let phase = Atomic(Phase.walking.rawValue)
  private let stepsDone = Atomic(0)
  private let steps = Atomic(0)
  private let filesVisited = Atomic(0)
  private let bytesRead = Atomic<UInt64>(0)
  private let libraries = Atomic(0)
  private let images = Atomic(0)
  private let imagesExpected = Atomic(0)
  private let decompressedBytes = Atomic<UInt64>(0)

  public init() {}

  public var snapshot: Snapshot {
    var snapshot = Snapshot()
    snapshot.phase = Phase(rawValue: phase.load(ordering: .relaxed)) ?? .walking
    snapshot.stepsDone = stepsDone.load(ordering: .relaxed)
    snapshot.steps = steps.load(ordering: .relaxed)
    snapshot.filesVisited = filesVisited.load(ordering: .relaxed)
    snapshot.bytesRead = bytesRead.load(ordering: .relaxed)
    snapshot.libraries = libraries.load(ordering: .relaxed)
    snapshot.images = images.load(ordering: .relaxed)
    snapshot.imagesExpected = imagesExpected.load(ordering: .relaxed)
    snapshot.decompressedBytes = decompressedBytes.load(ordering: .relaxed)
    return snapshot
  }

  /// Says that a phase begins, and how many steps it has where that is known.
  public func begin(_ phase: Phase, of steps: Int = 0) {
    stepsDone.store(0, ordering: .relaxed)
    self.steps.store(steps, ordering: .relaxed)
    self.phase.store(phase.rawValue, ordering: .relaxed)
  }

  /// Counts one step of the phase as done.
  func finishStep() { stepsDone.wrappingAdd(1, ordering: .relaxed) }

  /// Counts what was read since the last call; once per directory or file, not more often.
  func add(files: Int = 0, bytes: UInt64 = 0, libraries: Int = 0) {
    if files > 0 { filesVisited.wrappingAdd(files, ordering: .relaxed) }
    if bytes > 0 { bytesRead.wrappingAdd(bytes, ordering: .relaxed) }
    if libraries > 0 { self.libraries.wrappingAdd(libraries, ordering: .relaxed) }
  }

  /// Counts images that were read.
  func add(images: Int, decompressedBytes: UInt64) {
    self.images.wrappingAdd(images, ordering: .relaxed)
    self.decompressedBytes.wrappingAdd(decompressedBytes, ordering: .relaxed)
  }

  /// Counts images that are to be read.
  func expect(images: Int) { imagesExpected.wrappingAdd(images, ordering: .relaxed) }
}
