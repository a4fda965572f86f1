import Bytes
import Compatibility
import ELFFile
import Stack

/// An official build of PyTorch that runs on some devices.
struct TorchChoice: Hashable, Sendable {
  /// Position in the table's releases.
  var release: Int
  var version: String
  var cuda: CUDAVersion
  /// Position in the release's builds.
  var build: Int
  /// What it carries on the machine.
  var targets: ArchitectureList
  /// How well the worst of the devices runs it.
  var fit: Fit
  /// The drivers that run its CUDA on all devices; nil where the tables do not tell.
  var drivers: DriverRange?
  /// Whether a release script or a measured build says what it carries.
  var isConfirmed: Bool
  /// Whether it runs machine code, and what it compiles at run time.
  var isWhole = false

  var label: String { "PyTorch \(version) for CUDA \(cuda)" }
}

/// Searches the table of PyTorch's builds for one that runs on all devices.
struct TorchSearch {
  let devices: [Device]
  let isAArch64: Bool
  let tables: TableSet
  /// The version of Python that it must be built for; nil for any.
  var python: String?
  /// The companions that are to come along.
  var companions: [String] = []
  /// Whether Triton comes along, and compiles at run time.
  var usesTriton = false

  private var table: PyTorchTable { tables.pytorch }

  /// The build nearest to what is installed that runs on every device with its driver, if there is one.
  ///
  /// Nearest is the same release, then the one that follows, then the one before, and so on. Machine code comes before PTX,
  /// a version of CUDA that knows the GPU before an older one, and builds that are confirmed before others, however near
  /// these are. Of the builds
  /// of a release the newest counts whose CUDA the driver supports by itself, then the oldest of the others.
  func nearest(to torch: TorchInstallation) -> TorchChoice? {
    let origin =
      table.release(of: torch.version.value).flatMap { release in
        table.releases.firstIndex { $0.series == release.series }
      } ?? table.releases.count - 1
    let order = table.releases.indices.sorted { left, right in
      (abs(left - origin), -left) < (abs(right - origin), -right)
    }
    var best: TorchChoice?
    for index in order where python.map({ table.releases[index].python.contains($0) }) ?? true {
      for choice in choices(in: index, near: torch).sorted(by: { rank($0) < rank($1) }) {
        // A build that surely runs machine code ends the search; another is only taken where there is none.
        if choice.isWhole, choice.isConfirmed { return choice }
        if best.map({ choice.isWhole && !$0.isWhole }) ?? true { best = choice }
      }
    }
    return best
  }

  /// Whether some official build has code for a device, whatever else is asked of it.
  func isCovered(_ device: Device) -> Bool {
    table.releases.flatMap(\.builds).contains { build in
      targets(of: build).map { $0.fit(on: device.withoutDriver) >= .jit } ?? false
    }
  }

  private func targets(of build: PyTorchTable.Build) -> ArchitectureList? {
    isAArch64 ? build.targetsAArch64 : build.targets
  }

  /// Whether it runs machine code, and what it compiles at run time does too: NVRTC compiles for the GPUs that its version
  /// of CUDA knows, Triton for those that its release does.
  private func isWhole(_ choice: TorchChoice) -> Bool {
    choice.fit.isNative
      && devices.allSatisfy { device in
        tables.architectures[device.computeCapability].map { $0.firstToolkit <= choice.cuda } ?? true
      } && (!usesTriton || hasTriton(choice))
  }

  private func hasTriton(_ choice: TorchChoice) -> Bool {
    // Where the tables do not know the release, nothing speaks against it.
    guard let version = table.triton(for: choice.version, python: python),
      let release = tables.runtime.release(of: "Triton", nearest: version)
    else { return true }
    return devices.allSatisfy { release.makesCode(for: $0, by: tables) != false }
  }

  /// The best build of one release for the devices, of those for the CUDA versions that are admitted; nil where none runs.
  func best(in index: Int, _ admits: (CUDAVersion) -> Bool) -> TorchChoice? {
    choices(in: index, near: nil).filter { admits($0.cuda) }.min { rank($0) < rank($1) }
  }

