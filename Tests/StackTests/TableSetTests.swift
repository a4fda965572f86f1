import Bytes
import Compatibility
import DeviceCode
import Stack
import Testing

@Suite struct TableSetTests {
  static let shipped = TableSet.shipped

  private func problems(_ change: (inout TableSet) -> Void) -> [String] {
    var tables = Self.shipped
    change(&tables)
    return tables.problems(of: TableSet.types).map(\.description)
  }

  private func adding(_ document: String) throws(Problem) -> TableSet {
    var tables = Self.shipped
    try tables.add(document: Array(document.utf8), to: TableSet.types)
    return tables
  }

  // MARK: The program's tables

  @Test func theProgramsTablesAreConsistent() {
    #expect(Self.shipped.problems(of: TableSet.types).map(\.description) == [])
    #expect(
      TableSet.types.map { $0.name }.sorted()
        == [
          "architectures", "containers", "drivers", "errors", "gpus", "jetson", "libraries", "pytorch",
          "runtime",
          "toolkits",
        ])
    #expect(Self.shipped[ArchitectureTable.self].rows.count == 28)
    #expect(Self.shipped[GPUCatalogue.self].gpus.count > 900)
    #expect(Self.shipped[PyTorchTable.self].releases.count == 23)
  }

  @Test func everySourceIsUsedAndSaysSomething() {
    for table in Self.shipped.all {
      let name = type(of: table).name
      #expect(Set(table.rowSources) == Set(table.sources.indices), "\(name)")
      #expect(table.sources.allSatisfy { $0.count > 10 }, "\(name)")
      #expect(Set(table.sources).count == table.sources.count, "\(name)")
    }
  }

  @Test func everyRowIsCounted() {
    // As many rows with a source as the resource has.
    for table in Self.shipped.all {
      let resource = String(decoding: type(of: table).resource, as: UTF8.self)
      #expect(table.rowSources.count == resource.matches(of: /"source":/).count, "\(type(of: table).name)")
    }
  }

  // MARK: What the checks find in a resource that somebody has changed

  @Test func gapsAreFound() {
    #expect(
      problems { $0[DriverTable.self].branches.removeAll { $0.maxCUDA == CUDAVersion(12, 4) } }
        .contains {
          $0.hasPrefix("drivers.branches, row 620, maxCUDA") && $0.contains("for CUDA 12.4")
        })
    #expect(
      problems { $0[DriverTable.self].ptxISA.removeAll { $0.cuda == CUDAVersion(12, 4) } }
        .contains { $0.hasPrefix("drivers.branches, row 550, maxCUDA") })
    #expect(
      problems { $0[DriverTable.self].branches = [] }.contains { $0.contains("at least one branch") })
    #expect(
      problems { $0[ToolkitTable.self].toolkits.removeAll { $0.toolkit == CUDAVersion(12, 6) } }
        .contains { $0.hasPrefix("pytorch.builds, row 2.6 for CUDA 12.6, cuda") })
    #expect(
      problems { $0[ArchitectureTable.self].families.removeAll { $0.target == 107 } }
        .contains { $0.hasPrefix("architectures.families, row 107, members") })
  }

  @Test func rowsOutOfOrderAreFound() {
    #expect(
      problems { $0[DriverTable.self].branches.swapAt(3, 4) }
        .contains { $0.hasPrefix("drivers.branches, row 352, branch") })
    #expect(
      problems { $0[DriverTable.self].ptxISA.swapAt(30, 31) }.contains { $0.hasPrefix("drivers.ptxISA, row") }
    )
    #expect(
      problems { $0[ToolkitTable.self].toolkits.swapAt(10, 12) }
        .contains { $0.hasPrefix("toolkits.toolkits, row 10.2, toolkit") })
    #expect(
      problems { $0[ArchitectureTable.self].rows.swapAt(0, 1) }
        .contains { $0.hasPrefix("architectures.computeCapabilities, row 2.0, computeCapability") })
    #expect(
      problems { $0[ContainerTable.self].baseImages.swapAt(0, 1) }
        .contains { $0.hasPrefix("containers.baseImages, row 10.2, cuda") })
    #expect(
      problems { $0[PyTorchTable.self].releases.swapAt(2, 3) }
        .contains { $0.hasPrefix("pytorch.releases, row 1.9, series") })
    #expect(
      problems { $0[PyTorchTable.self].install.swapAt(0, 1) }.contains {
        $0.hasPrefix("pytorch.install, row")
      })
  }

  @Test func rowsWithoutWhatTheyNeedAreFound() {
    #expect(
      problems { $0[GPUCatalogue.self].gpus[7].computeCapabilities = [] }
        == [
          "gpus.gpus, row GeForce GTX 480M, computeCapabilities: does not agree, expected one or more, "
            + "ascending, found none"
        ])
    #expect(
      problems { $0[GPUCatalogue.self].gpus.append($0[GPUCatalogue.self].gpus[1]) }
        .contains { $0.contains("one row per product") })
    #expect(
      problems { $0[DriverTable.self].branches[5].source = 99 }
        == ["drivers, source: reaches outside what holds it, expected a number below 17, found 99"])
    #expect(
      problems {
        $0[ArchitectureTable.self].rows.removeAll { $0.computeCapability == ComputeCapability(8, 0) }
      }
      .contains { $0.hasPrefix("gpus.gpus, row NVIDIA A100-PCIE-40GB, computeCapabilities") })
  }

  // MARK: Rows of a user

  @Test func aProduct() throws {
    let tables = try adding(
      """
      {"description": "ours", "gpus": {"description": "one", "gpus": [
        {"name": "NVIDIA Q1", "computeCapabilities": ["8.6"], "segment": "datacenter", "note": null,
         "source": "nvidia-smi of our machine"}]}}
      """)
    let catalogue = tables[GPUCatalogue.self]
    let place = try #require(catalogue.gpus.firstIndex { $0.name == "NVIDIA Q1" })
    #expect(catalogue.gpus.count == Self.shipped[GPUCatalogue.self].gpus.count + 1)
    #expect(catalogue.sources[catalogue.gpus[place].source] == "nvidia-smi of our machine")
    #expect(catalogue.gpus[place - 1].computeCapabilities.last == ComputeCapability(8, 6))
    #expect(catalogue.gpus[place + 1].computeCapabilities.last == ComputeCapability(8, 7))
    // Nothing else in this process is judged by it.
    #expect(throws: GPUCatalogue.Failure.self) { try GPUCatalogue.resolve("NVIDIA Q1", in: .shipped) }
  }

  /// Every list of every table takes a row, by its key.
  @Test(arguments: [
    (
      #"{"architectures": {"computeCapabilities": [{"computeCapability": "8.8", "architecture": "Ampere", "tegra": false, "current": false, "firstToolkit": "13.0", "firstDriver": 580, "source": "s"}]}}"#,
      0
    ),
    (#"{"architectures": {"families": [{"target": 121, "members": ["12.1"], "source": "s"}]}}"#, 0),
    (
      #"{"architectures": {"renumbered": [{"from": "10.1", "to": "11.0", "sinceToolkit": "13.0", "source": "s"}]}}"#,
      0
    ),
    (#"{"drivers": {"branches": [{"branch": 615, "maxCUDA": "13.4", "source": "s"}]}}"#, 0),
    (
      #"{"drivers": {"branches": [{"branch": 617, "maxCUDA": "13.4", "source": "s"}, {"branch": 621, "maxCUDA": "13.5", "source": "s"}]}}"#,
      2
    ),
    (#"{"drivers": {"ptxISA": [{"ptxISA": "1.5", "driver": 190, "source": "s"}]}}"#, 0),
    (#"{"drivers": {"ptxISA": [{"ptxISA": "9.6", "cuda": "13.5", "source": "s"}]}}"#, 0),
    (#"{"drivers": {"ptxISA": [{"ptxISA": "9.5", "cuda": "13.6", "source": "s"}]}}"#, 1),
    (
      #"{"drivers": {"compression": [{"compression": "zstd", "minimumDriver": "550.54.15", "source": "s"}]}}"#,
      0
    ),
    (
      #"{"drivers": {"compression": [{"compression": "brotli", "minimumDriver": "615.1", "source": "s"}]}}"#,
      1
    ),
    (
      #"{"drivers": {"minorVersionCompatibility": [{"cudaMajor": 13, "minimumDriver": "580", "source": "s"}]}}"#,
      0
    ),
    (
      #"{"toolkits": {"toolkits": [{"toolkit": "13.4", "update": 1, "branch": 615, "minimumDriver": "615.71.09", "source": "s"}]}}"#,
      0
    ),
    (#"{"toolkits": {"toolkits": [{"toolkit": "13.4", "update": 3, "branch": 615, "source": "s"}]}}"#, 1),
    (#"{"toolkits": {"forwardCompatibility": [{"cuda": "13.4", "hosts": [535, 610], "source": "s"}]}}"#, 0),
    (#"{"toolkits": {"hostBranches": [{"branch": 550, "source": "s"}]}}"#, 1),
    (#"{"toolkits": {"compilers": [{"toolkit": "13.5", "targets": ["75", "90a"], "source": "s"}]}}"#, 0),
    (
      #"{"toolkits": {"compilers": [{"toolkit": "13.5", "compiler": "nvvm", "targets": ["75"], "source": "s"}]}}"#,
      1
    ),
    (
      #"{"runtime": {"frameworks": [{"name": "X", "distributions": ["x"], "steps": [{"compilers": ["nvrtc"], "makes": "cubin", "places": [{"kind": "loader"}]}], "source": "s"}]}}"#,
      1
    ),
    (
      #"{"runtime": {"frameworks": [{"name": "PyCUDA", "distributions": ["pycuda"], "steps": [{"compilers": ["nvcc"], "makes": "cubin", "places": [{"kind": "program", "file": "nvcc"}]}], "source": "s"}]}}"#,
      0
    ),
    (
      #"{"gpus": {"gpus": [{"name": "NVIDIA L4", "computeCapabilities": ["8.9"], "segment": "datacenter", "source": "s"}]}}"#,
      0
    ),
    (
      #"{"gpus": {"gpus": [{"name": "GeForce GTX 465", "computeCapabilities": ["2.0"], "segment": "label", "confirmed": false, "source": "s"}]}}"#,
      0
    ),
    (
      #"{"containers": {"baseImages": [{"cuda": "13.1", "image": "registry.local/cuda:13.1", "source": "s"}]}}"#,
      0
    ),
    (
      #"{"containers": {"baseImages": [{"cuda": "13.5", "image": "registry.local/cuda:13.5", "source": "s"}]}}"#,
      1
    ),
    (#"{"containers": {"brands": [{"prefix": "RTX PRO", "brands": ["NvidiaRTX"], "source": "s"}]}}"#, 1),
    (#"{"containers": {"modes": [{"mode": "csv", "enforced": false, "source": "s"}]}}"#, 0),
    (
      #"{"libraries": {"components": [{"name": "cuBLAS", "distribution": "cublas", "library": "libcublas", "source": "s"}]}}"#,
      0
    ),
    (#"{"libraries": {"cudaMajors": [{"soname": "libcusparse.so.12", "cudaMajor": 12, "source": "s"}]}}"#, 1),
    (
      #"{"libraries": {"driver": [{"prefix": "libours-", "source": "s"}], "platform": [{"soname": "libours.so.1", "source": "s"}]}}"#,
      2
    ),
    (
      #"{"pytorch": {"releases": [{"series": "2.15", "versions": ["2.15.0"], "python": ["3.12"], "builds": [{"cuda": "13.2", "targets": "8.0", "isDefault": true, "source": "s"}]}]}}"#,
      // One build takes the place of both.
      -1
    ),
    (
      #"{"pytorch": {"companions": [{"torch": "2.4.1", "torchvision": "0.19.1", "torchaudio": "2.4.1", "source": "s"}]}}"#,
      0
    ),
    (#"{"pytorch": {"triton": [{"torch": "2.15.0", "triton": "3.9.1", "source": "s"}]}}"#, 0),
    (
      #"{"jetson": {"jetPacks": [{"jetPack": "7.3", "jetsonLinux": [39, 3], "cuda": "13.5", "computeCapabilities": ["8.7"], "source": "s"}]}}"#,
      1
    ),
    (
      #"{"gpus": {"instances": [{"cloud": "ours", "instance": "big.*", "gpu": "NVIDIA A10G", "counts": [3], "machine": "x86_64", "source": "s"}]}}"#,
      1
    ),
    (#"{"jetson": {"wheels": [{"jetPack": 6, "index": "x", "python": "3.10", "source": "s"}]}}"#, 0),
    (#"{"pytorch": {"cuDNN": [{"from": "10.0", "first": "8.0", "source": "s"}]}}"#, 1),
    (#"{"pytorch": {"aarch64": [{"until": "2.5", "hasCUDA": false, "source": "s"}]}}"#, 1),
    (
      #"{"architectures": {"desktopCodeOnTegra": [{"computeCapability": "11.0", "jetsonLinux": [39, 2], "driverBranch": 595, "cuda": "13.2", "source": "s"}]}}"#,
      1
    ),
    (
      #"{"pytorch": {"install": [{"until": "2.0", "command": "pip install {packages}", "source": "s"}]}}"#,
      1
    ),
  ])
  func rowsAreAddedOrReplaced(document: String, added: Int) throws {
    let tables = try adding(document)
    var rows = 0
    for (own, shipped) in zip(tables.all, Self.shipped.all) {
      rows += own.rowSources.count - shipped.rowSources.count
      #expect(
        own.sources.count - shipped.sources.count
          == (document.contains("\"\(type(of: own).name)\": {") ? 1 : 0))
    }
    #expect(rows == added)
  }

  @Test func aRowTakesThePlaceOfTheOneBefore() throws {
    var tables = try adding(
      #"{"drivers": {"branches": [{"branch": 616, "maxCUDA": "13.5", "source": "first"}]}}"#)
    func row() -> DriverTable.Branch? { tables[DriverTable.self].branches.first { $0.branch == 616 } }
    #expect(row()?.maxCUDA == CUDAVersion(13, 5))
    try tables.add(
      document: Array(
        #"{"drivers": {"branches": [{"branch": 616, "maxCUDA": "13.4", "source": "second"}]}}"#.utf8),
      to: TableSet.types)
    #expect(row()?.maxCUDA == CUDAVersion(13, 4))
    #expect(row().map { tables[DriverTable.self].sources[$0.source] } == "second")
  }

  /// What is judged by one set does not depend on others.
  @Test func setsAreUsedSideBySide() throws {
    let tables = try adding(
      #"{"drivers": {"branches": [{"branch": 616, "maxCUDA": "13.5", "source": "s"}]}}"#)
    var image = ImageSignature(DeviceImage(kind: .ptx, target: CodeTarget(80)))
    image.ptxISA = PTXISAVersion(9, 5)
    let fits = [tables, .shipped, tables].map { tables in
      Rule.judge(image, on: Device(ComputeCapability(8, 0), driver: .branch(616), tables: tables)).fit
    }
    #expect(fits == [.jit, .none, .jit])
    #expect(tables != Self.shipped)
  }

  @Test func moreSpecificBrandsComeFirst() throws {
    let tables = try adding(
      """
      {"containers": {"brands": [{"prefix": "RTX PRO", "brands": ["Ours"], "source": "s"},
        {"prefix": "RTX", "brands": ["Other"], "source": "s"},
        {"prefix": "GeForce", "brands": ["Third"], "source": "s"}, {"prefix": "GeForce G", "brands": [], "source": "s"},
        {"prefix": "GeForce G", "brands": ["Last"], "source": "s"}]}}
      """)
    let table = tables[ContainerTable.self]
    #expect(table.brands(ofGPU: "NVIDIA RTX PRO 6000", in: .shipped) == ["Ours"])
    #expect(table.brands(ofGPU: "NVIDIA RTX A6000", in: .shipped) == ["Other"])
    #expect(table.brands(ofGPU: "NVIDIA GeForce RTX 3090", in: .shipped) == ["Third"])
    // Of two rows with one key the later counts.
    #expect(table.brands(ofGPU: "NVIDIA GeForce GTX 1080", in: .shipped) == ["Last"])
  }

  @Test func aTegraIsKnownAsOne() throws {
    let tables = try adding(
      """
      {"architectures": {"computeCapabilities": [{"computeCapability": "11.1", "architecture": "Blackwell",
         "tegra": true, "current": true, "firstToolkit": "13.5", "source": "s"}],
        "families": [{"target": 110, "members": ["11.0", "11.1"], "source": "s"},
          {"target": 111, "members": ["11.1"], "source": "s"}]},
       "gpus": {"gpus": [{"name": "Orin X", "computeCapabilities": ["11.1"], "segment": "jetson", "source": "s"}]}}
      """)
    #expect(tables[ArchitectureTable.self][ComputeCapability(11, 1)]?.tegra == true)
  }

  /// What is said of a file that does not fit, and where.
  @Test(arguments: [
    ("", "line 1: invalid value, expected a value, found the end"),
    ("{\"gpus\":\n{\"gpus\": [\n],}}", "line 3: invalid value, expected a name in quotation marks, found }}"),
    ("{\n\"gpus\" {}}", "line 2: invalid value, expected a colon, found {}}"),
    ("{\"gpus\": [1 2]}", "line 1: invalid value, expected a comma or ], found 2]}"),
    (
      "{\"gpus\": {}, \n\"gpus\": {}}",
      "line 2: invalid value, expected each name once in an object, found \"gpus\": {}}"
    ),
    ("{} {", "line 1: invalid value, expected the end of the document, found {"),
    ("{\"gpus\": \"\\q\"}", "line 1: invalid value, expected a value, found \"\\q\"}"),
    ("{\"gpus\": \"", "line 1: invalid value, expected a value, found \""),
    ("[]", "document: invalid value, expected an object with a member for each table, found a list"),
    (
      "{\"gpu\": {}}",
      "gpu: not supported, expected one of the tables architectures, containers, drivers, errors, gpus, jetson, libraries, pytorch, runtime, toolkits"
    ),
    ("{\"gpus\": []}", "gpus: invalid value, expected an object with lists of rows, found a list"),
    (
      "{\"drivers\": {\"rows\": []}}",
      "drivers.rows: not supported, expected one of the lists branches, compression, minorVersionCompatibility, ptxISA"
    ),
    (
      "{\"drivers\": {\"sources\": []}}",
      "drivers.sources: not supported, expected one of the lists branches, compression, minorVersionCompatibility, ptxISA"
    ),
    ("{\"gpus\": {\"gpus\": {}}}", "gpus.gpus: invalid value, expected a list, found an object"),
    ("{\"gpus\": {\"gpus\": [7]}}", "gpus.gpus[0]: invalid value, expected an object, found 7"),
  ])
  func documentsThatDoNotFit(document: String, message: String) {
    #expect(throws: Problem.self) { try adding(document) }
    do throws(Problem) { _ = try adding(document) } catch { #expect(error.description == message) }
  }

  /// One row that does not fit in a list.
  @Test(arguments: [
    // Its form.
    (
      "gpus.gpus", #"{"name": "X"}"#,
      "gpus.gpus[0].computeCapabilities: invalid value, expected a value, found nothing"
    ),
    (
      "drivers.branches", #"{"branch": 620, "maxCUDA": "13.5"}"#,
      "drivers.branches[0].source: invalid value, expected a value, found nothing"
    ),
    (
      "drivers.branches", #"{"branch": 620, "maxCUDA": "13.5", "source": 0}"#,
      "drivers.branches[0].source: invalid value, expected a text that says where the row is from, found 0"
    ),
    (
      "drivers.branches", #"{"branch": 620, "maxCUDA": "13.5", "source": " "}"#,
      #"drivers.branches[0].source: invalid value, expected a text that says where the row is from, found " ""#
    ),
    (
      "drivers.branches", #"{"branch": 620, "maxCUDA": "13.5", "source": "a\u001b"}"#,
      #"drivers.branches[0].source: invalid value, expected a text without control characters, found a\x1b"#
    ),
    (
      "drivers.branches", #"{"branch": "620", "maxCUDA": "13.5", "source": "s"}"#,
      #"drivers.branches[0].branch: invalid value, expected a whole number, found "620""#
    ),
    (
      "drivers.branches", #"{"branch": 620.5, "maxCUDA": "13.5", "source": "s"}"#,
      "drivers.branches[0].branch: invalid value, expected a text or a whole number, found 620.5"
    ),
    (
      "drivers.branches", #"{"branch": 620, "maxCUDA": 13.5, "source": "s"}"#,
      "drivers.branches[0].maxCUDA: invalid value, expected a text or a whole number, found 13.5"
    ),
    (
      "drivers.branches", #"{"branch": 620, "maxCUDA": 13, "source": "s"}"#,
      "drivers.branches[0].maxCUDA: invalid value, expected a text, found 13"
    ),
    (
      "drivers.branches", #"{"branch": 620, "maxCUDA": "new", "source": "s"}"#,
      #"drivers.branches[0].maxCUDA: invalid value, expected a CUDA version, found "new""#
    ),
    (
      "drivers.branches", #"{"branch": 620, "maxCUDA": "13.5", "confirmd": false, "source": "s"}"#,
      "drivers.branches[0].confirmd: not supported, expected a field of this list"
    ),
    (
      "pytorch.releases",
      #"{"series": "2.16", "versions": ["2.16.0"], "python": ["3.13"], "builds": [{"cuda": "13.2", "target": "8.0", "targets": "8.0", "isDefault": true, "source": "s"}]}"#,
      "pytorch.releases[0].builds[0].target: not supported, expected a field of this list"
    ),
    (
      "pytorch.releases",
      #"{"series": "2.16", "versions": ["2.16.0"], "python": ["3.13"], "builds": [{"cuda": "13.2", "targets": "all", "isDefault": true, "source": "s"}]}"#,
      #"pytorch.releases[0].builds[0].targets: invalid value, expected a list of targets such as 8.0;9.0+PTX, found "all""#
    ),
    // What it says of a GPU.
    (
      "gpus.gpus", #"{"name": "X", "computeCapabilities": [], "segment": "other", "source": "s"}"#,
      "gpus.gpus, row X, computeCapabilities: does not agree, expected one or more, ascending, found none"
    ),
    (
      "gpus.gpus", #"{"name": "X", "computeCapabilities": ["14.0"], "segment": "other", "source": "s"}"#,
      "gpus.gpus, row X, computeCapabilities: does not agree, expected a compute capability of architectures.computeCapabilities, found 14.0"
    ),
    (
      "gpus.gpus", #"{"name": "X", "computeCapabilities": ["8.7"], "segment": "other", "source": "s"}"#,
      "gpus.gpus, row X, segment: does not agree, expected jetson for a Tegra, found other"
    ),
    (
      "gpus.gpus", #"{"name": "X", "computeCapabilities": ["8.6"], "segment": "jetson", "source": "s"}"#,
      "gpus.gpus, row X, segment: does not agree, expected another one than that of Tegras, found jetson"
    ),
    (
      "gpus.gpus", #"{"name": "X", "computeCapabilities": ["8.6"], "segment": "label", "source": "s"}"#,
      "gpus.gpus, row X, confirmed: does not agree, expected false for a label, found true"
    ),
    (
      "gpus.gpus",
      #"{"name": "X", "computeCapabilities": ["8.6"], "segment": "other", "pciIDs": ["10DE1"], "source": "s"}"#,
      "gpus.gpus, row X, pciIDs: does not agree, expected four hexadecimal digits, found 10DE1"
    ),
    (
      "gpus.gpus", #"{"name": "", "computeCapabilities": ["8.6"], "segment": "other", "source": "s"}"#,
      #"gpus.gpus, row "", name: does not agree, expected a letter or a digit, found none"#
    ),
    // Of a compute capability.
    (
      "architectures.computeCapabilities",
      #"{"computeCapability": "13.0", "architecture": "F", "tegra": false, "current": true, "firstToolkit": "14.0", "firstDriver": 615, "source": "s"}"#,
      "architectures.computeCapabilities, row 13.0, firstToolkit: does not agree, expected a toolkit of toolkits.toolkits, found 14.0"
    ),
    (
      "architectures.computeCapabilities",
      #"{"computeCapability": "13.0", "architecture": "F", "tegra": false, "current": true, "firstToolkit": "13.5", "firstDriver": 615, "source": "s"}"#,
      "architectures.computeCapabilities, row 13.0, firstDriver: does not agree, expected a branch of drivers.branches that supports CUDA 13.5, found 615"
    ),
    (
      "architectures.computeCapabilities",
      #"{"computeCapability": "13.0", "architecture": "F", "tegra": false, "current": true, "firstToolkit": "13.4", "source": "s"}"#,
      #"architectures.computeCapabilities, row 13.0, firstDriver: does not agree, expected a branch, or "tegra": true, found none"#
    ),
    (
      "architectures.computeCapabilities",
      #"{"computeCapability": "13.0", "architecture": "F", "tegra": true, "current": true, "firstToolkit": "13.4", "firstDriver": 615, "source": "s"}"#,
      "architectures.computeCapabilities, row 13.0, firstDriver: does not agree, expected none for a Tegra, found 615"
    ),
    (
      "architectures.computeCapabilities",
      #"{"computeCapability": "8.0", "architecture": "Ampere", "tegra": false, "current": true, "firstToolkit": "11.0", "lastToolkit": "13.5", "firstDriver": 450, "source": "s"}"#,
      "architectures.computeCapabilities, row 8.0, current: does not agree, expected false with a last toolkit or driver, or unconfirmed, found true"
    ),
    (
      "architectures.computeCapabilities",
      #"{"computeCapability": "8.0", "architecture": "Ampere", "tegra": false, "current": false, "firstToolkit": "11.0", "lastToolkit": "10.2", "firstDriver": 450, "source": "s"}"#,
      "architectures.computeCapabilities, row 8.0, lastToolkit: does not agree, expected 11.0, which is its first, or later, found 10.2"
    ),
    (
      "architectures.computeCapabilities",
      #"{"computeCapability": "8.0", "architecture": "Ampere", "tegra": false, "current": false, "firstToolkit": "11.0", "firstDriver": 450, "lastDriver": 440, "source": "s"}"#,
      "architectures.computeCapabilities, row 8.0, lastDriver: does not agree, expected 450, which is its first, or later, found 440"
    ),
    (
      "architectures.families", #"{"target": 130, "members": ["13.0"], "source": "s"}"#,
      "architectures.families, row 130, members: does not agree, expected a compute capability of architectures.computeCapabilities, found 13.0"
    ),
    (
      "architectures.families", #"{"target": 120, "members": ["12.1", "12.0"], "source": "s"}"#,
      "architectures.families, row 120, members: does not agree, expected 12.0 first, found 12.1, 12.0"
    ),
    ("architectures.families", #"{"target": 120, "members": ["12.0"], "source": "s"}"#, nil),
    (
      "architectures.families", #"{"target": 80, "members": ["8.0", "8.6"], "source": "s"}"#,
      "architectures.families, row 86, members: does not agree, expected 8.6, as in family 80, found none"
    ),
    (
      "architectures.renumbered", #"{"from": "8.0", "to": "11.0", "sinceToolkit": "13.0", "source": "s"}"#,
      "architectures.renumbered, row 8.0, from: does not agree, expected a Tegra of the table, found 8.0"
    ),
    (
      "architectures.computeCapabilities",
      #"{"computeCapability": "13.0", "architecture": "X", "tegra": false, "current": false, "firstToolkit": "13.5", "firstDriver": 620, "firstRelease": "615.71.09", "source": "s"}"#,
      "architectures.computeCapabilities, row 13.0, firstRelease: does not agree, expected a release of its first branch 620, found 615.71.09"
    ),
    (
      "gpus.gpus",
      #"{"name": "X", "computeCapabilities": ["12.0"], "segment": "other", "firstDrivers": ["575.51.03", "570.86.16"], "source": "s"}"#,
      "gpus.gpus, row X, firstDrivers: does not agree, expected a release of a branch after that of 575.51.03, found 570.86.16"
    ),
    (
      "gpus.gpus",
      #"{"name": "X", "computeCapabilities": ["12.0"], "segment": "other", "firstDrivers": ["565.57.01"], "source": "s"}"#,
      "gpus.gpus, row X, firstDrivers: does not agree, expected drivers of branches that support it, found 565.57.01"
    ),
    (
      "gpus.instances",
      #"{"cloud": "c", "instance": "x.*", "gpu": "Voodoo 2", "counts": [1], "machine": "x86_64", "source": "s"}"#,
      "gpus.instances, row x.*, gpu: does not agree, expected the name of a row of gpus.gpus, found Voodoo 2"
    ),
    (
      "gpus.instances",
      #"{"cloud": "c", "instance": "x-#g", "gpu": "NVIDIA L4", "counts": [1], "machine": "x86_64", "source": "s"}"#,
      "gpus.instances, row x-#g, counts: does not agree, expected numbers of GPUs, or none with a #, found [1]"
    ),
    (
      "gpus.instances",
      #"{"cloud": "c", "instance": "X", "gpu": "NVIDIA L4", "counts": [1], "machine": "x86_64", "source": "s"}"#,
      "gpus.instances, row X, instance: does not agree, expected small letters with at most one * or #, found X"
    ),
    (
      "gpus.instances",
      #"{"cloud": "c", "instance": "x", "gpu": "NVIDIA L4", "counts": [1], "machine": "arm", "source": "s"}"#,
      "gpus.instances, row x, machine: does not agree, expected x86_64 or aarch64, found arm"
    ),
    // Of Tegras.
    (
      "jetson.jetPacks",
      #"{"jetPack": "8.0", "jetsonLinux": [40, 1], "cuda": "13.9", "computeCapabilities": ["11.0"], "source": "s"}"#,
      "jetson.jetPacks, row 40.1, cuda: does not agree, expected a toolkit of toolkits.toolkits, found 13.9"
    ),
    (
      "jetson.jetPacks",
      #"{"jetPack": "8.0", "jetsonLinux": [40, 1], "cuda": "13.0", "computeCapabilities": ["11.0"], "source": "s"}"#,
      "jetson.jetPacks, row 40.1, cuda: does not agree, expected 13.2 of JetPack 7.2.1, or later, found 13.0"
    ),
    (
      "jetson.jetPacks",
      #"{"jetPack": "8.0", "jetsonLinux": [40, 1], "cuda": "13.5", "computeCapabilities": ["8.6"], "source": "s"}"#,
      "jetson.jetPacks, row 40.1, computeCapabilities: does not agree, expected those of Tegras, one or more, found 8.6"
    ),
    (
      "jetson.wheels", #"{"jetPack": 8, "index": "x", "python": "3.12", "source": "s"}"#,
      "jetson.wheels, row 8, jetPack: does not agree, expected the major version of one of jetson.jetPacks, found 8"
    ),
    // Of PyTorch.
    (
      "pytorch.triton", #"{"torch": "2.99.0", "triton": "4.0.0", "source": "s"}"#,
      "pytorch.triton, row 2.99.0, torch: does not agree, expected a version of pytorch.releases, found 2.99.0"
    ),
    (
      "pytorch.triton", #"{"torch": "2.15.0", "triton": "3.9", "source": "s"}"#,
      "pytorch.triton, row 2.15.0, triton: does not agree, expected a version such as 3.3.1, found 3.9"
    ),
    (
      "pytorch.triton", #"{"torch": "2.15.0", "triton": "3.7.9", "source": "s"}"#,
      "pytorch.triton, row 2.15.0, triton: does not agree, expected 3.8.0 of 2.14.1, or later, found 3.7.9"
    ),
    // Of drivers.
    (
      "drivers.branches", #"{"branch": 630, "maxCUDA": "13.0", "source": "s"}"#,
      "drivers.branches, row 630, maxCUDA: does not agree, expected 13.5 of branch 620, or later, found 13.0"
    ),
    (
      "drivers.branches", #"{"branch": 630, "maxCUDA": "13.6", "source": "s"}"#,
      "drivers.branches, row 630, maxCUDA: does not agree, expected a CUDA version of drivers.ptxISA, found 13.6"
    ),
    (
      "drivers.ptxISA", #"{"ptxISA": "9.6", "cuda": "13.4", "source": "s"}"#,
      "drivers.ptxISA, row 9.6, cuda: does not agree, expected more than 13.5, which has PTX 9.5, found 13.4"
    ),
    (
      "drivers.ptxISA", #"{"ptxISA": "9.6", "cuda": "13.6", "driver": 640, "source": "s"}"#,
      "drivers.ptxISA, row 9.6, driver: does not agree, expected a branch of drivers.branches whose newest CUDA version is 13.6, found 640"
    ),
    (
      "drivers.ptxISA", #"{"ptxISA": "9.6", "cuda": "13.6", "newTargets": ["sm_80"], "source": "s"}"#,
      "drivers.ptxISA, row 9.6, newTargets: does not agree, expected targets that no earlier row has, found sm_80"
    ),
    (
      "drivers.ptxISA", #"{"ptxISA": "9.6", "cuda": "13.6", "newTargets": ["9.0"], "source": "s"}"#,
      "drivers.ptxISA, row 9.6, newTargets: does not agree, expected targets such as sm_90a, found 9.0"
    ),
    (
      "drivers.ptxISA", #"{"ptxISA": "9.6", "source": "s"}"#,
      "drivers.ptxISA, row 9.6, cuda: does not agree, expected a CUDA version or a driver branch, found none"
    ),
    (
      "drivers.compression", #"{"compression": "brotli", "minimumDriver": "12.2", "source": "s"}"#,
      "drivers.compression, row brotli, minimumDriver: does not agree, expected a driver of a branch of drivers.branches, found CUDA 12.2"
    ),
    (
      "drivers.minorVersionCompatibility", #"{"cudaMajor": 13, "minimumDriver": "590.1", "source": "s"}"#,
      "drivers.minorVersionCompatibility, row 13, minimumDriver: does not agree, expected a driver of the branch of CUDA 13.0, found 590.1"
    ),
    // Of toolkits.
    (
      "toolkits.toolkits", #"{"toolkit": "13.6", "branch": 620, "source": "s"}"#,
      "toolkits.toolkits, row 13.6, branch: does not agree, expected a branch of drivers.branches whose newest CUDA version is 13.6, found 620"
    ),
    (
      "toolkits.toolkits",
      #"{"toolkit": "13.5", "branch": 620, "minimumDriver": "621.1", "source": "s"}"#,
      "toolkits.toolkits, row 13.5, minimumDriver: does not agree, expected a release of its branch 620, found 621.1"
    ),
    (
      "toolkits.toolkits",
      #"{"toolkit": "12.4", "update": 2, "branch": 550, "minimumDriver": "550.40", "source": "s"}"#,
      "toolkits.toolkits, row 12.4 update 2, minimumDriver: does not agree, expected 550.54.15 of 12.4 update 1, or later, found 550.40"
    ),
    (
      "toolkits.forwardCompatibility", #"{"cuda": "12.9", "hosts": [580], "source": "s"}"#,
      "toolkits.forwardCompatibility, row 12.9, hosts: does not agree, expected branches of drivers.branches whose newest CUDA version is less than 12.9, found 580"
    ),
    (
      "toolkits.forwardCompatibility",
      #"{"cuda": "12.9", "hosts": [535], "supportedHosts": [550], "source": "s"}"#,
      "toolkits.forwardCompatibility, row 12.9, supportedHosts: does not agree, expected branches of its hosts and of toolkits.hostBranches, found 550"
    ),
    (
      "toolkits.hostBranches", #"{"branch": 999, "source": "s"}"#,
      "toolkits.hostBranches, row 999, branch: does not agree, expected a branch of drivers.branches, found 999"
    ),
    (
      "toolkits.compilers", #"{"toolkit": "13.9", "targets": ["75"], "source": "s"}"#,
      "toolkits.compilers, row 13.9, toolkit: does not agree, expected a toolkit of toolkits.toolkits, found 13.9"
    ),
    (
      "toolkits.compilers", #"{"toolkit": "13.5", "targets": ["90", "75"], "source": "s"}"#,
      "toolkits.compilers, row 13.5, targets: does not agree, expected ascending targets, one or more, found [90, 75]"
    ),
    (
      "toolkits.compilers", #"{"toolkit": "13.5", "targets": ["70"], "source": "s"}"#,
      "toolkits.compilers, row 13.5, targets: does not agree, expected targets that the toolkit compiles for by architectures.computeCapabilities, found 70"
    ),
    // Of the software around.
    (
      "runtime.frameworks", #"{"name": "X", "distributions": ["x"], "steps": [], "source": "s"}"#,
      "runtime.frameworks, row X, steps: does not agree, expected either steps or distributions that it uses, found none"
    ),
    (
      "runtime.frameworks",
      #"{"name": "X", "distributions": [""], "uses": ["triton"], "steps": [], "source": "s"}"#,
      #"runtime.frameworks, row X, distributions: does not agree, expected names of distributions, found [""]"#
    ),
    (
      "runtime.frameworks",
      #"{"name": "X", "distributions": ["x"], "since": "3.10", "before": "3.9", "uses": ["triton"], "steps": [], "source": "s"}"#,
      "runtime.frameworks, row X 3.10, before: does not agree, expected more than 3.10, found 3.9"
    ),
    (
      "runtime.frameworks",
      #"{"name": "X", "distributions": ["x"], "steps": [{"compilers": ["ptxas"], "makes": "cubin", "places": [{"kind": "variable"}]}], "source": "s"}"#,
      "runtime.frameworks, row X, places: does not agree, expected what a place of the kind variable needs, found name none, file none"
    ),
    (
      "runtime.frameworks",
      #"{"name": "X", "distributions": ["x"], "clamps": [{"newest": "14.0"}], "uses": ["triton"], "steps": [], "source": "s"}"#,
      "runtime.frameworks, row X, newest: does not agree, expected a compute capability of architectures.computeCapabilities, found 14.0"
    ),
    (
      "containers.baseImages", #"{"cuda": "13.9", "image": "nvidia/cuda:13.9", "source": "s"}"#,
      "containers.baseImages, row 13.9, cuda: does not agree, expected a toolkit of toolkits.toolkits, found 13.9"
    ),
    (
      "containers.brands", #"{"prefix": "X", "segment": "other", "brands": ["Tesla"], "source": "s"}"#,
      "containers.brands, row X, prefix: does not agree, expected either a prefix or a segment, found both"
    ),
    (
      "containers.brands", #"{"prefix": "X", "brands": [], "source": "s"}"#,
      "containers.brands, row X, brands: does not agree, expected one brand or more, found none"
    ),
    (
      "libraries.cudaMajors", #"{"soname": "libours", "cudaMajor": 13, "source": "s"}"#,
      "libraries.cudaMajors, row libours, soname: does not agree, expected a name such as libcudart.so.12, found libours"
    ),
    (
      "libraries.cudaMajors", #"{"soname": "libours.so.1", "cudaMajor": 99, "source": "s"}"#,
      "libraries.cudaMajors, row libours.so.1, cudaMajor: does not agree, expected the major version of a toolkit of toolkits.toolkits, found 99"
    ),
    (
      "libraries.driver", #"{"prefix": "", "source": "s"}"#,
      #"libraries.driver, row "", prefix: does not agree, expected the start of a library's name, found an empty text"#
    ),
    (
      "pytorch.releases",
      #"{"series": "2", "versions": ["2.0"], "python": ["3.13"], "builds": [{"cuda": "13.2", "targets": "8.0", "isDefault": true, "source": "s"}]}"#,
      #"pytorch.releases, row 2, series: does not agree, expected two numbers, such as 2.4, found "2""#
    ),
    (
      "pytorch.releases",
      #"{"series": "2.16", "versions": ["2.15.0"], "python": ["3.13"], "builds": [{"cuda": "13.2", "targets": "8.0", "isDefault": true, "source": "s"}]}"#,
      "pytorch.releases, row 2.16, versions: does not agree, expected one or more that start with 2.16., found 2.15.0"
    ),
    (
      "pytorch.releases",
      #"{"series": "2.16", "versions": ["2.16.0"], "python": ["3.13"], "builds": [{"cuda": "13.2", "targets": "8.0", "source": "s"}]}"#,
      #"pytorch.releases, row 2.16, builds: does not agree, expected one with "isDefault": true, found 0"#
    ),
    (
      "pytorch.releases",
      #"{"series": "2.16", "versions": ["2.16.0"], "python": ["3.13"], "builds": [{"cuda": "13.2", "targets": "7.0;8.0", "isDefault": true, "source": "s"}]}"#,
      "pytorch.builds, row 2.16 for CUDA 13.2, targets: does not agree, expected targets that CUDA 13.2 compiles for, found sm_70"
    ),
    (
      "pytorch.releases",
      #"{"series": "2.16", "versions": ["2.16.0"], "python": ["3.13"], "builds": [{"cuda": "13.7", "targets": "8.0", "isDefault": true, "source": "s"}]}"#,
      "pytorch.builds, row 2.16 for CUDA 13.7, cuda: does not agree, expected a toolkit of toolkits.toolkits, found 13.7"
    ),
    (
      "pytorch.releases",
      #"{"series": "2.16", "versions": ["2.16.0"], "python": ["3.13"], "builds": [{"cuda": "13.2", "targets": "8.0", "versions": ["2.16.1"], "isDefault": true, "source": "s"}]}"#,
      "pytorch.builds, row 2.16 for CUDA 13.2, versions: does not agree, expected versions of the release, found 2.16.1"
    ),
    (
      "pytorch.install", #"{"until": "2.99", "command": "pip install {packages}", "source": "s"}"#,
      "pytorch.install, row 2.99, until: does not agree, expected a series of pytorch.releases, found 2.99"
    ),
    (
      "pytorch.install", #"{"command": "pip install torch", "source": "s"}"#,
      "pytorch.install, row without until, command: does not agree, expected a command with {packages}, found pip install torch"
    ),
  ])
  func rowsThatDoNotFit(list: String, row: String, message: String?) {
    let names = list.split(separator: ".")
    let document = "{\"\(names[0])\": {\"\(names[1])\": [\(row)]}}"
    var tables = Self.shipped
    do throws(Problem) {
      try tables.add(document: Array(document.utf8), to: TableSet.types)
      #expect(message == nil)
    } catch {
      #expect(error.description == message)
      // Nothing is left of the row.
      for (own, shipped) in zip(tables.all, Self.shipped.all) {
        #expect(own.sources == shipped.sources)
        #expect(own.rowSources == shipped.rowSources)
      }
    }
  }
}

extension TableSet {
  /// All tables.
  fileprivate var all: [any DataTable] { Self.types.map { table($0) } }

  private func table<Table: DataTable>(_ type: Table.Type) -> any DataTable { self[type] }
}
