import FixtureSupport
import Testing

@Suite struct ExplainTests {
  @Test func anErrorWithItsGPU() throws {
    let run = try Program.run(
      "explain",
      "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation."
    )
    #expect(run.status == 0 && run.messages == "")
    #expect(run.text.contains("this build of PyTorch was compiled for other GPUs than this one"))
    #expect(run.text.contains("cubinspect scan ENVIRONMENT --gpu \"NVIDIA GeForce RTX 5090\""))
  }

  @Test func aLog() throws {
    let run = try Program.shell(
      "printf 'a\\nptxas fatal   : Value '\"'\"'sm_121a'\"'\"' is not defined for option x\\nCUDA error 209\\n' | \"$0\" explain -"
    )
    #expect(run.status == 0)
    #expect(run.text.contains("CUDA error 209"))
    #expect(run.text.contains("--gpu \"12.1\""))
  }

  @Test func somethingElse() throws {
    let run = try Program.run("explain", "all is well")
    #expect(run.status == 1 && run.text == "")
    #expect(run.messages.contains("no error that the tables know"))
    #expect(try Program.run("explain").status == 2)
  }

  /// The first of path, target and text that the words are.
  @Test func whatTheWordsAre() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.library("sm_80", "sm_80")
    try tree.library("209", "sm_80")
    func run(_ arguments: String) throws -> Program.Outcome {
      try Program.shell("\"$0\" explain \(arguments)", in: tree.path)
    }
    // A file comes before a target of its name, and needs a GPU.
    #expect(try run("sm_80 --gpu A100").text.contains("1 module: the driver takes sm_80"))
    #expect(try run("sm_80").messages.contains("--gpu is missing"))
    #expect(try run("sm_86").text.hasPrefix("sm_86: machine code for compute capability 8.6"))
    // It comes before an error too, but not on standard input.
    #expect(try run("209").status == 2)
    #expect(try Program.shell("echo 209 | \"$0\" explain -").text.contains("no kernel image"))
    #expect(try run("CUDA error 209").text.contains("no kernel image"))
    for arguments in [
      "missing.so --gpu A100", "209 sm_80 --gpu A100", "an error --driver 535",
      "sm_86 --package x --gpu A100",
      "sm_86 --driver 535", "- --gpu A100",
    ] {
      let run = try run(arguments)
      #expect(run.status == 2 && run.text == "" && run.messages.contains("--"), "\(arguments)")
    }
  }

  @Test func aTargetOnAGPU() throws {
    let run = try Program.run("explain", "sm_100f", "--gpu", "B300,H100")
    #expect(run.status == 0)
    #expect(run.text.contains("✓ B300"))
    #expect(run.text.contains("✗ H100 (9.0): does not run: the suffix f ties code to a family"))
    #expect(run.text.contains("-gencode arch=compute_100f,code=sm_100f"))
    // Of no compiler: nothing is said of where it would run.
    let unknown = try Program.run("explain", "sm_80f")
    #expect(unknown.status == 1 && unknown.text.contains("none of the tables compiles for it"))
    #expect(!unknown.text.contains("runs as it is on"))
  }

  @Test func aPackageThatIsNotThere() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.distribution("plain-one", "2.1", files: ["plain/_C.so"], in: "site/")
    try tree.sharedLibrary("plain/_C.so", modules: [FatBinaryBuilder("sm_80")], in: "site/")
    for name in ["plain-one", "Plain_One", "plain.one"] {
      let run = try Program.shell("\"$0\" explain site --package \(name) --gpu A100", in: tree.path)
      #expect(run.status == 0 && run.text.contains("plain/_C.so"), "\(name)")
    }
    let run = try Program.shell("\"$0\" explain site --package other --gpu A100", in: tree.path)
    #expect(run.status == 2 && run.text == "")
    #expect(run.messages.contains("no package 'other' with device code; there are plain-one"))
  }
}
