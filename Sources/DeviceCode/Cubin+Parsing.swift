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

  private init(_ window: inout ByteWindow) throws(Problem) {
    try self.init(CubinSectionTable(&window), &window)
  }

  /// Reads the cubin at the start of the window's source, whose section table is `table`.
  init(_ table: CubinSectionTable, _ window: inout ByteWindow) throws(Problem) {
    let header = table.header
    abiVersion = header.abiVersion
    target = Self.target(flags: header.flags, abiVersion: abiVersion)
    isRelocatable = header.type == ELFType.relocatable.rawValue
    if abiVersion < 8, header.version > 1 { toolkit = "\(header.version / 10).\(header.version % 10)" }
    size = max(table.range.upperBound, table.segments.upperBound)
    var notes: [CubinSectionTable.Row] = []
    // Those of real cubins do not overlap: together they are smaller than the cubin.
    var left = window.source.size
    try table.forEach(&window) { (_, row) throws(Problem) in
      size = max(size, row.range.upperBound)
      guard abiVersion >= 8, row.size > 0, row.size <= Self.noteLimit,
        row.type == CubinSectionType.note || row.type == CubinSectionType.compatibility
      else { return }
      guard row.size <= left else { throw Problem(.overlap, "cubin notes", at: row.offset) }
      left -= row.size
      notes.append(row)
    }
    // Behind the table, so that the window walks it in one direction.
    for row in notes {
      try window.withBytes(at: row.offset, count: Int(row.size), "cubin note") { (view) throws(Problem) in
        if row.type == CubinSectionType.note { try readNote(view) } else { try readCompatibility(view) }
      }
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
