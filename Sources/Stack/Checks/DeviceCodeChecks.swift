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
      let name: String
      if isTorch, let torch {
        name = "PyTorch \(torch.version.value)"
      } else if let distribution = environment?.distribution(of: path) {
        name = "\(distribution.normalizedName) \(distribution.version)"
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
          Package(name: name, environment: environment?.folder, isTorch: isTorch, libraries: [index]))
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
        let device = effective(devices[index])
        let verdicts = PackageVerdict(
          verdicts: package.libraries.map { library in
            (
              libraries[library].path,
              libraries[library].library.verdict(on: device, dedicated: libraries[library].dedicated)
            )
          })
        checks.append(gpu(package, verdicts, index))
        checks += driverLimits(package, verdicts, index)
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

  private func gpu(_ package: Package, _ verdicts: PackageVerdict, _ index: Int) -> Check {
    let device = devices[index]
    func check(_ status: Check.Status, _ message: String, _ paths: [Path] = []) -> Check {
      Check(
        package.isTorch ? .torchGPU : .packageGPU, status, subject: package.name, device: index,
        environment: package.environment, message,
        evidence: paths.map { path in Evidence(path: path, says: carried(by: path)) })
    }
    let judged = verdicts.judged
    guard !judged.isEmpty else {
      return check(.unknown, "\(package.name) has no device code that a driver loads")
    }
    let incompatible = verdicts.paths(.incompatible)
    let partial = verdicts.paths(.partial)
    let all = judged.map(\.path)
    func names(_ paths: [Path]) -> String {
      list(paths.prefix(3).map { "\($0.lastComponent)" })
        + (paths.count > 3 ? " and \(paths.count - 3) others" : "")
    }
    // PyTorch needs all of its libraries; another package may pick one of several.
    if incompatible.count == all.count || package.isTorch && !incompatible.isEmpty {
      return check(
        .fail, "\(package.name) has no code that runs on \(device.label) in \(names(incompatible))",
        incompatible)
    }
    if !incompatible.isEmpty {
      return check(
        .warn, "\(names(incompatible)) of \(package.name) has no code that runs on \(device.label)",
        incompatible)
    }
    if !partial.isEmpty {
      let shares = judged.filter { $0.verdict.verdict == .partial }.prefix(3).map { library in
        let total = library.verdict.portable.total - library.verdict.dedicated
        let runs = library.verdict.portable.mayRun
        return total > 0 && runs > 0
          ? "\(runs) of \(total) modules of \(library.path.lastComponent)"
          : "a part of \(library.path.lastComponent)"
      }
      return check(
        .warn,
        "on \(device.label) only \(list(Array(shares))) runs; the other kernels of \(package.name) fail when they are called",
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
        "\(package.name) runs on \(device.label) after the driver has compiled the PTX of \(names(jit)): the first start "
          + "takes long", jit)
    }
    return check(.pass, "\(package.name) has machine code for \(device.label)", all)
  }

  private func carried(by path: Path) -> String {
    let targets = libraries.first { $0.path == path }?.library.targets.map(\.targetName) ?? []
    return targets.isEmpty ? "no portable device code" : targets.joined(separator: " ")
  }

  /// What the driver must know to load the code: the version of its PTX, and how it is compressed.
  private func driverLimits(_ package: Package, _ verdicts: PackageVerdict, _ index: Int) -> [Check] {
    let device = devices[index]
    let driver = effective(device).knownDriver
    var checks: [Check] = []
    func add(_ id: Check.ID, _ status: Check.Status, _ message: String, _ paths: [Path]) {
      checks.append(
        Check(
          id, status, subject: package.name, device: index, environment: package.environment, message,
          evidence: paths.map { Evidence(path: $0, says: carried(by: $0)) }))
    }
    func excluded(_ reason: ExclusionReason) -> [Path] {
      verdicts.judged.filter { $0.verdict.uncovered.contains { $0.reasons.contains(reason) } }.map(\.path)
    }
    let tooNew = excluded(.ptxISANewerThanDriver)
    let compiled = verdicts.judged.filter { $0.verdict.portable.jit + $0.verdict.specialised.jit > 0 }
    let needs = compiled.compactMap { library -> MinimumDriver? in
      guard let minimum = library.verdict.minimumDriver, case .ptxISA = minimum.need else { return nil }
      return minimum
    }
    if let driver, !tooNew.isEmpty {
      let newest = driver.newestPTXISA.map { "its newest is \($0)" } ?? "it is too old"
      add(
        .ptxDriver, .fail,
        "driver \(driver) does not know the version of the PTX that it would have to compile for \(package.name) (\(newest)): "
          + "\"the provided PTX was compiled with an unsupported toolchain\" (CUDA error 222)", tooNew)
    } else if !compiled.isEmpty {
      if let driver {
        add(
          .ptxDriver, .pass, "driver \(driver) knows the PTX of \(package.name) that it compiles",
          compiled.map(\.path))
      } else if let need = needs.max(by: { $0.driver.isAtLeast($1.driver) == false }) {
        add(
          .ptxDriver, .unknown,
          "no driver is given; the PTX of \(package.name) needs \(need.driver) or newer",
          compiled.map(\.path))
      }
    }
    let compressed = excluded(.compressionNewerThanDriver)
    if let driver, !compressed.isEmpty {
      let minimum = DriverTable.shared.compression.first?.minimumDriver.description ?? "a newer one"
      add(
        .compressionDriver, .fail,
        "driver \(driver) does not decompress the device code of \(package.name), which needs \(minimum): \"device kernel "
          + "image is invalid\" (CUDA error 200)", compressed)
    } else {
      let known = verdicts.judged.filter { library in
        guard case .compression? = library.verdict.minimumDriver?.need else { return false }
        return true
      }
      if let first = known.first?.verdict.minimumDriver {
        add(
          .compressionDriver, driver == nil ? .unknown : .pass,
          driver.map { "driver \($0) decompresses the device code of \(package.name)" }
            ?? "no driver is given; the compressed device code of \(package.name) needs \(first.driver) or newer",
          known.map(\.path))
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
    var partial: [(text: String, evidence: Evidence)] = []
    for requirement in flags.value.requirements {
      let results = own.map { ($0.path, $0.library.check(requirement)) }.filter {
        $0.1.status != .noDeviceCode
      }
      if !results.contains(where: { $0.1.carrying > 0 }) { missing.append(requirement.description) }
      for (path, result) in results where !result.isMet && result.missing.count > 0 {
        let total = result.carrying + result.missing.count
        partial.append(
          (
            "\(requirement) in \(result.carrying) of \(total) modules of \(path.lastComponent)",
            Evidence(path: path, says: "\(result.missing.count) modules without \(requirement)")
          ))
      }
    }
    if !missing.isEmpty {
      return check(.fail, "\(name) says that it carries \(list(missing)), but no code in it is for that")
    }
    if !partial.isEmpty {
      return check(
        .warn,
        "\(name) does not carry everywhere what it says: \(list(partial.prefix(3).map(\.text)))"
          + (partial.count > 3 ? " and \(partial.count - 3) more" : ""), partial.map(\.evidence))
    }
    return check(.pass, "\(name) carries what it says: \(flags.value)")
  }
}
