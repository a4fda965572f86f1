import Bytes
import Compatibility
import DeviceCode
import Stack

extension Assessor {
  /// The checks about the device code itself: they tell the verdicts on the packages that stand.
  func deviceCodeChecks() -> [Check] {
    packages.flatMap { package in devices.indices.flatMap { codeChecks(package, $0) } }
      + facts.torches.compactMap { flagsContents($0) }
  }

  /// The checks about the code of one package on one device.
  func codeChecks(_ package: AssessedPackage, _ device: Int) -> [Check] {
    [codeCheck(package, device)].compactMap { $0 } + driverLimits(package, device)
  }

  private func check(
    _ id: Check.ID, _ status: Check.Status, _ package: AssessedPackage, _ device: Int, _ summary: Sentence,
    detail: String? = nil, _ units: [Int]
  ) -> Check {
    var check = Check(
      id, status, subject: package.name, device: device, environment: package.environment, summary,
      detail: detail,
      evidence: units.map { Evidence(path: self.units[$0].path, says: carried(by: $0)) })
    check.isAboutTorch = package.isTorch
    return check
  }

  private func carried(by unit: Int) -> String {
    let targets = units[unit].targets.map(\.targetName)
    return targets.isEmpty ? "no portable device code" : targets.joined(separator: " ")
  }

  /// The files or folders that units are, without the folders around them.
  private func names(_ units: [Int]) -> String { listed(units.map(name), atMost: 3) }

  private func name(of unit: Int) -> String { "\(view.shown(units[unit].path).lastComponent)" }

  /// ` in libx.so`, for a sentence about a package; nothing where the package is that one file.
  private func place(_ units: [Int], in package: AssessedPackage) -> String {
    package.package == nil && !package.isTorch && package.units.count == 1 ? "" : " in \(names(units))"
  }

  /// Whether the code is for the GPU, whatever the driver.
  private func codeCheck(_ package: AssessedPackage, _ device: Int) -> Check? {
    let label = devices[device].label
    let verdict = package.plain[device]
    let name = package.name
    let id = package.isTorch ? Check.ID.torchGPU : .packageGPU
    func check(_ status: Check.Status, _ summary: Sentence, detail: String? = nil, _ units: [Int]) -> Check {
      self.check(id, status, package, device, summary, detail: detail, units)
    }
    /// The units that count and have this verdict.
    func units(_ wanted: Verdict) -> [Int] {
      verdict.counting.map { package.units[$0] }.filter { self.units[$0].plain[device].verdict == wanted }
    }
    let counting = verdict.counting.map { package.units[$0] }
    let others = zip(package.units, verdict.standings).filter { $1 == .forOtherGPUs }.map(\.0)
    let missing = others.isEmpty ? nil : "\(names(others)) \(others.count == 1 ? "is" : "are") for other GPUs"
    switch verdict.code {
    case .noDeviceCode:
      guard package.isTorch, let torch = environment(of: package)?.torch, torch.cuda != nil,
        package.verdicts[device].ignored == nil
      else { return nil }
      return Check(
        id, .unknown, subject: name, device: device, environment: package.environment,
        "no device code of \(name) was found", evidence: [torch.version.evidence])
    case .native:
      return check(.pass, "\(subject: name) has machine code for \(gpu: label)", detail: missing, counting)
    case .jit:
      let units = units(.jit)
      return check(
        .warn,
        "\(subject: name) has PTX instead of machine code for \(gpu: label)\(place(units, in: package))",
        detail: package.verdicts[device].code == .jit
          ? "the driver compiles it at the first start, which can take minutes" : nil, units)
    case .notGuaranteed:
      return check(
        .warn, "\(subject: name) may run on \(gpu: label), but NVIDIA does not support it",
        units(.notGuaranteed))
    case .partial:
      let incompatible = units(.incompatible)
      if !incompatible.isEmpty {
        return check(
          .warn,
          lacks(incompatible, package, device, place: place(incompatible, in: package)),
          detail: "its other libraries have", incompatible)
      }
      let partial = units(.partial)
      let shares = partial.map { unit in
        let verdict = self.units[unit].plain[device]
        return "\(verdict.gaps) of \(verdict.modules) modules of \(self.name(of: unit))"
      }
      let shown = listed(shares, atMost: 3, others: "other libraries")
      return check(
        .warn, "the kernels of \(shown) fail on \(gpu: label) when they are called",
        detail: "the rest of \(name) has code for it", partial)
    case .incompatible:
      let incompatible = units(.incompatible)
      let lacking = incompatible.isEmpty ? counting : incompatible
      return check(
        isCalledByOthers(package, device) ? .warn : .fail, lacks(lacking, package, device),
        detail: lack(of: lacking, package, device), lacking)
    }
  }

