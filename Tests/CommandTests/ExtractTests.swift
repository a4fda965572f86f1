import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// What `extract` writes, where, and what it leaves alone.
struct ExtractTests {
  let tree: TemporaryTree
  private let image = CubinBuilder("sm_80").bytes
  private let text = Array(PTXText.text("compute_80").utf8)

  init() throws {
    tree = try TemporaryTree()
    try library("lib.so")
  }

  /// A library with the images ``image`` and ``text``, and one more that does not decompress.
  private func library(_ name: String) throws {
    try tree.write(Self.bytes, to: name)
  }

  private static let bytes = ELFBuilder(fatBinaries: [
    FatBinaryBuilder("sm_80", "compute_80"), FatBinaryBuilder([.cubin("sm_90", .zstd)]),
  ]).bytes

  private func extract(_ arguments: String...) throws -> Program.Outcome {
    try Program.run((["extract"] + arguments).map { Array($0.utf8) }, in: tree.path)
  }

  @Test func writesWhatDecompresses() throws {
    let run = try extract("lib.so", "--into", "out")
    #expect(run.status == 2)
    #expect(run.messageLines.count == 1)
    #expect(run.messages.contains("lib.so: zstd payload: does not decompress"))
    #expect(tree.names(in: "out") == ["lib.0000.sm_80.cubin", "lib.0001.compute_80.ptx"])
    #expect(fileContents(tree("out/lib.0000.sm_80.cubin")) == image)
    #expect(fileContents(tree("out/lib.0001.compute_80.ptx")) == text)
    #expect(run.text.contains("2 files written into out"))
    #expect(run.text.contains("left out: image 2: not readable, see the problem"))
  }

  /// A file that does not fit leaves nothing, and with --force what was there.
  @Test func aFileThatDoesNotFit() throws {
    var entry = FatBinaryBuilder.Entry.ltoIR("sm_80")
    entry.payload = [UInt8](repeating: 0xA5, count: 4096)
    try tree.write(ELFBuilder(fatBinaries: [FatBinaryBuilder([entry])]).bytes, to: "large.so")
    let command = "ulimit -f 1; \"$0\" extract large.so --into out --force"
    let name = "large.0000.lto_80.ltoir"
    let message = "cubinspect: out/\(name): cannot be written: File too large\n"
    let new = try Program.shell(command, in: tree.path)
    #expect(new.status == 2)
    #expect(new.messages == message)
    #expect(tree.names(in: "out") == [])
    try tree.write([1, 2, 3], to: "out/" + name)
    #expect(try Program.shell(command, in: tree.path).messages == message)
    #expect(tree.names(in: "out") == [name])
    #expect(fileContents(tree("out/" + name)) == [1, 2, 3])
  }

  @Test(
    arguments: [
      (["--target", "sm_80"], ["lib.0000.sm_80.cubin"]),
      (
        ["--target", "compute_80", "--target", "sm_80"], ["lib.0000.sm_80.cubin", "lib.0001.compute_80.ptx"]
      ),
      (["--kind", "ptx"], ["lib.0001.compute_80.ptx"]),
      (["--kind", "ptx", "--kind", "ltoir"], ["lib.0001.compute_80.ptx"]),
      (["--kind", "cubin", "--target", "compute_80"], []), (["--target", "sm_80a"], []),
    ] as [([String], [String])])
  func filters(_ arguments: [String], _ names: [String]) throws {
    let run = try Program.run(
      (["extract", "lib.so", "--into", "out"] + arguments).map { Array($0.utf8) }, in: tree.path)
    // What does not decompress was not asked for.
    #expect(run.status == 0)
    #expect(run.messages == "")
    #expect(tree.names(in: "out") == names)
    #expect(tree.names().contains("out") == !names.isEmpty)
    #expect(run.text.contains("nothing was written") == names.isEmpty)
  }

