import Assessment
import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import Foundation
import JSONSchemaSupport
import Report
import Scan
import Stack
import Testing

/// The published schema: well formed, documented, and as strict as it means to be on what the writers write.
struct ReportSchemaTests {
  let source: JSONValue
  let schema: JSONSchema
  static let tool = Tool(name: "cubinspect", version: "1.2.3")

  init() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let file = root.appendingPathComponent("Docs/Schema/report-2.json")
    source = try JSONValue(parsing: Array(Data(contentsOf: file)))
    schema = try JSONSchema(source)
  }

  /// Every kind of image, name and problem.
  static func list() -> [UInt8] {
    var named = FatBinaryBuilder.Entry.cubin("sm_90a", .zstd)
    named.identifier = "kernel.cu"
    let unknown = FatBinaryBuilder.Entry(kind: 0x4C, number: 80, flags: 0x4000_0011, payload: [1, 2, 3])
    let fatBinary = FatBinaryBuilder([
      named, .ptx("compute_120f", isa: (9, 5), .lz4), .ltoIR("lto_75"), .cubin("sm_75"), unknown,
      .concatenated([.cubin("sm_100a"), .ptx("compute_100f")], .zstd),
    ])
    var elf = ELFBuilder()
    let part = elf.add(fatBinary, to: "__nv_relfatbin")
    elf.addWrapper(of: elf.append(fatBinary.bytes, to: ".nv_fatbin"), preLinked: [part])
    elf.append([1], to: ".hip_fatbin")
    elf.sections.append(.init(".late", [1, 2, 3]))
    elf.sections[elf.sections.count - 1].declaredSize = 1 << 40
    var old = elf
    old.fileClass = 1
    let missing = InspectedFile(format: .other, size: 0, problems: [Problem(.notFound, "path")])
    let files: [(Path, InspectedFile)] = [
      (Path("a.so"), InspectedFile(MemoryBytes(elf.bytes))),
      (Path(bytes: [0x62, 0xFF, 0x0A]), InspectedFile(MemoryBytes(fatBinary.bytes))),
      (Path("c\u{1B}[31m.cubin"), InspectedFile(MemoryBytes(CubinBuilder("sm_100", abiVersion: 8).bytes))),
      (Path("d.ptx"), InspectedFile(MemoryBytes(Array(PTXText.text("compute_70").utf8)))),
      (Path("e.so"), InspectedFile(MemoryBytes(old.bytes))), (Path("f"), missing),
      (Path("g.txt"), InspectedFile(MemoryBytes([0x41]))),
      (Path("i.a"), InspectedFile(MemoryBytes(ArchiveBuilder.bytes([("a.o", elf.bytes)])))),
    ]
    var cubin = CubinBuilder("sm_100f", abiVersion: 8)
    cubin.arguments = "-arch sm_100f -m 64"
    let source = MemoryBytes(FatBinaryBuilder([.cubin("sm_100f", payload: cubin.bytes, abiVersion: 8)]).bytes)
    var verified = InspectedFile(source)
    let verification = verified.verify(source, jobs: 1)
    return ListReport(
      files: files.map { ListReport.File(path: $0, contents: $1) }
        + [ListReport.File(path: Path("h.fatbin"), contents: verified, verification: verification)]
    ).json(tool)
  }

  /// Every outcome, and names that are not UTF-8.
  static func extract() -> [UInt8] {
    let bytes = FatBinaryBuilder("sm_80", "compute_80", "lto_80", "sm_90").bytes
    var contents = InspectedFile(MemoryBytes(bytes))
    contents.report(unread: Problem(.corruptData, "payload", at: 3))
    let file = ExtractReport.File(
      path: Path(bytes: [0x62, 0xFF]), contents: contents,
      images: [
        (0, .written(name: "b_.0000.sm_80.cubin", size: 100)), (1, .notWritten), (2, .opaque),
        (3, .unreadable),
      ])
    return ExtractReport(directory: Path(bytes: [0xFE]), files: [file]).json(tool)
  }

  /// A scan with aliases, problems, requirements, a driver, and every verdict.
  static func scan() throws -> [UInt8] {
    let tree = try TemporaryTree()
    func write(_ name: String, _ modules: FatBinaryBuilder...) throws {
      try tree.write(ELFBuilder(fatBinaries: modules).bytes, to: name)
    }
    var cubin = CubinBuilder("sm_70")
    cubin.kernels = ["kernel"]
    try write(
      "x/partial.so", FatBinaryBuilder("sm_80", "sm_90a"),
      FatBinaryBuilder([.cubin("sm_70", payload: cubin.bytes)]))
    let old = FatBinaryBuilder(targets: ["compute_70"], isa: (7, 0))
    try write("x/jit.so", old)
    try write("x/special.so", FatBinaryBuilder("sm_90a"))
    try tree.write(ELFBuilder(fatBinaries: [old]).bytes, to: "y/same.so")
    try tree.symbolicLink("x/link.so", to: "jit.so")
    var member = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_70")])
    member.type = 1
    try tree.write(ArchiveBuilder.bytes([("a.o", member.bytes)]), to: "x/lib.a")
    var object = ELFBuilder()
    object.add(FatBinaryBuilder("sm_80", "lto_80"), to: "__nv_relfatbin")
    try tree.write(object.bytes, to: Array("x/".utf8) + [0xFE, 0x0A])
    try tree.write(Array(object.bytes.prefix(100)), to: "x/broken.so")
    object.append([1], to: ".hip_fatbin")
    object.fileClass = 1
    try tree.write(object.bytes, to: "x/old.so")
    return try judged(
      ["x", "y/same.so", "missing"].map { Path(tree($0)) }, ["A100", "8.0", "8.7", "sm_70", "H100"],
      driver: "460.32.03", requirements: "sm_80, compute_70, 9.0+PTX, sm_90a")
  }

  /// What is set aside: code for other GPUs, files for another CUDA, and what an earlier run compiled.
  static func setAside() throws -> [UInt8] {
    let tree = try TemporaryTree()
    let files = ["118": "sm_70", "128": "sm_80"] as [String: Target]
    try tree.distribution(
      "bits", "1.0",
      files: files.keys.sorted().map { "bits/lib_cuda\($0).so" } + ["bits/fa3.so", "bits/gap.so"])
    for (version, target) in files {
      try tree.sharedLibrary("bits/lib_cuda\(version).so", modules: [FatBinaryBuilder([.cubin(target)])])
    }
    try tree.sharedLibrary("bits/fa3.so", modules: [FatBinaryBuilder("sm_90a")])
    // More modules for turing than for others, by their names.
    func module(_ target: Target, _ kernels: String...) -> FatBinaryBuilder {
      var cubin = CubinBuilder(target)
      cubin.kernels = kernels
      return FatBinaryBuilder([.cubin(target, payload: cubin.bytes)])
    }
    try tree.sharedLibrary(
      "bits/gap.so",
      modules: [
        module("sm_80", "ampere_a"), module("sm_75", "turing_a", "turing_b", "c"), module("sm_90", "k"),
      ])
    try tree.write(CubinBuilder("sm_90").bytes, to: ".triton/cache/hash/kernel.cubin")
    return try judged([Path(tree.path)], ["8.0"])
  }

  /// Two environments, toolkits, an image, a forward-compatibility package, a runtime without a library, and what is
  /// missing.
  static func stack() throws -> [UInt8] {
    let tree = try TemporaryTree()
    func write(_ text: String, to name: String) throws { try tree.write(Array(text.utf8), to: name) }
    let site = "usr/lib/python3.12/site-packages/"
    try tree.torch(
      "2.4.1+cu121", cuda: "12.1", flags: "sm_80 sm_90", modules: [FatBinaryBuilder("sm_70", "sm_75")],
      needed: ["libcudart.so.12", "libcudnn.so.9"], requires: ["nvidia-cudnn-cu12==9.1.0.70"], in: site)
    try tree.torch("2.4.1+rocm6.1", cuda: nil, rocm: "6.1", in: "opt/amd/")
    try tree.distribution("nvidia-cudnn-cu12", "8.9.2.26", in: site)
    try tree.distribution("cupy-cuda12x", "13.2.0", in: site)
    try tree.distribution("torchvision", "0.19.1+cu118", requires: ["torch==2.4.1"], in: site)
    try tree.distribution("tensorflow", "2.17.0", in: site)
    try write(
      """
      build_info = {"cuda_version": "12.3", "cudnn_version": "8", "cuda_compute_capabilities": ["sm_60", "sm_80"]}

      """, to: site + "tensorflow/python/platform/build_info.py")
    try tree.write(
      CompilerBuilder("12.1.105", targets: ["80", "90a"]).bytes,
      to: site + "nvidia/cuda_nvrtc/lib/libnvrtc.so.12")
    try tree.sharedLibrary("usr/lib/libcudart.so.11.8.89")
    for target in ["sm_80", "sm_90"] as [Target] {
      try tree.write(CubinBuilder(target).bytes, to: "\(site)kernels/\(target.number).cubin")
    }
    var compat = ELFBuilder()
    compat.soname = "libcuda.so.1"
    compat.note = (
      "NVIDIA Corporation", Array(#"{"Format": 1, "CUDA Version": "12.8", "Driver": [535, 550]}"#.utf8)
    )
    try tree.write(compat.bytes, to: "usr/local/cuda-12.8/compat/libcuda.so.570.86.15")
    try tree.toolkit("12.8.1")
    try tree.toolkit("11.8.0")
    try tree.write(Array("# R36 (release), REVISION: 4.3\n".utf8), to: "etc/nv_tegra_release")
    var cubin = CubinBuilder("sm_80", abiVersion: 8)
    cubin.toolkit = "12.8"
    try tree.sharedLibrary(
      "opt/libstatic.so", modules: [FatBinaryBuilder([.cubin("sm_80", payload: cubin.bytes)])])
    let image = ImageConfiguration(
      environment: ["CUDA_VERSION=12.8.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.8", "SECRET=1"],
      architecture: "amd64",
      names: ["app:1"])
    return try judged([Path(tree.path)], images: [image])
  }

  /// What is under some paths, for two GPUs.
  private static func judged(
    _ paths: [Path], _ gpus: [String] = ["V100", "A100"], driver: String = "535.54.03",
    requirements: String? = nil, images: [ImageConfiguration] = [], ignores: [IgnoreRule] = [],
    here: ScanReport.Here? = nil
  ) throws -> [UInt8] {
    let devices = try gpus.map {
      RequestedDevice(
        query: $0,
        device: try GPUCatalogue.resolve($0, in: .shipped).device(
          driver: DriverVersion(driver), tables: .shipped))
    }
    let facts = Scanner(jobs: 2).scan(paths)
      .facts(for: .devices(devices.map(\.device)), by: .shipped, images: images, jobs: 2)
    var required = Requirements()
    if let requirements {
      try required.add(requirements)
      try required.add("*.so=sm_80")
      required.isExact = true
      required.rules.append(.init(targets: [.highestPTX]))
    }
    var question = Question(devices: devices, namesDevices: true, requirements: required)
    question.ignores = ignores
    return ScanReport(Assessment(facts, question), here: here).json(tool)
  }

  /// An image that tells its digest, one with a library in its second layer, several in one archive, and a wheel.
  static func images() throws -> [[UInt8]] {
    let tree = try TemporaryTree()
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let layout = try judged(
      [Path(root.appendingPathComponent("Fixtures/archives/layout").path)],
      here: .init(origin: .virtualEnvironment, container: "/.dockerenv", notes: ["looked at it"]))
    var builder = ImageBuilder()
    var layer = TarBuilder()
    builder.layers = [("FROM scratch", layer)]
    layer.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes, to: "usr/lib/a.so")
    builder.layers.append(("RUN install", layer))
    var other = builder
    other.names = ["other:1"]
    other.variables = ["WHO=other"]
    var wheel = WheelBuilder(distribution: "x", "1.0")
    wheel.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes, to: "x/a.so")
    return [
      layout,
      try judged(
        [Path(tree.write(builder.archive(), to: "image.tar"))],
        ignores: [IgnoreRule(library: "a.so", reason: "is not used", source: "cubinspect.toml")]),
      try judged([Path(tree.write(ImageBuilder.archive(of: [builder, other]), to: "images.tar"))]),
      try judged([Path(tree.write(wheel.bytes, to: "x.whl"))]),
    ]
  }

  /// A comparison with every status, a name that is no text, and PTX versions and kernels lost and gained.
  static func diff() throws -> [UInt8] {
    let tree = try TemporaryTree()
    func write(_ name: [UInt8], _ target: Target, _ kernels: String..., isa: (UInt16, UInt16) = (7, 8)) throws
    {
      var cubin = CubinBuilder(target)
      cubin.kernels = kernels
      let fatBinary = FatBinaryBuilder([.cubin(target, payload: cubin.bytes), .ptx("compute_90", isa: isa)])
      try tree.write(ELFBuilder(fatBinaries: [fatBinary]).bytes, to: name)
    }
    try write(Array("x/".utf8) + [0xFE, 0x0A], "sm_80", "_Z1av", "c\u{1B}\"")
    try write(Array("y/".utf8) + [0xFE, 0x0A], "sm_80", "_Z1bv", isa: (8, 4))
    try write(Array("x/targets.so".utf8), "sm_70", "_Z1av")
    try write(Array("y/targets.so".utf8), "sm_90a", "_Z1av")
    try write(Array("x/lost.so".utf8), "sm_80", "_Z1bv", "_Z1dv")
    try write(Array("y/gained.so".utf8), "sm_86", "_Z1dv")
    try write(Array("x/same.so".utf8), "sm_80", "_Z4samev")
    try write(Array("y/same.so".utf8), "sm_80", "_Z4samev")
    try write(Array("x/broken.so".utf8), "sm_80", "_Z1xv")
    try tree.write([0x7F, 0x45, 0x4C, 0x46], to: "y/broken.so")
    let result = Scanner(jobs: 2).scan([Path(tree("x")), Path(tree("y"))])
    let pairs = result.libraryPairs
    let kernels = result.kernels(of: DeviceCodeDifference.readLibraries(pairs), jobs: 2)
    return DiffReport(result, DeviceCodeDifference(result, pairs: pairs, kernels: kernels), tables: .shipped)
      .json(tool)
  }

  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures")

  /// Cubins and PTX of real compilers, kernels in several modules, and files that cannot be read.
  static func kernels(isSummary: Bool = false) throws -> [UInt8] {
    var selection = KernelSelection()
    selection.isSummary = isSummary
    if !isSummary {
      selection.targets = ["sm_90a", "sm_120", "sm_75", "sm_80", "compute_75", "sm_86"]
      selection.pattern = .init("e") { $0.map { $0.contains("e") } }
      selection.limit = 100
      selection.order = .size
    }
    var sources: [(Path, any ByteSource)] = try [
      "kernels/sm_120.cubin", "kernels/resources.ptx", "units/three.so", "concatenated/mixed.fatbin",
      "rdc/linked.so", "units/three.a",
    ].map {
      (Path($0), MemoryBytes(Array(try Data(contentsOf: fixtures.appendingPathComponent($0)))))
    }
    sources.append((Path(bytes: [0x62, 0xFF]), MemoryBytes([0x41])))
    var broken = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    broken.sections.append(.init(".late", [1, 2, 3]))
    broken.sections[broken.sections.count - 1].declaredSize = 1 << 40
    sources.append((Path("broken.so"), MemoryBytes(broken.bytes)))
    return KernelsReport(
      files: sources.map { path, source in
        let contents = InspectedFile(source)
        return KernelsReport.File(
          path: path, contents: contents, kernels: FileKernels(contents, source, jobs: 2),
          selection: selection, jobs: 2)
      }, selection: selection
    ).json(tool)
  }

  /// Kernels with certain numbers.
  static func kernelsWhere() throws -> [UInt8] {
    let path = "kernels/sm_120.cubin"
    let source = MemoryBytes(Array(try Data(contentsOf: fixtures.appendingPathComponent(path))))
    var selection = KernelSelection()
    selection.conditions = [.init(.stack, .above, 0), .init(.size, .notEqual, 0)]
    let contents = InspectedFile(source)
    let file = KernelsReport.File(
      path: Path(path), contents: contents, kernels: FileKernels(contents, source, jobs: 1),
      selection: selection, jobs: 1)
    return KernelsReport(files: [file], selection: selection).json(tool)
  }

  static func documents() throws -> [[UInt8]] {
    try [
      try kernelsWhere(), list(), extract(), try scan(), try setAside(), try stack(), try kernels(),
      try kernels(isSummary: true),
      try diff(), try gpus(), try which("bitsandbytes"), try which("torch"), try which("triton", "V100"),
      table(),
    ] + images()
  }

  /// All GPUs, with what is known of two: one that drivers and toolkits have left behind, and a Tegra.
  static func gpus() throws -> [UInt8] {
    var tool = tool
    tool.tables = TableDate("2026-11-29")
    tool.dataFiles = [Path("more.json"), Path(bytes: [0xFE])]
    let catalogue = GPUCatalogue.shipped
    let facts = try ["GTX 1080 Ti", "Jetson AGX Orin"].map {
      GPUFacts(try GPUCatalogue.resolve($0, in: .shipped), by: .shipped)
    }
    return GPUsReport(
      query: "", gpus: catalogue.search("", by: .shipped), instances: catalogue.instances, facts: facts,
      tables: .shipped
    ).json(tool)
  }

  static func which(_ package: String, _ gpu: String = "GTX 980") throws -> [UInt8] {
    let device = try GPUCatalogue.resolve(gpu, in: .shipped).device(driver: nil, tables: .shipped)
    let question = ReleaseQuestion(
      package: package,
      question: Question(devices: [RequestedDevice(query: "GTX 980", device: device)], namesDevices: true))
    return ReleaseReport(question: question, answer: try ReleaseAnswer(question)).json(tool)
  }

  static func table() -> [UInt8] { Matrix.kinds[0].matrix(of: .shipped).json(tool) }

  @Test(arguments: [
    (#""kind": "gone""#, #""kind": "lost""#), (#""answer": "yes""#, #""answer": "maybe""#),
    (#""measured": "#, #""measured": -"#), (#""machine": "x86_64""#, #""machine": "x86""#),
    (#""sm_52""#, #""52""#),
  ])
  func whichWithAnErrorIsNot(right: String, wrong: String) throws {
    try expectRefused(Self.which("bitsandbytes"), right, wrong)
  }

  @Test(arguments: [(#""columns": ["#, #""titles": ["#), (#""title": ""#, #""name": ""#)])
  func tableWithAnErrorIsNot(right: String, wrong: String) throws {
    try expectRefused(Self.table(), right, wrong)
  }

  @Test func documentsOfEachKindAreValid() throws {
    for document in try Self.documents() {
      #expect(try schema.violations(in: JSONValue(parsing: document)) == [])
    }
  }

  /// Every property of the schema is there in a document: none is promised in vain.
  @Test func everyPropertyIsWritten() throws {
    var written: Set<String> = []
    func collect(_ value: JSONValue) {
      for (name, member) in value.members ?? [:] {
        written.insert(name)
        collect(member)
      }
      for element in value.elements ?? [] { collect(element) }
    }
    for document in try Self.documents() { collect(try JSONValue(parsing: document)) }
    var described: Set<String> = []
    func visit(_ part: JSONValue) {
      for name in (part["properties"]?.members ?? [:]).keys { described.insert(name) }
      for (_, member) in part.members ?? [:] { visit(member) }
    }
    visit(source)
    #expect(described.subtracting(written) == [])
    #expect(written.subtracting(described) == [])
  }

  /// Keys are in the order of their bytes in every object.
  @Test func keysAreSorted() throws {
    for document in try Self.documents() {
      #expect(unsortedKeys(in: document) == [])
    }
    #expect(unsortedKeys(in: Array(#"{"b": [{"d": 1, "c": {}}], "a": "\"x"}"#.utf8)) == ["c", "a"])
  }

  @Test(arguments: [
    (#""target": "sm_90a""#, #""target": "90a""#), (#""zstd""#, #""zip""#),
    (#""relocatable": true"#, #""relocatable": 0"#),
    (#""offset": "#, #""offset": -"#), (#""kind": "cubin""#, #""kind": "elf""#),
    (#""kind-0x4c""#, #""kind-76""#),
    (#""code": "outOfBounds""#, #""code": "broken""#), (#""schemaVersion": 2"#, #""schemaVersion": 1"#),
    (#""module": 0, "#, ""), (#""path": "a.so""#, #""path": "a.so", "more": 1"#),
    (#""format": "elf""#, #""format": "so""#),
    (#""flags": "0x"#, #""flags": "4x"#), (#""pathBytes": "62ff0a""#, #""pathBytes": "62f""#),
    (#""ptxISA": "9.5""#, #""ptxISA": 9.5"#), (#""name": "cubinspect""#, #""name": "other""#),
  ])
  func listWithAnErrorIsNot(right: String, wrong: String) throws {
    try expectRefused(Self.list(), right, wrong)
  }

  @Test(arguments: [
    (#""verdict": "incompatible""#, #""verdict": "no""#),
    (#""computeCapability": "8.0""#, #""computeCapability": "8""#),
    (#""differentMajor""#, #""other""#), (#""none": 1"#, #""none": 1, "some": 1"#),
    (#""linksOutside": 0"#, #""linksOutside": null"#), (#""kind": "directory""#, #""kind": "folder""#),
    (#""status": "met""#, #""status": "yes""#),
    (#""requirements": ["sm_80""#, #""requirements": ["gpu""#), (#""verdicts": ["#, #""judgements": ["#),
    (#""field": "#, #""place": "#), (#""answer": "no""#, #""answer": "fail""#),
    (#""code": "noKernelImage""#, #""code": "noKernel""#), (#""views": ["#, #""roots": ["#),
    (#""ranges": [["#, #""ranges": [[-1, "#), (#""modules": 1, "ranges""#, #""module": 1, "ranges""#),
    (#""paths": ["#, #""path": ["#),
  ])
  func scanWithAnErrorIsNot(right: String, wrong: String) throws {
    try expectRefused(Self.scan(), right, wrong)
  }

  @Test(arguments: [
    (#""standing": "notTaken""#, #""standing": "left""#), (#""taken": "#, #""taken": -"#),
    (#""standing": "forOtherGPUs""#, #""standing": null"#), (#""presumed": ["#, #""assumed": ["#),
  ])
  func standingWithAnErrorIsNot(right: String, wrong: String) throws {
    try expectRefused(Self.setAside(), right, wrong)
  }

  @Test(arguments: [
    (#""id": "driverGPU""#, #""id": "driver""#), (#""status": "fail""#, #""status": "failed""#),
    (#""summary": "PyTorch"#, #""message": "PyTorch"#), (#""kind": "installTorch""#, #""kind": "install""#),
    (#""facts": {"#, #""facts": {"more": 1, "#), (#""hosts": [535"#, #""hosts": [-535"#),
    (#""says": "#, #""said": "#), (#""withoutCUDA": true"#, #""withoutCUDA": 1"#),
    (#""torchAndGPU": "fail""#, #""torchAndGPU": null"#), (#""demands": ["#, #""demand": ["#),
    (#""numbers": ["#, #""numbers": [-1, "#), (#""obstacles": ["#, #""obstacles": [1, "#),
    (#""steps": ["#, #""recommendations": ["#),
  ])
  func stackWithAnErrorIsNot(right: String, wrong: String) throws {
    try expectRefused(Self.stack(), right, wrong)
  }

  /// An image's environment may hold what is nobody's business.
  @Test func environmentIsNotGivenAway() throws {
    let text = String(decoding: try Self.stack(), as: UTF8.self)
    #expect(text.contains(#""variables": ["CUDA_VERSION=12.8.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.8"]"#))
    #expect(!text.contains("SECRET"))
  }

  @Test(arguments: [
    (#""registers": "#, #""registers": -"#), (#""target": "compute_75""#, #""target": "75""#),
    (#""order": "size""#, #""order": "length""#), (#""limit": 100"#, #""limit": 0"#),
    (#""images": ["#, #""images": [-1, "#), (#""kernels": ["#, #""functions": ["#),
    (#""selection": {"#, #""choice": {"#), (#""name": "_Z"#, #""id": "_Z"#),
  ])
  func kernelsWithAnErrorAreNot(right: String, wrong: String) throws {
    try expectRefused(Self.kernels(), right, wrong)
  }

  @Test(arguments: [
    (#""kind": "section""#, #""kind": "part""#), (#""part": "kernelCode""#, #""part": "code""#),
    (#""composition": {"#, #""summary": {"#),
    (#""overheadSize": "#, #""overheadSize": -"#),
    (#""duplicates": {"#, #""duplicates": {"more": 1, "#), (#""kind": "cubin""#, #""kind": "elf""#),
  ])
  func summaryWithAnErrorIsNot(right: String, wrong: String) throws {
    try expectRefused(Self.kernels(isSummary: true), right, wrong)
  }

  @Test(arguments: [
    (#""status": "lost""#, #""status": "gone""#), (#""lostTargets": ["sm_70"]"#, #""lostTargets": ["70"]"#),
    (#""hasLosses": true"#, #""hasLosses": 1"#), (#""otherTargets": false"#, #""otherTargets": null"#),
    (#""targets": ["sm_80"]"#, #""targets": []"#), (#""kernelsCompared": true"#, #""kernelsCompared": 1"#),
    (#""ptxISA": ["7.8"]"#, #""ptxISA": ["7"]"#), (#""codeSize": 32"#, #""codeSize": -1"#),
  ])
  func diffWithAnErrorIsNot(right: String, wrong: String) throws {
    try expectRefused(Self.diff(), right, wrong)
  }

  @Test(arguments: [
    (#""computeCapabilities": ["8.0"]"#, #""computeCapabilities": []"#),
    (#""confirmed": true"#, #""confirmed": "yes""#),
    (#""query": """#, #""question": """#), (#""pciIDs": []"#, #""pciIDs": ["20b"]"#),
  ])
  func gpusWithAnErrorIsNot(right: String, wrong: String) throws {
    try expectRefused(Self.gpus(), right, wrong)
  }

  private func expectRefused(_ document: [UInt8], _ right: String, _ wrong: String) throws {
    let text = String(decoding: document, as: UTF8.self)
    let broken = text.replacingOccurrences(of: right, with: wrong)
    #expect(broken != text, "the document has no \(right)")
    #expect(try schema.violations(in: JSONValue(parsing: broken)) != [])
  }

  @Test func everyPropertyIsDescribed() throws {
    var undescribed: [String] = []
    var properties = 0
    func visit(_ part: JSONValue, _ location: String) {
      for (name, member) in part["properties"]?.members ?? [:] {
        properties += 1
        if member["description"] == nil && member["$ref"] == nil { undescribed.append(location + "/" + name) }
      }
      for (name, member) in part.members ?? [:] { visit(member, location + "/" + name) }
    }
    visit(source, "")
    #expect(undescribed == [])
    #expect(properties > 80)
    for (name, definition) in try #require(source["$defs"]?.members) {
      #expect(definition["description"]?.string != nil, "\(name)")
    }
  }

  @Test func objectsAreClosed() throws {
    var open: [String] = []
    func visit(_ part: JSONValue, _ location: String) {
      if part["type"] == .string("object"), part["additionalProperties"] != .boolean(false) {
        open.append(location)
      }
      for (name, member) in part.members ?? [:] { visit(member, location + "/" + name) }
    }
    visit(source, "")
    #expect(open == [])
  }

  /// The schema lists every code, kind and reason that the code has.
  @Test func everyCaseIsListed() throws {
    func listed(_ definition: String...) -> Set<String> {
      let part = definition.reduce(source["$defs"]) { $0?[$1] }
      return Set((part?["enum"]?.elements ?? []).compactMap(\.string))
    }
    #expect(listed("problemCode") == Set(Problem.Code.allCases.map(\.rawValue)))
    #expect(
      listed("libraryDifference", "properties", "status")
        == Set(LibraryDifference.Status.allCases.map(\.rawValue)))
    #expect(listed("checkStatus") == Set(Check.Status.allCases.map(\.rawValue)))
    #expect(listed("check", "properties", "id") == Set(Check.ID.allCases.map(\.rawValue)))
    #expect(
      listed("step", "properties", "kind") == Set(Plan.Step.Kind.allCases.map(\.rawValue)))
    #expect(
      listed("kernelTarget", "properties", "body") == Set(KernelBody.Kind.allCases.map(\.rawValue)))
    #expect(listed("verdict") == Set(Verdict.allCases.map(\.rawValue)))
    #expect(listed("answerKind") == Set(Answer.Kind.allCases.map(\.rawValue)))
    #expect(listed("reason", "properties", "code") == Set(Reason.Code.allCases.map(\.rawValue)))
    #expect(listed("rootKind") == Set(View.Kind.allCases.map(\.rawValue)))
    let standings: [Standing] = [
      .cached, .counts, .forOtherGPUs, .ignored, .notTaken(unit: 0), .withoutCode,
    ]
    #expect(
      listed("libraryVerdict", "properties", "standing")
        == Set(standings.map(\.name)))
    #expect(
      listed("composition", "properties", "cubinParts", "items", "properties", "part")
        == Set(CubinPart.allCases.map { "\($0)" }))
    #expect(
      listed("uncovered", "properties", "reasons", "items")
        == Set(ExclusionReason.allCases.map(\.rawValue)))
    #expect(
      listed("requirementResult", "properties", "status")
        == Set(RequirementResult.Status.allCases.map(\.rawValue)))
  }
}

/// The keys of a JSON text that come behind a greater or equal one of the same object.
func unsortedKeys(in text: [UInt8]) -> [String] {
  var found: [String] = []
  var last: [[UInt8]?] = []
  var position = 0
  while position < text.count {
    switch text[position] {
    case UInt8(ascii: "{"), UInt8(ascii: "["): last.append(nil)
    case UInt8(ascii: "}"), UInt8(ascii: "]"): last.removeLast()
    case UInt8(ascii: "\""):
      let start = position + 1
      position = start
      while text[position] != UInt8(ascii: "\"") { position += text[position] == UInt8(ascii: "\\") ? 2 : 1 }
      let name = Array(text[start..<position])
      guard position + 1 < text.count, text[position + 1] == UInt8(ascii: ":") else { break }
      if let previous = last[last.count - 1], !previous.lexicographicallyPrecedes(name) {
        found.append(String(decoding: name, as: UTF8.self))
      }
      last[last.count - 1] = name
    default: break
    }
    position += 1
  }
  return found
}
