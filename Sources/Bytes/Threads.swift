import Glibc
import Synchronization

/// Calls `body` with every number below `count`, each once, on as many threads as there are processors, or as the system
/// gives: the calling thread alone where it gives none.
///
/// libdispatch would wait for ever for a thread that it does not get.
public func inParallel(_ count: Int, _ body: @Sendable (Int) -> Void) {
  let next = Atomic(0)
  func work() {
    while true {
      let index = next.add(1, ordering: .relaxed).oldValue
      guard index < count else { return }
      body(index)
    }
  }
  withoutActuallyEscaping(work) { work in
    var threads: [pthread_t] = []
    let job = unsafe Unmanaged.passRetained(Job(work))
    defer { unsafe job.release() }
    for _ in 1..<max(1, min(count, processorCount)) {
      var thread = pthread_t()
      // The job outlives the threads, which are joined here.
      let error = unsafe pthread_create(
        &thread, nil,
        { address in
          if let address = unsafe address {
            unsafe Unmanaged<Job>.fromOpaque(address).takeUnretainedValue().work()
          }
          return nil
        }, job.toOpaque())
      guard error == 0 else { break }
      threads.append(thread)
    }
    work()
    for thread in threads { pthread_join(thread, nil) }
  }
}

/// Calls `body` on a thread of its own, which nobody waits for; returns false where the system gives none.
@discardableResult
public func inBackground(_ body: @escaping @Sendable () -> Void) -> Bool {
  let job = unsafe Unmanaged.passRetained(Job(body))
  var thread = pthread_t()
  let error = unsafe pthread_create(
    &thread, nil,
    { address in
      if let address = unsafe address { unsafe Unmanaged<Job>.fromOpaque(address).takeRetainedValue().work() }
      return nil
    }, job.toOpaque())
  guard error == 0 else {
    unsafe job.release()
    return false
  }
  pthread_detach(thread)
  return true
}

/// Processors of the machine.
private let processorCount = sysconf(CInt(_SC_NPROCESSORS_ONLN))

private final class Job {
  let work: () -> Void

  init(_ work: @escaping () -> Void) { self.work = work }
}
