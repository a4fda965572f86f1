import Glibc
import JSONSchemaSupport
import Testing

/// The built program, run as a process.
enum Program {
  /// What a run left behind.
  struct Outcome {
    /// The exit status; nil when a signal ended the run.
    var status: Int32?
    /// What it wrote to standard output.
    var output: [UInt8]
    /// What it wrote to standard error.
    var messages: String

    var text: String { String(decoding: output, as: UTF8.self) }
    /// The lines of standard error.
    var messageLines: [Substring] { messages.split(separator: "\n") }

    /// The output as a JSON document.
    func document() throws -> JSONValue { try JSONValue(parsing: output) }
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// The executable in the directory that the tests were built into.
  static let path: String = {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
    let own = String(decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let path = own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/cubinspect"
    guard unsafe access(path, X_OK) == 0 else {
      fatalError("the program under test is not built: \(path)")
    }
    return path
  }()

  /// Runs the program with nothing on its standard input.
  static func run(
    _ arguments: String..., in directory: String = "/", environment: [String] = []
  ) throws -> Outcome {
    try run(arguments.map { Array($0.utf8) }, in: directory, environment: environment)
  }

  /// Runs a shell command line, in which `$0` is the program.
  static func shell(
    _ command: String, _ arguments: String..., in directory: String = "/", environment: [String] = []
  ) throws -> Outcome {
    try spawn(
      (["/bin/sh", "-c", command, path] + arguments).map { Array($0.utf8) }, in: directory, environment)
  }

  static func run(_ arguments: [[UInt8]], in directory: String = "/", environment: [String] = []) throws
    -> Outcome
  {
    try spawn([Array(path.utf8)] + arguments, in: directory, environment)
  }

  static func spawn(_ command: [[UInt8]], in directory: String, _ environment: [String]) throws
    -> Outcome
  {
    // Files, not pipes: no output is too long for them.
    let output = try temporaryFile()
    let messages = try temporaryFile()
    defer {
      close(output)
      close(messages)
    }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, messages, 2)
    let end = try wait(for: unsafe start(command, in: directory, environment, &actions))
    var status: Int32?
    if case .exit(let number) = end { status = number }
    return Outcome(
      status: status, output: contents(of: output),
      messages: String(decoding: contents(of: messages), as: UTF8.self))
  }

  /// Starts a shell command line, in which `$0` is the program, with `terminal` as its terminal, output and messages.
  ///
  /// It leads a session of its own, as what a terminal emulator starts does.
  static func start(
    _ command: String, on terminal: PseudoTerminal, in directory: String = "/", environment: [String] = []
  ) throws -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for descriptor: CInt in 0...2 {
      unsafe posix_spawn_file_actions_addopen(&actions, descriptor, terminal.name, O_RDWR, 0)
    }
    return unsafe try start(
      ["/bin/sh", "-c", command, path].map { Array($0.utf8) }, in: directory, ["TERM=xterm"] + environment,
      &actions, leadsSession: true)
  }

  /// Runs a shell command line, in which `$0` is the program, with a pipe as standard output that does not wait for its
  /// reader, who is slow to begin; returns what came out of it.
  static func throughNonBlockingPipe(_ command: String, in directory: String = "/") throws -> Outcome {
    var ends: [CInt] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { throw Failure(description: "pipe: \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(ends[1], F_SETFL, O_WRONLY | O_NONBLOCK)
    let messages = try temporaryFile()
    defer {
      close(ends[0])
      close(messages)
    }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, messages, 2)
    let process = unsafe try start(
      ["/bin/sh", "-c", command, path].map { Array($0.utf8) }, in: directory, [], &actions)
    close(ends[1])
    usleep(300_000)
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 12)
    while true {
      let count = unsafe read(ends[0], &buffer, buffer.count)
      guard count > 0 else { break }
      output += buffer[..<count]
    }
    guard case .exit(let status) = try wait(for: process) else {
      throw Failure(description: "ended by a signal")
    }
    return Outcome(
      status: status, output: output, messages: String(decoding: contents(of: messages), as: UTF8.self))
  }

  /// How a process ended.
  enum End: Hashable {
    case exit(Int32)
    case signal(Int32)
  }

  static func wait(for process: pid_t) throws -> End {
    var status: CInt = 0
    while unsafe waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw Failure(description: "waitpid: \(errno)") }
    }
    return status & 0x7F == 0 ? .exit(status >> 8 & 0xFF) : .signal(status & 0x7F)
  }

  @unsafe
  private static func start(
    _ command: [[UInt8]], in directory: String, _ environment: [String],
    _ actions: inout posix_spawn_file_actions_t, leadsSession: Bool = false
  ) throws -> pid_t {
    // The shell changes into the directory; then the command takes its place.
    let arguments = ["sh", "-c", "cd -- \"$0\" && exec \"$@\"", directory].map { Array($0.utf8) } + command
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // POSIX_SPAWN_SETSID
    if leadsSession { unsafe posix_spawnattr_setflags(&attributes, 0x80) }
    var argumentPointers =
      unsafe arguments.map { bytes in
        unsafe strdup((bytes + [0]).map { CChar(bitPattern: $0) })
      } + [nil]
    // Nothing of the environment in which the tests run changes what the program says.
    var environmentPointers =
      unsafe ([
        "PATH=/usr/bin:/bin", "SWIFT_BACKTRACE=enable=no",
        // A day on which no tables are old.
        "SOURCE_DATE_EPOCH=0",
      ] + environment).map {
        unsafe strdup($0)
      } + [nil]
    defer {
      for index in unsafe argumentPointers.indices { unsafe free(argumentPointers[index]) }
      for index in unsafe environmentPointers.indices { unsafe free(environmentPointers[index]) }
    }
    var process = pid_t()
    let error = unsafe posix_spawn(
      &process, "/bin/sh", &actions, &attributes, &argumentPointers, &environmentPointers)
    guard error == 0 else { throw Failure(description: "\(unsafe String(cString: strerror(error)))") }
    return process
  }

  /// An open file without a name.
  private static func temporaryFile() throws -> CInt {
    let file = unsafe open("/tmp", O_RDWR | CInt(0x410000) | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure(description: "no temporary file: \(errno)") }
    return file
  }

  private static func contents(of file: CInt) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe pread(file, &buffer, buffer.count, off_t(bytes.count))
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
    }
  }
}

/// The bytes of a file; nil when it cannot be read.
func fileContents(_ path: String) -> [UInt8]? {
  let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return nil }
  defer { close(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe read(file, &buffer, buffer.count)
    guard count > 0 else { return count == 0 ? bytes : nil }
    bytes += buffer[..<count]
  }
}

/// The text of a file; nil when it cannot be read.
func fileText(_ path: String) -> String? { fileContents(path).map { String(decoding: $0, as: UTF8.self) } }

/// Whether a terminal is safe from every byte: UTF-8 without control characters but newlines, and without what changes
/// the direction of text.
func isSafe(_ bytes: [UInt8]) -> Bool {
  guard let text = String(validating: bytes, as: UTF8.self) else { return false }
  return text.unicodeScalars.allSatisfy {
    $0 == "\n" || ![.control, .format].contains($0.properties.generalCategory)
  }
}

extension JSONValue {
  /// The libraries of all views of a scan.
  var libraries: [JSONValue] { (self["views"]?.elements ?? []).flatMap { $0["libraries"]?.elements ?? [] } }
  /// The problems of all views of a scan.
  var problems: [JSONValue] { (self["views"]?.elements ?? []).flatMap { $0["problems"]?.elements ?? [] } }
}
