import Archives
import Bytes
import Compression
import Foundation
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
