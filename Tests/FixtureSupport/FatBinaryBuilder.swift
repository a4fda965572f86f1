/// Builds a fat binary byte by byte, well formed unless a field is set to something else.
///
/// Numbers are written out here, so that a wrong one in the reader meets a right one.
public struct FatBinaryBuilder: Sendable {
  public enum Compression: UInt64, Sendable {
    case none = 0
    case zlib = 0x1000
    case lz4 = 0x2000
    case zstd = 0x8000
  }

  /// One entry, or one member of a concatenated entry.
  public struct Entry: Sendable {
    public var kind: UInt16
    public var version: UInt16 = 0x0101
    public var number: UInt32
    public var flags: UInt64
    public var major: UInt16
    public var minor: UInt16
    /// The payload as it is stored; padded to 8 bytes when it is written.
    public var payload: [UInt8]
    /// The compressed size; 0 where the payload is not compressed.
    public var storedSize: UInt32 = 0
    /// The decompressed size; 0 where the payload is not compressed.
    public var uncompressedSize: UInt64 = 0
    public var identifier: String?
    /// Field values that are written instead of those that fit.
    public var headerSize: UInt32?
    public var paddedSize: UInt64?
    /// The members, for kind 0x100.
    public var members: [Entry] = []

    public init(
      kind: UInt16, number: UInt32, flags: UInt64 = 0x11, major: UInt16 = 1, minor: UInt16 = 7,
      payload: [UInt8] = []
    ) {
      self.kind = kind
      self.number = number
      self.flags = flags
      self.major = major
      self.minor = minor
      self.payload = payload
    }

    /// Machine code; a small real cubin where no payload is given.
    public static func cubin(
      _ target: Target, _ compression: Compression = .none, payload: [UInt8]? = nil, abiVersion: UInt8 = 7
    ) -> Entry {
      let payload = payload ?? CubinBuilder(target, abiVersion: abiVersion).bytes
      return Entry(
        kind: 2, number: target.number, flags: target.entryFlags, minor: UInt16(abiVersion), payload: payload
      ).compressed(compression)
    }

    /// PTX of an instruction set version such as 7.8.
    public static func ptx(
      _ target: Target, isa: (UInt16, UInt16) = (7, 8), _ compression: Compression = .none,
      payload: [UInt8]? = nil
    ) -> Entry {
      let text = PTXText.text(target, isa: isa)
      return Entry(
        kind: 1, number: target.number, flags: target.entryFlags, major: isa.0, minor: isa.1,
        payload: payload ?? Array(text.utf8) + [0]
      ).compressed(compression)
    }

    /// LTO-IR.
    public static func ltoIR(_ target: Target) -> Entry {
      Entry(
        kind: 8, number: target.number, flags: target.entryFlags, major: 1, minor: 67,
        payload: [UInt8](repeating: 0xA5, count: 48))
    }

    /// One entry with several members that share one payload.
    public static func concatenated(_ members: [Entry], _ compression: Compression = .none) -> Entry {
      var entry = Entry(kind: 0x100, number: 0, major: 0, minor: 1)
      entry.members = members
      entry.payload = members.flatMap { $0.padded }
      return entry.compressed(compression)
    }

    /// The entry marked as compressed. The payload's bytes are not: headers say all that is read of it.
    public func compressed(_ compression: Compression) -> Entry {
      var entry = self
      entry.flags |= compression.rawValue
      if compression != .none {
        entry.storedSize = UInt32(payload.count)
        entry.uncompressedSize = UInt64(payload.count) * 4
      }
      return entry
    }

    /// The entry with its payload in a zstd frame that any decompressor takes: one block without compression.
    public func inFrame() -> Entry {
      var frame: [UInt8] = []
      frame.append(littleEndian: UInt32(0xFD2F_B528))
      // One segment, whose size takes four bytes.
      frame.append(0xA0)
      frame.append(littleEndian: UInt32(payload.count))
      let block = UInt32(payload.count) << 3 | 1
      for shift in [0, 8, 16] { frame.append(UInt8(truncatingIfNeeded: block >> UInt32(shift))) }
      var entry = self
      entry.payload = frame + payload
      entry.flags |= Compression.zstd.rawValue
      entry.storedSize = UInt32(entry.payload.count)
      entry.uncompressedSize = UInt64(payload.count)
      return entry
    }

