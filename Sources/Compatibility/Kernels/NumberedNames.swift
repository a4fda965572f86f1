/// Names that follow each other and differ only in a number, which counts up: of kernels that are told apart by nothing else
/// there are thousands.
struct NumberedNames: Codable {
  /// The position of the first among all names.
  var position: Int
  var prefix: String
  /// The first and the last number.
  var numbers: [Int]
  var suffix: String

  /// The fewest names that are written so.
  private static let fewest = 3

  /// The names that are written as they are, and the others.
  static func split(_ names: [String]) -> (plain: [String], runs: [NumberedNames]) {
    var plain: [String] = []
    var runs: [NumberedNames] = []
    var run: (names: NumberedNames, list: [String])?
    func end() {
      if let run {
        if run.list.count < fewest { plain += run.list } else { runs.append(run.names) }
      }
      run = nil
    }
    for (position, name) in names.enumerated() {
      guard let (prefix, number, suffix) = parts(of: name) else {
        end()
        plain.append(name)
        continue
      }
      if let last = run?.names, last.prefix == prefix, last.suffix == suffix, last.numbers[1] + 1 == number {
        run?.names.numbers[1] = number
        run?.list.append(name)
      } else {
        end()
        run = (
          NumberedNames(position: position, prefix: prefix, numbers: [number, number], suffix: suffix), [name]
        )
      }
    }
    end()
    return (plain, runs)
  }

  /// The name around its last number; nil where that is not written as a number is: `01`.
  private static func parts(of name: String) -> (prefix: String, number: Int, suffix: String)? {
    let bytes = Array(name.utf8)
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    guard let last = bytes.lastIndex(where: isDigit) else { return nil }
    let first = bytes[...last].lastIndex { !isDigit($0) }.map { $0 + 1 } ?? 0
    let digits = String(decoding: bytes[first...last], as: UTF8.self)
    guard let number = Int(digits), number < .max, "\(number)" == digits else { return nil }
    return (
      String(decoding: bytes[..<first], as: UTF8.self), number,
      String(decoding: bytes[(last + 1)...], as: UTF8.self)
    )
  }

  /// All names in their order.
  ///
  /// - Throws: when the runs do not fit between the plain names, or stand for more than a document may.
  static func join(_ plain: [String], _ runs: [NumberedNames], _ decoder: any Decoder) throws -> [String] {
    var names: [String] = []
    var rest = plain[...]
    for run in runs {
      guard run.numbers.count == 2, run.numbers[0] >= 0, run.numbers[1] >= run.numbers[0],
        run.numbers[1] < .max, run.position >= names.count, run.position - names.count <= rest.count
      else {
        throw DecodingError.dataCorrupted(
          .init(codingPath: decoder.codingPath, debugDescription: "ascending runs of names among the others"))
      }
      let between = run.position - names.count
      names += rest.prefix(between)
      rest = rest.dropFirst(between)
      let count = run.numbers[1] - run.numbers[0] + 1
      // A name costs as much as many numbers.
      let cost = (run.prefix.utf8.count + run.suffix.utf8.count) / 4 + 64
      let (total, overflow) = count.multipliedReportingOverflow(by: cost)
      try DecodingBudget.of(decoder).spend(overflow ? .max / 2 : total, decoder)
      names += (run.numbers[0]...run.numbers[1]).map { "\(run.prefix)\($0)\(run.suffix)" }
    }
    return names + rest
  }
}
