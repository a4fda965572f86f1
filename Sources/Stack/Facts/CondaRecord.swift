import Bytes
import Compatibility
import FoundationEssentials

/// A package of a conda prefix, as the name of its record in `conda-meta` tells: `cuda-cudart-12.4.127-0.json`.
struct CondaRecord {
  var name: String
  var version: String
  var build: String
  var path: Path

  /// Nil for a file that is no record.
  init?(_ path: Path) {
    guard path.name.hasSuffix(".json") else { return nil }
    // Neither a version nor a build has a dash. Source: conda's `Dist` and CEP 26.
    let parts = String(decoding: path.name.dropLast(5), as: UTF8.self).split(
      separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 3, !parts.contains("") else { return nil }
    name = parts.dropLast(2).joined(separator: "-")
    version = String(parts[parts.count - 2])
    build = String(parts[parts.count - 1])
    self.path = path
  }

  /// The prefix whose `conda-meta` holds it.
  var prefix: Path { path.parent.parent }

  /// What a record holds, as far as it is needed.
  struct Document: Codable {
    var name: String
    var version: String
    /// From the prefix. The `index.json` of a package that is not installed has none.
    var files: [String]?
  }

  /// - Throws: an ``Problem/Code/invalidValue`` problem for what is no record.
  static func decode(_ bytes: [UInt8]) throws(Problem) -> Document {
    guard let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)) else {
      throw Problem(.invalidValue, "conda record", expected: "a JSON document with name and version")
    }
    return document
  }

  /// Whether a string of the document may be one of `sought`; most records are told by this and never decoded.
  static func mentions(_ sought: SoughtPaths, in bytes: [UInt8]) -> Bool {
    let (quote, escape) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
    var start: Int?
    var position = 0
    while position < bytes.count {
      let byte = bytes[position]
      if byte == escape {
        // What an escape stands for only a decoder knows.
        return true
      }
      if byte == quote {
        if let begin = start {
          if !sought[bytes[begin..<position]].isEmpty { return true }
          start = nil
        } else {
          start = position + 1
        }
      }
      position += 1
    }
    return false
  }
}

extension CUDAVersion {
  /// 12.4 of a conda build such as `py3.12_cuda12.4_cudnn9.1.0_0`, `cuda126_mkl_py312_h1` or `cuda_126_py312`; nil for
  /// builds without CUDA.
  init?(condaBuild build: String) {
    let parts = build.split(separator: "_")
    for (index, part) in parts.enumerated() where part.hasPrefix("cuda") {
      var text = part.dropFirst("cuda".count)
      if text.isEmpty, index + 1 < parts.count { text = parts[index + 1] }
      if let version = CUDAVersion(text) {
        self = version
        return
      }
      if let number = Int(text), (70...999).contains(number) {
        self.init(number / 10, number % 10)
        return
      }
    }
    return nil
  }
}
