/// A table to look at or to copy: what `cubinspect tables` shows.
public struct Matrix: Sendable {
  /// `pytorch`.
  public var name: String
  /// What it lists, for people.
  public var title: String
  public var columns: [String]
  public var rows: [[String]]
  /// For each row where it is from.
  public var sources: [String]
  /// What stands in place of rows where there are none; nil where the title says it.
  public var whenEmpty: String? = "No row has what was asked for."

  /// - Parameter rows: the cells of each row, and its source.
  public init(
    _ name: String, _ title: String, _ columns: [String],
    _ rows: some Sequence<(cells: [String], source: String)>
  ) {
    self.name = name
    self.title = title
    self.columns = columns
    self.rows = rows.map(\.cells)
    sources = rows.map(\.source)
  }

  /// Only the rows in which every word is: `2.9` is in a cell with 2.9 or 2.9.1, not in one with 12.9; a word without
  /// digits is also in longer ones.
  public func filtered(by words: [String]) -> Matrix {
    // `3.` is meant as 3.
    let words = words.map { word in
      let plain = word.lowercased().reversed().drop { $0 == "." }
      return String(plain.reversed())
    }
    let kept = rows.indices.filter { index in
      words.allSatisfy { word in rows[index].contains { Self.cell($0.lowercased(), has: word) } }
    }
    var matrix = self
    matrix.rows = kept.map { rows[$0] }
    matrix.sources = kept.map { sources[$0] }
    return matrix
  }

  private static func cell(_ cell: String, has word: String) -> Bool {
    let parts = cell.split { !$0.isLetter && !$0.isNumber && $0 != "." && $0 != "_" }
    let isPlain = !word.contains(where: \.isNumber)
    return cell == word
      // 570 is the branch R570 too.
      || parts.contains {
        $0 == word || $0 == "r" + word || $0.hasPrefix(word + ".")
          || isPlain && $0.firstRange(of: word) != nil
      }
  }

  public func text(_ style: TextStyle) -> String {
    var output = Array(wrapped(title, first: "", width: style.width).utf8)
    guard !rows.isEmpty else {
      if let whenEmpty { output += Array("\n  \(whenEmpty)\n".utf8) }
      return String(decoding: output, as: UTF8.self)
    }
    output.append(UInt8(ascii: "\n"))
    TextTable(columns.map { .left($0) }).write(style, to: &output) { table in
      for row in rows {
        for cell in row { table.add(cell) }
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  public func markdown() -> String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map(\.asMarkdownCell).joined(separator: " | ") + " |\n"
    }
    return "\(title)\n\n" + line(columns) + "|" + String(repeating: "---|", count: columns.count) + "\n"
      + rows.map(line).joined()
  }

  /// The rows as comma-separated values, or with tabs between these, with a line of titles.
  public func csv(_ separator: CellSeparator = .comma) -> String {
    let rows = [columns + ["source"]] + zip(rows, sources).map { $0 + [$1] }
    return rows.map { separator.line($0) }.joined()
  }

  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.array("columns", columns)
      writer.array("rows", of: rows)
      writer.member("schemaVersion", JSONWriter.schemaVersion)
      writer.array("sources", sources)
      writer.member("table", name)
      writer.member("title", title)
      writer.tool(tool)
    }
    return writer.finish()
  }
}
