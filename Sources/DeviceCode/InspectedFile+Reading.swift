public import Bytes
import Compression
import ELFFile

extension InspectedFile {
  /// The bytes of a file that tell what it is. More than a magic, because PTX starts with comments.
  public static let prefixSize = 4096
  /// Inflated sections larger than this are not read.
  public static let inflatedSectionLimit: UInt64 = 4 << 30

  /// Finds the device code in `source`, whatever kind of file it is.
  ///
  /// Nothing is decompressed but compressed ELF sections. Whatever is wrong is in ``problems``; a source that
  /// holds no device code is of format ``Format/other``.
  ///
  /// - Parameter jobs: threads that search a large file; the result is the same for every number.
  public init(_ source: any ByteSource, jobs: Int = 1) {
    var reader = FileReader(jobs: jobs)
    reader.read(source, base: 0, member: nil)
    self.init(
      format: reader.format, size: source.size, inventory: reader.inventory,
      foreignDeviceCode: reader.foreign, problems: reader.problems, elf: reader.elf)
  }

  /// Whether a file with these first bytes may hold device code; cheap, and never wrong about a file that does.
  public static func mayHoldDeviceCode(prefix: ArraySlice<UInt8>) -> Bool {
    guard prefix.count >= 4, let first = prefix.first else { return false }
    switch first {
    case 0x7F: return prefix.starts(with: [0x7F, 0x45, 0x4C, 0x46])
    case 0x50: return prefix.starts(with: [0x50, 0xED, 0x55, 0xBA])
    case UInt8(ascii: "!"):
      return prefix.starts(with: "!<arch>\n".utf8) || prefix.starts(with: "!<thin>\n".utf8)
    case 0xED: return prefix.starts(with: [0xED, 0x43, 0x4E, 0x7F])
    default: return needsLongPrefix(first) && PTXHeader.startsLikePTX(prefix)
    }
  }

  /// Whether a file with this first byte can only be told by ``prefixSize`` bytes: PTX may start with comments.
  public static func needsLongPrefix(_ first: UInt8) -> Bool {
    switch first {
    case UInt8(ascii: "/"), UInt8(ascii: "."), 0x20, 0x09, 0x0A, 0x0D: true
    default: false
    }
  }
}

/// The state of reading one file: a static library is read member by member.
private struct FileReader {
  let jobs: Int
  var format = InspectedFile.Format.other
  var inventory = Inventory()
  var foreign: [String] = []
  var problems: [Problem] = []
  var elf: ELFFile?

  init(jobs: Int) { self.jobs = jobs }

  mutating func read(_ source: any ByteSource, base: UInt64, member: String?) {
    let prefix: [UInt8]
    do {
      let count = Int(min(UInt64(InspectedFile.prefixSize), source.size))
      prefix = try source.bytes(at: 0, count: count, "file")
    } catch {
      keep([error])
      return
    }
    guard InspectedFile.mayHoldDeviceCode(prefix: prefix[...]) else { return }
    var builder = InventoryBuilder(source, base: base, member: member, inventory: inventory, jobs: jobs)
    inventory = Inventory()
    let kind: InspectedFile.Format
    // Elements of type UInt8 have no padding, so all their bytes are initialised.
    let view = unsafe ByteView(prefix.span.bytes)
    switch ELFIdentity(prefix: view) {
    case .elf64LittleEndian where prefix.count < 64, nil where prefix[0] == 0x7F:
      kind = .elf
      builder.report(.truncated, "ELF header", at: 0, expected: "64 bytes", observed: "\(prefix.count) bytes")
    case .elf64LittleEndian:
      if (try? view.u16(18, "machine")) == ELFMachine.cuda.rawValue {
        kind = .cubin
        builder.addStandaloneCubin()
      } else {
        kind = .elf
        do {
          let elf = try ELFFile(source)
          builder.add(elf, foreign: &foreign)
          if member == nil { self.elf = elf }
        } catch {
          builder.report(error)
        }
      }
    case .otherELF(let description): kind = .unsupported("\(description) ELF")
    case .thinArchive: kind = .unsupported("thin static library, which only names its object files")
    case .archive:
      kind = member == nil ? .staticLibrary : .unsupported("static library inside a static library")
    case nil:
      switch prefix[0] {
      case 0x50:
        kind = .fatBinary
        builder.walkFatBinaries(0..<source.size, place: .standalone, section: "")
      case 0xED:
        kind = .ltoIR
        builder.addStandaloneLTOIR()
      default:
        kind = .ptx
        if builder.addPTX(at: 0, limit: source.size, place: .standalone, section: "") == nil {
          builder.report(
            .invalidValue, "PTX header", at: 0,
            expected: ".version with a number, then .target with an sm_ name")
        }
      }
    }
    inventory = builder.inventory
    keep(builder.problems)
    guard member == nil else { return }
    format = kind
    if kind == .staticLibrary { readMembers(of: source) }
  }