  @Test func overwritesNothing() throws {
    try tree.write([1], to: "out/lib.0001.compute_80.ptx")
    let run = try extract("lib.so", "--into", "out")
    #expect(run.status == 2)
    #expect(run.output == [])
    #expect(run.messages.contains("out/lib.0001.compute_80.ptx exists already: nothing was written"))
    #expect(tree.names(in: "out") == ["lib.0001.compute_80.ptx"])
    #expect(fileContents(tree("out/lib.0001.compute_80.ptx")) == [1])
  }

  @Test func overwritesByForce() throws {
    try tree.write([1], to: "out/lib.0001.compute_80.ptx")
    try tree.write([2], to: "out/other")
    #expect(try extract("lib.so", "--into", "out", "--force", "--kind", "ptx").status == 0)
    #expect(fileContents(tree("out/lib.0001.compute_80.ptx")) == text)
    #expect(fileContents(tree("out/other")) == [2])
  }

  /// What a link in the directory leads to stays as it is; by force the link itself makes way.
  @Test func followsNoLink() throws {
    try tree.write([7], to: "precious")
    try tree.symbolicLink("out/lib.0001.compute_80.ptx", to: "../precious")
    try tree.symbolicLink("out/lib.0000.sm_80.cubin", to: "../missing")
    #expect(try extract("lib.so", "--into", "out").status == 2)
    #expect(
      try extract("lib.so", "--into", "out", "--force", "--target", "compute_80", "--target", "sm_80").status
        == 0)
    #expect(fileContents(tree("precious")) == [7])
    #expect(tree.names() == ["lib.so", "out", "precious"])
    #expect(fileContents(tree("out/lib.0000.sm_80.cubin")) == image)
    #expect(fileContents(tree("out/lib.0001.compute_80.ptx")) == text)
    try tree.hardLink("out/again", to: "precious")
    #expect(fileContents(tree("out/again")) == [7])
  }

  /// A directory in the way of a file is not replaced; the other files are written.
  @Test func directoryInTheWay() throws {
    try tree.directory("out/lib.0000.sm_80.cubin")
    let run = try extract("lib.so", "--into", "out", "--force", "--target", "sm_80", "--target", "compute_80")
    #expect(run.status == 2)
    #expect(run.messages.contains("out/lib.0000.sm_80.cubin: cannot be written: Is a directory"))
    #expect(run.text.contains("left out: image 0: not written, see the message"))
    #expect(tree.names(in: "out") == ["lib.0000.sm_80.cubin", "lib.0001.compute_80.ptx"])
    let document = try Program.shell(
      "\"$0\" extract lib.so --into out --force --target sm_80 -o json", in: tree.path
    ).document()
    #expect(GoldenTests.schema.violations(in: document) == [])
  }

  @Test(arguments: ["lib.so", "missing/out", "lib.so/out", ""]) func noDirectory(_ name: String) throws {
    let run = try extract("lib.so", "--into", name)
    #expect(run.status == 2)
    #expect(run.output == [])
    #expect(
      run.messages.contains(name.isEmpty ? "--into DIR is missing" : "\(name): cannot be written into: "))
    #expect(tree.names() == ["lib.so"])
  }

  @Test func directoryBehindALink() throws {
    try tree.directory("real")
    try tree.symbolicLink("out", to: "real")
    #expect(try extract("lib.so", "--into", "out", "--kind", "ptx").status == 0)
    #expect(tree.names(in: "real") == ["lib.0001.compute_80.ptx"])
  }

  @Test func inputsOfOneName() throws {
    try library("a/lib.so.1")
    try library("b/lib.fatbin")
    let run = try extract("lib.so", "a/lib.so.1", "b/lib.fatbin", "lib.so", "--into", "out", "--kind", "ptx")
    #expect(run.status == 0)
    #expect(
      tree.names(in: "out") == ["lib-2", "lib-3", "lib-4", "lib"].map { $0 + ".0001.compute_80.ptx" })
  }

  /// A name does not depend on what else is left out.
  @Test func namesAreStable() throws {
    try tree.write(FatBinaryBuilder("sm_75").bytes, to: "a/lib.so")
    _ = try extract("a/lib.so", "lib.so", "--into", "out", "--kind", "ptx")
    #expect(tree.names(in: "out") == ["lib-2.0001.compute_80.ptx"])
  }

  @Test func namesOfAnyBytes() throws {
    let names: [[UInt8]] = [
      Array("-rf.so".utf8), Array("a b\n\u{1B}[31m.so".utf8), [0xFF, 0xFE], Array("..so".utf8),
      Array(".cubin".utf8),
      [UInt8](repeating: 0x78, count: 250),
    ]
    for name in names { try tree.write(Self.bytes, to: name) }
    let run = try Program.run(
      [Array("extract".utf8), Array("--kind=ptx".utf8), Array("--into=out".utf8), Array("--".utf8)] + names,
      in: tree.path)
    #expect(run.status == 0, "\(run.messages)")
    #expect(
      Set(tree.names(in: "out"))
        == Set(
          ["_rf", "a_b___31m", "__", "_", "_cubin", String(repeating: "x", count: 100)]
            .map { $0 + ".0001.compute_80.ptx" }))
    let document = try Program.run(
      [
        Array("extract".utf8), Array("-ojson".utf8), Array("--kind=ptx".utf8), Array("--into".utf8), [0xFE],
        Array("--".utf8),
      ] + names, in: tree.path
    ).document()
    #expect(GoldenTests.schema.violations(in: document) == [])
    #expect(tree.names(in: "out").count == 6)
  }

  /// A full disk leaves neither a part of a file nor a temporary one.
  @Test func leavesNothingHalfWritten() throws {
    let big = FatBinaryBuilder([.ptx("compute_80", payload: [UInt8](repeating: 0x20, count: 1 << 20))]).bytes
    try tree.write(big, to: "big.fatbin")
    let run = try Program.shell(
      "trap '' XFSZ; ulimit -f 64; \"$0\" extract lib.so big.fatbin --kind ptx --into out", in: tree.path)
    #expect(run.status == 2)
    #expect(run.messages.contains("out/big.0000.compute_80.ptx: cannot be written"))
    #expect(tree.names(in: "out") == ["lib.0001.compute_80.ptx"])
  }

  @Test func jobsDoNotChangeTheResult() throws {
    let targets = (0..<40).map { Target(stringLiteral: "sm_\(50 + $0)") }
    try tree.write(FatBinaryBuilder(targets: targets).bytes, to: "many.fatbin")
    let runs = try ["1", "2", "7"].map { jobs in
      try Program.shell(
        "\"$0\" extract many.fatbin --into \(jobs) --jobs \(jobs) | sed 's/into .,/,/'", in: tree.path)
    }
    #expect(runs.map(\.output) == [runs[0].output, runs[0].output, runs[0].output])
    #expect(tree.names(in: "1").count == 40)
    for name in tree.names(in: "1") {
      #expect(fileContents(tree("1/" + name)) == fileContents(tree("7/" + name)))
    }
  }

  @Test(arguments: [
    ["extract", "lib.so"], ["extract", "--into", "out"],
    ["extract", "lib.so", "--into", "out", "--target", "H100"],
    ["extract", "lib.so", "--into", "out", "--target", "90"],
    ["extract", "lib.so", "--into", "out", "--kind", "elf"],
    ["extract", "lib.so", "--into", "out", "--jobs", "0"],
    ["extract", "lib.so", "--into", "out", "--into", "b"],
  ]) func wrongUsage(_ arguments: [String]) throws {
    let run = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
    #expect(run.status == 2)
    #expect(run.output == [])
    #expect(run.messages.contains("Try 'cubinspect extract --help'."))
    #expect(tree.names() == ["lib.so"])
  }
}
