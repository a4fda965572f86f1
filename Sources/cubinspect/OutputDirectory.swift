import Bytes
import Glibc
import Synchronization

/// A directory that files are written into, and nowhere else: names are resolved in it, and links are not followed.
final class OutputDirectory: Sendable {
  private let descriptor: CInt

  /// `O_PATH`: names can be resolved in a directory that may not be listed.
  private static let pathOnly: CInt = 0o10000000

  /// Files under temporary names, which have not got their own yet, and the directories that they are in.
  private static let unfinished = Mutex<[String: CInt]>([:])

  /// Opens the directory at `path`.
  ///
  /// - Parameter isMade: whether it is made where there is none.
  /// - Throws: a ``Problem`` when there is something else, or the system refuses.
  init(_ path: Path, isMade: Bool = false) throws(Problem) {
    descriptor = unsafe path.withCString { name in
      if isMade, unsafe mkdir(name, 0o777) != 0, errno != EEXIST { return -1 }
      return unsafe open(name, Self.pathOnly | O_DIRECTORY | O_CLOEXEC)
    }
    guard descriptor >= 0 else { throw Problem(.unreadable, Problem.path, observed: errorText(errno)) }
  }

  deinit { close(descriptor) }

  var identity: FileIdentity? { FileStatus(of: descriptor)?.identity }

  /// The directory itself and all above it.
  var ancestors: Set<FileIdentity> {
    var ancestors: Set<FileIdentity> = []
    var path = Path(".")
    // The root is its own parent.
    while let status = FileStatus(path, in: descriptor, followsLink: false),
      ancestors.insert(status.identity).inserted
    {
      path = path.appending("..".utf8)
    }
    return ancestors
  }

  /// Whether there is anything of that name.
  func contains(_ name: Path) -> Bool { status(of: name) != nil }

  /// What is there of that name, symbolic links not followed.
  func status(of name: Path) -> FileStatus? { FileStatus(name, in: descriptor, followsLink: false) }

  /// Why `name` cannot be written or replaced, as far as it can be told before; 0 where nothing speaks against it.
  func writingError(of name: Path) -> CInt {
    guard access(to: Path("."), W_OK | X_OK) else { return errno }
    guard let old = status(of: name) else { return errno == ENOENT ? 0 : errno }
    guard let directory = FileStatus(of: descriptor), old.isTrusted(in: directory) else { return EACCES }
    return old.kind == .symbolicLink || access(to: name, W_OK) ? 0 : errno
  }

  private func access(to name: Path, _ mode: CInt) -> Bool {
    unsafe name.withCString { unsafe faccessat(descriptor, $0, mode, AT_EACCESS) } == 0
  }

  /// Writes the file `name`, which appears whole or not at all; returns the number of the error, 0 for none.
  ///
  /// A file that is replaced must be writable, and leaves its mode and its owner to the new one as far as the system
  /// allows it.
  ///
  /// - Parameter replaces: whether it takes the place of a file of that name; otherwise that is the error `EEXIST`.
  func write(_ bytes: ArraySlice<UInt8>, to name: Path, replaces: Bool) -> CInt {
    if replaces {
      let refusal = writingError(of: name)
      if refusal != 0 { return refusal }
    }
    let old = replaces ? status(of: name).flatMap { $0.kind == .regular ? $0 : nil } : nil
    // A number that no other process has, and no one before left behind.
    let temporary = ".cubinspect-\(String(UInt64.random(in: 0 ... .max), radix: 16)).partial"
    let mode = old.map { $0.permissions & 0o777 }
    let file = Self.unfinished.withLock { unfinished in
      let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
      let file = unsafe openat(descriptor, temporary, flags, mode ?? 0o666)
      if file >= 0 { unfinished[temporary] = descriptor }
      return file
    }
    guard file >= 0 else { return errno }
    if let old, let mode {
      // Root alone may give files away.
      _ = fchown(file, old.owner, old.group)
      _ = fchmod(file, mode)
    }
    var error = Terminal.write(bytes, to: file)
    if close(file) != 0, error == 0 { error = errno }
    return Self.unfinished.withLock { unfinished in
      unfinished[temporary] = nil
      if error == 0 { error = place(temporary, at: name, replaces: replaces) }
      if error != 0 { unsafe unlinkat(descriptor, temporary, 0) }
      return error
    }
  }

  /// Removes the file `name`; returns the number of the error, 0 for none.
  func remove(_ name: Path) -> CInt {
    unsafe name.withCString { unsafe unlinkat(descriptor, $0, 0) } == 0 ? 0 : errno
  }

  private func place(_ temporary: String, at name: Path, replaces: Bool) -> CInt {
    if !replaces {
      let linked = unsafe name.withCString { unsafe linkat(descriptor, temporary, descriptor, $0, 0) }
      if linked == 0 {
        unsafe unlinkat(descriptor, temporary, 0)
        return 0
      }
      let error = errno
      // Some file systems have no hard links: look once more, and rename.
      guard error == EPERM || error == EOPNOTSUPP else { return error }
      if contains(name) { return EEXIST }
    }
    return unsafe name.withCString { unsafe renameat(descriptor, temporary, descriptor, $0) } == 0 ? 0 : errno
  }

  /// Removes the files that have not got their names, lets no other begin or get one, and ends with `body`.
  static func abandonUnfinished(then body: () -> Never) -> Never {
    unfinished.withLock { unfinished in
      for (name, directory) in unfinished { unsafe unlinkat(directory, name, 0) }
      body()
    }
  }
}
