import Bytes
import Testing

@Suite struct ProblemTests {
  @Test(arguments: [
    (Problem(.truncated, "header"), "header: the data ends too early"),
    (Problem(.truncated, "header", at: 255), "header: the data ends too early (at offset 0xff)"),
    (Problem(.invalidValue, "size", expected: "8"), "size: invalid value, expected 8"),
    (Problem(.unknownValue, "kind", observed: "0x7"), "kind: unknown value: 0x7"),
    (
      Problem(.mismatch, "count", at: 0, expected: "1", observed: "2"),
      "count: does not agree, expected 1, found 2 (at offset 0x0)"
    ),
  ]) func sentence(_ problem: Problem, _ text: String) {
    #expect(problem.description == text)
  }

  @Test func everyCodeHasItsOwnPhrase() {
    #expect(Set(Problem.Code.allCases.map(\.phrase)).count == Problem.Code.allCases.count)
  }
}
