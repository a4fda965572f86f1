import Archives
import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import Stack
import Testing

@testable import Scan

/// Packages and images are scanned as the files that they are unpacked to.
struct ArchiveScanTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func scan(_ names: String..., jobs: Int = 2, platform: ContainerImage.Platform? = nil) -> ScanResult
  {
    Scan.Scanner(jobs: jobs, platform: platform).scan(names.map { Path(tree($0)) })
  }

  private func facts(_ result: ScanResult) -> Facts { result.facts(for: .devices([]), by: .shipped, jobs: 2) }

  private func library(_ targets: Target...) -> [UInt8] {
    ELFBuilder(fatBinaries: [FatBinaryBuilder(targets: targets)]).bytes
  }

  private func names(_ places: [FilePlace]) -> [String] { places.map { "\($0.root):\($0.path)" } }

  /// What a scan says besides its roots.
  private func summary(_ result: ScanResult) -> [String] {
    result.libraries.map {
      "\($0.place.path) \($0.aliases.map(\.path)) \($0.file.inventory) \($0.file.problems)"
    }
      + result.problems.map { "\($0.place.path) \($0.problem)" }
      + result.recognised.map { "\($0.place.path) \($0.what)" }
      + ["\(result.counts)", "\(result.surroundings.files.map(\.path).sorted())"]
  }

  private let files: [(name: String, contents: [UInt8])] = [
    ("torch/lib/a.so", ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "compute_80")]).bytes),
    ("torch/lib/same.so", ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "compute_80")]).bytes),
    ("torch/lib/b.so", ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_90")]).bytes),
    ("torch/lib/host.so", ELFBuilder().bytes),
    ("torch/kernels/k.cubin", CubinBuilder("sm_75").bytes),
    (
      "torch/kernels/k.ptx",
      Array(("// " + String(repeating: "x", count: 200) + "\n" + PTXText.text("compute_75")).utf8)
    ),
    ("torch/kernels/short", [0x7F]),
    ("torch/broken.so", Array(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes.prefix(90))),
    ("torch/version.py", Array("cuda = '12.8'\n".utf8)),
  ]

  private func wheel() -> [UInt8] {
    var wheel = WheelBuilder(distribution: "torch", "2.9.0")
    for file in files { wheel.add(file.contents, to: file.name) }
    return wheel.bytes
  }

  private func unpack(to folder: String) throws {
    for file in files { try tree.write(file.contents, to: folder + "/" + file.name) }
    try tree.write(Array("Wheel-Version: 1.0\n".utf8), to: folder + "/torch-2.9.0.dist-info/WHEEL")
    try tree.write(
      Array("Metadata-Version: 2.1\nName: torch\nVersion: 2.9.0\n".utf8),
      to: folder + "/torch-2.9.0.dist-info/METADATA")
  }

  @Test(arguments: [1, 4]) func aWheelIsItsTree(_ jobs: Int) throws {
    try tree.write(wheel(), to: "torch.whl")
    try unpack(to: "site")
    let result = scan("torch.whl", jobs: jobs)
    #expect(result.roots.map(\.kind) == [.wheel])
    #expect(
      names(result.libraries.map(\.place)) == [
        "0:torch/kernels/k.cubin", "0:torch/kernels/k.ptx", "0:torch/lib/a.so", "0:torch/lib/b.so",
      ])
    #expect(names(result.libraries[2].aliases) == ["0:torch/lib/same.so"])
    #expect(summary(result) == summary(scan("site")))
    #expect(result.libraries.allSatisfy { result.roots[0].layer(of: $0.place.path) == nil })
  }

  /// What the code takes of a wheel is known there and nowhere else; of members that are stored it is what it takes of the file.
  @Test func sizesInAWheel() throws {
    let library = library("sm_80", "sm_90")
    var wheel = WheelBuilder(distribution: "x", "1.0")
    wheel.add(library, to: "x/a.so")
    try tree.write(wheel.bytes, to: "x-1.0-py3-none-any.whl")
    try tree.write(library, to: "x/a.so")
    let zipped = facts(scan("x-1.0-py3-none-any.whl")).views[0].files[0].targets
    #expect(zipped.count == 2)
    for (_, total) in zipped { #expect(total.storedSize > 0 && total.zippedSize == total.storedSize) }
    for (_, total) in facts(scan("x")).views[0].files[0].targets { #expect(total.zippedSize == nil) }
  }

  @Test func aTarIsItsTree() throws {
    var tar = TarBuilder()
    for name in ["torch/", "torch/lib/", "torch/kernels/"] { tar.addDirectory(name) }
    for file in files.reversed() { tar.add(file.contents, to: "./" + file.name) }
    tar.addSymbolicLink("torch/lib/link.so", to: "../lib/a.so")
    tar.addHardLink("torch/lib/hard.so", to: "torch/lib/b.so")
    try tree.write(tar.bytes, to: "files.tar")
    try unpack(to: "usr-like/usr")
    for file in files { try tree.write(file.contents, to: "files/" + file.name) }
    try tree.symbolicLink("files/torch/lib/link.so", to: "../lib/a.so")
    try tree.hardLink("files/torch/lib/hard.so", to: "files/torch/lib/b.so")
    let result = scan("files.tar")
    #expect(result.roots.map(\.kind) == [.tar])
    #expect(summary(result) == summary(scan("files")))
    #expect(names(result.libraries[2].aliases) == ["0:torch/lib/link.so", "0:torch/lib/same.so"])
    #expect(names(result.libraries[3].aliases) == ["0:torch/lib/hard.so"])
  }

  /// The wheels of a folder are roots of their own, those below it are files.
  @Test func wheelsOfAFolder() throws {
    try tree.write(wheel(), to: "wheels/torch.whl")
    var other = WheelBuilder(distribution: "other", "1")
    other.add(library("sm_100"), to: "other/x.so")
    try tree.write(other.bytes, to: "wheels/other.whl")
    try tree.write(other.bytes, to: "wheels/deeper/other.whl")
    try tree.write(library("sm_75"), to: "wheels/bare.so")
    try tree.write(Array("no zip".utf8), to: "wheels/text.whl")
    let result = scan("wheels")
    #expect(result.roots.map(\.kind) == [.directory, .wheel, .file, .wheel])
    #expect(
      names(result.libraries.map(\.place)) == [
        "0:bare.so", "1:other/x.so", "3:torch/kernels/k.cubin", "3:torch/kernels/k.ptx", "3:torch/lib/a.so",
        "3:torch/lib/b.so",
      ])
    #expect(
      Set(result.problems.map(\.place.path)) == [
        Path("torch/broken.so"), Path("deeper/other.whl"), Path("text.whl"),
      ])
  }

  /// Wheels are one environment, unless two are versions of one distribution.
  @Test func wheelsAreInstalledTogether() throws {
    func write(_ name: String, _ version: String, _ file: String) throws {
      var wheel = WheelBuilder(distribution: name, version)
      wheel.add(library("sm_90"), to: file)
      wheel.add([], to: "shared/__init__.py")
      try tree.write(wheel.bytes, to: "\(name)-\(version).whl")
    }
    try write("torch", "2.9.0", "torch/a.so")
    try write("torch", "2.8.0", "torch/a.so")
    try write("nvidia_cudnn", "9.1", "nvidia/b.so")
    let together = facts(scan("torch-2.9.0.whl", "nvidia_cudnn-9.1.whl")).views
    #expect(together.map(\.paths.count) == [2])
    #expect(together.map { $0.stack.environments.map(\.distributions.count) } == [[2]])
    #expect(together.map { $0.files.map(\.path) } == [[Path("torch/a.so")]])
    #expect(together.map { $0.files.map(\.aliases) } == [[[Path("nvidia/b.so")]]])
    let apart = facts(scan("torch-2.9.0.whl", "torch-2.8.0.whl")).views
    #expect(apart.map { $0.stack.environments.map(\.distributions.count) } == [[1], [1]])
    #expect(apart.map { $0.files.map(\.path) } == [[Path("torch/a.so")], [Path("torch/a.so")]])
  }

  private func image() -> ImageBuilder {
    var image = ImageBuilder()
    image.variables = ["CUDA_VERSION=12.8.1"]
    var base = TarBuilder()
    base.add(library("sm_70"), to: "usr/lib/old.so")
    base.add(library("sm_70"), to: "usr/lib/gone.so")
    base.add(library("sm_70"), to: "opt/hidden/x.so")
    base.add(library("sm_75"), to: "usr/lib/kept.so")
    base.addSymbolicLink("usr/lib64", to: "/usr/lib")
    base.addSymbolicLink("usr/lib/kept.so.1", to: "/usr/lib64/kept.so")
    base.addSymbolicLink("usr/lib/out.so", to: "../../../../../../../../../etc/passwd")
    var change = TarBuilder()
    change.add(library("sm_90"), to: "usr/lib/old.so")
    change.add([], to: "usr/lib/.wh.gone.so")
    change.add([], to: "opt/hidden/.wh..wh..opq")
    change.add(library("sm_100"), to: "opt/hidden/y.so")
    image.layers = [("ADD base", base), ("RUN change", change)]
    return image
  }

  /// Only the last state of the file system counts, and each file tells its layer.
  @Test(arguments: ["archive", "folder"]) func layers(_ form: String) throws {
    if form == "archive" {
      try tree.write(image().archive(), to: "image")
    } else {
      try image().write(to: "image", in: tree)
    }
    let result = scan("image")
    #expect(result.roots.map(\.kind) == [.image])
    #expect(result.problems == [])
    #expect(
      names(result.libraries.map(\.place)) == ["0:opt/hidden/y.so", "0:usr/lib/kept.so", "0:usr/lib/old.so"])
    let root = result.roots[0]
    #expect(result.libraries.map { root.layer(of: $0.place.path) } == [1, 0, 1])
    #expect(root.image?.layers.map(\.createdBy) == ["ADD base", "RUN change"])
    #expect(result.libraries[2].unit.targets.map(\.targetName) == ["sm_90"])
    #expect(names(result.libraries[1].aliases) == ["0:usr/lib/kept.so.1"])
    #expect(result.counts.linksOutside == 0)
    #expect(root.layer(of: Path("usr/lib/gone.so")) == nil)
    let view = try #require(facts(result).views.first)
    #expect(view.kind == .image && view.image?.platform == "linux/amd64" && view.label == nil)
    #expect(view.files.map(\.layer) == [1, 0, 1])
    #expect(view.stack.images.map(\.environment) == [["CUDA_VERSION": "12.8.1"]])
    #expect(view.stack.images.map(\.names) == [["example.org/app:1.0"]])
  }

  /// Compilers are the same in a folder, a wheel, an archive and an image, under every name that they have.
  @Test(arguments: [1, 4]) func compilers(_ jobs: Int) throws {
    let files: [(name: String, contents: [UInt8])] = [
      ("triton/backends/nvidia/bin/ptxas", CompilerBuilder("12.8.93", targets: ["80", "90a"]).bytes),
      ("triton/_C/other.so", ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes),
      (
        "triton-3.5.1.dist-info/METADATA",
        Array("Metadata-Version: 2.1\nName: triton\nVersion: 3.5.1\n".utf8)
      ),
      ("triton-3.5.1.dist-info/WHEEL", Array("Wheel-Version: 1.0\n".utf8)),
    ]
    var wheel = WheelBuilder()
    var tar = TarBuilder()
    for file in files {
      wheel.add(file.contents, to: file.name)
      tar.add(file.contents, to: file.name)
      try tree.write(file.contents, to: "folder/" + file.name)
    }
    try tree.write(wheel.bytes, to: "triton.whl")
    try tree.write(tar.bytes, to: "files.tar")
    var image = ImageBuilder()
    image.variables = ["TRITON_PTXAS_PATH=/triton/backends/nvidia/bin/ptxas"]
    image.layers = [("ADD files", tar)]
    try tree.write(image.archive(), to: "image")
    func stack(_ name: String) throws -> StackFacts {
      try #require(facts(scan(name, jobs: jobs)).views.first).stack
    }
    let folder = try stack("folder")
    #expect(folder.compilers.map(\.kind) == [.ptxas])
    #expect(folder.compilers.map(\.version?.value) == ["12.8.93"])
    #expect(folder.runtimeFrameworks.map(\.name) == ["Triton"])
    for name in ["triton.whl", "files.tar"] {
      #expect(try stack(name).compilers == folder.compilers)
      #expect(try stack(name).runtimeFrameworks == folder.runtimeFrameworks)
    }
    #expect(try stack("image").compilers.map(\.targets) == folder.compilers.map(\.targets))
    let search = try #require(try stack("image").runtimeFrameworks.first?.searches.last)
    #expect(search.tries.map(\.outcome) == [.found, .found])
    // A compiler alone makes no package with device code.
    try tree.distribution("nvcc", "1", files: ["bin/ptxas"], in: "alone/")
    try tree.write(files[0].contents, to: "alone/bin/ptxas")
    #expect(try stack("alone").compilers.map(\.package?.name) == ["nvcc"])
    #expect(try stack("alone").packages.isEmpty)
    // Hard links are compilers of their own, and read once.
    let bytesRead = scan("folder", jobs: jobs).counts.bytesRead
    try tree.hardLink("folder/bin/ptxas", to: "folder/triton/backends/nvidia/bin/ptxas")
    #expect(
      try stack("folder").compilers.map(\.path.text) == ["bin/ptxas", "triton/backends/nvidia/bin/ptxas"])
    // The start of the new name is looked at.
    #expect(scan("folder", jobs: jobs).counts.bytesRead <= bytesRead + 64)
  }

  /// A layer that is not what its digest says is left out, and the others keep their numbers.
  @Test func damagedLayer() throws {
    var files = try image().files()
    files[2].contents[600] ^= 1
    for (name, contents) in files { try tree.write(contents, to: "image/" + name) }
    let result = scan("image")
    #expect(result.problems.map(\.problem.field) == ["layer digest"])
    #expect(names(result.libraries.map(\.place)) == ["0:opt/hidden/y.so", "0:usr/lib/old.so"])
    #expect(result.libraries.map { result.roots[0].layer(of: $0.place.path) } == [1, 1])
  }

  /// A layer that an image names often is read once, and what all layers hold has a limit.
  @Test func manyLayers() throws {
    var image = image()
    image.layers += Array(repeating: image.layers[0], count: 100)
    try tree.write(image.archive(), to: "image.tar")
    var limits = ArchiveLimits()
    limits.imageSize = UInt64(image.layers[..<2].reduce(0) { $0 + $1.tar.bytes.count })
    let result = Scan.Scanner(jobs: 1, limits: limits).scan([Path(tree("image.tar"))])
    #expect(result.problems == [])
    #expect(result.roots[0].image?.layers.count == 102)
    #expect(result.roots[0].layer(of: Path("usr/lib/old.so")) == 101)
    limits.imageSize = 100
    let limited = Scan.Scanner(jobs: 1, limits: limits).scan([Path(tree("image.tar"))])
    #expect(limited.problems.map(\.problem.code) == [.limitExceeded])
    #expect(limited.problems[0].problem.expected == "at most 100 bytes (limit image-size)")
  }

  @Test func noImageForThePlatform() throws {
    try tree.write(image().archive(), to: "image.tar")
    let result = scan("image.tar", platform: .init(operatingSystem: "linux", architecture: "arm64"))
    #expect(result.libraries.isEmpty)
    #expect(result.problems.map(\.problem.code) == [.notFound])
    #expect(
      scan("image.tar", platform: .init(operatingSystem: "linux", architecture: "amd64")).libraries.count == 3
    )
  }

  /// The names of kernels are read from members as from files.
  @Test(arguments: [1, 4]) func kernels(_ jobs: Int) throws {
    var cubin = CubinBuilder("sm_80")
    cubin.kernels = ["one", "two"]
    let gap = FatBinaryBuilder([.cubin("sm_80", payload: cubin.bytes)])
    let partial = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_70"), gap]).bytes
    var wheel = WheelBuilder(distribution: "x", "1")
    wheel.add(partial, to: "a.so")
    try tree.write(wheel.bytes, to: "x.whl")
    var tar = TarBuilder()
    tar.add(partial, to: "a.so")
    tar.add(library("sm_90"), to: "b.so")
    tar.add(partial + [0], to: "c.so")
    try tree.write(tar.bytes, to: "x.tar")
    var result = scan("x.whl", "x.tar")
    result.readKernels(
      for: CodeReading(.devices([Device(ComputeCapability(7, 0))]), in: [], by: .shipped), jobs: jobs,
      progress: nil)
    #expect(result.libraries.map { $0.kernels[1] } == [["one", "two"], nil, ["one", "two"]])
    #expect(result.libraries.map(\.aliases.count) == [1, 0, 0])
    #expect(result.kernels(of: [0], jobs: jobs).names == ["one", "two"])
  }

  /// In a root file system an absolute link starts at its root; elsewhere it leads outside.
  @Test func rootFileSystem() throws {
    for folder in ["root/usr/lib", "plain/lib"] { try tree.write(library("sm_80"), to: folder + "/a.so") }
    try tree.symbolicLink("root/link.so", to: "/usr/lib/a.so")
    try tree.symbolicLink("root/up.so", to: "../../../usr/lib/a.so")
    try tree.symbolicLink("root/loop", to: "/loop")
    try tree.symbolicLink("plain/link.so", to: tree("plain/lib/a.so"))
    try tree.symbolicLink("plain/out.so", to: "/usr/lib/a.so")
    let root = scan("root")
    #expect(root.roots.map(\.kind) == [.rootFileSystem])
    #expect(names(root.libraries[0].aliases) == ["0:link.so", "0:up.so"])
    #expect(root.counts.linksOutside == 0)
    let plain = scan("plain")
    #expect(names(plain.libraries[0].aliases) == ["0:link.so"])
    #expect(plain.counts.linksOutside == 1)
  }
}
