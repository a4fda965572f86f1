import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// What the program writes, byte for byte.
///
/// With `CUBINSPECT_UPDATE_GOLDENS=1` in the environment (`make goldens`) the files in `Goldens` are written again.
struct GoldenTests {
  private static let folder =
    #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/Goldens"
  static let fixtures =
    #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/Fixtures"
  private static let isUpdate = unsafe getenv("CUBINSPECT_UPDATE_GOLDENS") != nil

  /// Runs the program and compares its output, and what it says on standard error, with the golden of that name.
  func expectGolden(
    _ name: String, _ arguments: String, in directory: String, status: Int32 = 0,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let run = try Program.shell("\"$0\" " + arguments, in: directory)
    #expect(run.status == status, sourceLocation: sourceLocation)
    // Time differs from run to run; how much is read follows how the reader is tuned, which other tests watch.
    let text = run.text.replacing(/[0-9.]+ [kMG]?B read in [0-9.]+ m?s:/, with: "BYTES read in TIME:")
      .replacing(/"bytesRead": [0-9]+/, with: #""bytesRead": 0"#)
      .replacing(/tables of [0-9]{4}-[0-9]{2}-[0-9]{2}/, with: "tables of DATE")
      .replacing(/"tables": "[0-9]{4}-[0-9]{2}-[0-9]{2}"/, with: #""tables": "DATE""#)
    let messages = run.messageLines.map { "stderr: \($0)\n" }.joined()
    // Only links that lead outside have their place on the host.
    let observed = (name.hasSuffix(".json") ? text : "$ cubinspect \(arguments)\n" + messages + text)
      .replacing(directory == "/" ? "//" : directory, with: "FOLDER")
    if name.hasSuffix(".json") {
      #expect(try Self.schema.violations(in: run.document()) == [], sourceLocation: sourceLocation)
    }
    let path = Self.folder + "/" + name
    if Self.isUpdate {
      let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      let written = unsafe write(file, observed, observed.utf8.count)
      try #require(written == observed.utf8.count)
      close(file)
    }
    let expected = String(decoding: fileContents(path) ?? [], as: UTF8.self)
    guard observed != expected else { return }
    // The first line that differs says more than two long texts.
    let pairs = zip(
      observed.split(separator: "\n", omittingEmptySubsequences: false),
      expected.split(separator: "\n", omittingEmptySubsequences: false))
    let difference = pairs.enumerated().first { $1.0 != $1.1 }
    Issue.record(
      """
      \(name) differs in line \((difference?.offset ?? -1) + 1)
      expected: \(difference?.element.1 ?? "another length")
      observed: \(difference?.element.0 ?? "another length")
      """, sourceLocation: sourceLocation)
  }

  static let schema: JSONSchema = {
    let path =
      #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/Docs/Schema/report-2.json"
    guard let bytes = fileContents(path), let value = try? JSONValue(parsing: bytes),
      let schema = try? JSONSchema(value)
    else { fatalError("the schema cannot be read") }
    return schema
  }()

  /// A tree with one library for each verdict, names, links, and files that are not what they should be.
  private func sampleTree() throws -> TemporaryTree {
    let tree = try TemporaryTree()
    try tree.library(
      "tree/lib/libnative.so.1.2", "sm_80 sm_86 sm_90 compute_90", "sm_80 sm_86 sm_90 compute_90")
    try tree.symbolicLink("tree/lib/libnative.so", to: "libnative.so.1.2")
    try tree.library("tree/copy/libnative.so", "sm_80 sm_86 sm_90 compute_90", "sm_80 sm_86 sm_90 compute_90")
    try tree.library("tree/lib/libjit.so", "sm_50 compute_50")
    var gap = CubinBuilder("sm_80")
    gap.kernels = ["_ZN6linear6kernelI6float2Li4EEEvT_", "plain"]
    try tree.write(
      ELFBuilder(fatBinaries: [
        FatBinaryBuilder("sm_75", "sm_80"), FatBinaryBuilder([.cubin("sm_80", payload: gap.bytes)]),
        FatBinaryBuilder("sm_75", "sm_80"),
      ]).bytes, to: "tree/lib/libpartial.so")
    try tree.library("tree/ops/libspecial.so", "sm_90a", "sm_100a", "sm_100f")
    try tree.library("tree/jetson/libtegra.so", "sm_87")
    var relocatable = ELFBuilder()
    relocatable.add(FatBinaryBuilder("sm_80", "lto_80"), to: "__nv_relfatbin")
    try tree.write(relocatable.bytes, to: "tree/ops/libunlinked.so")
    var embedded = ELFBuilder()
    embedded.append(
      FatBinaryBuilder([.cubin("sm_80").inFrame(), .ptx("compute_80", isa: (8, 5), .lz4)]).bytes,
      to: ".rodata")
    embedded.append(CubinBuilder("sm_75").bytes, to: ".rodata")
    embedded.append(Array(PTXText.text("compute_75").utf8) + [0], to: ".rodata")
    try tree.write(embedded.bytes, to: "tree/ops/libembedded.so")
    var object = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    object.type = 1
    try tree.write(
      ArchiveBuilder.bytes([("a.o", object.bytes), ("b.o", object.bytes)]), to: "tree/lib/static.a")
    object.append([1], to: ".hip_fatbin")
    object.fileClass = 1
    try tree.write(object.bytes, to: "tree/lib/lib32.so")
    var hip = ELFBuilder()
    hip.append([1], to: ".hip_fatbin")
    try tree.write(hip.bytes, to: "tree/lib/libhip.so")
    var broken = FatBinaryBuilder("sm_80", "sm_90")
    broken.entries[1].paddedSize = 1 << 40
    try tree.write(ELFBuilder(fatBinaries: [broken]).bytes, to: "tree/ops/broken \u{1B}[31m.so")
    try tree.write(ELFBuilder().bytes, to: "tree/lib/libhost.so")
    try tree.write(Array("notes\n".utf8), to: "tree/notes.txt")
    try tree.library("outside/libout.so", "sm_80")
    try tree.symbolicLink("tree/outside", to: "../outside")
    return tree
  }

  /// Modules for other GPUs, by name and by presumption; a gap; and a library whose only module is empty.
  @Test func dispatch() throws {
    func module(_ target: Target, _ kernels: String...) -> FatBinaryBuilder {
      var cubin = CubinBuilder(target)
      cubin.kernels = kernels
      return FatBinaryBuilder([.cubin(target, payload: cubin.bytes)])
    }
    let tree = try TemporaryTree()
    func write(_ name: String, _ modules: FatBinaryBuilder...) throws {
      try tree.write(ELFBuilder(fatBinaries: modules).bytes, to: name)
    }
    try write(
      "tree/libpicks.so", module("sm_80", "ampere_gemm"), module("sm_75", "turing_gemm"),
      module("sm_90", "syrk"))
    try write("tree/libempty.so", module("sm_75"))
    try write(
      "tree/libgap.so", module("sm_80", "gemm"), module("sm_90", "sm90_xmma_gemm"),
      module("sm_90", "_ZN2la4gemvIfLi4EEEvPT_", "_ZN2la4gemvIdLi4EEEvPT_"))
    defer { withExtendedLifetime(tree) {} }
    try expectGolden("dispatch.txt", "scan tree --gpu A100 --gpu T4", in: tree.path)
    try expectGolden("dispatch.json", "scan tree --gpu A100 -o json", in: tree.path, status: 0)
  }

  /// A folder of wheels: a row for each, also for one without device code.
  @Test func wheels() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    for (name, targets) in [("alpha", ["sm_80", "sm_90"]), ("beta", ["sm_70"]), ("gamma", [])] {
      var wheel = WheelBuilder(distribution: name, "1.0")
      let modules = targets.map { FatBinaryBuilder(Target(stringLiteral: $0)) }
      wheel.add(ELFBuilder(fatBinaries: modules).bytes, to: "\(name)/lib.so")
      try tree.write(wheel.bytes, to: "wheels/\(name)-1.0-py3-none-any.whl")
    }
    try expectGolden("wheels.txt", "scan wheels", in: tree.path)
    let json = try Program.shell("\"$0\" gpus A100 --json", in: tree.path)
    #expect(try json.text == Program.shell("\"$0\" gpus A100 -o json", in: tree.path).text)
  }

  /// An image of several layers, for two platforms: what is left of them, and which layer brought it.
  @Test func image() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    func library(_ targets: Target...) -> [UInt8] {
      ELFBuilder(fatBinaries: [FatBinaryBuilder(targets: targets)]).bytes
    }
    var image = ImageBuilder()
    var base = TarBuilder()
    base.add(library("sm_70"), to: "usr/lib/liba.so")
    base.add(library("sm_70"), to: "usr/lib/gone.so")
    base.addSymbolicLink("usr/lib/liba.so.1", to: "/usr/lib/liba.so")
    var change = TarBuilder()
    change.add(library("sm_80", "sm_90"), to: "opt/libb.so")
    change.add([], to: "usr/lib/.wh.gone.so")
    image.layers = [("ADD rootfs.tar /", base), ("RUN make install", change)]
    try tree.write(image.archive(), to: "image.tar")
    try expectGolden("image.txt", "scan image.tar --gpu A100 --gpu V100", in: tree.path)
    try expectGolden("image.json", "scan image.tar --gpu A100 -o json", in: tree.path)
    try expectGolden(
      "image-platform.txt", "scan image.tar --platform linux/arm64", in: tree.path, status: 2)
  }

