public import Bytes
import Compression

/// Files that hold other files and are not read, or that are not what their names say: recognised, so that nobody takes them
/// for files without device code.
public enum UnreadFile {
  /// Bytes of the start of a file that tell as much as possible.
  public static let prefixSize = 4096

  /// Why what a file holds was not read; nil for one that is what it seems to be.
  ///
  /// - Parameters:
  ///   - name: the last part of its path.
  ///   - prefix: its first bytes, 64 at least where it has as many.
  ///   - isNamed: whether the user named this file, so that it is looked at more closely, and is no archive that is read.
  ///   - decompression: bytes that may be decompressed to list what is in an archive.
  ///   - open: opens the file, where its start does not tell.
  public static func problem(
    _ name: ArraySlice<UInt8>, prefix: ArraySlice<UInt8>, isNamed: Bool, limits: ArchiveLimits,
    decompression: Budget,
    open: () throws(Problem) -> any ByteSource
  ) -> Problem? {
    guard let first = prefix.first else { return nil }
    if let format = Signature.format(prefix) {
      let isReadAlone = SquashFSArchive.start(prefix: prefix) != nil || SIFImage.isSIF(prefix: prefix)
      return notRead(format, isInside: isReadAlone)
    }
    if let engine = TensorRTEngine(prefix) { return engine.problem }
    guard first != 0x7F else { return nil }
    let name = FileName(name)
    do throws(Problem) {
      if ZipArchive.isZip(prefix: prefix) {
        return isNamed ? nil : try problem(zip: open(), limits)
      }
      if let compression = CompressedFile.name(prefix) {
        return try problem(compression, name, isNamed: isNamed, limits, decompression, open)
      }
      if isNamed || name.isDiskImage, let format = try Signature.format(open()) { return notRead(format) }
      if name.isTar {
        if isNamed { return notAsNamed("a tar") }
        if try TarArchive.isTar(open()) { return notRead("tar", isInside: true) }
      }
    } catch {
      return error
    }
    if name.isZip { return notAsNamed("a zip archive") }
    if !isNamed, name.isImageLayout { return notRead("OCI image layout", isInside: true) }
    guard name.mayHoldCode else { return nil }
    if prefix.starts(with: "version https://git-lfs".utf8) {
      return Problem(.invalidValue, "file", expected: "its contents", observed: "a pointer of Git LFS")
    }
    // Scripts of linkers are text, and containers have empty files in place of the driver's.
    return name.isLibrary && first == 0 ? notAsNamed("a library") : nil
  }

  /// Whether files of this name hold device code, or other files.
  public static func mayHoldCode(_ name: ArraySlice<UInt8>) -> Bool { FileName(name).mayHoldCode }

  private static func notRead(_ format: String, isInside: Bool = false) -> Problem {
    Problem(
      .unsupported, format,
      observed: isInside ? "an archive inside what was named, not read" : "what it holds is not read")
  }

  private static func notAsNamed(_ kind: String) -> Problem {
    Problem(.invalidValue, "file", at: 0, expected: "\(kind), as its name says", observed: "something else")
  }

  /// Only one that may hold device code is missed: packages of Python alone are in every installation.
  private static func problem(zip source: any ByteSource, _ limits: ArchiveLimits) throws(Problem) -> Problem?
  {
    var limits = limits
    limits.zipMembers = min(limits.zipMembers, membersOfInnerArchive)
    let archive = try ZipArchive(source, limits: limits)
    let mayHoldCode =
      archive.members.count == limits.zipMembers
      || archive.members.contains { FileName($0.path.name).mayHoldCode }
    return mayHoldCode ? notRead("zip archive", isInside: true) : nil
  }

  /// Members of an archive in another one that are looked at; one with more is taken to hold device code.
  private static let membersOfInnerArchive = 1 << 16
  /// Bytes of a tar in a compressed one that are looked at for its members; one with more is taken to hold device code.
  private static let sizeOfInnerTar: UInt64 = 16 << 20

  /// Whether the names in a compressed tar leave open that it holds device code: time zones and texts are in many
  /// installations.
  private static func mayHoldCode(
    compressedTar source: any ByteSource, _ limits: ArchiveLimits, _ decompression: Budget
  ) -> Bool {
    var limits = limits
    limits.streamSize = min(limits.streamSize, sizeOfInnerTar)
    guard source.size <= sizeOfInnerTar,
      let tar = try? TarArchive(decompressing: source, limits: limits, decompression: decompression),
      tar.problems.isEmpty, tar.members.count <= membersOfInnerArchive
    else { return true }
    return tar.members.contains { FileName($0.path.name).mayHoldCode }
  }

