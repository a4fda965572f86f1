import FixtureSupport
import JSONSchemaSupport
import Testing

/// Rows that a user adds with `--data`.
struct DataTests {
  let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
    try tree.torch(
      "2.15.0+cu132", cuda: "13.2", flags: "sm_80", modules: [FatBinaryBuilder("sm_80")], in: "torch/")
    try tree.library("code/native.so", "sm_130")
    try tree.library("code/family.so", "sm_130f")
    try tree.library("code/old.so", "sm_120")
    for (name, target, isa) in [
      ("code/ptx.so", "compute_130", UInt16(10)), ("releases/old.so", "compute_120", 9),
      ("releases/new.so", "compute_120", 10),
    ] {
      let code = FatBinaryBuilder([.ptx(Target(target), isa: (isa, 0))])
      try tree.write(ELFBuilder(fatBinaries: [code]).bytes, to: name)
    }
    for (index, document) in try Self.examples().enumerated() {
      try tree.write(Array(document.utf8), to: ["next.json", "small.json"][index])
    }
  }

  /// The files in the documentation.
  private static func examples() throws -> [Substring] {
    let path = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/Docs/Data.md"
    let text = try #require(fileText(path))
    return text.matches(of: /```json\n(?<document>(?s:.*?))```/).map(\.document)
  }

  /// Writes a file with rows of one list.
  private func rows(_ list: String, _ rows: String, to name: String = "rows.json") throws {
    let names = list.split(separator: ".")
    try tree.write(Array("{\"\(names[0])\": {\"\(names[1])\": [\(rows)]}}".utf8), to: name)
  }

  private func run(_ arguments: String...) throws -> Program.Outcome {
    let run = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
    if arguments.contains("json"), run.status != 2 {
      #expect(try GoldenTests.schema.violations(in: run.document()) == [])
    }
    return run
  }

  /// The verdict on a library of the tree for one GPU.
  private func verdict(_ library: String, _ arguments: [String]) throws -> String? {
    let run = try Program.run(
      (["scan", library, "-o", "json"] + arguments).map { Array($0.utf8) }, in: tree.path)
    let document = try run.document()
    #expect(GoldenTests.schema.violations(in: document) == [])
    return document.libraries.first?["verdicts"]?.elements?.first?["verdict"]?.string
  }

  @Test func aNewProduct() throws {
    #expect(try run("gpus", "Z800").status == 2)
    let gpus = try run("gpus", "Z800", "--data", "small.json")
    #expect(gpus.status == 0)
    #expect(gpus.text.contains(/8\.0 +Ampere +datacenter +NVIDIA Z800\n/))
    let document = try run("gpus", "Z800", "--data", "small.json", "-o", "json").document()
    #expect(document["gpus"]?.elements?.first?["source"]?.string == "nvidia-smi -L on a machine of ours")
    let scan = try run("scan", "torch", "--gpu", "nvidia z800", "--data", "small.json")
    #expect(scan.status == 0)
    #expect(scan.text.contains("✓ Z800: yes"))
  }

  @Test func aNewComputeCapability() throws {
    let gpus = try run("gpus", "My GPU", "--data", "next.json")
    #expect(gpus.text.contains(/13\.0 +Feynman +datacenter +NVIDIA X100\n/))
    let row = try #require(gpus.text.firstMatch(of: /13\.0 .*\n/))
    #expect(try run("gpus", "feynman", "--data", "next.json").text.contains(row.output))
    // How code is compiled for it follows from its compute capability.
    #expect(gpus.text.contains("-gencode arch=compute_130,code=sm_130"))
    let device = ["--gpu", "My GPU", "--data", "next.json"]
    #expect(try verdict("code/native.so", device) == "native")
    // Its family is known with the row only.
    #expect(try verdict("code/family.so", device) == "native")
    #expect(try verdict("code/old.so", device) == "incompatible")
    let old = try run("scan", "code/old.so", "--gpu", "My GPU", "--data", "next.json", "--details")
    #expect(old.text.contains("compile it with -gencode arch=compute_130,code=sm_130 (CUDA 14.0 or newer)"))
    // It is one of the current generations.
    let overview = try run("scan", "code/native.so", "--data", "next.json", "-o", "json").document()
    #expect(
      overview["answers"]?.elements?.last?["computeCapability"]?.string == "13.0")
  }

  @Test func aNewDriverBranch() throws {
    // Before its first branch a driver does not know the GPU.
    let old = try run("scan", "torch", "--gpu", "My GPU", "--driver", "620", "--data", "next.json")
    #expect(old.text.contains(/driver and GPU +✗/))
    let new = try run("scan", "torch", "--gpu", "A100", "--driver", "650.10.02", "--data", "next.json")
    #expect(new.text.contains("driver 650.10.02 runs CUDA up to 14.0"))
    #expect(
      try run("scan", "torch", "--gpu", "A100", "--driver", "650.10.02").text.contains(
        "newer than the tables"))
  }

  @Test func aNewPTXVersion() throws {
    let question = ["--gpu", "13.0", "--data", "next.json", "--driver"]
    func verdict(_ driver: String) throws -> String? {
      try self.verdict("code/ptx.so", question + [driver])
    }
    #expect(try verdict("650") == "jit")
    #expect(try verdict("14.0") == "jit")
    #expect(try verdict("620") == "incompatible")
    // What has only code of the new version left needs a driver of its CUDA version.
    let diff = try run("diff", "releases/old.so", "releases/new.so", "--data", "next.json")
    #expect(diff.text.contains("CUDA 14.0"))
    #expect(try !run("diff", "releases/old.so", "releases/new.so").text.contains("CUDA 14.0"))
  }

  @Test func aNewRelease() throws {
    let scan = try run("scan", "torch", "--gpu", "My GPU", "--driver", "650.10.02", "--data", "next.json")
    #expect(scan.status == 1)
    #expect(
      scan.text.contains(
        "install PyTorch 2.16.0 for CUDA 14.0, the nearest official build that runs on X100"))
    #expect(
      scan.text.contains(
        "pip install torch==2.16.0+cu140 --index-url https://download.pytorch.org/whl/cu140\n"))
    #expect(try !run("scan", "torch", "--gpu", "13.0", "--driver", "650.10.02").text.contains("2.16"))
  }

  @Test func aReplacedRow() throws {
    try rows(
      "gpus.gpus",
      #"{"name": "NVIDIA L4", "computeCapabilities": ["9.0"], "segment": "other", "source": "a test"}"#)
    let l4 = try run("gpus", "NVIDIA L4", "--data", "rows.json").text
    #expect(l4.contains(/9\.0 +Hopper +other +NVIDIA L4\n/))
    #expect(!l4.contains(/8\.9 .* NVIDIA L4\n/))
    #expect(try run("gpus", "NVIDIA L4").text.contains(/8\.9 .* NVIDIA L4\n/))
    // The driver that is too old for torch 2.15 and the base image that carries it.
    try rows(
      "drivers.minorVersionCompatibility",
      #"{"cudaMajor": 13, "minimumDriver": "580.99", "source": "a test"}"#)
    let scan = try run("scan", "torch", "--gpu", "A100", "--driver", "535", "--data", "rows.json")
    #expect(scan.text.contains("needs 580.99"))
  }

  @Test func severalFiles() throws {
    try rows(
      "drivers.branches", #"{"branch": 660, "maxCUDA": "14.0", "source": "a test"}"#, to: "later.json")
    let both = try run("gpus", "H100", "--data", "next.json", "--data", "later.json", "-o", "json")
    #expect(both.status == 0)
    let files = try both.document()["tool"]?["dataFiles"]?.elements
    #expect(files?.map { $0["path"]?.string } == ["next.json", "later.json"])
    // The second needs the first.
    let wrong = try run("gpus", "H100", "--data", "later.json", "--data", "next.json")
    #expect(wrong.status == 2)
    #expect(
      wrong.messages.contains("--data 'later.json': drivers.branches, row 660, maxCUDA: does not agree"))
    #expect(try run("gpus", "H100", "-o", "json").document()["tool"]?["dataFiles"] == nil)
  }

  /// Everything that is wrong with a file ends the program before it writes anything.
  @Test func filesThatDoNotFit() throws {
    try tree.write(Array("{\"gpus\":\n {]".utf8), to: "broken.json")
    try rows("drivers.branches", #"{"branch": 620, "maxCUDA": "13.5", "source": 3}"#, to: "source.json")
    try rows("drivers.branches", #"{"branch": 630, "maxCUDA": "12.0", "source": "s"}"#, to: "order.json")
    for (file, message) in [
      ("missing.json", "does not exist"),
      ("code", "file: cannot be read: Is a directory"),
      ("/dev/zero", "file: larger than the limit: more than 2097152 bytes"),
      ("broken.json", "line 2: invalid value, expected a name in quotation marks, found ]"),
      (
        "source.json",
        "drivers.branches[0].source: invalid value, expected a text that says where the row is from, found 3"
      ),
      (
        "order.json",
        "drivers.branches, row 630, maxCUDA: does not agree, expected 13.5 of branch 620, or later, found 12.0"
      ),
    ] {
      for command in [["scan", "nowhere"], ["facts", "nowhere"], ["gpus"], ["diff", "nowhere", "nowhere"]] {
        let run = try Program.run(
          (command + ["--data", file, "-o", "json=report.json"]).map { Array($0.utf8) }, in: tree.path)
        #expect(run.status == 2)
        #expect(run.output == [])
        #expect(run.messageLines.first == "cubinspect: --data '\(file)': \(message)")
        #expect(fileText(tree("report.json")) == nil)
      }
    }
  }

  /// Several GPUs in one text, as for scan.
  @Test func severalGPUs() throws {
    let one = try Program.run("gpus", "L40S", "-o", "json").document()["gpus"]?.elements?.count ?? 0
    let two = try Program.run("gpus", "L40S, 2 x L4", "-o", "json").document()["gpus"]?.elements?.count ?? 0
    #expect(one > 0 && two > one)
    let twice = try Program.run("gpus", "L40S,L40S", "-o", "json").document()["gpus"]?.elements?.count
    #expect(twice == one)
    let unknown = try Program.run("gpus", "L40S,Voodoo")
    #expect(unknown.status == 2)
    #expect(unknown.text == "")
    #expect(unknown.messages.contains("no GPU is called \"Voodoo\""))
  }
}
