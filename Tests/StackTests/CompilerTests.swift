import Bytes
import Compatibility
import DeviceCode
import ELFFile
import FixtureSupport
import FuzzSupport
import Stack
import StackFixtures
import Testing

@Suite struct CompilerTests {
  private func contents(_ builder: CompilerBuilder) throws -> CompilerContents {
    try CompilerContents(ELFFile(MemoryBytes(builder.bytes)))
  }

  private func targets(_ names: [String]) -> [CodeTarget] { names.compactMap { CodeTarget($0) } }

  // MARK: What the bytes say

  @Test func bothLists() throws {
    // As in NVRTC 11: `lto_` has more, and so has `=compute_`.
    var builder = CompilerBuilder()
    builder.versions = ["11.8.89"]
    builder.lto = ["30", "32", "35", "90"]
    builder.virtual = ["35", "69", "90"]
    builder.processors = ["20", "73"]
    builder.ptx = [61]
    builder.texts = ["compute_52", "not supported for architectures lower than compute_52"]
    let contents = try contents(builder)
    #expect(contents.version == "11.8.89")
    #expect(contents.targets == targets(["35", "90"]))
    #expect(contents.lists == ["lto_", "=compute_"])
    // The LLVM that it was made of is no compiler of its own.
    #expect(contents.processors.isEmpty)
    #expect(contents.problems.isEmpty)
  }

  @Test func oneList() throws {
    var assembler = CompilerBuilder()
    assembler.versions = ["12.9.86"]
    assembler.lto = ["90", "100f", "90a", "100", "100a"]
    assembler.processors = ["1", "11", "20"]
    #expect(try contents(assembler).targets == targets(["90", "90a", "100", "100a", "100f"]))
    #expect(try contents(assembler).lists == ["lto_"])
    var library = CompilerBuilder()
    library.versions = ["11.7.99"]
    library.virtual = ["35", "69"]
    #expect(try contents(library).targets == targets(["35", "69"]))
    #expect(try contents(library).lists == ["=compute_"])
  }

  @Test func noRelease() throws {
    // Names alone make no compiler: other tools list them too.
    var builder = CompilerBuilder()
    builder.lto = ["80", "90"]
    builder.virtual = ["80", "90"]
    let contents = try contents(builder)
    #expect(contents.version == nil)
    #expect(!contents.hasCompiler)
  }

  @Test(arguments: [
    "xlto_90", "lto_9", "lto_90b", "lto_90a1", "lto_123456", "lto_", "lto_90 ", "-compute_90", "=compute_",
    "=compute_90_", "Cuda compilation tools, release 12.4, V12.3.99",
    "Cuda compilation tools, release 12.4", "Cuda compilation tools, release twelve, V12.4.99",
  ])
  func noNames(_ text: String) throws {
    var builder = CompilerBuilder("12.4.99", targets: ["80"])
    builder.texts = [text]
    let contents = try contents(builder)
    #expect(contents.targets == targets(["80"]))
    #expect(contents.version == "12.4.99")
    #expect(contents.problems.isEmpty)
  }

  @Test func llvm() throws {
    var builder = CompilerBuilder()
    builder.processors = ["80", "90", "90a"]
    builder.ptx = [63, 84, 78]
    builder.llvm = "20.0.0git"
    builder.texts = ["PTX version >= 6.3 and sm_30", "ptxas", "ptx9a"]
    let contents = try contents(builder)
    #expect(contents.processors == targets(["80", "90", "90a"]))
    #expect(contents.ptxISA == PTXISAVersion(8, 4))
    #expect(contents.llvm == "20.0.0git")
    #expect(contents.targets.isEmpty)
    #expect(contents.hasCompiler)
    // Cut behind 16 bytes.
    builder.llvm = "17."
    #expect(try self.contents(builder).llvm == "17")
  }

  /// Texts that lie across the ends of the parts that are read.
  @Test func textsAcrossSteps() throws {
    let names = (50..<120).map { "\($0)" }
    let before = 1 << 20
    for shift in stride(from: -1400, through: 40, by: 7) {
      var builder = CompilerBuilder("13.0.88", targets: names)
      builder.padding = before + shift
      let contents = try contents(builder)
      #expect(contents.version == "13.0.88", "\(shift)")
      #expect(contents.targets == targets(names), "\(shift)")
    }
  }

  @Test func withoutSectionTable() throws {
    var elf = CompilerBuilder("12.4.99", targets: ["80", "90a"]).elf
    elf.hasSectionTable = false
    let contents = try CompilerContents(ELFFile(MemoryBytes(elf.bytes)))
    #expect(contents.targets == targets(["80", "90a"]))
  }

