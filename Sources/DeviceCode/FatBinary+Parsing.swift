import Bytes
import Compression

extension FatBinaryEntry {
  init(_ view: borrowing ByteView, at offset: Int = 0) throws(Problem) {
    kind = ImageKind(rawValue: try view.u16(offset, "entry kind"))
    headerSize = try view.u32(offset + 0x04, "entry header size")
    paddedSize = try view.u64(offset + 0x08, "entry payload size")
    storedSize = try view.u32(offset + 0x10, "entry compressed size")
    optionsOffset = try view.u32(offset + 0x14, "entry options offset")
    minor = try view.u16(offset + 0x18, "entry minor version")
    major = try view.u16(offset + 0x1A, "entry major version")
    number = try view.u32(offset + 0x1C, "entry SM number")
    identifierOffset = try view.u32(offset + 0x20, "entry identifier offset")
    identifierLength = try view.u32(offset + 0x24, "entry identifier length")
    flags = EntryFlags(rawValue: try view.u64(offset + 0x28, "entry flags"))
    uncompressedSize = try view.u64(offset + 0x38, "entry uncompressed size")
  }
}

/// The header of a fat binary.
struct FatBinaryHeader {
  var version: UInt16
  var headerSize: UInt16
  var size: UInt64

  /// - Throws: a ``Problem`` when the magic is missing or the view ends too early.
  init(_ view: borrowing ByteView) throws(Problem) {
    let magic = try view.u32(0, "fat binary magic")
    guard magic == FatBinary.magic else {
      throw Problem(
        .invalidValue, "fat binary magic", at: view.base, expected: hexadecimal(FatBinary.magic),
        observed: hexadecimal(magic))
    }
    version = try view.u16(4, "fat binary version")
    headerSize = try view.u16(6, "fat binary header size")
    size = try view.u64(8, "fat binary size")
  }

  /// Whether all fields have the only values ever seen.
  var isPlausible: Bool {
    version == FatBinary.version && UInt64(headerSize) == FatBinary.headerSize && size % 8 == 0
  }
}

extension InventoryBuilder {
  /// Adds the fat binary at `offset`; returns where it ends, and whether it claims more than there is before
  /// `limit`, the end of the section.
  ///
  /// The images before a broken place are kept. One that claims too much ends behind the last of them, so that a
  /// wrong size hides nothing.
  ///
  /// - Throws: a ``Problem`` when not even the header can be read.
  mutating func addFatBinary(at offset: UInt64, limit: UInt64, place: Module.Place, section: String)
    throws(Problem) -> (end: UInt64, isCut: Bool)
  {
    let header = try window.withBytes(at: offset, count: Int(FatBinary.headerSize), "fat binary header") {
      (view) throws(Problem) in try FatBinaryHeader(view)
    }
    if header.version != FatBinary.version {
      report(
        .unknownValue, "fat binary version", at: offset + 4, expected: "\(FatBinary.version)",
        observed: "\(header.version)")
    }
    let headerSize = UInt64(header.headerSize)
    guard headerSize >= FatBinary.headerSize, headerSize <= limit - offset else {
      throw Problem(
        .invalidValue, "fat binary header size", at: offset + 6, expected: "\(FatBinary.headerSize)",
        observed: "\(headerSize)")
    }
    if headerSize != FatBinary.headerSize {
      report(
        .unknownValue, "fat binary header size", at: offset + 6, expected: "\(FatBinary.headerSize)",
        observed: "\(headerSize)")
    }
    if header.size % 8 != 0 {
      report(
        .invalidValue, "fat binary size", at: offset + 8, expected: "a multiple of 8",
        observed: "\(header.size)")
    }
    let start = offset + headerSize
    var end = limit
    var isCut = false
    if header.size <= limit - start {
      end = start + header.size
    } else {
      isCut = true
      report(
        outside(limit), "fat binary size", at: offset + 8, expected: "at most \(limit - start) bytes",
        observed: "\(header.size) bytes")
    }
    beginModule(place: place, section: section, offset: offset)
    var position = start
    while position < end, !isFull() {
      do {
        position = try addEntry(at: position, limit: end)
      } catch {
        // Without a trustworthy stride the next entry cannot be found. Where the fat binary itself is cut, that
        // has been said.
        if !isCut { report(error) }
        end = isCut ? position : nextFatBinary(from: position, before: end) ?? end
        break
      }
    }
    endModule(at: end)
    return (end, isCut)
  }

