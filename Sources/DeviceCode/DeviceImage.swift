/// What a fat binary entry holds. The corresponding field is the entry's `kind`; unknown kinds are kept.
public struct ImageKind: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// PTX: text for a virtual architecture, compiled by the driver when it is loaded.
  public static let ptx = ImageKind(rawValue: 0x1)
  /// A cubin: machine code in an ELF file for one architecture.
  public static let cubin = ImageKind(rawValue: 0x2)
  /// A cubin of the format before ELF.
  public static let oldCubin = ImageKind(rawValue: 0x4)
  /// LTO-IR: NVVM intermediate code for link-time optimisation.
  public static let ltoIR = ImageKind(rawValue: 0x8)
  /// An ELF variant without a public name.
  public static let cubinVariant = ImageKind(rawValue: 0x10)
  /// An index of other entries.
  public static let index = ImageKind(rawValue: 0x20)
  /// Relocatable PTX.
  public static let relocatablePTX = ImageKind(rawValue: 0x40)
  /// Tile IR.
  public static let tileIR = ImageKind(rawValue: 0x80)
  /// An entry whose payload concatenates the payloads of several images.
  public static let concatenated = ImageKind(rawValue: 0x100)
}

extension ImageKind: CustomStringConvertible {
  /// The name used in reports: `cubin`, `ptx`, `ltoir`, …, or `kind-0xNN`.
  public var description: String {
    switch self {
    case .ptx: "ptx"
    case .cubin: "cubin"
    case .oldCubin: "old-cubin"
    case .ltoIR: "ltoir"
    case .cubinVariant: "cubin-variant"
    case .index: "index"
    case .relocatablePTX: "relocatable-ptx"
    case .tileIR: "tileir"
    case .concatenated: "concatenated"
    default: "kind-0x" + String(rawValue, radix: 16)
    }
  }
}

/// The flags of a fat binary entry. Unknown bits are kept.
public struct EntryFlags: OptionSet, Hashable, Sendable {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public static let is64Bit = EntryFlags(rawValue: 0x1)
  /// Compiled with debug information (`-G`).
  public static let debug = EntryFlags(rawValue: 0x2)
  /// Made by the CUDA compilers: set on every entry up to CUDA 10.0, on none since. Older releases of cuobjdump print it
  /// as `producer = cuda`. The corresponding name in NVIDIA's `fatbinary.h` is `FATBIN_FLAG_CUDA`.
  public static let cuda = EntryFlags(rawValue: 0x4)
  /// Made by the OpenCL compiler. The corresponding name in NVIDIA's `fatbinary.h` is `FATBIN_FLAG_OPENCL`.
  public static let openCL = EntryFlags(rawValue: 0x8)
  public static let linux = EntryFlags(rawValue: 0x10)
  public static let mac = EntryFlags(rawValue: 0x20)
  public static let windows = EntryFlags(rawValue: 0x40)
  /// The level of optimisation, a number of four bits. The corresponding name in NVIDIA's `fatbinary.h` is
  /// `FATBIN_FLAG_OPT_MASK`.
  public static let optimizationLevel = EntryFlags(rawValue: 0xF00)
  /// Compressed with the zlib format of early toolkits.
  public static let zlib = EntryFlags(rawValue: 0x1000)
  /// Compressed as one raw LZ4 block.
  public static let lz4 = EntryFlags(rawValue: 0x2000)
  /// Compressed as one zstd frame.
  public static let zstd = EntryFlags(rawValue: 0x8000)
  /// The payload is obfuscated; set on compressed LTO-IR.
  public static let obfuscated = EntryFlags(rawValue: 0x10000)
  /// The target has the suffix `a`.
  public static let architectureSpecific = EntryFlags(rawValue: 0x100000)
  /// The target has the suffix `f`.
  public static let familySpecific = EntryFlags(rawValue: 0x200000)
  /// Set on cubins for sm_100 and newer.
  public static let sm100OrNewer = EntryFlags(rawValue: 0x1000000)
}

/// How a payload is compressed.
public enum ImageCompression: String, Hashable, Sendable {
  case none, lz4, zstd, zlib
}

