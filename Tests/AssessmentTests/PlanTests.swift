import Assessment
import Bytes
import Compatibility
import Stack
import StackFixtures
import Testing

/// What a plan asks for, and that it is enough.
@Suite struct PlanTests {
  private func question(
    _ version: String, cuda: String?, _ targets: [String], _ devices: [(String, String?)],
    build: (inout TreeBuilder) -> Void = { _ in }
  ) throws -> Case {
    var tree = TreeBuilder()
    tree.torch(version, cuda: cuda, in: "site/")
    build(&tree)
    return Case(
      facts: tree.facts(), devices: try devices.map { try device($0.0, driver: $0.1) },
      files: targets.isEmpty ? [] : [codeFile("site/torch/lib/libtorch_cuda.so", [targets])])
  }

  private func plan(
    _ version: String, cuda: String?, _ targets: [String], _ devices: [(String, String?)],
    build: (inout TreeBuilder) -> Void = { _ in }
  ) throws -> Plan {
    try question(version, cuda: cuda, targets, devices, build: build).plan
  }

  @Test func anOldBuildOnAnA100() throws {
    let plan = try plan(
      "1.12.1+cu102", cuda: "10.2", ["sm_37", "sm_50", "sm_60", "sm_70"],
      [("NVIDIA A100-PCIE-40GB", "460.32.03")]
    ) { tree in
      tree.images = [
        ImageConfiguration(environment: ["CUDA_VERSION": "10.2", "NVIDIA_REQUIRE_CUDA": "cuda>=10.2"])
      ]
    }
    #expect(plan.steps.map(\.kind) == [.installTorch])
    #expect(plan.steps.first?.command?.hasPrefix("pip install torch==1.12.1+cu113 ") == true)
    #expect(plan.steps.first?.text.contains("the nearest official build that runs on A100-PCIE-40GB") == true)
    #expect(plan.steps.first?.driver == DriverVersion("450.80.02"))
    #expect(plan.answers.map(\.kind) != [.no])
    #expect(plan.obstacles.isEmpty)
  }

