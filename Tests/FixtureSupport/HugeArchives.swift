public import CZlib

/// Archives that are too large to be committed, or are small and hold too much.
public enum HugeArchives {
  /// Zeros as bare deflate.
  public static func zeros(mebibytes: Int) -> [UInt8] {
    // After a full flush the stream knows nothing of what came before, so the same bytes can follow each other.
    let mebibyte = deflated([UInt8](repeating: 0, count: 1 << 20), isEnd: false)
    var data: [UInt8] = []
    data.reserveCapacity(mebibyte.count * mebibytes + 2)
    for _ in 0..<mebibytes { data += mebibyte }
    return data + [3, 0]
  }

  /// A zip archive with one deflated member of zeros, and in front of it `library` as `good.so`.
  public static func zip(gibibytes: Int, beside library: [UInt8]? = nil) -> [UInt8] {
    let data = zeros(mebibytes: gibibytes * 1024)
    let name = Array("zeros.so".utf8)
    var (bytes, rows) = start(library)
    let header = UInt32(bytes.count)
    bytes.appendHeader(0x0403_4B50, method: 8, [0, UInt32(data.count), 0xFFFF_FFFF], name)
    bytes += data
    let directory = bytes.count
    bytes += rows
    bytes.appendHeader(
      0x0201_4B50, method: 8, [0, UInt32(data.count), 0xFFFF_FFFF], name, extra: 12, headerOffset: header)
    bytes.append(littleEndian: UInt16(1))
    bytes.append(littleEndian: UInt16(8))
    bytes.append(littleEndian: UInt64(gibibytes) << 30)
    bytes.appendEnd(count: rows.isEmpty ? 1 : 2, directory: directory)
    return bytes
  }

