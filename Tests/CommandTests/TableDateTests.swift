import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// Whole tables, as the package cubinspect-data has them: which are taken, and what is said of their age.
struct TableDateTests {
  private let tree: TemporaryTree
  private let own: String

  init() throws {
    tree = try TemporaryTree()
    let version = try Program.run("--version").text
    own = String(try #require(version.firstMatch(of: /tables of ([0-9-]{10})\n/)).1)
  }

  /// The tables of the program with another date, as a document.
  private func tables(of date: String, format: String = "1", without left: String = "") throws -> [UInt8] {
    let sources =
      #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/Sources"
    var members: [String] = []
    for (target, names) in [
      ("Compatibility", ["architectures", "drivers", "gpus", "jetson", "toolkits"]),
      ("Stack", ["containers", "errors", "libraries", "pytorch", "runtime"]),
    ] {
      for name in names where name != left {
        members.append(
          "\"\(name)\": " + (try #require(fileText("\(sources)/\(target)/Resources/\(name).json"))))
      }
    }
    return Array(
      "{\"date\": \"\(date)\", \"format\": \(format), \"tables\": {\(members.joined(separator: ","))}}".utf8)
  }

  /// The date of the tables by which a program judges.
  private func date(_ arguments: String..., program: String = Program.path, environment: [String] = [])
    throws -> String?
  {
    let command = [program, "gpus", "A100", "-o", "json"] + arguments
    let run = try Program.spawn(command.map { Array($0.utf8) }, in: tree.path, environment)
    #expect(run.status == 0, "\(run.messages)")
    let document = try run.document()
    #expect(GoldenTests.schema.violations(in: document) == [])
    return document["tool"]?["tables"]?.string
  }

  @Test func whatIsNamed() throws {
    try tree.write(tables(of: "2001-02-03"), to: "old.json")
    try tree.write(tables(of: "2000-12-31"), to: "older.json")
    #expect(try date() == own)
    #expect(try date("--data", "old.json") == "2001-02-03")
    #expect(try date(environment: ["CUBINSPECT_DATA=older.json"]) == "2000-12-31")
    #expect(try date("--data", "old.json", environment: ["CUBINSPECT_DATA=older.json"]) == "2001-02-03")
    #expect(try date("--data", "older.json", environment: ["CUBINSPECT_DATA=old.json"]) == "2001-02-03")
    // Rows are added to whatever tables there are, and change no date.
    let row =
      #"{"gpus": {"gpus": [{"name": "NVIDIA Z800", "computeCapabilities": ["8.0"], "segment": "datacenter", "source": "s"}]}}"#
    try tree.write(Array(row.utf8), to: "rows.json")
    #expect(try date("--data", "rows.json") == own)
    let both = try Program.run(
      ["gpus", "Z800", "--data", "old.json"].map { Array($0.utf8) }, in: tree.path,
      environment: ["CUBINSPECT_DATA=rows.json"])
    #expect(both.status == 0)
    #expect(both.text.hasSuffix("\ntables of 2001-02-03\n"))
  }

  @Test func whatIsFound() throws {
    for (folder, variable) in [("home/.local/share", "HOME=home"), ("data", "XDG_DATA_HOME=data")] {
      let name = "\(folder)/cubinspect/tables.json"
      let variable = variable.replacing("=", with: "=\(tree.path)/")
      try tree.write(tables(of: "2099-01-01"), to: name)
      #expect(try date(environment: [variable]) == "2099-01-01")
      #expect(try date("--data", name, environment: [variable]) == "2099-01-01")
      try tree.write(tables(of: "2001-01-01"), to: name)
      #expect(try date(environment: [variable]) == own)
      // What is broken is said and left out, and so is what a newer program would read.
      for (contents, message) in [
        (try tables(of: "2099-01-01", format: "2"), "format: not supported, expected 1: a newer cubinspect"),
        (try tables(of: "2099-01-01", without: "gpus"), "document.tables.gpus"),
        (Array("{\"date\": \"2099-01-01\"".utf8), "line 1"),
      ] {
        try tree.write(contents, to: name)
        let run = try Program.run("gpus", "A100", environment: [variable])
        #expect(run.status == 0)
        #expect(run.text.hasSuffix("\ntables of \(own)\n"))
        #expect(run.messageLines.count == 1)
        #expect(run.messages.contains("these tables of 2099-01-01 are left out"))
        #expect(run.messages.contains(message), "\(run.messages)")
        // What is named has to be right.
        let named = try Program.run(
          ["gpus", "A100", "--data", name].map { Array($0.utf8) }, in: tree.path)
        #expect(named.status == 2)
        #expect(named.messages.contains(message), "\(named.messages)")
      }
    }
  }

  /// The package that pip installs beside the program.
  @Test func besideTheProgram() throws {
    let program = tree("prefix/bin/cubinspect")
    try tree.write(try #require(fileContents(Program.path)), to: "prefix/bin/cubinspect")
    try tree.setMode(0o755, of: "prefix/bin/cubinspect")
    let packages = ["lib/python3.9/site-packages", "lib/python3.13/dist-packages"]
    for (index, folder) in packages.enumerated() {
      try tree.write(
        tables(of: "209\(index)-01-01"), to: "prefix/\(folder)/cubinspect_data/tables.json")
      #expect(try date(program: program) == "209\(index)-01-01")
    }
    try tree.write(tables(of: "2099-12-01"), to: "prefix/cubinspect_data/tables.json")
    #expect(try date(program: program) == "2099-12-01")
    #expect(try date() == own)
  }

  @Test func age() throws {
    try tree.write(tables(of: "2026-01-01"), to: "tables.json")
    func messages(_ day: Int, _ arguments: String...) throws -> [Substring] {
      let command = ["scan", "/dev/null", "--gpu", "A100", "--data", "tables.json"] + arguments
      let run = try Program.run(
        command.map { Array($0.utf8) }, in: tree.path, environment: ["SOURCE_DATE_EPOCH=\(86_400 * day)"])
      return run.messageLines.filter { $0.contains("half a year") }
    }
    // 2026-01-01 is day 20454 since 1970, and 2026-07-04 is 184 days later.
    #expect(try messages(20454 + 183) == [])
    #expect(
      try messages(20454 + 184) == [
        "cubinspect: the tables of 2026-01-01 are more than half a year old; for newer ones: pip install --upgrade cubinspect-data"
      ])
    #expect(try messages(20454 + 184, "--quiet") == [])
    #expect(try messages(0) == [])
  }
}
