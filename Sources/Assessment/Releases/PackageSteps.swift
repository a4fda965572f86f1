import Bytes
import Compatibility
import Stack

/// The steps of a plan for packages that have no code for a GPU, and of which a measured release has.
extension Planner {
  /// Installs another release of the first package without code for a device; nil where there is none, and where no
  /// measured release has.
  func packageStep(_ assessor: Assessor) -> Plan.Step? {
    for package in assessor.packages where package.isReplaceable {
      guard let name = package.distribution, let folder = package.environment,
        !plan.steps.contains(where: { step in
          if case .package(name, _, _, folder)? = step.change { true } else { false }
        }),
        let release = assessor.measuredRelease(of: package, releases)
      else { continue }
      let how = release.answer.kind == .partly ? "runs in part" : "runs"
      return located(
        Plan.Step(
          kind: .installPackage,
          text: "install \(name) \(release.version), the newest measured release that \(how) on "
            + listed(assessor.devices.map(\.label)),
          command: release.command, environment: folder,
          change: .package(
            name, version: release.version, machine: SurveyTable.machine(isAArch64: assessor.isAArch64),
            environment: folder)), assessor)
    }
    return nil
  }
}

extension AssessedPackage {
  /// Whether another release of it is worth a look: it has code, which is for other GPUs.
  fileprivate var isReplaceable: Bool {
    !isTorch && !isNVIDIAs && !compiles && !units.isEmpty && plain.contains { $0.code == .incompatible }
  }
}

/// What is known of the releases of packages, each looked up once for a plan.
final class KnownReleases {
  private struct Key: Hashable {
    var package: String
    var devices: [Device]
    var python: String?
    var cuda: CUDAVersion?
    var machine: String
  }

  private var answers: [Key: ReleaseAnswer?] = [:]

  /// Nil for a package that was not measured.
  func answer(to question: ReleaseQuestion) -> ReleaseAnswer? {
    let key = Key(
      package: question.name, devices: question.question.devices.map(\.device), python: question.python,
      cuda: question.cuda, machine: question.machine)
    if let known = answers[key] { return known }
    let answer = try? ReleaseAnswer(question)
    answers[key] = answer
    return answer
  }
}

extension Assessor {
  /// What is known of the releases of a package on all devices, for its environment; nil where it was not measured.
  private func releases(of package: AssessedPackage, _ known: KnownReleases) -> ReleaseAnswer? {
    guard let name = package.distribution, let environment = environment(of: package) else { return nil }
    let devices = devices.map { RequestedDevice(query: $0.label, device: $0) }
    let question = ReleaseQuestion(
      package: name, question: Question(devices: devices, namesDevices: true, tables: tables),
      python: environment.python?.value, cuda: environment.torch?.cuda?.value,
      machine: SurveyTable.machine(isAArch64: isAArch64))
    return known.answer(to: question)
  }

  /// The newest measured release of a package that runs on all devices in its environment; nil where none does.
  fileprivate func measuredRelease(of package: AssessedPackage, _ known: KnownReleases) -> AssessedRelease? {
    guard let answer = releases(of: package, known) else { return nil }
    let environment = environment(of: package)
    let torch = environment?.torch.map { String($0.version.value.prefix { $0 != "+" }) }
    // What is made for another PyTorch would replace the one that is there.
    let fitting = answer.releases.filter { release in
      torch == nil || release.pins.allSatisfy { $0 == "torch==\(torch ?? "")" }
    }
    let own = environment?.distributions.first { $0.normalizedName == package.distribution }?.version
    let best = fitting.last { $0.answer.kind == .yes } ?? fitting.last { $0.answer.kind == .partly }
    return best?.version == own ? nil : best
  }

  /// What is known of other releases of a package without code for a device, as the end of a sentence; nil where it was
  /// not measured.
  func measuredReleases(of package: AssessedPackage, for device: Device, _ known: KnownReleases) -> String? {
    guard let answer = releases(of: package, known), let oldest = answer.extent.oldest,
      let newest = answer.extent.newest
    else { return nil }
    guard let best = answer.best else {
      return
        "no measured release of \(answer.package) has (\(oldest) to \(newest)); compile it for \(device.computeCapability)"
    }
    let pins = best.pins.isEmpty ? "" : ", which requires \(listed(best.pins))"
    return "\(best.version) is the newest measured release that has\(pins)"
  }
}

extension View {
  /// A measured release for a machine in place of the one that is there.
  mutating func replacePackage(_ name: String, version: String, machine: String, in folder: Path) {
    guard
      let wheel = try? SurveyTable.shipped.wheels(of: name).first(where: {
        $0.release == version && $0.machine == machine
      }),
      let package = stack.packages.firstIndex(where: { $0.name == name && $0.environment == folder }),
      let environment = stack.environments.firstIndex(where: { $0.folder == folder })
    else { return }
    let old = files.filter { stack.packageIndex(of: $0.path) == package }.map(\.path)
    files.removeAll { stack.packageIndex(of: $0.path) == package }
    for var file in wheel.facts.files {
      file.path = folder.appending(file.path.bytes)
      file.aliases = []
      stack.setPackage(package, of: file.path)
      files.append(file)
    }
    files.sort { $0.path < $1.path }
    stack.packages[package].version = version
    let own = wheel.facts.stack.environments.flatMap(\.distributions).first { $0.normalizedName == name }
    for index in stack.environments[environment].distributions.indices
    where stack.environments[environment].distributions[index].normalizedName == name {
      stack.environments[environment].distributions[index].version = version
      if let own { stack.environments[environment].distributions[index].requires = own.requires }
    }
    stack.environments[environment].frameworks.removeAll { $0.name == name }
    stack.environments[environment].frameworks += wheel.facts.stack.environments.flatMap(\.frameworks)
      .filter { $0.name == name }
    stack.staticRuntimes.removeAll { old.contains($0.path) }
    for index in stack.missing.indices { stack.missing[index].neededBy.removeAll(where: old.contains) }
    stack.missing.removeAll(where: \.neededBy.isEmpty)
  }
}
