public import Bytes

/// A PTX text: its head, and the names of its kernels.
public struct PTXContents: Hashable, Sendable {
  public var header: PTXHeader
  /// The kernels' names (mangled), in the order of the text. The corresponding directive is `.entry`.
  public var kernels: [String]

  /// Reads the PTX that `bytes` are, up to the first NUL.
  ///
  /// - Throws: a ``Problem/Code/invalidValue`` problem when the text does not start as PTX does.
  public init(_ bytes: ArraySlice<UInt8>) throws(Problem) {
    let text = bytes.prefix { $0 != 0 }
    guard let header = PTXHeader(Array(text.prefix(InspectedFile.prefixSize))) ?? PTXHeader(Array(text))
    else { throw PTXHeader.missing }
    self.header = header
    var scanner = PTXScanner(bytes: Array(text), position: header.offset)
    kernels = []
    while scanner.skipBlank(), scanner.position < text.count {
      if scanner.take(".entry") {
        scanner.skipBlank()
        let name = scanner.word()
        if !name.isEmpty { kernels.append(name) }
      } else {
        scanner.skipToken()
      }
    }
  }
}
