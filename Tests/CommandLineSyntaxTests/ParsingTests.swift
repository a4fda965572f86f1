import CommandLineSyntax
import Testing

struct ParsingTests {
  @Test func valuesInEveryForm() throws {
    let parsed = try parse(
      "pick", "--size=big", "oak", "--size", "small", "-o", "json=r.json", "-otext", "elm")
    #expect(parsed.commandPath == ["fruit", "pick"])
    #expect(parsed.values(of: .size) == ["big", "small"])
    #expect(parsed.value(of: .size) == "small")
    #expect(parsed.values(of: .output) == ["json=r.json", "text"])
    #expect(parsed.positionals == ["oak", "elm"])
    #expect(parsed.occurrences.map(\.flag) == ["size", "size", "output", "output"])
  }

  @Test func onlyTheFirstEqualsSignSplits() throws {
    #expect(try parse("pick", "oak", "--output=json=a=b").value(of: .output) == "json=a=b")
    #expect(try parse("pick", "oak", "--size=").value(of: .size) == "")
  }

  @Test func switchesTogether() throws {
    let parsed = try parse("pick", "-pv", "oak", "-pr", "green")
    #expect(parsed.count(of: .peel) == 2)
    #expect(parsed.has(.verbose))
    #expect(parsed.value(of: .ripeness) == "green")
    #expect(try parse("pick", "-prripe", "oak").value(of: .ripeness) == "ripe")
  }

  @Test func doubleDashEndsFlags() throws {
    let parsed = try parse("pick", "-p", "--", "--size", "-p", "--")
    #expect(parsed.positionals == ["--size", "-p", "--"])
    #expect(parsed.count(of: .peel) == 1)
  }

  @Test func aLoneDashIsPositional() throws {
    #expect(try parse("pick", "-").positionals == ["-"])
  }

  @Test func aValueMayLookLikeAFlag() throws {
    #expect(try parse("pick", "oak", "--size", "--peel").value(of: .size) == "--peel")
  }

  @Test func programFlagsStandAnywhere() throws {
    #expect(try parse("-v", "pick", "oak").has(.verbose))
    #expect(try parse("pick", "oak", "--verbose").has(.verbose))
  }

  @Test func optionalValueOnlyAfterEqualsSign() throws {
    let bare = try parse("pick", "--sort", "oak")
    #expect(bare.has(.sort) && bare.value(of: .sort) == nil)
    #expect(bare.positionals == ["oak"])
    #expect(try parse("pick", "--sort=size", "oak").value(of: .sort) == "size")
  }

  @Test func helpWaivesTheDemands() throws {
    #expect(try parse("--help").commandPath == ["fruit"])
    #expect(try parse("pick", "-h").commandPath == ["fruit", "pick"])
  }

  @Test func bytesThatAreNotUTF8Survive() throws {
    let name = Argument(bytes: [0x61, 0xFF, 0x2F, 0x80])
    #expect(try parse("pick", name).positionals == [name])
    let flag = Argument(bytes: Array("--size=".utf8) + [0xC3])
    #expect(try parse("pick", "oak", flag).value(of: .size)?.bytes == [0xC3])
    #expect(name.description == #"'a\xff/\x80'"#)
  }

  @Test func hiddenRowsAreParsed() throws {
    #expect(try parse("dig").commandPath == ["fruit", "dig"])
    #expect(try parse("pick", "oak", "--secret").has(.secret))
  }

  @Test func placesOfPositionals() throws {
    #expect(try parse("show").positionals == [])
    #expect(try parse("show", "blood orange").positionals == ["blood orange"])
    #expect(try parse("swap", "a", "b").positionals == ["a", "b"])
  }

  /// A program with a subcommand that is meant where none is named.
  @Test func defaultSubcommand() throws {
    var program = Command.fruit
    #expect(throws: UsageError(.missingCommand, commandPath: ["fruit"])) { try program.parse([]) }
    program.defaultSubcommand = "show"
    let implied = try program.parse(["-v"])
    #expect(implied.commandPath == ["fruit", "show"])
    #expect(implied.isCommandImplied)
    #expect(implied.has(.verbose))
    let named = try program.parse(["show"])
    #expect(named.commandPath == ["fruit", "show"])
    #expect(!named.isCommandImplied)
    #expect(try program.parse(["--help"]).commandPath == ["fruit"])
    // Its own arguments need its name.
    #expect(throws: UsageError.self) { try program.parse(["apple"]) }
    program.defaultSubcommand = "pick"
    #expect(
      throws: UsageError(.missingArgument(Command.pick.positionals[0]), commandPath: ["fruit", "pick"])
    ) {
      try program.parse([])
    }
    #expect(program.help()?.contains("Usage: fruit [OPTION]... [COMMAND] [ARGUMENT]...") == true)
    #expect(Command.fruit.help()?.contains("Usage: fruit [OPTION]... COMMAND [ARGUMENT]...") == true)
  }
}
