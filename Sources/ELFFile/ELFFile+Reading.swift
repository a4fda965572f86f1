public import Bytes
import CElf
import Glibc

extension ELFFile {
  /// The most bytes of the dynamic section, of all its strings, and of all notes that are read.
  static let smallLimit: UInt64 = 1 << 20
  /// The most bytes of a section's name that are kept, and of the names of all sections.
  private static let nameLimit = 4096
  private static let namesLimit = 16 << 20

  /// Reads the headers, the dynamic section and the notes of `source`.
  ///
  /// A broken section table is a problem of the file, not an error: its segments are still there.
  ///
  /// - Throws: a ``Problem`` when `source` is not a 64-bit little-endian ELF file or its header is broken.
  public init(_ source: any ByteSource) throws(Problem) {
    self = try unsafe withElf(source) { (handle) throws(Problem) in
      try unsafe ELFFile(handle: handle, source: source)
    }
  }

  private init(handle: OpaquePointer, source: any ByteSource) throws(Problem) {
    guard unsafe elf_kind(handle) == ELF_K_ELF, let header = unsafe elf64_getehdr(handle) else {
      throw Problem(.invalidValue, "ELF header", at: 0, observed: libelfError())
    }
    let ehdr = unsafe header.pointee
    self.source = source
    type = ELFType(rawValue: ehdr.e_type)
    machine = ELFMachine(rawValue: ehdr.e_machine)
    flags = ehdr.e_flags
    abiVersion = ehdr.e_ident.8
    sections = []
    segments = []
    sectionTableOffset = ehdr.e_shoff
    segmentTableOffset = ehdr.e_phoff
    dynamic = ELFDynamic()
    notes = []
    problems = []
    unsafe readSegments(handle, ehdr)
    unsafe readSections(handle, ehdr)
    unsafe readDynamic(handle)
    unsafe readNotes(handle)
  }

  private mutating func readSegments(_ handle: OpaquePointer, _ header: Elf64_Ehdr) {
    guard header.e_phnum != 0 else { return }
    var count = 0
    guard unsafe elf_getphdrnum(handle, &count) == 0, count > 0, let table = unsafe elf64_getphdr(handle)
    else {
      problems.append(
        Problem(
          .outOfBounds, "program header table", at: header.e_phoff, expected: "within \(source.size) bytes",
          observed: "\(header.e_phnum) rows of \(header.e_phentsize) bytes"))
      return
    }
    segments.reserveCapacity(count)
    for index in 0..<count {
      // libelf has checked that the table holds `count` rows.
      let row = unsafe table[index]
      segments.append(
        ELFSegment(
          index: index, type: .init(rawValue: row.p_type), isExecutable: row.p_flags & 1 != 0,
          address: row.p_vaddr, offset: row.p_offset, fileSize: row.p_filesz, alignment: row.p_align))
    }
  }

  private mutating func readSections(_ handle: OpaquePointer, _ header: Elf64_Ehdr) {
    guard header.e_shoff != 0 else { return }
    let declared = header.e_shnum == 0 ? firstSectionSize(header.e_shoff) : UInt64(header.e_shnum)
    guard declared > 0 else { return }
    var count = 0
    guard unsafe elf_getshdrnum(handle, &count) == 0,
      header.e_shentsize == UInt16(MemoryLayout<Elf64_Shdr>.size),
      header.e_shoff <= source.size, count >= 0, UInt64(count) == declared,
      UInt64(count) * UInt64(header.e_shentsize) <= source.size - header.e_shoff
    else {
      problems.append(
        Problem(
          .outOfBounds, "section table", at: header.e_shoff,
          expected: "\(MemoryLayout<Elf64_Shdr>.size)-byte rows within \(source.size) bytes",
          observed: "\(declared) rows of \(header.e_shentsize) bytes"))
      return
    }
    var names = 0
    let hasNames = unsafe elf_getshdrstrndx(handle, &names) == 0
    var isNameless = false
    // Many sections may have one name.
    var known: [UInt32: String] = [:]
    var budget = Self.namesLimit
    sections.reserveCapacity(count)
    for index in 0..<count {
      guard let section = unsafe elf_getscn(handle, index), let row = unsafe elf64_getshdr(section)?.pointee
      else {
        problems.append(
          Problem(.invalidValue, "section \(index)", at: header.e_shoff, observed: libelfError()))
        continue
      }
      var name = ""
      if let text = known[row.sh_name] {
        name = text
      } else if hasNames, let text = unsafe elf_strptr(handle, names, Int(row.sh_name)) {
        let bytes = unsafe UnsafeRawBufferPointer(start: text, count: strnlen(text, Self.nameLimit))
        guard bytes.count <= budget else {
          problems.append(
            Problem(
              .limitExceeded, "section names", at: header.e_shoff,
              expected: "at most \(Self.namesLimit) bytes together"))
          return
        }
        budget -= bytes.count
        name = unsafe String(decoding: bytes, as: UTF8.self)
        known[row.sh_name] = name
      } else if row.sh_name != 0, !isNameless {
        isNameless = true
        problems.append(
          Problem(
            .outOfBounds, "section name", at: header.e_shoff + UInt64(index) * 64,
            observed: "\(row.sh_name) in the string table \(names)"))
      }
      let entry = ELFSection(
        index: index, name: name, type: row.sh_type, flags: .init(rawValue: row.sh_flags),
        address: row.sh_addr, offset: row.sh_offset, size: row.sh_size, link: Int(row.sh_link),
        info: Int(row.sh_info))
      if entry.hasContents, entry.offset > source.size || entry.size > source.size - entry.offset {
        problems.append(
          Problem(
            .outOfBounds, "section \(printable(name))", at: header.e_shoff + UInt64(index) * 64,
            expected: "within \(source.size) bytes",
            observed: "\(entry.size) bytes at \(hexadecimal(entry.offset))"))
      }
      sections.append(entry)
    }
  }

