import Compatibility
import Testing

@Suite struct GPUCatalogueTests {
  @Test(
    arguments: [
      // As nvidia-smi prints them.
      ("NVIDIA A100-PCIE-40GB", "8.0", "NVIDIA A100-PCIE-40GB"),
      ("Tesla V100-SXM2-16GB", "7.0", "Tesla V100-SXM2-16GB"),
      ("NVIDIA GeForce RTX 4090", "8.9", "NVIDIA GeForce RTX 4090"), ("NVIDIA GB10", "12.1", "NVIDIA GB10"),
      ("NVIDIA H100 80GB HBM3", "9.0", "NVIDIA H100 80GB HBM3"), ("Tesla T4", "7.5", "Tesla T4"),
      ("NVIDIA TITAN X (Pascal)", "6.1", "NVIDIA TITAN X (Pascal)"),
      ("NVIDIA RTX 6000 Ada Generation", "8.9", "NVIDIA RTX 6000 Ada Generation"),
      ("Quadro RTX 6000", "7.5", "Quadro RTX 6000"),
      ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "8.0", "NVIDIA A100-SXM4-40GB"), ("Orin (nvgpu)", "8.7", nil),
      // As people type them.
      ("A100", "8.0", nil), ("a100 80gb", "8.0", nil), ("A100 80 GB PCIe", "8.0", "NVIDIA A100 80GB PCIe"),
      ("RTX 4090", "8.9", "NVIDIA GeForce RTX 4090"), ("4090", "8.9", "NVIDIA GeForce RTX 4090"),
      ("rtx3090", "8.6", "NVIDIA GeForce RTX 3090"), ("RTX3080Ti", "8.6", "NVIDIA GeForce RTX 3080 Ti"),
      ("geforce rtx 2070 super", "7.5", nil), ("gtx1080ti", "6.1", "NVIDIA GeForce GTX 1080 Ti"),
      ("GTX 1080 Ti", "6.1", "NVIDIA GeForce GTX 1080 Ti"), ("H100", "9.0", "NVIDIA H100"),
      ("H100 NVL", "9.0", "NVIDIA H100 NVL"), ("H100 SXM5", "9.0", "NVIDIA H100 80GB HBM3"),
      ("T4", "7.5", "Tesla T4"),
      ("V100", "7.0", nil), ("V100 32GB", "7.0", nil), ("Orin", "8.7", nil),
      ("Jetson AGX Orin", "8.7", "Jetson AGX Orin"),
      ("Jetson AGX Orin 64GB", "8.7", "Jetson AGX Orin"), ("Jetson Nano", "5.3", "Jetson Nano"),
      ("Thor", "11.0", "Jetson T5000 (Jetson AGX Thor)"),
      ("Xavier", "7.2", nil), ("B200", "10.0", "NVIDIA B200"), ("B300", "10.3", "NVIDIA B300 SXM6 AC"),
      ("GB10", "12.1", "NVIDIA GB10"), ("DGX Spark", "12.1", "NVIDIA GB10"),
      ("DGX H100", "9.0", "NVIDIA H100"),
      ("GH200", "9.0", nil), ("Tesla A100", "8.0", nil), ("Quadro RTX A6000", "8.6", "NVIDIA RTX A6000"),
      ("L40S", "8.9", "NVIDIA L40S"), ("RTX 6000 Ada", "8.9", "NVIDIA RTX 6000 Ada Generation"),
      ("RTX PRO 6000", "12.0", nil), ("rtx 5090", "12.0", "NVIDIA GeForce RTX 5090"),
      ("K80", "3.7", "Tesla K80"),
      ("RTX 3050", "8.6", "NVIDIA GeForce RTX 3050"), ("titanv", "7.0", "NVIDIA TITAN V"),
      ("A10G 24GB", "8.6", "NVIDIA A10G"),
      ("P100", "6.0", nil), ("  rtx   4070  ti  ", "8.9", "NVIDIA GeForce RTX 4070 Ti"),
      ("GRID T4-16Q", "7.5", "Tesla T4"), ("NVIDIA A40-48Q", "8.6", "NVIDIA A40"),
      ("H200 141GB", "9.0", "NVIDIA H200"),
      // Names that contain one another.
      ("A10", "8.6", "NVIDIA A10"), ("A4000", "8.6", "NVIDIA RTX A4000"), ("P4", "6.1", "Tesla P4"),
      ("P4000", "6.1", "Quadro P4000"), ("T400", "7.5", "NVIDIA T400"),
      ("3080", "8.6", "NVIDIA GeForce RTX 3080"),
      ("M4", "5.2", "Tesla M4"), ("L4", "8.9", "NVIDIA L4"), ("A2", "8.6", "NVIDIA A2"),
      ("H20", "9.0", "NVIDIA H20"),
      ("Quadro 6000", "2.0", "Quadro 6000"),
      // As people in China write them, and systems.
      ("RTX 4090D", "8.9", "NVIDIA GeForce RTX 4090 D"),
      ("RTX 5090D v2", "12.0", "NVIDIA GeForce RTX 5090 D v2"),
      ("GB200 NVL72", "10.0", "NVIDIA GB200"), ("GB300 NVL72", "10.3", "NVIDIA GB300"),
      ("DGX Station GB300", "10.3", "NVIDIA GB300"), ("DGX Station A100", "8.0", nil),
      ("RTX PRO 5500", "12.0", "NVIDIA RTX PRO 5500 Blackwell"), ("RTX Spark", "12.1", "NVIDIA RTX Spark"),
      ("VR200", "10.7", "NVIDIA VR200"), ("Vera Rubin", "10.7", "NVIDIA VR200"),
      ("DRIVE Thor", "11.0", "DRIVE AGX Thor"), ("IGX Thor", "11.0", "IGX Thor"),
      ("IGX Orin", "8.7", "IGX Orin"),
      // How many there are does not matter.
      ("8xH100", "9.0", "NVIDIA H100"), ("2x RTX 3090", "8.6", "NVIDIA GeForce RTX 3090"),
      ("4 x A10G", "8.6", "NVIDIA A10G"),
      ("H100 x8", "9.0", "NVIDIA H100"), ("H100 \u{D7} 8", "9.0", "NVIDIA H100"),
      ("2*A10G", "8.6", "NVIDIA A10G"), ("4 RTX 4090", "8.9", "NVIDIA GeForce RTX 4090"),
      ("GTX 970", "5.2", "NVIDIA GeForce GTX 970"), ("Tegra X1", "5.3", "Tegra X1"),
      ("TITAN X (Pascal)", "6.1", "NVIDIA TITAN X (Pascal)"),
      // Glued, torn apart, in the plural.
      ("RTX5090D", "12.0", "NVIDIA GeForce RTX 5090 D"),
      ("RTX5090Laptop", "12.0", "NVIDIA GeForce RTX 5090 Laptop GPU"),
      ("RTX5070TiLaptop", "12.0", "NVIDIA GeForce RTX 5070 Ti Laptop GPU"),
      ("RTX 4070TiSUPER", "8.9", "NVIDIA GeForce RTX 4070 Ti SUPER"),
      ("RTX 4090M", "8.9", "NVIDIA GeForce RTX 4090 Laptop GPU"), ("H 100", "9.0", "NVIDIA H100"),
      ("H100s", "9.0", "NVIDIA H100"), ("RTX 4090s", "8.9", "NVIDIA GeForce RTX 4090"),
      // Compute capabilities with what they are in front, and as they stand in other texts.
      ("compute capability 6.1", "6.1", nil), ("CUDA capability sm_86", "8.6", nil), ("CC 8.9", "8.9", nil),
      ("cc8.9", "8.9", nil), ("0x2b85", "12.0", "NVIDIA GeForce RTX 5090"),
      ("0x2B8510DE", "12.0", "NVIDIA GeForce RTX 5090"),
      (
        "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation Device [10de:2b85] (rev a1)", "12.0",
        "NVIDIA GeForce RTX 5090"
      ),
      ("GPU 0: NVIDIA GeForce RTX 5090 (UUID: GPU-0f7c)", "12.0", "NVIDIA GeForce RTX 5090"),
      // Virtual GPUs, with the profile behind the name.
      ("GRID A100D-1-10C", "8.0", "GRID A100D"), ("NVIDIA H100XM-80C", "9.0", "NVIDIA H100XM"),
      ("NVIDIA A100-7-40CME", "8.0", nil), ("B300X-269C", "10.3", "NVIDIA B300X"),
      ("NVIDIA RTX Pro 6000 Blackwell DC-4-24Q", "12.0", "NVIDIA RTX Pro 6000 Blackwell DC"),
      ("GRID T4-1B4", "7.5", "Tesla T4"), ("NVIDIA L40S-48Q", "8.9", "NVIDIA L40S"),
      // PCI ids.
      ("10de:2b85", "12.0", "NVIDIA GeForce RTX 5090"), ("10DE:20B0", "8.0", nil),
      // Architectures and series of one compute capability.
      ("Turing", "7.5", nil), ("Volta", "7.0", nil), ("Hopper", "9.0", nil), ("Ada Lovelace", "8.9", nil),
      ("Rubin", "10.7", nil), ("RTX 50 series", "12.0", nil), ("GTX 900 series", "5.2", nil),
      ("40 series", "8.9", nil), ("GTX 10 series", "6.1", nil),
      // Labels, where no product has the name.
      ("T4G", "7.5", "T4G"),
      // Compute capabilities and targets.
      ("8.0", "8.0", nil), (" 9.0 ", "9.0", nil), ("sm_80", "8.0", nil), ("sm_90a", "9.0", nil),
      ("SM_120", "12.0", nil), ("9.0a", "9.0", nil), ("12.0f", "12.0", nil),
      ("compute_90", "9.0", nil), ("sm86", "8.6", nil), ("sm_130", "13.0", nil),
    ] as [(String, String, String?)])
  func resolves(_ query: String, _ computeCapability: String, _ name: String?) throws {
    let match = try GPUCatalogue.resolve(query, in: .shipped)
    #expect(match.computeCapability.description == computeCapability)
    #expect(match.device(tables: .shipped).name == name, "\(match.gpus.map(\.name))")
    #expect(match.query == query)
    #expect(match.device(tables: .shipped).computeCapability == match.computeCapability)
  }

  @Test(arguments: [
    "GTX 750", "RTX 6000", "RTX 4000", "Titan X", "GT 730", "GT 640", "RTX 5000", "DGX Station", "Pascal",
    "Blackwell",
  ])
  func explainsAmbiguousNames(_ query: String) {
    do throws(GPUCatalogue.Failure) {
      let match = try GPUCatalogue.resolve(query, in: .shipped)
      Issue.record("\(query) is \(match.computeCapability)")
    } catch {
      guard case .ambiguous(query, let candidates) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(Set(candidates.flatMap(\.computeCapabilities)).count > 1)
      #expect(error.description.contains(candidates[0].computeCapabilities[0].description))
    }
  }

  /// An architecture is as many kinds of GPU as it has compute capabilities, without Tegras.
  @Test(arguments: [
    ("Pascal", ["6.0", "6.1"]), ("nvidia ampere", ["8.0", "8.6"]), ("Kepler", ["3.0", "3.5", "3.7"]),
    ("Maxwell", ["5.0", "5.2"]), ("Blackwell", ["10.0", "10.3", "12.0", "12.1"]), ("Hopper GPUs", ["9.0"]),
    ("RTX 30 series", ["8.6", "8.9"]), ("RTX 2000 series", ["7.5", "8.6"]), ("RTX 5090", ["12.0"]),
    ("8.7", ["8.7"]),
  ])
  func severalKinds(_ query: String, _ expected: [String]) throws {
    let matches = try GPUCatalogue.resolveAll(query, in: .shipped)
    #expect(matches.map(\.computeCapability.description) == expected)
    for match in matches {
      #expect(match.query == query)
      #expect(!GPUCatalogue.shipped.products(of: match).isEmpty)
    }
  }

  /// Virtual machines of clouds: their GPU, how many there are, and the processor.
  @Test(arguments: [
    ("g5.xlarge", ["NVIDIA A10G"], [1], "x86_64"), ("G5.48xlarge", ["NVIDIA A10G"], [8], "x86_64"),
    ("g5.7xlarge", ["NVIDIA A10G"], [1, 4, 8], "x86_64"),
    ("p4d.24xlarge", ["NVIDIA A100-SXM4-40GB"], [8], "x86_64"),
    ("g5g.xlarge", ["T4G"], [1, 2], "aarch64"), ("p6e-gb200.36xlarge", ["NVIDIA GB200"], [4], "aarch64"),
    ("a2-highgpu-1g", ["NVIDIA A100-SXM4-40GB"], [1], "x86_64"),
    ("a2-megagpu-16g", ["NVIDIA A100-SXM4-40GB"], [16], "x86_64"),
    ("a4-highgpu-8g", ["NVIDIA B200"], [8], "x86_64"), ("a4x-highgpu-4g", ["NVIDIA GB200"], [4], "aarch64"),
    ("Standard_NC24ads_A100_v4", ["NVIDIA A100 80GB PCIe"], [1, 2, 4], "x86_64"),
    ("ND96isr_H100_v5", ["NVIDIA H100 80GB HBM3"], [8], "x86_64"),
    ("colab", ["Tesla T4"], [1], "x86_64"), ("kaggle", ["Tesla P100-PCIE-16GB", "Tesla T4"], [1], "x86_64"),
  ])
  func cloudInstances(_ query: String, _ gpus: [String], _ counts: [Int], _ machine: String) throws {
    let matches = try GPUCatalogue.resolveAll(query, in: .shipped)
    #expect(matches.map { $0.device(tables: .shipped).name } == gpus)
    #expect(matches.first?.instance?.counts == counts)
    #expect(matches.first?.device(tables: .shipped).machine == machine)
    #expect(matches.first?.instance?.instance == query.lowercased().replacing("standard_", with: ""))
  }

  @Test(arguments: ["g5", "g5.", "a2-highgpu-g", "a2-highgpu-0g", "a2-highgpu-xg", "standard_", "m5.xlarge"])
  func otherInstances(_ query: String) {
    let matches = try? GPUCatalogue.resolveAll(query, in: .shipped)
    #expect(matches?.contains { $0.instance != nil } != true)
  }

  @Test func anAmbiguousNameNamesAllGenerations() {
    let error = #expect(throws: GPUCatalogue.Failure.self) {
      try GPUCatalogue.resolve("RTX 6000", in: .shipped)
    }
    let text = error?.description ?? ""
    for part in ["7.5: Quadro RTX 6000", "8.9: NVIDIA RTX 6000 Ada Generation", "12.0: NVIDIA RTX PRO 6000"] {
      #expect(text.contains(part), "\(text)")
    }
  }

  @Test(arguments: [
    ("RTX 4091", "NVIDIA GeForce RTX 4090"), ("H101", "NVIDIA H100"), ("Tesla T5", "Tesla T4"),
    ("RTX 1080", "NVIDIA GeForce GTX 1080"), ("Jetson Oron", "Jetson Orin NX"),
    ("4090 Ti", "NVIDIA GeForce RTX 4090"),
    ("gefroce rtx 4080", "NVIDIA GeForce RTX 4080"), ("A1000000", "NVIDIA RTX A1000"), ("89", "8.9"),
    ("120", "12.0"),
  ])
  func listsNearNames(_ query: String, _ expected: String) {
    do throws(GPUCatalogue.Failure) {
      let match = try GPUCatalogue.resolve(query, in: .shipped)
      Issue.record("\(query) is \(match.computeCapability)")
    } catch {
      guard case .unknown(query, let nearest) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(nearest.contains(expected), "\(nearest)")
      #expect(nearest.count <= 5)
      #expect(error.description.contains(expected))
    }
  }

  @Test(arguments: [
    "", "   ", "NVIDIA", "MIG", "GPU", "!!!", "zzzzzzzz", "Radeon RX 7900 XTX", "sm_", "sm_9x", "8.",
    "\u{1B}[31m", "8x", "10de:", "10de:zzzz", "10de:ffff", "1002:2b85", "RTX 90 series", "8.0x",
    "-16Q",
  ])
  func refuses(_ query: String) {
    let error = #expect(throws: GPUCatalogue.Failure.self) { try GPUCatalogue.resolve(query, in: .shipped) }
    guard case .unknown = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func nothingIsNearToAWordOfAnotherKind() {
    for query in ["nope", "voodoo", "graphics card"] {
      let error = #expect(throws: GPUCatalogue.Failure.self) {
        try GPUCatalogue.resolve(query, in: .shipped)
      }
      #expect(error == .unknown(query: query, nearest: []), "\(String(describing: error))")
    }
  }

  @Test func severalInOneText() {
    #expect(GPUCatalogue.queries(in: "A100, 8 x H100,sm_90") == ["A100", "8 x H100", "sm_90"])
    #expect(GPUCatalogue.queries(in: "RTX 4090") == ["RTX 4090"])
    for text in ["", " ", ",", " , ,"] { #expect(GPUCatalogue.queries(in: text) == []) }
  }

  /// Names that a table of nvidia-smi has cut.
  @Test(arguments: [
    ("GeForce GTX 108", "6.1"), ("Tesla V100-SXM2", "7.0"), ("NVIDIA GeForce RTX 4070 ", "8.9"),
    ("NVIDIA A100-SXM", "8.0"), ("NVIDIA A100 80G", "8.0"), ("GeForce RTX 208", "7.5"),
    ("Quadro RTX 600", "7.5"), ("NVIDIA GeForce RTX 5090", "12.0"),
  ])
  func cutNames(_ start: String, _ computeCapability: String) throws {
    let match = try GPUCatalogue.resolve(start: start, in: .shipped)
    #expect(match.computeCapability.description == computeCapability, "\(match.gpus.map(\.name))")
    #expect(!match.gpus.isEmpty)
  }

  @Test func aNameThatIsCutTooSoonIsAmbiguous() {
    for start in ["NVIDIA GeForce", "NVIDIA RTX ", "Quadro"] {
      let error = #expect(throws: GPUCatalogue.Failure.self) {
        try GPUCatalogue.resolve(start: start, in: .shipped)
      }
      guard case .ambiguous = error else {
        Issue.record("\(start): \(String(describing: error))")
        continue
      }
    }
    #expect(throws: GPUCatalogue.Failure.unknown(query: "Voodoo", nearest: [])) {
      try GPUCatalogue.resolve(start: "Voodoo", in: .shipped)
    }
  }

  @Test func everyProductResolvesByItsOwnName() {
    for gpu in GPUCatalogue.shipped.gpus where gpu.segment != .label {
      if gpu.name == "NVIDIA GeForce GPU" { continue }  // no word of its own
      do throws(GPUCatalogue.Failure) {
        let match = try GPUCatalogue.resolve(gpu.name, in: .shipped)
        #expect([match.computeCapability] == gpu.computeCapabilities, "\(gpu.name)")
        #expect(match.gpus.contains(gpu), "\(gpu.name): \(match.gpus.map(\.name))")
      } catch {
        #expect(gpu.computeCapabilities.count > 1, "\(error)")
      }
    }
  }

  @Test func searchLists() {
    let catalogue = GPUCatalogue.shipped
    #expect(catalogue.search(by: .shipped).count == catalogue.gpus.count)
    #expect(catalogue.search("h100", by: .shipped).contains { $0.name == "NVIDIA H100 NVL" })
    #expect(
      catalogue.search("a100", by: .shipped).allSatisfy {
        !$0.name.contains("A1000") || $0.name.contains("A100")
      })
    #expect(
      catalogue.search("9.0", by: .shipped).allSatisfy { $0.computeCapabilities == [ComputeCapability(9, 0)] }
    )
    #expect(catalogue.search("Hopper", by: .shipped) == catalogue.search("sm_90a", by: .shipped))
    #expect(catalogue.search("rtx 40", by: .shipped).contains { $0.name == "NVIDIA GeForce RTX 4080" })
    #expect(catalogue.search("spark", by: .shipped).contains { $0.name == "NVIDIA GB10" })
    // Another chip has the label; the product is meant.
    for name in ["GT 1030", "GTX 750 Ti"] {
      #expect(Set(catalogue.search(name, by: .shipped).flatMap(\.computeCapabilities)).count == 1, "\(name)")
    }
    #expect(catalogue.search("nothing like it", by: .shipped).isEmpty)
  }
}
