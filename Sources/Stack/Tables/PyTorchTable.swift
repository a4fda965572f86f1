public import Bytes
public import Compatibility
public import DeviceCode

/// What is known about PyTorch's official Linux builds: the table `pytorch.json`.
public struct PyTorchTable: Sendable, Codable {
  /// A release with all its patch releases.
  public struct Release: Sendable, Codable {
    /// `2.4`.
    public var series: String
    /// `2.4.0`, `2.4.1`, …, oldest first.
    public var versions: [String]
    /// The versions of Python that the newest patch release has builds for: `3.12`.
    public var python: [String]
    public var builds: [Build]
  }

  /// One build of a release: for one version of CUDA.
  public struct Build: Sendable, Codable {
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
    /// Those of torchvision and torchaudio that its package index does not have.
    public var lacks: [String]
    /// False marks a row that was not confirmed by PyTorch's release scripts or by a measured build.
    public var isConfirmed: Bool
    public var note: String?
    /// Index into ``PyTorchTable/sources``.
    public var source: Int

    enum CodingKeys: String, CodingKey {
      case cuda, targets, targetsAArch64, cudnn, isDefault, versions, lacks, note, source
      case isConfirmed = "confirmed"
    }

    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      cuda = try container.decode(CUDAVersion.self, forKey: .cuda)
      targets = try container.decode(ArchitectureList.self, forKey: .targets)
      targetsAArch64 = try container.decodeIfPresent(ArchitectureList.self, forKey: .targetsAArch64)
      cudnn = try container.decodeIfPresent(String.self, forKey: .cudnn)
      isDefault = try container.decodeIfPresent(Bool.self, forKey: .isDefault) ?? false
      versions = try container.decodeIfPresent([String].self, forKey: .versions)
      lacks = try container.decodeIfPresent([String].self, forKey: .lacks) ?? []
      isConfirmed = try container.decodeIfPresent(Bool.self, forKey: .isConfirmed) ?? true
      note = try container.decodeIfPresent(String.self, forKey: .note)
      source = try container.decode(Int.self, forKey: .source)
    }

