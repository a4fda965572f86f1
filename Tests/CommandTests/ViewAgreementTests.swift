import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// One wheel in all forms in which people hold it: the same files, so the same answers.
struct ViewAgreementTests {
  private static let question = ["--gpu", "A100", "--gpu", "RTX 5090", "--driver", "580.65.06"]

  /// All forms of the tests' wheels: the small one of the fixtures, and real ones where they are asked for.
  static let all: [String] =
    unsafe getenv("CUBINSPECT_TEST_LARGE") == nil ? ["small"] : ["small", "torchvision", "bitsandbytes"]

  @Test(arguments: all) func wheelAndUnpackedTree(_ name: String) throws {
    let views = try Views(name)
    for arguments in [[], Self.question, ["--require", "sm_80"]] {
      let wheel = try views.scan(views.wheel, arguments)
      let tree = try views.scan(views.tree, arguments)
      #expect(!wheel.paths.isEmpty)
      #expect(wheel.status == tree.status)
      #expect(wheel.document.comparable == tree.document.comparable)
      // Byte for byte but for the root, and how much of it was read.
      #expect(wheel.lines == tree.lines)
    }
  }

  @Test(arguments: all) func environmentMadeByPip(_ name: String) throws {
    let views = try Views(name)
    let tree = try views.scan(views.tree, Self.question)
    let venv = try views.scan(views.root + "/opt/venv", Self.question)
    #expect(
      venv.document.files(below: String(views.sitePackages.dropFirst("opt/venv/".count)))
        == tree.document.files(below: ""))
    let root = try views.scan(views.root, Self.question)
    #expect(root.document.files(below: views.sitePackages) == tree.document.files(below: ""))
    #expect(root.paths.contains("usr/lib/x86_64-linux-gnu/liblinked.so.1"))
  }

  @Test(arguments: all) func condaPackages(_ name: String) throws {
    let views = try Views(name)
    let tree = try views.scan(views.tree, Self.question)
    for file in ["package.conda", "package.tar.bz2"] {
      let package = try views.scan(file, Self.question)
      #expect(package.status == tree.status, "\(file)")
      #expect(
        package.document.files(below: "lib/python3.12/site-packages") == tree.document.files(below: ""),
        "\(file)")
    }
  }

  @Test(arguments: all) func rootFileSystems(_ name: String) throws {
    let views = try Views(name)
    let root = try views.scan(views.root, Self.question)
    #expect(root.view["kind"] == .string("rootFileSystem"))
    for file in ["root.tar", "root.tar.gz", "root.tar.zst"] {
      let tar = try views.scan(file, Self.question)
      #expect(tar.status == root.status, "\(file)")
      #expect(tar.view["kind"] == root.view["kind"], "\(file)")
      #expect(tar.document.comparable == root.document.comparable, "\(file)")
    }
  }

  @Test(arguments: all) func images(_ name: String) throws {
    let views = try Views(name)
    let root = try views.scan(views.root, Self.question)
    let layout = try views.scan("layout", Self.question)
    // The configuration of the image says more than the files do.
    #expect(layout.view["stack"] != root.view["stack"])
    #expect(layout.document.comparable.withoutStack == root.document.comparable.withoutStack)
    for file in ["docker.tar", "docker.tar.gz", "docker.tar.zst", "oci.tar", "oci-zstd.tar"] {
      let image = try views.scan(file, Self.question)
      #expect(image.status == layout.status, "\(file)")
      #expect(image.document.comparable == layout.document.comparable, "\(file)")
      #expect(image.layers == layout.layers, "\(file)")
    }
  }

  private static let squashFS = GoldenTests.fixtures + "/squashfs"

  private func unpackedSquashFS() throws -> TemporaryTree {
    let tree = try TemporaryTree()
    let made = try Program.shell(
      #"mkdir tree && tar -xf "$1/tree.tar.gz" -C tree"#, Self.squashFS, in: tree.path)
    try #require(made.status == 0, "\(made.messages)")
    return tree
  }

  /// A root file system with a prefix of conda, deep folders, hard and symbolic links and a FIFO, by mksquashfs with
  /// each compression, and stored in small blocks.
  @Test(arguments: ["gzip", "xz", "zstd", "lz4", "stored"]) func squashFS(_ method: String) throws {
    let views = try Views("small")
    let tree = try unpackedSquashFS()
    let file = Self.squashFS + "/mksquashfs-\(method).sqfs"
    for arguments in [[], Self.question, ["--require", "sm_80"], ["--jobs", "4"]] {
      let root = try views.scan(tree("tree"), arguments)
      let image = try views.scan(file, arguments)
      #expect(!root.paths.isEmpty && root.text.contains("\"srv/d/d/d/"))
      #expect(image.status == root.status)
      #expect(image.view["kind"] == .string("rootFileSystem"))
      #expect(image.document.comparable == root.document.comparable)
      #expect(image.lines == root.lines)
    }
    // The facts lead to the same report, and nothing differs from the tree.
    let facts = try Program.run("facts", file, "-o", tree("facts.json"))
    #expect(facts.status == 2)
    let later = try views.scan(tree("facts.json"), Self.question)
    #expect(
      later.document.comparable["views"] == (try views.scan(file, Self.question)).document.comparable["views"]
    )
    let difference = try Program.run("diff", tree("tree"), file, "-o", "json").document()
    for count in ["changed", "gained", "lost", "notCompared"] {
      #expect(difference["summary"]?[count]?.integer == 0, "\(count)")
    }
    for command in ["list", "kernels"] {
      let run = try Program.run(command, file)
      #expect(run.status == 2 && run.messages.contains("cubinspect scan reads the files in it"))
    }
  }

  /// Where a name is given to a file once more, gensquashfs writes the file once more.
  @Test(arguments: ["gzip", "xz", "zstd", "lz4"]) func squashFSByOthers(_ method: String) throws {
    let views = try Views("small")
    let tree = try unpackedSquashFS()
    let root = try views.scan(tree("tree"), Self.question)
    let image = try views.scan(Self.squashFS + "/gensquashfs-\(method).sqfs", Self.question)
    #expect(image.status == root.status)
    #expect(image.document.comparable["views"] == root.document.comparable["views"])
  }

  @Test func squashFSThatIsNotRead() throws {
    let run = try Program.run("scan", Self.squashFS + "/mksquashfs-lzo.sqfs")
    #expect(run.status == 2)
    #expect(run.text.hasPrefix("! "))
    #expect(
      run.messages.contains(
        "SquashFS compression: not supported, expected gzip, xz, lz4 or zstd, found lzo"), "\(run.messages)")
  }

  /// An image of Singularity is its partition with the root; other platforms and partitions are told.
  @Test func sif() throws {
    let views = try Views("small")
    let tree = try unpackedSquashFS()
    let partition = try #require(fileContents(Self.squashFS + "/mksquashfs-zstd.sqfs"))
    var builder = SIFBuilder(.init(Array("Bootstrap: docker\n".utf8), type: 0x4001), .init(partition))
    try tree.write(builder.bytes, to: "one.sif")
    let root = try views.scan(tree("tree"), Self.question)
    let image = try views.scan(tree("one.sif"), Self.question)
    #expect(image.status == root.status)
    #expect(image.view["kind"] == .string("image"))
    #expect(image.view["image"]?["platform"] == .string("linux/amd64"))
    #expect(image.view["image"]?["layers"] == .array([]))
    #expect(image.document.comparable == root.document.comparable)
    let others = try views.scan(Self.squashFS + "/siftool.sif", Self.question)
    #expect(others.document.comparable == image.document.comparable)
    #expect(others.view["image"] == image.view["image"])
    // Singularity 2 has the script alone in front.
    try tree.write(builder.bytes.prefix(32) + partition, to: "two.simg")
    let second = try views.scan(tree("two.simg"), Self.question)
    #expect(second.view["kind"] == .string("rootFileSystem"))
    #expect(second.document.comparable == root.document.comparable)
    let text = try Program.run("scan", tree("one.sif")).text
    #expect(text.contains("is the image for linux/amd64\n"), "\(text)")
    var arm = SquashFSBuilder(isCompressed: true)
    arm.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_87")]).bytes, to: "opt/arm.so")
    builder.parts.append(.init(arm.bytes(), architecture: "04"))
    builder.parts.append(.init([1, 2, 3], fileSystem: 2, purpose: 4))
    try tree.write(builder.bytes, to: "two.sif")
    let both = try views.scan(tree("two.sif"), Self.question)
    #expect(both.status == 1)
    #expect(
      both.document["views"]?.elements?.map { $0["label"] } == [
        .string("linux/amd64"), .string("linux/arm64"),
      ])
    #expect(both.messages.contains("an ext3 file system, what it holds is not read"))
    let one = try views.scan(tree("two.sif"), Self.question + ["--platform", "linux/arm64"])
    #expect(one.paths == ["opt/arm.so"])
    let none = try views.scan(tree("one.sif"), ["--platform", "linux/riscv64"])
    #expect(none.status == 2)
    #expect(none.messages.contains("expected one for linux/riscv64, found linux/amd64"))
  }

  /// Each library names the layer that brought what is there now; what is not there any more is not judged.
  @Test(arguments: all) func layers(_ name: String) throws {
    let views = try Views(name)
    let layout = try views.scan("layout")
    #expect(layout.layers["usr/lib/x86_64-linux-gnu/liblinked.so.1"] == 0)
    #expect(layout.layers["opt/data/kept.so"] == 3)
    let wheel = layout.layers.filter { $0.key.hasPrefix(views.sitePackages) }
    // The one that was replaced.
    #expect(wheel.filter { $0.value == 2 }.count == 1)
    #expect(wheel.values.allSatisfy { $0 == 1 || $0 == 2 })
    #expect(Set(layout.layers.keys) == Set(layout.files))
    for gone in ["deleted.so", "hidden.so", "gone.so"] { #expect(!layout.text.contains(gone)) }
    let image = try #require(layout.view["image"])
    #expect(
      image["layers"]?.elements?.map { $0["createdBy"] } == [
        .string("system"), .string("wheel"), .string("update"), .string("umoci insert"),
      ])
    #expect(image["platform"] == .string("linux/amd64"))
    // A person is told as well.
    let text = try Program.run("scan", views.folder + "/layout", "--gpu", "K80", "--details").text
    #expect(text.contains("is the image app for linux/amd64 with 4 layers"))
    #expect(text.contains("layer: 3 of 4, update"))
    #expect(text.contains("layer: 4 of 4, umoci insert"))
  }

  @Test func platforms() throws {
    let views = try Views("small")
    let layout = try views.scan("layout", Self.question)
    let both = try views.scan("platforms.tar", Self.question)
    let parts = both.document["views"]?.elements ?? []
    #expect(
      parts.map { $0["image"]?["platform"] } == [.string("linux/amd64"), .string("linux/arm64")])
    #expect(parts.map { $0["label"] } == [.string("linux/amd64"), .string("linux/arm64")])
    #expect(parts.last?["libraries"]?.elements?.map { $0["path"] } == [.string("opt/arm.so")])
    // The first is the image that the layout has alone.
    #expect(parts.first?.withoutPlace == layout.view.withoutPlace)
    let arm = try views.scan("platforms.tar", Self.question + ["--platform", "linux/arm64"])
    #expect(arm.view["image"]?["platform"] == .string("linux/arm64"))
    #expect(arm.view.withoutPlace == parts.last?.withoutPlace)
    #expect(arm.paths == ["opt/arm.so"])
  }

  /// Every form of damage to a layer is a problem, and the rest is read.
  @Test(arguments: ["docker.tar", "oci.tar"]) func wrongDigest(_ file: String) throws {
    let views = try Views("small")
    let sound = try views.scan(file)
    var bytes = try #require(fileContents(views.folder + "/" + file))
    // In a member of the tar that is a layer: the last one with this word is data.
    let place = try #require(
      file == "docker.tar"
        ? bytes.lastRange(of: Array("PRETTY_NAME".utf8))
        : bytes.lastRange(of: [0x1F, 0x8B, 8]).map { $0 + 40 })
    bytes[place] ^= 1
    let tree = try TemporaryTree()
    try tree.write(bytes, to: "damaged.tar")
    let damaged = try views.scan(tree("damaged.tar"))
    #expect(damaged.status == 2)
    let problems = damaged.view["problems"]?.elements ?? []
    #expect(problems.map { $0["code"] }.contains(.string("mismatch")), "\(problems)")
    #expect(sound.view["problems"]?.elements?.contains { $0["code"] == .string("mismatch") } == false)
    #expect(damaged.messages.contains("layer digest"))
  }
}

