/// Builds a 64-bit little-endian ELF file: sections behind the header, the section table at the end, one load
/// segment over everything, so that addresses are file offsets.
public struct ELFBuilder: Sendable {
  public struct Section: Sendable {
    public var name: String
    public var type: UInt32
    /// `SHF_WRITE` 1, `SHF_ALLOC` 2, `SHF_EXECINSTR` 4, `SHF_COMPRESSED` 0x800.
    public var flags: UInt64
    public var contents: [UInt8]
    public var alignment = 8
    /// Written into the section table instead of what is there.
    public var declaredOffset: UInt64?
    public var declaredSize: UInt64?
    var link: UInt32 = 0
    var info: UInt32 = 0
    var entrySize: UInt64 = 0

    public init(_ name: String, type: UInt32 = 1, flags: UInt64 = 3, _ contents: [UInt8]) {
      self.name = name
      self.type = type
      self.flags = flags
      self.contents = contents
    }
  }

  /// A place in the file that does not depend on where the section lands.
  public struct Place: Hashable, Sendable {
    public var section: String
    public var offset: Int

    public init(_ section: String, _ offset: Int = 0) {
      self.section = section
      self.offset = offset
    }
  }

  /// How a shared library's pointers are stored. An object file's are always relocations with a symbol.
  public enum PointerStyle: Sendable {
    /// The address lies in place.
    case inPlace
    /// Zero lies in place, and `.rela.dyn` holds the address.
    case relocated
  }

  /// 1 object file, 2 executable, 3 shared library.
  public var type: UInt16 = 3
  public var machine: UInt16 = 62
  public var version: UInt32 = 1
  public var flags: UInt32 = 0
  /// 1 is 32-bit. Only this byte of the file changes.
  public var fileClass: UInt8 = 2
  /// 2 is big-endian. Only this byte of the file changes.
  public var encoding: UInt8 = 1
  /// `EI_OSABI` and `EI_ABIVERSION`.
  public var abi: (UInt8, UInt8) = (0, 0)
  public var sections: [Section] = []
  public var hasSegments = true
  public var hasSectionTable = true
  public var pointerStyle = PointerStyle.inPlace
  /// Eight-byte pointers: where they lie and where they point.
  public var pointers: [(at: Place, to: Place)] = []
  /// The names in the dynamic section, which the file has when there is one of them.
  public var needed: [String] = []
  public var soname: String?
  public var runpath: String?
  public var rpath: String?
  /// The owner and the description of a note, in a segment of its own.
  public var note: (owner: String, description: [UInt8])?
  public var noteType: UInt32 = 1

  public init() {}

  /// A shared library as nvcc links it: fat binaries in `.nv_fatbin`, 8-byte aligned, each with a wrapper.
  public init(fatBinaries: [FatBinaryBuilder]) {
    for fatBinary in fatBinaries { add(fatBinary) }
  }

  /// Appends `contents` to the section of that name, 8-byte aligned, and makes the section where it is missing.
  @discardableResult
  public mutating func append(_ contents: [UInt8], to name: String, flags: UInt64 = 2) -> Place {
    if !sections.contains(where: { $0.name == name }) { sections.append(Section(name, flags: flags, [])) }
    guard let index = sections.firstIndex(where: { $0.name == name }) else { fatalError("unreachable") }
    sections[index].contents.pad(to: 8)
    let offset = sections[index].contents.count
    sections[index].contents += contents
    return Place(name, offset)
  }

  /// Adds a fat binary to `.nv_fatbin`, or to `__nv_relfatbin`, with a wrapper that registers it.
  @discardableResult
  public mutating func add(_ fatBinary: FatBinaryBuilder, to section: String = ".nv_fatbin") -> Place {
    let place = append(fatBinary.bytes, to: section)
    addWrapper(of: place)
    return place
  }

  /// Adds a wrapper; with `preLinked` one of version 2, whose list lies in `.data`.
  public mutating func addWrapper(of fatBinary: Place, preLinked: [Place]? = nil) {
    var wrapper: [UInt8] = []
    wrapper.append(littleEndian: UInt32(0x4662_43B1))
    wrapper.append(littleEndian: UInt32(preLinked == nil ? 1 : 2))
    wrapper += [UInt8](repeating: 0, count: 16)
    let place = append(wrapper, to: ".nvFatBinSegment", flags: 3)
    pointers.append((Place(place.section, place.offset + 8), fatBinary))
    guard let preLinked else { return }
    let list = append([UInt8](repeating: 0, count: 8 * (preLinked.count + 1)), to: ".data", flags: 3)
    pointers.append((Place(place.section, place.offset + 16), list))
    for (index, part) in preLinked.enumerated() {
      pointers.append((Place(list.section, list.offset + 8 * index), part))
    }
  }

