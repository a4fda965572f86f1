import Bytes

/// A kernel's mangled name without the parts that change with every build, so that the kernels of two builds can be
/// compared by name. It can be demangled like any other.
///
/// - `_GLOBAL__N__<hash>_<n>_<file>_<hash>` (anonymous namespaces) and `_INTERNAL_…` (internal linkage) keep the file.
/// - `__nv_static_<n>_<file and hashes>_<name>` (internal linkage in relocatable code) becomes the name.
/// - `_V_<version>_SM_<targets>`, `CUB_<version>_<targets>_NS` and `THRUST_…`, the inline namespaces of CUB and
///   Thrust, become `_V`.
public func buildIndependentName(_ mangled: String) -> String {
  let bytes = Array(mangled.utf8)
  var result: [UInt8] = []
  var copied = lengthOfStaticPrefix(bytes)
  let start = copied
  var position = start + 1
  while position < bytes.count {
    // Every such part is an identifier, which stands behind the number of its bytes.
    guard bytes[position - 1].isDigit, !bytes[position].isDigit, position - 1 >= copied,
      let part = BuildPart(bytes, at: position, from: copied)
    else {
      position += 1
      continue
    }
    result += bytes[copied..<part.start]
    result += "\(part.replacement.count)".utf8
    result += part.replacement
    copied = part.end
    position = copied + 1
  }
  if result.isEmpty, start == 0 { return mangled }
  return String(decoding: result + bytes[copied...], as: UTF8.self)
}

/// An identifier in a mangled name that changes with every build.
private struct BuildPart {
  /// Where the number of its bytes starts.
  var start: Int
  var end: Int
  /// What stays the same, without its number of bytes.
  var replacement: [UInt8]

  /// The identifier at `position`, if it is one; the digits of its length start at `lowest` or later.
  init?(_ bytes: [UInt8], at position: Int, from lowest: Int) {
    let first = bytes[position]
    guard first == UInt8(ascii: "_") || first == UInt8(ascii: "C") || first == UInt8(ascii: "T"),
      let marker = Self.markers.first(where: { bytes[position...].starts(with: $0.bytes) })
    else { return nil }
    // Before the length may stand a name that ends with a digit: the right length is the one that fits.
    var length = 0
    var scale = 1
    start = position
    while start > lowest, bytes[start - 1].isDigit, scale <= 1000 {
      start -= 1
      length += Int(bytes[start] - UInt8(ascii: "0")) * scale
      scale *= 10
      guard bytes[start] != UInt8(ascii: "0"), length <= bytes.count - position else { continue }
      let rest = bytes[position..<position + length].dropFirst(marker.bytes.count)
      guard let kept = marker.isFile ? Self.file(rest) : Self.isVersion(rest) ? [] : nil else { continue }
      end = position + length
      replacement = (marker.isFile ? marker.bytes : Array("_V".utf8)) + kept
      return
    }
    return nil
  }

  private static let markers: [(bytes: [UInt8], isFile: Bool)] = [
    ("_GLOBAL__N__", true), ("_INTERNAL_", true), ("_V_", false), ("CUB_", false), ("THRUST_", false),
  ].map { (Array($0.utf8), $1) }

  /// The file of `<8 digits>_<n>_<file, n bytes>_<8 digits>`, behind which a number may follow.
  private static func file(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    var rest = bytes
    guard dropHash(&rest), drop("_", &rest) else { return nil }
    guard let length = dropNumber(&rest), drop("_", &rest), length <= rest.count else { return nil }
    let file = rest.prefix(length)
    rest = rest.dropFirst(length)
    guard drop("_", &rest), dropHash(&rest) else { return nil }
    if rest.isEmpty { return Array(file) }
    return drop("_", &rest) && dropNumber(&rest) != nil && rest.isEmpty ? Array(file) : nil
  }

  /// Whether `bytes` are `<version>_SM_<targets>` or `<version>_<targets>`, with or without `_NS`.
  private static func isVersion(_ bytes: ArraySlice<UInt8>) -> Bool {
    var rest = bytes
    guard dropNumber(&rest) != nil else { return false }
    _ = drop("_SM", &rest)
    var targets = 0
    while rest.count > 1, rest[rest.startIndex + 1].isDigit, drop("_", &rest) {
      guard dropNumber(&rest) != nil else { return false }
      targets += 1
    }
    _ = drop("_NS", &rest)
    return targets > 0 && rest.isEmpty
  }

  private static func drop(_ text: StaticString, _ bytes: inout ArraySlice<UInt8>) -> Bool {
    guard text.withUTF8Buffer({ unsafe bytes.starts(with: $0) }) else { return false }
    bytes = bytes.dropFirst(text.utf8CodeUnitCount)
    return true
  }

  private static func dropNumber(_ bytes: inout ArraySlice<UInt8>) -> Int? {
    let digits = bytes.prefix(while: \.isDigit)
    bytes = bytes.dropFirst(digits.count)
    return Int(String(decoding: digits, as: UTF8.self))
  }

  /// Drops eight hexadecimal digits.
  private static func dropHash(_ bytes: inout ArraySlice<UInt8>) -> Bool {
    let hash = bytes.prefix(8)
    guard hash.count == 8, hash.allSatisfy({ $0.isDigit || (0x61...0x66).contains($0) }) else {
      return false
    }
    bytes = bytes.dropFirst(8)
    return true
  }
}

/// Bytes of `__nv_static_<n>_<n bytes>_` at the start of a name; 0 where it starts otherwise.
private func lengthOfStaticPrefix(_ name: [UInt8]) -> Int {
  let prefix = Array("__nv_static_".utf8)
  guard name.starts(with: prefix) else { return 0 }
  let digits = name[prefix.count...].prefix(while: \.isDigit)
  guard let length = Int(String(decoding: digits, as: UTF8.self)) else { return 0 }
  let start = digits.endIndex + 1
  guard length < name.count, start + length + 1 < name.count, name[start + length] == UInt8(ascii: "_") else {
    return 0
  }
  return start + length + 1
}
