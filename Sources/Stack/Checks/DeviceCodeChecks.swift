import Bytes
import Compatibility
import DeviceCode

/// What the libraries of one package are worth on one device.
private struct PackageVerdict {
  var verdicts: [(path: Path, verdict: LibraryVerdict)]

  /// Those that have something to judge.
  var judged: [(path: Path, verdict: LibraryVerdict)] {
    verdicts.filter { $0.verdict.verdict != .noDeviceCode }
  }

  func paths(_ verdict: Verdict) -> [Path] {
    judged.filter { $0.verdict.verdict == verdict }.map(\.path)
  }
}

extension StackQuestion {
  /// A package that has device code.
  private struct Package {
    var name: String
    var environment: Path?
    var isTorch: Bool
    /// One of NVIDIA's libraries beside PyTorch, which calls it for some of its functions.
    var servesTorch: Bool
    var libraries: [Int]
  }

  /// The libraries with device code by the package that they belong to, in the order of their paths.
  private var packages: [Package] {
    var packages: [Package] = []
    var positions: [String: Int] = [:]
    for index in libraries.indices.sorted(by: { libraries[$0].path < libraries[$1].path }) {
      let path = libraries[index].path
      let environment = facts.environment(of: path)
      let torch = environment?.torch
      let isTorch = torch.map { path.isInside($0.folder.child("torch")) } ?? false
      let package = libraries[index].package ?? facts.package(of: path)
      let distribution = environment?.distributions.first { $0.metadata == package?.record }
      let name: String
      if isTorch, let torch {
        name = "PyTorch \(torch.version.value)"
      } else if let package {
        name = "\(package.name) \(package.version)"
      } else if environment != nil || path.components.count > 1 {
        name = "\(path.parent.bytes.isEmpty ? path : path.parent)"
      } else {
        name = "\(path)"
      }
      let key = "\(environment?.folder.text ?? "") \(name)"
      if let position = positions[key] {
        packages[position].libraries.append(index)
      } else {
        positions[key] = packages.count
        packages.append(
          Package(
            name: name, environment: environment?.folder, isTorch: isTorch,
            servesTorch: torch != nil && distribution.flatMap { Component($0) } != nil, libraries: [index]))
      }
    }
    return packages.sorted { left, right in left.isTorch && !right.isTorch }
  }

  /// The checks about the device code itself.
  func deviceCodeChecks() -> [Check] {
    var checks: [Check] = []
    let packages = packages
    for package in packages {
      for index in devices.indices {
        var device = effective(devices[index])
        let withDriver = verdicts(of: package, on: device)
        device.driver = nil
        let plain = verdicts(of: package, on: device)
        if let check = gpu(package, plain, index) { checks.append(check) }
        checks += driverLimits(package, withDriver, without: plain, index)
      }
    }
    for torch in facts.torches where torch.cuda != nil {
      if !packages.contains(where: { $0.isTorch && $0.environment == torch.folder }) {
        checks += devices.indices.map { index in
          Check(
            .torchGPU, .unknown, subject: "PyTorch \(torch.version.value)", device: index,
            environment: torch.folder,
            "no device code of PyTorch \(torch.version.value) was found", evidence: [torch.version.evidence])
        }
      }
    }
    return checks + facts.torches.compactMap { flagsContents($0) }
  }

  private func verdicts(of package: Package, on device: Device) -> PackageVerdict {
    PackageVerdict(
      verdicts: package.libraries.map { index in
        let library = libraries[index]
        return (library.path, library.verdict(device))
      })
  }

