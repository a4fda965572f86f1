import Bytes
import Glibc

/// A directory that files are written into, and nowhere else: names are resolved in it, and links are not followed.
final class OutputDirectory: Sendable {
  let path: Path
  private let descriptor: CInt

  /// Opens the directory at `path`, which is made where there is none.
  ///
  /// - Throws: a ``Problem`` when there is something else, or the system refuses.
  init(_ path: Path) throws(Problem) {
    self.path = path
    descriptor = unsafe path.withCString { name in
      if unsafe mkdir(name, 0o777) != 0, errno != EEXIST { return -1 }
      return unsafe open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
    guard descriptor >= 0 else { throw Problem(.unreadable, Problem.path, observed: errorText(errno)) }
  }

  deinit { close(descriptor) }

  /// Whether there is anything of that name.
  func contains(_ name: String) -> Bool {
    var status = stat()
    return unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0
  }

  /// Writes the file `name`, which appears whole or not at all; returns the number of the error, 0 for none.
  ///
  /// - Parameter replaces: whether it takes the place of a file of that name; otherwise that is the error `EEXIST`.
  func write(_ bytes: ArraySlice<UInt8>, to name: String, replaces: Bool) -> CInt {
    let temporary = ".\(name).\(getpid()).partial"
    let file = unsafe openat(
      descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard file >= 0 else { return errno }
    var error = Terminal.write(bytes, to: file)
    if close(file) != 0, error == 0 { error = errno }
    if error == 0 { error = place(temporary, at: name, replaces: replaces) }
    if error != 0 { unsafe unlinkat(descriptor, temporary, 0) }
    return error
  }

  private func place(_ temporary: String, at name: String, replaces: Bool) -> CInt {
    if !replaces {
      if unsafe linkat(descriptor, temporary, descriptor, name, 0) == 0 {
        unsafe unlinkat(descriptor, temporary, 0)
        return 0
      }
      let error = errno
      // Some file systems have no hard links: look once more, and rename.
      guard error == EPERM || error == EOPNOTSUPP else { return error }
      if contains(name) { return EEXIST }
    }
    return unsafe renameat(descriptor, temporary, descriptor, name) == 0 ? 0 : errno
  }
}
