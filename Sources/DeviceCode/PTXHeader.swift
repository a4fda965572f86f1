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
    var scanner = PTXScanner(bytes: bytes)
    self.init(&scanner)
  }

  /// The head of the text that starts with `bytes`, and whether more bytes cannot change it.
  static func read(_ bytes: [UInt8]) -> (PTXHeader?, isWhole: Bool) {
    var scanner = PTXScanner(bytes: bytes)
    let header = PTXHeader(&scanner)
    // No word that is looked for is longer than 16 letters.
    return (header, scanner.position + 16 <= bytes.count)
  }

  init?(_ scanner: inout PTXScanner) {
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
    var scanner = PTXScanner(bytes: Array(text))
    scanner.skipBlank()
    return scanner.position == scanner.bytes.count
  }

  /// Whether `text` starts as PTX does: with the directive `.version`, behind white space and comments.
  static func startsLikePTX(_ text: ArraySlice<UInt8>) -> Bool {
    var scanner = PTXScanner(bytes: Array(text))
    scanner.skipBlank()
    return scanner.take(".version") && scanner.position < scanner.bytes.count
      && [0x20, 0x09].contains(scanner.bytes[scanner.position])
  }
}