  @Test func scan() throws {
    let tree = try sampleTree()
    defer { withExtendedLifetime(tree) {} }
    let path = tree.path
    try expectGolden("scan.txt", "scan tree", in: path, status: 2)
    try expectGolden("scan.json", "scan tree -o json", in: path, status: 2)
    try expectGolden(
      "scan-gpus.txt", "scan tree --gpu A100 --gpu 'RTX 4090' --gpu 'Jetson Orin' --gpu H100", in: path,
      status: 2)
    // Something of each folder runs, so that only the damaged file counts.
    try expectGolden(
      "scan-driver.txt", "scan tree/lib tree/ops --gpu A100 --driver 450.80.02", in: path, status: 2)
    try expectGolden(
      "scan-driver.json", "scan tree/lib tree/ops --gpu A100 --driver 450.80.02 -o json", in: path, status: 2)
    try expectGolden(
      "scan-require.txt", "scan tree/lib --gpu sm_80 --require sm_80,compute_90", in: path, status: 1)
    try expectGolden(
      "scan-require.json", "scan tree/lib --gpu sm_80 --require sm_80,compute_90 -o json", in: path, status: 1
    )
    try expectGolden(
      "scan-old-driver.txt", "scan tree/ops/libembedded.so --gpu 'RTX 4090' --driver 450.80.02", in: path,
      status: 1)
    try expectGolden("scan-file.txt", "scan tree/lib/libjit.so --gpu V100", in: path)
    try expectGolden("scan-nothing.txt", "scan tree/notes.txt missing", in: path, status: 2)
    try expectGolden("scan-colored.txt", "scan tree/lib/libpartial.so --gpu T4 --color=always", in: path)
  }

