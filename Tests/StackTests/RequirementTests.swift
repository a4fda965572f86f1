import Compatibility
import FuzzSupport
import Stack
import StackFixtures
import Testing

@Suite struct RequirementTests {
  let host = Requirement.Host(cuda: "12.4", driver: "550.54.14", arch: "8.0", brand: "Nvidia")

  private func evaluate(_ text: String) -> Requirement.Outcome { Requirement(text).evaluate(on: host) }

  private func holds(_ text: String) -> Bool? {
    switch evaluate(text) {
    case .satisfied: true
    case .unsatisfied: false
    case .malformed: nil
    }
  }

  @Test(arguments: [
    ("cuda=12.4", true), ("cuda=12.3", false), ("cuda!=12.4", false), ("cuda!=12.3", true),
    ("cuda<12.4", false), ("cuda<12.5", true), ("cuda<=12.4", true), ("cuda<=12.3", false),
    ("cuda>12.4", false), ("cuda>12.3", true), ("cuda>=12.4", true), ("cuda>=12.5", false),
    // A lone exclamation mark is read as `!=`.
    ("cuda!12.3", true), ("cuda!12.4", false),
  ])
  func operators(_ text: String, _ expected: Bool) {
    #expect(holds(text) == expected)
  }

  @Test(arguments: [
    ("cuda=12.4.0", true), ("cuda=12.4.0.0", true), ("cuda=12.40", false), ("cuda>=12", true),
    ("cuda=12", false), ("cuda>12", true), ("cuda<13", true), ("cuda=12.04", true), ("cuda=12..4", true),
    ("cuda=12.4.", true), ("driver>=550,driver<551", true), ("driver>=550.54.14", true),
    ("driver>=550.54.15", false), ("driver>=550.100", false), ("arch=8", true), ("arch>=9.0", false),
    ("CUDA>=12.4", true), ("Brand=NVIDIA", true),
  ])
  func versions(_ text: String, _ expected: Bool) {
    #expect(holds(text) == expected)
  }

  @Test func spacesAreOrAndCommasAreAnd() {
    #expect(holds("cuda>=13.0 cuda>=12.0") == true)
    #expect(holds("cuda>=13.0 cuda<12.0") == false)
    #expect(holds("cuda>=12.0,arch>=9.0") == false)
    #expect(holds("cuda>=12.0,arch>=8.0") == true)
    #expect(holds("cuda>=12.0,arch>=9.0 brand=nvidia") == true)
    #expect(holds("  cuda>=12.0  ,, ") == true)
    #expect(holds("") == true)
    #expect(holds(" ") == true)
    #expect(holds(",") == true)
    // An alternative of commas alone ends the search with what came before it.
    #expect(holds("cuda>=13.0 , cuda>=12.0") == false)
  }

  @Test func brands() {
    #expect(holds("brand=nvidia") == true)
    #expect(holds("brand=geforce") == false)
    #expect(holds("brand!=geforce") == true)
    #expect(holds("brand!=NVIDIA") == false)
    for comparison in ["<", "<=", ">", ">="] { #expect(holds("brand\(comparison)tesla") == nil) }
  }

  @Test(arguments: [
    "cuda", "cuda>=", ">=12.0", "=", "cuda==12.4", "cuda=>12.4", "cuda<>12.4", "cuda>=x", "cuda>=12.x",
    "cuda>=.5",
    "cuda>=v12", "memory>=4", "cuda\t>=12", "cuda>=18446744073709551615", "cuda>=99999999999999999999",
    "cuda>=13.0 gpu=1", "cuda>=12.0,gpu=1",
  ])
  func malformed(_ text: String) {
    #expect(holds(text) == nil)
  }

  @Test func whatIsNotReachedIsNotRead() {
    #expect(holds("cuda>=12.0 nonsense") == true)
    #expect(holds("cuda>=13.0,nonsense cuda>=12.0") == true)
    #expect(evaluate("cuda>=13.0 nonsense") == .malformed("nonsense"))
  }

  @Test func longConditions() {
    // "cuda >= " takes 8 of the 127 bytes.
    #expect(holds("cuda>=13." + String(repeating: "0", count: 116)) == false)
    #expect(holds("cuda>=13." + String(repeating: "0", count: 117)) == nil)
    #expect(holds("cuda>=12." + String(repeating: "0", count: 117)) == true)
  }

  @Test func alternativesAreTriedInOrder() {
    // What two alternatives say together follows from what each says alone.
    var generator = SeededGenerator(seed: 3)
    let parts = [
      "cuda", "driver", "arch", "brand", "gpu", "<", ">=", "=", "!", "12.4", "550", "8.0", "nvidia", ",",
      ".5",
    ]
    func alternative() -> String {
      let count = Int.random(in: 1...6, using: &generator)
      return (0..<count).map { _ in parts[Int.random(in: parts.indices, using: &generator)] }.joined()
    }
    for _ in 0..<20_000 {
      let (first, second) = (alternative(), alternative())
      guard second.contains(where: { $0 != "," }) else { continue }
      let expected = holds(first) == false ? holds(second) : holds(first)
      #expect(holds("\(first) \(second)") == expected, "\(first) \(second)")
    }
  }

  @Test func unknownFactsPass() {
    let nobody = Requirement.Host()
    for text in ["cuda>=99", "driver>=999", "arch>=99.0", "brand=none", "brand>none"] {
      #expect(Requirement(text).evaluate(on: nobody) == .satisfied)
    }
    #expect(Requirement("memory>=4").evaluate(on: nobody) == .malformed("memory>=4"))
  }

  @Test func failuresNameTheirTerms() {
    guard
      case .unsatisfied(let failure) = evaluate("cuda>=13.0 brand=tesla,driver>=535 driver>=535,driver<536")
    else {
      Issue.record("satisfied")
      return
    }
    #expect(failure.alternative == "cuda>=13.0")
    #expect(failure.conditions == ["cuda>=13.0", "brand=tesla", "driver<536"])
    #expect(
      failure.description
        == "unsatisfied condition: cuda>=13.0, please update your driver to a newer version, or use an earlier cuda container"
    )
    guard case .unsatisfied(let other) = evaluate("arch>=9.0 cuda>=13.0") else {
      Issue.record("satisfied")
      return
    }
    #expect(other.description == "unsatisfied condition: arch>=9.0")
  }

