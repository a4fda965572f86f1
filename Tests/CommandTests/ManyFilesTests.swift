import FixtureSupport
import JSONSchemaSupport
import Testing

/// Folders of device code files, as packages ship them by the thousand.
struct ManyFilesTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func table(_ arguments: String...) throws -> [String] {
    let run = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
    return run.text.split(separator: "\n", omittingEmptySubsequences: false).prefix { !$0.isEmpty }.map(
      String.init)
  }

  @Test func filesWithTheSameVerdictsShareARow() throws {
    for number in 10..<40 {
      // Different contents, so that none is another's alias.
      try tree.write(CubinBuilder("sm_90").bytes + [UInt8(number)], to: "hopper/k\(number).cubin")
      try tree.write(CubinBuilder("sm_100").bytes + [UInt8(number)], to: "hopper/m\(number).cubin")
    }
    for number in 1...3 {
      try tree.write(CubinBuilder("sm_90").bytes + [0, UInt8(number)], to: "few/\(number).cubin")
    }
    let rows = try table("scan", ".", "--gpu", "9.0", "--gpu", "10.0").dropFirst()
    #expect(rows.filter { $0.hasPrefix("few/") }.count == 3)
    let folded = rows.filter { $0.hasPrefix("hopper") }
    #expect(folded.count == 2)
    #expect(folded.allSatisfy { $0.contains("hopper: 30 cubin files") && $0.contains("30  ") })
    #expect(folded.first?.contains("✓") == true && folded.first?.contains("✗") == true)
  }

  @Test func filesOfOneSizeAreNotComparedPairByPair() throws {
    let count = 300
    let contents = CubinBuilder("sm_90").bytes
    for number in 0..<count {
      try tree.write(contents + [UInt8(number & 0xFF), UInt8(number >> 8)], to: "k\(number).cubin")
    }
    try tree.write(contents + [7, 0], to: "twin.cubin")
    let run = try Program.run(["scan", ".", "-o", "json"].map { Array($0.utf8) }, in: tree.path)
    let document = try run.document()
    #expect(document["summary"]?["librariesWithDeviceCode"] == .integer(count))
    guard case .integer(let bytesRead)? = document["summary"]?["bytesRead"] else {
      Issue.record("bytesRead is no number")
      return
    }
    // Each file a few times, not once for every other file.
    #expect(bytesRead < count * contents.count * 10)
  }

  /// A process may have a few open files only, and a root file system has thousands of libraries.
  @Test func filesAreClosedWhenTheyWereRead() throws {
    for number in 10..<90 {
      try tree.write(ELFBuilder().bytes + [UInt8(number)], to: "lib\(number).so")
    }
    let run = try Program.shell("ulimit -n 50 && \"$0\" scan . --jobs 2", in: tree.path)
    #expect(run.status == 0)
    #expect(run.messages == "")
  }

  @Test func manyNamesOfOneFileAreCounted() throws {
    try tree.write(CubinBuilder("sm_90").bytes, to: "a.cubin")
    for number in 10..<40 { try tree.hardLink("b\(number).cubin", to: "a.cubin") }
    let rows = try table("scan", ".", "--gpu", "9.0")
    #expect(
      rows.filter { $0.hasPrefix("  = ") } == ["b10", "b11", "b12", "b13"].map { "  = \($0).cubin" } + [
        "  = 26 more"
      ])
  }

  @Test func whoForgetsTheCommandIsTold() throws {
    try tree.write([], to: "lib/a.so")
    let run = try Program.run(["lib"].map { Array($0.utf8) }, in: tree.path)
    #expect(run.status == 2)
    #expect(run.messageLines.contains("cubinspect: To scan it: cubinspect scan 'lib'"))
  }
}
