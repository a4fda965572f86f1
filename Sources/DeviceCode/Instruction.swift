import Bytes

/// One machine instruction, as far as a ``KernelBody`` needs to know it.
enum Instruction: Hashable {
  /// What the compiler fills up with (`NOP`).
  case padding
  /// Works on registers, on constants or on the thread's own memory, or leaves the kernel; nobody sees an
  /// effect.
  case quiet
  /// Reads memory that others write.
  case load
  /// Goes on at this offset of the code, perhaps under a condition.
  case jump(Int)
  /// Calls the function at this offset of the code.
  case call(Int)
  /// Calls a function that lies elsewhere.
  case externalCall
  case trap
  case other
}

/// How the instructions of an SM are written. NVIDIA does not document it; the tables are what the
/// disassembler prints for compiled kernels, see Fixtures/MEASURED.md.
enum InstructionEncoding {
  /// Maxwell and Pascal: 8 bytes each, in groups of three behind 8 bytes that control them.
  case grouped
  /// Volta to Ada: 16 bytes each.
  case single
  /// Hopper and later: 16 bytes each, with 8 more bits for the distance of a jump.
  case singleWide

  /// Nil for SM numbers whose instructions have not been looked at.
  init?(smNumber: UInt32) {
    switch smNumber {
    case 50...62: self = .grouped
    case 70...89: self = .single
    case 90...121: self = .singleWide
    default: return nil
    }
  }

  /// Bytes that code is a multiple of.
  var groupSize: Int { self == .grouped ? 32 : 16 }

  /// The number of instructions in `size` bytes.
  func count(inBytes size: Int) -> Int { size / groupSize * (self == .grouped ? 3 : 1) }

  /// The offset of an instruction in the code.
  func offset(of index: Int) -> Int {
    self == .grouped ? index / 3 * 32 + 8 + index % 3 * 8 : index * 16
  }

  /// The instruction number `index` of `code`; `other` outside of it.
  func instruction(_ index: Int, of code: borrowing ByteView) -> Instruction {
    let offset = offset(of: index)
    guard let word = try? code.u64(offset, "instruction") else { return .other }
    if self == .grouped { return Self.grouped(word, at: offset) }
    // The condition "never", with which Volta's code works around something.
    if word >> 12 & 0xF == 0xF { return .padding }
    let opcode = Int(word & 0xFFF)
    switch opcode & 0x1FF {
    case 0x118: return .padding  // NOP
    case 0x15C: return .trap  // BPT
    case 0x180, 0x181, 0x184: return .load  // LD, LDG, LDS
    case 0x143: return .externalCall  // CALL.ABS with the address in a register, or in a relocation
    case 0x144 where opcode == 0x944: return .call(target(word, code, offset))  // CALL.REL
    case 0x147: return .jump(target(word, code, offset))  // BRA
    case let opcode: return Self.quiet[opcode] ? .quiet : .other
    }
  }

  /// The distance is counted from the next instruction: 48 bits from bit 34 on; since Hopper with 8 lower
  /// bits at 16.
  private func target(_ low: UInt64, _ code: borrowing ByteView, _ offset: Int) -> Int {
    let high = (try? code.u64(offset + 8, "instruction")) ?? 0
    let upper = Int64(bitPattern: (low >> 34) << 16 | high << 46) >> 16
    let words = self == .single ? upper : upper << 8 | Int64(low >> 16 & 0xFF)
    return offset &+ 16 &+ Int(truncatingIfNeeded: words &* 4)
  }

  private static func grouped(_ word: UInt64, at offset: Int) -> Instruction {
    if word >> 16 & 0xF == 0xF { return .padding }
    // Counted in bytes from the next instruction: 24 bits from bit 20 on. A group starts with its control
    // word.
    let place = offset + 8 + Int(Int64(bitPattern: word << 20) >> 40)
    let target = place % 32 == 0 ? place + 8 : place
    switch word >> 48 {
    case 0x50B0: return .padding  // NOP
    case 0xE3A0: return .trap  // BPT
    case 0xEED0...0xEED7: return .load  // LDG
    case 0xE200, 0xE220: return .externalCall  // JMX with the address in a register, JCAL in a relocation
    case 0xE260: return .call(target)  // CAL
    case 0xE240: return .jump(target)  // BRA
    case let opcode: return groupedQuiet.contains { opcode & $0.mask == $0.opcode } ? .quiet : .other
    }
  }

