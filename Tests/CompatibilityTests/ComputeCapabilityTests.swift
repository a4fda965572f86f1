import Compatibility
import DeviceCode
import Testing

@Suite struct ComputeCapabilityTests {
  @Test func readsAndPrints() {
    #expect(ComputeCapability("8.0") == ComputeCapability(8, 0))
    #expect(ComputeCapability("12.1") == ComputeCapability(12, 1))
    #expect(ComputeCapability(12, 1).description == "12.1")
    #expect(ComputeCapability(CodeTarget(121, .architectureSpecific)) == ComputeCapability(12, 1))
    #expect(ComputeCapability(10, 3).target == CodeTarget(103))
  }

  @Test(arguments: [
    "", "8", "8.", ".0", "8.0.0", "8.10", "-8.0", "8.-1", "+8.0", "a.b", "0.0", "8.0 ", "99999.1",
  ])
  func refuses(_ text: String) {
    #expect(ComputeCapability(text) == nil)
  }

  @Test func ordersByMajorThenMinor() {
    #expect(ComputeCapability(8, 9) < ComputeCapability(9, 0))
    #expect(ComputeCapability(9, 0) < ComputeCapability(10, 0))
    #expect(ComputeCapability(10, 0) < ComputeCapability(10, 3))
  }

  @Test func knowsTegraAndNames() {
    let tegra = ["3.2", "5.3", "6.2", "7.2", "8.7", "10.1", "11.0"]
    let table = ArchitectureTable.shipped
    #expect(table.rows.map(\.computeCapability).filter(table.isTegra).map(\.description) == tegra)
    #expect(table[ComputeCapability(9, 0)]?.architecture == "Hopper")
    #expect(table[ComputeCapability(13, 4)] == nil)
    #expect(!table.isTegra(ComputeCapability(13, 4)))
  }

  @Test func currentGenerations() {
    #expect(
      ArchitectureTable.shipped.current.map(\.description)
        == ["7.5", "8.0", "8.6", "8.7", "8.9", "9.0", "10.0", "10.3", "10.7", "11.0", "12.0", "12.1"])
  }
}