  private func choices(in index: Int, near torch: TorchInstallation?) -> [TorchChoice] {
    let release = table.releases[index]
    let own = String(torch?.version.value.prefix { $0 != "+" } ?? "")
    return release.builds.indices.compactMap { position in
      let build = release.builds[position]
      if build.lacks.contains(where: companions.contains) { return nil }
      guard let targets = targets(of: build), let newest = (build.versions ?? release.versions).last else {
        return nil
      }
      let fit =
        devices.map { device in
          runs(build, on: device)
            ? targets.fit(on: device.withoutDriver) : .none
        }.min() ?? .none
      // What NVIDIA promises nothing about is taken where it is reported to run, and nothing else does.
      let isReported = fit == .notGuaranteed && devices.contains { $0.runsDesktopCodeOnTegra == true }
      guard fit >= .jit || isReported else { return nil }
      // Which PTX the code has is known as that of its CUDA version at most, which the driver must know.
      let isOlder = devices.contains {
        $0.knownDriver?.maxCUDA(by: tables).map { $0 < build.cuda } ?? false
      }
      if fit == .jit, isOlder { return nil }
      let version = (build.versions ?? release.versions).contains(own) ? own : newest
      let drivers = drivers(for: build.cuda)
      if drivers?.isEmpty(by: tables) == true { return nil }
      // The build that is installed is no choice.
      if let torch, torch.cuda?.value == build.cuda, version == own { return nil }
      var choice = TorchChoice(
        release: index, version: version, cuda: build.cuda, build: position, targets: targets, fit: fit,
        drivers: drivers, isConfirmed: build.isConfirmed)
      choice.isWhole = isWhole(choice)
      return choice
    }
  }

  /// Whether a build can run on a device: its cuDNN has code for the GPU, and a driver supports both the GPU and CUDA; the
  /// one of the device where that is known.
  private func runs(_ build: PyTorchTable.Build, on device: Device) -> Bool {
    if let version = build.cudnn, table.cuDNN(version, covers: device.computeCapability) == false {
      return false
    }
    guard device.isSupportedByDriver != false else { return false }
    guard let driver = device.knownDriver else {
      guard let last = tables.architectures[device.computeCapability]?.lastDriver,
        let minimum = build.cuda.minimumDriver(by: tables)
      else { return true }
      return DriverVersion.branch(last).isAtLeast(minimum, by: tables) != false
    }
    if let newest = driver.maxCUDA(by: tables), newest >= build.cuda { return true }
    return build.cuda.minimumDriver(by: tables).flatMap { driver.isAtLeast($0, by: tables) } == true
  }

  /// The drivers that support all devices and run a version of CUDA on them; nil for Tegras, whose drivers are numbered
  /// differently.
  private func drivers(for cuda: CUDAVersion) -> DriverRange? {
    guard !devices.contains(where: \.isTegra) else { return nil }
    let needed = devices.map { $0.missingDriver ?? $0.oldestDriver }
    let oldest = ([cuda.minimumDriver(by: tables)] + needed).compactMap { $0 }
    return oldest.newest(by: tables).map {
      DriverRange(first: $0, lastBranch: devices.compactMap(\.lastDriverBranch).min())
    }
  }

  private func rank(_ choice: TorchChoice) -> [Int] {
    let isOwn = devices.allSatisfy { device in
      guard let newest = device.knownDriver?.maxCUDA(by: tables) else { return true }
      return newest >= choice.cuda
    }
    let number = choice.cuda.major * 100 + choice.cuda.minor
    return [
      choice.isWhole ? 0 : 1, choice.fit.isNative ? 0 : 1, choice.isConfirmed ? 0 : 1, isOwn ? 0 : 1,
      isOwn ? -number : number,
    ]
  }
}

extension [Int] {
  fileprivate static func < (left: [Int], right: [Int]) -> Bool { left.lexicographicallyPrecedes(right) }
}

extension Assessor {
  /// Those of torchvision and torchaudio that are installed in a Python environment.
  func companions(in environment: Path) -> [String] {
    let installed = self.environment(in: environment)?.distributions.map(\.normalizedName) ?? []
    return ["torchvision", "torchaudio"].filter(installed.contains)
  }

  /// Whether the software is for AArch64, by its files, by the image, or else by the machine of the devices.
  var isAArch64: Bool {
    facts.machine == .aarch64 || facts.images.contains { $0.architecture == "arm64" }
      || facts.machine == nil && devices.contains { $0.machine == "aarch64" }
  }

  /// The official build nearest to an installation that runs on all devices: for its Python, if there is one.
  ///
  /// - Parameter ignoringDriver: with whatever driver.
  func torchChoice(near torch: TorchInstallation, ignoringDriver: Bool = false) -> TorchChoice? {
    let devices = ignoringDriver ? devices.map(\.withoutDriver) : devices
    let python = environment(in: torch.folder)?.python?.value
    var any = TorchSearch(devices: devices, isAArch64: isAArch64, tables: tables)
    any.companions = companions(in: torch.folder)
    any.usesTriton =
      environment(in: torch.folder)?.distributions.contains { $0.normalizedName == "triton" } ?? false
    guard let python else { return any.nearest(to: torch) }
    var own = any
    own.python = python
    // Without a build for the Python that is there, another Python is needed too.
    return own.nearest(to: torch) ?? any.nearest(to: torch)
  }
}
