import FixtureSupport
import JSONSchemaSupport
import Testing

/// Environments as people have them, asked through the program: the command, the build and the drivers that it names.
///
/// The rows are those of `Resources/environments.json`. What is installed is made up of small files: a `METADATA` for each
/// distribution, and libraries with the targets of the real ones.
struct EnvironmentTests {
  /// A distribution with device code, or without any.
  struct Package: Sendable {
    var name: String
    var version: String
    var targets: [Target]
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var title: String
    var torch: Package
    var python: String
    var machine: String
    var gpus: [String]
    var driver: String?
    var others: [Package]
    /// A line of `/etc/nv_tegra_release`.
    var jetsonLinux: String?
    /// The kinds of the plan's steps.
    var steps: [String]
    /// Commands of which one installs PyTorch.
    var commands: [String]
    /// The oldest driver that the step asks for, and the last branch.
    var driverNeeded: String?
    var lastBranch: Int?
    /// A part of what stands in the way.
    var obstacle: String?
    /// The answer as it is.
    var answer: String

    var testDescription: String { title }
  }

  private static func package(_ value: JSONValue?) -> Package? {
    guard let name = value?["name"]?.string, let version = value?["version"]?.string else { return nil }
    return Package(name: name, version: version, targets: targets(value))
  }

  private static func targets(_ value: JSONValue?) -> [Target] {
    (value?["targets"]?.string ?? "").split(separator: " ").map { Target(String($0)) }
  }

  static func rows() throws -> [Row] {
    let path = #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    let bytes = try #require(fileContents(path + "/Resources/environments.json"))
    let rows = try #require(JSONValue(parsing: bytes)["environments"]?.elements)
    return try rows.map { row in
      let expected = try #require(row["expected"])
      let gpus = row["gpus"]?.elements?.compactMap(\.string) ?? []
      let version = try #require(row["torch"]?.string)
      let driver = row["driver"]?.string
      let machine = row["machine"]?.string ?? "x86_64"
      return Row(
        title: "\(version) on \(gpus.joined(separator: ", ")), driver \(driver ?? "unknown"), \(machine)",
        torch: Package(name: "torch", version: version, targets: targets(row)),
        python: try #require(row["python"]?.string), machine: machine, gpus: gpus, driver: driver,
        others: row["others"]?.elements?.compactMap { package($0) } ?? [],
        jetsonLinux: row["jetsonLinux"]?.string,
        steps: expected["steps"]?.elements?.compactMap(\.string) ?? [],
        commands: expected["commands"]?.elements?.compactMap(\.string) ?? [],
        driverNeeded: expected["driver"]?.string, lastBranch: expected["lastDriverBranch"]?.integer,
        obstacle: expected["obstacle"]?.string, answer: expected["answer"]?.string ?? "no")
    }
  }

  /// The CUDA version of a build of PyTorch: `12.4` of `2.6.0+cu124`, nil of `2.6.0+cpu`.
  private func cuda(_ version: String) -> String? {
    guard let variant = version.split(separator: "+").last, variant.hasPrefix("cu") else { return nil }
    let digits = variant.dropFirst(2)
    return "\(digits.dropLast()).\(digits.suffix(1))"
  }

  private func build(_ row: Row) throws -> TemporaryTree {
    let tree = try TemporaryTree()
    let folder = "opt/venv/lib/python\(row.python)/site-packages/"
    func library(_ path: String, _ targets: [Target]) throws {
      var elf = ELFBuilder(fatBinaries: targets.isEmpty ? [] : [FatBinaryBuilder(targets: targets)])
      elf.machine = row.machine == "aarch64" ? 183 : 62
      elf.soname = path.split(separator: "/").last.map(String.init)
      try tree.write(elf.bytes, to: folder + path)
    }
    try tree.torch(row.torch.version, cuda: cuda(row.torch.version), in: folder)
    try library("torch/lib/libtorch_cpu.so", [])
    if !row.torch.targets.isEmpty { try library("torch/lib/libtorch_cuda.so", row.torch.targets) }
    for other in row.others {
      try tree.distribution(other.name, other.version, files: ["\(other.name)/_C.so"], in: folder)
      try library("\(other.name)/_C.so", other.targets)
    }
    if let line = row.jetsonLinux { try tree.write(Array((line + "\n").utf8), to: "etc/nv_tegra_release") }
    return tree
  }

  @Test(arguments: try rows())
  func asked(_ row: Row) throws {
    let tree = try build(row)
    var arguments = ["scan", ".", "-o", "json"]
    for gpu in row.gpus { arguments += ["--gpu", gpu] }
    if let driver = row.driver { arguments += ["--driver", driver] }
    let document = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path).document()
    #expect(GoldenTests.schema.violations(in: document) == [])
    let answers = (document["answers"]?.elements ?? []).compactMap { $0["answer"]?.string }
    #expect(answers.contains(row.answer), "\(answers)")
    let plan = try #require(document["views"]?.elements?.first?["plan"])
    let steps = plan["steps"]?.elements ?? []
    #expect(steps.compactMap { $0["kind"]?.string } == row.steps, "\(plan)")
    let obstacles = (plan["obstacles"]?.elements ?? []).compactMap(\.string)
    if let obstacle = row.obstacle {
      #expect(obstacles.contains { $0.contains(obstacle) }, "\(obstacles)")
    } else {
      #expect(obstacles.isEmpty)
    }
    let torch = steps.first { $0["kind"]?.string == "installTorch" }
    if let command = torch?["command"]?.string {
      #expect(row.commands.contains(command), "\(command)")
    } else {
      #expect(row.commands.isEmpty)
    }
    for step in steps {
      #expect(step["driver"]?["text"]?.string == row.driverNeeded, "\(step)")
      #expect(step["lastDriverBranch"]?.integer == row.lastBranch, "\(step)")
    }
    // After the plan everything runs, or may run where nobody promises it.
    if row.obstacle == nil {
      let after = (plan["answers"]?.elements ?? []).compactMap(\.string)
      #expect(after.allSatisfy { $0 == "yes" || $0 == "unknown" && row.gpus[0].contains("Orin") }, "\(after)")
    }
  }

  /// Nothing of a lower bound is said that a GPU's last driver does not allow, and no driver is answered for that nobody
  /// gave and that the GPU does not have.
  @Test(arguments: try rows().filter { $0.lastBranch != nil })
  func boundsAreSaid(_ row: Row) throws {
    let tree = try build(row)
    var arguments = ["scan", "."]
    for gpu in row.gpus { arguments += ["--gpu", gpu] }
    if let driver = row.driver { arguments += ["--driver", driver] }
    let text = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path).text
    let last = try #require(row.lastBranch)
    #expect(text.contains("to R\(last)"), "\(text)")
    for branch in 616...640 { #expect(!text.contains("R\(branch)"), "\(text)") }
  }
}
