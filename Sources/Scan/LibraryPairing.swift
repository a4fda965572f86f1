import Bytes
import Stack

/// One library of two scanned roots, under the names that belong together: on one side only, or on both.
public struct LibraryPair: Hashable, Sendable {
  /// A library on one side.
  public struct Side: Hashable, Sendable {
    /// Its index in the scan.
    public var library: Int
    public var place: FilePlace
  }

  public var old: Side?
  public var new: Side?
}

extension ScanResult {
  /// The libraries of the first root beside those of the last, in the order of their names.
  ///
  /// Libraries belong together when they have the same path. Those left over belong together when their paths are the
  /// same but for versions, Python tags and hashes in the file's name, then when only their folders differ and no
  /// other library of either side has that name. Two roots that are files belong together anyway.
  public var libraryPairs: [LibraryPair] {
    var old = sides(of: 0)
    var new = sides(of: roots.count - 1)
    var pairs = Set<LibraryPair>()
    var seen = Set<[Int]>()

    /// Pairs what `key` gives the same, and leaves over what has no partner.
    func match(_ key: (Path) -> Path, onlyUnique: Bool) {
      let oldByKey = Dictionary(grouping: old) { key($0.place.path) }
      let newByKey = Dictionary(grouping: new) { key($0.place.path) }
      var matched = (old: Set<Int>(), new: Set<Int>())
      for (key, sides) in oldByKey.sorted(by: { $0.key < $1.key }) {
        let olds = firstNames(sides)
        let news = firstNames(newByKey[key] ?? [])
        if onlyUnique, olds.count > 1 || news.count > 1 { continue }
        // Where several versions stand side by side, the last ones belong together.
        for (old, new) in zip(olds.reversed(), news.reversed()) {
          matched.old.insert(old.library)
          matched.new.insert(new.library)
          if seen.insert([old.library, new.library]).inserted {
            pairs.insert(LibraryPair(old: old, new: new))
          }
        }
      }
      old.removeAll { matched.old.contains($0.library) }
      new.removeAll { matched.new.contains($0.library) }
    }

    match({ $0 }, onlyUnique: false)
    match(\.withoutVersion, onlyUnique: false)
    match(\.lastComponent.withoutVersion, onlyUnique: true)
    if roots.allSatisfy({ $0.kind == .file }) { match({ _ in Path("") }, onlyUnique: true) }
    for side in firstNames(old) { pairs.insert(LibraryPair(old: side, new: nil)) }
    for side in firstNames(new) { pairs.insert(LibraryPair(old: nil, new: side)) }
    return pairs.sorted { $0.order < $1.order }
  }

  /// Every name of every library below a root, in their order.
  private func sides(of root: Int) -> [LibraryPair.Side] {
    libraries.indices.flatMap { index in
      ([libraries[index].place] + libraries[index].aliases).filter { $0.root == root }
        .map { LibraryPair.Side(library: index, place: $0) }
    }.sorted { $0.place < $1.place }
  }

  private func firstNames(_ sides: [LibraryPair.Side]) -> [LibraryPair.Side] {
    var seen: Set<Int> = []
    return sides.filter { seen.insert($0.library).inserted }
  }
}

extension KernelIndex {
  /// `pairs`, where libraries that only one side has belong together when most kernels of both are the same: the
  /// library was renamed.
  ///
  /// Only kernels that no other such library of the same side has count, so that each has one partner at most.
  func joiningRenamed(_ pairs: [LibraryPair]) -> [LibraryPair] {
    let lost = pairs.compactMap { $0.new == nil ? $0.old : nil }
    let gained = pairs.compactMap { $0.old == nil ? $0.new : nil }
    let owners = owners(of: gained)
    var shared: [[Int]: Int] = [:]
    for (kernel, old) in self.owners(of: lost) {
      if let old, let new = owners[kernel] ?? nil { shared[[old, new], default: 0] += 1 }
    }
    var partners: [Int: Int] = [:]
    for (libraries, count) in shared {
      let most = max(kernels(of: libraries[0]).count, kernels(of: libraries[1]).count)
      if count * 2 > most { partners[libraries[0]] = libraries[1] }
    }
    guard !partners.isEmpty else { return pairs }
    let renamed = Set(partners.values)
    return pairs.compactMap { pair in
      if pair.new == nil, let old = pair.old, let partner = partners[old.library] {
        return LibraryPair(old: old, new: gained.first { $0.library == partner })
      }
      return pair.old == nil && pair.new.map { renamed.contains($0.library) } ?? false ? nil : pair
    }.sorted { $0.order < $1.order }
  }

  /// The library that has each kernel; nil where several have it.
  private func owners(of sides: [LibraryPair.Side]) -> [Int: Int?] {
    var owners: [Int: Int?] = [:]
    for side in sides {
      for kernel in kernels(of: side.library) {
        owners.updateValue(owners.keys.contains(kernel) ? nil : side.library, forKey: kernel)
      }
    }
    return owners
  }

  /// The kernels of a library, whatever their targets.
  public func kernels(of library: Int) -> Set<Int> {
    Set((libraries[library] ?? [:]).values.lazy.flatMap(\.codeSizes.keys))
  }
}

extension LibraryPair {
  /// By the newer name, then by the older.
  fileprivate var order: OrderKey {
    OrderKey(first: new?.place.path ?? old?.place.path ?? Path(""), second: old?.place.path ?? Path(""))
  }

  fileprivate struct OrderKey: Comparable {
    var first: Path
    var second: Path

    static func < (left: OrderKey, right: OrderKey) -> Bool {
      left.first == right.first ? left.second < right.second : left.first < right.first
    }
  }
}

extension Path {
  /// The path of a library without what tells its builds apart: `lib/libcudnn.so` for `lib/libcudnn.so.9.1.0`,
  /// `_C.so` for `_C.cpython-312-x86_64-linux-gnu.so`, `_C.abi3.so` and `_C.so`, `libnvjpeg.so` for
  /// `libnvjpeg-4a0b5c81.so.13` and `libnvjpeg.4a0b5c81.so.13`.
  var withoutVersion: Path {
    let name = lastComponent
    let folder = bytes.dropLast(name.bytes.count)
    let parts = name.bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard let end = parts.lastIndex(where: { $0.elementsEqual("so".utf8) }), end > 0,
      parts[(end + 1)...].allSatisfy({ $0.allSatisfy(\.isDigit) })
    else { return self }
    var kept = parts[..<end].map { Array($0) }
    if kept.count > 1, let last = kept.last,
      last.starts(with: "cpython-".utf8) || last.elementsEqual("abi3".utf8) || isHash(last[...])
    {
      kept.removeLast()
    }
    // `-2.4.1` is spread over several parts.
    while kept.count > 1, let last = kept.last, last.allSatisfy(\.isDigit) { kept.removeLast() }
    if let last = kept.last, let dash = last.lastIndex(of: UInt8(ascii: "-")), dash > 0 {
      let tag = last[(dash + 1)...]
      if isHash(tag) || !tag.isEmpty && tag.allSatisfy(\.isDigit) {
        kept[kept.count - 1] = Array(last[..<dash])
      }
    }
    kept.append(Array("so".utf8))
    return Path(bytes: folder + Array(kept.joined(separator: [UInt8(ascii: ".")])))
  }
}

/// Whether `bytes` are the eight hexadecimal digits that wheel repair puts into names.
private func isHash(_ bytes: ArraySlice<UInt8>) -> Bool {
  bytes.count == 8 && bytes.allSatisfy { $0.isDigit || (0x61...0x66).contains($0) }
}
