import Bytes
import FixtureSupport
import Glibc
import JSONSchemaSupport
import Testing

/// Small inputs that ask for much work end soon, and what was not done for them is a problem.
///
/// The system counts: the seconds of a processor and the bytes of memory that a run may take are far from what the debug
/// build needs, and farther from what was needed where the cost did not follow the size.
struct CostTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  /// Runs the program with `seconds` of a processor and `mebibytes` of memory.
  private func run(
    _ arguments: String..., seconds: Int = 60, mebibytes: Int = 1024
  ) throws -> Program.Outcome {
    try Program.spawn(
      ([
        "/bin/sh", "-c", "ulimit -t \(seconds) && ulimit -d \(mebibytes << 10) && exec \"$@\"", "sh",
        Program.path,
      ]
        + arguments).map { Array($0.utf8) }, in: tree.path, [])
  }

  private func pack(_ command: String) throws {
    let packed = try Program.shell(command, in: tree.path)
    try #require(packed.status == 0, "\(packed.messages)")
  }

  /// Words of a link that go down and up again before they lead to `end`.
  private func detour(to end: String) -> String {
    String(repeating: "d/", count: 800) + String(repeating: "../", count: 800) + end
  }

  /// Links through links, each of which is 1,600 names long, and many links to the first of them.
  private func makeLinks(_ count: Int) throws {
    try tree.library("in/lib/a.so", "sm_80")
    try tree.directory("in/d")
    for index in 0..<38 {
      try tree.symbolicLink("in/l\(index)", to: detour(to: index < 37 ? "l\(index + 1)" : "lib"))
    }
    for index in 0..<count { try tree.symbolicLink("in/s\(index)", to: "l0/a.so") }
  }

  /// 0.5 s for each link when each was followed by itself.
  @Test func linksThroughLinks() throws {
    try makeLinks(2000)
    try pack("tar czf in.tar.gz -C in .")
    for name in ["in", "in.tar.gz"] {
      let run = try run("scan", name, "-o", "json")
      #expect(run.status == 0)
      #expect(run.messages == "")
      let library = try #require(try run.document().libraries.first)
      #expect(library["aliases"]?.elements?.count == 2000)
    }
  }

  /// When no steps are left, that is a problem, and the files are reported.
  @Test func stepsOfLinks() throws {
    try makeLinks(100)
    try pack("tar czf in.tar.gz -C in .")
    for name in ["in", "in.tar.gz"] {
      let run = try run("scan", name, "--limit", "path-steps=10000")
      #expect(run.status == 2)
      #expect(run.text.contains("a.so"))
      #expect(
        run.messages.contains(
          "symbolic links: larger than the limit, expected at most 10000 (limit path-steps)"),
        "\(run.messages)")
    }
  }

  /// Members of a tar that lie behind links.
  @Test func membersBehindLinks() throws {
    try makeLinks(0)
    try pack(
      """
      mkdir m; i=0; while [ $i -lt 3000 ]; do : > m/f$i; i=$((i + 1)); done
      tar cf in.tar -C in . && tar rf in.tar --transform 's,^m/,l0/,' m/* && gzip in.tar
      """)
    let run = try run("scan", "in.tar.gz")
    #expect(run.status == 0)
    #expect(run.messages == "")
    #expect(run.text.contains("a.so"))
    let limited = try self.run("scan", "in.tar.gz", "--limit", "path-steps=100")
    #expect(limited.status == 2)
    #expect(limited.messages.contains("expected at most 100 (limit path-steps)"))
  }

  /// A library with search paths of many names, for many libraries that are elsewhere.
  @Test(arguments: ["a/", "$ORIGIN/", "${ORIGIN}/../", "$LIB/"]) func searchPaths(entry: String) throws {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    elf.needed = (0..<500).map { "libfoo.so.\($0)" }
    elf.runpath = Array(repeating: String(repeating: entry, count: 4000 / entry.utf8.count), count: 250)
      .joined(separator: ":")
    let folder = "in/e2/" + String(repeating: "d/", count: 100)
    try tree.write(elf.bytes, to: folder + "x.so")
    for name in elf.needed { try tree.write([0x78], to: "in/e1/" + name) }
    try tree.write(Array("Name: p\nVersion: 1\n".utf8), to: "in/e1/p-1.dist-info/METADATA")
    try tree.write(Array("Name: q\nVersion: 1\n".utf8), to: "in/e2/q-1.dist-info/METADATA")
    let run = try run("facts", "in")
    #expect(run.status == 0)
    #expect(run.messages == "")
    #expect(run.text.contains("libfoo.so.499"))
    let limited = try self.run("scan", "in", "--limit", "path-steps=10")
    #expect(limited.status == 2)
    #expect(
      limited.messages.contains(
        "search for needed libraries: larger than the limit, expected at most 10 (limit path-steps)"))
  }

  /// Environments and libraries of CUDA in each.
  @Test func environments() throws {
    for index in 0..<3000 {
      try tree.write(Array("Name: p\nVersion: 1\n".utf8), to: "in/e\(index)/p-1.dist-info/METADATA")
      try tree.write([0x78], to: "in/e\(index)/l/libcudart.so.12.\(index)")
    }
    try tree.library("in/a.so", "sm_80")
    let run = try run("scan", "in")
    #expect(run.status == 0)
  }

  /// Libraries by themselves, each of which has a CUDA runtime inside, and the search for the oldest driver: 4 times as
  /// many would take 4 times as long.
  @Test func librariesWithRuntimes() throws {
    let fixture =
      #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
      + "/Fixtures/host/aarch64-wrapped.so"
    let library = try FileBytes(path: Path(fixture))
    let bytes = try library.bytes(at: 0, count: Int(library.size), "fixture")
    for index in 0..<2000 {
      try tree.write(bytes + [UInt8(index & 0xFF), UInt8(index >> 8)], to: "in/\(index)/a.so")
    }
    let run = try run("scan", "in", "--gpu", "A100", "--fail-on", "never", "-o", "json")
    #expect(run.status == 0)
    #expect(try run.document()["summary"]?["librariesWithDeviceCode"] == .integer(2000))
  }

  /// Files that nobody owns, and long lists of top-level names.
  @Test func listsOfNames() throws {
    let names = Array((0..<400_000).map { "n\($0)\n" }.joined().utf8)
    for index in 0..<4 {
      try tree.write(Array("Name: p\(index)\nVersion: 1\n".utf8), to: "in/p\(index)-1.dist-info/METADATA")
      try tree.write(names, to: "in/p\(index)-1.dist-info/top_level.txt")
    }
    let library = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    for index in 0..<60 { try tree.write(library + [UInt8(index)], to: "in/n\(399_900 + index)/a.so") }
    let run = try run("scan", "in", "-o", "json")
    #expect(run.status == 0)
  }

  /// Files that look the same at both ends are read once each.
  @Test func filesThatLookTheSame() throws {
    let library = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    for index in 0..<60 {
      var bytes = library + [UInt8](repeating: 0, count: 2 << 20)
      bytes[bytes.count - 8192] = UInt8(index / 2)
      try tree.write(bytes, to: "in/f\(index).so")
    }
    let run = try run("scan", "in", "-o", "json")
    #expect(run.status == 0)
    #expect(try run.document().libraries.count == 30)
  }

  /// A section table that is small when it is compressed, and large in memory.
  @Test func sectionTables() throws {
    let name = [UInt8](repeating: 0x6E, count: 4095)
    var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 57)
    func set(_ value: Int, at offset: Int, _ count: Int) {
      for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
    }
    let count = 140_000
    set(3, at: 16, 2)
    set(62, at: 18, 2)
    set(1, at: 20, 4)
    set(64, at: 52, 2)
    set(56, at: 54, 2)
    set(64, at: 58, 2)
    set(0xFFFF, at: 62, 2)
    bytes += [0] + name + [0]
    bytes += [UInt8](repeating: 0, count: 64 - bytes.count % 64)
    let table = bytes.count
    set(table, at: 40, 8)
    bytes += [UInt8](repeating: 0, count: 128)
    // The first row has the numbers that have no room in the header; the second one is the string table.
    set(count, at: table + 32, 8)
    set(1, at: table + 40, 4)
    set(3, at: table + 68, 4)
    set(64, at: table + 88, 8)
    set(name.count + 2, at: table + 96, 8)
    let row: [UInt8] = [1, 0, 0, 0, 1, 0, 0, 0, 2] + [UInt8](repeating: 0, count: 55)
    for _ in 0..<count - 2 { bytes += row }
    try tree.write(bytes, to: "a.so")
    try pack("tar czf a.tar.gz a.so")
    // As a file it has the bytes that it says; all sections share one name.
    #expect(try run("scan", "a.so", mebibytes: 200).status == 0)
    let packed = try run("scan", "a.tar.gz", mebibytes: 200)
    #expect(packed.status == 2)
    #expect(packed.messages.contains("section table: larger than the limit"), "\(packed.messages)")
  }

  /// The members of a tar take no more memory than the limit says.
  @Test func memoryForMembers() throws {
    try tree.library("in/a.so", "sm_80")
    try pack(
      """
      mkdir in/m; i=0; while [ $i -lt 3000 ]; do : > in/m/f$i; i=$((i + 1)); done
      tar czf in.tar.gz --sort=name -C in a.so m
      """)
    #expect(try run("scan", "in.tar.gz").status == 0)
    let limited = try run("scan", "in.tar.gz", "--limit", "name-memory=64KiB")
    #expect(limited.status == 2)
    #expect(limited.text.contains("a.so"))
    #expect(
      limited.messages.contains("expected at most 65536 bytes (limit name-memory)"), "\(limited.messages)")
  }

  /// Conditions of images, from wherever the images come.
  @Test func requirementsOfImages() throws {
    try tree.library("in/a.so", "sm_80")
    func image(_ variables: Int, _ conditions: Int) -> String {
      let value = Array(repeating: "cuda>=1.0 driver<1", count: conditions / 2).joined(separator: " ")
      let lines = (0..<variables).map { "\"NVIDIA_REQUIRE_X\($0)=\(value)\"" }.joined(separator: ",")
      return "{\"config\":{\"Env\":[\(lines)]}}"
    }
    try tree.write(Array(image(2000, 2).utf8), to: "many.json")
    try tree.write(Array(image(1, 80_000).utf8), to: "long.json")
    for name in ["many", "long"] {
      let run = try run("scan", "in", "--gpu", "A100", "--driver", "535", "--image-config", "\(name).json")
      #expect(run.status == 2)
      #expect(
        run.messages.contains(
          "requirements of images: larger than the limit, expected at most 16384 (limit conditions)"),
        "\(run.messages)")
      #expect(
        try self.run("facts", "in", "--image-config", "\(name).json", "-o", "\(name)-facts.json").status == 0)
      let again = try self.run("scan", "\(name)-facts.json", "--gpu", "A100", "--driver", "535")
      #expect(again.status == 2)
      #expect(again.messages.contains("(limit conditions)"))
    }
  }

  /// Images past the limit are not left out without a word.
  @Test func imagesPastTheLimit() throws {
    let image = "{\"Config\":\"c.json\",\"Layers\":[]}"
    try tree.write(
      Array("{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{},\"rootfs\":{\"diff_ids\":[]}}".utf8),
      to: "in/c.json")
    for (count, status) in [(1000, Int32(0)), (1001, 2)] {
      try tree.write(
        Array("[\(Array(repeating: image, count: count).joined(separator: ","))]".utf8),
        to: "in/manifest.json")
      let run = try run("scan", "in")
      #expect(run.status == status)
      if status == 2 {
        #expect(
          run.messages.contains(
            "image manifests: larger than the limit, expected at most 1000, found 1001"), "\(run.messages)")
      }
    }
  }

  /// What was not read is no good news.
  @Test func nothingRead() throws {
    let run = try run("scan", "missing")
    #expect(run.status == 2)
    #expect(run.text.hasPrefix("Nothing could be read.\n"))
    #expect(!run.text.contains("No CUDA device code found"))
  }
}
