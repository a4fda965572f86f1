import Bytes
import ELFFile

extension InventoryBuilder {
  /// Adds the fat binaries of a section that holds nothing else but padding.
  ///
  /// They are 8-byte aligned; after one that cannot be read the walk goes on at the next boundary that holds
  /// the magic.
  mutating func walkFatBinaries(_ range: Range<UInt64>, place: Module.Place, section: String) {
    var position = range.lowerBound
    var isPadding = true
    while position + FatBinary.headerSize <= range.upperBound, !isFull() {
      do {
        let word = try window.u64(at: position, "fat binary magic")
        if UInt32(truncatingIfNeeded: word) == FatBinary.magic {
          let found = try addFatBinary(
            at: position, limit: range.upperBound, place: place, section: section)
          position = (found.end + 7) / 8 * 8
          // What follows one that was cut has been said to be wrong.
          isPadding = !found.isCut
          continue
        }
        if word != 0, isPadding {
          isPadding = false
          report(
            .invalidValue, "fat binary magic", at: position, expected: hexadecimal(FatBinary.magic),
            observed: hexadecimal(UInt32(truncatingIfNeeded: word)))
        }
      } catch {
        report(error)
        if error.code == .changedWhileReading || error.code == .unreadable { return }
        isPadding = false
      }
      position += 8
    }
    guard isPadding, position < range.upperBound,
      let rest = try? source.bytes(at: position, count: Int(range.upperBound - position), "padding"),
      rest.contains(where: { $0 != 0 })
    else { return }
    report(
      .truncated, "fat binary header", at: position, expected: "\(FatBinary.headerSize) bytes",
      observed: "\(rest.count) bytes")
  }

  /// Adds the fat binaries, cubins and PTX texts in a range of bytes that may hold anything.
  mutating func searchEmbedded(_ range: Range<UInt64>, section: String) {
    var position = range.lowerBound
    // Device code tends to lie in a row: look closely behind a find, ever more widely where there is none.
    var size = UInt64(window.capacity)
    while position + 4 <= range.upperBound, !isFull() {
      let end = position + min(size, range.upperBound - position)
      var found: UInt64?
      // The first find ends a close look, so the next one starts right behind it.
      let isClose = end - position <= UInt64(window.capacity)
      do throws(Problem) {
        if isClose {
          var start = position
          while found == nil, start < end,
            let hit = try window.first(EmbeddedSearch.words, in: start..<end, "section")
          {
            found = addEmbedded(at: hit, limit: range.upperBound, section: section)
            start = hit + 1
          }
        } else {
          let hits = try EmbeddedSearch.hits(of: EmbeddedSearch.words, in: position..<end, of: source)
          for hit in hits where hit >= found ?? 0 {
            found = addEmbedded(at: hit, limit: range.upperBound, section: section) ?? found
          }
        }
      } catch {
        return report(error)
      }
      if let found {
        position = isClose ? found : max(found, end - 3)
        size = UInt64(window.capacity)
      } else {
        if end == range.upperBound { return }
        position = end - 3
        size = min(size * 8, EmbeddedSearch.widest)
      }
    }
  }

  /// Adds the device code at `offset`, if that is what starts there; returns where it ends.
  private mutating func addEmbedded(at offset: UInt64, limit: UInt64, section: String) -> UInt64? {
    switch embeddedKind(at: offset, limit: limit) {
    case nil: return nil
    case .fatBinary:
      return (try? addFatBinary(at: offset, limit: limit, place: .embedded, section: section))?.end
    case .cubin:
      // Headers that share one long table of sections must not cost the square of its size.
      guard failedCubinCost <= source.size else { return nil }
      return try? addCubin(at: offset, limit: limit, place: .embedded, section: section)
    case .ptx:
      let end = addPTX(at: offset, limit: limit, place: .embedded, section: section)
      if end == nil, !mentionsPTX { mentionsPTX = isPTXDirective(at: offset, limit: limit) }
      return end
    }
  }

  /// Whether the directive `.version ` starts at `offset`, whatever follows it.
  private mutating func isPTXDirective(at offset: UInt64, limit: UInt64) -> Bool {
    let directive = Array(".version ".utf8)
    guard limit - offset >= UInt64(directive.count) else { return false }
    let found = try? window.withBytes(at: offset, count: directive.count, "PTX directive") {
      (view) throws(Problem) in try view.bytes(0..<directive.count, "PTX directive")
    }
    return found == directive
  }

  /// What seems to start at `offset`, by its header; nil where the word that was found is nothing more.
  mutating func embeddedKind(at offset: UInt64, limit: UInt64) -> EmbeddedSearch.Kind? {
    let count = Int(min(80, limit - offset))
    let kind = try? window.withBytes(at: offset, count: count, "embedded device code") {
      (view) throws(Problem) -> EmbeddedSearch.Kind? in
      switch try view.u32(0, "magic") {
      case FatBinary.magic:
        let header = try FatBinaryHeader(view)
        let entry = try FatBinaryEntry(view, at: Int(FatBinary.headerSize))
        let entryVersion = try view.u16(Int(FatBinary.headerSize) + 2, "entry version")
        let isPlausible =
          header.isPlausible && entryVersion == 0x0101 && entry.headerSize >= UInt32(FatBinary.entrySize)
          && UInt64(entry.headerSize) <= header.size
        return isPlausible ? .fatBinary : nil
      case CubinHeader.magic:
        _ = try CubinHeader(view)
        return .cubin
      default: return .ptx
      }
    }
    return kind ?? nil
  }

