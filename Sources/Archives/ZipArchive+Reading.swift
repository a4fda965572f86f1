public import Bytes
import Compression
import Synchronization

/// Signatures of the records (APPNOTE 4.3), as little-endian words.
private enum Signature {
  static let localHeader: UInt32 = 0x0403_4B50
  static let centralHeader: UInt32 = 0x0201_4B50
  static let endOfDirectory: UInt32 = 0x0605_4B50
  static let zip64EndOfDirectory: UInt32 = 0x0606_4B50
  static let zip64Locator: UInt32 = 0x0706_4B50
}

private let localHeaderSize = 30
private let centralHeaderSize = 46
private let endSize = 22
private let zip64EndSize: UInt64 = 56
private let zip64LocatorSize: UInt64 = 20
/// The identifier of the extra field with the sizes that have no room in a header.
private let zip64Extra: UInt16 = 1

extension ZipArchive {
  /// Whether a file with these first bytes may be a zip archive.
  public static func isZip(prefix: ArraySlice<UInt8>) -> Bool {
    guard prefix.first == 0x50 else { return false }
    // The third is the mark of an archive in several files, which one that came to be a single file keeps.
    return [[3, 4], [5, 6], [7, 8]].contains { prefix.starts(with: [0x50, 0x4B] + $0) }
  }

  /// Whether `source` ends as a zip archive does, whatever it starts with.
  public static func endsAsZip(_ source: any ByteSource) throws(Problem) -> Bool {
    guard let end = try? Directory.find(source), let directory = try? Directory(source) else { return false }
    let record = try source.bytes(at: end, count: endSize, "zip end of directory")
    let comment = UInt64(record[20]) | UInt64(record[21]) << 8
    return directory.count > 0 && end + UInt64(endSize) + comment == source.size
  }

  /// Reads the central directory of `source`.
  ///
  /// - Parameter decompression: bytes that may be decompressed of all members together; nil for no limit but those of each.
  /// - Throws: a ``Problem`` when there is no directory.
  public init(
    _ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits(), decompression: Budget? = nil
  ) throws(Problem) {
    self.source = source
    self.limits = limits
    self.decompression = decompression
    let directory = try Directory(source)
    if directory.prefix > 0 {
      let start = try source.bytes(at: 0, count: Int(min(source.size, 4)), "zip archive")
      // A script in front makes the archive a program, and of two archives the last one counts.
      if !start.starts(with: "#!".utf8), !Self.isZip(prefix: start[...]) {
        problems.append(
          Problem(
            .invalidValue, "zip archive", at: 0, expected: "its first member",
            observed: "\(directory.prefix) other bytes in front"))
      }
    }
    try readMembers(directory)
    keepLastOfEachPath()
    dropOverlapping(directory)
  }

  private mutating func readMembers(_ directory: Directory) throws(Problem) {
    var window = ByteWindow(source, capacity: 64 << 10)
    var position = directory.range.lowerBound
    var count: UInt64 = 0
    while position < directory.range.upperBound {
      guard members.count < limits.zipMembers else {
        problems.append(
          withinLimit: Problem(
            .limitExceeded, "zip members", at: position, expected: limits.atMost(.zipMembers),
            observed: "\(max(directory.count, count + 1))"))
        return
      }
      do {
        position = try readMember(at: position, directory, &window)
      } catch {
        problems.append(withinLimit: error)
        return
      }
      count += 1
    }
    if count != directory.count {
      problems.append(
        withinLimit: Problem(
          .mismatch, "number of zip members", at: directory.range.upperBound, expected: "\(directory.count)",
          observed: "\(count)"))
    }
  }

