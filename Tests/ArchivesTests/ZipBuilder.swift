import CZlib
import FixtureSupport

/// Zip archives that are too large to be committed.
enum ZipBuilder {
  /// Zeros as bare deflate.
  static func zeros(mebibytes: Int) -> [UInt8] {
    // After a full flush the stream knows nothing of what came before, so the same bytes can follow each other.
    let mebibyte = deflated([UInt8](repeating: 0, count: 1 << 20), flush: Z_FULL_FLUSH)
    var data: [UInt8] = []
    data.reserveCapacity(mebibyte.count * mebibytes + 2)
    for _ in 0..<mebibytes { data += mebibyte }
    return data + [3, 0]
  }

  /// One deflated member of zeros.
  static func zeros(gibibytes: Int) -> [UInt8] {
    let data = zeros(mebibytes: gibibytes * 1024)
    let name = Array("zeros.so".utf8)
    let size = UInt64(gibibytes) << 30
    var bytes: [UInt8] = []
    bytes.appendHeader(0x0403_4B50, method: 8, [0, UInt32(data.count), 0xFFFF_FFFF], name)
    bytes += data
    let directory = bytes.count
    bytes.appendHeader(
      0x0201_4B50, method: 8, [0, UInt32(data.count), 0xFFFF_FFFF], name, extra: 12, headerOffset: 0)
    bytes.append(littleEndian: UInt16(1))
    bytes.append(littleEndian: UInt16(8))
    bytes.append(littleEndian: size)
    bytes.appendEnd(count: 1, directory: directory)
    return bytes
  }

  /// Stored members of one byte, named by eight digits, with a zip64 directory.
  static func tinyMembers(_ count: Int) -> [UInt8] {
    let local = template(0x0403_4B50)
    let central = template(0x0201_4B50, headerOffset: 0)
    let size = local.count + 1
    let directory = count * size
    var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: directory + count * central.count)
    unsafe bytes.withUnsafeMutableBytes { buffer in
      for index in 0..<count {
        var digits = index
        var name = (UInt64(0), 0)
        for _ in 0..<8 {
          name.0 = name.0 << 8 | UInt64(UInt8(ascii: "0") + UInt8(digits % 10))
          digits /= 10
        }
        let header = index * size
        let row = directory + index * central.count
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[header..<header + local.count]).copyBytes(
          from: local)
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[row..<row + central.count]).copyBytes(
          from: central)
        unsafe buffer.storeBytes(of: name.0, toByteOffset: header + 30, as: UInt64.self)
        unsafe buffer.storeBytes(of: name.0, toByteOffset: row + 46, as: UInt64.self)
        unsafe buffer.storeBytes(of: UInt32(header), toByteOffset: row + 42, as: UInt32.self)
      }
    }
    bytes.appendEnd(count: count, directory: directory)
    return bytes
  }

  private static func template(_ signature: UInt32, headerOffset: UInt32? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendHeader(
      signature, method: 0, [0x8CDC_1683, 1, 1], [UInt8](repeating: 0, count: 8), headerOffset: headerOffset)
    return bytes
  }

  /// `input` as bare deflate.
  static func deflated(_ input: [UInt8], flush: CInt = Z_FINISH) -> [UInt8] {
    var stream = unsafe z_stream()
    _ = unsafe deflateInit2_(
      &stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
    defer { _ = unsafe deflateEnd(&stream) }
    let room = input.count + input.count / 1000 + 1024
    var input = input
    return unsafe [UInt8](unsafeUninitializedCapacity: room) { output, count in
      unsafe input.withUnsafeMutableBufferPointer { source in
        unsafe stream.next_in = source.baseAddress
        unsafe stream.avail_in = CUnsignedInt(source.count)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = CUnsignedInt(room)
        _ = unsafe deflate(&stream, flush)
        count = room - Int(unsafe stream.avail_out)
      }
    }
  }
}

extension [UInt8] {
  /// A local header, or with an offset a central one, up to the name.
  fileprivate mutating func appendHeader(
    _ signature: UInt32, method: UInt16, _ sums: [UInt32], _ name: [UInt8], extra: UInt16 = 0,
    headerOffset: UInt32? = nil
  ) {
    append(littleEndian: signature)
    if headerOffset != nil { append(littleEndian: UInt16(0x0314)) }
    append(littleEndian: UInt16(20))
    append(littleEndian: UInt16(0))
    append(littleEndian: method)
    append(littleEndian: UInt32(0x5821_0000))
    for sum in sums { append(littleEndian: sum) }
    append(littleEndian: UInt16(name.count))
    append(littleEndian: extra)
    if let headerOffset {
      for _ in 0..<3 { append(littleEndian: UInt16(0)) }
      append(littleEndian: UInt32(0o100644 << 16))
      append(littleEndian: headerOffset)
    }
    self += name
  }

  /// The zip64 end of the directory, its locator, and the end record.
  fileprivate mutating func appendEnd(count: Int, directory: Int) {
    let place = self.count
    append(littleEndian: UInt32(0x0606_4B50))
    append(littleEndian: UInt64(44))
    append(littleEndian: UInt32(0x002D_002D))
    append(littleEndian: UInt64(0))
    append(littleEndian: UInt64(count))
    append(littleEndian: UInt64(count))
    append(littleEndian: UInt64(place - directory))
    append(littleEndian: UInt64(directory))
    append(littleEndian: UInt32(0x0706_4B50))
    append(littleEndian: UInt32(0))
    append(littleEndian: UInt64(place))
    append(littleEndian: UInt32(1))
    append(littleEndian: UInt32(0x0605_4B50))
    append(littleEndian: UInt32(0))
    append(littleEndian: UInt64.max)
    append(littleEndian: UInt32.max)
    append(littleEndian: UInt16(0))
  }
}
