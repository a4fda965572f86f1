import Glibc

/// A directory that stays open. What is below it is opened from it, name by name and without following symbolic links, so
/// that it lies in the directory whatever is done to names meanwhile.
public final class Folder: Sendable {
  private let descriptor: CInt

  /// Opens the directory at `path`; symbolic links are followed.
  ///
  /// - Throws: a ``Problem`` that says why it cannot be opened as a directory.
  public init(_ path: Path) throws(Problem) {
    descriptor = unsafe path.withCString { unsafe open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw Problem.opening(errno) }
  }

  deinit { close(descriptor) }

  /// A descriptor of the directory at `path`, which the caller closes; the folder itself for an empty path.
  ///
  /// - Throws: a ``Problem`` when it cannot be opened, or is longer than the system takes.
  func openDirectory(_ path: Path) throws(Problem) -> CInt {
    guard path.bytes.count < Int(PATH_MAX) else { throw Problem.opening(ENAMETOOLONG) }
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW
    // By its own name it gets a descriptor with a place of its own.
    var current = unsafe Path(".").withCString { unsafe openat(descriptor, $0, flags) }
    for name in path.components where current >= 0 {
      guard !name.elementsEqual("..".utf8) else {
        close(current)
        throw Problem(.notFound, Problem.path, observed: "a path outside the directory")
      }
      let next = unsafe Path(bytes: name).withCString { unsafe openat(current, $0, flags) }
      let error = errno
      close(current)
      errno = error
      current = next
    }
    guard current >= 0 else { throw Problem.opening(errno) }
    return current
  }

  /// A descriptor of the file at `path`, of whatever kind, which the caller closes.
  ///
  /// - Throws: a ``Problem`` when it cannot be opened.
  func openFile(_ path: Path) throws(Problem) -> CInt {
    let name = path.lastComponent
    guard name != Path(".."), !name.bytes.isEmpty else {
      throw Problem(.notFound, Problem.path, observed: "a path outside the directory")
    }
    let directory = try openDirectory(path.parent)
    defer { close(directory) }
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
    let file = unsafe name.withCString { unsafe openat(directory, $0, flags) }
    guard file >= 0 else { throw Problem.opening(errno) }
    return file
  }
}
