public import Bytes
public import Compatibility

/// What is known about NVIDIA's container images and tools: the table `containers.json`.
public struct ContainerTable: Sendable, Codable {
  /// The newest base image of a CUDA version.
  public struct BaseImage: Sendable, Codable {
    public var cuda: CUDAVersion
    /// `nvidia/cuda:12.8.1-base-ubuntu24.04`.
    public var image: String
    /// False for an image that was only seen in use, with another part of its name; nil means confirmed.
    public var confirmed: Bool?
    /// Index into ``ContainerTable/sources``.
    public var source: Int
  }

  /// An image of NVIDIA's catalogue NGC: there is one each month.
  public struct NGCImage: Sendable, Codable {
    /// `nvcr.io/nvidia/pytorch`.
    public var image: String
    /// Starts with year and month: `25.12-py3`.
    public var tag: String
    public var cuda: CUDAVersion
    /// The driver that its release notes ask for on any GPU; nil where they name none.
    public var driver: DriverVersion?
    /// The version of the framework: `2.10.0a0+b4e4ee81d3`.
    public var framework: String?
    public var python: String?
    /// False marks a row that no document confirms; nil means confirmed.
    public var confirmed: Bool?
    /// Index into ``ContainerTable/sources``.
    public var source: Int

    /// As `docker pull` takes it.
    public var name: String { "\(image):\(tag)" }
  }

  /// The variable in whose value an image of NGC says which month it is of.
  public struct NGCVariable: Sendable, Codable {
    public var image: String
    public var variable: String
    /// Index into ``ContainerTable/sources``.
    public var source: Int
  }

  /// The brands that a GPU may have for `NVIDIA_REQUIRE_*`.
  public struct Brands: Sendable, Codable {
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
  public struct Mode: Sendable, Codable {
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
  /// By image, oldest first.
  public var ngcImages: [NGCImage]
  public var ngcVariables: [NGCVariable]
  /// The first row that fits a GPU counts.
  public var brands: [Brands]
  public var modes: [Mode]
  public var sources: [String]

  /// The brands that a GPU of this name may have, likeliest first; empty when the table does not tell.
  ///
  /// - Parameter catalogue: what GPUs are sold as.
  public func brands(ofGPU name: String, in catalogue: GPUCatalogue) -> [String] {
    let product = name.hasPrefix("NVIDIA ") ? name.dropFirst("NVIDIA ".count) : name[...]
    let segment = catalogue.segment(of: name)
    return brands.first { row in
      row.prefix.map { product.hasPrefix($0) } ?? (segment != nil && row.segment == segment)
    }?.brands ?? []
  }
}

extension ContainerTable: DataTable {
  public static let name = "containers"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.containers_json }
  public var rowSources: [Int] {
    baseImages.map(\.source) + ngcImages.map(\.source) + ngcVariables.map(\.source) + brands.map(\.source)
      + modes.map(\.source)
  }

  public mutating func add(_ other: ContainerTable) {
    baseImages.add(other.baseImages, by: \.cuda)
    ngcImages.add(other.ngcImages, by: \.name)
    ngcVariables.addFirst(other.ngcVariables, key: \.variable)
    brands.addFirst(other.brands) { [$0.prefix, $0.segment?.rawValue] }
    modes.addFirst(other.modes, key: \.mode)
  }

  public func problems(in tables: TableSet) -> [Problem] {
    let toolkits = tables.toolkits
    var images = ListCheck(Self.self, "baseImages")
    images.expectAscending(baseImages.map(\.cuda), "cuda")
    for row in baseImages {
      images.expect(toolkits[row.cuda] != nil, row.cuda, "cuda", "a toolkit of toolkits.toolkits", row.cuda)
      images.expect(!row.image.isEmpty, row.cuda, "image", "the name of an image", "an empty text")
    }
    var months = ListCheck(Self.self, "ngcImages")
    months.expectAscending(ngcImages.map(\.name), "tag")
    for row in ngcImages {
      months.expect(toolkits[row.cuda] != nil, row.name, "cuda", "a toolkit of toolkits.toolkits", row.cuda)
      months.expect(
        row.tag.prefixMatch(of: /\d\d\.\d\d-/) != nil, row.name, "tag", "year and month, such as 25.12-py3",
        row.tag)
    }
    for row in ngcVariables {
      months.expect(
        ngcImages.contains { $0.image == row.image }, row.variable, "image", "an image of ngcImages",
        row.image)
    }
    var kinds = ListCheck(Self.self, "brands")
    for row in brands {
      let key = row.prefix ?? row.segment?.rawValue ?? "?"
      kinds.expect(
        (row.prefix == nil) != (row.segment == nil), key, "prefix", "either a prefix or a segment",
        row.prefix.flatMap { _ in "both" })
      kinds.expect(!row.brands.isEmpty, key, "brands", "one brand or more", nil)
    }
    return images.problems + months.problems + kinds.problems
  }
}
