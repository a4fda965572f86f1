import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// What comes as standard input: archives, files, facts, and what nvidia-smi prints.
struct StandardInputTests {
  private let clients: FakeClients

  init() throws { clients = try FakeClients() }

  @Test(arguments: ["docker.tar", "docker.tar.gz", "oci.tar", "sample.conda"]) func archives(_ name: String)
    throws
  {
    let path = "\(GoldenTests.fixtures)/archives/\(name)"
    let file = try clients.run("scan", path, "--gpu", "A100", "-o", "json")
    #expect(!file.output.isEmpty)
    for input in ["cat \"\(path)\" | \"$0\"", "\"$0\" <\"\(path)\""] {
      let run = try clients.shell("\(input.replacing("\"$0\"", with: "\"$0\" scan - --gpu A100 -o json"))")
      #expect(run.status == file.status)
      #expect(run.text == file.text.replacing(path, with: "standard input"), "\(input)")
    }
    #expect(clients.remains == [])
  }

  @Test func filesAndFacts() throws {
    try clients.tree.library("code.so", "sm_80")
    let run = try clients.shell("cat code.so | \"$0\" scan - --gpu A100 --gpu T4 -o short")
    #expect(
      run.text.hasPrefix("✓ A100: yes\n✗ Tesla T4: no. standard input has no code for it"), "\(run.messages)")
    let facts = try clients.shell("\"$0\" facts code.so | \"$0\" scan - --gpu A100 -o short")
    #expect(facts.text == "✓ A100: yes\n", "\(facts.messages)")
    let both = try clients.shell("cat code.so | \"$0\" facts - | \"$0\" scan - code.so --gpu A100 -o json")
    #expect(both.status == 0)
    #expect(try both.document().libraries.count == 2)
    // A file is read from its start, wherever it stands.
    let later = try clients.shell("{ head -c 10 >/dev/null; \"$0\" scan - --gpu A100 -o short; } <code.so")
    #expect(later.text == "✓ A100: yes\n", "\(later.messages)")
  }

  @Test func inputsThatAreNone() throws {
    func expect(_ command: String, _ message: String, sourceLocation: SourceLocation = #_sourceLocation)
      throws
    {
      let run = try clients.shell(command)
      #expect(run.status == 2, sourceLocation: sourceLocation)
      #expect(
        run.messages.hasPrefix("cubinspect: " + message), "\(run.messages)", sourceLocation: sourceLocation)
      #expect(run.text == "", sourceLocation: sourceLocation)
    }
    try expect("\"$0\" scan - </dev/null", "standard input is empty")
    try expect("\"$0\" scan - <.", "standard input is a directory: name it as a PATH")
    try expect("exec <&-; \"$0\" scan -", "standard input: Bad file descriptor")
    try expect("echo | \"$0\" scan - -", "-: standard input can be read once only")
    try expect("echo | \"$0\" scan - --host -", "-: standard input can be read once only")
    try expect(
      "cat /dev/zero | \"$0\" scan - --limit input-size=100KiB",
      "standard input: more than 102400 bytes; --limit input-size=SIZE allows more")
    try expect(
      "head -c 100000 /dev/zero | (ulimit -f 1; \"$0\" scan -)",
      "standard input: File too large in \(clients.tree("tmp")); TMPDIR names another folder")
    #expect(clients.remains == [])
  }

  @Test(.timeLimit(.minutes(30))) func terminal() throws {
    let terminal = try PseudoTerminal()
    let process = try Program.start("exec \"$0\" scan -", on: terminal, in: clients.tree.path)
    #expect(try Program.wait(for: process) == .exit(2))
    terminal.read()
    #expect(terminal.screen.joined().contains("standard input is a terminal"))
  }

  /// A file that is called so is named with its folder.
  @Test func aFileOfThatName() throws {
    try clients.tree.library("-", "sm_80")
    #expect(try clients.run("scan", "./-", "--gpu", "A100", "-o", "short").text == "✓ A100: yes\n")
  }

  /// A path and what is named twice.
  @Test func namedTwice() throws {
    try clients.tree.library("code.so", "sm_80")
    let run = try clients.shell("cat code.so | \"$0\" scan - code.so code.so --gpu A100 -o json")
    #expect(try run.document()["views"]?.elements?.count == 2)
  }

  // MARK: --host

  private func host(_ name: String, _ more: String = "") throws -> Program.Outcome {
    try clients.tree.library("code.so", "sm_80 sm_90")
    return try clients.shell(
      "cat \"$FIXTURES/nvidia-smi/\(name)\" | \"$0\" scan code.so --host - -o short \(more)")
  }

  @Test func gpusAndDriver() throws {
    let table = try host("535-table.txt")
    #expect(table.status == 0)
    // Two that are alike are one.
    #expect(
      table.text
        == "✓ A100-SXM4-80GB with driver 535.216.01: yes\n✓ L40S with driver 535.216.01: yes\n",
      "\(table.messages)")
    let list = try host("470-list.txt")
    #expect(list.status == 1)
    #expect(list.text.hasPrefix("✗ GTX 1080 Ti: no."))
    let file = try clients.shell(
      "\"$0\" scan code.so --host \"$FIXTURES/nvidia-smi/610-table.txt\" -o json")
    let answers = try #require(try file.document()["answers"]?.elements)
    #expect(answers.count == 1)
    #expect(answers[0]["driver"]?.string == "610.43.02")
    #expect(answers[0]["computeCapability"]?.string == "10.0")
  }

  /// What the command line names takes the place of what the text says.
  @Test func otherGPUsOrAnotherDriver() throws {
    #expect(try host("535-table.txt", "--gpu H100").text == "✓ H100 with driver 535.216.01: yes\n")
    #expect(
      try host("570-eight.txt", "--driver 'CUDA 12.4'").text
        == "✓ H100 80GB HBM3 with driver CUDA 12.4: yes\n")
    #expect(try host("470-table-cut.txt", "--gpu A100").text == "✓ A100 with driver 470.57.02: yes\n")
  }

  @Test func textsThatTellNothing() throws {
    for (name, said) in [
      ("470-table-cut.txt", "nvidia-smi cuts the name \"NVIDIA GeForce ...\""),
      ("failed-driver.txt", "nvidia-smi could not ask the driver: \"NVIDIA-SMI has failed"),
      ("failed-no-devices.txt", "\"No devices were found\""),
      ("README.md", "it names neither a GPU nor a driver"),
    ] {
      let run = try host(name)
      #expect(run.status == 2)
      #expect(run.text == "")
      #expect(run.messages.contains(said), "\(run.messages)")
    }
    let missing = try clients.run("scan", "code.so", "--host", "nowhere")
    #expect(missing.messages.contains("--host 'nowhere': does not exist"), "\(missing.messages)")
    let large = try clients.shell("cat /dev/zero | \"$0\" scan code.so --host -")
    #expect(large.messages.contains("more than 2097152 bytes"))
    let hostile = try clients.shell(
      "printf 'No devices were found \\033[31m\\n' | \"$0\" scan code.so --host -")
    #expect(isSafe(Array(hostile.messages.utf8)))
  }

  @Test func ofWhich() throws {
    let run = try clients.shell(
      "\"$0\" which bitsandbytes --host \"$FIXTURES/nvidia-smi/470-list.txt\" -o json")
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.text.contains("GTX 1080 Ti"))
    let cut = try clients.shell("\"$0\" scan . --gpu \"$(cat \"$FIXTURES/nvidia-smi/570-laptop.txt\")\"")
    #expect(cut.messages.contains("nvidia-smi | cubinspect scan PATH --host -"))
    #expect(cut.messageLines.count == 2)
  }
}
