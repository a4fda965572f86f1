/// How text output looks on the device that it is written to.
public struct TextStyle: Hashable, Sendable {
  public var isColored: Bool
  /// Columns of the terminal; nil when lines may be of any length.
  public var width: Int?
  /// Whether a report tells everything, or what matters most.
  public var showsDetails: Bool

  public init(isColored: Bool = false, width: Int? = nil, showsDetails: Bool = false) {
    self.isColored = isColored
    self.width = width
    self.showsDetails = showsDetails
  }

  /// The same in a file, which has no width and no colors.
  public var forFile: TextStyle { TextStyle(showsDetails: showsDetails) }

  enum Color: String {
    case red = "31"
    case green = "32"
    case yellow = "33"
    case cyan = "36"
    case bold = "1"
    case dim = "2"
  }

  func paint(_ text: String, _ color: Color?) -> String {
    guard isColored, let color, !text.isEmpty else { return text }
    return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
  }

  /// A sentence that says what matters most, behind a mark of one column: `✓ A100: yes`.
  func headline(_ mark: String, _ color: Color?, _ sentence: String) -> String {
    // What is painted has no other width.
    let lines = wrapped(sentence, first: "  ", width: width).dropFirst(2).dropLast()
    return paint(mark, color) + " " + paint(String(lines), .bold) + "\n"
  }
}

/// A number of bytes for people: three digits and a unit of powers of 1,000, `12.3 MB`.
func byteCount(_ bytes: UInt64) -> String {
  if bytes < 1000 { return "\(bytes) B" }
  var unit: UInt64 = 1000
  var names = ["kB", "MB", "GB", "TB", "PB", "EB"][...]
  while bytes / unit >= 1000, names.count > 1 {
    unit *= 1000
    names = names.dropFirst()
  }
  let (whole, rest) = bytes.quotientAndRemainder(dividingBy: unit)
  let name = names.first ?? ""
  if whole >= 100 { return "\(whole) \(name)" }
  let tenths = rest / (unit / 10)
  if whole >= 10 { return "\(whole).\(tenths) \(name)" }
  let hundredths = rest / (unit / 100)
  return "\(whole).\(hundredths < 10 ? "0" : "")\(hundredths) \(name)"
}

/// `number` with commas between groups of three digits.
func grouped(_ number: some BinaryInteger) -> String {
  var result = ""
  let digits = Array(String(number))
  for (index, digit) in digits.enumerated() {
    if index > 0, digits[index - 1] != "-", (digits.count - index).isMultiple(of: 3) { result.append(",") }
    result.append(digit)
  }
  return result
}

/// `1 library`, `3 libraries`.
func counted(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
  "\(grouped(number)) \(number == 1 ? singular : plural ?? singular + "s")"
}

/// The first of `names`, and how many more there are.
func named(_ names: [String], atMost count: Int) -> String {
  names.prefix(count).joined(separator: ", ")
    + (names.count > count ? " and \(grouped(names.count - count)) more" : "")
}

extension String {
  /// How many lines it has, each with its end.
  var lineCount: Int { utf8.count { $0 == UInt8(ascii: "\n") } }
}

/// Columns that `text` takes on a terminal, for the characters that reports use.
func columns(_ text: String) -> Int { text.unicodeScalars.count }

extension String {
  func padded(to width: Int, right: Bool = false) -> String {
    let missing = width - columns(self)
    guard missing > 0 else { return self }
    let spaces = String(repeating: " ", count: missing)
    return right ? spaces + self : self + spaces
  }

  /// The string without the spaces at its end.
  func trimmingEnd() -> String {
    var result = self
    while result.utf8.last == UInt8(ascii: " ") { result.removeLast() }
    return result
  }

  /// The string cut at its end to `width` columns.
  func cut(to width: Int) -> String {
    guard columns(self) > width, width > 1 else { return self }
    return String(String.UnicodeScalarView(unicodeScalars.prefix(width - 1))) + "…"
  }

  /// The string cut in the middle to `width` columns.
  func elided(to width: Int) -> String {
    let scalars = Array(unicodeScalars)
    guard scalars.count > width, width > 4 else { return self }
    let head = (width - 1) / 3
    let tail = width - 1 - head
    var result = String.UnicodeScalarView()
    result.append(contentsOf: scalars[..<head])
    result.append("…")
    result.append(contentsOf: scalars[(scalars.count - tail)...])
    return String(result)
  }
}

extension String {
  /// The path cut at its front to `width` columns, its last component whole where it fits: `…/lib/libcudart.so`.
  func elidedPath(to width: Int) -> String {
    guard columns(self) > width else { return self }
    var tail = ""
    for component in split(separator: "/").reversed() {
      let longer = tail.isEmpty ? String(component) : component + "/" + tail
      if columns(longer) + (tail.isEmpty ? 0 : 2) > width { break }
      tail = longer
    }
    guard !tail.isEmpty else { return String(split(separator: "/").last ?? self[...]).elided(to: width) }
    return columns(tail) + 2 <= width ? "…/" + tail : tail
  }
}

/// `text` in lines of at most `width` columns, the first behind `first`, the others behind as many spaces as
/// `first` takes columns: `indent` where that is not its number of characters.
func wrapped(_ text: String, first: String, indent: Int? = nil, width: Int?) -> String {
  let taken = indent ?? columns(first)
  let indent = String(repeating: " ", count: taken)
  guard let width, width > taken + 20 else { return first + text + "\n" }
  var lines: [String] = []
  var line = ""
  for word in text.split(separator: " ") {
    if !line.isEmpty, taken + columns(line) + 1 + columns(String(word)) > width {
      lines.append(line)
      line = ""
    }
    line += line.isEmpty ? String(word) : " " + word
  }
  lines.append(line)
  return lines.enumerated().map { ($0 == 0 ? first : indent) + $1 + "\n" }.joined()
}
