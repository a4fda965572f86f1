public import Bytes
import FoundationEssentials

/// An image as a folder: an OCI image layout, or an unpacked archive of `docker save`.
public enum ImageLayout {
  /// Manifests that are looked at.
  private static let limit = 64

  /// The configurations of the images in a folder, of which `read` gives the contents of a file, or nil where there is
  /// none; empty for a folder that is none of the two.
  ///
  /// - Throws: a problem when a file that must be there is not, or does not hold what it must.
  public static func configurations(
    read: (Path) throws(Problem) -> [UInt8]?
  ) throws(Problem) -> [ImageConfiguration] {
    var configurations: [ImageConfiguration] = []
    func add(_ path: Path, names: [String] = []) throws(Problem) {
      guard let bytes = try read(path) else { throw missing(path) }
      for var configuration in try ImageConfiguration.read(bytes) {
        // What stands beside an image, such as its provenance, has no environment.
        if configuration.environment.isEmpty { continue }
        if configuration.names.isEmpty { configuration.names = names }
        if !configurations.contains(configuration) { configurations.append(configuration) }
      }
    }
    if try read(Path("oci-layout")) != nil {
      var rest = [Path("index.json")]
      var seen = 0
      while let path = rest.popLast(), seen < limit {
        seen += 1
        guard let bytes = try read(path) else { throw missing(path) }
        guard let document = decode(Manifest.self, bytes) else {
          throw Problem(.invalidValue, "image manifest", expected: "a list of manifests, or a configuration")
        }
        if let digest = document.config?.digest { try add(try blob(digest)) }
        for manifest in (document.manifests ?? []).reversed() { rest.append(try blob(manifest.digest)) }
      }
    } else if let bytes = try read(Path("manifest.json")), let entries = decode([Entry].self, bytes) {
      for entry in entries.prefix(limit) {
        let parts = entry.config.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(".."), !parts.contains("") else {
          throw Problem(
            .invalidValue, "image manifest", expected: "a path in the folder", observed: entry.config)
        }
        try add(Path(entry.config), names: entry.names ?? [])
      }
    }
    return configurations
  }

  /// An index, or a manifest. Source: OCI image specification, `image-index.md` and `manifest.md`.
  private struct Manifest: Decodable {
    struct Descriptor: Decodable { var digest: String }

    var manifests: [Descriptor]?
    var config: Descriptor?
  }

  /// One image of `docker save`.
  private struct Entry: Decodable {
    var config: String
    var names: [String]?

    enum CodingKeys: String, CodingKey {
      case config = "Config"
      case names = "RepoTags"
    }
  }

  private static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) -> Value? {
    try? JSONDecoder().decode(type, from: Data(bytes))
  }

  /// `blobs/sha256/…` of a digest.
  private static func blob(_ digest: String) throws(Problem) -> Path {
    let parts = digest.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2,
      parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } })
    else { throw Problem(.invalidValue, "digest", expected: "sha256: and digits", observed: digest) }
    return Path("blobs/\(parts[0])/\(parts[1])")
  }

  private static func missing(_ path: Path) -> Problem {
    Problem(.notFound, Problem.path, observed: "\(path) of the image")
  }
}
