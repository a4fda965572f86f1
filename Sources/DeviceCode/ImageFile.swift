public import Bytes

extension DeviceImage {
  /// The name for the image as a file of its own: `libfoo.0007.sm_90a.cubin` for the eighth image of a file with the
  /// stem `libfoo`. No two images of a file have the same.
  public func fileName(stem: String) -> String {
    let digits = String(index)
    let zeros = String(repeating: "0", count: max(0, 4 - digits.count))
    return "\(stem).\(zeros)\(digits).\(targetName).\(fileExtension)"
  }

  /// The ending of such a name: `cubin`, `ptx`, `ltoir`, or the name of another kind.
  public var fileExtension: String { (kind == .relocatablePTX ? ImageKind.ptx : kind).description }

  /// The part of the image's decompressed bytes that such a file holds: a cubin without the padding behind its last
  /// section, PTX without the zeros behind its text, anything else as it is.
  public func fileContents(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    switch kind {
    case .cubin:
      guard let cubin = try? Cubin(MemoryBytes(bytes)) else { return bytes }
      return bytes.prefix(Int(cubin.size))
    case .ptx, .relocatablePTX:
      let end = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? bytes.startIndex
      return bytes[..<end]
    default: return bytes
    }
  }
}

/// Stems for the names of files that are made from other files: no two are the same, and all are safe as the start
/// of a name, whatever bytes the names that they come from have.
public struct FileStems: Sendable {
  private var used: Set<String> = []
  /// The number to try next for a stem that is taken.
  private var numbers: [String: Int] = [:]

  public init() {}

  /// The stem for `path`: `libfoo` for `lib/libfoo.so.12`, `libfoo-2` for the next file of that name.
  ///
  /// It has letters, digits, `_`, `+`, `-` and `.` of ASCII alone, starts with none of the last two, and is at most
  /// 120 bytes long.
  public mutating func stem(of path: Path) -> String {
    let name = path.lastComponent.bytes
    var stem = String(decoding: Self.withoutExtension(name).prefix(100).map(Self.safe), as: UTF8.self)
    if stem.hasPrefix(".") || stem.hasPrefix("-") { stem = "_" + stem.dropFirst() }
    if stem.isEmpty { stem = "_" }
    var unique = stem
    while !used.insert(unique).inserted {
      let number = numbers[stem, default: 2]
      numbers[stem] = number + 1
      unique = "\(stem)-\(number)"
    }
    return unique
  }

  /// `name` without `.so` and what follows, or without its last extension.
  private static func withoutExtension(_ name: [UInt8]) -> ArraySlice<UInt8> {
    let dots = name.indices.dropFirst().filter { name[$0] == UInt8(ascii: ".") }
    let library = dots.first { dot in
      let rest = name[dot...]
      return rest.starts(with: ".so".utf8)
        && (rest.count == 3 || rest.dropFirst(3).first == UInt8(ascii: "."))
    }
    return name[..<(library ?? dots.last ?? name.endIndex)]
  }

  private static func safe(_ byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      byte
    default: UInt8(ascii: "_")
    }
  }
}
