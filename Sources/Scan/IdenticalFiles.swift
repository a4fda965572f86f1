import Archives
import Bytes
import DeviceCode
import Synchronization

extension ScanResult {
  /// Makes files with the same contents aliases of the first of them.
  mutating func mergeIdentical(jobs: Int, progress: ScanProgress?) {
    // Only files with the same size, device code and ends are worth a comparison of all their bytes.
    var candidates: [InventoryKey: [Int]] = [:]
    for (index, library) in libraries.enumerated() {
      if let key = InventoryKey(library) { candidates[key, default: []].append(index) }
    }
    let groups = candidates.values.filter { $0.count > 1 }
    guard !groups.isEmpty else { return }
    let libraries = self.libraries
    let roots = self.roots
    let same = Mutex<[(first: Int, copy: Int)]>([])
    let queue = WorkQueue<[Int]>()
    for group in groups { queue.add(group) }
    queue.run(jobs: jobs) { group in
      var distinct: [Int] = []
      for index in group {
        guard let file = try? roots.open(libraries[index].place) else { continue }
        let twin = distinct.first { first in
          guard let other = try? roots.open(libraries[first].place) else { return false }
          return haveSameBytes(file, other, progress)
        }
        if let twin {
          same.withLock { $0.append((twin, index)) }
        } else {
          distinct.append(index)
        }
      }
    }
    let pairs = same.withLock { $0 }
    for (first, copy) in pairs {
      self.libraries[first].aliases.append(libraries[copy].place)
      self.libraries[first].aliases += libraries[copy].aliases
    }
    let copies = Set(pairs.map(\.copy))
    for index in Set(pairs.map(\.first)) { self.libraries[index].aliases.sort() }
    let copiedPlaces = Set(copies.map { libraries[$0].place })
    problems.removeAll { copiedPlaces.contains($0.place) }
    self.libraries = self.libraries.indices.filter { !copies.contains($0) }.map { self.libraries[$0] }
  }
}

/// What two files with the same contents have in common, as far as it is known without reading them again.
private struct InventoryKey: Hashable {
  var size: UInt64
  var inventory: Inventory
  var ends: Int

  init?(_ library: ScannedLibrary) {
    guard let ends = library.ends else { return nil }
    size = library.file.size
    inventory = library.file.inventory
    self.ends = ends
  }

  /// The whole inventory is compared, but only its ends are hashed.
  func hash(into hasher: inout Hasher) {
    hasher.combine(size)
    hasher.combine(ends)
    hasher.combine(inventory.images.count)
    hasher.combine(inventory.modules.last)
  }
}

/// Bytes at the start and at the end of a file that are compared first.
let endSize: UInt64 = 4096

/// A hash of the first and the last bytes of a file, of which the first are `start`.
func hashOfEnds(_ file: any ByteSource, start: [UInt8]) throws(Problem) -> Int {
  let end = try file.bytes(at: file.size - UInt64(start.count), count: start.count, "file")
  var hasher = Hasher()
  // At once: an array would be hashed byte by byte.
  unsafe start.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
  unsafe end.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
  return hasher.finalize()
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