    /// The name of the build in PyTorch's package indexes: `cu126`.
    public var variant: String { "cu\(cuda.major)\(cuda.minor)" }
  }

  /// The releases of torchvision and torchaudio that belong to a release of PyTorch.
  public struct Companions: Sendable, Codable {
    /// `2.4.1`.
    public var torch: String
    public var torchvision: String
    public var torchaudio: String
    /// No build of theirs is known that is for one CUDA version, so they are named without one; nil means that there are.
    public var plain: Bool?
    /// Index into ``PyTorchTable/sources``.
    public var source: Int
  }

  /// The release of Triton, which compiles what `torch.compile` makes, that a release of PyTorch requires on Linux.
  public struct TritonPin: Sendable, Codable {
    /// `2.7.1`.
    public var torch: String
    /// `3.3.1`; of several that it takes the oldest.
    public var triton: String
    /// The first version of Python for which it requires none: `3.12`. Nil where it always does.
    public var pythonBefore: String?
    /// Index into ``PyTorchTable/sources``.
    public var source: Int
  }

  /// Which GPUs cuDNN has code for: those from a compute capability on, until a row for a later version says otherwise.
  public struct CuDNNCoverage: Sendable, Codable {
    /// The first version that it is true of: `9.11`.
    public var from: String
    public var first: ComputeCapability
    /// Index into ``PyTorchTable/sources``.
    public var source: Int
  }

  /// What installs on AArch64 without a package index.
  public struct DefaultOnAArch64: Sendable, Codable {
    /// The last series that it is true of.
    public var until: String
    public var hasCUDA: Bool
    /// Index into ``PyTorchTable/sources``.
    public var source: Int
  }

  /// How a build is installed that is not the default one.
  public struct Install: Sendable, Codable {
    /// The last series that it is for; nil for all that follow.
    public var until: String?
    /// With `{packages}` for the names and versions of what is installed, and `{variant}` for that of the build.
    public var command: String
    /// Those of torchvision and torchaudio that are named without a CUDA version, because they have no builds for one; nil
    /// for none.
    public var plain: [String]?
    /// Index into ``PyTorchTable/sources``.
    public var source: Int
  }

  /// Oldest first.
  public var releases: [Release]
  /// Oldest first.
  public var install: [Install]
  /// Oldest first.
  public var companions: [Companions]
  /// Oldest first; releases that require no Triton have no row.
  public var triton: [TritonPin]
  /// Oldest first.
  public var cuDNN: [CuDNNCoverage]
  /// Oldest first; later series have CUDA.
  public var aarch64: [DefaultOnAArch64]
  public var sources: [String]

  /// The command that installs one version of a build, with the packages in `companions` in the versions that belong to it.
  ///
  /// Pip takes a version without its local part (`2.8.0`) as satisfied by any build of it (`2.8.0+cu128`), so the build is
  /// named, unless PyPI has it and no build of that version is there.
  ///
  /// - Parameters:
  ///   - installed: the version that is there: `2.8.0+cpu`.
  ///   - companions: `torchvision`, `torchaudio`; others are left out.
  public func command(
    installing build: Build, of release: Release, version: String, over installed: String,
    companions: [String],
    onAArch64: Bool
  ) -> String {
    let position = releases.firstIndex { $0.series == release.series } ?? releases.endIndex
    let row = install.first { row in
      guard let until = row.until else { return true }
      return releases.firstIndex { $0.series == until }.map { position <= $0 } ?? false
    }
    let onArm = aarch64.first { VersionNumbers(release.series) <= VersionNumbers($0.until) }
    let isOnPyPI = build.isDefault && !(onAArch64 && onArm?.hasCUDA == false)
    let isPlain = isOnPyPI && installed.prefix { $0 != "+" } != version[...]
    let local = isPlain ? "" : "+\(build.variant)"
    var packages = ["torch==\(version)\(local)"]
    for companion in companions {
      guard let fitting = self.version(of: companion, for: version) else { continue }
      let isWithoutCUDA =
        self.companions(of: version)?.plain == true || row?.plain?.contains(companion) == true
      packages.append("\(companion)==\(fitting)\(isWithoutCUDA ? "" : local)")
    }
    let list = packages.joined(separator: " ")
    if isPlain { return "pip install \(list)" }
    return (row?.command ?? "").replacing("{packages}", with: list)
      .replacing("{variant}", with: build.variant)
  }

  /// The release of torchvision or torchaudio that belongs to a version of PyTorch; nil where the table does not tell.
  public func version(of companion: String, for torch: String) -> String? {
    let row = companions(of: torch)
    switch companion {
    case "torchvision": return row?.torchvision
    case "torchaudio": return row?.torchaudio
    default: return nil
    }
  }

  private func companions(of torch: String) -> Companions? {
    companions.first { $0.torch == torch }
      ?? companions.last { row in release(of: row.torch)?.series == release(of: torch)?.series }
  }

  /// The release of Triton that a version of PyTorch, such as `2.7.1+cu128`, requires on Linux; nil where it requires none,
  /// and where the table does not tell.
  ///
  /// - Parameter python: the version of Python, such as `3.12`; nil for any that has Triton.
  public func triton(for torch: String, python: String? = nil) -> String? {
    let version = torch.prefix { $0 != "+" }
    guard let row = triton.first(where: { $0.torch == version }) else { return nil }
    if let python, let first = row.pythonBefore, VersionNumbers(first) <= VersionNumbers(python) {
      return nil
    }
    return row.triton
  }

  /// Whether cuDNN in this version has code for a GPU; nil where the table does not tell.
  public func cuDNN(_ version: String, covers device: ComputeCapability) -> Bool? {
    let version = VersionNumbers(version)
    let row = cuDNN.last { $0.key <= version }
    return row.map { $0.first <= device }
  }

  /// The release that a version belongs to: `2.4.1+cu121` is of the series 2.4. Nil when the table does not have it.
  public func release(of version: String) -> Release? {
    let numbers = version.split(whereSeparator: { $0 == "." || $0 == "+" }).prefix(2)
    return releases.first { $0.series == numbers.joined(separator: ".") }
  }
}

