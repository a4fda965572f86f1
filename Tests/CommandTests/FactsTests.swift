import FixtureSupport
import JSONSchemaSupport
import Testing

/// The command `facts`, and what other commands do with its files.
struct FactsTests {
  private let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
    try tree.write(
      ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80"), FatBinaryBuilder("sm_80", "compute_80")]).bytes,
      to: "lib/a.so")
    try tree.write(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_90")]).bytes, to: "other/b.so")
  }

  private func run(_ arguments: String...) throws -> Program.Outcome {
    try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
  }

  @Test func scanTakesFactsForTheFiles() throws {
    let written = try run("facts", "lib", "-o", "facts.json")
    #expect(written.status == 0)
    #expect(written.output == [])
    #expect(written.messages == "")
    #expect(try run("facts", "lib").output == run("facts", "lib", "--jobs", "1").output)
    for arguments in [["--gpu", "A100"], ["--gpu", "V100", "--driver", "535"], []] {
      let files = try Program.run(
        ["scan", "lib", "--json"].map { Array($0.utf8) } + arguments.map { Array($0.utf8) }, in: tree.path)
      let facts = try Program.run(
        ["scan", "facts.json", "--json"].map { Array($0.utf8) } + arguments.map { Array($0.utf8) },
        in: tree.path)
      #expect(facts.status == files.status)
      #expect(try facts.document()["views"] == files.document()["views"])
      #expect(try facts.document()["answers"] == files.document()["answers"])
    }
  }

  @Test func factsAndFilesAreScannedTogether() throws {
    #expect(try run("facts", "lib", "-o", "facts.json").status == 0)
    let both = try run("scan", "facts.json", "other", "facts.json", "--gpu", "H100", "--json").document()
    let paths = both["views"]?.elements?.map { $0["paths"]?.elements?.first?["path"]?.string }
    #expect(paths == ["other", "lib"])
    #expect(both["summary"]?["librariesWithDeviceCode"]?.integer == 2)
  }

  @Test func onlyScanTakesFacts() throws {
    #expect(try run("facts", "lib", "-o", "facts.json").status == 0)
    for arguments in [
      ["list", "facts.json"], ["kernels", "facts.json"], ["extract", "facts.json", "--into", "images"],
      ["diff", "facts.json", "lib"], ["facts", "facts.json"],
    ] {
      let outcome = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
      #expect(outcome.status == 2, "\(arguments)")
      #expect(
        outcome.messages == "cubinspect: facts.json: holds facts, which only the command scan can use\n")
      #expect(outcome.output == [], "\(arguments)")
    }
    #expect(!tree.names().contains("images"))
  }

  @Test func whatCannotBeReadIsToldAndWrittenDown() throws {
    try tree.write(
      Array(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes.prefix(100)), to: "lib/cut.so")
    let written = try run("facts", "lib", "missing", "-o", "facts.json")
    #expect(written.status == 2)
    #expect(written.messageLines.contains { $0.hasPrefix("cubinspect: lib/cut.so: ") })
    #expect(written.messageLines.contains("cubinspect: missing: does not exist"))
    let scanned = try run("scan", "facts.json", "--json")
    #expect(scanned.status == 2)
    #expect(try scanned.document()["summary"]?["problems"]?.integer ?? 0 > 1)
  }

  @Test func damagedFactsAreAProblem() throws {
    #expect(try run("facts", "lib", "-o", "facts.json").status == 0)
    let text = try run("facts", "lib").text
    for (right, wrong, expected) in [
      ("\"factsVersion\":1", "\"factsVersion\":2", "facts: not supported"),
      ("\"images\":[0]", "\"images\":[7]", "facts, views[0].files[0].code.groups[0].images: invalid value"),
      ("\"views\"", "\"vistas\"", "facts: invalid value, expected the member views"),
    ] {
      try tree.write(Array(text.replacing(right, with: wrong).utf8), to: "damaged.json")
      let outcome = try run("scan", "damaged.json", "--gpu", "A100")
      #expect(outcome.status == 2)
      #expect(outcome.messages.hasPrefix("cubinspect: damaged.json: \(expected)"), "\(outcome.messages)")
    }
  }

  @Test func anOutputThatCannotBeWrittenIsAnError() throws {
    let outcome = try run("facts", "lib", "-o", "nowhere/facts.json")
    #expect(outcome.status == 2)
    #expect(outcome.messages.hasPrefix("cubinspect: nowhere/facts.json: cannot be written"))
    #expect(try run("facts", "lib", "-o", "").status == 2)
  }
}