  /// Where the next fat binary starts, when nothing but padding lies between `position` and it.
  private mutating func nextFatBinary(from position: UInt64, before end: UInt64) -> UInt64? {
    var place = position
    while place + FatBinary.headerSize <= end, place - position < FatBinary.paddingLimit {
      guard let word = try? window.u64(at: place, "fat binary magic") else { return nil }
      if UInt32(truncatingIfNeeded: word) == FatBinary.magic { return place }
      if word != 0 { return nil }
      place += 8
    }
    return nil
  }

  /// The code for something that reaches past `limit`: the file ends there, or something else starts.
  private func outside(_ limit: UInt64) -> Problem.Code { limit >= source.size ? .truncated : .outOfBounds }

  /// Adds the image or images of the entry at `offset`; returns where the next entry starts.
  private mutating func addEntry(at offset: UInt64, limit: UInt64) throws(Problem) -> UInt64 {
    guard limit - offset >= UInt64(FatBinary.entrySize) else {
      throw Problem(
        .truncated, "entry header", at: offset, expected: "\(FatBinary.entrySize) bytes",
        observed: "\(limit - offset) bytes")
    }
    let entry = try window.withBytes(at: offset, count: FatBinary.entrySize, "entry header") {
      (view) throws(Problem) in try FatBinaryEntry(view)
    }
    let headerSize = UInt64(entry.headerSize)
    guard headerSize >= UInt64(FatBinary.entrySize) else {
      throw Problem(
        .invalidValue, "entry header size", at: offset + 0x04, expected: "at least \(FatBinary.entrySize)",
        observed: "\(headerSize)")
    }
    guard headerSize <= min(limit - offset, FatBinary.entryHeaderLimit) else {
      throw Problem(
        outside(limit), "entry header size", at: offset + 0x04,
        expected: "at most \(min(limit - offset, FatBinary.entryHeaderLimit)) bytes",
        observed: "\(headerSize) bytes")
    }
    let payload = offset + headerSize
    guard entry.paddedSize <= limit - payload else {
      throw Problem(
        outside(limit), "entry payload size", at: offset + 0x08, expected: "at most \(limit - payload) bytes",
        observed: "\(entry.paddedSize) bytes")
    }
    if entry.paddedSize == 0 {
      report(
        .invalidValue, "entry payload size", at: offset + 0x08, expected: "more than nothing", observed: "0")
    }
    if entry.kind == .concatenated {
      addMembers(of: entry, at: offset)
    } else {
      addImage(of: entry, at: offset)
    }
    return payload + entry.paddedSize
  }

  private mutating func addImage(of entry: FatBinaryEntry, at offset: UInt64) {
    checkFields(of: entry, at: offset)
    let (stored, size) = sizes(of: entry, at: offset)
    let payload = offset + UInt64(entry.headerSize)
    var image = describe(entry, at: offset, payload: payload, storedSize: stored, size: size)
    image.identifier = identifier(of: entry, at: offset)
    checkOptions(of: entry, at: offset)
    if entry.kind == .cubin, image.compression == .none { readCubin(&image, at: payload) }
    if entry.kind == .ptx { image.ptxHeader = ptxHeader(of: image) }
    add(image)
  }

  /// What the PTX of an entry says of itself: here, where the reader is near it anyway. What cannot be read is told by those
  /// who ask for the payload.
  private func ptxHeader(of image: DeviceImage) -> PTXHeader? {
    guard image.size <= Payload.limit else { return nil }
    return try? image.ptxHeader { (count) throws(Problem) in
      try prefix(of: image, in: source, Codec(image.compression), count: count)
    }
  }

  /// The image of an entry or member, from its header alone.
  private func describe(
    _ entry: FatBinaryEntry, at header: UInt64, payload: UInt64, storedSize: UInt64, size: UInt64
  ) -> DeviceImage {
    let isPTX = entry.kind == .ptx || entry.kind == .relocatablePTX
    return DeviceImage(
      kind: entry.kind, target: entry.target, offset: payload, headerOffset: header, storedSize: storedSize,
      size: size,
      compression: entry.compression, flags: entry.flags,
      ptxISA: isPTX ? PTXISAVersion(Int(entry.major), Int(entry.minor)) : nil,
      abiVersion: entry.kind == .cubin ? entry.minor : nil)
  }