  /// A zip archive of stored members of one byte, named by eight digits, and in front of them `library` as `good.so`.
  public static func zip(members count: Int, beside library: [UInt8]? = nil) -> [UInt8] {
    let local = template(0x0403_4B50)
    let central = template(0x0201_4B50, headerOffset: 0)
    let size = local.count + 1
    var (bytes, rows) = start(library)
    let first = bytes.count
    let directory = first + count * size
    let firstRow = directory + rows.count
    bytes.reserveCapacity(firstRow + count * central.count + 128)
    bytes += [UInt8](repeating: UInt8(ascii: "x"), count: count * size)
    bytes += rows
    bytes += [UInt8](repeating: 0, count: count * central.count)
    unsafe bytes.withUnsafeMutableBytes { buffer in
      for index in 0..<count {
        let name = eightDigits(index)
        let header = first + index * size
        let row = firstRow + index * central.count
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[header..<header + local.count]).copyBytes(
          from: local)
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[row..<row + central.count]).copyBytes(
          from: central)
        unsafe buffer.storeBytes(of: name, toByteOffset: header + 30, as: UInt64.self)
        unsafe buffer.storeBytes(of: name, toByteOffset: row + 46, as: UInt64.self)
        unsafe buffer.storeBytes(of: UInt32(header), toByteOffset: row + 42, as: UInt32.self)
      }
    }
    bytes.appendEnd(count: count + (rows.isEmpty ? 0 : 1), directory: directory)
    return bytes
  }

  /// `library` as the first member of a zip archive, and its row of the directory.
  private static func start(_ library: [UInt8]?) -> (bytes: [UInt8], rows: [UInt8]) {
    guard let library else { return ([], []) }
    let name = Array("good.so".utf8)
    let sums = [unsafe UInt32(crc32(0, library, CUnsignedInt(library.count))), UInt32(library.count)]
    var bytes: [UInt8] = []
    var rows: [UInt8] = []
    bytes.appendHeader(0x0403_4B50, method: 0, sums + [sums[1]], name)
    rows.appendHeader(0x0201_4B50, method: 0, sums + [sums[1]], name, headerOffset: 0)
    return (bytes + library, rows)
  }

  /// The decimal digits of a number, the first one in the lowest byte.
  private static func eightDigits(_ number: Int) -> UInt64 {
    var rest = number
    var name: UInt64 = 0
    for _ in 0..<8 {
      name = name << 8 | UInt64(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    }
    return name
  }

  private static func template(_ signature: UInt32, headerOffset: UInt32? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendHeader(
      signature, method: 0, [0x8CDC_1683, 1, 1], [UInt8](repeating: 0, count: 8), headerOffset: headerOffset)
    return bytes
  }

  /// `input` as bare deflate, or the start of it, which can be followed by anything.
  public static func deflated(
    _ input: [UInt8], level: CInt = 9, strategy: CInt = Z_DEFAULT_STRATEGY, memory: CInt = 8,
    window: CInt = 15, isEnd: Bool = true
  ) -> [UInt8] {
    var stream = unsafe z_stream()
    _ = unsafe deflateInit2_(
      &stream, level, Z_DEFLATED, -window, memory, strategy, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
    defer { _ = unsafe deflateEnd(&stream) }
    let room = Int(unsafe deflateBound(&stream, uLong(input.count))) + 1024
    var input = input
    return unsafe [UInt8](unsafeUninitializedCapacity: room) { output, count in
      unsafe input.withUnsafeMutableBufferPointer { source in
        unsafe stream.next_in = source.baseAddress
        unsafe stream.avail_in = CUnsignedInt(source.count)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = CUnsignedInt(room)
        _ = unsafe deflate(&stream, isEnd ? Z_FINISH : Z_FULL_FLUSH)
        count = room - Int(unsafe stream.avail_out)
      }
    }
  }
}

extension HugeArchives {
  /// A tar, compressed with gzip or zstd, that holds `first`, then zeros, then `last`.
  ///
  /// - Parameters:
  ///   - first: the start of a tar, which ends in the header of the file of zeros.
  ///   - last: the rest of the tar.
  public static func gzip(_ first: [UInt8], gibibytes: Int, _ last: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    bytes += deflated(first, isEnd: false)
    // Without the empty block that ends it.
    bytes += zeros(mebibytes: gibibytes * 1024).dropLast(2)
    bytes += deflated(last)
    func sum(_ bytes: [UInt8]) -> uLong { unsafe crc32(0, bytes, CUnsignedInt(bytes.count)) }
    let mebibyte = [UInt8](repeating: 0, count: 1 << 20)
    // A gibibyte's sum is put together from two halves, ten times.
    var (zerosSum, size) = (sum(mebibyte), 1 << 20)
    for _ in 0..<10 {
      zerosSum = crc32_combine(zerosSum, zerosSum, size)
      size *= 2
    }
    var total = sum(first)
    for _ in 0..<gibibytes { total = crc32_combine(total, zerosSum, 1 << 30) }
    bytes.append(littleEndian: UInt32(truncatingIfNeeded: crc32_combine(total, sum(last), last.count)))
    bytes.append(littleEndian: UInt32(truncatingIfNeeded: first.count + gibibytes << 30 + last.count))
    return bytes
  }

  /// The same as one frame of zstd, in which the zeros are runs of one byte (RFC 8878, 3.1.1.2).
  ///
  /// - Parameter windowLog: the logarithm of the memory that the frame asks for.
  public static func zstd(_ first: [UInt8], gibibytes: Int, _ last: [UInt8], windowLog: UInt8 = 17) -> [UInt8]
  {
    var bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0, (windowLog - 10) << 3]
    let blockSize = 128 << 10
    func header(_ size: Int, type: Int) -> [UInt8] {
      let value = size << 3 | type << 1
      return [UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value >> 16)]
    }
    func append(_ contents: [UInt8]) {
      for start in stride(from: 0, to: contents.count, by: blockSize) {
        let block = contents[start..<min(start + blockSize, contents.count)]
        bytes += header(block.count, type: 0) + block
      }
    }
    append(first)
    let run = header(blockSize, type: 1) + [0]
    for _ in 0..<gibibytes << 30 / blockSize { bytes += run }
    append(last)
    return bytes + [1, 0, 0]
  }

  /// The header of a file in a tar whose contents follow.
  public static func tarHeader(_ name: String, size: Int) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    header.replaceSubrange(0..<name.utf8.count, with: name.utf8)
    header.replaceSubrange(100..<107, with: "0000644".utf8)
    // Past 8 GiB a size is a binary number.
    header[124] = 0x80
    for index in 0..<8 { header[135 - index] = UInt8(size >> (8 * index) & 0xFF) }
    header.replaceSubrange(148..<157, with: "        0".utf8)
    header.replaceSubrange(257..<262, with: "ustar".utf8)
    header.replaceSubrange(263..<265, with: "00".utf8)
    setChecksum(&header)
    return header
  }

  private static func setChecksum(_ header: inout [UInt8]) {
    header.replaceSubrange(148..<156, with: repeatElement(UInt8(ascii: " "), count: 8))
    header.replaceSubrange(148..<154, with: octal(header.reduce(0) { $0 + Int($1) }))
    header[154] = 0
  }

  private static func octal(_ number: Int) -> [UInt8] {
    stride(from: 15, through: 0, by: -3).map { UInt8(ascii: "0") + UInt8(number >> $0 & 7) }
  }

  /// Headers of empty files of a tar, named by eight digits; a gzip stream of them behind `first` and before `last`.
  public static func gzip(_ first: [UInt8], members count: Int, _ last: [UInt8]) -> [UInt8] {
    let template = tarHeader("00000000", size: 0)
    let sum = template.reduce(0) { $0 + Int($1) } - template[148..<156].reduce(0) { $0 + Int($1) } + 8 * 0x20
    var piece: [UInt8] = []
    for _ in 0..<1000 { piece += template }
    var bytes: [UInt8] = []
    func add(_ contents: [UInt8]) {
      // gzip streams that follow each other are one.
      bytes += [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
      bytes += deflated(contents, level: 1)
      bytes.append(littleEndian: unsafe UInt32(crc32(0, contents, CUnsignedInt(contents.count))))
      bytes.append(littleEndian: UInt32(contents.count))
    }
    add(first)
    for start in stride(from: 0, to: count, by: 1000) {
      unsafe piece.withUnsafeMutableBytes { buffer in
        for index in 0..<1000 {
          let name = eightDigits(start + index)
          unsafe buffer.storeBytes(of: name, toByteOffset: index * 512, as: UInt64.self)
          // All digits add up, less what the template has.
          var (digits, rest) = (0, name)
          while rest != 0 {
            digits += Int(rest & 0xFF) - 0x30
            rest >>= 8
          }
          var value = sum + digits
          for place in stride(from: 153, through: 148, by: -1) {
            unsafe buffer[index * 512 + place] = 0x30 + UInt8(value & 7)
            value >>= 3
          }
        }
      }
      add(piece)
    }
    add(last)
    return bytes
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