/// A wheel and what `Tests/Scripts/make-views` made of it.
private struct Views {
  struct Missing: Error, CustomStringConvertible {
    var description: String
  }

  /// Where the archives lie.
  var folder: String
  var tree: String
  var root: String
  /// In the root.
  var sitePackages: String
  private var temporary: TemporaryTree?

  var wheel: String { folder + "/package.whl" }

  init(_ name: String) throws {
    if name == "small" {
      folder = GoldenTests.fixtures + "/views"
      let temporary = try TemporaryTree()
      tree = temporary("tree")
      root = temporary("root")
      self.temporary = temporary
      let made = try Program.shell(
        #"mkdir root && tar -xf "$1/root.tar" -C root && unzip -q "$1/package.whl" -d tree"#, folder,
        in: temporary.path)
      guard made.status == 0 else { throw Missing(description: made.messages) }
    } else {
      let cache = unsafe getenv("CUBINSPECT_DOWNLOADS").map { unsafe String(cString: $0) }
      let home = unsafe getenv("HOME").map { unsafe String(cString: $0) } ?? "/root"
      let parent = (cache ?? home + "/.cache/cubinspect") + "/views"
      folder = try Program.shell(#"cd "$1"/"$2"-* && pwd"#, parent, name).text.split(separator: "\n").joined()
      guard !folder.isEmpty else {
        throw Missing(description: "no views of \(name) in \(parent): run 'make test-large'")
      }
      tree = folder + "/tree"
      root = folder + "/root"
    }
    sitePackages = try Program.shell("echo opt/venv/lib/python*/site-packages", in: root).text
      .split(separator: "\n").joined()
  }

  /// Scans a file of the folder, or a path.
  func scan(_ path: String, _ arguments: [String] = []) throws -> Scan {
    let path = path.hasPrefix("/") ? path : folder + "/" + path
    let run = try Program.run((["scan", path, "-o", "json"] + arguments).map { Array($0.utf8) })
    // An archive of 'docker save' has longer names, and what code takes of an archive is known of wheels alone.
    let text = run.text.replacing("example.org/app:1.0", with: "app")
      .replacing(/, "zippedSize": [0-9]+/, with: "")
    let document = try JSONValue(parsing: Array(text.utf8))
    #expect(GoldenTests.schema.violations(in: document) == [])
    return Scan(status: run.status, text: text, messages: run.messages, document: document)
  }

  struct Scan {
    var status: Int32?
    var text: String
    var messages: String
    var document: JSONValue

    /// The first installation.
    var view: JSONValue { document["views"]?.elements?.first ?? .null }
    var paths: [String] { view["libraries"]?.elements?.compactMap { $0["path"]?.string } ?? [] }
    /// The paths, with those of the files that a library stands for in its place.
    var files: [String] {
      (view["libraries"]?.elements ?? []).flatMap { $0["files"]?.elements ?? [$0] }
        .compactMap { $0["path"]?.string }
    }
    /// The layer of each file: those of the libraries, and those that others stand for.
    var layers: [String: Int] {
      let libraries = view["libraries"]?.elements ?? []
      return libraries.flatMap { $0["files"]?.elements ?? [$0] }.reduce(into: [:]) { found, file in
        if case .integer(let layer)? = file["layer"], let path = file["path"]?.string { found[path] = layer }
      }
    }
    /// The text without what says where it was read from, and how much.
    var lines: String {
      text.replacing(/"bytesRead": ?[0-9]+/, with: "").replacing(/"paths": ?\[[^\]]*\]/, with: "")
        .replacing(/"kind": "(wheel|directory)"/, with: "")
    }
  }
}

