import Bytes
import DeviceCode
import FixtureSupport
import Glibc
import Scan
import Stack
import Testing

/// Which files a scan finds, under which names.
struct ScannerTests {
  let tree: TemporaryTree

  init() throws { tree = try TemporaryTree() }

  private func scan(_ names: String..., jobs: Int = 2) -> ScanResult {
    Scan.Scanner(jobs: jobs).scan(names.map { Path(tree($0)) })
  }

  private func library(_ name: String, _ targets: Target...) throws {
    try tree.write(ELFBuilder(fatBinaries: [FatBinaryBuilder(targets: targets)]).bytes, to: name)
  }

  /// `path` of a root, with the root's number in front.
  private func names(_ places: [FilePlace]) -> [String] { places.map { "\($0.root):\($0.path)" } }

  @Test func directory() throws {
    try library("lib/b.so", "sm_80")
    try library("lib/deep/er/a.so", "sm_90")
    try tree.write(CubinBuilder("sm_75").bytes, to: "lib/kernel.cubin")
    try tree.write(FatBinaryBuilder("sm_75").bytes, to: "lib/kernel.fatbin")
    try tree.write(Array(PTXText.text("compute_75").utf8), to: "lib/kernel.ptx")
    try tree.write(ELFBuilder().bytes, to: "lib/plain.so")
    try tree.write(Array("text".utf8), to: "lib/notes.txt")
    try tree.write([], to: "lib/empty")
    let result = scan("lib")
    #expect(
      names(result.libraries.map(\.place)) == [
        "0:b.so", "0:deep/er/a.so", "0:kernel.cubin", "0:kernel.fatbin", "0:kernel.ptx",
      ])
    #expect(result.problems == [])
    #expect(result.roots.map(\.path) == [Path(tree("lib"))])
    #expect(result.roots.map(\.kind) == [.directory])
    #expect(result.counts.filesVisited == 8)
    #expect(result.counts.directories == 3)
    #expect(result.counts.elfFiles == 3)
    #expect(result.counts.librariesWithDeviceCode == 5)
    #expect(result.counts.modules == 5)
    #expect(result.counts.images == 5)
  }

  @Test func emptyDirectory() throws {
    try tree.directory("lib")
    let result = scan("lib")
    #expect(result.libraries.isEmpty)
    #expect(result.problems == [])
    #expect(result.counts.directories == 1)
    #expect(result.counts.filesVisited == 0)
  }

  @Test func hardLinksAreOneLibrary() throws {
    try library("lib/c.so", "sm_80")
    try tree.hardLink("lib/a.so", to: "lib/c.so")
    try tree.hardLink("lib/sub/b.so", to: "lib/c.so")
    let result = scan("lib")
    #expect(names(result.libraries.map(\.place)) == ["0:a.so"])
    #expect(names(result.libraries[0].aliases) == ["0:c.so", "0:sub/b.so"])
    #expect(result.counts.filesVisited == 3)
    #expect(result.counts.elfFiles == 1)
  }

  @Test func symbolicLinksToAFileAreItsNames() throws {
    try library("lib/lib.so.1.2", "sm_80")
    try tree.symbolicLink("lib/lib.so", to: "lib.so.1")
    try tree.symbolicLink("lib/lib.so.1", to: "lib.so.1.2")
    try tree.symbolicLink("lib/sub/up.so", to: "../lib.so.1.2")
    let result = scan("lib")
    #expect(names(result.libraries.map(\.place)) == ["0:lib.so.1.2"])
    #expect(names(result.libraries[0].aliases) == ["0:lib.so", "0:lib.so.1", "0:sub/up.so"])
    #expect(result.counts.filesVisited == 1)
    #expect(result.counts.linksOutside == 0)
  }

  @Test func symbolicLinksToDirectoriesAreNotFollowed() throws {
    try library("lib/real/a.so", "sm_80")
    try tree.symbolicLink("lib/again", to: "real")
    try tree.symbolicLink("lib/real/loop", to: "..")
    try tree.symbolicLink("lib/self", to: "self")
    try tree.symbolicLink("lib/dangling.so", to: "nowhere.so")
    let result = scan("lib")
    #expect(names(result.libraries.map(\.place)) == ["0:real/a.so"])
    #expect(result.libraries[0].aliases == [])
    #expect(result.problems == [])
    #expect(result.counts.linksOutside == 0)
    #expect(result.counts.directories == 2)
  }

  @Test func linksThatLeaveTheRootAreCounted() throws {
    try library("elsewhere/a.so", "sm_80")
    try tree.write(Array("text".utf8), to: "elsewhere/notes.txt")
    try tree.symbolicLink("lib/a.so", to: "../elsewhere/a.so")
    try tree.symbolicLink("lib/absolute.so", to: tree("elsewhere/a.so"))
    try tree.symbolicLink("lib/directory", to: "../elsewhere")
    try tree.symbolicLink("lib/notes.txt", to: "../elsewhere/notes.txt")
    let result = scan("lib")
    #expect(result.libraries.isEmpty)
    // What is outside is not looked at, so nobody knows whether anything is missed.
    #expect(result.counts.linksOutside == 4)
    let both = scan("lib", "elsewhere")
    #expect(names(both.libraries.map(\.place)) == ["1:a.so"])
    #expect(names(both.libraries[0].aliases) == ["0:a.so", "0:absolute.so"])
    #expect(both.counts.linksOutside == 0)
  }

  @Test func rootThatIsALinkIsFollowed() throws {
    try library("real/a.so", "sm_80")
    try tree.symbolicLink("link", to: "real")
    try tree.symbolicLink("link.so", to: "real/a.so")
    let result = scan("link")
    #expect(names(result.libraries.map(\.place)) == ["0:a.so"])
    #expect(names(scan("link.so").libraries.map(\.place)) == ["0:link.so"])
  }

  @Test func identicalFilesAreOneLibrary() throws {
    try library("lib/a.so", "sm_80")
    try library("lib/copy.so", "sm_80")
    try library("lib/other.so", "sm_90")
    // The same device code at the same place, but another host file.
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    elf.append([1, 2, 3, 4], to: ".data")
    try tree.write(elf.bytes, to: "lib/x.so")
    elf.sections[elf.sections.count - 1].contents = [4, 3, 2, 1]
    try tree.write(elf.bytes, to: "lib/y.so")
    try tree.hardLink("lib/z.so", to: "lib/copy.so")
    let result = scan("lib")
    #expect(names(result.libraries.map(\.place)) == ["0:a.so", "0:other.so", "0:x.so", "0:y.so"])
    #expect(names(result.libraries[0].aliases) == ["0:copy.so", "0:z.so"])
    #expect(result.libraries[2].aliases == [])
  }

  @Test func severalRoots() throws {
    try library("one/a.so", "sm_80")
    try library("two/b.so", "sm_90")
    try library("three.so", "sm_70")
    let result = scan("two", "one", "three.so", "one/a.so")
    #expect(result.roots.map(\.kind) == [.directory, .directory, .file, .file])
    #expect(names(result.libraries.map(\.place)) == ["0:b.so", "1:a.so", "2:three.so"])
    #expect(names(result.libraries[1].aliases) == ["3:a.so"])
  }

  @Test func aRootInsideAnotherIsFoundTwice() throws {
    try library("lib/sub/a.so", "sm_80")
    let result = scan("lib", "lib/sub")
    #expect(names(result.libraries.map(\.place)) == ["0:sub/a.so"])
    #expect(names(result.libraries[0].aliases) == ["1:a.so"])
  }

  @Test func whatIsNoFileOrDirectory() throws {
    try library("lib/a.so", "sm_80")
    try tree.fifo("lib/pipe")
    try tree.socket("lib/socket")
    let inside = scan("lib")
    #expect(inside.problems == [])
    #expect(inside.counts.filesVisited == 1)
    #expect(names(inside.libraries.map(\.place)) == ["0:a.so"])

    let roots = Scan.Scanner(jobs: 1).scan(
      ["lib/pipe", "lib/socket", "missing", "lib/a.so/x"].map { Path(tree($0)) } + [Path("/dev/null")])
    #expect(
      roots.problems.map(\.problem) == [
        Problem(.notRegularFile, "path", observed: "a FIFO"),
        Problem(.notRegularFile, "path", observed: "a socket"),
        Problem(.notFound, "path", observed: "No such file or directory"),
        Problem(.notFound, "path", observed: "Not a directory"),
        Problem(.notRegularFile, "path", observed: "a character device"),
      ])
    #expect(roots.problems.map(\.place.root) == [0, 1, 2, 3, 4])
  }

  @Test func recognisedFiles() throws {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    elf.append([1, 2, 3], to: ".hip_fatbin")
    try tree.write(elf.bytes, to: "lib/hip.so")
    elf.fileClass = 1
    try tree.write(elf.bytes, to: "lib/small.so")
    elf.fileClass = 2
    elf.encoding = 2
    try tree.write(elf.bytes, to: "lib/swapped.so")
    try tree.write(Array("!<thin>\n".utf8) + [UInt8](repeating: 0x20, count: 80), to: "lib/thin.a")
    let result = scan("lib")
    #expect(result.problems == [])
    #expect(
      result.recognised.map { "\($0.place.path): \($0.what)" } == [
        "hip.so: device code for AMD (.hip_fatbin)", "small.so: 32-bit little-endian ELF",
        "swapped.so: 64-bit big-endian ELF", "thin.a: thin static library, which only names its object files",
      ])
    #expect(names(result.libraries.map(\.place)) == ["0:hip.so"])
  }

  @Test func damagedFiles() throws {
    let whole = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    try tree.write(Array(whole.bytes.prefix(40)), to: "lib/a-header.so")
    try tree.write(Array(whole.bytes.dropLast(100)), to: "lib/b-table.so")
    var section = whole
    section.sections[0].declaredSize = 1 << 40
    try tree.write(section.bytes, to: "lib/c-section.so")
    var fatBinary = FatBinaryBuilder("sm_80")
    fatBinary.declaredSize = 1 << 63
    try tree.write(ELFBuilder(fatBinaries: [fatBinary]).bytes, to: "lib/d-size.so")
    try library("lib/e.so", "sm_90")
    let result = scan("lib")
    func codes(_ name: String) -> [Problem.Code] {
      result.problems.filter { "\($0.place.path)" == name }.map(\.problem.code)
    }
    #expect(codes("a-header.so").isEmpty == false)
    #expect(codes("b-table.so") == [.outOfBounds])
    #expect(codes("c-section.so").contains(.outOfBounds))
    #expect(codes("d-size.so") == [.outOfBounds])
    #expect(codes("e.so") == [])
    // What is whole is judged: the scan goes on, within the file and behind it.
    #expect(names(result.libraries.map(\.place)).suffix(2) == ["0:d-size.so", "0:e.so"])
    #expect(result.problems.map(\.place) == result.problems.map(\.place).sorted())
  }

  @Test func namesThatAreNoText() throws {
    let bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")]).bytes
    let names: [[UInt8]] = [
      [0x61, 0xFF], Array("new\nline".utf8), Array("\u{1B}[31mred".utf8), Array("ünï".utf8), Array(" ".utf8),
    ]
    for (index, name) in names.enumerated() {
      try tree.write(bytes + [UInt8(index)], to: Array("lib/".utf8) + name)
    }
    let result = scan("lib")
    #expect(result.libraries.map(\.place.path) == names.map { Path(bytes: $0) }.sorted())
    #expect(result.problems == [])
  }

  @Test(arguments: [1, 2, 4, 8])
  func theNumberOfJobsChangesNothing(jobs: Int) throws {
    for folder in 0..<20 {
      for file in 0..<5 {
        try library("lib/\(folder)/\(file).so", "sm_80", folder % 2 == 0 ? "sm_90" : "sm_75")
      }
      try tree.symbolicLink("lib/\(folder)/link.so", to: "0.so")
      try tree.write([0x7F, 0x45, 0x4C, 0x46, 2, 1], to: "lib/\(folder)/broken.so")
    }
    func describe(_ result: ScanResult) -> [String] {
      result.libraries.map { "\($0.place) \($0.aliases)" } + result.problems.map { "\($0)" } + [
        "\(result.counts)"
      ]
    }
    #expect(describe(scan("lib", jobs: jobs)) == describe(scan("lib", jobs: 1)))
  }

  /// Root may read everything: the test needs somebody else.
  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func withoutPermission() throws {
    try library("lib/a.so", "sm_80")
    try library("lib/secret.so", "sm_80")
    try library("lib/closed/b.so", "sm_80")
    try tree.setMode(0, of: "lib/secret.so")
    try tree.setMode(0, of: "lib/closed")
    let result = scan("lib")
    #expect(result.problems.map { "\($0.place.path)" } == ["closed", "secret.so"])
    #expect(
      result.problems.allSatisfy { $0.problem == Problem(.unreadable, "path", observed: "Permission denied") }
    )
    #expect(names(result.libraries.map(\.place)) == ["0:a.so"])
  }
}

