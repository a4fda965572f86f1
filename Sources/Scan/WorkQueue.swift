import Bytes
import Dispatch
import Synchronization

/// Items that several threads work off, and that add further items while they do.
final class WorkQueue<Item: Sendable>: Sendable {
  private struct State {
    var waiting: [Item] = []
    /// Items added and not yet worked off.
    var pending = 0
  }

  private let state = Mutex(State())
  /// One signal for every waiting item, and at the end one for every thread.
  private let signals = DispatchSemaphore(value: 0)

  func add(_ item: Item) {
    state.withLock {
      $0.waiting.append(item)
      $0.pending += 1
    }
    signals.signal()
  }

  /// Calls `body` for every item, newest first, on `jobs` threads; returns when none is left.
  func run(jobs: Int, _ body: @Sendable (Item) -> Void) {
    guard state.withLock({ $0.pending }) > 0 else { return }
    inParallel(jobs) { _ in
      while true {
        signals.wait()
        guard let item = state.withLock({ $0.waiting.popLast() }) else { return }
        body(item)
        let isLast = state.withLock {
          $0.pending -= 1
          return $0.pending == 0
        }
        if isLast { for _ in 0..<jobs { signals.signal() } }
      }
    }
  }
}
