public import Bytes
public import Compatibility

/// How NVIDIA's libraries are called, and which libraries do not come with an application: the table
/// `libraries.json`.
public struct LibraryTable: Sendable, Codable {
  /// A library of NVIDIA's.
  public struct Component: Sendable, Codable {
    /// For people: `cuBLAS`.
    public var name: String
    /// Between `nvidia-` and an optional `-cuNN` in the name of its distribution: `cublas`.
    public var distribution: String
    /// The names of its conda packages.
    public var conda: [String]?
    /// The names of its Debian packages, without a number at the end and the release of CUDA behind a dash:
    /// `libcublas` of `libcublas-12-4`, `libcudnn` of `libcudnn9-cuda-12`.
    public var debian: [String]?
    /// The start of its file name: `libcublas`.
    public var library: String?
    /// The start of the names of its other files: `libnvperf`.
    public var others: [String]?
    /// The start of the names of those of its files without which the others do nothing: `libcudnn_ops`.
    public var decisive: String?
    /// Its version is that of the CUDA toolkit that it belongs to.
    public var hasCUDAVersion: Bool?
    /// Index into ``LibraryTable/sources``.
    public var source: Int
  }

  /// A library name that belongs to one major version of CUDA.
  public struct CUDAMajor: Sendable, Codable {
    public var soname: String
    public var cudaMajor: Int
    /// Index into ``LibraryTable/sources``.
    public var source: Int
  }

  public struct DriverLibrary: Sendable, Codable {
    public var prefix: String
    /// Index into ``LibraryTable/sources``.
    public var source: Int
  }

  public struct PlatformLibrary: Sendable, Codable {
    public var soname: String
    /// Index into ``LibraryTable/sources``.
    public var source: Int
  }

  public var components: [Component]
  public var cudaMajors: [CUDAMajor]
  /// What the driver brings.
  public var driver: [DriverLibrary]
  /// What every Linux system has.
  public var platform: [PlatformLibrary]
  public var sources: [String]

  /// The library of NVIDIA's that has files of this name; nil for others.
  public func component(of file: LibraryName) -> Component? { components.first { $0.library == file.stem } }

  /// The major version of CUDA that a library of this name belongs to; nil for a library of several or of none.
  public func cudaMajor(of soname: LibraryName) -> Int? {
    guard let major = soname.version.first else { return nil }
    return cudaMajors.first { $0.soname == "\(soname.stem).so.\(major)" }?.cudaMajor
  }

  /// Whether a file is one of NVIDIA's libraries, by its name: `libcudnn_ops.so.9`, `libcublasLt.so.12`.
  public func isNVIDIAs(_ file: Path) -> Bool {
    guard let stem = LibraryName(file.lastComponent.text)?.stem else { return false }
    return components.contains { row in
      row.library.map { stem.hasPrefix($0) } ?? false || row.others?.contains { stem.hasPrefix($0) } ?? false
    }
  }

  /// Whether a file is one without which the rest of its library does nothing.
  public func isDecisive(_ file: Path) -> Bool {
    guard let stem = LibraryName(file.lastComponent.text)?.stem else { return false }
    return components.contains { $0.decisive.map { stem.hasPrefix($0) } ?? false }
  }

  /// Whether a needed library comes with the driver or with the system.
  public func isFromOutside(_ soname: String) -> Bool {
    driver.contains { soname.hasPrefix($0.prefix) } || platform.contains { $0.soname == soname }
  }
}

/// The parts of a shared library's name: `libcudart-e409450e.so.11.0` is `libcudart`, version 11.0.
public struct LibraryName: Hashable, Sendable {
  /// Without the hash that repairing a wheel adds.
  public var stem: String
  /// The numbers behind `.so`; empty without any.
  public var version: [Int]

  /// Nil for a name without `.so`.
  public init?(_ name: some StringProtocol) {
    // The last dot that `so` follows, at the end or before another dot.
    let bytes = Array(name.utf8)
    let suffix = Array(".so".utf8)
    guard
      let place = bytes.indices.last(where: { index in
        bytes[index...].starts(with: suffix) && (index + 3 == bytes.count || bytes[index + 3] == suffix[0])
      })
    else { return nil }
    var stem = bytes[..<place]
    // A dash and eight hexadecimal digits.
    if stem.count > 9, stem[place - 9] == UInt8(ascii: "-"),
      stem.suffix(8).allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit })
    {
      stem = stem.dropLast(9)
    }
    guard !stem.isEmpty else { return nil }
    self.stem = String(decoding: stem, as: UTF8.self)
    let numbers = bytes[(place + 3)...].split(separator: suffix[0]).map {
      Int(String(decoding: $0, as: UTF8.self))
    }
    version = numbers.contains(nil) ? [] : numbers.compactMap { $0 }
  }
}

extension LibraryTable: DataTable {
  public static let name = "libraries"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.libraries_json }
  public var rowSources: [Int] {
    components.map(\.source) + cudaMajors.map(\.source)
      + driver.map(\.source) + platform.map(\.source)
  }

  public mutating func add(_ other: LibraryTable) {
    components.addFirst(other.components, key: \.distribution)
    cudaMajors.addFirst(other.cudaMajors, key: \.soname)
    driver.addFirst(other.driver, key: \.prefix)
    platform.addFirst(other.platform, key: \.soname)
  }

  public func problems(in tables: TableSet) -> [Problem] {
    var names = ListCheck(Self.self, "components")
    for row in components {
      names.expect(
        !row.distribution.isEmpty, row.name, "distribution", "a part of a distribution's name",
        "an empty text")
      names.expect(
        row.library?.isEmpty != true, row.name, "library", "the start of a file name", "an empty text")
    }
    let knownMajors = Set(tables.toolkits.toolkits.map(\.toolkit.major))
    var majors = ListCheck(Self.self, "cudaMajors")
    for row in cudaMajors {
      majors.expect(
        LibraryName(row.soname)?.version.count == 1, row.soname, "soname", "a name such as libcudart.so.12",
        row.soname)
      majors.expect(
        knownMajors.contains(row.cudaMajor), row.soname, "cudaMajor",
        "the major version of a toolkit of toolkits.toolkits", row.cudaMajor)
    }
    var prefixes = ListCheck(Self.self, "driver")
    for row in driver {
      prefixes.expect(!row.prefix.isEmpty, "\"\"", "prefix", "the start of a library's name", "an empty text")
    }
    return names.problems + majors.problems + prefixes.problems
  }
}