/// A file that becomes shorter than it said.
final class ShrinkingBytes: ByteSource {
  let bytes: [UInt8]
  let end: Int
  var size: UInt64 { UInt64(bytes.count) }

  init(_ bytes: [UInt8], end: Int) {
    self.bytes = bytes
    self.end = end
  }

  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    try MemoryBytes(Array(bytes[..<end])).read(at: offset, count: count, into: &buffer)
  }
}

struct ShrinkingFileTests {
  /// Wherever it ends, that is a problem of the file and not the end of the program.
  @Test func everyLength() throws {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "compute_80"), FatBinaryBuilder("sm_90")])
    elf.append(FatBinaryBuilder("sm_75").bytes, to: ".rodata")
    let contents = elf.bytes
    #expect(InspectedFile(ShrinkingBytes(contents, end: contents.count)).problems == [])
    let images = InspectedFile(MemoryBytes(contents)).inventory.images.count
    for end in stride(from: 0, to: contents.count, by: 8) {
      let file = InspectedFile(ShrinkingBytes(contents, end: end))
      #expect(!file.problems.isEmpty, "\(end)")
      #expect(file.inventory.images.count <= images)
    }
  }

  @Test(arguments: [FatBinaryBuilder("sm_80", "compute_80").bytes, CubinBuilder("sm_80").bytes])
  func everyLengthOfDeviceCode(contents: [UInt8]) {
    for end in stride(from: 0, to: contents.count, by: 8) {
      #expect(!InspectedFile(ShrinkingBytes(contents, end: end)).problems.isEmpty, "\(end)")
    }
  }
}
