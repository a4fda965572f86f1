public import Bytes

/// The sections and kernels of a cubin.
public struct CubinContents: Sendable {
  /// One section of a cubin.
  public struct Section: Hashable, Sendable {
    /// The corresponding field is `sh_type`.
    public var type: UInt32
    /// Its bytes, from the cubin's start; empty where it has none in the file (`SHT_NOBITS`).
    public var range: Range<UInt64>
    /// Bytes that it takes in the GPU's memory, or in the file.
    public var size: UInt64
    /// The kernel that it belongs to, as an index into ``CubinContents/kernels``.
    public var kernel: Int?
    /// Where its name starts in the section that holds the names.
    fileprivate var nameOffset: UInt32
    /// The corresponding field is `sh_info`: for what belongs to a function, its code's section.
    fileprivate var info: UInt32
    /// The corresponding field is `sh_link`.
    fileprivate var link: UInt32
    /// Whether it holds machine code. The corresponding flag is `SHF_EXECINSTR`.
    var isCode: Bool
  }

  /// In the order of the section table.
  public private(set) var sections: [Section] = []
  /// In the order of the symbol table.
  public private(set) var kernels: [Kernel] = []
  /// The section table, from the cubin's start.
  public private(set) var sectionTable: Range<UInt64> = 0..<0
  /// The program headers, from the cubin's start.
  public private(set) var segmentTable: Range<UInt64> = 0..<0

  private var names: Range<UInt64> = 0..<0
  private var symbols: Range<UInt64> = 0..<0
  /// The names of the symbols.
  private var strings: Range<UInt64> = 0..<0
  /// The sections of symbols whose number does not fit into the symbol table.
  private var extendedIndices: Range<UInt64> = 0..<0
  /// The kernels by their position in the symbol table.
  private var kernelOfSymbol: [UInt32: Int] = [:]

  /// Reads the cubin that `bytes` are.
  ///
  /// - Throws: a ``Problem``, with an offset from the cubin's start, for anything that is no cubin, and for tables
  ///   that reach outside.
  public init(_ bytes: ArraySlice<UInt8>) throws(Problem) {
    // Elements of type UInt8 have no padding, so all their bytes are initialised.
    try read(unsafe ByteView(bytes.span.bytes), bytes)
  }

  /// Whether it has a symbol table. Without one its kernels are not known.
  public var hasSymbols: Bool { sections.contains { $0.type == CubinSectionType.symbols } }

  /// The name of a section of the cubin that `bytes` are; empty where it has none.
  public func name(of section: Section, in bytes: ArraySlice<UInt8>) -> String {
    // `bytes` may be another cubin, or a part of this one.
    guard names.upperBound <= UInt64(bytes.count) else { return "" }
    return Self.text(at: section.nameOffset, in: names, of: bytes) ?? ""
  }

  // MARK: Reading

  private mutating func read(_ view: borrowing ByteView, _ bytes: ArraySlice<UInt8>) throws(Problem) {
    try readSections(bytes)
    if let symbols = sections.first(where: { $0.type == CubinSectionType.symbols }) {
      try readKernels(symbols, view, bytes)
      assignSections(bytes)
    }
    // Real attribute sections do not overlap: together they are smaller than the cubin.
    var left = view.count
    for section in sections where section.type == CubinSectionType.info {
      left -= section.range.count
      guard left >= 0 else { throw Problem(.overlap, "attribute sections", at: section.range.lowerBound) }
      try readAttributes(section, view, bytes)
    }
    try readCalls(view)
  }

  private mutating func readSections(_ bytes: ArraySlice<UInt8>) throws(Problem) {
    var window = ByteWindow(MemoryBytes(bytes), capacity: 4096)
    let table = try CubinSectionTable(&window)
    sectionTable = table.range
    segmentTable = table.segments
    sections.reserveCapacity(table.count)
    try table.forEach(&window) { (_, row) throws(Problem) in
      sections.append(
        Section(
          type: row.type, range: row.range, size: row.size, kernel: nil, nameOffset: row.name, info: row.info,
          link: row.link, isCode: row.isCode))
    }
    names = section(table.nameSection)?.range ?? 0..<0
  }

