import Glibc
import Synchronization

/// Ends the program on a signal so that nothing is left behind: neither programs that it runs, nor temporary folders, nor
/// files that are not whole, nor a line of progress on the terminal.
enum Interruption {
  /// Waits for SIGINT, SIGTERM and SIGHUP on a thread of its own, from now on; before other threads are started.
  ///
  /// The program ends by the signal itself, so that who started it sees that. A second signal ends it at once. Signals
  /// that it was started to ignore, as by nohup, stay ignored.
  static func watch() {
    guard isWatching.exchange(true, ordering: .relaxed) == false else { return }
    var signals = awaited
    // Other threads inherit this.
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    var thread = pthread_t()
    let error = unsafe pthread_create(&thread, nil, { _ in Interruption.wait() }, nil)
    // Without the thread signals do what they always do.
    if error != 0 { unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil) }
  }

  private static func wait() -> Never {
    var signals = awaited
    var number: CInt = 0
    while unsafe sigwait(&signals, &number) != 0 {}
    ChildProcess.endAll(by: number)
    TemporaryFolder.removeAll {
      OutputDirectory.abandonUnfinished {
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        ProgressLine.close()
        _ = raise(number)
        // Not reached: the signal's action is still that of the system.
        _exit(128 + number)
      }
    }
  }

  private static let isWatching = Atomic(false)

  private static var awaited: sigset_t {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) { unsafe sigaddset(&signals, number) }
    return signals
  }

  private static func isIgnored(_ number: CInt) -> Bool {
    var action = sigaction()
    unsafe sigaction(number, nil, &action)
    // SIG_IGN is the address 1.
    return unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
  }
}
