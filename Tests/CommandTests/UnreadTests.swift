import Bytes
import FixtureSupport
import JSONSchemaSupport
import Testing

/// What was not read is said before anything else, counted, and exits with 2.
struct UnreadTests {
  let tree: TemporaryTree
  private let library = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes

  init() throws { tree = try TemporaryTree() }

  /// Scans `name`, with and without a GPU; the headline, the count and the status say that `problem` was met.
  private func expectUnread(_ name: String, _ problem: String, hasCode: Bool = false) throws {
    for arguments in [["scan", name], ["scan", name, "--gpu", "A100"]] {
      let run = try Program.run(arguments.map { Array($0.utf8) }, in: tree.path)
      #expect(run.status == 2, "\(name): \(run.text)")
      #expect(run.text.hasPrefix("! "), "\(name): \(run.text)")
      #expect(run.text.contains(problem), "\(name): \(run.text)")
      #expect(run.text.contains(" 1 problem; "), "\(name): \(run.text)")
      #expect(!run.text.contains("No CUDA device code found.\n"))
      #expect(run.text.contains("✓") == hasCode, "\(name): \(run.text)")
    }
    for command in ["list", "kernels"] where problem.contains("what it holds is not read") {
      #expect(try Program.run(command, name, in: tree.path).status == 2)
    }
    let document = try Program.run("scan", name, "-o", "json", in: tree.path)
    #expect(try document.document().problems.count == 1)
  }

  @Test func missingPath() throws {
    try expectUnread("missing", "! Nothing could be read: missing does not exist.\n")
  }

