import Archives
import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import Foundation
import FuzzSupport
import Scan
import Stack
import Testing

/// Images that are judged without their layers, by what was written down of these.
struct LayerFactsTests {
  private let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  // MARK: Reading images, and what is known of their layers

  /// The facts of the image in `folder`, as a document.
  private func document(_ folder: String, layers: LayerStore? = nil, jobs: Int = 1) -> String {
    let input = ScanInput(
      name: Path("image"), place: .image(folder: Path(tree(folder)), blobs: nil, layers: layers))
    var facts = Scan.Scanner(jobs: jobs).scan([input]).facts(for: .everything, by: .shipped, jobs: jobs)
    // How much was read to find them is another matter.
    facts.counts.bytesRead = 0
    facts.counts.imagesRead = 0
    let bytes = FactsDocument.write(facts, toolName: "test", toolVersion: "1")
    return String(decoding: bytes, as: UTF8.self)
  }

  private func layerDocument(_ path: String) throws -> [UInt8] {
    let facts = try Scan.Scanner(jobs: 1).layerFacts(of: FileBytes(path: Path(tree(path))), by: .shipped)
    return LayerDocument.write(facts, toolName: "test", toolVersion: "1", tables: TableSet.shipped.date)
  }

  /// Writes down the layers of the layout in `folder`, removes them, and returns how many there were.
  private func moveLayers(_ folder: String, to store: String) throws -> Int {
    var count = 0
    for name in try FileManager.default.contentsOfDirectory(atPath: tree("\(folder)/blobs/sha256")) {
      let path = "\(folder)/blobs/sha256/\(name)"
      guard try TarArchive.isTar(FileBytes(path: Path(tree(path)))) else { continue }
      try tree.write(layerDocument(path), to: "\(store)/sha256/\(name).json")
      try FileManager.default.removeItem(atPath: tree(path))
      count += 1
    }
    return count
  }

  private func store(_ name: String) throws -> LayerStore { try LayerStore(Path(tree(name)), by: .shipped) }

  private func write(_ image: ImageBuilder, to folder: String) throws {
    for (name, contents) in try image.layout() { try tree.write(contents, to: "\(folder)/\(name)") }
  }

  /// Where two texts part, with what is around.
  private static func difference(_ left: String, _ right: String) -> String {
    let common = zip(left.utf8, right.utf8).prefix { $0 == $1 }.count
    func part(_ text: String) -> String {
      String(decoding: text.utf8.dropFirst(max(0, common - 200)).prefix(400), as: UTF8.self)
    }
    return left == right ? "" : "\(part(left))\n--- and ---\n\(part(right))"
  }

  // MARK: Equal facts

