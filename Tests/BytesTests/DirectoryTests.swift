import Bytes
import FixtureSupport
import Testing

@Suite struct DirectoryTests {
  private func entries(_ path: String) throws -> [String: FileKind] {
    let directory = try Directory(in: Folder(Path(path)))
    var found: [String: FileKind] = [:]
    while let entry = try directory.next() { found[printable(entry.name)] = entry.kind }
    return found
  }

  @Test func kinds() throws {
    let tree = try TemporaryTree()
    try tree.write([1], to: "file")
    try tree.write([1], to: [0xFF, 0x0A])
    try tree.write([1], to: "directory/inner")
    try tree.symbolicLink("link", to: "file")
    try tree.fifo("fifo")
    try tree.socket("socket")
    #expect(
      try entries(tree.path) == [
        "file": .regular, "\\xff\\x0a": .regular, "directory": .directory, "link": .symbolicLink,
        "fifo": .fifo,
        "socket": .socket,
      ])
    #expect(try entries("/dev")["null"] == .characterDevice)
    try tree.directory("empty")
    #expect(try entries(tree("empty")) == [:])
  }

  @Test func whatIsNoDirectory() throws {
    let tree = try TemporaryTree()
    try tree.write([1], to: "file")
    try tree.directory("directory")
    try tree.symbolicLink("link", to: "directory")
    let folder = try Folder(Path(tree.path))
    func code(_ name: String) -> Problem.Code? {
      (#expect(throws: Problem.self) { try Directory(in: folder, Path(name)) })?.code
    }
    #expect(code("missing") == .notFound)
    #expect(code("file") == .notFound)
    #expect(code("link") != nil)
    #expect(code("directory/..") == .notFound)
    #expect(throws: Never.self) { try Directory(in: folder, Path("directory")) }
    #expect(throws: Never.self) { try Folder(Path(tree("link"))) }
    #expect(throws: Problem.self) { try Folder(Path(tree("file"))) }
  }

  /// A directory on the way becomes a link while a scan is under way, or the directory that was named gets another name.
  @Test func namesThatChange() throws {
    let tree = try TemporaryTree()
    try tree.write([1], to: "root/way/inner/file")
    try tree.write([1], to: "secret/inner/secret")
    let folder = try Folder(Path(tree("root")))
    #expect(try Directory(in: folder, Path("way/inner")).next()?.name == Array("file".utf8))
    try tree.rename("root/way", to: "root/old")
    try tree.symbolicLink("root/way", to: "../secret")
    #expect(throws: Problem.self) { try Directory(in: folder, Path("way/inner")) }
    #expect(throws: Problem.self) { try FileBytes(in: folder, Path("way/inner/secret")) }
    try tree.rename("root", to: "elsewhere")
    try tree.symbolicLink("root", to: "secret")
    #expect(try Directory(in: folder, Path("old/inner")).next()?.name == Array("file".utf8))
    #expect(throws: Problem.self) { try Directory(in: folder, Path("inner")) }
  }

  @Test func prefixes() throws {
    let tree = try TemporaryTree()
    let bytes = (0..<200).map { UInt8($0) }
    try tree.write(bytes, to: "long")
    try tree.write(Array(bytes[..<10]), to: "short")
    try tree.write([], to: "empty")
    try tree.symbolicLink("link", to: "long")
    try tree.symbolicLink("broken", to: "nowhere")
    let directory = try Directory(in: Folder(Path(tree.path)))
    var buffer = [UInt8](repeating: 0xEE, count: 100)
    func prefix(_ name: String, _ needsMore: Bool = false) throws(Problem) -> Int {
      try directory.prefix(of: Array(name.utf8), into: &buffer) { _ in needsMore }
    }
    #expect(try prefix("long") == 64)
    #expect(buffer[..<65] == bytes[..<64] + [0xEE])
    #expect(try prefix("long", true) == 100)
    #expect(buffer == Array(bytes[..<100]))
    #expect(try prefix("short", true) == 10)
    #expect(try prefix("empty", true) == 0)
    for name in ["link", "missing", "broken"] { #expect(throws: Problem.self) { try prefix(name) } }
  }
}
