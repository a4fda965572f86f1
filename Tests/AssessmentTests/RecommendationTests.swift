import Assessment
import Bytes
import Compatibility
import Stack
import StackFixtures
import Testing

@Suite struct RecommendationTests {
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

  private func recommendations(_ question: Case) -> [Recommendation] {
    question.recommendations()
  }

  @Test func anOldBuildOnAnA100() throws {
    let list = recommendations(
      try question(
        "1.12.1+cu102", cuda: "10.2", ["sm_37", "sm_50", "sm_60", "sm_70"],
        [("NVIDIA A100-PCIE-40GB", "460.32.03")]
      ) { tree in
        tree.images = [
          ImageConfiguration(environment: ["CUDA_VERSION": "10.2", "NVIDIA_REQUIRE_CUDA": "cuda>=10.2"])
        ]
      })
    #expect(list.map(\.kind) == [.installTorch, .baseImage])
    #expect(
      list[0].command
        == "pip install torch==1.12.1+cu113 --extra-index-url https://download.pytorch.org/whl/cu113")
    #expect(list[0].message.contains("carries sm_37 sm_50 sm_60 sm_70 sm_75 sm_80 sm_86"))
    #expect(
      list[0].message.contains("needs driver 450.80.02 or newer; the driver of CUDA 11.3 itself is 465.19.01")
    )
    #expect(list[1].command == "FROM nvidia/cuda:11.2.2-base-ubuntu20.04")
  }

  @Test func theBuildMatchesPython() throws {
    func recommendation(_ python: String) throws -> Recommendation? {
      var tree = TreeBuilder()
      let folder = "opt/venv/lib/python\(python)/site-packages/"
      tree.torch("1.12.1+cu102", cuda: "10.2", in: folder)
      return recommendations(
        Case(
          facts: tree.facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: "460.32.03")],
          files: [codeFile("\(folder)torch/lib/libtorch_cuda.so", [["sm_70"]])])
      ).first
    }
    #expect(try recommendation("3.10")?.command?.contains("torch==1.12.1+cu113") == true)
    // PyTorch 2.2 is the first for Python 3.12, and CUDA 11.8 what the driver runs.
    #expect(
      try recommendation("3.12")?.command
        == "pip install torch==2.2.2 --index-url https://download.pytorch.org/whl/cu118")
    #expect(try recommendation("3.10")?.message.contains("Python") == false)
    let old = try recommendation("3.5")
    #expect(old?.command?.contains("torch==1.12.1+cu113") == true)
    #expect(old?.message.hasSuffix("it is built for Python 3.7 to 3.10, and here is 3.5") == true)
  }

  @Test func volta() throws {
    let targets = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
    for driver in ["580.95.05", nil] {
      let list = recommendations(
        try question("2.15.0+cu132", cuda: "13.2", targets, [("Tesla V100-SXM2-32GB", driver)]))
      #expect(list.first?.kind == .installTorch)
      #expect(
        list.first?.command == "pip install torch==2.14.1 --index-url https://download.pytorch.org/whl/cu126")
    }
  }

  @Test func theBuildMatchesTheDriver() throws {
    func command(_ driver: String, _ gpu: String = "NVIDIA L4") throws -> String? {
      recommendations(try question("2.9.1+cu130", cuda: "13.0", ["sm_50"], [(gpu, driver)]))
        .first { $0.kind == .installTorch || $0.kind == .noOfficialBuild }?.command
    }
    let index = "pip install torch==2.9.1 --index-url https://download.pytorch.org/whl/"
    #expect(try command("560.35.05") == index + "cu126")
    #expect(try command("525.60.13") == index + "cu126")
    #expect(try command("570.86.15") == "pip install torch==2.9.1")
    // CUDA 11.8 is the newest for drivers before 525, until PyTorch 2.7.
    #expect(
      try command("520.61.05")
        == "pip install torch==2.7.1 --index-url https://download.pytorch.org/whl/cu118")
    // A Blackwell needs a driver of its own first.
    #expect(try command("535.54.03", "NVIDIA B200") == "pip install torch==2.9.1")
  }

  @Test func mixedFleets() throws {
    let list = recommendations(
      try question(
        "2.15.0+cu132", cuda: "13.2", ["sm_75"],
        [("Tesla V100-SXM2-32GB", "580.95.05"), ("NVIDIA H100 NVL", "580.95.05")]))
    #expect(
      list.first?.command == "pip install torch==2.14.1 --index-url https://download.pytorch.org/whl/cu126")
    let impossible = recommendations(
      try question(
        "2.15.0+cu132", cuda: "13.2", ["sm_75"], [("Tesla P100-PCIE-16GB", nil), ("NVIDIA B200", nil)]))
    #expect(impossible.map(\.kind).contains(.noOfficialBuild))
    #expect(
      impossible.first?.message.contains("all of Tesla P100-PCIE-16GB (6.0) and NVIDIA B200 (10.0)") == true)
  }

  @Test func gpusWithoutAnOfficialBuild() throws {
    for (gpu, name) in [("3.0", "3.0"), ("2.0", "2.0")] {
      let list = recommendations(try question("2.4.1+cu121", cuda: "12.1", ["sm_80"], [(gpu, nil)]))
      #expect(list.first?.kind == .noOfficialBuild)
      #expect(
        list.first?.message
          == "no official build of PyTorch carries code for compute capability \(name): build it from source")
    }
  }

  @Test func anOfficialBuildWithPTX() throws {
    // Machine code for 10.3 is that of 10.0.
    let native = recommendations(try question("2.15.0+cu132", cuda: "13.2", ["sm_50"], [("10.3", nil)]))
    #expect(native.first?.kind == .installTorch)
    // For Rubin too; for a major version that does not exist yet there is only PTX for 12.0.
    let future = recommendations(try question("2.15.0+cu132", cuda: "13.2", ["sm_50"], [("13.0", nil)]))
    #expect(future.first?.kind == .installTorch)
    #expect(
      future.first?.command == "pip install torch==2.10.0 --index-url https://download.pytorch.org/whl/cu130")
  }

  @Test func arm() throws {
    let list = recommendations(
      try question("2.6.0+cpu", cuda: nil, [], [("NVIDIA H100 NVL", nil)]) { tree in
        tree.images = [ImageConfiguration(environment: [:], architecture: "arm64")]
      })
    #expect(
      list.first?.command == "pip install torch==2.6.0 --index-url https://download.pytorch.org/whl/cu126")
  }

  @Test func pytorchWithoutCUDA() throws {
    let list = recommendations(
      try question("2.4.1+cpu", cuda: nil, [], [("NVIDIA A100-PCIE-40GB", "550.54.14")]))
    #expect(
      list.first?.command == "pip install torch==2.4.1 --index-url https://download.pytorch.org/whl/cu124")
  }

  @Test func whatPyTorchRequires() throws {
    let list = recommendations(
      try question("2.4.1+cu121", cuda: "12.1", ["sm_80"], [("8.0", "550.54.14")]) { tree in
        tree.distribution(
          "torch", "2.4.1", requires: ["nvidia-cudnn-cu12==9.1.0.70", "nvidia-nccl-cu12==2.20.5"], in: "site/"
        )
        tree.distribution("nvidia-nccl-cu12", "2.20.5", in: "site/")
        tree.library("site/torch/lib/libtorch_cuda.so", needed: ["libcudnn.so.9"])
      })
    #expect(list.map(\.kind) == [.installLibraries])
    #expect(list.first?.command == "pip install nvidia-cudnn-cu12==9.1.0.70")
  }

  @Test func drivers() throws {
    let unknown = recommendations(try question("2.4.1+cu121", cuda: "12.1", ["sm_80"], [("8.0", nil)]))
    #expect(
      unknown.map(\.message) == [
        "driver 525.60.13 is the oldest that satisfies everything; CUDA 12.1 of PyTorch 2.4.1+cu121 asks for it"
      ])
    let old = recommendations(
      try question("2.4.1+cu121", cuda: "12.1", ["sm_80"], [("NVIDIA A100-PCIE-40GB", "470.57.02")]))
    #expect(old.map(\.kind) == [.installTorch, .installDriver])
    #expect(
      old.first?.command == "pip install torch==2.4.1 --index-url https://download.pytorch.org/whl/cu118")
    let fine = recommendations(
      try question("2.4.1+cu121", cuda: "12.1", ["sm_80"], [("NVIDIA A100-PCIE-40GB", "550.54.14")]))
    #expect(fine.isEmpty)
    // A reservation about the driver's stand-in is no reason to ask for the driver that is there.
    let standIn = recommendations(
      try question("2.7.1+cu128", cuda: "12.8", ["sm_86"], [("NVIDIA GeForce RTX 3090", "535.54.03")]) {
        tree in
        tree.library("usr/local/cuda-12.8/compat/libcuda.so.570.86.15")
      })
    #expect(standIn.isEmpty)
  }

  /// A driver is no cure for code that is not there, and is not said to be one.
  @Test func whatNoDriverMends() throws {
    let volta = recommendations(
      try question("2.15.0+cu132", cuda: "13.2", ["sm_75"], [("Tesla V100-SXM2-32GB", "525.60.13")]))
    #expect(volta.map(\.kind) == [.installTorch, .installDriver])
    #expect(
      volta.last?.message
        == "what is installed now needs driver 580.65.06 or newer, which alone does not mend it; CUDA 13.2 of PyTorch 2.15.0+cu132 asks for it"
    )
    let processor = recommendations(
      try question("2.4.1+cpu", cuda: nil, [], [("NVIDIA H100 NVL", nil)]))
    #expect(processor.map(\.kind) == [.installTorch, .installDriver])
    #expect(
      processor.last?.message.hasPrefix("what is installed now needs driver 520.61.05 or newer") == true)
  }

  /// Where there are several environments, each recommendation for one says for which.
  @Test func whichEnvironment() throws {
    var tree = TreeBuilder()
    for (folder, python) in [("opt/a/lib/", "3.11"), ("opt/b/lib/", "3.12")] {
      let site = "\(folder)python\(python)/site-packages/"
      tree.torch("2.4.1+cu121", cuda: "12.1", requires: ["nvidia-cudnn-cu12==9.1.0.70"], in: site)
      tree.distribution("numpy", "2.0", in: site)
      tree.library("\(site)torch/lib/libtorch_cuda.so", needed: ["libcudnn.so.9"])
    }
    tree.add("CUDA Version 11.8.89\n", at: "usr/local/cuda-11.8/version.txt")
    tree.add("x", at: "usr/local/cuda-11.8/bin/nvcc")
    let list = recommendations(
      Case(
        facts: tree.facts(), devices: [try device("NVIDIA B200", driver: "580.65.06")],
        files: ["opt/a/lib/python3.11", "opt/b/lib/python3.12"].map {
          codeFile("\($0)/site-packages/torch/lib/libtorch_cuda.so", [["sm_90"]])
        }))
    #expect(
      list.map(\.kind) == [
        .installTorch, .installTorch, .installLibraries, .installLibraries, .toolkit, .toolkit,
        .architectureList,
      ])
    for (index, recommendation) in list.dropLast().enumerated() {
      #expect(
        recommendation.message.hasPrefix(
          index % 2 == 0
            ? "in opt/a/lib/python3.11/site-packages: " : "in opt/b/lib/python3.12/site-packages: "))
    }
    #expect(list.last?.message == "build extensions for 10.0")
  }

  @Test func whatHasToBeBuiltIsNamed() throws {
    var question = try question("2.9.1+cu128", cuda: "12.8", ["sm_120"], [("12.0", "570.86.15")]) { tree in
      tree.distribution("my-ops", "1.0", in: "site/")
      tree.add("my_ops/_C.so,,\n", at: "site/my_ops-1.0.dist-info/RECORD")
      tree.library("site/my_ops/_C.so")
    }
    question.view.files.append(codeFile("site/my_ops/_C.so", [["sm_90"]]))
    let list = recommendations(question)
    #expect(list.map(\.message) == ["build my-ops 1.0 for 12.0"])
    #expect(list.map(\.command) == ["TORCH_CUDA_ARCH_LIST=\"12.0\""])
  }

  @Test func whatFailsElsewhereIsNoFaultOfPyTorch() throws {
    var question = try question(
      "2.4.1+cu121", cuda: "12.1", ["sm_80"], [("NVIDIA A100-PCIE-40GB", "535.54.03")])
    question.view.files.append(codeFile("site/ops/_C.so", [["compute_80"]], isa: "9.0"))
    let list = recommendations(question)
    #expect(list.map(\.kind) == [.installDriver, .architectureList])
    #expect(list[0].message.hasPrefix("driver 580.65.06 is the oldest"))
  }

  @Test func everyInstallationByItself() throws {
    var tree = TreeBuilder()
    tree.torch("2.15.0+cu132", cuda: "13.2", in: "a/")
    tree.torch("2.4.1+cpu", cuda: nil, in: "b/")
    let question = Case(
      facts: tree.facts(), devices: [try device("Tesla V100-SXM2-32GB", driver: "580.95.05")],
      files: [codeFile("a/torch/lib/libtorch_cuda.so", [["sm_75"]])])
    #expect(
      recommendations(question).map(\.command) == [
        "pip install torch==2.14.1 --index-url https://download.pytorch.org/whl/cu126",
        "pip install torch==2.4.1 --index-url https://download.pytorch.org/whl/cu124",
      ])
  }

  @Test func baseImages() throws {
    let published = try #require(PublishedImages.shared.images.first { $0.cuda == "12.8" }).requirement
    let list = recommendations(
      try question("2.7.1+cu128", cuda: "12.8", ["sm_86"], [("NVIDIA GeForce RTX 3090", "560.35.05")]) {
        tree in
        tree.images = [
          ImageConfiguration(environment: ["CUDA_VERSION": "12.8.1", "NVIDIA_REQUIRE_CUDA": published])
        ]
      })
    #expect(list.first { $0.kind == .baseImage }?.command == "FROM nvidia/cuda:12.6.3-base-ubuntu24.04")
    #expect(list.first { $0.kind == .installDriver }?.message.contains("570.26") == true)
  }

  @Test func building() throws {
    let list = recommendations(
      try question(
        "2.5.1+cu124", cuda: "12.4", ["sm_86", "sm_90"],
        [("NVIDIA GeForce RTX 3090", "570.86.15"), ("NVIDIA H100 NVL", "570.86.15")]
      ) { tree in
        for (version, release) in [("11.8", "11.8.0"), ("12.4", "12.4.1")] {
          tree.add(#"{"cuda": {"version": "\#(release)"}}"#, at: "usr/local/cuda-\(version)/version.json")
          tree.add("x", at: "usr/local/cuda-\(version)/bin/nvcc")
        }
      })
    #expect(list.map(\.kind) == [.toolkit, .architectureList])
    #expect(list.map(\.command) == ["CUDA_HOME=/usr/local/cuda-12.4", "TORCH_CUDA_ARCH_LIST=\"8.6;9.0\""])

    func toolkit(_ own: String, _ gpu: String) throws -> Recommendation? {
      recommendations(
        try question("2.7.1+cu128", cuda: "12.8", [], [(gpu, nil)]) { tree in
          tree.add("CUDA Version \(own).1\n", at: "usr/local/cuda/version.txt")
          tree.add("x", at: "usr/local/cuda/bin/nvcc")
        }
      ).first { $0.kind == .toolkit }
    }
    #expect(try toolkit("12.8", "12.0") == nil)
    #expect(try toolkit("12.4", "12.0")?.message.contains("with CUDA 12.8: no toolkit here can") == true)
    #expect(try toolkit("12.4", "9.0")?.command == "CUDA_HOME=/usr/local/cuda")
    #expect(try toolkit("13.4", "10.7")?.message.contains("no toolkit of CUDA 12 compiles") == true)
  }

  /// Every build in the table is what somebody with it gets told where it is the only answer.
  @Test func everyRecommendedBuildRuns() throws {
    for row in ArchitectureTable.shared.rows where !row.tegra {
      for branch in DriverTable.shared.branches where branch.branch >= 450 {
        let driver = DriverVersion.branch(branch.branch)
        guard driver.supports(row.computeCapability) == true else { continue }
        let question = try question(
          "2.4.1+cpu", cuda: nil, [], [("\(row.computeCapability)", "R\(branch.branch)")])
        let advice = recommendations(question).first {
          $0.kind == .installTorch || $0.kind == .noOfficialBuild
        }
        let command = try #require(advice?.command ?? advice?.message)
        guard advice?.kind == .installTorch else { continue }
        // The build that the command names carries code for the GPU, and its CUDA runs on the driver.
        let release = try #require(
          PyTorchTable.shared.releases.first { release in
            release.versions.contains { command.contains("torch==\($0)") }
          })
        let build = try #require(
          release.builds.first { command.contains("/\($0.variant)") || command.contains("+\($0.variant)") }
            ?? release.builds.first(where: \.isDefault))
        let device = Device(row.computeCapability)
        #expect(build.targets.fit(on: device) >= .jit, "\(command) on \(row.computeCapability)")
        let newest = try #require(driver.maxCUDA)
        #expect(newest >= build.cuda || newest.major >= build.cuda.major, "\(command) with R\(branch.branch)")
      }
    }
  }
}