  /// Adds the member whose central header lies at `position`; returns where the next one lies.
  ///
  /// - Throws: a ``Problem`` when there is no header, so that none can follow.
  private mutating func readMember(
    at position: UInt64, _ directory: Directory, _ window: inout ByteWindow
  ) throws(Problem) -> UInt64 {
    let field: StaticString = "zip central header"
    let lengths = try window.withBytes(at: position, count: centralHeaderSize, field) {
      (view) throws(Problem) in
      let signature = try view.u32(0, field)
      guard signature == Signature.centralHeader else {
        throw Problem(
          .invalidValue, "zip central header", at: position, expected: hexadecimal(Signature.centralHeader),
          observed: hexadecimal(signature))
      }
      return (
        name: Int(try view.u16(28, field)), extra: Int(try view.u16(30, field)),
        comment: Int(try view.u16(32, field))
      )
    }
    let size = centralHeaderSize + lengths.name + lengths.extra + lengths.comment
    guard UInt64(size) <= directory.range.upperBound - position else {
      throw Problem(.outOfBounds, "zip central header", at: position)
    }
    var broken: Problem?
    let member = try window.withBytes(at: position, count: size, field) { (view) throws(Problem) in
      var member = ZipMember(
        path: Path(bytes: try view.bytes(centralHeaderSize..<centralHeaderSize + lengths.name, field)),
        method: .init(rawValue: try view.u16(10, field)), flags: .init(rawValue: try view.u16(8, field)),
        checksum: try view.u32(16, field), compressedSize: UInt64(try view.u32(20, field)),
        size: UInt64(try view.u32(24, field)), mode: 0, headerOffset: UInt64(try view.u32(42, field)), end: 0)
      // The upper byte says which system made the member; only Unix has modes.
      if try view.u8(5, field) == 3 { member.mode = try view.u32(38, field) >> 16 }
      let extra = centralHeaderSize + lengths.name
      let fields = try view.slice(extra..<extra + lengths.extra, field)
      do throws(Problem) { try member.readZip64(fields) } catch { broken = error }
      return member
    }
    if let broken {
      problems.append(withinLimit: broken)
    } else {
      add(member, directory, at: position)
    }
    return position + UInt64(size)
  }

  private mutating func add(_ member: ZipMember, _ directory: Directory, at position: UInt64) {
    var member = member
    let name = printable(member.path.bytes.prefix(256))
    func report(_ problem: Problem) { problems.append(withinLimit: problem) }
    guard !member.path.bytes.isEmpty, !member.path.bytes.contains(0) else {
      return report(Problem(.invalidValue, "zip member path", at: position, observed: "\"\(name)\""))
    }
    guard member.path.bytes.count <= limits.pathLength else {
      return report(
        Problem(
          .limitExceeded, "zip member path", at: position, expected: limits.atMost(.pathLength),
          observed: "\(member.path.bytes.count)"))
    }
    if member.path.leavesRoot(absolute: true) {
      report(
        Problem(
          .outOfBounds, "zip member path", at: position, expected: "a path inside the archive", observed: name
        ))
    }
    let (offset, overflow) = member.headerOffset.addingReportingOverflow(directory.prefix)
    guard !overflow, offset < directory.range.lowerBound,
      member.leastSize <= directory.range.lowerBound - offset
    else {
      return report(
        Problem(
          .outOfBounds, "zip member \(name)", at: position,
          expected: "before the directory at \(directory.range.lowerBound)",
          observed: "\(member.compressedSize) bytes at \(hexadecimal(member.headerOffset))"))
    }
    member.headerOffset = offset
    members.append(member)
  }

  private mutating func keepLastOfEachPath() {
    var last: [Path: Int] = [:]
    last.reserveCapacity(members.count)
    for (index, member) in members.enumerated() { last[member.path] = index }
    guard last.count < members.count else { return }
    var kept: [ZipMember] = []
    for (index, member) in members.enumerated() {
      if last[member.path] == index {
        kept.append(member)
      } else {
        problems.append(
          withinLimit: Problem(
            .invalidValue, "zip member \(printable(member.path.bytes.prefix(256)))", at: member.headerOffset,
            expected: "one member of this name", observed: "another, which counts"))
      }
    }
    members = kept
  }

