import Assessment
import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import JSONSchemaSupport
import Report
import Scan
import Stack
import Testing

/// The forms of a scan's report that other tools read.
@Suite struct FormatTests {
  private let tool = Tool(name: "cubinspect", version: "1.2.3")
  private let tree: TemporaryTree
  private let report: ScanReport

  /// Three libraries, one with a name that every format has to escape, and a file that is damaged; for an A100 and an H100.
  init() throws {
    tree = try TemporaryTree()
    try tree.sharedLibrary("a & b/<script>alert(1)</script>,\"|`*.so", modules: [FatBinaryBuilder("sm_80")])
    try tree.sharedLibrary("lib/both.so", modules: [FatBinaryBuilder("sm_80", "sm_90")])
    try tree.sharedLibrary("lib/old.so", modules: [FatBinaryBuilder("sm_70", "compute_70")])
    try tree.write([0x7F, 0x45, 0x4C, 0x46], to: "lib/cut.so")
    let devices = try ["A100", "H100"].flatMap { query in
      try GPUCatalogue.resolveAll(query, in: .shipped).map {
        RequestedDevice(query: query, device: $0.device(driver: nil, tables: .shipped))
      }
    }
    let question = Question(
      devices: devices, namesDevices: true, requirements: try Requirements("sm_80"))
    let facts = Scanner(jobs: 1).scan([Path(tree.path)]).facts(
      for: .devices(devices.map(\.device)), by: question.tables, images: [], jobs: 1)
    report = ScanReport(Assessment(facts, question))
  }

