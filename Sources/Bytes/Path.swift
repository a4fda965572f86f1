import Glibc

/// A file name as the operating system knows it: bytes, which need not be UTF-8.
public struct Path: Hashable, Sendable {
  public var bytes: [UInt8]

  public init(bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
  public init(_ text: some StringProtocol) { self.bytes = Array(text.utf8) }

  /// All bytes at once: an array would be hashed byte by byte, and a scan hashes many paths.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(bytes.count)
    unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
  }

  /// `name` inside this directory; of an empty path just the name.
  public func appending(_ name: some Sequence<UInt8>) -> Path { appending(Array(name)[...]) }
  public func appending(_ name: [UInt8]) -> Path { appending(name[...]) }

  /// The same, not generic: a scan makes millions of paths, and trees of names take as many steps.
  public func appending(_ name: ArraySlice<UInt8>) -> Path {
    var result = Path(bytes: [])
    result.bytes.reserveCapacity(bytes.count + 1 + name.count)
    result.bytes += bytes
    if let last = bytes.last, last != UInt8(ascii: "/") { result.bytes.append(UInt8(ascii: "/")) }
    result.bytes += name
    return result
  }

  /// The part before the last slash; empty for a name at the root.
  public var parent: Path {
    bytes.lastIndex(of: UInt8(ascii: "/")).map { Path(bytes: bytes[..<$0]) } ?? Path("")
  }

  /// The part after the last slash.
  public var name: ArraySlice<UInt8> {
    bytes[(bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...]
  }

  /// The part after the last slash but those at the end.
  public var lastComponent: Path {
    var end = bytes.endIndex
    while end > 1, bytes[end - 1] == UInt8(ascii: "/") { end -= 1 }
    let start = bytes[..<end].lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    return start < end ? Path(bytes: bytes[start..<end]) : self
  }

  /// The bytes as text where they are UTF-8; other bytes are replaced by U+FFFD.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Whether ``text`` stands for exactly these bytes.
  public var isUTF8: Bool { String(validating: bytes, as: UTF8.self) != nil }

  /// Calls `body` with the NUL-terminated path.
  @unsafe
  public func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var terminated = bytes
    terminated.append(0)
    return unsafe terminated.withUnsafeBytes { buffer in
      unsafe body(buffer.baseAddress!.assumingMemoryBound(to: CChar.self))
    }
  }
}

extension Path: Comparable {
  /// By bytes, so that the order depends on no locale.
  public static func < (left: Path, right: Path) -> Bool {
    let order = commonBytes(left, right)
    return order == 0 ? left.bytes.count < right.bytes.count : order < 0
  }

  public static func == (left: Path, right: Path) -> Bool {
    left.bytes.count == right.bytes.count && commonBytes(left, right) == 0
  }

  /// How as many bytes compare as both have: a million names are sorted and looked up by this.
  private static func commonBytes(_ left: Path, _ right: Path) -> CInt {
    unsafe left.bytes.withUnsafeBytes { left in
      unsafe right.bytes.withUnsafeBytes { right in
        guard let first = left.baseAddress, let second = right.baseAddress else { return 0 }
        return unsafe memcmp(first, second, min(left.count, right.count))
      }
    }
  }
}

extension Path: CustomStringConvertible {
  /// The path for a terminal: control characters and bytes that are not UTF-8 are written `\xNN`.
  public var description: String { printable(bytes) }
}

/// `bytes` as text that cannot disturb a terminal: control characters, bidirectional controls and bytes that
/// are not UTF-8 are written `\xNN`.
public func printable(_ bytes: some Collection<UInt8>) -> String {
  if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return String(decoding: bytes, as: UTF8.self) }
  var result = ""
  var position = bytes.startIndex
  var decoder = UTF8()
  var iterator = bytes[position...].makeIterator()
  while true {
    switch decoder.decode(&iterator) {
    case .emptyInput: return result
    case .scalarValue(let scalar):
      let width = UTF8.width(scalar)
      let end = bytes.index(position, offsetBy: width)
      if scalar.isTerminalSafe {
        result.unicodeScalars.append(scalar)
      } else {
        for byte in bytes[position..<end] { result += escape(byte) }
      }
      position = end
    case .error:
      // The decoder does not say how much it skipped: escape one byte and start again behind it.
      result += escape(bytes[position])
      position = bytes.index(after: position)
      decoder = UTF8()
      iterator = bytes[position...].makeIterator()
    }
  }
}

/// `text` without anything that can disturb a terminal; see ``printable(_:)-(Collection)``.
public func printable(_ text: String) -> String {
  var text = text
  // Without a branch for each byte: thousands of names are long and harmless. The buffer is only read.
  let isHarmless = text.withUTF8 { bytes in
    var others: UInt8 = 0
    for index in bytes.indices { others |= unsafe bytes[index] &- 0x20 < 0x5F ? 0 : 1 }
    return others == 0
  }
  return isHarmless ? text : printable(Array(text.utf8))
}

private func escape(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 16)
  return "\\x" + (digits.count < 2 ? "0" : "") + digits
}

extension [UInt8] {
  /// Appends a scalar of a JSON string, as an escape where it could disturb a terminal.
  public mutating func append(json scalar: Unicode.Scalar) {
    guard !scalar.isTerminalSafe else { return append(contentsOf: scalar.utf8) }
    for unit in scalar.utf16 {
      append(contentsOf: "\\u".utf8)
      for shift in [12, 8, 4, 0] { append(contentsOf: String(unit >> shift & 0xF, radix: 16).utf8) }
    }
  }

  /// A JSON document whose strings hold escapes in place of what could disturb a terminal.
  public var terminalSafeJSON: [UInt8] {
    // What is not ASCII stands in strings only.
    func mayDisturb(_ byte: UInt8) -> Bool { byte >= 0x7F }
    guard contains(where: mayDisturb) else { return self }
    var result: [UInt8] = []
    result.reserveCapacity(count)
    for scalar in String(decoding: self, as: UTF8.self).unicodeScalars {
      if scalar.value < 0x7F { result.append(UInt8(scalar.value)) } else { result.append(json: scalar) }
    }
    return result
  }
}

extension Unicode.Scalar {
  /// Whether a terminal shows it as a character: neither a control of C0 or C1, nor one that changes the direction of
  /// text or is not seen, nor one without a meaning.
  public var isTerminalSafe: Bool {
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: false
    default: true
    }
  }
}

extension Path {
  /// Symbolic links that are followed on the way to one file, as many as Linux follows.
  public static let linkLimit = 40

  /// The names between the slashes.
  public var components: [ArraySlice<UInt8>] { bytes.split(separator: UInt8(ascii: "/")) }
}
