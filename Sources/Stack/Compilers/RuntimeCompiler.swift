public import Bytes
public import Compatibility
public import DeviceCode
import ELFFile

/// A compiler that makes device code when a program runs: a program, a library, or a part of a library.
public struct RuntimeCompiler: Hashable, Sendable, Codable {
  /// What it is, and how programs call it.
  public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
    /// The assembler, a program: PTX to cubin. Also where it is called `ptxas-blackwell`.
    case ptxas
    /// The compiler driver, a program. It calls `cicc` and `ptxas`, which lie beside it.
    case nvcc
    /// A library: CUDA C++ to PTX or cubin.
    case nvrtc
    /// A library: NVVM IR to PTX.
    case nvvm
    /// A library: PTX and LTO-IR to cubin.
    case nvJitLink
    /// The back end for NVIDIA's GPUs of an LLVM inside a library: LLVM IR to PTX.
    case llvm
    /// One of NVIDIA's compilers that is linked into another library or program: NVRTC, nvJitLink, nvPTXCompiler or
    /// several of one release, which their texts do not tell apart.
    case linked
  }

  /// In the view.
  public var path: Path
  public var kind: Kind
  /// `12.4.99`, of LLVM `20.0.0git`; nil where the file does not tell.
  public var version: Fact<String>?
  /// The toolkit that it is from; nil for LLVM.
  public var cuda: CUDAVersion?
  /// What it compiles for, ascending. NVIDIA's compilers take each as a real and as a virtual target, with every suffix
  /// that is listed; nvcc's own list of names leaves suffixes out.
  public var targets: Fact<[CodeTarget]>
  /// The newest version of PTX that it writes or reads; nil where no table tells. NVIDIA's compilers read older ones too.
  public var ptxISA: Fact<PTXISAVersion>?
  /// What NVRTC needs besides itself; nil for others, where its release is not known, and before CUDA 11.1.
  public var builtins: Builtins?
  /// The package that it belongs to.
  public var package: Package?

  /// The library of built-in functions that NVRTC loads by a name with its own release, from where the dynamic linker
  /// looks and not from beside itself. Without it nothing that uses them compiles.
  public struct Builtins: Hashable, Sendable, Codable {
    /// `libnvrtc-builtins.so.12.1`.
    public var name: String
    /// Where a file of that name lies in the same environment, or outside of all; nil where none does.
    public var path: Path?
  }

  /// A compiler of a toolkit as the tables know it; nil where they do not have the toolkit.
  public init?(_ kind: Kind, of cuda: CUDAVersion, _ evidence: Evidence, by tables: TableSet) {
    guard let targets = tables.toolkits.targets(of: cuda, compiler: kind.rawValue) else { return nil }
    path = Path("")
    self.kind = kind
    self.cuda = cuda
    let version = Fact("\(cuda)", evidence)
    self.version = version
    self.targets = Fact(targets, evidence)
    ptxISA = Self.ptxISA(of: cuda, version: version, by: tables)
  }

  /// The LLVM of a release of the tables.
  public init(llvm targets: [CodeTarget], _ evidence: Evidence) {
    path = Path("")
    kind = .llvm
    self.targets = Fact(targets, evidence)
  }

  /// The version of PTX, `8.4`, that came with a toolkit of the tables, for the evidence of ``ptxISA``.
  static func ptxISA(
    of cuda: CUDAVersion, version: Fact<String>, by tables: TableSet
  ) -> Fact<PTXISAVersion>? {
    // What a newer toolkit brings no table knows.
    guard tables.toolkits[cuda] != nil, let isa = tables.drivers.newestPTXISA(for: cuda) else {
      return nil
    }
    return Fact(isa, version.evidence)
  }
}

extension RuntimeCompiler.Kind {
  /// The kind of a file by its name and soname; nil where these do not tell.
  init?(name: String, soname: String?) {
    if name == "nvcc" {
      self = .nvcc
    } else if name == "ptxas" || name.hasPrefix("ptxas-") {
      self = .ptxas
    } else if let kind = [name, soname].lazy.compactMap({ $0.flatMap { Self(library: $0) } }).first {
      self = kind
    } else {
      return nil
    }
  }

