import Glibc

/// What a file system says of a file. When the file is changed in place or replaced, something of it is another.
public struct FileState: Hashable, Sendable {
  public var identity: FileIdentity
  public var kind: FileKind
  /// The kind and who may do what, as `st_mode` has them.
  public var mode: UInt32
  /// Bytes.
  public var size: UInt64
  /// When the content was changed last, which programs can set; nanoseconds since 1970.
  public var modified: Int64
  /// When anything about the file was changed last, which the system alone sets; nanoseconds since 1970.
  public var changed: Int64

  init(_ status: stat) {
    identity = FileIdentity(status)
    kind = FileKind(mode: status.st_mode)
    mode = status.st_mode
    size = UInt64(bitPattern: Int64(status.st_size))
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
  }

  /// The state of what `path` leads to, symbolic links followed; nil, and `errno`, when the system refuses.
  public init?(of path: Path) {
    var status = stat()
    guard unsafe path.withCString({ unsafe stat($0, &status) }) == 0 else { return nil }
    self.init(status)
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

extension Directory {
  /// The state of the entry `name`, no symbolic link followed; nil, and `errno`, when the system refuses.
  public func state(of name: [UInt8]) -> FileState? { status(of: name).map { FileState($0) } }
}
