import CommandLineSyntax

extension Flag {
  static let size = Flag("size", .repeated("SIZE"), documentation: "Keep fruit of this size.")
  static let ripeness = Flag(
    "ripeness", short: "r", .value("LEVEL"), values: .choices(["green", "ripe", "rotten"]),
    documentation: "How ripe it must be. Anything riper is kept too.", defaultValue: "ripe", group: "Taste")
  static let output = Flag(
    "output", short: "o", .repeated("FORMAT[=FILE]"), values: .suggestions(["text", "json"]),
    documentation: "Write the result.", settings: .writesFiles)
  static let peel = Flag("peel", short: "p", documentation: "Take the skin off.")
  static let sort = Flag("sort", .optionalValue("KEY"), documentation: "Sort the fruit.")
  static let basket = Flag(
    "basket", .repeated("FILE"), values: .files, documentation: "Into what.", isHidden: true)
  static let secret = Flag("secret", documentation: "Not for everyone.", isHidden: true)
  static let verbose = Flag("verbose", short: "v", documentation: "Say more.", group: "General")
  static let help = Flag(
    "help", short: "h", documentation: "Explain.", group: "General", replacesCommand: true)
}

extension Command {
  static let pick = Command(
    "pick", summary: "Pick fruit from trees.",
    discussion: "Trees are climbed one after the other.\n\nTable:\n  apple   red",
    positionals: [Positional("TREE", .oneOrMore, values: .files, documentation: "A tree.")],
    flags: [.size, .ripeness, .output, .peel, .sort, .basket, .secret],
    examples: [Example("The big ones:", "fruit pick --size big 'old tree'")])
  static let swap = Command(
    "swap", summary: "Swap two fruits.",
    positionals: [Positional("OLD", documentation: "Out."), Positional("NEW", documentation: "In.")])
  static let show = Command(
    "show", summary: "Show a fruit.",
    positionals: [
      Positional("FRUIT", .optional, values: .choices(["apple", "blood orange"]), documentation: "Which.")
    ])
  static let hidden = Command("dig", summary: "Dig.", isHidden: true)

  static let fruit = Command(
    "fruit", summary: "Handle fruit.", flags: [.verbose, .help],
    sections: [HelpSection("Exit status", entries: [.init("0", "Done."), .init("1", "It's rotten.")])],
    subcommands: [pick, swap, show, hidden])
}

/// Parses words as the sample program `fruit`.
func parse(_ words: Argument...) throws(UsageError) -> ParsedArguments {
  try Command.fruit.parse(words)
}
