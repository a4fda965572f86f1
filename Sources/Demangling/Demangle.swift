import Bytes
import CDemangle
import Glibc
import Synchronization

/// The demangled form of a name of the Itanium C++ ABI, as `c++filt` writes it.
///
/// Many names cost less with ``demangle(_:jobs:)``.
///
/// - Returns: nil where `mangled` is no such name, is longer than 16 KiB, gives more than 64 KiB, or takes more than
///   a quarter of a second; names that compilers write take microseconds.
public func demangle(_ mangled: String) -> String? { demangle([mangled])[0] }

/// The demangled forms of `names`, in their order, each as from ``demangle(_:)``, made on `jobs` threads.
///
/// Of names that take too long, each thread tries only the first four: it demangles none after them.
public func demangle(_ names: [String], jobs: Int = 1) -> [String?] {
  // A thread takes 20 microseconds to start, as long as a few names take.
  let jobs = max(1, min(jobs, names.count / 64))
  guard jobs > 1 else { return demangled(names[...]) }
  let results = Mutex([[String?]](repeating: [], count: jobs))
  inParallel(jobs) { job in
    let part = demangled(names[names.count * job / jobs..<names.count * (job + 1) / jobs])
    results.withLock { $0[job] = part }
  }
  return results.withLock { $0.flatMap(\.self) }
}

/// Whether names were not demangled because the system gave no thread for that.
public var lacksThread: Bool { wasRefused.load(ordering: .relaxed) }

private let wasRefused = Atomic(false)

private func demangled(_ names: ArraySlice<String>) -> [String?] {
  var text: [UInt8] = []
  var starts: [Int] = []
  starts.reserveCapacity(names.count)
  for name in names {
    starts.append(text.count)
    // A name does not go on behind a zero.
    if !name.utf8.contains(0) { text.append(contentsOf: name.utf8) }
    text.append(0)
  }
  var results: [UnsafeMutablePointer<CChar>?] = unsafe Array(repeating: nil, count: names.count)
  unsafe text.withUnsafeBufferPointer { text in
    unsafe text.withMemoryRebound(to: CChar.self) { text in
      let pointers: [UnsafePointer<CChar>?] = unsafe starts.map { unsafe text.baseAddress! + $0 }
      if unsafe cdemangle(pointers, &results, names.count) == 0 { wasRefused.store(true, ordering: .relaxed) }
    }
  }
  return unsafe results.map { result in
    guard let result = unsafe result else { return nil }
    defer { unsafe free(result) }
    return unsafe String(cString: result)
  }
}
