import Archives
import Bytes
import DeviceCode
import Stack
import Synchronization

extension ScanResult {
  /// Calls `body` once for each of some libraries, on `jobs` threads in all: with its index, and with how many threads it
  /// may take.
  ///
  /// What lies in one compressed stream is read in its order, by one thread.
  ///
  /// - Parameter alone: libraries that take all threads, one after the other.
  func read(
    _ indices: [Int], alone: Set<Int> = [], jobs: Int,
    _ body: @Sendable (_ index: Int, _ jobs: Int) -> Void
  ) {
    var streams: [ObjectIdentifier: [(offset: UInt64, index: Int)]] = [:]
    var others: [Int] = []
    for index in indices {
      let place = libraries[index].place
      if let (stream, offset) = roots[place.root].archive?.streamPosition(of: place.path) {
        streams[ObjectIdentifier(stream), default: []].append((offset, index))
      } else {
        others.append(index)
      }
    }
    let queue = WorkQueue<(indices: [Int], jobs: Int)>()
    for stream in streams.values { queue.add((stream.sorted { $0 < $1 }.map(\.index), 1)) }
    // The queue gives the newest first: the largest are begun first.
    let together = others.filter { !alone.contains($0) }
    for index in together.sorted(by: { libraries[$0].file.size < libraries[$1].file.size }) {
      queue.add(([index], libraries[index].isSmall ? 1 : jobs))
    }
    queue.run(jobs: jobs) { batch in
      for index in batch.indices { body(index, batch.indices.count > 1 ? 1 : batch.jobs) }
    }
    for index in others.filter(alone.contains).sorted() { body(index, jobs) }
  }

  /// Computes the digest of every file with device code, on `jobs` threads: all of its bytes are read.
  mutating func readDigests(jobs: Int, progress: ScanProgress?) {
    progress?.begin(.digesting, of: libraries.count)
    let before = (libraries: libraries, roots: roots)
    let digests = Mutex<[(index: Int, digest: Result<[UInt8], Problem>)]>([])
    read(libraries.indices.filter { libraries[$0].recorded == nil }, jobs: jobs) { index, _ in
      let digest = Result { () throws(Problem) in
        try SHA256.digest(of: before.roots.open(before.libraries[index].place))
      }
      progress?.finishStep()
      digests.withLock { $0.append((index, digest)) }
    }
    for (index, digest) in digests.withLock({ $0 }) {
      switch digest {
      case .success(let digest): libraries[index].digest = digest
      case .failure(let problem):
        libraries[index].file.problems.append(problem)
        problems.append(PlacedProblem(place: libraries[index].place, problem: problem))
      }
    }
    problems.sortByPlace()
  }
}

extension ScannedLibrary {
  /// Whether one thread reads it as fast as several.
  var isSmall: Bool { imageCount < 64 }
}