  @Test func list() throws {
    let tree = try sampleTree()
    defer { withExtendedLifetime(tree) {} }
    let path = tree.path
    try expectGolden("list.txt", "list tree/lib/* tree/ops/* missing", in: path, status: 2)
    try expectGolden("list.json", "list tree/lib/* tree/ops/* missing -o json", in: path, status: 2)
  }

  /// Cubins, PTX, kernels in several modules, embedded and concatenated images, and damaged files.
  @Test func kernels() throws {
    let files =
      "kernels/sm_75.cubin kernels/sm_120.cubin kernels/resources.ptx units/three.so embedded/everything.so"
    try expectGolden("kernels.txt", "kernels \(files)", in: Self.fixtures)
    try expectGolden("kernels.json", "kernels \(files) -o json", in: Self.fixtures)
    try expectGolden(
      "kernels-choice.txt",
      "kernels kernels/sm_75.cubin units/three.so --match 's(cale|tack)' --target sm_75 --mangled",
      in: Self.fixtures)
    try expectGolden(
      "kernels-top.txt", "kernels kernels/sm_75.cubin units/three.so --sort size --top 2", in: Self.fixtures)
    try expectGolden(
      "kernels-where.txt",
      "kernels stubs/from-100.so units/three.so --where 'code > 128' --where 'registers<=10' --sort code --top 5",
      in: Self.fixtures)
    try expectGolden(
      "kernels-where.json",
      "kernels kernels/sm_75.cubin -i --match STACK --where 'stack>=1KiB' --sort registers -o json",
      in: Self.fixtures)
    try expectGolden(
      "kernels.csv", "kernels kernels/sm_75.cubin embedded/everything.so -o csv", in: Self.fixtures)
    try expectGolden(
      "kernels.tsv", "kernels units/three.so --mangled --match scale -o tsv", in: Self.fixtures)
    try expectGolden(
      "kernels-problems.txt",
      "kernels malformed/payload-corrupt.fatbin malformed/concatenated-member-past-stream.fatbin malformed/cubin-cut.cubin host/scale.so missing",
      in: Self.fixtures,
      status: 2)
    try expectGolden(
      "kernels-stubs.txt", "kernels --stubs stubs/from-80.so stubs/from-100.so", in: Self.fixtures)
    try expectGolden("kernels-stub-column.txt", "kernels stubs/from-100.so", in: Self.fixtures)
    try expectGolden(
      "kernels-stubs.json", "kernels --stubs stubs/linked.fatbin -o json", in: Self.fixtures)
    try expectGolden(
      "kernels-summary.txt", "kernels --summary \(files) concatenated/mixed.fatbin units/three.a",
      in: Self.fixtures)
    try expectGolden(
      "kernels-summary.json", "kernels --summary \(files) units/three.a -o json --top 2", in: Self.fixtures)
  }

