import Bytes
import Compatibility
import DeviceCode
import Stack

/// Makes the plan of one view: a step is added, the facts after it are assessed, and what is still wrong asks for the next.
struct Planner {
  private let original: Assessor
  private let question: Question
  let releases = KnownReleases()
  var plan = Plan()

  init(_ assessor: Assessor, _ question: Question) {
    original = assessor
    self.question = question
  }

  /// The plan; empty where nothing has to be mended.
  ///
  /// - Parameters:
  ///   - checks: those of the assessor as it is.
  ///   - answers: what follows from them.
  mutating func make(_ checks: [Check], _ answers: [Answer]) -> Plan {
    plan.building = original.buildingAdvice()
    guard question.namesDevices else {
      plan.steps = installLibraries(original, checks)
      return plan
    }
    var (assessor, checks) = (original, checks)
    plan.answers = answers
    // Each step mends something, so there are few; the bound is for tables that contradict themselves.
    for _ in 0..<8 {
      guard isNeeded, let step = nextStep(assessor, checks), let change = step.change else { break }
      plan.steps.append(step)
      assessor = assessor.after(change)
      checks = assessor.checks()
      plan.answers = assessor.answers(checks)
    }
    if isNeeded { plan.obstacles = obstacles(assessor, checks) }
    return plan
  }

  /// Whether something does not run after the steps so far.
  private var isNeeded: Bool { plan.answers.contains { $0.kind == .no || $0.kind == .partly } }

  private func has(_ kind: Plan.Step.Kind, in folder: Path? = nil) -> Bool {
    plan.steps.contains { $0.kind == kind && (folder == nil || $0.environment == folder) }
  }

  private func nextStep(_ assessor: Assessor, _ checks: [Check]) -> Plan.Step? {
    let compilerStep = compilerStep(assessor, checks)
    for torch in assessor.facts.torches where !has(.installTorch, in: torch.folder) {
      if let step = torchStep(torch, assessor, checks, compilerStep) { return step }
    }
    if let step = installLibraries(assessor, checks)
      .first(where: { !has(.installLibraries, in: $0.environment) })
    {
      return step
    }
    if let compilerStep { return compilerStep }
    if let step = packageStep(assessor) { return step }
    if let step = capabilities(checks) { return step }
    if !has(.baseImage), let step = baseImage(assessor, checks) { return step }
    if !has(.installDriver) { return driverStep(assessor, checks) }
    return nil
  }

  // MARK: PyTorch

  /// - Parameter compilerStep: the step that would be next for what compiles at run time.
  private func torchStep(
    _ torch: TorchInstallation, _ assessor: Assessor, _ checks: [Check], _ compilerStep: Plan.Step?
  ) -> Plan.Step? {
    guard let package = assessor.packages.first(where: { $0.isTorch && $0.environment == torch.folder })
    else {
      return nil
    }
    let isForOthers = package.plain.contains { $0.code == .incompatible || $0.code == .partial }
    let isHeldBack = checks.contains { check in
      check.status == .fail && check.id.dependsOnDriver
        && (check.subject == torch.label
          || check.packages.map { $0.contains { assessor.packages[$0].isTorch } } ?? false)
    }
    let lacksCUDA = torch.isWithoutCUDA || torch.rocm != nil
    let isWrong = isForOthers || isHeldBack || lacksCUDA
    let isMended = compilerStep.map { $0.environment == torch.folder } ?? false
    guard isWrong || !isMended && cannotCompile(torch, assessor, checks) else { return nil }
    if let choice = assessor.torchChoice(near: torch), isWrong || choice.isWhole {
      // Another build is better than a new driver, which is somebody else's to install.
      return step(installing: choice, over: torch, assessor)
    }
    guard let choice = assessor.torchChoice(near: torch, ignoringDriver: true) else { return nil }
    // Without another build for this driver: where PyTorch's code is for the GPU the driver's update is all that it takes.
    if !isForOthers, !lacksCUDA { return nil }
    guard let drivers = choice.drivers, !has(.installDriver) else { return nil }
    return installDriver(
      drivers,
      because: leftBehind(assessor)
        ?? "no official build of PyTorch runs on \(listed(assessor.devices.map(\.label))) with the present one"
    )
  }

  /// Whether what PyTorch compiles with at run time does not know a device.
  private func cannotCompile(_ torch: TorchInstallation, _ assessor: Assessor, _ checks: [Check]) -> Bool {
    checks.contains { check in
      check.id == .runtimeCode && check.status == .fail && check.environment == torch.folder
        && check.packages?.contains { assessor.packages[$0].isTorch } ?? false
    }
  }

