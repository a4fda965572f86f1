import FixtureSupport
import JSONSchemaSupport
import Testing

/// Folders of device code files, as packages ship them by the thousand.
struct ManyFilesTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  /// The table of a report, with its heading.
  private func table(_ arguments: String...) throws -> [String] {
    let run = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
    return run.text.split(separator: "\n", omittingEmptySubsequences: false)
      .drop { !$0.hasPrefix("library") && !$0.hasPrefix("package") }.prefix { !$0.isEmpty }.map(String.init)
  }

  /// No part of an answer grows with the number of packages that it is about.
  @Test func manyPackagesAreAFewLines() throws {
    for number in 0..<200 {
      let code = FatBinaryBuilder([.ptx("compute_80", isa: (8, 7))])
      try tree.write(ELFBuilder(fatBinaries: [code]).bytes + [UInt8(number)], to: "env/p\(number)/lib.so")
      try tree.distribution("p\(number)", "1.0", in: "env/")
    }
    let run = try Program.run("scan", "env", "--gpu", "A100", "--driver", "535", in: tree.path)
    #expect(
      run.text.contains("the PTX of p0 1.0, the PTX of p1 1.0, the PTX of p10 1.0 and 197 others ask for it"))
    #expect(run.text.split(separator: "\n").count <= 70, "\(run.text)")
    for format in ["short", "markdown"] {
      let run = try Program.run(
        "scan", "env", "--gpu", "A100", "--driver", "535", "-o", format, in: tree.path)
      #expect(run.text.split(separator: "\n").allSatisfy { $0.count < 600 }, "\(format)")
    }
  }

  @Test func filesWithTheSameVerdictsShareARow() throws {
    func write(_ target: Target, _ number: Int, to name: String) throws {
      // Different contents, so that none is another's alias.
      try tree.write(Array((PTXText.text(target) + "// \(number)\n").utf8), to: name)
    }
    for number in 10..<40 {
      try write("compute_90", number, to: "hopper/k\(number).ptx")
      try write("compute_100", number, to: "hopper/m\(number).ptx")
    }
    for number in 1...3 { try write("compute_90", number + 100, to: "few/\(number).ptx") }
    let rows = try table("scan", ".", "--gpu", "9.0", "--gpu", "10.0").dropFirst()
    #expect(rows.filter { $0.hasPrefix("few/") }.count == 3)
    let folded = rows.filter { $0.hasPrefix("hopper") }
    #expect(folded.count == 2)
    #expect(folded.allSatisfy { $0.contains("hopper: 30 ptx files") && $0.contains("30  ") })
    #expect(folded.first?.contains("✓*") == true && folded.first?.contains("✗") == false)
    #expect(folded.last?.contains("✗") == true)
  }

  /// A program picks among cubin files: those of a folder run where some run. One that is named is judged by itself.
  @Test func cubinFilesAreAlternatives() throws {
    for number in 10..<20 {
      try tree.write(CubinBuilder("sm_90a").bytes + [UInt8(number)], to: "kernels/k\(number).cubin")
      try tree.write(CubinBuilder("sm_100").bytes + [UInt8(number)], to: "kernels/m\(number).cubin")
    }
    try tree.write(CubinBuilder("sm_80").bytes, to: "single/a.cubin")
    let runs = try Program.run("scan", "kernels", "--gpu", "9.0", "--gpu", "10.3", "--details", in: tree.path)
    #expect(runs.status == 0)
    #expect(runs.text.contains("✓ compute capability 9.0: yes\n"))
    #expect(
      runs.text.contains(
        "note: . (20 cubin files) have 10 for compute capability 9.0 and compute capability 10.3; the others are taken to be for other GPUs"
      ))
    let older = try Program.run("scan", "kernels", "--gpu", "9.0", "--gpu", "8.0", "--details", in: tree.path)
    #expect(older.status == 1)
    #expect(older.text.contains("✗ incompatible on compute capability 8.0: . (20 cubin files)"))
    #expect(older.text.contains("it carries sm_90a sm_100"))
    let named = try Program.run(
      "scan", "kernels/k10.cubin", "kernels/m10.cubin", "--gpu", "9.0", in: tree.path)
    #expect(named.status == 1)
    #expect(named.text.contains("✗ compute capability 9.0: no. "))
    let single = try Program.run("scan", "single", "kernels", "--gpu", "9.0", in: tree.path)
    #expect(single.status == 1)
    #expect(single.text.contains("single:\n✗ compute capability 9.0: no. "))

    let document = try Program.run("scan", "kernels", "--gpu", "8.0", "-o", "json", in: tree.path).document()
    let library = document.libraries.first
    #expect(document.libraries.count == 1)
    #expect(library?["files"]?.elements?.count == 20)
    #expect(library?["path"] == .string(""))
    #expect(library?["files"]?.elements?.first?["target"] == .string("sm_90a"))
    let uncovered = library?["verdicts"]?.elements?.first?["uncovered"]?.elements
    #expect(uncovered?.map { $0["modules"] } == [.integer(10), .integer(10)])
  }

  /// One cubin with the right target keeps a promise.
  @Test func requirementsOfAlternatives() throws {
    try tree.write(CubinBuilder("sm_90").bytes, to: "kernels/a.cubin")
    try tree.write(CubinBuilder("sm_100").bytes, to: "kernels/b.cubin")
    #expect(try Program.run("scan", "kernels", "--require", "sm_90,sm_100", in: tree.path).status == 0)
    #expect(try Program.run("scan", "kernels", "--require", "sm_80", in: tree.path).status == 1)
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
    #expect(document.libraries.count == 1)
    #expect(document["summary"]?["librariesWithDeviceCode"] == .integer(count))
    #expect(document.libraries.first?["files"]?.elements?.count == count)
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
