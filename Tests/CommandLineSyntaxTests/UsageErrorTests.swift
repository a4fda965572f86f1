import CommandLineSyntax
import Testing

struct UsageErrorTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let words: [Argument]
    let message: String
    init(_ words: [Argument], _ message: String) {
      self.words = words
      self.message = message
    }
    var testDescription: String { message }
  }

  @Test(arguments: [
    Case([], "a command is missing"),
    Case(["pik", "oak"], "unknown command 'pik'; did you mean 'pick'?"),
    Case(["sw"], "unknown command 'sw'; did you mean 'swap'?"),
    Case(["plant"], "unknown command 'plant'"),
    Case(["di"], "unknown command 'di'"),
    Case(["pick", "oak", "--siez", "1"], "unknown option '--siez'; did you mean '--size'?"),
    Case(["pick", "oak", "--siez=1"], "unknown option '--siez'; did you mean '--size'?"),
    Case(["pick", "oak", "--s"], "unknown option '--s'; did you mean '--size' or '--sort'?"),
    Case(["pick", "oak", "-size", "1"], "unknown option '-size'; did you mean '--size'?"),
    Case(["pick", "oak", "-px"], "unknown option '-x'"),
    Case(["pick", "oak", "-\u{1b}"], #"unknown option '-\u{1b}'"#),
    Case(["pick", "oak", "--secre"], "unknown option '--secre'"),
    Case(["swap", "a", "b", "--size=1"], "unknown option '--size'"),
    Case(["pick", "oak", "--size"], "option '--size' needs a value: --size SIZE"),
    Case(["pick", "oak", "-r"], "option '--ripeness' needs a value: --ripeness LEVEL"),
    Case(["pick", "oak", "--peel=yes"], "option '--peel' takes no value, but got 'yes'"),
    Case(["pick", "oak", "-rripe", "-rripe"], "option '--ripeness' was given more than once"),
    Case(
      ["pick", "oak", "-r", "rippe"],
      "--ripeness: 'rippe' is not one of green, ripe, rotten; did you mean 'ripe'?"),
    Case(["show", "stone"], "FRUIT: 'stone' is not one of apple, blood orange"),
    Case(["pick"], "TREE is missing"),
    Case(["swap", "a"], "NEW is missing"),
    Case(["swap", "a", "b", "c\n"], #"unexpected argument 'c\n'"#),
    Case(["dig", "deep"], "unexpected argument 'deep'"),
  ])
  func message(of wrong: Case) throws {
    let error = try #require(throws: UsageError.self) { try Command.fruit.parse(wrong.words) }
    #expect(error.description == wrong.message)
  }

  @Test func valuesAndHint() throws {
    let error = try #require(throws: UsageError.self) { try parse("pick", "oak", "--peel=1") }
    #expect(error == UsageError(.unexpectedValue(.peel, "1"), commandPath: ["fruit", "pick"]))
    #expect(error.hint == "Try 'fruit pick --help'.")
  }

  @Test func severalSuggestions() {
    let error = UsageError(.other("no such fruit"), commandPath: ["fruit"], suggestions: ["a", "b", "c"])
    #expect(error.description == "no such fruit; did you mean 'a', 'b' or 'c'?")
  }

  @Test func nearMatchesAreRanked() {
    #expect(nearMatches(for: "H10", in: ["H20", "H100", "H200", "A100"]) == ["H20", "H100"])
    #expect(nearMatches(for: "rtx4090", in: ["RTX 4090", "RTX 4080"]) == ["RTX 4090", "RTX 4080"])
    #expect(nearMatches(for: "", in: ["a"]) == [])
  }

  @Test func argumentsArePrintable() {
    let tricky = Argument("a\u{1b}[31m\u{202e}\u{9b}é漢\u{7f}\t")
    #expect(tricky.description == #"'a\u{1b}[31m\u{202e}\u{9b}é漢\u{7f}\t'"#)
  }
}
