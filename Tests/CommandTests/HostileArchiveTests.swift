import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// Archives that mean harm: each ends in its expected problem, what is good in it is found, and nothing is touched.
struct HostileArchiveTests {
  /// A row of `scans.json`.
  struct Case: CustomTestStringConvertible, Sendable {
    var file: String
    var note: String
    /// How many of its bytes are read; nil for all.
    var size: Int?
    var problems: [(code: String, text: String)]
    /// Paths of the files with device code, sorted.
    var found: [[UInt8]]
    var status: Int32

    var testDescription: String { "\(file): \(note)" }
  }

  private static let folder = GoldenTests.fixtures + "/hostile/"

  static let cases: [Case] = {
    guard let text = fileContents(folder + "scans.json"), let rows = try? JSONValue(parsing: text).elements
    else { return [] }
    return rows.map { row in
      func strings(_ name: String) -> [String] { row[name]?.elements?.compactMap(\.string) ?? [] }
      return Case(
        file: row["file"]?.string ?? "", note: row["note"]?.string ?? "", size: row["size"]?.integer,
        problems: (row["problems"]?.elements ?? []).map {
          ($0["code"]?.string ?? "", $0["text"]?.string ?? "")
        },
        found: (strings("found").map { Array($0.utf8) } + strings("hex").map(bytes)).sorted {
          $0.lexicographicallyPrecedes($1)
        }, status: Int32(row["status"]?.integer ?? -1))
    }
  }()

  private static func bytes(_ digits: String) -> [UInt8] {
    let characters = Array(digits)
    return stride(from: 0, to: characters.count, by: 2).map {
      UInt8(String(characters[$0...$0 + 1]), radix: 16) ?? 0
    }
  }

  @Test func thereAreCases() {
    #expect(Self.cases.count > 200)
    #expect(Set(Self.cases.flatMap(\.problems).map(\.code)).count > 8)
  }

