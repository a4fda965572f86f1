import Bytes
public import Compatibility
public import Stack

/// The judgement of one view: the answers to the question for one installation.
public struct ViewAssessment: Sendable {
  public var view: View
  /// The device code, by path.
  public var units: [AssessedUnit]
  /// The packages with device code, PyTorch first.
  public var packages: [AssessedPackage]
  public var checks: [Check]
  /// What is not as it should be and does not matter to whoever asks.
  public var ignored: [IgnoredFinding] = []
  /// One for each device of the question.
  public var answers: [Answer]
  /// What to do about what does not run; empty where that was not asked.
  public var plan: Plan
  /// The oldest driver that satisfies everything on all devices; nil where nothing asks for a driver.
  public var demand: DriverDemand?
  /// The rules of the question that name something in it.
  private(set) var knownIgnores: Set<IgnoreRule> = []
  /// For each unit the packages that have it, and its position among the units of each.
  private let memberships: [[(package: Int, position: Int)]]

  public init(_ view: View, _ question: Question) {
    var assessor = Assessor(view, question)
    self.view = view
    let made = assessor.allChecks()
    let all = made.filter { assessor.ignoreRule(for: $0) == nil }
    checks =
      question.namesDevices
      ? all : all.withoutDevices(assessor.devices, question)
    // What was found about the generations of an overview is in the table and not worth a line each.
    answers = assessor.answers(all)
    if question.namesDevices {
      let demand = assessor.driverDemand()
      for index in answers.indices {
        answers[index].oldestDriver =
          (answers.count == 1 ? demand : assessor.demand(ofDevice: index))?.driver
      }
      self.demand = demand
    }
    var planner = Planner(assessor, question)
    plan = question.asksForPlan ? planner.make(all, answers) : Plan()
    for index in assessor.units.indices {
      let files = assessor.units[index].files.map { view.files[$0] }
      let targets = question.requirements.targets(of: files.flatMap(\.names))
      let code = assessor.units[index].code
      assessor.units[index].requirements = targets.map { code.check($0, by: question.tables) }
      if question.requirements.isExact, !targets.isEmpty {
        assessor.units[index].unexpectedTargets = code.targets(besides: targets, by: question.tables)
      }
    }
    if !question.ignores.isEmpty {
      ignored = assessor.ignored(among: made) + assessor.ignoredRequirements()
      knownIgnores = Set(question.ignores.filter { assessor.knows($0) })
    }
    units = assessor.units
    packages = assessor.packages
    var memberships = units.map { _ in [(package: Int, position: Int)]() }
    for (index, package) in packages.enumerated() {
      for (position, unit) in package.units.enumerated() { memberships[unit].append((index, position)) }
    }
    self.memberships = memberships
  }

  /// Whether there is device code, or something that makes it at run time.
  public var hasGPUCode: Bool {
    !units.isEmpty
      || packages.contains { !$0.isTorch && $0.verdicts.contains { $0.verdict != .noDeviceCode } }
  }

  /// How a unit counts on a device: in the first package that has it.
  public func standing(of unit: Int, on device: Int) -> Standing {
    memberships[unit].first.map { packages[$0.package].verdicts[device].standings[$0.position] }
      ?? (units[unit].cachedBy == nil ? .counts : .cached)
  }

  /// The verdict on a unit on a device, with what keeps all packages that have it from running.
  public func verdict(of unit: Int, on device: Int) -> Verdict {
    let own = units[unit].verdicts[device].verdict
    let verdicts = memberships[unit].map { packages[$0.package].verdicts[device] }
    let isStopped =
      own != .noDeviceCode && !verdicts.isEmpty
      && verdicts.allSatisfy { $0.verdict == .incompatible && $0.code != .incompatible }
    return isStopped ? .incompatible : own
  }

  /// The verdict over packages on a device: those that were given, by index.
  public func verdict(ofPackages indices: some Sequence<Int>, on device: Int) -> Verdict {
    .over(indices.map { packages[$0].verdicts[device].verdict })
  }
}

extension Verdict {
  /// The verdict over packages that are used side by side: incompatible where none runs, partial where some do not.
  static func over(_ verdicts: [Verdict]) -> Verdict {
    let worst = Verdict.worst(of: verdicts)
    guard worst == .incompatible else { return worst }
    return verdicts.allSatisfy { $0 == .incompatible || $0 == .noDeviceCode } ? .incompatible : .partial
  }
}

