public import Bytes
import Compression
import Synchronization

/// The stored bytes of an image, or the one stream that all members of a concatenated entry share.
public struct Payload: Hashable, Sendable {
  /// The images in it, as indices into the file's images: one, except for concatenated entries.
  public var images: Range<Int>
  /// Where it starts: bytes from the start of the file, or of the contents of ``container``.
  public var offset: UInt64
  /// Bytes that it takes there.
  public var storedSize: UInt64
  /// Bytes when decompressed.
  public var size: UInt64
  /// Where the header states that, counted like ``offset``; nil where that is not known.
  public var sizeOffset: UInt64?
  public var compression: ImageCompression
  /// Obfuscated, so that it does not decompress: compressed LTO-IR.
  public var isOpaque: Bool
  /// The compressed section that holds it.
  public var container: CompressedSection?

  /// Payloads larger than this are not read into memory; the largest seen have some hundred megabytes.
  public static let limit: UInt64 = 1 << 31

  init(_ index: Int, of inventory: Inventory) {
    let image = inventory.images[index]
    images = index..<index + 1
    offset = image.offset
    compression = image.compression
    // Members without compression are counted one by one, but lie in one piece.
    storedSize = compression == .none ? image.payloadSize : image.storedSize
    size = image.payloadSize
    // Members know their own header alone.
    sizeOffset = image.memberOffset == nil ? image.headerOffset.map { $0 + 0x38 } : nil
    isOpaque = image.flags.contains(.obfuscated)
    container = inventory.modules[image.module].container
  }
}

extension Payload {
  /// How it is compressed; nil where it is not.
  var codec: Codec? { Codec(compression) }
}

extension Codec {
  /// Nil for what is not compressed.
  init?(_ compression: ImageCompression) {
    switch compression {
    case .none: return nil
    case .lz4: self = .lz4
    case .zstd: self = .zstd
    case .zlib: self = .zlib
    }
  }
}

extension Inventory {
  /// The payloads of all images, in the order of the file.
  public var payloads: [Payload] {
    var payloads: [Payload] = []
    payloads.reserveCapacity(images.count)
    for (index, image) in images.enumerated() {
      if image.memberOffset != nil, index > 0, images[index - 1].memberOffset != nil,
        images[index - 1].module == image.module, images[index - 1].offset == image.offset
      {
        let last = payloads.count - 1
        payloads[last].images = payloads[last].images.lowerBound..<index + 1
      } else {
        payloads.append(Payload(index, of: self))
      }
    }
    return payloads
  }
}

/// Reads and decompresses the payloads of one file. Several threads may use one reader.
public final class PayloadReader: Sendable {
  private let source: any ByteSource
  let inventory: Inventory
  /// The contents of the compressed section that was read last: many payloads lie in one.
  private let inflated = Mutex<(CompressedSection, DecompressedBytes)?>(nil)
  private let hasCompressedSections: Bool

  public init(_ source: any ByteSource, _ inventory: Inventory) {
    self.source = source
    self.inventory = inventory
    hasCompressedSections = inventory.modules.contains { $0.container != nil }
  }

  /// Whether payloads are best read in the order in which they lie.
  public var readsForward: Bool { source.readsForward || hasCompressedSections }

  /// The decompressed bytes of a payload.
  ///
  /// - Throws: a ``Problem`` at the payload's offset when it cannot be read or does not decompress to its size, when
  ///   it is past ``Payload/limit``, or, with the code ``Problem/Code/unsupported``, when it is opaque.
  public func bytes(of payload: Payload) throws(Problem) -> [UInt8] {
    do throws(Problem) {
      let source = try source(of: payload)
      guard let codec = payload.codec else {
        guard payload.size <= Payload.limit else {
          throw Problem(
            .limitExceeded, "payload", expected: "at most \(Payload.limit) bytes", observed: "\(payload.size)"
          )
        }
        return try source.bytes(at: payload.offset, count: Int(payload.size), "payload")
      }
      guard !payload.isOpaque else { throw Problem(.unsupported, "payload", observed: "obfuscated LTO-IR") }
      let stored = try source.bytes(
        at: payload.offset, count: Int(clamping: payload.storedSize), "payload")
      return try decompress(stored, codec, size: payload.size, limit: Payload.limit)
    } catch {
      var error = error
      error.offset = error.offset ?? (error.code == .mismatch ? payload.sizeOffset : nil) ?? payload.offset
      throw error
    }
  }

  /// The bytes of one image in the decompressed payload that holds it.
  ///
  /// - Throws: a ``Problem/Code/outOfBounds`` problem when the image is a member that lies outside.
  public func bytes(of image: DeviceImage, in payload: [UInt8]) throws(Problem) -> ArraySlice<UInt8> {
    guard let offset = image.memberOffset else { return payload[...] }
    guard offset <= UInt64(payload.count), image.size <= UInt64(payload.count) - offset else {
      throw Problem(
        .outOfBounds, "member size", at: image.offset, expected: "within \(payload.count) bytes",
        observed: "\(image.size) bytes at \(offset)")
    }
    return payload[Int(offset)..<Int(offset + image.size)]
  }

  /// The decompressed bytes of one image. For all members of a concatenated entry ``bytes(of:)`` reads the shared
  /// stream once.
  ///
  /// - Throws: the problems of both steps.
  public func bytes(of image: DeviceImage) throws(Problem) -> ArraySlice<UInt8> {
    try bytes(of: image, in: try bytes(of: Payload(image.index, of: inventory)))
  }

  /// What the payload's offset counts in.
  func source(of payload: Payload) throws(Problem) -> any ByteSource {
    try payload.container.map { (section) throws(Problem) in try contents(of: section) } ?? source
  }

  private func contents(of section: CompressedSection) throws(Problem) -> any ByteSource {
    let result: Result<DecompressedBytes, Problem> = inflated.withLock { cached in
      if let cached, cached.0 == section { return .success(cached.1) }
      do throws(Problem) {
        let contents = try section.contents(in: source)
        cached = (section, contents)
        return .success(contents)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
