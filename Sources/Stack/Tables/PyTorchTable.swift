public import Compatibility
public import DeviceCode

/// What is known about PyTorch's official Linux builds: the table `pytorch.json`.
public struct PyTorchTable: Sendable, Decodable {
  /// A release with all its patch releases.
  public struct Release: Sendable, Decodable {
    /// `2.4`.
    public var series: String
    /// `2.4.0`, `2.4.1`, …, oldest first.
    public var versions: [String]
    /// The versions of Python that the newest patch release has builds for: `3.12`.
    public var python: [String]
    public var builds: [Build]
  }

  /// One build of a release: for one version of CUDA.
  public struct Build: Sendable, Decodable {
    public var cuda: CUDAVersion
    /// What it carries on x86-64.
    public var targets: ArchitectureList
    /// What it carries on AArch64; nil where there is no such build or its list is not known.
    public var targetsAArch64: ArchitectureList?
    /// The version of cuDNN that it needs; nil where that is not known.
    public var cudnn: String?
    /// It is what installs when no package index is named.
    public var isDefault: Bool
    /// Only these versions have it; nil for all.
    public var versions: [String]?
    /// False marks a row that was not confirmed by PyTorch's release scripts or by a measured build.
    public var isConfirmed: Bool
    public var note: String?
    /// Index into ``PyTorchTable/sources``.
    public var source: Int

    enum CodingKeys: String, CodingKey {
      case cuda, targets, targetsAArch64, cudnn, isDefault, versions, confirmed, note, source
    }

    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      cuda = try container.decode(CUDAVersion.self, forKey: .cuda)
      targets = try container.decode(ArchitectureList.self, forKey: .targets)
      targetsAArch64 = try container.decodeIfPresent(ArchitectureList.self, forKey: .targetsAArch64)
      cudnn = try container.decodeIfPresent(String.self, forKey: .cudnn)
      isDefault = try container.decodeIfPresent(Bool.self, forKey: .isDefault) ?? false
      versions = try container.decodeIfPresent([String].self, forKey: .versions)
      isConfirmed = try container.decodeIfPresent(Bool.self, forKey: .confirmed) ?? true
      note = try container.decodeIfPresent(String.self, forKey: .note)
      source = try container.decode(Int.self, forKey: .source)
    }

    /// The name of the build in PyTorch's package indexes: `cu126`.
    public var variant: String { "cu\(cuda.major)\(cuda.minor)" }
  }

  /// How a build is installed that is not the default one.
  public struct Install: Sendable, Decodable {
    /// The last series that it is for; nil for all that follow.
    public var until: String?
    /// With `{version}` and `{variant}` for those of the build.
    public var command: String
    /// Index into ``PyTorchTable/sources``.
    public var source: Int
  }

  /// Oldest first.
  public var releases: [Release]
  /// Oldest first.
  public var install: [Install]
  public var sources: [String]

  /// The table, decoded at first use.
  public static let shared = decodeTable(Self.self, PackageResources.pytorch_json)

  /// The command that installs a build of one version.
  public func command(installing build: Build, of release: Release, version: String) -> String {
    if build.isDefault { return "pip install torch==\(version)" }
    let position = releases.firstIndex { $0.series == release.series } ?? releases.endIndex
    let row = install.first { row in
      guard let until = row.until else { return true }
      return releases.firstIndex { $0.series == until }.map { position <= $0 } ?? false
    }
    return (row?.command ?? "").replacing("{version}", with: version)
      .replacing("{variant}", with: build.variant)
  }

  /// The release that a version belongs to: `2.4.1+cu121` is of the series 2.4. Nil when the table does not have it.
  public func release(of version: String) -> Release? {
    let numbers = version.split(whereSeparator: { $0 == "." || $0 == "+" }).prefix(2)
    return releases.first { $0.series == numbers.joined(separator: ".") }
  }
}

/// The targets that something is compiled for, as PyTorch's `TORCH_CUDA_ARCH_LIST` writes them: `8.0;9.0+PTX`.
public struct ArchitectureList: Hashable, Sendable, Decodable {
  /// Machine code and PTX, in the order of the text.
  public var requirements: [TargetRequirement]

  /// Reads `8.0;9.0+PTX`, or `sm_80 sm_90 compute_90`; nil for anything else.
  public init?(_ text: String) {
    guard let list = try? TargetRequirement.list(text) else { return nil }
    requirements = list
  }

  public init(from decoder: any Decoder) throws {
    self = try decodeText(decoder, "list of architectures") { ArchitectureList($0) }
  }

  /// The targets as images that the rules judge.
  public var images: [DeviceImage] {
    requirements.map { requirement in
      switch requirement {
      case .cubin(let target): DeviceImage(kind: .cubin, target: target)
      case .ptx(let target): DeviceImage(kind: .ptx, target: target)
      case .native(let computeCapability): DeviceImage(kind: .cubin, target: computeCapability.target)
      }
    }
  }

  /// The best that code with these targets is worth on a device. Which version of PTX it has is not known, so the
  /// driver's compiler is not asked.
  public func fit(on device: Device) -> Fit {
    images.map { Rule.judge(ImageSignature($0), on: device).fit }.max() ?? .none
  }

  /// `sm_80 sm_90 compute_90`.
  public var description: String { images.map(\.targetName).joined(separator: " ") }
}

extension ArchitectureList: CustomStringConvertible {}