    var padded: [UInt8] {
      var padded = payload
      padded.pad(to: 8)
      return padded
    }

    /// The 64-byte fixed part.
    func fixedPart(headerSize: UInt32, paddedSize: UInt64, options: UInt32, identifierOffset: UInt32)
      -> [UInt8]
    {
      var bytes: [UInt8] = []
      bytes.append(littleEndian: kind)
      bytes.append(littleEndian: version)
      bytes.append(littleEndian: headerSize)
      bytes.append(littleEndian: paddedSize)
      bytes.append(littleEndian: storedSize)
      bytes.append(littleEndian: options)
      bytes.append(littleEndian: minor)
      bytes.append(littleEndian: major)
      bytes.append(littleEndian: number)
      bytes.append(littleEndian: identifierOffset)
      bytes.append(littleEndian: UInt32(identifier?.utf8.count ?? 0))
      bytes.append(littleEndian: flags)
      bytes.append(littleEndian: UInt64(0))
      bytes.append(littleEndian: uncompressedSize)
      return bytes
    }

    /// Header and payload.
    public var bytes: [UInt8] {
      var tables: [UInt8] = []
      var options: UInt32 = 0
      if !members.isEmpty {
        options = 64
        var descriptors: [UInt8] = []
        var start: UInt32 = 0
        for member in members {
          let size = UInt64(member.padded.count)
          descriptors += member.fixedPart(
            headerSize: member.headerSize ?? start, paddedSize: member.paddedSize ?? size, options: 0,
            identifierOffset: member.identifier == nil ? 0 : 64)
          if let identifier = member.identifier { descriptors += Array(identifier.utf8) + [0] }
          descriptors.pad(to: 8)
          start += UInt32(size)
        }
        tables.append(littleEndian: UInt32(members.count))
        tables.append(littleEndian: UInt32(8 + descriptors.count))
        tables += descriptors
      }
      var identifierOffset: UInt32 = 0
      if let identifier {
        identifierOffset = UInt32(64 + tables.count)
        tables += Array(identifier.utf8) + [0]
      }
      tables.pad(to: 8)
      return fixedPart(
        headerSize: headerSize ?? UInt32(64 + tables.count), paddedSize: paddedSize ?? UInt64(padded.count),
        options: options, identifierOffset: identifierOffset) + tables + padded
    }
  }

  public var entries: [Entry]
  public var magic: UInt32 = 0xBA55_ED50
  public var version: UInt16 = 1
  public var headerSize: UInt16 = 16
  /// Written instead of the size of all entries.
  public var declaredSize: UInt64?

  public init(_ entries: [Entry]) { self.entries = entries }

  /// A fat binary with an uncompressed image per target: machine code for `sm_…`, PTX for `compute_…`, LTO-IR for
  /// `lto_…`.
  public init(_ targets: Target...) { self.init(targets: targets) }

  public init(targets: [Target], isa: (UInt16, UInt16) = (7, 8)) {
    self.init(
      targets.map {
        switch $0.prefix {
        case "compute": .ptx($0, isa: isa)
        case "lto": .ltoIR($0)
        default: .cubin($0)
        }
      })
  }

  public var bytes: [UInt8] {
    let contents = entries.flatMap(\.bytes)
    var bytes: [UInt8] = []
    bytes.append(littleEndian: magic)
    bytes.append(littleEndian: version)
    bytes.append(littleEndian: headerSize)
    bytes.append(littleEndian: declaredSize ?? UInt64(contents.count))
    return bytes + contents
  }
}

/// A small PTX text.
public enum PTXText {
  public static func text(_ target: Target, isa: (UInt16, UInt16) = (7, 8)) -> String {
    """
    //
    // Generated by NVIDIA NVVM Compiler
    //

    .version \(isa.0).\(isa.1)
    .target sm_\(target.number)\(target.suffix)
    .address_size 64

    .visible .entry kernel()
    {
      ret;
    }

    """
  }
}