  private init?(library name: String) {
    switch LibraryName(name)?.stem {
    case "libnvrtc", "libnvrtc.alt": self = .nvrtc
    case "libnvvm": self = .nvvm
    case "libnvJitLink": self = .nvJitLink
    default: return nil
    }
  }

  /// Programs of the toolkit that have a compiler inside, and that nothing calls to make code for a GPU at run time.
  private static let tools: Set<String> = [
    "bin2c", "cicc", "cudafe++", "cu++filt", "cuobjdump", "fatbinary", "nvdisasm", "nvlink", "nvprune",
    "tileiras",
  ]

  /// Whether a file of this name may be worth reading: the libraries in a folder `stubs` are empty.
  static func mayBeCompiler(_ path: Path) -> Bool {
    let name = path.lastComponent.text
    return !tools.contains(name) && path.parent.lastComponent != Path("stubs")
  }
}

extension HostLibrary {
  /// Reads what the file says about the compiler that it is or has inside, where it may be one.
  ///
  /// The file must be that from which `self` was made, and the walk's own reading of it just be done: the same bytes
  /// are read.
  ///
  /// - Throws: a ``Problem`` when the file cannot be read.
  public mutating func readCompiler(of file: InspectedFile) throws(Problem) {
    guard let elf = file.elf, RuntimeCompiler.Kind.mayBeCompiler(path) else { return }
    let isNamed = RuntimeCompiler.Kind(name: path.lastComponent.text, soname: dynamic.soname) != nil
    guard file.mentionsPTX || isNamed else { return }
    let contents = try CompilerContents(elf)
    if contents.hasCompiler || isNamed { compilerContents = contents }
  }
}

extension RuntimeCompiler {
  /// The compiler that a file is, or has inside; nil where there is none, or nothing tells its targets.
  init?(_ library: HostLibrary, by tables: TableSet) {
    guard let contents = library.compilerContents, contents.hasCompiler else { return nil }
    path = library.path
    if contents.targets.isEmpty {
      kind = .llvm
      version = contents.llvm.map { Fact($0, in: library.path, says: "LLVM version \($0)") }
      targets = Fact(
        contents.processors, in: library.path, says: Self.says(contents.processors, listed: ["sm_"]))
      ptxISA = contents.ptxISA.map { Fact($0, in: library.path, says: "ptx\($0.major)\($0.minor)") }
      return
    }
    kind = Kind(name: library.path.lastComponent.text, soname: library.dynamic.soname) ?? .linked
    targets = Fact(
      contents.targets, in: library.path, says: Self.says(contents.targets, listed: contents.lists))
    guard let text = contents.version else { return }
    let release = text.split(separator: ".").prefix(2).joined(separator: ".")
    let version = Fact(text, in: library.path, says: "release \(release), V\(text)")
    self.version = version
    cuda = CUDAVersion(release)
    ptxISA = cuda.flatMap { Self.ptxISA(of: $0, version: version, by: tables) }
  }

  /// `lto_50 to lto_90a, =compute_50 to =compute_90a`.
  private static func says(_ targets: [CodeTarget], listed prefixes: [String]) -> String {
    guard let first = targets.first, let last = targets.last else { return "no targets" }
    return prefixes.map { first == last ? "\($0)\(first)" : "\($0)\(first) to \($0)\(last)" }
      .joined(separator: ", ")
  }

  /// How its targets differ from those that the table has for its toolkit, where both are known: the file is believed.
  func difference(from table: ToolkitTable) -> Problem? {
    guard let cuda, let known = table.targets(of: cuda, compiler: kind.rawValue) else {
      return nil
    }
    let (own, expected) = (Set(targets.value), Set(known))
    guard own != expected else { return nil }
    func list(_ targets: Set<CodeTarget>, _ word: String) -> String? {
      targets.isEmpty
        ? nil : "\(word) \(targets.sorted().map { "sm_\($0)" }.joined(separator: ", "))"
    }
    return Problem(
      .unknownValue, "targets of the compiler", expected: "those of CUDA \(cuda)",
      observed: [list(own.subtracting(expected), "also"), list(expected.subtracting(own), "without")]
        .compactMap { $0 }.joined(separator: ", "))
  }
}
