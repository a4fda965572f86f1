import Bytes
import Compatibility
import DeviceCode
import ELFFile
import FixtureSupport
import FuzzSupport
import Stack
import StackFixtures
import Testing

@Suite struct FactTests {
  @Test func torchFromAWheel() throws {
    var tree = TreeBuilder()
    tree.torch(
      "2.4.1+cu121", cuda: "12.1", flags: "sm_50 sm_80 sm_90",
      requires: [
        "typing-extensions", "nvidia-cuda-runtime-cu12 (==12.1.105) ; platform_system == \"Linux\"",
        "nvidia-cudnn-cu12==9.1.0.70; platform_system == \"Linux\"", "opt-einsum>=3.3; extra == 'opt-einsum'",
      ])
    tree.library(
      "torch/lib/libtorch_cuda.so", needed: ["libcudart.so.12", "libcudnn.so.9", "libc10.so", "libc.so.6"])
    let facts = tree.facts()
    let torch = try #require(facts.torches.first)
    #expect(facts.environments.map(\.folder) == [Path("")])
    #expect(torch.version.value == "2.4.1+cu121")
    #expect(torch.version.evidence.path == Path("torch/version.py"))
    #expect(torch.cuda?.value == CUDAVersion(12, 1))
    #expect(torch.cuda?.evidence.says == "cuda = '12.1'")
    #expect(torch.flags?.value.description == "sm_50 sm_80 sm_90")
    #expect(
      torch.requires.mapValues(\.value) == [
        "nvidia-cuda-runtime-cu12": "12.1.105", "nvidia-cudnn-cu12": "9.1.0.70",
      ])
    #expect(torch.needed.map(\.value) == ["libcudart.so.12", "libcudnn.so.9"])
    #expect(!torch.isWithoutCUDA)
    #expect(tree.problems().isEmpty)
  }

  @Test func torchWithoutVersionFile() throws {
    var tree = TreeBuilder()
    tree.distribution(
      "torch", "2.15.0",
      requires: [
        "cuda-toolkit[cublas,cudart]==13.2.2; platform_system == \"Linux\"",
        "nvidia-cudnn-cu13==9.26.0.51; platform_system == \"Linux\"",
      ])
    let torch = try #require(tree.facts().torches.first)
    #expect(torch.version.value == "2.15.0")
    #expect(torch.cuda?.value == CUDAVersion(13, 2))
    #expect(torch.cuda?.evidence.says.contains("cuda-toolkit") == true)
  }

  @Test func torchWithoutCUDA() throws {
    for (version, source) in [
      ("2.4.1+cpu", "__version__ = '2.4.1+cpu'\ncuda: Optional[str] = None\nhip: Optional[str] = None\n"),
      ("2.4.1", "__version__ = '2.4.1'\ndebug = False\ncuda = None\n"),
    ] {
      var tree = TreeBuilder()
      tree.add(source, at: "lib/torch/version.py")
      let torch = try #require(tree.facts().torches.first)
      #expect(torch.version.value == version)
      #expect(torch.cuda == nil)
      #expect(torch.isWithoutCUDA)
    }
    var rocm = TreeBuilder()
    rocm.add("__version__ = '2.4.1+rocm6.1'\ncuda = None\nhip = '6.1.40091'\n", at: "torch/version.py")
    #expect(rocm.facts().torches.first?.rocm?.value == "6.1.40091")
  }

  @Test func environmentsAreKeptApart() throws {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "opt/a/site-packages/")
    tree.torch("1.12.1+cu102", cuda: "10.2", in: "opt/b/site-packages/")
    tree.distribution("nvidia-cudnn-cu12", "9.1.0.70", in: "opt/a/site-packages/")
    tree.library("opt/a/site-packages/nvidia/cudnn/lib/libcudnn.so.9")
    tree.library("opt/a/site-packages/torch/lib/libtorch_cuda.so", needed: ["libcudnn.so.9"])
    tree.library("opt/b/site-packages/torch/lib/libtorch_cuda.so", needed: ["libcudnn.so.9"])
    tree.distribution("jaraco.text", "3.12.1", in: "opt/a/site-packages/setuptools/_vendor/")
    let facts = tree.facts()
    #expect(facts.environments.map(\.folder) == [Path("opt/a/site-packages"), Path("opt/b/site-packages")])
    #expect(facts.torches.map(\.version.value) == ["2.4.1+cu121", "1.12.1+cu102"])
    #expect(facts.environments[0].components.map(\.version.value) == ["9.1.0.70", "9"])
    #expect(facts.environments[1].components.isEmpty)
    // What one environment has is no help to the other.
    #expect(facts.missing.map(\.soname) == ["libcudnn.so.9"])
    #expect(facts.missing.first?.neededBy == [Path("opt/b/site-packages/torch/lib/libtorch_cuda.so")])
    #expect(
      facts.environment(of: Path("opt/b/site-packages/torch/lib/x.so"))?.folder == Path("opt/b/site-packages")
    )
    #expect(facts.environment(of: Path("opt/bb")) == nil)
  }

  @Test func versionsOfPython() {
    func python(_ folder: String, _ wheel: String? = nil) -> String? {
      var tree = TreeBuilder()
      tree.torch("2.4.1+cu121", cuda: "12.1", in: folder)
      if let wheel { tree.add(wheel, at: "\(folder)torch-2.4.1.dist-info/WHEEL") }
      return tree.facts().environments.first?.python?.value
    }
    #expect(python("usr/lib/python3.12/site-packages/") == "3.12")
    #expect(python("usr/lib/python3/dist-packages/") == nil)
    #expect(python("", "Wheel-Version: 1.0\nTag: cp310-cp310-manylinux1_x86_64\n") == "3.10")
    #expect(python("", "Tag: cp310-cp310-linux_x86_64\nTag: cp311-cp311-linux_x86_64\n") == nil)
    #expect(python("", "Tag: cp38-abi3-manylinux_2_28_x86_64\n") == nil)
    #expect(python("", "Tag: py3-none-any\n") == nil)
    #expect(python("") == nil)
  }

  /// The release of Jetson Linux, by the file that it installs, else by its core package.
  @Test func jetsonLinux() {
    func release(_ build: (inout TreeBuilder) -> Void) -> Fact<String>? {
      var tree = TreeBuilder()
      build(&tree)
      return tree.facts().jetsonLinux
    }
    let core = "Package: nvidia-l4t-core\nStatus: install ok installed\nVersion: 36.4.7-20250918154033\n"
    #expect(release { _ in } == nil)
    let file = release { tree in
      tree.add("# R39 (release), REVISION: 2.0, GCID: 1, BOARD: generic\n", at: "etc/nv_tegra_release")
      tree.add(core, at: "var/lib/dpkg/status")
    }
    #expect(file?.value == "39.2.0")
    #expect(file?.evidence.path == Path("etc/nv_tegra_release"))
    let package = release { $0.add(core, at: "var/lib/dpkg/status") }
    #expect(package?.value == "36.4.7")
    #expect(package?.evidence.says == "nvidia-l4t-core 36.4.7-20250918154033")
    #expect(release { $0.add("nothing of interest\n", at: "etc/nv_tegra_release") } == nil)
  }

  @Test func brokenMetadataIsAProblem() {
    var tree = TreeBuilder()
    tree.add("Metadata-Version: 2.1\n", at: "a-1.dist-info/METADATA")
    tree.add([0xFF, 0x00, 0xC3], at: "b-1.dist-info/METADATA")
    let facts = tree.facts()
    #expect(facts.environments.isEmpty)
    #expect(tree.problems().map(\.path) == [Path("a-1.dist-info/METADATA"), Path("b-1.dist-info/METADATA")])
  }

  @Test func unreadableFilesAreProblems() {
    let tree = Tree(files: [Path("torch/version.py"), Path("torch/lib/libtorch_python.so")]) {
      (path) throws(Problem) in throw Problem(.unreadable, Problem.path, observed: "\(path)")
    }
    let (facts, problems) = FactCollector.facts(of: tree, libraries: [], by: .shipped)
    #expect(facts.environments.isEmpty)
    #expect(problems.map(\.path) == [Path("torch/version.py")])
  }

  @Test(arguments: [
    ("sm_80", "sm_80"), ("sm_80 sm_90a compute_90", "sm_80 sm_90a compute_90"), ("sm_", nil),
    ("sm_80 x", nil),
    ("sm_80;", nil), ("", nil),
  ])
  func flagStrings(_ text: String, _ expected: String?) {
    // A near miss before, rubbish behind, and the string in another section of the file.
    let data = Array("\0sm_x\0compute\0smart_80\0".utf8) + Array(text.utf8) + Array("\0sm_99 behind".utf8)
    for section in [".rodata", ".rodata.str1.1"] {
      var tree = TreeBuilder()
      tree.add("__version__ = '2.0'\ncuda = '11.8'\n", at: "torch/version.py")
      var elf = ELFBuilder()
      elf.append(data, to: section)
      elf.append(Array("\0sm_70\0".utf8), to: ".data")
      tree.add(elf.bytes, at: "torch/lib/libtorch_python.so")
      #expect(tree.facts().torches.first?.flags?.value.description == expected, "\(section)")
    }
  }

  @Test func flagStringsAcrossSteps() {
    // The search reads in steps of 2^20 bytes: the string starts before, at and behind a border.
    for start in [(1 << 20) - 3, (1 << 20) - 1, 1 << 20, (1 << 20) + 1] {
      var data = [UInt8](repeating: 0x41, count: start - 1)
      data += Array("\0sm_80 sm_86 sm_90\0".utf8)
      var tree = TreeBuilder()
      tree.add("__version__ = '2.0'\ncuda = '11.8'\n", at: "torch/version.py")
      tree.add(data, at: "torch/lib/libtorch_python.so")
      #expect(tree.facts().torches.first?.flags?.value.description == "sm_80 sm_86 sm_90", "\(start)")
    }
  }

  @Test func toolkits() throws {
    var tree = TreeBuilder()
    tree.add(
      #"{"cuda": {"name": "CUDA SDK", "version": "12.4.1"}, "cuda_nvcc": {"version": "12.4.131"}}"#,
      at: "usr/local/cuda-12.4/version.json")
    tree.add("x", at: "usr/local/cuda-12.4/bin/nvcc")
    tree.add("CUDA Version 10.2.89\n", at: "usr/local/cuda-10.2/version.txt")
    tree.add("/* */\n#define CUDA_VERSION 13050\n", at: "opt/site/nvidia/cu13/include/cuda.h")
    tree.add("x", at: "opt/site/nvidia/cu13/bin/nvcc")
    tree.library(
      "usr/local/cuda-11.8/targets/x86_64-linux/lib/libcudart.so.11.8.89", soname: "libcudart.so.11.0")
    tree.add("nonsense", at: "usr/local/cuda-9.9x/version.json")
    tree.add("{}", at: "srv/app/version.json")
    tree.links[Path("usr/local/cuda")] = Path("/etc/alternatives/cuda")
    tree.links[Path("etc/alternatives/cuda")] = Path("../../usr/local/cuda-12.4/")
    let facts = tree.facts()
    #expect(
      facts.toolkits.map(\.folder.text) == [
        "opt/site/nvidia/cu13", "usr/local/cuda-10.2", "usr/local/cuda-11.8", "usr/local/cuda-12.4",
      ])
    #expect(facts.toolkits.map(\.version?.value) == ["13.5", "10.2.89", "11.8", "12.4.1"])
    #expect(facts.toolkits.map(\.cuda) == [.init(13, 5), .init(10, 2), .init(11, 8), .init(12, 4)])
    #expect(facts.toolkits.map(\.hasCompiler) == [true, false, false, true])
    #expect(facts.toolkits.map(\.isDefault) == [false, false, false, true])
    let runtime = try #require(facts.components.first)
    #expect(runtime.name == "CUDA runtime")
    #expect(runtime.cuda == CUDAVersion(11, 8))
    #expect(runtime.cudaMajor == 11)
  }

  @Test func forwardCompatibility() throws {
    let json = #"{"Format": 1, "CUDA Version": "12.9", "Driver": [535, 550, 575], "Device": [1, 2]}"#
    var tree = TreeBuilder()
    tree.library(
      "usr/local/cuda-12.9/compat/libcuda.so.575.57.08",
      notes: [ELFNote(owner: "NVIDIA Corporation", type: 0, description: Array(json.utf8) + [0, 0])])
    tree.library(
      "usr/local/cuda-12.2/compat/libcuda.so.535.54.03",
      notes: [ELFNote(owner: "NVIDIA Corporation", type: 0, description: Array("{".utf8))])
    tree.library("usr/local/cuda-12.9/compat/libcuda.so.1")
    tree.library("usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14")
    let packages = tree.facts().compatPackages
    #expect(packages.map(\.driver.value) == ["535.54.03", "575.57.08"])
    #expect(packages.map(\.cuda) == [CUDAVersion(12, 2), CUDAVersion(12, 9)])
    #expect(packages.map { $0.note?.hosts } == [nil, [535, 550, 575]])
  }

  @Test func components() {
    var tree = TreeBuilder()
    tree.library("torch/lib/libcudart-80664282.so.10.2", soname: "libcudart-80664282.so.10.2")
    tree.library("usr/lib/libcudnn.so.9.1.0", soname: "libcudnn.so.9")
    tree.library("usr/lib/libcublas.so.12.4.5.8")
    tree.library("usr/lib/libcublas.so")
    tree.library("usr/lib/libcublasXt.so.12")
    let components = tree.facts().components
    #expect(components.map(\.name) == ["CUDA runtime", "cuBLAS", "cuDNN"])
    #expect(components.map(\.version.value) == ["10.2", "12.4.5.8", "9.1.0"])
    #expect(components.map(\.cudaMajor) == [10, 12, nil])
    #expect(components.map(\.cuda) == [CUDAVersion(10, 2), nil, nil])
  }

  @Test func staticRuntimes() {
    var tree = TreeBuilder()
    tree.library("a/static.so", registersDeviceCode: true, compiler: "12.8")
    tree.library("a/shared.so", needed: ["libcudart-e409450e.so.11.0"], registersDeviceCode: true)
    tree.library("a/none.so")
    // The runtime comes with another library, directly or through a third.
    tree.library("b/libtorch_cuda.so", needed: ["libmiddle.so.1"])
    tree.library("b/libmiddle.so", soname: "libmiddle.so.1", needed: ["libcudart.so.12", "libtorch_cuda.so"])
    tree.library("b/libtorch_cuda_linalg.so", needed: ["libtorch_cuda.so"], registersDeviceCode: true)
    #expect(
      tree.facts().staticRuntimes == [StaticRuntime(path: Path("a/static.so"), toolkit: CUDAVersion(12, 8))])
  }

  @Test func frameworks() throws {
    var tree = TreeBuilder()
    tree.distribution("tensorflow", "2.21.0")
    tree.add(
      """
      build_info = collections.OrderedDict([('cpu_compiler', 'clang'), ('cuda_compute_capabilities', ['sm_60', \
      'sm_70', 'compute_90']), ('cuda_version', '12.5.1'), ('cudnn_version', '9'), ('is_cuda_build', True)])
      """, at: "tensorflow/python/platform/build_info.py")
    tree.distribution("onnxruntime-gpu", "1.31.1")
    tree.add(
      "package_name = 'onnxruntime-gpu'\n__version__ = '1.31.1'\ncuda_version = '13.0'\n",
      at: "onnxruntime/capi/build_and_package_info.py")
    tree.distribution("cupy-cuda12x", "14.2.0")
    tree.distribution("jax-cuda12-plugin", "0.12.0.1")
    tree.distribution("vllm", "0.33.0", requires: ["torch==2.14.0"])
    tree.distribution("xformers", "0.0.35", requires: ["torch>=2.10"])
    tree.add(
      #"{"version": {"cuda": 1208, "torch": "2.10.0+cu128"}, "env": {"TORCH_CUDA_ARCH_LIST": "7.5 8.0+PTX 9.0a"}}"#,
      at: "xformers/cpp_lib.json")
    tree.distribution("torchvision", "0.29.2")
    tree.add("__version__ = '0.29.2+cu132'\n", at: "torchvision/version.py")
    tree.distribution("flash-attn", "2.7.4+cu124torch2.5")
    tree.distribution(
      "flashinfer", "1",
      requires: [
        "nvidia-x-cu12==1; extra == \"a\"", "nvidia-x-cu13==1; extra == \"b\"",
      ])
    tree.distribution("numpy", "2.0")
    let environment = try #require(tree.facts().environments.first)
    let frameworks = Dictionary(uniqueKeysWithValues: environment.frameworks.map { ($0.name, $0) })
    #expect(
      Set(frameworks.keys) == [
        "tensorflow", "onnxruntime-gpu", "cupy-cuda12x", "jax-cuda12-plugin", "vllm", "xformers",
        "torchvision",
        "flash-attn",
      ])
    #expect(frameworks["tensorflow"]?.cuda?.value == CUDAVersion(12, 5))
    #expect(frameworks["tensorflow"]?.cudnn?.value == "9")
    #expect(frameworks["tensorflow"]?.flags?.value.description == "sm_60 sm_70 compute_90")
    #expect(frameworks["onnxruntime-gpu"]?.cuda?.value == CUDAVersion(13, 0))
    #expect(frameworks["cupy-cuda12x"]?.cudaMajor?.value == 12)
    #expect(frameworks["jax-cuda12-plugin"]?.cudaMajor?.value == 12)
    #expect(frameworks["vllm"]?.torch?.value == "2.14.0")
    #expect(frameworks["xformers"]?.cuda?.value == CUDAVersion(12, 8))
    #expect(frameworks["xformers"]?.torch?.value == "2.10.0+cu128")
    #expect(frameworks["xformers"]?.flags?.value.description == "sm_75 sm_80 compute_80 sm_90a")
    #expect(frameworks["torchvision"]?.cuda?.value == CUDAVersion(13, 2))
    #expect(frameworks["flash-attn"]?.cuda?.value == CUDAVersion(12, 4))
  }

  @Test func searchPaths() {
    func missing(_ provided: String, _ dynamic: ELFDynamic, links: [Path: Path] = [:]) -> [String] {
      var tree = TreeBuilder()
      tree.links = links
      tree.distribution("a", "1", in: "app/")
      tree.distribution("b", "1", in: "other/")
      tree.library(provided)
      tree.library("app/lib/user.so", dynamic: dynamic)
      return tree.facts().missing.map(\.soname)
    }
    var dynamic = ELFDynamic()
    dynamic.needed = ["libx.so.1", "libc.so.6", "libcuda.so.1", "libnvidia-ml.so.1"]
    #expect(missing("other/libx.so.1", dynamic) == ["libx.so.1"])
    #expect(missing("other/libx.so.2", dynamic) == ["libx.so.1"])
    #expect(missing("usr/lib/libx.so.1", dynamic) == [])
    // Somewhere in the same environment, or outside of all: loaded before, or by LD_LIBRARY_PATH.
    #expect(missing("app/deep/libx.so.1", dynamic) == [])
    #expect(missing("srv/libx.so.1", dynamic) == [])

    dynamic.rpath = ["$ORIGIN/../../other"]
    #expect(missing("other/libx.so.1", dynamic) == [])
    dynamic.rpath = ["/nowhere:${ORIGIN}/../../other"]
    #expect(missing("other/libx.so.1", dynamic) == [])
    dynamic.rpath = ["$ORIGIN/link"]
    #expect(missing("other/libx.so.1", dynamic, links: [Path("app/lib/link"): Path("../../other")]) == [])
    #expect(missing("other/libx.so.1", dynamic, links: [Path("app/lib/link"): Path("/other")]) == [])
    #expect(missing("other/libx.so.1", dynamic, links: [Path("app/lib/link"): Path("link")]) == ["libx.so.1"])
    dynamic.rpath = ["/other"]
    #expect(missing("other/libx.so.1", dynamic) == [])
    // A library with DT_RUNPATH does not use its DT_RPATH.
    dynamic.runpath = ["$ORIGIN"]
    #expect(missing("other/libx.so.1", dynamic) == ["libx.so.1"])
    dynamic.runpath = ["/../../other"]
    #expect(missing("other/libx.so.1", dynamic) == [])
  }

  @Test func neededPaths() {
    func missing(_ needed: String) -> [String] {
      var tree = TreeBuilder()
      tree.distribution("a", "1", in: "app/")
      tree.library("other/libx.so.1")
      tree.library("app/lib/user.so", needed: [needed])
      return tree.facts().missing.map(\.soname)
    }
    #expect(missing("$ORIGIN/../../other/libx.so.1") == [])
    #expect(missing("/other/libx.so.1") == [])
    #expect(missing("$ORIGIN/libx.so.1") == ["$ORIGIN/libx.so.1"])
  }

  @Test func hostileSearchPaths() {
    var dynamic = ELFDynamic()
    dynamic.needed = (0..<100).map { "lib\($0).so" }
    dynamic.runpath = [String(repeating: "$ORIGIN", count: 100_000), String(repeating: "a:", count: 100_000)]
    var tree = TreeBuilder()
    tree.distribution("a", "1", in: "app/")
    tree.distribution("b", "1", in: "other/")
    for name in dynamic.needed { tree.library("other/\(name)") }
    tree.library("app/user.so", dynamic: dynamic)
    #expect(tree.facts().missing.count == 100)
  }

  @Test func sonamesProvide() {
    var tree = TreeBuilder()
    tree.distribution("a", "1", in: "app/")
    tree.library("app/libx-1.2.3.so", soname: "libx.so.1")
    tree.library("app/user.so", needed: ["libx.so.1"])
    #expect(tree.facts().missing.isEmpty)
  }

  @Test func theOrderOfFilesDoesNotMatter() {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "b/")
    tree.torch("2.5.1+cu124", cuda: "12.4", in: "a/")
    tree.library("a/torch/lib/libtorch_cuda.so", needed: ["libcudart.so.12"])
    tree.library("b/torch/lib/libtorch_cuda.so", needed: ["libcudart.so.12"])
    let facts = tree.facts()
    let reversed = tree.facts(reversed: true)
    #expect(facts.environments == reversed.environments)
    #expect(facts.missing == reversed.missing)
  }

  @Test func arbitraryBytesAreHarmless() {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let count = Int.random(in: 0..<400, using: &generator)
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      var tree = TreeBuilder()
      for name in [
        "a-1.dist-info/METADATA", "a-1.dist-info/RECORD", "torch/version.py", "torch/lib/libtorch_python.so",
        "usr/local/cuda-12.4/version.json", "usr/local/cuda-12.4/version.txt", "xformers/cpp_lib.json",
      ] { tree.add(bytes, at: name) }
      tree.distribution("xformers", "1")
      tree.library(
        "compat/libcuda.so.575.57.08",
        notes: [
          ELFNote(owner: "NVIDIA Corporation", type: 0, description: bytes)
        ])
      let facts = tree.facts()
      #expect(facts.environments.count <= 1)
      #expect(facts.compatPackages.count == 1)
    }
  }
}
