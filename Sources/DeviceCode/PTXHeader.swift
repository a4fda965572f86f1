/// The directives at the head of a PTX text.
public struct PTXHeader: Hashable, Sendable {
  /// The version of the instruction set. The corresponding directive is `.version`.
  public var isa: PTXISAVersion
  /// The target. The corresponding directive is `.target`.
  public var target: CodeTarget
  /// Compiled with debug information: the option `debug` of `.target`.
  public var isDebug: Bool
  /// The offset in the text of the directive `.version`.
  public var offset: Int

  /// Reads the head of `text`: comments and white space, then `.version`, then `.target`.
  ///
  /// nil for anything else.
  public init?(_ text: some StringProtocol) { self.init(Array(text.utf8)) }

  init?(_ bytes: [UInt8]) {
    var scanner = Scanner(bytes: bytes)
    self.init(&scanner)
  }

  /// The head of the text that starts with `bytes`, and whether more bytes cannot change it.
  static func read(_ bytes: [UInt8]) -> (PTXHeader?, isWhole: Bool) {
    var scanner = Scanner(bytes: bytes)
    let header = PTXHeader(&scanner)
    // No word that is looked for is longer than 16 letters.
    return (header, scanner.position + 16 <= bytes.count)
  }

  private init?(_ scanner: inout Scanner) {
    scanner.skipBlank()
    offset = scanner.position
    guard scanner.take(".version"), scanner.skipBlank(), let isa = PTXISAVersion(scanner.word()) else {
      return nil
    }
    scanner.skipBlank()
    guard scanner.take(".target"), scanner.skipBlank() else { return nil }
    let name = scanner.word()
    guard name.hasPrefix("sm_"), let target = CodeTarget(name) else { return nil }
    self.isa = isa
    self.target = target
    isDebug = false
    while scanner.skipBlank(), scanner.take(",") {
      scanner.skipBlank()
      if scanner.word() == "debug" { isDebug = true }
    }
  }

  /// Whether `text` is nothing but white space and whole comments.
  static func isBlank(_ text: ArraySlice<UInt8>) -> Bool {
    var scanner = Scanner(bytes: Array(text))
    scanner.skipBlank()
    return scanner.position == scanner.bytes.count
  }

  /// Whether `text` starts as PTX does: with the directive `.version`, behind white space and comments.
  static func startsLikePTX(_ text: ArraySlice<UInt8>) -> Bool {
    var scanner = Scanner(bytes: Array(text))
    scanner.skipBlank()
    return scanner.take(".version") && scanner.position < scanner.bytes.count
      && [0x20, 0x09].contains(scanner.bytes[scanner.position])
  }

  private struct Scanner {
    let bytes: [UInt8]
    var position = 0

    /// Skips white space and comments; always true, so that it can stand in a condition.
    @discardableResult
    mutating func skipBlank() -> Bool {
      while position < bytes.count {
        switch bytes[position] {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): position += 1
        case UInt8(ascii: "/") where starts(with: "//"):
          position = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        case UInt8(ascii: "/") where starts(with: "/*"):
          position += 2
          while position < bytes.count, !starts(with: "*/") { position += 1 }
          position = min(position + 2, bytes.count)
        default: return true
        }
      }
      return true
    }

    func starts(with text: StaticString) -> Bool {
      text.withUTF8Buffer { unsafe bytes[position...].starts(with: $0) }
    }

    mutating func take(_ text: StaticString) -> Bool {
      guard starts(with: text) else { return false }
      position += text.utf8CodeUnitCount
      return true
    }

    /// The letters, digits, dots and underscores from here on.
    mutating func word() -> String {
      let rest = bytes[position...].prefix { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
      }
      position = rest.endIndex
      return String(decoding: rest, as: UTF8.self)
    }
  }
}
