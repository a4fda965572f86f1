import Bytes
import CElf
import Glibc

/// Memory as large as a source that is no file, for libelf: what libelf reads is filled in, the pages of the rest
/// are never touched and cost nothing.
@safe final class SparseImage {
  /// The most bytes of section names, and of one table of a static library, that are filled in.
  private static let tableLimit: UInt64 = 32 << 20
  /// The most bytes of a table of sections or segments: 131,072 sections, for each of which libelf takes as much again
  /// and more.
  private static let headersLimit: UInt64 = 8 << 20

  let bytes: UnsafeMutableRawBufferPointer
  private let source: any ByteSource
  private let size: UInt64

  /// Fills in headers, section names, the dynamic segment and the notes of an ELF file, or the headers and name tables
  /// of a static library.
  ///
  /// - Throws: a ``Problem`` when the source cannot be read or there is no memory.
  init(_ source: any ByteSource) throws(Problem) {
    // What libelf reads of a file by itself is not counted either.
    self.source = (source as? CountedBytes)?.source ?? source
    size = min(source.size, UInt64(Int.max))
    let memory = unsafe mmap(
      nil, max(Int(size), 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
      unsafe bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      throw Problem(.unreadable, "ELF file", observed: errorText(errno))
    }
    unsafe bytes = UnsafeMutableRawBufferPointer(start: memory, count: Int(size))
    try fill(0, 64)
    if size >= 8, unsafe bytes[..<8].elementsEqual("!<arch>\n".utf8) {
      try fillLibrary()
    } else if size >= 64 {
      try fillFile()
    }
  }

  deinit {
    if let start = unsafe bytes.baseAddress { unsafe munmap(start, max(Int(size), 1)) }
  }

  /// Copies the `count` bytes at `offset`, as far as they are there.
  private func fill(_ offset: UInt64, _ count: UInt64) throws(Problem) {
    guard offset < size else { return }
    let count = Int(min(count, size - offset))
    // The range was cut to the memory, and no other access to it lasts longer than this call.
    let part = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[Int(offset)..<Int(offset) + count])
    var span = unsafe MutableRawSpan(_unsafeBytes: part)
    let read = try source.read(at: offset, count: count, into: &span)
    guard read == count else { throw Problem(.changedWhileReading, "ELF file", at: offset + UInt64(read)) }
  }

  /// Copies the table at `offset` unless it is larger than any that is real.
  private func fillTable(
    _ offset: UInt64, _ count: UInt64, _ field: StaticString, limit: UInt64 = tableLimit
  ) throws(Problem) {
    guard count <= limit else {
      throw Problem(
        .limitExceeded, "\(field)", at: offset, expected: "at most \(limit) bytes",
        observed: "\(count)")
    }
    try fill(offset, count)
  }

  /// The row of a table at `offset`, which was filled in; nil where the memory ends earlier.
  private func row<Row: BitwiseCopyable>(_ offset: UInt64, _ type: Row.Type) -> Row? {
    guard offset <= size, size - offset >= UInt64(MemoryLayout<Row>.size)
    else { return nil }
    return unsafe bytes.loadUnaligned(fromByteOffset: Int(offset), as: Row.self)
  }

  /// Goes forward through the file where it can, because some sources are slow to go back: the segments first, the section
  /// table, which is mostly at the end, last.
  private func fillFile() throws(Problem) {
    guard let header = row(0, Elf64_Ehdr.self) else { return }
    let hasSections = header.e_shoff != 0
    if header.e_phnum == 0xFFFF, hasSections {
      try fill(header.e_shoff, UInt64(MemoryLayout<Elf64_Shdr>.size))
      // The number has no room in the header and is in the first section.
      try fillSegments(header.e_phoff, UInt64(row(header.e_shoff, Elf64_Shdr.self)?.sh_info ?? 0))
    } else {
      try fillSegments(header.e_phoff, UInt64(header.e_phnum))
    }
    if hasSections { try fillSections(header) }
  }

  private func fillSegments(_ table: UInt64, _ count: UInt64) throws(Problem) {
    let rowSize = UInt64(MemoryLayout<Elf64_Phdr>.size)
    guard count <= size / rowSize else { return }
    try fillTable(table, count * rowSize, "program header table", limit: Self.headersLimit)
    var parts: [Range<UInt64>] = []
    for index in 0..<count {
      let (offset, overflow) = table.addingReportingOverflow(index * rowSize)
      guard !overflow, let segment = row(offset, Elf64_Phdr.self) else { break }
      let type = ELFSegment.Kind(rawValue: segment.p_type)
      if type == .dynamic || type == .note, segment.p_filesz <= ELFFile.smallLimit, segment.p_offset < size {
        parts.append(segment.p_offset..<segment.p_offset + segment.p_filesz)
      }
    }
    for part in parts.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      try fill(part.lowerBound, part.upperBound - part.lowerBound)
    }
  }

  private func fillSections(_ header: Elf64_Ehdr) throws(Problem) {
    let rowSize = UInt64(MemoryLayout<Elf64_Shdr>.size)
    try fill(header.e_shoff, rowSize)
    // Numbers that have no room in the header are in the first section.
    let first = row(header.e_shoff, Elf64_Shdr.self)
    let count = header.e_shnum == 0 ? first?.sh_size ?? 0 : UInt64(header.e_shnum)
    let names = header.e_shstrndx == 0xFFFF ? UInt64(first?.sh_link ?? 0) : UInt64(header.e_shstrndx)
    guard count <= size / rowSize else { return }
    try fillTable(header.e_shoff, count * rowSize, "section table", limit: Self.headersLimit)
    guard names < count, let strings = row(header.e_shoff &+ names * rowSize, Elf64_Shdr.self) else { return }
    try fillTable(strings.sh_offset, min(strings.sh_size, size), "section names")
  }

  /// Copies the member headers of a static library with the start of each member, by which libelf tells what it is, and
  /// the table of long names. A member whose number of sections has no room in its header has it in the first.
  private func fillLibrary() throws(Problem) {
    var position: UInt64 = 8
    while position < size {
      try fill(position, memberHeaderSize + 64)
      let start = position + memberHeaderSize
      if let header = row(start, Elf64_Ehdr.self), header.e_shnum == 0, header.e_shoff < size {
        try fill(start + header.e_shoff, UInt64(MemoryLayout<Elf64_Shdr>.size))
      }
      let memberSize = declaredMemberSize(source, header: position) ?? 0
      // The index of symbols, which begins with one slash, nobody asks for, and real ones have 40 MB.
      if size - position > 1, unsafe bytes[Int(position)] == UInt8(ascii: "/"),
        unsafe bytes[Int(position) + 1] == UInt8(ascii: "/")
      {
        try fillTable(start, min(memberSize, size), "static library table")
      }
      let (end, overflow) = start.addingReportingOverflow(memberSize)
      guard !overflow, end < size else { return }
      position = (end + 1) / 2 * 2
    }
  }
}
