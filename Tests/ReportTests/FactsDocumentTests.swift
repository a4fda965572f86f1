import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import Foundation
import FuzzSupport
import JSONSchemaSupport
import Scan
import Stack
import Synchronization
import Testing

/// Facts as a file: what is written keeps to the published schema, and what is read is taken for what it says or refused.
struct FactsDocumentTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func written(_ facts: Facts) -> [UInt8] {
    FactsDocument.write(
      facts, toolName: "cubinspect", toolVersion: "1.2.3", tables: TableSet.shipped.date)
  }

  private static func facts(_ tree: TemporaryTree, _ name: String = "", images: [ImageConfiguration] = [])
    -> Facts
  {
    Scanner(jobs: 2).scan([Path(tree(name))]).facts(for: .everything, by: .shipped, images: images, jobs: 2)
  }

  /// Every member that there is: an environment with PyTorch, toolkits, an image, what is missing, damaged PTX and cubins.
  private static func everything() throws -> Facts {
    let tree = try TemporaryTree()
    let site = "usr/lib/python3.12/site-packages/"
    func cubin(_ target: Target, _ kernels: [String]) -> FatBinaryBuilder.Entry {
      var cubin = CubinBuilder(target)
      cubin.kernels = kernels
      return .cubin(target, payload: cubin.bytes)
    }
    try tree.torch(
      "2.4.1+cu121", cuda: "12.1", flags: "sm_80 sm_90 compute_90",
      modules: [
        FatBinaryBuilder([cubin("sm_80", ["sm80_gemm", "one"]), cubin("sm_90", ["sm80_gemm", "one"])]),
        FatBinaryBuilder([cubin("sm_80", ["two1", "two2", "two3"])]),
        FatBinaryBuilder([.ptx("compute_80", payload: Array(PTXText.text("compute_90a").utf8))]),
        FatBinaryBuilder([cubin("sm_75", ["three"]).compressed(.zstd), .ptx("compute_75").compressed(.zstd)]),
      ], needed: ["libcudart.so.12", "libnowhere.so.3"],
      requires: ["nvidia-cudnn-cu12==9.1.0.70; extra == 'x'"],
      in: site)
    try tree.torch("2.4.1+rocm6.1", cuda: nil, rocm: "6.1", in: "opt/amd/")
    try tree.distribution("nvidia-cudnn-cu12", "8.9.2.26", in: site)
    try tree.distribution("torchvision", "0.19.1+cu118", requires: ["torch==2.4.1"], in: site)
    try tree.distribution("cupy-cuda12x", "13.2.0", in: site)
    try tree.distribution("tensorflow", "2.17.0", in: site)
    try tree.write(
      Array(
        #"build_info = {"cuda_version": "12.3", "cudnn_version": "8", "cuda_compute_capabilities": ["sm_80"]}"#
          .utf8),
      to: site + "tensorflow/python/platform/build_info.py")
    try tree.distribution("own", "1.0", files: ["own/a.so"], in: site)
    try tree.distribution("triton", "3.6.0", in: site)
    var llvm = CompilerBuilder()
    (llvm.processors, llvm.ptx, llvm.llvm) = (["80", "90a"], [84], "20.0.0git")
    try tree.write(llvm.bytes, to: site + "triton/_C/libtriton.so")
    try tree.write(
      CompilerBuilder("12.8.93", targets: ["80", "90a"]).bytes, to: site + "triton/backends/nvidia/bin/ptxas")
    try tree.distribution(
      "nvidia-cuda-nvrtc-cu12", "12.1.105", files: ["nvidia/cuda_nvrtc/lib/libnvrtc.so.12"], in: site)
    try tree.write(
      CompilerBuilder("12.1.105", targets: ["80", "90a"]).bytes,
      to: site + "nvidia/cuda_nvrtc/lib/libnvrtc.so.12")
    try tree.sharedLibrary("nvidia/cuda_nvrtc/lib/libnvrtc-builtins.so.12.1", in: site)
    var elf = ELFBuilder()
    let part = elf.add(FatBinaryBuilder("sm_80", "compute_80"), to: "__nv_relfatbin")
    elf.addWrapper(of: elf.append(FatBinaryBuilder("sm_80").bytes, to: ".nv_fatbin"), preLinked: [part])
    elf.append([1], to: ".hip_fatbin")
    try tree.write(elf.bytes, to: site + "own/a.so")
    try tree.symbolicLink(site + "own/b.so", to: "a.so")
    try tree.symbolicLink(site + "own/outside", to: "/nowhere/else")
    try tree.write(CubinBuilder("sm_90a").bytes, to: Array("opt/name".utf8) + [0xFF])
    try tree.write(Array(elf.bytes.prefix(200)), to: "opt/broken.so")
    var compat = ELFBuilder()
    compat.soname = "libcuda.so.1"
    compat.note = (
      "NVIDIA Corporation", Array(#"{"Format": 1, "CUDA Version": "12.8", "Driver": [535, 550]}"#.utf8)
    )
    try tree.write(compat.bytes, to: "usr/local/cuda-12.8/compat/libcuda.so.570.86.15")
    try tree.toolkit("12.8.1")
    try tree.sharedLibrary("opt/libstatic.so", modules: [FatBinaryBuilder("sm_80")])
    try tree.write(Array("# R36 (release), REVISION: 4.3, GCID: 1\n".utf8), to: "etc/nv_tegra_release")
    try tree.write(Array("ID=x\n".utf8), to: "etc/os-release")
    var facts = Self.facts(
      tree,
      images: [
        ImageConfiguration(
          environment: ["CUDA_VERSION=12.8.1", "SECRET=1", "TRITON_PTXAS_PATH=/opt/ptxas"],
          architecture: "amd64", names: ["app:1"])
      ])
    var builder = ImageBuilder()
    var layer = TarBuilder()
    var library = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    (library.note, library.noteType) = (("GNU", [0xAB, 0x0C]), 3)
    layer.add(library.bytes, to: "usr/lib/a.so")
    builder.layers = [("FROM scratch", TarBuilder()), ("RUN install", layer)]
    try tree.write(builder.archive(), to: "image.tar")
    facts.add(Self.facts(tree, "image.tar"))
    var wheel = WheelBuilder(distribution: "x", "1.0")
    wheel.add(library.bytes, to: "x/a.so")
    try tree.write(wheel.bytes, to: "x-1.0-py3-none-any.whl")
    facts.add(Self.facts(tree, "x-1.0-py3-none-any.whl"))
    let layout = root.appending(path: "Fixtures/views/platforms.tar").path(percentEncoded: false)
    facts.add(Scanner(jobs: 2).scan([Path(layout)]).facts(for: .everything, by: .shipped, jobs: 2))
    return facts
  }

  @Test func whatIsWrittenKeepsToTheSchema() throws {
    let file = Self.root.appending(path: "Docs/Schema/facts-1.json")
    let source = try JSONValue(parsing: Array(Data(contentsOf: file)))
    let schema = try JSONSchema(source)
    let document = try JSONValue(parsing: Self.written(Self.everything()))
    #expect(schema.violations(in: document) == [])
    // Every member is described, and every one that is described was written.
    var missing: Set<String> = []
    var undescribed: [String] = []
    func walk(_ value: JSONValue, at place: String) {
      for (name, property) in value["properties"]?.members ?? [:] {
        missing.insert("\"\(name)\"")
        if property["description"] == nil, property["$ref"] == nil { undescribed.append("\(place).\(name)") }
      }
      if value["properties"] != nil, value["additionalProperties"] == nil {
        undescribed.append("\(place) is open")
      }
      for (name, member) in value.members ?? [:] { walk(member, at: "\(place).\(name)") }
      for element in value.elements ?? [] { walk(element, at: place) }
    }
    walk(source, at: "")
    #expect(undescribed == [])
    let text = String(decoding: try Self.written(Self.everything()), as: UTF8.self)
    #expect(missing.filter { !text.contains("\($0):") } == [])
    #expect(!text.contains("SECRET"))
    for seed in try Self.seeds() where !seed.isLayer {
      let document = try JSONValue(parsing: seed.bytes)
      #expect(schema.violations(in: document) == [], "\(seed.name)")
    }
  }

  @Test func sameFactsGiveTheSameBytes() throws {
    let facts = try Self.everything()
    let document = Self.written(facts)
    #expect(Self.written(facts) == document)
    #expect(Self.written(try FactsDocument.read(MemoryBytes(document), by: .shipped)) == document)
    #expect(FactsDocument.isDocument(prefix: document.prefix(FactsDocument.prefixSize)))
  }

  @Test func factsAreToldByTheirStart() {
    func isDocument(_ text: String) -> Bool {
      FactsDocument.isDocument(prefix: Array(text.utf8).prefix(FactsDocument.prefixSize))
    }
    #expect(isDocument("{\"factsVersion\":1,\"kind\":\"facts\""))
    #expect(isDocument("\n {\n  \"kind\" : \"facts\",\n  \"factsVersion\": 99,"))
    #expect(!isDocument("{\"schemaVersion\":1,\"kind\":\"facts\""))
    #expect(!isDocument("{\"factsVersion\":1,\"kind\":\"report\""))
    #expect(!isDocument("[\"factsVersion\":1,\"kind\":\"facts\""))
    #expect(!isDocument(""))
  }

  // MARK: What is not as it must be

  private static func seeds() throws -> [(name: String, bytes: [UInt8], isLayer: Bool)] {
    let folder = root.appending(path: "Tests/Fuzz/Facts")
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .sorted { $0.path < $1.path }.map {
        ($0.lastPathComponent, try Array(Data(contentsOf: $0)), $0.lastPathComponent.hasPrefix("layer"))
      }
  }

  /// The problem of reading a document that is `text`; nil where it is read.
  private static func problem(_ text: String) -> Problem? {
    do throws(Problem) {
      _ = try FactsDocument.read(MemoryBytes(Array(text.utf8)), by: .shipped)
      return nil
    } catch {
      return error
    }
  }

  private static let empty =
    #"{"factsVersion":1,"kind":"facts","summary":{"bytesRead":0,"directories":0,"elfFiles":0,"filesVisited":0,"images":0,"imagesRead":0,"librariesWithDeviceCode":0,"linksOutside":0,"modules":0},"tool":{"name":"cubinspect","version":"1"},"views":[]}"#

  @Test func problemsSayWhereAndWhy() throws {
    #expect(Self.problem(Self.empty) == nil)
    let newer = Self.problem(Self.empty.replacing("\"factsVersion\":1", with: "\"factsVersion\":2"))
    #expect(newer?.code == .unsupported)
    #expect(newer?.observed == "\"facts\" and 2")
    let negative = Self.problem(Self.empty.replacing("\"modules\":0", with: "\"modules\":-1"))
    #expect(negative?.field == "facts, summary.modules")
    #expect(negative?.expected?.hasSuffix("but it is -1") == true)
    #expect(Self.problem(Self.empty.replacing("\"modules\":0", with: "\"modules\":0.5")) != nil)
    #expect(Self.problem(Self.empty.replacing(",\"modules\":0", with: ""))?.expected == "the member modules")
    #expect(Self.problem(Self.empty.replacing("[]", with: "[7]"))?.field == "facts, views[0]")
    #expect(Self.problem(String(Self.empty.dropLast(3)))?.code == .invalidValue)
    #expect(Self.problem(Self.empty.replacing("[]", with: String(repeating: "[", count: 100_000))) != nil)
    #expect(Self.problem("") != nil)
  }

  /// Indices, counts and ranges that do not fit in a document that is right otherwise.
  @Test func whatDoesNotFitIsRefused() throws {
    let texts = try Self.seeds().filter { !$0.isLayer }.map { String(decoding: $0.bytes, as: UTF8.self) }
    #expect(texts.allSatisfy { Self.problem($0) == nil })
    for (right, wrong) in [
      (#""images":[0,1],"modules""#, #""images":[0,99],"modules""#),
      (#""images":[0,1],"modules""#, #""images":[-1],"modules""#),
      (#""images":[0,1],"modules""#, #""images":[],"modules""#),
      (#""modules":[[0,0]],"role""#, #""modules":[[0,1048576]],"role""#),
      (#""modules":[[0,0]],"role""#, #""modules":[[0,9223372036854775807]],"role""#),
      (#""modules":[[0,0]],"role""#, #""modules":[[1,0]],"role""#),
      (#""modules":[[0,0]],"role""#, #""modules":[[0,0],[0,0]],"role""#),
      (#""modules":[[0,0]],"role""#, #""modules":[],"role""#),
      (#""role":"portable""#, #""role":"empty""#), (#""role":"portable""#, #""role":"other""#),
      (#""kernels":[[0,0]]"#, #""kernels":[[0,999]]"#), (#""target":"80""#, #""target":"x""#),
      (#""package":0"#, #""package":1000"#), (#""package":0"#, #""package":-1"#),
      (#""layer":1"#, #""layer":5"#), (#""layer":1"#, #""layer":-1"#),
      (#""kind":"wheel""#, #""kind":"thing""#),
    ] {
      let text = try #require(texts.first { $0.contains(right) }, "\(right)")
      let damaged = text.replacing(right, with: wrong, maxReplacements: 1)
      let problem = Self.problem(damaged)
      #expect(problem?.code == .invalidValue, "\(wrong)")
      #expect(problem?.field.hasPrefix("facts, ") == true, "\(wrong)")
    }
  }

  /// A few bytes cannot ask for gigabytes.
  @Test func whatADocumentStandsForIsBounded() throws {
    let text = String(
      decoding: try #require(try Self.seeds().first { $0.name == "wheel.json" }).bytes, as: UTF8.self)
    let none = #""unreadable":[]"#
    #expect(
      Self.problem(text.replacing(none, with: #""unreadable":[[0,1048575]]"#, maxReplacements: 1)) == nil)
    let start = try #require(text.firstRange(of: #""files":[{"#))
    let end = try #require(text.firstRange(of: #"}],"kind":"wheel""#))
    let file = text[start.upperBound..<end.lowerBound].replacing(none, with: #""unreadable":[[0,1048575]]"#)
    let many = [String](repeating: String(file), count: 17).joined(separator: "},{")
    let problem = Self.problem(String(text[..<start.upperBound]) + many + text[end.lowerBound...])
    #expect(problem?.expected == "fewer modules and kernels")
    let huge = HugeSource()
    #expect(throws: Problem.self) { try FactsDocument.read(huge, by: .shipped) }
    #expect(!huge.isRead)
  }

  @Test(.timeLimit(.minutes(30))) func seedsKeepAllPromises() throws {
    let seeds = try Self.seeds()
    #expect(seeds.count > 2)
    for seed in seeds { #expect(FuzzTarget.facts.violations(seed.bytes) == [], "\(seed.name)") }
  }

  /// Every value of a document in turn replaced by others, right ones and wrong ones: no trap, and no text that could disturb
  /// a terminal.
  @Test(.timeLimit(.minutes(30))) func otherValuesKeepAllPromises() throws {
    for seed in try Self.seeds() {
      let document = try JSONSerialization.jsonObject(with: Data(seed.bytes))
      var places: [[any Hashable & Sendable]] = []
      func walk(_ value: Any, _ place: [any Hashable & Sendable]) {
        places.append(place)
        if let members = value as? [String: Any] {
          for name in members.keys.sorted() { walk(members[name] ?? 0, place + [name]) }
        } else if let elements = value as? [Any] {
          for (index, element) in elements.enumerated() { walk(element, place + [index]) }
        }
      }
      walk(document, [])
      var generator = SeededGenerator(seed: 3)
      let values: [Any] = [
        -1, 0, 1, 3, 1_000_000, Int.max, 1e300, true, "", "x", "12.8", "\u{1B}[31m\n\u{202E}", "../../..",
        NSNull(),
        [Any](), [String: Any](), [0, 1], [[0, 5]],
      ]
      for _ in 0..<250 {
        let place = places[Int.random(in: 0..<places.count, using: &generator)]
        let value = values[Int.random(in: 0..<values.count, using: &generator)]
        let changed = Self.replacing(document, place[...], value)
        guard JSONSerialization.isValidJSONObject(changed) else { continue }
        let bytes = Array(try JSONSerialization.data(withJSONObject: changed))
        #expect(FuzzTarget.facts.violations(bytes) == [], "\(seed.name): \(value) at \(place)")
      }
    }
  }

  private static func replacing(_ value: Any, _ place: ArraySlice<any Hashable & Sendable>, _ new: Any) -> Any
  {
    guard let first = place.first else { return new }
    if var members = value as? [String: Any], let name = first as? String {
      members[name] = replacing(members[name] ?? 0, place.dropFirst(), new)
      return members
    }
    if var elements = value as? [Any], let index = first as? Int, elements.indices.contains(index) {
      elements[index] = replacing(elements[index], place.dropFirst(), new)
      return elements
    }
    return value
  }
}

/// More bytes than anybody has, which must not be read.
private final class HugeSource: ByteSource {
  let size: UInt64 = 1 << 50
  let readsForward = false
  private let reads = Atomic<Int>(0)

  var isRead: Bool { reads.load(ordering: .relaxed) > 0 }

  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    reads.add(1, ordering: .relaxed)
    return 0
  }
}
