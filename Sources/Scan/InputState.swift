import Archives
import Bytes
import Synchronization

/// What file systems say of all files that a scan starts at: while it is the same, the files are the same. No file is
/// opened for it, but the folders are listed.
public struct InputState: Hashable, Sendable {
  /// A SHA-256 digest of the names of all inputs and of the names, kinds, identities, sizes and times of everything below
  /// them.
  public var digest: [UInt8]
  /// When the file that was changed last was, in nanoseconds since 1970.
  public var newestChange: Int64

  /// - Returns: nil where it cannot be told: of an input without a path, and where a folder cannot be listed.
  public init?(of inputs: [ScanInput], jobs: Int) {
    let walk = StateWalk()
    for (number, input) in inputs.enumerated() {
      let folders: [Path]
      switch input.place {
      case .path: folders = [input.name]
      case .image(let folder, let blobs, nil): folders = [folder, blobs].compactMap { $0 }
      case .file, .image: return nil
      }
      for folder in folders { walk.add(folder, of: number, named: input.name) }
    }
    guard let state = walk.state(jobs: jobs) else { return nil }
    self = state
  }

  fileprivate init(digest: [UInt8], newestChange: Int64) {
    self.digest = digest
    self.newestChange = newestChange
  }
}

/// One walk over the inputs.
private final class StateWalk: Sendable {
  private struct Item {
    let folder: Folder
    /// The number of the folder among those that were named.
    let number: Int
    let path: Path
  }

  private struct Result {
    var number: Int
    var path: Path
    var digest: [UInt8]
  }

  private struct State {
    /// The names of the inputs, and what they are.
    var inputs: [UInt8] = []
    var folderCount = 0
    var results: [Result] = []
    var newestChange: Int64 = 0
    var isComplete = true
  }

  private let queue = WorkQueue<Item>()
  private let state = Mutex(State())

  /// Adds the file or the folder at `path` of the input with that number and name.
  func add(_ path: Path, of input: Int, named name: Path) {
    guard let status = FileState(of: path) else { return fail() }
    let number = state.withLock { state in
      state.inputs.append(number: UInt64(input))
      for name in [name, path] { state.inputs.append(name: name.bytes) }
      state.inputs.append(status)
      if status.kind != .directory { state.newestChange = max(state.newestChange, status.changed) }
      state.folderCount += 1
      return state.folderCount
    }
    guard status.kind == .directory else { return }
    do throws(Problem) {
      queue.add(Item(folder: try Folder(path), number: number, path: Path("")))
    } catch {
      fail()
    }
  }

  private func fail() { state.withLock { $0.isComplete = false } }

  func state(jobs: Int) -> InputState? {
    queue.run(jobs: jobs) { visit($0) }
    return state.withLock { state in
      guard state.isComplete else { return nil }
      var digest = SHA256()
      digest.add(state.inputs)
      state.results.sort { ($0.number, $0.path) < ($1.number, $1.path) }
      for result in state.results {
        var row: [UInt8] = []
        row.append(number: UInt64(result.number))
        row.append(name: result.path.bytes)
        digest.add(row + result.digest)
      }
      return InputState(digest: digest.value, newestChange: state.newestChange)
    }
  }

  private func visit(_ item: Item) {
    var rows: [(name: [UInt8], row: [UInt8])] = []
    var newestChange: Int64 = 0
    do throws(Problem) {
      let directory = try Directory(in: item.folder, item.path)
      while let entry = try directory.next() {
        guard let status = directory.state(of: entry.name) else { return fail() }
        var row: [UInt8] = []
        row.reserveCapacity(64)
        row.append(status)
        switch status.kind {
        case .directory:
          queue.add(Item(folder: item.folder, number: item.number, path: item.path.appending(entry.name)))
        case .symbolicLink:
          row.append(name: directory.contents(ofLink: entry.name)?.bytes ?? [])
        default:
          newestChange = max(newestChange, status.changed)
        }
        rows.append((entry.name, row))
      }
    } catch {
      return fail()
    }
    rows.sort { $0.name.lexicographicallyPrecedes($1.name) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(rows.count * 96)
    for (name, row) in rows {
      bytes.append(name: name)
      bytes.append(contentsOf: row)
    }
    var digest = SHA256()
    digest.add(bytes)
    state.withLock {
      $0.results.append(Result(number: item.number, path: item.path, digest: digest.value))
      $0.newestChange = max($0.newestChange, newestChange)
    }
  }
}

extension [UInt8] {
  /// Adds a number, 8 bytes long.
  fileprivate mutating func append(number: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
  }

  /// Adds a name with its length, so that no two lists of names are the same bytes.
  fileprivate mutating func append(name: [UInt8]) {
    append(number: UInt64(name.count))
    append(contentsOf: name)
  }

  /// Adds what tells a file from another and from what it was. Sizes and times of directories change with entries, which
  /// are listed.
  fileprivate mutating func append(_ state: FileState) {
    append(number: state.identity.device)
    append(number: state.identity.inode)
    append(number: UInt64(state.mode))
    guard state.kind != .directory else { return }
    append(number: state.size)
    append(number: UInt64(bitPattern: state.modified))
    append(number: UInt64(bitPattern: state.changed))
  }
}
