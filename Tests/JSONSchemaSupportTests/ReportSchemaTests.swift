import Foundation
import JSONSchemaSupport
import Testing

/// The published schema: well formed, documented, and as strict as it means to be.
struct ReportSchemaTests {
  let source: JSONValue
  let schema: JSONSchema

  init() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let file = root.appendingPathComponent("Docs/Schema/report-1.json")
    source = try JSONValue(parsing: Array(Data(contentsOf: file)))
    schema = try JSONSchema(source)
  }

  let list = """
    {"schemaVersion": 1, "tool": {"name": "cubinspect", "version": "0.1.0"}, "files": [{
      "path": "a.so", "size": 4096, "problems": [{"code": "truncated", "message": "it ends", "offset": 12}],
      "images": [{"index": 0, "module": 0, "section": ".nv_fatbin", "kind": "cubin", "target": "sm_90a",
        "offset": 80, "storedSize": 10, "size": 20, "compression": "zstd", "flags": "0x108011",
        "relocatable": false, "toolkit": "13.5"}]}]}
    """
  let gpus = """
    {"schemaVersion": 1, "tool": {"name": "cubinspect", "version": "0.1.0"}, "query": "A100",
     "entries": [{"name": "NVIDIA A100-SXM4-40GB", "computeCapabilities": ["8.0"]}]}
    """
  let scan = """
    {"schemaVersion": 1, "tool": {"name": "cubinspect", "version": "0.1.0"},
     "root": {"path": "lib", "kind": "directory"}, "packages": [], "problems": [],
     "gpus": [{"query": "A100", "computeCapability": "8.0"}],
     "libraries": [{"path": "a.so", "aliases": [], "size": 4096, "modules": 1, "problems": [],
       "targets": [{"target": "sm_90a", "images": 1, "storedSize": 10}],
       "verdicts": [{"computeCapability": "8.0", "verdict": "incompatible", "linkInputs": 0,
         "portable": {"total": 1, "exact": 0, "minorCompatible": 0, "jit": 0, "notGuaranteed": 0, "none": 1},
         "specialised": {"total": 0, "runs": 0},
         "uncovered": [{"module": 0, "section": ".nv_fatbin", "offset": 64, "targets": ["sm_90a"],
           "reasons": ["architectureSpecific"]}]}]}],
     "summary": {"filesVisited": 1, "elfFiles": 1, "librariesWithDeviceCode": 1, "modules": 1, "images": 1,
       "bytesRead": 4096, "problems": 0}}
    """

  @Test func documentsOfEachKindAreValid() throws {
    for text in [list, gpus, scan] {
      #expect(try schema.violations(in: JSONValue(parsing: text)) == [])
    }
  }

  @Test(arguments: [
    (#""sm_90a""#, #""90a""#), (#""zstd""#, #""zip""#), (#""relocatable": false"#, #""relocatable": 0"#),
    (#""offset": 80"#, #""offset": -80"#), (#""kind": "cubin""#, #""kind": "elf""#),
    (#""code": "truncated""#, #""code": "broken""#), (#""schemaVersion": 1"#, #""schemaVersion": 2"#),
    (#""size": 4096, "#, ""), (#""path": "a.so""#, #""path": "a.so", "more": 1"#),
  ])
  func listWithAnErrorIsNot(right: String, wrong: String) throws {
    let text = list.replacingOccurrences(of: right, with: wrong)
    #expect(text != list)
    #expect(try schema.violations(in: JSONValue(parsing: text)) != [])
  }

  @Test(arguments: [
    (#""incompatible""#, #""no""#), (#""8.0", "verdict""#, #""8", "verdict""#),
    (#""architectureSpecific""#, #""other""#), (#""none": 1"#, #""none": 1, "some": 1"#),
    (#""problems": 0"#, #""problems": null"#), (#""kind": "directory""#, #""kind": "folder""#),
  ])
  func scanWithAnErrorIsNot(right: String, wrong: String) throws {
    let text = scan.replacingOccurrences(of: right, with: wrong)
    #expect(text != scan)
    #expect(try schema.violations(in: JSONValue(parsing: text)) != [])
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
}
