public import Bytes
import ELFFile

extension Cubin {
  /// The target in the flags of a cubin's ELF header.
  ///
  /// Up to ABI version 7 the SM number is in bits 0 to 7 and the suffix `a` is bit 11; from version 8 on the
  /// number is in bits 8 to 15, and CUDA 12 marks the suffix `a` by bit 3. CUDA 13 marks no suffix here.
  public static func target(flags: UInt32, abiVersion: UInt8) -> CodeTarget {
    abiVersion < 8
      ? CodeTarget(flags & 0xFF, flags & 0x800 != 0 ? .architectureSpecific : .none)
      : CodeTarget(flags >> 8 & 0xFF, flags & 0x8 != 0 ? .architectureSpecific : .none)
  }

  /// Reads the cubin at the start of `source`.
  ///
  /// - Throws: a ``Problem`` when there is no ELF header with the machine number of CUDA, or a table or
  ///   section lies outside `source`.
  public init(_ source: any ByteSource) throws(Problem) {
    var window = ByteWindow(source, capacity: 2048)
    try self.init(&window)
  }

  init(_ window: inout ByteWindow) throws(Problem) {
    let header = try window.withBytes(at: 0, count: 64, "cubin header") { (view) throws(Problem) in
      try CubinHeader(view)
    }
    abiVersion = header.abiVersion
    target = Self.target(flags: header.flags, abiVersion: abiVersion)
    isRelocatable = header.type == ELFType.relocatable.rawValue
    if abiVersion < 8, header.version > 1 { toolkit = "\(header.version / 10).\(header.version % 10)" }
    let sectionEnd = header.sectionCount == 0 ? 0 : header.sectionOffset + UInt64(header.sectionCount) * 64
    let segmentEnd = header.segmentCount == 0 ? 0 : header.segmentOffset + UInt64(header.segmentCount) * 56
    guard segmentEnd <= window.source.size else {
      throw Problem(
        .outOfBounds, "cubin segment table", at: 32, expected: "within \(window.source.size) bytes",
        observed: "\(header.segmentCount) rows at \(header.segmentOffset)")
    }
    size = max(64, sectionEnd, segmentEnd)
    for index in 0..<UInt64(header.sectionCount) {
      let place = header.sectionOffset + index * 64
      let (type, offset, length) = try Self.section(at: place, &window)
      guard CubinSectionType.hasContents(type) else { continue }
      guard offset <= window.source.size, length <= window.source.size - offset else {
        throw Problem(
          .outOfBounds, "cubin section \(index)", at: place + 24,
          expected: "within \(window.source.size) bytes",
          observed: "\(length) bytes at \(offset)")
      }
      size = max(size, offset + length)
    }
    // Notes are read in a second pass, so that the window walks the table in one direction.
    for index in 0..<UInt64(header.sectionCount) where abiVersion >= 8 {
      let place = header.sectionOffset + index * 64
      let (type, offset, length) = try Self.section(at: place, &window)
      guard length > 0, length <= Self.noteLimit else { continue }
      switch type {
      case CubinSectionType.note:
        try window.withBytes(at: offset, count: Int(length), "cubin note") { (view) throws(Problem) in
          try readNote(view)
        }
      case CubinSectionType.compatibility:
        try window.withBytes(at: offset, count: Int(length), "cubin compatibility records") {
          (view) throws(Problem) in try readCompatibility(view)
        }
      default: break
      }
    }
  }

  /// One row of the section table.
  private static func section(
    at place: UInt64, _ window: inout ByteWindow
  ) throws(Problem) -> (type: UInt32, offset: UInt64, size: UInt64) {
    try window.withBytes(at: place, count: 64, "cubin section table") { (view) throws(Problem) in
      (
        try view.u32(4, "section type"), try view.u64(24, "section offset"),
        try view.u64(32, "section size")
      )
    }
  }

  private static let noteLimit: UInt64 = 1 << 16
  /// Arguments longer than this are not kept: the longest seen have 640 bytes.
  private static let argumentLimit = 4096

  /// Reads one note of the owner "NVIDIA Corp": type 1000 is `.note.nv.cuinfo`, type 2000 `.note.nv.tkinfo`.
  private mutating func readNote(_ view: borrowing ByteView) throws(Problem) {
    let nameSize = Int(try view.u32(0, "note name size"))
    let size = Int(try view.u32(4, "note size"))
    let type = try view.u32(8, "note type")
    let start = 12 + (nameSize + 3) / 4 * 4
    guard start <= view.count, size <= view.count - start else { return }
    let contents = try view.slice(start..<start + size, "note")
    switch type {
    case 1000:
      let release = try contents.u16(4, "toolkit release")
      if toolkit == nil { toolkit = "\(release / 10).\(release % 10)" }
    case 2000:
      // Five offsets into the strings behind them: object, tool, version, build, arguments.
      let strings = 24
      let version = strings + Int(try contents.u32(12, "version offset"))
      let arguments = strings + Int(try contents.u32(20, "arguments offset"))
      if version < contents.count {
        let text = try contents.slice(version..<contents.count, "version").text()
        if let release = Self.release(in: text) { toolkit = release }
      }
      if arguments < contents.count {
        var text = try contents.slice(arguments..<contents.count, "arguments").text()
        while text.last == " " { text.removeLast() }
        if text.utf8.count <= Self.argumentLimit { compilerArguments = text }
        // The suffix f leaves no other mark.
        if let named = Self.targetArgument(in: text), named.number == target.number {
          target = named
          namesTarget = true
        }
      }
    default: break
    }
  }

  /// "13.5" of "Cuda compilation tools, release 13.5, V13.5.37".
  private static func release(in text: String) -> String? {
    let words = text.split { $0 == " " || $0 == "," }
    guard let index = words.firstIndex(of: "release"), index + 1 < words.count else { return nil }
    // No version is longer.
    return String(words[index + 1].prefix(16))
  }

  /// The target in the compiler's arguments: `sm_100f` of `-arch sm_100f -m 64`.
  private static func targetArgument(in text: String) -> CodeTarget? {
    let words = text.split { $0 == " " || $0 == "=" }
    guard let index = words.firstIndex(where: { $0 == "-arch" || $0 == "--gpu-name" || $0 == "-gpu-name" }),
      index + 1 < words.count
    else { return nil }
    return CodeTarget(words[index + 1])
  }

  /// Reads `.nv.compat`: records of a format, an attribute and a value; attribute 0x09 is 1 where the code
  /// uses architecture-specific features.
  private mutating func readCompatibility(_ view: borrowing ByteView) throws(Problem) {
    var position = 0
    while position + 4 <= view.count {
      let format = try view.u8(position, "record format")
      let attribute = try view.u8(position + 1, "record attribute")
      if format == 2, attribute == 0x09, try view.u8(position + 2, "record value") == 1 {
        target.suffix = .architectureSpecific
      }
      position += 4
      if format == 4 { position += Int(try view.u16(position - 2, "record size")) }
    }
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
    guard sectionCount == 0 || sectionSize == 64, segmentCount == 0 || segmentSize == 56,
      sectionOffset < 1 << 48, segmentOffset < 1 << 48
    else { throw Problem(.invalidValue, "cubin tables", at: view.base + 32) }
  }
}