  /// The number of sections where the header has no room for it: the size of the first one. Where that cannot
  /// be read, more than any file has.
  private func firstSectionSize(_ table: UInt64) -> UInt64 {
    guard let row = try? source.bytes(at: table, count: 64, "section table") else { return .max }
    // Elements of type UInt8 have no padding, so all their bytes are initialised.
    return (try? unsafe ByteView(row.span.bytes).u64(32, "section count")) ?? .max
  }

  private mutating func readDynamic(_ handle: OpaquePointer) {
    guard let segment = segments.first(where: { $0.type == .dynamic }), segment.fileSize > 0 else { return }
    guard segment.fileSize <= Self.smallLimit,
      let data = unsafe elf_getdata_rawchunk(
        handle, Int64(clamping: segment.offset), Int(segment.fileSize), ELF_T_DYN)
    else {
      problems.append(Problem(.outOfBounds, "dynamic segment", at: segment.offset))
      return
    }
    var entries: [(tag: Int64, value: UInt64)] = []
    var entry = GElf_Dyn()
    var index: CInt = 0
    while unsafe gelf_getdyn(data, index, &entry) != nil, entry.d_tag != DT_NULL {
      entries.append((entry.d_tag, unsafe entry.d_un.d_val))
      index += 1
    }
    guard let address = entries.first(where: { $0.tag == DT_STRTAB })?.value,
      let strings = fileOffset(ofAddress: address)
    else { return }
    var budget = Self.smallLimit
    for (tag, value) in entries {
      let tag = CInt(truncatingIfNeeded: tag)
      guard [DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH].contains(tag) else { continue }
      if let text = string(at: strings &+ value, &budget) {
        switch tag {
        case DT_NEEDED: dynamic.needed.append(text)
        case DT_SONAME: dynamic.soname = text
        case DT_RPATH: dynamic.rpath = text.split(separator: ":").map(String.init)
        default: dynamic.runpath = text.split(separator: ":").map(String.init)
        }
      }
      if budget == 0 {
        problems.append(
          Problem(
            .limitExceeded, "dynamic strings", at: strings, expected: "at most \(Self.smallLimit) bytes"))
        return
      }
    }
  }

  /// The string at `offset`, whose length is taken off `budget`.
  private mutating func string(at offset: UInt64, _ budget: inout UInt64) -> String? {
    var length = 256
    while true {
      let available = source.size > offset ? source.size - offset : 0
      let count = Int(min(UInt64(length), available))
      guard count > 0, let bytes = try? source.bytes(at: offset, count: count, "string") else {
        problems.append(Problem(.outOfBounds, "dynamic string", at: offset))
        return nil
      }
      if let end = bytes.firstIndex(of: 0) {
        budget -= min(budget, UInt64(end))
        return String(decoding: bytes[..<end], as: UTF8.self)
      }
      guard UInt64(count) < available, UInt64(length) < Self.smallLimit else {
        problems.append(Problem(.truncated, "dynamic string", at: offset))
        return nil
      }
      length *= 16
    }
  }

  private mutating func readNotes(_ handle: OpaquePointer) {
    var budget = Self.smallLimit
    for segment in segments where segment.type == .note && segment.fileSize > 0 {
      guard segment.fileSize <= budget else {
        problems.append(
          Problem(
            .limitExceeded, "note segments", at: segment.offset,
            expected: "at most \(Self.smallLimit) bytes together"))
        return
      }
      budget -= segment.fileSize
      guard
        let data = unsafe elf_getdata_rawchunk(
          handle, Int64(clamping: segment.offset), Int(segment.fileSize),
          segment.alignment == 8 ? ELF_T_NHDR8 : ELF_T_NHDR)
      else {
        problems.append(Problem(.outOfBounds, "note segment", at: segment.offset))
        continue
      }
      let size = unsafe data.pointee.d_size
      guard let bytes = unsafe data.pointee.d_buf else { continue }
      var header = GElf_Nhdr()
      var name = 0
      var description = 0
      var position = 0
      while true {
        let next = unsafe gelf_getnote(data, position, &header, &name, &description)
        guard next > position else { break }
        position = next
        // libelf has checked both ranges against the segment; check once more before touching memory.
        guard name <= size, Int(header.n_namesz) <= size - name, description <= size,
          Int(header.n_descsz) <= size - description
        else { break }
        let all = unsafe UnsafeRawBufferPointer(start: bytes, count: size)
        let owner = unsafe all[name..<name + Int(header.n_namesz)].prefix { $0 != 0 }
        notes.append(
          ELFNote(
            owner: String(decoding: unsafe Array(owner), as: UTF8.self), type: header.n_type,
            description: unsafe Array(all[description..<description + Int(header.n_descsz)])))
      }
    }
  }
}