  @Test func factsOfADriver() {
    let release = Requirement.Host(
      driver: DriverVersion("460.32.03"), computeCapability: ComputeCapability(8, 0), brand: nil, by: .shipped
    )
    #expect(release == Requirement.Host(cuda: "11.2", driver: "460.32.03", arch: "8.0"))
    let cuda = Requirement.Host(
      driver: .cuda(CUDAVersion(12, 2)), computeCapability: nil, brand: nil, by: .shipped)
    #expect(cuda.cuda == "12.2")
    #expect(Requirement("driver>=535,driver<536").evaluate(on: cuda) == .satisfied)
    #expect(Requirement("driver>=470,driver<471").evaluate(on: cuda) != .satisfied)
    let branch = Requirement.Host(driver: .branch(535), computeCapability: nil, brand: nil, by: .shipped)
    #expect(Requirement("driver>=535.104.05,driver<536").evaluate(on: branch) == .satisfied)
  }
}

/// The strings of published CUDA images, on hosts whose answer is known.
@Suite struct PublishedRequirementTests {
  let images = PublishedImages.shared.images

  @Test func thereAreImagesFromTenToThirteen() {
    let versions = Set(images.map(\.cuda))
    #expect(versions.count == 21)
    #expect(versions.min() == "10.2")
    #expect(versions.isSuperset(of: ["11.8", "12.8", "13.0", "13.1"]))
  }

  @Test func everyImageTakesADriverOfItsCUDA() {
    for image in images {
      for brand in ["GeForce", "Nvidia", "Unknown"] {
        let host = Requirement.Host(cuda: image.cuda, driver: "999.10", arch: "7.5", brand: brand)
        #expect(Requirement(image.requirement).evaluate(on: host) == .satisfied, "\(image.image)")
      }
      let old = Requirement.Host(cuda: "9.0", driver: "384.81", arch: "7.0", brand: "Tesla")
      guard case .unsatisfied(let failure) = Requirement(image.requirement).evaluate(on: old) else {
        Issue.record("\(image.image) takes a driver of CUDA 9.0")
        continue
      }
      #expect(failure.alternative == "cuda>=\(image.cuda)")
    }
  }

  @Test func theCompatibleBranchesAreThoseOfTheTable() throws {
    // Every older branch that an image admits for data-centre GPUs is one of the package's hosts.
    for row in ToolkitTable.shipped.forwardCompatibility {
      let own = images.filter { $0.cuda == row.cuda.description }
      guard !own.isEmpty else { continue }
      let admitted = DriverTable.shipped.branches.map(\.branch).filter { branch in
        let cuda = DriverVersion.branch(branch).maxCUDA(by: .shipped)
        guard let cuda, cuda < row.cuda else { return false }
        return own.contains { image in
          ["Tesla", "Nvidia"].contains { brand in
            let host = Requirement.Host(
              cuda: cuda.description, driver: "\(branch).10", arch: "8.0", brand: brand)
            return Requirement(image.requirement).evaluate(on: host) == .satisfied
          }
        }
      }
      // Images of 11.2 and 11.3 admit every later driver, by minor-version compatibility.
      let others = admitted.filter { !row.hosts.contains($0) }
      #expect(
        others.allSatisfy { DriverVersion.branch($0).maxCUDA(by: .shipped)?.major == row.cuda.major },
        "\(row.cuda): \(admitted)")
      #expect(!admitted.isEmpty || row.cuda == CUDAVersion(10, 2), "\(row.cuda)")
    }
  }

  @Test func geForceNeedsTheDriverSinceTwelveSix() throws {
    func outcomes(_ cuda: String, _ brand: String) -> Set<Bool> {
      Set(
        images.filter { $0.cuda == cuda }.map { image in
          let host = Requirement.Host(cuda: "12.2", driver: "535.183.01", arch: "8.6", brand: brand)
          return Requirement(image.requirement).evaluate(on: host) == .satisfied
        })
    }
    #expect(outcomes("12.4", "GeForce") == [true])
    #expect(outcomes("12.8", "GeForce") == [false])
    #expect(outcomes("12.8", "NvidiaRTX") == [true])
    #expect(outcomes("13.1", "Tesla") == [true])
    #expect(outcomes("13.1", "GeForce") == [false])
  }
}
