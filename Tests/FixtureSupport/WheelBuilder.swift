/// A zip archive of stored members.
public struct WheelBuilder {
  private var members: [(name: [UInt8], contents: [UInt8])] = []

  public init() {}

  /// An archive with the files that make it a wheel.
  public init(distribution: String, _ version: String) {
    let folder = "\(distribution)-\(version).dist-info/"
    add(Array("Wheel-Version: 1.0\n".utf8), to: folder + "WHEEL")
    add(
      Array("Metadata-Version: 2.1\nName: \(distribution)\nVersion: \(version)\n".utf8),
      to: folder + "METADATA")
  }

  public mutating func add(_ contents: [UInt8], to name: String) {
    members.append((Array(name.utf8), contents))
  }

  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    var directory: [UInt8] = []
    for (name, contents) in members {
      let offset = UInt32(bytes.count)
      // Time, checksum and sizes, and how long the name is (APPNOTE 4.3.7).
      var common: [UInt8] = []
      for number in [20, 0, 0, 0, 0x21] { common.append(littleEndian: UInt16(number)) }
      common.append(littleEndian: checksum(contents))
      common.append(littleEndian: UInt32(contents.count))
      common.append(littleEndian: UInt32(contents.count))
      common.append(littleEndian: UInt16(name.count))
      common.append(littleEndian: UInt16(0))
      bytes.append(littleEndian: UInt32(0x0403_4B50))
      bytes += common + name + contents
      directory.append(littleEndian: UInt32(0x0201_4B50))
      directory.append(littleEndian: UInt16(0x0314))
      directory += common
      for number in [0, 0, 0] { directory.append(littleEndian: UInt16(number)) }
      directory.append(littleEndian: UInt32(0o100644) << 16)
      directory.append(littleEndian: offset)
      directory += name
    }
    let start = UInt32(bytes.count)
    bytes += directory
    bytes.append(littleEndian: UInt32(0x0605_4B50))
    for number in [0, 0, members.count, members.count] { bytes.append(littleEndian: UInt16(number)) }
    bytes.append(littleEndian: UInt32(directory.count))
    bytes.append(littleEndian: start)
    bytes.append(littleEndian: UInt16(0))
    return bytes
  }

  /// CRC-32, bit by bit.
  private func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
  }
}