  @Test func theBuildMatchesPython() throws {
    func step(_ python: String) throws -> Plan.Step? {
      var tree = TreeBuilder()
      let folder = "opt/venv/lib/python\(python)/site-packages/"
      tree.torch("1.12.1+cu102", cuda: "10.2", in: folder)
      return Case(
        facts: tree.facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: "460.32.03")],
        files: [codeFile("\(folder)torch/lib/libtorch_cuda.so", [["sm_70"]])]
      ).plan.steps.first
    }
    #expect(try step("3.10")?.command?.contains("torch==1.12.1+cu113") == true)
    // PyTorch 2.2 is the first for Python 3.12, and CUDA 11.8 what the driver runs.
    #expect(try step("3.12")?.command?.contains(/torch==2\.2\.2.*whl\/cu118/) == true)
    #expect(try step("3.10")?.text.contains("Python") == false)
    let old = try step("3.5")
    #expect(old?.command?.contains("torch==1.12.1+cu113") == true)
    #expect(old?.text.hasSuffix("it is built for Python 3.7 to 3.10, and this environment has 3.5") == true)
  }

  @Test func volta() throws {
    let targets = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
    for driver in ["580.95.05", nil] {
      let plan = try plan("2.15.0+cu132", cuda: "13.2", targets, [("Tesla V100-SXM2-32GB", driver)])
      #expect(plan.steps.map(\.kind) == [.installTorch])
      #expect(plan.steps.first?.command?.contains(/torch==2\.14\.1.*whl\/cu126/) == true)
      #expect(plan.answers.map(\.kind) == [.yes])
    }
  }

  @Test func theBuildMatchesTheDriver() throws {
    func plan(_ driver: String, _ gpu: String = "NVIDIA L4") throws -> Plan {
      try self.plan("2.9.1+cu130", cuda: "13.0", ["sm_50"], [(gpu, driver)])
    }
    func command(_ driver: String) throws -> String {
      try plan(driver).steps.first { $0.kind == .installTorch }?.command ?? ""
    }
    #expect(try command("560.35.05").contains(/torch==2\.9\.1.*whl\/cu126/))
    #expect(try command("525.60.13").contains(/torch==2\.9\.1.*whl\/cu126/))
    // What is installed has the same version without its local part: pip would leave it there.
    let replaced = try command("570.86.15")
    #expect(replaced.contains("--force-reinstall") || replaced.contains("+cu128"), "\(replaced)")
    // CUDA 11.8 is the newest for drivers before 525, until PyTorch 2.7.
    #expect(try command("520.61.05").contains(/torch==2\.7\.1.*whl\/cu118/))
    // A Blackwell needs a driver of its own first.
    let blackwell = try plan("535.54.03", "NVIDIA B200")
    #expect(blackwell.steps.map(\.kind) == [.installDriver, .installTorch])
    #expect(blackwell.steps.first?.driver?.branchNumber(by: .shipped) == 570)
    #expect(blackwell.answers.map(\.kind) == [.yes])
  }

  @Test func mixedFleets() throws {
    let plan = try plan(
      "2.15.0+cu132", cuda: "13.2", ["sm_75"],
      [("Tesla V100-SXM2-32GB", "580.95.05"), ("NVIDIA H100 NVL", "580.95.05")])
    #expect(plan.steps.first?.command?.contains(/torch==2\.14\.1.*whl\/cu126/) == true)
    #expect(plan.answers.map(\.kind) == [.yes, .yes])
    let impossible = try self.plan(
      "2.15.0+cu132", cuda: "13.2", ["sm_75"], [("Tesla P100-PCIE-16GB", nil), ("NVIDIA B200", nil)])
    #expect(impossible.steps.isEmpty)
    #expect(
      impossible.obstacles.first
        == "no official build of PyTorch runs on all of Tesla P100-PCIE-16GB and B200 with one driver"
    )
  }

  @Test func gpusWithoutAnOfficialBuild() throws {
    for gpu in ["3.0", "2.0"] {
      let plan = try plan("2.4.1+cu121", cuda: "12.1", ["sm_80"], [(gpu, nil)])
      #expect(plan.steps.isEmpty)
      #expect(
        plan.obstacles == [
          "no official build of PyTorch has code for compute capability \(gpu): it has to be built from source"
        ])
    }
  }

  @Test func anOfficialBuildWithPTX() throws {
    // Machine code for 10.3 is that of 10.0.
    let native = try plan("2.15.0+cu132", cuda: "13.2", ["sm_50"], [("10.3", nil)])
    #expect(native.steps.first?.kind == .installTorch)
    #expect(native.answers.map(\.verdict) == [.native])
    // For a major version that does not exist yet there is only PTX.
    let future = try plan("2.15.0+cu132", cuda: "13.2", ["sm_50"], [("13.0", nil)])
    #expect(future.steps.first?.kind == .installTorch)
    #expect(future.answers.map(\.verdict) == [.jit])
  }

  @Test func arm() throws {
    let plan = try plan("2.6.0+cpu", cuda: nil, [], [("NVIDIA H100 NVL", nil)]) { tree in
      tree.images = [ImageConfiguration(environment: [:], architecture: "arm64")]
    }
    #expect(plan.steps.first?.command?.contains(/torch==2\.6\.0.*whl\/cu126/) == true)
  }

  @Test func pytorchWithoutCUDA() throws {
    let plan = try plan("2.4.1+cpu", cuda: nil, [], [("NVIDIA A100-PCIE-40GB", "550.54.14")])
    #expect(plan.steps.map(\.kind) == [.installTorch])
    // "2.4.1" would be there already.
    let command = plan.steps.first?.command ?? ""
    #expect(command.contains("--force-reinstall") || command.contains("torch==2.4.1+cu124"), "\(command)")
    #expect(command.contains("https://download.pytorch.org/whl/cu124"))
    #expect(plan.answers.map(\.kind) == [.yes])
  }

  @Test func whatPyTorchRequires() throws {
    let plan = try plan("2.4.1+cu121", cuda: "12.1", ["sm_80"], [("8.0", "550.54.14")]) { tree in
      tree.distribution(
        "torch", "2.4.1",
        requires: [
          "nvidia-cudnn-cu12==9.1.0.70", "nvidia-nccl-cu12==2.20.5",
        ], in: "site/")
      tree.distribution("nvidia-nccl-cu12", "2.20.5", in: "site/")
      tree.distribution("numpy", "2.0", in: "site/")
      tree.library("site/torch/lib/libtorch_cuda.so", needed: ["libcudnn.so.9"])
      tree.links["etc/os-release"] = "../usr/lib/os-release"
    }
    #expect(plan.steps.map(\.kind) == [.installLibraries])
    #expect(plan.steps.first?.command == "pip install nvidia-cudnn-cu12==9.1.0.70")
    #expect(plan.answers.map(\.kind) == [.yes])
  }

  @Test func drivers() throws {
    // Nobody has to mend what runs.
    #expect(try plan("2.4.1+cu121", cuda: "12.1", ["sm_80"], [("8.0", nil)]).isEmpty)
    let a100 = "NVIDIA A100-PCIE-40GB"
    #expect(try plan("2.4.1+cu121", cuda: "12.1", ["sm_80"], [(a100, "550.54.14")]).isEmpty)
    // Another build is one step, and the driver need not change.
    let old = try plan("2.4.1+cu121", cuda: "12.1", ["sm_80"], [(a100, "470.57.02")])
    #expect(old.steps.map(\.kind) == [.installTorch])
    #expect(old.steps.first?.command?.contains("https://download.pytorch.org/whl/cu118") == true)
    #expect(old.answers.map(\.kind) == [.yes])
    // What no other build mends, a driver does.
    let library = codeFile("site/app/_C.so", [["sm_80"]], zstd: true)
    let held = Case(
      facts: StackFacts(), devices: [try device(a100, driver: "535.54.03")], files: [library]
    ).plan
    #expect(held.steps.map(\.kind) == [.installDriver])
    #expect(held.steps.first?.driver == DriverVersion("550.54.14"))
    #expect(held.answers.map(\.kind) == [.yes])
    // A reservation about the driver's stand-in is no reason to ask for the driver that is there.
    let standIn = try plan(
      "2.7.1+cu128", cuda: "12.8", ["sm_86"], [("NVIDIA GeForce RTX 3090", "535.54.03")]
    ) { tree in
      tree.library("usr/local/cuda-12.8/compat/libcuda.so.570.86.15")
    }
    #expect(standIn.steps.isEmpty)
  }

  /// A driver is no cure for code that is not there, and is not said to be one.
  @Test func whatNoDriverMends() throws {
    let volta = try plan(
      "2.15.0+cu132", cuda: "13.2", ["sm_75"], [("Tesla V100-SXM2-32GB", "525.60.13")])
    #expect(volta.steps.map(\.kind) == [.installTorch])
    #expect(volta.answers.map(\.kind) == [.yes])
    // A driver that has left the GPU behind has to be an older one.
    let left = try plan("2.4.1+cu121", cuda: "12.1", ["sm_70"], [("Tesla V100-SXM2-32GB", "590.44.01")])
    #expect(left.steps.map(\.kind) == [.installDriver])
    #expect(left.steps.first?.driver == DriverVersion("525.60.13"))
    #expect(left.steps.first?.lastDriverBranch == 580)
    #expect(
      left.steps.first?.text
        == "install a driver from 525.60.13 to R580 on the host, because R580 is the last that supports "
        + "Tesla V100-SXM2-32GB")
    #expect(left.answers.map(\.kind) == [.yes])
    // An older driver is of no use to a GPU for which nothing has code.
    let neither = try plan(
      "2.15.0+cu132", cuda: "13.2", ["sm_120"],
      [("NVIDIA GeForce GTX 1080", "595.58.03"), ("NVIDIA GeForce RTX 5090", "595.58.03")])
    #expect(neither.steps.isEmpty)
    #expect(neither.obstacles.count == 2)
    // No driver supports the newest and the oldest, so no build is said to run with one.
    let apart = try plan(
      "2.15.0+cu132", cuda: "13.2", ["sm_75"], [("10.7", nil), ("Tesla V100-SXM2-32GB", nil)])
    #expect(apart.steps.isEmpty)
  }

  /// Where there are several environments, each step for one says for which.
  @Test func whichEnvironment() throws {
    var tree = TreeBuilder()
    let folders = ["opt/a/lib/python3.11/site-packages", "opt/b/lib/python3.12/site-packages"]
    for folder in folders {
      tree.torch("2.4.1+cu121", cuda: "12.1", requires: ["nvidia-cudnn-cu12==9.1.0.70"], in: folder + "/")
      tree.distribution("numpy", "2.0", in: folder + "/")
      tree.library("\(folder)/torch/lib/libtorch_cuda.so", needed: ["libcudnn.so.9"])
    }
    tree.add("CUDA Version 11.8.89\n", at: "usr/local/cuda-11.8/version.txt")
    tree.add("x", at: "usr/local/cuda-11.8/bin/nvcc")
    let plan = Case(
      facts: tree.facts(), devices: [try device("NVIDIA B200", driver: "580.65.06")],
      files: folders.map { codeFile("\($0)/torch/lib/libtorch_cuda.so", [["sm_90"]]) }
    ).plan
    #expect(plan.steps.map(\.kind) == [.installTorch, .installTorch])
    #expect(plan.steps.map(\.environment) == folders.map { Path($0) })
    for (step, folder) in zip(plan.steps, folders) { #expect(step.text.hasPrefix("in \(folder), ")) }
    #expect(plan.building.map(\.kind) == [.toolkit, .toolkit, .architectureList])
    #expect(plan.building.last?.text == "build extensions for 10.0")
    #expect(plan.answers.map(\.kind) == [.yes])
  }

  /// What is not PyTorch's has to be compiled, or taken elsewhere.
  @Test func whatHasToBeBuiltIsNamed() throws {
    func obstacles(_ targets: [String]) throws -> [String] {
      var question = try question("2.9.1+cu128", cuda: "12.8", ["sm_120"], [("12.0", "570.86.15")]) { tree in
        tree.distribution("my-ops", "1.0", in: "site/")
        tree.add("my_ops/_C.so,,\n", at: "site/my_ops-1.0.dist-info/RECORD")
        tree.library("site/my_ops/_C.so")
      }
      question.view.files.append(codeFile("site/my_ops/_C.so", [targets]))
      #expect(question.plan.steps.isEmpty)
      return question.plan.obstacles
    }
    #expect(
      try obstacles(["sm_90"]) == [
        "my-ops 1.0 has no code for compute capability 12.0: take a release that has, or compile it for 12.0"
      ])
    // Code for one architecture only cannot be compiled for another.
    #expect(
      try obstacles(["sm_90a"]) == [
        "_C.so of my-ops 1.0 was written for other GPUs than compute capability 12.0"
      ])
  }

  @Test func nvidiasLibrariesAreNotCompiled() throws {
    var tree = TreeBuilder()
    tree.distribution("nvidia-cusparselt-cu12", "0.7.1", in: "site/")
    tree.add(
      "nvidia/cusparselt/lib/libcusparseLt.so.0,,\n",
      at: "site/nvidia_cusparselt_cu12-0.7.1.dist-info/RECORD")
    tree.library("site/nvidia/cusparselt/lib/libcusparseLt.so.0")
    let plan = Case(
      facts: tree.facts(), devices: [try device("7.0")],
      files: [codeFile("site/nvidia/cusparselt/lib/libcusparseLt.so.0", [["sm_80"]])]
    ).plan
    #expect(plan.steps.isEmpty)
    #expect(plan.obstacles.count == 1)
    #expect(plan.obstacles.allSatisfy { $0.hasSuffix("as NVIDIA alone compiles it") })
  }

  @Test func whatFailsElsewhereIsNoFaultOfPyTorch() throws {
    var question = try question(
      "2.4.1+cu121", cuda: "12.1", ["sm_80"], [("NVIDIA A100-PCIE-40GB", "535.54.03")])
    question.view.files.append(codeFile("site/ops/_C.so", [["compute_80"]], isa: "9.0"))
    #expect(question.plan.steps.map(\.kind) == [.installDriver])
    #expect(question.plan.steps.first?.driver == DriverVersion("580.65.06"))
    #expect(question.plan.answers.map(\.kind) == [.yes])
  }

  @Test func everyInstallationByItself() throws {
    var tree = TreeBuilder()
    tree.torch("2.15.0+cu132", cuda: "13.2", in: "a/")
    tree.torch("2.4.1+cpu", cuda: nil, in: "b/")
    let plan = Case(
      facts: tree.facts(), devices: [try device("Tesla V100-SXM2-32GB", driver: "580.95.05")],
      files: [codeFile("a/torch/lib/libtorch_cuda.so", [["sm_75"]])]
    ).plan
    #expect(plan.steps.map(\.environment) == [Path("a"), Path("b")])
    #expect(plan.steps.first?.command?.contains(/torch==2\.14\.1.*whl\/cu126/) == true)
    #expect(plan.steps.last?.command?.contains(/torch==2\.4\.1.*whl\/cu124/) == true)
  }

  @Test func baseImages() throws {
    let published = try #require(PublishedImages.shared.images.first { $0.cuda == "12.8" }).requirement
    let plan = try plan(
      "2.7.1+cu128", cuda: "12.8", ["sm_86"], [("NVIDIA GeForce RTX 3090", "560.35.05")]
    ) { tree in
      tree.images = [
        ImageConfiguration(environment: ["CUDA_VERSION": "12.8.1", "NVIDIA_REQUIRE_CUDA": published])
      ]
    }
    #expect(
      plan.steps.first { $0.kind == .baseImage }?.command == "FROM nvidia/cuda:12.6.3-base-ubuntu24.04")
    #expect(plan.answers.map(\.kind) == [.yes])
  }

  /// For an image of NGC another month of it is named.
  @Test func imagesOfNGC() throws {
    let published = try #require(PublishedImages.shared.images.first { $0.cuda == "12.8" }).requirement
    let plan = try plan(
      "2.7.1+cu128", cuda: "12.8", ["sm_86"], [("NVIDIA GeForce RTX 3090", "470.57.02")]
    ) { tree in
      tree.images = [
        ImageConfiguration(environment: [
          "CUDA_VERSION": "12.8.1", "NVIDIA_REQUIRE_CUDA": published, "NVIDIA_PYTORCH_VERSION": "25.02",
        ])
      ]
    }
    let step = plan.steps.first { $0.kind == .baseImage }
    #expect(step?.command == "FROM nvcr.io/nvidia/pytorch:21.06-py3")
    #expect(step?.text.contains("for CUDA 11.3") == true)
  }

  @Test func building() throws {
    let plan = try plan(
      "2.5.1+cu124", cuda: "12.4", ["sm_86", "sm_90"],
      [("NVIDIA GeForce RTX 3090", "570.86.15"), ("NVIDIA H100 NVL", "570.86.15")]
    ) { tree in
      for (version, release) in [("11.8", "11.8.0"), ("12.4", "12.4.1")] {
        tree.add(#"{"cuda": {"version": "\#(release)"}}"#, at: "usr/local/cuda-\(version)/version.json")
        tree.add("x", at: "usr/local/cuda-\(version)/bin/nvcc")
      }
    }
    #expect(plan.steps.isEmpty)
    #expect(plan.building.map(\.kind) == [.toolkit, .architectureList])
    #expect(
      plan.building.map(\.command) == ["CUDA_HOME=/usr/local/cuda-12.4", "TORCH_CUDA_ARCH_LIST=\"8.6;9.0\""])

    func toolkit(_ own: String, _ gpu: String) throws -> Plan.Step? {
      try self.plan("2.7.1+cu128", cuda: "12.8", [], [(gpu, nil)]) { tree in
        tree.add("CUDA Version \(own).1\n", at: "usr/local/cuda/version.txt")
        tree.add("x", at: "usr/local/cuda/bin/nvcc")
      }.building.first { $0.kind == .toolkit }
    }
    #expect(try toolkit("12.8", "12.0") == nil)
    #expect(try toolkit("12.4", "12.0")?.text.contains("with CUDA 12.8: no toolkit here can") == true)
    #expect(try toolkit("12.4", "9.0")?.command == "CUDA_HOME=/usr/local/cuda")
    #expect(try toolkit("13.4", "10.7")?.text.contains("no toolkit of CUDA 12 compiles") == true)
  }

  /// Every plan is enough, or says what stands in its way; what it installs has code for the GPU, and its CUDA runs on the
  /// driver that is there after the plan.
  @Test func everyPlanIsEnough() throws {
    for row in ArchitectureTable.shipped.rows where !row.tegra {
      for branch in DriverTable.shipped.branches where branch.branch >= 418 {
        let question = try question(
          "2.4.1+cpu", cuda: nil, [], [("\(row.computeCapability)", "R\(branch.branch)")])
        let plan = question.plan
        let name = "\(row.computeCapability) with R\(branch.branch)"
        #expect(!plan.isEmpty, "\(name)")
        if plan.obstacles.isEmpty {
          #expect(plan.answers.allSatisfy { $0.kind == .yes }, "\(name): \(plan.answers.map(\.kind))")
        } else {
          #expect(plan.answers.contains { $0.kind == .no || $0.kind == .partly }, "\(name)")
        }
        guard let step = plan.steps.first(where: { $0.kind == .installTorch }) else { continue }
        let command = try #require(step.command)
        let release = try #require(
          PyTorchTable.shipped.releases.first { release in
            release.versions.contains { command.contains("torch==\($0)") }
          }, "\(command)")
        let build = try #require(
          release.builds.first { command.contains("/\($0.variant)") || command.contains("+\($0.variant)") }
            ?? release.builds.first(where: \.isDefault))
        #expect(build.targets.fit(on: Device(row.computeCapability)) >= .jit, "\(name): \(command)")
        let driver = plan.steps.compactMap { $0.kind == .installDriver ? $0.driver : nil }.last
        let newest = try #require((driver ?? .branch(branch.branch)).maxCUDA(by: .shipped))
        #expect(newest >= build.cuda || newest.major >= build.cuda.major, "\(name): \(command)")
      }
    }
  }
}
