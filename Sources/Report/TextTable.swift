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
  private var cells: [(end: Int, width: Int)] = []

  init(_ headers: [Header]) { self.headers = headers }

  /// Adds the next cell of the current row.
  mutating func add(_ text: String) {
    let start = bytes.count
    bytes.append(contentsOf: text.utf8)
    // Every character that reports use takes one column; continuation bytes start none.
    cells.append((bytes.count, bytes[start...].reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }))
  }

  /// Adds the next cell of the current row: a number.
  mutating func add(_ number: UInt64) {
    let start = bytes.count
    bytes.append(decimal: number)
    cells.append((bytes.count, bytes.count - start))
  }

  /// All rows behind the headers, each indented by two spaces.
  func text(_ style: TextStyle) -> String {
    let titles = headers.map { Array($0.title.utf8) }
    var widths = titles.map(\.count)
    for (index, cell) in cells.enumerated() {
      let column = index % headers.count
      widths[column] = max(widths[column], cell.width)
    }
    var output: [UInt8] = []
    output.reserveCapacity((widths.reduce(1) { $0 + $1 + 2 }) * (cells.count / headers.count + 1))
    func add(_ cell: ArraySlice<UInt8>, width: Int, column: Int) {
      let padding = repeatElement(UInt8(ascii: " "), count: widths[column] - width)
      output.append(contentsOf: [0x20, 0x20])
      if case .right = headers[column] { output.append(contentsOf: padding) }
      output.append(contentsOf: cell)
      if case .left = headers[column] { output.append(contentsOf: padding) }
      if column == headers.count - 1 {
        while output.last == UInt8(ascii: " ") { output.removeLast() }
        output.append(UInt8(ascii: "\n"))
      }
    }
    for (column, title) in titles.enumerated() { add(title[...], width: title.count, column: column) }
    let header = style.paint(String(decoding: output.dropLast(), as: UTF8.self), .dim) + "\n"
    output.removeAll(keepingCapacity: true)
    var start = 0
    for (index, cell) in cells.enumerated() {
      add(bytes[start..<cell.end], width: cell.width, column: index % headers.count)
      start = cell.end
    }
    return header + String(decoding: output, as: UTF8.self)
  }
}