/// The targets that something is compiled for, as PyTorch's `TORCH_CUDA_ARCH_LIST` writes them: `8.0;9.0+PTX`.
public struct ArchitectureList: Hashable, Sendable, Codable {
  /// Machine code and PTX, in the order of the text.
  public var requirements: [TargetRequirement]

  /// Reads `8.0;9.0+PTX`, or `sm_80 sm_90 compute_90`; nil for anything else.
  public init?(_ text: String) {
    guard let list = try? TargetRequirement.list(text) else { return nil }
    requirements = list
  }

  public init(from decoder: any Decoder) throws {
    self = try decodeText(decoder, "a list of targets such as 8.0;9.0+PTX") { ArchitectureList($0) }
  }

  public func encode(to encoder: any Encoder) throws {
    try encodeText(requirements.map(\.description).joined(separator: " "), encoder)
  }

  /// The targets as images that the rules judge.
  public var images: [DeviceImage] {
    requirements.compactMap { requirement in
      switch requirement {
      case .cubin(let target): DeviceImage(kind: .cubin, target: target)
      case .ptx(let target): DeviceImage(kind: .ptx, target: target)
      case .native(let computeCapability): DeviceImage(kind: .cubin, target: computeCapability.target)
      // No list has it.
      case .highestPTX: nil
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

extension PyTorchTable: DataTable {
  public static let name = "pytorch"
  public static let shipped = decoded()
  public static var resource: [UInt8] { PackageResources.pytorch_json }
  public var rowSources: [Int] {
    releases.flatMap(\.builds).map(\.source) + install.map(\.source) + companions.map(\.source)
      + triton.map(\.source) + cuDNN.map(\.source) + aarch64.map(\.source)
  }

  public mutating func add(_ other: PyTorchTable) {
    releases.add(other.releases, by: \.key)
    install.add(other.install, by: \.key)
    companions.add(other.companions, by: \.key)
    triton.add(other.triton, by: \.key)
    cuDNN.add(other.cuDNN, by: \.key)
    aarch64.add(other.aarch64, by: \.key)
  }

  public func problems(in tables: TableSet) -> [Problem] {
    var check = ListCheck(Self.self, "releases")
    var builds = ListCheck(Self.self, "builds")
    check.expectAscending(releases.map(\.key), "series")
    for release in releases {
      let series = release.series
      check.expect(
        release.key.numbers.count == 2 && "\(release.key)" == series, series, "series",
        "two numbers, such as 2.4", "\"\(series)\"")
      check.expect(
        !release.versions.isEmpty && release.versions.allSatisfy { $0.hasPrefix(series + ".") }, series,
        "versions", "one or more that start with \(series).", release.versions.joined(separator: ", "))
      check.expect(!release.python.isEmpty, series, "python", "one version or more", nil)
      let defaults = release.builds.count(where: \.isDefault)
      check.expect(defaults == 1, series, "builds", "one with \"isDefault\": true", defaults)
      builds.expectAscending(release.builds.map(\.cuda), "cuda")
      for build in release.builds { self.check(build, of: release, in: tables, &builds) }
    }
    var commands = ListCheck(Self.self, "install")
    commands.expectAscending(install.map(\.key), "until")
    for row in install {
      if let until = row.until {
        commands.expect(
          releases.contains { $0.series == until }, row.key, "until", "a series of pytorch.releases", until)
      }
      commands.expect(
        row.command.contains("{packages}"), row.key, "command", "a command with {packages}", row.command)
    }
    var others = ListCheck(Self.self, "companions")
    others.expectAscending(companions.map(\.key), "torch")
    for row in companions {
      others.expect(
        release(of: row.torch)?.versions.contains(row.torch) == true, row.key, "torch",
        "a version of pytorch.releases", row.torch)
    }
    var pins = ListCheck(Self.self, "triton")
    pins.expectAscending(triton.map(\.key), "torch")
    for row in triton {
      pins.expect(
        release(of: row.torch)?.versions.contains(row.torch) == true, row.key, "torch",
        "a version of pytorch.releases", row.torch)
      pins.expect(
        row.version.numbers.count == 3 && "\(row.version)" == row.triton, row.key, "triton",
        "a version such as 3.3.1", row.triton)
    }
    for (earlier, later) in zip(triton, triton.dropFirst()) {
      pins.expect(
        earlier.version <= later.version, later.key, "triton",
        "\(earlier.triton) of \(earlier.torch), or later", later.triton)
    }
    var coverage = ListCheck(Self.self, "cuDNN")
    coverage.expectAscending(cuDNN.map(\.key), "from")
    for row in cuDNN {
      coverage.expect(
        tables.architectures[row.first] != nil, row.key, "first",
        "one of architectures.computeCapabilities", row.first)
    }
    var onArm = ListCheck(Self.self, "aarch64")
    onArm.expectAscending(aarch64.map(\.key), "until")
    return check.problems + builds.problems + commands.problems + others.problems + pins.problems
      + coverage.problems + onArm.problems
  }

  private func check(_ build: Build, of release: Release, in tables: TableSet, _ check: inout ListCheck) {
    let row = "\(release.series) for CUDA \(build.cuda)"
    let toolkits = tables.toolkits
    check.expect(toolkits[build.cuda] != nil, row, "cuda", "a toolkit of toolkits.toolkits", build.cuda)
    check.expect(
      build.cuda.minimumDriver(by: tables) != nil, row, "cuda",
      "a CUDA version whose oldest driver the tables have", build.cuda)
    for version in build.versions ?? [] {
      check.expect(release.versions.contains(version), row, "versions", "versions of the release", version)
    }
    let architectures = tables.architectures
    for (field, list) in [("targets", build.targets), ("targetsAArch64", build.targetsAArch64)] {
      for image in list?.images ?? [] {
        let known = architectures[ComputeCapability(image.target)]
        let isCompiled = known.map { known in
          known.firstToolkit <= build.cuda && known.lastToolkit.map { build.cuda <= $0 } ?? true
        }
        check.expect(
          isCompiled == true, row, field, "targets that CUDA \(build.cuda) compiles for", image.targetName)
      }
    }
  }
}

extension PyTorchTable.Release {
  fileprivate var key: VersionNumbers { VersionNumbers(series) }
}

extension PyTorchTable.Install {
  fileprivate var key: LastSeries { LastSeries(series: until.map { VersionNumbers($0) }) }
}

extension PyTorchTable.Companions {
  fileprivate var key: VersionNumbers { VersionNumbers(torch) }
}

extension PyTorchTable.TritonPin {
  fileprivate var key: VersionNumbers { VersionNumbers(torch) }
  fileprivate var version: VersionNumbers { VersionNumbers(triton) }
}

extension PyTorchTable.DefaultOnAArch64 {
  fileprivate var key: VersionNumbers { VersionNumbers(until) }
}

extension PyTorchTable.CuDNNCoverage {
  fileprivate var key: VersionNumbers { VersionNumbers(from) }
}

/// The last series that a row is for; nil for all that follow, which come after all others.
private struct LastSeries: Comparable, CustomStringConvertible {
  var series: VersionNumbers?

  var description: String { series?.description ?? "without until" }

  static func < (left: LastSeries, right: LastSeries) -> Bool {
    guard let own = left.series else { return false }
    return right.series.map { own < $0 } ?? true
  }
}