  private func step(
    installing choice: TorchChoice, over torch: TorchInstallation, _ assessor: Assessor
  ) -> Plan.Step {
    let table = assessor.tables.pytorch
    let release = table.releases[choice.release]
    let environment = assessor.environment(in: torch.folder)
    let command = table.command(
      installing: release.builds[choice.build], of: release, version: choice.version,
      over: torch.version.value, companions: assessor.companions(in: torch.folder),
      onAArch64: assessor.isAArch64)
    var text =
      "install \(choice.label), the nearest official build that \(choice.isConfirmed ? "runs" : "probably runs") on "
      + listed(assessor.devices.map(\.label))
    if let drivers = choice.drivers { text += ", with \(drivers)" }
    let python = environment?.python?.value
    if let first = release.python.first, let last = release.python.last,
      let python, !release.python.contains(python)
    {
      text += "; it is built for Python \(first) to \(last), and this environment has \(python)"
    }
    return located(
      Plan.Step(
        kind: .installTorch, text: text, command: command, environment: torch.folder,
        driver: choice.drivers?.first, lastDriverBranch: choice.drivers?.lastBranch,
        change: .torch(choice, environment: torch.folder)), assessor)
  }

  /// The step, saying in which of several Python environments.
  func located(_ step: Plan.Step, _ assessor: Assessor) -> Plan.Step {
    guard assessor.facts.environments.count > 1, let folder = step.environment else { return step }
    var step = step
    step.text = "in \(assessor.view.shown(folder)), \(step.text)"
    return step
  }

  private func installLibraries(_ assessor: Assessor, _ checks: [Check]) -> [Plan.Step] {
    checks.filter { $0.id == .torchLibraries && $0.status == .fail && !$0.isBuiltWithoutCUDA }
      .compactMap { check in
        guard
          let environment = assessor.environment(in: check.environment),
          let torch = environment.torch
        else { return nil }
        let wanted = torch.requires.filter { required in
          environment.distributions.first { $0.normalizedName == required.key }?.version
            != required.value.value
            || torch.extras[required.key] != nil
        }.sorted { $0.key < $1.key }
        guard !wanted.isEmpty else { return nil }
        let packages = wanted.map { name, version in
          let extras = torch.extras[name].map { "[\($0.joined(separator: ","))]" } ?? ""
          let text = "\(name)\(extras)==\(version.value)"
          return extras.isEmpty ? text : "\"\(text)\""
        }
        return located(
          Plan.Step(
            kind: .installLibraries, text: "install the libraries that \(torch.label) requires",
            command: "pip install \(packages.joined(separator: " "))", environment: torch.folder,
            change: .libraries(environment: torch.folder)), assessor)
      }
  }

  // MARK: Driver and image

  private func installDriver(_ drivers: DriverRange, because reason: String) -> Plan.Step {
    Plan.Step(
      kind: .installDriver, text: "install \(drivers) on the host, because \(reason)",
      driver: drivers.first, lastDriverBranch: drivers.lastBranch, change: .driver(drivers.first))
  }

  /// `R580 is the last that supports NVIDIA TITAN V (7.0)`, for the GPUs that their drivers have left behind; nil where
  /// there are none.
  private func leftBehind(_ assessor: Assessor) -> String? {
    let devices = assessor.devices.filter(\.isLeftBehind)
    guard let last = devices.compactMap(\.lastDriverBranch).min() else { return nil }
    let named = devices.filter { $0.lastDriverBranch == last }
    return "R\(last) is the last that supports \(listed(named.map(\.label)))"
  }

  private func driverStep(_ assessor: Assessor, _ checks: [Check]) -> Plan.Step? {
    guard checks.contains(where: { $0.dependsOnDriver && $0.status == .fail }),
      let demand = assessor.driverDemand(), let driver = demand.driver, !demand.demands.isEmpty
    else { return nil }
    // No step is needed for a driver that is installed.
    let isThere = assessor.devices.indices.allSatisfy { index in
      let device = assessor.devices[index]
      guard device.knownDriver?.isAtLeast(driver, by: assessor.tables) == true else { return false }
      // Where nothing has code for the GPU an older driver is of no use.
      return !device.isLeftBehind
        || assessor.packages.allSatisfy { [.incompatible, .noDeviceCode].contains($0.plain[index].verdict) }
    }
    if isThere { return nil }
    let drivers = DriverRange(
      first: driver, lastBranch: assessor.devices.compactMap(\.lastDriverBranch).min())
    return installDriver(drivers, because: leftBehind(assessor) ?? demand.asking)
  }

