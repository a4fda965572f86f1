import Dispatch
import Glibc
import Report
import Synchronization

/// An extended regular expression of POSIX, as `grep -E` and `awk` read it.
struct NamePattern: Sendable {
  struct Failure: Error {
    /// What is wrong with the expression, in the words of the C library.
    var description: String
  }

  let text: String

  /// - Throws: a ``Failure`` when `text` is no regular expression.
  init(_ text: String) throws(Failure) {
    self.text = text
    if let escape = Self.foreignEscape(in: text) {
      throw Failure(
        description: "\(escape) means nothing in an extended regular expression of POSIX"
          + (escape.lowercased() == "\\d" ? "; write [0-9]" : ""))
    }
    do {
      _ = try Self.matches(text, [])
    } catch {
      throw error
    }
  }

  /// The first escape that other kinds of expressions have and that the C library would take for the letter itself: `\d`.
  private static func foreignEscape(in text: String) -> String? {
    var isEscaped = false
    for character in text {
      if isEscaped, character.isLetter, !"wWsSbB".contains(character) { return "\\\(character)" }
      isEscaped = !isEscaped && character == "\\"
    }
    return nil
  }

  /// For each of `names`, whether a part of it matches.
  func matches(_ names: [String], jobs: Int) -> [Bool] {
    let jobs = max(1, min(jobs, names.count / 256))
    let results = Mutex([[Bool]](repeating: [], count: jobs))
    DispatchQueue.concurrentPerform(iterations: jobs) { job in
      // Each thread compiles its own: matching locks the expression.
      let part = names[names.count * job / jobs..<names.count * (job + 1) / jobs]
      let matches = (try? Self.matches(text, part)) ?? part.map { _ in false }
      results.withLock { $0[job] = matches }
    }
    return results.withLock { $0.flatMap(\.self) }
  }

  private static func matches(_ text: String, _ names: ArraySlice<String>) throws(Failure) -> [Bool] {
    var expression = unsafe regex_t()
    let error = unsafe regcomp(&expression, text, REG_EXTENDED | REG_NOSUB)
    guard error == 0 else {
      var message = [CChar](repeating: 0, count: 200)
      _ = unsafe regerror(error, &expression, &message, message.count)
      let bytes = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw Failure(description: String(decoding: bytes, as: UTF8.self))
    }
    defer { unsafe regfree(&expression) }
    return names.map { unsafe regexec(&expression, $0, 0, nil, 0) == 0 }
  }
}