extension Assessor {
  /// The demand of one device alone.
  func demand(ofDevice index: Int) -> DriverDemand? {
    var one = self
    one.devices = [devices[index]]
    for position in compilations.indices {
      one.compilations[position].outcomes = [compilations[position].outcomes[index]]
    }
    for package in packages.indices {
      one.packages[package].plain = [packages[package].plain[index]]
      if !packages[package].ignored.isEmpty {
        one.packages[package].ignored = [packages[package].ignored[index]]
      }
    }
    return one.driverDemand()
  }

  /// One answer for each device, from the verdicts on the packages and the checks that stop them. Fills in the final
  /// verdicts.
  mutating func answers(_ checks: [Check]) -> [Answer] {
    var own = devices.map { _ in [Check]() }
    for check in checks {
      for device in check.device.map({ $0..<$0 + 1 }) ?? devices.indices { own[device].append(check) }
    }
    return devices.indices.map { device in
      answer(
        on: device,
        namesDevices
          ? own[device]
          : own[device]
            + runtimeCodeChecks(on: device..<device + 1).filter { ignoreRule(for: $0) == nil })
    }
  }

  private mutating func answer(on device: Int, _ checks: [Check]) -> Answer {
    stop(on: device, by: checks)
    propagate(on: device)
    let verdicts = packages.map { $0.verdicts[device] }
    var counting = packages.indices.filter { verdicts[$0].verdict != .noDeviceCode }
    // What nobody calls does not count beside programs, also where those are ignored.
    if packages.indices.contains(where: { !packages[$0].isBrought && verdicts[$0].told != .noDeviceCode }) {
      counting.removeAll { packages[$0].isBrought }
    }
    // What depends on compilers that are elsewhere leaves nothing open for the rest.
    if counting.contains(where: { !verdicts[$0].isOpen }) { counting.removeAll { verdicts[$0].isOpen } }
    let verdict = Verdict.over(counting.map { verdicts[$0].verdict })
    let bySeverity = counting.sorted { left, right in
      (verdicts[left].verdict.severity ?? -1, right) > (verdicts[right].verdict.severity ?? -1, left)
    }
    let reasons = distinct(bySeverity.lazy.flatMap { verdicts[$0].reasons })
    // Whether a driver supports the GPU is of no interest where nothing uses a driver.
    let checks = counting.isEmpty && !usesDriver ? checks.filter { $0.id != .driverGPU } : checks
    // What stops everything stops what holds no code too.
    let stops = checks.filter { $0.status == .fail && $0.isStop && ($0.packages?.isEmpty ?? true) }
    if counting.isEmpty, !stops.isEmpty {
      return Answer(.no, .incompatible, reasons: stops.map { Reason($0) })
    }
    let open = checks.filter { isOpen($0, on: device) }.map { Reason($0) }
    switch verdict {
    case .native, .jit:
      return open.isEmpty
        ? Answer(.yes, verdict, reasons: reasons) : Answer(.unknown, verdict, reasons: open + reasons)
    case .notGuaranteed: return Answer(.unknown, verdict, reasons: reasons + open)
    case .partial: return Answer(.partly, verdict, reasons: reasons)
    case .incompatible: return Answer(.no, verdict, reasons: reasons)
    case .noDeviceCode:
      let unread = unread + open
      guard unread.isEmpty else { return Answer(.unknown, verdict, reasons: unread) }
      let isIgnored = verdicts.contains { $0.ignored != nil }
      return Answer(
        .nothing, verdict,
        reasons: [
          Reason(
            .nothingUsesGPU,
            isIgnored ? "nothing that counts uses a GPU: the rest is ignored" : "nothing here uses a GPU")
        ])
    }
  }

  /// Whether something besides device code uses a driver: a CUDA runtime, PyTorch, an image that asks for one.
  private var usesDriver: Bool {
    !runtimes.isEmpty || !facts.torches.isEmpty
      || facts.images.contains { image in image.environment.keys.contains { $0.hasPrefix("NVIDIA_REQUIRE_") }
      }
  }

  /// Whether a check leaves open what the answer depends on. What an unnamed driver does is no part of the question, and the
  /// drivers of Tegras are numbered differently.
  private func isOpen(_ check: Check, on device: Int) -> Bool {
    guard check.status == .unknown else { return false }
    switch check.id {
    case .torchGPU: return true
    case .driverGPU, .driverRuntime, .driverImage, .ptxDriver, .compressionDriver:
      return devices[device].knownDriver != nil
    default: return false
    }
  }

