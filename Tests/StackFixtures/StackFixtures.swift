public import Bytes
public import Compatibility
import DeviceCode
public import ELFFile
public import FixtureSupport
import Foundation
public import Stack

/// What published images require, from `imageRequirements.json`.
public struct PublishedImages: Decodable, Sendable {
  public struct Image: Decodable, Sendable {
    public var image: String
    public var requirement: String

    /// Its CUDA version, by its tag: `12.8`.
    public var cuda: String {
      image.split(separator: ":")[1].split(separator: ".").prefix(2).joined(separator: ".")
    }
  }

  public var images: [Image]

  public static let shared: PublishedImages = {
    guard
      let table = try? JSONDecoder().decode(Self.self, from: Data(PackageResources.imageRequirements_json))
    else { fatalError("imageRequirements.json does not decode") }
    return table
  }()
}

/// A tree in memory.
public struct TreeBuilder {
  public init() {}

  public var files: [Path: [UInt8]] = [:]
  public var links: [Path: Path] = [:]
  public var libraries: [HostLibrary] = []
  public var images: [ImageConfiguration] = []

  public mutating func add(_ contents: [UInt8], at path: String) { files[Path(path)] = contents }
  public mutating func add(_ contents: String, at path: String) { add(Array(contents.utf8), at: path) }

  /// `folder` is empty or ends with a slash.
  public mutating func distribution(
    _ name: String, _ version: String, requires: [String] = [], in folder: String = ""
  ) {
    let lines = ["Metadata-Version: 2.1", "Name: \(name)", "Version: \(version)"]
    add(
      (lines + requires.map { "Requires-Dist: \($0)" }).joined(separator: "\n")
        + "\n\nThe description.\nRequires-Dist: nothing\n",
      at: "\(folder)\(name.replacing("-", with: "_"))-\(version).dist-info/METADATA")
  }

  /// An installation of PyTorch; flags are those of its libraries.
  public mutating func torch(
    _ version: String, cuda: String?, flags: String? = nil, requires: [String] = [], in folder: String = ""
  ) {
    let plain = version.split(separator: "+")[0]
    distribution("torch", String(plain), requires: requires, in: folder)
    add(
      """
      from typing import Optional

      __all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']
      __version__ = '\(version)'
      debug = False
      cuda: Optional[str] = \(cuda.map { "'\($0)'" } ?? "None")
      hip: Optional[str] = None

      """, at: "\(folder)torch/version.py")
    if let flags {
      var elf = ELFBuilder()
      elf.append([0] + Array(flags.utf8) + [0], to: ".rodata")
      add(elf.bytes, at: "\(folder)torch/lib/libtorch_python.so")
    }
  }

  public mutating func library(
    _ path: String, soname: String? = nil, needed: [String] = [], notes: [ELFNote] = [],
    registersDeviceCode: Bool = false, compiler: String? = nil
  ) {
    var dynamic = ELFDynamic()
    dynamic.soname = soname
    dynamic.needed = needed
    library(
      path, dynamic: dynamic, notes: notes, registersDeviceCode: registersDeviceCode, compiler: compiler)
  }

  public mutating func library(
    _ path: String, dynamic: ELFDynamic, notes: [ELFNote] = [], registersDeviceCode: Bool = false,
    compiler: String? = nil
  ) {
    if files[Path(path)] == nil { add([], at: path) }
    libraries.append(
      HostLibrary(
        path: Path(path), dynamic: dynamic, notes: notes, registersDeviceCode: registersDeviceCode,
        compiler: compiler))
  }

  /// A file with a compiler, read as a scan reads it.
  public mutating func compiler(_ path: String, _ builder: CompilerBuilder) {
    compiler(path, bytes: builder.bytes)
  }

  public mutating func compiler(_ path: String, bytes: [UInt8]) {
    add(bytes, at: path)
    let file = InspectedFile(MemoryBytes(bytes))
    guard var library = HostLibrary(path: Path(path), file: file) else { return }
    // Memory can be read.
    try? library.readCompiler(of: file)
    libraries.append(library)
  }

  /// What the collector finds, every library taken to hold device code; `reversed` hands the files over in another order.
  public func facts(reversed: Bool = false) -> StackFacts { collect(reversed: reversed).facts }

  /// What is wrong with the files that it reads.
  public func problems() -> [FileProblem] { collect(reversed: false).problems }

  private func collect(reversed: Bool) -> (facts: StackFacts, problems: [FileProblem]) {
    let files = files
    // As a scan hands them over: without the files that no fact depends on.
    let order = files.keys.filter { Tree.needs($0) }.sorted {
      reversed ? $1 < $0 : $0 < $1
    }
    let tree = Tree(files: order, links: links) { (path) throws(Problem) in
      guard let contents = files[path] else { throw Problem(.notFound, Problem.path) }
      return MemoryBytes(contents)
    }
    return FactCollector.facts(
      of: tree, libraries: reversed ? libraries.reversed() : libraries, deviceCode: libraries.map(\.path),
      images: images, by: .shipped)
  }
}

/// A device by the name of its product, or by a compute capability.
public func device(_ name: String, driver: String? = nil) throws -> Device {
  try GPUCatalogue.resolve(name, in: .shipped)
    .device(driver: driver.flatMap { DriverVersion($0) }, tables: .shipped)
}

extension Path: ExpressibleByStringLiteral {
  public init(stringLiteral text: String) { self.init(text) }
}
