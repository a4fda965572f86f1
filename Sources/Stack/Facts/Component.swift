public import Bytes
public import Compatibility

/// One of NVIDIA's libraries as it is installed: a distribution, or a file.
public struct Component: Hashable, Sendable {
  /// For people: `cuDNN`.
  public var name: String
  /// As exactly as the evidence says: `9.1.0.70`, or `9` for a bare soname.
  public var version: Fact<String>
  /// The major version of CUDA that it is for; nil where neither its name nor its version tells.
  public var cudaMajor: Int?
  /// The CUDA version that it belongs to, for libraries that are numbered like it.
  public var cuda: CUDAVersion?
  /// Where the distribution or the file lies.
  public var path: Path { version.evidence.path ?? Path("") }

  /// Nil for a distribution that is none of NVIDIA's libraries.
  init?(_ distribution: Distribution) {
    let full = distribution.normalizedName
    guard full.hasPrefix("nvidia-") else { return nil }
    var name = full.dropFirst("nvidia-".count)
    var major: Int?
    if let place = name.ranges(of: "-cu").last, let number = Int(name[place.upperBound...]) {
      major = number
      name = name[..<place.lowerBound]
    }
    guard let row = LibraryTable.shared.components.first(where: { $0.distribution == name }) else {
      return nil
    }
    self.name = row.name
    version = Fact(
      distribution.version, in: distribution.metadata, says: "\(distribution.name) \(distribution.version)")
    cuda = row.hasCUDAVersion == true ? CUDAVersion(release: distribution.version) : nil
    cudaMajor = major ?? cuda?.major
  }

  /// Nil for a file that is none of NVIDIA's libraries, or whose name has no version.
  init?(file path: Path) {
    guard let library = LibraryName(path.lastComponent.text), !library.version.isEmpty,
      let row = LibraryTable.shared.components.first(where: { $0.library == library.stem })
    else { return nil }
    name = row.name
    let text = library.version.map(String.init).joined(separator: ".")
    version = Fact(text, in: path, says: path.lastComponent.text)
    cudaMajor = LibraryTable.shared.cudaMajor(of: library)
    // `libcudart.so.11.0` is the soname of every 11.x.
    cuda =
      row.hasCUDAVersion == true
        && (library.version.count > 2 || library.version.first.map { $0 <= 10 } == true)
      ? CUDAVersion(release: text) : nil
  }

  /// The first number of its version.
  public var major: Int? { version.value.split(separator: ".").first.flatMap { Int($0) } }
}
