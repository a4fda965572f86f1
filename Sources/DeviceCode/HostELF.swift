import Bytes
import Compression
import ELFFile
import Synchronization

/// Held while a compressed section is read, so that the memory for that does not grow with the number of threads.
private let inflating = Mutex(())

/// A part of a host ELF file that may hold device code, and how it is read.
private struct Region {
  enum Reading {
    /// Fat binaries and padding, nothing else.
    case fatBinaries(Module.Place)
    /// Anything, with device code embedded in it.
    case search
    /// The same, but compressed as a whole.
    case inflate(ELFSection)
  }

  var name: String
  /// Offsets in the source.
  var range: Range<UInt64>
  var reading: Reading

  /// How the contents of a section of this name are read.
  static func reading(_ name: String) -> Reading {
    switch name {
    case ".nv_fatbin": .fatBinaries(.registered)
    case "__nv_relfatbin": .fatBinaries(.relocatable)
    default: .search
    }
  }

  /// The part of `source` at `offset`, cut to what is there; nil where there is nothing.
  static func range(_ offset: UInt64, _ size: UInt64, of source: any ByteSource) -> Range<UInt64>? {
    guard size > 0, offset < source.size else { return nil }
    return offset..<(offset + min(size, source.size - offset))
  }
}

extension InventoryBuilder {
  /// Adds the device code of a host ELF file.
  mutating func add(_ elf: ELFFile, foreign: inout [String]) {
    for problem in elf.problems { report(problem) }
    for name in [".hip_fatbin", "__hip_fatbin"] where elf.sections.contains(where: { $0.name == name }) {
      foreign.append("AMD (\(name))")
      break
    }
    let hasSections = elf.sections.contains { $0.hasContents }
    let regions = hasSections ? sectionRegions(of: elf) : segmentRegions(of: elf)
    // Some sources are slow to go back.
    for region in regions.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) { read(region) }
    // Modules in an inflated section have no address in the file, so no wrapper can point to them.
    for module in inventory.modules where module.container == nil {
      moduleAtOffset[module.offset - base] = module.index
    }
    // Where fat binaries are there and could not be read, that has been reported; where there are none at all, the
    // wrappers tell what was removed.
    let hasFatBinaries = elf.sections.contains { FatBinary.sections.contains($0.name) && $0.hasContents }
    guard !moduleAtOffset.isEmpty || !hasFatBinaries else { return }
    if hasSections {
      let sections = elf.sections.filter { $0.name == Wrapper.section && !$0.flags.contains(.compressed) }
      for section in sections.sorted(by: { $0.offset < $1.offset }) {
        guard let range = Region.range(section.offset, section.size, of: source) else { continue }
        readWrappers(range, of: elf, section: section)
      }
    } else {
      for region in regions { searchWrappers(region.range, of: elf) }
    }
    completePreLinked()
    completeAbsentCode()
  }

  /// The regions of the sections that may hold device code. Sections that share bytes are read once.
  private mutating func sectionRegions(of elf: ELFFile) -> [Region] {
    var regions: [Region] = []
    var claimed = ClaimedRanges()
    for section in elf.sections where section.hasContents {
      let reading = Region.reading(section.name)
      if case .search = reading, !EmbeddedSearch.searches(section) { continue }
      guard let range = Region.range(section.offset, section.size, of: source) else { continue }
      guard claimed.claim(range) else {
        report(.overlap, "section \(printable(section.name))", at: section.offset)
        continue
      }
      let isCompressed = section.flags.contains(.compressed)
      regions.append(
        Region(name: section.name, range: range, reading: isCompressed ? .inflate(section) : reading))
    }
    return regions
  }

  /// The regions of a file without sections: what is loaded into memory, code included, because linkers put
  /// read-only data beside it.
  private mutating func segmentRegions(of elf: ELFFile) -> [Region] {
    var regions: [Region] = []
    var claimed = ClaimedRanges()
    for segment in elf.segments where segment.type == .load {
      guard let range = Region.range(segment.offset, segment.fileSize, of: source) else { continue }
      guard claimed.claim(range) else {
        report(.overlap, "segment \(segment.index)", at: segment.offset)
        continue
      }
      regions.append(Region(name: "LOAD[\(segment.index)]", range: range, reading: .search))
    }
    return regions
  }

  private mutating func read(_ region: Region) {
    switch region.reading {
    case .fatBinaries(let place): walkFatBinaries(region.range, place: place, section: region.name)
    case .search: searchEmbedded(region.range, section: region.name)
    case .inflate(let section): addCompressed(section)
    }
  }

  private mutating func searchWrappers(_ range: Range<UInt64>, of elf: ELFFile) {
    var pointers = PointerReader(elf: elf, section: nil)
    let places = try? EmbeddedSearch.hits(of: WordSearch(Wrapper.magic), in: range, of: source)
    for place in places ?? [] {
      let version = try? window.withBytes(at: place, count: Int(Wrapper.size), "wrapper") {
        (view) throws(Problem) in try view.u32(4, "wrapper version")
      }
      guard let version, version == 1 || version == 2,
        let target = try? pointers.target(at: place + 8, &window), moduleAtOffset[target] != nil
      else { continue }
      do { try readWrapper(at: place, version: version, &pointers) } catch { report(error) }
    }
  }

  /// Inflates `section` and adds the device code in it.
  private mutating func addCompressed(_ section: ELFSection) {
    do throws(Problem) {
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
      let container = CompressedSection(
        offset: section.offset + 24, storedSize: section.size - 24, size: header.size, codec: codec)
      try inflating.withLock { (_) throws(Problem) in try addContents(of: container, named: section.name) }
    } catch {
      var error = error
      error.offset = error.offset ?? section.offset
      report(error)
    }
  }

  private mutating func addContents(of container: CompressedSection, named name: String) throws(Problem) {
    try inflation.take(container)
    let contents = try container.contents(in: source, budget: inflation.shared)
    var inner = InventoryBuilder(contents, member: member)
    inner.read(Region(name: name, range: 0..<contents.size, reading: Region.reading(name)))
    do throws(Problem) {
      try contents.finish()
    } catch {
      // Whoever read to there has met it.
      if !inner.problems.contains(where: { $0.code == error.code && $0.field == error.field }) {
        report(error)
      }
    }
    for index in inner.inventory.modules.indices {
      inner.inventory.modules[index].container = container
      inner.inventory.modules[index].container?.offset += base
    }
    inventory.append(inner.inventory)
    // Like those of images, their offsets count in the inflated contents.
    for problem in inner.problems { keep(problem) }
  }
}
