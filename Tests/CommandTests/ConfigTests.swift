import Bytes
import FixtureSupport
import JSONSchemaSupport
import Testing

/// Options that are set by environment variables and configuration files, what those ignore, and the command that shows them.
@Suite struct ConfigTests {
  private let library = "host/aarch64.so"

  @Test func nothingIsSet() throws {
    let run = try Program.run("config")
    #expect(
      run.text == "No option is set by an environment variable, and there is no cubinspect.toml.\n")
    #expect(run.status == 0)
  }

  @Test func whatIsSetIsShown() throws {
    let run = try Program.run(
      "config", "-o", "csv",
      environment: [
        "CUBINSPECT_GPU=A100,T4", "CUBINSPECT_SCAN_FAIL_ON=jit", "CUBINSPECT_QUIET=1",
        "CUBINSPECT_DATA=/x.json",
        "CUBINSPECT_GPUS=H100",
      ])
    #expect(
      run.text.replacing("\r\n", with: "\n") == """
        option,value,from,commands,source
        --gpu,"A100,T4",CUBINSPECT_GPU,"check, scan, which, explain",CUBINSPECT_GPU
        --data,/x.json,CUBINSPECT_DATA,"check, scan, which, diff, facts, gpus, tables, explain, config",CUBINSPECT_DATA
        --quiet,1,CUBINSPECT_QUIET,all,CUBINSPECT_QUIET
        --fail-on,jit,CUBINSPECT_SCAN_FAIL_ON,scan,CUBINSPECT_SCAN_FAIL_ON

        """)
    #expect(run.messages == "cubinspect: CUBINSPECT_GPUS sets no option; did you mean CUBINSPECT_GPU?\n")
  }

  @Test func scanTakesThem() throws {
    let root = GoldenTests.fixtures
    let environment = ["CUBINSPECT_GPU=A100\nH100", "CUBINSPECT_SCAN_OUTPUT=short"]
    let run = try Program.run("scan", library, in: root, environment: environment)
    #expect(
      run.text == "✗ A100: no. \(library) has no code for it (sm_90 and compute_90)\n✓ H100: yes\n")
    #expect(run.status == 1)
    #expect(try Program.run("scan", library, "--gpu", "H100", in: root, environment: environment).status == 0)
    let json = try Program.run("scan", library, "--json", in: root, environment: environment)
    #expect(json.text.hasPrefix("{"))
  }

  @Test func errorsNameTheVariable() throws {
    let run = try Program.run(
      "scan", library, in: GoldenTests.fixtures, environment: ["CUBINSPECT_GPU=A100,Foo"])
    #expect(run.status == 2)
    #expect(run.messages.hasPrefix("cubinspect: CUBINSPECT_GPU 'Foo': no GPU is called"))
  }

  // MARK: Configuration files

  /// A library for H100, and a file with an answer for every option.
  private func tree(_ configuration: String, at name: String = "cubinspect.toml") throws -> TemporaryTree {
    let tree = try TemporaryTree()
    let file = try FileBytes(path: Path("\(GoldenTests.fixtures)/\(library)"))
    try tree.write(file.bytes(at: 0, count: Int(file.size), "fixture"), to: "lib/aarch64.so")
    try tree.write(Array(configuration.utf8), to: name)
    return tree
  }

  /// Runs the program in a tree, which stays until it ends.
  private func execute(
    _ arguments: String..., in tree: TemporaryTree, at folder: String = "", environment: [String] = []
  ) throws -> Program.Outcome {
    defer { withExtendedLifetime(tree) {} }
    return try Program.run(arguments.map { Array($0.utf8) }, in: tree(folder), environment: environment)
  }

  @Test func theFileIsTakenFromHereOrAbove() throws {
    let tree = try tree(
      """
      gpu = ["A100", "H100"]
      [scan]
      fail-on = "never"
      """)
    let here = try execute("scan", "lib", in: tree)
    #expect(here.text.contains("✗ A100: no."))
    #expect(here.text.contains("✓ H100: yes"))
    #expect(here.text.contains("; options from cubinspect.toml."))
    #expect(here.status == 0)
    let below = try execute("scan", ".", in: tree, at: "lib")
    #expect(below.text.contains("; options from \(tree("cubinspect.toml"))."))
    #expect(try execute("scan", "lib", "--gpu", "H100", in: tree).text.contains("A100") == false)
    let other = try execute(
      "scan", "lib", "-o", "short", in: tree, environment: ["CUBINSPECT_GPU=H100"])
    #expect(other.text == "✓ H100: yes\n")
    for run in [
      try execute("scan", "lib", "--config", "none", in: tree),
      try execute("scan", "lib", in: tree, environment: ["CUBINSPECT_CONFIG=none"]),
    ] {
      #expect(!run.text.contains("A100"))
      #expect(!run.text.contains("cubinspect.toml"))
    }
    // Where it sets nothing for the command nothing is said of it.
    #expect(try execute("list", "lib/aarch64.so", in: tree).status == 0)
  }

  @Test func aProjectHasATable() throws {
    let tree = try tree("[project]\nname = \"x\"\n", at: "lib/pyproject.toml")
    try tree.write(Array("[tool.cubinspect]\ngpu = \"H100\"\n".utf8), to: "pyproject.toml")
    #expect(try execute("scan", ".", "-o", "short", in: tree, at: "lib").text == "✓ H100: yes\n")
    // One of its own wins, and a project that says nothing of this program may be broken.
    try tree.write(Array("gpu = \"A100\"\n".utf8), to: "cubinspect.toml")
    try tree.write(Array("a = [\n".utf8), to: "lib/pyproject.toml")
    #expect(try execute("scan", ".", "-o", "short", in: tree, at: "lib").text.hasPrefix("✗ A100: no"))
    #expect(
      try execute("scan", "lib", "-o", "short", "--config", "pyproject.toml", in: tree).text
        == "✓ H100: yes\n")
  }

  @Test func pathsStartFromTheFile() throws {
    let tree = try tree("host = \"smi.txt\"\n")
    try tree.write(Array("GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)\n".utf8), to: "smi.txt")
    for folder in ["", "lib"] {
      let run = try execute("scan", tree("lib"), "-o", "short", in: tree, at: folder)
      #expect(run.text == "✓ H100 80GB HBM3: yes\n", "\(run.messages)")
    }
    // What is typed wins over a GPU of the file.
    try tree.write(Array("gpu = \"A100\"\ndriver = \"470\"\n".utf8), to: "cubinspect.toml")
    let typed = try execute("scan", "lib", "--host", "smi.txt", "-o", "short", in: tree)
    #expect(typed.text == "✓ H100 80GB HBM3: yes\n")
  }

  @Test(arguments: [
    ("gpus = \"A100\"", "cubinspect.toml: gpus: there is no such option; did you mean 'gpu'?"),
    ("gpu = \"A1000000\"", "cubinspect.toml: gpu 'A1000000': no GPU is called"),
    ("scann.gpu = \"A100\"", "cubinspect.toml: scann.gpu: there is no command scann; did you mean 'scan'?"),
    (
      "python = 3.10",
      "cubinspect.toml: python: the number 3.1 is no value of --python; write it in quotation marks"
    ),
    ("output = \"json=x\"", "cubinspect.toml: output: a configuration file does not set this option"),
    ("data = \"x.json\"", "cubinspect.toml: data: a configuration file does not set this option"),
    (
      "scan.limit = [\"names=1\"]",
      "cubinspect.toml: scan.limit: a configuration file does not set this option"
    ),
    ("gpu = [", "cubinspect.toml: line 1, column 8: "),
    ("ignore = 1", "cubinspect.toml: write ignore as tables [[ignore]]"),
    ("[[ignore]]\npackage = \"x\"", "cubinspect.toml: ignore 1: the reason is missing"),
    ("[[ignore]]\nreason = \"x\"", "cubinspect.toml: ignore 1: what is ignored is missing"),
    (
      "[[ignore]]\nreason = \"x\"\npakage = \"y\"",
      "cubinspect.toml: ignore 1: pakage means nothing here; did you mean 'package'?"
    ),
    (
      "[[ignore]]\nreason = \"x\"\ncheck = \"driverimage\"",
      "cubinspect.toml: ignore 1: there is no check driverimage; did you mean 'driverImage'?"
    ),
    (
      "[[ignore]]\nreason = \"x\"\ncheck = \"packageGPU\"",
      "cubinspect.toml: ignore 1: packageGPU is about code: name its package"
    ),
    ("[[ignore]]\nreason = \"x\"\npackage = \"y\"\ngpu = \"nix\"", "cubinspect.toml: ignore 1: gpu nix: "),
    (
      "[[ignore]]\nreason = \"x\"\npackage = \"y\"\nuntil = \"soon\"",
      "cubinspect.toml: ignore 1: until is no day"
    ),
  ]) func errorsNameThePlace(_ text: String, _ message: String) throws {
    let run = try execute("scan", "lib", in: try tree(text))
    #expect(run.status == 2)
    #expect(run.text.isEmpty)
    #expect(run.messages.hasPrefix("cubinspect: " + message), "\(run.messages)")
    #expect(try execute("help", "scan", in: try tree(text)).status == 0)
  }

  @Test func aFileThatIsNamedHasToBeThere() throws {
    let run = try Program.run("scan", "/", "--config", "/nowhere.toml")
    #expect(run.status == 2)
    #expect(run.messages.hasPrefix("cubinspect: /nowhere.toml: "), "\(run.messages)")
  }

  @Test func whatIsIgnoredStaysVisible() throws {
    let tree = try tree(
      """
      gpu = "A100"
      require = "sm_80"
      [[ignore]]
      library = "aarch64.so"
      reason = "runs on H100 only"
      until = 2999-12-31
      [[ignore]]
      package = "xformers"
      reason = "is not used"
      [[ignore]]
      package = "torch"
      reason = "was not used"
      until = 2020-02-28
      """)
    let run = try execute("scan", "lib", in: tree, environment: ["SOURCE_DATE_EPOCH=1800000000"])
    #expect(run.status == 0)
    #expect(run.text.hasPrefix("– A100: nothing that counts uses a GPU: the rest is ignored\n"))
    #expect(run.text.contains("(✗)"))
    #expect(
      run.text.contains(
        "ignored: aarch64.so has no code for A100 (sm_90 and compute_90). cubinspect.toml says: runs on H100 only\n"
      ))
    #expect(
      run.text.contains(
        "ignored: aarch64.so does not carry sm_80, which is required. cubinspect.toml says: runs on H100 only\n"
      ))
    #expect(
      run.text.contains("note: cubinspect.toml ignores package xformers, but nothing here has that name\n"))
    #expect(
      run.messages.contains("cubinspect.toml: ignore 3 (package torch) ended on 2020-02-28, and counts again")
    )

    let json = try execute("scan", "lib", "-o", "json", in: tree)
    #expect(try GoldenTests.schema.violations(in: json.document()) == [])
    let sarif = try execute("scan", "lib", "-o", "sarif", in: tree)
    #expect(sarif.text.contains("\"justification\": \"runs on H100 only (cubinspect.toml)\""))
    let junit = try execute("scan", "lib", "-o", "junit", in: tree)
    #expect(junit.text.contains("failures=\"0\""))
    #expect(junit.text.contains("name=\"ignored: aarch64.so has no code for A100"))
    for format in ["markdown", "html", "csv", "ndjson", "cyclonedx"] {
      let other = try execute("scan", "lib", "-o", format, in: tree)
      #expect(other.status == 0)
      #expect(other.text.contains("ignored") || other.text.contains("Ignored"), "\(format)")
    }
    let explained = try execute("explain", "lib", in: tree)
    #expect(explained.text.contains("ignored: runs on H100 only (cubinspect.toml)"))
    // Without the file it counts.
    #expect(try execute("scan", "lib", "--config", "none", "--gpu", "A100", in: tree).status == 1)
  }

  /// What somebody else put where everybody may write is not in force.
  @Test func whatOthersPutIntoASharedFolder() throws {
    let tree = try tree("gpu = \"A100\"\n")
    let isRoot =
      try Program.shell("chmod 1777 .; chown 65534 cubinspect.toml 2>/dev/null", in: tree.path).status == 0
    let run = try execute("scan", "lib", "-o", "short", in: tree)
    #expect(run.text.contains("A100") == !isRoot)
  }
}
