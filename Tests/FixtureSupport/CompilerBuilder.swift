/// Builds a file with the texts of a compiler in its read-only data: a program or a library of NVIDIA's, or one that has
/// such a compiler or LLVM inside.
public struct CompilerBuilder: Sendable {
  /// `12.4.99`; of several each is there.
  public var versions: [String] = []
  /// Targets named `lto_90a`.
  public var lto: [String] = []
  /// Targets behind an equals sign, `=compute_90a`.
  public var virtual: [String] = []
  /// Processors of LLVM, `sm_90a`.
  public var processors: [String] = []
  /// Versions of PTX that LLVM writes, `ptx84`.
  public var ptx: [Int] = []
  public var llvm: String?
  /// Other texts, each with a NUL behind it.
  public var texts: [String] = []
  /// It has the directive that programs which write or read PTX have.
  public var mentionsPTX = true
  public var soname: String?
  /// Bytes before the texts.
  public var padding = 0

  public init() {}

  /// One of NVIDIA's compilers that has both lists.
  public init(_ version: String, targets: [String]) {
    versions = [version]
    lto = targets
    virtual = targets
  }

  /// The texts.
  public var contents: [UInt8] {
    var all = [UInt8](repeating: 0x78, count: padding)
    func add(_ text: String) { all += Array(text.utf8) + [0] }
    add("")
    add("Cuda compilation tools, release %d.%d, V%d.%d.%d")
    for version in versions {
      let release = version.split(separator: ".").prefix(2).joined(separator: ".")
      add("Cuda compilation tools, release \(release), V\(version)")
    }
    for name in lto { add("lto_\(name)") }
    for name in virtual { add("-arch=compute_\(name)") }
    for name in processors { add("sm_\(name)") }
    for version in ptx { add("ptx\(version)") }
    if let llvm { add("LLVM version \(llvm)") }
    for text in texts { add(text) }
    if mentionsPTX { add("\t.version %d.%d") }
    return all
  }

  public var elf: ELFBuilder {
    var elf = ELFBuilder()
    elf.append(contents, to: ".rodata")
    elf.soname = soname
    return elf
  }

  public var bytes: [UInt8] { elf.bytes }
}
