import Bytes
import Compatibility
import Stack

/// A CUDA runtime that something brings along, with all that uses it.
struct RuntimeDemand: Hashable {
  var cuda: CUDAVersion
  /// Only the major version is known.
  var isMajorOnly: Bool
  var users: [String]
  var owners: Set<Owner>
  var evidence: [Evidence]
  /// The packages whose programs load it.
  var packages: [Int] = []

  /// Whose programs load it.
  enum Owner: Hashable {
    /// A distribution of a Python environment, by its name in normal form.
    case distribution(String, environment: Path)
    /// Whatever in a Python environment has none of its own.
    case environment(Path)
    case file(Path)
    /// Whatever is outside of all Python environments.
    case system
  }

  /// `CUDA 12.4`, `CUDA 12`.
  var name: String { isMajorOnly ? "CUDA \(cuda.major)" : "CUDA \(cuda)" }
}

extension Assessor {
  /// The CUDA runtimes under the root, oldest first.
  func findRuntimes() -> [RuntimeDemand] {
    var demands: [RuntimeDemand] = []
    func add(
      _ cuda: CUDAVersion, isMajorOnly: Bool = false, _ user: String, _ owner: RuntimeDemand.Owner,
      _ evidence: Evidence
    ) {
      if let index = demands.firstIndex(where: { $0.cuda == cuda && $0.isMajorOnly == isMajorOnly }) {
        demands[index].users.append(user)
        demands[index].owners.insert(owner)
        demands[index].evidence.append(evidence)
      } else {
        demands.append(
          RuntimeDemand(
            cuda: cuda, isMajorOnly: isMajorOnly, users: [user], owners: [owner], evidence: [evidence]))
      }
    }
    func add(_ components: [Component], _ owner: RuntimeDemand.Owner) {
      for component in components where component.isRuntime {
        let user =
          component.path.lastComponent == Path("METADATA")
          ? component.version.evidence.says : "\(component.path)"
        if let cuda = component.cuda {
          add(cuda, user, owner, component.version.evidence)
        } else if let major = component.cudaMajor {
          add(CUDAVersion(major, 0), isMajorOnly: true, user, owner, component.version.evidence)
        }
      }
    }
    for environment in facts.environments {
      if let torch = environment.torch, let cuda = torch.cuda {
        add(cuda.value, torch.label, .distribution("torch", environment: environment.folder), cuda.evidence)
      }
      for framework in environment.frameworks {
        let user = "\(framework.name) \(framework.version)"
        let owner = RuntimeDemand.Owner.distribution(framework.name, environment: environment.folder)
        if let cuda = framework.cuda {
          add(cuda.value, user, owner, cuda.evidence)
        } else if let major = framework.cudaMajor {
          add(CUDAVersion(major.value, 0), isMajorOnly: true, user, owner, major.evidence)
        }
      }
      add(environment.components, .environment(environment.folder))
    }
    add(facts.components, .system)
    for runtime in facts.staticRuntimes {
      guard let cuda = runtime.toolkit else { continue }
      add(
        cuda, "\(runtime.path)", .file(runtime.path),
        Evidence(path: runtime.path, says: "built with CUDA \(cuda); its runtime is linked statically"))
    }
    // A bare major version says nothing where the exact one is known.
    return demands.filter { demand in
      !demand.isMajorOnly || !demands.contains { !$0.isMajorOnly && $0.cuda.major == demand.cuda.major }
    }.sorted { $0.cuda < $1.cuda }.map { demand in
      var demand = demand
      demand.users = distinct(demand.users)
      demand.packages = packages(using: demand)
      return demand
    }
  }

  /// The packages whose programs load one of the runtimes of `demand`.
  private func packages(using demand: RuntimeDemand) -> [Int] {
    packages.indices.filter { index in
      let (package, owners) = (packages[index], demand.owners)
      if let environment = package.environment {
        if let name = package.distribution, owners.contains(.distribution(name, environment: environment)) {
          return true
        }
        if owners.contains(.environment(environment)),
          cudaMajor(of: package) ?? demand.cuda.major == demand.cuda.major
        {
          return true
        }
      } else if owners.contains(.system) {
        return true
      }
      return package.units.contains { units[$0].paths.contains { owners.contains(.file($0)) } }
    }
  }

