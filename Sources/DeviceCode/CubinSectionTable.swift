import Bytes
import ELFFile

/// The section table of a cubin, and where its program headers lie: the one reader of both, for cubins in files and in
/// memory.
///
/// The fields of an ELF header count up to 65,279 sections (`SHN_LORESERVE`) and 65,534 segments (`PN_XNUM`). Numbers
/// past that stand in section 0, in `sh_size`, `sh_info` and, for the section with the names, `sh_link` (System V ABI,
/// chapters "ELF Header" and "Sections").
struct CubinSectionTable {
  var header: CubinHeader
  /// The rows, from the cubin's start; never empty.
  var range: Range<UInt64>
  /// The program headers, from the cubin's start.
  var segments: Range<UInt64>
  /// The section that holds the sections' names; 0 where the cubin has no names.
  var nameSection: UInt32

  /// The number of sections, section 0 included.
  var count: Int { range.count / Self.rowSize }

  static let rowSize = 64
  private static let segmentSize = 56
  /// Cubins with more sections are not read, so that a hostile one costs neither memory nor time. A kernel has four to
  /// eight sections, and the largest real cubins some ten thousand kernels.
  static let countLimit: UInt64 = 1 << 22

  /// Reads the header and, where numbers stand there, section 0 of the cubin that the window's source is.
  ///
  /// - Throws: a ``Problem`` when there is no ELF header with the machine number of CUDA, no section, or a table that
  ///   lies outside the source.
  init(_ window: inout ByteWindow) throws(Problem) {
    let size = window.source.size
    header = try window.withBytes(at: 0, count: 64, "cubin header") { (view) throws(Problem) in
      try CubinHeader(view)
    }
    guard header.sectionOffset > 0 else {
      throw Problem(
        .invalidValue, "cubin section table", at: 40, expected: "an offset", observed: "0, which means none")
    }
    var sectionCount = UInt64(header.sectionCount)
    var segmentCount = UInt64(header.segmentCount)
    nameSection = UInt32(header.nameSection)
    if sectionCount == 0 || segmentCount == 0xFFFF || nameSection == 0xFFFF {
      let first = try window.withBytes(
        at: header.sectionOffset, count: Self.rowSize, "cubin section 0"
      ) { (view) throws(Problem) in try Row(view) }
      if sectionCount == 0 { sectionCount = first.size }
      if segmentCount == 0xFFFF { segmentCount = UInt64(first.info) }
      if nameSection == 0xFFFF { nameSection = first.link }
    }
    guard sectionCount > 0 else {
      throw Problem(.invalidValue, "cubin section count", at: 60, expected: "at least 1", observed: "0")
    }
    guard sectionCount <= Self.countLimit else {
      throw Problem(
        .limitExceeded, "cubin section count", at: header.sectionOffset + 32,
        expected: "at most \(Self.countLimit)", observed: "\(sectionCount)")
    }
    // Offsets are below 2^48, and the counts below 2^33.
    range = header.sectionOffset..<header.sectionOffset + sectionCount * UInt64(Self.rowSize)
    segments =
      segmentCount == 0
      ? 0..<0 : header.segmentOffset..<header.segmentOffset + segmentCount * UInt64(Self.segmentSize)
    guard segments.upperBound <= size else {
      throw Problem(
        .outOfBounds, "cubin segment table", at: 32, expected: "within \(size) bytes",
        observed: "\(segmentCount) rows at \(header.segmentOffset)")
    }
    guard range.upperBound <= size else {
      throw Problem(
        .outOfBounds, "cubin section table", at: 40, expected: "within \(size) bytes",
        observed: "\(sectionCount) rows at \(header.sectionOffset)")
    }
  }

