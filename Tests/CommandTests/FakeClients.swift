import FixtureSupport
import Glibc

/// A folder with programs that stand for those on PATH, and what they were called with.
struct FakeClients {
  let tree: TemporaryTree
  private let isAlone: Bool

  init() throws { try self.init(isAlone: false) }

  /// Only the fakes are found along PATH, and these tools for their scripts.
  init(onlyWith tools: [String]) throws {
    try self.init(isAlone: true)
    try tree.directory("bin")
    for tool in tools { try tree.symbolicLink("bin/" + tool, to: "/bin/" + tool) }
  }

  private init(isAlone: Bool) throws {
    self.isAlone = isAlone
    tree = try TemporaryTree()
    try tree.directory("tmp")
    try tree.directory("cache")
  }

  /// A shell script of this name, which first writes its arguments into `calls`, a line for each.
  func add(_ name: String, _ script: String) throws {
    let text = """
      #!/bin/sh
      { printf '%s' "\(name)"; for word; do printf ' <%s>' "$word"; done; echo; } >>"\(tree("calls"))"
      \(script)
      """
    try tree.write(Array(text.utf8), to: "bin/" + name)
    try tree.setMode(0o755, of: "bin/" + name)
  }

  /// The variables with which the programs are found, and temporary files and wheels are kept in the tree.
  var environment: [String] {
    [
      "PATH=\(tree("bin"))\(isAlone ? "" : ":/usr/bin:/bin")", "TMPDIR=\(tree("tmp"))",
      "XDG_CACHE_HOME=\(tree("cache"))",
      "HOME=\(tree("home"))", "FIXTURES=\(GoldenTests.fixtures)",
    ]
  }

  /// What was called, in order.
  var calls: [String] { (fileText(tree("calls")) ?? "").split(separator: "\n").map(String.init) }

  /// What is left among the temporary files.
  var remains: [String] { tree.names(in: "tmp") }

  /// Runs the program with only the fakes to be found, but for the tools of the scripts.
  func run(_ arguments: String..., adding variables: [String] = []) throws -> Program.Outcome {
    try Program.run(arguments.map { Array($0.utf8) }, in: tree.path, environment: environment + variables)
  }

  /// Runs a shell command line, in which `$0` is the program.
  func shell(_ command: String, adding variables: [String] = []) throws -> Program.Outcome {
    try Program.shell(command, in: tree.path, environment: environment + variables)
  }
}
