public import Bytes

/// A 64-bit little-endian ELF file: its headers, and what its dynamic section and notes say.
///
/// Section contents are never read when the file is opened; ask for them by section.
public struct ELFFile: Sendable {
  /// The bytes that all offsets below count in.
  public let source: any ByteSource
  public var type: ELFType
  public var machine: ELFMachine
  /// Processor-specific flags. The corresponding ELF field is `e_flags`.
  public var flags: UInt32
  /// The ABI version. The corresponding ELF field is `EI_ABIVERSION`.
  public var abiVersion: UInt8
  /// All sections in the order of the table, the reserved first one included.
  public var sections: [ELFSection]
  public var segments: [ELFSegment]
  /// Where the section table starts: bytes from the start of ``source``. The corresponding ELF field is `e_shoff`.
  public var sectionTableOffset: UInt64
  /// Where the program headers start: bytes from the start of ``source``. The corresponding ELF field is `e_phoff`.
  public var segmentTableOffset: UInt64
  public var dynamic: ELFDynamic
  public var notes: [ELFNote]
  /// What is wrong with the file but did not keep it from being read.
  public var problems: [Problem]

  /// The unique id of the build, from the GNU note of type 3.
  public var buildID: [UInt8]? { notes.first { $0.owner == "GNU" && $0.type == 3 }?.description }

  /// The file offset of the byte that the segments load at `address`; nil where none does or the byte has no
  /// place in the file.
  public func fileOffset(ofAddress address: UInt64) -> UInt64? {
    for segment in segments where segment.type == .load {
      if address >= segment.address, address - segment.address < segment.fileSize {
        return segment.offset &+ (address - segment.address)
      }
    }
    return nil
  }
}

/// What the first bytes of a file say about it.
public enum ELFIdentity: Hashable, Sendable {
  /// A 64-bit little-endian ELF file, which ``ELFFile`` reads.
  case elf64LittleEndian
  /// An ELF file of another class or byte order: "32-bit little-endian".
  case otherELF(String)
  /// A static library: an `ar` archive.
  case archive
  /// An `ar` archive that only names its members' files.
  case thinArchive

  /// Tells from the first bytes of a file; nil for a file that is neither ELF nor an archive.
  public init?(prefix: ByteView) {
    guard let magic = try? prefix.u32(0, "magic") else { return nil }
    switch magic {
    case 0x464C_457F:
      guard let fileClass = try? prefix.u8(4, "class"), let encoding = try? prefix.u8(5, "data encoding")
      else { return nil }
      if fileClass == 2, encoding == 1 {
        self = .elf64LittleEndian
      } else {
        let bits =
          switch fileClass {
          case 1: "32-bit"
          case 2: "64-bit"
          default: "class \(fileClass)"
          }
        let order =
          switch encoding {
          case 1: "little-endian"
          case 2: "big-endian"
          default: "data encoding \(encoding)"
          }
        self = .otherELF("\(bits) \(order)")
      }
    case 0x7261_3C21 where (try? prefix.u32(4, "magic")) == 0x0A3E_6863: self = .archive
    case 0x6874_3C21 where (try? prefix.u32(4, "magic")) == 0x0A3E_6E69: self = .thinArchive
    default: return nil
    }
  }
}

/// The corresponding ELF field is `e_type`; unknown values are kept.
public struct ELFType: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let relocatable = ELFType(rawValue: 1)
  public static let executable = ELFType(rawValue: 2)
  public static let sharedObject = ELFType(rawValue: 3)
}

/// The corresponding ELF field is `e_machine`; unknown values are kept.
public struct ELFMachine: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
  public var rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let amd64 = ELFMachine(rawValue: 62)
  public static let aarch64 = ELFMachine(rawValue: 183)
  /// CUDA device code: the file is a cubin.
  public static let cuda = ELFMachine(rawValue: 190)
  public static let riscv = ELFMachine(rawValue: 243)
  public static let powerpc64 = ELFMachine(rawValue: 21)

  public var description: String {
    switch self {
    case .amd64: "x86-64"
    case .aarch64: "AArch64"
    case .cuda: "CUDA"
    case .riscv: "RISC-V"
    case .powerpc64: "PowerPC 64"
    default: "machine \(rawValue)"
    }
  }
}

/// One row of the section table.
public struct ELFSection: Hashable, Sendable {
  public var index: Int
  public var name: String
  /// The corresponding ELF field is `sh_type`.
  public var type: UInt32
  /// The corresponding ELF field is `sh_flags`.
  public var flags: ELFSectionFlags
  public var address: UInt64
  /// Bytes from the start of ``ELFFile/source``.
  public var offset: UInt64
  public var size: UInt64
  /// The corresponding ELF field is `sh_link`.
  public var link: Int
  /// The corresponding ELF field is `sh_info`.
  public var info: Int

  /// Whether the section has bytes in the file: all but `SHT_NULL` and `SHT_NOBITS`.
  public var hasContents: Bool { type != 0 && type != 8 && size > 0 }
  public var isProgramData: Bool { type == 1 }
}

public struct ELFSectionFlags: OptionSet, Hashable, Sendable {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Takes memory in the process. The corresponding flag is `SHF_ALLOC`.
  public static let allocated = ELFSectionFlags(rawValue: 0x2)
  /// Holds instructions. The corresponding flag is `SHF_EXECINSTR`.
  public static let executable = ELFSectionFlags(rawValue: 0x4)
  /// Holds a compression header and compressed contents. The corresponding flag is `SHF_COMPRESSED`.
  public static let compressed = ELFSectionFlags(rawValue: 0x800)
}

/// One row of the program header table.
public struct ELFSegment: Hashable, Sendable {
  /// The corresponding ELF field is `p_type`; unknown values are kept.
  public struct Kind: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let load = Kind(rawValue: 1)
    public static let dynamic = Kind(rawValue: 2)
    public static let note = Kind(rawValue: 4)
  }

  public var index: Int
  public var type: Kind
  public var isExecutable: Bool
  public var address: UInt64
  /// Bytes from the start of ``ELFFile/source``.
  public var offset: UInt64
  public var fileSize: UInt64
  /// The corresponding ELF field is `p_align`.
  public var alignment: UInt64
}

/// What the dynamic section asks of the dynamic linker.
public struct ELFDynamic: Hashable, Sendable {
  /// The libraries that must be loaded first. The corresponding tag is `DT_NEEDED`.
  public var needed: [String] = []
  /// The name that others need this library by. The corresponding tag is `DT_SONAME`.
  public var soname: String?
  /// Where to look, old form. The corresponding tag is `DT_RPATH`.
  public var rpath: [String] = []
  /// Where to look. The corresponding tag is `DT_RUNPATH`.
  public var runpath: [String] = []

  public init() {}
}

/// One note: who wrote it, its type in the writer's own numbering, and its contents.
public struct ELFNote: Hashable, Sendable {
  public var owner: String
  public var type: UInt32
  public var description: [UInt8]

  public init(owner: String, type: UInt32, description: [UInt8]) {
    self.owner = owner
    self.type = type
    self.description = description
  }
}
