public import Bytes
import Compression
public import DeviceCode
import Synchronization

extension Inventory {
  /// Bytes of the images of one target that are compressed to find out how small they get.
  private static let sampleSize: UInt64 = 2 << 20
  /// Bytes that are compressed together where not all of them are: twice what deflate looks back.
  private static let pieceSize: UInt64 = 64 << 10

  /// About how many bytes the images of each target take in a zip archive, such as a wheel, once the file is in one.
  ///
  /// All are compressed, or of more than 2 MiB pieces that are spread evenly. A target whose images could not be read, or lie in
  /// a section that is compressed already, is left out.
  public func zippedSizes(in source: any ByteSource) -> [ImageTarget: UInt64] {
    let compressed = Set(images.lazy.filter { modules[$0.module].container != nil }.map { ImageTarget($0) })
    let wanted = storedRanges.filter { !compressed.contains($0.key) }.map {
      (target: $0.key, ranges: $0.value)
    }
    let sizes = Mutex<[ImageTarget: UInt64]>([:])
    inParallel(wanted.count) { index in
      let (target, ranges) = wanted[index]
      guard let size = try? Self.zippedSize(of: ranges, in: source) else { return }
      sizes.withLock { $0[target] = size }
    }
    return sizes.withLock { $0 }
  }

  private static func zippedSize(of ranges: [Range<UInt64>], in source: any ByteSource) throws(Problem)
    -> UInt64
  {
    let size = ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
    guard size > 0 else { return 0 }
    // Of how many bytes one piece is taken.
    let distance = size <= sampleSize ? pieceSize : size / (sampleSize / pieceSize)
    let meter = try DeflateMeter()
    var taken: UInt64 = 0
    // Where the next piece starts, in the ranges laid end to end, of which `passed` bytes lie behind.
    var (next, passed): (UInt64, UInt64) = (0, 0)
    for range in ranges {
      let end = passed + (range.upperBound - range.lowerBound)
      while next < end {
        let start = range.lowerBound + (next - passed)
        let count = min(pieceSize, range.upperBound - start)
        meter.add(try source.bytes(at: start, count: Int(count), "device code"))
        taken += count
        next += distance == pieceSize ? count : distance
      }
      passed = end
    }
    return UInt64(Double(meter.finish()) * (Double(size) / Double(max(taken, 1))))
  }
}
