/// The numbers that a version starts with: 3, 1 and 0 of `3.1.0+git5.0`.
///
/// Versions are compared by them; one with fewer is taken as if zeros followed, so that 3.1 and 3.1.0 are equal.
struct VersionNumbers: Comparable {
  var numbers: [Int]

  init(_ version: some StringProtocol) {
    numbers = []
    for part in version.split(separator: ".") {
      let digits = part.prefix { $0.isASCII && $0.isNumber }
      guard let number = Int(digits) else { break }
      numbers.append(number)
      if digits.count < part.count { break }
    }
  }

  private init(numbers: some Sequence<Int>) { self.numbers = Array(numbers) }

  /// The major and the minor number.
  var series: VersionNumbers { VersionNumbers(numbers: numbers.prefix(2)) }

  /// Without the zeros at the end.
  private var significant: ArraySlice<Int> {
    numbers[..<(numbers.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0)]
  }

  static func == (left: VersionNumbers, right: VersionNumbers) -> Bool {
    left.significant == right.significant
  }

  static func < (left: VersionNumbers, right: VersionNumbers) -> Bool {
    left.significant.lexicographicallyPrecedes(right.significant)
  }
}

extension VersionNumbers: CustomStringConvertible {
  var description: String { numbers.map(String.init).joined(separator: ".") }
}
