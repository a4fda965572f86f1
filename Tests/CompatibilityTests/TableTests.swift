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

@Suite struct TableDateTests {
  @Test func days() throws {
    // By `date -d 2026-11-29 +%s`.
    for (text, days) in [
      ("1970-01-01", 0), ("1970-03-01", 59), ("2000-02-29", 11016), ("2000-03-01", 11017),
      ("2024-12-31", 20088),
      ("2026-11-29", 20786), ("2100-03-01", 47541),
    ] {
      let date = try #require(TableDate(text))
      #expect(date.daysSince1970 == days)
      #expect(date.description == text)
    }
    #expect(try #require(TableDate("2026-11-29")) < #require(TableDate("2026-12-01")))
    #expect(try #require(TableDate("2025-12-31")) < #require(TableDate("2026-01-01")))
    for text in [
      "", "2026", "2026-1-01", "2026-13-01", "2026-00-10", "2026-01-32", "2026-01-+1", "20261129",
      "２026-11-29",
    ] {
      #expect(TableDate(text) == nil)
    }
  }
}
