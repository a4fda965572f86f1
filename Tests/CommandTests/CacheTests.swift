import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// `--cache`, and the command `cache`.
struct CacheTests {
  private let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func run(_ arguments: [String], environment: [String] = []) throws -> Program.Outcome {
    try Program.run(arguments.map { Array($0.utf8) }, in: tree.path, environment: environment)
  }

  private func run(_ arguments: String...) throws -> Program.Outcome { try run(arguments) }

  private var kept: [String] { tree.names(in: "cache/scans") }

  /// A report without what tells how long it took and how much was read.
  private func report(_ outcome: Program.Outcome) throws -> [JSONValue?] {
    let document = try outcome.document()
    let summary = document["summary"]
    return [
      document["views"], document["answers"], summary?["filesVisited"], summary?["modules"],
      summary?["problems"],
    ]
  }

  /// Files that are old enough, and read in many ways.
  @Test(arguments: [
    "units", "stubs", "views/platforms.tar", "views/package.whl", "views/root.tar", "malformed", "views",
  ])
  func reportsAreTheSame(_ name: String) throws {
    let input = "\(GoldenTests.fixtures)/\(name)"
    for question in [
      ["--gpu", "A100"], ["--gpu", "V100,RTX 5090", "--driver", "535"], ["--require", "sm_80"], [],
    ] {
      let command = ["scan", input, "--json"] + question
      let plain = try run(command)
      let first = try run(command + ["--cache", "cache"])
      let second = try run(command + ["--cache", "cache"])
      #expect(first.status == plain.status && second.status == plain.status, "\(question)")
      #expect(try report(first) == report(plain), "\(question)")
      #expect(try report(second) == report(plain), "\(question)")
      if !kept.isEmpty {
        #expect(try second.document()["summary"]?["bytesRead"]?.integer == 0)
        #expect(try first.document()["summary"]?["bytesRead"]?.integer != 0 || question != ["--gpu", "A100"])
      }
    }
    // Facts for every GPU are one file.
    #expect(kept.count == 1)
    let facts = try run("facts", input)
    #expect(try run("facts", input, "--cache", "other").output == facts.output)
    #expect(try run("facts", input, "--cache", "cache").text.contains("\"bytesRead\":0"))
  }

