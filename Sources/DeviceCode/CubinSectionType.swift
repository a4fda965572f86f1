/// The types of a cubin's sections. The corresponding field is `sh_type`.
///
/// Those from 0x7000_0000 on are NVIDIA's; relocatable cubins give each kind of memory a type of its own.
enum CubinSectionType {
  static let null: UInt32 = 0
  /// Contents of the program: code, constants, initialised memory.
  static let contents: UInt32 = 1
  static let symbols: UInt32 = 2
  static let strings: UInt32 = 3
  static let relocationsWithAddends: UInt32 = 4
  static let note: UInt32 = 7
  static let noBits: UInt32 = 8
  static let relocations: UInt32 = 9
  static let symbolIndices: UInt32 = 18
  /// `.nv.info` and `.nv.info.<kernel>`.
  static let info: UInt32 = 0x7000_0000
  static let callGraph: UInt32 = 0x7000_0001
  /// `.nv.global`, `.nv.global.init`, `.nv.local…` and `.nv.shared…` of relocatable cubins.
  static let memory: ClosedRange<UInt32> = 0x7000_0006...0x7000_000A
  /// `.nv.constant0…` to `.nv.constant17…` of relocatable cubins.
  static let constants: ClosedRange<UInt32> = 0x7000_0064...0x7000_0075
  /// `.nv.global` of relocatable cubins.
  static let global: UInt32 = 0x7000_0007
  /// `.nv.local.<kernel>` of relocatable cubins.
  static let local: UInt32 = 0x7000_0009
  /// `.nv.shared.<kernel>` of relocatable cubins.
  static let shared: UInt32 = 0x7000_000A
  /// `.nv.merc.nv.shared…`.
  static let mercuryShared: UInt32 = 0x7000_0015
  /// `.nv.capmerc.text.<kernel>`.
  static let mercuryCode: UInt32 = 0x7000_0016
  /// `.nv.merc.rela.<section>`.
  static let mercuryRelocations: UInt32 = 0x7000_0082
  /// `.nv.merc.nv.info.<kernel>`.
  static let mercuryInfo: UInt32 = 0x7000_0083
  /// `.nv.compat`.
  static let compatibility: UInt32 = 0x7000_0086

  /// Whether a section of this type has bytes in the cubin, and not only in the GPU's memory.
  static func hasContents(_ type: UInt32) -> Bool {
    switch type {
    case null, noBits, global, local, shared, mercuryShared: false
    default: true
    }
  }
}
