public import Bytes
import Compatibility
import DeviceCode
import ELFFile
import FixtureSupport
import Foundation
import Stack

/// What published images require, from `imageRequirements.json`.
struct PublishedImages: Decodable {
  struct Image: Decodable {
    var image: String
    var requirement: String

    /// Its CUDA version, by its tag: `12.8`.
    var cuda: String {
      image.split(separator: ":")[1].split(separator: ".").prefix(2).joined(separator: ".")
    }
  }

  var images: [Image]

  static let shared: PublishedImages = {
    guard
      let table = try? JSONDecoder().decode(Self.self, from: Data(PackageResources.imageRequirements_json))
    else { fatalError("imageRequirements.json does not decode") }
    return table
  }()
}

/// A tree in memory.
struct TreeBuilder {
  var files: [Path: [UInt8]] = [:]
  var links: [Path: Path] = [:]
  var libraries: [HostLibrary] = []
  var images: [ImageConfiguration] = []

  mutating func add(_ contents: [UInt8], at path: String) { files[Path(path)] = contents }
  mutating func add(_ contents: String, at path: String) { add(Array(contents.utf8), at: path) }

  /// `folder` is empty or ends with a slash.
  mutating func distribution(
    _ name: String, _ version: String, requires: [String] = [], in folder: String = ""
  ) {
    let lines = ["Metadata-Version: 2.1", "Name: \(name)", "Version: \(version)"]
    add(
      (lines + requires.map { "Requires-Dist: \($0)" }).joined(separator: "\n")
        + "\n\nThe description.\nRequires-Dist: nothing\n",
      at: "\(folder)\(name.replacing("-", with: "_"))-\(version).dist-info/METADATA")
  }

  /// An installation of PyTorch; flags are those of its libraries.
  mutating func torch(
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

  mutating func library(
    _ path: String, soname: String? = nil, needed: [String] = [], notes: [ELFNote] = [],
    registersDeviceCode: Bool = false, compiler: String? = nil
  ) {
    var dynamic = ELFDynamic()
    dynamic.soname = soname
    dynamic.needed = needed
    library(
      path, dynamic: dynamic, notes: notes, registersDeviceCode: registersDeviceCode, compiler: compiler)
  }

  mutating func library(
    _ path: String, dynamic: ELFDynamic, notes: [ELFNote] = [], registersDeviceCode: Bool = false,
    compiler: String? = nil
  ) {
    if files[Path(path)] == nil { add([], at: path) }
    libraries.append(
      HostLibrary(
        path: Path(path), dynamic: dynamic, notes: notes, registersDeviceCode: registersDeviceCode,
        compiler: compiler))
  }

  private func needs(_ path: Path) -> Bool {
    let name = path.lastComponent.bytes
    return Tree.needs(name, in: Path(bytes: path.bytes.dropLast(name.count + 1)))
  }

  /// What the collector finds, every library taken to hold device code; `reversed` hands the files over in another order.
  func facts(reversed: Bool = false) -> StackFacts {
    let files = files
    // As a scan hands them over: without the files that no fact depends on.
    let order = files.keys.filter { needs($0) }.sorted {
      reversed ? $1 < $0 : $0 < $1
    }
    let tree = Tree(files: order, links: links) { (path) throws(Problem) in
      guard let contents = files[path] else { throw Problem(.notFound, Problem.path) }
      return MemoryBytes(contents)
    }
    return FactCollector.facts(
      of: tree, libraries: reversed ? libraries.reversed() : libraries, deviceCode: libraries.map(\.path),
      images: images)
  }
}

/// A library with device code: per module the targets of its images, `sm_80` or `compute_90`; `sm_80/zstd` is
/// compressed.
func stackLibrary(_ path: String, _ modules: [[String]], isa: String? = nil, zstd: Bool = false)
  -> StackLibrary
{
  var inventory = Inventory()
  for names in modules {
    let start = inventory.images.count
    for text in names {
      let parts = text.split(separator: "/").map(String.init)
      let name = parts[0]
      guard let target = CodeTarget(name) else { fatalError("no target: \(name)") }
      let isPTX = name.hasPrefix("compute_")
      inventory.images.append(
        DeviceImage(
          index: inventory.images.count, module: inventory.modules.count, kind: isPTX ? .ptx : .cubin,
          target: target, compression: zstd || parts.count > 1 ? .zstd : .none,
          ptxISA: isPTX ? isa.flatMap { PTXISAVersion($0) } : nil))
    }
    inventory.modules.append(Module(index: inventory.modules.count, images: start..<inventory.images.count))
  }
  return StackLibrary(path: Path(path), library: Library(inventory))
}

/// A device by the name of its product, or by a compute capability.
func device(_ name: String, driver: String? = nil) throws -> Device {
  try GPUCatalogue.resolve(name).device(driver: driver.flatMap { DriverVersion($0) })
}

extension [Check] {
  /// The status of every check with this id, in their order.
  func statuses(_ id: Check.ID) -> [Check.Status] { filter { $0.id == id }.map(\.status) }
  func messages(_ id: Check.ID) -> [String] { filter { $0.id == id }.map(\.message) }
}

extension Path: ExpressibleByStringLiteral {
  public init(stringLiteral text: String) { self.init(text) }
}
