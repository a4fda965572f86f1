import Bytes
import Compatibility
import DeviceCode
public import FixtureSupport
public import Stack

extension CompilerBuilder {
  /// A toolkit's compiler, with what the tables say that it compiles for.
  public init(_ version: String, _ kind: RuntimeCompiler.Kind) {
    guard let cuda = CUDAVersion(version.split(separator: ".").prefix(2).joined(separator: ".")),
      let targets = ToolkitTable.shipped.targets(of: cuda, compiler: kind.rawValue)
    else { fatalError("no table has \(kind) \(version)") }
    self.init(version, targets: targets.map(\.description))
  }

  /// The LLVM of a library.
  public init(llvm targets: [String]) {
    self.init()
    processors = targets
    ptx = [84]
    llvm = "21.0.0git"
  }
}

extension TreeBuilder {
  /// Triton as its wheel is, by the table of its releases.
  public mutating func add(triton version: String, in folder: String = "site/") {
    guard let release = RuntimeTable.shipped.releases(of: "Triton").first(where: { $0.version == version })
    else { fatalError("no table has Triton \(version)") }
    distribution("triton", version, in: folder)
    compiler("\(folder)triton/_C/libtriton.so", CompilerBuilder(llvm: release.llvm.map(\.description)))
    let bin =
      RuntimeTable.isOlder(version, "3.0") ? "triton/third_party/cuda/bin" : "triton/backends/nvidia/bin"
    for assembler in release.assemblers {
      compiler("\(folder)\(bin)/\(assembler.tool)", CompilerBuilder("\(assembler.toolkit).99", .ptxas))
    }
  }

  /// CuPy with the NVRTC that it finds; nil for none.
  public mutating func add(cupy distribution: String, _ version: String, nvrtc: String?) {
    self.distribution(distribution, version, in: "site/")
    if let nvrtc { add(.nvrtc, nvrtc) }
  }

  /// JAX 0.5 for CUDA 12, with LLVM in its plugin, and the assembler that it finds.
  public mutating func addJAX(ptxas: String) {
    distribution("jax-cuda12-plugin", "0.5.0", in: "site/")
    distribution("jax-cuda12-pjrt", "0.5.0", in: "site/")
    compiler(
      "site/jax_plugins/xla_cuda12/xla_cuda_plugin.so",
      CompilerBuilder(llvm: ["80", "90", "90a", "120", "120a"]))
    add(.ptxas, ptxas)
  }

  /// PyTorch whose wheel has NVRTC 11.7 under a name of its own.
  public mutating func add(torchWithNVRTC version: String, cuda: String) {
    torch(version, cuda: cuda, in: "site/")
    compiler("site/torch/lib/libnvrtc-672ee683.so.11.2", CompilerBuilder("11.7.99", .nvrtc))
  }

  /// A compiler of NVIDIA's where its wheel puts it.
  public mutating func add(_ kind: RuntimeCompiler.Kind, _ version: String, in folder: String = "site/") {
    let file =
      switch kind {
      case .nvrtc: "nvidia/cuda_nvrtc/lib/libnvrtc.so.\(version.prefix(2))"
      case .nvvm: "nvidia/cuda_nvcc/nvvm/lib64/libnvvm.so"
      case .nvJitLink: "nvidia/nvjitlink/lib/libnvJitLink.so.\(version.prefix(2))"
      default: "nvidia/cuda_nvcc/bin/ptxas"
      }
    compiler("\(folder)\(file)", CompilerBuilder(version, kind))
  }
}