  /// Two releases: libraries, targets, PTX versions and kernels lost and gained, names with versions, copies, a library
  /// that was split, one that cannot be read, and one that stayed the same.
  private func releases() throws -> TemporaryTree {
    let tree = try TemporaryTree()
    func kernels(_ target: Target, _ names: String...) -> FatBinaryBuilder.Entry {
      var cubin = CubinBuilder(target)
      cubin.kernels = names
      return .cubin(target, payload: cubin.bytes)
    }
    func write(_ name: String, _ modules: [FatBinaryBuilder.Entry]...) throws {
      try tree.write(ELFBuilder(fatBinaries: modules.map { FatBinaryBuilder($0) }).bytes, to: name)
    }
    let fill = "_Z4fillI%EvT_"
    let fills = "ifdlsxyjmt".map { fill.replacing("%", with: String($0)) }
    try write(
      "old/lib/libops.so.2.4",
      [
        kernels("sm_70", "_Z5scalePfi"), kernels("sm_80", "_Z5scalePfi", "_Z4foldPfi", fills[0], fills[1]),
        kernels("sm_90", "_Z5scalePfi", "_Z4foldPfi", fills[0], fills[1]), .ptx("compute_90", isa: (7, 8)),
      ], [kernels("sm_80", "_ZN44_GLOBAL__N__a1b2c3d4_11_Indexing_cu_898629f26gatherEv")])
    try write(
      "new/lib/libops.so.2.5",
      [
        kernels("sm_80", "_Z5scalePfi", fills[0], fills[2]),
        kernels("sm_90", "_Z5scalePfi", "_Z4foldPfi", fills[0], fills[2]),
        kernels("sm_100", "_Z5scalePfi"), .ptx("compute_90", isa: (8, 4)), .ptx("compute_100", isa: (8, 7)),
      ], [kernels("sm_80", "_ZN44_GLOBAL__N__00000000_11_Indexing_cu_111111116gatherEv")])
    try write(
      "old/_C.cpython-311-x86_64-linux-gnu.so",
      [kernels("sm_80", "_Z4sortv", "_Z5mergev"), kernels("sm_90", "_Z4sortv")])
    try write(
      "new/_C.cpython-312-x86_64-linux-gnu.so", [kernels("sm_80", "_Z5mergev"), kernels("sm_90", "_Z4sortv")])
    try write("old/lib/liball.so", [kernels("sm_80", "_Z1av", "_Z1bv", "_Z1cv", "_Z1dv")])
    try write("old/lib/libfirst.so", [kernels("sm_80", "_Z1ev", "_Z1fv", "_Z1gv")])
    try write("new/lib/librenamed.so", [kernels("sm_80", "_Z1ev", "_Z1fv", "_Z1hv")])
    try write("new/lib/libpart.so", [kernels("sm_80", "_Z1av", "_Z1bv")])
    try write("old/lib/libsame.so", [kernels("sm_80", "_Z4samev")])
    try write("new/lib/libsame.so", [kernels("sm_80", "_Z4samev")])
    try write("old/lib/libbroken.so", [kernels("sm_80", "_Z6brokenv")])
    try tree.write(Array("\u{7F}ELF\u{2}\u{1}\u{1}".utf8), to: "new/lib/libbroken.so")
    return tree
  }

