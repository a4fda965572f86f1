public import Bytes
public import Compression
import Glibc

/// What zlib makes of a deflate stream, and what the inflater that archives are read with makes of it.
public struct InflaterComparison: Sendable {
  /// Bytes up to the problem, or up to the end.
  public struct Outcome: Sendable, Equatable {
    public var bytes: [UInt8] = []
    public var problem: Problem?
  }

  public let zlib: Outcome
  public let archive: Outcome

  /// - Parameters:
  ///   - pieces: how many bytes are asked for at a time, over and over.
  ///   - limit: bytes after which nothing more is asked for.
  public init(
    _ stream: ArraySlice<UInt8>, _ framing: Inflater.Framing, pieces: [Int] = [1 << 18], limit: Int = 1 << 24
  ) {
    let source = MemoryBytes(stream)
    zlib = Self.outcome(pieces, limit) { () throws(Problem) in try Inflater(source, framing) }
    archive = Self.outcome(pieces, limit) { () throws(Problem) in
      try DecompressedBytes.Method.deflate(framing).open(source, 0)
    }
  }

  private static func outcome(
    _ pieces: [Int], _ limit: Int, _ open: () throws(Problem) -> any ForwardBytes
  ) -> Outcome {
    var outcome = Outcome()
    do throws(Problem) {
      let inflater = try open()
      var turn = 0
      while outcome.bytes.count < limit {
        let piece = pieces[turn % pieces.count]
        // Room on both sides, in which nothing may be written.
        var buffer = [UInt8](repeating: 0xA5, count: piece + 64)
        let count = try inflater.read(into: &buffer, 32..<32 + piece)
        outcome.bytes += buffer[32..<32 + count]
        buffer.removeSubrange(32..<32 + count)
        if buffer.prefix(32).contains(where: { $0 != 0xA5 })
          || buffer.suffix(32).contains(where: { $0 != 0xA5 })
        {
          outcome.problem = Problem(.outOfBounds, "output")
          return outcome
        }
        if count < piece { break }
        turn += 1
      }
    } catch {
      outcome.problem = error
    }
    return outcome
  }

  /// What tells the two apart; nil where each gives the same bytes, or a problem behind the same bytes.
  ///
  /// ISA-L finds a problem up to 64 KiB before the bytes that it spoils are asked for, and takes incomplete Huffman codes, which
  /// zlib refuses.
  public var difference: String? {
    if archive.problem?.code == .outOfBounds { return "bytes outside of the range" }
    switch (zlib.problem, archive.problem) {
    case (nil, nil): return areEqual(zlib.bytes[...], archive.bytes[...]) ? nil : "other bytes"
    case (nil, let problem?): return "\(problem), not of zlib"
    case (let problem?, nil):
      let isIncompleteCode = problem.observed?.hasSuffix(" set") == true
      let isStart = areEqual(zlib.bytes[...], archive.bytes.prefix(zlib.bytes.count))
      return isIncompleteCode && isStart ? nil : "\(problem), of zlib alone"
    case (_?, let other?):
      let shorter = min(zlib.bytes.count, archive.bytes.count)
      let isSame = areEqual(zlib.bytes.prefix(shorter), archive.bytes.prefix(shorter))
      return isSame ? nil : "other bytes before \(other)"
    }
  }
}

/// Whether two parts hold the same bytes; much faster than comparing elements where nothing is optimised.
public func areEqual(_ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) -> Bool {
  guard first.count == second.count else { return false }
  return unsafe first.withUnsafeBytes { first in
    unsafe second.withUnsafeBytes { second in
      guard let left = first.baseAddress, let right = second.baseAddress else { return true }
      return unsafe memcmp(left, right, first.count) == 0
    }
  }
}