  /// The major version of CUDA that a package says it is for.
  private func cudaMajor(of package: AssessedPackage) -> Int? {
    guard let environment = environment(of: package) else { return nil }
    if package.isTorch { return environment.torch?.cuda?.value.major }
    let framework = environment.frameworks.first { $0.name == package.distribution }
    return framework?.cuda?.value.major ?? framework?.cudaMajor?.value
  }

  func driverChecks() -> [Check] {
    var checks = devices.indices.map { driverGPU($0) }
    for runtime in runtimes { checks += onEveryDevice { driverRuntime(runtime, $0) } }
    return checks + imageChecks()
  }

  /// One check for each device, or one for all where they say the same.
  private func onEveryDevice(_ check: (_ device: Int) -> Check) -> [Check] {
    var all = devices.indices.map(check)
    guard all.count > 1, Set(all.map(\.message)).count == 1 else { return all }
    all[0].device = nil
    return [all[0]]
  }

  /// `CUDA up to 12.4`, or `probably CUDA up to 7.5`.
  private func stated(_ cuda: CUDAVersion, of driver: DriverVersion) -> String {
    (driver.isCUDAConfirmed(by: tables) ? "" : "probably ") + "CUDA up to \(cuda)"
  }

  private func driverGPU(_ index: Int) -> Check {
    let device = devices[index]
    func check(_ status: Check.Status, _ summary: Sentence, detail: String? = nil) -> Check {
      Check(.driverGPU, status, device: index, summary, detail: detail)
    }
    guard tables.architectures[device.computeCapability] != nil else {
      return check(.unknown, "which drivers support \(gpu: device.label) is not known")
    }
    guard let range = device.supportingDrivers else {
      guard let jetPack = device.jetPack else {
        return check(
          .unknown,
          "\(gpu: device.label) is a Tegra",
          detail: device.driver == nil
            ? "its driver comes with JetPack, and nothing here tells which"
            : "its drivers come with JetPack, and none that is known has this one")
      }
      let probably = jetPack.confirmed == false ? "probably " : ""
      let name = "JetPack \(jetPack.jetPack) with CUDA \(jetPack.cuda)"
      return jetPack.computeCapabilities.contains(device.computeCapability)
        ? check(.pass, "\(name) \(probably)supports \(gpu: device.label)")
        : check(
          .fail, "\(name) \(probably)does not support \(gpu: device.label)",
          detail: "it is for \(listed(jetPack.computeCapabilities.map(\.description)))")
    }
    guard let driver = device.driver else {
      return check(.unknown, "no driver is given; \(range) is needed for \(gpu: device.label)")
    }
    return switch driver.supports(device.computeCapability, by: tables) {
    case true?:
      if let listing = device.missingDriver {
        check(
          .warn,
          "driver \(driver) \(device.candidates.isEmpty ? "lists no GPU of" : "does not list") \(gpu: device.label)",
          detail: "\(listing) is the first that does; an older one may run it under another name")
      } else {
        check(.pass, "driver \(driver) supports \(gpu: device.label)")
      }
    case false?: check(.fail, "driver \(driver) does not support \(gpu: device.label): \(range) is needed")
    case nil:
      check(
        .unknown, "whether driver \(driver) supports \(gpu: device.label) is not known",
        detail: "it needs \(range)")
    }
  }

