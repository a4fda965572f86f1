import Bytes
import CommandLineSyntax
import Glibc
import Report

/// Standard output, standard error and the machine around them.
enum Terminal {
  /// Processors that are there to use.
  static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Columns of the terminal that standard output is; nil when it is none.
  static var width: Int? { width(of: STDOUT_FILENO) }

  /// Columns of the terminal that `descriptor` is; nil when it is none.
  static func width(of descriptor: CInt) -> Int? {
    guard isatty(descriptor) == 1 else { return nil }
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Whether escape sequences mean nothing to the terminal.
  static var isDumb: Bool { environment("TERM") == "dumb" }

  /// Now; of reproducible builds what `SOURCE_DATE_EPOCH` says.
  static var secondsSince1970: Int { Int(environment("SOURCE_DATE_EPOCH")) ?? time(nil) }

  /// Now, in the time of the machine: `2026-11-29T17:03:37`.
  static var timestamp: String {
    var seconds = time(nil)
    var parts = unsafe tm()
    unsafe localtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = unsafe strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
    return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The style for text on standard output, as `--color` and `NO_COLOR` ask.
  static func style(_ arguments: ParsedArguments) -> TextStyle {
    let isColored =
      switch arguments.value(of: .color)?.text {
      case "always": true
      case "never": false
      default: isatty(STDOUT_FILENO) == 1 && environment("NO_COLOR").isEmpty && !isDumb
      }
    return TextStyle(isColored: isColored, width: width, showsDetails: arguments.has(.details))
  }

  /// A variable of the environment; empty where it is not set.
  static func environment(_ name: String) -> String { variable(name)?.text ?? "" }

  /// The value of an environment variable with its bytes, which need not be UTF-8; nil where it is not set.
  static func variable(_ name: String) -> Argument? {
    unsafe getenv(name).map { unsafe Argument(ofSystem: $0) }
  }

  /// The folders that `PATH` names, in which programs are looked for.
  static var programFolders: [String] { environment("PATH").split(separator: ":").map(String.init) }

  /// Writes to standard output. A closed pipe is no failure.
  static func write(_ text: String) -> ExitStatus {
    let error = write(Array(text.utf8)[...], to: STDOUT_FILENO)
    guard error != 0, error != EPIPE else { return .success }
    report("standard output: cannot be written: \(errorText(error))")
    return .usage
  }

  /// Writes a message for a person to standard error, on one line and without anything that disturbs a terminal.
  static func report(_ message: String) {
    _ = write(Array("cubinspect: \(printable(message))\n".utf8)[...], to: STDERR_FILENO)
  }

  /// Writes all bytes; returns the error number when the system refuses, 0 when all is written.
  static func write(_ bytes: ArraySlice<UInt8>, to descriptor: CInt) -> CInt {
    var done = 0
    while done < bytes.count {
      // The count never reaches past the bytes.
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
      }
      if count < 0 {
        if errno == EINTR { continue }
        // The other end of the pipe asked for writes that do not wait: wait here.
        if errno == EAGAIN, waitUntilWritable(descriptor) { continue }
        return errno
      }
      done += count
    }
    return 0
  }

  /// Waits until something can be written, or writing fails; false when waiting fails.
  private static func waitUntilWritable(_ descriptor: CInt) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    while unsafe poll(&request, 1, -1) < 0 {
      guard errno == EINTR else { return false }
    }
    return true
  }
}
