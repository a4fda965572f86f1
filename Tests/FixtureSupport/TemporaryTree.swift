import Glibc

/// A directory for one test, removed with everything in it when the test is done.
///
/// Names are bytes, because file names need not be UTF-8.
public final class TemporaryTree: Sendable {
  public let path: String

  public struct Failure: Error, CustomStringConvertible {
    public var description: String
  }

  public init() throws {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    var template = Array((parent + "/cubinspect-test-XXXXXX").utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw Failure(description: "mkdtemp: \(errno)") }
    let text = template.dropLast().map { UInt8(bitPattern: $0) }
    // The resolved path, so that tests can compare it.
    path =
      unsafe realpath(String(decoding: text, as: UTF8.self), nil).map { resolved in
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
      } ?? String(decoding: text, as: UTF8.self)
  }

  deinit {
    removeAll(Array(path.utf8))
  }

  /// The full path of a name in the tree.
  public func callAsFunction(_ name: String) -> String { name.isEmpty ? path : path + "/" + name }

  /// Writes a file, and makes the directories above it.
  @discardableResult
  public func write(_ contents: [UInt8], to name: String) throws -> String {
    try write(contents, to: Array(name.utf8))
    return self(name)
  }

  public func write(_ contents: [UInt8], to name: [UInt8]) throws {
    try makeParents(of: name)
    let file = try check(
      withPath(name) { unsafe open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) }, "open")
    defer { close(file) }
    var done = 0
    while done < contents.count {
      let count = unsafe Glibc.write(file, Array(contents[done...]), contents.count - done)
      guard count > 0 else { throw Failure(description: "write: \(errno)") }
      done += count
    }
  }

  @discardableResult
  public func directory(_ name: String) throws -> String {
    try makeParents(of: Array((name + "/x").utf8))
    return self(name)
  }

  /// A symbolic link that says `target`, word for word.
  public func symbolicLink(_ name: String, to target: String) throws {
    try makeParents(of: Array(name.utf8))
    try check(withPath(Array(name.utf8)) { unsafe symlink(target, $0) }, "symlink")
  }

  /// One more name for the file `target` of the tree.
  public func hardLink(_ name: String, to target: String) throws {
    try makeParents(of: Array(name.utf8))
    let existing = self(target)
    try check(withPath(Array(name.utf8)) { unsafe link(existing, $0) }, "link")
  }

  public func fifo(_ name: String) throws {
    try check(withPath(Array(name.utf8)) { unsafe mkfifo($0, 0o644) }, "mkfifo")
  }

  public func socket(_ name: String) throws {
    try check(withPath(Array(name.utf8)) { unsafe mknod($0, S_IFSOCK | 0o644, 0) }, "mknod")
  }

  /// A character device, which only root may make.
  public func device(_ name: String, major: UInt32, minor: UInt32) throws {
    try check(
      withPath(Array(name.utf8)) { unsafe mknod($0, S_IFCHR | 0o644, dev_t(major << 8 | minor)) }, "mknod")
  }

  /// A directory with a directory in it, and so on, which has no path at last.
  public func makeDeepDirectory(_ name: String, depth: Int) throws {
    var here = try check(unsafe open(directory(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open")
    defer { close(here) }
    for _ in 0..<depth {
      try check(unsafe mkdirat(here, "d", 0o755), "mkdir")
      let next = try check(unsafe openat(here, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open")
      close(here)
      here = next
    }
  }

  /// Gives what is called `name` another name, in the place of what has that.
  public func rename(_ name: String, to other: String) throws {
    try check(unsafe Glibc.rename(self(name), self(other)), "rename")
  }

  public func setMode(_ mode: UInt32, of name: String) throws {
    try check(withPath(Array(name.utf8)) { unsafe chmod($0, mode) }, "chmod")
  }

  /// The names in a directory of the tree, sorted.
  public func names(in name: String = "") -> [String] {
    entries(of: Array(self(name).utf8)).map { String(decoding: $0, as: UTF8.self) }.sorted()
  }

  private func makeParents(of name: [UInt8]) throws {
    for (index, byte) in name.enumerated() where byte == UInt8(ascii: "/") {
      let made = withPath(Array(name[..<index])) { unsafe mkdir($0, 0o755) }
      if made != 0, errno != EEXIST { throw Failure(description: "mkdir: \(errno)") }
    }
  }

  private func withPath(_ name: [UInt8], _ body: ([CChar]) -> CInt) -> CInt {
    body(cString(Array(path.utf8) + [UInt8(ascii: "/")] + name))
  }

  @discardableResult
  private func check(_ result: CInt, _ call: String) throws -> CInt {
    guard result >= 0 else {
      throw Failure(description: "\(call): \(unsafe String(cString: strerror(errno)))")
    }
    return result
  }
}

/// `bytes` with the NUL that the system wants.
private func cString(_ bytes: [UInt8]) -> [CChar] { (bytes + [0]).map { CChar(bitPattern: $0) } }

/// The names in a directory, but `.` and `..`.
public func entries(of directory: [UInt8]) -> [[UInt8]] {
  guard let stream = unsafe opendir(cString(directory)) else { return [] }
  defer { unsafe closedir(stream) }
  guard let place = MemoryLayout<dirent>.offset(of: \.d_name) else { return [] }
  var names: [[UInt8]] = []
  while let entry = unsafe readdir(stream) {
    let name = unsafe UnsafeRawPointer(entry).advanced(by: place)
    let length = unsafe strlen(name.assumingMemoryBound(to: CChar.self))
    names.append(unsafe Array(UnsafeRawBufferPointer(start: name, count: length)))
  }
  return names.filter { $0 != Array(".".utf8) && $0 != Array("..".utf8) }
}

/// Removes `path` and everything below it; links are not followed.
private func removeAll(_ path: [UInt8]) {
  let name = cString(path)
  if unsafe remove(name) == 0 { return }
  _ = unsafe chmod(name, 0o700)
  for name in entries(of: path) { removeAll(path + [UInt8(ascii: "/")] + name) }
  _ = unsafe rmdir(name)
}