  @Test func commaSeparatedValues() {
    let text = String(decoding: report.csv(), as: UTF8.self)
    let lines = text.split(separator: "\r\n")
    #expect(lines.count == 1 + 3 * 2)
    #expect(lines[0].hasPrefix("view,package,version,library,"))
    #expect(
      text.contains(#","a & b/<script>alert(1)</script>,""|`*.so",1,sm_80,H100,9.0,,incompatible,counts,met"#)
    )
    #expect(
      text.contains(
        #",lib/old.so,1,"sm_70 compute_70",A100,8.0,,jit,counts,"does not carry sm_80, which is required""#))
  }

  /// Readers take the end of a line for that of the row, unless its cell stands in quotation marks.
  @Test func cellsOfSeveralLines() {
    let matrix = Matrix("names", "Names.", ["name", "note"], [(["=1+1", "a\nb"], "x \"y\"")])
    #expect(matrix.csv() == "name,note,source\r\n=1+1,\"a\nb\",\"x \"\"y\"\"\"\r\n")
    #expect(matrix.csv(.tab) == "name\tnote\tsource\n=1+1\ta\\x0ab\tx \"y\"\n")
  }

  @Test func linesOfJSON() throws {
    let lines = try report.ndjson().split(separator: UInt8(ascii: "\n")).map {
      try JSONValue(parsing: Array($0))
    }
    #expect(
      lines.filter { $0["kind"] == .string("answer") }.compactMap { $0["answer"]?.string } == [
        "yes", "partly",
      ])
    let libraries = lines.filter { $0["kind"] == .string("library") }
    #expect(libraries.count == 3 * 2 && lines.count == 8)
    #expect(
      libraries.compactMap { $0["verdict"]?.string }.sorted() == [
        "incompatible", "jit", "jit", "native", "native", "native",
      ])
  }

  /// Where somebody asks what libraries carry there are no GPUs.
  @Test func rowsWithoutGPUs() throws {
    var question = Question(
      devices: report.assessment.question.devices, namesDevices: false,
      requirements: try Requirements("sm_80"))
    question.ignores = [IgnoreRule(.requirement, library: "old.so", reason: "r", source: "s")]
    let facts = Scanner(jobs: 1).scan([Path(tree("lib"))]).facts(
      for: .devices(question.devices.map(\.device)), by: question.tables, images: [], jobs: 1)
    let report = ScanReport(Assessment(facts, question))
    let lines = String(decoding: report.csv(), as: UTF8.self).split(separator: "\r\n")
    #expect(lines.count == 3)
    #expect(lines[1].hasSuffix(#",both.so,1,"sm_80 sm_90",,,,,,met"#))
    #expect(lines[2].hasSuffix(#",old.so,1,"sm_70 compute_70",,,,,,"#))
    let objects = try report.ndjson().split(separator: UInt8(ascii: "\n")).map {
      try JSONValue(parsing: Array($0))
    }
    #expect(objects.map { $0["kind"] } == [.string("library"), .string("library")])
    #expect(objects.map { $0["requirement"] } == [.string("met"), nil])
    #expect(objects.allSatisfy { $0["verdict"] == nil && $0["query"] == nil })
  }

  /// What is required is told where a table of GPUs is not.
  @Test func requirements() {
    let sentence = "1 of 3 libraries does not carry what is required: sm"
    let page = String(decoding: report.html(tool, seconds: 1), as: UTF8.self)
    for text in [report.markdown(), page] {
      #expect(text.contains(sentence))
      #expect(text.contains("old.so does not carry sm"))
    }
    let question = Question(
      devices: report.assessment.question.devices, namesDevices: false,
      requirements: report.assessment.question.requirements)
    let facts = Facts(views: report.assessment.views.map(\.view))
    let about = ScanReport(Assessment(facts, question))
    let short = about.text(TextStyle(), seconds: 1)
    #expect(short.contains(sentence) && !short.contains("H100") && !short.contains("No conflicts"))
    #expect(about.markdown().contains(sentence) && !about.markdown().contains("H100"))
    let aboutPage = String(decoding: about.html(tool, seconds: 1), as: UTF8.self)
    #expect(aboutPage.contains("not as required"))
    #expect(!aboutPage.contains("H100") && !aboutPage.contains("name=\"state\""))
  }

  @Test func markdown() {
    let text = report.markdown()
    #expect(!text.contains("<script>") && !text.contains("`"))
    #expect(text.contains("| package | A100 | H100 |\n|---|:-:|:-:|\n"))
    #expect(text.contains("| lib/both.so | ✓ | ✓ |\n"))
    #expect(text.contains("◐ H100: partly"))
    #expect(text.contains("**Not read as it should be**"))
    // Every fold is closed.
    #expect(text.split(separator: "<details>").count == text.split(separator: "</details>").count)
  }

  @Test func junit() {
    func text(_ level: FailLevel) -> String {
      String(
        decoding: report.junit(failingAt: level, timestamp: "2026-11-29T17:03:37", seconds: 1.5),
        as: UTF8.self)
    }
    // Packages on GPUs, libraries that must carry sm_80, one of which does not, and a file that is cut.
    #expect(text(.incompatible).contains("failures=\"2\" errors=\"1\""))
    #expect(text(.never).contains("failures=\"1\" errors=\"1\""))
    #expect(text(.incompatible).contains("&lt;script&gt;alert(1)&lt;/script&gt;,&quot;|`*.so"))
    #expect(!text(.incompatible).contains("<script>"))
  }

  @Test func sarif() throws {
    let document = try JSONValue(parsing: report.sarif(tool))
    let run = try #require(document["runs"]?.elements?.first)
    let rules = try #require(run["tool"]?["driver"]?["rules"]?.elements).compactMap { $0["id"]?.string }
    let results = try #require(run["results"]?.elements)
    #expect(
      run["tool"]?["driver"]?["properties"]?["tables"]?.string == TableSet.shipped.date.description)
    #expect(Set(rules).isSuperset(of: ["packageGPU", "requirement", "unread"]))
    #expect(Set(results.compactMap { $0["ruleId"]?.string }) == Set(rules))
    for result in results {
      let location = result["locations"]?.elements?.first?["physicalLocation"]?["artifactLocation"]?["uri"]?
        .string
      let uri = try #require(location)
      #expect(!uri.hasPrefix("/") && !uri.contains(":") && !uri.contains(" ") && !uri.contains("<"))
    }
    let fingerprints = results.compactMap { $0["partialFingerprints"]?["cubinspect/v1"]?.string }
    #expect(fingerprints.count == results.count && Set(fingerprints).count == results.count)
    let located = try JSONValue(parsing: report.sarif(tool, location: "Dockerfile"))
    let first = try #require(located["runs"]?.elements?.first?["results"]?.elements?.first)
    let place = first["locations"]?.elements?.first?["physicalLocation"]?["artifactLocation"]?["uri"]
    #expect(place == .string("Dockerfile"))
    #expect(first["message"]?["text"]?.string?.contains(tree.path) == true)
  }

  /// What the schema of CycloneDX 1.6 asks of a bill: its head, components with type and name, references that are there once,
  /// and properties of a name and a value.
  @Test func cycloneDX() throws {
    let bytes = report.cycloneDX(tool)
    let document = try JSONValue(parsing: bytes)
    #expect(document["bomFormat"] == .string("CycloneDX") && document["specVersion"] == .string("1.6"))
    #expect(document["serialNumber"] == nil && document["metadata"]?["timestamp"] == nil)
    let program = document["metadata"]?["tools"]?["components"]?.elements?.first
    #expect(program?["name"] == .string("cubinspect") && program?["version"] == .string("1.2.3"))
    let root = try #require(document["metadata"]?["component"])
    #expect(root["name"]?.string == tree.path)
    #expect(properties(root)["cubinspect:answer:A100"] == ["yes"])
    #expect(properties(root)["cubinspect:answer:H100"] == ["partly"])
    let components = try #require(document["components"]?.elements)
    #expect(
      components.compactMap { $0["name"]?.string }.sorted() == [
        #"a & b/<script>alert(1)</script>,"|`*.so"#, "lib",
      ])
    let references = ([root] + components).compactMap { $0["bom-ref"]?.string }
    #expect(references.count == components.count + 1 && Set(references).count == references.count)
    for component in [root] + components { #expect(component["type"]?.string != nil) }
    let lib = try #require(components.first { $0["name"] == .string("lib") })
    #expect(properties(lib)["cubinspect:targets"] == ["sm_70 sm_80 sm_90 compute_70"])
    #expect(properties(lib)["cubinspect:modules"] == ["2"])
    #expect(properties(lib)["cubinspect:verdict:A100"] == ["jit"])
    #expect(lib["purl"] == nil && lib["version"] == nil)
    #expect(report.cycloneDX(tool) == bytes)
  }

  /// The properties of a component, by name.
  private func properties(_ component: JSONValue) -> [String: [String]] {
    var properties: [String: [String]] = [:]
    for property in component["properties"]?.elements ?? [] {
      properties[property["name"]?.string ?? "", default: []].append(property["value"]?.string ?? "")
    }
    return properties
  }

  /// Package URLs, of which two environments have the same; several views are components that hold their packages.
  @Test func packageURLs() throws {
    let tree = try TemporaryTree()
    for folder in ["one/", "two/"] {
      try tree.distribution("Plain_One", "2.1+cu128", files: ["plain/_C.so"], in: folder)
      try tree.sharedLibrary("plain/_C.so", modules: [FatBinaryBuilder("sm_80")], in: folder)
    }
    let question = report.assessment.question
    func document(_ paths: String...) throws -> JSONValue {
      let facts = Scanner(jobs: 1).scan(paths.map { Path($0) }).facts(
        for: .devices(question.devices.map(\.device)), by: question.tables, images: [], jobs: 1)
      return try JSONValue(parsing: ScanReport(Assessment(facts, question)).cycloneDX(tool))
    }
    let url = "pkg:pypi/plain-one@2.1%2Bcu128"
    let one = try #require(try document(tree("one"))["components"]?.elements?.first)
    #expect(one["purl"] == .string(url) && one["bom-ref"] == .string(url))
    #expect(one["version"] == .string("2.1+cu128"))
    let both = try document(tree("one"), tree("two"))
    #expect(both["metadata"]?["component"] == nil)
    let views = try #require(both["components"]?.elements)
    let packages = views.flatMap { $0["components"]?.elements ?? [] }
    #expect(views.count == 2 && packages.compactMap { $0["bom-ref"]?.string } == [url, url + "#2"])
    #expect(properties(views[0])["cubinspect:verdict:A100"] == ["native"])
  }

  /// A bill that another tool made keeps all that is in it, and gets what is known of its packages, and those that it lacks.
  @Test func enrichedBill() throws {
    let tree = try TemporaryTree()
    try tree.distribution("Plain_One", "2.1+cu128", files: ["plain/_C.so"], in: "")
    try tree.sharedLibrary("plain/_C.so", modules: [FatBinaryBuilder("sm_80")])
    try tree.sharedLibrary("other/lib.so", modules: [FatBinaryBuilder("sm_90")])
    let bill = try BillOfMaterials(
      Array(
        #"""
        {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": "urn:uuid:1", "version": 1, "strange": [1, 2.5, null, true],
         "metadata": {"timestamp": "t", "properties": [{"name": "cubinspect:tables", "value": "old"}, {"name": "k", "value": "v"}]},
         "components": [
           {"type": "library", "name": "app", "bom-ref": "other", "components": [
             {"type": "library", "name": "plain.one", "bom-ref": "x", "purl": "pkg:pypi/Plain.One@2.1+cu128?file_name=a.whl#sub",
              "licenses": [], "properties": [{"name": "cubinspect:verdict:A100", "value": "jit"}, {"name": "a", "value": "b"}]}]},
           {"type": "library", "name": "plain-one", "purl": "pkg:pypi/plain-one@2.2"},
           {"type": "library", "name": "plain-one", "purl": "pkg:npm/plain-one@2.1+cu128"}, 7]}
        """#.utf8))
    let facts = Scanner(jobs: 1).scan([Path(tree.path)]).facts(
      for: .devices(report.assessment.question.devices.map(\.device)),
      by: report.assessment.question.tables, images: [], jobs: 1)
    let report = ScanReport(Assessment(facts, report.assessment.question))
    let bytes = report.cycloneDX(enriching: bill)
    let document = try JSONValue(parsing: bytes)
    #expect(document["serialNumber"] == .string("urn:uuid:1") && document["version"] == .integer(2))
    #expect(document["strange"] == (try JSONValue(parsing: Array("[1, 2.5, null, true]".utf8))))
    let metadata = try #require(document["metadata"])
    #expect(metadata["timestamp"] == .string("t"))
    #expect(properties(metadata)["cubinspect:tables"] == ["\(report.assessment.question.tables.date)"])
    #expect(
      properties(metadata)["k"] == ["v"] && properties(metadata)["cubinspect:answer:A100"] == ["partly"])
    let components = try #require(document["components"]?.elements)
    #expect(components.count == 5 && components[3] == .integer(7))
    let inner = try #require(components[0]["components"]?.elements?.first)
    #expect(properties(inner)["cubinspect:verdict:A100"] == ["native"] && properties(inner)["a"] == ["b"])
    #expect(properties(inner)["cubinspect:targets"] == ["sm_80"] && inner["licenses"] != nil)
    #expect(components[1]["properties"] == nil && components[2]["properties"] == nil)
    #expect(components[4]["name"]?.string?.hasPrefix("other") == true)
    #expect(components[4]["bom-ref"] != components[0]["bom-ref"])
    #expect(properties(components[4])["cubinspect:verdict:A100"] == ["incompatible"])
    // Again, and all of it is there once.
    let again = try JSONValue(parsing: report.cycloneDX(enriching: BillOfMaterials(bytes)))
    #expect(again["version"] == .integer(3))
    #expect(again["components"]?.elements?[0] == components[0])
  }

  @Test(arguments: [
    (#"{"bomFormat": "CycloneDX", "specVersion": "1.2"}"#, "specVersion"), ("{}", "bill of materials"),
    ("<bom/>", "line 1"), ("[]", "bill of materials"),
  ]) func billsThatCannotBeRead(_ text: String, _ field: String) {
    do {
      _ = try BillOfMaterials(Array(text.utf8))
      Issue.record("\(text) was read")
    } catch {
      #expect(error.field == field)
    }
  }

  /// A page without its script, which names elements too.
  private func markup(_ report: ScanReport) -> String {
    String(decoding: report.html(tool, seconds: 1), as: UTF8.self).replacing(
      /<script>(?:[^<]|<[^\/])*<\/script>/, with: "")
  }

  @Test func page() {
    let text = markup(report)
    #expect(!text.contains("<script>alert"))
    #expect(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    // Nothing is loaded: links lead to the page itself, and its icon is empty.
    for attribute in ["src=", "url(", "@import"] { #expect(!text.contains(attribute)) }
    for link in text.matches(of: /href="([^"]*)"/).map(\.output.1) {
      #expect(link.hasPrefix("#") || link == "data:,")
    }
    #expect(text.contains("<li class=\"partly\">"))
    for tag in ["section", "details", "table", "ul", "ol", "li", "tr", "p"] {
      let opened = text.matches(of: try! Regex("<\(tag)[ >]")).count
      #expect(opened == text.matches(of: try! Regex("</\(tag)>")).count, "\(tag)")
    }
  }

  /// The report on one file or directory, for an A100.
  private func report(_ path: String) throws -> ScanReport {
    let device = try #require(try GPUCatalogue.resolveAll("A100", in: .shipped).first)
    let question = Question(
      devices: [
        RequestedDevice(query: "A100", device: device.device(driver: nil, tables: .shipped))
      ], namesDevices: true)
    let facts = Scanner(jobs: 1).scan([Path(path)]).facts(
      for: .devices(question.devices.map(\.device)), by: question.tables, images: [], jobs: 1)
    return ScanReport(Assessment(facts, question))
  }

  /// Cubin files in the root of a directory are one unit, whose path is empty: people read `.`.
  @Test func rootOfADirectory() throws {
    let tree = try TemporaryTree()
    for (name, target) in [("a.cubin", "sm_90a"), ("b.cubin", "sm_90")] as [(String, Target)] {
      try tree.write(CubinBuilder(target).bytes, to: name)
    }
    let report = try report(tree.path)
    let text = report.text(TextStyle(showsDetails: true), seconds: 1)
    #expect(text.contains("\n    .: sm_90a sm_90\n") || text.contains("\n    .: sm_90 sm_90a\n"), "\(text)")
    #expect(text.contains("  - \(Path(tree.path).lastComponent) was written for other GPUs than A100\n"))
    let page = String(decoding: report.html(tool, seconds: 1), as: UTF8.self)
    #expect(page.contains("<li>.: sm_90") && !page.contains("<li>: "))
  }

  /// A file that was named by itself has no path in its view: people read the name.
  @Test func loneFile() throws {
    let tree = try TemporaryTree()
    try tree.sharedLibrary("lone.so", modules: [FatBinaryBuilder("sm_80"), FatBinaryBuilder("sm_90")])
    let report = try report(tree("lone.so"))
    let name = "\(Path(tree("lone.so")))"
    let text = report.text(TextStyle(showsDetails: true), seconds: 1)
    #expect(text.contains("the kernels of 1 of 2 modules of lone.so fail on it"), "\(text)")
    let page = String(decoding: report.html(tool, seconds: 1), as: UTF8.self)
    #expect(page.contains("<li>\(name): sm_80 sm_90</li>") && !page.contains("<li>: "))
  }

  /// What holds of several GPUs is said once, with the names of all.
  @Test func reasonsOnThePage() throws {
    let text = String(decoding: report.html(tool, seconds: 1), as: UTF8.self)
    #expect(text.contains("it has PTX instead of machine code for A100 and H100 in old.so; the driver"))
    #expect(text.matches(of: /<b>lib<\/b>: it has PTX instead of machine code/).count == 1)
  }

  /// Facts that somebody wrote may claim any number of bytes for a target.
  @Test func pageOfAbsurdSizes() {
    var total = TargetTotals()
    total.storedSize = .max
    let file = CodeFile(
      path: Path("lib.so"), unit: CodeUnit(Inventory()),
      targets: [
        ImageTarget(.cubin, CodeTarget(80)): total, ImageTarget(.ptx, CodeTarget(80)): TargetTotals(),
      ])
    var view = View(kind: .directory, paths: [Path("app")])
    view.files = [file]
    let report = ScanReport(Assessment(Facts(views: [view]), report.assessment.question))
    let text = String(decoding: report.html(tool, seconds: 1), as: UTF8.self)
    #expect(text.contains("--share:100%") && text.contains("--share:0%"))
  }

  /// Each panel tells of its own library: how its modules fare, and which of its kernels are missing.
  @Test func panels() throws {
    let tree = try TemporaryTree()
    for name in ["one", "two"] {
      func module(_ target: Target, _ kernel: String) -> FatBinaryBuilder {
        var cubin = CubinBuilder(target)
        cubin.kernels = [kernel]
        return FatBinaryBuilder([.cubin(target, payload: cubin.bytes)])
      }
      try tree.sharedLibrary(
        "lib/\(name).so", modules: [module("sm_80", "runs_\(name)"), module("sm_90", "fails_\(name)")])
    }
    let text = markup(try report(tree.path))
    let panels = text.split(separator: "<details class=\"library\"").dropFirst().map {
      $0.split(separator: "</section>")[0]
    }
    #expect(panels.count == 2)
    for (panel, name) in zip(panels, ["one", "two"]) {
      #expect(panel.contains("<code>lib/\(name).so</code>") && panel.contains("data-cells=\"d\""))
      #expect(panel.contains("<td class=\"partial\">◐ some kernels fail</td><td>1</td><td>1</td></tr>"))
      #expect(panel.contains("1 missing kernel: <code>fails_\(name)</code>"), "\(panel)")
      #expect(panel.contains("<tr><th>sm_80</th><td>1</td><td style=\"--share:100%\">"))
    }
  }

  /// Files that are named one by one share a table; several places are an index of links above all.
  @Test func places() throws {
    let question = report.assessment.question
    func page(_ paths: [String]) -> String {
      let facts = Scanner(jobs: 1).scan(paths.map { Path($0) }).facts(
        for: .devices(question.devices.map(\.device)), by: question.tables, images: [], jobs: 1)
      return markup(ScanReport(Assessment(facts, question)))
    }
    let files = page([tree("lib/both.so"), tree("lib/old.so")])
    #expect(files.contains("<h1>2 files</h1>") && files.matches(of: /<table class="heat">/).count == 1)
    #expect(files.matches(of: /<details class="library"/).count == 2 && !files.contains("href=\"#"))
    let places = page([tree("lib"), tree("lib/old.so")])
    for index in 1...2 {
      #expect(places.contains("href=\"#place-\(index)\"") && places.contains("id=\"place-\(index)\""))
    }
  }

  /// What follows the first rows and panels stands in `noscript` elements, which hold whole tables and panels.
  @Test func manyLibraries() {
    var view = View(kind: .directory, paths: [Path("app")])
    view.files = (0..<400).map { index in
      CodeFile(path: Path("lib\(1000 + index).so"), unit: CodeUnit(Inventory()), targets: [:])
    }
    let report = ScanReport(Assessment(Facts(views: [view]), report.assessment.question))
    let text = markup(report)
    let parts = text.split(separator: "<noscript>")
    #expect(parts.map { $0.matches(of: /<tr data-cells=/).count } == [300, 100, 0])
    #expect(parts.map { $0.matches(of: /<details class="library"/).count } == [0, 300, 100])
    #expect(text.matches(of: /<table class="heat">/).count == 2)
    #expect(text.matches(of: /<\/noscript>/).count == 2)
  }

  @Test func shortText() {
    let lines = report.shortText(TextStyle()).split(separator: "\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("✓ A100: yes") && lines[1].hasPrefix("◐ H100: partly. "))
  }
}
