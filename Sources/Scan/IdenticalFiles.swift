import Archives
import Bytes
import Compression
import DeviceCode
import Synchronization

extension ScanResult {
  /// Makes files with the same contents aliases of the first of them.
  mutating func mergeIdentical(jobs: Int, progress: ScanProgress?) {
    // Only files with the same size and ends are worth a comparison of all their bytes.
    var candidates: [SizeAndEnds: [Int]] = [:]
    for (index, library) in libraries.enumerated() {
      guard let ends = library.ends else { continue }
      candidates[SizeAndEnds(size: library.file.size, ends: ends), default: []].append(index)
    }
    let groups = candidates.values.filter { $0.count > 1 }
    guard !groups.isEmpty else { return }
    let places = libraries.map(\.place)
    let recorded = libraries.map { $0.recorded == nil ? nil : $0.digest }
    let roots = self.roots
    let same = Mutex<[(first: Int, copy: Int)]>([])
    let queue = WorkQueue<[Int]>()
    for group in groups { queue.add(group) }
    queue.run(jobs: jobs) { group in
      if group.count == 2, group.allSatisfy({ recorded[$0] == nil }) {
        guard let first = try? roots.open(places[group[0]]), let second = try? roots.open(places[group[1]]),
          haveSameBytes(first, second, progress)
        else { return }
        return same.withLock { $0.append((group[0], group[1])) }
      }
      // Each file is read once, however many look the same.
      var firsts: [[UInt8]: Int] = [:]
      for index in group {
        var digest = recorded[index]
        if digest == nil, let file = try? roots.open(places[index]) {
          digest = try? SHA256.digest(of: file)
          progress?.add(bytes: file.size)
        }
        guard let digest else { continue }
        if let first = firsts[digest] {
          same.withLock { $0.append((first, index)) }
        } else {
          firsts[digest] = index
        }
      }
    }
    let pairs = same.withLock { $0 }
    for (first, copy) in pairs {
      self.libraries[first].aliases.append(places[copy])
      self.libraries[first].aliases += self.libraries[copy].aliases
    }
    let copies = Set(pairs.map(\.copy))
    for index in Set(pairs.map(\.first)) { self.libraries[index].aliases.sort() }
    let copiedPlaces = Set(copies.map { places[$0] })
    problems.removeAll { copiedPlaces.contains($0.place) }
    self.libraries = self.libraries.indices.filter { !copies.contains($0) }.map { self.libraries[$0] }
  }
}

/// What two files with the same contents have in common, as far as it is known without reading them again.
private struct SizeAndEnds: Hashable {
  var size: UInt64
  var ends: UInt64
}

/// Bytes at the start and at the end of a file that are compared first.
let endSize: UInt64 = 4096

/// The checksums of the first and the last bytes of a file, of which the first are `start`.
func checksumOfEnds(_ file: any ByteSource, start: [UInt8]) throws(Problem) -> UInt64 {
  let end = try file.bytes(at: file.size - UInt64(start.count), count: start.count, "file")
  var checksums = (Checksum(), Checksum())
  checksums.0.add(start, start.indices)
  checksums.1.add(end, end.indices)
  return UInt64(checksums.0.value) << 32 | UInt64(checksums.1.value)
}

/// Whether two files have the same contents.
private func haveSameBytes(
  _ left: any ByteSource, _ right: any ByteSource, _ progress: ScanProgress?
) -> Bool {
  guard left.size == right.size else { return false }
  if left.readsForward || right.readsForward {
    // Side by side, two members of one stream would be slow.
    guard let first = try? SHA256.digest(of: left), let second = try? SHA256.digest(of: right) else {
      return false
    }
    return first == second
  }
  let chunk: UInt64 = 1 << 20
  for position in stride(from: 0, to: left.size, by: Int(chunk)) {
    let count = Int(min(chunk, left.size - position))
    guard let first = try? left.bytes(at: position, count: count, "file"),
      let second = try? right.bytes(at: position, count: count, "file"), first == second
    else { return false }
    progress?.add(bytes: 2 * UInt64(count))
  }
  return true
}
