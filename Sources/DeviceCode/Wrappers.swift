import Bytes
import ELFFile

/// The 24-byte record by which a program registers a fat binary with the CUDA runtime: magic, version, the
/// address of the fat binary, and for version 2 the address of a zero-terminated list of the fat binaries of
/// relocatable code that were linked into it.
///
/// nvcc puts that list into zero-initialised memory, and every object file adds its own part when the program
/// starts; so the file itself only shows the version-1 wrappers of all parts.
enum Wrapper {
  static let section = ".nvFatBinSegment"
  static let magic: UInt32 = 0x4662_43B1
  static let size: UInt64 = 24
}

extension InventoryBuilder {
  /// Ties the modules to the wrappers in `range` that register them.
  mutating func readWrappers(_ range: Range<UInt64>, of elf: ELFFile, section: ELFSection?) {
    var pointers = PointerReader(elf: elf, section: section)
    var position = range.lowerBound
    while position + Wrapper.size <= range.upperBound {
      defer { position += Wrapper.size }
      do {
        let (magic, version, isPadding) = try window.withBytes(
          at: position, count: Int(Wrapper.size), "wrapper"
        ) {
          (view) throws(Problem) in
          (
            try view.u32(0, "wrapper magic"), try view.u32(4, "wrapper version"),
            try view.u64(0, "wrapper") | view.u64(8, "wrapper") == 0
          )
        }
        // Linkers pad between wrappers of different files.
        if isPadding { continue }
        guard magic == Wrapper.magic else {
          report(
            .invalidValue, "wrapper magic", at: position, expected: hexadecimal(Wrapper.magic),
            observed: hexadecimal(magic))
          continue
        }
        if version != 1, version != 2 {
          report(
            .unknownValue, "wrapper version", at: position + 4, expected: "1 or 2", observed: "\(version)")
        }
        try readWrapper(at: position, version: version, &pointers)
      } catch {
        return report(error)
      }
    }
    if position < range.upperBound {
      report(
        .invalidValue, "section \(Wrapper.section)", at: position,
        expected: "wrappers of \(Wrapper.size) bytes", observed: "\(range.upperBound - position) bytes more")
    }
  }

  /// Ties a module to the wrapper at `position`, whose magic has been seen.
  mutating func readWrapper(at position: UInt64, version: UInt32, _ pointers: inout PointerReader)
    throws(Problem)
  {
    let target = try pointers.target(at: position + 8, &window)
    guard let target, let module = moduleAtOffset[target] else {
      let isNull = try pointers.isNull(at: position + 8, &window)
      let absent = AbsentCode(kind: isNull ? .removed : .misplaced, count: 1, offset: base + position + 8)
      // An address among fat binaries is no trace of a part whose section was emptied.
      if version == 1, !(target.map(pointers.isAmongFatBinaries) ?? false) {
        absentParts.add(absent)
      } else {
        absentCode.add(absent)
      }
      return
    }
    inventory.modules[module].wrapperVersion = version
    if inventory.modules[module].place == .embedded { inventory.modules[module].place = .registered }
    guard version == 2 else { return }
    guard var next = try pointers.target(at: position + 16, &window) else {
      modulesWithoutList.append(module)
      return
    }
    var preLinked: [Int] = []
    while let part = try pointers.target(at: next, &window) {
      // Every part is a module, and belongs to one device-linked module.
      guard preLinkedCount < inventory.modules.count else {
        report(
          .limitExceeded, "pre-linked fat binaries", at: next,
          expected: "at most \(inventory.modules.count), the number of modules")
        break
      }
      guard let index = moduleAtOffset[part] else {
        report(.mismatch, "pre-linked fat binary", at: next, expected: "the address of a fat binary")
        break
      }
      preLinked.append(index)
      preLinkedCount += 1
      next &+= 8
    }
    inventory.modules[module].preLinked = preLinked
  }
}

extension InventoryBuilder {
  /// Tells what the wrappers without a fat binary are, once all have been read: beside device-linked code, those of
  /// version 1 are its parts.
  mutating func completeAbsentCode() {
    let hasLinkedCode = inventory.modules.contains { $0.wrapperVersion == 2 }
    for var absent in absentParts {
      if hasLinkedCode { absent.kind = .linkedParts }
      absentCode.add(absent)
    }
    absentParts = []
  }

  /// Gives the device-linked modules whose list is filled at run time all registered parts of the source.
  mutating func completePreLinked() {
    guard !modulesWithoutList.isEmpty else { return }
    let parts = moduleAtOffset.values.sorted().filter {
      inventory.modules[$0].place == .relocatable && inventory.modules[$0].wrapperVersion == 1
    }
    for module in modulesWithoutList { inventory.modules[module].preLinked = parts }
    modulesWithoutList = []
  }
}

/// Follows the pointers that a linker left in a file: the address in place, or the one that a relocation will
/// put there.
struct PointerReader {
  private let elf: ELFFile
  /// For an object file, the section whose pointers are asked for.
  private let section: ELFSection?
  /// What the relocations put where; nil where they put an address that is not in the file.
  private var relocations: [UInt64: UInt64?]?
  /// Bytes of relocation tables that may still be read: tables do not overlap.
  private var budget: UInt64

