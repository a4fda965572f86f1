import Glibc
import Synchronization

/// A regular file, read with `pread` and never mapped: a file that shrinks while it is read gives a short
/// read, not a signal.
public final class FileBytes: CountingByteSource {
  /// The open file. The file owns it and closes it.
  public let descriptor: CInt
  /// The size when the file was opened.
  public let size: UInt64
  /// What the file is, whatever its name.
  public let identity: FileIdentity
  private let counter = Atomic<UInt64>(0)

  /// Opens the regular file at `path`; symbolic links are followed.
  ///
  /// - Throws: a ``Problem`` that says why the path cannot be read as a regular file.
  public convenience init(path: Path) throws(Problem) {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    let descriptor = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
    guard descriptor >= 0 else { throw Problem.opening(errno) }
    try self.init(adopting: descriptor)
  }

  /// Opens the regular file at `path` below `folder`. No symbolic link on the way from there is followed, so that what is
  /// opened is in the directory.
  ///
  /// - Throws: a ``Problem`` that says why the path cannot be read as a regular file.
  public convenience init(in folder: Folder, _ path: Path) throws(Problem) {
    try self.init(adopting: folder.openFile(path))
  }

  /// Takes over `descriptor`, which is closed also when this throws.
  ///
  /// - Throws: a ``Problem/Code/notRegularFile`` problem when it is anything but a regular file.
  public init(adopting descriptor: CInt) throws(Problem) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      let problem = Problem(.unreadable, "file status", observed: errorText(errno))
      close(descriptor)
      throw problem
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw Problem(.notRegularFile, Problem.path, observed: FileKind(mode: status.st_mode).rawValue)
    }
    self.descriptor = descriptor
    self.size = UInt64(status.st_size)
    self.identity = FileIdentity(status)
  }

  /// The same open file once more, with a count of its own.
  ///
  /// - Throws: a ``Problem`` when the process has no descriptor left.
  public convenience init(again file: FileBytes) throws(Problem) {
    let descriptor = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
    guard descriptor >= 0 else { throw Problem(.unreadable, "file", observed: errorText(errno)) }
    try self.init(adopting: descriptor)
  }

  deinit { close(descriptor) }

  public var bytesRead: UInt64 { counter.load(ordering: .relaxed) }

  public func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    guard offset < size else { return 0 }
    let wanted = Int(min(UInt64(min(count, buffer.byteCount)), size - offset))
    var done = 0
    while done < wanted {
      // `pread` writes at most the count that is left of the buffer.
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe pread(descriptor, bytes.baseAddress! + done, wanted - done, off_t(offset) + off_t(done))
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw Problem(.unreadable, "file", at: offset + UInt64(done), observed: errorText(errno))
      }
      if count == 0 { break }
      done += count
    }
    counter.wrappingAdd(UInt64(done), ordering: .relaxed)
    return done
  }
}

/// What tells two names of one file from two files: the device and the inode.
public struct FileIdentity: Hashable, Sendable {
  public var device: UInt64
  public var inode: UInt64

  public init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

extension FileIdentity {
  init(_ status: stat) {
    self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}

/// The kind of a directory entry, in the words of a message.
public enum FileKind: String, Hashable, Sendable {
  case regular = "a regular file"
  case directory = "a directory"
  case symbolicLink = "a symbolic link"
  case fifo = "a FIFO"
  case socket = "a socket"
  case characterDevice = "a character device"
  case blockDevice = "a block device"
  case unknown = "of an unknown kind"

  /// The kind in the bits of `st_mode`.
  public init(mode: UInt32) {
    self =
      switch mode & S_IFMT {
      case S_IFREG: .regular
      case S_IFDIR: .directory
      case S_IFLNK: .symbolicLink
      case S_IFIFO: .fifo
      case S_IFSOCK: .socket
      case S_IFCHR: .characterDevice
      case S_IFBLK: .blockDevice
      default: .unknown
      }
  }
}

/// The operating system's text for an error number.
public func errorText(_ number: CInt) -> String {
  unsafe String(cString: strerror(number))
}

extension Problem {
  /// Why `open` failed with the error `number`.
  public static func opening(_ number: CInt) -> Problem {
    switch number {
    case ENOENT, ENOTDIR: Problem(.notFound, path, observed: errorText(number))
    case ENXIO: Problem(.notRegularFile, path, observed: FileKind.socket.rawValue)
    default: Problem(.unreadable, path, observed: errorText(number))
    }
  }
}