  /// That some units of a package have no code for a device, or next to none, and what they have.
  private func lacks(_ units: [Int], _ package: AssessedPackage, _ device: Int, place: String = "")
    -> Sentence
  {
    let (name, label, range) = (package.name, devices[device].label, range(of: units))
    let verdicts = units.map { self.units[$0].plain[device] }
    let running = verdicts.reduce(0) { $0 + $1.running }
    guard running > 0 else { return "\(subject: name) has no code for \(gpu: label)\(place) (\(range))" }
    let all = running + verdicts.reduce(0) { $0 + $1.gaps }
    return
      "\(subject: name) has code for \(gpu: label) in \(running) of \(all) modules only\(place) (\(range))"
  }

  /// Whether a package is NVIDIA's and there are programs, which call it for some of their work.
  private func isCalledByOthers(_ package: AssessedPackage, _ device: Int) -> Bool {
    package.isBrought
      && packages.contains { !$0.isBrought && ($0.verdicts[device].toldCode != .noDeviceCode || $0.isTorch) }
  }

  /// `sm_50 to sm_90`: what some units carry.
  private func range(of units: [Int]) -> String {
    var seen: Set<String> = []
    let all = units.flatMap { self.units[$0].targets }.filter { seen.insert($0.targetName).inserted }
      .sorted { $0.target < $1.target }
    let cubins = all.filter { $0.kind != .ptx }.map(\.targetName)
    let ptx = all.filter { $0.kind == .ptx }.map(\.targetName)
    guard let first = cubins.first, let last = cubins.last, cubins.count > 2 else {
      return all.isEmpty ? "nothing that a driver loads" : listed(cubins + ptx, atMost: 4)
    }
    return listed(["\(first) to \(last)"] + ptx, atMost: 3)
  }

  /// What that some units have no code for a device means: mostly what CUDA and PyTorch say then.
  private func lack(of units: [Int], _ package: AssessedPackage, _ device: Int) -> String {
    if units.contains(where: { unit in
      self.units[unit].plain[device].uncovered.contains { $0.reasons.contains(.desktopCodeOnTegra) }
    }) {
      return desktopCodeOnTegra(device)
    }
    if let framework = package.cachedBy { return "\(framework) compiles it when it runs there" }
    if isCalledByOthers(package, device) { return "what others call in it fails" }
    let error = "\"no kernel image is available for execution on the device\" (CUDA error 209)"
    guard package.isTorch, let name = devices[device].name else { return error }
    let own = devices[device].computeCapability.target
    return
      "\"\(name) with CUDA capability sm_\(own) is not compatible with the current PyTorch installation\", \(error)"
  }

  /// Why code for desktop GPUs is expected to fail on a Tegra.
  private func desktopCodeOnTegra(_ device: Int) -> String {
    let own = effective(devices[device])
    let why = "its machine code is for desktop GPUs, which NVIDIA does not support on Tegra"
    return own.runsDesktopCodeOnTegra == nil
      ? "expect it to fail, because \(why) and which JetPack runs there is not known" : why
  }

