import Bytes
import DeviceCode
import FixtureSupport
import Synchronization

/// What a file of these bytes holds.
func inspect(_ bytes: [UInt8]) -> InspectedFile {
  InspectedFile(MemoryBytes(bytes))
}

func inspect(_ fatBinary: FatBinaryBuilder) -> InspectedFile { inspect(fatBinary.bytes) }

func inspect(_ elf: ELFBuilder) -> InspectedFile { inspect(elf.bytes) }

extension InspectedFile {
  /// The images' targets as the tools spell them.
  var targets: [String] { inventory.images.map(\.targetName) }
  var codes: [Problem.Code] { problems.map(\.code) }
  /// Code, field and offset of every problem.
  var faults: [Fault] { problems.map { Fault($0.code, $0.field, $0.offset) } }
}

/// The parts of a problem that say where it is, without the values.
struct Fault: Hashable, CustomStringConvertible {
  var code: Problem.Code
  var field: String
  var offset: UInt64?

  init(_ code: Problem.Code, _ field: String, _ offset: UInt64?) {
    self.code = code
    self.field = field
    self.offset = offset
  }

  var description: String { "\(code) \(field) at \(offset.map { hexadecimal($0) } ?? "-")" }
}

/// A source that says it is longer than it is: a file that shrank after it was opened.
final class ShrunkBytes: ByteSource {
  private let rest: MemoryBytes
  let size: UInt64

  init(_ bytes: [UInt8], left: Int) {
    rest = MemoryBytes(Array(bytes[..<left]))
    size = UInt64(bytes.count)
  }

  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    try rest.read(at: offset, count: count, into: &buffer)
  }
}

/// Bytes in memory that count how many of them are read.
final class CountingBytes: ByteSource {
  private let memory: MemoryBytes
  private let counter = Atomic<UInt64>(0)

  init(_ bytes: [UInt8]) { memory = MemoryBytes(bytes) }

  var size: UInt64 { memory.size }
  var bytesRead: UInt64 { counter.load(ordering: .relaxed) }

  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    let read = try memory.read(at: offset, count: count, into: &buffer)
    counter.wrappingAdd(UInt64(read), ordering: .relaxed)
    return read
  }
}

extension [UInt8] {
  /// The little-endian number at `offset`.
  func value(at offset: Int) -> UInt64 {
    self[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
