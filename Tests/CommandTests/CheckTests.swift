import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// `cubinspect check`, and `cubinspect` alone: what is here, on what is here.
struct CheckTests {
  private static let hasDriver = unsafe access("/sys/module/nvidia/version", F_OK) == 0
  private let clients: FakeClients
  private var tree: TemporaryTree { clients.tree }

  init() throws { clients = try FakeClients() }

  /// A virtual environment with one library in it.
  private func environment(_ name: String, _ targets: String, settings: String = "home = /usr/bin\n") throws {
    try tree.write(Array(settings.utf8), to: "\(name)/pyvenv.cfg")
    try tree.library("\(name)/lib/python3.12/site-packages/pkg/code.so", targets)
    try tree.symbolicLink("\(name)/bin/python3", to: "/usr/bin/true")
    try tree.symbolicLink("\(name)/lib64", to: "lib")
  }

  private func addGPU(_ csv: String = "551.86, 8.9, NVIDIA GeForce RTX 4090") throws {
    try clients.add("nvidia-smi", "echo '\(csv)'")
  }

  @Test(.disabled(if: hasDriver, "the kernel shows a driver")) func activeEnvironment() throws {
    try environment("venv", "sm_80 sm_90")
    let run = try clients.run("check", adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    #expect(run.status == 0, "\(run.messages)")
    let lines = run.text.split(separator: "\n")
    #expect(lines[0] == "Looked at \(tree("venv")), the active virtual environment (VIRTUAL_ENV).")
    #expect(lines[1].hasPrefix("There is no NVIDIA driver on this machine: "))
    #expect(lines[2] == "The table is for one GPU of each current generation.")
    #expect(run.text.contains("lib/python3.12/site-packages/pkg/code.so"))
    #expect(run.text.contains("9.0"))
    #expect(run.messages == "")
  }

  @Test(.disabled(if: hasDriver, "the kernel shows a driver")) func gpusOfThisMachine() throws {
    try environment("venv", "sm_90")
    try addGPU("551.86, 8.9, NVIDIA GeForce RTX 4090\n551.86, 8.9, NVIDIA GeForce RTX 4090")
    let run = try clients.run("check", adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    #expect(run.status == 1)
    #expect(
      run.text.contains("For this machine: 2 GPUs (RTX 4090) with driver 551.86.\n"),
      "\(run.text)")
    #expect(run.text.contains("\n✗ RTX 4090 with driver 551.86: no."))
    // One line for GPUs that are alike.
    #expect(run.text.matches(of: /✗ RTX 4090/).count == 1)
    let other = try clients.run("check", "--gpu", "H100", adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    #expect(other.status == 0)
    #expect(other.text.contains("\n✓ H100: yes\n"))
    #expect(!other.text.contains("this machine"))
    let host = try clients.shell(
      "\"$0\" check --host \"$FIXTURES/nvidia-smi/570-eight.txt\" -o short",
      adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    #expect(host.text == "✓ H100 80GB HBM3 with driver 570.86.15: yes\n", "\(host.messages)")
  }

  /// A GPU that nothing is known of is said, and no other is taken for it.
  @Test(.disabled(if: hasDriver, "the kernel shows a driver")) func unknownGPU() throws {
    try environment("venv", "sm_90")
    try addGPU("551.86, [N/A], NVIDIA Z3000")
    let run = try clients.run("check", adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    #expect(run.status == 0)
    #expect(
      run.text.contains("The compute capability of the GPU NVIDIA Z3000 is not known.\n"), "\(run.text)")
  }

  @Test func condaEnvironment() throws {
    try tree.write(
      Array(#"{"name":"pkg","version":"1.0","files":["lib/code.so"]}"#.utf8),
      to: "conda/conda-meta/pkg-1.0.json")
    try tree.library("conda/lib/code.so", "sm_80")
    let run = try clients.run("check", "--gpu", "A100", adding: ["CONDA_PREFIX=\(tree("conda"))"])
    #expect(
      run.text.hasPrefix("Looked at \(tree("conda")), the active conda environment (CONDA_PREFIX).\n"),
      "\(run.text)")
    #expect(run.text.contains("✓ A100: yes"))
  }

  /// Of both, the one whose programs come first.
  @Test func bothKinds() throws {
    try environment("venv", "sm_80")
    try tree.library("conda/lib/code.so", "sm_90")
    let both = ["VIRTUAL_ENV=\(tree("venv"))", "CONDA_PREFIX=\(tree("conda"))"]
    func looked(_ path: String) throws -> String {
      let run = try clients.run("check", "--gpu", "A100", adding: both + ["PATH=\(path):/usr/bin:/bin"])
      return String(run.text.prefix { $0 != "\n" })
    }
    #expect(try looked("\(tree("venv/bin")):\(tree("conda/bin"))").contains("VIRTUAL_ENV"))
    #expect(try looked("\(tree("conda/bin")):\(tree("venv/bin"))").contains("CONDA_PREFIX"))
    #expect(try looked(tree("conda/bin")).contains("CONDA_PREFIX"))
    #expect(try looked("/nowhere").contains("VIRTUAL_ENV"))
  }

  @Test func anEnvironmentThatIsGone() throws {
    try environment("venv", "sm_80")
    let run = try clients.run(
      "check", "--gpu", "A100", "-o", "json",
      adding: ["VIRTUAL_ENV=\(tree("gone"))", "CONDA_PREFIX=\(tree("venv"))"])
    let here = try #require(try run.document()["here"])
    #expect(here["origin"]?.string == "CONDA_PREFIX")
    #expect(
      here["notes"]?.elements?.first?.string == "VIRTUAL_ENV names \(tree("gone")), where there is no folder")
    #expect(try GoldenTests.schema.violations(in: run.document()) == [])
    // Who reads another format is told on standard error.
    #expect(run.messages.contains("cubinspect: VIRTUAL_ENV names"))
    let quiet = try clients.run(
      "check", "--gpu", "A100", "-o", "json", "--quiet", adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    #expect(quiet.messages == "")
    #expect(try quiet.document()["here"]?["origin"]?.string == "VIRTUAL_ENV")
  }

  // MARK: The Python that would start

  /// A Python whose file is a program, as the path tells where its packages are.
  private func python(_ prefix: String, version: String = "python3.11") throws {
    try tree.write(ELFBuilder().bytes, to: "\(prefix)/bin/\(version)")
    try tree.setMode(0o755, of: "\(prefix)/bin/\(version)")
    try tree.symbolicLink("\(prefix)/bin/python3", to: version)
    try tree.library("\(prefix)/lib/\(version)/site-packages/pkg/code.so", "sm_80")
  }

  private func checked(_ path: String, _ variables: String...) throws -> Program.Outcome {
    try clients.run("check", "--gpu", "A100", adding: ["PATH=\(path)"] + variables)
  }

  @Test func pythonAlongPath() throws {
    try python("opt/python")
    // By a link to it, as /usr/local/bin has them.
    try tree.symbolicLink("links/python3", to: "../opt/python/bin/python3")
    for folder in ["opt/python/bin", "links"] {
      let run = try checked("/nowhere:" + tree(folder))
      #expect(
        run.text.hasPrefix("Looked at the packages of \(tree(folder))/python3, which PATH leads to.\n"),
        "\(run.messages)")
      #expect(run.text.contains("✓ A100: yes"))
      #expect(run.text.contains("pkg/code.so"))
    }
  }

  @Test func packagesOfTheUser() throws {
    try python("opt/python")
    try tree.library("home/.local/lib/python3.11/site-packages/own/own.so", "sm_70")
    let run = try checked(tree("opt/python/bin"), "HOME=\(tree("home"))")
    #expect(run.status == 1)
    #expect(run.text.contains("own/own.so"))
    #expect(run.text.contains("pkg/code.so"))
  }

  @Test func anEnvironmentThatIsNotActive() throws {
    try environment("venv", "sm_80")
    let run = try checked(tree("venv/bin"))
    #expect(
      run.text.hasPrefix(
        "Looked at \(tree("venv")), the virtual environment of \(tree("venv/bin/python3")), which PATH leads to.\n"
      ),
      "\(run.text)\(run.messages)")
  }

  @Test func environmentWithTheSystemsPackages() throws {
    try python("opt/python")
    try environment(
      "venv", "sm_90", settings: "home = \(tree("opt/python/bin"))\ninclude-system-site-packages = true\n")
    let run = try clients.run("check", "--gpu", "A100", adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    #expect(run.status == 1)
    #expect(
      run.text.contains(
        "And at the packages of \(tree("opt/python")), which it uses as well; each folder is judged by itself.\n"
      ),
      "\(run.text)")
    #expect(run.text.contains("\(tree("opt/python"))/lib/python3.11/site-packages:"))
  }

  /// A script that starts one of several, as pyenv has them: it is asked.
  @Test func aScriptThatChooses() throws {
    try tree.library("chosen/site-packages/code.so", "sm_80")
    try clients.add(
      "python3", "printf '%s\\n' \(tree("chosen/site-packages")) /nowhere relative; echo noise >&2")
    let run = try checked("\(tree("bin")):/usr/bin:/bin")
    #expect(
      run.text.hasPrefix(
        "Looked at the packages of \(tree("bin/python3")), which PATH leads to, as it says itself.\n"),
      "\(run.messages)")
    #expect(run.text.contains("✓ A100: yes"))
    #expect(clients.calls.first?.hasPrefix("python3 <-I> <-c> <import site") == true)
  }

