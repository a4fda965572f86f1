public import Bytes
import Compatibility
import DeviceCode
import Stack
import Synchronization

/// Finds all device code under some paths.
public struct Scanner: Sendable {
  /// Threads that walk and read.
  public var jobs: Int

  public init(jobs: Int) { self.jobs = max(1, jobs) }

  /// Scans `paths`: directories with all that is below them, or single files.
  ///
  /// Symbolic links inside a directory are not followed: what they lead to is found under its own name, or it is
  /// outside. Nothing ends a scan; what cannot be read is among the result's problems.
  public func scan(_ paths: [Path]) -> ScanResult {
    let walk = Walk()
    var roots: [ScanRoot] = []
    var seen: Set<Path> = []
    for path in paths where seen.insert(path).inserted {
      let root = roots.count
      do throws(Problem) {
        let kind = try FileKind.of(path)
        roots.append(ScanRoot(path: path, kind: kind == .directory ? .directory : .file))
        let place = FilePlace(root: root, path: kind == .directory ? Path("") : path.lastComponent)
        walk.queue.add(kind == .directory ? .directory(place) : .file(place, isRoot: true))
      } catch {
        roots.append(ScanRoot(path: path, kind: .file))
        walk.state.withLock {
          $0.problems.append(
            FileProblem(place: FilePlace(root: root, path: path.lastComponent), problem: error))
        }
      }
    }
    let allRoots = roots
    walk.queue.run(jobs: jobs) { item in
      switch item {
      case .directory(let place): walk.visit(directory: place, in: allRoots)
      case .file(let place, let isRoot): walk.visit(file: place, isRoot: isRoot, in: allRoots)
      }
    }
    return walk.result(roots: roots, jobs: jobs)
  }
}

extension FilePlace {
  /// The path to open.
  public func fullPath(in roots: [ScanRoot]) -> Path {
    let root = roots[root]
    if root.kind == .file { return root.path }
    return path.bytes.isEmpty ? root.path : root.path.appending(path.bytes)
  }

  /// The place of an entry of this directory.
  fileprivate func appending(_ name: [UInt8]) -> FilePlace {
    FilePlace(root: root, path: path.bytes.isEmpty ? Path(bytes: name) : path.appending(name))
  }
}

/// One scan under way.
private final class Walk: Sendable {
  enum Item: Sendable {
    case directory(FilePlace)
    case file(FilePlace, isRoot: Bool)
  }

  struct File {
    /// nil until it has been read.
    var contents: (file: InspectedFile, library: Library)?
    var places: [FilePlace] = []
  }

  struct State {
    var counts = ScanCounts()
    var problems: [FileProblem] = []
    /// Everything that was read, by what it is; every name that it has.
    var files: [FileIdentity: File] = [:]
    /// Links to directories, and to files that may hold device code.
    var links: [(place: FilePlace, target: FileIdentity)] = []
    var directories: Set<FileIdentity> = []
    var surroundings = Surroundings()
  }

  let queue = WorkQueue<Item>()
  let state = Mutex(State())

