public import Bytes
public import ELFFile

/// What one file holds of device code, and what it says about itself as an ELF file.
public struct InspectedFile: Sendable {
  /// What a file is, by its content.
  public enum Format: Hashable, Sendable {
    /// A host ELF file: shared library, executable or object file.
    case elf
    /// A static library of object files.
    case staticLibrary
    case fatBinary
    case cubin
    case ptx
    case ltoIR
    /// Recognised and named, but not read: "32-bit little-endian ELF".
    case unsupported(String)
    /// Nothing that holds device code.
    case other
  }

  public var format: Format
  /// Bytes of the file.
  public var size: UInt64
  public var inventory: Inventory
  /// Device code of other vendors: "AMD (.hip_fatbin)".
  public var foreignDeviceCode: [String]
  /// Device code that the file registers and that is not in it, by kind; ``problems`` says the same in words.
  public var absentCode: [AbsentCode]
  public var problems: [Problem]
  /// A host ELF file has the directive `.version ` outside of PTX texts, as every program that writes or reads PTX has:
  /// compilers above all.
  public var mentionsPTX = false
  /// The ELF file itself; nil for other formats.
  public var elf: ELFFile?

  public init(
    format: Format, size: UInt64, inventory: Inventory = Inventory(), foreignDeviceCode: [String] = [],
    absentCode: [AbsentCode] = [], problems: [Problem] = [], elf: ELFFile? = nil
  ) {
    self.format = format
    self.size = size
    self.inventory = inventory
    self.foreignDeviceCode = foreignDeviceCode
    self.absentCode = absentCode
    self.problems = problems
    self.elf = elf
  }

  /// What stands for a file that could not be opened.
  public static func unreadable(_ problem: Problem) -> InspectedFile {
    InspectedFile(format: .other, size: 0, problems: [problem])
  }
}
