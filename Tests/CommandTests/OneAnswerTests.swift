import FixtureSupport
import JSONSchemaSupport
import Testing

/// Table, first lines, document and exit status give one answer for each GPU.
struct OneAnswerTests {
  let tree: TemporaryTree
  private static let gpus = ["V100", "A100", "H100 NVL", "RTX 5090", "Jetson AGX Orin"]

  init() throws {
    tree = try TemporaryTree()
    func modules(_ targets: String, count: Int = 1) -> [FatBinaryBuilder] {
      Array(
        repeating: FatBinaryBuilder(targets: targets.split(separator: " ").map { Target(String($0)) }),
        count: count)
    }
    // An environment in which every package has another fate.
    try tree.torch(
      "2.9.0+cu128", cuda: "12.8", modules: modules("sm_70 sm_80 sm_90 sm_120"), needed: ["libcudart.so.12"],
      in: "site/")
    try tree.sharedLibrary("torch/lib/libcudart.so.12", in: "site/")
    try tree.distribution(
      "my-ops", "1.0", requires: ["torch"], files: ["my_ops/_C.so", "my_ops/_H.so"], in: "site/")
    try tree.sharedLibrary("my_ops/_C.so", modules: modules("sm_80 compute_80"), in: "site/")
    try tree.sharedLibrary("my_ops/_H.so", modules: modules("sm_90a"), in: "site/")
    try tree.distribution("old-ops", "2.0", files: ["old_ops/_C.so"], in: "site/")
    try tree.sharedLibrary("old_ops/_C.so", modules: modules("sm_70"), in: "site/")
    try tree.distribution("half", "3.0", files: ["half/_C.so"], in: "site/")
    try tree.sharedLibrary(
      "half/_C.so", modules: modules("sm_80 sm_90 compute_90") + modules("sm_120 compute_70"), in: "site/")
    try tree.distribution("user", "4.0", requires: ["old-ops"], files: ["user/_C.so"], in: "site/")
    try tree.sharedLibrary("user/_C.so", modules: modules("compute_50"), in: "site/")
    // One that runs on all of them but the Tegra, and one without CUDA.
    try tree.distribution("fine", "1.0", files: ["fine/_C.so"], in: "fine/")
    try tree.sharedLibrary("fine/_C.so", modules: modules("sm_70 sm_80 sm_90 sm_120"), in: "fine/")
    try tree.torch("2.9.0+cpu", cuda: nil, in: "processor/")
    try tree.write(Array("text".utf8), to: "nothing/readme.txt")
  }

  private static let marks = [
    "native": "✓", "jit": "✓*", "partial": "◐", "notGuaranteed": "?", "incompatible": "✗",
    "noDeviceCode": "–",
  ]
  private static let words = [
    "yes": "✓", "partly": "◐", "no": "✗", "unknown": "?", "nothing": "–",
  ]

  /// Who does not ask for a plan gets the same but for that.
  @Test(arguments: ["", "--driver 450.80.02"]) func withoutPlan(driver: String) throws {
    let question = "site fine " + driver + Self.gpus.map { " --gpu '\($0)'" }.joined()
    let whole = try Program.shell("\"$0\" scan \(question) -o json", in: tree.path)
    let short = try Program.shell("\"$0\" scan --no-plan \(question) -o json", in: tree.path)
    #expect(short.status == whole.status)
    var expected = try whole.document()
    let views = try #require(expected["views"]?.elements)
    #expect(views.contains { $0["plan"] != nil })
    expected["views"] = .array(views.map { $0.without("plan") })
    #expect(try short.document() == expected)
    func lines(_ arguments: String) throws -> [Substring] {
      try Program.shell("\"$0\" scan \(arguments)", in: tree.path).text.split(separator: "\n")
        .filter { !$0.contains(" read in ") }
    }
    let (wholeText, shortText) = (try lines(question), try lines("--no-plan " + question))
    #expect(shortText.count < wholeText.count)
    #expect(shortText.filter { !wholeText.contains($0) } == [])
  }

  @Test(
    arguments: ["site", "fine", "processor", "nothing", "site fine", "fine processor nothing"],
    [
      "", "--driver 535.54.03", "--driver 580.65.06", "--driver 450.80.02",
    ])
  func theyAgree(paths: String, driver: String) throws {
    let question = paths + " " + driver + Self.gpus.map { " --gpu '\($0)'" }.joined()
    let text = try Program.shell("\"$0\" scan \(question)", in: tree.path)
    let json = try Program.shell("\"$0\" scan \(question) -o json", in: tree.path)
    let document = try json.document()
    #expect(GoldenTests.schema.violations(in: document) == [])
    #expect(text.status == json.status)
    let answers = try #require(document["answers"]?.elements)
    let kinds = try answers.map { try #require($0["answer"]?.string) }
    // The exit status.
    let isFailure = answers.contains { $0["verdict"] == .string("incompatible") }
    #expect(text.status == (isFailure ? 1 : 0))
    #expect(kinds.contains("no") == isFailure)
    // The first lines, one for each GPU.
    let lines = text.text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.prefix(kinds.count).map { $0.prefix(1) } == kinds.map { Self.words[$0].map { $0[...] } })
    for (line, kind) in zip(lines, kinds) where kind == "yes" || kind == "no" || kind == "partly" {
      #expect(line.contains(": \(kind)"), "\(line)")
    }
    // The table.
    let views = try #require(document["views"]?.elements)
    for (device, gpu) in Self.gpus.enumerated() {
      let own = try views.map { try #require($0["answers"]?.elements?[device]["answer"]?.string) }
      let order = ["nothing", "yes", "unknown", "partly", "no"]
      let worst = own.max { order.firstIndex(of: $0) ?? 0 < order.firstIndex(of: $1) ?? 0 }
      #expect(worst == kinds[device], "\(gpu)")
    }
    for view in views {
      for package in view["packages"]?.elements ?? [] where package["version"] != nil {
        let name = try #require(package["name"]?.string) + " " + #require(package["version"]?.string)
        let verdicts = try #require(package["verdicts"]?.elements).map { $0["verdict"]?.string ?? "" }
        let row = try #require(lines.first { $0.hasPrefix(name + " ") && $0.contains(/[✓◐✗?–]/) }, "\(name)")
        #expect(
          row.split(separator: " ").suffix(verdicts.count).map(String.init)
            == verdicts.map { Self.marks[$0] ?? "" }, "\(row)")
      }
    }
  }
}
