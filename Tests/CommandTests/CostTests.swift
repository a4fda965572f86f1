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

  /// Packages that compile at run time in environments of their own, for every generation of GPUs: which toolkits would do
  /// is looked for once.
  @Test func frameworksInManyEnvironments() throws {
    for index in 0..<4000 {
      try tree.write(
        Array("Name: cupy-cuda12x\nVersion: 13.4.1\n".utf8),
        to: "in/\(index)/site-packages/cupy_cuda12x-13.4.1.dist-info/METADATA")
    }
    let run = try run("scan", "in", "-o", "json")
    #expect(run.status == 0)
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

  // MARK: Compressed streams

  /// An ELF file of `mebibytes` whose sections lie in an order that jumps to and fro.
  private func jumping(_ mebibytes: Int) -> [UInt8] {
    var elf = ELFBuilder()
    elf.hasSegments = false
    let parts = 64
    for index in 0..<parts {
      // 29 and 64 have no common divisor.
      elf.sections.append(.init(".data\(index * 29 % parts)", flags: 2, [UInt8](repeating: 0, count: 64)))
      elf.sections[index].declaredOffset = UInt64(
        (index * 29 % parts) * (mebibytes << 20) / parts + (1 << 20))
      elf.sections[index].declaredSize = 64
    }
    return elf.bytes + [UInt8](repeating: 0, count: mebibytes << 20)
  }

  private func zip(_ names: [String], method: String, to archive: String) throws {
    let writes = names.map { "z.write('\($0)');" }.joined()
    try pack(
      "python3 -c \"import zipfile; z = zipfile.ZipFile('\(archive)', 'w', zipfile.\(method)); \(writes) z.close()\""
    )
  }

  /// Sections that lie to and fro are read in the order in which they lie: one pass of a stream that cannot go back.
  @Test func passesOverStreams() throws {
    try tree.write(jumping(96), to: "x/a.so")
    for method in ["ZIP_BZIP2", "ZIP_DEFLATED"] {
      try zip(["x/a.so"], method: method, to: "a.zip")
      let run = try run("scan", "a.zip", seconds: 30, mebibytes: 200)
      #expect(run.status == 0, "\(run.messages)")
    }
    try pack("tar cf a.tar x && zstd -q a.tar && xz -1 -k a.tar")
    for name in ["a.tar.zst", "a.tar.xz"] {
      #expect(try run("scan", name, seconds: 30, mebibytes: 300).status == 0)
    }
  }

  /// Many members that decompress to much: all that is decompressed in a scan is counted.
  @Test func decompressedBytes() throws {
    try tree.library("x/a.so", "sm_80")
    try tree.write(jumping(64), to: "x/b.so")
    try tree.write(jumping(64) + [1], to: "x/c.so")
    try zip(["x/a.so", "x/b.so", "x/c.so"], method: "ZIP_DEFLATED", to: "a.zip")
    try pack("tar czf a.tar.gz x")
    #expect(try run("scan", "a.zip").status == 0)
    #expect(try run("scan", "a.tar.gz").status == 0)
    for name in ["a.zip", "a.tar.gz"] {
      let run = try run("scan", name, "--limit", "decompressed-size=16MiB", seconds: 20)
      #expect(run.status == 2)
      #expect(
        run.messages.contains("decompressed bytes: larger than the limit, expected at most 16777216 bytes")
          && run.messages.contains("(limit decompressed-size)"), "\(run.messages)")
    }
    // The library comes first, and there is enough for that.
    #expect(try run("scan", "a.zip", "--limit", "decompressed-size=16MiB").text.contains("x/a.so"))
  }

  /// Compressed sections, which are read as streams: in memory that does not grow with them, whatever the number of threads.
  @Test func compressedSections() throws {
    func section(_ mebibytes: Int) -> ELFBuilder.Section {
      var contents: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
      for shift in stride(from: 0, to: 64, by: 8) {
        contents.append(UInt8(truncatingIfNeeded: UInt64(mebibytes << 20) >> UInt64(shift)))
      }
      contents += [1, 0, 0, 0, 0, 0, 0, 0]
      var sum: UInt32 = 1
      // Zeros leave the low half of Adler-32 at 1; the high half is their number.
      sum |= UInt32((mebibytes << 20) % 65521) << 16
      contents += [0x78, 0x9C] + HugeArchives.zeros(mebibytes: mebibytes)
      contents += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> UInt32($0)) }
      return .init(".rodata", flags: 0x802, contents)
    }
    for index in 0..<4 {
      var elf = ELFBuilder()
      elf.sections.append(section(60))
      try tree.write(elf.bytes + [UInt8(index)], to: "in/\(index).so")
    }
    let run = try run("scan", "in", "--jobs", "8", seconds: 60, mebibytes: 100)
    #expect(run.status == 0, "\(run.messages)")
    // All of one file count together.
    var elf = ELFBuilder()
    for _ in 0..<3 { elf.sections.append(section(40)) }
    try tree.write(elf.bytes, to: "many.so")
    let many = try self.run("scan", "many.so", seconds: 30, mebibytes: 100)
    #expect(many.status == 2)
    #expect(many.messages.contains("size of a compressed section: larger than the limit"), "\(many.messages)")
  }

  // MARK: Names

  /// Deep folders of members, each of its own.
  @Test func foldersOfZipMembers() throws {
    var zip = WheelBuilder()
    zip.add(ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes, to: "a.so")
    for index in 0..<1000 {
      zip.add([], to: "\(100_000 + index)/" + String(repeating: "a/", count: 2030) + "z")
    }
    try tree.write(zip.bytes, to: "a.zip")
    let run = try run("scan", "a.zip", seconds: 30, mebibytes: 150)
    #expect(run.status == 0)
    #expect(run.text.contains("a.so"))
  }

  /// A package of many parts, each with many members.
  @Test func partsOfCondaPackage() throws {
    var tar = TarBuilder()
    for index in 0..<2000 { tar.add([], to: "info/\(index)") }
    try tree.write(tar.bytes, to: "a.tar")
    try pack("zstd -q a.tar")
    let part = try #require(fileContents(tree("a.tar.zst")))
    var package = WheelBuilder()
    package.add(Array("{\"conda_pkg_format_version\": 2}".utf8), to: "metadata.json")
    for index in 0..<100 { package.add(part, to: "pkg-\(index).tar.zst") }
    try tree.write(package.bytes, to: "a.conda")
    let run = try run("scan", "a.conda", seconds: 60, mebibytes: 250)
    #expect(run.status == 0, "\(run.messages)")
  }

  /// Distributions without a list of their files, whose names are in a long one, and files that nobody owns.
  @Test func longListOfNames() throws {
    try tree.write(Array("Name: p\nVersion: 1\n".utf8), to: "in/p-1.dist-info/METADATA")
    let lines = String(repeating: "x\n", count: 500_000)
    try tree.write(Array(lines.utf8), to: "in/p-1.dist-info/top_level.txt")
    for index in 0..<300 {
      try tree.write(Array(".version 8.0\n.target sm_80\n// \(index)\n".utf8), to: "in/a\(index)/k.ptx")
    }
    #expect(try run("scan", "in", seconds: 30).status == 0)
  }

  /// Manifests over one layer.
  @Test func manifestsOverOneLayer() throws {
    var image = ImageBuilder()
    var tar = TarBuilder()
    for index in 0..<2000 { tar.add([], to: "usr/\(index)") }
    image.layers = [(command: "RUN make", tar: tar)]
    let files = try image.files()
    let entry = String(decoding: files[0].contents.dropFirst().dropLast(), as: UTF8.self)
    for (name, contents) in files.dropFirst() { try tree.write(contents, to: "in/" + name) }
    let manifest = "[\(Array(repeating: entry, count: 500).joined(separator: ","))]"
    try tree.write(Array(manifest.utf8), to: "in/manifest.json")
    let run = try run("scan", "in", seconds: 60, mebibytes: 400)
    #expect(run.status == 2)
    #expect(run.messages.contains("(limit name-memory)"), "\(run.messages)")
  }

  // MARK: Surroundings

  /// Expressions that the C library would crash on, or would take gigabytes or hours for.
  @Test func patterns() throws {
    try tree.library("a.so", "sm_80")
    let repeated = String(repeating: "(", count: 40) + "a" + String(repeating: "+)", count: 40)
    for pattern in [
      String(repeating: "(", count: 20_000), "((((((x{0,255}){0,255}){0,255})))))",
      "((a{0,100}){0,100}){0,100}", repeated, "(a*)*\\1", String(repeating: "a", count: 5000),
      "{" + String(repeating: "(", count: 3000), "[(]" + String(repeating: "(", count: 3000),
      "a{9999999999999999999}",
    ] {
      let run = try run("kernels", "a.so", "--match", pattern, seconds: 10, mebibytes: 200)
      #expect(run.status == 2, "\(pattern.prefix(40)): \(run.messages)")
      #expect(run.messages.contains("--match"))
    }
    for pattern in [
      "^void (at|caffe2)::.*[[:digit:]()]+", "[(]{2,5}|a{,3}b{1,}", "(a|b|c|d){1,40}", "\\(x\\)",
    ] {
      #expect(try run("kernels", "a.so", "--match", pattern).status == 0, "\(pattern)")
    }
  }

  /// Without further threads everything is done by one, and with few descriptors it is done or said.
  @Test func fewThreadsAndDescriptors() throws {
    let becomeNobody = geteuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : ""
    guard try becomeNobody.isEmpty || Program.shell(becomeNobody + "\"$0\" help").status == 0 else {
      try Test.cancel(
        "needs setpriv(1) to give up the rights of root, and a program that everybody may start")
    }
    try tree.setMode(0o755, of: ".")
    for index in 0..<100 { try tree.library("in/\(index)/a.so", "sm_80") }
    let commands = ["scan in --jobs 8", "kernels in/0/a.so in/1/a.so --jobs 8", "diff in/0 in/1 --jobs 8"]
    for command in commands {
      let run = try Program.shell(
        "ulimit -u 1; exec timeout 60 \(becomeNobody)\"$0\" \(command)", in: tree.path)
      #expect(run.status == 0, "\(command): \(run.messages)")
    }
    for count in 3...20 {
      let run = try Program.shell(
        "ulimit -n \(count); exec timeout 60 \"$0\" scan in --jobs 8", in: tree.path)
      // 127 comes from the dynamic linker, which has descriptors of its own.
      #expect([0, 2, 127].contains(run.status), "\(count): \(String(describing: run.status))")
      if run.status == 0 {
        #expect(run.text.contains(" 1 with device code"), "\(count): \(run.text)")
      }
    }
  }
}