  private mutating func readKernels(
    _ table: Section, _ view: borrowing ByteView, _ bytes: ArraySlice<UInt8>
  ) throws(Problem) {
    symbols = table.range
    strings = section(table.link)?.range ?? 0..<0
    extendedIndices = sections.first { $0.type == CubinSectionType.symbolIndices }?.range ?? 0..<0
    // Names that share their bytes again and again would fill the memory.
    var left = 2 * strings.count
    for index in 0..<table.range.count / 24 {
      let row = Int(table.range.lowerBound) + index * 24
      guard try view.u8(row + 4, "symbol type") & 0xF == SymbolType.function,
        try view.u8(row + 5, "symbol flags") & SymbolType.kernelFlag != 0
      else { continue }
      let code = try codeSection(ofSymbol: index, view)
      // A kernel that is only declared has no section.
      guard code != 0, let section = section(code) else { continue }
      let value = try view.u64(row + 8, "symbol value")
      let size = try view.u64(row + 16, "symbol size")
      let length = UInt64(section.range.count)
      guard value <= length, size <= length - value else {
        throw Problem(
          .outOfBounds, "kernel code", at: UInt64(row) + 8, expected: "within \(length) bytes",
          observed: "\(size) bytes at \(value)")
      }
      guard let name = Self.text(at: try view.u32(row, "symbol name"), in: strings, of: bytes) else {
        throw Problem(.outOfBounds, "kernel name", at: UInt64(row), expected: "within the string table")
      }
      left -= name.utf8.count
      guard left >= 0 else { throw Problem(.overlap, "kernel names", at: UInt64(row)) }
      let place = section.range.lowerBound + value
      if sections[Int(code)].kernel == nil { sections[Int(code)].kernel = kernels.count }
      kernelOfSymbol[UInt32(index)] = kernels.count
      kernels.append(Kernel(name: name, code: place..<place + size))
    }
  }

  /// Gives each kernel the sections that belong to it, and counts the memory that they ask for.
  private mutating func assignSections(_ bytes: ArraySlice<UInt8>) {
    for index in sections.indices {
      let section = sections[index]
      switch section.type {
      case CubinSectionType.contents, CubinSectionType.noBits, CubinSectionType.memory,
        CubinSectionType.constants:
        sections[index].kernel = section.kernel ?? kernel(ofCode: section.info)
        if let kernel = sections[index].kernel { addResources(of: section, to: kernel, bytes) }
      case CubinSectionType.info, CubinSectionType.relocations, CubinSectionType.relocationsWithAddends:
        sections[index].kernel = kernel(ofCode: section.info)
      // This names the function's symbol, not its section.
      case CubinSectionType.mercuryCode: sections[index].kernel = kernelOfSymbol[section.info]
      default: break
      }
    }
    // These name sections that stand behind them.
    for index in sections.indices {
      switch sections[index].type {
      case CubinSectionType.mercuryInfo, CubinSectionType.mercuryRelocations:
        let named = section(sections[index].info)
        if named?.type == CubinSectionType.mercuryCode { sections[index].kernel = named?.kernel }
      default: break
      }
    }
  }

  /// The kernel whose code a section holds.
  private func kernel(ofCode index: UInt32) -> Int? {
    section(index).flatMap { $0.isCode ? $0.kernel : nil }
  }

  private mutating func addResources(of section: Section, to kernel: Int, _ bytes: ArraySlice<UInt8>) {
    if section.isCode {
      // Before EIATTR_REGCOUNT existed the number of registers stood only here, beside the symbol.
      if section.info >> 24 > 0 { kernels[kernel].registers = section.info >> 24 }
    } else if hasName(section, startingWith: ".nv.shared.", bytes) {
      kernels[kernel].sharedMemory &+= section.size
    } else if hasName(section, startingWith: ".nv.local.", bytes) {
      kernels[kernel].localMemory &+= section.size
    } else if hasName(section, startingWith: ".nv.constant0.", bytes) {
      kernels[kernel].constantBank0 &+= section.size
    }
  }

  /// Reads `.nv.info` or `.nv.info.<kernel>`: records of a format, an attribute, and a value or the size of one.
  private mutating func readAttributes(
    _ section: Section, _ view: borrowing ByteView, _ bytes: ArraySlice<UInt8>
  ) throws(Problem) {
    var position = Int(section.range.lowerBound)
    let end = Int(section.range.upperBound)
    while position + 4 <= end {
      let format = try view.u8(position, "attribute format")
      let attribute = try view.u8(position + 1, "attribute")
      let value = try view.u16(position + 2, "attribute value")
      position += 4
      if format == AttributeFormat.sized {
        guard Int(value) <= end - position else {
          throw Problem(
            .outOfBounds, "attribute size", at: UInt64(position) - 2, expected: "at most \(end - position)",
            observed: "\(value)")
        }
        if attribute == Attribute.externalFunctions, let kernel = section.kernel {
          for index in 0..<Int(value) / 4 {
            let symbol = try view.u32(position + index * 4, "external function")
            kernels[kernel].calls.formUnion(try externalCall(of: symbol, view, bytes))
          }
        } else if value >= 8, let kernel = kernelOfSymbol[try view.u32(position, "attribute symbol")] {
          let number = try view.u32(position + 4, "attribute value")
          switch attribute {
          case Attribute.registerCount: kernels[kernel].registers = number
          case Attribute.minimumStackSize: kernels[kernel].stackSize = number
          case Attribute.frameSize where kernels[kernel].stackSize == nil: kernels[kernel].stackSize = number
          default: break
          }
        }
        position += Int(value)
      } else if attribute == Attribute.parameterSize, let kernel = section.kernel {
        kernels[kernel].parameterBytes = UInt32(value)
      }
    }
  }

