public import Bytes

/// What is kept of a file's contents, so that facts can be made of it without the file: readers get from it what they get from
/// the file, and what they do not look at is left out.
public enum KeptContents: Hashable, Sendable {
  /// Everything that is read.
  case text([UInt8])
  /// Nothing, because the file has this many bytes, which are more than are read.
  case tooLarge(UInt64)
  /// Nothing, because it could not be read.
  case unreadable(Problem)

  /// Keeps what is read of the file at `path`; nil for a file on whose contents no facts depend.
  public init?(_ path: Path, _ open: () throws(Problem) -> any ByteSource) {
    guard let shorten = Self.reader(of: path) else { return nil }
    do throws(Problem) {
      self = try shorten(open())
    } catch {
      self = .unreadable(error)
    }
  }

  /// Keeps all of a file that has several names, by which different things are read of it.
  public init(whole source: any ByteSource) {
    do throws(Problem) {
      self = try Self.whole { $0 }(source)
    } catch {
      self = .unreadable(error)
    }
  }

  /// What stands for the file.
  ///
  /// - Throws: the problem that kept it from being read.
  public func open() throws(Problem) -> any ByteSource {
    switch self {
    case .text(let bytes): MemoryBytes(bytes)
    case .tooLarge(let size): AbsentBytes(size: size)
    case .unreadable(let problem): throw problem
    }
  }

  private typealias Reader = (any ByteSource) throws(Problem) -> KeptContents

  private static func reader(of path: Path) -> Reader? {
    let name = String(decoding: path.name, as: UTF8.self)
    let folder = path.parent
    switch name {
    case "libtorch_python.so":
      // All that is read of it is one string, which is found in any file.
      guard folder.hasSuffix("torch/lib") else { return nil }
      return { source throws(Problem) in
        let flags = try ArchitectureFlags.find(in: source)
        return .text(Array("\0\(flags?.description ?? "")\0".utf8))
      }
    case "METADATA", "PKG-INFO": return whole(Self.header)
    case "RECORD": return whole(Self.paths(ofRecord:))
    case "cuda.h": return whole(Self.version(ofHeader:))
    case "WHEEL", "top_level.txt", "version.py", "build_info.py", "build_and_package_info.py", "cpp_lib.json",
      "version.json", "version.txt", "os-release", "nv_tegra_release":
      return whole { $0 }
    case "index.json": return folder.hasSuffix("info") ? whole(Self.condaRecord) : nil
    case "status" where folder.hasSuffix("var/lib/dpkg"): return whole(Self.status)
    case _ where name.hasSuffix(".json") && folder.hasSuffix("conda-meta"): return whole(Self.condaRecord)
    case _ where name.hasSuffix(".list") && folder.hasSuffix("var/lib/dpkg/info"): return whole { $0 }
    case _ where folder.hasSuffix("var/lib/dpkg/status.d"):
      return name.hasSuffix(".md5sums") ? whole(Self.paths(ofSums:)) : whole(Self.status)
    default: return nil
    }
  }

  private static func whole(_ shorten: @escaping ([UInt8]) -> [UInt8]) -> Reader {
    { source throws(Problem) in
      guard source.size <= Tree.contentsLimit else { return .tooLarge(source.size) }
      return .text(shorten(try source.bytes(at: 0, count: Int(source.size), "contents")))
    }
  }

  // MARK: What is left of a file

  private static let newline = UInt8(ascii: "\n")

  private static func lines(of bytes: [UInt8], _ shorten: (ArraySlice<UInt8>) -> ArraySlice<UInt8>?)
    -> [UInt8]
  {
    var result: [UInt8] = []
    forEachLine(of: bytes) { line in
      guard let line = shorten(line) else { return }
      result += line
      result.append(newline)
    }
    return result
  }

  /// The fields in front of the description.
  private static func header(_ bytes: [UInt8]) -> [UInt8] {
    let ends = [Array("\n\n".utf8), Array("\r\n\r\n".utf8)].compactMap {
      bytes.firstRange(of: $0)?.upperBound
    }
    return ends.min().map { Array(bytes[..<$0]) } ?? bytes
  }

  /// The paths of a RECORD, without digests and sizes.
  private static func paths(ofRecord bytes: [UInt8]) -> [UInt8] {
    let (comma, quote) = (UInt8(ascii: ","), UInt8(ascii: "\""))
    return lines(of: bytes) { line in
      var end = line.startIndex
      if line.first == quote {
        end += 1
        // Two quotes stand for one; one ends the path.
        while let next = line[end...].firstIndex(of: quote) {
          end = next + 1
          guard end < line.endIndex, line[end] == quote else { break }
          end += 1
        }
        guard line[end - 1] == quote, end > line.startIndex + 1 else { return line }
      }
      return line[end...].firstIndex(of: comma).map { line[...$0] } ?? line
    }
  }

  /// The paths of a list of MD5 sums, without the sums.
  private static func paths(ofSums bytes: [UInt8]) -> [UInt8] {
    lines(of: bytes) { line in line.drop { $0 != UInt8(ascii: " ") } }
  }

  /// The names, versions and states of dpkg's packages.
  private static func status(_ bytes: [UInt8]) -> [UInt8] {
    var isFirst = true
    return lines(of: bytes) { line in
      // The first line tells that it is a status at all.
      defer { isFirst = false }
      let isKept =
        isFirst || line.isEmpty
        || ["Package:", "Version:", "Status:"].contains { line.starts(with: $0.utf8) }
      return isKept ? line : nil
    }
  }

  /// The line that defines `CUDA_VERSION`.
  private static func version(ofHeader bytes: [UInt8]) -> [UInt8] {
    guard let start = bytes.firstRange(of: Array("#define CUDA_VERSION ".utf8))?.lowerBound else { return [] }
    return Array(bytes[start...].prefix { $0 != newline })
  }

  /// The name, the version and the files of a record; what is no record stays as it is, to be complained about.
  private static func condaRecord(_ bytes: [UInt8]) -> [UInt8] {
    guard let record = try? CondaRecord.decode(bytes) else { return bytes }
    return JSONDocument.encoded(record) ?? bytes
  }
}

/// What stands for a file of which nothing is there but its size.
private final class AbsentBytes: ByteSource {
  let size: UInt64

  init(size: UInt64) { self.size = size }

  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    throw Problem(.notFound, "contents", observed: "none were kept")
  }
}

/// Text is written as it is, and bytes that are not UTF-8 in hexadecimal.
extension KeptContents: Codable {
  private enum CodingKeys: String, CodingKey { case text, bytes, tooLarge, unreadable }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .text(let bytes):
      if let text = String(validating: bytes, as: UTF8.self) {
        try container.encode(text, forKey: .text)
      } else {
        try container.encode(hexadecimal(bytes), forKey: .bytes)
      }
    case .tooLarge(let size): try container.encode(size, forKey: .tooLarge)
    case .unreadable(let problem): try container.encode(problem, forKey: .unreadable)
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let text = try container.decodeIfPresent(String.self, forKey: .text) {
      self = .text(Array(text.utf8))
    } else if let text = try container.decodeIfPresent(String.self, forKey: .bytes) {
      guard let bytes = [UInt8](hexadecimal: text) else {
        throw DecodingError.dataCorruptedError(
          forKey: .bytes, in: container, debugDescription: "bytes in hexadecimal")
      }
      self = .text(bytes)
    } else if let size = try container.decodeIfPresent(UInt64.self, forKey: .tooLarge) {
      self = .tooLarge(size)
    } else {
      self = .unreadable(try container.decode(Problem.self, forKey: .unreadable))
    }
  }
}