  /// By the lower 9 bits of an instruction; the 3 bits above tell the kinds of operands. The same names from
  /// sm_75 to sm_121 but for 0x035 (HFMA2 up to sm_90) and 0x04A (UVIMNMX, FMUL2).
  private static let quiet: [Bool] = {
    let names: KeyValuePairs<Int, StaticString> = [
      0x002: "MOV", 0x003: "P2R", 0x004: "R2P", 0x005: "CS2R", 0x006: "VOTE", 0x007: "SEL", 0x008: "FSEL",
      0x009: "FMNMX", 0x00A: "FSET", 0x00B: "FSETP", 0x00C: "ISETP", 0x010: "IADD3", 0x011: "LEA",
      0x012: "LOP3", 0x013: "IABS", 0x016: "PRMT", 0x017: "IMNMX", 0x019: "SHF", 0x01A: "SGXT",
      0x01C: "PLOP3", 0x020: "FMUL", 0x021: "FADD", 0x023: "FFMA", 0x024: "IMAD", 0x025: "IMAD.WIDE",
      0x027: "IMAD.HI", 0x028: "DMUL", 0x029: "DADD", 0x02A: "DSETP", 0x02B: "DFMA", 0x030: "HADD2",
      0x031: "HFMA2", 0x032: "HMUL2", 0x033: "HSET2", 0x034: "HSETP2", 0x035: "IADD", 0x036: "VIADD",
      0x038: "I2I", 0x03E: "F2FP", 0x040: "HMNMX2", 0x045: "I2FP", 0x046: "VIADDMNMX", 0x047: "VHMNMX",
      0x048: "VIMNMX", 0x049: "FFMA2", 0x04A: "FMUL2", 0x04B: "FADD2", 0x051: "UFSEL", 0x05A: "UI2F",
      0x05C: "UF2I", 0x05E: "UI2FP", 0x076: "FMNMX3", 0x082: "UMOV", 0x083: "UP2UR", 0x085: "UIMNMX",
      0x086: "VOTEU", 0x087: "USEL", 0x08C: "UISETP", 0x090: "UIADD3", 0x091: "ULEA", 0x092: "ULOP3",
      0x096: "UPRMT", 0x097: "UIADD3.64", 0x099: "USHF", 0x09C: "UPLOP3", 0x0A4: "UIMAD",
      0x0A5: "UIMAD.WIDE", 0x0A6: "UIMAD.HI", 0x0B9: "ULDC", 0x0BD: "UFLO", 0x0BF: "UPOPC", 0x0CA: "R2UR",
      0x0CB: "CS2UR", 0x100: "FLO", 0x101: "BREV", 0x102: "FCHK", 0x104: "F2F", 0x105: "F2I", 0x106: "I2F",
      0x107: "FRND", 0x108: "MUFU", 0x109: "POPC", 0x110: "F2F.64", 0x111: "F2I.64", 0x112: "I2F.64",
      0x113: "FRND.64", 0x119: "S2R", 0x141: "BSYNC", 0x142: "BREAK", 0x145: "BSSY", 0x146: "YIELD",
      0x148: "WARPSYNC", 0x14D: "EXIT", 0x14E: "LEPC", 0x150: "RET", 0x155: "BMOV.CLEAR", 0x156: "BMOV",
      0x182: "LDC", 0x183: "LDL", 0x187: "STL", 0x1AC: "LDCU", 0x1C2: "R2UR", 0x1C3: "S2UR",
    ]
    var table = [Bool](repeating: false, count: 0x200)
    for (opcode, _) in names { table[opcode] = true }
    return table
  }()

  /// By the upper 16 bits of an instruction: what stubs consist of, no more.
  private static let groupedQuiet: [(opcode: UInt64, mask: UInt64)] = [
    (0x0100, 0xFFF0),  // MOV32I
    (0x1C00, 0xFFF0),  // IADD32I
    (0x3898, 0xFEFF), (0x4C98, 0xFFFF), (0x5C98, 0xFFFF),  // MOV
    (0x3810, 0xFEF0), (0x4C10, 0xFFF0), (0x5C10, 0xFFF0),  // IADD, ISCADD
    (0x3828, 0xFEF8), (0x4C28, 0xFFF8), (0x5C28, 0xFFF8),  // SHR
    (0x3840, 0xFEF0), (0x4C40, 0xFFF0), (0x5C40, 0xFFF0),  // LOP, SHL
    (0x3660, 0xFEF0), (0x4B60, 0xFFF0), (0x5B60, 0xFFF0),  // ISETP
    (0x50C8, 0xFFFF),  // CS2R
    (0xEF90, 0xFFF8),  // LDC
    (0xEF50, 0xFFF8),  // STL
    (0xF0C8, 0xFFFF),  // S2R
    (0xF0F8, 0xFFFF),  // SYNC
    (0xE270, 0xFFFF),  // PRET
    (0xE290, 0xFFFF),  // SSY
    (0xE300, 0xFFFF),  // EXIT
    (0xE320, 0xFFFF),  // RET
  ]
}
