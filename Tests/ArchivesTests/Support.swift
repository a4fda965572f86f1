import Archives
import Bytes
import Compression
import Foundation
import Synchronization
import Testing

enum Fixtures {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures")

  static func bytes(_ name: String) throws -> MemoryBytes {
    MemoryBytes(Array(try Data(contentsOf: folder.appending(path: "archives/\(name)"))))
  }
}

extension ByteSource {
  /// All bytes, read in pieces of `count`.
  func all(by count: Int = 1 << 16) throws -> [UInt8] {
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: count)
    while true {
      let read = try self.read(at: UInt64(result.count), count: count, into: &buffer)
      guard read > 0 else { return result }
      result += buffer[..<read]
    }
  }
}

extension ZipArchive {
  subscript(path: String) -> ZipMember? { members.first { $0.path == Path(path) } }
}

/// Code and field of each problem, the parts that a program compares.
func summary(_ problems: [Problem]) -> [String] { problems.map { "\($0.code): \($0.field)" } }

/// A number that several threads add to.
final class Counter: Sendable {
  private let number = Atomic(0)
  func add(_ count: Int) { number.wrappingAdd(count, ordering: .relaxed) }
  var value: Int { number.load(ordering: .relaxed) }
}

/// `bytes` compressed by the program of that name.
func compressed(_ bytes: [UInt8], by tool: String, arguments: [String] = ["-c"]) throws -> [UInt8] {
  let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let file = folder.appending(path: "file")
  let result = folder.appending(path: "result")
  try Data(bytes).write(to: file)
  try Data().write(to: result)
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = [tool] + arguments + [file.path]
  process.standardOutput = try FileHandle(forWritingTo: result)
  try process.run()
  process.waitUntilExit()
  #expect(process.terminationStatus == 0, "\(tool)")
  return Array(try Data(contentsOf: result))
}

/// A source that counts what is read from it.
final class CountingBytes: ByteSource {
  let bytes: MemoryBytes
  let count = Counter()
  init(_ bytes: [UInt8]) { self.bytes = MemoryBytes(bytes) }
  var size: UInt64 { bytes.size }
  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    let read = try bytes.read(at: offset, count: count, into: &buffer)
    self.count.add(read)
    return read
  }
}

/// The digest that the program sha256sum prints.
enum SHA256Program {
  static func digest(of bytes: [UInt8]) -> [UInt8]? {
    guard let line = try? compressed(bytes, by: "sha256sum", arguments: []) else { return nil }
    let digits = line.prefix(64)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
  }
}