  @Test(arguments: cases) func archive(_ expected: Case) throws {
    let name = "in/" + expected.file
    let watched = try WatchedTree { tree in
      if let bytes = fileContents(Self.folder + expected.file) {
        try tree.write(Array(bytes.prefix(expected.size ?? bytes.count)), to: "work/" + name)
      } else {
        let copied = try Program.shell("cp -R \"$1\" \"$2\"", Self.folder + expected.file, tree("work/in"))
        try #require(copied.status == 0)
      }
    }
    let text = try watched.run("scan", name)
    let run = try watched.run("scan", name, "-o", "json")
    #expect(watched.changes() == [])
    #expect(text.status == expected.status && run.status == expected.status)
    for bytes in [text.output, Array(text.messages.utf8), Array(run.messages.utf8)] {
      #expect(isSafe(bytes), "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
    let document = try run.document()
    #expect(GoldenTests.schema.violations(in: document) == [])
    #expect(try Self.found(in: document) == expected.found)
    try expectProblems(document, expected.problems)
  }

  /// The watch sees what it is for: what is opened, written and removed, and memory past the limit.
  @Test func theWatchSees() throws {
    let opening = try WatchedTree { _ in }
    #expect(try opening.run("scan", "bait.fatbin").status == 0)
    #expect(opening.changes() == ["a bait was opened"])
    let changing = try WatchedTree { try $0.write([1], to: "work/in/a") }
    try changing.tree.write([2], to: "work/in/a")
    try changing.tree.write([], to: "home/made")
    let changes = changing.changes()
    #expect(changes.filter { $0.hasPrefix("/work/in/a mode") }.count == 2)
    #expect(changes.filter { $0.hasPrefix("/home/made mode") }.count == 1)
    let small = try WatchedTree { _ in }
    #expect(try small.run(["scan", "bait.fatbin"], memory: 1 << 20).status != 0)
  }

  /// A folder with everything that leads out of it or never ends.
  @Test(arguments: [false, true]) func folder(hasSystemFolder: Bool) throws {
    let watched = try WatchedTree { tree in
      try tree.library("work/in/lib/good.so", "sm_80")
      if hasSystemFolder { try tree.library("work/in/usr/lib/good.so", "sm_80") }
      let targets = [
        tree("bait.fatbin"), tree("work/bait.fatbin"), "../bait.fatbin", "../../bait.fatbin",
        "../../../../../../etc/passwd", "/",
        "..", tree("work"), "/proc/self/cwd/bait.fatbin", "/proc/self/root", "/dev/zero", "/dev/stdin",
        "loop-0", "link-12/x",
        tree("fifo"), "a\u{1B}[31m", String(repeating: "x/", count: 2000),
      ]
      for (number, target) in targets.enumerated() {
        try tree.symbolicLink("work/in/link-\(number)", to: target)
      }
      try tree.symbolicLink("work/in/lib/\u{1B}]0;title\u{7}.so", to: "good.so")
      try tree.symbolicLink("work/in/loop-0", to: "loop-1")
      try tree.symbolicLink("work/in/loop-1", to: "./lib/../loop-0")
      try tree.symbolicLink("work/in/lib/up", to: "..")
      try tree.symbolicLink("work/in/absolute.so", to: "/lib/good.so")
      try tree.symbolicLink("work/in/folder.whl", to: tree("work"))
      // Whoever opens a FIFO for reading waits for who writes.
      try tree.fifo("fifo")
      try tree.fifo("work/in/fifo.so")
      try tree.fifo("work/in/lib/fifo.whl")
      try tree.socket("work/in/socket.so")
      try tree.symbolicLink("work/in/to-fifo.so", to: "fifo.so")
      // Only root may make devices.
      if geteuid() == 0 { try tree.device("work/in/zero.so", major: 1, minor: 5) }
      try tree.write(
        ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "sm_90")]).bytes,
        to: "work/in/lib/\u{1B}[2J\n\u{202E}.so")
    }
    let text = try watched.run("scan", "in", "--gpu", "A100")
    let run = try watched.run("scan", "in", "--gpu", "A100", "-o", "json")
    #expect(watched.changes() == [])
    // In a root file system, no link leads outside.
    let status: Int32 = hasSystemFolder ? 0 : 2
    #expect(text.status == status && run.status == status)
    #expect(text.messages.isEmpty == hasSystemFolder)
    #expect(isSafe(text.output))
    let document = try run.document()
    #expect(GoldenTests.schema.violations(in: document) == [])
    let good = ["lib/good.so"] + (hasSystemFolder ? ["usr/lib/good.so"] : [])
    // In a root file system, absolute links start at its root.
    let links = ["lib/\u{1B}]0;title\u{7}.so"] + (hasSystemFolder ? ["absolute.so"] : [])
    #expect(
      try Self.found(in: document)
        == (good + links + ["lib/\u{1B}[2J\n\u{202E}.so"]).map { Array($0.utf8) }.sorted {
          $0.lexicographicallyPrecedes($1)
        })
    try expectProblems(document, hasSystemFolder ? [] : [("outOfBounds", "symbolic links")])
  }

  /// An image layout with a layer that is a link to a file outside.
  @Test func layoutWithLinks() throws {
    let watched = try WatchedTree { tree in
      let made = try Program.shell(
        """
        cp -R "$1"/image-folder "$2" && cd "$2"/image-folder/blobs/sha256 &&
        for blob in $(find . -size +5k); do ln -sf "$3" "$blob"; done && mkfifo fifo
        """, Self.folder, tree("work/in"), tree("bait.fatbin"))
      try #require(made.status == 0)
    }
    let run = try watched.run("scan", "in/image-folder", "-o", "json")
    #expect(watched.changes() == [])
    #expect(run.status == 2)
    let document = try run.document()
    #expect(try Self.found(in: document) == [])
    try expectProblems(document, [("unreadable", "cannot be read: Too many levels of symbolic links")])
  }

  /// Folders in folders, deeper than any path: those below are not read, and all others are.
  @Test func deepFolder() throws {
    let watched = try WatchedTree { tree in
      try tree.library("work/in/z/good.so", "sm_80")
      try tree.makeDeepDirectory("work/in/deep", depth: 10_000)
    }
    let run = try watched.run("scan", "in", "-o", "json")
    let document = try run.document()
    #expect(run.status == 2)
    #expect(try Self.found(in: document) == [Array("z/good.so".utf8)])
    try expectProblems(document, [("unreadable", "cannot be read: File name too long")])
    // Only rm knows how to remove them.
    #expect(try Program.shell("rm -rf \"$1\"", watched.tree("work/in/deep")).status == 0)
  }

  // MARK: - Archives too large to be kept

  /// The memory that a run may take, which does not depend on what an archive holds or claims.
  private func expectLimited(
    _ archive: [UInt8], _ name: String, found: [String], problems: [(code: String, text: String)],
    options: [String] = [], memory: Int = 256 << 20
  ) throws {
    let watched = try WatchedTree { try $0.write(archive, to: "work/in/" + name) }
    let run = try watched.run(["scan", "in/" + name, "-o", "json"] + options, memory: memory)
    #expect(watched.changes() == [])
    #expect(run.status == (problems.isEmpty ? 0 : 2), "\(run.messages)")
    let document = try run.document()
    #expect(try Self.found(in: document) == found.map { Array($0.utf8) })
    try expectProblems(document, problems)
  }

  private static let good = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes

  /// What stands in a tar in front of 10 GiB of zeros, and what behind them.
  private static let ends = {
    func file(_ name: String, _ contents: [UInt8]) -> [UInt8] {
      HugeArchives.tarHeader(name, size: contents.count) + contents
        + [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
    }
    return (
      first: file("good.so", good) + HugeArchives.tarHeader("zeros.so", size: 10 << 30),
      last: file("last.fatbin", FatBinaryBuilder("sm_80").bytes) + [UInt8](repeating: 0, count: 1024)
    )
  }()

  @Test func zerosInZip() throws {
    try expectLimited(
      HugeArchives.zip(gibibytes: 10, beside: Self.good), "zeros.whl", found: ["good.so"],
      problems: [("limitExceeded", "zip member zeros.so")])
  }

  @Test func zerosInGzip() throws {
    try expectLimited(
      HugeArchives.gzip(Self.ends.first, gibibytes: 10, Self.ends.last), "zeros.tar.gz",
      found: ["good.so", "last.fatbin"], problems: [("limitExceeded", "tar member zeros.so")],
      options: ["--limit", "decompressed-size=16GiB"])
  }

  @Test func zerosInZstd() throws {
    // A window of 128 MiB, the most that is admitted.
    try expectLimited(
      HugeArchives.zstd(Self.ends.first, gibibytes: 10, Self.ends.last, windowLog: 27), "zeros.tar.zst",
      found: ["good.so", "last.fatbin"], problems: [("limitExceeded", "tar member zeros.so")],
      options: ["--limit", "decompressed-size=16GiB"])
  }

  /// What is in front of too much is read all the same.
  @Test func zerosPastTheLimitOfAScan() throws {
    try expectLimited(
      HugeArchives.gzip(Self.ends.first, gibibytes: 10, Self.ends.last), "zeros.tar.gz", found: ["good.so"],
      problems: [("limitExceeded", "decompressed bytes"), ("limitExceeded", "tar member zeros.so")],
      options: ["--limit", "decompressed-size=1GiB"])
  }

  @Test func zerosPastTheLimitOfStreams() throws {
    try expectLimited(
      HugeArchives.zstd(Self.ends.first, gibibytes: 10, Self.ends.last), "zeros.tar.zst", found: ["good.so"],
      problems: [("limitExceeded", "decompressed size"), ("limitExceeded", "tar member zeros.so")],
      options: ["--limit", "stream-size=2GiB"])
  }

  @Test func aMillionMembersOfZip() throws {
    try expectLimited(
      HugeArchives.zip(members: 1_000_000, beside: Self.good), "many.whl", found: ["good.so"],
      problems: [("limitExceeded", "zip members")])
  }

  /// Files that are really there take memory, each about 400 bytes: as many as the limit allows.
  @Test func aMillionMembersOfTar() throws {
    let archive = HugeArchives.gzip(
      Array(Self.ends.first.dropLast(512)), members: 1_000_000, Self.ends.last)
    try expectLimited(
      archive, "many.tar.gz", found: ["good.so"],
      problems: [("limitExceeded", "memory for the members of an archive: larger than the limit")])
    try expectLimited(
      archive, "many.tar.gz", found: ["good.so", "last.fatbin"], problems: [],
      options: ["--limit", "name-memory=1GiB"], memory: 768 << 20)
  }

  /// The paths of the files with device code, with all their names.
  private static func found(in document: JSONValue) throws -> [[UInt8]] {
    var found: [[UInt8]] = []
    for library in document.libraries {
      for name in [library] + (library["aliases"]?.elements ?? []) {
        found.append(try name["pathBytes"]?.string.map(bytes) ?? Array(#require(name["path"]?.string).utf8))
      }
    }
    return found.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Each expected problem is there once, and nothing else.
  private func expectProblems(
    _ document: JSONValue, _ expected: [(code: String, text: String)],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var left = document.problems
    for (code, text) in expected {
      let place = left.firstIndex {
        $0["code"]?.string == code && $0["message"]?.string?.hasPrefix(text) == true
      }
      if let place {
        left.remove(at: place)
      } else {
        Issue.record("no problem \(code): \(text)", sourceLocation: sourceLocation)
      }
    }
    #expect(left == [], sourceLocation: sourceLocation)
  }
}
