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

  @Test func onlyWhatCouldNotBeReadIsAFailure() {
    #expect(Set(Problem.Code.allCases.filter { !Problem($0, "").isFailure }) == [.unknownValue, .absent])
  }
}

@Suite struct ProblemGroupTests {
  private func flag(_ value: String, at offset: UInt64) -> Problem {
    Problem(.unknownValue, "entry flags", at: offset, observed: value)
  }

  @Test func equalProblemsAreToldOnce() {
    let groups = [flag("0x4", at: 16), flag("0x4", at: 80), flag("0x4", at: 8)].grouped
    #expect(groups == [ProblemGroup(first: flag("0x4", at: 16), count: 3, isUniform: true)])
    #expect(
      groups.map(\.description) == ["entry flags: unknown value: 0x4 (3 times, first at offset 0x10)"])
  }

  /// In the order of the first of each; nothing is lost.
  @Test func differentProblemsStayApart() {
    let problems = [
      flag("0x4", at: 1), flag("0x8", at: 2), flag("0x4", at: 3), Problem(.mismatch, "entry flags", at: 4),
      Problem(.mismatch, "entry flags", at: 5, expected: "a"),
      Problem(.mismatch, "entry flags", at: 6, expected: "b"),
    ]
    #expect(problems.grouped.map(\.first.offset) == [1, 2, 4, 5, 6])
    #expect(problems.grouped.map(\.count) == [2, 1, 1, 1, 1])
    #expect(
      problems.grouped.filter { $0.count == 1 }.map(\.description)
        == [1, 3, 4, 5].map { problems[$0].description })
    #expect([Problem]().grouped == [])
  }

  /// Numbers make no other kind of problem.
  @Test func numbersCountAsEqual() {
    let problems = [7, 9, 12].map { number in
      Problem(
        .outOfBounds, "cubin section \(number)", at: UInt64(number), expected: "within \(number * 100) bytes",
        observed: "\(number) bytes at 0x7f")
    }
    let groups = problems.grouped
    #expect(groups == [ProblemGroup(first: problems[0], count: 3, isUniform: false)])
    #expect(groups[0].description == problems[0].description + ", and 2 more of this kind")
    let names = ["libfoo1.so", "libfoo2.so"].map { Problem(.overlap, "section \($0)") }
    #expect(names.grouped.count == 2)
  }

  @Test func problemsWithoutAPlace() {
    let problem = Problem(.unreadable, Problem.path, observed: "permission denied")
    #expect([problem, problem].grouped.map(\.description) == ["cannot be read: permission denied (2 times)"])
  }
}
