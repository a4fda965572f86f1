import Compatibility
import DeviceCode
import Testing

@Suite struct TableTests {
  let architectures = ArchitectureTable.shared
  let drivers = DriverTable.shared
  let catalogue = GPUCatalogue.shared

  @Test func everyRowHasASource() {
    #expect(architectures.rows.count == 28)
    #expect(catalogue.gpus.count > 900)
    let architectureSources =
      architectures.rows.map(\.source) + architectures.families.map(\.source)
      + architectures.renumbered.map(\.source)
    let driverSources =
      drivers.branches.map(\.source) + drivers.ptxISA.map(\.source)
      + drivers.compression.map(\.source) + drivers.minorVersionCompatibility.map(\.source)
    for (used, sources) in [
      (architectureSources, architectures.sources), (driverSources, drivers.sources),
      (catalogue.gpus.map(\.source), catalogue.sources),
    ] {
      #expect(Set(used) == Set(sources.indices), "every index exists and every source is used")
      #expect(sources.allSatisfy { $0.count > 10 })
      #expect(Set(sources).count == sources.count)
    }
  }

  @Test func computeCapabilitiesAreOrderedAndUnique() {
    let list = architectures.rows.map(\.computeCapability)
    #expect(list == Array(Set(list)).sorted())
  }

  @Test func tegraHasNoDesktopDriverRange() {
    for row in architectures.rows {
      #expect((row.firstDriver == nil) == row.tegra, "\(row.computeCapability)")
      if row.tegra { #expect(row.lastDriver == nil) }
      if let first = row.firstDriver, let last = row.lastDriver { #expect(first <= last) }
      if let last = row.lastToolkit { #expect(row.firstToolkit <= last) }
    }
  }

  @Test func currentMeansStillSupported() {
    for row in architectures.rows {
      let supported = row.lastToolkit == nil && row.lastDriver == nil && row.confirmed != false
      #expect(row.current == supported, "\(row.computeCapability)")
      if row.current { #expect(row.examples != nil, "\(row.computeCapability)") }
    }
  }

  @Test func driversRunWhatTheirToolkitsCompileFor() throws {
    // A branch that supports a GPU supports a CUDA version that compiles for it.
    for row in architectures.rows {
      guard let first = row.firstDriver, first >= 340 else { continue }
      let cuda = try #require(DriverVersion.branch(first).maxCUDA)
      #expect(cuda >= row.firstToolkit, "\(row.computeCapability)")
      if let last = row.lastDriver { #expect(drivers.branches.contains { $0.branch == last }) }
    }
  }

  @Test func familiesStayInTheirMajorVersion() {
    for family in architectures.families {
      let own = ComputeCapability(CodeTarget(family.target))
      #expect(family.members.first == own)
      #expect(family.members == family.members.sorted())
      for member in family.members {
        #expect(member.major == own.major)
        #expect(member.isTegra == own.isTegra)
        #expect(member.isKnown)
      }
    }
    // A later member's family is the rest of the earlier one's.
    for family in architectures.families {
      for member in family.members {
        let later = architectures.families.first { $0.target == member.number }
        #expect(later?.members == family.members.filter { $0 >= member })
      }
    }
  }

  @Test func renumberingsJoinTegras() {
    #expect(architectures.renumbered.count == 1)
    for row in architectures.renumbered {
      #expect(row.from.isTegra && row.to.isTegra)
      #expect(architectures[row.to]?.firstToolkit == row.sinceToolkit)
      #expect(architectures[row.from]?.lastToolkit.map { $0 < row.sinceToolkit } == true)
    }
  }

  @Test func driverBranchesGrow() {
    for (earlier, later) in zip(drivers.branches, drivers.branches.dropFirst()) {
      #expect(earlier.branch < later.branch)
      #expect(earlier.maxCUDA <= later.maxCUDA)
    }
  }

  @Test func driverBranchesHaveNoGaps() throws {
    // Every CUDA version of the PTX table from 7.0 up to the newest branch belongs to a branch, and every branch's
    // CUDA version has a PTX ISA version.
    let newest = try #require(drivers.branches.last?.maxCUDA)
    let known = Set(drivers.ptxISA.compactMap(\.cuda))
    let covered = Set(drivers.branches.map(\.maxCUDA))
    #expect(covered.isSubset(of: known))
    #expect(known.filter { $0 >= CUDAVersion(7, 0) && $0 <= newest }.isSubset(of: covered))
    for branch in drivers.branches {
      #expect(DriverVersion.branch(branch.branch).newestPTXISA != nil, "\(branch.branch)")
    }
  }

  @Test func ptxISAVersionsGrow() {
    for (earlier, later) in zip(drivers.ptxISA, drivers.ptxISA.dropFirst()) {
      #expect(earlier.ptxISA <= later.ptxISA)
      if let old = earlier.cuda, let new = later.cuda { #expect(old < new) }
      if let old = earlier.driver, let new = later.driver { #expect(old < new) }
    }
    var introduced: Set<String> = []
    for row in drivers.ptxISA {
      for target in row.newTargets ?? [] {
        #expect(CodeTarget(target) != nil)
        #expect(introduced.insert(target).inserted, "\(target) is introduced once")
      }
    }
    for family in architectures.families { #expect(introduced.contains("sm_\(family.target)f")) }
  }

  @Test func theBranchOfAPTXVersionSupportsItsCUDA() {
    for row in drivers.ptxISA {
      guard let branch = row.driver, let cuda = row.cuda, branch >= 340 else { continue }
      // The PTX table names internal branches too (400 for CUDA 10.0): the next public one supports it.
      let own = drivers.branches.first { $0.branch >= branch }
      #expect(own?.maxCUDA == cuda, "PTX \(row.ptxISA)")
    }
  }

  @Test func minimumDrivers() {
    #expect(drivers.compression.map(\.compression) == ["zstd"])
    #expect(drivers.compression.first?.minimumDriver.description == "550.54.14")
    #expect(
      drivers.minorVersionCompatibility.map { "\($0.cudaMajor) \($0.minimumDriver)" }
        == ["11 450.80.02", "12 525.60.13", "13 580.65.06"])
    for row in drivers.minorVersionCompatibility {
      #expect(row.minimumDriver.maxCUDA == CUDAVersion(row.cudaMajor, 0))
    }
  }

  @Test func everyGPUHasAKnownComputeCapability() {
    for gpu in catalogue.gpus {
      #expect(!gpu.computeCapabilities.isEmpty)
      #expect(gpu.computeCapabilities == gpu.computeCapabilities.sorted())
      for computeCapability in gpu.computeCapabilities { #expect(computeCapability.isKnown, "\(gpu.name)") }
      #expect(gpu.pciIDs.allSatisfy { $0.count == 4 && UInt16($0, radix: 16) != nil }, "\(gpu.name)")
      let areTegra = gpu.computeCapabilities.contains { $0.isTegra }
      if gpu.segment == .jetson { #expect(areTegra, "\(gpu.name)") }
      if areTegra { #expect([.jetson, .label].contains(gpu.segment), "\(gpu.name)") }
      if gpu.segment == .label { #expect(!gpu.isConfirmed) }
    }
  }

  @Test func everyCurrentGenerationHasAProduct() {
    for computeCapability in ComputeCapability.current {
      #expect(
        catalogue.gpus.contains { $0.computeCapabilities == [computeCapability] }, "\(computeCapability)")
    }
  }

  @Test func productNamesAreUnique() {
    let names = catalogue.gpus.filter { $0.segment != .label }.map(\.name)
    #expect(Set(names).count == names.count)
  }
}
