import CommandLineSyntax
import Testing

/// Environment variables that stand for options.
@Suite struct EnvironmentVariableTests {
  private func parse(_ words: [Argument], _ variables: [String: Argument]) throws(UsageError)
    -> ParsedArguments
  {
    try Command.fruit.parse(words) { variables[$0] }
  }

  @Test func aVariableStandsForAnOption() throws {
    let parsed = try parse(["pick", "oak"], ["FRUIT_RIPENESS": "green", "FRUIT_SORT": "size"])
    #expect(parsed.value(of: .ripeness) == "green")
    #expect(parsed.value(of: .sort) == "size")
    #expect(parsed.source(of: .ripeness) == "FRUIT_RIPENESS")
    #expect(parsed.positionals == ["oak"])
  }

  @Test func whatIsTypedWinsThenTheVariableOfTheCommand() throws {
    let variables: [String: Argument] = ["FRUIT_RIPENESS": "green", "FRUIT_PICK_RIPENESS": "rotten"]
    #expect(try parse(["pick", "oak"], variables).value(of: .ripeness) == "rotten")
    let typed = try parse(["pick", "oak", "-r", "ripe"], variables)
    #expect(typed.values(of: .ripeness) == ["ripe"])
    #expect(typed.source(of: .ripeness) == nil)
  }

  @Test(arguments: [("1", 1), ("true", 1), ("ON", 1), ("0", 0), ("no", 0), ("", 0)])
  func switches(_ value: String, _ count: Int) throws {
    #expect(try parse(["pick", "oak"], ["FRUIT_VERBOSE": Argument(value)]).count(of: .verbose) == count)
    #expect(try parse(["pick", "oak"], ["FRUIT_PICK_PEEL": Argument(value)]).count(of: .peel) == count)
  }

  @Test func severalValuesStandOnLines() throws {
    let parsed = try parse(["pick", "oak"], ["FRUIT_SIZE": "big, green\n\nsmall\n"])
    #expect(parsed.values(of: .size) == ["big, green", "small"])
  }

  /// A file is written only for the command that was meant.
  @Test func optionsThatWriteFilesNameTheCommand() throws {
    #expect(try parse(["pick", "oak"], ["FRUIT_OUTPUT": "json=x"]).has(.output) == false)
    #expect(try parse(["pick", "oak"], ["FRUIT_PICK_OUTPUT": "json=x"]).values(of: .output) == ["json=x"])
  }

  @Test func whatACommandDoesNotTakeIsNoError() throws {
    #expect(try parse(["swap", "a", "b"], ["FRUIT_SIZE": "big", "FRUIT_HELP": "1"]).occurrences == [])
  }

  @Test func errorsNameTheVariable() {
    #expect(
      throws: UsageError(
        .invalidValue(of: "FRUIT_RIPENESS", "gren", expected: "one of green, ripe, rotten"),
        commandPath: ["fruit", "pick"], suggestions: ["green"])
    ) { try parse(["pick", "oak"], ["FRUIT_RIPENESS": "gren"]) }
    #expect(
      throws: UsageError(
        .invalidValue(of: "FRUIT_PEEL", "maybe", expected: "1 or 0"), commandPath: ["fruit", "pick"])
    ) { try parse(["pick", "oak"], ["FRUIT_PEEL": "maybe"]) }
  }
}
