import Assessment
import Bytes
import Compatibility
import FixtureSupport
import Foundation
import FuzzSupport
import Report
import Scan
import Stack
import Testing

/// The report from facts is the report from the files, for every GPU and every driver.
struct FactsTests {
  /// GPUs as they are asked for: every compute capability of the table, products, and some that no table knows.
  private static let gpus =
    ArchitectureTable.shipped.rows.map(\.computeCapability.description)
    + ["13.0", "4.0", "8.4", "9.3", "11.5", "NVIDIA A100-PCIE-40GB", "RTX 4090", "H100", "T4", "RTX 5090"]

  /// Drivers on both sides of what makes a difference: GPUs, PTX versions, compression, forward compatibility.
  private static let drivers: [String?] = [
    nil, nil, nil, "390", "418.87", "450", "470", "525.60.13", "535", "550.40.07", "550.54.14", "555", "565",
    "570",
    "580", "590", "610", "615", "616", "620", "999", "9.0", "11.4", "12.2", "12.8", "13.0", "13.4", "99.9",
  ]

  /// A question at random: one GPU mostly, sometimes several, sometimes the overview.
  private static func question(_ generator: inout SeededGenerator) throws -> Question {
    let driver = drivers.randomElement(using: &generator).flatMap { $0 }.flatMap { DriverVersion($0) }
    let count = [0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3].randomElement(using: &generator) ?? 1
    if count == 0 {
      return Question(
        devices: ArchitectureTable.shipped.current.map {
          RequestedDevice(query: $0.description, device: Device($0, driver: driver))
        }, namesDevices: false)
    }
    let devices = try (0..<count).map { _ in
      let query = gpus.randomElement(using: &generator) ?? "8.0"
      return RequestedDevice(
        query: query,
        device: try GPUCatalogue.resolve(query, in: .shipped).device(driver: driver, tables: .shipped))
    }
    return Question(
      devices: devices, namesDevices: true, requirements: try Requirements("sm_80,compute_90"))
  }

  /// What is written, without how much was read.
  private static func report(_ facts: Facts, _ question: Question) -> [String] {
    var facts = facts
    facts.counts.bytesRead = 0
    facts.counts.imagesRead = 0
    let report = ScanReport(Assessment(facts, question))
    return [
      String(decoding: report.json(Tool(name: "cubinspect", version: "1.2.3")), as: UTF8.self),
      report.text(TextStyle(), seconds: 1), report.problems.joined(separator: "\n"),
    ]
  }

