/// Problems of one file that say the same about different places, told once.
public struct ProblemGroup: Hashable, Sendable {
  /// The first of them, with its offset and its values.
  public var first: Problem
  /// How many there are, the first included.
  public var count: Int
  /// Whether they differ in their offsets alone: what was expected and what was found is the same for all.
  public var isUniform: Bool

  public init(first: Problem, count: Int = 1, isUniform: Bool = true) {
    self.first = first
    self.count = count
    self.isUniform = isUniform
  }
}

extension ProblemGroup: CustomStringConvertible {
  /// The first problem's sentence, and how many there are like it.
  public var description: String {
    guard count > 1 else { return first.description }
    guard isUniform else { return "\(first.description), and \(count - 1) more of this kind" }
    var text = first.sentence + " (\(count) times"
    if let offset = first.offset { text += ", first at offset \(hexadecimal(offset))" }
    return text + ")"
  }
}

extension Sequence<Problem> {
  /// The problems by what they say, in the order of the first of each group.
  ///
  /// Problems are of one group when code, field and expectation are the same; for values that this program does not
  /// know (``Problem/Code/unknownValue``) the value must be the same as well. Numbers in the field and in the
  /// expectation count as equal: "cubin section 7" and "cubin section 9", "within 100 bytes" and "within 200 bytes".
  public var grouped: [ProblemGroup] {
    var groups: [ProblemGroup] = []
    var index: [GroupKey: Int] = [:]
    for problem in self {
      let key = GroupKey(problem)
      if let place = index[key] {
        let first = groups[place].first
        groups[place].count += 1
        groups[place].isUniform =
          groups[place].isUniform && problem.field == first.field && problem.expected == first.expected
          && problem.observed == first.observed
      } else {
        index[key] = groups.count
        groups.append(ProblemGroup(first: problem))
      }
    }
    return groups
  }
}

/// What problems of one group have in common.
private struct GroupKey: Hashable {
  var code: Problem.Code
  var field: String
  var expected: String?
  var observed: String?

  init(_ problem: Problem) {
    code = problem.code
    field = Self.withoutNumbers(problem.field)
    expected = problem.expected.map(Self.withoutNumbers)
    observed = problem.code == .unknownValue ? problem.observed : nil
  }

  /// `text` with every word that is a number, decimal or hexadecimal, replaced by `#`.
  private static func withoutNumbers(_ text: String) -> String {
    text.split(separator: " ", omittingEmptySubsequences: false).map { word in
      UInt64(word) != nil || (word.hasPrefix("0x") && UInt64(word.dropFirst(2), radix: 16) != nil)
        ? "#" : word
    }.joined(separator: " ")
  }
}
