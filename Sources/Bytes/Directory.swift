import Glibc

/// An open directory.
@safe public final class Directory {
  /// One entry: its name, and what it is where the file system tells.
  public struct Entry {
    public var name: [UInt8]
    public var kind: FileKind
  }

  private let stream: OpaquePointer
  private let descriptor: CInt

  /// Opens the directory at `path` below `folder`, or that itself; no symbolic link is followed.
  ///
  /// - Throws: a ``Problem`` that says why it cannot be read as a directory.
  public init(in folder: Folder, _ path: Path = Path("")) throws(Problem) {
    let descriptor = try folder.openDirectory(path)
    guard let stream = unsafe fdopendir(descriptor) else {
      let problem = Problem.opening(errno)
      close(descriptor)
      throw problem
    }
    unsafe self.stream = stream
    self.descriptor = descriptor
  }

  deinit { unsafe closedir(stream) }

  /// The next entry but `.` and `..`; nil at the end.
  ///
  /// - Throws: a ``Problem/Code/unreadable`` problem when the operating system refuses.
  public func next() throws(Problem) -> Entry? {
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        guard errno == 0 else { throw Problem(.unreadable, "directory", observed: errorText(errno)) }
        return nil
      }
      // `d_name` is NUL-terminated and lies within the entry, whose own length `readdir` vouches for.
      let name = unsafe UnsafeRawPointer(entry).advanced(by: MemoryLayout<dirent>.offset(of: \.d_name)!)
      let length = unsafe strlen(name.assumingMemoryBound(to: CChar.self))
      let bytes = unsafe Array(UnsafeRawBufferPointer(start: name, count: length))
      if bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "."), UInt8(ascii: ".")] { continue }
      var kind: FileKind
      switch CInt(unsafe entry.pointee.d_type) {
      case CInt(DT_REG): kind = .regular
      case CInt(DT_DIR): kind = .directory
      case CInt(DT_LNK): kind = .symbolicLink
      case CInt(DT_FIFO): kind = .fifo
      case CInt(DT_SOCK): kind = .socket
      case CInt(DT_CHR): kind = .characterDevice
      case CInt(DT_BLK): kind = .blockDevice
      default: kind = status(of: bytes).map { FileKind(mode: $0.st_mode) } ?? .unknown
      }
      return Entry(name: bytes, kind: kind)
    }
  }

  /// Reads the start of the regular file `name` into `buffer`: its first 64 bytes, and if `needsMore` of its
  /// first byte, as many as `buffer` holds; returns how many there were.
  ///
  /// - Throws: a ``Problem`` when it cannot be opened or read.
  public func prefix(
    of name: [UInt8], into buffer: inout [UInt8], needsMore: (UInt8) -> Bool
  ) throws(Problem) -> Int {
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
    let file = unsafe Path(bytes: name).withCString { unsafe openat(descriptor, $0, flags) }
    guard file >= 0 else { throw Problem.opening(errno) }
    return try readPrefix(closing: file, into: &buffer, needsMore: needsMore)
  }

  /// What the symbolic link `name` says, word for word; nil when it cannot be read.
  public func contents(ofLink name: [UInt8]) -> Path? {
    Path(bytes: name).linkContents(in: descriptor)
  }

  func status(of name: [UInt8]) -> stat? {
    var status = stat()
    let result = unsafe Path(bytes: name).withCString {
      unsafe fstatat(descriptor, $0, &status, AT_SYMLINK_NOFOLLOW)
    }
    return result == 0 ? status : nil
  }
}

/// Reads the start of the open file `file`, as ``Directory/prefix(of:into:needsMore:)`` says, and closes it.
///
/// - Throws: a ``Problem/Code/unreadable`` problem when the operating system refuses.
private func readPrefix(
  closing file: CInt, into buffer: inout [UInt8], needsMore: (UInt8) -> Bool
) throws(Problem) -> Int {
  defer { close(file) }
  // Both reads stay within the buffer.
  var count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress!, min(64, $0.count)) }
  if count == 64, needsMore(buffer[0]) {
    count = unsafe buffer.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress!, $0.count, 0) }
  }
  guard count >= 0 else { throw Problem(.unreadable, "file", at: 0, observed: errorText(errno)) }
  return count
}

extension Folder {
  /// Reads the start of the regular file at `path`, as ``Directory/prefix(of:into:needsMore:)`` does; no symbolic link is
  /// followed.
  ///
  /// - Throws: a ``Problem`` when it cannot be opened or read.
  public func prefix(
    of path: Path, into buffer: inout [UInt8], needsMore: (UInt8) -> Bool
  ) throws(Problem) -> Int {
    try readPrefix(closing: openFile(path), into: &buffer, needsMore: needsMore)
  }
}

extension Path {
  /// The path of the host without links and `..`; nil, and `errno`, where there is nothing.
  public var resolved: Path? {
    guard let resolved = unsafe withCString({ unsafe realpath($0, nil) }) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe Path(bytes: UnsafeRawBufferPointer(start: resolved, count: strlen(resolved)))
  }

  /// What the symbolic link with this path says, word for word; nil, and `errno`, when it cannot be read.
  public var linkContents: Path? { linkContents(in: AT_FDCWD) }

  fileprivate func linkContents(in directory: CInt) -> Path? {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe withCString {
        unsafe readlinkat(
          directory, $0, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
      }
    }
    return count > 0 ? Path(bytes: bytes[..<count]) : nil
  }
}

extension FileKind {
  /// What `path` is, symbolic links followed.
  ///
  /// - Throws: a ``Problem`` when it does not exist or cannot be reached.
  public static func of(_ path: Path) throws(Problem) -> FileKind {
    var status = stat()
    guard unsafe path.withCString({ unsafe stat($0, &status) }) == 0 else { throw Problem.opening(errno) }
    return FileKind(mode: status.st_mode)
  }
}
