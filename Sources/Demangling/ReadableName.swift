/// A demangled kernel name without return type, template arguments and parameters:
/// `at::native::vectorized_elementwise_kernel`.
///
/// What names a scope stays: `(anonymous namespace)`, `{lambda#1}`, `operator()`. A name that is not in demangled form
/// stays as it is.
public func readableKernelName(_ demangled: String) -> String {
  var reader = NameReader(text: Array(demangled.utf8))
  let name = reader.read()
  return name.isEmpty ? demangled : String(decoding: name, as: UTF8.self)
}

private struct NameReader {
  let text: [UInt8]
  var position = 0
  var name: [UInt8] = []
  /// Behind the word `operator` without a symbol: the name of a type, which may have spaces.
  var isConversion = false

  /// Longer ones first. What follows the word `operator` is none of them where it names a type.
  static let operators = [
    "<<=", ">>=", "<=>", "->*", "()", "[]", "<<", ">>", "<=", ">=", "->", "<", ">",
  ].map { Array($0.utf8) }

  init(text: [UInt8]) { self.text = text }

  mutating func read() -> [UInt8] {
    while position < text.count {
      switch text[position] {
      case UInt8(ascii: "<"): skipBrackets()
      case UInt8(ascii: "("):
        if take("(anonymous namespace)") { break }
        skipBrackets()
        // A type in parentheses before the name, or parameters; behind those of a function comes what is local to it.
        if name.isEmpty { break }
        isConversion = false
        _ = take(" const", keep: false)
        if !follows("::") { return name }
      case UInt8(ascii: "{"): takeBraces()
      case UInt8(ascii: "["): skipBrackets()
      case UInt8(ascii: " "):
        position += 1
        if follows("[clone") { return name }
        // What was read is a return type, but for the operators whose name is a type.
        if isConversion { name.append(UInt8(ascii: " ")) } else { name = [] }
      default:
        let byte = text[position]
        name.append(byte)
        position += 1
        if byte == UInt8(ascii: "r"), endsWithOperator { takeOperator() }
      }
    }
    return name
  }

  private func follows(_ word: String) -> Bool { text[position...].starts(with: word.utf8) }

  private mutating func take(_ word: String, keep: Bool = true) -> Bool {
    guard follows(word) else { return false }
    if keep { name += word.utf8 }
    position += word.utf8.count
    return true
  }

  /// Whether the last word of the name is `operator`.
  private var endsWithOperator: Bool {
    let word = "operator".utf8
    guard name.suffix(word.count).elementsEqual(word) else { return false }
    guard let before = name.dropLast(word.count).last else { return true }
    return before == UInt8(ascii: ":")
  }

  private mutating func takeOperator() {
    guard let symbol = Self.operators.first(where: { text[position...].starts(with: $0) }) else {
      isConversion = follows(" ")
      return
    }
    name += symbol
    position += symbol.count
    // `operator< <int>`
    if follows(" <") { position += 1 }
  }

  /// `{lambda(int)#1}` becomes `{lambda#1}`.
  private mutating func takeBraces() {
    while position < text.count {
      let byte = text[position]
      if byte == UInt8(ascii: "(") || byte == UInt8(ascii: "<") {
        skipBrackets()
        continue
      }
      name.append(byte)
      position += 1
      if byte == UInt8(ascii: "}") { return }
    }
  }

  /// Skips to behind the bracket that closes the one at the position.
  ///
  /// In parentheses, `<` and `>` may compare; then they do not match, and the parenthesis decides.
  private mutating func skipBrackets() {
    var open: [UInt8] = []
    while position < text.count {
      let byte = text[position]
      position += 1
      switch byte {
      case UInt8(ascii: "<"), UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): open.append(byte)
      case UInt8(ascii: ">"):
        // Of an arrow, or of a comparison.
        if position >= 2, text[position - 2] == UInt8(ascii: "-") { break }
        if follows("=") { break }
        if open.last == UInt8(ascii: "<") { open.removeLast() }
      case UInt8(ascii: ")"): close(UInt8(ascii: "("), in: &open)
      case UInt8(ascii: "]"): close(UInt8(ascii: "["), in: &open)
      case UInt8(ascii: "}"): close(UInt8(ascii: "{"), in: &open)
      default: break
      }
      if open.isEmpty { return }
    }
  }

  private func close(_ bracket: UInt8, in open: inout [UInt8]) {
    guard let index = open.lastIndex(of: bracket) else { return }
    open.removeSubrange(index...)
  }
}