  /// Tells each member where it must end, and drops those that reach into the next one.
  private mutating func dropOverlapping(_ directory: Directory) {
    let order = members.indices.sorted { members[$0].headerOffset < members[$1].headerOffset }
    var end = directory.range.lowerBound
    var dropped: Set<Int> = []
    for index in order.reversed() {
      let member = members[index]
      if member.leastSize > end - member.headerOffset {
        dropped.insert(index)
        problems.append(withinLimit: member.overlap)
      }
      members[index].end = end
      end = member.headerOffset
    }
    guard !dropped.isEmpty else { return }
    members = members.indices.filter { !dropped.contains($0) }.map { members[$0] }
  }
}

extension ZipMember {
  /// The fewest bytes that the member takes: its local header with the name, and its data.
  fileprivate var leastSize: UInt64 {
    let (sum, overflow) = compressedSize.addingReportingOverflow(UInt64(localHeaderSize + path.bytes.count))
    return overflow ? .max : sum
  }

  fileprivate var overlap: Problem {
    Problem(.overlap, "zip member \(printable(path.bytes.prefix(256)))", at: headerOffset)
  }

  /// Takes what has no room in the header from the extra fields (APPNOTE 4.5.3).
  fileprivate mutating func readZip64(_ extra: borrowing ByteView) throws(Problem) {
    let field: StaticString = "zip64 extra field"
    var position = 0
    while position + 4 <= extra.count {
      let identifier = try extra.u16(position, field)
      let end = position + 4 + Int(try extra.u16(position + 2, field))
      guard identifier == zip64Extra else {
        position = end
        continue
      }
      let view = try extra.slice(position..<end, field)
      var next = 4
      func value(_ current: UInt64) throws(Problem) -> UInt64 {
        guard current == UInt32.max else { return current }
        defer { next += 8 }
        return try view.u64(next, field)
      }
      size = try value(size)
      compressedSize = try value(compressedSize)
      headerOffset = try value(headerOffset)
      return
    }
  }
}

/// Where the central directory lies.
private struct Directory {
  var range: Range<UInt64>
  /// Members that the directory says it has.
  var count: UInt64
  /// Bytes in front of the archive, which its offsets do not count.
  var prefix: UInt64

  init(_ source: any ByteSource) throws(Problem) {
    let field: StaticString = "zip end of directory"
    let end = try Self.find(source)
    let record = try source.bytes(at: end, count: endSize, field)
    // Elements of type UInt8 have no padding, so all their bytes are initialised.
    let view = unsafe ByteView(record.span.bytes, base: end)
    var disks: (UInt32, UInt32) = (UInt32(try view.u16(4, field)), UInt32(try view.u16(6, field)))
    count = UInt64(try view.u16(10, field))
    var size = UInt64(try view.u32(12, field))
    var offset = UInt64(try view.u32(16, field))
    var behind = end
    if let place = try Self.findZip64(source, end) {
      let record = try source.bytes(at: place, count: Int(zip64EndSize), field)
      let view = unsafe ByteView(record.span.bytes, base: place)
      disks = (try view.u32(16, field), try view.u32(20, field))
      count = try view.u64(32, field)
      size = try view.u64(40, field)
      offset = try view.u64(48, field)
      behind = place
    }
    guard disks == (0, 0) else {
      throw Problem(.unsupported, "zip archive", at: end, observed: "a part of one in several files")
    }
    guard size <= behind, offset <= behind - size else {
      throw Problem(
        .outOfBounds, "zip directory", at: end, expected: "before \(hexadecimal(behind))",
        observed: "\(size) bytes at \(hexadecimal(offset))")
    }
    range = behind - size..<behind
    prefix = behind - size - offset
  }

