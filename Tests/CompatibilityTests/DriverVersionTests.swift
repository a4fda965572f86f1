import Compatibility
import DeviceCode
import Testing

@Suite struct DriverVersionTests {
  @Test func readsReleasesBranchesAndCUDAVersions() {
    #expect(DriverVersion("460.32.03") == .release([460, 32, 3], text: "460.32.03"))
    #expect(DriverVersion("440.33") == .release([440, 33], text: "440.33"))
    #expect(DriverVersion("535") == .branch(535))
    #expect(DriverVersion("R535") == .branch(535))
    #expect(DriverVersion("12.2") == .cuda(CUDAVersion(12, 2)))
    #expect(DriverVersion("460.32.03")?.description == "460.32.03")
    #expect(DriverVersion("540.3.0")?.description == "540.3.0")
    #expect(DriverVersion("r535")?.description == "R535")
    #expect(DriverVersion("12.2")?.description == "CUDA 12.2")
  }

  /// As nvidia-smi and people write them, with what they are in front.
  @Test(arguments: [
    ("CUDA 12.4", "CUDA 12.4"), ("cuda12.4", "CUDA 12.4"), ("CUDA Version: 12.4", "CUDA 12.4"),
    ("CUDA UMD Version: 13.3", "CUDA 13.3"), ("Driver Version: 460.32.03", "460.32.03"),
    ("driver 535", "R535"), ("KMD Version: 610.43.02", "610.43.02"), ("Driver R535", "R535"),
  ])
  func readsWhatItIs(_ text: String, _ expected: String) {
    #expect(DriverVersion(text)?.description == expected)
  }

  @Test(arguments: [
    "CUDA 535", "CUDA 12", "driver 12.4", "CUDA", "driver", "cuda 12.4 or newer", "CUDA R12.4",
    "KMD Version: 12.4",
    "", "12", "R12", "12.2.1", "R12.2", "R535.1", "535.", "abc", "535.x", "-535", "0.1", "1.2.3.4.5",
  ])
  func refuses(_ text: String) {
    #expect(DriverVersion(text) == nil)
  }

  @Test(arguments: [
    ("460.32.03", "11.2", "7.2"), ("535", "12.2", "8.2"), ("12.2", "12.2", "8.2"),
    ("560.35.03", "12.6", "8.5"),
    ("537.13", "12.2", "8.2"), ("615", "13.4", "9.4"), ("440.33", "10.2", "6.5"), ("410", "10.0", "6.3"),
    ("620.70.06", "13.5", "9.5"),
    // Windows releases of R615.
    ("616.64", "13.4", "9.4"), ("617.14", "13.4", "9.4"),
  ])
  func knowsCUDAAndPTX(_ driver: String, _ cuda: String, _ isa: String) {
    #expect(DriverVersion(driver)?.maxCUDA(by: .shipped) == CUDAVersion(cuda))
    #expect(DriverVersion(driver)?.newestPTXISA(by: .shipped) == PTXISAVersion(isa))
  }

  @Test func aNewerBranchIsUnknownButKeepsWhatOlderOnesDo() throws {
    let future = try #require(DriverVersion("700.10"))
    #expect(future.maxCUDA(by: .shipped) == nil)
    #expect(future.newestPTXISA(by: .shipped) == nil)
    #expect(future.supports(PTXISAVersion(9, 5), by: .shipped) == true)
    #expect(future.supports(PTXISAVersion(9, 6), by: .shipped) == nil)
    #expect(future.supports(.zstd, by: .shipped) == true)
    #expect(future.supports(ComputeCapability(9, 0), by: .shipped) == nil)
    #expect(future.supports(ComputeCapability(7, 0), by: .shipped) == false)
  }

