import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack
import StackFixtures
import Testing

/// What is judged as one, and which packages it belongs to.
@Suite struct UnitTests {
  private func file(_ path: String, _ target: String, aliases: [Path] = []) -> CodeFile {
    var file = codeFile(path, [[target]])
    if path.hasSuffix(".cubin") { file.format = .cubin }
    file.aliases = aliases
    return file
  }

  private func assess(
    _ tree: TreeBuilder, _ files: [CodeFile], on gpus: [String] = ["8.0"], kind: View.Kind = .directory
  ) throws -> ViewAssessment {
    var tree = tree
    for path in files.flatMap({ [$0.path] + $0.aliases }) { tree.library(path.text) }
    return Case(facts: tree.facts(), devices: try gpus.map { try device($0) }, files: files, kind: kind)
      .assessment
  }

  private func record(_ files: [String], of name: String, in folder: String, to tree: inout TreeBuilder) {
    tree.distribution(name, "1.0", in: folder)
    tree.add(files.map { "\($0),,\n" }.joined(), at: "\(folder)\(name)-1.0.dist-info/RECORD")
  }

  /// Where next to nothing runs, nobody is told that there is no code at all.
  @Test func nextToNothing() throws {
    let modules = [["sm_70", "compute_70"]] + Array(repeating: ["sm_70"], count: 39)
    let assessment = try assess(TreeBuilder(), [codeFile("lib/libold.so", modules)], on: ["RTX 4090"])
    #expect(assessment.answers.map(\.kind) == [.no])
    #expect(
      assessment.answers[0].reasons.map(\.text) == [
        "lib/libold.so has code for RTX 4090 in 1 of 40 modules only (sm_70 and compute_70)"
      ])
  }

  @Test func cubinsOfAPackageAreOne() throws {
    var tree = TreeBuilder()
    record(
      ["kernels/a/1.cubin", "kernels/b/2.cubin", "kernels/lib.so"], of: "kernels", in: "site/", to: &tree)
    let assessment = try assess(
      tree,
      [
        file("site/kernels/a/1.cubin", "sm_80"), file("site/kernels/b/2.cubin", "sm_90"),
        file("site/kernels/lib.so", "sm_70"), file("site/loose/3.cubin", "sm_100"),
        file("site/loose/4.cubin", "sm_120"), file("site/single/5.cubin", "sm_75"),
      ], on: ["8.0", "9.0", "12.0"])
    let units = assessment.units
    #expect(
      units.map(\.path)
        == ["site/kernels", "site/kernels/lib.so", "site/loose", "site/single/5.cubin"].map { Path($0) })
    #expect(units.map(\.files.count) == [2, 1, 2, 1])
    #expect(units.map(\.isCollection) == [true, false, true, false])
    #expect(
      units.map { $0.packages.map { assessment.view.stack.packages[$0].name } } == [
        ["kernels"], ["kernels"], [], [],
      ])
    let verdicts = (0..<3).map { device in units.map { $0.verdicts[device].verdict } }
    #expect(verdicts[0] == [.native, .incompatible, .incompatible, .incompatible])
    #expect(verdicts[1] == [.native, .incompatible, .incompatible, .incompatible])
    #expect(verdicts[2] == [.incompatible, .incompatible, .native, .incompatible])
    #expect(assessment.packages.map(\.name) == ["kernels 1.0", "site", "site/single/5.cubin"])
    #expect(assessment.packages.map(\.units) == [[0, 1], [2], [3]])
  }

  /// Copies in two environments are one file each, and belong to the package of each.
  @Test func copiesBelongToEachEnvironment() throws {
    var tree = TreeBuilder()
    for folder in ["a/", "b/"] {
      record(["k/1.cubin", "k/2.cubin", "k/x.so"], of: "kernels", in: folder, to: &tree)
    }
    let assessment = try assess(
      tree,
      [
        file("a/k/1.cubin", "sm_80", aliases: ["b/k/1.cubin"]),
        file("a/k/2.cubin", "sm_90", aliases: ["b/k/2.cubin"]),
        file("a/k/x.so", "sm_80", aliases: ["b/k/x.so"]),
        // Only one of them has a file for another GPU.
        file("b/k/3.cubin", "sm_120"),
      ], on: ["8.0", "12.0"])
    #expect(assessment.view.stack.packages.map(\.environment) == [Path("a"), Path("b")])
    #expect(assessment.units.map(\.path) == ["a/k", "a/k/x.so", "b/k"].map { Path($0) })
    #expect(assessment.units.map(\.packages) == [[0], [0, 1], [1]])
    #expect(
      assessment.units.map { $0.paths.map(\.text) } == [
        ["a/k/1.cubin", "a/k/2.cubin"], ["a/k/x.so"], ["b/k/1.cubin", "b/k/2.cubin", "b/k/3.cubin"],
      ])
    #expect(assessment.packages.map(\.units) == [[0, 1], [1, 2]])
    #expect(
      assessment.packages.map { $0.verdicts.map(\.verdict) } == [
        [.native, .incompatible], [.native, .partial],
      ])
  }

  /// Who names a file asks about it.
  @Test func namedCubinsAreJudgedAlone() throws {
    let files = [file("k/1.cubin", "sm_80"), file("k/2.cubin", "sm_90")]
    #expect(try assess(TreeBuilder(), files).units.map(\.files.count) == [2])
    #expect(try assess(TreeBuilder(), [files[0]], kind: .file).units.map(\.isCollection) == [false])
    #expect(try assess(TreeBuilder(), files).answers.map(\.kind) == [.yes])
    #expect(try assess(TreeBuilder(), [files[1]], kind: .file).answers.map(\.kind) == [.no])
  }

  /// Files for several versions of CUDA, of which one is taken: that of PyTorch, else the best.
  @Test func alternativesByCUDA() throws {
    let versions = ["118": "sm_80", "124": "sm_90", "128": "sm_120", "130": "sm_120"]
    let files = versions.map { file("site/bits/lib_cuda\($0).so", $1) }
    func assess(_ cuda: String?, _ gpu: String, _ files: [CodeFile]) throws -> AssessedPackage {
      var tree = TreeBuilder()
      record(files.map { "bits/\($0.path.lastComponent)" }, of: "bits", in: "site/", to: &tree)
      if let cuda { tree.torch("2.9.0", cuda: cuda, in: "site/") }
      return try #require(
        try self.assess(tree, files, on: [gpu]).packages.first { $0.name == "bits 1.0" })
    }
    func taken(_ package: AssessedPackage) -> [Int] {
      package.verdicts[0].standings.indices.filter { package.verdicts[0].standings[$0] == .counts }
    }
    // Units are in the order of their paths: 118, 124, 128, 130.
    let best = try assess(nil, "12.0", files)
    #expect(taken(best) == [3] && best.verdicts[0].verdict == .native)
    #expect(best.verdicts[0].standings.dropLast().allSatisfy { $0 == .notTaken(unit: 3) })
    #expect(taken(try assess(nil, "8.0", files)) == [0])
    // The one for the CUDA that is there is loaded, whatever the others could do.
    #expect(taken(try assess("12.8", "12.0", files)) == [2])
    #expect(taken(try assess("12.6", "8.0", files)) == [1])
    #expect(try assess("12.6", "8.0", files).verdicts[0].verdict == .incompatible)
    #expect(taken(try assess("11.8", "8.0", files)) == [0])
    // A major version that none is for.
    #expect(taken(try assess("10.2", "9.0", files)) == [1])
    // bitsandbytes has two builds for each version.
    let two = files + versions.map { file("site/bits/lib_cuda\($0)_nocublaslt.so", $1) }
    #expect(taken(try assess("12.8", "12.0", two)).count == 1)
    // One version alone is no alternative to another file.
    let pair = [file("site/bits/lib_cuda118.so", "sm_80"), file("site/bits/other.so", "sm_90")]
    let apart = try assess("12.8", "8.0", pair)
    #expect(taken(apart) == [0, 1] && apart.verdicts[0].verdict == .partial)
  }

  /// Where nobody knows the CUDA, a driver that is too old for one version is none for the package.
  @Test func alternativesByDriver() throws {
    let files = [
      file("site/bits/lib_cuda118.so", "sm_80"), file("site/bits/lib_cuda121.so", "sm_80"),
      codeFile("site/bits/lib_cuda132.so", [["sm_80"]], zstd: true),
    ]
    func assess(_ cuda: String?, _ driver: String) throws -> ViewAssessment {
      var tree = TreeBuilder()
      record(files.map { "bits/\($0.path.lastComponent)" }, of: "bits", in: "site/", to: &tree)
      if let cuda { tree.torch("2.9.0", cuda: cuda, in: "site/") }
      for file in files { tree.library(file.path.text) }
      return try Case(facts: tree.facts(), devices: [device("A100", driver: driver)], files: files).assessment
    }
    func taken(_ assessment: ViewAssessment) -> [Int] {
      let standings = assessment.packages.first { $0.name == "bits 1.0" }?.verdicts[0].standings ?? []
      return standings.indices.filter { standings[$0] == .counts }
    }
    for (driver, position) in [("450.80.02", 0), ("525.60.13", 1), ("550.54.14", 1), ("580.65.06", 2)] {
      let assessment = try assess(nil, driver)
      #expect(taken(assessment) == [position], "\(driver)")
      #expect(assessment.answers.map(\.kind) == [.yes], "\(driver)")
      #expect(assessment.demand?.driver == DriverVersion("450.51.05"), "\(driver)")
    }
    let torch = try assess("13.2", "525.60.13")
    #expect(taken(torch) == [2] && torch.answers.map(\.kind) == [.no])
  }

  /// Folders or names by architecture.
  @Test func alternativesByArchitecture() throws {
    let files = ["90", "100"].map { file("site/sgl/sm\($0)/common_ops.so", "sm_\($0)") }
    func assess(_ gpu: String) throws -> ViewAssessment {
      var tree = TreeBuilder()
      record(["sgl/sm90/common_ops.so", "sgl/sm100/common_ops.so"], of: "sgl", in: "site/", to: &tree)
      return try self.assess(tree, files, on: [gpu])
    }
    #expect(try assess("9.0").answers.map(\.kind) == [.yes])
    #expect(try assess("10.0").answers.map(\.kind) == [.yes])
    #expect(try assess("8.0").answers.map(\.kind) == [.no])
    #expect(
      try assess("9.0").packages[0].verdicts[0].standings.sorted { "\($0)" < "\($1)" } == [
        .counts, .notTaken(unit: 1),
      ])
  }

  /// TensorRT loads the resources of its builder for the GPU, and PTX where it has none.
  @Test func builderResources() throws {
    let names = [("sm75", "sm_75"), ("sm90", "sm_90"), ("ptx", "compute_90")]
    let files = names.map { file("site/tensorrt_libs/libnvinfer_builder_resource_\($0).so.10.9.0", $1) }
    func answers(_ files: [CodeFile]) throws -> [Answer.Kind] {
      try assess(TreeBuilder(), files, on: ["7.5", "9.0"]).answers.map(\.kind)
    }
    #expect(try answers(Array(files.dropLast())) == [.yes, .yes])
    #expect(try answers(files)[1] == .yes)
  }

  /// Another package picks from cubin files, and does without on other GPUs.
  @Test func cubinsThatAnotherPackagePicksFrom() throws {
    let cubins = ["sm_100f", "sm_103a"].map { file("site/cubins/\($0).cubin", $0) }
    func assess(_ others: [CodeFile]) throws -> ViewAssessment {
      var tree = TreeBuilder()
      record(cubins.map { String($0.path.text.dropFirst(5)) }, of: "cubins", in: "site/", to: &tree)
      tree.distribution("serve", "1.0", requires: ["cubins"], in: "site/")
      tree.add("serve/a.so,,\n", at: "site/serve-1.0.dist-info/RECORD")
      return try self.assess(tree, cubins + others, on: ["9.0", "10.0", "8.0"])
    }
    #expect(try assess([]).answers.map(\.kind) == [.no, .yes, .no])
    #expect(
      try assess([]).plan.obstacles.allSatisfy { $0.contains("of cubins 1.0 was written for other GPUs") })
    let both = try assess([file("site/serve/a.so", "sm_90")])
    #expect(both.answers.map(\.kind) == [.yes, .partly, .no])
    #expect(both.packages.map(\.name) == ["cubins 1.0", "serve 1.0"])
    #expect(both.packages[0].verdicts.map(\.verdict) == [.noDeviceCode, .native, .noDeviceCode])
    #expect(both.packages[0].verdicts[0].standings == [.forOtherGPUs])
  }

  /// What is compiled at run time makes up for what the files of a package are not for.
  @Test func codeThatAPackageHasForSomeGPUs() throws {
    var files = [file("site/flashinfer/data/a.ptx", "compute_103a")]
    files[0].format = .ptx
    var tree = TreeBuilder()
    tree.distribution("flashinfer-python", "1.0", in: "site/")
    tree.add("flashinfer/data/a.ptx,,\n", at: "site/flashinfer_python-1.0.dist-info/RECORD")
    let assessment = try assess(tree, files, on: ["8.0"])
    #expect(assessment.packages.map(\.name) == ["flashinfer-python 1.0"])
    #expect(assessment.packages[0].verdicts[0].standings == [.forOtherGPUs])
    // Which nvcc it would take is not known.
    #expect(assessment.answers.map(\.kind) == [.unknown])
    #expect(assessment.answers[0].reasons.map(\.code) == [.compilerNotKnown])
  }

  private let hash = String(repeating: "A2", count: 26)

  /// What a framework keeps is one unit, of which PTX beside cubins is no part.
  @Test func cachesAreJudgedWhereThereIsNothingElse() throws {
    var files = [
      ("\(hash)/add.cubin", "sm_90a"), ("\(hash)/add.ptx", "compute_80"),
      ("\(hash.dropLast())B/add.cubin", "sm_80"),
    ].map { file("home/.triton/cache/\($0)", $1) }
    files[1].format = .ptx
    let assessment = try assess(TreeBuilder(), files, on: ["8.6", "9.0", "12.0"])
    #expect(assessment.units.map(\.path) == [Path("home/.triton/cache")])
    #expect(assessment.units.map(\.cachedBy) == ["Triton"])
    #expect(assessment.units[0].files == [0, 1, 2])
    #expect(assessment.packages.map(\.name) == ["Triton's cache home/.triton/cache"])
    // PTX for 8.0 would run on all of them, but nobody loads it.
    #expect(assessment.answers.map(\.kind) == [.yes, .yes, .no])
    #expect(
      assessment.plan.obstacles == [
        "Triton's cache home/.triton/cache has nothing for compute capability 12.0: Triton compiles it when it runs there"
      ])
  }

  @Test func cachesDecideNothingBesidePrograms() throws {
    let cached = file("tmp/\(hash)/add.cubin", "sm_90a")
    for (program, answer) in [("sm_80", Answer.Kind.yes), ("sm_90", .no)] {
      let assessment = try assess(
        TreeBuilder(), [cached, file("opt/program", program)], on: ["8.0"])
      #expect(assessment.packages.map(\.name) == ["opt/program"])
      #expect(assessment.answers.map(\.kind) == [answer])
      #expect(assessment.units.map(\.cachedBy) == [nil, "Triton"])
      #expect(assessment.standing(of: 1, on: 0) == .cached)
      #expect(assessment.checks.allSatisfy { !$0.message.contains("cache") })
    }
  }
}