  /// What the driver does not know but must to load the code: the version of its PTX, and how it is compressed.
  private func driverFailures(_ package: AssessedPackage, _ verdicts: [UnitVerdict], _ device: Int) -> [Check]
  {
    guard let driver = verdicts.first?.device.knownDriver else { return [] }
    func check(
      _ id: Check.ID, _ reason: ExclusionReason, _ summary: (_ place: String) -> Sentence, detail: String
    ) -> Check? {
      let units = zip(package.units, verdicts).filter { _, verdict in
        verdict.uncovered.contains { $0.reasons.contains(reason) }
      }.map(\.0)
      return units.isEmpty
        ? nil
        : self.check(id, .fail, package, device, summary(place(units, in: package)), detail: detail, units)
    }
    let newest = driver.newestPTXISA(by: tables).map { " (its newest is \($0))" } ?? ""
    let minimum = tables.drivers.compression.first.map { ", which needs \($0.minimumDriver)" } ?? ""
    return [
      check(
        .ptxDriver, .ptxISANewerThanDriver,
        {
          "driver \(driver) does not support the version of PTX\(newest) that it would have to compile for "
            + "\(package.name)\($0)"
        },
        detail: "\"the provided PTX was compiled with an unsupported toolchain\" (CUDA error 222)"),
      check(
        .compressionDriver, .compressionNewerThanDriver,
        { "driver \(driver) does not decompress the device code of \(package.name)\($0)\(minimum)" },
        detail: "\"device kernel image is invalid\" (CUDA error 200)"),
    ].compactMap { $0 }
  }

  /// The failed checks of the driver against the code that counts of all packages, with other devices than were asked about.
  func driverFailures(on devices: [Device]) -> [Check] {
    packages.flatMap { driverFailures(of: $0, on: devices) }
  }

  /// Whether ``driverFailures(on:)`` has any.
  ///
  /// - Parameter first: the position of the package to look at first. It becomes that of one that fails, which is likely to fail
  ///   with the next driver as well.
  func failsWithDriver(on devices: [Device], lookingFirstAt first: inout Int) -> Bool {
    let others = packages.indices.filter { $0 != first }
    for index in packages.indices.contains(first) ? [first] + others : others {
      guard driverFailures(of: packages[index], on: devices).isEmpty else {
        first = index
        return true
      }
    }
    return false
  }

  private func driverFailures(of package: AssessedPackage, on devices: [Device]) -> [Check] {
    let rule = rule(for: package)
    return devices.indices.flatMap { index -> [Check] in
      var part = package
      let device = effective(devices[index])
      var counting = package.plain[index].counting
      if rule.isCUDAOpen {
        // Another driver may load the file for another CUDA.
        let own = package.units.map { units[$0] }
        let plain = own.map { $0.plain[index] }
        let driven = own.map { $0.code.verdict(on: device, kernels: $0.kernels) }
        counting =
          rule.judge(plain, plain: plain, driven: driven, ignoring: package.ignored(on: index).keys)
          .counting
      }
      part.units = counting.map { package.units[$0] }.filter { units[$0].code.dependsOnDriver(by: tables) }
      let verdicts = part.units.map { units[$0].code.verdict(on: device, kernels: units[$0].kernels) }
      return driverFailures(part, verdicts, index)
    }
  }