  /// Adds the cubin at `offset` as a module of one image; returns where it ends.
  ///
  /// - Throws: a ``Problem``, with its offset from the start of the cubin, when there is none or its tables do not
  ///   lie before `limit`.
  @discardableResult
  mutating func addCubin(
    at offset: UInt64, limit: UInt64, place: Module.Place, section: String
  ) throws(Problem) -> UInt64 {
    var window = ByteWindow(SubrangeBytes(source, offset..<limit), capacity: 2048)
    let table = try CubinSectionTable(&window)
    let cubin: Cubin
    do {
      cubin = try Cubin(table, &window)
    } catch {
      failedCubinCost += UInt64(table.range.count)
      throw error
    }
    if let problem = cubin.versionProblem(at: offset + 8) { report(problem) }
    beginModule(place: place, section: section, offset: offset)
    add(
      DeviceImage(
        kind: .cubin, target: cubin.target, offset: offset, storedSize: cubin.size, size: cubin.size,
        abiVersion: UInt16(cubin.abiVersion), toolkit: cubin.toolkit,
        compilerArguments: cubin.compilerArguments,
        isRelocatable: cubin.isRelocatable))
    endModule(at: offset + cubin.size)
    return offset + cubin.size
  }

  /// Adds the PTX text whose directive `.version` is at or behind `offset`, up to its NUL or `limit`, as a module of
  /// one image; returns where it ends.
  mutating func addPTX(at offset: UInt64, limit: UInt64, place: Module.Place, section: String) -> UInt64? {
    guard let header = ptxHeader(at: offset, limit: limit) else { return nil }
    let start = place == .embedded ? startOfText(at: offset) : offset
    var end = offset
    while end < limit {
      let count = Int(min(1 << 16, limit - end))
      guard let part = try? source.bytes(at: end, count: count, "PTX") else { break }
      if let terminator = part.firstIndex(of: 0) {
        end += UInt64(terminator)
        break
      }
      end += UInt64(count)
    }
    beginModule(place: place, section: section, offset: start)
    add(
      DeviceImage(
        kind: .ptx, target: header.target, offset: start, storedSize: end - start, size: end - start,
        flags: header.isDebug ? .debug : [], ptxISA: header.isa))
    endModule(at: end)
    return end
  }

  /// The head of the PTX text at `offset`; read in growing parts, because most places hold no such text.
  private func ptxHeader(at offset: UInt64, limit: UInt64) -> PTXHeader? {
    var count = min(256, limit - offset)
    while let head = try? source.bytes(at: offset, count: Int(count), "PTX") {
      let (header, isWhole) = PTXHeader.read(head)
      if isWhole || count == min(UInt64(EmbeddedSearch.ptxHead), limit - offset) { return header }
      count = min(count * 8, UInt64(EmbeddedSearch.ptxHead), limit - offset)
    }
    return nil
  }

  /// Where the text around a directive `.version` starts: before the comments that precede it.
  private func startOfText(at offset: UInt64) -> UInt64 {
    let count = min(UInt64(EmbeddedSearch.ptxComment), offset)
    guard let before = try? source.bytes(at: offset - count, count: Int(count), "PTX") else { return offset }
    let text = before.reversed().prefix { (0x20..<0x7F).contains($0) || (0x09...0x0D).contains($0) }
    let start = before.count - text.count
    return PTXHeader.isBlank(before[start...]) ? offset - UInt64(text.count) : offset
  }
}

enum EmbeddedSearch {
  /// What a header announces.
  enum Kind {
    case fatBinary, cubin, ptx
  }

  /// The first words of a fat binary and of an ELF file, and the first letters of the PTX directive `.version`.
  static let words = WordSearch(FatBinary.magic, CubinHeader.magic, 0x7265_762E)
  /// Bytes read at a time.
  static let chunk = 64 << 10
  /// Bytes searched at once where nothing was found for long.
  static let widest: UInt64 = 4 << 20
  /// Bytes within which `.version` and `.target` must follow each other.
  static let ptxHead = 16 << 10
  /// Bytes before `.version` in which comments are looked for.
  static let ptxComment = 1 << 10

  /// The offsets in `range` of `source` at which one of `words` starts, ascending.
  ///
  /// - Throws: a ``Problem`` when the range cannot be read.
  static func hits(
    of words: WordSearch, in range: Range<UInt64>, of source: any ByteSource
  ) throws(Problem) -> [UInt64] {
    var hits: [UInt64] = []
    var position = range.lowerBound
    var buffer: [UInt8] = []
    while position + 4 <= range.upperBound {
      let wanted = Int(min(UInt64(chunk), range.upperBound - position))
      if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: wanted) }
      let count = try source.read(at: position, count: wanted, into: &buffer)
      guard count == wanted else {
        throw Problem(.changedWhileReading, "file", at: position + UInt64(count))
      }
      var start = 0
      while let hit = words.first(in: buffer, start..<count) {
        hits.append(position + UInt64(hit))
        start = hit + 1
      }
      if position + UInt64(count) == range.upperBound { break }
      position += UInt64(count - 3)
    }
    return hits
  }

  /// Sections that hold no data of the program's own making.
  private static let skipped: Set<String> = [
    ".eh_frame", ".eh_frame_hdr", ".gcc_except_table", ".got", ".got.plt", ".interp", ".comment",
    ".nvFatBinSegment", ".hipFatBinSegment", ".hip_fatbin", ".nv_fatbin", "__nv_relfatbin",
  ]

  /// Whether device code may be embedded in `section`: any section with program data but code and the tables
  /// of compilers, linkers and debuggers.
  static func searches(_ section: ELFSection) -> Bool {
    section.isProgramData && section.hasContents && !section.flags.contains(.executable)
      && !skipped.contains(section.name)
      && (section.flags.contains(.allocated)
        || ![".debug", ".zdebug", ".gnu", ".stab"].contains { section.name.hasPrefix($0) })
  }
}
