public import Bytes
import ELFFile

/// What the bytes of a file are: each byte is counted once, so that everything adds up to the file's size.
public struct FileComposition: Hashable, Sendable {
  /// The bytes of all sections of one name, or of what no section holds.
  public struct Region: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
      /// The contents of sections; for a file without sections, of the segment `LOAD[n]`.
      case section
      /// ELF headers, program header tables and section tables.
      case tables
      /// What a static library adds to its members: headers, symbol index, long names, padding.
      case archive
      /// Bytes of an ELF file that no table names, mostly padding.
      case gaps
      /// A file that is device code itself.
      case standalone
    }

    public var kind: Kind
    /// The section's name, or that of the segment; empty for other kinds.
    public var name: String
    /// Bytes that are no device code.
    public var host: UInt64 = 0
    /// Bytes of headers and padding in fat binaries.
    public var overhead: UInt64 = 0
    /// Bytes of images, as they are stored.
    public var images: UInt64 = 0

    public var size: UInt64 { host + overhead + images }
  }

  /// Largest first.
  public private(set) var regions: [Region] = []
  /// Bytes that each image takes in the file.
  ///
  /// The bytes that the members of a concatenated entry share are divided among them by their sizes. So are those of
  /// a compressed ELF section among its contents.
  public private(set) var storedSizes: [UInt64]

  /// Bytes of the file.
  public var size: UInt64 { regions.reduce(0) { $0 + $1.size } }
  /// Bytes of the file in images.
  public var images: UInt64 { regions.reduce(0) { $0 + $1.images } }
  /// Bytes of the file in headers and padding of fat binaries.
  public var overhead: UInt64 { regions.reduce(0) { $0 + $1.overhead } }

  /// Counts the bytes of `file`, which is what `source` was read as.
  public init(_ file: InspectedFile, _ source: any ByteSource) {
    storedSizes = Array(repeating: 0, count: file.inventory.images.count)
    var counter = RegionCounter()
    let inventory = file.inventory
    let payloads = inventory.payloads
    let parts = HostPart.parts(of: file, source)

    // From the inside out: a byte belongs to the innermost thing that holds it.
    var taken = TakenRanges()
    let direct = payloads.indices.filter { payloads[$0].container == nil }
    let payloadBytes = taken.take(
      direct.map { Self.range(payloads[$0].offset, payloads[$0].storedSize, in: file.size) })
    for (index, bytes) in zip(direct, payloadBytes) {
      add(bytes, of: payloads[index], in: inventory, &counter)
    }
    let modules = inventory.modules.filter { $0.container == nil }
    let moduleBytes = taken.take(modules.map { Self.range($0.offset, $0.size, in: file.size) })
    for (module, bytes) in zip(modules, moduleBytes) { counter.add(bytes, \.overhead, .holding(module)) }
    let compressed = Dictionary(grouping: inventory.modules.filter { $0.container != nil }) {
      $0.container?.offset
    }
    for kind in [Region.Kind.tables, .section, .gaps] {
      let level = parts.filter { $0.key.kind == kind }
      for (part, bytes) in zip(level, taken.take(level.map(\.range))) {
        let headerSize: UInt64 = 24
        if part.isCompressed, let modules = compressed[part.range.lowerBound + headerSize] {
          divide(bytes, of: part.key, among: modules, inventory, payloads, &counter)
        } else {
          counter.add(bytes, \.host, part.key)
        }
      }
    }
    let rest: Region.Kind =
      switch file.format {
      case .elf, .unsupported, .other: .gaps
      case .staticLibrary: .archive
      case .fatBinary, .cubin, .ptx, .ltoIR: .standalone
      }
    counter.add(taken.take([0..<file.size])[0], \.host, RegionKey(kind: rest))
    regions = counter.regions
  }

  /// Adds the `bytes` of a payload, divided among its images, to the region that holds it.
  private mutating func add(
    _ bytes: UInt64, of payload: Payload, in inventory: Inventory, _ counter: inout RegionCounter
  ) {
    let images = inventory.images[payload.images]
    let region = RegionKey.holding(inventory.modules[images[images.startIndex].module])
    let members = images.reduce(0) { $0 &+ $1.size }
    var shares = Apportionment(bytes, whole: max(members, payload.size))
    for image in images {
      let share = shares.next(image.size)
      storedSizes[image.index] = share
      counter.add(share, \.images, region)
    }
    counter.add(shares.rest, \.overhead, region)
  }

  /// Divides the `bytes` of a compressed section among the modules in it and the rest.
  private mutating func divide(
    _ bytes: UInt64, of key: RegionKey, among modules: [Module], _ inventory: Inventory,
    _ payloads: [Payload], _ counter: inout RegionCounter
  ) {
    var shares = Apportionment(bytes, whole: modules[0].container?.size ?? 0)
    // Modules of one section follow each other, and so do the payloads in them.
    let images = modules[0].images.lowerBound..<modules[modules.count - 1].images.upperBound
    var size = modules.reduce(0) { $0 + $1.size }
    for payload in payloads where images.contains(payload.images.lowerBound) {
      add(shares.next(payload.storedSize), of: payload, in: inventory, &counter)
      size -= min(size, payload.storedSize)
    }
    counter.add(shares.next(size), \.overhead, key)
    counter.add(shares.rest, \.host, key)
  }

  fileprivate static func range(_ offset: UInt64, _ size: UInt64, in limit: UInt64) -> Range<UInt64> {
    let start = min(offset, limit)
    return start..<start + min(size, limit - start)
  }
}

/// Divides a number of bytes by weights, so that the shares add up to it.
public struct Apportionment {
  private let bytes: UInt64
  private let whole: UInt64
  private var weight: UInt64 = 0
  private var given: UInt64 = 0