  /// What there is and was not looked at, where no device code was found.
  private var unread: [Reason] {
    var reasons: [Reason] = []
    if view.problems.contains(where: { $0.problem.isFailure }) {
      reasons.append(Reason(.notKnown, "not everything could be read"))
    }
    if view.linksOutside > 0 {
      reasons.append(
        Reason(
          .notKnown,
          view.linksOutside == 1
            ? "a symbolic link leads outside and was not followed"
            : "\(view.linksOutside) symbolic links lead outside and were not followed"))
    }
    return reasons
  }

  /// Applies to the packages what the checks say of their code and of what stands in its way.
  private mutating func stop(on device: Int, by checks: [Check]) {
    struct Subject: Hashable {
      var name: String?
      var environment: Path?
    }
    let aboutCode = Dictionary(grouping: checks.filter { $0.isAboutCode && $0.status != .pass }) {
      Subject(name: $0.subject, environment: $0.environment)
    }
    var compiling: [Int: [Check]] = [:]
    for check in checks where check.id == .runtimeCode {
      for package in check.packages ?? [] { compiling[package, default: []].append(check) }
    }
    for index in packages.indices {
      let code = packages[index].verdicts[device].code
      packages[index].verdicts[device].verdict = code
      if code != .native, code != .noDeviceCode {
        let plain = packages[index].plain[device].code
        let subject = Subject(name: packages[index].name, environment: packages[index].environment)
        let about = aboutCode[subject, default: []].filter { $0.status != .unknown || code == .notGuaranteed }
        packages[index].verdicts[device].reasons = [Check.Status.fail, .warn, .unknown].flatMap { status in
          about.filter { $0.status == status }.map { Reason($0, code: plain) }
        }.filter { code != .incompatible || $0.code != .compiledAtFirstStart }
      }
      packages[index].verdicts[device].add(compiling[index] ?? [], isTorch: packages[index].isTorch)
    }
    // Each reason is put in front of the others, so that those of the first checks end up in front.
    for check in checks.reversed() where check.status == .fail && check.isStop {
      for index in check.packages.map({ Array($0) }) ?? Array(packages.indices) {
        // What holds no code is not stopped by a driver, but PyTorch without CUDA is by itself.
        if packages[index].verdicts[device].verdict == .noDeviceCode, check.id != .torchLibraries { continue }
        packages[index].verdicts[device].verdict = .incompatible
        packages[index].verdicts[device].reasons.insert(Reason(check), at: 0)
      }
    }
  }

  /// Carries what does not run to the packages that require it, within each Python environment.
  private mutating func propagate(on device: Int) {
    let distributed = packages.indices.filter { packages[$0].distribution != nil }
    let byEnvironment = Dictionary(grouping: distributed) { packages[$0].environment }
    for environment in facts.environments {
      let own = byEnvironment[environment.folder] ?? []
      guard own.count > 1 else { continue }
      var requires: [String: Set<String>] = [:]
      for distribution in environment.distributions {
        let names = distribution.requires.lazy.filter { !$0.isOptional }.map(\.name)
        requires[distribution.normalizedName, default: []].formUnion(names)
      }
      let byName = Dictionary(own.compactMap { index in packages[index].distribution.map { ($0, index) } }) {
        first, _ in first
      }
      for index in own {
        for name in reachable(from: packages[index].distribution ?? "", requires) {
          guard let other = byName[name], other != index,
            packages[other].verdicts[device].code == .incompatible
              || packages[other].verdicts[device].verdict == .incompatible,
            packages[index].verdicts[device].verdict != .incompatible,
            packages[index].verdicts[device].verdict != .noDeviceCode
          else { continue }
          // A program calls NVIDIA's libraries, and what compiles at run time, for some of its work, and PyTorch for
          // all of it.
          let isPart = packages[other].isNVIDIAs || packages[other].verdicts[device].isStoppedByCompilers
          if isPart, requires[packages[index].distribution ?? ""]?.contains(name) != true { continue }
          let verdict = packages[index].verdicts[device].verdict
          packages[index].verdicts[device].verdict = isPart ? .worst(of: [verdict, .partial]) : .incompatible
          packages[index].verdicts[device].reasons.append(
            Reason(
              .requiredPackage, package: packages[index].name,
              "\(packages[index].name) requires \(packages[other].name), which does not run on \(gpu: devices[device].label)"
            ))
        }
      }
    }
  }

