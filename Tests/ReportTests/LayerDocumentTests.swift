import Bytes
import Compatibility
import FixtureSupport
import Foundation
import JSONSchemaSupport
import Scan
import Testing

/// What is written down of layers keeps to the published schema.
struct LayerDocumentTests {
  private static let schemas = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Docs/Schema")

  private static func document(_ bytes: [UInt8]) throws -> [UInt8] {
    let tree = try TemporaryTree()
    try tree.write(bytes, to: "layer.tar")
    let file = try FileBytes(path: Path(tree("layer.tar")))
    return LayerDocument.write(
      try Scanner(jobs: 1).layerFacts(of: file, by: .shipped), toolName: "cubinspect", toolVersion: "1",
      tables: TableSet.shipped.date)
  }

  /// A layer with everything that there is to say, and one that ends in the middle.
  private static func documents() throws -> [[UInt8]] {
    var layer = TarBuilder()
    var library = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "compute_80")])
    (library.soname, library.needed) = ("libown.so.1", ["libcudart.so.12"])
    (library.runpath, library.rpath) = ("$ORIGIN", "/opt/lib")
    layer.add(library.bytes, to: "opt/a.so")
    var compat = ELFBuilder()
    compat.note = ("NVIDIA Corporation", Array(#"{"CUDA Version": "12.8", "Driver": [535]}"#.utf8))
    layer.add(compat.bytes, to: "usr/local/cuda-12.8/compat/libcuda.so.570.86.15")
    layer.add(CompilerBuilder("12.8.93", targets: ["80", "90a"]).bytes, to: "opt/ptxas")
    var llvm = CompilerBuilder()
    (llvm.processors, llvm.ptx, llvm.llvm) = (["80", "90a"], [84], "20.0.0git")
    layer.add(llvm.bytes, to: "opt/libtriton.so")
    var amd = ELFBuilder()
    amd.append([1], to: ".hip_fatbin")
    layer.add(amd.bytes, to: "opt/amd.so")
    var other = ELFBuilder().bytes
    other[4] = 1
    layer.add(other, to: "opt/32.so")
    layer.add(Array(library.bytes.prefix(200)), to: "opt/cut.so")
    layer.add(Array("hsqs".utf8) + [UInt8](repeating: 1, count: 200), to: "opt/image.squashfs")
    layer.add(Array("Name: a\nVersion: 1\n".utf8), to: "a.dist-info/METADATA")
    layer.add([0x4E, 0xFF], to: "b.dist-info/METADATA")
    layer.add([UInt8](repeating: 0x20, count: 16 << 20 | 1), to: "c.dist-info/METADATA")
    layer.addDirectory("folder/")
    layer.addSymbolicLink("link", to: "opt/a.so")
    layer.addHardLink("name", to: "opt/a.so")
    layer.add([], to: ".wh.gone")
    var cut = TarBuilder()
    cut.add(Array("Name: d\nVersion: 1\n".utf8), to: "d.dist-info/METADATA")
    return [try document(layer.bytes), try document(Array(cut.bytes.prefix(515)))]
  }

  /// The schema with the definitions that it takes from the one of facts.
  private static func schema() throws -> JSONValue {
    func read(_ name: String) throws -> [String: Any] {
      let data = try Data(contentsOf: schemas.appending(path: name))
      let text = String(decoding: data, as: UTF8.self).replacing("urn:cubinspect:facts:1#", with: "#")
      return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
    var schema = try read("layer-1.json")
    let own = try #require(schema["$defs"] as? [String: Any])
    let facts = try #require(try read("facts-1.json")["$defs"] as? [String: Any])
    schema["$defs"] = own.merging(facts) { own, _ in own }
    return try JSONValue(parsing: Array(JSONSerialization.data(withJSONObject: schema)))
  }

  @Test func whatIsWrittenKeepsToTheSchema() throws {
    let schema = try JSONSchema(Self.schema())
    let documents = try Self.documents()
    for document in documents { #expect(schema.violations(in: try JSONValue(parsing: document)) == []) }
    // Every member that the schema itself describes was written.
    let source = try JSONValue(parsing: Array(Data(contentsOf: Self.schemas.appending(path: "layer-1.json"))))
    var missing: Set<String> = []
    func walk(_ value: JSONValue) {
      missing.formUnion((value["properties"]?.members ?? [:]).keys.map { "\"\($0)\":" })
      for member in (value.members ?? [:]).values { walk(member) }
      for element in value.elements ?? [] { walk(element) }
    }
    walk(source)
    let text = documents.map { String(decoding: $0, as: UTF8.self) }.joined()
    #expect(missing.filter { !text.contains($0) } == [])
  }
}
