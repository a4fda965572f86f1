import Archives
import Bytes
import Compatibility
import Compression
import DeviceCode
import ELFFile
import Stack
import Synchronization

/// One scan under way.
final class Walk: Sendable {
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

  /// What was read of a file.
  struct Contents {
    var file: InspectedFile
    var unit: CodeUnit
    var host: HostLibrary?
    /// Images and stored bytes by target with what they take of a zip archive; nil where the file is in none.
    var zippedTargets: [ImageTarget: TargetTotals]?
    var ends: UInt64?
    var buildID: [UInt8]?
    /// What was written down of its device code, where the file itself is not there.
    var recorded: CodeFile?
  }

  struct File {
    /// nil until it has been read.
    var contents: Contents?
    var places: [FilePlace] = []
  }

  struct State {
    var counts = ScanCounts()
    var problems: [PlacedProblem] = []
    /// Everything that was read, by what it is; every name that it has.
    var files: [Identity: File] = [:]
    var surroundings = Surroundings()
    /// Symbolic links that lead to folders outside, and where those are on the host.
    var foldersBehindLinks: [(location: Path, link: FilePlace)] = []
    /// Members of archives that are worth reading, and their sizes as stored.
    var members: [(size: UInt64, place: FilePlace)] = []
    /// What is kept of the contents of files that facts are made of, if that was asked for.
    var kept: [FilePlace: KeptContents] = [:]
  }

  let roots: [ScanRoot]
  let limits: ArchiveLimits
  /// Bytes that may be decompressed.
  let decompression: Budget
  /// Whether what facts are made of is kept, because the files will not be there.
  private let keepsContents: Bool
  let queue = WorkQueue<Item>()
  let state: Mutex<State>
  let progress: ScanProgress?