  /// Whether the driver knows all that it must, and what it takes instead.
  private func driverLimits(_ package: AssessedPackage, _ device: Int) -> [Check] {
    let own = effective(devices[device])
    if own.isSupportedByDriver == false { return [] }
    let driver = own.knownDriver
    // Without a driver this only says what is not known, which an overview tells of nothing but what is not guaranteed.
    if driver == nil, !namesDevices, package.plain[device].code != .notGuaranteed { return [] }
    var part = package
    part.units = package.plain[device].counting.map { package.units[$0] }
    let verdicts = part.units.map { units[$0].verdicts[device] }
    let plain = part.units.map { units[$0].plain[device] }
    var checks = driverFailures(part, verdicts, device)
    func add(_ id: Check.ID, _ status: Check.Status, _ summary: Sentence, _ units: [Int]) {
      checks.append(check(id, status, package, device, summary, units))
    }
    /// The units of which more modules have this fate with the driver than without.
    func more(_ count: (UnitVerdict) -> Int) -> [Int] {
      part.units.indices.filter { count(verdicts[$0]) > count(plain[$0]) }.map { part.units[$0] }
    }
    func needs(_ isNeeded: (MinimumDriver.Need) -> Bool) -> (driver: DriverVersion, units: [Int])? {
      let list = part.units.indices.filter { plain[$0].minimumDriver.map { isNeeded($0.need) } ?? false }
      return list.compactMap { plain[$0].minimumDriver?.driver }.newest(by: tables)
        .map { ($0, list.map { part.units[$0] }) }
    }

    if !checks.contains(where: { $0.id == .ptxDriver }) {
      let guessed = more { $0.portable.notGuaranteed + $0.specialised.notGuaranteed }
      if let driver, !guessed.isEmpty {
        add(
          .ptxDriver, .unknown, "whether driver \(driver) supports the PTX of \(package.name) is not known",
          guessed)
      } else if let compiled = needs({ if case .ptxISA = $0 { true } else { false } }) {
        add(
          .ptxDriver, driver == nil ? .unknown : .pass,
          driver.map { "driver \($0) supports the PTX of \(package.name) that it compiles" }
            ?? "no driver is given; the PTX of \(package.name) needs \(compiled.driver) or newer",
          compiled.units)
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
          compressed.units)
      }
    }
    return checks
  }

  /// Whether PyTorch's own libraries carry what PyTorch says of itself.
  private func flagsContents(_ torch: TorchInstallation) -> Check? {
    guard let flags = torch.flags else { return nil }
    let own = units.filter { unit in
      unit.path.isInside(torch.libraryFolder) && unit.path.lastComponent.text.hasPrefix("libtorch")
    }
    guard !own.isEmpty else { return nil }
    func check(_ status: Check.Status, _ summary: Sentence, _ more: [Evidence] = []) -> Check {
      Check(
        .flagsContents, status, subject: torch.label, environment: torch.folder, summary,
        evidence: [flags.evidence] + more)
    }
    var missing: [String] = []
    var lacking: [(path: Path, modules: Set<Int>, total: Int)] = own.map { ($0.path, [], 0) }
    for requirement in flags.value.requirements {
      var carrying = 0
      for (index, unit) in own.enumerated() {
        let result = unit.code.check(requirement, by: tables)
        guard result.status != .noDeviceCode else { continue }
        carrying += result.carrying
        lacking[index].modules.formUnion(result.missing)
        lacking[index].total = result.carrying + result.missing.count
      }
      if carrying == 0 { missing.append(requirement.targetName) }
    }
    if !missing.isEmpty {
      return check(
        .fail,
        "\(subject: torch.label) says that it carries \(listed(missing)), but no code in it is for that")
    }
    lacking.removeAll { $0.modules.isEmpty }
    if !lacking.isEmpty {
      let shown = lacking.map { "\($0.modules.count) of \($0.total) modules of \($0.path.lastComponent)" }
      return check(
        .warn,
        "\(subject: torch.label) says that it carries \(flags.value), but \(listed(shown)) lack some of it",
        lacking.map {
          Evidence(path: $0.path, says: "\($0.modules.count) of \($0.total) modules lack a target")
        })
    }
    return check(.pass, "\(subject: torch.label) carries what it says: \(flags.value)")
  }
}

extension TargetRequirement {
  /// As targets are spelled: `sm_80`, also for the compute capability 8.0.
  fileprivate var targetName: String {
    if case .native(let computeCapability) = self { "sm_\(computeCapability.target)" } else { description }
  }
}