  @Test func differences() throws {
    try tree.write(library, to: "old/a.so")
    try tree.write(library, to: "new/a.so")
    try tree.write(Self.padded("hsqs"), to: "new/b.sqfs")
    let run = try Program.run("diff", "old", "new", in: tree.path)
    #expect(run.status == 2)
    #expect(
      run.text.hasPrefix("! Not everything could be read as it should; 1 problem below.\n"), "\(run.text)")
    #expect(run.text.contains("? not everything could be compared"))
  }

  private static func padded(_ start: String, _ offset: Int = 0) -> [UInt8] {
    [UInt8](repeating: 0, count: offset) + Array(start.utf8) + [UInt8](repeating: 0, count: 5000)
  }

  private static let formats: [(name: String, bytes: [UInt8], format: String)] = [
    ("a.sqfs", padded("hsqs"), "SquashFS"),
    ("a.simg", Array("#!/usr/bin/env run-singularity\n\0hsqs".utf8), "SquashFS"),
    ("a.sif", Array("#!/usr/bin/env run-singularity\n\0SIF_MAGIC\0".utf8), "SIF"),
    ("a.qcow2", [0x51, 0x46, 0x49, 0xFB] + padded(""), "QCOW disk image"),
    ("a.iso", padded("CD001", 32769), "ISO 9660 image"),
    ("a.7z", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C, 0, 4], "7z archive"),
    ("a.rar", padded("Rar!\u{1A}\u{7}"), "RAR archive"),
    ("a.deb", padded("!<arch>\ndebian-binary   "), "Debian package"),
    ("a.run", padded("#!/bin/sh\n# This script was generated using Makeself 2.4"), "extracts itself"),
    ("a.ptx.gz", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0], "compressed with gzip"),
    ("a.engine", padded("ftrt"), "TensorRT engine"),
    ("a.plan", Array("ftrt".utf8) + [UInt8](repeating: 0, count: 20) + [10, 9, 0, 34], "TensorRT 10.9.0.34"),
    ("yolo.engine", [2, 0, 0, 0] + Array("{}ftrt".utf8) + padded(""), "TensorRT engine"),
    ("a.tar.lz4", [0x04, 0x22, 0x4D, 0x18] + padded(""), "compressed"),
    ("a.whl", Array("<html>404 Not Found</html>".utf8), "expected a zip archive, as its name says"),
    ("a.tar", padded("x"), "expected a tar, as its name says"),
    ("a.so", padded(""), "expected a library, as its name says"),
    ("b.so", Array("version https://git-lfs.github.com/spec/v1\n".utf8), "a pointer of Git LFS"),
  ]

  /// As a file that was named, below a folder, and in a tar; of disk images the name says where to look.
  @Test(arguments: formats.indices) func otherFormats(index: Int) throws {
    let (name, bytes, format) = Self.formats[index]
    try tree.write(bytes, to: name)
    try expectUnread(name, format)
    try tree.write(bytes, to: "in/sub/" + name)
    if name != "a.tar" {
      try expectUnread("in", format)
      try #require(Program.shell("tar czf in.tar.gz in", in: tree.path).status == 0)
      try expectUnread("in.tar.gz", format)
    }
  }

  /// Archives in archives and folders, where they may hold device code.
  @Test func archivesInside() throws {
    var wheel = WheelBuilder(distribution: "x", "1.0")
    wheel.add(library, to: "x/a.so")
    try tree.write(wheel.bytes, to: "in/sub/x.whl")
    try tree.write(wheel.bytes, to: "named/x.whl")
    var pure = WheelBuilder(distribution: "y", "1.0")
    pure.add([0x78], to: "y/a.py")
    try tree.write(pure.bytes, to: "pure/sub/y.whl")
    var outer = WheelBuilder()
    outer.add(wheel.bytes, to: "x.whl")
    try tree.write(outer.bytes, to: "outer.zip")
    try expectUnread("in", "zip archive: not supported: an archive inside what was named, not read")
    try expectUnread("outer.zip", "zip archive")
    try #require(Program.shell("tar cf in.tar in && tar czf sub.tgz in/sub", in: tree.path).status == 0)
    try expectUnread("in.tar", "zip archive")
    try #require(Program.shell("mkdir -p deep/er && mv sub.tgz deep/er", in: tree.path).status == 0)
    try expectUnread("deep", "compressed tar")
    // Texts and time zones in a compressed tar are in many installations.
    try #require(
      Program.shell(
        "mkdir -p zones/er && echo x >zones/Paris && tar czf zones/er/zones.tar.gz -C zones Paris",
        in: tree.path
      ).status == 0)
    #expect(try Program.run("scan", "zones", in: tree.path).status == 0)
    // Those in a folder that was named are opened, and packages of Python alone hold nothing.
    #expect(try Program.run("scan", "named", in: tree.path).status == 0)
    #expect(try Program.run("scan", "pure", in: tree.path).status == 0)
  }

  @Test func compressedLibraries() throws {
    try tree.write(library, to: "in/sub/a.so.1")
    try tree.write(Array("The manual".utf8), to: "in/sub/ld.so.8")
    try #require(Program.shell("gzip in/sub/a.so.1 in/sub/ld.so.8", in: tree.path).status == 0)
    try expectUnread("in", "a.so.1.gz: file compressed with gzip: not supported: what it holds is not read")
    try expectUnread("in/sub/a.so.1.gz", "file compressed with gzip")
  }

  @Test func brokenWheels() throws {
    var wheel = WheelBuilder(distribution: "x", "1.0")
    wheel.add(library, to: "x/a.so")
    let bytes = wheel.bytes
    try tree.write(Array("junk".utf8) + bytes, to: "front.whl")
    try expectUnread("front.whl", "4 other bytes in front", hasCode: true)
    try tree.write(Array("#!/usr/bin/python3\n".utf8) + bytes, to: "app")
    #expect(try Program.run("scan", "app", in: tree.path).status == 0)
    try tree.write(Array(bytes.dropLast(40)), to: "cut.whl")
    try expectUnread("cut.whl", "zip archive: the data ends too early")
    let start = try #require(bytes.indices.first { bytes[$0...].starts(with: library) })
    var changed = bytes
    changed[start + library.count - 1] ^= 1
    try tree.write(changed, to: "changed.whl")
    try expectUnread("changed.whl", "zip member: does not agree, expected the CRC-32", hasCode: true)
    let directory = try #require(bytes.indices.last { bytes[$0...].starts(with: Array("x/a.so".utf8)) }) - 46
    var encrypted = bytes
    encrypted[directory + 8] |= 1
    try tree.write(encrypted, to: "encrypted.whl")
    try expectUnread("encrypted.whl", "encrypted")
  }

  /// The checksum of a compressed member, which is compared though nothing at its end is of interest.
  @Test func checksumOfCompressedMember() throws {
    try tree.write(library + [UInt8](repeating: 0, count: 4 << 20), to: "x/a.so")
    let made = try Program.shell(
      """
      python3 -c "import zipfile; z = zipfile.ZipFile('a.zip', 'w', zipfile.ZIP_DEFLATED); z.write('x/a.so'); z.close(); \
      b = bytearray(open('a.zip', 'rb').read()); b[b.rfind(b'x/a.so') - 30] ^= 1; open('a.zip', 'wb').write(b)"
      """, in: tree.path)
    try #require(made.status == 0, "\(made.messages)")
    try expectUnread("a.zip", "expected the CRC-32", hasCode: true)
  }

  /// A manifest that cannot be read does not turn an image into a folder of files of no interest.
  @Test func brokenManifests() throws {
    try tree.write(Array("{".utf8), to: "docker/manifest.json")
    try tree.write(Array("{}".utf8), to: "docker/repositories")
    try expectUnread("docker", "file manifest.json of the image: invalid value")
    try tree.write(Array("{".utf8), to: "blobs/manifest.json")
    try tree.write([1], to: "blobs/blobs/sha256/00")
    try expectUnread("blobs", "file manifest.json of the image: invalid value")
    try tree.write(Array("{\"imageLayoutVersion\": \"1.0.0\"}".utf8), to: "oci/oci-layout")
    try tree.write(Array("[".utf8), to: "oci/index.json")
    try expectUnread("oci", "file index.json of the image: invalid value")
    try tree.write(Array("{}".utf8), to: "in/sub/oci-layout")
    try expectUnread("in", "OCI image layout")
    // What only has a file of the same name is no image.
    try tree.write(Array("{".utf8), to: "other/manifest.json")
    #expect(try Program.run("scan", "other", in: tree.path).status == 0)
  }

  /// Links to folders, libraries and metadata outside, as environments of uv may have; those to programs and texts, as every
  /// environment has, are no loss.
  @Test func linksThatLeadOutside() throws {
    try tree.write(library, to: "cache/x/a.so")
    try tree.write([0x78], to: "cache/x/notes.txt")
    try tree.write(library, to: "in/b.so")
    try tree.symbolicLink("in/python3", to: "../cache/x/a.so")
    try tree.symbolicLink("in/notes.txt", to: "../cache/x/notes.txt")
    let run = try Program.run("scan", "in", in: tree.path)
    #expect(run.status == 2, "\(run.text)")
    try tree.write(library, to: "venv/b.so")
    try tree.write([0x78], to: "cache/python3")
    try tree.symbolicLink("venv/bin/python3", to: "../../cache/python3")
    try tree.symbolicLink("venv/notes.txt", to: "../cache/x/notes.txt")
    #expect(try Program.run("scan", "venv", in: tree.path).status == 0)
    try tree.symbolicLink("venv/x/a.so", to: "../../cache/x/a.so")
    try tree.symbolicLink("venv/y", to: "../cache/x")
    try tree.symbolicLink("venv/z.so", to: "../cache/x/missing.so")
    try expectUnread("venv", "found 3 that lead into \(tree("cache/x"))", hasCode: true)
    // The problem offers the option that reads them, but what does not exist.
    let offered = try #require(
      try Program.run("scan", "venv", in: tree.path).text.firstMatch(of: /--follow-links (\S+) reads/)?.1)
    let followed = try Program.run("scan", "venv", "--follow-links", String(offered), in: tree.path)
    #expect(followed.status == 2, "\(followed.text)")
    #expect(followed.text.contains("found 1 that leads to \(tree("cache/x/missing.so"))"), "\(followed.text)")
    try tree.write(library, to: "cache/x/missing.so")
    #expect(try Program.run("scan", "venv", "--follow-links", String(offered), in: tree.path).status == 0)
    let mistyped = try Program.run("scan", "venv", "--follow-links", "caches", in: tree.path)
    #expect(mistyped.messageLines.first == "cubinspect: --follow-links 'caches': does not exist")
    // What leads out and back in is not missed.
    try tree.symbolicLink("alternatives/b", to: tree("back/b.so"))
    try tree.write(library, to: "back/b.so")
    try tree.symbolicLink("back/c.so", to: tree("alternatives/b"))
    #expect(try Program.run("scan", "back", in: tree.path).status == 0)
    // Where the folder is named as well, nothing is missed.
    #expect(try Program.run("scan", "venv", "cache", in: tree.path).status == 0)
  }
}
