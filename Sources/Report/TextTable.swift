/// Rows of cells in aligned columns. The cells lie in one buffer, so that thousands of rows cost little.
struct TextTable {
  /// A column's title, and to which side its cells are aligned.
  enum Header {
    case left(String)
    case right(String)

    var title: String {
      switch self {
      case .left(let title), .right(let title): title
      }
    }
  }

  var headers: [Header]
  private var bytes: [UInt8] = []
  /// Where each cell ends in ``bytes``, and how many columns it takes.
  private var cells: [(end: Int, width: UInt32)] = []

  init(_ headers: [Header]) { self.headers = headers }

  /// Adds the next cell of the current row.
  mutating func add(_ text: String) {
    // Every character that reports use takes one column; continuation bytes start none.
    var width: UInt32 = 0
    for byte in text.utf8 {
      bytes.append(byte)
      if byte & 0xC0 != 0x80 { width += 1 }
    }
    cells.append((bytes.count, width))
  }

  /// Adds the next cell of the current row: a number.
  mutating func add(_ number: UInt64) {
    let start = bytes.count
    bytes.append(decimal: number)
    cells.append((bytes.count, UInt32(bytes.count - start)))
  }

  /// Writes all rows behind the headers, each indented by two spaces.
  func write(_ style: TextStyle, to output: inout [UInt8]) {
    var titles = TextTable(headers)
    for header in headers { titles.add(header.title) }
    var widths = [Int](repeating: 0, count: headers.count)
    for table in [titles, self] {
      var column = 0
      for cell in table.cells {
        widths[column] = max(widths[column], Int(cell.width))
        column = column + 1 == headers.count ? 0 : column + 1
      }
    }
    let header = String(decoding: titles.lines(widths).dropLast(), as: UTF8.self)
    output.append(contentsOf: (style.paint(header, .dim) + "\n").utf8)
    output.append(contentsOf: lines(widths))
  }

  private func lines(_ widths: [Int]) -> [UInt8] {
    let isRight = headers.map { if case .right = $0 { true } else { false } }
    let rowSize = widths.reduce(1) { $0 + $1 + 2 }
    // No cell takes fewer bytes than columns, so what cells take beyond their columns comes on top.
    let extra = bytes.count - cells.reduce(0) { $0 + Int($1.width) }
    return [UInt8](capacity: cells.count / headers.count * rowSize + extra) { output in
      var column = 0
      var start = 0
      // Spaces are owed until something follows them, so that no line ends with one.
      var spaces = 0
      for cell in cells {
        let padding = widths[column] - Int(cell.width)
        spaces += isRight[column] ? padding + 2 : 2
        if cell.width > 0 {
          for _ in 0..<spaces { output.append(UInt8(ascii: " ")) }
          for position in start..<cell.end { output.append(bytes[position]) }
          spaces = 0
        }
        spaces += isRight[column] ? 0 : padding
        start = cell.end
        column += 1
        if column == headers.count {
          output.append(UInt8(ascii: "\n"))
          column = 0
          spaces = 0
        }
      }
    }
  }
}