  /// Whether the code is for the GPU, whatever the driver.
  private func gpu(_ package: Package, _ verdicts: PackageVerdict, _ index: Int) -> Check? {
    let device = devices[index]
    func check(_ status: Check.Status, _ message: String, _ paths: [Path] = []) -> Check {
      Check(
        package.isTorch ? .torchGPU : .packageGPU, status, subject: package.name, device: index,
        environment: package.environment, message,
        evidence: paths.map { path in Evidence(path: path, says: carried(by: path)) })
    }
    let judged = verdicts.judged
    // What is there for the device linker only has nothing to run.
    if judged.isEmpty { return nil }
    let incompatible = verdicts.paths(.incompatible)
    let partial = verdicts.paths(.partial)
    let all = judged.map(\.path)
    func names(_ paths: [Path]) -> String {
      list(
        paths.prefix(3).map { "\($0.lastComponent)" } + (paths.count > 3 ? ["\(paths.count - 3) others"] : [])
      )
    }
    // PyTorch needs all libraries of its own; another package may pick one of several.
    if incompatible.count == all.count
      || package.isTorch && incompatible.contains(where: { Component(file: $0) == nil })
    {
      let message = "\(package.name) has no code that runs on \(device.label) in \(names(incompatible))"
      return package.servesTorch
        ? check(.warn, message + "; what PyTorch calls in it fails", incompatible)
        : check(.fail, message, incompatible)
    }
    if !incompatible.isEmpty {
      return check(
        .warn,
        "\(package.name) has no code that runs on \(device.label) in \(names(incompatible)); others of its libraries have",
        incompatible)
    }
    if !partial.isEmpty {
      let shares = judged.filter { $0.verdict.verdict == .partial }
      let shown = shares.prefix(3).map { library in
        "\(library.verdict.gaps) of \(library.verdict.modules) modules of \(library.path.lastComponent)"
      }
      return check(
        .warn,
        "on \(device.label) the kernels of \(list(shown))"
          + (shares.count > 3 ? " and of \(shares.count - 3) other libraries" : "")
          + " fail when they are called; the rest of \(package.name) has code for it",
        partial)
    }
    let guesses = verdicts.paths(.notGuaranteed)
    if !guesses.isEmpty {
      return check(
        .warn, "\(package.name) may run on \(device.label), but NVIDIA does not promise it", guesses)
    }
    let jit = verdicts.paths(.jit)
    if !jit.isEmpty {
      return check(
        .warn,
        "\(package.name) has PTX instead of machine code for \(device.label) in \(names(jit)): the driver compiles it at "
          + "the first start, which takes long", jit)
    }
    return check(.pass, "\(package.name) has machine code for \(device.label)", all)
  }

  private func carried(by path: Path) -> String {
    let targets = libraries.first { $0.path == path }?.library.targets.map(\.targetName) ?? []
    return targets.isEmpty ? "no portable device code" : targets.joined(separator: " ")
  }

  /// What the driver does not know but must to load the code: the version of its PTX, and how it is compressed.
  private func driverFailures(
    _ package: Package, _ verdicts: PackageVerdict, _ index: Int
  ) -> [Check] {
    guard let driver = effective(devices[index]).knownDriver else { return [] }
    func check(_ id: Check.ID, _ reason: ExclusionReason, _ message: String) -> Check? {
      let paths = verdicts.judged.filter { library in
        library.verdict.uncovered.contains { $0.reasons.contains(reason) }
      }.map(\.path)
      return paths.isEmpty ? nil : self.check(id, .fail, package, index, message, paths)
    }
    let newest = driver.newestPTXISA.map { " (its newest is \($0))" } ?? ""
    let minimum = DriverTable.shared.compression.first.map { ", which needs \($0.minimumDriver)" } ?? ""
    return [
      check(
        .ptxDriver, .ptxISANewerThanDriver,
        "driver \(driver) does not know the version of PTX\(newest) that it would have to compile for \(package.name): \"the "
          + "provided PTX was compiled with an unsupported toolchain\" (CUDA error 222)"),
      check(
        .compressionDriver, .compressionNewerThanDriver,
        "driver \(driver) does not decompress the device code of \(package.name)\(minimum): \"device kernel image is "
          + "invalid\" (CUDA error 200)"),
    ].compactMap { $0 }
  }

  /// The failed checks of the driver against the code of all packages.
  func driverFailures() -> [Check] {
    packages.flatMap { package in
      devices.indices.flatMap { index in
        driverFailures(package, verdicts(of: package, on: effective(devices[index])), index)
      }
    }
  }

  private func check(
    _ id: Check.ID, _ status: Check.Status, _ package: Package, _ index: Int, _ message: String,
    _ paths: [Path]
  ) -> Check {
    Check(
      id, status, subject: package.name, device: index, environment: package.environment, message,
      evidence: paths.map { Evidence(path: $0, says: carried(by: $0)) })
  }

