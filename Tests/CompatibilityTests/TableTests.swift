import Compatibility
import Testing

/// What is true of the program's own tables, besides what `TableSet.problems` asks of all tables.
@Suite struct TableTests {
  let architectures = ArchitectureTable.shipped
  let drivers = DriverTable.shipped
  let catalogue = GPUCatalogue.shipped

  @Test func currentMeansStillSupported() {
    for row in architectures.rows {
      let supported = row.lastToolkit == nil && row.lastDriver == nil && row.confirmed != false
      #expect(row.current == supported, "\(row.computeCapability)")
      if row.current { #expect(row.examples != nil, "\(row.computeCapability)") }
    }
  }

  @Test func minimumDrivers() {
    #expect(drivers.compression.map(\.compression) == ["zstd"])
    #expect(drivers.compression.first?.minimumDriver.description == "550.54.14")
    #expect(
      drivers.minorVersionCompatibility.map { "\($0.cudaMajor) \($0.minimumDriver)" }
        == ["11 450.80.02", "12 525.60.13", "13 580.65.06"])
  }

  @Test func everyCurrentGenerationHasAProduct() {
    for computeCapability in ArchitectureTable.shipped.current {
      #expect(
        catalogue.gpus.contains { $0.computeCapabilities == [computeCapability] }, "\(computeCapability)")
    }
  }

  @Test func everyFamilyIsATargetOfPTX() {
    let introduced = drivers.ptxISA.flatMap { $0.newTargets ?? [] }
    for family in architectures.families { #expect(introduced.contains("sm_\(family.target)f")) }
  }

  @Test func everyBranchCompilesPTX() {
    for branch in drivers.branches {
      #expect(DriverVersion.branch(branch.branch).newestPTXISA(by: .shipped) != nil, "\(branch.branch)")
    }
  }
}