  private mutating func readMembers(of source: any ByteSource) {
    do {
      let (members, listProblems) = try ArchiveMember.list(source)
      keep(listProblems)
      for member in members {
        read(SubrangeBytes(source, member.range), base: member.range.lowerBound, member: member.name)
      }
    } catch {
      keep([error])
    }
  }

  private mutating func keep(_ new: [Problem]) {
    for problem in new { problems.append(withinLimit: problem) }
  }
}

extension InventoryBuilder {
  fileprivate mutating func addStandaloneCubin() {
    guard addCubin(at: 0, limit: source.size, place: .standalone, section: "") == nil else { return }
    do {
      _ = try Cubin(source)
    } catch {
      report(error)
    }
  }

  /// Adds the LTO-IR that the source is, as a module of one image.
  ///
  /// At offset 0x1A stands the SM number times 10; the suffix `a` is an extra record at 0x20, the suffix `f` leaves
  /// no mark.
  fileprivate mutating func addStandaloneLTOIR() {
    do {
      let target = try window.withBytes(at: 0, count: 0x28, "LTO-IR header") { (view) throws(Problem) in
        CodeTarget(
          UInt32(try view.u16(0x1A, "LTO-IR target")) / 10,
          try view.u32(0x20, "LTO-IR record") == 0x0001_0020 ? .architectureSpecific : .none)
      }
      beginModule(place: .standalone, section: "", offset: 0)
      add(DeviceImage(kind: .ltoIR, target: target, storedSize: source.size, size: source.size))
      endModule(at: source.size)
    } catch {
      report(error)
    }
  }

  /// Adds the device code of a host ELF file.
  fileprivate mutating func add(_ elf: ELFFile, foreign: inout [String]) {
    for problem in elf.problems { report(problem) }
    for name in [".hip_fatbin", "__hip_fatbin"] where elf.sections.contains(where: { $0.name == name }) {
      foreign.append("AMD (\(name))")
      break
    }
    let sections = elf.sections.filter { $0.hasContents }
    guard !sections.isEmpty else { return addSegments(of: elf) }
    var claimed = ClaimedRanges()
    for section in sections {
      if section.flags.contains(.compressed) {
        addCompressed(section)
        continue
      }
      let isSearched = Self.isFatBinarySection(section) || EmbeddedSearch.searches(section)
      guard isSearched, let range = fileRange(of: section) else { continue }
      guard claimed.claim(range) else {
        report(.overlap, "section \(printable(section.name))", at: section.offset)
        continue
      }
      switch section.name {
      case ".nv_fatbin": walkFatBinaries(range, place: .registered, section: section.name)
      case "__nv_relfatbin": walkFatBinaries(range, place: .relocatable, section: section.name)
      default: searchEmbedded(range, section: section.name)
      }
    }
    for section in sections where section.name == Wrapper.section && !section.flags.contains(.compressed) {
      if let range = fileRange(of: section) { readWrappers(range, of: elf, section: section) }
    }
  }

  private static func isFatBinarySection(_ section: ELFSection) -> Bool {
    section.name == ".nv_fatbin" || section.name == "__nv_relfatbin"
  }