  private static func problem(
    _ compression: String, _ name: FileName, isNamed: Bool, _ limits: ArchiveLimits, _ decompression: Budget,
    _ open: () throws(Problem) -> any ByteSource
  ) throws(Problem) -> Problem? {
    if isNamed { return notRead("file compressed with \(compression)") }
    guard name.isCompressedTar || name.mayHoldCodeCompressed else { return nil }
    let source = try open()
    let prefix = try source.bytes(at: 0, count: Int(min(source.size, 6)), "file")
    let method = DecompressedBytes.Compression(prefix: prefix[...])
    if !name.isCompressedTar {
      // The manual of ld.so is called ld.so.8.gz.
      if let method, FileName(name.withoutCompression).isLibrary {
        let contents = try DecompressedBytes(source, method, limit: UInt64(DecompressedBytes.blockSize) * 2)
        var start = [UInt8](repeating: 0, count: 4)
        _ = try contents.read(at: 0, count: 4, into: &start)
        guard start.contains(where: { $0 >= 0x7F }) || start == Array("!<ar".utf8) else { return nil }
      }
      return notRead("file compressed with \(compression)")
    }
    if method != nil,
      try !TarArchive.isTar(source) || !mayHoldCode(compressedTar: source, limits, decompression)
    {
      return nil
    }
    return notRead("compressed tar", isInside: true)
  }
}

/// Formats by the bytes that stand at fixed places of them.
private enum Signature {
  private typealias Mark = (bytes: [UInt8], name: String)

  /// At the start, by their first byte.
  private static let first: [UInt8: [Mark]] = Dictionary(
    grouping: [
      // Linux, include/uapi/linux/magic.h; of either byte order.
      (Array("hsqs".utf8), "SquashFS image"), (Array("sqsh".utf8), "SquashFS image"),
      ([0x51, 0x46, 0x49, 0xFB], "QCOW disk image"), (Array("KDMV".utf8), "VMDK disk image"),
      (Array("vhdxfile".utf8), "VHDX disk image"), (Array("conectix".utf8), "VHD disk image"),
      ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "7z archive"),
      (Array("Rar!".utf8) + [0x1A, 7], "RAR archive"),
      (Array("!<arch>\ndebian-binary".utf8), "Debian package"),
      ([0xED, 0xAB, 0xEE, 0xDB], "RPM package"),
      (Array("MSCF".utf8) + [0, 0, 0, 0], "cabinet archive"),
      (Array("MSWIM".utf8) + [0, 0, 0], "WIM image"),
      (Array("xar!".utf8), "XAR archive"), (Array("070701".utf8), "cpio archive"),
      (Array("070702".utf8), "cpio archive"), (Array("070707".utf8), "cpio archive"),
    ], by: { $0.bytes[0] })

  /// Behind a launch script of 32 bytes: Apptainer, pkg/image/squashfs.go and sif/pkg/sif.
  private static let behindScript: [Mark] = [
    (Array("hsqs".utf8), "SquashFS image"), (Array("SIF_MAGIC".utf8), "SIF image"),
  ]

  /// In place of the ABI version and the padding of an ELF header.
  private static let inELFHeader: [Mark] = [([0x41, 0x49, 1], "AppImage"), ([0x41, 0x49, 2], "AppImage")]

  private static let selfExtracting = Array("akeself".utf8)

  private static let far: [(offset: UInt64, bytes: [UInt8], name: String)] = [
    (1024, [0xE2, 0xE1, 0xF5, 0xE0], "EROFS image"),
    (32769, Array("CD001".utf8), "ISO 9660 image"),
    (65600, Array("_BHRfS_M".utf8), "Btrfs image"),
  ]

  static func format(_ prefix: ArraySlice<UInt8>) -> String? {
    guard let byte = prefix.first else { return nil }
    switch byte {
    case UInt8(ascii: "#"):
      if prefix.prefix(4096).contains(selfExtracting) { return "archive that extracts itself" }
      return name(of: behindScript, in: prefix.dropFirst(32))
    case 0x7F: return name(of: inELFHeader, in: prefix.dropFirst(8))
    default: return first[byte].flatMap { name(of: $0, in: prefix) }
    }
  }

  private static func name(of marks: [Mark], in bytes: ArraySlice<UInt8>) -> String? {
    marks.first { bytes.starts(with: $0.bytes) }?.name
  }

  static func format(_ source: any ByteSource) throws(Problem) -> String? {
    for (offset, bytes, name) in far where source.size >= offset + UInt64(bytes.count) {
      if try source.bytes(at: offset, count: bytes.count, "file") == bytes { return name }
    }
    // The superblock of ext2 starts at 1024: the block size as a logarithm, and the magic number.
    guard source.size >= 2048 else { return nil }
    let block = try source.bytes(at: 1024, count: 64, "file")
    let hasBlockSize = block[24] <= 6 && block[25..<28].allSatisfy { $0 == 0 }
    return hasBlockSize && block[56..<58].elementsEqual([0x53, 0xEF]) ? "ext2, ext3 or ext4 image" : nil
  }
}

