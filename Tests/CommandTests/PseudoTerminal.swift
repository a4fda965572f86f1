import Glibc

/// A terminal without a screen: programs write to it as to any other, and a test reads what they wrote.
final class PseudoTerminal {
  /// What programs open.
  let name: String
  private(set) var columns: Int
  /// Everything that was written.
  private(set) var bytes: [UInt8] = []
  private let controller: CInt

  init(columns: Int = 80) throws {
    self.columns = columns
    controller = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    // TIOCSPTLCK and TIOCGPTN: unlock it, and ask for its number.
    var number: CInt = 0
    guard controller >= 0, unsafe ioctl(controller, 0x4004_5431, &number) == 0,
      unsafe ioctl(controller, 0x8004_5430, &number) == 0
    else { throw Program.Failure(description: "no pseudo-terminal: \(errno)") }
    name = "/dev/pts/\(number)"
    resize(to: columns)
  }

  deinit { close(controller) }

  func resize(to columns: Int) {
    self.columns = columns
    var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    _ = unsafe ioctl(controller, UInt(TIOCSWINSZ), &size)
  }

  /// Types `text`.
  func type(_ text: String) { _ = unsafe write(controller, text, text.utf8.count) }

  /// Holds back what programs write, as Ctrl-S does: they wait.
  func hold() {
    let terminal = unsafe open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
    tcflow(terminal, TCOOFF)
    close(terminal)
  }

  /// Reads until `isEnough` says so, or until no program has the terminal open any more; returns which of them it was.
  @discardableResult
  func read(until isEnough: ([UInt8]) -> Bool = { _ in false }) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !isEnough(bytes) {
      let count = unsafe Glibc.read(controller, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      bytes += buffer[..<count]
    }
    return true
  }

  /// What a person sees, line by line, without blanks at the ends and empty lines at the foot.
  var screen: [String] { Screen(bytes, columns: columns).lines }
}

/// What remains on a terminal of what was written to it.
private struct Screen {
  private var cells: [[Character]] = [[]]
  private var row = 0
  private var column = 0

  init(_ bytes: [UInt8], columns: Int) {
    var rest = String(decoding: bytes, as: UTF8.self).unicodeScalars[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\r": column = 0
      case "\n": nextRow()
      case "\u{1B}":
        let sequence = rest.prefix { $0 == "[" || $0 == ";" || ("0"..."9").contains($0) }
        rest = rest.dropFirst(sequence.count)
        let end = rest.popFirst()
        if end == "K", sequence.count == 1 {
          cells[row].removeLast(max(0, cells[row].count - column))
        } else if end != "m" {
          put("�", columns)
        }
      default: put(Character(scalar), columns)
      }
    }
  }

  private mutating func nextRow() {
    row += 1
    if row == cells.count { cells.append([]) }
  }

  private mutating func put(_ character: Character, _ columns: Int) {
    if column == columns {
      column = 0
      nextRow()
    }
    while cells[row].count <= column { cells[row].append(" ") }
    cells[row][column] = character
    column += 1
  }

  var lines: [String] {
    var lines = cells.map { String($0) }.map { line in
      String(line.reversed().drop { $0 == " " }.reversed())
    }
    while lines.last == "" { lines.removeLast() }
    return lines
  }
}
