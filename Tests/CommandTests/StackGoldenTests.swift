import FixtureSupport
import JSONSchemaSupport
import Testing

/// Whole stacks through the program: what a person reads, and a document that keeps to the schema.
extension GoldenTests {
  private static let site = "usr/lib/python3.10/site-packages/"

  /// `count` modules for the same targets, as `sm_70 compute_70`.
  private func modules(_ targets: String, count: Int = 2, isa: (UInt16, UInt16) = (7, 8))
    -> [FatBinaryBuilder]
  {
    let entries = targets.split(separator: " ").map { name in
      let target = Target(String(name))
      return target.prefix == "compute"
        ? FatBinaryBuilder.Entry.ptx(target, isa: isa) : .cubin(target)
    }
    return Array(repeating: FatBinaryBuilder(entries), count: count)
  }

  /// The golden of the text, and the document of the same scan held to the schema.
  private func expectStack(
    _ name: String, _ arguments: String, in tree: TemporaryTree, status: Int32,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try expectGolden(
      "stack-\(name).txt", "scan \(arguments)", in: tree.path, status: status, sourceLocation: sourceLocation)
    let run = try Program.shell("\"$0\" scan \(arguments) -o json", in: tree.path)
    #expect(try Self.schema.violations(in: run.document()) == [], sourceLocation: sourceLocation)
    let alone = try Program.shell("\"$0\" scan \(arguments) -o json --jobs 1", in: tree.path)
    #expect(run.output == alone.output, sourceLocation: sourceLocation)
  }