  /// Asks `count` questions of what is under `paths` and of its facts; returns how many GPUs were asked about.
  @discardableResult
  private static func compare(
    _ paths: [Path], _ count: Int, _ generator: inout SeededGenerator, images: [ImageConfiguration] = []
  ) throws -> Int {
    let found = Scanner(jobs: 2).scan(paths)
    let all = found.facts(for: .everything, by: .shipped, images: images, jobs: 2)
    let document = FactsDocument.write(all, toolName: "cubinspect", toolVersion: "1.2.3")
    let read = try FactsDocument.read(MemoryBytes(document), by: .shipped)
    #expect(
      FactsDocument.write(read, toolName: "cubinspect", toolVersion: "1.2.3") == document,
      "\(paths): facts change when they are read and written")
    var asked = 0
    for _ in 0..<count {
      let question = try question(&generator)
      let devices = question.devices.map(\.device)
      let plain = found.facts(for: .devices(devices), by: .shipped, images: images, jobs: 2)
      let expected = report(plain, question)
      let actual = report(read.narrowed(to: devices, by: .shipped), question)
      asked += devices.count
      guard actual != expected else { continue }
      let lines = zip(
        actual.joined(separator: "\n").split(separator: "\n"),
        expected.joined(separator: "\n").split(separator: "\n"))
      let first = lines.first { $0 != $1 }
      Issue.record(
        """
        \(paths), \(question.devices.map(\.query)), driver \(devices[0].driver?.description ?? "none"): from facts
        \(first?.0 ?? "less"), not
        \(first?.1 ?? "more")
        """)
      return asked
    }
    return asked
  }

  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  @Test(.timeLimit(.minutes(30))) func fixturesAnswerAsTheirFacts() throws {
    var generator = SeededGenerator(seed: 10)
    let folder = Self.root.appending(path: "Fixtures")
    func names(_ folder: URL) throws -> [URL] {
      try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        .sorted { $0.path < $1.path }
    }
    let archives = try ["archives", "views", "hostile"].flatMap { try names(folder.appending(path: $0)) }
    let paths = try (names(folder) + archives).filter {
      !["tools", "hardware"].contains($0.lastPathComponent)
    }
    #expect(paths.count > 80)
    var asked = 0
    for path in paths {
      asked += try Self.compare([Path(path.path(percentEncoded: false))], 1, &generator)
    }
    #expect(asked > 90)
  }

  @Test(.timeLimit(.minutes(30)), arguments: 0..<8) func madeUpTreesAnswerAsTheirFacts(_ part: Int) throws {
    var generator = SeededGenerator(seed: UInt64(part))
    var asked = 0
    for _ in 0..<2 {
      let tree = try TemporaryTree()
      var madeUp = MadeUpTree(generator: SeededGenerator(seed: generator.next()))
      try madeUp.write(to: tree)
      let images = [
        ImageConfiguration(
          environment: ["CUDA_VERSION": "12.4.1", "NVIDIA_REQUIRE_CUDA": "cuda>=12.4", "HOME": "/root"])
      ]
      asked += try Self.compare(
        [Path(tree.path)], 8, &generator, images: Bool.random(using: &generator) ? images : [])
    }
    #expect(asked > 15)
  }
}

/// Libraries whose verdicts depend on all that facts keep: kernels' names, what PTX says of itself, compression, packages,
/// other drivers, what cannot be read.
private struct MadeUpTree {
  var generator: SeededGenerator

  /// Named for generations, for none, and variants of each other.
  private static let kernels = [
    "sm70_gemm", "sm80_gemm", "sm90_gemm", "sm120_gemm", "volta_sgemm", "ampere_sgemm", "plain", "other",
    "_Z4tileILi64EEvv", "_Z4tileILi128EEvv", "_Z7forwardv_forwardCompat", "_ZN4Sm80E1kv",
  ]
  private static let cubins: [Target] = [
    "sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "sm_90a", "sm_100",
    "sm_100f",
    "sm_120",
  ]
  private static let ptx: [Target] = [
    "compute_52", "compute_70", "compute_80", "compute_90", "compute_90a", "compute_120",
  ]

  private mutating func pick<Value>(_ values: [Value]) -> Value {
    values[Int.random(in: 0..<values.count, using: &generator)]
  }