  private mutating func checkFields(of entry: FatBinaryEntry, at offset: UInt64) {
    switch entry.kind {
    case .ptx, .cubin, .oldCubin, .ltoIR, .cubinVariant, .index, .relocatablePTX, .tileIR, .concatenated:
      break
    default: report(.unknownValue, "entry kind", at: offset, observed: hexadecimal(entry.kind.rawValue))
    }
    let unknown = entry.flags.subtracting(FatBinary.knownFlags)
    if !unknown.isEmpty {
      report(.unknownValue, "entry flags", at: offset + 0x28, observed: hexadecimal(unknown.rawValue))
    }
    if entry.flags.intersection(.codecs).rawValue.nonzeroBitCount > 1 {
      report(
        .invalidValue, "entry flags", at: offset + 0x28, expected: "at most one compression",
        observed: hexadecimal(entry.flags.rawValue))
    }
    if entry.flags.isSuperset(of: [.architectureSpecific, .familySpecific]) {
      report(
        .invalidValue, "entry flags", at: offset + 0x28, expected: "at most one target suffix",
        observed: "a and f")
    }
  }

  /// Checks that the table of options and its string lie in the entry's header.
  private mutating func checkOptions(of entry: FatBinaryEntry, at offset: UInt64) {
    guard entry.optionsOffset != 0 else { return }
    var end = UInt64(entry.optionsOffset) + 8
    if end <= UInt64(entry.headerSize) {
      end = max(end, (try? endOfOptions(of: entry, at: offset)) ?? .max)
    }
    if end > UInt64(entry.headerSize) {
      report(
        .outOfBounds, "entry options", at: offset + 0x14, expected: "within \(entry.headerSize) bytes",
        observed: "up to \(end)")
    }
  }

  /// Where the string that the table of options names ends: bytes from the start of the entry.
  private mutating func endOfOptions(of entry: FatBinaryEntry, at offset: UInt64) throws(Problem) -> UInt64 {
    try window.withBytes(at: offset + UInt64(entry.optionsOffset), count: 8, "entry options") {
      (view) throws(Problem) in
      UInt64(try view.u32(0, "options offset")) + UInt64(try view.u32(4, "options size"))
    }
  }

  /// Stored and decompressed size of an entry's payload.
  private mutating func sizes(of entry: FatBinaryEntry, at offset: UInt64) -> (UInt64, UInt64) {
    guard entry.compression != .none else { return (entry.paddedSize, entry.paddedSize) }
    var stored = UInt64(entry.storedSize)
    if stored == 0 {
      stored = entry.paddedSize
    } else if stored > entry.paddedSize {
      report(
        .mismatch, "entry compressed size", at: offset + 0x10, expected: "at most \(entry.paddedSize) bytes",
        observed: "\(stored) bytes")
      stored = entry.paddedSize
    }
    if entry.uncompressedSize > FatBinary.imageLimit {
      report(
        .limitExceeded, "entry uncompressed size", at: offset + 0x38,
        expected: "at most \(FatBinary.imageLimit) bytes", observed: "\(entry.uncompressedSize) bytes")
    }
    return (stored, entry.uncompressedSize)
  }

  private mutating func identifier(of entry: FatBinaryEntry, at offset: UInt64) -> String? {
    guard entry.identifierOffset != 0, entry.identifierLength != 0 else { return nil }
    let end = UInt64(entry.identifierOffset) + UInt64(entry.identifierLength)
    guard end <= UInt64(entry.headerSize) else {
      report(
        .outOfBounds, "entry identifier", at: offset + 0x20, expected: "within \(entry.headerSize) bytes",
        observed: "\(entry.identifierLength) bytes at \(entry.identifierOffset)")
      return nil
    }
    let place = offset + UInt64(entry.identifierOffset)
    return try? window.withBytes(at: place, count: Int(entry.identifierLength), "entry identifier") { view in
      view.text()
    }
  }

  // MARK: Concatenated entries

