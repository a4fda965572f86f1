import Bytes

/// LTO-IR as a file: what `nvcc -ltoir` writes, and uncompressed entries hold.
enum LTOIR {
  /// The first four bytes.
  static let magic: UInt32 = 0x7F4E_43ED
  /// Bytes of the header up to the record that tells the suffix.
  static let headerSize = 0x28

  /// The target in the header: at offset 0x1A stands the SM number times 10; the suffix `a` is an extra record at
  /// 0x20, the suffix `f` leaves no mark.
  ///
  /// - Throws: a ``Problem`` when the magic is missing or the view ends too early.
  static func target(_ view: borrowing ByteView) throws(Problem) -> CodeTarget {
    let found = try view.u32(0, "LTO-IR magic")
    guard found == magic else {
      throw Problem(
        .invalidValue, "LTO-IR magic", at: view.base, expected: hexadecimal(magic),
        observed: hexadecimal(found))
    }
    return CodeTarget(
      UInt32(try view.u16(0x1A, "LTO-IR target")) / 10,
      try view.u32(0x20, "LTO-IR record") == 0x0001_0020 ? .architectureSpecific : .none)
  }
}
