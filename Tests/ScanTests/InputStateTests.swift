import Bytes
import FixtureSupport
import Glibc
import Scan
import Testing

/// What tells whether inputs are what they were.
struct InputStateTests {
  private let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
    for name in ["env/a/one.so", "env/a/two.so", "env/b/three.so", "wheel.whl"] {
      try tree.write(Array(name.utf8), to: name)
    }
    try tree.symbolicLink("env/link", to: "a/one.so")
    try tree.symbolicLink("current", to: "env")
  }

  private func inputs(_ names: [String]) -> [ScanInput] { names.map { ScanInput(name: Path(tree($0))) } }

  private func state(_ names: String..., jobs: Int = 2) throws -> InputState {
    try #require(InputState(of: inputs(names), jobs: jobs))
  }

  /// File systems stamp files by clocks that move every few milliseconds.
  private func waitForTheClock() { usleep(30_000) }

  private func remove(_ name: String) { #expect(unsafe unlink(tree(name)) == 0) }

  @Test func lastsWhileNothingChanges() throws {
    let before = try state("env", "wheel.whl")
    waitForTheClock()
    _ = try FileBytes(path: Path(tree("env/a/one.so"))).bytes(at: 0, count: 4, "file")
    for jobs in 1...4 { #expect(try state("env", "wheel.whl", jobs: jobs) == before) }
    // Names and their order are part of it.
    #expect(try state("wheel.whl", "env") != before)
    #expect(try state("env") != before)
    #expect(try state("current") != state("env"))
  }

  @Test(arguments: [
    ("a file that is written again with as many bytes", "env/a/one.so"),
    ("a file of its own", "wheel.whl"),
    ("a file that a link leads to", "env/b/three.so"),
  ])
  func endsWithContents(_ what: String, _ name: String) throws {
    let before = try state("env", "wheel.whl")
    waitForTheClock()
    var times = stat()
    #expect(unsafe stat(tree(name), &times) == 0)
    try tree.write(Array(name.utf8.reversed()), to: name)
    // Programs can set the time of the contents, and the system notes when they did.
    _ = unsafe utimensat(AT_FDCWD, tree(name), [times.st_atim, times.st_mtim], 0)
    let after = try state("env", "wheel.whl")
    #expect(after.digest != before.digest)
    #expect(after.newestChange > before.newestChange)
  }

  @Test func endsWithNames() throws {
    var seen: Set<[UInt8]> = [try state("current").digest]
    func expectAnother(_ change: String, _ body: () throws -> Void) throws {
      waitForTheClock()
      try body()
      #expect(seen.insert(try state("current").digest).inserted, "\(change)")
    }
    try expectAnother("a new file") { try tree.write([], to: "env/a/new.so") }
    try expectAnother("a new folder") { try tree.directory("env/c") }
    try expectAnother("another name") { try tree.rename("env/a/new.so", to: "env/a/newer.so") }
    try expectAnother("another folder") { try tree.rename("env/a/newer.so", to: "env/b/newer.so") }
    try expectAnother("another mode") { try tree.setMode(0o600, of: "env/a/two.so") }
    try expectAnother("a folder that others cannot enter") { try tree.setMode(0o700, of: "env/a") }
    try expectAnother("another target of a link") {
      remove("env/link")
      try tree.symbolicLink("env/link", to: "a/two.so")
    }
    try expectAnother("a name more") { try tree.hardLink("env/hard.so", to: "env/a/two.so") }
    try expectAnother("a file less") { remove("env/hard.so") }
    try expectAnother("another folder under the name") {
      remove("current")
      try tree.directory("other")
      try tree.symbolicLink("current", to: "other")
    }
  }

  /// Where names and contents meet must not matter: "ab" with "c" is not "a" with "bc".
  @Test func namesAreKeptApart() throws {
    try tree.directory("first/ab")
    try tree.directory("second/a/b")
    try tree.directory("third/b/a")
    let states = try ["first", "second", "third"].map { try state($0).digest }
    #expect(Set(states).count == 3)
  }

  @Test func isNotToldOfWhatHasNoPath() throws {
    let file = try FileBytes(path: Path(tree("wheel.whl")))
    #expect(InputState(of: [ScanInput(name: Path("-"), place: .file(file))], jobs: 1) == nil)
    #expect(InputState(of: inputs(["env", "missing"]), jobs: 1) == nil)
    #expect(InputState(of: [], jobs: 1) != nil)
    let layout = ScanInput(
      name: Path("oci:env"),
      place: .image(folder: Path(tree("env")), blobs: Path(tree("missing"))))
    #expect(InputState(of: [layout], jobs: 1) == nil)
  }

  @Test func blobsElsewhereBelongToAnImage() throws {
    try tree.write([1], to: "blobs/sha256/1")
    let layout = ScanInput(
      name: Path("oci:env"), place: .image(folder: Path(tree("env")), blobs: Path(tree("blobs"))))
    let before = try #require(InputState(of: [layout], jobs: 2))
    try tree.write([2], to: "blobs/sha256/2")
    #expect(InputState(of: [layout], jobs: 2) != before)
  }
}