  func visit(directory place: FilePlace, in roots: [ScanRoot]) {
    var visited = 0
    var bytesRead = 0
    var problems: [FileProblem] = []
    var links: [(FilePlace, FileIdentity)] = []
    var surroundings = Surroundings()
    var prefix = [UInt8](repeating: 0, count: InspectedFile.prefixSize)
    do throws(Problem) {
      let directory = try Directory(path: place.fullPath(in: roots), followsLink: place.path.bytes.isEmpty)
      let identity = directory.identity
      state.withLock { state in _ = identity.map { state.directories.insert($0) } }
      // Most files are told by their first word; only what may be PTX text needs more.
      func isCandidate(_ name: [UInt8], followsLink: Bool = false) throws(Problem) -> Bool {
        let count = try directory.prefix(
          of: name, followsLink: followsLink, into: &prefix, needsMore: InspectedFile.needsLongPrefix)
        bytesRead += count
        return InspectedFile.mayHoldDeviceCode(prefix: prefix[..<count])
      }
      while let entry = try directory.next() {
        switch entry.kind {
        case .directory: queue.add(.directory(place.appending(entry.name)))
        case .regular:
          visited += 1
          if Tree.needs(entry.name, in: place.path) { surroundings.files.append(place.appending(entry.name)) }
          do throws(Problem) {
            if try isCandidate(entry.name) { queue.add(.file(place.appending(entry.name), isRoot: false)) }
          } catch {
            problems.append(FileProblem(place: place.appending(entry.name), problem: error))
          }
        case .symbolicLink:
          if let contents = directory.contents(ofLink: entry.name) {
            surroundings.links.append((place.appending(entry.name), contents))
          }
          guard let target = directory.target(ofLink: entry.name) else { continue }
          if target.kind == .directory {
            links.append((place.appending(entry.name), target.identity))
          } else if target.kind == .regular, (try? isCandidate(entry.name, followsLink: true)) == true {
            links.append((place.appending(entry.name), target.identity))
          }
        case .fifo, .socket, .characterDevice, .blockDevice: break
        case .unknown:
          let problem = Problem(.unreadable, "file status", observed: "its kind cannot be told")
          problems.append(FileProblem(place: place.appending(entry.name), problem: problem))
        }
      }
    } catch {
      problems.append(FileProblem(place: place, problem: error))
    }
    state.withLock {
      $0.counts.directories += 1
      $0.counts.filesVisited += visited
      $0.counts.bytesRead += UInt64(bytesRead)
      $0.problems += problems
      $0.links += links
      $0.surroundings.files += surroundings.files
      $0.surroundings.links += surroundings.links
    }
  }

  func visit(file place: FilePlace, isRoot: Bool, in roots: [ScanRoot]) {
    do throws(Problem) {
      let source = try FileBytes(path: place.fullPath(in: roots))
      let isFirst = state.withLock { state in
        if isRoot {
          state.counts.filesVisited += 1
          state.surroundings.files.append(place)
        }
        state.files[source.identity, default: File()].places.append(place)
        return state.files[source.identity]?.places.count == 1
      }
      guard isFirst else { return }
      let file = InspectedFile(source)
      let library = Library(file.inventory)
      state.withLock {
        $0.files[source.identity]?.contents = (file, library)
        $0.counts.bytesRead += source.bytesRead
      }
    } catch {
      state.withLock { $0.problems.append(FileProblem(place: place, problem: error)) }
    }
  }

  /// Puts everything into an order that does not depend on which thread was first.
  func result(roots: [ScanRoot], jobs: Int) -> ScanResult {
    let state = self.state.withLock { $0 }
    var result = ScanResult(roots: roots, problems: state.problems, counts: state.counts)
    var aliases: [FileIdentity: [FilePlace]] = [:]
    for link in state.links {
      if state.files[link.target] != nil {
        aliases[link.target, default: []].append(link.place)
      } else if !state.directories.contains(link.target) {
        result.counts.linksOutside += 1
      }
    }
    var found: [ScannedLibrary] = []
    for (identity, entry) in state.files {
      guard let (file, library) = entry.contents else { continue }
      let places = entry.places.sorted()
      let others = (places.dropFirst() + (aliases[identity] ?? [])).sorted()
      found.append(ScannedLibrary(place: places[0], aliases: others, file: file, library: library))
      for place in places {
        if let library = HostLibrary(path: place.path, file: file) {
          result.surroundings.libraries.append((place, library))
        }
      }
    }
    result.surroundings.files = state.surroundings.files
    result.surroundings.links = state.surroundings.links
    found.sort { $0.place < $1.place }
    for library in found {
      let (place, file) = (library.place, library.file)
      result.problems += file.problems.map { FileProblem(place: place, problem: $0) }
      if case .unsupported(let what) = file.format {
        result.recognised.append(RecognisedFile(place: place, what: what))
      }
      for what in file.foreignDeviceCode {
        result.recognised.append(RecognisedFile(place: place, what: "device code for \(what)"))
      }
      if file.format == .elf { result.counts.elfFiles += 1 }
      if !file.inventory.modules.isEmpty {
        result.libraries.append(library)
      }
    }
    result.mergeIdentical(jobs: jobs)
    result.problems.sort { ($0.place, $0.problem.offset ?? 0) < ($1.place, $1.problem.offset ?? 0) }
    result.counts.librariesWithDeviceCode = result.libraries.count
    result.counts.modules = result.libraries.reduce(0) { $0 + $1.file.inventory.modules.count }
    result.counts.images = result.libraries.reduce(0) { $0 + $1.file.inventory.images.count }
    return result
  }
}

