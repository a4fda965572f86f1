/// The fixed numbers of the fat binary format.
enum FatBinary {
  /// The first word of a fat binary.
  static let magic: UInt32 = 0xBA55_ED50
  /// The only version of the header.
  static let version: UInt16 = 1
  /// The sections that hold nothing but fat binaries: of code that is loaded as it is, and of relocatable code.
  static let sections = [".nv_fatbin", "__nv_relfatbin"]
  /// The size of the header, and the value of its size field.
  static let headerSize: UInt64 = 16
  /// The size of the fixed part of an entry's header.
  static let entrySize = 64
  /// Decompressed images larger than this are not believed: no GPU could load them.
  static let imageLimit: UInt64 = 1 << 36
  /// Entry headers larger than this are not believed: fixed part, tables and strings take some hundred bytes.
  static let entryHeaderLimit: UInt64 = 1 << 20

  /// Linkers pad between fat binaries with fewer zeros than this.
  static let paddingLimit: UInt64 = 1 << 16

  /// All flag bits with a known meaning.
  static let knownFlags: EntryFlags = [
    .is64Bit, .debug, .cuda, .openCL, .linux, .mac, .windows, .optimizationLevel, .zlib, .lz4, .zstd,
    .obfuscated, .architectureSpecific, .familySpecific, .sm100OrNewer,
  ]
}

extension EntryFlags {
  /// The ways to compress a payload, of which an entry has one or none.
  static let codecs: EntryFlags = [.zlib, .lz4, .zstd]
}

/// The fixed part of an entry's header, or a member's descriptor in a concatenated entry, which has the same
/// layout.
struct FatBinaryEntry {
  var kind: ImageKind
  var headerSize: UInt32
  var paddedSize: UInt64
  var storedSize: UInt32
  var optionsOffset: UInt32
  var minor: UInt16
  var major: UInt16
  var number: UInt32
  var identifierOffset: UInt32
  var identifierLength: UInt32
  var flags: EntryFlags
  var uncompressedSize: UInt64

  var compression: ImageCompression {
    if flags.contains(.zstd) { return .zstd }
    if flags.contains(.lz4) { return .lz4 }
    if flags.contains(.zlib) { return .zlib }
    return .none
  }

  var target: CodeTarget {
    let suffix: CodeTarget.Suffix =
      if flags.contains(.architectureSpecific) {
        .architectureSpecific
      } else if flags.contains(.familySpecific) {
        .familySpecific
      } else {
        .none
      }
    return CodeTarget(number, suffix)
  }
}