  @Test func aCUDAVersionWithoutABranchStillTellsThePTX() {
    var tables = TableSet.shipped
    tables[DriverTable.self].branches.removeAll { $0.maxCUDA == CUDAVersion(13, 5) }
    let driver = DriverVersion.cuda(CUDAVersion(13, 5))
    #expect(driver.maxCUDA(by: tables) == CUDAVersion(13, 5))
    #expect(driver.newestPTXISA(by: tables) == PTXISAVersion(9, 5))
    #expect(DriverVersion.cuda(CUDAVersion(14, 0)).newestPTXISA(by: .shipped) == nil)
    #expect(DriverVersion.cuda(CUDAVersion(14, 0)).supports(PTXISAVersion(9, 4), by: .shipped) == true)
  }

  @Test func anOlderBranchIsUnknown() {
    #expect(DriverVersion.branch(300).maxCUDA(by: .shipped) == nil)
    #expect(DriverVersion.branch(300).supports(PTXISAVersion(7, 0), by: .shipped) == nil)
    #expect(DriverVersion.branch(300).supports(.zstd, by: .shipped) == false)
  }

  @Test(arguments: [
    ("550.54.14", true), ("550.54.13", false), ("550.40.07", false), ("551.61", true), ("550", true),
    ("545.23.08", false), ("545", false), ("12.4", true), ("12.3", false), ("470.82.01", false),
    ("580.65.06", true),
  ])
  func zstd(_ driver: String, _ expected: Bool) {
    #expect(DriverVersion(driver)?.supports(.zstd, by: .shipped) == expected)
    #expect(DriverVersion(driver)?.supports(.lz4, by: .shipped) == true)
  }

  @Test(arguments: [
    ("460.32.03", "8.6", true), ("460.32.03", "9.0", false), ("470", "3.7", true), ("495", "3.7", false),
    ("580.65.06", "7.0", true), ("582.41", "7.0", true), ("590", "7.0", false), ("615", "10.7", true),
    ("610", "10.7", false), ("12.8", "12.0", true), ("12.6", "12.0", false),
    ("620.70.06", "8.9", true), ("620.70.06", "6.1", false), ("575.57.08", "10.3", false),
    ("580.82.07", "10.3", true), ("575", "12.1", false), ("580.95.05", "12.1", true),
  ])
  func supportsDevice(_ driver: String, _ device: String, _ expected: Bool) {
    let computeCapability = ComputeCapability(device) ?? ComputeCapability(0, 0)
    #expect(DriverVersion(driver)?.supports(computeCapability, by: .shipped) == expected)
  }

  @Test func tegraHasDriversOfItsOwn() {
    #expect(DriverVersion("535")?.supports(ComputeCapability(8, 7), by: .shipped) == nil)
    #expect(device("8.7", driver: "535").knownDriver == nil)
    #expect(device("8.7", driver: "12.6").knownDriver == .cuda(CUDAVersion(12, 6)))
    #expect(device("8.6", driver: "535").knownDriver == .branch(535))
  }