  /// An image of CUDA 10.2 with PyTorch from before Ampere, on an A100.
  @Test func oldStackOnAnA100() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.torch(
      "1.12.1+cu102", cuda: "10.2", flags: "sm_37 sm_50 sm_60 sm_70",
      modules: modules("sm_37 sm_50 sm_60 sm_70"),
      needed: ["libcudart-80664282.so.10.2", "libcuda.so.1"], in: "root/" + Self.site)
    try tree.sharedLibrary("torch/lib/libcudart-80664282.so.10.2", in: "root/" + Self.site)
    try tree.imageConfiguration(
      ["CUDA_VERSION=10.2.89", "NVIDIA_REQUIRE_CUDA=cuda>=10.2", "NVIDIA_VISIBLE_DEVICES=all"],
      to: "image.json")
    let question = "root --gpu 'NVIDIA A100-PCIE-40GB' --driver 460.32.03 --image-config image.json"
    try expectStack("old", question, in: tree, status: 1)
    try expectGolden("stack-old.json", "scan \(question) -o json", in: tree.path, status: 1)
    let never = try Program.shell("\"$0\" scan \(question) --fail-on never", in: tree.path)
    #expect(never.status == 0)
  }

  /// The same machine with a newer driver, image and PyTorch; then a driver that is too old for them.
  @Test func mendedStackOnAnA100() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    let site = "root/" + Self.site
    try tree.torch(
      "1.13.1+cu117", cuda: "11.7", flags: "sm_37 sm_50 sm_60 sm_70 sm_75 sm_80 sm_86",
      modules: modules("sm_37 sm_50 sm_60 sm_70 sm_75 sm_80 sm_86"),
      needed: ["libcudart.so.11.0", "libcudnn.so.8"],
      requires: ["nvidia-cuda-runtime-cu11==11.7.99", "nvidia-cudnn-cu11==8.5.0.96"], in: site)
    try tree.distribution("nvidia-cuda-runtime-cu11", "11.7.99", in: site)
    try tree.distribution("nvidia-cudnn-cu11", "8.5.0.96", in: site)
    try tree.sharedLibrary("nvidia/cuda_runtime/lib/libcudart.so.11.0", in: site)
    try tree.sharedLibrary("nvidia/cudnn/lib/libcudnn.so.8", in: site)
    try tree.imageConfiguration(
      ["CUDA_VERSION=11.7.1", "NVIDIA_REQUIRE_CUDA=cuda>=11.7 brand=tesla,driver>=450,driver<451"],
      to: "image.json")
    let question = "root --gpu 'NVIDIA A100-PCIE-40GB' --image-config image.json"
    try expectStack("mended", question + " --driver 525.116.03", in: tree, status: 0)
    try expectStack("mended-old-driver", question + " --driver 418.226.00", in: tree, status: 1)
    try expectStack("mended-no-driver", question, in: tree, status: 0)
    try expectStack("mended-no-gpu", "root --image-config image.json --driver 460.32.03", in: tree, status: 0)
  }

  /// A toolkit of another major version, a missing cuDNN, a second PyTorch, and one without CUDA.
  @Test func mixedStack() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    let (first, second) = (
      "root/opt/a/lib/python3.11/site-packages/", "root/opt/b/lib/python3.12/site-packages/"
    )
    try tree.torch(
      "2.4.1+cu121", cuda: "12.1", modules: modules("sm_80 sm_90"),
      needed: ["libcudart.so.12", "libcudnn.so.9"],
      requires: ["nvidia-cuda-runtime-cu12==12.1.105", "nvidia-cudnn-cu12==9.1.0.70"], in: first)
    try tree.distribution("nvidia-cuda-runtime-cu12", "12.1.105", in: first)
    try tree.sharedLibrary("nvidia/cuda_runtime/lib/libcudart.so.12", in: first)
    try tree.torch("2.5.0+cpu", cuda: nil, in: second)
    try tree.toolkit("11.8.0", in: "root/")
    try expectStack("mixed", "root --gpu H100 --driver 535.54.03", in: tree, status: 1)
    try expectStack("cpu", "root/opt/b --gpu H100", in: tree, status: 1)
  }

  /// Two toolkits side by side, for an H100 and an RTX 3090.
  @Test func twoToolkits() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.torch(
      "2.4.1+cu124", cuda: "12.4", modules: modules("sm_80 sm_86 sm_90"), needed: ["libcudart.so.12"],
      in: "root/" + Self.site)
    try tree.sharedLibrary("torch/lib/libcudart.so.12", in: "root/" + Self.site)
    try tree.toolkit("11.8.0", in: "root/")
    try tree.toolkit("12.4.1", in: "root/")
    try tree.symbolicLink("root/usr/local/cuda", to: "/usr/local/cuda-11.8")
    try expectStack(
      "toolkits", "root --gpu 'H100 NVL' --gpu 'RTX 3090' --driver 570.86.15", in: tree, status: 0)
  }

  /// A build that left a GPU behind.
  @Test func newStackOnAV100() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.torch(
      "2.15.0+cu132", cuda: "13.2", flags: "sm_75 sm_80 sm_90", modules: modules("sm_75 sm_80 sm_90"))
    try expectStack("left-behind", ". --gpu V100 --driver 580.65.06", in: tree, status: 1)
  }

  /// PTX that is newer than the driver, compression that it does not know, and driver libraries in the image.
  @Test func limitsOfADriver() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.torch("2.9.0+cu128", cuda: "12.8", modules: modules("sm_80"), in: "root/")
    try tree.sharedLibrary("ptx/libptx.so", modules: modules("compute_80", isa: (9, 0)), in: "root/")
    try tree.write(
      try #require(fileContents(Self.fixtures + "/compression/nvcc-size.so")), to: "root/zstd/libzstd.so")
    try expectStack("limits", "root --gpu A100 --driver 535.54.03", in: tree, status: 0)
    try expectStack("limits-gone", "root/zstd root/torch --gpu A100 --driver 550.54.14", in: tree, status: 0)
    try tree.sharedLibrary("usr/local/cuda-12.8/compat/libcuda.so.570.86.15", in: "compat/")
    try tree.torch("2.7.0+cu128", cuda: "12.8", modules: modules("sm_80 sm_86"), in: "compat/" + Self.site)
    try expectStack(
      "compat", "compat --gpu 'NVIDIA A100-PCIE-40GB' --gpu 'RTX 3090' --driver 515.65.01", in: tree,
      status: 1)
    let supported = "compat --gpu 'NVIDIA A100-PCIE-40GB' --gpu 'RTX 3090' --driver 535.54.03"
    try expectStack("compat-supported", supported, in: tree, status: 0)
    try expectStack("compat-no-gpu", "compat --driver 515.65.01", in: tree, status: 0)
  }

  /// The configuration of an image is found without being named; what cannot be read is said.
  @Test func images() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    var image = ImageBuilder()
    image.variables = ["CUDA_VERSION=12.8.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.8"]
    try tree.write(image.archive(), to: "new.tar")
    image.variables = ["NVIDIA_REQUIRE_CUDA=cuda>=11.8"]
    image.names = ["app:1"]
    try image.write(to: "saved", in: tree)
    try tree.write(
      Array(#"[{"Config": "../saved/config.json", "Layers": []}]"#.utf8), to: "bad/manifest.json")
    try expectStack("images", "new.tar saved --gpu A100 --driver 535.54.03", in: tree, status: 1)
    try expectGolden("stack-bad-image.txt", "scan bad", in: tree.path, status: 2)
    try expectGolden("stack-no-image.txt", "scan bad --image-config missing.json", in: tree.path, status: 2)
    try tree.imageConfiguration(["NVIDIA_REQUIRE_CUDA=cuda>=11.8"], to: "config.json")
    try tree.directory("empty")
    let piped = try Program.shell(
      "cat config.json | \"$0\" scan empty --driver 450.80.02 --image-config /dev/stdin; exit 0",
      in: tree.path)
    #expect(piped.text.contains("driver and CUDA  ✗"))
  }

  /// PyTorch and torchvision are fine for the newest GPU, one extension is not.
  @Test func extensionLeftBehind() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    func extensionModule(_ kernel: String) -> FatBinaryBuilder {
      var cubin = CubinBuilder("sm_80")
      cubin.kernels = [kernel]
      return FatBinaryBuilder([.cubin("sm_80", payload: cubin.bytes)])
    }
    try tree.torch(
      "2.9.0+cu128", cuda: "12.8", modules: modules("sm_80 sm_90 sm_120"), needed: ["libcudart.so.12"])
    try tree.sharedLibrary("torch/lib/libcudart.so.12")
    try tree.distribution(
      "torchvision", "0.24.0+cu128", requires: ["torch==2.9.0"], files: ["torchvision/_C.so"])
    try tree.sharedLibrary("torchvision/_C.so", modules: modules("sm_80 sm_90 sm_120", count: 1))
    try tree.distribution("flash-ops", "1.0", files: ["flash_ops/_C.so"])
    try tree.sharedLibrary(
      "flash_ops/_C.so",
      modules: [extensionModule("_Z9flash_fwdPfi"), extensionModule("_Z9flash_bwdPfi")])
    try expectStack("extension", ". --gpu sm_120 --driver 570.86.15", in: tree, status: 0)
  }

  /// There is no driver where the tests run, or there is one and it answers.
  @Test func thisMachine() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    for question in ["--gpu auto", "--gpu A100 --driver auto"] {
      let run = try Program.shell("\"$0\" scan . \(question)", in: tree.path)
      if run.status == 2 {
        #expect(run.messages.contains("NVIDIA driver"))
        #expect(run.output == [])
      } else {
        #expect(run.status == 0)
      }
    }
  }
}