  /// The names that a distribution requires, directly or not.
  private func reachable(from name: String, _ requires: [String: Set<String>]) -> [String] {
    var seen: Set<String> = [name]
    var rest = [name]
    while let next = rest.popLast() {
      for other in requires[next] ?? [] where seen.insert(other).inserted { rest.append(other) }
    }
    return seen.subtracting([name]).sorted()
  }
}

extension AssessedPackage {
  /// Whether it is there for others, which call it.
  var isBrought: Bool { isNVIDIAs && !compiles }
}

extension PackageVerdict {
  /// Adds what the checks say of what the package compiles at run time.
  fileprivate mutating func add(_ checks: [Check], isTorch: Bool) {
    guard !checks.isEmpty else { return }
    func has(_ status: Check.Status, isWhole: Bool = false) -> Bool {
      checks.contains { $0.status == status && (!isWhole || $0.isWhole) }
    }
    // Whether it is something without. PyTorch is, even where its own code was not found.
    let runs = code != .noDeviceCode || has(.pass) || isTorch
    if has(.fail) {
      isStoppedByCompilers = code != .incompatible && (!runs || has(.fail, isWhole: true))
      verdict = isStoppedByCompilers ? .incompatible : .worst(of: [code, .partial])
    } else if has(.unknown), !runs || has(.unknown, isWhole: true) {
      isOpen = code != .incompatible
      verdict = .worst(of: [code, .notGuaranteed])
    } else if code == .noDeviceCode, has(.pass), !isTorch {
      verdict = .native
    }
    func told(_ statuses: [Check.Status]) -> [Reason] {
      statuses.flatMap { status in checks.filter { $0.status == status }.map { Reason($0) } }
    }
    // What makes it worse than its code is comes first.
    let deciding = told([.fail] + (isOpen ? [.unknown] : []))
    reasons = (verdict != code ? deciding + reasons : reasons + deciding) + told([.warn])
  }
}

extension Reason {
  /// The reason that a check is which told this verdict on the code of a package.
  fileprivate init(_ check: Check, code: Verdict) {
    self.init(check)
    guard check.id == .torchGPU || check.id == .packageGPU else { return }
    switch code {
    case .partial: self.code = .someKernelsMissing
    case .jit: self.code = .compiledAtFirstStart
    case .notGuaranteed: self.code = .notGuaranteed
    default: break
    }
  }
}

extension Check {
  /// Whether nothing runs of what it is about when it fails.
  package var isStop: Bool {
    switch id {
    case .driverGPU, .driverRuntime, .driverImage, .imageDevices, .torchLibraries, .missingLibraries: true
    default: false
    }
  }

  /// Whether it tells a verdict on device code.
  package var isAboutCode: Bool {
    switch id {
    case .torchGPU, .packageGPU, .ptxDriver, .compressionDriver: true
    default: false
    }
  }
}

extension [Check] {
  /// The checks of an overview, where no device was asked about: what each generation answers for itself about the driver
  /// becomes one check.
  fileprivate func withoutDevices(_ devices: [Device], _ question: Question) -> [Check] {
    // A Tegra, whose drivers are numbered differently, leaves nothing open for the others.
    let open = filter { check in
      guard question.namesDriver, let device = check.device, devices[device].knownDriver != nil else {
        return false
      }
      return check.id == .driverRuntime || check.id == .driverImage
    }
    var merged: [Check] = []
    for check in open where !merged.contains(where: { $0.id == check.id && $0.subject == check.subject }) {
      var one = check
      one.device = nil
      let statuses = Set(open.filter { $0.id == check.id && $0.subject == check.subject }.map(\.status))
      if statuses == [.pass] || statuses == [.fail] {
        one.sentence = Sentence(one.sentence.text(gpus: "every GPU"))
      } else {
        one.status = .unknown
        let what =
          check.id == .driverRuntime
          ? "the driver runs \(check.subject ?? "the CUDA runtime")" : "the image accepts the driver"
        one.sentence = "whether \(what) depends on the GPU, and none is given"
        one.detail = nil
      }
      merged.append(one)
    }
    return filter { $0.device == nil && !$0.isOutside(question) } + merged
  }
}
