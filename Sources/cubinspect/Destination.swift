import Bytes
import Glibc

/// The place that a result goes to, found out before anything is read.
///
/// A file of a directory appears whole or not at all. What cannot be replaced is written into: pipes and devices, and a
/// file that this or another process holds open, because the process would go on with the one that was replaced.
struct Destination {
  private enum Place {
    /// A descriptor of this process.
    case descriptor(CInt)
    /// What cannot be replaced, and is opened when it is written.
    case existing(Path)
    case entry(OutputDirectory, name: Path)
  }

  private let place: Place
  /// What is there; nil for a new file, and for character devices, which many may write to.
  let identity: FileIdentity?

  static let standardOutput = Destination(descriptor: STDOUT_FILENO)

  private init(_ place: Place, _ identity: FileIdentity?) {
    self.place = place
    self.identity = identity
  }

  private init(descriptor: CInt) {
    self.init(.descriptor(descriptor), FileStatus(of: descriptor)?.singleIdentity)
  }

  /// The place that `path` leads to.
  ///
  /// - Parameter folder: a directory that is made where `path` is in it and it is missing.
  /// - Throws: a ``Problem`` that says why nothing can be written there.
  init(_ path: Path, making folder: Path? = nil) throws(Problem) {
    var path = path
    for _ in 0...Path.linkLimit {
      let isFolder = path.bytes.last == UInt8(ascii: "/")
      guard !isFolder else { throw Self.refusal(EISDIR) }
      guard let link = FileStatus(path, followsLink: false), link.kind == .symbolicLink else {
        self = try Destination(resolved: path, making: folder)
        return
      }
      let directory = path.folder
      if FileStatus.isOfProcesses(directory) {
        // Such a link leads to an open file, also where that has no name any more.
        guard let status = FileStatus(path, followsLink: true) else { throw Self.refusal(errno) }
        self = try Destination(held: path, status)
        return
      }
      guard let place = FileStatus(directory, followsLink: true), link.isTrusted(in: place) else {
        throw Self.refusal(EACCES)
      }
      guard let target = path.linkContents else { throw Self.refusal(errno) }
      path = target.bytes.first == UInt8(ascii: "/") ? target : directory.appending(target.bytes)
    }
    throw Self.refusal(ELOOP)
  }

  /// An open file that a link of the kernel leads to.
  private init(held path: Path, _ status: FileStatus) throws(Problem) {
    if status.kind == .directory { throw Self.refusal(EISDIR) }
    // Where it is a descriptor of this process, what it points at in the file is the place to write at.
    if let number = CInt(path.lastComponent.text), FileStatus(of: number)?.identity == status.identity {
      self.init(descriptor: number)
    } else {
      self.init(.existing(path), status.singleIdentity)
    }
  }

  /// `path`, which is no symbolic link.
  private init(resolved path: Path, making folder: Path?) throws(Problem) {
    guard let status = FileStatus(path, followsLink: false) else {
      let error = errno
      guard error == ENOENT else { throw Self.refusal(error) }
      let isMade = folder.map { $0.withoutTrailingSlashes == path.folder.withoutTrailingSlashes } ?? false
      let directory = try OutputDirectory(path.folder, isMade: isMade)
      let refusal = directory.writingError(of: path.lastComponent)
      if refusal != 0 { throw Self.refusal(refusal) }
      self.init(.entry(directory, name: path.lastComponent), nil)
      return
    }
    switch status.kind {
    case .directory: throw Self.refusal(EISDIR)
    case .socket: throw Self.refusal(ENXIO)
    case .characterDevice, .blockDevice:
      self.init(.existing(path), status.singleIdentity)
    default:
      for descriptor in [STDOUT_FILENO, STDERR_FILENO]
      where FileStatus(of: descriptor)?.identity == status.identity {
        self.init(descriptor: descriptor)
        return
      }
      let directory = try OutputDirectory(path.folder)
      let refusal = directory.writingError(of: path.lastComponent)
      if refusal != 0 { throw Self.refusal(refusal) }
      self.init(
        status.kind == .regular ? .entry(directory, name: path.lastComponent) : .existing(path),
        status.identity)
    }
  }

  private static func refusal(_ error: CInt) -> Problem {
    Problem(.unreadable, "output file", observed: errorText(error))
  }

  /// Whether what is written to one of the two spoils what is written to the other.
  func isSame(as other: Destination) -> Bool {
    if let identity, identity == other.identity { return true }
    switch (place, other.place) {
    case (.descriptor(let first), .descriptor(let second)): return first == second
    case (.existing(let first), .existing(let second)): return first == second
    case (.entry(let directory, let name), .entry): return other.isEntry(name, of: directory)
    default: return false
    }
  }

