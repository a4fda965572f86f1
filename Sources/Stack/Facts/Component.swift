public import Bytes
public import Compatibility

/// One of NVIDIA's libraries as it is installed: a package, or a file.
public struct Component: Hashable, Sendable, Codable {
  /// For people: `cuDNN`.
  public var name: String
  /// As exactly as the evidence says: `9.1.0.70`, or `9` for a bare soname.
  public var version: Fact<String>
  /// The major version of CUDA that it is for; nil where neither its name nor its version tells.
  public var cudaMajor: Int?
  /// The CUDA version that it belongs to, for libraries that are numbered like it.
  public var cuda: CUDAVersion?
  /// Whether it is the CUDA runtime, which decides what a driver must support.
  public var isRuntime: Bool { name == "CUDA runtime" }
  /// Where the record of the package or the file lies.
  public var path: Path { version.evidence.path ?? Path("") }

  /// Nil for a distribution that is none of NVIDIA's libraries.
  init?(_ distribution: Distribution, _ table: LibraryTable) {
    let full = distribution.normalizedName
    guard full.hasPrefix("nvidia-") else { return nil }
    var name = full.dropFirst("nvidia-".count)
    var major: Int?
    if let place = name.ranges(of: "-cu").last, let number = Int(name[place.upperBound...]) {
      major = number
      name = name[..<place.lowerBound]
    }
    guard let row = table.components.first(where: { $0.distribution == name }) else {
      return nil
    }
    self.name = row.name
    version = Fact(
      distribution.version, in: distribution.metadata, says: "\(distribution.name) \(distribution.version)")
    cuda = row.hasCUDAVersion == true ? CUDAVersion(release: distribution.version) : nil
    cudaMajor = major ?? cuda?.major
  }

  /// Nil for a file that is none of NVIDIA's libraries, or whose name has no version.
  init?(file path: Path, _ table: LibraryTable) {
    guard let library = LibraryName(path.lastComponent.text), !library.version.isEmpty,
      let row = table.component(of: library)
    else { return nil }
    name = row.name
    let text = library.version.map(String.init).joined(separator: ".")
    version = Fact(text, in: path, says: path.lastComponent.text)
    cudaMajor = table.cudaMajor(of: library)
    // `libcudart.so.11.0` is the soname of every 11.x.
    cuda =
      row.hasCUDAVersion == true
        && (library.version.count > 2 || library.version.first.map { $0 <= 10 } == true)
      ? CUDAVersion(release: text) : nil
  }

  /// Nil for a conda package that is none of NVIDIA's libraries.
  init?(_ record: CondaRecord, _ table: LibraryTable) {
    guard let row = table.components.first(where: { $0.conda?.contains(record.name) == true })
    else { return nil }
    name = row.name
    version = Fact(record.version, in: record.path, says: "\(record.name) \(record.version) \(record.build)")
    cuda = row.hasCUDAVersion == true ? CUDAVersion(release: record.version) : nil
    cudaMajor = cuda?.major ?? CUDAVersion(condaBuild: record.build)?.major
  }

  /// Nil for a Debian package that is none of NVIDIA's libraries.
  init?(_ package: DebianPackage, _ table: LibraryTable) {
    // The CUDA release stands behind the name in some and not in others: `libcublas-12-4`, `libcudnn9-cuda-12`.
    let parts = package.name.split(separator: "-")
    let numbers = parts.reversed().prefix { Int($0) != nil }.reversed().compactMap { Int($0) }
    var stem = parts.dropLast(numbers.count)
    if stem.last == "cuda", stem.count > 1 { stem.removeLast() }
    let base = stem.joined(separator: "-")
    guard
      let row = table.components.first(where: { row in
        row.debian?.contains { name in
          // A name of the table may end with the major version of the library: `libcudnn9`, `libnccl2`.
          base.hasPrefix(name) && base.dropFirst(name.count).allSatisfy { ("0"..."9").contains($0) }
        } == true
      })
    else { return nil }
    name = row.name
    let upstream = DebianPackage.upstream(package.version)
    version = Fact(upstream, in: package.path, says: "\(package.name) \(package.version)")
    cuda = row.hasCUDAVersion == true ? CUDAVersion(release: upstream) : nil
    // `2.21.5-1+cuda12.4`
    let built = package.version.firstRange(of: "+cuda").flatMap {
      CUDAVersion(package.version[$0.upperBound...])
    }
    cudaMajor = numbers.first ?? built?.major ?? cuda?.major
  }
}
