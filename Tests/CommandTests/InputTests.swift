import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// What the program makes of inputs that are not what they should be.
struct InputTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func run(_ arguments: String...) throws -> Program.Outcome {
    try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
  }

  @Test func missingPath() throws {
    try tree.library("lib/a.so", "sm_80")
    for command in ["scan", "list"] {
      let run = try run(command, "lib/nowhere")
      #expect(run.status == 2)
      #expect(run.messages == "cubinspect: lib/nowhere: does not exist\n")
    }
    // The other paths are looked at all the same.
    let both = try run("scan", "nowhere", "lib")
    #expect(both.status == 2)
    #expect(both.text.contains("a.so"))
    #expect(both.messageLines.count == 1)
    let listed = try run("list", "nowhere", "lib/a.so")
    #expect(listed.status == 2)
    #expect(listed.text.contains("sm_80"))
  }

  @Test func notARegularFile() throws {
    try tree.directory("directory")
    try tree.fifo("fifo")
    try tree.socket("socket")
    try tree.write([], to: "empty/nothing")
    for (path, what) in [
      ("directory", "a directory"), ("fifo", "a FIFO"), ("socket", "a socket"),
      ("/dev/null", "a character device"),
    ] {
      let list = try run("list", path)
      #expect(list.status == 2)
      #expect(list.messages == "cubinspect: \(path): not a regular file: \(what)\n")
      if path == "directory" { continue }
      let scan = try run("scan", path)
      #expect(scan.status == 2)
      #expect(scan.messages == list.messages)
    }
    // In a tree they are nothing to speak of.
    let scan = try run("scan", ".")
    #expect(scan.status == 0)
    #expect(scan.messages == "")
  }

  @Test func filesWithoutDeviceCode() throws {
    try tree.write([], to: "empty")
    try tree.write(Array("# notes\n".utf8), to: "notes.txt")
    try tree.write([0x7F], to: "one-byte")
    try tree.write(ELFBuilder().bytes, to: "plain.so")
    for file in ["empty", "notes.txt", "one-byte", "plain.so"] {
      let list = try run("list", file)
      #expect(list.status == 0)
      #expect(list.messages == "")
      #expect(list.text.contains("no "), "\(list.text)")
      let scan = try run("scan", file, "--gpu", "A100")
      #expect(scan.status == 0)
      #expect(scan.messages == "")
      #expect(scan.text.hasPrefix("– A100: nothing here uses a GPU\n"))
    }
  }

  @Test func damagedFiles() throws {
    let whole = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "sm_90")])
    try tree.write(Array(whole.bytes.prefix(50)), to: "header.so")
    try tree.write(Array(whole.bytes.dropLast(64)), to: "table.so")
    var fatBinary = FatBinaryBuilder("sm_80", "sm_90")
    fatBinary.entries[1].paddedSize = UInt64.max
    try tree.write(ELFBuilder(fatBinaries: [fatBinary]).bytes, to: "wrapped.so")
    for (file, place) in [
      ("header.so", ""), ("table.so", "section table"), ("wrapped.so", "entry payload size"),
    ] {
      let list = try run("list", file)
      #expect(list.status == 2)
      #expect(!list.messageLines.isEmpty)
      #expect(list.messageLines.allSatisfy { $0.hasPrefix("cubinspect: \(file): ") })
      #expect(list.messages.contains(place), "\(list.messages)")
    }
    // Place and cause: what was expected, what was found, and at which byte.
    let message = try run("list", "wrapped.so").messages
    #expect(message.contains("expected at most"))
    #expect(message.contains("found 18446744073709551615 bytes"))
    #expect(message.contains("(at offset 0x"))
    #expect(try run("list", "wrapped.so").text.contains("sm_80"))
    // One bad file never ends a scan.
    try tree.library("good.so", "sm_75")
    let scan = try run("scan", ".")
    #expect(scan.status == 2)
    #expect(scan.text.contains("good.so"))
    #expect(scan.text.contains("wrapped.so"))
    #expect(
      Set(scan.messageLines.map { $0.split(separator: ":")[1] }) == [
        " ./header.so", " ./table.so", " ./wrapped.so",
      ])
  }

  /// Names that are no text disturb neither the terminal nor the document.
  @Test func namesThatAreNoText() throws {
    let library = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    let names: [[UInt8]] = [
      [0x61, 0xFF, 0xFE], Array("new\nline".utf8), Array("\u{1B}[31m\u{1B}]0;title\u{7}".utf8),
      Array("right-to-left\u{202E}os".utf8), Array("\"quote\\".utf8), [0xC3],
      Array("\u{9B}31mC1\u{85}\u{7F}".utf8), Array("\u{2066}isolated\u{2069}\u{61C}\u{E0041}".utf8),
      Array("ü🙂".utf8),
    ]
    for (index, name) in names.enumerated() {
      try tree.write(library + [UInt8(index)], to: Array("lib/".utf8) + name)
      try tree.write([0x7F, 0x45, 0x4C, 0x46, 2, 1], to: Array("lib/".utf8) + name + Array("-broken".utf8))
    }
    let text = try run("scan", "lib")
    #expect(text.status == 2)
    #expect(isSafe(text.output))
    #expect(isSafe(Array(text.messages.utf8)))
    #expect(text.messageLines.count == names.count)
    #expect(text.text.contains(#"a\xff\xfe"#))
    #expect(text.text.contains(#"new\x0aline"#))
    #expect(text.text.contains(#"\x1b[31m"#))

    for command in [["scan", "lib", "-o", "json"], ["facts", "lib"]] {
      let run = try Program.run(command.map { Array($0.utf8) }, in: tree.path)
      #expect(isSafe(run.output))
      #expect(run.text.contains(#"right-to-left\u202eos"#))
      #expect(run.text.contains(#"\u009b31mC1\u0085\u007f"#))
      #expect(run.text.contains(#"\u2066isolated\u2069\u061c\udb40\udc41"#))
      #expect(run.text.contains("ü🙂"))
      _ = try run.document()
    }

    let document = try run("scan", "lib", "-o", "json").document()
    let libraries = document.libraries
    let paths = try libraries.map { library -> [UInt8] in
      guard let digits = library["pathBytes"]?.string else {
        return Array(try #require(library["path"]?.string).utf8)
      }
      let characters = Array(digits)
      return try stride(from: 0, to: characters.count, by: 2).map {
        try #require(UInt8(String(characters[$0...$0 + 1]), radix: 16))
      }
    }
    #expect(paths == names.sorted { $0.lexicographicallyPrecedes($1) })
    #expect(libraries.filter { $0["pathBytes"] != nil }.count == 2)

    let words =
      ["scan", "-o", "json"].map { Array($0.utf8) } + names.map { Array("lib/".utf8) + $0 } + [[0xFF]]
    let roots = try Program.run(words, in: tree.path)
    #expect(roots.status == 2)
    #expect(roots.messages.contains(#"cubinspect: \xff: "#))
    for document in [document, try roots.document()] {
      #expect(GoldenTests.schema.violations(in: document) == [])
    }

    for name in names {
      let list = try Program.run([Array("list".utf8), Array("lib/".utf8) + name], in: tree.path)
      #expect(list.status == 0)
      #expect(isSafe(list.output))
    }
  }

  /// Strings from inside a file are as untrusted as its name.
  @Test func stringsInsideFiles() throws {
    var entry = FatBinaryBuilder.Entry.cubin("sm_80")
    entry.identifier = "\u{1B}[31mkernel.cu\n"
    var elf = ELFBuilder()
    elf.append(FatBinaryBuilder([entry]).bytes, to: ".ro\u{1B}[5mdata")
    elf.sections.append(.init(".x\u{7}", [1, 2, 3]))
    elf.sections[1].declaredOffset = 1 << 50
    try tree.write(elf.bytes, to: "a.so")
    for arguments in [
      ["list", "a.so"], ["scan", "a.so"], ["list", "-o", "json", "a.so"], ["scan", "-o", "json", "a.so"],
    ] {
      let run = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
      #expect(isSafe(run.output), "\(arguments)")
      #expect(isSafe(Array(run.messages.utf8)), "\(arguments)")
    }
    #expect(try run("list", "a.so").text.contains(#"\x1b[31mkernel.cu\x0a"#))
    let images = try run("list", "-o", "json", "a.so").document()["files"]?.elements?[0]["images"]?.elements
    #expect(images?[0]["identifier"] == .string("\u{1B}[31mkernel.cu\n"))
    #expect(images?[0]["section"] == .string(".ro\u{1B}[5mdata"))
  }

  @Test func documentsDoNotDependOnJobs() throws {
    for folder in 0..<12 {
      try tree.library("lib/\(folder)/a.so", "sm_80 compute_80", "sm_90")
      try tree.library("lib/\(folder)/b-\(folder).so", "sm_7\(folder % 2 == 0 ? 0 : 5)")
      try tree.write([0x7F, 0x45, 0x4C, 0x46, 2, 1, UInt8(folder)], to: "lib/\(folder)/broken")
      try tree.symbolicLink("lib/\(folder)/link", to: "a.so")
      try tree.hardLink("lib/\(folder)/hard", to: "lib/\(folder)/b-\(folder).so")
    }
    let expected = try run("scan", "lib", "-o", "json", "--jobs", "1", "--require", "sm_80").output
    #expect(expected.count > 1000)
    for jobs in ["1", "2", "4", "8", "8", "8"] {
      let run = try run("scan", "lib", "-o", "json", "--jobs", jobs, "--require", "sm_80")
      #expect(run.output == expected)
      #expect(run.messageLines.count == 12)
    }
  }

  @Test(.timeLimit(.minutes(30))) func manyTinyFiles() throws {
    let count = 100_000
    for folder in 0..<100 {
      try tree.directory("many/\(folder)")
      for file in 0..<count / 100 { try tree.write([UInt8(file & 0x7F)], to: "many/\(folder)/\(file)") }
    }
    try tree.library("many/50/a.so", "sm_80")
    let run = try run("scan", "many", "-o", "json")
    #expect(run.status == 0)
    let summary = try #require(try run.document()["summary"])
    #expect(summary["filesVisited"] == .integer(count + 1))
    #expect(summary["directories"] == .integer(101))
    #expect(summary["librariesWithDeviceCode"] == .integer(1))
  }

  /// A file that is cut while it is read: the program says so or is done before, and never crashes.
  @Test func aFileThatIsCutWhileItIsRead() throws {
    let modules = (0..<3000).map { _ in FatBinaryBuilder("sm_80", "sm_90") }
    let contents = ELFBuilder(fatBinaries: modules).bytes
    for delay in ["0", "0.002", "0.005", "0.01", "0.02"] {
      let path = try tree.write(contents, to: "a.so")
      let run = try Program.shell(
        #"(sleep "$2"; : > "$1") & "$0" scan "$1"; s=$?; wait; exit $s"#, path, delay)
      #expect(run.status == 0 || run.status == 2)
    }
  }

  @Test func withoutPermission() throws {
    // Root may read everything; give that up where the test has it.
    let becomeNobody = geteuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : ""
    guard try becomeNobody.isEmpty || Program.shell(becomeNobody + "true").status == 0 else {
      try Test.cancel("needs setpriv(1) to give up the rights of root")
    }
    try tree.setMode(0o755, of: ".")
    try tree.library("lib/a.so", "sm_80")
    try tree.library("lib/secret.so", "sm_80")
    try tree.library("lib/closed/b.so", "sm_80")
    // Nobody may not enter the directory of the build: run a copy.
    let copied = try Program.shell(#"cp "$0" "$1" && chmod 755 "$1""#, tree("program"))
    try #require(copied.status == 0)
    try tree.setMode(0, of: "lib/secret.so")
    try tree.setMode(0, of: "lib/closed")
    let run = try Program.shell(becomeNobody + "./program scan lib", in: tree.path)
    #expect(run.status == 2)
    #expect(
      run.messageLines == [
        "cubinspect: lib/closed: cannot be read: Permission denied",
        "cubinspect: lib/secret.so: cannot be read: Permission denied",
      ])
    #expect(run.text.contains("a.so"))
    let list = try Program.shell(becomeNobody + "./program list lib/secret.so", in: tree.path)
    #expect(list.status == 2)
    #expect(list.messages == "cubinspect: lib/secret.so: cannot be read: Permission denied\n")
  }
}