  /// Whether it is the entry `name` of `directory`.
  func isEntry(_ name: Path, of directory: OutputDirectory) -> Bool {
    guard case .entry(let own, let ownName) = place else { return false }
    return ownName == name && own.identity == directory.identity
  }

  /// The one of `inputs` that is the place; nil for none.
  func input(among inputs: [Path]) -> Path? {
    guard let identity else { return nil }
    return inputs.first { input in
      guard let status = FileStatus(input, followsLink: true) else { return false }
      // What is read of a pipe or a socket is no longer there to be lost.
      return status.identity == identity && (status.kind == .regular || status.kind == .blockDevice)
    }
  }

  /// The one of `inputs` that is a directory and has what is there somewhere below it; nil for none.
  func ancestor(among inputs: [Path]) -> Path? {
    guard identity != nil, case .entry(let directory, _) = place else { return nil }
    let ancestors = directory.ancestors
    return inputs.first { input in
      FileStatus(input, followsLink: true).map { ancestors.contains($0.identity) } ?? false
    }
  }

  /// - Throws: a ``Problem`` when the system refuses. That nobody reads standard output any more is none.
  func write(_ bytes: [UInt8]) throws(Problem) {
    let error: CInt
    switch place {
    case .descriptor(let descriptor):
      let failure = Terminal.write(bytes[...], to: descriptor)
      error = descriptor == STDOUT_FILENO && failure == EPIPE ? 0 : failure
    case .existing(let path): error = Self.write(bytes, into: path)
    case .entry(let directory, let name): error = directory.write(bytes[...], to: name, replaces: true)
    }
    if error != 0 { throw Self.refusal(error) }
  }

  private static func write(_ bytes: [UInt8], into path: Path) -> CInt {
    let isRegular = FileStatus(path, followsLink: true)?.kind == .regular
    let flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | (isRegular ? O_APPEND : 0)
    let descriptor = unsafe path.withCString { unsafe open($0, flags) }
    guard descriptor >= 0 else { return errno }
    let error = Terminal.write(bytes[...], to: descriptor)
    let closed = close(descriptor) == 0 ? 0 : errno
    return error != 0 ? error : closed
  }
}

/// What the system says about a file.
struct FileStatus {
  let identity: FileIdentity
  let kind: FileKind
  /// The bits of the mode that say who may do what.
  let permissions: mode_t
  let owner: uid_t
  let group: gid_t

  private init(_ status: stat) {
    identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    kind = FileKind(mode: status.st_mode)
    permissions = status.st_mode & 0o7777
    owner = status.st_uid
    group = status.st_gid
  }

  /// nil, and `errno`, when the system refuses.
  init?(_ path: Path, in directory: CInt = AT_FDCWD, followsLink: Bool) {
    var status = stat()
    let flags = followsLink ? 0 : AT_SYMLINK_NOFOLLOW
    guard unsafe path.withCString({ unsafe fstatat(directory, $0, &status, flags) }) == 0 else { return nil }
    self.init(status)
  }

  /// nil, and `errno`, when `descriptor` is not open.
  init?(of descriptor: CInt) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  /// The identity of what is spoilt when two write into it or one reads it meanwhile: not a character device.
  var singleIdentity: FileIdentity? { kind == .characterDevice ? nil : identity }

  /// Whether an entry of `directory` is to be followed or replaced: in a sticky one, where everybody may leave entries,
  /// only one's own, and for root the directory owner's.
  ///
  /// So do `fs.protected_symlinks` and `fs.protected_regular` of Linux, which a rename escapes.
  func isTrusted(in directory: FileStatus) -> Bool {
    guard directory.permissions & S_ISVTX != 0 else { return true }
    let user = geteuid()
    return owner == user || owner == directory.owner && (user == 0 || kind == .symbolicLink)
  }

  /// Whether `directory` is in the file system that shows the kernel's view of processes.
  static func isOfProcesses(_ directory: Path) -> Bool {
    guard let own = FileStatus(Path("/proc/self"), followsLink: true) else { return false }
    return FileStatus(directory, followsLink: true)?.identity.device == own.identity.device
  }
}

extension Path {
  /// The directory that a name without a slash at its end is in.
  fileprivate var folder: Path {
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return Path(".") }
    return Path(bytes: bytes[...slash])
  }

  fileprivate var withoutTrailingSlashes: Path {
    var bytes = bytes
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    return Path(bytes: bytes)
  }
}