/// One object file of a static library.
public struct ArchiveMember: Sendable {
  public var name: String
  /// Where its contents lie in the library, cut to what is there.
  public var range: Range<UInt64>
}

extension ArchiveMember {
  /// The members of the static library `source`, and what is wrong with its list.
  ///
  /// - Throws: a ``Problem`` when `source` is not an `ar` archive.
  public static func list(_ source: any ByteSource) throws(Problem) -> ([ArchiveMember], [Problem]) {
    let descriptor = (source as? FileBytes)?.descriptor
    return try unsafe withElf(source) { (archive) throws(Problem) in
      guard unsafe elf_kind(archive) == ELF_K_AR else {
        throw Problem(.invalidValue, "archive header", at: 0, observed: libelfError())
      }
      var members: [ArchiveMember] = []
      var problems: [Problem] = []
      // For an archive in memory this means that its members lie there too; nothing is mapped.
      var command = descriptor == nil ? ELF_C_READ_MMAP : ELF_C_READ
      // Members start at even offsets, the first behind the 8-byte magic.
      var covered: UInt64 = 8
      while command != ELF_C_NULL, let member = unsafe elf_begin(descriptor ?? -1, command, archive) {
        defer { _ = unsafe elf_end(member) }
        let start = unsafe elf_getbase(member)
        guard let header = unsafe elf_getarhdr(member), start >= 0, unsafe header.pointee.ar_size >= 0 else {
          problems.append(Problem(.invalidValue, "archive member header", observed: libelfError()))
          break
        }
        let name = unsafe header.pointee.ar_name.map { unsafe String(cString: $0) } ?? ""
        // libelf cuts the size to what is there; the header says what should be.
        let size = declaredMemberSize(source, header: UInt64(start) &- memberHeaderSize)
        let end = UInt64(start) + max(size ?? 0, UInt64(unsafe header.pointee.ar_size))
        if end > source.size {
          problems.append(
            Problem(
              .truncated, "archive member \(printable(name))", at: UInt64(start), expected: "\(end) bytes",
              observed: "\(source.size) bytes"))
        }
        // The symbol index and the long-name table are not object files.
        if name != "/", name != "//", name != "/SYM64/" {
          members.append(
            ArchiveMember(name: name, range: (UInt64(start)..<end).clamped(to: 0..<source.size)))
        }
        command = unsafe elf_next(member)
        covered = (end + 1) / 2 * 2
      }
      if covered < source.size, problems.isEmpty {
        problems.append(
          Problem(
            .invalidValue, "archive member header", at: covered, expected: "a member",
            observed: "\(source.size - covered) bytes that are none"))
      }
      return (members, problems)
    }
  }
}

/// The size in the member header at `header`, decimal digits at offset 48; nil when it is no number.
func declaredMemberSize(_ source: any ByteSource, header: UInt64) -> UInt64? {
  guard let field = try? source.bytes(at: header &+ 48, count: 10, "archive member size") else { return nil }
  return UInt64(String(decoding: field.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self))
}

/// Opens `source` with libelf for as long as `body` runs.
private func withElf<Result>(
  _ source: any ByteSource, _ body: (OpaquePointer) throws(Problem) -> Result
) throws(Problem) -> Result {
  _ = elf_version(CUnsignedInt(EV_CURRENT))
  switch source {
  case let file as FileBytes:
    return try unsafe withHandle(elf_begin(file.descriptor, ELF_C_READ, nil), body)
  case let memory as MemoryBytes:
    var bytes = memory.bytes
    // libelf keeps the pointer only until the handle is closed, and writes nothing when it was told to read.
    let outcome = unsafe bytes.withUnsafeMutableBytes { buffer in
      Swift.Result<Result, Problem> { () throws(Problem) in
        let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
        return try unsafe withHandle(elf_memory(start, buffer.count), body)
      }
    }
    return try outcome.get()
  default:
    let image = try SparseImage(source)
    let start = unsafe image.bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
    return try unsafe withHandle(elf_memory(start, image.bytes.count), body)
  }
}

/// The size of a member's header in a static library. The corresponding C type is `struct ar_hdr`.
let memberHeaderSize: UInt64 = 60

private func withHandle<Result>(
  _ handle: OpaquePointer?, _ body: (OpaquePointer) throws(Problem) -> Result
) throws(Problem) -> Result {
  guard let handle = unsafe handle else {
    throw Problem(.invalidValue, "ELF file", at: 0, observed: libelfError())
  }
  defer { _ = unsafe elf_end(handle) }
  return try unsafe body(handle)
}

private func libelfError() -> String {
  unsafe elf_errmsg(-1).map { unsafe String(cString: $0) } ?? "unknown"
}