  @Test func diff() throws {
    let tree = try releases()
    defer { withExtendedLifetime(tree) {} }
    let path = tree.path
    try expectGolden("diff.txt", "diff old new", in: path, status: 2)
    try expectGolden("diff.json", "diff old new -o json", in: path, status: 2)
    try expectGolden(
      "diff-no-kernels.txt", "diff --no-kernels old/lib/ new/lib/ --fail-on lost", in: path, status: 1)
    try expectGolden("diff-reverse.txt", "diff new/lib/libops.so.2.5 old/lib/libops.so.2.4", in: path)
    try expectGolden("diff-same.txt", "diff old old --fail-on lost", in: path)
    try expectGolden("diff-missing.txt", "diff old missing --fail-on lost", in: path, status: 2)
    try expectGolden("diff-colored.txt", "diff old/lib/liball.so new/lib/libpart.so --color=always", in: path)
    try expectGolden(
      "diff-targets.txt", "diff cubins-11.8.so cubins-13.5.so", in: Self.fixtures + "/targets")
    try expectGolden("diff-ptx.txt", "diff ptx-12.9.so ptx-13.5.so", in: Self.fixtures + "/targets")
    try expectGolden("diff-host.txt", "diff no-device-code.so scale.so", in: Self.fixtures + "/host")
  }

  @Test func verify() throws {
    let fixtures = Self.fixtures
    try expectGolden(
      "verify.txt",
      "list --verify concatenated/mixed.fatbin lto/lto.fatbin host/compressed-section.so units/three.a",
      in: fixtures)
    try expectGolden(
      "verify.json", "list --verify -o json concatenated/mixed.fatbin lto/lto.fatbin units/three.a",
      in: fixtures)
    try expectGolden(
      "verify-containers.txt", "list --verify *.fatbin *.ptx *.cubin", in: fixtures + "/containers", status: 2
    )
    try expectGolden(
      "verify-malformed.txt", "list --verify payload-* declared-* stored-* sm-*", in: fixtures + "/malformed",
      status: 2)
  }