  // MARK: Calls

  /// Marks kernels that call functions of other sections: attributes name the driver's functions alone, and those that
  /// the called functions call.
  private mutating func readCalls(_ view: borrowing ByteView) throws(Problem) {
    // Real relocations do not overlap: together they are smaller than the cubin.
    var left = view.count
    for section in sections {
      let rowSize: Int
      switch section.type {
      case CubinSectionType.relocations: rowSize = 16
      case CubinSectionType.relocationsWithAddends: rowSize = 24
      default: continue
      }
      guard let kernel = section.kernel, !kernels[kernel].calls.isEmpty else { continue }
      left -= section.range.count
      guard left >= 0 else { throw Problem(.overlap, "relocations", at: section.range.lowerBound) }
      for row in 0..<section.range.count / rowSize {
        let symbol = try view.u32(Int(section.range.lowerBound) + row * rowSize + 12, "relocation symbol")
        guard symbol < symbols.count / 24 else { continue }
        let place = Int(symbols.lowerBound) + Int(symbol) * 24
        let code = try codeSection(ofSymbol: Int(symbol), view)
        if try view.u8(place + 4, "symbol type") & 0xF == SymbolType.function, code != 0,
          self.section(code)?.kernel != kernel
        {
          kernels[kernel].calls.insert(.other)
        }
      }
    }
  }

  /// What a call of the function with this position in the symbol table is.
  private func externalCall(
    of symbol: UInt32, _ view: borrowing ByteView, _ bytes: ArraySlice<UInt8>
  ) throws(Problem) -> ExternalCalls {
    guard symbol < symbols.count / 24 else { return .other }
    let offset = Int(try view.u32(Int(symbols.lowerBound) + Int(symbol) * 24, "symbol name"))
    guard offset < strings.count else { return .other }
    let start = bytes.startIndex + Int(strings.lowerBound)
    // No known name is longer, and a long one costs nothing.
    return ExternalCalls(bytes[start + offset..<start + strings.count].prefix(16).prefix { $0 != 0 })
  }

  // MARK: Tables and strings

  private func section(_ index: UInt32) -> Section? {
    index < sections.count ? sections[Int(index)] : nil
  }

  /// The section of the symbol with this position in the symbol table; 0 for one that is only declared.
  private func codeSection(ofSymbol symbol: Int, _ view: borrowing ByteView) throws(Problem) -> UInt32 {
    let index = try view.u16(Int(symbols.lowerBound) + symbol * 24 + 6, "symbol section")
    // Numbers past 0xFEFF stand in a table of their own; the corresponding index is `SHN_XINDEX`.
    guard index == 0xFFFF else { return UInt32(index) }
    guard symbol < extendedIndices.count / 4 else {
      throw Problem(
        .outOfBounds, "section indices of symbols", at: extendedIndices.lowerBound,
        expected: "more than \(symbol) rows", observed: "\(extendedIndices.count / 4)")
    }
    return try view.u32(Int(extendedIndices.lowerBound) + symbol * 4, "symbol section")
  }

  private static func text(
    at offset: UInt32, in strings: Range<UInt64>, of bytes: ArraySlice<UInt8>
  ) -> String? {
    guard Int(offset) < strings.count else { return nil }
    let start = bytes.startIndex + Int(strings.lowerBound)
    let rest = bytes[start + Int(offset)..<start + strings.count]
    return String(decoding: rest.prefix { $0 != 0 }, as: UTF8.self)
  }

  func hasName(
    _ section: Section, startingWith prefix: StaticString, _ bytes: ArraySlice<UInt8>
  ) -> Bool {
    guard Int(section.nameOffset) < names.count else { return false }
    let start = bytes.startIndex + Int(names.lowerBound)
    let name = bytes[start + Int(section.nameOffset)..<start + names.count]
    return prefix.withUTF8Buffer { unsafe name.starts(with: $0) }
  }

  private enum SymbolType {
    static let function: UInt8 = 2
    /// The corresponding mark is `STO_CUDA_ENTRY`.
    static let kernelFlag: UInt8 = 0x10
  }

  private enum AttributeFormat {
    /// A size follows, then as many bytes.
    static let sized: UInt8 = 4
  }

  /// Names as in `cuobjdump -elf`, without the prefix `EIATTR_`.
  private enum Attribute {
    static let externalFunctions: UInt8 = 0x0F
    static let frameSize: UInt8 = 0x11
    static let minimumStackSize: UInt8 = 0x12
    static let parameterSize: UInt8 = 0x19
    static let registerCount: UInt8 = 0x2F
  }
}
