import CommandLineSyntax
import Testing

/// Configuration files that set options.
@Suite struct ConfigurationTests {
  private func configuration(_ settings: [Configuration.Setting], folder: String = "") -> Configuration {
    Configuration(name: "fruit.toml", folder: Array(folder.utf8), settings: settings)
  }

  private func parse(
    _ words: [Argument], _ settings: [Configuration.Setting], _ variables: [String: Argument] = [:],
    folder: String = ""
  ) throws(UsageError) -> ParsedArguments {
    try Command.fruit.parse(
      words, environment: { variables[$0] }, configuration: { _ in configuration(settings, folder: folder) })
  }

  private func message(_ settings: Configuration.Setting...) -> String {
    do throws(UsageError) {
      _ = try parse(["pick", "oak"], settings)
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test func theFileSetsWhatNothingElseDoes() throws {
    let settings: [Configuration.Setting] = [
      .init(option: "ripeness", value: .text("green")), .init(option: "size", value: .list([.text("big")])),
      .init(option: "sort", value: .text("size")), .init(option: "verbose", value: .bool(true)),
      .init(option: "peel", value: .bool(false)),
    ]
    let parsed = try parse(["pick", "oak", "-r", "ripe"], settings, ["FRUIT_SORT": "age"])
    #expect(parsed.values(of: .ripeness) == ["ripe"])
    #expect(parsed.value(of: .sort) == "age")
    #expect(parsed.values(of: .size) == ["big"])
    #expect(parsed.source(of: .size) == "fruit.toml: size")
    #expect(parsed.has(.verbose))
    #expect(!parsed.has(.peel))
    #expect(parsed.isTyped(.ripeness) && !parsed.isTyped(.size) && !parsed.isTyped(.peel))
  }

  @Test func thatOfTheCommandWins() throws {
    let settings: [Configuration.Setting] = [
      .init(option: "ripeness", value: .text("green")),
      .init(command: "pick", option: "ripeness", value: .text("rotten")),
      .init(command: "swap", option: "verbose", value: .bool(true)),
    ]
    let parsed = try parse(["pick", "oak"], settings)
    #expect(parsed.values(of: .ripeness) == ["rotten"])
    #expect(parsed.source(of: .ripeness) == "fruit.toml: pick.ripeness")
    #expect(!parsed.has(.verbose))
    // A command without the option does not mind.
    #expect(try parse(["swap", "a", "b"], settings).occurrences.map(\.flag) == ["verbose"])
  }

  @Test func pathsStartFromTheFolderOfTheFile() throws {
    let settings: [Configuration.Setting] = [
      .init(option: "basket", value: .list([.text("a"), .text("/b"), .text("-")]))
    ]
    #expect(
      try parse(["pick", "oak"], settings, folder: "/farm").values(of: .basket) == ["/farm/a", "/b", "-"])
    #expect(try parse(["pick", "oak"], settings).values(of: .basket) == ["a", "/b", "-"])
  }

  @Test func whatDoesNotFitIsSaid() {
    #expect(
      message(.init(option: "ripenes", value: .text("green")))
        == "fruit.toml: ripenes: there is no such option; did you mean 'ripeness'?")
    #expect(
      message(.init(command: "pik", option: "size", value: .text("big")))
        == "fruit.toml: pik.size: there is no command pik; did you mean 'pick'?")
    #expect(
      message(.init(command: "swap", option: "ripeness", value: .text("gren")))
        == "fruit.toml: swap.ripeness: there is no such option")
    #expect(
      message(.init(option: "ripeness", value: .text("gren")))
        == "fruit.toml: ripeness: 'gren' is not one of green, ripe, rotten; did you mean 'green'?")
    #expect(
      message(.init(option: "ripeness", value: .list([.text("green")])))
        == "fruit.toml: ripeness: --ripeness takes one value and not a list")
    #expect(
      message(.init(option: "size", value: .other("the number 3.1")))
        == "fruit.toml: size: the number 3.1 is no value of --size; write it in quotation marks")
    #expect(
      message(.init(option: "peel", value: .text("yes")))
        == "fruit.toml: peel: \"yes\" is neither true nor false")
    #expect(
      message(.init(option: "output", value: .text("json=x")))
        == "fruit.toml: output: a configuration file does not set this option, which is for the command line")
    #expect(
      message(.init(option: "help", value: .bool(true)))
        == "fruit.toml: help: a configuration file does not set this option, which is for the command line")
  }

  /// Nothing of the file is read where another option takes the place of the command.
  @Test func helpNeedsNoFile() throws {
    let parsed = try parse(["pick", "--help"], [.init(option: "nothing", value: .bool(true))])
    #expect(parsed.configuration == nil)
  }
}
