import FixtureSupport
import JSONSchemaSupport
import Testing

/// Packages of each kind through the program: their rows, and a document that keeps to the schema.
extension GoldenTests {
  private func modules(_ targets: String...) -> [FatBinaryBuilder] {
    targets.map { list in FatBinaryBuilder(targets: list.split(separator: " ").map { Target(String($0)) }) }
  }

  private func expectScan(
    _ name: String, _ arguments: String, in tree: TemporaryTree, status: Int32 = 0,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try expectGolden(
      "\(name).txt", "scan \(arguments)", in: tree.path, status: status, sourceLocation: sourceLocation)
    let run = try Program.shell("\"$0\" scan \(arguments) -o json", in: tree.path)
    #expect(try Self.schema.violations(in: run.document()) == [], sourceLocation: sourceLocation)
    let alone = try Program.shell("\"$0\" scan \(arguments) -o json --jobs 1", in: tree.path)
    #expect(run.output == alone.output, sourceLocation: sourceLocation)
  }

  /// One site-packages: a row for each package, and its libraries where they differ.
  @Test func packagesOfAnEnvironment() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    try addPackages(to: tree, in: "site/")
    try expectScan("packages", "site", in: tree)
    try expectGolden("packages.json", "scan site --gpu H100 -o json", in: tree.path)
  }

  func addPackages(to tree: TemporaryTree, in folder: String) throws {
    let files = (1...5).map { "many/lib\($0).so" }
    try tree.distribution("many", "1.0", files: files, in: folder)
    for file in files {
      let targets = file == "many/lib3.so" ? "sm_80" : "sm_80 sm_90"
      try tree.sharedLibrary(file, modules: modules(targets), in: folder)
    }
    try tree.distribution("plain-one", "2.1+cu128", files: ["plain/_C.so"], in: folder)
    try tree.sharedLibrary("plain/_C.so", modules: modules("sm_90 compute_90"), in: folder)
    try tree.distribution("cubins", "0.1", files: ["cubins/a.cubin"], in: folder)
    for target in ["sm_80", "sm_90", "sm_100"] as [Target] {
      try tree.write(CubinBuilder(target).bytes, to: "\(folder)cubins/\(target.number)/a.cubin")
    }
    try tree.sharedLibrary("nobody.so", modules: modules("sm_80"), in: folder)
  }

  /// A system with a virtual environment, a conda prefix and Debian packages, and a second root.
  @Test func packagesOfASystem() throws {
    let tree = try TemporaryTree()
    defer { withExtendedLifetime(tree) {} }
    func write(_ text: String, to name: String) throws { try tree.write(Array(text.utf8), to: name) }
    try addPackages(to: tree, in: "root/opt/venv/lib/python3.12/site-packages/")
    let site = "root/opt/conda/lib/python3.12/site-packages/"
    try tree.torch("2.4.1", cuda: "12.4", modules: modules("sm_80 sm_90"), in: site)
    try tree.sharedLibrary("lib/libcublas.so.12.4.5.8", modules: modules("sm_80"), in: "root/opt/conda/")
    try write(
      #"{"build": "0", "files": ["lib/libcublas.so.12.4.5.8"], "name": "libcublas", "version": "12.4.5.8"}"#,
      to: "root/opt/conda/conda-meta/libcublas-12.4.5.8-0.json")
    try write(
      #"{"build": "0", "files": [], "name": "x", "version": "1"}"#,
      to: "root/opt/conda/conda-meta/cudnn-9.1.1.17-cuda12_1.json")
    try write(
      "Package: libnccl2\nStatus: install ok installed\nVersion: 2.21.5-1+cuda12.4\n",
      to: "root/var/lib/dpkg/status")
    try write("/.\n/usr/lib/x86_64-linux-gnu/libnccl.so.2.21.5\n", to: "root/var/lib/dpkg/info/libnccl2.list")
    try tree.sharedLibrary(
      "usr/lib/x86_64-linux-gnu/libnccl.so.2.21.5", modules: modules("sm_90 compute_90"), in: "root/")
    try tree.sharedLibrary("srv/app.so", modules: modules("sm_100"), in: "root/")
    try expectScan("packages-system", "root", in: tree)
    try addPackages(to: tree, in: "other/")
    try expectScan("packages-roots", "root other --gpu 9.0", in: tree)
  }
}
