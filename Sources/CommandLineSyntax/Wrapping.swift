/// `text` in lines of at most `width` columns, each after `indent` spaces.
///
/// Paragraphs are separated by an empty line. A line that starts with two spaces is kept as it is; a word longer
/// than a line has a line of its own.
func wrapped(_ text: String, width: Int, indent: Int = 0) -> [String] {
  guard !text.isEmpty else { return [] }
  let margin = String(repeating: " ", count: indent)
  var lines: [String] = []
  var line = ""

  func endLine() {
    if !line.isEmpty { lines.append(margin + line) }
    line = ""
  }
  for source in text.split(separator: "\n", omittingEmptySubsequences: false) {
    if source.isEmpty {
      endLine()
      lines.append("")
    } else if source.hasPrefix("  ") {
      endLine()
      lines.append(margin + source)
    } else {
      for word in source.split(separator: " ") {
        if !line.isEmpty, indent + line.count + 1 + word.count > width { endLine() }
        line += line.isEmpty ? String(word) : " " + word
      }
    }
  }
  endLine()
  return lines
}

/// A two-column list: terms on the left, their meaning wrapped beside them, or below a term that is too long.
func columns(_ rows: [(term: String, meaning: String)], width: Int) -> [String] {
  let widest = 22
  let terms = rows.map(\.term.count).filter { $0 <= widest }.max() ?? widest
  let column = 2 + terms + 2
  return rows.flatMap { term, meaning in
    var lines = wrapped(meaning, width: width, indent: column)
    if term.count <= terms, let first = lines.first {
      let gap = String(repeating: " ", count: terms - term.count + 2)
      lines[0] = "  " + term + gap + first.dropFirst(column)
      return lines
    }
    return ["  " + term] + lines
  }
}
