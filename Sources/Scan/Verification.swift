public import Bytes
public import DeviceCode

/// What was checked of a file's images.
public struct Verification: Hashable, Sendable {
  /// The images whose bytes were compared with their headers.
  public var images: Int
  /// The images whose bytes say nothing, because they are obfuscated: compressed LTO-IR.
  public var opaque: Int
  /// Bytes that were decompressed.
  public var decompressedBytes: UInt64

  public init(images: Int, opaque: Int = 0, decompressedBytes: UInt64 = 0) {
    self.images = images
    self.opaque = opaque
    self.decompressedBytes = decompressedBytes
  }
}

extension InspectedFile {
  /// Decompresses every payload of this file, which was read from `source`, on `jobs` threads, compares the images
  /// with their headers, and adds what does not agree, and what does not decompress, to the problems.
  ///
  /// Uncompressed cubins were compared when the file was read.
  public mutating func verify(
    _ source: any ByteSource, jobs: Int, progress: ScanProgress? = nil
  ) -> Verification {
    let unchecked = inventory.images.indices.filter {
      inventory.images[$0].kind != .cubin || inventory.images[$0].compression != .none
    }
    let checks = PayloadReader(source, inventory).map(
      unchecked, of: inventory, jobs: jobs, progress: progress
    ) {
      (image, bytes) throws(Problem) in image.check(bytes)
    }
    complete(unchecked, with: checks)
    var result = Verification(images: inventory.images.count)
    for (index, check) in zip(unchecked, checks) {
      switch check {
      case .success:
        let image = inventory.images[index]
        if image.compression != .none { result.decompressedBytes += image.size }
      case .failure(let problem):
        result.images -= 1
        if problem.code == .unsupported { result.opaque += 1 }
      }
    }
    return result
  }
}