  init(elf: ELFFile, section: ELFSection?) {
    self.elf = elf
    budget = elf.source.size
    self.section = section
  }

  /// The file offset that the pointer at the file offset `place` points to; nil for a null pointer and for an
  /// address that has no place in the file.
  mutating func target(at place: UInt64, _ window: inout ByteWindow) throws(Problem) -> UInt64? {
    let address = try address(at: place, &window)
    if address != 0 { return elf.fileOffset(ofAddress: address) }
    return try relocated(&window)[place] ?? nil
  }

  /// Whether the pointer at the file offset `place` is null and no relocation fills it.
  mutating func isNull(at place: UInt64, _ window: inout ByteWindow) throws(Problem) -> Bool {
    guard try address(at: place, &window) == 0 else { return false }
    return try !relocated(&window).keys.contains(place)
  }

  /// Whether the file offset `place` lies in a section of fat binaries.
  func isAmongFatBinaries(_ place: UInt64) -> Bool {
    elf.sections.contains {
      FatBinary.sections.contains($0.name) && place >= $0.offset && place - $0.offset < $0.size
    }
  }

  /// The address in place; an object file has none.
  private func address(at place: UInt64, _ window: inout ByteWindow) throws(Problem) -> UInt64 {
    guard elf.type != .relocatable else { return 0 }
    return try window.u64(at: place, "pointer")
  }

  private mutating func relocated(_ window: inout ByteWindow) throws(Problem) -> [UInt64: UInt64?] {
    if let relocations { return relocations }
    let read = elf.type == .relocatable ? try objectRelocations(&window) : try dynamicRelocations(&window)
    relocations = read
    return read
  }

  /// Rows of a relocation table: offset, symbol and type, addend.
  private static let rowSize: UInt64 = 24
  /// The corresponding ELF type is `SHT_RELA`.
  private static let relocationTable: UInt32 = 4

  /// For every pointer that a relocation fills, where in the file it will point; nil for one with a symbol.
  private mutating func dynamicRelocations(_ window: inout ByteWindow) throws(Problem) -> [UInt64: UInt64?] {
    var result: [UInt64: UInt64?] = [:]
    for table in elf.sections where table.type == Self.relocationTable && table.flags.contains(.allocated) {
      try Self.forEachRow(of: table, &window, &budget) { [elf] place, info, addend throws(Problem) in
        guard let place = elf.fileOffset(ofAddress: place) else { return }
        result.updateValue(info >> 32 == 0 ? elf.fileOffset(ofAddress: addend) : nil, forKey: place)
      }
    }
    return result
  }

  /// For every pointer of an object file's section, where in the file it points: symbol's section plus value
  /// plus addend.
  private mutating func objectRelocations(_ window: inout ByteWindow) throws(Problem) -> [UInt64: UInt64?] {
    var result: [UInt64: UInt64?] = [:]
    for table in elf.sections where table.type == Self.relocationTable {
      guard elf.sections.indices.contains(table.info), elf.sections.indices.contains(table.link) else {
        continue
      }
      let patched = elf.sections[table.info]
      let symbols = elf.sections[table.link]
      // Wrappers and the lists of pre-linked parts are data; code has relocations by the thousand.
      guard patched.index == section?.index || patched.name.hasPrefix(".data") else { continue }
      var rows: [(UInt64, UInt64, UInt64)] = []
      try Self.forEachRow(of: table, &window, &budget) { place, info, addend throws(Problem) in
        rows.append((place, info, addend))
      }
      for (place, info, addend) in rows {
        let symbol = symbols.offset &+ (info >> 32) &* 24
        let (index, value) = try window.withBytes(at: symbol, count: 24, "symbol") { (view) throws(Problem) in
          (Int(try view.u16(6, "symbol section")), try view.u64(8, "symbol value"))
        }
        guard elf.sections.indices.contains(index), index != 0 else { continue }
        result[patched.offset &+ place] = elf.sections[index].offset &+ value &+ addend
      }
    }
    return result
  }

  private static func forEachRow(
    of table: ELFSection, _ window: inout ByteWindow, _ budget: inout UInt64,
    _ body: (UInt64, UInt64, UInt64) throws(Problem) -> Void
  ) throws(Problem) {
    var wide = ByteWindow(window.source, capacity: 1 << 18)
    var position = table.offset
    guard table.size <= window.source.size, position <= window.source.size - table.size else {
      throw Problem(.outOfBounds, "relocation table", at: position)
    }
    guard table.size <= budget else {
      throw Problem(
        .limitExceeded, "relocation tables", at: position, expected: "no more bytes than the file has")
    }
    budget -= table.size
    while position + rowSize <= table.offset + table.size {
      let row = try wide.withBytes(at: position, count: Int(rowSize), "relocation") {
        (view) throws(Problem) in
        (
          try view.u64(0, "relocation offset"), try view.u64(8, "relocation info"),
          try view.u64(16, "relocation addend")
        )
      }
      try body(row.0, row.1, row.2)
      position += rowSize
    }
  }
}