/// A version of the PTX instruction set, such as 9.5.
public struct PTXISAVersion: Hashable, Sendable, Comparable, CustomStringConvertible {
  public var major: Int
  public var minor: Int

  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// Reads `9.5`; nil for anything else.
  public init?(_ text: some StringProtocol) {
    guard let dot = text.utf8.firstIndex(of: UInt8(ascii: ".")), let major = UInt16(text[..<dot]),
      let minor = UInt16(text[text.utf8.index(after: dot)...])
    else { return nil }
    self.init(Int(major), Int(minor))
  }

  public var description: String { "\(major).\(minor)" }

  public static func < (left: PTXISAVersion, right: PTXISAVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }
}

/// One piece of device code: a cubin, PTX or LTO-IR with one target.
public struct DeviceImage: Hashable, Sendable {
  /// Counts from 0 within the file, in the order of the file.
  public var index: Int
  /// The index of the ``Module`` that the image belongs to.
  public var module: Int
  public var kind: ImageKind
  public var target: CodeTarget
  /// Where the payload starts: bytes from the start of the file. For a member of a concatenated entry, where
  /// that entry's payload starts; in an inflated section, bytes from the start of its inflated contents.
  public var offset: UInt64
  /// Where its header starts, counted like ``offset``: the entry, or the descriptor of a member of a concatenated
  /// entry; nil for images outside a fat binary.
  public var headerOffset: UInt64?
  /// Bytes that the payload takes in the file; for a member of a compressed concatenated entry the whole
  /// stream, which all its members share.
  public var storedSize: UInt64
  /// Bytes of the payload when decompressed.
  public var size: UInt64
  public var compression: ImageCompression
  /// All flag bits of the entry; empty for images outside a fat binary.
  public var flags: EntryFlags
  /// For PTX, the version of the instruction set that the text declares.
  public var ptxISA: PTXISAVersion?
  /// What the text of PTX says of itself, where its first bytes were read with its header: of all entries but the members of
  /// concatenated ones.
  public var ptxHeader: PTXHeader?
  /// For cubins, the ABI version (7, 8, …): `EI_ABIVERSION`.
  public var abiVersion: UInt16?
  /// The compiler release that made the image (`13.5`), where the bytes that were read tell it.
  public var toolkit: String?
  /// The arguments that the compiler recorded (`-arch sm_100f -m 64`), where the bytes that were read tell them.
  public var compilerArguments: String?
  /// The source file that the entry names.
  public var identifier: String?
  /// Relocatable device code: it must be linked before the driver can load it.
  public var isRelocatable: Bool
  /// For a member of a concatenated entry, its offset in the decompressed payload.
  public var memberOffset: UInt64?
  /// Bytes of the whole decompressed payload: more than ``size`` for a member of a concatenated entry.
  public var payloadSize: UInt64

  public init(
    index: Int = 0, module: Int = 0, kind: ImageKind, target: CodeTarget, offset: UInt64 = 0,
    headerOffset: UInt64? = nil, storedSize: UInt64 = 0, size: UInt64 = 0,
    compression: ImageCompression = .none,
    flags: EntryFlags = [], ptxISA: PTXISAVersion? = nil, abiVersion: UInt16? = nil,
    toolkit: String? = nil, compilerArguments: String? = nil, identifier: String? = nil,
    isRelocatable: Bool = false,
    memberOffset: UInt64? = nil, payloadSize: UInt64? = nil
  ) {
    self.index = index
    self.module = module
    self.kind = kind
    self.target = target
    self.offset = offset
    self.headerOffset = headerOffset
    self.storedSize = storedSize
    self.size = size
    self.compression = compression
    self.flags = flags
    self.ptxISA = ptxISA
    self.abiVersion = abiVersion
    self.toolkit = toolkit
    self.compilerArguments = compilerArguments
    self.identifier = identifier
    self.isRelocatable = isRelocatable
    self.memberOffset = memberOffset
    self.payloadSize = payloadSize ?? size
  }

  /// The target as the tools spell it: `sm_90a`, `compute_120f`, `lto_75`.
  public var targetName: String {
    switch kind {
    case .ptx, .relocatablePTX: "compute_\(target)"
    case .ltoIR: "lto_\(target)"
    default: "sm_\(target)"
    }
  }
}
