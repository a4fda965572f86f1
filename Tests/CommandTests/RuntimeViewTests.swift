import Bytes
import FixtureSupport
import JSONSchemaSupport
import Stack
import StackFixtures
import Testing

/// What compiles at run time is found and judged alike wherever an environment lies.
struct RuntimeViewTests {
  private static let sitePackages = "lib/python3.12/site-packages/"
  /// A framework with a compiler of NVIDIA's that does not know all the GPUs that are asked about, or writes what the driver
  /// does not load.
  private func stack(_ name: String) -> TreeBuilder {
    var stack = TreeBuilder()
    func add(
      _ framework: (String, String), _ compiler: (String, String), _ kind: RuntimeCompiler.Kind
    ) {
      stack.distribution(framework.0, framework.1)
      stack.distribution(compiler.0, compiler.1)
      stack.add(kind, compiler.1, in: "")
      // NVRTC loads it by its name.
      if kind == .nvrtc {
        stack.add(ELFBuilder().bytes, at: "nvidia/cuda_nvrtc/lib/libnvrtc-builtins.so.12.6")
      }
    }
    switch name {
    case "CuPy": add(("cupy-cuda12x", "13.4.1"), ("nvidia-cuda-nvrtc-cu12", "12.6.77"), .nvrtc)
    case "JAX": add(("jax-cuda12-plugin", "0.5.3"), ("nvidia-cuda-nvcc-cu12", "12.1.105"), .ptxas)
    case "Numba": add(("numba", "0.60.0"), ("nvidia-cuda-nvcc-cu12", "12.6.85"), .nvvm)
    default: stack.add(triton: "3.3.1", in: "")
    }
    return stack
  }

  /// What is said, without the places.
  private struct Answer: Equatable {
    var answers: [JSONValue?]
    var checks: [JSONValue]
    var compilers: [JSONValue]
    var frameworks: [JSONValue]
  }

  private func answer(of path: String) throws -> Answer {
    let run = try Program.run(
      "scan", path, "--gpu", "GB10", "--gpu", "RTX 5080", "--gpu", "H100", "--driver", "570.86.16", "-o",
      "json")
    let document = try run.document()
    let view = try #require(document["views"]?.elements?.first, "\(path): \(run.messages)")
    #expect(view["problems"]?.elements?.isEmpty == true, "\(path)")
    let stack = view["stack"]
    let facts = stack?["facts"]
    let checks = stack?["checks"]?.elements ?? []
    let isRuntime = { (check: JSONValue) in check["id"] == .string("runtimeCode") }
    return Answer(
      answers: (view["answers"]?.elements ?? []).map { $0["answer"] },
      checks: checks.filter(isRuntime).map { $0.without("environment", "evidence") },
      compilers: (facts?["compilers"]?.elements ?? []).map { $0.without("place") },
      frameworks: (facts?["runtimeFrameworks"]?.elements ?? []).map { $0.without("environment") })
  }

  @Test(arguments: ["CuPy", "JAX", "Numba", "Triton"]) func everyForm(_ name: String) throws {
    let stack = stack(name)
    let tree = try TemporaryTree()
    // The folder of the packages, a virtual environment, a conda prefix, and a root file system.
    let folders = ["site-packages": "", "venv": Self.sitePackages, "conda": Self.sitePackages]
    for (folder, below) in folders {
      for (path, bytes) in stack.files { try tree.write(bytes, to: "\(folder)/\(below)\(path.text)") }
    }
    try tree.write(Array("home = /usr/bin\n".utf8), to: "venv/pyvenv.cfg")
    try tree.write(
      Array(#"{"name":"python","version":"3.12.1","build":"0","files":["bin/python3.12"]}"#.utf8),
      to: "conda/conda-meta/python-3.12.1-0.json")

    // A conda prefix whose compiler is a package of conda's.
    var forms = ["venv", "conda", "wheels", "root", "image.tar"]
    if name == "CuPy" {
      forms.append("conda-forge")
      for (path, bytes) in stack.files where !path.text.hasPrefix("nvidia_") {
        let isCompiler = path.text.hasPrefix("nvidia/")
        try tree.write(
          bytes,
          to: "conda-forge/" + (isCompiler ? "lib/\(path.lastComponent)" : Self.sitePackages + path.text))
      }
      try tree.write(
        Array(#"{"name":"cuda-nvrtc","version":"12.6.77","build":"0","files":["lib/libnvrtc.so.12"]}"#.utf8),
        to: "conda-forge/conda-meta/cuda-nvrtc-12.6.77-0.json")
    }

    // One wheel for each distribution, with the files of its folders.
    for (path, metadata) in stack.files where path.text.hasSuffix(".dist-info/METADATA") {
      let distribution = path.text.split(separator: "-")[0]
      let folder = distribution.hasPrefix("nvidia") ? "nvidia/" : "\(distribution)/"
      var wheel = WheelBuilder()
      wheel.add(metadata, to: path.text)
      wheel.add(Array("Wheel-Version: 1.0\n".utf8), to: path.text.replacing("METADATA", with: "WHEEL"))
      for (file, bytes) in stack.files where file.text.hasPrefix(folder) { wheel.add(bytes, to: file.text) }
      try tree.write(wheel.bytes, to: "wheels/\(distribution)-1-py3-none-any.whl")
    }

    // An image: the system below, the packages in two layers.
    var (system, packages, rest) = (TarBuilder(), TarBuilder(), TarBuilder())
    system.add(Array("ID=debian\nVERSION_ID=\"12\"\n".utf8), to: "etc/os-release")
    for (path, bytes) in stack.files {
      let place = "opt/venv/\(Self.sitePackages)\(path.text)"
      if path.text.hasSuffix("METADATA") {
        rest.add(bytes, to: place)
      } else {
        packages.add(bytes, to: place)
      }
      try tree.write(bytes, to: "root/\(place)")
    }
    try tree.write(Array("ID=debian\nVERSION_ID=\"12\"\n".utf8), to: "root/etc/os-release")
    var image = ImageBuilder()
    image.layers = [("system", system), ("packages", packages), ("records", rest)]
    try tree.write(image.archive(), to: "image.tar")

    let expected = try answer(of: tree("site-packages"))
    #expect(!expected.checks.isEmpty && !expected.compilers.isEmpty && expected.frameworks.count == 1)
    #expect(expected.answers.contains(.string("no")))
    for form in forms {
      let other = try answer(of: tree(form))
      #expect(other == expected, "\(form)")
    }
  }
}