  /// What makes the container toolkit bring the compute libraries of the driver.
  private func capabilities(_ checks: [Check]) -> Plan.Step? {
    let name = "NVIDIA_DRIVER_CAPABILITIES"
    let value = "compute,utility"
    guard checks.contains(where: { $0.id == .imageDevices && $0.status == .fail && $0.subject == name }),
      !plan.steps.contains(where: { $0.change == .variable(name, value: value) })
    else { return nil }
    return Plan.Step(
      kind: .setVariable, text: "have containers ask for the compute libraries of the driver",
      command: "docker run -e \(name)=\(value)", change: .variable(name, value: value))
  }

  private func baseImage(_ assessor: Assessor, _ checks: [Check]) -> Plan.Step? {
    guard checks.contains(where: { $0.id == .driverImage && $0.status == .fail }) else { return nil }
    let wanted = assessor.facts.torches.compactMap { $0.cuda?.value }.max()
    let newest = assessor.devices.compactMap { $0.knownDriver?.maxCUDA(by: $0.tables) }.min()
    if let image = newest.flatMap({ assessor.ngcImage(for: $0) }) {
      return Plan.Step(
        kind: .baseImage,
        text: "start from an image of NGC for CUDA \(image.cuda), which this driver supports by itself: "
          + "the newest in the tables" + (image.confirmed == false ? ", probably" : ""),
        command: "FROM \(image.name)", change: .image)
    }
    // The image of the wanted version, or the nearest older one of the same major version that the driver supports.
    let rows = assessor.tables.containers.baseImages.filter { row in
      (wanted.map { row.cuda.major == $0.major && row.cuda <= $0 } ?? true)
        && (newest.map { row.cuda <= $0 } ?? true)
    }
    guard let row = rows.last else { return nil }
    return Plan.Step(
      kind: .baseImage,
      text: "start from a base image of CUDA \(row.cuda), which this driver supports by itself"
        + (row.confirmed == false ? ", probably this one" : ""),
      command: "FROM \(row.image)", change: .image)
  }

  // MARK: What is left

  private func obstacles(_ assessor: Assessor, _ checks: [Check]) -> [String] {
    var obstacles: [String] = []
    let search = TorchSearch(
      devices: assessor.devices, isAArch64: assessor.isAArch64, tables: assessor.tables)
    for torch in assessor.facts.torches where !has(.installTorch, in: torch.folder) {
      let package = assessor.packages.first { $0.isTorch && $0.environment == torch.folder }
      guard package?.plain.contains(where: { $0.code == .incompatible }) ?? false || torch.isWithoutCUDA
      else { continue }
      let uncovered = assessor.devices.filter { !search.isCovered($0) }
      guard !uncovered.isEmpty else {
        obstacles.append(
          "no official build of PyTorch runs on all of \(listed(assessor.devices.map(\.label))) with one driver"
        )
        continue
      }
      let other = uncovered.compactMap(\.ownTorch)
      obstacles.append(
        "no official build of PyTorch has code for \(listed(uncovered.map(\.label))): "
          + (other.count == uncovered.count ? listed(distinct(other)) : "it has to be built from source"))
    }
    for (index, device) in assessor.devices.enumerated() {
      if device.isLeftBehind, let last = device.lastDriverBranch {
        obstacles.append(
          "\(device.label) needs a driver of the branch R\(last) or older: R\(last) is the last that supports it"
        )
      }
      for package in assessor.packages where !package.isTorch {
        let verdict = package.verdicts[index]
        guard verdict.verdict == .incompatible || verdict.verdict == .partial else { continue }
        if let text = obstacle(package, index, assessor) { obstacles.append(text) }
      }
    }
    // What no driver in the tables mends.
    obstacles += checks.filter { $0.status == .fail && $0.dependsOnDriver && $0.id != .driverGPU }.map(
      \.summary)
    obstacles += checks.filter { $0.id == .runtimeCode && $0.status == .fail }.map(\.summary)
    return distinct(obstacles)
  }

