import Bytes
import Compatibility
import Glibc
import Stack

/// Asks this machine for its driver and its GPUs: the files that the kernel shows, and nvidia-smi where they leave
/// something open, as under WSL.
///
/// The driver's libraries are not loaded: a program that is linked statically cannot, and their C library may be newer.
enum DriverProbe {
  /// What the machine shows.
  ///
  /// - Throws: ``DetectedHost/Failure/noDriver(tried:)`` where nothing shows a driver.
  static func host(by tables: TableSet) throws(DetectedHost.Failure) -> DetectedHost {
    let files = DetectedHost(
      contents: { try? readAll(Path($0), limit: limit) }, names: fileNames, tables: tables)
    if files.isKnown(to: tables) { return files }
    if let answer = managementProgram() { return answer }
    guard files.driver != nil else {
      throw .noDriver(tried: ["\(DriverFiles.moduleVersion) does not exist", "nvidia-smi does not answer"])
    }
    return files
  }

  /// Bytes of a file that the kernel shows.
  private static let limit = 1 << 16

  // MARK: nvidia-smi

  /// Under WSL it is where no PATH leads in some distributions.
  private static let programs = ["nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi"]
  /// It takes a second or two where no process keeps the driver awake, and never ends where a GPU has fallen off the bus.
  private static let timeLimit = Duration.seconds(10)

  private static func managementProgram() -> DetectedHost? {
    let deadline = ContinuousClock.now + timeLimit
    for program in programs {
      for query in DetectedHost.managementQueries {
        let answer = output(of: program, ["--query-gpu=\(query)", "--format=csv,noheader"], until: deadline)
        guard let answer else { continue }
        if let host = DetectedHost(answer: answer, to: query) { return host }
      }
    }
    return nil
  }

  /// What a program on PATH writes to standard output; nil where there is none, where it fails, and where it has not ended
  /// in time: it is killed then.
  private static func output(
    of program: String, _ arguments: [String], until deadline: ContinuousClock.Instant
  )
    -> [UInt8]?
  {
    var ends: [CInt] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    // The signals that this program waits for or ignores mean what they always do.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGPIPE, SIGXFSZ] { unsafe sigaddset(&signals, number) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var process = pid_t()
    let error = unsafe posix_spawnp(&process, program, &actions, &attributes, &words, environ)
    close(ends[1])
    guard error == 0 else { return nil }

    let bytes = read(ends[0], until: deadline)
    var status: CInt = 0
    while true {
      let ended = unsafe waitpid(process, &status, WNOHANG)
      if ended == process { return status == 0 ? bytes : nil }
      guard ended == 0 || errno == EINTR, bytes != nil, deadline > .now else {
        // One that hangs in the kernel ends when it can: nobody waits for it.
        kill(process, SIGKILL)
        return nil
      }
      usleep(1000)
    }
  }

  /// Everything up to the end of a pipe; nil where that has not come in time, or is too far.
  private static func read(_ pipe: CInt, until deadline: ContinuousClock.Instant) -> [UInt8]? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 12)
    while bytes.count <= limit {
      let rest = deadline - .now
      guard rest > .zero else { return nil }
      var request = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
      let ready = unsafe poll(&request, 1, CInt(rest / .milliseconds(1)) + 1)
      if ready < 0, errno != EINTR { return nil }
      guard ready > 0 else { continue }
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(pipe, $0.baseAddress, $0.count) }
      if count < 0, errno != EINTR { return nil }
      if count == 0 { return bytes }
      bytes += buffer[..<max(count, 0)]
    }
    return nil
  }
}

/// The names in a folder; none where it cannot be read.
func fileNames(in folder: String) -> [String] {
  guard let directory = try? Directory(in: Folder(Path(folder))) else { return [] }
  var names: [String] = []
  while let entry = try? directory.next() { names.append(String(decoding: entry.name, as: UTF8.self)) }
  return names
}

/// The contents of a file of any kind: those of the kernel have no size, and pipes end somewhere.
///
/// - Throws: a ``Problem`` when it cannot be read, or is longer than `limit` bytes.
func readAll(_ path: Path, limit: Int) throws(Problem) -> [UInt8] {
  let descriptor = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC) }
  guard descriptor >= 0 else { throw Problem.opening(errno) }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    if count < 0 {
      if errno == EINTR { continue }
      throw Problem(.unreadable, "file", observed: errorText(errno))
    }
    if count == 0 { return bytes }
    guard bytes.count + count <= limit else {
      throw Problem(.limitExceeded, "file", observed: "more than \(limit) bytes")
    }
    bytes += buffer[..<count]
  }
}
