public import Bytes
public import Compatibility
import ELFFile
import FoundationEssentials

/// A CUDA toolkit, or the part of one that an image carries.
public struct Toolkit: Hashable, Sendable, Codable {
  /// `usr/local/cuda-12.4`.
  public var folder: Path
  /// `12.4.1`, as far as the files tell; nil when they do not.
  public var version: Fact<String>?
  /// It has a compiler: `bin/nvcc`.
  public var hasCompiler: Bool
  /// It is what `/usr/local/cuda` leads to, or stands there itself.
  public var isDefault: Bool

  public init(folder: Path, version: Fact<String>?, hasCompiler: Bool, isDefault: Bool) {
    self.folder = folder
    self.version = version
    self.hasCompiler = hasCompiler
    self.isDefault = isDefault
  }

  /// `12.4`; nil when the files do not tell.
  public var cuda: CUDAVersion? { version.flatMap { CUDAVersion(release: $0.value) } }

  /// `.cuda.version` of `version.json`, which toolkits have since 11.1; nil for another document.
  static func version(json bytes: [UInt8]) -> String? {
    struct Document: Decodable {
      struct Component: Decodable { var version: String }
      var cuda: Component
    }
    return (try? JSONDecoder().decode(Document.self, from: Data(bytes)))?.cuda.version
  }

  /// `10.2.89` of `CUDA Version 10.2.89` in the `version.txt` of older toolkits.
  static func version(text bytes: [UInt8]) -> String? {
    let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard words.count >= 3, words[0] == "CUDA", words[1] == "Version" else { return nil }
    return String(words[2])
  }

  /// `13.5` of `#define CUDA_VERSION 13050` in `cuda.h`.
  static func version(header bytes: [UInt8]) -> String? {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let place = text.firstRange(of: "#define CUDA_VERSION ") else { return nil }
    let number = text[place.upperBound...].drop { $0 == " " }.prefix { $0.isASCII && $0.isNumber }
    return Int(number).flatMap { CUDAVersion(number: $0) }?.description
  }

  /// `12.4` of a folder `cuda-12.4`.
  static func version(folder: Path) -> String? {
    let name = folder.lastComponent.text
    guard name.hasPrefix("cuda-"), CUDAVersion(name.dropFirst(5)) != nil else { return nil }
    return String(name.dropFirst(5))
  }
}

extension CUDAVersion {
  /// The version that a release such as `12.4.1` or `13.2.0.046` belongs to; nil for anything else.
  package init?(release: some StringProtocol) {
    let parts = release.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2 else { return nil }
    self.init("\(parts[0]).\(parts[1])")
  }
}

/// A forward-compatibility package: driver libraries in an image that run on an older driver's kernel module.
public struct CompatPackage: Hashable, Sendable, Codable {
  /// `usr/local/cuda-12.8/compat`.
  public var folder: Path
  /// The driver release that the library comes from, by its file name.
  public var driver: Fact<String>
  /// The CUDA version that it brings; nil when neither the library nor its folder tells.
  public var cuda: CUDAVersion?
  /// What the library itself says, in its ELF note; nil for libraries without one.
  public var note: Note?

  /// The note that libraries carry since CUDA 12.9 or so. Source: NVIDIA container toolkit,
  /// `cmd/nvidia-cdi-hook/cudacompat/cuda-elf-header.go`.
  public struct Note: Hashable, Sendable, Codable {
    public var format: Int?
    public var cuda: String?
    /// The branches of the host's driver that it runs on; empty when any.
    public var hosts: [Int]

    enum CodingKeys: String, CodingKey {
      case format = "Format"
      case cuda = "CUDA Version"
      case hosts = "Driver"
    }

    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      format = try container.decodeIfPresent(Int.self, forKey: .format)
      cuda = try container.decodeIfPresent(String.self, forKey: .cuda)
      hosts = try container.decodeIfPresent([Int].self, forKey: .hosts) ?? []
    }

    /// Reads the description of the note `.note.cuda.fwd_compatibility`; nil for anything else.
    init?(_ description: [UInt8]) {
      guard let text = description.split(separator: 0, maxSplits: 1).first, text.first == UInt8(ascii: "{"),
        let note = try? JSONDecoder().decode(Self.self, from: Data(text)),
        note.cuda != nil || !note.hosts.isEmpty
      else { return nil }
      self = note
    }
  }

  init(path: Path, driver: String, library: HostLibrary?, by tables: TableSet) {
    folder = path.parent
    self.driver = Fact(driver, in: path, says: "driver libraries of \(driver)")
    note = library.flatMap { library in
      library.notes.lazy.filter(\.isOfDriver).compactMap { Note($0.description) }.first
    }
    cuda =
      note?.cuda.flatMap { CUDAVersion($0) } ?? Toolkit.version(folder: folder.parent).flatMap {
        CUDAVersion($0)
      }
      ?? DriverVersion(driver).flatMap { $0.maxCUDA(by: tables) }
  }
}
