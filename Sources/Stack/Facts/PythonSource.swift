/// Assignments of literals in Python source: enough for the files that packages write about their own build.
struct PythonSource {
  /// What the top-level names are assigned: a string without its quotes, or another literal as it stands.
  var values: [String: String] = [:]
  private let text: Substring

  init(_ bytes: [UInt8]) {
    text = String(decoding: bytes, as: UTF8.self)[...]
    for line in text.split(whereSeparator: \.isNewline) {
      guard let first = line.first, !first.isWhitespace, first != "#",
        let equals = line.firstIndex(of: "="), line[line.index(after: equals)...].first != "="
      else { continue }
      // `a = b = 'x'` assigns to all of them.
      let parts = line.split(separator: "=", omittingEmptySubsequences: false)
      guard let value = parts.last.map({ literal($0) }) else { continue }
      for target in parts.dropLast() {
        let name = target.prefix { $0 != ":" }.trimmingSpaces()
        if !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) {
          values[name] = value
        }
      }
    }
  }

  /// The string that follows the string `key` in a dictionary or a list of pairs: `'cuda_version': '12.5.1'`.
  func string(after key: String) -> String? {
    afterKey(key).flatMap { rest in
      guard let quote = rest.first, quote == "'" || quote == "\"" else { return nil }
      return String(rest.dropFirst().prefix { $0 != quote })
    }
  }

  /// The strings of the list that follows the string `key`.
  func strings(after key: String) -> [String]? {
    guard let rest = afterKey(key), rest.first == "[" else { return nil }
    return rest.dropFirst().prefix { $0 != "]" }.split(separator: ",").map { literal($0) }
  }

  private func afterKey(_ key: String) -> Substring? {
    for quote in ["'", "\""] {
      guard let place = text.firstRange(of: quote + key + quote) else { continue }
      return text[place.upperBound...].drop { $0 == ":" || $0 == "," || $0.isWhitespace }
    }
    return nil
  }
}

private func literal(_ text: Substring) -> String {
  var trimmed = text.trimmingSpaces()[...]
  guard let quote = trimmed.first, quote == "'" || quote == "\"" else {
    return trimmed.prefix { $0 != "#" }.trimmingSpaces()
  }
  trimmed.removeFirst()
  return String(trimmed.prefix { $0 != quote })
}
