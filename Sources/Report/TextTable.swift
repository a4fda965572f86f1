/// Rows of cells in aligned columns.
///
/// The rows are made twice, once to measure the columns and once to write them, so that thousands of rows take no
/// memory but the text itself.
struct TextTable {
  /// A column's title, and to which side its cells are aligned.
  enum Header {
    case left(String)
    case right(String)
  }

  /// Takes the cells of the rows, one after the other.
  struct Row {
    private let isRight: [Bool]
    private var widths: [Int]
    private var column = 0
    /// Columns of a line at most; nil for any number.
    private let limit: Int?
    /// How many rows were measured.
    private var count = 0
    /// Bytes of the cells at their ends, as far as these were not measured.
    private var lastBytes = 0
    private var isWriting = false
    fileprivate private(set) var output: [UInt8] = []
    /// Spaces are owed until something follows them, so that no line ends with one.
    private var spaces = 0

    fileprivate init(_ headers: [Header], limit: Int?) {
      self.limit = limit
      isRight = headers.map { if case .right = $0 { true } else { false } }
      widths = headers.map { _ in 0 }
    }

    /// Adds the next cell.
    mutating func add(_ text: String) {
      var text = text
      // A column at the end is never padded, so that the widths of a thousand long texts need not be counted.
      if limit == nil, column == widths.count - 1, !isRight[column] { return addLast(text) }
      if let limit, isWriting, column == widths.count - 1 {
        text = last(text, limit)
        // On a line of its own it needs no space before it.
        if text.utf8.first == UInt8(ascii: "\n") { spaces = -2 }
      }
      // The buffer is only read while the call lasts.
      text.withUTF8 { bytes in
        // Every character that reports use takes one column; continuation bytes start none.
        var width = 0
        for position in bytes.indices where unsafe bytes[position] & 0xC0 != 0x80 { width += 1 }
        let padding = begin(width)
        if isWriting { unsafe output.append(contentsOf: bytes) }
        end(padding)
      }
    }

    /// Adds the cell at the end of a line that may be of any length.
    private mutating func addLast(_ text: String) {
      if isWriting {
        if !text.isEmpty { begin(1) }
        output.append(contentsOf: text.utf8)
      } else {
        lastBytes += text.utf8.count
      }
      end(0)
    }

    /// Columns that the last cell needs at least to stand in line with the others.
    private static let leastForLast = 40

    /// The text of a cell in the last column: cut at its end where the line would be too long, and on a line of its
    /// own where too little would be left of it.
    private func last(_ text: String, _ limit: Int) -> String {
      let left = limit - widths.dropLast().reduce(0) { $0 + $1 + 2 } - 2
      let isApart = left < Self.leastForLast && widths[column] > left
      let width = isApart ? limit - 6 : left
      var cut = text
      if columns(text) > width, width > 1 {
        cut = String(String.UnicodeScalarView(text.unicodeScalars.prefix(width - 1))) + "…"
      }
      return isApart ? "\n      " + cut : cut
    }

    /// Adds the next cell: a number.
    mutating func add(_ number: UInt64) {
      var width = 1
      var rest = number
      while rest >= 10 {
        rest /= 10
        width += 1
      }
      let padding = begin(width)
      if isWriting { output.append(decimal: number) }
      end(padding)
    }

    /// Starts a cell of `width` columns; returns the padding that it needs.
    @discardableResult
    private mutating func begin(_ width: Int) -> Int {
      guard isWriting else {
        widths[column] = max(widths[column], width)
        return 0
      }
      let padding = widths[column] - width
      spaces += isRight[column] ? padding + 2 : 2
      if width > 0 {
        for _ in 0..<spaces { output.append(UInt8(ascii: " ")) }
        spaces = 0
      }
      return padding
    }

    private mutating func end(_ padding: Int) {
      if isWriting, !isRight[column] { spaces += padding }
      column += 1
      guard column == widths.count else { return }
      column = 0
      spaces = 0
      if isWriting { output.append(UInt8(ascii: "\n")) } else { count += 1 }
    }

    /// Ends the measuring.
    fileprivate mutating func startWriting(to text: inout [UInt8]) {
      isWriting = true
      swap(&output, &text)
      let last = min(limit ?? 0, widths.last ?? 0)
      output.reserveCapacity(
        output.count + lastBytes + count * (widths.dropLast().reduce(3) { $0 + $1 + 2 } + last))
    }

    /// Replaces the line that starts at `start` and ends the output.
    fileprivate mutating func replaceLine(from start: Int, by make: (String) -> String) {
      let line = String(decoding: output[start...].dropLast(), as: UTF8.self)
      output.replaceSubrange(start..<output.count - 1, with: make(line).utf8)
    }

    fileprivate mutating func takeOutput() -> [UInt8] {
      var text: [UInt8] = []
      swap(&output, &text)
      return text
    }
  }

  private let headers: [Header]

  init(_ headers: [Header]) { self.headers = headers }

  /// Writes the headers and the rows that `makeRows` adds, which is called twice; each line is indented by two
  /// spaces.
  ///
  /// - Parameter limit: columns of a line at most. The cells of the last column are cut to it, and stand on lines of
  ///   their own where it leaves little of them.
  func write(
    _ style: TextStyle, to output: inout [UInt8], limit: Int? = nil, _ makeRows: (inout Row) -> Void
  ) {
    var row = Row(headers, limit: limit)
    addTitles(to: &row)
    makeRows(&row)
    // The rows write into the output itself: it may be long.
    row.startWriting(to: &output)
    let start = row.output.count
    addTitles(to: &row)
    row.replaceLine(from: start) { style.paint($0, .dim) }
    makeRows(&row)
    output = row.takeOutput()
  }

  private func addTitles(to row: inout Row) {
    for header in headers {
      switch header {
      case .left(let title), .right(let title): row.add(title)
      }
    }
  }
}