extension JSONValue {
  func without(_ names: String...) -> JSONValue {
    var result = members ?? [:]
    for name in names { result[name] = nil }
    return .object(result)
  }

  /// A document of `scan` without what must differ between two forms of the same files.
  var comparable: JSONValue {
    var result = self
    result["summary"] = result["summary"]?.without("bytesRead")
    result["views"] = .array((result["views"]?.elements ?? []).map(\.withoutPlace))
    return result
  }

  /// A view without what says where it was read.
  var withoutPlace: JSONValue {
    var result = without("paths", "kind", "label", "image")
    result["libraries"] = .array((result["libraries"]?.elements ?? []).map(\.withoutLayers))
    return result
  }

  /// A document without what is around the device code.
  var withoutStack: JSONValue {
    var result = self
    result["views"] = .array((result["views"]?.elements ?? []).map { $0.without("stack") })
    return result
  }

  /// What a document of `scan` says of the files below a folder, with paths from there.
  func files(below folder: String) -> JSONValue {
    let prefix = folder.isEmpty ? "" : folder + "/"
    var result: [String: JSONValue] = [:]
    let view = self["views"]?.elements?.first
    for key in ["libraries", "otherFiles", "problems"] {
      result[key] = .array(
        (view?[key]?.elements ?? []).filter { $0["path"]?.string?.hasPrefix(prefix) == true }
          .map { $0.withoutLayers.moved(from: prefix) })
    }
    return .object(result)
  }

  /// A library without the layers of its files.
  private var withoutLayers: JSONValue {
    var result = without("layer")
    if let files = self["files"]?.elements { result["files"] = .array(files.map { $0.without("layer") }) }
    return result
  }

  private func moved(from prefix: String) -> JSONValue {
    var result = self
    if let path = self["path"]?.string, path.hasPrefix(prefix) {
      result["path"] = .string(String(path.dropFirst(prefix.count)))
    }
    for key in ["aliases", "files"] {
      if let inner = self[key]?.elements { result[key] = .array(inner.map { $0.moved(from: prefix) }) }
    }
    return result
  }
}

extension [UInt8] {
  /// Where the last occurrence of `pattern` starts.
  fileprivate func lastRange(of pattern: [UInt8]) -> Int? {
    indices.reversed().first { self[$0...].starts(with: pattern) }
  }
}
