/// What the bytes of a cubin are, by what they are for.
public enum CubinPart: Int, Hashable, Sendable, CaseIterable {
  /// Machine code of kernels.
  case kernelCode
  /// Machine code of functions that are no kernels.
  case functionCode
  /// The second form of the code that cubins for sm_100 and newer carry (`.nv.capmerc…`, `.nv.merc…`).
  case mercury
  /// Constant banks.
  case constants
  /// Initialised global memory.
  case data
  /// What the driver must know to launch a kernel (`.nv.info…`), and notes.
  case attributes
  case relocations
  /// The symbol table and the names in it.
  case symbols
  /// For debuggers and profilers.
  case debug
  /// Sections of other kinds.
  case other
  /// The ELF header, the section table, the program headers, and padding.
  case headers
}

extension CubinContents {
  /// The bytes of a cubin, each counted once.
  public struct Composition: Hashable, Sendable {
    /// By ``CubinPart``, in the order of its cases.
    public var parts: [UInt64] = Array(repeating: 0, count: CubinPart.allCases.count)
    /// The bytes of each kernel: of all sections that belong to it alone.
    public var kernels: [UInt64]
  }

  /// Counts the bytes of the cubin that `bytes` are.
  public func composition(of bytes: ArraySlice<UInt8>) -> Composition {
    var composition = Composition(kernels: Array(repeating: 0, count: kernels.count))
    var position: UInt64 = 0
    var named: UInt64 = 0
    for section in sectionsByPlace {
      // Sections that share bytes count them once.
      guard section.range.upperBound > position else { continue }
      let size = section.range.upperBound - max(position, section.range.lowerBound)
      position = section.range.upperBound
      named += size
      composition.parts[part(of: section, bytes).rawValue] += size
      if let kernel = section.kernel { composition.kernels[kernel] += size }
    }
    composition.parts[CubinPart.headers.rawValue] += UInt64(bytes.count) - min(named, UInt64(bytes.count))
    return composition
  }

  /// The sections with bytes in the order of these: mostly that of the table.
  private var sectionsByPlace: [Section] {
    let stored = sections.filter { !$0.range.isEmpty }
    let isAscending = zip(stored, stored.dropFirst()).allSatisfy {
      $0.range.lowerBound <= $1.range.lowerBound
    }
    return isAscending ? stored : stored.sorted { $0.range.lowerBound < $1.range.lowerBound }
  }

  private func part(of section: Section, _ bytes: ArraySlice<UInt8>) -> CubinPart {
    if section.isCode { return section.kernel == nil ? .functionCode : .kernelCode }
    switch section.type {
    case CubinSectionType.symbols, CubinSectionType.strings, CubinSectionType.symbolIndices: return .symbols
    case CubinSectionType.relocations, CubinSectionType.relocationsWithAddends: return .relocations
    case CubinSectionType.info, CubinSectionType.note, CubinSectionType.compatibility,
      CubinSectionType.callGraph:
      return .attributes
    case CubinSectionType.mercuryCode, CubinSectionType.mercuryInfo: return .mercury
    default: break
    }
    // In the order of how often they occur.
    for (prefix, part) in Self.prefixes where hasName(section, startingWith: prefix, bytes) { return part }
    return .other
  }

  private static let prefixes: [(StaticString, CubinPart)] = [
    (".nv.constant", .constants), (".nv.merc", .mercury), (".nv.capmerc", .mercury), (".debug_", .debug),
    (".nv_debug", .debug), (".nv.global", .data), (".note", .attributes), (".nv.", .attributes),
  ]
}
