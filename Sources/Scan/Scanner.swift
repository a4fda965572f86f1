public import Archives
public import Bytes
import Compatibility
import DeviceCode
import Stack
import Synchronization

/// Finds all device code under some paths.
public struct Scanner: Sendable {
  /// Threads that walk and read.
  public var jobs: Int
  /// What archives may claim.
  public var limits: ArchiveLimits
  /// The platform that is wanted of images for several; nil for all of Linux.
  public var platform: ContainerImage.Platform?
  /// What counts while a scan is under way.
  public var progress: ScanProgress?

  public init(
    jobs: Int, limits: ArchiveLimits = ArchiveLimits(), platform: ContainerImage.Platform? = nil,
    progress: ScanProgress? = nil
  ) {
    self.jobs = max(1, jobs)
    self.limits = limits
    self.platform = platform
    self.progress = progress
  }

  /// Scans `paths`: directories with all that is below them, single files, wheels and other packages, images.
  ///
  /// A symbolic link is never followed on the host: what it leads to is found under its own name, or it is outside.
  /// Nothing ends a scan; what cannot be read is among the result's problems.
  public func scan(_ paths: [Path]) -> ScanResult {
    var opener = RootOpener(limits: limits, platform: platform, jobs: jobs, progress: progress)
    var seen: Set<Path> = []
    for path in paths where seen.insert(path).inserted {
      progress?.begin(.opening)
      opener.add(path)
    }
    progress?.begin(.walking)
    let walk = Walk(opener.roots, problems: opener.problems, progress: progress)
    walk.run(jobs: jobs)
    return walk.result(jobs: jobs)
  }
}

/// One scan under way.
private final class Walk: Sendable {
  enum Item: Sendable {
    case directory(FilePlace)
    case file(FilePlace, isRoot: Bool)
    /// Files of the archive that is a root.
    case batch(ArchiveFiles.Batch, root: Int)
  }

  /// What tells two names of one file from two files.
  enum Identity: Hashable {
    case file(FileIdentity)
    case member(root: Int, layer: Int, member: Int)
  }

  struct File {
    /// nil until it has been read.
    var contents: (file: InspectedFile, library: Library, host: HostLibrary?, ends: Int?)?
    var places: [FilePlace] = []
  }

  struct State {
    var counts = ScanCounts()
    var problems: [FileProblem] = []
    /// Everything that was read, by what it is; every name that it has.
    var files: [Identity: File] = [:]
    var surroundings = Surroundings()
    /// Members of archives that are worth reading, and their sizes as stored.
    var members: [(size: UInt64, place: FilePlace)] = []
  }

  let roots: [ScanRoot]
  let queue = WorkQueue<Item>()
  private let state: Mutex<State>
  private let progress: ScanProgress?

  init(_ roots: [ScanRoot], problems: [FileProblem], progress: ScanProgress?) {
    self.roots = roots
    self.progress = progress
    var state = State(problems: problems)
    let unreadable = Set(problems.map(\.place.root))
    for (index, root) in roots.enumerated() {
      let place = FilePlace(root: index, path: root.kind == .file ? root.path.lastComponent : Path(""))
      if let archive = root.archive {
        state.counts.directories += archive.directoryCount
        state.surroundings.links += archive.symbolicLinks.map {
          (FilePlace(root: index, path: $0.path), $0.target)
        }
        for batch in archive.batches { queue.add(.batch(batch, root: index)) }
      } else if root.isHostDirectory {
        queue.add(.directory(place))
      } else if root.kind == .file, !unreadable.contains(index) {
        queue.add(.file(place, isRoot: true))
      }
    }
    self.state = Mutex(state)
  }

  func run(jobs: Int) {
    queue.run(jobs: jobs) { visit($0) }
    // The queue gives the newest first, so the largest come first: no thread is left alone with one at the end.
    let members = state.withLock { $0.members }.sorted { ($0.size, $1.place) < ($1.size, $0.place) }
    for member in members { queue.add(.file(member.place, isRoot: false)) }
    queue.run(jobs: jobs) { visit($0) }
  }