  /// What stands in the way of a package that no step of the plan mends.
  private func obstacle(
    _ package: AssessedPackage, _ index: Int, _ assessor: Assessor
  ) -> String? {
    let (verdict, device) = (package.verdicts[index], assessor.devices[index])
    // A package that it requires, and the driver, are obstacles of their own.
    guard verdict.code == .incompatible || verdict.code == .partial,
      !verdict.reasons.contains(where: {
        $0.code == .driverTooOldForPTX || $0.code == .driverTooOldForCompression
      })
    else { return nil }
    if let framework = package.cachedBy {
      return "\(package.name) has nothing for \(device.label): \(framework) compiles it when it runs there"
    }
    let what =
      "\(package.name) has no code for \(device.label)"
      + (verdict.code != .partial
        ? "" : package.units.count > 1 ? " in some of its libraries" : " for some of its kernels")
    if package.isNVIDIAs { return "\(what): another release of it is needed, as NVIDIA alone compiles it" }
    let lacking = verdict.counting.map { package.units[$0] }
      .filter { assessor.units[$0].plain[index].verdict == .incompatible }
    // Code for one architecture is written for it and cannot be compiled for others.
    if !lacking.isEmpty,
      lacking.allSatisfy({ assessor.units[$0].isCollection || assessor.units[$0].code.isWhollySpecific })
    {
      let paths = lacking.map { assessor.units[$0].path }
      let names = paths.map { "\(assessor.view.shown($0).lastComponent)" }
      // What is all of the view has no name but that of the package.
      let what = paths == [Path("")] ? package.name : "\(listed(names, atMost: 3)) of \(package.name)"
      return "\(what) \(names.count == 1 ? "was" : "were") written for other GPUs than \(device.label)"
    }
    let releases =
      verdict.code == .incompatible
      ? assessor.measuredReleases(of: package, for: device, self.releases) : nil
    return "\(what): "
      + (releases ?? "take a release that has, or compile it for \(device.computeCapability)")
  }
}

extension Device {
  /// Which builds of PyTorch a Tegra runs that has none among the official ones; nil for other GPUs, and where there are
  /// none.
  var ownTorch: String? {
    guard isTegra else { return nil }
    let table = tables.jetson
    let isNew = { (row: JetsonTable.JetPack) in
      tables.architectures.desktopCodeOnTegra.contains {
        $0.computeCapability == computeCapability
          && !row.jetsonLinux.lexicographicallyPrecedes($0.jetsonLinux)
      }
    }
    let rows = table.jetPacks.filter { $0.computeCapabilities.contains(computeCapability) }
    let own = jetPack.map { [$0] } ?? rows
    let wheels = table.wheels.filter { wheels in
      own.contains { table.wheels(for: $0)?.jetPack == wheels.jetPack }
    }
    guard !wheels.isEmpty else { return nil }
    let places = wheels.map { "for JetPack \($0.jetPack) and Python \($0.python) from \($0.index)" }
    let first =
      rows.first { isNew($0) }.map { "; from JetPack \($0.jetPack) on it runs those for servers" } ?? ""
    return "take one of NVIDIA's own builds, \(listed(places))\(first)"
  }
}

extension Assessor {
  /// What helps whoever compiles extensions of PyTorch here.
  fileprivate func buildingAdvice() -> [Plan.Step] {
    var steps: [Plan.Step] = []
    guard !compilers.isEmpty else { return [] }
    for torch in facts.torches {
      guard let cuda = torch.cuda?.value else { continue }
      let usable = compilers.filter { toolkit in
        guard let own = toolkit.cuda, own.major == cuda.major else { return false }
        return !namesDevices
          || devices.allSatisfy { device in
            guard let row = device.tables.architectures[device.computeCapability] else { return true }
            return row.firstToolkit <= own && row.lastToolkit.map { own <= $0 } ?? true
          }
      }
      let name = "extensions of \(torch.label)"
      func add(_ text: String, command: String? = nil) {
        steps.append(Plan.Step(kind: .toolkit, text: text, command: command, environment: torch.folder))
      }
      if let toolkit = usable.first(where: { $0.cuda == cuda }) ?? usable.first {
        if compilers.count > 1 || toolkit.cuda != cuda {
          add(
            "build \(name) with the toolkit in \(view.shown(toolkit.folder))",
            command: "CUDA_HOME=/\(toolkit.folder)")
        }
      } else {
        let first = devices.compactMap { $0.tables.architectures[$0.computeCapability]?.firstToolkit }.max()
        let needed = [cuda, namesDevices ? first : nil].compactMap { $0 }.max() ?? cuda
        add(
          needed.major == cuda.major
            ? "build \(name) with CUDA \(needed): no toolkit here can"
            : "no toolkit of CUDA \(cuda.major) compiles for all these GPUs, so \(name) cannot be built for them"
        )
      }
    }
    if namesDevices, !steps.isEmpty || facts.torches.contains(where: { $0.cuda != nil }) {
      let architectures = Set(devices.map(\.computeCapability)).sorted().map(\.description)
      steps.append(
        Plan.Step(
          kind: .architectureList, text: "build extensions for \(listed(architectures))",
          command: "TORCH_CUDA_ARCH_LIST=\"\(architectures.joined(separator: ";"))\""))
    }
    return steps
  }
}
