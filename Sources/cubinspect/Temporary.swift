import Bytes
import Glibc
import Synchronization

/// A folder for files that are needed for a while. It is removed with all that is in it when the last reference goes, and
/// when the program is interrupted.
final class TemporaryFolder: Sendable {
  let path: Path

  private static let all = Mutex<Set<Path>>([])

  /// Makes a folder in `parent`, by default where the system has its large temporary files.
  ///
  /// - Throws: a ``Problem`` when the system refuses.
  init(in parent: Path = Temporary.place) throws(Problem) {
    let made = Self.all.withLock { all -> (path: Path, error: CInt) in
      let path = parent.appending("cubinspect-\(String(UInt64.random(in: 0 ... .max), radix: 16))".utf8)
      let error = unsafe path.withCString { unsafe mkdir($0, 0o700) } == 0 ? 0 : errno
      if error == 0 { all.insert(path) }
      return (path, error)
    }
    guard made.error == 0 else {
      throw Problem(.unreadable, "temporary folder in \(parent)", observed: errorText(made.error))
    }
    path = made.path
  }

  deinit {
    Self.remove(path)
    _ = Self.all.withLock { $0.remove(path) }
  }

  /// Bytes of the files in it.
  var size: UInt64 { Self.size(of: path) }

  /// The names directly in it.
  var names: [String] { fileNames(in: path.text) }

  /// Removes all such folders, and lets no other be made.
  static func removeAll(then body: () -> Never) -> Never {
    all.withLock { all in
      for path in all { remove(path) }
      body()
    }
  }

  /// How deep folders are looked into.
  private static let depth = 64

  private static func size(of path: Path, depth: Int = TemporaryFolder.depth) -> UInt64 {
    var total: UInt64 = 0
    for (name, status) in entries(of: path) {
      if status.st_mode & S_IFMT == S_IFDIR, depth > 0 {
        total += size(of: path.appending(name), depth: depth - 1)
      } else if status.st_mode & S_IFMT == S_IFREG {
        total += UInt64(max(0, status.st_blocks)) * 512
      }
    }
    return total
  }

  /// What is in a folder of this program's own; no link is followed.
  private static func entries(of path: Path) -> [(name: [UInt8], status: stat)] {
    guard let directory = try? Directory(in: Folder(path)) else { return [] }
    var entries: [(name: [UInt8], status: stat)] = []
    while let entry = try? directory.next() {
      var status = stat()
      guard unsafe path.appending(entry.name).withCString({ unsafe lstat($0, &status) }) == 0 else {
        continue
      }
      entries.append((entry.name, status))
    }
    return entries
  }

  private static func remove(_ path: Path, depth: Int = TemporaryFolder.depth) {
    for (name, status) in entries(of: path) {
      let entry = path.appending(name)
      if status.st_mode & S_IFMT == S_IFDIR {
        // A client may have made folders that cannot be written.
        _ = unsafe entry.withCString { unsafe chmod($0, 0o700) }
        if depth > 0 { remove(entry, depth: depth - 1) }
      } else {
        _ = unsafe entry.withCString { unsafe unlink($0) }
      }
    }
    _ = unsafe path.withCString { unsafe rmdir($0) }
  }
}

/// Where large temporary files are.
enum Temporary {
  /// The folder that `TMPDIR` names, else `/var/tmp`, because `/tmp` is in memory on many systems.
  static var place: Path {
    let named = Terminal.environment("TMPDIR")
    if named.hasPrefix("/") { return Path(named) }
    return Path((try? FileKind.of(Path("/var/tmp"))) == .directory ? "/var/tmp" : "/tmp")
  }

  /// An open file without a name, which is gone when it is closed, however the program ends. The caller closes it.
  ///
  /// - Throws: a ``Problem`` when the system refuses.
  static func file() throws(Problem) -> CInt {
    let place = place
    // O_TMPFILE, whose value holds that of O_DIRECTORY.
    let unnamed = CInt(0o20200000)
    var file = unsafe place.withCString { unsafe open($0, O_RDWR | unnamed | O_CLOEXEC, 0o600) }
    if file < 0 {
      // Some file systems have none.
      var name = place.appending("cubinspect-XXXXXX".utf8).bytes.map { CChar(bitPattern: $0) } + [0]
      file = unsafe mkstemp(&name)
      if file >= 0 {
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        unsafe unlink(name)
      }
    }
    guard file >= 0 else {
      throw Problem(.unreadable, "temporary file in \(place)", observed: errorText(errno))
    }
    return file
  }
}