extension ScanResult {
  /// Makes files with the same contents aliases of the first of them.
  fileprivate mutating func mergeIdentical(jobs: Int) {
    // Only files with the same size and the same device code are worth a comparison of all their bytes.
    var candidates: [InventoryKey: [Int]] = [:]
    for (index, library) in libraries.enumerated() {
      candidates[InventoryKey(library.file), default: []].append(index)
    }
    let groups = candidates.values.filter { $0.count > 1 }
    guard !groups.isEmpty else { return }
    let libraries = self.libraries
    let roots = self.roots
    let same = Mutex<[(first: Int, copy: Int)]>([])
    let read = Mutex<UInt64>(0)
    let queue = WorkQueue<[Int]>()
    for group in groups { queue.add(group) }
    queue.run(jobs: jobs) { group in
      // Files that differ do so at their ends, as a rule: then only copies are compared in full.
      var distinct: [Int: [Int]] = [:]
      for index in group {
        guard let file = try? FileBytes(path: libraries[index].place.fullPath(in: roots)),
          let ends = try? hashOfEnds(file)
        else { continue }
        let twin = distinct[ends]?.first { first in
          guard let other = try? FileBytes(path: libraries[first].place.fullPath(in: roots)) else {
            return false
          }
          defer { read.withLock { $0 += other.bytesRead } }
          return haveSameBytes(file, other)
        }
        read.withLock { $0 += file.bytesRead }
        if let twin {
          same.withLock { $0.append((twin, index)) }
        } else {
          distinct[ends, default: []].append(index)
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
    counts.bytesRead += read.withLock { $0 }
  }
}

/// What two files with the same contents have in common, as far as it is known without reading them again.
private struct InventoryKey: Hashable {
  var size: UInt64
  var inventory: Inventory

  init(_ file: InspectedFile) {
    size = file.size
    inventory = file.inventory
  }

  /// The whole inventory is compared, but only its ends are hashed.
  func hash(into hasher: inout Hasher) {
    hasher.combine(size)
    hasher.combine(inventory.images.count)
    hasher.combine(inventory.modules.last)
  }
}

/// A hash of the first and the last 4 KiB of a file.
private func hashOfEnds(_ file: FileBytes) throws(Problem) -> Int {
  let count = Int(min(4096, file.size))
  var hasher = Hasher()
  hasher.combine(try file.bytes(at: 0, count: count, "file"))
  hasher.combine(try file.bytes(at: file.size - UInt64(count), count: count, "file"))
  return hasher.finalize()
}

/// Whether two files have the same contents.
private func haveSameBytes(_ left: FileBytes, _ right: FileBytes) -> Bool {
  guard left.size == right.size else { return false }
  let chunk: UInt64 = 1 << 20
  for position in stride(from: 0, to: left.size, by: Int(chunk)) {
    let count = Int(min(chunk, left.size - position))
    guard let first = try? left.bytes(at: position, count: count, "file"),
      let second = try? right.bytes(at: position, count: count, "file"), first == second
    else { return false }
  }
  return true
}
