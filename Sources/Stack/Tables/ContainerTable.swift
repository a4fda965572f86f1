public import Compatibility

/// What is known about NVIDIA's container images and tools: the table `containers.json`.
public struct ContainerTable: Sendable, Decodable {
  /// The newest base image of a CUDA version.
  public struct BaseImage: Sendable, Decodable {
    public var cuda: CUDAVersion
    /// `nvidia/cuda:12.8.1-base-ubuntu24.04`.
    public var image: String
    /// Index into ``ContainerTable/sources``.
    public var source: Int
  }

  /// The brands that a GPU may have for `NVIDIA_REQUIRE_*`.
  public struct Brands: Sendable, Decodable {
    /// How the name of the product starts, without a leading `NVIDIA`.
    var prefix: String?
    /// The segment of the product in the GPU catalogue.
    var segment: GPU.Segment?
    /// Likeliest first.
    public var brands: [String]
    /// False where the brand is inferred from the name: only the driver knows it.
    public var confirmed: Bool?
    /// Index into ``ContainerTable/sources``.
    public var source: Int
  }

  /// A mode of the NVIDIA container toolkit.
  public struct Mode: Sendable, Decodable {
    public var mode: String
    /// Whether it refuses to start a container whose `NVIDIA_REQUIRE_*` does not hold.
    public var enforced: Bool
    /// The version of the toolkit whose default it is since then.
    public var isDefaultSince: String?
    /// Index into ``ContainerTable/sources``.
    public var source: Int
  }

  /// Oldest first.
  public var baseImages: [BaseImage]
  /// The first row that fits a GPU counts.
  public var brands: [Brands]
  public var modes: [Mode]
  public var sources: [String]

  /// The table, decoded at first use.
  public static let shared = decodeTable(Self.self, PackageResources.containers_json)

  /// The brands that a GPU of this name may have, likeliest first; empty when the table does not tell.
  public func brands(ofGPU name: String) -> [String] {
    let product = name.hasPrefix("NVIDIA ") ? name.dropFirst("NVIDIA ".count) : name[...]
    let segment = GPUCatalogue.shared.gpus.first { $0.name == name && $0.segment != .label }?.segment
    return brands.first { row in
      row.prefix.map { product.hasPrefix($0) } ?? (segment != nil && row.segment == segment)
    }?.brands ?? []
  }
}
