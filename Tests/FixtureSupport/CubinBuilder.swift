/// Builds a cubin: a 64-bit little-endian ELF file of machine 190 with one section of code.
public struct CubinBuilder: Sendable {
  public var target: Target
  /// 7 up to CUDA 12, 8 from CUDA 13 on: it decides the layout of `e_flags`.
  public var abiVersion: UInt8
  public var isRelocatable = false
  /// The field `e_version`: 118 for CUDA 11.8; 1 in ABI version 8.
  public var version: UInt32
  /// Written instead of the flags that fit the target.
  public var flags: UInt32?
  /// The toolkit release for `.note.nv.tkinfo` (`13.5`); nil for no such note. ABI version 8 only.
  public var toolkit: String?
  /// The compiler's arguments for the same note, as `-arch sm_100f -m 64`.
  public var arguments: String?
  /// Whether `.nv.compat` says that the code is architecture-specific. ABI version 8 only.
  public var compatibilityRecord = false
  public var code: [UInt8] = [UInt8](repeating: 0x5A, count: 32)
  /// The kernels that its symbol table lists; nil for a cubin without one.
  public var kernels: [String]?
  /// Empty sections in front of the code: with 65,280 and more, numbers do not fit into the ELF header.
  public var emptySections = 0

  public init(_ target: Target, abiVersion: UInt8 = 7) {
    self.target = target
    self.abiVersion = abiVersion
    version = abiVersion < 8 ? 118 : 1
    compatibilityRecord = abiVersion >= 8 && target.suffix == "a"
  }

  var headerFlags: UInt32 {
    if let flags { return flags }
    return abiVersion < 8
      ? target.number << 16 | 0x500 | target.number | (target.suffix == "a" ? 0x800 : 0)
      : 0x0600_0000 | target.number << 8 | 0x2
  }

  public var bytes: [UInt8] {
    var elf = ELFBuilder()
    elf.machine = 190
    elf.type = isRelocatable ? 1 : 2
    elf.version = version
    elf.flags = headerFlags
    elf.abi = (abiVersion < 8 ? 0x33 : 0x41, abiVersion)
    elf.hasSegments = false
    elf.sections += [ELFBuilder.Section](
      repeating: .init(".nv.constant0", flags: 2, []), count: emptySections)
    elf.sections.append(.init(".text.kernel", flags: 0x6, code))
    if let kernels { appendSymbols(of: kernels, to: &elf) }
    if abiVersion >= 8, toolkit != nil || arguments != nil {
      elf.sections.append(.init(".note.nv.tkinfo", type: 7, flags: 0, toolkitNote))
    }
    if compatibilityRecord {
      elf.sections.append(.init(".nv.compat", type: 0x7000_0086, flags: 0, [2, 9, 1, 0]))
    }
    return elf.bytes
  }

  /// All kernels share the code.
  private func appendSymbols(of kernels: [String], to elf: inout ELFBuilder) {
    var strings: [UInt8] = [0]
    var symbols = [UInt8](repeating: 0, count: 24)
    var indices = [UInt8](repeating: 0, count: 4)
    let codeIndex = UInt32(elf.sections.count)
    let isLong = codeIndex >= 0xFF00
    for kernel in kernels {
      symbols.append(littleEndian: UInt32(strings.count))
      // A global function, marked as a kernel, in the section of the code.
      symbols += [0x12, 0x10]
      symbols.append(littleEndian: isLong ? 0xFFFF : UInt16(codeIndex))
      indices.append(littleEndian: isLong ? codeIndex : 0)
      symbols.append(littleEndian: UInt64(0))
      symbols.append(littleEndian: UInt64(code.count))
      strings += Array(kernel.utf8) + [0]
    }
    var table = ELFBuilder.Section(".symtab", type: 2, flags: 0, symbols)
    table.link = UInt32(elf.sections.count + 2)
    table.entrySize = 24
    elf.sections += [table, .init(".strtab", type: 3, flags: 0, strings)]
    guard isLong else { return }
    var extended = ELFBuilder.Section(".symtab_shndx", type: 18, flags: 0, indices)
    extended.link = UInt32(elf.sections.count - 1)
    extended.entrySize = 4
    elf.sections.append(extended)
  }

  /// A note of type 2000: five offsets into the strings that follow them.
  private var toolkitNote: [UInt8] {
    var strings: [UInt8] = [0]
    func add(_ text: String) -> UInt32 {
      defer { strings += Array(text.utf8) + [0] }
      return UInt32(strings.count)
    }
    var contents: [UInt8] = []
    contents.append(littleEndian: UInt32(2))
    contents.append(littleEndian: UInt32(0))
    contents.append(littleEndian: add("ptxas"))
    contents.append(littleEndian: add("Cuda compilation tools, release \(toolkit ?? "13.5"), V13.5.37"))
    contents.append(littleEndian: add("Build cuda_13.5"))
    contents.append(littleEndian: add(arguments ?? "-arch sm_\(target.number)\(target.suffix) -m 64"))
    contents += strings
    contents.pad(to: 4)
    let owner = Array("NVIDIA Corp".utf8) + [0]
    var note: [UInt8] = []
    note.append(littleEndian: UInt32(owner.count))
    note.append(littleEndian: UInt32(contents.count))
    note.append(littleEndian: UInt32(2000))
    return note + owner + contents
  }
}