  /// A text that starts the section has no NUL before it.
  @Test func textsAtTheStart() throws {
    var elf = ELFBuilder()
    elf.append(
      Array("lto_80\0Cuda compilation tools, release 12.4, V12.4.99\0".utf8), to: ".rodata")
    #expect(try CompilerContents(ELFFile(MemoryBytes(elf.bytes))).targets == targets(["80"]))
  }

  @Test func severalReleases() throws {
    var builder = CompilerBuilder("12.4.99", targets: ["80"])
    builder.versions.append("12.8.61")
    let contents = try contents(builder)
    #expect(contents.version == nil)
    #expect(contents.targets == targets(["80"]))
    #expect(
      contents.problems.map(\.description)
        == ["version of the compiler: unknown value, expected one, found 12.4.99 and 12.8.61"])
  }

  /// Names without end take no memory and little time, and are told.
  @Test func aMillionNames() throws {
    var names = CompilerBuilder()
    names.versions = ["12.4.99"]
    names.lto = (0..<1000).map { "\(10 + $0)\(["", "a", "f"][$0 % 3])" }
    var elf = ELFBuilder()
    elf.append(Array([[UInt8]](repeating: names.contents, count: 1000).joined()), to: ".rodata")
    let contents = try CompilerContents(ELFFile(MemoryBytes(elf.bytes)))
    #expect(contents.targets.count == CompilerContents.targetLimit)
    #expect(contents.problems.map(\.code) == [.limitExceeded])
    var releases = CompilerBuilder()
    releases.versions = (0..<10_000).map { "12.4.\($0)" }
    releases.lto = ["80"]
    #expect(try self.contents(releases).problems.map(\.code) == [.unknownValue])
  }

  @Test func cutAndDamagedFiles() throws {
    let whole = CompilerBuilder("12.4.99", targets: ["80", "90a"]).bytes
    for end in stride(from: 0, through: whole.count, by: 5) {
      var tree = TreeBuilder()
      tree.compiler("bin/ptxas", bytes: Array(whole[..<end]))
      let facts = tree.facts()
      // Whatever is left, a compiler is whole or is none.
      for compiler in facts.compilers where compiler.targets.value.count == 2 {
        #expect(compiler.version?.value == "12.4.99")
      }
    }
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<300 {
      var bytes = whole
      for _ in 0..<8 {
        bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      var tree = TreeBuilder()
      tree.compiler("bin/ptxas", bytes: bytes)
      _ = tree.facts()
    }
  }

  // MARK: What a file is

  @Test func kinds() {
    let twelve = CompilerBuilder("12.4.99", targets: ["80"])
    var llvm = CompilerBuilder()
    llvm.processors = ["80"]
    llvm.ptx = [84]
    var nvcc = twelve
    nvcc.mentionsPTX = false
    var soname = twelve
    soname.soname = "libnvrtc.so.12"
    let files: [(String, CompilerBuilder, RuntimeCompiler.Kind?)] = [
      ("bin/ptxas", twelve, .ptxas), ("bin/ptxas-blackwell", twelve, .ptxas), ("bin/nvcc", nvcc, .nvcc),
      ("lib/libnvrtc.so.12", twelve, .nvrtc), ("lib/libnvrtc-672ee683.so.11.2", twelve, .nvrtc),
      ("lib/libnvvm.so.4", twelve, .nvvm), ("lib/libnvJitLink.so.12", twelve, .nvJitLink),
      ("lib/other.so", soname, .nvrtc), ("warp/bin/warp.so", twelve, .linked),
      ("lib/libtriton.so", llvm, .llvm),
      // They make no code for a GPU at run time, or belong to the driver, or are empty.
      ("bin/nvdisasm", twelve, nil), ("lib/libnvidia-ptxjitcompiler.so.1", twelve, nil),
      ("lib64/stubs/libnvrtc.so", twelve, nil), ("bin/names", nvcc, nil),
    ]
    for (path, builder, kind) in files {
      var tree = TreeBuilder()
      tree.compiler(path, builder)
      #expect(tree.facts().compilers.map(\.kind) == [kind].compactMap { $0 }, "\(path)")
    }
  }

  @Test func evidence() throws {
    var tree = TreeBuilder()
    tree.distribution("nvidia-cuda-nvcc-cu12", "12.4.131")
    tree.add(
      "nvidia/cuda_nvcc/bin/ptxas,,\n", at: "nvidia_cuda_nvcc_cu12-12.4.131.dist-info/RECORD")
    tree.compiler("nvidia/cuda_nvcc/bin/ptxas", CompilerBuilder("12.4.131", targets: ["50", "90a"]))
    let compiler = try #require(tree.facts().compilers.first)
    #expect(compiler.version?.value == "12.4.131")
    #expect(compiler.version?.evidence.says == "release 12.4, V12.4.131")
    #expect(compiler.cuda == CUDAVersion(12, 4))
    #expect(compiler.targets.evidence.says == "lto_50 to lto_90a, =compute_50 to =compute_90a")
    #expect(compiler.ptxISA?.value == PTXISAVersion(8, 4))
    #expect(compiler.package?.name == "nvidia-cuda-nvcc-cu12")
    #expect(compiler.builtins == nil)
  }

  @Test func releasesThatNoTableKnows() throws {
    var tree = TreeBuilder()
    tree.compiler("ptxas", CompilerBuilder("19.7.1", targets: ["75", "300a"]))
    let compiler = try #require(tree.facts().compilers.first)
    #expect(compiler.cuda == CUDAVersion(19, 7))
    #expect(compiler.ptxISA == nil)
    #expect(compiler.targets.value == targets(["75", "300a"]))
    #expect(tree.problems().isEmpty)
  }

  @Test func whatDiffersFromTheTableIsTold() throws {
    let known = try #require(ToolkitTable.shipped.targets(of: CUDAVersion(12, 4), compiler: "ptxas"))
    var same = TreeBuilder()
    same.compiler("ptxas", CompilerBuilder("12.4.99", targets: known.map { "\($0)" }))
    #expect(same.problems().isEmpty)
    var other = TreeBuilder()
    other.compiler(
      "ptxas", CompilerBuilder("12.4.99", targets: known.dropFirst().map { "\($0)" } + ["100", "100a"]))
    #expect(
      other.problems().map { "\($0.path.text): \($0.problem)" } == [
        "ptxas: targets of the compiler: unknown value, expected those of CUDA 12.4, "
          + "found also sm_100, sm_100a, without sm_50"
      ])
    // The file is believed, and nothing failed.
    #expect(other.facts().compilers.first?.targets.value.last == CodeTarget("100a"))
    #expect(other.problems().allSatisfy { !$0.problem.isFailure })
    // libNVVM 11 takes what no GPU has.
    #expect(
      ToolkitTable.shipped.targets(of: CUDAVersion(11, 8), compiler: "nvvm")?.contains(CodeTarget(69)) == true
    )
    #expect(
      ToolkitTable.shipped.targets(of: CUDAVersion(11, 8), compiler: "nvrtc")?.contains(CodeTarget(69))
        == false)
  }

  @Test func compilersWithoutTargetsAreTold() {
    var tree = TreeBuilder()
    var builder = CompilerBuilder()
    builder.versions = ["12.4.99"]
    tree.compiler("bin/ptxas", builder)
    #expect(tree.facts().compilers.isEmpty)
    #expect(
      tree.problems().map { "\($0.problem)" } == [
        "targets of the compiler: unknown value, expected names such as lto_90a, found none"
      ])
  }

  @Test func builtins() {
    func builtins(_ file: String) -> RuntimeCompiler.Builtins? {
      var tree = TreeBuilder()
      tree.distribution("a", "1", in: "env/")
      tree.distribution("b", "1", in: "other/")
      tree.compiler("env/nvidia/lib/libnvrtc.so.12", CompilerBuilder("12.1.105", targets: ["80"]))
      tree.add([], at: file)
      return tree.facts().compilers.first?.builtins
    }
    var old = TreeBuilder()
    old.compiler("lib/libnvrtc.so.10.2", CompilerBuilder("10.2.89", targets: ["75"]))
    #expect(old.facts().compilers.map(\.builtins) == [nil])
    let name = "libnvrtc-builtins.so.12.1"
    for (file, isFound) in [
      ("env/nvidia/lib/\(name)", true), ("env/torch/lib/\(name)", true), ("usr/lib/\(name)", true),
      // Another environment, another release, and a name that nobody asks for.
      ("other/lib/\(name)", false), ("env/nvidia/lib/libnvrtc-builtins.so.12.2", false),
      ("env/torch/lib/libnvrtc-builtins-07fb3db5.so.12.1", false),
    ] {
      #expect(builtins(file)?.name == name)
      #expect(builtins(file)?.path == (isFound ? Path(file) : nil), "\(file)")
    }
  }

  // MARK: What frameworks find

  /// Triton 3.6 with its own two assemblers, and a toolkit with a newer one.
  private func triton(_ environment: [String]? = nil, isSystem: Bool = true) throws -> StackFacts {
    var tree = TreeBuilder()
    let site = "usr/lib/python3.12/site-packages/"
    tree.distribution("triton", "3.6.0", in: site)
    var llvm = CompilerBuilder()
    llvm.processors = ["90a", "120a"]
    llvm.ptx = [90]
    tree.compiler(site + "triton/_C/libtriton.so", llvm)
    let folder = site + "triton/backends/nvidia/bin/"
    tree.compiler(folder + "ptxas", CompilerBuilder("12.8.93", targets: ["90a"]))
    tree.compiler(folder + "ptxas-blackwell", CompilerBuilder("12.9.86", targets: ["120a"]))
    tree.compiler("usr/local/cuda-13.0/bin/ptxas", CompilerBuilder("13.0.88", targets: ["110a"]))
    tree.links["usr/local/cuda"] = "cuda-13.0"
    if isSystem { tree.add("ID=x\n", at: "etc/os-release") }
    if let environment { tree.images = [ImageConfiguration(environment: environment)] }
    return tree.facts()
  }

  private func tries(_ facts: StackFacts, step: Int, of framework: String) throws -> [String] {
    let framework = try #require(facts.runtimeFrameworks.first { $0.name == framework })
    return framework.searches[step].tries.map { attempt in
      let versions = attempt.compilers.map { facts.compilers[$0].version?.value ?? "?" }
      return ["\(attempt.outcome)", versions.joined(separator: " ")].filter { !$0.isEmpty }
        .joined(separator: " ")
    }
  }

  @Test func ownCopies() throws {
    let facts = try triton([])
    #expect(facts.runtimeFrameworks.map(\.version) == ["3.6.0"])
    #expect(facts.runtimeFrameworks.first?.searches.map(\.tool) == [nil, "ptxas", "ptxas-blackwell"])
    #expect(try tries(facts, step: 0, of: "Triton") == ["found ?"])
    #expect(try tries(facts, step: 1, of: "Triton") == ["unset", "found 12.8.93"])
    #expect(try tries(facts, step: 2, of: "Triton") == ["unset", "found 12.9.86"])
  }

  @Test func variablesOfTheImage() throws {
    let named = try triton(["TRITON_PTXAS_BLACKWELL_PATH=/usr/local/cuda/bin/ptxas"])
    #expect(try tries(named, step: 1, of: "Triton") == ["unset", "found 12.8.93"])
    #expect(try tries(named, step: 2, of: "Triton") == ["found 13.0.88", "found 12.9.86"])
    let search = try #require(named.runtimeFrameworks.first?.searches.last)
    #expect(search.found.map { named.compilers[$0].cuda } == [CUDAVersion(13, 0)])
    #expect(search.tries.first?.value == "/usr/local/cuda/bin/ptxas")
    let nowhere = try triton(["TRITON_PTXAS_PATH=/opt/none/ptxas"])
    #expect(try tries(nowhere, step: 1, of: "Triton") == ["absent", "found 12.8.93"])
    // Without an image nobody knows; what a folder does not hold may be elsewhere.
    let folder = try triton(isSystem: false)
    #expect(try tries(folder, step: 1, of: "Triton") == ["unknown", "found 12.8.93"])
    #expect(folder.runtimeFrameworks.first?.searches[1].unknownBefore.count == 1)
  }

  @Test func versionsOfTriton() {
    func row(_ version: String) -> RuntimeTable.Framework? {
      RuntimeTable.shipped.frameworks(of: "triton", version: version).first
    }
    for (version, tools, since) in [
      ("2.1.0", ["ptxas"], "2.0"), ("3.1.0", ["ptxas"], "3.0"),
      ("3.3.1", ["ptxas", "ptxas-blackwell"], "3.3"),
      ("3.5.0+git7416ffcb", ["ptxas"], "3.5"), ("3.6.0", ["ptxas", "ptxas-blackwell"], "3.6"),
      ("3.8.0.post1", ["ptxas", "ptxas-blackwell"], "3.7"), ("3.9.0", ["ptxas", "ptxas-blackwell"], "3.9"),
      ("3.10.0", ["ptxas", "ptxas-blackwell"], "3.9"), ("4.0", ["ptxas", "ptxas-blackwell"], "3.9"),
    ] {
      #expect(row(version)?.steps.compactMap(\.tool) == tools, "\(version)")
      #expect(row(version)?.since == since, "\(version)")
    }
    #expect(row("1.1.1") == nil)
    #expect(RuntimeTable.shipped.frameworks(of: "tritonclient", version: "2.50.0").isEmpty)
    #expect(row("3.9.0")?.steps.last?.from == ComputeCapability(9, 0))
  }

  /// A library is loaded by a name with the major version of CUDA.
  @Test func majorVersions() throws {
    func cupy(_ name: String, _ version: String, _ path: String) throws -> [String] {
      var tree = TreeBuilder()
      tree.distribution(name, "13.4.1", in: "env/")
      tree.compiler(path, CompilerBuilder(version, targets: ["90"]))
      tree.add("ID=x\n", at: "etc/os-release")
      return try tries(tree.facts(), step: 0, of: "CuPy")
    }
    let inside = "env/nvidia/cuda_nvrtc/lib/libnvrtc.so.12"
    #expect(try cupy("cupy-cuda12x", "12.6.77", inside) == ["found 12.6.77", "unknown", "found 12.6.77"])
    #expect(try cupy("cupy-cuda13x", "12.6.77", inside) == ["absent", "unknown", "absent"])
    #expect(try cupy("cupy", "12.6.77", inside).last == "found 12.6.77")
    // The linker looks outside of environments too.
    #expect(
      try cupy("cupy-cuda12x", "12.6.77", "usr/local/cuda-12.6/lib64/libnvrtc.so.12")
        == ["found 12.6.77", "unknown", "absent"])
  }

  @Test func torchUsesNVRTCAndTriton() {
    var tree = TreeBuilder()
    tree.torch("2.9.1+cu128", cuda: "12.8")
    #expect(tree.facts().runtimeFrameworks.map(\.name) == ["PyTorch's jiterator"])
    tree.distribution("triton", "3.5.1")
    #expect(
      tree.facts().runtimeFrameworks.map(\.name)
        == ["torch.compile", "PyTorch's jiterator", "Triton"])
    var cpu = TreeBuilder()
    cpu.torch("2.9.1+cpu", cuda: nil)
    #expect(cpu.facts().runtimeFrameworks.isEmpty)
  }

  @Test func programsAndFlags() throws {
    var tree = TreeBuilder()
    tree.distribution("jax-cuda12-plugin", "0.6.0", in: "opt/env/lib/python3.12/site-packages/")
    tree.distribution("pycuda", "2025.1", in: "opt/env/lib/python3.12/site-packages/")
    tree.compiler("usr/local/cuda-12.1/bin/ptxas", CompilerBuilder("12.1.105", targets: ["90"]))
    tree.compiler("usr/local/cuda-12.1/bin/nvcc", CompilerBuilder("12.1.105", targets: ["90"]))
    tree.images = [
      ImageConfiguration(environment: [
        "PATH=/usr/bin:/usr/local/cuda-12.1/bin",
        "XLA_FLAGS=--a=b --xla_gpu_cuda_data_dir=/usr/local/cuda-12.1",
      ])
    ]
    let facts = tree.facts()
    #expect(
      try tries(facts, step: 1, of: "JAX")
        == ["found 12.1.105", "absent", "unknown", "found 12.1.105"])
    #expect(try tries(facts, step: 0, of: "PyCUDA") == ["found 12.1.105"])
    tree.images = []
    #expect(try tries(tree.facts(), step: 0, of: "PyCUDA") == ["unknown"])
  }

  @Test func theOrderOfFilesDoesNotMatter() throws {
    var tree = TreeBuilder()
    for name in ["cupy-cuda12x", "numba-cuda", "warp-lang", "flashinfer-python"] {
      tree.distribution(name, "13.0", in: "env/")
    }
    for (path, version) in [
      ("env/a/libnvrtc.so.12", "12.4.99"), ("env/b/libnvrtc.so.12", "12.8.61"), ("usr/bin/nvcc", "12.1.105"),
      ("env/c/libnvvm.so", "12.1.105"),
    ] {
      tree.compiler(path, CompilerBuilder(version, targets: ["80", "90"]))
    }
    let facts = tree.facts()
    #expect(facts.compilers.map(\.path).map(\.text).sorted() == facts.compilers.map(\.path.text))
    #expect(tree.facts(reversed: true).compilers == facts.compilers)
    #expect(tree.facts(reversed: true).runtimeFrameworks == facts.runtimeFrameworks)
    #expect(facts.runtimeFrameworks.count == 4)
  }
}
