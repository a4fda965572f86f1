import Bytes

/// A part of a kernel's name that says for which GPUs the kernel was written: `sm80_xmma_…`, `…_sm90`, `volta_…`.
public struct GenerationTag: Hashable, Sendable {
  public var computeCapability: ComputeCapability
  /// Any newer GPU is meant as well. The corresponding types are CUTLASS's `arch::Sm80` and its like, whose definitions
  /// call the number the minimum.
  public var isMinimum: Bool

  public init(_ computeCapability: ComputeCapability, isMinimum: Bool = false) {
    self.computeCapability = computeCapability
    self.isMinimum = isMinimum
  }

  /// Whether kernels with this tag are meant for `device`: the tag's major compute capability from its minor one on,
  /// as machine code is.
  public func includes(_ device: ComputeCapability) -> Bool {
    device >= computeCapability && (isMinimum || device.major == computeCapability.major)
  }
}

/// Reads the generation tags in the names of kernels.
///
/// Only compute capabilities and architectures of the ``ArchitectureTable`` count, so that other numbers with `sm` in
/// front, such as those of the namespaces of CUB (`SM_750_800_900`, every target of the build), are none.
struct GenerationTagReader {
  /// The compute capabilities of the table by their numbers in target names.
  private let known: [Int: ComputeCapability]
  /// The names of the architectures in lower case, each with its first compute capability of every major one.
  private let architectures: [(name: [UInt8], first: [ComputeCapability])]

  init(_ table: ArchitectureTable) {
    known = Dictionary(
      table.rows.map { (Int($0.computeCapability.number), $0.computeCapability) },
      uniquingKeysWith: { first, _ in first })
    architectures = Dictionary(grouping: table.rows, by: \.architecture).map { name, rows in
      let first = Dictionary(grouping: rows.map(\.computeCapability), by: \.major).compactMap { $1.min() }
      return (Array(name.lowercased().utf8), first)
    }
  }

  /// The tags of a name, and whether it is that of a kernel for GPUs newer than the library: NVIDIA's libraries have
  /// `forwardCompat` in such names.
  func read(_ name: MangledName) -> (tags: Set<GenerationTag>, isForwardCompatible: Bool) {
    var tags: Set<GenerationTag> = []
    var isForwardCompatible = false
    for identifier in name.identifiers {
      let isType = identifier.starts(with: "Sm".utf8) && identifier.dropFirst(2).allSatisfy(\.isDigit)
      for number in Self.numbers(in: identifier) {
        guard let target = known[number] else { continue }
        tags.insert(GenerationTag(target, isMinimum: isType))
      }
      for word in identifier.split(whereSeparator: { !$0.isLetter }) {
        for (name, first) in architectures where word.matches(name) {
          for computeCapability in first { tags.insert(GenerationTag(computeCapability)) }
        }
        if word.elementsEqual("forwardCompat".utf8) { isForwardCompatible = true }
      }
    }
    return (tags, isForwardCompatible)
  }

  /// The numbers behind `sm`, `Sm`, `SM`, `sm_` and `cutlass_`.
  private static func numbers(in identifier: ArraySlice<UInt8>) -> [Int] {
    var numbers: [Int] = []
    for start in identifier.indices where identifier[start].isDigit {
      guard start > identifier.startIndex, !identifier[start - 1].isDigit else { continue }
      let digits = identifier[start...].prefix { $0.isDigit }
      guard (2...3).contains(digits.count) else { continue }
      var head = identifier[..<start]
      let hasUnderscore = head.last == UInt8(ascii: "_")
      if hasUnderscore { head.removeLast() }
      guard
        isStreamingMultiprocessor(head) && isEnd(identifier[digits.endIndex...])
          || hasUnderscore && head.endsWithWord("cutlass") && isEnd(identifier[digits.endIndex...])
      else { continue }
      numbers.append(digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) })
    }
    return numbers
  }

  /// Whether `text` ends with `sm` as a word: behind something that is no letter, or `Sm` behind a small one.
  private static func isStreamingMultiprocessor(_ text: ArraySlice<UInt8>) -> Bool {
    guard text.suffix(2).matches("sm".utf8) else { return false }
    guard let before = text.dropLast(2).last, before.isLetter else { return true }
    return before.isLowercase && text[text.endIndex - 2] == UInt8(ascii: "S")
  }

  /// Whether a number ends where `rest` begins: nothing but the suffix `a` or `f` and a capital may follow at once.
  private static func isEnd(_ rest: ArraySlice<UInt8>) -> Bool {
    guard let first = rest.first, first.isLowercase else { return true }
    guard first == UInt8(ascii: "a") || first == UInt8(ascii: "f") else { return false }
    return rest.dropFirst().first.map { !$0.isLetter && !$0.isDigit } ?? true
  }
}

extension ArraySlice<UInt8> {
  /// Whether it is `word`, which is in lower case, in whatever case.
  fileprivate func matches(_ word: some Collection<UInt8>) -> Bool {
    count == word.count && elementsEqual(word) { $0 | 0x20 == $1 }
  }

  /// Whether it ends with `word`, in front of which is no letter.
  fileprivate func endsWithWord(_ word: String) -> Bool {
    guard suffix(word.utf8.count).matches(word.utf8) else { return false }
    return dropLast(word.utf8.count).last.map { !$0.isLetter } ?? true
  }
}