  private func visit(_ item: Item) {
    switch item {
    case .directory(let place): visit(directory: place)
    case .file(let place, let isRoot): visit(file: place, isRoot: isRoot)
    case .batch(let batch, let root): visit(batch: batch, root: root)
    }
  }

  /// What was seen on the way to the files that are worth reading.
  private struct Seen {
    var files = 0
    var bytesRead = 0
    var problems: [FileProblem] = []
    var surroundings = Surroundings()
  }

  private func add(_ seen: Seen, directories: Int = 0) {
    state.withLock {
      $0.counts.directories += directories
      $0.counts.filesVisited += seen.files
      $0.counts.bytesRead += UInt64(seen.bytesRead)
      $0.problems += seen.problems
      $0.surroundings.files += seen.surroundings.files
      $0.surroundings.links += seen.surroundings.links
    }
  }

  private func visit(directory place: FilePlace) {
    var seen = Seen()
    var prefix = [UInt8](repeating: 0, count: InspectedFile.prefixSize)
    do throws(Problem) {
      let directory = try Directory(path: place.fullPath(in: roots), followsLink: place.path.bytes.isEmpty)
      while let entry = try directory.next() {
        let entryPlace = place.appending(entry.name)
        switch entry.kind {
        case .directory: queue.add(.directory(entryPlace))
        case .regular:
          seen.files += 1
          if Tree.needs(entry.name, in: place.path) { seen.surroundings.files.append(entryPlace) }
          do throws(Problem) {
            // Most files are told by their first word; only what may be PTX text needs more.
            let count = try directory.prefix(
              of: entry.name, into: &prefix, needsMore: InspectedFile.needsLongPrefix)
            seen.bytesRead += count
            if InspectedFile.mayHoldDeviceCode(prefix: prefix[..<count]) {
              queue.add(.file(entryPlace, isRoot: false))
            }
          } catch {
            seen.problems.append(FileProblem(place: entryPlace, problem: error))
          }
        case .symbolicLink:
          if let contents = directory.contents(ofLink: entry.name) {
            seen.surroundings.links.append((entryPlace, contents))
          }
        case .fifo, .socket, .characterDevice, .blockDevice: break
        case .unknown:
          let problem = Problem(.unreadable, "file status", observed: "its kind cannot be told")
          seen.problems.append(FileProblem(place: entryPlace, problem: problem))
        }
      }
    } catch {
      seen.problems.append(FileProblem(place: place, problem: error))
    }
    progress?.add(files: seen.files, bytes: UInt64(seen.bytesRead))
    add(seen, directories: 1)
  }

  private func visit(batch: ArchiveFiles.Batch, root: Int) {
    guard let archive = roots[root].archive else { return }
    var seen = Seen()
    var members: [(size: UInt64, place: FilePlace)] = []
    for index in batch.files {
      let place = FilePlace(root: root, path: archive.files[index].path)
      seen.files += 1
      if Tree.needs(place.path.lastComponent.bytes, in: place.folder.path) {
        seen.surroundings.files.append(place)
      }
      do throws(Problem) {
        var prefix = try archive.prefix(index, count: 64)
        if let first = prefix.first, prefix.count == 64, InspectedFile.needsLongPrefix(first) {
          prefix = try archive.prefix(index, count: InspectedFile.prefixSize)
        }
        seen.bytesRead += prefix.count
        progress?.add(files: 1, bytes: UInt64(prefix.count))
        guard InspectedFile.mayHoldDeviceCode(prefix: prefix[...]) else { continue }
      } catch {
        seen.problems.append(FileProblem(place: place, problem: error))
        continue
      }
      // While the stream is here, everything that is wanted of the file is near.
      if batch.stream != nil {
        visit(file: place, isRoot: false)
      } else {
        members.append((archive.storedSize(index), place))
      }
    }
    batch.stream?.release()
    add(seen)
    state.withLock { $0.members += members }
  }