  private func driverRuntime(_ runtime: RuntimeDemand, _ index: Int) -> Check {
    let device = devices[index]
    let users = listed(Array(runtime.users.prefix(3))) + (runtime.users.count > 3 ? " and others" : "")
    func check(
      _ status: Check.Status, _ summary: Sentence, detail: String? = nil, _ more: [Evidence] = []
    ) -> Check {
      let users = runtime.packages
      // A runtime that no program here loads stops none of them.
      let isIdle = status == .fail && users.isEmpty && packages.contains { !$0.units.isEmpty }
      var check = Check(
        .driverRuntime, isIdle ? .warn : status, subject: runtime.name, device: index, summary,
        detail: detail,
        evidence: runtime.evidence + more)
      check.packages = users
      return check
    }
    let brings = runtime.users.count > 1 ? "bring" : "brings"
    let minimum = runtime.cuda.minimumDriver(by: tables)
    guard let driver = device.knownDriver else {
      let needs = minimum.map { "needs driver \($0) or newer" } ?? "needs a driver that supports it"
      return check(.unknown, "no driver is given; \(runtime.name), which \(users) \(brings), \(needs)")
    }
    let compatible = facts.compatPackages.map { ($0, ForwardCompatibility($0, on: device)) }
    // On GeForce the image's driver libraries refuse, even where nobody needs them.
    let refused = compatible.first { $0.1 == .wrongGPU }
    if let newest = driver.maxCUDA(by: tables), newest >= runtime.cuda {
      if let refused { return forwardWarning(refused.0, device) { check($0, $1, detail: $2, $3) } }
      return check(
        .pass,
        "driver \(driver) runs \(stated(newest, of: driver)), and \(users) \(brings) \(runtime.name)")
    }
    let isEnough = minimum.flatMap { driver.isAtLeast($0, by: tables) }
    if isEnough == true {
      if let refused { return forwardWarning(refused.0, device) { check($0, $1, detail: $2, $3) } }
      let newest = driver.statedCUDA(by: tables).map { "is of \($0)" } ?? "is newer than the tables"
      return check(
        .pass,
        "driver \(driver) \(newest) and runs \(runtime.name) of \(users) by minor-version compatibility",
        detail: "that does not cover PTX of newer versions")
    }
    let needed = minimum.map { ", which needs \($0)" } ?? ""
    let tooOld: Sentence = "driver \(driver) is too old for \(runtime.name) of \(users)\(needed)"
    for (package, answer) in compatible
    where package.cuda.map({ $0 >= runtime.cuda || $0.major == runtime.cuda.major }) ?? false {
      let evidence = [package.driver.evidence]
      switch answer {
      case .admitted(let isSupported):
        let message: Sentence =
          "\(tooOld), but the forward-compatibility package in \(package.folder) (\(package.driver.value)) stands in for it"
        return isSupported
          ? check(.pass, message, evidence)
          : check(.warn, message, detail: "NVIDIA does not support it on this branch any more", evidence)
      case .wrongGPU:
        return check(
          .fail, tooOld,
          detail: "the forward-compatibility package in \(package.folder) does not run on GeForce, \"forward "
            + "compatibility was attempted on non supported HW\" (CUDA error 804)", evidence)
      case .wrongBranch:
        return check(
          .fail, tooOld,
          detail:
            "the forward-compatibility package in \(package.folder) does not run on this branch (CUDA error 803)",
          evidence)
      case .unknown:
        return check(
          .unknown, tooOld,
          detail:
            "whether the forward-compatibility package in \(package.folder) runs with this driver and GPU is not known: "
            + "NVIDIA supports data-centre GPUs and some branches only", evidence)
      case .notNeeded: break
      }
    }
    if isEnough == nil {
      return check(.unknown, "whether driver \(driver) runs \(runtime.name) of \(users) is not known")
    }
    return check(
      .fail, tooOld,
      detail: "\"CUDA driver version is insufficient for CUDA runtime version\" (CUDA error 35)")
  }

  private func forwardWarning(
    _ package: CompatPackage, _ device: Device,
    _ check: (Check.Status, _ summary: Sentence, _ detail: String?, [Evidence]) -> Check
  ) -> Check {
    check(
      .warn,
      "the driver is new enough, but the image's driver libraries in \(package.folder) refuse \(gpu: device.label) where they "
        + "are found first", "\"forward compatibility was attempted on non supported HW\" (CUDA error 804)",
      [package.driver.evidence])
  }

  private func imageChecks() -> [Check] {
    var checks: [Check] = []
    for image in facts.images {
      let name = image.names.first ?? "the image"
      if image.environment["NVIDIA_VISIBLE_DEVICES"] != nil, image.visibleDevices.isEmpty {
        checks.append(
          Check(
            .imageDevices, .warn, subject: "NVIDIA_VISIBLE_DEVICES",
            "\(name) shows its containers no GPU unless the variable is set when they are started",
            evidence: image.evidence(of: "NVIDIA_VISIBLE_DEVICES")))
      }
      if image.hasCompute == false {
        checks.append(
          Check(
            .imageDevices, .fail, subject: "NVIDIA_DRIVER_CAPABILITIES",
            "\(name) asks for no compute libraries of the driver, so CUDA does not start",
            evidence: image.evidence(of: "NVIDIA_DRIVER_CAPABILITIES")))
      }
      do throws(Problem) {
        for requirement in try image.requirements() {
          let all = onEveryDevice { driverImage(requirement, of: image, name: name, $0) }
          // Where the GPUs decide, each check names its own.
          checks += all.map { check in
            guard all.count > 1, let device = check.device else { return check }
            var check = check
            check.sentence = "for \(gpu: devices[device].label) \(check.sentence)"
            return check
          }
        }
      } catch {
        checks.append(
          Check(
            .driverImage, image.disablesRequirements ? .pass : .fail, subject: "CUDA_VERSION",
            "\(name) cannot be started where requirements are enforced", detail: "\(error)",
            evidence: image.evidence(of: "CUDA_VERSION")))
      }
    }
    return checks
  }