  @Test func whatChangesIsReadAgain() throws {
    func write(_ target: Target) throws {
      try tree.write(ELFBuilder(fatBinaries: [FatBinaryBuilder(targets: [target])]).bytes, to: "lib/a.so")
    }
    func status() throws -> Int32? { try run("scan", "lib", "--gpu", "A100", "--cache", "cache").status }
    try write("sm_80")
    // It may be changed again in the same moment of the file system's clock.
    #expect(try status() == 0)
    #expect(kept == [])
    sleep(4)
    #expect(try status() == 0)
    #expect(kept.count == 1)
    #expect(try status() == 0)
    #expect(kept.count == 1)
    try write("sm_90")
    #expect(try status() == 1)
    sleep(4)
    #expect(try status() == 1)
    #expect(kept.count == 2)
    let rows =
      #"{"gpus": {"gpus": [{"name": "Mine", "computeCapabilities": ["9.0"], "segment": "datacenter", "source": "here"}]}}"#
    // Other limits find other facts, and other tables might.
    #expect(
      try run("scan", "lib", "--gpu", "A100", "--cache", "cache", "--limit", "nodes=5").status == 1)
    #expect(kept.count == 3)
    try tree.write(Array(rows.utf8), to: "rows.json")
    #expect(try run("scan", "lib", "--gpu", "Mine", "--cache", "cache", "--data", "rows.json").status == 0)
    #expect(kept.count == 4)
  }

  @Test func whatCannotBeKeptIsStillAnswered() throws {
    let units = "\(GoldenTests.fixtures)/units"
    let plain = try run("scan", units, "--gpu", "A100", "-o", "short")
    try tree.write([], to: "file")
    let refused = try run("scan", units, "--gpu", "A100", "-o", "short", "--cache", "file")
    #expect(refused.output == plain.output && refused.status == plain.status)
    #expect(refused.messages.hasPrefix("cubinspect: file: what was found is not kept: "))
    // A damaged file is as good as none.
    _ = try run("scan", units, "--gpu", "A100", "--cache", "cache")
    let name = try #require(kept.first)
    try tree.write([0x1F, 0x8B], to: "cache/scans/\(name)")
    let again = try run("scan", units, "--gpu", "A100", "-o", "short", "--cache", "cache")
    #expect(again.output == plain.output && again.messages == "")
    #expect(try run("facts", units, "--cache", "cache").text.contains("\"bytesRead\":0"))
    // Standard input has no name.
    let stream = try Program.shell(
      #""$0" scan - --gpu A100 --cache none < "$1""#, "\(GoldenTests.fixtures)/views/package.whl",
      in: tree.path)
    #expect(stream.text.contains("A100"))
    #expect(!tree.names().contains("none"))
    let followed = try run("scan", units, "--gpu", "A100", "--cache", "none", "--follow-links", "cache")
    #expect(followed.messages == "cubinspect: --cache is left out, because --follow-links is there\n")
    #expect(!tree.names().contains("none"))
  }

  @Test func showsPrunesAndClears() throws {
    for name in ["units", "stubs"] {
      _ = try run("scan", "\(GoldenTests.fixtures)/\(name)", "--gpu", "A100", "--cache", "cache")
    }
    try tree.write([1], to: "cache/scans/mine.json.gz")
    try tree.write([1], to: "cache/layers/sha256/1.json.gz")
    func expect(_ arguments: [String], _ text: Regex<Substring>) throws {
      let outcome = try run(["cache"] + arguments, environment: ["CUBINSPECT_CACHE=cache"])
      #expect(outcome.text.wholeMatch(of: text) != nil, "\(outcome.text)\(outcome.messages)")
      #expect(outcome.status == 0)
    }
    try expect([], /cache: facts of 2 scans, [0-9.]+ kB, used today\n/)
    let old = try #require(kept.first { $0 != "mine.json.gz" })
    let time = timespec(tv_sec: time(nil) - 86_400 * 40 - 60, tv_nsec: 0)
    #expect(unsafe utimensat(AT_FDCWD, tree("cache/scans/\(old)"), [time, time], 0) == 0)
    try expect(["show"], /cache: facts of 2 scans, [0-9.]+ kB, used between 40 days ago and today\n/)
    try expect(
      ["prune", "--unused", "41"],
      /cache: nothing is removed; facts of 2 scans, [0-9.]+ kB are left, used between 40 days ago and today\n/
    )
    try expect(
      ["prune"],
      /cache: removed facts of 1 scan, [0-9.]+ kB; facts of 1 scan, [0-9.]+ kB are left, used today\n/)
    #expect(!kept.contains(old))
    try expect(["clear"], /cache: removed facts of 1 scan, [0-9.]+ kB; none are left\n/)
    try expect(["clear"], /cache: nothing is removed; none are left\n/)
    try expect([], /cache: no facts are kept here\n/)
    #expect(kept == ["mine.json.gz"])
    #expect(tree.names(in: "cache/layers/sha256") == ["1.json.gz"])
    #expect(try run("cache", "--cache", "nowhere").text == "nowhere: no facts are kept here\n")
    #expect(try run("cache").messages.hasPrefix("cubinspect: --cache is missing"))
    #expect(try run("cache", "--cache", "cache", "--unused", "3").status == 2)
  }

  /// Several at once write the same files, and none sees half of one.
  @Test func severalAtOnce() throws {
    let outcome = try Program.shell(
      #"""
      seq 8 | xargs -P 8 -I {} sh -c '"$0" scan "$1" --gpu A100 -o short --cache cache > out{} 2>&1' "$0" "$1"
      for i in 2 3 4 5 6 7 8; do cmp out1 out$i || exit 1; done
      """#, "\(GoldenTests.fixtures)/units", in: tree.path)
    #expect(outcome.status == 0, "\(outcome.messages)\(outcome.text)")
    #expect(kept.count == 1)
  }
}
