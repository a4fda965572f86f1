import Assessment
import Bytes
import Compatibility
import DeviceCode
import ELFFile
import Stack
import StackFixtures
import Testing

/// Whole stacks, with the answers that people need.
@Suite struct ScenarioTests {
  /// The libraries that PyTorch for a CUDA major needs, each with its soname, under a folder.
  private func addLibraries(
    _ sonames: [String], to tree: inout TreeBuilder, in folder: String = "site/"
  ) {
    for soname in sonames { tree.library("\(folder)nvidia/lib/\(soname)", soname: soname) }
  }

  private func image(_ requirement: String, cuda: String) -> ImageConfiguration {
    ImageConfiguration(environment: [
      "CUDA_VERSION": cuda, "NVIDIA_REQUIRE_CUDA": requirement, "NVIDIA_VISIBLE_DEVICES": "all",
      "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
    ])
  }

  @Test func anOldBuildOnAnA100() throws {
    var tree = TreeBuilder()
    tree.torch("1.12.1+cu102", cuda: "10.2", flags: "sm_37 sm_50 sm_60 sm_70", in: "site/")
    tree.library("site/torch/lib/libcudart-80664282.so.10.2", soname: "libcudart-80664282.so.10.2")
    tree.library("site/torch/lib/libtorch_cuda.so", needed: ["libcudart-80664282.so.10.2", "libcuda.so.1"])
    tree.images = [image("cuda>=10.2", cuda: "10.2")]
    let question = Case(
      facts: tree.facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: "460.32.03")],
      files: [
        codeFile(
          "site/torch/lib/libtorch_cuda.so",
          Array(repeating: ["sm_37", "sm_50", "sm_60", "sm_70"], count: 3))
      ])
    let checks = question.checks()
    #expect(
      SummaryLine.allCases.map { question.assessment.status(of: $0) } == [.pass, .pass, .pass, .fail, nil])
    #expect(question.answers == [.no])
    #expect(question.assessment.answers[0].reasons.map(\.code) == [.noKernelImage])
    #expect(
      checks.messages(.torchGPU) == [
        "PyTorch 1.12.1+cu102 has no code for A100-PCIE-40GB (sm_37 to sm_70); "
          + "\"NVIDIA A100-PCIE-40GB with CUDA capability sm_80 is not compatible with the current PyTorch installation\", "
          + "\"no kernel image is available for execution on the device\" (CUDA error 209)"
      ])
    #expect(checks.first { $0.id == .torchGPU }?.evidence.map(\.says) == ["sm_37 sm_50 sm_60 sm_70"])
    #expect(checks.statuses(.flagsContents) == [.pass])
    #expect(
      checks.messages(.driverRuntime) == [
        "driver 460.32.03 runs CUDA up to 11.2, and PyTorch 1.12.1+cu102 and site/torch/lib/libcudart-80664282.so.10.2 "
          + "bring CUDA 10.2"
      ])
  }

  @Test func theMendedRecipe() throws {
    var tree = TreeBuilder()
    tree.torch(
      "1.13.1+cu117", cuda: "11.7", flags: "sm_37 sm_50 sm_60 sm_70 sm_75 sm_80 sm_86",
      requires: ["nvidia-cuda-runtime-cu11==11.7.99", "nvidia-cudnn-cu11==8.5.0.96"], in: "site/")
    tree.library(
      "site/torch/lib/libtorch_cuda.so",
      needed: ["libcudart-e409450e.so.11.0", "libcudnn.so.8", "libcublas.so.11"])
    tree.library("site/torch/lib/libcudart-e409450e.so.11.0", soname: "libcudart-e409450e.so.11.0")
    tree.images = [
      image(
        try #require(PublishedImages.shared.images.first { $0.cuda == "11.7" }).requirement, cuda: "11.7.1")
    ]
    func assess(_ tree: TreeBuilder, _ kind: View.Kind = .directory) throws -> ViewAssessment {
      Case(
        facts: tree.facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: "525.116.03")],
        files: [
          codeFile(
            "site/torch/lib/libtorch_cuda.so",
            [["sm_37", "sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86"]])
        ], kind: kind
      ).assessment
    }
    // As a wheel alone, whose requirements are not there yet, and with them.
    let wheel = try assess(tree, .wheel)
    #expect(wheel.checks.allSatisfy { $0.status == .pass }, "\(wheel.checks.filter { $0.status != .pass })")
    #expect(wheel.answers.map(\.kind) == [.yes])
    // In an image nothing brings them later.
    let image = try assess(tree, .image)
    #expect(image.checks.statuses(.torchLibraries) == [.fail])
    #expect(image.answers.map(\.kind) == [.no])
    #expect(image.answers[0].reasons.map(\.code) == [.libraries])
    addLibraries(["libcudnn.so.8", "libcublas.so.11"], to: &tree)
    tree.distribution("nvidia-cudnn-cu11", "8.5.0.96", in: "site/")
    tree.distribution("nvidia-cuda-runtime-cu11", "11.7.99", in: "site/")
    let installed = try assess(tree, .image)
    #expect(installed.answers.map(\.kind) == [.yes], "\(installed.checks.filter { $0.status != .pass })")
    #expect(SummaryLine.allCases.map { installed.status(of: $0) } == [.pass, .pass, .pass, .pass, nil])
  }

  @Test func missingAndWrongLibraries() throws {
    func check(_ build: (inout TreeBuilder) -> Void) throws -> Check {
      var tree = TreeBuilder()
      tree.torch(
        "2.4.1+cu121", cuda: "12.1", requires: ["nvidia-cudnn-cu12==9.1.0.70", "nvidia-nccl-cu12==2.20.5"],
        in: "site/")
      tree.distribution("nvidia-nccl-cu12", "2.20.5", in: "site/")
      build(&tree)
      tree.library(
        "site/torch/lib/libtorch_cuda.so",
        needed: ["libcudart.so.12", "libcudnn.so.9", "libc10.so", "libcuda.so.1"])
      tree.library("site/torch/lib/libc10.so")
      let question = Case(facts: tree.facts(), devices: [try device("8.0")], files: [])
      return try #require(question.checks().first { $0.id == .torchLibraries })
    }
    let good = try check { tree in addLibraries(["libcudart.so.12", "libcudnn.so.9"], to: &tree) }
    #expect(good.status == .pass)
    #expect(good.message.contains("libcudnn.so.9"))

    let withoutCuDNN = try check { tree in addLibraries(["libcudart.so.12"], to: &tree) }
    #expect(withoutCuDNN.status == .fail)
    #expect(
      withoutCuDNN.message == "PyTorch 2.4.1+cu121 needs libcudnn.so.9, which is missing"
    )

    let otherCuDNN = try check { tree in addLibraries(["libcudart.so.12", "libcudnn.so.8"], to: &tree) }
    #expect(otherCuDNN.status == .fail)
    #expect(otherCuDNN.message.contains("there is cuDNN 8 in site/nvidia/lib/libcudnn.so.8"))

    let older = try check { tree in
      addLibraries(["libcudart.so.12", "libcudnn.so.9"], to: &tree)
      tree.distribution("nvidia-cudnn-cu12", "9.0.0.312", in: "site/")
    }
    #expect(older.status == .warn)
    #expect(older.message.contains("nvidia-cudnn-cu12 9.0.0.312 instead of 9.1.0.70"))

    let majorOff = try check { tree in
      addLibraries(["libcudart.so.12", "libcudnn.so.9"], to: &tree)
      tree.distribution("nvidia-cudnn-cu12", "8.9.2.26", in: "site/")
    }
    #expect(majorOff.status == .fail)
  }

  @Test func oneCUDAMajorInPyTorchAnotherInTheImage() throws {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "site/")
    tree.add("CUDA Version 11.8.89\n", at: "usr/local/cuda-11.8/version.txt")
    tree.add("x", at: "usr/local/cuda-11.8/bin/nvcc")
    let question = Case(facts: tree.facts(), devices: [try device("8.0")], files: [])
    let checks = question.checks()
    #expect(checks.statuses(.toolkitTorch) == [.fail])
    #expect(checks.statuses(.toolkitGPU) == [.pass])
    // Nothing was found that would need a library, or be one.
    #expect(checks.statuses(.torchLibraries) == [.unknown])
    // Building is not running.
    #expect(question.answers == [.unknown])
  }

  @Test func pytorchThatNeedsAnotherCUDA() throws {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "site/")
    tree.library("site/torch/lib/libtorch_cuda.so", needed: ["libcudart.so.11.0"])
    let checks = Case(facts: tree.facts(), devices: [try device("8.0")], files: []).checks()
    #expect(checks.statuses(.torchLibraries) == [.fail])
    #expect(checks.messages(.torchLibraries)[0].contains("needs libcudart.so.11.0"))
  }

  @Test func twoInstallationsAndOneWithoutCUDA() throws {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "a/")
    tree.torch("2.4.1+cpu", cuda: nil, in: "b/")
    let question = Case(
      facts: tree.facts(), devices: [try device("8.0", driver: "535.54.03")],
      files: [codeFile("a/torch/lib/libtorch_cuda.so", [["sm_80"]])])
    let checks = question.checks()
    #expect(checks.statuses(.torchCount) == [.warn])
    #expect(checks.messages(.torchCount)[0].contains("2.4.1+cu121 in a and 2.4.1+cpu in b"))
    // Nothing was found that would need a library, or be one.
    #expect(checks.statuses(.torchLibraries) == [.unknown, .fail])
    #expect(
      checks.messages(.torchLibraries)[1]
        == "PyTorch 2.4.1+cpu was built without CUDA and runs on the processor only; "
        + "torch.cuda.is_available() is False")
    #expect(checks.statuses(.torchGPU) == [.pass])
    // One runs, and the other does not.
    #expect(question.answers == [.partly])
    #expect(question.assessment.packages.map { $0.verdicts[0].verdict } == [.native, .incompatible])
  }

  @Test func toolkitsSideBySide() throws {
    var tree = TreeBuilder()
    tree.torch("2.5.1+cu124", cuda: "12.4", in: "site/")
    for (version, release) in [("11.8", "11.8.0"), ("12.4", "12.4.1")] {
      tree.add(#"{"cuda": {"version": "\#(release)"}}"#, at: "usr/local/cuda-\(version)/version.json")
      tree.add("x", at: "usr/local/cuda-\(version)/bin/nvcc")
    }
    tree.links = ["usr/local/cuda": "cuda-11.8"]
    let question = Case(
      facts: tree.facts(),
      devices: [
        try device("NVIDIA GeForce RTX 3090", driver: "570.86.15"),
        try device("NVIDIA H100 NVL", driver: "570.86.15"),
      ],
      files: [codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80", "sm_86", "sm_90"]])])
    let checks = question.checks()
    // Builds take the one that /usr/local/cuda leads to.
    #expect(checks.filter { $0.id == .toolkitTorch }.map(\.subject) == ["usr/local/cuda-11.8"])
    #expect(checks.statuses(.toolkitTorch) == [.fail])
    #expect(checks.statuses(.toolkitGPU) == [.pass, .pass])
    #expect(question.answers == [.yes, .yes])
    // All devices give the same answer, so it is given once.
    #expect(checks.filter { $0.id == .driverRuntime }.map(\.device) == [nil])
    #expect(checks.filter { $0.id == .torchGPU }.map(\.device) == [0, 1])
  }

  @Test func minorVersionsOfToolkits() throws {
    var tree = TreeBuilder()
    tree.torch("2.5.1+cu124", cuda: "12.4", in: "site/")
    tree.add(#"{"cuda": {"version": "12.8.1"}}"#, at: "usr/local/cuda/version.json")
    tree.add("x", at: "usr/local/cuda/bin/nvcc")
    let question = Case(
      facts: tree.facts(), devices: [try device("7.0"), try device("10.7"), try device("2.0")], files: [])
    let checks = question.checks()
    #expect(checks.statuses(.toolkitTorch) == [.warn])
    #expect(checks.statuses(.toolkitGPU) == [.pass, .fail, .fail])
    #expect(checks.messages(.toolkitGPU)[1].contains("needs 13.4 or newer"))
    #expect(checks.messages(.toolkitGPU)[2].contains("8.0 is the last that does"))
  }

  @Test func volta() throws {
    var tree = TreeBuilder()
    tree.torch("2.15.0+cu132", cuda: "13.2", flags: "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120", in: "site/")
    let targets = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
    let question = Case(
      facts: tree.facts(), devices: [try device("Tesla V100-SXM2-32GB", driver: "580.95.05")],
      files: [
        codeFile("site/torch/lib/libtorch_cuda.so", Array(repeating: targets, count: 4)),
        codeFile(
          "site/torch/lib/libtorch_cuda_linalg.so",
          [targets] + Array(repeating: Array(targets.dropFirst()), count: 32)),
      ])
    let checks = question.checks()
    #expect(checks.statuses(.torchGPU) == [.fail])
    #expect(checks.statuses(.driverRuntime) == [.pass])
    #expect(checks.statuses(.flagsContents) == [.warn])
    #expect(
      checks.messages(.flagsContents)[0].hasSuffix(
        "but 32 of 33 modules of libtorch_cuda_linalg.so lack some of it"))

    var onT4 = question
    onT4.question.devices[0].device = try device("Tesla T4", driver: "580.95.05")
    #expect(onT4.answers == [.partly])
    let partial = onT4.checks()
    #expect(partial.statuses(.torchGPU) == [.warn])
    #expect(
      partial.messages(.torchGPU)[0].contains(
        "in libtorch_cuda_linalg.so (sm_75 to sm_120); its other libraries have"))
  }

  /// The checks of a library without anything around it.
  private func checksOnA100(of library: CodeFile, driver: String?) throws -> [Check] {
    Case(
      facts: TreeBuilder().facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: driver)],
      files: [library]
    ).checks()
  }

  @Test func ptxThatTheDriverDoesNotKnow() throws {
    let library = codeFile("app/libkernels.so", [["compute_80"]], isa: "9.0")
    func checks(_ driver: String?) throws -> [Check] { try checksOnA100(of: library, driver: driver) }
    let old = try checks("535.54.03")
    #expect(old.statuses(.ptxDriver) == [.fail])
    #expect(old.messages(.ptxDriver)[0].contains("error 222"))
    #expect(old.statuses(.packageGPU) == [.warn])
    let new = try checks("580.65.06")
    #expect(new.statuses(.ptxDriver) == [.pass])
    #expect(new.statuses(.packageGPU) == [.warn])
    let unknown = try checks(nil)
    #expect(unknown.statuses(.ptxDriver) == [.unknown])
    #expect(unknown.messages(.ptxDriver)[0].contains("needs R580 or newer"))
  }

  @Test func compressionThatTheDriverDoesNotKnow() throws {
    let library = codeFile("app/libkernels.so", [["sm_80"]], zstd: true)
    func checks(_ driver: String?) throws -> [Check] { try checksOnA100(of: library, driver: driver) }
    let old = try checks("535.54.03")
    #expect(old.statuses(.compressionDriver) == [.fail])
    #expect(old.messages(.compressionDriver)[0].contains("device kernel image is invalid"))
    #expect(try checks("550.54.14").statuses(.compressionDriver) == [.pass])
    #expect(try checks("550.54.14").statuses(.packageGPU) == [.pass])
    #expect(try checks(nil).statuses(.compressionDriver) == [.unknown])
  }

  @Test func ptxTakesThePlaceOfWhatIsNotDecompressed() throws {
    func checks(_ driver: String) throws -> [Check] {
      Case(
        facts: TreeBuilder().facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: driver)],
        files: [codeFile("app/libkernels.so", [["sm_80/zstd", "compute_80"]], isa: "8.0")]
      ).checks()
    }
    #expect(try checks("535.54.03").statuses(.compressionDriver) == [.warn])
    #expect(try checks("550.54.14").statuses(.compressionDriver) == [.pass])
    #expect(try checks("550.54.14").statuses(.packageGPU) == [.pass])
  }

  @Test func ptxNewerThanTheTables() throws {
    let checks = Case(
      facts: TreeBuilder().facts(), devices: [try device("NVIDIA A100-PCIE-40GB", driver: "700.10")],
      files: [codeFile("app/libkernels.so", [["compute_80"]], isa: "9.9")]
    ).checks()
    #expect(checks.statuses(.ptxDriver) == [.unknown])
  }

  @Test func theDriverIsToBlameOnce() throws {
    // A driver without the GPU fails by itself, not once more for every library.
    let checks = Case(
      facts: TreeBuilder().facts(), devices: [try device("NVIDIA B200", driver: "535.54.03")],
      files: [codeFile("app/libkernels.so", [["sm_100/zstd"]])]
    ).checks()
    #expect(checks.filter { $0.status == .fail }.map(\.id) == [.driverGPU])
  }

  @Test func forwardCompatibility() throws {
    var tree = TreeBuilder()
    tree.torch("2.7.1+cu128", cuda: "12.8", in: "site/")
    // Code that only the newer driver libraries take.
    let libraries = [
      codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80"], ["compute_80"]], isa: "8.7"),
      codeFile("site/torch/lib/libtorch_cuda_linalg.so", [["sm_80"]], zstd: true),
    ]
    tree.library("usr/local/cuda-12.8/compat/libcuda.so.570.86.15")
    func checks(_ gpu: String, _ driver: String) throws -> [Check] {
      Case(facts: tree.facts(), devices: [try device(gpu, driver: driver)], files: libraries)
        .checks()
    }
    // CUDA 12 runs on 535 anyway; what the package adds is the compiler and zstd.
    let datacenter = try checks("NVIDIA A100-PCIE-40GB", "535.54.03")
    #expect(datacenter.statuses(.driverRuntime) == [.pass])
    #expect(datacenter.statuses(.ptxDriver) == [.pass])
    #expect(datacenter.statuses(.torchGPU) == [.warn])
    let gaming = try checks("NVIDIA GeForce RTX 3090", "535.54.03")
    #expect(gaming.statuses(.driverRuntime) == [.warn])
    #expect(gaming.messages(.driverRuntime)[0].contains("error 804"))
    #expect(gaming.statuses(.ptxDriver) == [.fail])
    #expect(gaming.statuses(.compressionDriver) == [.fail])
    // On a branch that is too old by itself, the package decides.
    #expect(try checks("NVIDIA A100-PCIE-40GB", "470.57.02").statuses(.driverRuntime) == [.warn])
    #expect(try checks("NVIDIA A100-PCIE-40GB", "470.57.02").messages(.driverRuntime)[0].contains("any more"))
    #expect(try checks("NVIDIA A100-PCIE-40GB", "460.32.03").statuses(.driverRuntime) == [.unknown])
    #expect(try checks("NVIDIA GeForce RTX 3090", "470.57.02").statuses(.driverRuntime) == [.fail])
    #expect(try checks("8.0", "470.57.02").statuses(.driverRuntime) == [.unknown])
    // A driver as new as the package does not load it.
    #expect(try checks("NVIDIA GeForce RTX 3090", "570.86.15").statuses(.driverRuntime) == [.pass])
  }

  @Test func forwardCompatibilityOfThirteen() throws {
    var tree = TreeBuilder()
    tree.torch("2.14.1+cu130", cuda: "13.0", in: "site/")
    let note = #"{"Format": 1, "CUDA Version": "13.1", "Driver": [535, 550, 570, 575, 580, 590]}"#
    tree.library(
      "usr/local/cuda-13.1/compat/libcuda.so.590.44.01",
      notes: [ELFNote(owner: "NVIDIA Corporation", type: 0, description: Array(note.utf8))])
    func check(_ gpu: String, _ driver: String) throws -> Check {
      let question = Case(
        facts: tree.facts(), devices: [try device(gpu, driver: driver)], files: [])
      return try #require(question.checks().first { $0.id == .driverRuntime })
    }
    // R535 has ended.
    #expect(try check("NVIDIA H100 NVL", "535.54.03").status == .warn)
    // The library takes the branch, NVIDIA's table does not have it any more.
    #expect(try check("NVIDIA H100 NVL", "550.54.14").status == .warn)
    #expect(try check("NVIDIA H100 NVL", "565.57.01").status == .fail)
    #expect(try check("NVIDIA H100 NVL", "565.57.01").message.contains("error 803"))
    #expect(try check("NVIDIA GeForce RTX 4090", "550.54.14").status == .fail)
    #expect(try check("NVIDIA RTX A6000", "535.54.03").status == .unknown)
  }

  @Test func whatPeopleCallAGPU() throws {
    // Several products are called A100, all of them for data centres; a bare compute capability may be anything.
    var tree = TreeBuilder()
    tree.torch("2.14.1+cu130", cuda: "13.0", in: "site/")
    tree.library("usr/local/cuda-13.0/compat/libcuda.so.580.65.06")
    tree.images = [
      image(
        try #require(PublishedImages.shared.images.first { $0.cuda == "13.0" }).requirement, cuda: "13.0.0")
    ]
    func statuses(_ gpu: String) throws -> [Check.Status] {
      let device = try device(gpu, driver: "570.86.15")
      let checks = Case(facts: tree.facts(), devices: [device], files: []).checks()
      return checks.statuses(.driverRuntime) + checks.statuses(.driverImage)
    }
    #expect(try device("A100").name == nil)
    #expect(try statuses("A100") == [.warn, .pass])
    func message(_ gpu: String) throws -> String? {
      Case(facts: StackFacts(), devices: [try device(gpu, driver: "570.86.15")], files: [])
        .checks()
        .messages(.driverGPU).first
    }
    #expect(try message("A100") == "driver 570.86.15 supports A100")
    #expect(try message("V100") == "driver 570.86.15 supports Tesla V100")
    #expect(try message("8.0") == "driver 570.86.15 supports compute capability 8.0")
    #expect(try statuses("RTX 4090") == [.fail, .fail])
    #expect(try statuses("8.0") == [.unknown, .unknown])
  }

  @Test func driversThatAreTooOld() throws {
    var tree = TreeBuilder()
    tree.torch("2.15.0+cu132", cuda: "13.2", in: "site/")
    func check(_ driver: String?) throws -> Check {
      let question = Case(
        facts: tree.facts(), devices: [try device("NVIDIA L4", driver: driver)], files: [])
      return try #require(question.checks().first { $0.id == .driverRuntime })
    }
    #expect(try check("575.57.08").status == .fail)
    #expect(try check("575.57.08").message.contains("error 35"))
    #expect(try check("575.57.08").message.contains("needs 580.65.06"))
    #expect(try check("580.65.06").status == .pass)
    #expect(try check("580.65.06").message.contains("minor-version compatibility"))
    #expect(try check("595.45.04").status == .pass)
    #expect(try check("700.10").status == .pass)
    #expect(try check("13.0").status == .pass)
    #expect(try check("12.9").status == .fail)
    #expect(try check(nil).status == .unknown)
    #expect(try check(nil).message.contains("needs driver 580.65.06 or newer"))
  }

  @Test func images() throws {
    func check(_ requirement: String, _ gpu: String, _ driver: String?, disabled: Bool = false) throws
      -> Check
    {
      var tree = TreeBuilder()
      tree.images = [image(requirement, cuda: "12.8.1")]
      if disabled { tree.images[0].environment["NVIDIA_DISABLE_REQUIRE"] = "1" }
      let question = Case(
        facts: tree.facts(), devices: [try device(gpu, driver: driver)], files: [])
      return try #require(question.checks().first { $0.id == .driverImage })
    }
    let published = try #require(PublishedImages.shared.images.first { $0.cuda == "12.8" }).requirement
    #expect(try check(published, "NVIDIA A100-PCIE-40GB", "535.54.03").status == .pass)
    let gaming = try check(published, "NVIDIA GeForce RTX 3090", "535.54.03")
    #expect(gaming.status == .fail)
    #expect(gaming.message.contains("\"unsatisfied condition: cuda>=12.8\""))
    #expect(gaming.message.contains("not in cdi and jit-cdi (the default since 1.18)"))
    #expect(try check(published, "NVIDIA GeForce RTX 3090", "570.86.15").status == .pass)
    #expect(try check(published, "NVIDIA GeForce RTX 3090", "535.54.03", disabled: true).status == .pass)
    #expect(try check(published, "8.0", "535.54.03").status == .unknown)
    #expect(try check(published, "8.0", "570.86.15").status == .pass)
    #expect(try check(published, "8.0", nil).status == .unknown)
    // Only some of the brands that the GPU may have are in the list.
    #expect(try check("brand=tesla", "NVIDIA A100-PCIE-40GB", "535.54.03").status == .unknown)
    #expect(try check("cuda>=12.0,gpu>1", "NVIDIA A100-PCIE-40GB", "535.54.03").status == .fail)

    var tree = TreeBuilder()
    tree.images = [
      ImageConfiguration(environment: [
        "NVIDIA_VISIBLE_DEVICES": "void", "NVIDIA_DRIVER_CAPABILITIES": "video",
      ])
    ]
    let checks = Case(facts: tree.facts(), devices: [try device("8.0")], files: []).checks()
    #expect(checks.statuses(.imageDevices) == [.warn, .fail])
  }

  @Test func oneExtensionLacksTheGPU() throws {
    var tree = TreeBuilder()
    tree.torch("2.9.1+cu128", cuda: "12.8", in: "site/")
    for (name, file) in [("torchvision", "torchvision/_C.so"), ("my-ops", "my_ops/_C.so")] {
      tree.distribution(name, "1.0", in: "site/")
      tree.add("\(file),,\n", at: "site/\(name.replacing("-", with: "_"))-1.0.dist-info/RECORD")
      tree.library("site/\(file)")
    }
    let question = Case(
      facts: tree.facts(), devices: [try device("NVIDIA GeForce RTX 5090", driver: "570.86.15")],
      files: [
        codeFile("site/my_ops/_C.so", [["sm_80", "sm_90"]]),
        codeFile("site/torch/lib/libtorch_cuda.so", [["sm_90", "sm_120"]]),
        codeFile("site/torchvision/_C.so", [["sm_120"]]),
      ])
    let checks = question.checks()
    #expect(checks.statuses(.torchGPU) == [.pass])
    let packages = checks.filter { $0.id == .packageGPU }
    #expect(packages.map(\.subject) == ["my-ops 1.0", "torchvision 1.0"])
    #expect(packages.map(\.status) == [.fail, .pass])
    #expect(packages[0].evidence.map(\.path) == ["site/my_ops/_C.so"])
    #expect(question.answers == [.partly])
    #expect(question.assessment.status(of: .torchAndGPU) == .pass)
  }

  /// PyTorch calls NVIDIA's libraries for some of its functions: without one of them the others run.
  @Test func aLibraryOfNVIDIALacksTheGPU() throws {
    var tree = TreeBuilder()
    tree.torch("2.14.1+cu126", cuda: "12.6", in: "site/")
    tree.distribution("nvidia-cusparselt-cu12", "0.7.1", in: "site/")
    tree.add(
      "nvidia/cusparselt/lib/libcusparseLt.so.0,,\n",
      at: "site/nvidia_cusparselt_cu12-0.7.1.dist-info/RECORD")
    tree.library("site/nvidia/cusparselt/lib/libcusparseLt.so.0")
    func assess(_ path: String, tree: TreeBuilder) throws -> ViewAssessment {
      Case(
        facts: tree.facts(), devices: [try device("Tesla V100-SXM2-32GB", driver: "580.65.06")],
        files: [
          codeFile("site/torch/lib/libtorch_cuda.so", [["sm_70", "sm_80"]]),
          codeFile(path, [["sm_80", "sm_90"]]),
        ]
      ).assessment
    }
    let assessment = try assess("site/nvidia/cusparselt/lib/libcusparseLt.so.0", tree: tree)
    let beside = assessment.checks
    #expect(beside.statuses(.torchGPU) == [.pass])
    #expect(beside.statuses(.packageGPU) == [.warn])
    #expect(
      beside.messages(.packageGPU) == [
        "nvidia-cusparselt-cu12 0.7.1 has no code for Tesla V100-SXM2-32GB (sm_80 and sm_90); what others call in it fails"
      ])
    // Nothing here says that PyTorch requires it.
    #expect(assessment.answers.map(\.kind) == [.yes])
    var requiring = tree
    requiring.torch("2.14.1+cu126", cuda: "12.6", requires: ["nvidia-cusparselt-cu12==0.7.1"], in: "site/")
    let required = try assess("site/nvidia/cusparselt/lib/libcusparseLt.so.0", tree: requiring)
    #expect(required.answers.map(\.kind) == [.partly])
    #expect(required.answers[0].reasons.map(\.code) == [.requiredPackage])
    // The same inside PyTorch's own folder, and a library of PyTorch's own.
    for name in ["libcusparseLt-f80c68d1.so.0", "libtorch_cuda_linalg.so"] {
      let inside = try assess("site/torch/lib/\(name)", tree: tree)
      #expect(inside.checks.statuses(.torchGPU) == [.warn])
      #expect(inside.answers.map(\.kind) == [.partly])
    }
    // Alone there is nothing that would run without it.
    var alone = TreeBuilder()
    alone.distribution("nvidia-cusparselt-cu12", "0.7.1", in: "site/")
    let lone = Case(
      facts: alone.facts(), devices: [try device("Tesla V100-SXM2-32GB", driver: "580.65.06")],
      files: [codeFile("site/nvidia/cusparselt/lib/libcusparseLt.so.0", [["sm_80"]])])
    #expect(lone.checks().statuses(.packageGPU) == [.fail])
  }

  /// What was not asked is no part of the answer: a driver that nobody named, building, what flags promise.
  @Test func theAnswerIsAboutWhatWasAsked() throws {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", flags: "sm_80 sm_90", in: "site/")
    tree.library("site/torch/lib/libtorch_cuda.so", needed: ["libcudart.so.12"])
    addLibraries(["libcudart.so.12"], to: &tree)
    tree.add(#"{"cuda": {"version": "11.8.0"}}"#, at: "usr/local/cuda/version.json")
    tree.add("x", at: "usr/local/cuda/bin/nvcc")
    func answer(_ driver: String?) throws -> Answer.Kind {
      Case(
        facts: tree.facts(), devices: [try device("8.0", driver: driver)],
        files: [codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80"]])]
      ).answers[0]
    }
    #expect(try answer(nil) == .yes)
    #expect(try answer("535.54.03") == .yes)
    #expect(try answer("450.80.02") == .no)
    #expect(Case(facts: StackFacts(), devices: [try device("8.0")], files: []).answers == [.nothing])
  }

  /// Without CUDA nothing of PyTorch uses the GPU that was asked about.
  @Test func pytorchWithoutCUDA() throws {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cpu", cuda: nil, in: "site/")
    let question = Case(facts: tree.facts(), devices: [try device("8.0")], files: [])
    #expect(question.answers == [.no])
    #expect(question.assessment.answers[0].reasons.map(\.code) == [.builtWithoutCUDA])
    var overview = question
    overview.question.namesDevices = false
    #expect(overview.checks().statuses(.torchLibraries) == [.warn])
  }

  @Test func packagesThatPickALibrary() throws {
    var tree = TreeBuilder()
    tree.distribution("vllm", "0.33.0", in: "site/")
    tree.add("vllm/fa2.so,,\nvllm/fa3.so,,\n", at: "site/vllm-0.33.0.dist-info/RECORD")
    for file in ["fa2", "fa3"] { tree.library("site/vllm/\(file).so") }
    func assess(_ gpu: String, _ targets: [[String]]) throws -> ViewAssessment {
      Case(
        facts: tree.facts(), devices: [try device(gpu)],
        files: [codeFile("site/vllm/fa2.so", targets), codeFile("site/vllm/fa3.so", [["sm_90a"]])]
      ).assessment
    }
    let a100 = try assess("8.0", [["sm_80"]])
    #expect(a100.checks.statuses(.packageGPU) == [.pass])
    #expect(a100.checks.messages(.packageGPU)[0].hasSuffix("fa3.so is for other GPUs"))
    #expect(a100.packages[0].verdicts[0].standings == [.counts, .forOtherGPUs])
    #expect(a100.answers.map(\.kind) == [.yes])
    // Whoever made it knew this GPU, since there is machine code for it.
    #expect(try assess("12.0", [["sm_80", "sm_120"]]).answers.map(\.kind) == [.yes])
    // A program that was made before this GPU may take the newest code that it has.
    #expect(try assess("12.0", [["compute_80"]]).answers.map(\.kind) == [.partly])
    // By itself it is what was asked about.
    let alone = Case(
      facts: StackFacts(), devices: [try device("8.0")], files: [codeFile("fa3.so", [["sm_90a"]])])
    #expect(alone.answers == [.no])
  }

  @Test func packagesMadeForAnotherPyTorch() throws {
    var tree = TreeBuilder()
    tree.torch("2.15.0+cu132", cuda: "13.2", in: "site/")
    tree.distribution("vllm", "0.33.0", requires: ["torch==2.14.0"], in: "site/")
    tree.distribution("jax-cuda12-plugin", "0.12.0", in: "site/")
    tree.distribution("torchvision", "0.30.0", requires: ["torch==2.15.0"], in: "site/")
    tree.add("__version__ = '0.30.0+cu132'\n", at: "site/torchvision/version.py")
    let checks = Case(facts: tree.facts(), devices: [try device("8.0")], files: []).checks()
    let packages = Dictionary(
      uniqueKeysWithValues: checks.filter { $0.id == .packageTorch }.map { ($0.subject, $0.status) })
    #expect(
      packages == ["vllm 0.33.0": .warn, "jax-cuda12-plugin 0.12.0": .warn, "torchvision 0.30.0": .pass])
  }

  @Test func flagsWithoutCode() throws {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", flags: "sm_80 sm_90 compute_90", in: "site/")
    func check(_ modules: [[String]]) throws -> Check {
      let question = Case(
        facts: tree.facts(), devices: [try device("8.0")],
        files: [codeFile("site/torch/lib/libtorch_cuda.so", modules, isa: "8.1")])
      return try #require(question.checks().first { $0.id == .flagsContents })
    }
    #expect(try check([["sm_80", "sm_90", "compute_90"]]).status == .pass)
    #expect(try check([["sm_80", "sm_90"]]).status == .fail)
    #expect(try check([["sm_80", "sm_90"]]).message.contains("carries compute_90"))
    #expect(try check([["sm_80", "sm_90", "compute_90"], ["sm_80", "compute_90"]]).status == .warn)
  }

  @Test func missingLibrariesOfASystem() throws {
    var tree = TreeBuilder()
    tree.library("opt/app/lib/libapp.so", needed: ["libcudart.so.12", "libcuda.so.1"])
    func statuses() throws -> [Check.Status] {
      Case(facts: tree.facts(), devices: [try device("8.0")], files: []).checks()
        .statuses(.missingLibraries)
    }
    // A folder of libraries is no system: what they need may be anywhere.
    #expect(try statuses() == [])
    tree.links["etc/os-release"] = "../usr/lib/os-release"
    #expect(try statuses() == [.warn])
    tree.library("usr/local/cuda/lib64/libcudart.so.12.4.127", soname: "libcudart.so.12")
    #expect(try statuses() == [])
  }

  @Test func linkInputsAreNotJudged() throws {
    let checks = Case(
      facts: TreeBuilder().facts(), devices: [try device("8.0")],
      files: [CodeFile(path: "a/empty.so", unit: CodeUnit(Inventory()))]
    ).checks()
    #expect(checks.statuses(.packageGPU) == [])
  }

  @Test func aMissingLibraryOfAnotherPackage() throws {
    var tree = TreeBuilder()
    tree.distribution("a", "1", in: "site/")
    tree.distribution("b", "1", in: "site/")
    tree.library("site/a/_C.so", needed: ["libnvinfer.so.10"])
    let checks = Case(facts: tree.facts(), devices: [try device("8.0")], files: []).checks()
    #expect(
      checks.messages(.missingLibraries) == [
        "some libraries need libnvinfer.so.10, which is missing"
      ])
  }

  @Test func gpusAndDrivers() throws {
    func check(_ gpu: String, _ driver: String?) throws -> Check {
      let question = Case(
        facts: StackFacts(), devices: [try device(gpu, driver: driver)], files: [])
      return try #require(question.checks().first { $0.id == .driverGPU })
    }
    #expect(try check("NVIDIA A100-PCIE-40GB", "460.32.03").status == .pass)
    #expect(try check("NVIDIA A100-PCIE-40GB", "440.33").status == .fail)
    #expect(try check("Tesla V100-SXM2-32GB", "590.44.01").status == .fail)
    #expect(try check("Tesla V100-SXM2-32GB", "590.44.01").message.contains("a driver from 384.81 to R580"))
    #expect(try check("Tesla V100-SXM2-32GB", nil).status == .unknown)
    #expect(try check("8.7", "535.54.03").status == .unknown)
  }

  @Test func theLowestDriver() throws {
    var tree = TreeBuilder()
    tree.torch("2.4.1+cu121", cuda: "12.1", in: "site/")
    func demand(_ gpus: [String], _ files: [CodeFile]) throws -> DriverDemand {
      let devices = try gpus.map { try device($0) }
      let question = Case(facts: tree.facts(), devices: devices, files: files)
      return try #require(question.driverDemand())
    }
    let plain = codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80", "sm_90"]])
    let runtime = try demand(["8.0"], [plain])
    #expect(runtime.driver?.description == "525.60.13")
    #expect(runtime.demands.map(\.id) == [.driverRuntime])
    #expect(runtime.demands.map(\.subject) == ["CUDA 12.1"])
    #expect(runtime.asking == "CUDA 12.1 of PyTorch 2.4.1+cu121 asks for it")

    let zstd = codeFile("site/ops/_C.so", [["sm_80"]], zstd: true)
    let compressed = try demand(["8.0"], [plain, zstd])
    #expect(compressed.driver?.description == "550.54.14")
    #expect(compressed.demands.map(\.id) == [.compressionDriver])
    #expect(compressed.demands.first?.evidence.map(\.path) == ["site/ops/_C.so"])

    let ptx = codeFile("site/ops/_C.so", [["compute_80"]], isa: "9.3")
    #expect(try demand(["8.0"], [plain, ptx]).driver?.description == "610.43.02")
    #expect(try demand(["10.0"], [plain]).driver?.branchNumber(by: .shipped) == 570)
    // No driver supports both Kepler and Blackwell.
    let impossible = try demand(["3.5", "10.0"], [])
    #expect(impossible.driver == nil)
    #expect(Set(impossible.demands.map(\.id)) == [.driverGPU, .driverRuntime])
    // Nobody asks for drivers that have left a GPU behind.
    #expect(impossible.demands.allSatisfy { !$0.message.contains("R6") && $0.message.contains("470.82.01") })

    tree.images = [image("cuda>=12.4", cuda: "12.4.1")]
    let image = try demand(["8.0"], [plain])
    #expect(image.driver?.description == "550.54.14")
    #expect(image.demands.map(\.id) == [.driverImage])
    // What no driver mends is no demand on the driver.
    #expect(try demand(["9.0"], [codeFile("site/x.so", [["sm_80"]])]).driver?.description == "550.54.14")
  }
}