  /// Where each section of `sections` starts, and where the last one ends.
  private func layout(_ sections: [Section]) -> ([Int], end: Int) {
    var position = 64 + 56 * segmentCount
    var offsets: [Int] = []
    for section in sections {
      position = (position + section.alignment - 1) / section.alignment * section.alignment
      offsets.append(position)
      if section.type != 8 { position += section.contents.count }
    }
    return (offsets, position)
  }

  private var segmentCount: Int {
    hasSegments && type != 1 ? 1 + (hasDynamicSection ? 1 : 0) + (note == nil ? 0 : 1) : 0
  }

  private var hasDynamicSection: Bool { soname != nil || runpath != nil || rpath != nil || !needed.isEmpty }

  /// The dynamic section and its strings. The address of the strings is still 0.
  private func dynamicSections() -> [Section] {
    guard hasDynamicSection else { return [] }
    var strings: [UInt8] = [0]
    var table: [UInt8] = []
    func row(_ tag: UInt64, _ value: UInt64) {
      table.append(littleEndian: tag)
      table.append(littleEndian: value)
    }
    // DT_STRTAB, DT_STRSZ, DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH
    row(5, 0)
    let names =
      needed.map { (UInt64(1), $0) }
      + [(14, soname), (15, rpath), (29, runpath)].compactMap { tag, name in
        name.map { (UInt64(tag), $0) }
      }
    row(10, UInt64(names.reduce(1) { $0 + $1.1.utf8.count + 1 }))
    for (tag, name) in names {
      row(tag, UInt64(strings.count))
      strings += Array(name.utf8) + [0]
    }
    row(0, 0)
    return [Section(".dynamic", type: 6, flags: 3, table), Section(".dynstr", type: 3, flags: 2, strings)]
  }

  private func noteSections() -> [Section] {
    guard let note else { return [] }
    var contents: [UInt8] = []
    let owner = Array(note.owner.utf8) + [0]
    for value in [owner.count, note.description.count, Int(noteType)] {
      contents.append(littleEndian: UInt32(value))
    }
    for part in [owner, note.description] {
      contents += part
      contents.pad(to: 4)
    }
    var section = Section(".note", type: 7, flags: 2, contents)
    section.alignment = 4
    return [section]
  }

  /// Where a place lies in the file that ``bytes`` builds.
  public func offset(of place: Place) -> Int {
    let (offsets, _) = layout(sections)
    guard let index = sections.firstIndex(where: { $0.name == place.section }) else {
      fatalError("there is no section \(place.section)")
    }
    return offsets[index] + place.offset
  }

  private func number(of name: String) -> Int { (sections.firstIndex { $0.name == name } ?? -1) + 1 }

  /// Rows of 24 bytes: place, symbol and type, addend.
  private func relocations() -> [Section] {
    func row(_ place: Int, symbol: Int, type: UInt64, addend: Int) -> [UInt8] {
      var row: [UInt8] = []
      row.append(littleEndian: UInt64(place))
      row.append(littleEndian: UInt64(symbol) << 32 | type)
      row.append(littleEndian: UInt64(addend))
      return row
    }
    if type == 1 {
      // Behind the sections come the symbols, one per section, then the relocations.
      var symbols = Section(".symtab", type: 2, flags: 0, [UInt8](repeating: 0, count: 24))
      symbols.entrySize = 24
      symbols.info = UInt32(sections.count + 1)
      for index in sections.indices {
        symbols.contents.append(littleEndian: UInt32(0))
        symbols.contents += [3, 0]
        symbols.contents.append(littleEndian: UInt16(index + 1))
        symbols.contents += [UInt8](repeating: 0, count: 16)
      }
      var tables = [symbols]
      for (index, section) in sections.enumerated() {
        let own = pointers.filter { $0.at.section == section.name }
        if own.isEmpty { continue }
        var table = Section(".rela" + section.name, type: 4, flags: 0x40, [])
        table.entrySize = 24
        table.link = UInt32(sections.count + 1)
        table.info = UInt32(index + 1)
        for pointer in own {
          // R_X86_64_64
          table.contents += row(
            pointer.at.offset, symbol: number(of: pointer.to.section), type: 1, addend: pointer.to.offset)
        }
        tables.append(table)
      }
      return tables
    }
    guard pointerStyle == .relocated, !pointers.isEmpty else { return [] }
    var table = Section(".rela.dyn", type: 4, flags: 2, [])
    table.entrySize = 24
    for pointer in pointers {
      // R_X86_64_RELATIVE
      table.contents += row(offset(of: pointer.at), symbol: 0, type: 8, addend: offset(of: pointer.to))
    }
    return [table]
  }

