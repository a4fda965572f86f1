import Bytes

/// The parts of a kernel's name that do not need a demangler: its identifiers, and the numbers among its template
/// arguments.
///
/// A name of the Itanium C++ ABI writes every identifier behind its length. Other names are one identifier.
struct MangledName {
  /// The identifiers in the order of the name.
  private(set) var identifiers: [ArraySlice<UInt8>] = []
  /// The name with every 32-bit number and truth value among the template arguments replaced by `#`: equal for kernels
  /// that differ in nothing else, such as the size of a tile. Wider numbers and enumerations stay: they often stand for
  /// types.
  private(set) var pattern: [UInt8] = []
  /// How much of ``pattern`` names the template: up to the arguments of the second template, since the first is often a
  /// mere wrapper, as in `cutlass::Kernel<cutlass::gemm::kernel::EllGemm<…>>`.
  var template: ArraySlice<UInt8> { pattern[..<(templateEnd ?? pattern.endIndex)] }

  private var templateEnd: Int?
  /// How many templates have been opened.
  private var templates = 0
  private let bytes: [UInt8]
  private var position = 0
  /// How many literals the position is in.
  private var depth = 0

  /// Digits of the number of a substitution or a parameter, and literals in each other: compilers write far fewer.
  private static let longestNumber = 8
  private static let deepest = 64

  init(_ name: String) {
    bytes = Array(name.utf8)
    guard bytes.starts(with: "_Z".utf8) else {
      identifiers = [bytes[...]]
      pattern = bytes
      return
    }
    pattern.reserveCapacity(bytes.count)
    while position < bytes.count { readPart() }
  }

  /// Whether it is the name of a kernel of cuDNN, whose namespaces these are: of the kernel, or of a parameter's type. Other
  /// libraries' kernels have none of them, because what cuDNN shows to its users is in C.
  var isCuDNNs: Bool {
    identifiers.contains { $0.elementsEqual("cudnn".utf8) || $0.elementsEqual("cask_cudnn".utf8) }
  }

  private mutating func readPart() {
    switch bytes[position] {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): readIdentifier()
    case UInt8(ascii: "L"): readLiteral()
    // Substitutions and parameters are numbered: S1_, T_, T0_.
    case UInt8(ascii: "S"), UInt8(ascii: "T"):
      var end = position + 1
      while end < bytes.count, end <= position + Self.longestNumber, bytes[end].isDigitOrUppercase {
        end += 1
      }
      take(end < bytes.count && bytes[end] == UInt8(ascii: "_") ? end + 1 - position : 1)
    // Arrays and vectors have lengths: A16_f, Dv4_f.
    case UInt8(ascii: "A"): take(1 + digits(from: position + 1))
    case UInt8(ascii: "D") where position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "v"):
      take(2 + digits(from: position + 2))
    case UInt8(ascii: "I"):
      templates += 1
      if templates == 2 { templateEnd = pattern.endIndex }
      take(1)
    // Behind the end of a lambda's parameters comes its number: UlvE0_.
    case UInt8(ascii: "E"):
      let count = digits(from: position + 1)
      let end = position + 1 + count
      take(count > 0 && end < bytes.count && bytes[end] == UInt8(ascii: "_") ? count + 2 : 1)
    default: take(1)
    }
  }

  private mutating func take(_ count: Int) {
    let end = min(position + count, bytes.count)
    pattern += bytes[position..<end]
    position = end
  }

  private mutating func readIdentifier() {
    let count = digits(from: position)
    let start = position + count
    guard count < 6, let length = Int(String(decoding: bytes[position..<start], as: UTF8.self)),
      length > 0, length <= bytes.count - start
    else { return take(count) }
    identifiers.append(bytes[start..<start + length])
    take(count + length)
  }

  /// `Li128E`, `Lb1E`; of an enumeration `L11preload_l_t1E`, `LN3c1010ScalarTypeE15E`.
  private mutating func readLiteral() {
    take(1)
    guard position < bytes.count else { return }
    switch bytes[position] {
    // int, unsigned, bool, short, unsigned short, and the types of characters.
    case UInt8(ascii: "i"), UInt8(ascii: "j"), UInt8(ascii: "b"), UInt8(ascii: "s"), UInt8(ascii: "t"),
      UInt8(ascii: "a"), UInt8(ascii: "c"), UInt8(ascii: "h"):
      var end = position + 1
      if end < bytes.count, bytes[end] == UInt8(ascii: "n") { end += 1 }
      let count = digits(from: end)
      guard count > 0, end + count < bytes.count, bytes[end + count] == UInt8(ascii: "E") else {
        return take(1)
      }
      pattern += [bytes[position], UInt8(ascii: "#"), UInt8(ascii: "E")]
      position = end + count + 1
    case UInt8(ascii: "a")...UInt8(ascii: "z"):
      take(1)
      takeValue()
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      readIdentifier()
      takeValue()
    case UInt8(ascii: "N") where depth < Self.deepest:
      depth += 1
      defer { depth -= 1 }
      var open = 0
      repeat {
        switch bytes[position] {
        case UInt8(ascii: "N"), UInt8(ascii: "I"), UInt8(ascii: "J"), UInt8(ascii: "X"):
          open += 1
          take(1)
        case UInt8(ascii: "L"):
          // Its own end is taken with it.
          readLiteral()
        case UInt8(ascii: "E"):
          open -= 1
          take(1)
        default: readPart()
        }
      } while open > 0 && position < bytes.count
      takeValue()
    default: break
    }
  }

  /// A value up to the end of its literal.
  private mutating func takeValue() {
    var end = position
    if end < bytes.count, bytes[end] == UInt8(ascii: "n") { end += 1 }
    let count = digits(from: end)
    guard count > 0, end + count < bytes.count, bytes[end + count] == UInt8(ascii: "E") else { return }
    take(end + count + 1 - position)
  }

  /// How many digits follow.
  private func digits(from start: Int) -> Int {
    guard start < bytes.count else { return 0 }
    return bytes[start...].prefix { $0.isDigit }.count
  }
}

extension UInt8 {
  fileprivate var isDigitOrUppercase: Bool { isDigit || isUppercase }
}
