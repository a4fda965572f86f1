import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// Where results go.
struct OutputTests {
  let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
    try tree.library("lib/a.so", "sm_80 compute_80")
    try tree.directory("out")
  }

  private func run(_ arguments: String..., environment: [String] = []) throws -> Program.Outcome {
    try Program.run(arguments.map { Array($0.utf8) }, in: tree.path, environment: environment)
  }

  @Test func fileAndStandardOutput() throws {
    let both = try run("scan", "lib", "--gpu", "A100", "-o", "text", "-o", "json=out/report.json")
    #expect(both.status == 0)
    #expect(both.messages == "")
    #expect(both.text.contains("a.so"))
    let json = try run("scan", "lib", "--gpu", "A100", "-o", "json")
    #expect(fileText(tree("out/report.json")) == json.text)
    #expect(tree.names(in: "out") == ["report.json"])
    let text = try run("list", "lib/a.so", "--output=text=out/list.txt", "-o", "json")
    #expect(try text.document()["files"] != nil)
    #expect(fileText(tree("out/list.txt")) == (try run("list", "lib/a.so")).text)
  }

  /// `--bom` names the bill that `-o cyclonedx` writes with what was found.
  @Test func billOfMaterials() throws {
    let bill = #"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}"#
    try tree.write(Array(bill.utf8), to: "bom.json")
    let run = try run("scan", "lib", "--gpu", "A100", "-o", "cyclonedx=out/bom.json", "--bom", "bom.json")
    #expect(run.status == 0 && run.messages == "")
    let document = try JSONValue(parsing: Array((fileText(tree("out/bom.json")) ?? "").utf8))
    #expect(document["components"]?.elements?.map { $0["name"] } == [.string("a.so")])
    for (arguments, message) in [
      (
        ["-o", "cyclonedx=bom.json", "--bom", "bom.json"],
        "bom.json: is the input bom.json too, and would be lost"
      ),
      (["--bom", "bom.json"], "--bom is for -o cyclonedx"),
      (["-o", "cyclonedx", "--bom", "lib/a.so"], "--bom 'lib/a.so': "),
    ] {
      let run = try Program.run((["scan", "lib"] + arguments).map { Array($0.utf8) }, in: tree.path)
      #expect(run.status == 2)
      #expect(run.messages.hasPrefix("cubinspect: " + message), "\(run.messages)")
    }
    #expect(fileText(tree("bom.json")) == bill)
  }

  /// `--sarif-location` names the file that each result points to.
  @Test func sarifLocation() throws {
    let run = try run("scan", "lib", "--gpu", "V100", "-o", "sarif", "--sarif-location", "Dockerfile")
    #expect(run.status == 1)
    #expect(run.messages == "")
    let results = try #require(try run.document()["runs"]?.elements?.first?["results"]?.elements)
    #expect(!results.isEmpty)
    for result in results {
      let place = result["locations"]?.elements?.first?["physicalLocation"]?["artifactLocation"]?["uri"]
      #expect(place == .string("Dockerfile"))
    }
  }

  @Test func anExistingFileIsReplaced() throws {
    try tree.write([UInt8](repeating: 0x78, count: 1 << 20), to: "out/report.json")
    #expect(try run("gpus", "A100", "-o", "json=out/report.json").status == 0)
    #expect(fileText(tree("out/report.json")) == (try run("gpus", "A100", "-o", "json")).text)
    #expect(tree.names(in: "out") == ["report.json"])
  }

  @Test(arguments: [0o600, 0o640, 0o644, 0o666, 0o755]) func anExistingFileKeepsItsMode(mode: UInt32) throws {
    try tree.write([], to: "out/report.json")
    try tree.setMode(mode, of: "out/report.json")
    #expect(
      try Program.shell("umask 077; \"$0\" gpus A100 -o json=out/report.json", in: tree.path).status == 0)
    #expect(fileText(tree("out/report.json")) == (try run("gpus", "A100", "-o", "json")).text)
    #expect(
      try Program.shell("stat -c %a out/report.json", in: tree.path).text == "\(String(mode, radix: 8))\n")
  }

  @Test func aNewFileFollowsTheMask() throws {
    #expect(
      try Program.shell("umask 027; \"$0\" gpus A100 -o json=out/report.json", in: tree.path).status == 0)
    #expect(try Program.shell("stat -c %a out/report.json", in: tree.path).text == "640\n")
  }

  /// A file that does not fit leaves what was there, and nothing else.
  @Test func aFileThatDoesNotFit() throws {
    let old = Array("what was there".utf8)
    for name in ["out/report.json", "out/new.json"] {
      if name == "out/report.json" { try tree.write(old, to: name) }
      let run = try Program.shell("ulimit -f 1; \"$0\" gpus -o json=\(name)", in: tree.path)
      #expect(run.status == 2)
      #expect(run.messages == "cubinspect: \(name): cannot be written: File too large\n")
      #expect(tree.names(in: "out") == ["report.json"])
    }
    #expect(fileContents(tree("out/report.json")) == old)
  }

  @Test func withoutPermission() throws {
    // Root may write everything; give that up where the test has it.
    let becomeNobody = geteuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : ""
    guard try becomeNobody.isEmpty || Program.shell(becomeNobody + "true").status == 0 else {
      try Test.cancel("needs setpriv(1) to give up the rights of root")
    }
    try tree.setMode(0o755, of: ".")
    try tree.write([1], to: "closed/report.json")
    try tree.write([1], to: "open/report.json")
    try tree.setMode(0o777, of: "open")
    try tree.setMode(0o666, of: "closed/report.json")
    try tree.setMode(0o444, of: "open/report.json")
    try tree.setMode(0o555, of: "closed")
    // Nobody may not enter the directory of the build: run a copy.
    try #require(try Program.shell(#"cp "$0" "$1" && chmod 755 "$1""#, tree("program")).status == 0)
    for name in ["closed/report.json", "closed/new.json", "open/report.json"] {
      let run = try Program.shell(becomeNobody + "./program gpus -o json=\(name)", in: tree.path)
      #expect(run.status == 2)
      #expect(run.messages == "cubinspect: \(name): cannot be written: Permission denied\n")
    }
    #expect(tree.names(in: "closed") == ["report.json"])
    #expect(tree.names(in: "open") == ["report.json"])
    #expect(fileContents(tree("open/report.json")) == [1])
    #expect(fileContents(tree("closed/report.json")) == [1])
  }

  @Test(arguments: ["out/missing/report.json", "out", "/proc/report.json", "lib/a.so/report.json"])
  func aFileThatCannotBeWritten(name: String) throws {
    let run = try run("scan", "lib", "-o", "json=\(name)")
    #expect(run.status == 2)
    #expect(run.text == "")
    #expect(run.messageLines.count == 1)
    #expect(run.messages.contains("\(name): cannot be written: "))
    #expect(tree.names(in: "out") == [])
  }

  /// A link stays a link: the file that it leads to is replaced.
  @Test func aLinkIsFollowed() throws {
    try tree.write([], to: "elsewhere/report.json")
    try tree.symbolicLink("out/link.json", to: "../elsewhere/report.json")
    #expect(try run("gpus", "A100", "-o", "json=out/link.json").status == 0)
    let expected = try run("gpus", "A100", "-o", "json").text
    #expect(fileText(tree("elsewhere/report.json")) == expected)
    #expect(try Program.shell("readlink out/link.json", in: tree.path).text == "../elsewhere/report.json\n")
    #expect(tree.names(in: "elsewhere") == ["report.json"])
    // Where standard output is a file, its name in /dev leads there too.
    try tree.symbolicLink("out/stdout", to: "/proc/self/fd/1")
    let own = try Program.shell(#""$0" gpus A100 -o json=out/stdout > out/own.json"#, in: tree.path)
    #expect(own.status == 0)
    #expect(fileText(tree("out/own.json")) == expected)
    #expect(tree.names(in: "out") == ["link.json", "own.json", "stdout"])
    #expect(try Program.shell("readlink out/stdout", in: tree.path).text == "/proc/self/fd/1\n")
  }

  @Test func aFullDevice() throws {
    let file = try run("scan", "lib", "-o", "json=/dev/full")
    #expect(file.status == 2)
    #expect(file.messages == "cubinspect: /dev/full: cannot be written: No space left on device\n")
    let standard = try Program.shell(#""$0" scan "$1" > /dev/full"#, tree("lib"))
    #expect(standard.status == 2)
    #expect(standard.messages == "cubinspect: standard output: cannot be written: No space left on device\n")
    for page in ["--help", "--version", "man", "completions bash"] {
      let run = try Program.shell("\"$0\" \(page) > /dev/full")
      #expect(run.status == 2, "\(page)")
      #expect(run.messages == "cubinspect: standard output: cannot be written: No space left on device\n")
    }
  }

  /// The other outputs are written also when one cannot be.
  @Test func oneOutputFails() throws {
    let run = try run("gpus", "A100", "-o", "json=/dev/full", "-o", "text")
    #expect(run.status == 2)
    #expect(run.text.contains("A100"))
  }

  @Test func aPipeThatIsClosedEndsQuietly() throws {
    for arguments in ["gpus", "gpus -o json", "man", "--help"] {
      let run = try Program.shell("{ \"$0\" \(arguments); echo \"status $?\" >&2; } | head -n 1")
      #expect(run.text.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
      #expect(run.messages == "status 0\n", "\(arguments)")
      let closed = try Program.shell("{ sleep 0.2; \"$0\" \(arguments); echo \"status $?\" >&2; } | true")
      #expect(closed.messages == "status 0\n", "\(arguments)")
    }
  }

  @Test func closedStandardOutput() throws {
    let run = try Program.shell(#""$0" scan "$1" >&-"#, tree("lib"))
    #expect(run.status == 2)
    #expect(run.messageLines.count == 1)
  }

  // MARK: Colour

  private let escape: UInt8 = 0x1B

  /// What the program writes to a terminal of that many columns.
  private func onTerminal(_ arguments: String, columns: Int = 80, environment: String = "") throws -> [UInt8]
  {
    try Program.shell(
      "script -qec 'stty cols \(columns); \(environment) '\"$0\"' \(arguments)' /dev/null", in: tree.path,
      environment: ["TERM=xterm"]
    ).output
  }

  @Test func colorAsAsked() throws {
    #expect(!(try run("scan", "lib").output.contains(escape)))
    #expect(try run("scan", "lib", "--color=always").output.contains(escape))
    #expect(try run("scan", "lib", "--color", "always", environment: ["NO_COLOR=1"]).output.contains(escape))
    #expect(!(try run("scan", "lib", "--color=never").output.contains(escape)))
    for arguments in [["list", "lib/a.so"], ["gpus", "A100"]] {
      let plain = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
      #expect(!plain.output.contains(escape))
      let colored = try Program.run((arguments + ["--color=always"]).map { Array($0.utf8) }, in: tree.path)
      #expect(colored.output.contains(escape))
    }
    #expect(!(try run("scan", "lib", "--color=always", "-o", "json").output.contains(escape)))
    _ = try run("scan", "lib", "--color=always", "-o", "text=out/report.txt")
    #expect(fileContents(tree("out/report.txt"))?.contains(escape) == false)
  }

  @Test(.enabled(if: (try? Program.shell("command -v script").status) == 0, "needs script(1)"))
  func colorOnATerminal() throws {
    #expect(try onTerminal("scan lib").contains(escape))
    #expect(!(try onTerminal("scan lib", environment: "NO_COLOR=1").contains(escape)))
    #expect(try onTerminal("scan lib", environment: "NO_COLOR=").contains(escape))
    #expect(!(try onTerminal("scan lib", environment: "TERM=dumb").contains(escape)))
    #expect(!(try onTerminal("scan lib --color=never").contains(escape)))
  }

  /// Whoever reads the report on a terminal sees a problem once; otherwise it is a line on standard error as well.
  @Test(.enabled(if: (try? Program.shell("command -v script").status) == 0, "needs script(1)"))
  func problemsOnATerminal() throws {
    try tree.write([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1], to: "lib/broken.so")
    for arguments in ["scan lib", "list lib/broken.so"] {
      let seen = String(decoding: try onTerminal(arguments + " 2>out/messages", columns: 200), as: UTF8.self)
      #expect(seen.contains("ELF header: "))
      #expect(fileText(tree("out/messages")) == "")
      _ = try onTerminal(arguments + " -o json 2>out/messages")
      #expect(fileText(tree("out/messages"))?.split(separator: "\n").count == 1)
      #expect(try Program.shell("\"$0\" \(arguments)", in: tree.path).messageLines.count == 1)
    }
  }
}