  /// Calls `body` with each row in the order of the table.
  ///
  /// - Throws: a ``Problem`` for a section whose bytes lie outside the source, and whatever `body` throws.
  func forEach(
    _ window: inout ByteWindow, _ body: (Int, Row) throws(Problem) -> Void
  ) throws(Problem) {
    let size = window.source.size
    // As many rows as the window holds are taken at once.
    let step = max(1, window.capacity / Self.rowSize)
    for start in stride(from: 0, to: count, by: step) {
      let rows = start..<min(start + step, count)
      let place = range.lowerBound + UInt64(start * Self.rowSize)
      try window.withBytes(at: place, count: rows.count * Self.rowSize, "cubin section table") {
        (view) throws(Problem) in
        for index in rows {
          let row = try Row(view, at: (index - start) * Self.rowSize)
          if row.hasContents, row.offset > size || row.size > size - row.offset {
            throw Problem(
              .outOfBounds, "cubin section \(index)",
              at: range.lowerBound + UInt64(index * Self.rowSize) + 24,
              expected: "within \(size) bytes", observed: "\(row.size) bytes at \(row.offset)")
          }
          try body(index, row)
        }
      }
    }
  }
}

extension CubinSectionTable {
  /// One row.
  struct Row {
    /// Where its name starts in the section that holds the names.
    var name: UInt32
    /// One of ``CubinSectionType``.
    var type: UInt32
    var flags: UInt64
    /// From the cubin's start.
    var offset: UInt64
    /// Bytes in the file, or in the GPU's memory.
    var size: UInt64
    var link: UInt32
    var info: UInt32

    init(_ view: borrowing ByteView, at place: Int = 0) throws(Problem) {
      name = try view.u32(place, "section name")
      type = try view.u32(place + 4, "section type")
      flags = try view.u64(place + 8, "section flags")
      offset = try view.u64(place + 24, "section offset")
      size = try view.u64(place + 32, "section size")
      link = try view.u32(place + 40, "section link")
      info = try view.u32(place + 44, "section information")
    }

    var hasContents: Bool { CubinSectionType.hasContents(type) }
    /// Its bytes, from the cubin's start; empty where it has none in the file.
    var range: Range<UInt64> { hasContents ? offset..<offset + size : 0..<0 }
    /// The corresponding flag is `SHF_EXECINSTR`.
    var isCode: Bool { flags & 0x4 != 0 }
  }
}

/// The fields of a cubin's ELF header.
struct CubinHeader {
  var abiVersion: UInt8
  var type: UInt16
  var version: UInt32
  var flags: UInt32
  var segmentOffset: UInt64
  var segmentCount: UInt16
  var sectionOffset: UInt64
  var sectionCount: UInt16
  /// The section that holds the sections' names.
  var nameSection: UInt16

  /// The first four bytes of every ELF file.
  static let magic: UInt32 = 0x464C_457F

  /// - Throws: a ``Problem`` for anything but a 64-bit little-endian ELF header of the machine CUDA whose
  ///   tables have the sizes that the format prescribes.
  init(_ view: borrowing ByteView) throws(Problem) {
    guard try view.u32(0, "cubin magic") == Self.magic,
      try view.u16(4, "cubin class") == 0x0102,
      try view.u16(18, "cubin machine") == ELFMachine.cuda.rawValue
    else { throw Problem(.invalidValue, "cubin header", at: view.base, expected: "a 64-bit CUDA ELF header") }
    abiVersion = try view.u8(8, "ABI version")
    type = try view.u16(16, "cubin type")
    version = try view.u32(20, "cubin version")
    segmentOffset = try view.u64(32, "segment table offset")
    sectionOffset = try view.u64(40, "section table offset")
    flags = try view.u32(48, "cubin flags")
    let segmentSize = try view.u16(54, "segment row size")
    segmentCount = try view.u16(56, "segment count")
    let sectionSize = try view.u16(58, "section row size")
    sectionCount = try view.u16(60, "section count")
    nameSection = try view.u16(62, "name section")
    guard sectionOffset == 0 || sectionSize == 64, segmentCount == 0 || segmentSize == 56,
      sectionOffset < 1 << 48, segmentOffset < 1 << 48
    else { throw Problem(.invalidValue, "cubin tables", at: view.base + 32) }
  }
}