  /// - Parameter whole: the sum of all weights; weights past it get nothing.
  public init(_ bytes: UInt64, whole: UInt64) {
    self.bytes = bytes
    self.whole = whole
  }

  /// The share of the next weight.
  public mutating func next(_ weight: UInt64) -> UInt64 {
    guard whole > 0 else { return 0 }
    self.weight += min(weight, whole - self.weight)
    let end = whole.dividingFullWidth(bytes.multipliedFullWidth(by: self.weight)).quotient
    defer { given = end }
    return end - given
  }

  /// What is left.
  public var rest: UInt64 { bytes - given }
}

/// Ranges of a file of which each byte is taken once.
private struct TakenRanges {
  /// In ascending order, none touching the next.
  private var ranges: [Range<UInt64>] = []

  /// Takes `wanted`, and returns how many bytes of each were still there.
  mutating func take(_ wanted: [Range<UInt64>]) -> [UInt64] {
    var bytes = [UInt64](repeating: 0, count: wanted.count)
    var next = 0
    var position: UInt64 = 0
    let order = wanted.indices.sorted { (wanted[$0].lowerBound, $0) < (wanted[$1].lowerBound, $1) }
    for index in order {
      // What is wanted twice goes to the first.
      var start = max(position, wanted[index].lowerBound)
      let end = wanted[index].upperBound
      guard start < end else { continue }
      position = end
      while next < ranges.count, ranges[next].upperBound <= start { next += 1 }
      var other = next
      while start < end {
        let free = other < ranges.count ? min(end, ranges[other].lowerBound) : end
        if free > start { bytes[index] += free - start }
        guard other < ranges.count else { break }
        start = max(start, ranges[other].upperBound)
        if start < end { other += 1 }
      }
    }
    merge(wanted)
    return bytes
  }

  private mutating func merge(_ wanted: [Range<UInt64>]) {
    var merged: [Range<UInt64>] = []
    for range in (ranges + wanted).sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = merged.last, range.lowerBound <= last.upperBound {
        merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    ranges = merged
  }
}

private struct RegionKey: Hashable {
  var kind: FileComposition.Region.Kind
  var name = ""

  static func holding(_ module: Module) -> RegionKey {
    module.section.isEmpty ? RegionKey(kind: .standalone) : RegionKey(kind: .section, name: module.section)
  }
}

/// Sums up bytes by region.
private struct RegionCounter {
  private var index: [RegionKey: Int] = [:]
  private var found: [FileComposition.Region] = []

  mutating func add(
    _ bytes: UInt64, _ field: WritableKeyPath<FileComposition.Region, UInt64>, _ key: RegionKey
  ) {
    guard bytes > 0 else { return }
    let place = index[key] ?? found.count
    if place == found.count {
      index[key] = place
      found.append(FileComposition.Region(kind: key.kind, name: key.name))
    }
    found[place][keyPath: field] += bytes
  }

  var regions: [FileComposition.Region] {
    found.sorted { ($1.size, $0.kind.rawValue, $0.name) < ($0.size, $1.kind.rawValue, $1.name) }
  }
}

/// A part of a host file that its tables name.
private struct HostPart {
  var key: RegionKey
  var range: Range<UInt64>
  var isCompressed = false

  static func parts(of file: InspectedFile, _ source: any ByteSource) -> [HostPart] {
    if let elf = file.elf { return parts(of: elf, 0..<file.size) }
    guard file.format == .staticLibrary, let (members, _) = try? ArchiveMember.list(source) else { return [] }
    return members.flatMap { member -> [HostPart] in
      let whole = HostPart(key: RegionKey(kind: .gaps), range: member.range)
      guard let elf = try? ELFFile(SubrangeBytes(source, member.range)) else { return [whole] }
      return parts(of: elf, member.range) + [whole]
    }
  }

  /// The parts of the ELF file that takes `place` in the file.
  private static func parts(of elf: ELFFile, _ place: Range<UInt64>) -> [HostPart] {
    func part(_ key: RegionKey, _ offset: UInt64, _ size: UInt64, isCompressed: Bool = false) -> HostPart {
      let inside = FileComposition.range(offset, size, in: UInt64(place.count))
      return HostPart(
        key: key, range: place.lowerBound + inside.lowerBound..<place.lowerBound + inside.upperBound,
        isCompressed: isCompressed)
    }
    let tables = RegionKey(kind: .tables)
    var parts = [
      part(tables, 0, 64),
      part(tables, elf.segmentTableOffset, UInt64(elf.segments.count) * 56),
      part(tables, elf.sectionTableOffset, UInt64(elf.sections.count) * 64),
    ]
    let contents = elf.sections.filter(\.hasContents)
    parts += contents.map {
      part(
        RegionKey(kind: .section, name: elf.type == .relocatable ? family(of: $0.name) : $0.name),
        $0.offset, $0.size, isCompressed: $0.flags.contains(.compressed))
    }
    if contents.isEmpty {
      parts += elf.segments.filter { $0.type == .load }.map {
        part(RegionKey(kind: .section, name: "LOAD[\($0.index)]"), $0.offset, $0.fileSize)
      }
    }
    return parts
  }

  /// The name without the symbol that compilers append where each function has a section: `.text` for `.text.f`,
  /// `.rela.text` for `.rela.text.f`.
  private static func family(of name: String) -> String {
    let words = name.split(separator: ".", omittingEmptySubsequences: false)
    let count = words.count > 2 && words[1] == "rela" ? 3 : 2
    return words[0].isEmpty && words.count > count ? words[..<count].joined(separator: ".") : name
  }
}
