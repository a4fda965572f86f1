public import Bytes
public import DeviceCode
public import ELFFile

/// What the read-only data of a file say about the compiler that the file is, or has inside.
///
/// Nothing is executed: NVIDIA's compilers and LLVM keep the names of their targets as texts that end with a NUL. Of
/// NVIDIA's, those named `lto_90a` and those behind an equals sign, `=compute_90a`, are the list: what both have where
/// both are there. `compute_90a` alone also stands in messages, and `sm_90a` in tables about older GPUs. In LLVM the
/// texts `sm_90a` are the list. Source: 76 compilers of CUDA 11.7 to 13.5 and 10 releases of Triton, read and run.
public struct CompilerContents: Hashable, Sendable, Codable {
  /// `12.4.99` of `Cuda compilation tools, release 12.4, V12.4.99`; nil where nothing of NVIDIA's is inside, or where the
  /// file names several.
  public var version: String?
  /// The targets of NVIDIA's compiler, ascending: it takes each as a real (`sm_90a`) and a virtual (`compute_90a`) one.
  public var targets: [CodeTarget] = []
  /// The texts that are the list: `lto_`, `=compute_`, or both.
  public var lists: [String] = []
  /// The version of LLVM: `20.0.0git`.
  public var llvm: String?
  /// The processors of LLVM's back end for NVIDIA's GPUs, ascending.
  public var processors: [CodeTarget] = []
  /// The newest version of PTX that this back end writes.
  public var ptxISA: PTXISAVersion?
  public var problems: [Problem] = []

  /// More names than a compiler has by far.
  public static let targetLimit = 256

  /// Whether there is a compiler in it whose targets are known.
  public var hasCompiler: Bool { !targets.isEmpty || hasLLVM }
  var hasLLVM: Bool { !processors.isEmpty && ptxISA != nil }

  /// Reads the sections `.rodata` of a file, or what is loaded into memory where the file has none.
  ///
  /// - Throws: a ``Problem`` when the file cannot be read.
  public init(_ elf: ELFFile) throws(Problem) {
    var reader = Reader()
    var ranges = elf.readOnlyData.map { ($0.offset, $0.size) }
    if ranges.isEmpty {
      ranges = elf.segments.filter { $0.type == .load }.map { ($0.offset, $0.fileSize) }
    }
    // Sections that share bytes are read once, so that the cost is that of the file.
    var end: UInt64 = 0
    for (offset, size) in ranges.sorted(by: { $0 < $1 }) {
      let start = max(offset, end)
      let (limit, overflow) = offset.addingReportingOverflow(size)
      guard !overflow, start < limit else { continue }
      try reader.read(SubrangeBytes(elf.source, start..<limit))
      end = limit
    }
    self.init(reader)
  }

  private init(_ reader: Reader) {
    if reader.versions.count == 1 {
      version = reader.versions[0]
    } else if reader.versions.count > 1 {
      problems.append(
        Problem(
          .unknownValue, "version of the compiler", expected: "one",
          observed: reader.versions.joined(separator: " and ")))
    }
    let (lto, virtual) = (reader.names[.lto] ?? [], reader.names[.virtual] ?? [])
    if !reader.versions.isEmpty {
      let listed = lto.isEmpty ? virtual : virtual.isEmpty ? lto : lto.intersection(virtual)
      targets = listed.sorted()
      lists = [lto.isEmpty ? nil : "lto_", virtual.isEmpty ? nil : "=compute_"].compactMap { $0 }
    } else {
      // NVIDIA's own compilers have the older LLVM that they were made of inside.
      llvm = reader.llvm
      processors = (reader.names[.processor] ?? []).sorted()
      ptxISA = reader.names[.ptx]?.max().map { PTXISAVersion($0.major, $0.minor) }
    }
    if reader.isOverLimit {
      problems.append(
        Problem(
          .limitExceeded, "targets of the compiler",
          expected: "at most \(Self.targetLimit) names of a kind"))
    }
  }
}

