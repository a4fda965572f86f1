import CommandLineSyntax
import Testing

struct HelpTests {
  @Test func subcommand() throws {
    #expect(
      try #require(Command.fruit.help(for: ["pick"], width: 60)) == """
        Pick fruit from trees.

        Usage: fruit pick [OPTION]... TREE...

        Trees are climbed one after the other.

        Table:
          apple   red

        Arguments:
          TREE  A tree.

        Options:
              --size SIZE   Keep fruit of this size.
          -o, --output FORMAT[=FILE]
                            Write the result.
          -p, --peel        Take the skin off.
              --sort[=KEY]  Sort the fruit.

        Taste:
          -r, --ripeness LEVEL  How ripe it must be. Anything riper
                                is kept too. One of green, ripe,
                                rotten. Default: ripe.

        General:
          -v, --verbose  Say more.
          -h, --help     Explain.

        Examples:
          The big ones:
            fruit pick --size big 'old tree'

        """)
  }

  @Test func program() throws {
    #expect(
      try #require(Command.fruit.help()) == """
        Handle fruit.

        Usage: fruit [OPTION]... COMMAND [ARGUMENT]...

        Commands:
          pick  Pick fruit from trees.
          swap  Swap two fruits.
          show  Show a fruit.

        General:
          -v, --verbose  Say more.
          -h, --help     Explain.

        Exit status:
          0  Done.
          1  It's rotten.

        'fruit COMMAND --help' explains one command.

        """)
  }

  @Test func unknownCommandHasNoHelp() {
    #expect(Command.fruit.help(for: ["plant"]) == nil)
    #expect(Command.fruit.help(for: ["pick", "more"]) == nil)
  }

  @Test(arguments: [-1, 40, 57, 80, 100, 4000])
  func linesFit(width: Int) throws {
    let words = String(repeating: "word ", count: 100)
    let command = Command(
      "c", summary: words, positionals: [Positional("P", documentation: words)],
      flags: [Flag("flag", .value("V"), documentation: words)])
    let lines = try #require(command.help(width: width)).split(separator: "\n")
    let longest = try #require(lines.map(\.count).max())
    let limit = min(max(width, 40), 100)
    #expect(longest <= limit && longest > limit - 5)
  }

  @Test func manPage() {
    let page = Command.fruit.manPage(version: "1.2")
    let head = ".TH FRUIT 1 \"\" \"fruit 1.2\" \"User Commands\"\n.SH NAME\nfruit \\- Handle fruit\n"
    #expect(page.hasPrefix(head))
    #expect(page.contains(".SH \"fruit pick\"\n"))
    #expect(page.contains(".TP\n\\fB\\-r\\fR, \\fB\\-\\-ripeness\\fR LEVEL\n"))
    #expect(page.contains("\nIt\\(aqs rotten.\n"))
    #expect(page.contains("\n.nf\n  apple   red\n.fi\n"))
    #expect(page.contains("\n.RS 4\n.nf\nfruit pick \\-\\-size big \\(aqold tree\\(aq\n.fi\n.RE\n"))
    #expect(!page.contains("secret") && !page.contains("dig"))
  }
}
