import Bytes
import FixtureSupport
import Synchronization
import Testing

/// Counts the reads of another source, and can end earlier than it says or refuse to be read.
private final class StubBytes: ByteSource {
  let bytes: MemoryBytes
  let size: UInt64
  let reads = Atomic<Int>(0)
  let error: Problem?

  init(_ bytes: [UInt8], size: Int? = nil, error: Problem? = nil) {
    self.bytes = MemoryBytes(bytes)
    self.size = UInt64(size ?? bytes.count)
    self.error = error
  }

  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    reads.wrappingAdd(1, ordering: .relaxed)
    if let error { throw error }
    return try bytes.read(at: offset, count: count, into: &buffer)
  }
}

private let numbers = (0..<200).map { UInt8($0) }

@Suite struct ByteSourceTests {
  @Test func memory() throws {
    let source = MemoryBytes(numbers)
    #expect(source.size == 200)
    #expect(try source.bytes(at: 10, count: 3, "f") == [10, 11, 12])
    #expect(try source.bytes(at: 200, count: 0, "f") == [])
    #expect(try source.bytes(at: 199, count: 1, "f") == [199])
    for (offset, count) in [(200, 1), (199, 2), (201, 0), (UInt64.max, 1), (0, 201), (0, -1)]
      as [(UInt64, Int)]
    {
      #expect(throws: Problem(.truncated, "f", at: offset)) {
        try source.bytes(at: offset, count: count, "f")
      }
    }
  }

  @Test func readsStopAtTheEnd() throws {
    let source = MemoryBytes(numbers)
    var buffer = [UInt8](repeating: 0xEE, count: 8)
    #expect(try source.read(at: 196, count: 8, into: &buffer) == 4)
    #expect(buffer == [196, 197, 198, 199, 0xEE, 0xEE, 0xEE, 0xEE])
    #expect(try source.read(at: 200, count: 8, into: &buffer) == 0)
    #expect(try source.read(at: .max, count: 8, into: &buffer) == 0)
    #expect(try source.read(at: 0, count: 0, into: &buffer) == 0)
  }

  @Test func subrange() throws {
    let part = SubrangeBytes(MemoryBytes(numbers), 50..<60)
    #expect(part.size == 10)
    #expect(try part.bytes(at: 0, count: 10, "f") == Array(50..<60))
    #expect(throws: Problem(.truncated, "f", at: 8)) { try part.bytes(at: 8, count: 3, "f") }
    var buffer = [UInt8](repeating: 0, count: 20)
    #expect(try part.read(at: 7, count: 20, into: &buffer) == 3)
    #expect(buffer[..<4] == [57, 58, 59, 0])
    #expect(try part.read(at: 10, count: 1, into: &buffer) == 0)
  }

  /// A part never reaches outside its source, whatever it was asked to be.
  @Test(
    arguments: [
      (190..<300, 190..<200), (200..<300, 200..<200), (500..<600, 200..<200), (0..<UInt64.max, 0..<200),
    ] as [(Range<UInt64>, Range<UInt64>)]) func subrangeIsCut(_ asked: Range<UInt64>, _ given: Range<UInt64>)
    throws
  {
    let part = SubrangeBytes(MemoryBytes(numbers), asked)
    #expect(part.range == given)
    #expect(
      try part.bytes(at: 0, count: given.count, "f")
        == numbers[Int(given.lowerBound)..<Int(given.upperBound)].map { $0 })
  }

  @Test func subrangeOfSubrange() throws {
    let part = SubrangeBytes(SubrangeBytes(MemoryBytes(numbers), 100..<150), 10..<20)
    #expect(try part.bytes(at: 1, count: 2, "f") == [111, 112])
  }

  /// A source that became shorter is told from one that always was.
  @Test func shrunkSource() throws {
    let source = StubBytes(Array(numbers[..<100]), size: 200)
    #expect(throws: Problem(.changedWhileReading, "f", at: 100)) { try source.bytes(at: 90, count: 20, "f") }
    #expect(throws: Problem(.changedWhileReading, "f", at: 150)) { try source.bytes(at: 150, count: 20, "f") }
    #expect(try source.bytes(at: 90, count: 10, "f").count == 10)
    var window = ByteWindow(source, capacity: 16)
    let problem = #expect(throws: Problem.self) {
      try window.withBytes(at: 95, count: 8, "w") { (view) throws(Problem) in try view.u64(0, "w") }
    }
    #expect(problem == Problem(.changedWhileReading, "w", at: 100))
    // What is left can still be read.
    #expect(
      try window.withBytes(at: 92, count: 8, "w") { (view) throws(Problem) in try view.u8(7, "w") } == 99)
  }

  @Test func unreadableSource() {
    let error = Problem(.unreadable, "file", at: 0, observed: "Input/output error")
    let source = StubBytes(numbers, error: error)
    #expect(throws: error) { try source.bytes(at: 0, count: 1, "f") }
    var window = ByteWindow(source)
    #expect(throws: error) { try window.withBytes(at: 0, count: 1, "f") { _ in 0 } }
  }

  // MARK: ByteWindow

  @Test func windowReadsNeighboursOnce() throws {
    let source = StubBytes(numbers)
    var window = ByteWindow(source, capacity: 64)
    for offset in stride(from: 0, to: 64, by: 8) {
      let first = try window.withBytes(at: UInt64(offset), count: 8, "f") { (view) throws(Problem) in
        #expect(view.count == 8)
        #expect(view.base == UInt64(offset))
        return try view.u8(0, "f")
      }
      #expect(first == UInt8(offset))
    }
    #expect(source.reads.load(ordering: .relaxed) == 1)
    // One byte past the buffer; then back before it.
    #expect(
      try window.withBytes(at: 57, count: 8, "f") { (view) throws(Problem) in try view.u8(7, "f") } == 64)
    #expect(
      try window.withBytes(at: 56, count: 8, "f") { (view) throws(Problem) in try view.u8(0, "f") } == 56)
    #expect(source.reads.load(ordering: .relaxed) == 3)
  }

  @Test func windowGrows() throws {
    var window = ByteWindow(MemoryBytes(numbers), capacity: 4)
    #expect(
      try window.withBytes(at: 3, count: 150, "f") { (view) throws(Problem) in try view.u8(149, "f") } == 152)
    #expect(try window.withBytes(at: 0, count: 1, "f") { (view) throws(Problem) in try view.u8(0, "f") } == 0)
  }

  /// Every range of a small source, in an order that jumps, through a window of every small capacity.
  @Test(arguments: [1, 2, 3, 7, 16, 64]) func windowAgreesWithTheSource(capacity: Int) throws {
    let bytes = Array(numbers[..<24])
    var window = ByteWindow(MemoryBytes(bytes), capacity: capacity)
    for step in 0..<25 {
      let offset = step * 7 % 25
      for count in 0...(24 - offset) {
        let read = try window.withBytes(at: UInt64(offset), count: count, "f") { (view) throws(Problem) in
          var all: [UInt8] = []
          for index in 0..<view.count { all.append(try view.u8(index, "f")) }
          return all
        }
        #expect(read == Array(bytes[offset..<offset + count]))
      }
    }
  }

  @Test(
    arguments: [(200, 1, 200), (195, 6, 195), (300, 1, 200), (UInt64.max, 8, 200), (UInt64.max - 3, 8, 200)]
      as [(UInt64, Int, UInt64)])
  func windowEnds(_ offset: UInt64, _ count: Int, _ place: UInt64) {
    var window = ByteWindow(MemoryBytes(numbers))
    #expect(throws: Problem(.truncated, "f", at: place)) {
      try window.withBytes(at: offset, count: count, "f") { _ in 0 }
    }
  }

  // MARK: FileBytes

  @Test func file() throws {
    let tree = try TemporaryTree()
    let path = Path(try tree.write(numbers, to: "file"))
    let file = try FileBytes(path: path)
    #expect(file.size == 200)
    #expect(try file.bytes(at: 190, count: 10, "f") == Array(190..<200))
    #expect(file.bytesRead == 10)
    #expect(throws: Problem(.truncated, "f", at: 190)) { try file.bytes(at: 190, count: 11, "f") }
    var buffer = [UInt8](repeating: 0, count: 300)
    #expect(try file.read(at: 150, count: 300, into: &buffer) == 50)
    #expect(try file.read(at: 200, count: 1, into: &buffer) == 0)
    #expect(try FileBytes(path: path).identity == file.identity)
    try tree.hardLink("same", to: "file")
    #expect(try FileBytes(path: Path(tree("same"))).identity == file.identity)
    #expect(try FileBytes(path: Path(try tree.write(numbers, to: "other"))).identity != file.identity)
    try tree.symbolicLink("link", to: "file")
    #expect(try FileBytes(path: Path(tree("link"))).identity == file.identity)
  }

  /// No link on the way is followed, so what is opened lies in the directory.
  @Test func fileInDirectory() throws {
    let tree = try TemporaryTree()
    try tree.write(numbers, to: "root/a/b/file")
    try tree.write(numbers, to: "secret/file")
    try tree.symbolicLink("root/a/link", to: "b")
    try tree.symbolicLink("root/a/b/out", to: tree("secret/file"))
    try tree.symbolicLink("root/leave", to: "../secret")
    try tree.symbolicLink("way", to: "root")
    #expect(try FileBytes(in: Folder(Path(tree("root"))), Path("a/b/file")).size == 200)
    #expect(try FileBytes(in: Folder(Path(tree("way"))), Path("a//b/file")).size == 200)
    func code(_ path: String) -> Problem.Code? {
      (#expect(throws: Problem.self) { try FileBytes(in: Folder(Path(tree("root"))), Path(path)) })?.code
    }
    #expect(code("a/link/file") == .notFound)
    #expect(code("leave/file") == .notFound)
    #expect(code("a/b/out") == .unreadable)
    #expect(code("../secret/file") == .notFound)
    #expect(code("a/b") == .notRegularFile)
    #expect(code("") == .notFound)
  }

  @Test func counted() throws {
    let source = CountedBytes(SubrangeBytes(MemoryBytes(numbers), 10..<60))
    #expect(source.size == 50 && !source.readsForward)
    #expect(try source.bytes(at: 40, count: 10, "f") == Array(50..<60))
    var buffer = [UInt8](repeating: 0, count: 20)
    #expect(try source.read(at: 45, count: 20, into: &buffer) == 5)
    #expect(source.bytesRead == 15)
  }

  @Test func emptyFile() throws {
    let tree = try TemporaryTree()
    let file = try FileBytes(path: Path(try tree.write([], to: "empty")))
    #expect(file.size == 0)
    #expect(try file.bytes(at: 0, count: 0, "f") == [])
    #expect(throws: Problem(.truncated, "f", at: 0)) { try file.bytes(at: 0, count: 1, "f") }
  }

  /// A file that is cut while it is open gives short reads.
  @Test func fileThatShrinks() throws {
    let tree = try TemporaryTree()
    let path = Path(try tree.write(numbers, to: "file"))
    let file = try FileBytes(path: path)
    try tree.write(Array(numbers[..<50]), to: "file")
    #expect(throws: Problem(.changedWhileReading, "f", at: 50)) { try file.bytes(at: 40, count: 20, "f") }
    #expect(throws: Problem(.changedWhileReading, "f", at: 100)) { try file.bytes(at: 100, count: 20, "f") }
  }

  @Test func whatIsNoFile() throws {
    let tree = try TemporaryTree()
    try tree.fifo("fifo")
    try tree.socket("socket")
    try tree.directory("directory")
    try tree.symbolicLink("loop", to: "loop")
    try tree.symbolicLink("broken", to: "nowhere")
    func problem(_ path: String) -> Problem? {
      #expect(throws: Problem.self) { try FileBytes(path: Path(path)) }
    }
    #expect(problem(tree("fifo")) == Problem(.notRegularFile, "path", observed: "a FIFO"))
    #expect(problem(tree("socket")) == Problem(.notRegularFile, "path", observed: "a socket"))
    #expect(problem(tree("directory")) == Problem(.notRegularFile, "path", observed: "a directory"))
    #expect(problem("/dev/null") == Problem(.notRegularFile, "path", observed: "a character device"))
    #expect(problem(tree("missing"))?.code == .notFound)
    #expect(problem(tree("broken"))?.code == .notFound)
    #expect(problem(tree("loop"))?.code == .unreadable)
    #expect(problem(tree("directory/x/y"))?.code == .notFound)
    #expect(problem("")?.code == .notFound)
    #expect(throws: Problem.self) { try FileBytes(adopting: -1) }
  }

  @Test func namesThatAreNotUTF8() throws {
    let tree = try TemporaryTree()
    try tree.write([1], to: [0xFF, 0x0A])
    #expect(try FileBytes(path: Path(tree("")).appending([0xFF, 0x0A])).size == 1)
  }

  @Test func kinds() throws {
    let tree = try TemporaryTree()
    try tree.fifo("fifo")
    #expect(try FileKind.of(Path(tree("fifo"))) == .fifo)
    #expect(try FileKind.of(Path(tree(""))) == .directory)
    #expect(try FileKind.of(Path("/dev/null")) == .characterDevice)
    #expect(throws: Problem.self) { try FileKind.of(Path(tree("missing"))) }
    #expect(FileKind(mode: 0o060000) == .blockDevice)
    #expect(FileKind(mode: 0o120000) == .symbolicLink)
    #expect(FileKind(mode: 0o140000) == .socket)
    #expect(FileKind(mode: 0o100644) == .regular)
    #expect(FileKind(mode: 0) == .unknown)
  }
}