  public var bytes: [UInt8] {
    var all = sections
    if type != 1, pointerStyle == .inPlace {
      for pointer in pointers {
        guard let index = all.firstIndex(where: { $0.name == pointer.at.section }) else { continue }
        all[index].contents.put(UInt64(offset(of: pointer.to)), at: pointer.at.offset)
      }
    }
    if !pointers.isEmpty { all += relocations() }
    all += dynamicSections() + noteSections()
    var names: [UInt8] = [0]
    var nameOffsets: [UInt32] = []
    for name in all.map(\.name) + [".shstrtab"] {
      nameOffsets.append(UInt32(names.count))
      names += Array(name.utf8) + [0]
    }
    var strings = Section(".shstrtab", type: 3, flags: 0, names)
    strings.alignment = 1
    all.append(strings)

    let (offsets, end) = layout(all)
    func place(_ name: String) -> (index: Int, offset: Int, size: Int)? {
      all.firstIndex { $0.name == name }.map { ($0, offsets[$0], all[$0].contents.count) }
    }
    if let dynamic = place(".dynamic"), let strings = place(".dynstr") {
      all[dynamic.index].contents.put(UInt64(strings.offset), at: 8)
    }
    let table = (end + 7) / 8 * 8
    var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, fileClass, encoding, 1, abi.0, abi.1]
    bytes += [UInt8](repeating: 0, count: 7)
    bytes.append(littleEndian: type)
    bytes.append(littleEndian: machine)
    bytes.append(littleEndian: version)
    bytes.append(littleEndian: UInt64(0))
    bytes.append(littleEndian: UInt64(segmentCount > 0 ? 64 : 0))
    bytes.append(littleEndian: UInt64(hasSectionTable ? table : 0))
    bytes.append(littleEndian: flags)
    bytes.append(littleEndian: UInt16(64))
    bytes.append(littleEndian: UInt16(56))
    bytes.append(littleEndian: UInt16(segmentCount))
    bytes.append(littleEndian: UInt16(64))
    // Numbers from 0xFF00 on stand in section 0.
    let isLong = all.count + 1 >= 0xFF00
    bytes.append(littleEndian: UInt16(hasSectionTable && !isLong ? all.count + 1 : 0))
    bytes.append(littleEndian: UInt16(hasSectionTable ? isLong ? 0xFFFF : all.count : 0))
    if segmentCount > 0 {
      bytes.append(littleEndian: UInt32(1))
      bytes.append(littleEndian: UInt32(6))
      for value in [0, 0, 0, end, end, 0x1000] { bytes.append(littleEndian: UInt64(value)) }
      for (kind, name) in [(UInt32(2), ".dynamic"), (4, ".note")] {
        guard let (_, offset, size) = place(name), name != ".note" || note != nil else { continue }
        bytes.append(littleEndian: kind)
        bytes.append(littleEndian: UInt32(4))
        for value in [offset, offset, offset, size, size, 4] { bytes.append(littleEndian: UInt64(value)) }
      }
    }
    for (section, offset) in zip(all, offsets) where section.type != 8 {
      bytes += [UInt8](repeating: 0, count: offset - bytes.count) + section.contents
    }
    guard hasSectionTable else { return bytes }
    bytes.pad(to: 8)
    var first = [UInt8](repeating: 0, count: 64)
    if isLong {
      first.put(UInt64(all.count + 1), at: 32)
      first.put(UInt32(all.count), at: 40)
    }
    bytes += first
    for (index, section) in all.enumerated() {
      let isLoaded = section.flags & 2 != 0 && type != 1
      bytes.append(littleEndian: nameOffsets[index])
      bytes.append(littleEndian: section.type)
      bytes.append(littleEndian: section.flags)
      bytes.append(littleEndian: isLoaded ? UInt64(offsets[index]) : 0)
      bytes.append(littleEndian: section.declaredOffset ?? UInt64(offsets[index]))
      bytes.append(littleEndian: section.declaredSize ?? UInt64(section.contents.count))
      bytes.append(littleEndian: section.link)
      bytes.append(littleEndian: section.info)
      bytes.append(littleEndian: UInt64(section.alignment))
      bytes.append(littleEndian: section.entrySize)
    }
    return bytes
  }
}

/// Builds a static library: an `ar` archive.
public enum ArchiveBuilder {
  /// The archive with these members, whose names have at most 15 characters.
  public static func bytes(_ members: [(name: String, contents: [UInt8])]) -> [UInt8] {
    var bytes = Array("!<arch>\n".utf8)
    for (name, contents) in members {
      func field(_ text: String, _ width: Int) -> [UInt8] {
        Array(text.utf8) + [UInt8](repeating: 0x20, count: width - text.utf8.count)
      }
      bytes += field(name + "/", 16) + field("0", 12) + field("0", 6) + field("0", 6) + field("644", 8)
      bytes += field("\(contents.count)", 10) + [0x60, 0x0A] + contents
      if !contents.count.isMultiple(of: 2) { bytes.append(0x0A) }
    }
    return bytes
  }
}