  /// Files as images have them, and as they should not be.
  private static let contents: [(name: String, bytes: [UInt8])] = {
    let site = "usr/lib/python3/dist-packages/"
    var missing = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "compute_90")])
    missing.needed = ["libcudart.so.12", "libnowhere.so.1"]
    var runtime = ELFBuilder()
    runtime.soname = "libcudart.so.12"
    var compat = ELFBuilder()
    compat.soname = "libcuda.so.1"
    compat.note = ("NVIDIA Corporation", Array(#"{"CUDA Version": "12.8", "Driver": [535]}"#.utf8))
    var flags = ELFBuilder()
    flags.append(Array("\0sm_80 sm_90 compute_90\0".utf8), to: ".rodata")
    var amd = ELFBuilder()
    amd.append([1], to: ".hip_fatbin")
    var named = CubinBuilder("sm_75")
    named.kernels = ["kernel_one", "kernel_two"]
    let library = ELFBuilder(fatBinaries: [FatBinaryBuilder([.cubin("sm_75", payload: named.bytes)])]).bytes
    func text(_ lines: String...) -> [UInt8] { Array((lines.joined(separator: "\n") + "\n").utf8) }
    return [
      (site + "torch/lib/libtorch_cuda.so", missing.bytes), ("opt/a.so", library), ("opt/b.so", library),
      (site + "torch/lib/libtorch_python.so", flags.bytes),
      (site + "torch/version.py", text("__version__ = '2.9.0+cu128'", "cuda = '12.8'")),
      (
        site + "torch-2.9.0.dist-info/METADATA",
        text("Name: torch", "Version: 2.9.0", "Requires-Dist: nvidia-cudnn-cu12==9.1", "", "Name: other")
      ),
      (
        site + "torch-2.9.0.dist-info/RECORD",
        text(
          "torch/lib/libtorch_cuda.so,sha256=abc,5", "\"torch/with,comma\",sha256=x,1", "torch/version.py,,")
      ),
      (site + "torch-2.9.0.dist-info/WHEEL", text("Tag: cp312-cp312-linux_x86_64")),
      (site + "nvidia_cudnn_cu12-9.1.dist-info/METADATA", text("Name: nvidia-cudnn-cu12", "Version: 9.1")),
      (site + "nvidia_cudnn_cu12-9.1.dist-info/top_level.txt", text("nvidia")),
      (site + "nvidia/cudnn/lib/libcudnn.so.9", ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_90")]).bytes),
      (site + "broken.dist-info/METADATA", [0xFF, 0x0A]),
      ("usr/lib/x86_64-linux-gnu/libcudart.so.12.8.57", runtime.bytes),
      ("usr/local/cuda-12.8/version.json", text(#"{"cuda": {"version": "12.8.1"}}"#)),
      ("usr/local/cuda-12.8/include/cuda.h", text("/* x */", "#define CUDA_VERSION 12080", "#endif")),
      ("usr/local/cuda-12.8/bin/nvcc", text("#!/bin/sh")),
      ("usr/local/cuda-12.8/compat/libcuda.so.570.86.15", compat.bytes),
      (
        "var/lib/dpkg/status",
        text(
          "Package: libcudnn9", "Status: install ok installed", "Maintainer: x", "Version: 9.2-1", "",
          "Package: gone", "Status: deinstall ok config-files", "Version: 1")
      ),
      ("var/lib/dpkg/info/libcudnn9.list", text("/.", "/opt/a.so", "/usr/lib/x.so")),
      ("var/lib/dpkg/status.d/base", text("Package: base", "Version: 12")),
      (
        "opt/conda/conda-meta/pytorch-2.5.0-py312_cuda12.4_0.json",
        text(#"{"name": "pytorch", "version": "2.5.0", "files": ["lib/c.so"], "sha256": "00"}"#)
      ),
      ("opt/conda/conda-meta/broken-1-0.json", text(#"{"name": "broken""#)),
      ("opt/conda/lib/c.so", library),
      ("opt/kernels/one.cubin", named.bytes), ("opt/kernels/two.cubin", CubinBuilder("sm_90").bytes),
      ("opt/code.ptx", Array(PTXText.text("compute_80").utf8)),
      ("opt/ptxas", CompilerBuilder("12.8.93", targets: ["80", "90a"]).bytes),
      ("opt/amd.so", amd.bytes), ("opt/cut.so", Array(library.prefix(200))), ("opt/zero.so", []),
      ("opt/image.squashfs", Array("hsqs".utf8) + [UInt8](repeating: 1, count: 200)),
      ("opt/lfs.so", text("version https://git-lfs.github.com/spec/v1", "oid sha256:00", "size 5")),
      ("etc/os-release", text("ID=debian")), ("etc/text", text("nothing")),
    ]
  }()

  /// Adds to layers what makes them go over each other: the same names again, links, whiteouts, folders in place of files.
  private static func image(_ random: inout some RandomNumberGenerator) -> ImageBuilder {
    var image = ImageBuilder()
    image.variables = ["CUDA_VERSION=12.8.1", "PATH=/opt:/usr/bin"]
    let names =
      contents.map(\.name) + ["usr/lib64/new.so", "lib/other.so", "opt/link", "opt", "usr/lib", "srv/x"]
    func parent(_ name: String) -> String { name.split(separator: "/").dropLast().joined(separator: "/") }
    for number in 0..<Int.random(in: 1...4, using: &random) {
      var layer = TarBuilder()
      for _ in 0..<Int.random(in: number == 0 ? 15...40 : 0...12, using: &random) {
        let name = names.randomElement(using: &random) ?? "x"
        let file = contents.randomElement(using: &random) ?? ("x", [])
        switch Int.random(in: 0..<20, using: &random) {
        case 0: layer.addSymbolicLink(name, to: "/" + file.name)
        case 1: layer.addSymbolicLink(name, to: String(file.name.split(separator: "/").last ?? "x"))
        case 2: layer.addSymbolicLink("lib", to: "usr/lib")
        // By a name for which contents are read of what has another one, facts would be missed: see below.
        case 3: layer.addHardLink("opt/names/\(Int.random(in: 0..<5, using: &random)).so", to: file.name)
        case 4: layer.add([], to: parent(name) + "/.wh." + (name.split(separator: "/").last ?? "x"))
        case 5 where number > 0: layer.add([], to: parent(name) + "/.wh..wh..opq")
        case 6: layer.addDirectory(name + "/")
        case 7: layer.add(file.bytes, to: name)
        case 8: layer.add(file.bytes, to: "lib/" + (file.name.split(separator: "/").last ?? "x"))
        default: layer.add(file.bytes, to: file.name)
        }
      }
      image.layers.append(("RUN \(number)", layer))
    }
    return image
  }

  /// What is known of layers makes the same facts as the layers, whatever lies over what.
  @Test(arguments: 0..<150) func factsOfLayersAreThoseOfTheImage(_ seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    try write(Self.image(&random), to: "image")
    let expected = document("image")
    #expect(try moveLayers("image", to: "store") > 0)
    let found = document("image", layers: try store("store"), jobs: 2)
    #expect(found == expected, "\(Self.difference(found, expected))")
  }

  /// In its layer a file is known by all of its names. A name that another layer gives it may ask for more than was kept.
  @Test func hardLinks() throws {
    let version = Array(#"{"cuda": {"version": "12.8.1"}}"#.utf8)
    var base = TarBuilder()
    base.add(version, to: "opt/own")
    base.addHardLink("usr/local/cuda-12.8/version.json", to: "opt/own")
    base.addHardLink("usr/lib/python3/dist-packages/a.dist-info/METADATA", to: "opt/own")
    var image = ImageBuilder()
    image.layers = [("ADD", base)]
    try write(image, to: "one")
    let expected = document("one")
    #expect(try moveLayers("one", to: "store") == 1)
    #expect(document("one", layers: try store("store")) == expected)
    #expect(expected.contains("12.8.1"))
    base = TarBuilder()
    base.add(version, to: "opt/own")
    var top = TarBuilder()
    top.addHardLink("usr/local/cuda-12.8/version.json", to: "opt/own")
    image.layers = [("ADD", base), ("RUN ln", top)]
    try write(image, to: "two")
    #expect(try moveLayers("two", to: "other") == 2)
    #expect(document("two", layers: try store("other")).contains("not among the facts of the layer"))
  }

  /// Layouts that other tools made, with compressed layers.
  @Test(arguments: ["archives/layout", "views/layout"]) func fixtures(_ name: String) throws {
    let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Fixtures/\(name)").path(percentEncoded: false)
    guard FileManager.default.fileExists(atPath: source) else { return }
    try FileManager.default.copyItem(atPath: source, toPath: tree("image"))
    let expected = document("image")
    #expect(try moveLayers("image", to: "store") > 0)
    #expect(document("image", layers: try store("store")) == expected)
  }

  /// The same layer gives the same document, for every number of threads, and one that was read is written as it was.
  @Test func documentsAreStable() throws {
    var random = SeededGenerator(seed: 7)
    let layer = Self.image(&random).layers[0].tar
    try tree.write(layer.bytes, to: "layer.tar")
    let file = try FileBytes(path: Path(tree("layer.tar")))
    func written(_ facts: LayerFacts) -> [UInt8] {
      LayerDocument.write(facts, toolName: "test", toolVersion: "1", tables: TableSet.shipped.date)
    }
    let one = written(try Scan.Scanner(jobs: 1).layerFacts(of: file, by: .shipped))
    #expect(one == written(try Scan.Scanner(jobs: 4).layerFacts(of: file, by: .shipped)))
    #expect(one == written(try LayerDocument.read(MemoryBytes(one), by: .shipped)))
  }

  // MARK: What is not there, or not as it must be

  private func simpleImage() throws {
    var base = TarBuilder()
    base.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_70")]).bytes, to: "usr/lib/a.so")
    var top = TarBuilder()
    top.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_90")]).bytes, to: "usr/lib/b.so")
    var image = ImageBuilder()
    image.layers = [("ADD a", base), ("ADD b", top)]
    try write(image, to: "image")
  }

  private func documents() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: tree("store/sha256")).sorted().map {
      "store/sha256/" + $0
    }
  }

  private func problems() throws -> [Problem] {
    let input = ScanInput(
      name: Path("image"), place: .image(folder: Path(tree("image")), blobs: nil, layers: try store("store")))
    return Scan.Scanner(jobs: 1).scan([input]).problems.map(\.problem)
  }

  /// A layer of which nothing is known is read, and one that is neither known nor there is a problem.
  @Test func layersThatAreNotKnown() throws {
    try simpleImage()
    let expected = document("image")
    try FileManager.default.copyItem(atPath: tree("image"), toPath: tree("copy"))
    #expect(try moveLayers("image", to: "store") == 2)
    try FileManager.default.removeItem(atPath: tree(documents()[0]))
    #expect(document("copy", layers: try store("store")) == expected)
    #expect(try problems().map(\.code) == [.notFound])
  }

  /// Facts of another layer, of another version, or no facts at all, are a problem; the rest of the image is judged.
  @Test func documentsThatCannotBeUsed() throws {
    try simpleImage()
    #expect(try moveLayers("image", to: "store") == 2)
    let paths = try documents()
    let first = try Data(contentsOf: URL(filePath: tree(paths[0])))
    let text = String(decoding: first, as: UTF8.self)
    func replaced(_ text: String) throws -> Problem? {
      try tree.write(Array(text.utf8), to: paths[0])
      let problems = try problems()
      #expect(problems.count == 1)
      return problems.first
    }
    let other = try replaced(String(decoding: Data(contentsOf: URL(filePath: tree(paths[1]))), as: UTF8.self))
    #expect(other?.code == .mismatch)
    #expect(other?.field == "facts of a layer")
    let newer = try replaced(text.replacing("\"layerVersion\":1", with: "\"layerVersion\":2"))
    #expect(newer?.code == .unsupported)
    #expect(try replaced(String(text.prefix(100)))?.code == .invalidValue)
    let far = try replaced(text.replacing("\"member\":0", with: "\"member\":77"))
    #expect(far?.field == "facts of a layer, files")
    #expect(try replaced("{}")?.expected == "the member layerVersion")
    #expect(try replaced("") != nil)
    try tree.write(Array(text.utf8), to: paths[0])
    #expect(try problems() == [])
  }

  /// The tar that the configuration names is not the one that was read.
  @Test func anotherTar() throws {
    try simpleImage()
    #expect(try moveLayers("image", to: "store") == 2)
    let path = try documents()[0]
    let text = String(decoding: try Data(contentsOf: URL(filePath: tree(path))), as: UTF8.self)
    let digest = try #require(text.firstMatch(of: /"tarDigest":"(sha256:[0-9a-f]+)"/)).1
    try tree.write(
      Array(text.replacing("\"tarDigest\":\"\(digest)", with: "\"tarDigest\":\"sha256:00").utf8), to: path)
    #expect(try problems().map(\.field) == ["layer diff_id"])
  }

  @Test func noLayer() throws {
    try tree.write([UInt8](repeating: 0x41, count: 2000), to: "text")
    let facts = try Scan.Scanner(jobs: 1).layerFacts(of: FileBytes(path: Path(tree("text"))), by: .shipped)
    #expect(facts.members.isEmpty && facts.problems.contains(where: \.isFailure))
    // A tar of nothing is a layer.
    try tree.write(TarBuilder().bytes, to: "empty")
    let text = String(decoding: try layerDocument("empty"), as: UTF8.self)
    #expect(text.contains(#""members":[]"#))
  }
}