  @Test func extract() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.symbolicLink("fixtures", to: Self.fixtures)
    try expectGolden(
      "extract.txt",
      "extract --into all fixtures/host/scale.so fixtures/concatenated/mixed.fatbin fixtures/lto/lto.fatbin "
        + "fixtures/units/three.a fixtures/containers/scale.cubin fixtures/host/no-device-code.so",
      in: tree.path)
    try expectGolden(
      "extract.json",
      "extract --into json -o json fixtures/malformed/payload-corrupt.fatbin fixtures/lto/lto.fatbin missing",
      in: tree.path, status: 2)
    try expectGolden(
      "extract-problems.txt",
      "extract --into problems fixtures/malformed/payload-corrupt.fatbin fixtures/malformed/declared-size-wrong.fatbin",
      in: tree.path, status: 2)
    try expectGolden(
      "extract-nothing.txt", "extract --into nothing --target sm_53 fixtures/host/scale.so missing",
      in: tree.path,
      status: 2)
    #expect(tree.names(in: "nothing") == [])
    try expectGolden(
      "extract-again.txt", "extract --into all --kind ptx fixtures/host/scale.so fixtures/units/three.a",
      in: tree.path, status: 2)
  }

  @Test func gpus() throws {
    try expectGolden("gpus-a100.txt", "gpus A100", in: "/")
    try expectGolden("gpus-a100.json", "gpus A100 -o json", in: "/")
    try expectGolden("gpus-sm_90.txt", "gpus sm_90", in: "/")
    try expectGolden("gpus-product.txt", "gpus 'GTX 1080 Ti'", in: "/usr")
    try expectGolden("gpus-tegra.json", "gpus 'Jetson AGX Orin' -o json", in: "/usr")
  }

  /// The steps to a verdict: a fixture with every kind of module, names of kernels, a package of several libraries, a driver
  /// that is too old, and a target.
  @Test func explain() throws {
    try expectGolden("explain.txt", "explain units/three.so --gpu A100", in: Self.fixtures)
    try expectGolden(
      "explain-target.txt", "explain compute_90 --gpu V100,H100 --driver 535", in: Self.fixtures)
    let tree = try sampleTree()
    defer { withExtendedLifetime(tree) {} }
    try expectGolden(
      "explain-folders.txt", "explain tree --gpu A100 --driver 450.80.02", in: tree.path, status: 2)
    try expectGolden(
      "explain-folder.txt", "explain tree/lib --gpu A100 --gpu T4 --details", in: tree.path)
    try expectGolden(
      "explain-driver.txt", "explain tree --package ops --gpu 'RTX 4090' --driver 525", in: tree.path,
      status: 2)
    let stack = try TemporaryTree()
    defer { withExtendedLifetime(stack) {} }
    try addPackages(to: stack, in: "site/")
    try expectGolden(
      "explain-package.txt", "explain site --package many --gpu H100", in: stack.path)
    try expectGolden("explain-packages.txt", "explain site --gpu H100", in: stack.path)
  }

  @Test func which() throws {
    try expectGolden(
      "which.txt", "which bitsandbytes --gpu 8.6 --python 3.12 --cuda 12.8 --driver 570", in: "/usr")
    try expectGolden("which-unknown.txt", "which no-such-package --gpu A100", in: "/usr", status: 2)
    try expectGolden("which-torch.txt", "which torch --gpu V100 --gpu H100", in: "/usr")
  }

  @Test func tables() throws {
    try expectGolden("tables.txt", "tables", in: "/usr")
    try expectGolden("tables-cudnn.txt", "tables cudnn", in: "/usr")
    try expectGolden("tables-drivers.md", "tables drivers 570 -o markdown", in: "/usr")
    try expectGolden("tables-ptx.csv", "tables ptx 9.0 -o csv", in: "/usr")
    try expectGolden("tables-unknown.txt", "tables gpus", in: "/usr", status: 2)
  }

  @Test func help() throws {
    for command in [
      "check", "scan", "which", "list", "kernels", "extract", "diff", "facts", "gpus", "tables", "explain",
    ] {
      try expectGolden("help-\(command).txt", "help \(command)", in: "/")
    }
    try expectGolden("help.txt", "--help", in: "/")
  }

  /// The library that every reader of "no kernel image is available" has met, and the three builds that cure it.
  @Test func oldBuildOnAnA100() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try tree.library("old/libold.so", "sm_37 sm_50 sm_60 sm_70", "sm_37 sm_50 sm_60 sm_70")
    try tree.library("native/lib.so", "sm_37 sm_50 sm_60 sm_70 sm_80", "sm_37 sm_50 sm_60 sm_70 sm_80")
    try tree.library("jit/lib.so", "sm_37 sm_50 sm_60 sm_70 compute_70", "sm_37 sm_50 sm_60 sm_70 compute_70")
    try tree.library("partial/lib.so", "sm_37 sm_50 sm_60 sm_70 sm_80", "sm_37 sm_50 sm_60 sm_70")
    try expectGolden("a100-old.txt", "scan old --gpu A100", in: tree.path, status: 1)
    try expectGolden("a100-native.txt", "scan native --gpu A100", in: tree.path)
    try expectGolden("a100-jit.txt", "scan jit --gpu A100", in: tree.path)
    try expectGolden("a100-partial.txt", "scan partial --gpu A100", in: tree.path)
    // PTX 7.8 came with CUDA 11.8; this driver knows CUDA 11.2.
    try expectGolden(
      "a100-jit-driver.txt", "scan jit --gpu A100 --driver 460.32.03", in: tree.path, status: 1)
    try expectGolden("a100-jit-newer-driver.txt", "scan jit --gpu A100 --driver 525.60.13", in: tree.path)
  }

  /// What NVIDIA's own tools made.
  @Test(arguments: [
    "compression", "concatenated", "containers", "debug", "embedded", "host", "lto", "malformed", "rdc",
    "synthetic",
    "targets", "units",
  ])
  func fixtures(folder: String) throws {
    // Damaged files on purpose.
    let status: Int32 = folder == "malformed" ? 2 : 0
    let files = "$(ls -p | grep -vE '(/|[.]json|[.]sh)$')"
    try expectGolden(
      "fixtures-\(folder)-list.txt", "list \(files)", in: Self.fixtures + "/" + folder, status: status)
    try expectGolden(
      "fixtures-\(folder)-scan.txt", "scan .", in: Self.fixtures + "/" + folder, status: status)
  }
}
