public import Bytes
import Synchronization

/// A file in a stream in which going back is slow.
///
/// Where device code is in an ELF file, the table at its end tells: whoever reads that has passed the fat binaries. So they are
/// looked for on the way, by their first words, and their headers are read for nothing, but what was read of the source for
/// that is kept: who reads the headers later need not go back.
public final class PassedBytes: ByteSource {
  private let recorder: Recorder
  /// Everything before it was passed.
  private let frontier = Mutex<UInt64>(0)

  public init(_ source: any ByteSource) { recorder = Recorder(source) }

  public var size: UInt64 { recorder.size }

  public var readsForward: Bool { recorder.readsForward }

  public func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    if let count = recorder.repeatRead(at: offset, count: count, into: &buffer) { return count }
    frontier.withLock { frontier in
      if frontier < offset { pass(&frontier, to: min(offset, size)) }
      frontier = max(frontier, offset.addingReportingOverflow(UInt64(count)).partialValue)
    }
    return try recorder.source.read(at: offset, count: count, into: &buffer)
  }

  private static let magic = WordSearch(FatBinary.magic)

  /// Reads up to `end`, and fat binaries that start before it to their own ends. A problem is left to who reads that part.
  private func pass(_ frontier: inout UInt64, to end: UInt64) {
    // Only tells what seems to start where the word is: an inventory of everything that is passed would take memory.
    var builder = InventoryBuilder(recorder)
    while frontier + 4 <= end {
      let part = frontier..<min(end, frontier + UInt64(EmbeddedSearch.chunk))
      guard let hits = try? EmbeddedSearch.hits(of: Self.magic, in: part, of: recorder.source) else { return }
      // The word may start in the last bytes of a part.
      frontier = part.upperBound - (part.upperBound < end ? 3 : 0)
      var passed = part.lowerBound
      for hit in hits where hit >= passed {
        guard builder.embeddedKind(at: hit, limit: size) == .fatBinary, let found = endOfFatBinary(at: hit)
        else {
          continue
        }
        passed = found
      }
      frontier = max(frontier, passed)
    }
  }

  /// Where the fat binary at `place` ends; its headers are read for that.
  private func endOfFatBinary(at place: UInt64) -> UInt64? {
    var builder = InventoryBuilder(recorder)
    return try? builder.addFatBinary(at: place, limit: size, place: .embedded, section: "").end
  }
}

/// Keeps what was read of a source.
private final class Recorder: ByteSource {
  /// The most bytes that are kept: the headers of 8,000 images.
  private static let limit = 4 << 20

  private struct Record {
    /// By their offsets.
    var pieces: [(offset: UInt64, bytes: [UInt8])] = []
    var size = 0
  }

  let source: any ByteSource
  private let record = Mutex(Record())

  init(_ source: any ByteSource) { self.source = source }

  var size: UInt64 { source.size }

  var readsForward: Bool { source.readsForward }

  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    let count = try source.read(at: offset, count: count, into: &buffer)
    let bytes = unsafe buffer.bytes.extracting(first: count).withUnsafeBytes { unsafe [UInt8]($0) }
    record.withLock { record in
      guard record.size + count <= Self.limit else { return }
      let index = record.pieces.partitioningIndex { $0.offset > offset }
      record.pieces.insert((offset, bytes), at: index)
      record.size += count
    }
    return count
  }

  /// Gives what was read before, if it is within one piece.
  func repeatRead(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) -> Int? {
    guard offset < size else { return nil }
    let wanted = Int(min(UInt64(min(count, buffer.byteCount)), size - offset))
    let piece = record.withLock { record in
      let next = record.pieces.partitioningIndex { $0.offset > offset }
      return next > 0 ? record.pieces[next - 1] : nil
    }
    guard let piece, offset - piece.offset <= UInt64(piece.bytes.count) else { return nil }
    let start = Int(offset - piece.offset)
    guard wanted <= piece.bytes.count - start else { return nil }
    return try? MemoryBytes(piece.bytes).read(at: UInt64(start), count: wanted, into: &buffer)
  }
}
