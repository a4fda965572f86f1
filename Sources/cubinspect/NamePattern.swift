import Bytes
import Glibc
import Report
import Synchronization

/// An extended regular expression of POSIX, as `grep -E` and `awk` read it.
///
/// The C library has no bounds of its own: parentheses in parentheses fill its stack, repetitions of repetitions the memory,
/// and references back take time without end. What would do that is refused.
struct NamePattern: Sendable {
  struct Failure: Error {
    /// What is wrong with the expression, in the words of the C library.
    var description: String
  }

  let text: String
  private let flags: CInt

  /// - Throws: a ``Failure`` when `text` is no regular expression.
  init(_ text: String, ignoresCase: Bool = false) throws(Failure) {
    self.text = text
    flags = REG_EXTENDED | REG_NOSUB | (ignoresCase ? REG_ICASE : 0)
    guard text.utf8.count <= Self.lengthLimit else {
      throw Failure(description: "it is longer than \(Self.lengthLimit) bytes")
    }
    try Self.checkCost(Array(text.utf8))
    if let escape = Self.foreignEscape(in: text) {
      throw Failure(
        description: "\(escape) means nothing in an extended regular expression of POSIX"
          + (escape.lowercased() == "\\d" ? "; write [0-9]" : ""))
    }
    do {
      _ = try matches([])
    } catch {
      throw error
    }
  }

  private static let lengthLimit = 4096
  private static let depthLimit = 100
  /// Parts of an expression, those of what is repeated counted as often as the C library writes them out.
  private static let sizeLimit = 4096

  /// - Throws: a ``Failure`` for an expression that is deeper or larger than the limits, or refers back.
  private static func checkCost(_ text: [UInt8]) throws(Failure) {
    // Of each open parenthesis the size of all in front of the last part, and of that part.
    var open: [(size: Int, last: Int)] = []
    var current = (size: 0, last: 0)
    var position = 0
    func repeated(_ count: Int) throws(Failure) {
      let (size, overflow) = current.last.multipliedReportingOverflow(by: count)
      current.last = size
      guard !overflow, current.size + size <= sizeLimit else {
        throw Failure(description: "it repeats more than \(sizeLimit) parts")
      }
    }
    func add(_ size: Int) throws(Failure) {
      current = (current.size + current.last, size)
      try repeated(1)
    }
    while position < text.count {
      let byte = text[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\\"):
        if position < text.count, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(text[position]) {
          throw Failure(description: "it refers back to a part of itself")
        }
        position += 1
        try add(1)
      case UInt8(ascii: "["):
        position = endOfBrackets(text, position)
        try add(1)
      case UInt8(ascii: "("):
        guard open.count < depthLimit else {
          throw Failure(description: "it has more than \(depthLimit) parentheses in each other")
        }
        open.append(current)
        current = (0, 0)
      case UInt8(ascii: ")"):
        let size = current.size + current.last + 1
        current = open.popLast() ?? (0, 0)
        try add(size)
      case UInt8(ascii: "+"): try repeated(2)
      case UInt8(ascii: "{"):
        // `{2}`, `{2,}`, `{2,5}`: as many copies as the larger number, and one more where there is no end.
        let numbers = text[position...].prefix { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ",") }
        guard text[numbers.endIndex...].first == UInt8(ascii: "}") else {
          try add(1)
          continue
        }
        position = numbers.endIndex + 1
        let bounds = numbers.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
          .map { Int(String(decoding: $0, as: UTF8.self)) ?? ($0.isEmpty ? 0 : .max) }
        let most = max(1, bounds.max() ?? 1)
        try repeated(bounds.last == 0 && most < .max ? most + 1 : most)
      case UInt8(ascii: "*"), UInt8(ascii: "?"): break
      default: try add(1)
      }
    }
  }

  /// Where a list of characters ends that starts at `start`, behind its bracket.
  private static func endOfBrackets(_ text: [UInt8], _ start: Int) -> Int {
    var position = start
    if position < text.count, text[position] == UInt8(ascii: "^") { position += 1 }
    // A bracket that is the first character stands for itself.
    if position < text.count, text[position] == UInt8(ascii: "]") { position += 1 }
    while position < text.count, text[position] != UInt8(ascii: "]") {
      let isClass =
        text[position] == UInt8(ascii: "[") && position + 1 < text.count
        && ":.=".utf8.contains(text[position + 1])
      if isClass, let end = text[(position + 2)...].firstIndex(of: text[position + 1]) { position = end + 1 }
      position += 1
    }
    return position + 1
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
    inParallel(jobs) { job in
      // Each thread compiles its own: matching locks the expression.
      let part = names[names.count * job / jobs..<names.count * (job + 1) / jobs]
      let matches = (try? matches(part)) ?? part.map { _ in false }
      results.withLock { $0[job] = matches }
    }
    return results.withLock { $0.flatMap(\.self) }
  }

  /// Bytes of names that are matched by one compiled expression, which remembers a state for each of them in the worst case.
  private static let batchSize = 64 << 10

  private func matches(_ names: ArraySlice<String>) throws(Failure) -> [Bool] {
    var results: [Bool] = []
    var rest = names
    repeat {
      var size = 0
      let end = rest.firstIndex { name in
        defer { size += name.utf8.count }
        return size > Self.batchSize
      }
      results += try matches(batch: rest[..<(end ?? rest.endIndex)])
      rest = rest[(end ?? rest.endIndex)...]
    } while !rest.isEmpty
    return results
  }

  private func matches(batch names: ArraySlice<String>) throws(Failure) -> [Bool] {
    var expression = unsafe regex_t()
    let error = unsafe regcomp(&expression, text, flags)
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
