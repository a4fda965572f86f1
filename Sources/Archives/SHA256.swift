public import Bytes
import CNettle

/// A SHA-256 digest (FIPS 180-4), computed piece by piece.
public struct SHA256: Sendable {
  private var context = sha256_ctx()

  public init() { unsafe nettle_sha256_init(&context) }

  /// Adds `bytes`.
  @unsafe
  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    unsafe nettle_sha256_update(&context, bytes.count, start.assumingMemoryBound(to: UInt8.self))
  }

  /// Adds `bytes`.
  public mutating func add(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe add($0) } }

  /// The 32 bytes of the digest of what was added so far.
  public var value: [UInt8] {
    var copy = context
    return unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      unsafe nettle_sha256_digest(&copy, 32, buffer.baseAddress)
      count = 32
    }
  }

  /// The digest of all bytes of `source`.
  ///
  /// - Throws: a ``Problem`` when they cannot be read.
  public static func digest(of source: any ByteSource) throws(Problem) -> [UInt8] {
    var digest = SHA256()
    var buffer = [UInt8](repeating: 0, count: Int(clamping: min(source.size + 1, 256 << 10)))
    var position: UInt64 = 0
    while true {
      let count = try source.read(at: position, count: buffer.count, into: &buffer)
      guard count > 0 else { return digest.value }
      unsafe buffer.withUnsafeBytes { unsafe digest.add(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      position += UInt64(count)
    }
  }
}
