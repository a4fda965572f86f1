public import Bytes
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
  /// - Parameter decompression: bytes that may be decompressed of this file and others together; nil for no limit but those
  ///   of the file.
  public init(_ source: any ByteSource, decompression: Budget? = nil) {
    var reader = FileReader(inflation: InflationBudget(shared: decompression))
    reader.read(source, base: 0, member: nil)
    for absent in reader.absentCode { reader.problems.append(withinLimit: absent.problem) }
    self.init(
      format: reader.format, size: source.size, inventory: reader.inventory,
      foreignDeviceCode: reader.foreign, absentCode: reader.absentCode, problems: reader.problems,
      elf: reader.elf)
    mentionsPTX = reader.mentionsPTX
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
    default:
      return needsLongPrefix(first) && PTXHeader.startsLikePTX(prefix)
        || digestSize(prefix: prefix) > 0
    }
  }

  /// Bytes before a cubin in a file of CuPy's cache, which starts with the SHA-1 of the cubin in hexadecimal digits: 40, or 0
  /// for another file (CuPy, cupy/cuda/compiler.py).
  fileprivate static func digestSize(prefix: ArraySlice<UInt8>) -> Int {
    let size = 40
    let isDigest = prefix.prefix(size).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    return isDigest && prefix.dropFirst(size).starts(with: [0x7F, 0x45, 0x4C, 0x46]) ? size : 0
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
  let inflation: InflationBudget
  var format = InspectedFile.Format.other
  var inventory = Inventory()
  var foreign: [String] = []
  var absentCode: [AbsentCode] = []
  var problems: [Problem] = []
  var mentionsPTX = false
  var elf: ELFFile?

  init(inflation: InflationBudget) { self.inflation = inflation }

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
    let digestSize = UInt64(InspectedFile.digestSize(prefix: prefix[...]))
    if digestSize > 0 {
      read(SubrangeBytes(source, digestSize..<source.size), base: base + digestSize, member: member)
      return
    }
    var builder = InventoryBuilder(source, base: base, member: member, inflation: inflation)
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
          if member == nil {
            self.elf = elf
            mentionsPTX = builder.mentionsPTX
          }
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
          builder.report(PTXHeader.missing)
        }
      }
    }
    inventory.append(builder.inventory)
    for absent in builder.absentCode { absentCode.add(absent) }
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
    do {
      try addCubin(at: 0, limit: source.size, place: .standalone, section: "")
    } catch {
      report(error)
    }
  }

  /// Adds the LTO-IR that the source is, as a module of one image.
  fileprivate mutating func addStandaloneLTOIR() {
    do {
      let target = try window.withBytes(at: 0, count: LTOIR.headerSize, "LTO-IR header") {
        (view) throws(Problem) in try LTOIR.target(view)
      }
      beginModule(place: .standalone, section: "", offset: 0)
      add(DeviceImage(kind: .ltoIR, target: target, storedSize: source.size, size: source.size))
      endModule(at: source.size)
    } catch {
      report(error)
    }
  }
}
