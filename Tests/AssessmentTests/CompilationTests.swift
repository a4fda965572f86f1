import Assessment
import Bytes
import Compatibility
import DeviceCode
import FixtureSupport
import Stack
import StackFixtures
import Testing

/// What is compiled at run time: frameworks with the compilers that they find, made as their bytes are.
@Suite struct CompilationTests {
  private func assess(
    _ tree: TreeBuilder, on names: [String], driver: String? = nil, files: [CodeFile] = [],
    kind: View.Kind = .directory
  ) throws -> Case {
    Case(
      facts: tree.facts(), devices: try names.map { try device($0, driver: driver) }, files: files, kind: kind
    )
  }

  // MARK: Triton

  @Test(arguments: TritonRun.all)
  func releasesOfTriton(_ run: TritonRun) throws {
    var tree = TreeBuilder()
    tree.add(triton: run.version)
    #expect(try assess(tree, on: run.compiles).answers == run.compiles.map { _ in .yes })
    let failing = try assess(tree, on: run.fails)
    #expect(failing.answers == run.fails.map { _ in .no })
    #expect(failing.checks().statuses(.runtimeCode) == run.fails.map { _ in .fail })
  }

  /// The libraries of NVIDIA's that it brings along are for its profiler.
  @Test func profilerOfTriton() throws {
    var tree = TreeBuilder()
    tree.add(triton: "3.7.1")
    let cupti = "site/triton/backends/nvidia/lib/cupti/libcupti.so"
    tree.library(cupti)
    tree.add("triton/backends/nvidia/lib/cupti/libcupti.so,,\n", at: "site/triton-3.7.1.dist-info/RECORD")
    let code = codeFile(cupti, [["sm_90", "sm_101"]])
    let question = try assess(tree, on: ["H100", "11.0", "10.1"], files: [code])
    #expect(question.answers == [.yes, .yes, .no])
    #expect(question.assessment.answers[2].reasons.map(\.code) == [.compilerDoesNotKnowGPU])
  }

