extension [UInt8] {
  /// Appends `value` in little-endian order.
  public mutating func append(littleEndian value: some FixedWidthInteger) {
    for shift in stride(from: 0, to: type(of: value).bitWidth, by: 8) {
      append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  /// Overwrites the bytes at `offset` with `value` in little-endian order.
  public mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
    for index in 0..<type(of: value).bitWidth / 8 {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
    }
  }

  /// Appends zeros up to a multiple of `alignment`.
  public mutating func pad(to alignment: Int) {
    let missing = (alignment - count % alignment) % alignment
    append(contentsOf: repeatElement(0, count: missing))
  }
}