  /// Adds one image per member of the concatenated entry at `offset`.
  ///
  /// Behind the fixed part lie a count, the size of the whole table, and one descriptor per member: laid out
  /// like an entry's fixed part with its tables and strings, in which the header size is the member's offset in
  /// the decompressed payload and the payload size its size there.
  private mutating func addMembers(of entry: FatBinaryEntry, at offset: UInt64) {
    checkFields(of: entry, at: offset)
    let (stored, total) = sizes(of: entry, at: offset)
    let payload = offset + UInt64(entry.headerSize)
    let table = offset + UInt64(entry.optionsOffset)
    do throws(Problem) {
      guard entry.optionsOffset >= UInt32(FatBinary.entrySize),
        UInt64(entry.optionsOffset) + 8 <= UInt64(entry.headerSize)
      else {
        throw Problem(
          .outOfBounds, "member table offset", at: offset + 0x14,
          expected: "\(FatBinary.entrySize) to \(entry.headerSize)", observed: "\(entry.optionsOffset)")
      }
      let (count, size) = try window.withBytes(at: table, count: 8, "member table") {
        (view) throws(Problem) in
        (try view.u32(0, "member count"), UInt64(try view.u32(4, "member table size")))
      }
      var end = payload
      if size <= payload - table {
        end = table + size
      } else {
        report(
          .outOfBounds, "member table size", at: table + 4, expected: "at most \(payload - table) bytes",
          observed: "\(size) bytes")
      }
      if count == 0, stored > 0 {
        report(.mismatch, "member count", at: table, expected: "members for \(stored) bytes", observed: "0")
      }
      var position = table + 8
      for index in 0..<count {
        if isFull() { break }
        guard position + UInt64(FatBinary.entrySize) <= end else {
          throw Problem(
            .outOfBounds, "member count", at: table, expected: "at most \(index)", observed: "\(count)")
        }
        position = try addMember(
          of: entry, at: position, limit: end, payload: payload, stored: stored, total: total)
      }
    } catch {
      report(error)
    }
  }

  /// Adds the member whose descriptor is at `place`; returns where the next descriptor starts.
  private mutating func addMember(
    of entry: FatBinaryEntry, at place: UInt64, limit: UInt64, payload: UInt64, stored: UInt64, total: UInt64
  ) throws(Problem) -> UInt64 {
    var member = try window.withBytes(at: place, count: FatBinary.entrySize, "member descriptor") {
      (view) throws(Problem) in try FatBinaryEntry(view)
    }
    let start = UInt64(member.headerSize)
    let size = member.paddedSize
    if start > total || size > total - start {
      report(
        .outOfBounds, "member size", at: place + 0x08, expected: "within \(total) bytes",
        observed: "\(size) bytes at \(start)")
    }
    // The members share the entry's one stream, so its compression is theirs.
    member.flags = member.flags.subtracting(.codecs).union(entry.flags.intersection(.codecs))
    checkFields(of: member, at: place)
    if member.kind == .concatenated {
      report(.invalidValue, "member kind", at: place, expected: "an image", observed: "a concatenated entry")
    }
    var image = describe(member, at: place, payload: payload, storedSize: stored, size: size)
    image.memberOffset = start
    image.payloadSize = total
    member.headerSize = UInt32(clamping: limit - place)
    image.identifier = identifier(of: member, at: place)
    if member.kind == .cubin, entry.compression == .none, start <= stored, size <= stored - start {
      image.storedSize = size
      readCubin(&image, at: payload + start)
    }
    add(image)
    let length = try descriptorLength(of: member, at: place)
    guard length <= limit - place else {
      throw Problem(
        .outOfBounds, "member descriptor", at: place, expected: "at most \(limit - place) bytes",
        observed: "\(length) bytes")
    }
    return place + length
  }

  /// The length of a member's descriptor, which no field states: the fixed part, or up to the final zero of the
  /// last string, rounded up to 8 bytes.
  private mutating func descriptorLength(of member: FatBinaryEntry, at place: UInt64) throws(Problem)
    -> UInt64
  {
    var end: UInt64 = 0
    if member.identifierOffset != 0 {
      end = UInt64(member.identifierOffset) + UInt64(member.identifierLength) + 1
    }
    if member.optionsOffset != 0 {
      end = max(end, try endOfOptions(of: member, at: place) + 1)
    }
    return (max(end, UInt64(FatBinary.entrySize)) + 7) / 8 * 8
  }
}
