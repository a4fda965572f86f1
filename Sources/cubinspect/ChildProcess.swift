import Bytes
import Glibc
import Synchronization

/// Another program that is run for what it writes: found along PATH, started without a shell, with nothing on its standard
/// input, in a process group of its own.
///
/// What it writes is bounded, and so is the time in which it does nothing. Where this program is interrupted, or gives up,
/// the whole group ends.
struct ChildProcess {
  /// A name, looked for along PATH, or a path.
  var program: String
  var arguments: [String]
  /// Variables that it gets in addition.
  var environment: [(name: String, value: String)] = []
  /// When it is ended whatever it does.
  var deadline: ContinuousClock.Instant?
  /// How long it may do nothing that can be seen.
  var patience: Duration = .seconds(600)

  /// Why there is no result.
  enum Failure: Error, Hashable {
    /// There is no such program, or it cannot be run: the system's words.
    case notStarted(String)
    /// It ended with a status other than 0; the last lines that it wrote to standard error.
    case status(CInt, messages: String)
    case signal(CInt, messages: String)
    /// It took too long, or did nothing for too long.
    case timeout
    /// It made more than so many bytes.
    case tooMuch(UInt64)
    /// What it wrote could not be kept: the system's words.
    case notKept(String)
  }

  /// What it writes to standard output, at most `limit` bytes.
  func output(limit: Int) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    try run(receive: { (part: ArraySlice<UInt8>) throws(Failure) in
      guard bytes.count + part.count <= limit else { throw .tooMuch(UInt64(limit)) }
      bytes += part
    })
    return bytes
  }

  /// Writes what it writes to standard output into `file`, at most `limit` bytes.
  func write(into file: CInt, limit: UInt64) throws(Failure) {
    var size: UInt64 = 0
    try run(receive: { (part: ArraySlice<UInt8>) throws(Failure) in
      size += UInt64(part.count)
      guard size <= limit else { throw .tooMuch(limit) }
      let error = Terminal.write(part, to: file)
      guard error == 0 else { throw .notKept(errorText(error)) }
    })
  }

  /// Runs it until it ends, for what it does elsewhere than on its output.
  ///
  /// - Parameters:
  ///   - limit: how many bytes it may make.
  ///   - size: how many it has made; asked several times a second. That they grow shows that it works.
  func run(limit: UInt64 = .max, size: () -> UInt64 = { 0 }) throws(Failure) {
    try run(limit: limit, size: size, receive: ignore)
  }

  private func ignore(_: ArraySlice<UInt8>) {}

  /// - Parameter receive: takes what it writes to standard output.
  private func run(
    limit: UInt64 = .max, size: () -> UInt64 = { 0 },
    receive: (ArraySlice<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    let output = try Pipe()
    let messages = try Pipe()
    let process = try start(output: output.writing, messages: messages.writing)
    output.closeWriting()
    messages.closeWriting()
    do throws(Failure) {
      let tail = try follow(process, output.reading, messages.reading, size, limit, receive)
      guard let status = ChildProcess.end(process, for: nil) else { throw .timeout }
      if status & 0x7F != 0 { throw .signal(status & 0x7F, messages: tail) }
      if status >> 8 & 0xFF != 0 { throw .status(status >> 8 & 0xFF, messages: tail) }
    } catch {
      ChildProcess.abandon(process)
      throw error
    }
  }

  /// A pipe that other programs do not inherit.
  private final class Pipe {
    let reading: CInt
    private(set) var writing: CInt

    init() throws(Failure) {
      var ends: [CInt] = [-1, -1]
      guard unsafe pipe(&ends) == 0 else { throw .notStarted(errorText(errno)) }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      (reading, writing) = (ends[0], ends[1])
    }

    func closeWriting() {
      if writing >= 0 { close(writing) }
      writing = -1
    }

    deinit {
      closeWriting()
      close(reading)
    }
  }

  // MARK: Starting

  private func start(output: CInt, messages: CInt) throws(Failure) -> pid_t {
    Interruption.watch()
    let started: (process: pid_t, error: CInt)? = Self.running.withLock { running in
      if running.isEnding { return nil }
      let started = spawn(output: output, messages: messages)
      if started.error == 0 { running.processes.insert(started.process) }
      return started
    }
    // What is interrupted starts nothing any more.
    guard let started else { while true { pause() } }
    guard started.error == 0 else { throw .notStarted(errorText(started.error)) }
    return started.process
  }

  /// Starts it, with its output and messages to these descriptors, or to nothing; `error` is 0 or the system's number.
  private func spawn(output: CInt? = nil, messages: CInt? = nil) -> (process: pid_t, error: CInt) {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    for (descriptor, own) in [(output, STDOUT_FILENO), (messages, STDERR_FILENO)] {
      if let descriptor {
        unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, own)
      } else {
        unsafe posix_spawn_file_actions_addopen(&actions, own, "/dev/null", O_WRONLY, 0)
      }
    }
    // What this program has inherited open is none of its business. Its own descriptors close themselves.
    for number in fileNames(in: "/proc/self/fd").compactMap({ CInt($0) }) where number > STDERR_FILENO {
      let flags = fcntl(number, F_GETFD)
      if flags >= 0, flags & FD_CLOEXEC == 0 { unsafe posix_spawn_file_actions_addclose(&actions, number) }
    }
    // The signals that this program waits for or ignores mean what they always do.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGPIPE, SIGXFSZ] { unsafe sigaddset(&signals, number) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
    var variables = unsafe Self.variables(with: environment).map { unsafe strdup($0) } + [nil]
    defer {
      for index in unsafe words.indices { unsafe free(words[index]) }
      for index in unsafe variables.indices { unsafe free(variables[index]) }
    }
    var process = pid_t()
    let error = unsafe posix_spawnp(&process, program, &actions, &attributes, &words, &variables)
    return (process, error)
  }

  private static func variables(with more: [(name: String, value: String)]) -> [String] {
    var variables: [String] = []
    var next = unsafe environ
    while let variable = unsafe next.pointee {
      variables.append(unsafe String(cString: variable))
      unsafe next += 1
    }
    return variables.filter { variable in !more.contains { variable.hasPrefix($0.name + "=") } }
      + more.map { "\($0.name)=\($0.value)" }
  }

  // MARK: Following

  /// Bytes of standard error that are kept: its end.
  private static let messageLimit = 1 << 12
  /// Milliseconds.
  private static let interval: CInt = 100

  /// Takes what the process writes until it has ended its output and itself; returns the end of its messages.
  private func follow(
    _ process: pid_t, _ output: CInt, _ messages: CInt, _ size: () -> UInt64, _ limit: UInt64,
    _ receive: (ArraySlice<UInt8>) throws(Failure) -> Void
  ) throws(Failure) -> String {
    var tail: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var isOpen = [true, true]
    var lastSign = ContinuousClock.now
    var lastSize: UInt64 = 0
    while true {
      var requests = zip([output, messages], isOpen).map { descriptor, isOpen in
        // A negative one is left out.
        pollfd(fd: isOpen ? descriptor : -1, events: Int16(POLLIN), revents: 0)
      }
      // Who has ended its output ends soon.
      let ready = unsafe poll(&requests, 2, isOpen == [false, false] ? 1 : Self.interval)
      if ready < 0, errno != EINTR { throw .notKept(errorText(errno)) }
      let now = ContinuousClock.now
      if ready > 0 {
        lastSign = now
        for index in requests.indices where requests[index].revents != 0 {
          let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe read(requests[index].fd, bytes.baseAddress, bytes.count)
          }
          if count < 0, errno == EINTR { continue }
          guard count > 0 else {
            isOpen[index] = false
            continue
          }
          if index == 0 {
            try receive(buffer[..<count])
          } else {
            tail = Array((tail + buffer[..<count]).suffix(Self.messageLimit))
          }
        }
      }
      let made = size()
      if made > limit { throw .tooMuch(limit) }
      if made != lastSize {
        lastSize = made
        lastSign = now
      }
      // What it has started may hold its output open for ever.
      if ready == 0 || isOpen == [false, false], Self.hasEnded(process) { break }
      if now - lastSign > patience || deadline.map({ now > $0 }) == true { throw .timeout }
    }
    return String(decoding: tail, as: UTF8.self)
  }

  // MARK: Ending

  private struct Running {
    /// Those that were started and not yet waited for.
    var processes: Set<pid_t> = []
    /// What is to be run at last: what others have left behind is removed by it.
    var cleanups: [Int: ChildProcess] = [:]
    var isEnding = false
  }

  /// Runs `body`, and this program after it, whatever becomes of both; also when all is interrupted.
  func after<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    let number = Self.running.withLock { running in
      let number = (running.cleanups.keys.max() ?? 0) + 1
      running.cleanups[number] = self
      return number
    }
    defer {
      // Nothing is left to be said of an error.
      try? run()
      Self.running.withLock { $0.cleanups[number] = nil }
    }
    return try body()
  }

  private static let running = Mutex(Running())

  /// Whether the process has ended; it stays to be waited for.
  private static func hasEnded(_ process: pid_t) -> Bool {
    var information = unsafe siginfo_t()
    let result = unsafe waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT)
    return unsafe result != 0 || information.si_signo != 0
  }

  /// Waits for a process, at most so long; returns how it ended, nil where it has not.
  private static func end(_ process: pid_t, for time: Duration?) -> CInt? {
    let deadline = time.map { ContinuousClock.now + $0 }
    while true {
      let status: CInt?? = running.withLock { running in
        // What is interrupted ends by the signal, and says nothing of what else ended by it.
        if running.isEnding { return .some(nil) }
        var status: CInt = 0
        guard unsafe waitpid(process, &status, WNOHANG) == process else { return nil }
        running.processes.remove(process)
        return status
      }
      switch status {
      case .some(.some(let status)): return status
      case .some(.none): while true { pause() }
      case .none: break
      }
      if let deadline, deadline < .now { return nil }
      usleep(1000)
    }
  }

  /// Ends a process and all that it has started, which are given two seconds to do it themselves.
  private static func abandon(_ process: pid_t) {
    guard running.withLock({ $0.processes.contains(process) }) else { return }
    kill(-process, SIGTERM)
    if end(process, for: .seconds(2)) == nil {
      kill(-process, SIGKILL)
      // One that hangs in the kernel ends when it can: nobody waits for it.
      _ = end(process, for: .milliseconds(100))
    } else {
      // What it has started and left behind.
      kill(-process, SIGKILL)
    }
  }

  /// Sends a signal to all processes that are running and lets no other start; what has not ended after two seconds is
  /// killed.
  static func endAll(by number: CInt) {
    let (processes, cleanups) = running.withLock { running in
      running.isEnding = true
      return (running.processes, running.cleanups.values)
    }
    for process in processes { kill(-process, number) }
    wait(for: processes)
    for process in processes { kill(-process, SIGKILL) }
    wait(for: Set(cleanups.map { $0.spawn() }.filter { $0.error == 0 }.map(\.process)))
  }

  private static func wait(for processes: Set<pid_t>) {
    let deadline = ContinuousClock.now + .seconds(2)
    while deadline > .now, processes.contains(where: { !hasEnded($0) }) { usleep(1000) }
  }
}
