import Bytes
import Compatibility
import DeviceCode
import FuzzSupport
import Stack
import StackFixtures

/// Stacks at random: packages whose files hold code of random targets and roles, PyTorch or not, libraries of NVIDIA's,
/// requirements, alternatives, missing libraries, images with conditions, drivers in images.
struct GeneratedStack {
  struct Image: CustomStringConvertible {
    var name: String
    var isa: PTXISAVersion?
    var isZstd: Bool
    /// Bytes.
    var size: UInt64 = 1000

    var description: String { name + (isa.map { "@\($0)" } ?? "") + (isZstd ? "/zstd" : "") }
  }

  struct ModuleDraft {
    var images: [Image]
    var place: Module.Place
    var kernels: [String]?
  }

  struct FileDraft {
    var path: String
    var modules: [ModuleDraft]
    var needed: [String]
    var alias: String?

    var isCubin: Bool { path.hasSuffix(".cubin") }
  }

  var tree = TreeBuilder()
  var files: [FileDraft] = []
  var kind = View.Kind.directory
  var devices: [Device] = []

  init(_ generator: inout SeededGenerator) {
    kind = View.Kind.allCases.randomElement(using: &generator) ?? .directory
    let count = generator.chance(5) ? 2 : 1
    for index in 0..<count { addEnvironment(index == 0 ? "site/" : "opt/other/site-packages/", &generator) }
    if generator.chance(3) { addFile("opt/app/lib/libapp.so", &generator) }
    if generator.chance(8) {
      for name in ["1.cubin", "2.cubin", "3.cubin"] { addFile("opt/kernels/\(name)", &generator) }
    }
    if kind == .file { files = Array(files.prefix(1)) }
    if kind.isSystem || generator.chance(6) { tree.links["etc/os-release"] = "../usr/lib/os-release" }
    if generator.chance(4) || kind == .image { addImage(&generator) }
    if generator.chance(6) {
      let release = ["570.86.15", "580.65.06", "550.54.14"].randomElement(using: &generator) ?? ""
      tree.library("usr/local/cuda-12.8/compat/libcuda.so.\(release)")
    }
    if generator.chance(6) {
      tree.add("CUDA Version 11.8.89\n", at: "usr/local/cuda-11.8/version.txt")
      tree.add("x", at: "usr/local/cuda-11.8/bin/nvcc")
    }
    if generator.chance(10) {
      tree.add("# R39 (release), REVISION: 2.0, GCID: 1\n", at: "etc/nv_tegra_release")
    }
    for file in files {
      tree.library(
        file.path, soname: nil, needed: file.needed,
        registersDeviceCode: generator.chance(2), compiler: generator.chance(3) ? "12.8" : nil)
      if let alias = file.alias { tree.library(alias, needed: file.needed) }
    }
    let drivers: [DriverVersion?] = Self.drivers
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      guard let gpu = GPUCatalogue.shipped.gpus.randomElement(using: &generator),
        let computeCapability = gpu.computeCapabilities.randomElement(using: &generator)
      else { continue }
      devices.append(
        Device(
          computeCapability, name: generator.chance(4) ? nil : gpu.name,
          driver: (generator.chance(3) ? [] : drivers).randomElement(using: &generator) ?? nil))
    }
  }

  private static let drivers: [DriverVersion] = [
    "418.226.00", "450.80.02", "460.32.03", "470.57.02", "525.60.13", "535.54.03", "550.54.14", "570.86.15",
    "580.65.06", "590.44.01", "595.78", "700.10", "R535", "R580", "12.2", "13.2", "11.4",
  ].compactMap { DriverVersion($0) }

  private mutating func addImage(_ generator: inout SeededGenerator) {
    let requirements = [
      "cuda>=10.2", "cuda>=11.8 brand=tesla,driver>=450,driver<451", "cuda>=12.8", "brand=tesla",
      "cuda>=13.0",
      "arch>=8.0",
    ]
    var environment = ["NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"]
    if !generator.chance(3) {
      environment["NVIDIA_REQUIRE_CUDA"] = requirements.randomElement(using: &generator)
    }
    if generator.chance(10) { environment["NVIDIA_DRIVER_CAPABILITIES"] = "video" }
    if generator.chance(10) { environment["NVIDIA_DISABLE_REQUIRE"] = "1" }
    tree.images = [ImageConfiguration(environment: environment)]
  }

  private mutating func addEnvironment(_ folder: String, _ generator: inout SeededGenerator) {
    let names = [
      "my-ops", "vllm", "xformers", "bits", "flash", "nvidia-cudnn-cu12", "nvidia-cublas-cu12",
      "nvidia-cusparselt-cu12",
    ]
    let chosen = names.shuffled(using: &generator).prefix(Int.random(in: 0...4, using: &generator))
    let nvidias = chosen.filter { $0.hasPrefix("nvidia-") }
    if generator.chance(2) {
      let builds: [(String, String?)] = [
        ("1.12.1+cu102", "10.2"), ("2.4.1+cu121", "12.1"), ("2.9.0+cu128", "12.8"), ("2.9.0+cu130", "13.0"),
        ("2.15.0+cu132", "13.2"), ("2.4.1+cpu", nil),
      ]
      let (version, cuda) = builds.randomElement(using: &generator) ?? builds[0]
      let flags = generator.chance(3) ? "sm_80 sm_90" : nil
      tree.torch(
        version, cuda: cuda, flags: flags,
        requires: generator.chance(2) ? nvidias.map { "\($0)==1.0" } : [], in: folder)
      if cuda != nil, !generator.chance(6) {
        addFile("\(folder)torch/lib/libtorch_cuda.so", &generator)
        if generator.chance(3) { addFile("\(folder)torch/lib/libtorch_cuda_linalg.so", &generator) }
        if generator.chance(5) { addFile("\(folder)torch/lib/libcudnn_ops.so.9", &generator) }
      }
    }
    for name in chosen {
      var requires: [String] = []
      if generator.chance(2) { requires.append("torch") }
      if generator.chance(3), let other = chosen.randomElement(using: &generator) { requires.append(other) }
      if generator.chance(8) { requires.append("vllm; extra == 'more'") }
      tree.distribution(name, "1.0", requires: requires, in: folder)
      let start = files.count
      for file in Self.files(of: name, &generator) { addFile(folder + file, &generator) }
      let own = files[start...].map { "\($0.path.dropFirst(folder.count)),,\n" }.joined()
      tree.add(own, at: "\(folder)\(name.replacing("-", with: "_"))-1.0.dist-info/RECORD")
    }
    addCompilers(folder, &generator)
    if generator.chance(4) { addFile("\(folder)loose/x.so", &generator) }
    if generator.chance(2) {
      for soname in ["libcudart.so.12", "libcudnn.so.9"] where !generator.chance(4) {
        tree.library("\(folder)nvidia/lib/\(soname)", soname: soname)
      }
    }
  }

  /// What compiles at run time, with compilers of any release, or without.
  private mutating func addCompilers(_ folder: String, _ generator: inout SeededGenerator) {
    if generator.chance(4), let release = RuntimeTable.shipped.releases.randomElement(using: &generator) {
      // What the tables have can be built.
      tree.add(triton: release.version, in: folder)
    }
    let frameworks = [
      ("cupy-cuda12x", "13.4.1"), ("cupy-cuda13x", "14.0.0"), ("numba", "0.60.0"), ("numba-cuda", "0.15.0"),
      ("jax-cuda12-plugin", "0.5.0"), ("openmm", "8.1"), ("flashinfer-python", "0.6.18"),
      ("pycuda", "2024.1"),
    ]
    for (name, version) in frameworks where generator.chance(12) {
      tree.distribution(name, version, in: folder)
    }
    let kinds: [RuntimeCompiler.Kind] = [.nvrtc, .nvvm, .nvJitLink, .ptxas]
    for kind in kinds where generator.chance(4) {
      let toolkit = ToolkitTable.shipped.compilers.map(\.toolkit).randomElement(using: &generator)
      if let toolkit, ToolkitTable.shipped.targets(of: toolkit, compiler: kind.rawValue) != nil {
        tree.add(kind, "\(toolkit).1", in: folder)
      }
    }
  }

  private static func files(of name: String, _ generator: inout SeededGenerator) -> [String] {
    switch name {
    case "nvidia-cudnn-cu12":
      return ["ops", "cnn", "adv"].prefix(Int.random(in: 1...3, using: &generator)).map {
        "nvidia/cudnn/lib/libcudnn_\($0).so.9"
      }
    case "nvidia-cublas-cu12": return ["nvidia/cublas/lib/libcublas.so.12"]
    case "nvidia-cusparselt-cu12": return ["nvidia/cusparselt/lib/libcusparseLt.so.0"]
    case "bits": return ["118", "124", "128", "130"].map { "bits/lib_cuda\($0).so" }
    case "flash" where generator.chance(2):
      return ["sm80", "sm90", "sm120"].map { "flash/\($0)/ops.so" }
    case "xformers" where generator.chance(2): return ["a", "b", "c"].map { "xformers/\($0).cubin" }
    default:
      let folder = name.replacing("-", with: "_")
      return (0..<Int.random(in: 1...3, using: &generator)).map { "\(folder)/_C\($0).so" }
    }
  }

  static let targets = [
    "sm_50", "sm_70", "sm_75", "sm_80", "sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "sm_90", "sm_90a",
    "sm_100", "sm_100a", "sm_100f", "sm_101", "sm_120", "compute_50", "compute_80", "compute_90",
    "compute_90a", "compute_120", "lto_80",
  ]

  static func image(_ generator: inout SeededGenerator) -> Image {
    let name = targets.randomElement(using: &generator) ?? "sm_80"
    let versions = [PTXISAVersion(7, 0), PTXISAVersion(8, 5), PTXISAVersion(9, 0), PTXISAVersion(9, 9)]
    let isa = name.hasPrefix("compute") ? (versions + [nil]).randomElement(using: &generator) ?? nil : nil
    return Image(name: name, isa: isa, isZstd: generator.chance(6))
  }

  private mutating func addFile(_ path: String, _ generator: inout SeededGenerator) {
    var file = FileDraft(path: path, modules: [], needed: [])
    if file.isCubin {
      let target =
        ["sm_80", "sm_90", "sm_90a", "sm_100", "sm_120"].randomElement(using: &generator) ?? "sm_80"
      file.modules = [ModuleDraft(images: [Image(name: target, isZstd: false)], place: .standalone)]
    } else {
      // Most files are made of modules with the same targets.
      let usual = (0..<Int.random(in: 1...4, using: &generator)).map { _ in Self.image(&generator) }
      let others = (0..<Int.random(in: 0...2, using: &generator)).map { _ in Self.image(&generator) }
      let named = generator.chance(2)
      for _ in 0..<Int.random(in: 0...14, using: &generator) {
        let isOther = generator.chance(6)
        let place: [Module.Place] = [
          .registered, .registered, .registered, .registered, .embedded, .relocatable,
        ]
        let kernels = ["sm90_a", "hopper_b", "ampere_c", "turing_d", "gemm", "copy", "_Z3addIfEvv"]
        file.modules.append(
          ModuleDraft(
            images: isOther ? others : usual, place: place.randomElement(using: &generator) ?? .registered,
            kernels: named
              ? Array(kernels.shuffled(using: &generator).prefix(Int.random(in: 0...2, using: &generator)))
              : nil))
      }
    }
    let libraries = ["libcudart.so.12", "libcudnn.so.9", "libcuda.so.1", "libnvinfer.so.10"]
    if generator.chance(3) {
      file.needed = Array(
        libraries.shuffled(using: &generator).prefix(Int.random(in: 1...2, using: &generator)))
    }
    if generator.chance(12) { file.alias = path.replacing(".so", with: "_copy.so") }
    files.append(file)
  }

  /// The view, with the files, and what facts are made of, in another order where that is asked for.
  func view(isReversed: Bool = false) -> View {
    var view = View(kind: kind, paths: ["root"])
    view.stack = tree.facts(reversed: isReversed)
    view.files = files.map { codeFile($0) }.sorted { isReversed ? $1.path < $0.path : $0.path < $1.path }
    return view
  }

  private func codeFile(_ draft: FileDraft) -> CodeFile {
    var inventory = Inventory()
    var names = KernelNames()
    for (index, module) in draft.modules.enumerated() {
      let start = inventory.images.count
      for image in module.images {
        guard let target = CodeTarget(image.name) else { fatalError("no target: \(image.name)") }
        let kind: ImageKind =
          image.name.hasPrefix("compute") ? .ptx : image.name.hasPrefix("lto") ? .ltoIR : .cubin
        inventory.images.append(
          DeviceImage(
            index: inventory.images.count, module: index, kind: kind, target: target,
            size: image.size, compression: image.isZstd ? .zstd : .none, ptxISA: image.isa))
      }
      inventory.modules.append(
        Module(index: index, place: module.place, images: start..<inventory.images.count))
      if let kernels = module.kernels { names.add(kernels, ofModule: index) }
    }
    return CodeFile(
      path: Path(draft.path), aliases: draft.alias.map { [Path($0)] } ?? [],
      format: draft.isCubin ? .cubin : .elf, unit: CodeUnit(inventory), kernels: names)
  }
}

extension SeededGenerator {
  /// True in one of `count` cases.
  mutating func chance(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}