  /// The last end record: at the end of the source, or in front of a comment.
  static func find(_ source: any ByteSource) throws(Problem) -> UInt64 {
    let count = min(source.size, UInt64(endSize + 0xFFFF))
    let start = source.size - count
    let tail = try source.bytes(at: start, count: Int(count), "zip archive")
    let view = unsafe ByteView(tail.span.bytes, base: start)
    var position = tail.count - endSize
    while position >= 0 {
      if tail[position] == 0x50, try view.u32(position, "zip signature") == Signature.endOfDirectory,
        position + endSize + Int(try view.u16(position + 20, "zip comment length")) <= tail.count
      {
        return start + UInt64(position)
      }
      position -= 1
    }
    throw Problem(
      .truncated, "zip archive", at: source.size, expected: "a directory at the end", observed: "none")
  }

  /// The zip64 record that belongs to the end record at `end`.
  private static func findZip64(_ source: any ByteSource, _ end: UInt64) throws(Problem) -> UInt64? {
    let field: StaticString = "zip64 end of directory"
    guard end >= zip64LocatorSize + zip64EndSize else { return nil }
    let place = end - zip64LocatorSize - zip64EndSize
    let bytes = try source.bytes(at: place, count: Int(zip64EndSize + zip64LocatorSize), field)
    let view = unsafe ByteView(bytes.span.bytes, base: place)
    guard try view.u32(Int(zip64EndSize), field) == Signature.zip64Locator else { return nil }
    if try view.u32(0, field) == Signature.zip64EndOfDirectory { return place }
    // With data of its own the record is longer and starts where the locator says.
    let claimed = try view.u64(Int(zip64EndSize) + 8, field)
    guard claimed < place,
      try source.bytes(at: claimed, count: 4, field) == [0x50, 0x4B, 6, 6]
    else {
      throw Problem(.invalidValue, "zip64 end of directory", at: place)
    }
    return claimed
  }
}

extension ZipArchive {
  /// What a member holds. Stored members are read in place, others are decompressed as far as they are read.
  ///
  /// - Throws: a ``Problem`` when the member is encrypted, compressed in a way that is not supported, larger than the
  ///   limit, or when its own header does not agree with the directory.
  public func contents(of member: ZipMember) throws(Problem) -> any ByteSource {
    if let stream = largeStreams.reopen(member) { return stream }
    let (stored, compression) = try stored(member)
    guard let compression else { return stored }
    return try DecompressedBytes(
      stored, compression, size: member.size, checksum: member.checksum, limit: limits.memberSize,
      named: .memberSize, memory: DecompressedBytes.memberMemory, budget: decompression, notesSource: true)
  }

  /// Reads what was not yet read of a member, and compares its checksum; who opens a large one again need not start again.
  ///
  /// - Parameter contents: what ``contents(of:)`` gave.
  /// - Throws: a ``Problem`` when the checksum is another one, and whatever reading throws.
  public func verify(_ member: ZipMember, contents: any ByteSource) throws(Problem) {
    if let contents = contents as? DecompressedBytes {
      try contents.finish()
      return largeStreams.keep(contents, of: member)
    }
    var sum = Checksum()
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var offset: UInt64 = 0
    while offset < contents.size {
      let count = try contents.read(at: offset, count: buffer.count, into: &buffer)
      guard count > 0 else { throw Problem(.changedWhileReading, "zip member", at: offset) }
      sum.add(buffer, 0..<count)
      offset += UInt64(count)
    }
    guard sum.value == member.checksum else {
      throw Problem(
        .mismatch, "zip member", expected: "the CRC-32 \(hexadecimal(member.checksum))",
        observed: hexadecimal(sum.value))
    }
  }

