import Bytes
import FixtureSupport
import Stack
import StackFixtures
import Testing

/// What is said of environments that compile device code at run time: those that people have trouble with, and after each one
/// that is fine.
extension GoldenTests {
  private func expectRunTime(
    _ name: String, _ gpus: String, sick: TreeBuilder, healthy: TreeBuilder,
    driver: (sick: String, healthy: String)? = nil
  ) throws {
    let tree = try TemporaryTree()
    for (folder, builder) in ["sick": sick, "healthy": healthy] {
      for (path, bytes) in builder.files where !bytes.isEmpty {
        try tree.write(bytes, to: "\(folder)/\(path.text)")
      }
      // PyTorch's own code, which its builder only names.
      if builder.files.keys.contains(where: { $0.text.hasSuffix("torch/version.py") }) {
        try tree.library("\(folder)/site/torch/lib/libtorch_cuda.so", "sm_80 sm_86", "sm_80 sm_86")
      }
    }
    let drivers = driver.map { (" --driver \($0.sick)", " --driver \($0.healthy)") } ?? ("", "")
    try expectGolden(
      "run-time-\(name).txt", "scan sick \(gpus)\(drivers.0); \"$0\" scan healthy \(gpus)\(drivers.1)",
      in: tree.path)
  }

  @Test func triton21OnAnRTX5090() throws {
    var (sick, healthy) = (TreeBuilder(), TreeBuilder())
    sick.add(triton: "2.1.0")
    healthy.add(triton: "3.3.1")
    try expectRunTime("triton-2.1", "--gpu 'RTX 5090'", sick: sick, healthy: healthy)
  }

  @Test func triton33OnGB10AndB300() throws {
    var (sick, healthy) = (TreeBuilder(), TreeBuilder())
    sick.add(triton: "3.3.1")
    healthy.add(triton: "3.6.0")
    try expectRunTime("triton-3.3", "--gpu GB10 --gpu B300", sick: sick, healthy: healthy)
  }

  private func cupy(_ distribution: String, _ version: String, nvrtc: String) -> TreeBuilder {
    var tree = TreeBuilder()
    tree.add(cupy: distribution, version, nvrtc: nvrtc)
    return tree
  }

  @Test func cupyOnAnRTX5080() throws {
    try expectRunTime(
      "cupy-nvrtc-12.6", "--gpu 'RTX 5080'", sick: cupy("cupy-cuda12x", "13.4.1", nvrtc: "12.6.77"),
      healthy: cupy("cupy-cuda12x", "13.4.1", nvrtc: "12.8.93"))
  }

  @Test func cupyWithNVRTC13OnAGTX1080() throws {
    try expectRunTime(
      "cupy-nvrtc-13", "--gpu 'GTX 1080'", sick: cupy("cupy-cuda13x", "14.0.0", nvrtc: "13.0.88"),
      healthy: cupy("cupy-cuda12x", "14.0.0", nvrtc: "12.9.86"))
  }

  @Test func jaxWithAnOldAssembler() throws {
    func jax(_ ptxas: String) -> TreeBuilder {
      var tree = TreeBuilder()
      tree.addJAX(ptxas: ptxas)
      return tree
    }
    try expectRunTime("jax", "--gpu 'RTX 5090'", sick: jax("12.1.105"), healthy: jax("12.8.93"))
  }

  @Test func nvrtcOfTorch() throws {
    func torch(_ version: String, cuda: String) -> TreeBuilder {
      var tree = TreeBuilder()
      tree.add(torchWithNVRTC: version, cuda: cuda)
      return tree
    }
    try expectRunTime(
      "torch-1.12", "--gpu 'RTX 3090' --gpu 'RTX 4090'", sick: torch("1.12.1+cu116", cuda: "11.6"),
      healthy: torch("2.0.1+cu117", cuda: "11.7"))
  }

  @Test func numbaWithNVVMNewerThanTheDriver() throws {
    var tree = TreeBuilder()
    tree.distribution("numba", "0.60.0", in: "site/")
    tree.add(.nvvm, "12.5.82")
    try expectRunTime(
      "numba", "--gpu T4", sick: tree, healthy: tree, driver: ("550.54.15", "555.42.02"))
  }

  @Test func kernelCaches() throws {
    let tree = try TemporaryTree()
    for (name, target) in ["A2": "sm_80", "B3": "sm_90a"] as [String: Target] {
      let hash = String(repeating: name, count: 26)
      try tree.write(CubinBuilder(target).bytes, to: "image/root/.triton/cache/\(hash)/add.cubin")
    }
    try tree.library("image/opt/app/libapp.so", "sm_80 sm_90", "sm_80 sm_90")
    try expectGolden(
      "run-time-caches.txt",
      "scan image --gpu A100 --gpu H100; \"$0\" scan image/root --gpu A100 --gpu 'RTX 5090'", in: tree.path,
      status: 1)
  }
}
