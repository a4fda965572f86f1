import FixtureSupport
import Testing

/// How the program ends, and what it says when something is wrong.
struct ExitStatusTests {
  let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
    try tree.library("native/a.so", "sm_80 compute_80")
    try tree.library("jit/a.so", "compute_70")
    try tree.library("partial/a.so", "sm_80", "sm_70")
    try tree.library("incompatible/a.so", "sm_70")
    try tree.library("perhaps/a.so", "sm_87")
    try tree.write(ELFBuilder().bytes, to: "none/plain.so")
    try tree.directory("empty")
  }

  private func status(_ arguments: String...) throws -> Int32? {
    try Program.run(arguments.map { Array($0.utf8) }, in: tree.path).status
  }

  /// For A100: each verdict against each level.
  @Test(arguments: [
    ("native", 0, 0, 0, 0, 0), ("jit", 0, 0, 0, 0, 1), ("perhaps", 0, 0, 0, 1, 1), ("partial", 0, 0, 1, 1, 1),
    ("incompatible", 0, 1, 1, 1, 1), ("none", 0, 0, 0, 0, 0), ("empty", 0, 0, 0, 0, 0),
  ])
  func failOn(
    folder: String, never: Int32, incompatible: Int32, partial: Int32, notGuaranteed: Int32, jit: Int32
  ) throws {
    let gpu = folder == "perhaps" ? "8.9" : "A100"
    let expected = [
      ("never", never), ("incompatible", incompatible), ("partial", partial),
      ("notGuaranteed", notGuaranteed),
      ("jit", jit),
    ]
    for (level, status) in expected {
      #expect(try self.status("scan", folder, "--gpu", gpu, "--fail-on", level) == status, "\(level)")
    }
    // With --gpu the level is `incompatible` unless it is given.
    #expect(try self.status("scan", folder, "--gpu", gpu) == incompatible)
    // Without a question nothing is a failure.
    #expect(try self.status("scan", folder) == 0)
    #expect(try self.status("scan", folder, "--fail-on", "never") == 0)
  }

  @Test(arguments: [
    ("native", "sm_80", 0), ("native", "sm_80,compute_80", 0), ("native", "8.0+PTX", 0), ("native", "8.6", 0),
    ("native", "sm_90", 1), ("native", "sm_80,sm_90", 1), ("native", "sm_80a", 1), ("partial", "sm_80", 1),
    ("none", "sm_80", 1), ("empty", "sm_80", 1),
  ])
  func require(folder: String, targets: String, status: Int32) throws {
    #expect(try self.status("scan", folder, "--require", targets) == status)
  }

  /// What the new side lacks, with and without a side that cannot be read.
  @Test(arguments: [
    ("native", "native", 0, 0), ("native", "jit", 0, 1), ("jit", "native", 0, 1), ("none", "native", 0, 0),
    ("native", "none", 0, 1), ("none", "empty", 0, 0), ("native/a.so", "partial/a.so", 0, 1),
    ("incompatible", "partial", 0, 1), ("native", "missing", 2, 2), ("missing", "native", 2, 2),
  ])
  func diff(old: String, new: String, never: Int32, lost: Int32) throws {
    for options in [[], ["--no-kernels"]] {
      let arguments = ["diff", old, new] + options
      #expect(try Program.run(arguments.map { Array($0.utf8) }, in: tree.path).status == never)
      for (level, status) in [("never", never), ("lost", lost)] {
        let run = try Program.run(
          (arguments + ["--fail-on", level]).map { Array($0.utf8) }, in: tree.path)
        #expect(run.status == status, "\(level) \(options)")
      }
    }
  }

  /// Only what is named fails: PTX alone takes newer drivers and no GPU less, other machine code takes other GPUs.
  @Test(arguments: [
    ("native", "none", ["library", "kernel"]), ("native", "jit", ["target", "driver"]),
    ("native", "incompatible", ["target", "gpu"]), ("native", "native", []),
  ])
  func diffFailsOn(old: String, new: String, losses: [String]) throws {
    for loss in ["library", "target", "kernel", "gpu", "driver"] {
      #expect(try status("diff", old, new, "--fail-on", loss) == (losses.contains(loss) ? 1 : 0), "\(loss)")
    }
    #expect(
      try status("diff", old, new, "--fail-on", "kernel,library,gpu,driver") == (losses.isEmpty ? 0 : 1))
  }

  /// Several demands hold together; what no library can carry fails.
  @Test(arguments: [
    ("--require 80", 0), ("--require 80-real --require compute_80", 0),
    ("--require 80-real --require sm_90", 1), ("--require a*=sm_80", 0), ("--require b*=sm_80", 1),
    ("--require sm_80 --require b*=sm_80", 1), ("--require sm_80 --require-exact", 1),
    ("--require 80 --require-exact", 0), ("--require sm_80 --require-exact --require-ptx highest", 0),
    ("--require-ptx highest", 0),
  ])
  func requirements(options: String, status: Int32) throws {
    let arguments = ["scan", "native"] + options.split(separator: " ").map(String.init)
    let run = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
    #expect(run.status == status, "\(run.text)")
    #expect(run.text.contains("✗") == (status == 1) && run.text.contains("✓") == (status == 0))
    // Nobody asked about GPUs.
    #expect(!run.text.contains("A100") && !run.text.contains("✓ runs as it is"))
    for format in ["json", "junit", "sarif", "short", "csv"] {
      #expect(
        try Program.run((arguments + ["-o", format]).map { Array($0.utf8) }, in: tree.path).status == status)
    }
    #expect(try self.status("scan", "incompatible", "--require-ptx", "highest") == 1)
    #expect(try self.status("scan", "empty", "--require-ptx", "highest") == 1)
  }

  /// A missing target fails also where no verdict would.
  @Test func requireFailsWhateverTheLevel() throws {
    #expect(try status("scan", "native", "--require", "sm_90", "--gpu", "A100", "--fail-on", "never") == 1)
    #expect(try status("scan", "native", "--require", "sm_80", "--gpu", "A100", "--fail-on", "never") == 0)
  }

  @Test(arguments: [
    (["frobnicate"], "unknown command 'frobnicate'"),
    (["scan"], "PATH is missing"),
    (["list"], "FILE is missing"),
    (["kernels", "x", "--match", "(a"], "Unmatched ( or \\("),
    (["kernels", "x", "--target", "90"], "write a target such as sm_90"),
    (["kernels", "x", "--target", "gpu_90"], "write a target such as sm_90"),
    (["kernels", "x", "--sort", "length"], "--sort"),
    (["kernels", "x", "--top", "0"], "write a number from 1 on"),
    (["kernels", "x", "--summary", "--match", "a"], "takes no --match"),
    (["kernels", "x", "--summary", "--where", "stack>0"], "takes no --where"),
    (["kernels", "x", "--summary", "-o", "csv"], "--summary is written as text or json"),
    (["kernels", "x", "-i"], "--ignore-case is for --match"),
    (["kernels", "x", "--where", "stack"], "write a field, one of > >= < <= = !=, and a number"),
    (["kernels", "x", "--where", "stack>1>2"], "write a field, one of > >= < <= = !=, and a number"),
    (["kernels", "x", "--where", "stak>0"], "no field 'stak'; the fields are registers, stack"),
    (["kernels", "x", "--where", "stack=>1"], "no field 'stack='"),
    (["kernels", "x", "--where", "stack>-1"], "write a number behind > (bytes, or such as 16KiB)"),
    (["kernels", "x", "--where", "registers>1KiB"], "write a number behind >"),
    (["kernels", "x", "-o", "ndjson"], "text, json, csv, tsv"),
    (["scan", "native", "--gpus", "A100"], "did you mean '--gpu'?"),
    (["scan", "native", "--gpu"], "needs a value"),
    (["scan", "native", "--jobs", "0"], "a number from 1 to 1024"),
    (["scan", "native", "--jobs", "many"], "a number from 1 to 1024"),
    (["scan", "native", "--driver", "new"], "460.32.03"),
    (["scan", "native", "--require", "sm80"], "\"sm80\" is no target"),
    (["scan", "native", "--require", ","], "empty"),
    (["scan", "native", "--require", "all-major"], "which targets it means depends on the toolkit"),
    (["scan", "native", "--require", "=sm_80"], "no name before it"),
    (["scan", "native", "--require-exact"], "--require-exact is for --require"),
    (["scan", "native", "--require-ptx", "lowest"], "highest"),
    (["scan", "native", "--fail-on", "always"], "one of never, incompatible, partial, notGuaranteed, jit"),
    (["scan", "native", "-o", "yaml"], "text, short, json"),
    (["scan", "native", "-o", "json="], "no name"),
    (["scan", "native", "-o", "json", "-o", "text"], "same place"),
    (["scan", "native", "--json", "-o", "text"], "same place"),
    (["scan", "native", "--color", "sometimes"], "one of auto, always, never"),
    (
      ["scan", "native", "--limit", "nodes"],
      "write NAME=VALUE, where NAME is one of zip-members, tar-members"
    ),
    (["scan", "native", "--limit", "files=3"], "write NAME=VALUE, where NAME is one of zip-members"),
    (["scan", "native", "--limit", "nodes=4K"], "write a number from 1 on"),
    (["scan", "native", "--limit", "nodes="], "write a number from 1 on"),
    (["scan", "native", "--limit", "member-size=0"], "write a number from 1 on, such as 16GiB"),
    (["scan", "native", "--limit", "member-size=1.5G"], "write a number from 1 on, such as 16GiB"),
    (
      ["diff", "native", "jit", "--limit", "stream-size=9999999TiB"],
      "write a number from 1 on, such as 16GiB"
    ),
    (["scan", "native", "--platform", "arm64"], "OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64"),
    (
      ["scan", "native", "--platform", "linux/arm64/v8/1"], "OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64"
    ),
    (["list", "native/a.so", "--platform", "linux/arm64"], "unknown option '--platform'"),
    (["diff", "native"], "NEW is missing"), (["diff", "native", "jit", "none"], "unexpected argument"),
    (
      ["diff", "native", "jit", "--fail-on", "jit"],
      "write never, lost, or some of library, target, kernel, gpu, driver, separated by commas"
    ),
    (["diff", "native", "jit", "--fail-on", "target,never"], "write never, lost, or some of"),
    (["diff", "native", "jit", "--fail-on", "target,"], "write never, lost, or some of"),
    (["diff", "native", "jit", "--jobs", "0"], "a number from 1 to 1024"),
    (["list", "native/a.so", "--gpu", "A100"], "unknown option '--gpu'"),
    (["completions", "tcsh"], "bash"),
    (["gpus", "A100", "H100"], "unexpected argument"),
  ])
  func wrongUsage(arguments: [String], message: String) throws {
    let run = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
    #expect(run.status == 2)
    #expect(run.text == "")
    #expect(run.messages.contains(message), "\(run.messages)")
    #expect(run.messageLines.count == 2)
    #expect(run.messageLines.allSatisfy { $0.hasPrefix("cubinspect: ") })
    #expect(run.messageLines.last?.contains("--help") == true)
  }

  /// What concerns archives changes nothing for a folder.
  @Test func limitsAndPlatform() throws {
    for command in [["scan", "native"], ["diff", "native", "native"]] {
      let options = [
        "--limit", "member-size=16GiB", "--limit=nodes=1000", "--platform", "linux/arm64/v8", "-q",
      ]
      let run = try Program.run((command + options).map { Array($0.utf8) }, in: tree.path)
      #expect(run.status == 0)
      #expect(run.messages == "")
      #expect(!run.output.isEmpty)
    }
  }

  @Test func unknownGPU() throws {
    let run = try Program.run("scan", tree("native"), "--gpu", "A1000000")
    #expect(run.status == 2)
    #expect(run.text == "")
    #expect(run.messages.contains("A1000000"))
    #expect(run.messages.contains("the nearest names: "))
    #expect(run.messages.contains("A1000"))
    let close = try Program.run("gpus", "RTX 4091")
    #expect(close.status == 2)
    #expect(close.messages.contains("RTX 4090"))
  }

  @Test func ambiguousGPU() throws {
    let run = try Program.run("scan", tree("native"), "--gpu", "Quadro")
    #expect(run.status == 2)
    #expect(run.text == "")
    #expect(run.messages.contains("different compute capabilities"))
    #expect(run.messages.contains("give the full name or the compute capability"))
  }

  /// Control characters in what was typed do not reach the terminal.
  @Test func messagesAreSafe() throws {
    for arguments in [
      ["scan", "x", "--gpu", "\u{1B}[31m"], ["\u{1B}[31m"], ["scan", "\u{1B}[31m"], ["list", "a\nb\u{7}"],
      ["scan", "x", "--\u{1B}[31m"], ["help", "\u{1B}[31m"], ["gpus", "\u{1B}[31m\n"],
      ["scan", "x", "--require", "\u{1B}[31m"], ["scan", "x", "-o", "\u{1B}"],
      ["scan", "x", "--jobs", "\u{1B}[2J"],
    ] {
      let run = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
      #expect(run.status == 2)
      #expect(run.messages.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A }, "\(arguments)")
      #expect(run.messageLines.allSatisfy { $0.hasPrefix("cubinspect: ") }, "\(arguments)")
      #expect(run.output.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A }, "\(arguments)")
    }
  }
}