  @Test(
    .timeLimit(.minutes(30)),
    arguments: ["exit 1", "echo relative", "exec sleep 600", "cat /dev/zero", "exit 0"])
  func aScriptThatDoesNotTell(_ script: String) throws {
    try clients.add("python3", script)
    let run = try checked("\(tree("bin")):/usr/bin:/bin")
    #expect(run.status == 2)
    #expect(run.text == "")
    #expect(
      run.messages.contains(
        "\(tree("bin/python3")), which PATH leads to, does not tell where its packages are"))
  }

  @Test func noPython() throws {
    for arguments in [["check"], []] {
      let run = try Program.run(
        arguments.map { Array($0.utf8) }, in: tree.path, environment: ["PATH=\(tree("bin"))"])
      #expect(run.status == 2)
      #expect(run.text == "")
      #expect(
        run.messageLines.first
          == "cubinspect: neither VIRTUAL_ENV nor CONDA_PREFIX names an environment, and PATH leads to no python3; cubinspect scan PATH looks at what you name"
      )
      let command = (["cubinspect"] + arguments).joined(separator: " ")
      #expect(run.messageLines.last == "cubinspect: Try '\(command) --help'.")
    }
  }

  // MARK: Paths, and nothing at all

  @Test func paths() throws {
    try tree.library("code.so", "sm_80")
    let run = try clients.run("check", "code.so", "--gpu", "A100", "-o", "json")
    #expect(try run.document()["here"]?["origin"]?.string == "arguments")
    #expect(try run.document()["answers"]?.elements?.first?["answer"]?.string == "yes")
    // scan says nothing of where it is.
    #expect(try clients.run("scan", "code.so", "-o", "json").document()["here"] == nil)
  }

  /// Who types the name alone gets an answer, and learns where the help is.
  @Test(.disabled(if: hasDriver, "the kernel shows a driver")) func alone() throws {
    try environment("venv", "sm_80")
    let named = try clients.run("check", adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    let alone = try clients.run(adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    let time = /read in [0-9.]+ m?s/
    #expect(alone.status == 0)
    #expect(alone.text.replacing(time, with: "") == named.text.replacing(time, with: ""))
    #expect(named.messages == "")
    #expect(
      alone.messages
        == "cubinspect: cubinspect --help explains what else there is, such as cubinspect scan PATH --gpu GPU\n"
    )
    #expect(try clients.run("--quiet", adding: ["VIRTUAL_ENV=\(tree("venv"))"]).messages == "")
    let help = try clients.run("--help")
    #expect(help.status == 0)
    #expect(help.text.contains("Usage: cubinspect [OPTION]... [COMMAND] [ARGUMENT]..."))
  }

  /// Who leaves out the command is told what would do it.
  @Test func inputsWithoutACommand() throws {
    try tree.library("code.so", "sm_80")
    for input in ["code.so", "docker:app", "pypi:torch==2.9.1"] {
      let run = try clients.run(input)
      #expect(run.status == 2)
      #expect(run.messages.contains("To scan it: cubinspect scan '\(input)'"), "\(run.messages)")
    }
    #expect(try !clients.run("nothing:of-the-kind").messages.contains("To scan it"))
  }

  @Test(.timeLimit(.minutes(30))) func aloneOnATerminal() throws {
    try environment("venv", "sm_80")
    let terminal = try PseudoTerminal()
    let process = try Program.start(
      "exec \"$0\" --color never", on: terminal, in: tree.path,
      environment: clients.environment + ["VIRTUAL_ENV=\(tree("venv"))"])
    _ = try Program.wait(for: process)
    terminal.read()
    let screen = terminal.screen.joined(separator: "\n")
    #expect(screen.contains("Looked at"))
    #expect(screen.contains("--help"))
  }

  @Test(.enabled(if: unsafe access("/.dockerenv", F_OK) == 0, "this is no container of docker"))
  func container() throws {
    try environment("venv", "sm_80")
    let run = try clients.run("check", "-o", "json", adding: ["VIRTUAL_ENV=\(tree("venv"))"])
    let here = try #require(try run.document()["here"])
    #expect(here["container"]?.string == "/.dockerenv")
    #expect(run.messages.contains("this is a container (/.dockerenv): the driver comes from its host"))
  }
}
