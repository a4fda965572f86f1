import FixtureSupport
import Foundation
import JSONSchemaSupport
import Testing

/// The commands of a plan, run by pip against an index of small wheels: each changes what it says, and afterwards the program
/// says yes.
struct PlanCommandTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private static let python: String? = ["python3", "/usr/bin/python3"].first { python in
    (try? Program.shell("\(python) -m pip --version >/dev/null 2>&1"))?.status == 0
  }

  /// Adds a wheel to a folder of the index: `pypi`, `cu126`.
  private func wheel(
    _ name: String, _ version: String, requires: [String] = [], extras: [String] = [],
    files: [(String, [UInt8])] = [], in index: String
  ) throws {
    let folder = "\(name.replacing("-", with: "_"))-\(version).dist-info/"
    var wheel = WheelBuilder()
    let lines = ["Metadata-Version: 2.1", "Name: \(name)", "Version: \(version)"]
    let metadata =
      (lines + requires.map { "Requires-Dist: \($0)" } + extras.map { "Provides-Extra: \($0)" }).joined(
        separator: "\n") + "\n"
    wheel.add(Array(metadata.utf8), to: folder + "METADATA")
    wheel.add(
      Array("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".utf8), to: folder + "WHEEL")
    for (path, contents) in files { wheel.add(contents, to: path) }
    let record =
      files.map { "\($0.0),,\n" }.joined()
      + ["METADATA", "WHEEL", "RECORD"].map { "\(folder)\($0),,\n" }.joined()
    wheel.add(Array(record.utf8), to: folder + "RECORD")
    try tree.write(
      wheel.bytes, to: "index/\(index)/\(name.replacing("-", with: "_"))-\(version)-py3-none-any.whl")
  }

  /// A wheel of PyTorch as PyPI (`local` nil) or PyTorch's own index has it.
  private func torch(
    _ version: String, _ variant: String?, cuda: String?, _ targets: [Target], requires: [String] = [],
    libraries: [String] = [], in index: String
  ) throws {
    let full = version + (variant.map { "+\($0)" } ?? "")
    var files = [
      (
        "torch/version.py",
        Array("__version__ = '\(full)'\ncuda = \(cuda.map { "'\($0)'" } ?? "None")\nhip = None\n".utf8)
      )
    ]
    if !targets.isEmpty {
      var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder(targets: targets)])
      elf.soname = "libtorch_cuda.so"
      elf.needed = libraries
      files.append(("torch/lib/libtorch_cuda.so", elf.bytes))
    }
    try wheel(
      "torch", index == "pypi" ? version : full, requires: requires, files: files, in: index)
  }

  private func library(_ name: String, _ version: String, soname: String) throws {
    var elf = ELFBuilder()
    elf.soname = soname
    try wheel(name, version, files: [("nvidia/\(name)/lib/\(soname)", elf.bytes)], in: "pypi")
  }

  /// Runs pip on the index in place of the real one, in a user site of its own.
  private func pip(_ command: String) throws {
    let python = try #require(Self.python, "no python3 has pip: run Tests/Scripts/setup downloads")
    var words = command.split(separator: " ").map(String.init)
    try #require(words.starts(with: ["pip", "install"]), "\(command)")
    var index = "pypi"
    if let place = words.firstIndex(where: { ["--index-url", "--extra-index-url", "-f"].contains($0) }) {
      index = words[place + 1].split(separator: "/").last.map(String.init) ?? ""
      words.removeSubrange(place...(place + 1))
    }
    let rest = words.dropFirst(2).joined(separator: " ")
    let run = try Program.shell(
      "\(python) -m pip install --user --no-index --disable-pip-version-check --no-warn-script-location "
        + "--find-links index/\(index) --find-links index/pypi \(rest) >&2",
      in: tree.path,
      environment: [
        "PYTHONUSERBASE=\(tree.path)/user", "PIP_BREAK_SYSTEM_PACKAGES=1",
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "HOME=\(tree.path)", "PIP_CONFIG_FILE=/dev/null", "PYTHONNOUSERSITE=",
      ] + Self.inherited)
    try #require(run.status == 0, "\(command)\n\(run.messages)")
  }

  /// What the Python that has pip may need of the environment.
  private static let inherited = ["PATH", "PYENV_VERSION", "PYENV_ROOT"].compactMap { name in
    ProcessInfo.processInfo.environment[name].map { "\(name)=\($0)" }
  }

  private struct Report {
    var answer: String
    var steps: [(kind: String, command: String?)]
    var status: Int32?
    var torch: String?
  }

  private func scan(_ gpu: String, driver: String? = nil) throws -> Report {
    let run = try Program.shell(
      "\"$0\" scan user --gpu \"$1\" \(driver.map { "--driver \($0)" } ?? "") -o json", gpu, in: tree.path)
    let document = try run.document()
    let view = try #require(document["views"]?.elements?.first)
    let environments = view["stack"]?["facts"]?["environments"]?.elements ?? []
    return Report(
      answer: try #require(document["answers"]?.elements?.first?["answer"]?.string),
      steps: (view["plan"]?["steps"]?.elements ?? []).map {
        ($0["kind"]?.string ?? "", $0["command"]?.string)
      },
      status: run.status,
      torch: environments.lazy.compactMap { $0["torch"]?["version"]?["value"]?.string }.first)
  }

  /// Follows the plan, and asks again.
  private func follow(_ gpu: String, driver: String? = nil, kinds: [String]) throws -> Report {
    let before = try scan(gpu, driver: driver)
    #expect(before.answer == "no")
    #expect(before.status == 1)
    #expect(before.steps.map(\.kind) == kinds)
    for step in before.steps { try pip(#require(step.command)) }
    let after = try scan(gpu, driver: driver)
    #expect(after.answer == "yes", "\(before.steps)")
    #expect(after.status == 0)
    #expect(after.steps.isEmpty)
    return after
  }

  /// The same version is there for another CUDA: pip takes `torch==2.1.2` as satisfied.
  @Test func theSameVersionForAnotherCUDA() throws {
    try torch(
      "2.3.1", nil, cuda: "12.1", ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"], in: "pypi")
    try torch(
      "2.3.1", "cu118", cuda: "11.8",
      ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_37", "sm_90"], in: "cu118")
    try pip("pip install torch==2.3.1")
    let after = try follow("Tesla K80", kinds: ["installTorch"])
    #expect(after.torch == "2.3.1+cu118")
  }

  /// A build without CUDA of the version that PyPI has with CUDA.
  @Test func withoutCUDA() throws {
    try torch("2.5.1", "cpu", cuda: nil, [], in: "cpu")
    try torch("2.5.1", nil, cuda: "12.4", ["sm_80", "sm_90"], in: "pypi")
    try torch("2.5.1", "cu124", cuda: "12.4", ["sm_80", "sm_90"], in: "cu124")
    try pip("pip install torch==2.5.1+cpu --index-url x/cpu")
    let after = try follow("A100", kinds: ["installTorch"])
    #expect(after.torch == "2.5.1+cu124")
  }

  /// torchvision pins PyTorch, so both come together.
  @Test func companionsComeAlong() throws {
    for (torch, vision, targets) in [
      ("2.1.2", "0.16.2", ["sm_80", "sm_90"]), ("2.7.1", "0.22.1", ["sm_80", "sm_90", "sm_120"]),
    ] as [(String, String, [Target])] {
      let index = torch == "2.1.2" ? "pypi" : "cu128"
      let variant = index == "pypi" ? nil : index
      try self.torch(torch, variant, cuda: variant == nil ? "12.1" : "12.8", targets, in: index)
      let elf = ELFBuilder(fatBinaries: [FatBinaryBuilder(targets: targets)])
      try wheel(
        "torchvision", vision + (variant.map { "+\($0)" } ?? ""), requires: ["torch==\(torch)"],
        files: [("torchvision/_C.so", elf.bytes)], in: index)
    }
    try pip("pip install torchvision==0.16.2")
    let after = try follow("RTX 5090", driver: "570.124.06", kinds: ["installTorch"])
    #expect(after.torch == "2.7.1+cu128")
  }

  /// What PyTorch requires is missing; a package of extras installs nothing without them.
  @Test func missingLibrariesAndExtras() throws {
    try torch(
      "2.15.0", nil, cuda: "13.2", ["sm_80", "sm_90"],
      requires: ["cuda-toolkit[cublas]==13.2.2", "nvidia-cudnn-cu13==9.24.0.43"],
      libraries: ["libcublas.so.13", "libcudnn.so.9"], in: "pypi")
    try wheel(
      "cuda-toolkit", "13.2.2", requires: ["nvidia-cublas==13.4.1; extra == 'cublas'"], extras: ["cublas"],
      in: "pypi")
    try library("nvidia-cublas", "13.4.1", soname: "libcublas.so.13")
    try library("nvidia-cudnn-cu13", "9.24.0.43", soname: "libcudnn.so.9")
    try pip("pip install --no-deps torch==2.15.0 cuda-toolkit==13.2.2")
    _ = try follow("A100", kinds: ["installLibraries"])
  }
}