  init(
    _ roots: [ScanRoot], limits: ArchiveLimits, decompression: Budget, problems: [PlacedProblem],
    keepsContents: Bool = false, progress: ScanProgress?
  ) {
    self.roots = roots
    self.limits = limits
    self.decompression = decompression
    self.keepsContents = keepsContents
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
      } else if root.folder != nil {
        queue.add(.directory(place))
      } else if root.kind == .file, !unreadable.contains(index) {
        queue.add(.file(place, isRoot: true))
      }
    }
    self.state = Mutex(state)
  }

  func run(jobs: Int) {
    repeat { queue.run(jobs: jobs) { visit($0) } } while followLinks()
    // The queue gives the newest first, so the largest come first: no thread is left alone with one at the end.
    let members = state.withLock { $0.members }.sorted { ($0.size, $1.place) < ($1.size, $0.place) }
    for member in members { queue.add(.file(member.place, isRoot: false)) }
    queue.run(jobs: jobs) { visit($0) }
  }

  /// Has the folders walked that symbolic links lead to, each below a root under one name, whichever thread met it first.
  ///
  /// - Returns: whether there are any.
  private func followLinks() -> Bool {
    let found = state.withLock { state in
      defer { state.foldersBehindLinks = [] }
      return state.foldersBehindLinks.sorted { ($0.location, $0.link) < ($1.location, $1.link) }
    }
    var links: [(place: FilePlace, target: Path)] = []
    for (location, link) in found {
      if let target = roots[link.root].followed?.walk(location, as: link.path) {
        links.append((link, target))
      } else {
        queue.add(.directory(link))
      }
    }
    state.withLock { $0.surroundings.links += links }
    return links.count < found.count
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
    var problems: [PlacedProblem] = []
    var surroundings = Surroundings()
    var foldersBehindLinks: [(location: Path, link: FilePlace)] = []
    var kept: [FilePlace: KeptContents] = [:]
  }

  private func add(_ seen: Seen, directories: Int = 0) {
    state.withLock {
      $0.counts.directories += directories
      $0.counts.filesVisited += seen.files
      $0.counts.bytesRead += UInt64(seen.bytesRead)
      $0.problems += seen.problems
      $0.surroundings.files += seen.surroundings.files
      $0.surroundings.links += seen.surroundings.links
      $0.foldersBehindLinks += seen.foldersBehindLinks
      $0.kept.merge(seen.kept) { first, _ in first }
    }
  }

  private func visit(directory place: FilePlace) {
    var seen = Seen()
    var prefix = [UInt8](repeating: 0, count: InspectedFile.prefixSize)
    let root = roots[place.root]
    do throws(Problem) {
      guard let (folder, path) = root.place(of: place.path) else { return }
      let directory = try Directory(in: folder, path)
      while let entry = try directory.next() {
        let entryPlace = place.appending(entry.name)
        switch entry.kind {
        case .directory:
          if let target = root.followed?.linkInPlace(ofFolder: entryPlace.path) {
            seen.surroundings.links.append((entryPlace, target))
          } else {
            queue.add(.directory(entryPlace))
          }
        case .regular:
          see(entryPlace, &prefix, &seen) { (prefix) throws(Problem) in
            try directory.prefix(of: entry.name, into: &prefix, needsMore: InspectedFile.needsLongPrefix)
          }
        case .symbolicLink:
          guard let contents = directory.contents(ofLink: entry.name) else { continue }
          switch root.followed?.follow(entryPlace.path, saying: contents) ?? .link(contents) {
          case .link(let target): seen.surroundings.links.append((entryPlace, target))
          case .folder(let location): seen.foldersBehindLinks.append((location, entryPlace))
          case .file:
            see(entryPlace, &prefix, &seen) { (prefix) throws(Problem) in
              guard let (folder, path) = root.place(of: entryPlace.path) else { return 0 }
              return try folder.prefix(of: path, into: &prefix, needsMore: InspectedFile.needsLongPrefix)
            }
          }
        case .fifo, .socket, .characterDevice, .blockDevice: break
        case .unknown:
          let problem = Problem(.unreadable, "file status", observed: "its kind cannot be told")
          seen.problems.append(PlacedProblem(place: entryPlace, problem: problem))
        }
      }
    } catch {
      seen.problems.append(PlacedProblem(place: place, problem: error))
    }
    progress?.add(files: seen.files, bytes: UInt64(seen.bytesRead))
    add(seen, directories: 1)
  }

  /// Looks at the start of a regular file of a directory, and has it read where it may hold device code.
  ///
  /// - Parameter read: reads the start into a buffer and returns how many bytes there were.
  private func see(
    _ place: FilePlace, _ prefix: inout [UInt8], _ seen: inout Seen,
    read: (inout [UInt8]) throws(Problem) -> Int
  ) {
    seen.files += 1
    if Tree.needs(place.path) { seen.surroundings.files.append(place) }
    do throws(Problem) {
      // Most files are told by their first word; only what may be PTX text needs more.
      let count = try read(&prefix)
      seen.bytesRead += count
      let start = prefix[..<count]
      let name = place.path.name
      let isRoot = name.count == place.path.bytes.count && RootOpener.isPackage(name)
      let unread =
        isRoot
        ? nil
        : UnreadFile.problem(
          name, prefix: start, isNamed: false, limits: limits, decompression: decompression
        ) {
          () throws(Problem) in try roots.open(place)
        }
      if let unread { seen.problems.append(PlacedProblem(place: place, problem: unread)) }
      if Self.isCandidate(start, unread) { queue.add(.file(place, isRoot: false)) }
    } catch {
      seen.problems.append(PlacedProblem(place: place, problem: error))
    }
  }

  /// Whether a file with these first bytes is read. A Debian package has the form of a static library.
  private static func isCandidate(_ prefix: ArraySlice<UInt8>, _ unread: Problem?) -> Bool {
    InspectedFile.mayHoldDeviceCode(prefix: prefix) && (unread == nil || prefix.first == 0x7F)
  }

  private func visit(batch: ArchiveFiles.Batch, root: Int) {
    guard let archive = roots[root].archive else { return }
    var seen = Seen()
    var members: [(size: UInt64, place: FilePlace)] = []
    var starts = BatchStarts(of: batch, in: archive)
    for (position, index) in batch.files.enumerated() {
      let place = FilePlace(root: root, path: archive.files[index].path)
      seen.files += 1
      if Tree.needs(place.path) {
        seen.surroundings.files.append(place)
        if keepsContents {
          seen.kept[place] = KeptContents(place.path) { () throws(Problem) in try archive.open(place.path) }
        }
      }
      if archive.isRecorded(index) {
        visit(recorded: archive.record(index), of: archive.files[index], at: place, &seen)
        continue
      }
      do throws(Problem) {
        var prefix = try starts.prefix(position, count: BatchStarts.size)
        if let first = prefix.first, prefix.count == BatchStarts.size, InspectedFile.needsLongPrefix(first) {
          prefix = try starts.prefix(position, count: InspectedFile.prefixSize)
        }
        seen.bytesRead += prefix.count
        progress?.add(files: 1, bytes: UInt64(prefix.count))
        let unread = UnreadFile.problem(
          place.path.name, prefix: prefix, isNamed: false, limits: limits,
          decompression: decompression
        ) { () throws(Problem) in try archive.open(place.path) }
        if let unread { seen.problems.append(PlacedProblem(place: place, problem: unread)) }
        guard Self.isCandidate(prefix, unread) else { continue }
      } catch {
        seen.problems.append(PlacedProblem(place: place, problem: error))
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

  /// Takes what was written down of a file for the file.
  private func visit(
    recorded file: LayerFile?, of entry: ArchiveFiles.File, at place: FilePlace, _ seen: inout Seen
  ) {
    progress?.add(files: 1)
    guard let file else { return }
    seen.problems += file.wayProblems.map { PlacedProblem(place: place, problem: $0) }
    guard let inspected = file.inspected else { return }
    var contents = Contents(file: inspected, unit: file.code?.unit ?? CodeUnit(Inventory()), host: file.host)
    contents.ends = file.ends
    contents.buildID = file.code?.buildID
    contents.recorded = file.code
    state.withLock {
      let identity = Identity.member(root: place.root, layer: entry.layer, member: entry.member)
      $0.files[identity, default: File()].places.append(place)
      $0.files[identity]?.contents = contents
    }
  }

  private func visit(file place: FilePlace, isRoot: Bool) {
    do throws(Problem) {
      var source = try roots.open(place)
      let identity: Identity
      var member: (archive: ArchiveFiles, index: Int)?
      if let file = source as? FileBytes {
        identity = .file(file.identity)
      } else if let archive = roots[place.root].archive, let index = archive.index(of: place.path) {
        let file = archive.files[index]
        member = (archive, index)
        identity = .member(root: place.root, layer: file.layer, member: file.member)
      } else {
        return
      }
      if isRoot {
        progress?.add(files: 1)
        // By itself, so that it does not count as read.
        let file = try roots.open(place)
        let prefix = try file.bytes(at: 0, count: Int(min(file.size, UInt64(UnreadFile.prefixSize))), "file")
        let unread = UnreadFile.problem(
          place.path.bytes[...], prefix: prefix[...], isNamed: true, limits: limits,
          decompression: decompression
        ) { file }
        if let unread {
          state.withLock {
            $0.problems.append(PlacedProblem(place: place, problem: unread))
            if !Self.isCandidate(prefix[...], unread) { $0.counts.filesVisited += 1 }
          }
          guard Self.isCandidate(prefix[...], unread) else { return }
        }
      }
      let isFirst = state.withLock { state in
        if isRoot {
          state.counts.filesVisited += 1
          state.surroundings.files.append(place)
        }
        state.files[identity, default: File()].places.append(place)
        return state.files[identity]?.places.count == 1
      }
      guard isFirst else { return }
      let contents = (source as? CountedBytes)?.source ?? source
      if contents.readsForward { source = CountedBytes(PassedBytes(contents)) }
      // Before the reader goes on: some sources are slow to go back.
      let start = try? source.bytes(at: 0, count: Int(min(endSize, source.size)), "file")
      // The bytes of archives were counted when they were opened.
      if member == nil { decompression.addDecompression(for: source.size) }
      var file = InspectedFile(source, decompression: decompression)
      let unit = CodeUnit(file.inventory)
      var host = HostLibrary(path: place.path, file: file)
      do throws(Problem) {
        try host?.readCompiler(of: file)
      } catch {
        file.problems.append(withinLimit: error)
      }
      if let member {
        do throws(Problem) {
          try member.archive.verify(member.index, contents: contents)
        } catch {
          // Whoever read to the end may have met it.
          if !file.problems.contains(error) { file.problems.append(withinLimit: error) }
        }
      }
      let buildID = file.elf?.buildID
      // It would keep the file open, and of a member all that was decompressed around it.
      file.elf = nil
      let ends =
        file.inventory.modules.isEmpty ? nil : start.flatMap { try? checksumOfEnds(source, start: $0) }
      var found = Contents(file: file, unit: unit, host: host, ends: ends, buildID: buildID)
      found.zippedTargets = member?.archive.zippedTargets(of: file.inventory, contents: contents)
      progress?.add(bytes: source.bytesRead, libraries: file.inventory.modules.isEmpty ? 0 : 1)
      state.withLock {
        $0.files[identity]?.contents = found
        $0.counts.bytesRead += source.bytesRead
      }
    } catch {
      state.withLock { $0.problems.append(PlacedProblem(place: place, problem: error)) }
    }
  }
}