/// Finds the texts in the parts of a file.
private struct Reader {
  enum Name: Hashable, CaseIterable {
    case lto, virtual, processor, ptx

    var start: [UInt8] {
      switch self {
      case .lto: Array("\0lto_".utf8)
      case .virtual: Array("=compute_".utf8)
      case .processor: Array("\0sm_".utf8)
      case .ptx: Array("\0ptx".utf8)
      }
    }
  }

  var names: [Name: Set<CodeTarget>] = [:]
  var versions: [String] = []
  var llvm: String?
  var isOverLimit = false

  private static let release = Array("Cuda compilation tools, release ".utf8)
  private static let llvmVersion = Array("LLVM version ".utf8)
  /// Bytes of a text that is looked for.
  private static let longest = 96
  private static let versionLimit = 4

  /// The first four bytes of each text.
  private static let searches = [
    WordSearch(0x6F74_6C00, 0x6D6F_633D, 0x6164_7543), WordSearch(0x5F6D_7300, 0x7874_7000, 0x4D56_4C4C),
  ]

  mutating func read(_ part: SubrangeBytes) throws(Problem) {
    try part.forEachPart(overlapping: Self.longest, "read-only data") { bytes in
      // Nothing is asked of the LLVM in NVIDIA's compilers.
      for search in versions.isEmpty ? Self.searches : [Self.searches[0]] {
        var position = 0
        while let found = search.first(in: bytes, position..<bytes.count) {
          take(bytes[found...])
          position = found + 1
        }
      }
      return false
    }
  }

  private mutating func take(_ bytes: ArraySlice<UInt8>) {
    switch bytes[bytes.startIndex] {
    case UInt8(ascii: "C"): takeRelease(bytes)
    case UInt8(ascii: "L"):
      guard llvm == nil, bytes.starts(with: Self.llvmVersion) else { return }
      let text = String(decoding: bytes.dropFirst(Self.llvmVersion.count).prefix(32), as: UTF8.self)
      // A compiler may have cut the text into pieces of 16 bytes: `LLVM version 17.`
      if let match = text.prefixMatch(of: /\d{1,3}(\.\d{1,3})*[a-z]{0,8}/) { llvm = String(match.0) }
    default:
      for name in Name.allCases where bytes.starts(with: name.start) {
        takeName(name, bytes.dropFirst(name.start.count))
      }
    }
  }

  /// Takes `12.4, V12.4.99` behind the words; the format string of the same text has none.
  private mutating func takeRelease(_ bytes: ArraySlice<UInt8>) {
    guard bytes.starts(with: Self.release) else { return }
    let text = String(
      decoding: bytes.dropFirst(Self.release.count).prefix(Self.longest - Self.release.count)
        .prefix { (0x20..<0x7F).contains($0) }, as: UTF8.self)
    guard let match = text.prefixMatch(of: /(\d{1,3}\.\d{1,3}), V(\d{1,3}\.\d{1,3}\.\d{1,5})/),
      match.2.hasPrefix(match.1 + ".")
    else { return }
    let version = String(match.2)
    if !versions.contains(version), versions.count < Self.versionLimit { versions.append(version) }
  }

  /// Takes the target that `bytes` start with, up to a NUL.
  private mutating func takeName(_ name: Name, _ bytes: ArraySlice<UInt8>) {
    let text = bytes.prefix(6)
    guard let end = text.firstIndex(of: 0),
      let target = CodeTarget(String(decoding: text[..<end], as: UTF8.self)),
      (10...9999).contains(target.number)
    else { return }
    // A version of PTX has no suffix.
    if name == .ptx, target.suffix != .none { return }
    if names[name, default: []].count < CompilerContents.targetLimit {
      names[name, default: []].insert(target)
    } else if names[name]?.contains(target) == false {
      isOverLimit = true
    }
  }
}