  private func driverImage(
    _ named: ImageConfiguration.NamedRequirement, of image: ImageConfiguration, name: String, _ index: Int
  ) -> Check {
    let device = devices[index]
    func check(_ status: Check.Status, _ summary: Sentence, detail: String? = nil) -> Check {
      Check(
        .driverImage, status, subject: named.variable, device: index, summary, detail: detail,
        evidence: image.evidence(of: named.variable))
    }
    if image.disablesRequirements {
      return check(.pass, "\(name) switches its requirements off with NVIDIA_DISABLE_REQUIRE")
    }
    guard let driver = device.knownDriver else {
      return check(.unknown, "no driver is given; \(name) requires \(named.requirement.summary)")
    }
    // The brand of a GPU is known to its driver only: all that it may be are tried.
    let brands = device.brands
    let candidates: [String?] = brands.isEmpty ? [nil] : brands
    let outcomes = candidates.map { brand in
      named.requirement.evaluate(
        on: Requirement.Host(
          driver: driver, computeCapability: device.computeCapability, brand: brand, by: tables))
    }
    if case .malformed(let part)? = outcomes.first(where: { if case .malformed = $0 { true } else { false } })
    {
      return check(
        .fail, "\(name) requires something without meaning, \"\(part)\"", detail: enforcement)
    }
    let failures = outcomes.compactMap { outcome in
      if case .unsatisfied(let failure) = outcome { failure } else { nil }
    }
    guard let failure = failures.first else {
      if brands.isEmpty, named.requirement.text.contains("brand") {
        let bare = Requirement.Host(
          driver: driver, computeCapability: device.computeCapability, brand: "a brand that no image names",
          by: tables)
        if named.requirement.evaluate(on: bare) != .satisfied {
          return check(
            .unknown,
            "whether \(name) accepts driver \(driver) depends on the brand of the GPU",
            detail: named.requirement.summary
          )
        }
      }
      return check(.pass, "\(name) accepts driver \(driver)", detail: named.requirement.summary)
    }
    if failures.count < outcomes.count {
      return check(
        .unknown,
        "whether \(name) accepts driver \(driver) depends on the brand of the GPU, which only the driver knows",
        detail: named.requirement.summary)
    }
    let cuda = driver.statedCUDA(by: tables).map { " (\($0))" } ?? ""
    return check(
      .fail,
      "\(name) refuses driver \(driver)\(cuda), \"unsatisfied condition: \(failure.alternative)\"",
      detail: enforcement)
  }

  /// Which modes of the container toolkit hold an image to its requirements.
  var enforcement: String {
    let modes = tables.containers.modes
    func names(_ list: [ContainerTable.Mode]) -> String {
      listed(
        list.map { mode in mode.mode + (mode.isDefaultSince.map { " (the default since \($0))" } ?? "") })
    }
    return
      "the NVIDIA container toolkit enforces this in its modes \(names(modes.filter(\.enforced))), not in "
      + names(modes.filter { !$0.enforced })
  }
}

extension Device {
  /// `driver 570.86.16 or newer`, `a driver from 450.80.02 to R470`: which drivers support it; nil where the tables do not
  /// tell.
  fileprivate var supportingDrivers: String? {
    oldestDriver.map { DriverRange(first: $0, lastBranch: lastDriverBranch).description }
  }
}

extension Requirement {
  /// Its first alternative, which names the CUDA version in NVIDIA's images, and how many others there are.
  var summary: String {
    let parts = text.split(separator: " ")
    guard let first = parts.first, parts.count > 1 else { return "\"\(text)\"" }
    return parts.count == 2
      ? "\"\(first)\" or another condition on brand and driver"
      : "\"\(first)\" or one of \(parts.count - 1) other conditions on brand and driver"
  }
}

extension ImageConfiguration {
  func evidence(of variable: String) -> [Evidence] {
    environment[variable].map { [Evidence(path: nil, says: "\(variable)=\($0)")] } ?? []
  }
}