  private func visit(file place: FilePlace, isRoot: Bool) {
    do throws(Problem) {
      let source = try roots.open(place)
      let identity: Identity
      if let file = source as? FileBytes {
        identity = .file(file.identity)
      } else if let archive = roots[place.root].archive, let index = archive.index(of: place.path) {
        let file = archive.files[index]
        identity = .member(root: place.root, layer: file.layer, member: file.member)
      } else {
        return
      }
      if isRoot { progress?.add(files: 1) }
      let isFirst = state.withLock { state in
        if isRoot {
          state.counts.filesVisited += 1
          state.surroundings.files.append(place)
        }
        state.files[identity, default: File()].places.append(place)
        return state.files[identity]?.places.count == 1
      }
      guard isFirst else { return }
      // Before the reader goes on: some sources are slow to go back.
      let start = try? source.bytes(at: 0, count: Int(min(endSize, source.size)), "file")
      var file = InspectedFile(source)
      let library = Library(file.inventory)
      let host = HostLibrary(path: place.path, file: file)
      // It would keep the file open, and of a member all that was decompressed around it.
      file.elf = nil
      let ends = file.inventory.modules.isEmpty ? nil : start.flatMap { try? hashOfEnds(source, start: $0) }
      let contents = (file, library, host, ends)
      progress?.add(bytes: source.bytesRead, libraries: file.inventory.modules.isEmpty ? 0 : 1)
      state.withLock {
        $0.files[identity]?.contents = contents
        $0.counts.bytesRead += source.bytesRead
      }
    } catch {
      state.withLock { $0.problems.append(FileProblem(place: place, problem: error)) }
    }
  }

  /// Puts everything into an order that does not depend on which thread was first.
  func result(jobs: Int) -> ScanResult {
    let state = self.state.withLock { $0 }
    var result = ScanResult(roots: roots, problems: state.problems, counts: state.counts)
    var identities: [FilePlace: Identity] = [:]
    for (identity, entry) in state.files {
      for place in entry.places { identities[place] = identity }
    }
    var aliases: [Identity: [FilePlace]] = [:]
    let resolver = LinkResolver(roots, links: state.surroundings.links)
    for (place, _) in state.surroundings.links {
      switch resolver.destination(of: place) {
      case .inside(let destination):
        if let identity = identities[destination] { aliases[identity, default: []].append(place) }
      case .outside: result.counts.linksOutside += 1
      case .nowhere: break
      }
    }
    var found: [ScannedLibrary] = []
    for (identity, entry) in state.files {
      guard let (file, library, host, ends) = entry.contents else { continue }
      let places = entry.places.sorted()
      let others = (places.dropFirst() + (aliases[identity] ?? [])).sorted()
      var scanned = ScannedLibrary(place: places[0], aliases: others, file: file, library: library)
      scanned.ends = ends
      found.append(scanned)
      if var host {
        for place in places {
          host.path = place.path
          result.surroundings.libraries.append((place, host))
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
    progress?.begin(.comparing)
    result.mergeIdentical(jobs: jobs, progress: progress)
    result.problems.sort { ($0.place, $0.problem.offset ?? 0) < ($1.place, $1.problem.offset ?? 0) }
    result.counts.librariesWithDeviceCode = result.libraries.count
    result.counts.modules = result.libraries.reduce(0) { $0 + $1.file.inventory.modules.count }
    result.counts.images = result.libraries.reduce(0) { $0 + $1.file.inventory.images.count }
    return result
  }
}

extension ScanResult {
  /// Makes files with the same contents aliases of the first of them.
  fileprivate mutating func mergeIdentical(jobs: Int, progress: ScanProgress?) {
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
private let endSize: UInt64 = 4096

/// A hash of the first and the last bytes of a file, of which the first are `start`.
private func hashOfEnds(_ file: any ByteSource, start: [UInt8]) throws(Problem) -> Int {
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