/// Compressed files of any kind.
private enum CompressedFile {
  private static let others: [(bytes: [UInt8], name: String)] = [
    ([0x04, 0x22, 0x4D, 0x18], "LZ4"), (Array("LZIP".utf8), "lzip"), ([0x1F, 0x9D], "compress"),
    ([0x89, 0x4C, 0x5A, 0x4F, 0], "lzop"), ([0x5D, 0, 0, 0x80, 0], "LZMA"),
  ]

  static func name(_ prefix: ArraySlice<UInt8>) -> String? {
    switch prefix.first ?? 0 {
    case 0x1F, 0x28, 0x42, 0xFD, 0x50...0x5F, 0x04, 0x4C, 0x89: break
    default: return nil
    }
    return switch DecompressedBytes.Compression(prefix: prefix) {
    case .gzip: "gzip"
    case .zstd: "zstd"
    case .bzip2: "bzip2"
    case .xz: "xz"
    case .deflate, nil: others.first { prefix.starts(with: $0.bytes) }?.name
    }
  }
}

/// What the name of a file says of it.
private struct FileName {
  /// What files with a suffix are.
  private enum Kind {
    case zip, tar, compressedTar, diskImage, otherArchive, code, compressed
  }

  private let bytes: ArraySlice<UInt8>
  /// By the part from the last dot on.
  private let kind: Kind?
  /// `libcudart.so.12`, `_C.so`.
  let isLibrary: Bool
  let isCompressedTar: Bool

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    var (isLibrary, isCompressedTar) = (false, false)
    // The bytes behind the last dot, eight of them at most.
    var (suffix, suffixSize): (UInt64, Int?) = (0, nil)
    for byte in bytes {
      if byte == UInt8(ascii: ".") {
        if suffixSize == 2, suffix == Self.library { isLibrary = true }
        if suffixSize == 3, suffix == Self.tar { isCompressedTar = true }
        (suffix, suffixSize) = (0, 0)
      } else {
        suffix = suffix << 8 | UInt64(byte)
        suffixSize = suffixSize.map { $0 + 1 }
      }
    }
    let kind = suffixSize.map { 1...8 ~= $0 } == true ? Self.kinds[suffix] : nil
    self.kind = kind
    self.isLibrary = isLibrary || suffixSize == 2 && suffix == Self.library
    self.isCompressedTar = isCompressedTar || kind == .compressedTar
  }

  /// By their suffixes without the dot, as numbers.
  private static let kinds: [UInt64: Kind] = {
    let suffixes: [(Kind, String)] = [
      (.zip, "whl conda zip egg jar"), (.tar, "tar"), (.compressedTar, "tgz tbz tbz2 txz tzst tlz"),
      (.diskImage, "iso img raw ext3 ext4 erofs"),
      (.otherArchive, "7z rar sif sqfs squashfs deb rpm qcow2"), (.code, "cubin fatbin ptx ltoir a o"),
      (.compressed, "gz xz zst bz2 lz4 lz Z lzma lzo"),
    ]
    let entries = suffixes.flatMap { kind, list in list.split(separator: " ").map { (number($0), kind) } }
    return Dictionary(uniqueKeysWithValues: entries)
  }()

  /// Up to eight bytes as a number, which is compared and looked up faster.
  private static func number(_ text: some StringProtocol) -> UInt64 {
    text.utf8.reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static let library = number("so")
  private static let tar = number("tar")
  private static let imageLayout = Array("oci-layout".utf8)[...]

  var isZip: Bool { kind == .zip }
  var isTar: Bool { kind == .tar }
  var isDiskImage: Bool { kind == .diskImage }
  var isImageLayout: Bool { bytes == Self.imageLayout }

  /// Whether files of this name hold device code, or other files.
  var mayHoldCode: Bool {
    switch kind {
    case .zip, .tar, .compressedTar, .diskImage, .otherArchive, .code: true
    case .compressed, nil: isLibrary || isCompressedTar
    }
  }

  /// The name without the suffix of a compression; empty where it has none.
  var withoutCompression: ArraySlice<UInt8> {
    kind == .compressed ? bytes.prefix(upTo: bytes.lastIndex(of: UInt8(ascii: ".")) ?? bytes.startIndex) : []
  }

  /// Whether files of this name without the suffix of a compression hold device code.
  var mayHoldCodeCompressed: Bool {
    let name = FileName(withoutCompression)
    return name.mayHoldCode && !name.isTar
  }
}

extension ArraySlice<UInt8> {
  /// Whether `part` is somewhere in it.
  fileprivate func contains(_ part: [UInt8]) -> Bool {
    var rest = self
    while let start = rest.firstIndex(of: part[0]) {
      rest = rest[start...]
      if rest.starts(with: part) { return true }
      rest = rest.dropFirst()
    }
    return false
  }
}
