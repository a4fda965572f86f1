import Bytes
import Glibc
import Report
import Scan
import Synchronization

/// The line at the foot of the terminal that says how far a scan has come.
enum ProgressLine {
  private struct State {
    /// What stands on the terminal; empty for nothing.
    var shown = ""
    var isOpen = false
  }

  private final class Work: Sendable {
    let isDone = Atomic(false)
  }

  private static let state = Mutex(State())

  /// Work that is done sooner, in microseconds, shows no line.
  private static let delay: useconds_t = 300_000
  /// Microseconds.
  private static let interval: useconds_t = 100_000

  /// Whether a command may show it: standard error is a terminal, and nobody asked for quiet.
  static func isPossible(isQuiet: Bool) -> Bool {
    !isQuiet && !Terminal.isDumb && isatty(STDERR_FILENO) == 1
  }

  /// Calls `body` with something that counts, and shows the counts meanwhile, where that is possible; there is no line
  /// any more when it returns.
  static func during<Result>(isQuiet: Bool, _ body: (ScanProgress?) -> Result) -> Result {
    guard isPossible(isQuiet: isQuiet) else { return body(nil) }
    let progress = ScanProgress()
    state.withLock { $0.isOpen = true }
    let work = Work()
    // Nobody waits for it: it shows nothing any more once the line is closed.
    inBackground {
      var text = ProgressText()
      usleep(delay)
      while !work.isDone.load(ordering: .acquiring) {
        show(text.text(progress.snapshot))
        usleep(interval)
      }
    }
    defer {
      work.isDone.store(true, ordering: .releasing)
      close()
    }
    return body(progress)
  }

  /// Erases the line, and lets no other appear.
  static func close() {
    state.withLock { state in
      state.isOpen = false
      if !state.shown.isEmpty { write("\r\u{1B}[K") }
      state.shown = ""
    }
  }

  private static func show(_ text: String) {
    state.withLock { state in
      guard state.isOpen, let width = Terminal.width(of: STDERR_FILENO) else { return }
      guard isInForeground else {
        // What was on the line has moved up, above the shell's next prompt.
        state.shown = ""
        return
      }
      // Two columns are left for the ^C that the terminal shows, and one so that the cursor stays on the line.
      let line = String(text.prefix(max(0, width - 3)))
      guard line != state.shown else { return }
      // Written over the old line, so that nothing flickers.
      write("\r\(line)\u{1B}[K")
      state.shown = line
    }
  }

  /// Whether the terminal is this program's to write to: not when it was sent to the background.
  private static var isInForeground: Bool {
    let group = tcgetpgrp(STDERR_FILENO)
    return group < 0 || group == getpgrp()
  }

  private static func write(_ text: String) { _ = Terminal.write(Array(text.utf8)[...], to: STDERR_FILENO) }
}
