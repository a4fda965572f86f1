import Archives
import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import Stack
import Testing

@testable import Scan

/// The views of a scan: what is one installation, and what is in it.
struct ViewTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func facts(_ paths: [Path], jobs: Int = 2) -> Facts {
    Scan.Scanner(jobs: jobs).scan(paths).facts(for: .devices([Device(.init(8, 0))]), by: .shipped, jobs: jobs)
  }

  private func facts(_ names: String..., jobs: Int = 2) -> Facts {
    facts(names.map { Path(tree($0)) }, jobs: jobs)
  }

  private func addTorch(
    _ version: String = "2.4.1+cu121", targets: Target = "sm_80", in folder: String
  ) throws {
    try tree.torch(
      version, cuda: "12.1", flags: "\(targets.prefix)_\(targets.number)",
      modules: [FatBinaryBuilder([.cubin(targets)])],
      needed: ["libcudart.so.12"], in: folder)
  }

  @Test func factsDoNotDependOnThreads() throws {
    try addTorch(in: "root/a/")
    try addTorch(in: "root/b/")
    try tree.sharedLibrary("root/usr/lib/libcudart.so.12.1.105")
    try tree.symbolicLink("root/usr/lib/libcudart.so.12", to: "libcudart.so.12.1.105")
    try tree.toolkit("12.4.1", in: "root/")
    try tree.symbolicLink("root/usr/local/cuda", to: "/usr/local/cuda-12.4")
    let one = facts("root", jobs: 1)
    let view = try #require(one.views.first)
    #expect(one.views.count == 1 && view.kind == .rootFileSystem)
    #expect(view.stack.environments.map(\.folder) == [Path("a"), Path("b")])
    #expect(view.stack.torches.map(\.flags?.value.description) == ["sm_80", "sm_80"])
    #expect(view.stack.components.map(\.path) == [Path("usr/lib/libcudart.so.12.1.105")])
    #expect(view.stack.missing == [])
    #expect(view.stack.toolkits.map(\.isDefault) == [true])
    #expect(view.problems == [])
    for jobs in [2, 7] {
      let other = try #require(facts("root", jobs: jobs).views.first)
      #expect(other.stack.environments == view.stack.environments)
      #expect(other.stack.components == view.stack.components)
      #expect(other.stack.toolkits == view.stack.toolkits)
      #expect(other.files.map(\.path) == view.files.map(\.path))
      #expect(other.files.map(\.aliases) == view.files.map(\.aliases))
    }
  }

  /// Facts for all devices say which file it was, to the byte; those for some devices do not cost that much.
  @Test func digests() throws {
    let (first, second) = ([UInt8](0..<20), [UInt8](20..<40))
    let bytes = try [first, second].enumerated().map { index, id in
      var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder(index == 0 ? "sm_80" : "sm_90")])
      (elf.note, elf.noteType) = (("GNU", id), 3)
      try tree.write(elf.bytes, to: "lib/\(index).so")
      return elf.bytes
    }
    let files = try #require(
      Scan.Scanner(jobs: 2).scan([Path(tree("lib"))]).facts(for: .everything, by: .shipped, jobs: 2).views
        .first
    ).files
    #expect(files.map(\.digest) == (try bytes.map { try SHA256.digest(of: MemoryBytes($0)) }))
    #expect(files.map(\.buildID) == [first, second])
    #expect(facts("lib").views.first?.files.map(\.digest) == [nil, nil])
  }

  /// A copy in the second environment is another name of the file.
  @Test func copiesAreOneFile() throws {
    try addTorch(in: "root/a/")
    try addTorch(in: "root/b/")
    let view = try #require(facts("root").views.first)
    #expect(view.files.map(\.path) == [Path("a/torch/lib/libtorch_cuda.so")])
    #expect(view.files.map(\.aliases) == [[Path("b/torch/lib/libtorch_cuda.so")]])
  }

  /// A file that lies in two views is in both, under its path in each.
  @Test func aFileOfTwoViews() throws {
    try addTorch(in: "a/")
    try addTorch(in: "b/")
    let views = facts("a", "b/torch", "b/torch/lib/libtorch_cuda.so").views
    #expect(views.map(\.kind) == [.directory, .directory, .file])
    #expect(
      views.map { $0.files.map(\.path) } == [
        [Path("torch/lib/libtorch_cuda.so")], [Path("lib/libtorch_cuda.so")], [Path("libtorch_cuda.so")],
      ])
    #expect(views.allSatisfy { $0.files.allSatisfy(\.aliases.isEmpty) })
    #expect(views.map(\.stack.torches.count) == [1, 0, 0])
  }

  /// What is wrong with a file is told in every view that has it.
  @Test func problemsOfAFileOfTwoViews() throws {
    var cubin = FatBinaryBuilder([.cubin("sm_80"), .cubin("sm_90")]).bytes
    cubin.removeLast(8)
    for folder in ["a", "b"] {
      var elf = ELFBuilder()
      elf.append(cubin, to: ".nv_fatbin")
      try tree.write(elf.bytes, to: "\(folder)/x.so")
    }
    let views = facts("a", "b").views
    #expect(views.map { $0.problems.isEmpty } == [false, false])
    #expect(views[0].problems == views[1].problems)
    #expect(views[0].problems.allSatisfy { $0.path == Path("x.so") })
  }

  /// Two folders are two installations: what one has is no help to the other, and however they are named, none is taken
  /// for the other.
  @Test func foldersAreApart() throws {
    try addTorch("1.13.1+cu117", targets: "sm_70", in: "env/")
    try addTorch("2.4.1+cu121", targets: "sm_80", in: "here/env/")
    try tree.sharedLibrary("cuda/lib64/libcudart.so.12")
    let expected = ["1.13.1+cu117", "2.4.1+cu121"]
    func check(_ paths: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
      for reversed in [false, true] {
        let (names, versions) = reversed ? (paths.reversed(), expected.reversed()) : (paths, expected)
        let views = facts(names.map { Path($0) }).views
        #expect(
          views.map { $0.stack.torches.map(\.version.value) } == versions.map { [$0] },
          sourceLocation: sourceLocation)
        #expect(
          views.map { $0.files.flatMap(\.unit.targets).map(\.targetName) }
            == versions.map { $0.hasPrefix("1") ? ["sm_70"] : ["sm_80"] }, sourceLocation: sourceLocation)
        #expect(
          views.allSatisfy { $0.files.map(\.path) == [Path("torch/lib/libtorch_cuda.so")] },
          sourceLocation: sourceLocation)
      }
    }
    let here = tree("here")
    try check(["\(here)/../env", "\(here)/env"])
    try check(["\(here)/../env", "\(here)/./env/"])
    // Relative and absolute names that look alike: `/env` and `env`.
    let relative = String(repeating: "../", count: 40)
    try check([relative + String(tree("env").dropFirst()), tree("here/env")])
    try check([tree("env"), relative + String(tree("here/env").dropFirst())])
    let apart = facts("here/env", "cuda").views
    #expect(apart.map { $0.stack.missing.map(\.soname) } == [["libcudart.so.12"], []])
  }

  /// The same folder under two names is two views that say the same.
  @Test func theSameFolderTwice() throws {
    try addTorch(in: "env/")
    #expect(facts("env", "env").views.count == 1)
    let views = facts("env", "./env").views
    #expect(views.count == 2)
    #expect(views.map { $0.files.map(\.path) }.allSatisfy { $0 == [Path("torch/lib/libtorch_cuda.so")] })
    #expect(views.map { $0.stack.torches.map(\.version.value) }.allSatisfy { $0 == ["2.4.1+cu121"] })
  }

  /// An archive with several images: each has its own files, packages and configuration.
  @Test func imagesOfOneArchive() throws {
    func image(_ name: String, _ version: String, cuda: String?, _ targets: Target?) -> (
      ImageBuilder, String
    ) {
      var layer = TarBuilder()
      let site = "usr/lib/python3.12/site-packages/"
      layer.add(
        Array("Name: torch\nVersion: \(version.prefix { $0 != "+" })\n".utf8),
        to: site + "torch-\(version.prefix { $0 != "+" }).dist-info/METADATA")
      layer.add(
        Array("__version__ = '\(version)'\ncuda = \(cuda.map { "'\($0)'" } ?? "None")\n".utf8),
        to: site + "torch/version.py")
      if let targets {
        layer.add(
          ELFBuilder(fatBinaries: [FatBinaryBuilder([.cubin(targets)])]).bytes,
          to: site + "torch/lib/libtorch_cuda.so")
      }
      var image = ImageBuilder()
      image.names = [name]
      image.variables = ["CUDA_WHO=\(name)"]
      image.layers = [("RUN \(name)", layer)]
      return (image, name)
    }
    let images = [
      image("with:1", "2.4.1+cu121", cuda: "12.1", "sm_80"),
      image("without:1", "2.5.0+cpu", cuda: nil, nil),
      image("newer:1", "2.9.0+cu128", cuda: "12.8", "sm_120"),
    ]
    try tree.write(ImageBuilder.archive(of: images.map(\.0)), to: "images.tar")
    let views = facts("images.tar").views
    #expect(views.map(\.kind) == [.image, .image, .image])
    #expect(views.map(\.label) == images.map(\.1))
    #expect(
      views.map { $0.stack.torches.map(\.version.value) } == [
        ["2.4.1+cu121"], ["2.5.0+cpu"], ["2.9.0+cu128"],
      ]
    )
    #expect(
      views.map { $0.files.flatMap(\.unit.targets).map(\.targetName) } == [["sm_80"], [], ["sm_120"]])
    #expect(views.map { $0.stack.images.map(\.environment) } == images.map { [["CUDA_WHO": $0.1]] })
    #expect(views.map { $0.image?.layers.map(\.createdBy) } == images.map { ["RUN \($0.1)"] })
  }

  @Test func whatCannotBeReadIsAProblem() throws {
    try tree.write(Array("Name: torch\n\n".utf8), to: "root/torch-1.0.dist-info/METADATA")
    let view = try #require(facts("root").views.first)
    #expect(view.problems.map(\.path) == [Path("torch-1.0.dist-info/METADATA")])
    #expect(view.problems.map(\.problem.code) == [.invalidValue])
  }

  /// A folder of packages holds nothing else, mostly, and is no installation of its own then.
  @Test func foldersWithoutAnything() throws {
    var wheel = WheelBuilder(distribution: "x", "1")
    wheel.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes, to: "x/a.so")
    try tree.write(wheel.bytes, to: "wheels/x.whl")
    #expect(facts("wheels").views.map(\.kind) == [.wheel])
    try tree.directory("empty")
    #expect(facts("empty").views.map(\.kind) == [.directory])
    #expect(facts("empty", "wheels").views.map(\.kind) == [.wheel])
    try tree.write(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_90")]).bytes, to: "wheels/loose.so")
    #expect(facts("wheels").views.map(\.kind) == [.directory, .wheel])
  }

  /// Wheels that are installed together are unpacked into one folder; those without device code are named.
  @Test func wheelsTogether() throws {
    for (name, file) in [("torch", "torch/a.so"), ("ops", "ops/b.so"), ("pure", nil)] {
      var wheel = WheelBuilder(distribution: name, "1")
      if let file { wheel.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes, to: file) }
      try tree.write(wheel.bytes, to: "\(name).whl")
    }
    let view = try #require(facts("torch.whl", "ops.whl", "pure.whl").views.first)
    #expect(
      view.kind == .wheel && view.paths.map(\.lastComponent.text) == ["torch.whl", "ops.whl", "pure.whl"])
    #expect(view.emptyPackages.map(\.lastComponent.text) == ["pure.whl"])
    #expect(view.files.map(\.path) == [Path("torch/a.so")])
    #expect(view.files.map(\.aliases) == [[Path("ops/b.so")]])
    #expect(view.stack.environments.map { $0.distributions.map(\.name) } == [["ops", "pure", "torch"]])
  }

  /// Cubin files that lie together are alternatives, of which no names of kernels are needed.
  @Test func namesOfAlternativesAreNotRead() throws {
    for (name, target) in [("k/1.cubin", "sm_80"), ("k/2.cubin", "sm_90")] as [(String, Target)] {
      try tree.write(CubinBuilder(target).bytes, to: name)
    }
    func imagesRead(_ names: String...) -> Int {
      Scan.Scanner(jobs: 2).scan(names.map { Path(tree($0)) })
        .facts(for: .devices([Device(ComputeCapability(7, 5))]), by: .shipped, jobs: 2).counts.imagesRead
    }
    #expect(imagesRead("k") == 0)
    #expect(imagesRead("k/1.cubin") == 1)
    #expect(imagesRead("k/1.cubin", "k/2.cubin") == 2)
  }
}
