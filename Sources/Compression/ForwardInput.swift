import Bytes

/// What a decompressor takes from a source, piece by piece.
struct ForwardInput {
  let source: any ByteSource
  var bytes: [UInt8] = []
  /// The part of ``bytes`` that is not yet decompressed.
  var pending = 0..<0
  /// Where the source goes on behind ``bytes``.
  private(set) var position: UInt64

  init(_ source: any ByteSource, at position: UInt64 = 0) {
    self.source = source
    self.position = position
  }

  /// Where what is pending starts in the source.
  var place: UInt64 { position - UInt64(pending.count) }

  /// Reads the next bytes where none are pending; then there are still none at the end of the source only.
  mutating func fill() throws(Problem) {
    guard pending.isEmpty else { return }
    // Small at first: of most streams only the start is of interest.
    let size = Int(min(max(position * 8, 1 << 10), 256 << 10))
    if bytes.count < size { bytes = [UInt8](repeating: 0, count: size) }
    let count = try source.read(at: position, count: size, into: &bytes)
    pending = 0..<count
    position += UInt64(count)
  }
}