  /// The first bytes of a member, up to `count`; cheaper than ``contents(of:)`` where they tell that no more is needed.
  ///
  /// - Throws: a ``Problem`` as ``contents(of:)`` does.
  public func prefix(of member: ZipMember, count: Int) throws(Problem) -> [UInt8] {
    let (stored, compression) = try stored(member)
    let count = Int(min(UInt64(count), member.size))
    var bytes = [UInt8](repeating: 0, count: count)
    let read =
      switch compression {
      case nil: try stored.read(at: 0, count: count, into: &bytes)
      case .deflate: try Inflater(stored, .none).read(into: &bytes, 0..<count)
      default: try contents(of: member).read(at: 0, count: count, into: &bytes)
      }
    guard read == count else {
      throw Problem(
        .mismatch, "zip member \(printable(member.path.bytes.prefix(256)))", at: member.headerOffset,
        expected: "\(member.size) bytes", observed: "\(read)")
    }
    return bytes
  }

  /// The bytes of a member as they are in the archive, and how they are compressed.
  private func stored(
    _ member: ZipMember
  ) throws(Problem) -> (SubrangeBytes, DecompressedBytes.Compression?) {
    func problem(_ code: Problem.Code, expected: String? = nil, observed: String) -> Problem {
      Problem(
        code, "zip member \(printable(member.path.bytes.prefix(256)))", at: member.headerOffset,
        expected: expected, observed: observed)
    }
    guard !member.flags.contains(.encrypted) else { throw problem(.unsupported, observed: "encrypted") }
    guard member.size <= limits.memberSize else {
      throw problem(
        .limitExceeded, expected: limits.atMost(.memberSize), observed: "\(member.size)")
    }
    let compression: DecompressedBytes.Compression?
    switch member.method {
    case .stored:
      guard member.compressedSize == member.size else {
        throw problem(
          .mismatch, expected: "\(member.size) bytes", observed: "\(member.compressedSize), stored")
      }
      compression = nil
    case .deflate: compression = .deflate
    case .bzip2: compression = .bzip2
    case .zstd: compression = .zstd
    case .xz: compression = .xz
    default: throw problem(.unsupported, observed: "compression method \(member.method.rawValue)")
    }
    return (SubrangeBytes(source, try data(of: member)), compression)
  }

  /// Where the data of a member lies in the source.
  private func data(of member: ZipMember) throws(Problem) -> Range<UInt64> {
    let field: StaticString = "zip local header"
    let header = try source.bytes(
      at: member.headerOffset, count: localHeaderSize + member.path.bytes.count, field)
    let view = unsafe ByteView(header.span.bytes, base: member.headerOffset)
    guard try view.u32(0, field) == Signature.localHeader else {
      throw Problem(.invalidValue, "zip local header", at: member.headerOffset)
    }
    guard Int(try view.u16(26, field)) == member.path.bytes.count,
      header[localHeaderSize...].elementsEqual(member.path.bytes),
      try view.u16(8, field) == member.method.rawValue
    else {
      throw Problem(
        .mismatch, "zip local header", at: member.headerOffset,
        expected: "name and method as in the directory: \(printable(member.path.bytes.prefix(256)))")
    }
    let start = member.headerOffset + UInt64(header.count) + UInt64(try view.u16(28, field))
    guard start <= member.end, member.compressedSize <= member.end - start else { throw member.overlap }
    return start..<start + member.compressedSize
  }
}

/// Places in large members that were read, from which reading can go on.
final class LargeStreams: Sendable {
  private static let leastSize: UInt64 = 16 << 20
  /// Members, and checkpoints of each of 54 KiB: 3.5 MB in all.
  private static let memberLimit = 4
  private static let checkpointLimit = 16

  /// By the places of the members' headers.
  private let streams = Mutex<[UInt64: DecompressedBytes]>([:])

  func keep(_ stream: DecompressedBytes, of member: ZipMember) {
    guard member.method == .deflate, member.size >= Self.leastSize else { return }
    streams.withLock { streams in
      guard streams.count < Self.memberLimit else { return }
      streams[member.headerOffset] = stream.reopened(keepingCheckpoints: Self.checkpointLimit)
    }
  }

  func reopen(_ member: ZipMember) -> DecompressedBytes? {
    streams.withLock { $0[member.headerOffset]?.reopened() }
  }
}
