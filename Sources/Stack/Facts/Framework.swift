public import Bytes
public import Compatibility
import FoundationEssentials

/// A package that computes on GPUs, other than PyTorch itself: TensorFlow, JAX, CuPy, an extension of PyTorch, ….
public struct Framework: Hashable, Sendable, Codable {
  /// The name of its distribution in normal form.
  public var name: String
  public var version: String
  /// The CUDA version that it was built with.
  public var cuda: Fact<CUDAVersion>?
  /// The major version of CUDA that it is for.
  public var cudaMajor: Fact<Int>?
  /// The version of cuDNN that it was built with: `9`.
  public var cudnn: Fact<String>?
  /// What it says that it was compiled for.
  public var flags: Fact<ArchitectureList>?
  /// The version of PyTorch that it was built for or requires: `2.10.0+cu128`.
  public var torch: Fact<String>?
  public var metadata: Path
}

extension Framework {
  /// What the files of a distribution tell; nil for one that says nothing about CUDA and PyTorch.
  ///
  /// `read` returns the contents of a file beside the `.dist-info`, or nil.
  init?(_ distribution: Distribution, read: (String) -> (path: Path, bytes: [UInt8])?) {
    name = distribution.normalizedName
    version = distribution.version
    metadata = distribution.metadata
    guard name != "torch", !name.hasPrefix("nvidia-"), name != "cuda-toolkit" else { return nil }
    let label = "\(distribution.name) \(version)"

    // `+cu128` in the version itself, or `cuda12x`, `cu13` in the name.
    if let cuda = CUDAVersion(local: version) { self.cuda = Fact(cuda, in: metadata, says: label) }
    if let major = Self.major(inName: name) { cudaMajor = Fact(major, in: metadata, says: label) }
    if let required = distribution.requires.first(where: { $0.name == "torch" && !$0.isOptional }),
      let pin = required.pin
    {
      torch = Fact(pin, in: metadata, says: "Requires-Dist: \(required.text)")
    }
    // What is only required with an extra says nothing about the package itself.
    let libraries = distribution.requires.filter { !$0.isOptional && $0.name.hasPrefix("nvidia-") }
    if cudaMajor == nil {
      cudaMajor =
        libraries.lazy.compactMap { required in
          Self.major(inName: required.name).map {
            Fact($0, in: distribution.metadata, says: "Requires-Dist: \(required.text)")
          }
        }.first
    }

    switch name {
    case "tensorflow":
      guard let (path, bytes) = read("tensorflow/python/platform/build_info.py") else { break }
      let source = PythonSource(bytes)
      if let text = source.string(after: "cuda_version"), let cuda = CUDAVersion(release: text) {
        self.cuda = Fact(cuda, in: path, says: "cuda_version \(text)")
      }
      if let text = source.string(after: "cudnn_version") {
        cudnn = Fact(text, in: path, says: "cudnn_version \(text)")
      }
      if let list = source.strings(after: "cuda_compute_capabilities")?.joined(separator: " "),
        let flags = ArchitectureList(list)
      {
        self.flags = Fact(flags, in: path, says: "cuda_compute_capabilities \(list)")
      }
    case "onnxruntime-gpu":
      guard let (path, bytes) = read("onnxruntime/capi/build_and_package_info.py"),
        let text = PythonSource(bytes).values["cuda_version"], let cuda = CUDAVersion(release: text)
      else { break }
      self.cuda = Fact(cuda, in: path, says: "cuda_version = '\(text)'")
    case "xformers":
      guard let (path, bytes) = read("xformers/cpp_lib.json"), let build = ExtensionBuild(bytes) else {
        break
      }
      if let number = build.version.cuda, (100...9999).contains(number) {
        let cuda = CUDAVersion(number / 100, number % 100)
        self.cuda = Fact(cuda, in: path, says: "cuda \(number)")
      }
      if let text = build.version.torch { torch = Fact(text, in: path, says: "torch \(text)") }
      if let text = build.env?.architectures, let flags = ArchitectureList(arguments: text) {
        self.flags = Fact(flags, in: path, says: "TORCH_CUDA_ARCH_LIST \(text)")
      }
    default:
      // PyTorch's own libraries keep the local version in their sources when their metadata lose it.
      guard cuda == nil, let folder = Self.folders[name], let (path, bytes) = read("\(folder)/version.py"),
        let text = PythonSource(bytes).values["__version__"], let cuda = CUDAVersion(local: text)
      else { break }
      self.cuda = Fact(cuda, in: path, says: "__version__ = '\(text)'")
    }
    if cuda == nil && cudaMajor == nil && torch == nil { return nil }
  }

  private static let folders = ["torchvision": "torchvision", "torchaudio": "torchaudio"]

  /// 12 of `cupy-cuda12x`, `jax-cuda12-plugin`, `faiss-gpu-cu12`, `nvidia-cudnn-cu12`.
  package static func major(inName name: String) -> Int? {
    for part in name.split(separator: "-") {
      for prefix in ["cuda", "cu"] where part.hasPrefix(prefix) {
        let number = part.dropFirst(prefix.count).prefix { $0.isASCII && $0.isNumber }
        let rest = part.dropFirst(prefix.count + number.count)
        guard rest.isEmpty || rest == "x", let value = Int(number) else { continue }
        switch value {
        case 7...99: return value
        case 100...999: return value / 10
        default: continue
        }
      }
    }
    return nil
  }

  /// What PyTorch's `BuildExtension` users write down: `cpp_lib.json`.
  private struct ExtensionBuild: Decodable {
    struct Version: Decodable {
      var cuda: Int?
      var torch: String?
    }

    struct Environment: Decodable {
      var architectures: String?

      enum CodingKeys: String, CodingKey { case architectures = "TORCH_CUDA_ARCH_LIST" }
    }

    var version: Version
    var env: Environment?

    init?(_ bytes: [UInt8]) {
      guard let value = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { return nil }
      self = value
    }
  }
}

extension ArchitectureList {
  /// Reads what somebody gave to a build, where architectures such as `9.0a` have a suffix.
  init?(arguments text: String) {
    let words = text.split(whereSeparator: { $0 == ";" || $0 == "," || $0.isWhitespace }).map { word in
      guard let last = word.last, last == "a" || last == "f", let number = ComputeCapability(word.dropLast())
      else { return String(word) }
      return "sm_\(number.number)\(last)"
    }
    self.init(words.joined(separator: ";"))
  }
}

extension CUDAVersion {
  /// 12.8 of a version with the local part `+cu128`; nil for others.
  init?(local version: some StringProtocol) {
    guard let place = version.firstRange(of: "+cu"),
      let number = Int(version[place.upperBound...].prefix { $0.isNumber }),
      (70...999).contains(number)
    else { return nil }
    self.init(number / 10, number % 10)
  }
}