  /// What decides is told first, and what is only slower after it.
  @Test func reasonsOfCodeAndCompilers() throws {
    var tree = TreeBuilder()
    tree.distribution("cupy-cuda12x", "13.4.1", in: "site/")
    tree.add(.nvrtc, "12.6.77")
    tree.library("site/cupy/_core/core.so")
    tree.add("cupy/_core/core.so,,\n", at: "site/cupy_cuda12x-13.4.1.dist-info/RECORD")
    let code = codeFile("site/cupy/_core/core.so", [["compute_80"]])
    let question = try assess(tree, on: ["RTX 5080"], files: [code])
    #expect(
      question.assessment.answers[0].reasons.map(\.code) == [.compilerDoesNotKnowGPU, .compiledAtFirstStart])
  }

  @Test func triton21OnAnRTX5090() throws {
    var tree = TreeBuilder()
    tree.add(triton: "2.1.0")
    let question = try assess(tree, on: ["RTX 5090"])
    #expect(question.answers == [.no])
    #expect(question.assessment.answers[0].reasons.map(\.code) == [.compilerDoesNotKnowGPU])
    #expect(
      question.checks().messages(.runtimeCode) == [
        "ptxas 12.1.99 does not know sm_120, so that Triton 2.1.0 does not compile for RTX 5090; "
          + "\"ptxas fatal   : Value 'sm_120' is not defined for option 'gpu-name'\""
      ])
    #expect(question.plan.steps.map(\.command) == ["pip install triton==3.3.1"])
    #expect(question.plan.answers.map(\.kind) == [.yes])
  }

  @Test func triton33OnGB10AndB300() throws {
    var tree = TreeBuilder()
    tree.add(triton: "3.3.1")
    let question = try assess(tree, on: ["GB10", "B300"])
    #expect(question.answers == [.no, .no])
    // LLVM in it does not know them either, so no other ptxas helps.
    #expect(question.plan.steps.map(\.command) == ["pip install triton==3.6.0"])
    #expect(question.plan.answers.map(\.kind) == [.yes, .yes])
  }

  /// PyTorch requires one release of Triton; its own code runs all the same.
  @Test func torchWithAnOldTriton() throws {
    var tree = TreeBuilder()
    tree.torch("2.9.0+cu130", cuda: "13.0", requires: ["triton==3.5.1"], in: "site/")
    tree.add(triton: "3.5.1")
    let code = codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80", "sm_90", "sm_100", "sm_120"]])
    tree.library("site/torch/lib/libtorch_cuda.so")
    let question = try assess(tree, on: ["GB10", "RTX 5090"], files: [code])
    #expect(question.answers == [.partly, .yes])
    #expect(question.plan.steps.map(\.command) == ["export TRITON_PTXAS_PATH=/usr/local/cuda-12.9/bin/ptxas"])
    #expect(question.plan.answers.map(\.kind) == [.yes, .yes])
    let summaries = question.checks().filter { $0.id == .runtimeCode && $0.status == .fail }.map(\.summary)
    #expect(
      summaries.sorted() == [
        "ptxas 12.8.99 does not know sm_121a, so that Triton 3.5.1 does not compile for GB10",
        "torch.compile (torch 2.9.0) fails with Triton 3.5.1, which it uses",
      ])
  }

  /// What is not known of Triton is said of Triton.
  @Test func torchWithATritonWithoutFiles() throws {
    var tree = TreeBuilder()
    tree.torch("2.9.0+cu130", cuda: "13.0", requires: ["triton==3.5.1"], in: "site/")
    tree.distribution("triton", "3.5.1", in: "site/")
    let code = codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80"]])
    let checks = try assess(tree, on: ["A100"], files: [code]).checks().filter { $0.id == .runtimeCode }
    #expect(
      checks.map(\.summary) == [
        "Triton 3.5.1 compiles with ptxas, and none for A100 is in what was scanned"
      ])
  }

  /// Where its LLVM does not know the GPU no variable helps, and another PyTorch brings another Triton.
  @Test func torchWithATritonThatNothingMends() throws {
    var tree = TreeBuilder()
    tree.torch("2.7.1+cu128", cuda: "12.8", requires: ["triton==3.3.1"], in: "site/")
    tree.add(triton: "3.3.1")
    let code = codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80", "sm_90", "sm_100", "sm_120"]])
    tree.library("site/torch/lib/libtorch_cuda.so")
    let question = try assess(tree, on: ["GB10"], files: [code])
    #expect(question.answers == [.partly])
    #expect(question.plan.steps.map(\.kind) == [.installTorch])
    let command = try #require(question.plan.steps[0].command)
    #expect(command.hasPrefix("pip install torch==2.10.0"), "\(command)")
    #expect(question.plan.answers.map(\.kind) == [.yes], "\(question.plan)")
  }

  @Test func torchCompileRefusesPascal() throws {
    var tree = TreeBuilder()
    tree.torch("2.6.0+cu126", cuda: "12.6", in: "site/")
    tree.add(triton: "3.2.0")
    tree.library("site/torch/lib/libtorch_cuda.so")
    let question = try assess(
      tree, on: ["GTX 1080"], files: [codeFile("site/torch/lib/libtorch_cuda.so", [["sm_60", "sm_61"]])])
    // It is no defect, and the rest runs.
    #expect(question.answers == [.yes])
    #expect(question.assessment.status(of: .runtimeCode) == .warn)
    #expect(question.assessment.answers[0].reasons.map(\.code) == [.frameworkDoesNotSupportGPU])
    #expect(
      question.checks().messages(.runtimeCode).contains {
        $0.contains("Found NVIDIA GeForce GTX 1080 which is too old")
      })
    #expect(question.plan.isEmpty)
  }

  /// The variable of an image comes before what Triton brings along.
  @Test func variablesOfTheImage() throws {
    var tree = TreeBuilder()
    tree.add(triton: "3.5.1")
    tree.links["etc/os-release"] = "../usr/lib/os-release"
    tree.images = [ImageConfiguration(environment: ["TRITON_PTXAS_PATH": "/usr/local/cuda-13.0/bin/ptxas"])]
    tree.compiler("usr/local/cuda-13.0/bin/ptxas", CompilerBuilder("13.0.88", .ptxas))
    #expect(try assess(tree, on: ["GB10"], kind: .image).answers == [.yes])
    // CUDA 13 knows no Volta any more.
    #expect(try assess(tree, on: ["V100"], kind: .image).answers == [.no])
    // Triton 3.6 does not ask the same variable for this GPU.
    var newer = TreeBuilder()
    newer.add(triton: "3.6.0")
    newer.links = tree.links
    newer.images = tree.images
    newer.compiler("usr/local/cuda-13.0/bin/ptxas", CompilerBuilder("13.0.88", .ptxas))
    let thor = try assess(newer, on: ["11.0"], kind: .image)
    #expect(thor.answers == [.no])
    #expect(
      thor.plan.steps.map(\.command) == ["pip install triton==3.7.1"])
  }

  /// Triton 3.4 and older refuse the assembler of CUDA 13.
  @Test func toolkitsThatTheFrameworkRefuses() throws {
    var tree = TreeBuilder()
    tree.add(triton: "3.4.0")
    tree.links["etc/os-release"] = "../usr/lib/os-release"
    tree.images = [ImageConfiguration(environment: ["TRITON_PTXAS_PATH": "/opt/ptxas"])]
    tree.compiler("opt/ptxas", CompilerBuilder("13.0.88", .ptxas))
    let question = try assess(tree, on: ["H100"], kind: .image)
    #expect(question.answers == [.no])
    #expect(question.assessment.answers[0].reasons.map(\.code) == [.compilersDoNotFit])
    #expect(
      question.checks().messages(.runtimeCode) == [
        "Triton 3.4.0 works with ptxas of CUDA 12.9 or older, and takes ptxas 13.0.88"
      ])
  }

  // MARK: CuPy

  @Test(arguments: [("12.6.77", Answer.Kind.no), ("12.8.93", .yes), ("12.9.86", .yes)])
  func cupyOnAnRTX5080(_ nvrtc: String, _ answer: Answer.Kind) throws {
    var tree = TreeBuilder()
    tree.add(cupy: "cupy-cuda12x", "13.4.1", nvrtc: nvrtc)
    let question = try assess(tree, on: ["RTX 5080"])
    #expect(question.answers == [answer])
    guard answer == .no else {
      #expect(question.plan.isEmpty)
      return #expect(question.assessment.status(of: .runtimeCode) == .pass)
    }
    #expect(
      question.checks().messages(.runtimeCode) == [
        "CuPy 13.4.1 has NVRTC 12.6.77 compile for sm_90 at most, which RTX 5080 does not run; \"no "
          + "kernel image is available for execution on the device\" (CUDA_ERROR_NO_BINARY_FOR_GPU, CUDA error 209)"
      ])
    #expect(question.plan.steps.map(\.command) == ["pip install \"nvidia-cuda-nvrtc-cu12==12.8.*\""])
    #expect(question.plan.answers.map(\.kind) == [.yes])
  }

  @Test func cupyForCUDA13OnAGTX1080() throws {
    var tree = TreeBuilder()
    tree.add(cupy: "cupy-cuda13x", "14.0.0", nvrtc: "13.0.88")
    let question = try assess(tree, on: ["GTX 1080"])
    #expect(question.answers == [.no])
    #expect(
      question.checks().messages(.runtimeCode)[0].contains(
        "nvrtc: error: invalid value for --gpu-architecture (-arch)"))
    #expect(question.plan.steps.map(\.command) == ["pip uninstall cupy-cuda13x && pip install cupy-cuda12x"])
    #expect(question.plan.answers.map(\.kind) == [.yes])
  }

  /// Nothing is said to run that was not looked at, and nothing to fail.
  /// It loads the NVRTC of one major version of CUDA, and no release of that knows the GPU.
  @Test func cupyForAnOlderCUDA() throws {
    var tree = TreeBuilder()
    tree.add(cupy: "cupy-cuda11x", "13.4.1", nvrtc: nil)
    let question = try assess(tree, on: ["RTX 5080", "H100"])
    #expect(question.answers == [.no, .unknown])
    #expect(
      question.assessment.answers.map { $0.reasons.map(\.code) } == [
        [.compilerDoesNotKnowGPU], [.compilerNotKnown],
      ])
    #expect(
      question.checks().messages(.runtimeCode) == [
        "CuPy 13.4.1 compiles with NVRTC of CUDA 11, none of which knows sm_120; "
          + "\"nvrtc: error: invalid value for --gpu-architecture (-arch)\"",
        "CuPy 13.4.1 compiles with NVRTC, and none for H100 is in what was scanned; it has to be of CUDA 11.8",
      ])
    let alone = try assess(tree, on: ["RTX 5080"])
    #expect(alone.plan.steps.map(\.command) == ["pip uninstall cupy-cuda11x && pip install cupy-cuda12x"])
    #expect(alone.plan.answers.map(\.kind) == [.yes])
  }

  /// It asks every NVRTC for an older GPU.
  @Test func cupyThatIsTooOld() throws {
    var tree = TreeBuilder()
    tree.add(cupy: "cupy-cuda11x", "11.0.0", nvrtc: nil)
    tree.library("site/cupy/_core/core.so")
    tree.add("cupy/_core/core.so,,\n", at: "site/cupy_cuda11x-11.0.0.dist-info/RECORD")
    let code = codeFile("site/cupy/_core/core.so", [["compute_80"]])
    let question = try assess(tree, on: ["RTX 5080"], files: [code])
    #expect(question.answers == [.no])
    #expect(
      question.assessment.answers[0].reasons.first?.text
        == "CuPy 11.0.0 does not compile for RTX 5080, whichever NVRTC it finds")
  }

  @Test func cupyWithoutNVRTC() throws {
    var tree = TreeBuilder()
    tree.add(cupy: "cupy-cuda12x", "13.4.1", nvrtc: nil)
    let question = try assess(tree, on: ["RTX 5080"])
    #expect(question.answers == [.unknown])
    #expect(
      question.checks().messages(.runtimeCode) == [
        "CuPy 13.4.1 compiles with NVRTC, and none for RTX 5080 is in what was scanned; it has to be of CUDA 12.8 to 12.9"
      ])
    // Beside other code it leaves nothing open.
    tree.distribution("my-ops", "1.0", in: "site/")
    let code = codeFile("site/ops.so", [["sm_120"]])
    tree.library("site/ops.so")
    #expect(try assess(tree, on: ["RTX 5080"], files: [code]).answers == [.yes])
    // In a whole system it is missing.
    tree.links["etc/os-release"] = "../usr/lib/os-release"
    tree.images = [ImageConfiguration(environment: [:])]
    let image = try assess(tree, on: ["RTX 5080"], kind: .image)
    #expect(image.answers == [.no])
    #expect(image.assessment.answers[0].reasons.map(\.code) == [.compilerMissing])
  }

  // MARK: Others

  @Test func numbaWithNVVMNewerThanTheDriver() throws {
    var tree = TreeBuilder()
    tree.distribution("numba", "0.60.0", in: "site/")
    tree.add(.nvvm, "12.5.82")
    let question = try assess(tree, on: ["T4"], driver: "550.54.15")
    #expect(question.answers == [.no])
    #expect(question.assessment.answers[0].reasons.map(\.code) == [.driverTooOldForPTX])
    #expect(question.assessment.answers[0].oldestDriver == DriverVersion("555.42.02"))
    #expect(question.plan.steps.map(\.command) == ["pip install \"nvidia-cuda-nvcc-cu12==12.4.*\""])
    #expect(question.plan.answers.map(\.kind) == [.yes])
    #expect(try assess(tree, on: ["T4"], driver: "555.42.02").answers == [.yes])
  }

  /// What libNVVM writes nvJitLink has to read.
  @Test func compilersOfTwoReleases() throws {
    var tree = TreeBuilder()
    tree.distribution("numba-cuda", "0.15.0", in: "site/")
    tree.add(.nvvm, "12.8.93")
    tree.add(.nvJitLink, "12.4.127")
    let question = try assess(tree, on: ["A40"])
    #expect(question.answers == [.no])
    #expect(question.assessment.answers[0].reasons.map(\.code) == [.compilersDoNotFit])
    #expect(
      question.checks().messages(.runtimeCode)[0].hasSuffix(
        "\"Unsupported .version 8.7; current version is '8.4'\""))
    #expect(question.plan.answers.map(\.kind) == [.yes])
  }

  /// A cubin needs a driver of its compiler's major version of CUDA.
  @Test func cubinsNewerThanTheDriver() throws {
    var tree = TreeBuilder()
    tree.add(triton: "2.2.0")
    #expect(try assess(tree, on: ["A100"], driver: "535.104.05").answers == [.yes])
    let question = try assess(tree, on: ["A100"], driver: "470.57.02")
    #expect(question.answers == [.no])
    #expect(question.assessment.answers[0].reasons.map(\.code) == [.driverTooOldForRuntime])
    #expect(
      question.checks().messages(.runtimeCode)[0].hasSuffix(
        "\"device kernel image is invalid\" (CUDA error 200)"))
    #expect(question.plan.answers.map(\.kind) == [.yes])
  }

  @Test func jaxWithAnOldAssembler() throws {
    var tree = TreeBuilder()
    tree.addJAX(ptxas: "12.1.105")
    let question = try assess(tree, on: ["RTX 5090"])
    #expect(question.answers == [.no])
    #expect(question.plan.steps.map(\.command) == ["pip install \"nvidia-cuda-nvcc-cu12==12.8.*\""])
    #expect(question.plan.answers.map(\.kind) == [.yes])
    #expect(try assess(tree, on: ["H100"]).answers == [.yes])
  }

  /// PyTorch clamps what it asks of an old NVRTC since 1.13, and has the driver compile the rest.
  @Test(arguments: [
    ("1.12.1+cu116", Answer.Kind.partly), ("1.13.1+cu117", .yes), ("2.0.1+cu117", .yes),
  ])
  func nvrtcOfTorchOnAnRTX4090(_ version: String, _ answer: Answer.Kind) throws {
    var tree = TreeBuilder()
    tree.add(torchWithNVRTC: version, cuda: version.hasSuffix("116") ? "11.6" : "11.7")
    tree.library("site/torch/lib/libtorch_cuda.so")
    let code = codeFile("site/torch/lib/libtorch_cuda.so", [["sm_80", "sm_86"]])
    #expect(try assess(tree, on: ["RTX 3090", "RTX 4090"], files: [code]).answers == [.yes, answer])
  }

  @Test func flashInferAsksForTheFamily() throws {
    var tree = TreeBuilder()
    tree.distribution("flashinfer-python", "0.6.18", in: "site/")
    tree.links["etc/os-release"] = "../usr/lib/os-release"
    tree.images = [ImageConfiguration(environment: ["CUDA_HOME": "/usr/local/cuda"])]
    func outcome(_ version: String?, _ gpu: String) throws -> Check.Status? {
      var tree = tree
      if let version {
        var nvcc = CompilerBuilder()
        nvcc.versions = [version]
        // Its own list leaves suffixes out.
        nvcc.virtual = ["75", "80", "90", "100", "120"]
        tree.compiler("usr/local/cuda/bin/nvcc", nvcc)
      }
      return try assess(tree, on: [gpu], kind: .image).assessment.status(of: .runtimeCode)
    }
    #expect(try outcome("12.8.93", "RTX 5090") == .fail)
    #expect(try outcome("12.9.86", "RTX 5090") == .pass)
    #expect(try outcome("12.8.93", "H100") == .pass)
    #expect(try outcome("12.8.93", "V100") == .warn)
    // It may have been compiled before.
    #expect(try outcome(nil, "H100") == .warn)
  }

  /// Its first release compiles for Hopper whatever the GPU is; from 2.1 on it asks for the family where nvcc knows it.
  @Test(arguments: [
    ("1.0.0", "12.9.86", ["9.0"], ["10.0", "10.3"]), ("2.0.0", "12.8.93", ["9.0", "10.0"], ["10.3"]),
    ("2.0.0", "12.9.86", ["9.0", "10.0", "10.3"], []),
    ("2.1.0", "12.8.93", ["9.0", "10.0", "10.1"], ["10.3"]),
    ("2.6.1", "12.9.86", ["9.0", "10.0", "10.1", "10.3"], []),
  ])
  func deepGEMM(_ version: String, nvcc: String, runs: [String], fails: [String]) throws {
    var tree = TreeBuilder()
    tree.distribution("deep-gemm", version, in: "site/")
    tree.links["etc/os-release"] = "../usr/lib/os-release"
    tree.images = [ImageConfiguration(environment: ["CUDA_HOME": "/usr/local/cuda"])]
    var compiler = CompilerBuilder()
    compiler.versions = [nvcc]
    compiler.virtual =
      nvcc.hasPrefix("12.8") ? ["90", "100", "101", "120"] : ["90", "100", "101", "103", "120"]
    tree.compiler("usr/local/cuda/bin/nvcc", compiler)
    #expect(try assess(tree, on: runs, kind: .image).answers == runs.map { _ in .yes })
    #expect(try assess(tree, on: fails, kind: .image).answers == fails.map { _ in .no })
  }

  /// Several compilers at one place, of which nothing tells which is taken.
  @Test func severalCompilers() throws {
    var tree = TreeBuilder()
    tree.add(cupy: "cupy-cuda12x", "13.4.1", nvrtc: "12.6.77")
    tree.compiler("site/other/libnvrtc.so.12", CompilerBuilder("12.9.86", .nvrtc))
    let question = try assess(tree, on: ["RTX 5080", "H100"])
    #expect(question.answers == [.unknown, .yes])
    #expect(question.checks().statuses(.runtimeCode) == [.unknown, .pass])
  }

  /// PyTorch's builds with the Triton that they require and the NVRTC of their CUDA, on the GPUs that they are compiled for.
  @Test func nothingIsWrongWithWhatIsReleased() throws {
    let table = PyTorchTable.shipped
    var count = 0
    for release in table.releases.filter({ !RuntimeTable.isOlder($0.series, "2.9") }) {
      for build in release.builds {
        guard let version = (build.versions ?? release.versions).last, let pin = table.triton(for: version),
          let triton = RuntimeTable.shipped.release(of: "Triton", nearest: pin)
        else { continue }
        var tree = TreeBuilder()
        tree.torch("\(version)+\(build.variant)", cuda: "\(build.cuda)", in: "site/")
        tree.add(triton: triton.version)
        tree.add(.nvrtc, "\(build.cuda).1")
        let names = Set(build.targets.images.map { ComputeCapability($0.target) })
          // torch.compile refuses what is older.
          .filter { $0 >= ComputeCapability(7, 0) }.map(\.description).sorted()
        let question = try assess(tree, on: names)
        #expect(
          question.assessment.status(of: .runtimeCode) == .pass,
          "\(version)+\(build.variant): \(question.checks().filter { $0.id == .runtimeCode && $0.status != .pass }.map(\.message))"
        )
        count += 1
      }
    }
    #expect(count > 10)
  }

  /// The properties of verdicts hold for every row, whatever its compilers are: a newer driver never breaks anything.
  @Test func aNewerDriverBreaksNothing() throws {
    var tree = TreeBuilder()
    tree.distribution("numba", "0.60.0", in: "site/")
    tree.distribution("cupy-cuda12x", "13.4.1", in: "site/")
    tree.distribution("openmm", "8.1", in: "site/")
    tree.add(triton: "3.6.0")
    tree.add(.nvrtc, "12.6.77")
    tree.add(.nvvm, "12.6.85")
    let drivers = ["470.57.02", "525.60.13", "550.54.14", "560.28.03", "570.26", "580.65.06"]
    for name in ["T4", "A100", "H100", "RTX 5090"] {
      var failing = Int.max
      for driver in drivers {
        let question = try assess(tree, on: [name], driver: driver)
        // What does not support the GPU is told by itself.
        if question.checks().statuses(.driverGPU) != [.pass] { continue }
        let fails = question.checks().statuses(.runtimeCode).count { $0 == .fail }
        #expect(fails <= failing, "\(name) \(driver)")
        failing = fails
      }
    }
  }
}