  @Test func supportsAllOfItsTime() {
    let list = ArchitectureTable.shipped.rows.map(\.computeCapability)
      .filter { DriverVersion.branch(450).supports($0, by: .shipped) == true }
    #expect(
      list.map(\.description) == ["3.0", "3.5", "3.7", "5.0", "5.2", "6.0", "6.1", "7.0", "7.5", "8.0"])
  }

  /// What a GPU needs: the first driver that lists the product, else the first of its compute capability.
  @Test(
    arguments: [
      ("RTX 5090", "570.86.16", nil), ("B200", "570.86.15", nil), ("RTX PRO 6000", "570.123.07", nil),
      ("RTX PRO 6000 Blackwell Server Edition", "575.57.08", nil), ("B300", "580.82.07", nil),
      ("GB300", "580.82.07", nil), ("GB10", "580.95.05", nil), ("H100", "520.61.05", nil),
      ("H100 80GB HBM3", "525.47.07", nil), ("RTX 4090", "520.56.06", nil), ("RTX 3090", "455.23", nil),
      ("T4", "410.48", nil), ("10.7", "615.71.09", nil), ("12.0", "570.86.16", nil),
      ("V100", "384.81", 580), ("GTX 1080", "367.48", 580), ("GTX 980", "R340", 580), ("K80", "R340", 470),
      ("Orin", nil, nil),
    ] as [(String, String?, Int?)])
  func whatAGPUNeeds(_ gpu: String, _ oldest: String?, _ last: Int?) throws {
    let device = try GPUCatalogue.resolve(gpu, in: .shipped).device(tables: .shipped)
    #expect(device.oldestDriver?.description == oldest)
    #expect(device.lastDriverBranch == last)
    if let oldest { #expect(DriverVersion(oldest)?.supports(device.computeCapability, by: .shipped) == true) }
  }

  /// A product is listed from another release on in each branch.
  @Test(
    arguments: [
      ("RTX 5060", "575.51.02", "575.57.08"), ("RTX 5060", "575.57.08", nil),
      ("RTX 5060", "570.124.06", "570.158.01"), ("RTX 5060", "580.65.06", nil), ("RTX 5060", "R570", nil),
      ("RTX 5090", "570.86.15", "570.86.16"), ("RTX 5090", "570.86.16", nil),
      ("L40S", "525.60.13", "535.43.09"), ("A100", "450.80.02", nil), ("12.0", "570.86.15", "570.86.16"),
      ("10.3", "580.65.06", "580.82.07"), ("GB10", "580.82.09", "580.95.05"), ("10.3", "590.44.01", nil),
    ] as [(String, String, String?)])
  func whatADriverLists(_ gpu: String, _ driver: String, _ missing: String?) throws {
    let match = try GPUCatalogue.resolve(gpu, in: .shipped)
    let device = match.device(driver: DriverVersion(driver), tables: .shipped)
    #expect(device.missingDriver?.description == missing)
  }

  /// From JetPack 7 on a Tegra's driver has the number of a branch; before it, one of its own, or none.
  @Test(
    arguments: [
      ("8.7", "540.4.0", nil, "6.2.1", "12.6"), ("8.7", "540.3.0", nil, "6.0", "12.2"),
      ("8.7", "595.78", nil, "7.2.1", "13.2"), ("11.0", "580.00", nil, "7.1", "13.0"),
      ("8.7", nil, [36, 4, 3], "6.2", "12.6"), ("8.7", nil, [36, 4, 7], "6.2.1", "12.6"),
      ("11.0", nil, [38, 2, 1], "7.0", "13.0"), ("7.2", nil, [32, 7, 1], "4.6.1", "10.2"),
      ("8.7", "535.54.03", nil, nil, nil), ("8.7", nil, [31, 1], nil, nil), ("8.6", "580.00", nil, nil, nil),
    ] as [(String, String?, [Int]?, String?, String?)])
  func jetPacks(
    _ computeCapability: String, _ driver: String?, _ jetsonLinux: [Int]?, _ jetPack: String?, _ cuda: String?
  ) {
    var device = device(computeCapability, driver: driver)
    device.jetsonLinux = jetsonLinux
    #expect(device.jetPack?.jetPack == jetPack)
    if device.isTegra { #expect(device.knownDriver == cuda.flatMap { CUDAVersion($0) }.map { .cuda($0) }) }
  }

  @Test func comparesAcrossForms() {
    #expect(DriverVersion("535.54.03")?.isAtLeast(.branch(535), by: .shipped) == true)
    #expect(DriverVersion("530.30.02")?.isAtLeast(.branch(535), by: .shipped) == false)
    #expect(DriverVersion("12.2")?.isAtLeast(.branch(535), by: .shipped) == true)
    #expect(DriverVersion("535")?.isAtLeast(.cuda(CUDAVersion(12, 3)), by: .shipped) == false)
    #expect(DriverVersion("700")?.isAtLeast(.cuda(CUDAVersion(13, 0)), by: .shipped) == true)
    #expect(DriverVersion("700")?.isAtLeast(.cuda(CUDAVersion(13, 9)), by: .shipped) == nil)
  }
}