  /// The bytes of `section` in the source, cut to what is there; the section's own problem has been reported.
  private func fileRange(of section: ELFSection) -> Range<UInt64>? {
    guard section.offset < source.size else { return nil }
    return section.offset..<(section.offset + min(section.size, source.size - section.offset))
  }

  /// Adds the device code of a file without sections, from what is loaded into memory.
  private mutating func addSegments(of elf: ELFFile) {
    var claimed = ClaimedRanges()
    var data: [Range<UInt64>] = []
    for segment in elf.segments where segment.type == .load && segment.fileSize > 0 {
      guard segment.offset < source.size else { continue }
      let range = segment.offset..<(segment.offset + min(segment.fileSize, source.size - segment.offset))
      guard claimed.claim(range) else {
        report(.overlap, "segment \(segment.index)", at: segment.offset)
        continue
      }
      searchEmbedded(range, section: "LOAD[\(segment.index)]")
      if !segment.isExecutable { data.append(range) }
    }
    guard !moduleAtOffset.isEmpty else { return }
    for range in data { searchWrappers(range, of: elf) }
    completePreLinked()
  }

  private mutating func searchWrappers(_ range: Range<UInt64>, of elf: ELFFile) {
    var pointers = PointerReader(elf: elf, section: nil)
    let search = WordSearch(Wrapper.magic)
    var position = range.lowerBound
    while position + Wrapper.size <= range.upperBound {
      let count = Int(min(UInt64(EmbeddedSearch.largest), range.upperBound - position))
      guard let bytes = try? source.bytes(at: position, count: count, "segment") else { return }
      var start = 0
      while let hit = search.first(in: bytes, start..<count) {
        start = hit + 1
        let place = position + UInt64(hit)
        let version = try? window.withBytes(at: place, count: Int(Wrapper.size), "wrapper") {
          (view) throws(Problem) in try view.u32(4, "wrapper version")
        }
        guard let version, version == 1 || version == 2,
          let target = try? pointers.target(at: place + 8, &window), moduleAtOffset[target] != nil
        else { continue }
        do { try readWrapper(at: place, version: version, &pointers) } catch { report(error) }
      }
      if position + UInt64(count) >= range.upperBound { return }
      position += UInt64(count) - (Wrapper.size - 1)
    }
  }

  /// Inflates `section` and adds the device code in it.
  private mutating func addCompressed(_ section: ELFSection) {
    let isFatBinarySection = Self.isFatBinarySection(section)
    guard isFatBinarySection || EmbeddedSearch.searches(section) else { return }
    do {
      // The corresponding C type is `Elf64_Chdr`: type, reserved, size, alignment.
      let header = try window.withBytes(at: section.offset, count: 24, "compression header") {
        (view) throws(Problem) in
        (type: try view.u32(0, "compression type"), size: try view.u64(8, "inflated size"))
      }
      let codec: Codec
      switch header.type {
      case 1: codec = .zlib
      case 2: codec = .zstd
      default:
        return report(
          .unknownValue, "compression type of section \(printable(section.name))", at: section.offset,
          observed: "\(header.type)")
      }
      guard section.size >= 24 else {
        return report(.truncated, "compressed section \(printable(section.name))", at: section.offset)
      }
      let stored = try source.bytes(
        at: section.offset + 24, count: Int(clamping: section.size - 24), "compressed section")
      let contents = MemoryBytes(
        try decompress(stored, codec, size: header.size, limit: InspectedFile.inflatedSectionLimit))
      var inner = InventoryBuilder(contents, member: member, inventory: inventory, jobs: jobs)
      inventory = Inventory()
      let range = 0..<contents.size
      if isFatBinarySection {
        let place = section.name == ".nv_fatbin" ? Module.Place.registered : .relocatable
        inner.walkFatBinaries(range, place: place, section: section.name)
      } else {
        inner.searchEmbedded(range, section: section.name)
      }
      inventory = inner.inventory
      // Like those of images, their offsets count in the inflated contents.
      for problem in inner.problems { keep(problem) }
    } catch {
      var error = error
      error.offset = error.offset ?? section.offset
      report(error)
    }
  }
}