  private mutating func chance(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &generator) == 0 }

  private mutating func names() -> [String] {
    if chance(6) { return [] }
    return (0..<Int.random(in: 1...3, using: &generator)).map { _ in pick(Self.kernels) }
  }

  private mutating func cubin(_ target: Target, _ names: [String]) -> FatBinaryBuilder.Entry {
    var cubin = CubinBuilder(target)
    cubin.kernels = chance(12) ? nil : names
    cubin.isRelocatable = chance(15)
    let entry = FatBinaryBuilder.Entry.cubin(target, payload: cubin.bytes)
    switch Int.random(in: 0..<8, using: &generator) {
    // What is no frame does not decompress.
    case 0: return entry.compressed(.zstd)
    case 1...3: return entry.inFrame()
    default: return entry
    }
  }

  private mutating func ptx(_ names: [String]) -> FatBinaryBuilder.Entry {
    let target = pick(Self.ptx)
    // Some texts are for another target than their headers say, or in another version.
    let own = chance(3) ? pick(Self.ptx) : target
    let isa: (UInt16, UInt16) = pick([(6, 0), (7, 8), (8, 4), (8, 7), (9, 0), (9, 5), (12, 0)])
    let text =
      PTXText.text(own, isa: chance(4) ? (8, 7) : isa).replacing(
        "kernel()", with: "\(names.first ?? "kernel")()")
    let entry = FatBinaryBuilder.Entry.ptx(target, isa: isa, payload: Array(text.utf8) + [0])
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: return entry.compressed(.zstd)
    case 1: return entry.inFrame()
    default: return entry
    }
  }

  private mutating func module(_ targets: [Target]) -> FatBinaryBuilder {
    let names = names()
    var entries = targets.map { cubin($0, chance(4) ? self.names() : names) }
    if chance(3) { entries.append(ptx(names)) }
    if chance(6) { entries.append(ptx(names)) }
    if entries.isEmpty { entries.append(ptx(names)) }
    return FatBinaryBuilder(entries)
  }

  private mutating func library() -> [UInt8] {
    var elf = ELFBuilder()
    let common = Self.cubins.filter { _ in chance(3) }
    var parts: [ELFBuilder.Place] = []
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      let targets = chance(2) ? common : [pick(Self.cubins)]
      let fatBinary = module(targets)
      if chance(8) {
        parts.append(elf.add(fatBinary, to: "__nv_relfatbin"))
      } else if chance(10) {
        elf.append(fatBinary.bytes, to: ".rodata")
      } else {
        elf.add(fatBinary)
      }
    }
    if !parts.isEmpty {
      elf.addWrapper(of: elf.append(module(common).bytes, to: ".nv_fatbin"), preLinked: parts)
    }
    elf.soname = "lib\(Int.random(in: 0..<100, using: &generator)).so"
    elf.needed = chance(3) ? ["libcudart.so.12", "libnowhere.so.1"] : []
    return elf.bytes
  }

  mutating func write(to tree: TemporaryTree) throws {
    let site = pick(["", "lib/python3.11/site-packages/"])
    if chance(2) {
      try tree.torch(
        pick(["2.4.1+cu121", "2.9.1+cu128"]), cuda: pick(["12.1", "12.8"]), flags: "sm_80 sm_90 compute_90",
        modules: (0..<3).map { _ in module([pick(Self.cubins)]) }, needed: ["libcudart.so.12"],
        requires: ["nvidia-cudnn-cu12==9.1.0.70"], in: site)
    }
    for name in ["alpha", "beta"] where chance(2) {
      let file = "\(name)/lib\(name)_cuda\(pick(["118", "128"])).so"
      try tree.distribution(
        name, "1.0", requires: chance(2) ? ["torch==2.4.1"] : [], files: [file, "\(name)/one.cubin"], in: site
      )
      try tree.write(library(), to: site + file)
      if chance(2) { try tree.write(CubinBuilder(pick(Self.cubins)).bytes, to: "\(site)\(name)/one.cubin") }
    }
    for index in 0..<Int.random(in: 0...3, using: &generator) {
      try tree.write(library(), to: "opt/\(index)/lib\(index).so")
    }
    for _ in 0..<(chance(2) ? Int.random(in: 1...4, using: &generator) : 0) {
      let target = pick(Self.cubins)
      try tree.write(cubin(target, names()).payload, to: "opt/cache/sm\(target.number).cubin")
    }
    if chance(4) {
      try tree.write(library(), to: Array("opt/name".utf8) + [0xFF, 0x0A])
      try tree.symbolicLink("opt/link.so", to: "0/lib0.so")
    }
    if chance(4) {
      var compat = ELFBuilder()
      compat.soname = "libcuda.so.1"
      compat.note = (
        "NVIDIA Corporation", Array(#"{"Format": 1, "CUDA Version": "12.8", "Driver": [535, 550]}"#.utf8)
      )
      try tree.write(compat.bytes, to: "usr/local/cuda-12.8/compat/libcuda.so.570.86.15")
      try tree.toolkit("12.8.1")
    }
    if chance(4) {
      try tree.write(
        Array("# \(pick(["R36", "R39"])) (release), REVISION: 4.3, GCID: 1\n".utf8),
        to: "etc/nv_tegra_release")
    }
  }
}
