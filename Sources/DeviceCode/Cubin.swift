/// What a cubin says about itself in its ELF header, notes and compatibility records.
public struct Cubin: Hashable, Sendable {
  public var target: CodeTarget
  /// The version of the ABI. The corresponding ELF field is `EI_ABIVERSION`.
  public var abiVersion: UInt8
  /// Whether it must be linked before the driver can load it. The corresponding ELF type is `ET_REL`.
  public var isRelocatable: Bool
  /// Whether the compiler's arguments name the target, so that a missing suffix is none. Other marks of the suffix
  /// may be missing.
  public var namesTarget = false
  /// The release of the toolkit that made it: "13.5".
  public var toolkit: String?
  /// The arguments that the compiler recorded: "-arch sm_100f -m 64".
  public var compilerArguments: String?
  /// Bytes from the start of the header to the end of the last table or section.
  public var size: UInt64

  /// The newest ABI version whose layout is known.
  public static let newestABIVersion: UInt8 = 8
}
