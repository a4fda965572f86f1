public import Bytes
import Compression

extension PayloadReader {
  /// The directives at the head of the PTX that `image` is.
  ///
  /// The driver compiles the text, so its `.target` and `.version` decide where it runs. The entry's header may say less:
  /// TensorFlow 2.18 to 2.20 has 1,149 texts with `.target sm_90a` under headers that say `compute_90`, so that nothing
  /// in the headers shows that they are for one architecture only.
  ///
  /// Only the first KiB of the payload is read and decompressed, and more only where comments fill it. Members of a
  /// concatenated entry share one stream, which is decompressed as a whole.
  ///
  /// - Throws: a ``Problem/Code/invalidValue`` problem when `image` is no PTX or does not start as PTX does, and whatever
  ///   reading and decompressing throws, at the offset of the payload or inside it.
  public func ptxHeader(of image: DeviceImage) throws(Problem) -> PTXHeader {
    try ptxHeader(of: image) { (payload) throws(Problem) in try bytes(of: payload) }
  }

  /// The same for the images at `indices` in the inventory, in their order. The stream that members of a concatenated
  /// entry share is decompressed once where they follow each other.
  public func ptxHeaders(of indices: some Sequence<Int>) -> [Result<PTXHeader, Problem>] {
    var last: (offset: UInt64, module: Int, stream: Result<[UInt8], Problem>)?
    return indices.map { index in
      let image = inventory.images[index]
      do throws(Problem) {
        return .success(
          try ptxHeader(of: image) { (payload) throws(Problem) in
            if let last, last.offset == payload.offset, last.module == image.module {
              return try last.stream.get()
            }
            let stream = Result { () throws(Problem) in try bytes(of: payload) }
            last = (payload.offset, image.module, stream)
            return try stream.get()
          })
      } catch {
        return .failure(error)
      }
    }
  }

  /// - Parameter stream: reads the stream that members of a concatenated entry share.
  private func ptxHeader(
    of image: DeviceImage, stream: (Payload) throws(Problem) -> [UInt8]
  ) throws(Problem) -> PTXHeader {
    guard image.kind == .ptx || image.kind == .relocatablePTX else {
      throw Problem(
        .invalidValue, "image kind", at: image.offset, expected: "ptx", observed: "\(image.kind)")
    }
    let payload = Payload(image.index, of: inventory)
    if image.memberOffset != nil {
      let text = try bytes(of: image, in: try stream(payload))
      return try image.ptxHeader { (count) throws(Problem) in Array(text.prefix(count)) }
    }
    guard payload.size <= Payload.limit else {
      throw Problem(
        .limitExceeded, "payload", at: image.offset, expected: "at most \(Payload.limit) bytes",
        observed: "\(payload.size)")
    }
    let source = try source(of: payload)
    return try image.ptxHeader { (count) throws(Problem) in
      try prefix(of: image, in: source, payload.codec, count: count)
    }
  }
}

/// The first `count` bytes of the payload of an image that lies in `source`, decompressed.
func prefix(
  of image: DeviceImage, in source: any ByteSource, _ codec: Codec?, count: Int
) throws(Problem) -> [UInt8] {
  guard let codec else { return try source.bytes(at: image.offset, count: count, "payload") }
  let end = image.offset &+ image.storedSize
  guard image.offset <= end, end <= source.size else {
    throw Problem(.truncated, "payload", at: image.offset)
  }
  do throws(Problem) {
    return try decompressPrefix(
      of: SubrangeBytes(source, image.offset..<end), codec, count: count, size: image.size)
  } catch {
    var error = error
    error.offset = image.offset
    throw error
  }
}

extension PTXHeader {
  /// Whether the text says something else than the header of the image that it is.
  public func differs(from image: DeviceImage) -> Bool { target != image.target || isa != image.ptxISA }
}

extension DeviceImage {
  /// Bytes of a PTX payload that are read at first: compilers write less in front of the directives.
  private static let ptxPrefixSize = 1 << 10

  /// The head of the PTX that the image is, of which `prefix` gives the first bytes.
  func ptxHeader(_ prefix: (Int) throws(Problem) -> [UInt8]) throws(Problem) -> PTXHeader {
    var count = Self.ptxPrefixSize
    while true {
      count = Int(min(UInt64(count), size))
      let head = try prefix(count)
      let (header, isWhole) = PTXHeader.read(head)
      if isWhole || head.count < count || UInt64(count) == size {
        guard let header else { throw moved(PTXHeader.missing) }
        return header
      }
      count *= 8
    }
  }
}