  /// Whether the driver knows all that it must, and what it takes instead. `plain` leaves the driver out.
  private func driverLimits(
    _ package: Package, _ verdicts: PackageVerdict, without plain: PackageVerdict, _ index: Int
  ) -> [Check] {
    if effective(devices[index]).isSupportedByDriver == false { return [] }
    let driver = effective(devices[index]).knownDriver
    var checks = driverFailures(package, verdicts, index)
    func add(_ id: Check.ID, _ status: Check.Status, _ message: String, _ paths: [Path]) {
      checks.append(check(id, status, package, index, message, paths))
    }
    /// The libraries of which more modules have this fate with the driver than without.
    func more(_ count: (LibraryVerdict) -> Int) -> [Path] {
      zip(verdicts.verdicts, plain.verdicts).filter { count($0.verdict) > count($1.verdict) }.map(\.0.path)
    }
    func needs(_ isNeeded: (MinimumDriver.Need) -> Bool) -> (driver: DriverVersion, paths: [Path])? {
      let list = plain.judged.filter { $0.verdict.minimumDriver.map { isNeeded($0.need) } ?? false }
      let newest = list.compactMap(\.verdict.minimumDriver).max { $0.driver.isAtLeast($1.driver) == false }
      return newest.map { ($0.driver, list.map(\.path)) }
    }

    if !checks.contains(where: { $0.id == .ptxDriver }) {
      let guessed = more { $0.portable.notGuaranteed + $0.specialised.notGuaranteed }
      if let driver, !guessed.isEmpty {
        add(
          .ptxDriver, .unknown, "whether driver \(driver) knows the PTX of \(package.name) is not known",
          guessed)
      } else if let compiled = needs({ if case .ptxISA = $0 { true } else { false } }) {
        add(
          .ptxDriver, driver == nil ? .unknown : .pass,
          driver.map { "driver \($0) knows the PTX of \(package.name) that it compiles" }
            ?? "no driver is given; the PTX of \(package.name) needs \(compiled.driver) or newer",
          compiled.paths)
      }
    }
    if !checks.contains(where: { $0.id == .compressionDriver }) {
      let replaced = more { $0.portable.jit + $0.specialised.jit }
      if let driver, !replaced.isEmpty {
        add(
          .compressionDriver, .warn,
          "driver \(driver) does not decompress machine code of \(package.name) and compiles PTX instead",
          replaced)
      } else if let compressed = needs({ if case .compression = $0 { true } else { false } }) {
        add(
          .compressionDriver, driver == nil ? .unknown : .pass,
          driver.map { "driver \($0) decompresses the device code of \(package.name)" }
            ?? "no driver is given; the compressed device code of \(package.name) needs \(compressed.driver) or newer",
          compressed.paths)
      }
    }
    return checks
  }

  private func flagsContents(_ torch: TorchInstallation) -> Check? {
    guard let flags = torch.flags else { return nil }
    let own = libraries.filter { $0.path.isInside(torch.libraryFolder) }.sorted { $0.path < $1.path }
    guard !own.isEmpty else { return nil }
    let name = "PyTorch \(torch.version.value)"
    func check(_ status: Check.Status, _ message: String, _ more: [Evidence] = []) -> Check {
      Check(
        .flagsContents, status, subject: name, environment: torch.folder, message,
        evidence: [flags.evidence] + more)
    }
    var missing: [String] = []
    var incomplete: [(path: Path, lacking: Set<Int>, total: Int)] = []
    for library in own { incomplete.append((library.path, [], 0)) }
    for requirement in flags.value.requirements {
      var carrying = 0
      for (index, library) in own.enumerated() {
        let result = library.library.check(requirement)
        guard result.status != .noDeviceCode else { continue }
        carrying += result.carrying
        incomplete[index].lacking.formUnion(result.missing)
        incomplete[index].total = result.carrying + result.missing.count
      }
      if carrying == 0 { missing.append(requirement.targetName) }
    }
    if !missing.isEmpty {
      return check(.fail, "\(name) says that it carries \(list(missing)), but no code in it is for that")
    }
    incomplete.removeAll { $0.lacking.isEmpty }
    if !incomplete.isEmpty {
      let shown = incomplete.map { "\($0.lacking.count) of \($0.total) modules of \($0.path.lastComponent)" }
      return check(
        .warn, "\(name) says that it carries \(flags.value), but \(list(shown)) lack some of it",
        incomplete.map {
          Evidence(path: $0.path, says: "\($0.lacking.count) of \($0.total) modules lack a target")
        })
    }
    return check(.pass, "\(name) carries what it says: \(flags.value)")
  }
}

extension TargetRequirement {
  /// As targets are spelled: `sm_80`, also for the compute capability 8.0.
  fileprivate var targetName: String {
    if case .native(let computeCapability) = self { "sm_\(computeCapability.target)" } else { description }
  }
}
