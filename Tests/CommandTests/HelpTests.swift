import Testing

/// What the program says about itself.
struct HelpTests {
  @Test func version() throws {
    let run = try Program.run("--version")
    #expect(run.status == 0)
    let line = /cubinspect [0-9]+\.[0-9]+\.[0-9]+, tables of [0-9]{4}-[0-9]{2}-[0-9]{2}\n/
    #expect(run.text.wholeMatch(of: line) != nil)
    #expect(run.messages == "")
    #expect(try Program.run("scan", "--version").text == run.text)
  }

  @Test func licenses() throws {
    let run = try Program.run("licenses")
    #expect(run.status == 0)
    for part in [
      "Apache License", "GNU LESSER GENERAL PUBLIC LICENSE", "elfutils", "Nettle", "libsquashfs", "libiberty",
    ] {
      #expect(run.text.contains(part))
    }
  }

  static let pages = [
    ["--help"], ["-h"], ["help"], ["scan", "--help"], ["help", "scan"], ["list", "-h"], ["help", "list"],
    ["help", "kernels"], ["help", "diff"],
    ["help", "gpus"], ["help", "check"], ["check", "--help"], ["man"], ["completions", "bash"],
    ["completions", "zsh"], ["completions", "fish"],
  ]

  @Test(arguments: pages)
  func page(arguments: [String]) throws {
    let run = try Program.run(arguments.map { Array($0.utf8) })
    #expect(run.status == 0)
    #expect(run.messages == "")
    #expect(run.output.count > 200)
    #expect(run.output.allSatisfy { $0 >= 0x20 || $0 == 0x0A || $0 == 0x09 })
    #expect(run.output.last == UInt8(ascii: "\n"))
    for word in ["/work", "/root", "/tmp", "TODO", "FIXME", "issue", "nil", "Optional("] {
      #expect(!run.text.contains(word), "\(word)")
    }
  }

  @Test(arguments: [
    ["--help"], ["help", "scan"], ["help", "list"], ["help", "kernels"], ["help", "extract"],
    ["help", "diff"], ["help", "gpus"], ["help", "check"], ["help", "facts"], ["help", "which"],
    ["help", "explain"], ["help", "cache"],
  ])
  func linesFitATerminal(arguments: [String]) throws {
    for line in try Program.run(arguments.map { Array($0.utf8) }).text.split(separator: "\n") {
      #expect(line.count <= 80)
    }
  }

  /// Every option of every command is in its help, in the manual page and in the completions of each shell.
  @Test func everyOptionIsDocumented() throws {
    let own = [
      "scan": [
        "gpu", "driver", "host", "image-config", "require", "require-exact", "require-ptx", "fail-on",
        "no-plan", "follow-links", "platform", "blobs", "layers", "python", "limit",
        "data", "details", "output", "sarif-location", "bom", "jobs", "cache",
      ],
      "check": [
        "gpu", "driver", "host", "image-config", "require", "require-exact", "require-ptx", "fail-on",
        "no-plan", "follow-links", "platform", "blobs", "python", "limit",
        "data", "details", "output", "sarif-location", "bom", "jobs", "cache",
      ],
      "facts": [
        "compact", "layer", "image-config", "follow-links", "platform", "blobs", "layers", "python", "limit",
        "data", "output", "jobs", "cache",
      ],
      "which": ["gpu", "driver", "host", "python", "cuda", "machine", "data", "output"],
      "list": ["verify", "output", "jobs"],
      "extract": ["into", "force", "target", "kind", "output", "jobs"],
      "kernels": [
        "target", "match", "ignore-case", "where", "sort", "top", "mangled", "stubs", "summary", "output",
        "jobs",
      ],
      "diff": [
        "fail-on", "no-kernels", "follow-links", "platform", "blobs", "python", "limit", "data", "output",
        "jobs",
      ],
      "gpus": ["data", "output"],
      "explain": [
        "gpu", "driver", "host", "image-config", "package", "follow-links", "platform", "blobs", "python",
        "limit", "data",
        "details", "jobs", "cache",
      ],
      "cache": ["cache", "unused"],
    ]
    let common = ["json", "color", "quiet", "config", "help", "version"]
    let manual = try Program.run("man").text.replacing("\\-", with: "-")
    for (command, options) in own {
      let help = try Program.run("help", command).text
      // One writes text alone, the other nothing but JSON.
      let common = ["explain", "facts", "cache"].contains(command) ? common.filter { $0 != "json" } : common
      for option in options + common {
        #expect(help.contains("--\(option)"), "\(command) --\(option)")
        #expect(manual.contains("--\(option)"), "man --\(option)")
      }
      // Every option that the help names exists: the program knows what to do with it.
      for match in help.matches(of: /--([a-z][a-z-]*)/) {
        let known = (options + common).contains(String(match.1))
        let elsewhere = own.values.contains { $0.contains(String(match.1)) }
        #expect(known || elsewhere, "\(command): \(match.0)")
      }
    }
    for shell in ["bash", "zsh", "fish"] {
      let completions = try Program.run("completions", shell).text
      for option in Set(own.values.joined()).union(common) {
        #expect(completions.contains(option), "\(shell) \(option)")
      }
    }
  }

  /// The limits and their defaults, in the help and for completions.
  @Test func limitsAreDocumented() throws {
    let limits = [
      "zip-members=262144", "tar-members=2097152", "path-length=4KiB", "member-size=8GiB",
      "stream-size=32GiB", "input-size=64GiB",
      "nodes=4194304",
    ]
    for arguments in [["help", "scan"], ["help", "diff"], ["man"], ["completions", "bash"]] {
      let text = try Program.run(arguments.map { Array($0.utf8) }).text.replacing("\\-", with: "-")
      for limit in limits { #expect(text.contains(limit), "\(arguments): \(limit)") }
    }
    let words = try Program.run("help", "scan").text.split(whereSeparator: \.isWhitespace)
    #expect(words.joined(separator: " ").contains("Default: all linux platforms."))
  }

  @Test func exitStatusesAreDocumented() throws {
    let help = try Program.run("--help").text
    #expect(help.contains("Exit status"))
    for status in ["\n  0 ", "\n  1 ", "\n  2 "] { #expect(help.contains(status), "\(status)") }
  }

  @Test func completionsAreSyntacticallyValid() throws {
    let run = try Program.shell(#""$0" completions bash | bash -n"#)
    #expect(run.status == 0)
    #expect(run.messages == "")
  }

  @Test func helpOnNothing() throws {
    let run = try Program.run("help", "nonsense")
    #expect(run.status == 2)
    #expect(run.text == "")
    #expect(run.messages.contains("nonsense"))
  }
}
