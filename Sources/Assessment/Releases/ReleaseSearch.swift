import Bytes
import Compatibility
import DeviceCode
public import Stack

/// Why nothing can be said of the releases of a package.
public struct NotSurveyed: Error, Hashable, Sendable, CustomStringConvertible {
  public var package: String
  /// The machines for which it was measured.
  public var machines: [String]
  /// Packages that were measured and whose names are alike.
  public var similar: [String]

  public var description: String {
    if !machines.isEmpty {
      return "no wheel of \(package) for this machine was measured, only for \(listed(machines))"
    }
    return "\(package) was not measured, so nothing is known of its releases"
      + (similar.isEmpty ? "" : "; measured were \(listed(similar))")
  }
}

extension ReleaseAnswer {
  /// Judges the measured releases of a package as a scan of their wheels would.
  ///
  /// - Throws: ``NotSurveyed`` for a package that was not measured, and what is wrong with the table.
  public init(_ question: ReleaseQuestion, in table: SurveyTable = .shipped) throws {
    if question.name == "torch" {
      self.init(torch: question)
      return
    }
    let packages = try table.packages(named: question.name)
    guard let package = packages.first(where: { $0.machine == question.machine }) else {
      throw NotSurveyed(
        package: question.name, machines: packages.map(\.machine),
        similar: packages.isEmpty ? table.names.filter { $0.isAlike(question.name) } : [])
    }
    let wheels = try table.wheels(of: question.name).filter { $0.machine == question.machine }
    var releases: [AssessedRelease] = []
    for wheel in wheels {
      guard let position = package.releases.firstIndex(where: { $0.version == wheel.release }) else {
        continue
      }
      let row = package.releases[position]
      if let python = question.python, row.supports(python: python) == false { continue }
      if let release = AssessedRelease(wheel, row, at: position, question) { releases.append(release) }
    }
    let extent = ReleaseExtent(
      releases: package.releases.count, measured: wheels.count, oldest: wheels.first?.release,
      newest: wheels.last?.release, asOf: package.asOf, leftOut: wheels.count - releases.count,
      newer: package.releases.reversed().prefix { $0.version != wheels.last?.release }.count)
    self.init(question, releases, extent)
  }

  /// - Parameter releases: those that the question admits, oldest first.
  init(_ question: ReleaseQuestion, _ releases: [AssessedRelease], _ extent: ReleaseExtent) {
    package = question.name
    machine = question.machine
    self.releases = releases
    self.extent = extent
    latest = releases.last
    newest = releases.last { $0.rank == 3 }
    newestInPart = releases.last { (1...2).contains($0.rank) }
    if let whole = newest, let part = newestInPart, part.position < whole.position { newestInPart = nil }
    changes = question.question.devices.indices.map { device in
      zip(releases, releases.dropFirst()).compactMap { earlier, later in
        let (was, now) = (earlier.runs(onDevice: device), later.runs(onDevice: device))
        guard was != now else { return nil }
        return ReleaseChange(
          kind: now ? .came : .gone, before: earlier.version, after: later.version,
          published: later.published, unmeasured: later.position - earlier.position - 1)
      }
    }
  }
}

extension AssessedRelease {
  /// Whether it, or a part of it, runs on one of the devices.
  func runs(onDevice device: Int) -> Bool {
    var one = self
    one.answer = answers[device]
    return one.rank > 0
  }

  /// Nil for a release that the question leaves out because of its CUDA.
  fileprivate init?(
    _ wheel: SurveyTable.Wheel, _ row: SurveyTable.Release, at position: Int, _ question: ReleaseQuestion
  ) {
    let (asked, libraries) = (question.question, question.question.tables.libraries)
    var view = wheel.facts.withNeededRuntime(question.cuda, by: libraries)
    var assessor = Assessor(view, asked)
    // Of the files for several versions of CUDA those that run best say with which it has to be.
    let alternatives = assessor.cudaAlternatives
    let best = alternatives.map(\.severity).min() ?? 0
    let running = alternatives.filter { $0.severity == best }.map(\.cuda)
    if question.cuda == nil, let oldest = running.first {
      view = wheel.facts.withNeededRuntime(oldest, by: libraries)
      assessor = Assessor(view, asked)
    }
    let runtimes = assessor.runtimes
    let areAlternatives = !alternatives.isEmpty
    let versions = areAlternatives ? alternatives.map(\.cuda) : distinct(runtimes.map(\.cuda))
    let isMajorOnly = !areAlternatives && runtimes.contains(where: \.isMajorOnly)
    guard question.admits(versions, isMajorOnly: isMajorOnly, areAlternatives: areAlternatives) else {
      return nil
    }
    let checks = assessor.checks()
    let own = view.stack.environments.flatMap(\.distributions).filter { $0.normalizedName == wheel.package }
    let pinned = own.flatMap(\.requires).filter { $0.name == "torch" && !$0.isOptional }.compactMap(\.pin)
    let answers = question.answers(
      assessor.answers(checks), of: wheel.package, wheel.release, requiring: pinned)
    self.init(
      version: wheel.release, published: row.published, file: wheel.file, sha256: wheel.sha256,
      cuda: areAlternatives ? question.cuda.map { [$0] } ?? running : versions, isMajorOnly: isMajorOnly,
      targets: assessor.ownTargets, pythons: row.pythons, requiresPython: row.requiresPython,
      pins: pinned.map { "torch==\($0)" },
      compilers: distinct(
        checks.filter { $0.id == .runtimeCode && $0.status == .unknown }.map { check in
          check.summary + (check.detail.map { "; \($0)" } ?? "")
        }),
      answers: answers, runningShare: assessor.runningShare, answer: .combined(answers, by: asked.tables),
      oldestDriver: answers.contains { $0.kind == .no } ? nil : assessor.driverDemand()?.driver,
      lastDriverBranch: asked.devices.compactMap(\.device.lastDriverBranch).min(),
      command: "pip install \(wheel.package)==\(wheel.release)", position: position,
      findGenerations: { [view] in view.generations(asked.tables) })
  }
}

extension ReleaseQuestion {
  /// The answers on a release that requires certain versions of PyTorch: no where no official build of one runs on the GPU.
  fileprivate func answers(
    _ own: [Answer], of package: String, _ release: String, requiring versions: [String]
  ) -> [Answer] {
    let (table, devices) = (question.tables.pytorch, question.devices.map(\.device))
    let name = "\(package) \(release)"
    var answers = own
    for version in versions {
      guard let index = table.releases.firstIndex(where: { $0.versions.contains(version) }) else { continue }
      for (position, device) in devices.enumerated() where !device.isTegra && answers[position].kind != .no {
        let search = TorchSearch(
          devices: [device], isAArch64: machine == "aarch64", tables: question.tables)
        guard search.best(in: index, { _ in true }) == nil else { continue }
        let reason = Reason(
          .requiredPackage, package: name,
          "\(subject: name) requires PyTorch \(version), of which no official build runs on \(gpu: device.label)"
        )
        answers[position] = Answer(.no, .incompatible, reasons: [reason])
      }
    }
    return answers
  }
}

extension Assessor {
  /// The versions of CUDA for which there are files among which a program picks, oldest first, and what the best file for
  /// each is worth on the worst of the devices: the less the better.
  fileprivate var cudaAlternatives: [(cuda: CUDAVersion, severity: Int)] {
    var best: [CUDAVersion: Int] = [:]
    for unit in units {
      // 118 is 11.8; 12 alone is every 12.x, which tells nothing more than what the file needs.
      guard case .cuda(let number)? = unit.alternative?.choice, number >= 100 else { continue }
      let cuda = CUDAVersion(number / 10, number % 10)
      let severity = unit.plain.map { $0.verdict.severity ?? .max }.max() ?? .max
      // bitsandbytes has two files for a version, one of them for GPUs without tensor cores.
      best[cuda] = min(severity, best[cuda] ?? .max)
    }
    return best.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}

extension View {
  /// The current compute capabilities on which it runs, whatever the driver.
  fileprivate func generations(_ tables: TableSet) -> [ComputeCapability] {
    let current = tables.architectures.current
    let devices = current.map { RequestedDevice(query: "\($0)", device: Device($0, tables: tables)) }
    let answers = Assessment(
      Facts(views: [self]), Question(devices: devices, namesDevices: false, tables: tables)
    ).answers
    return zip(current, answers).filter { [.yes, .partly].contains($0.1.kind) }.map(\.0)
  }
}

extension Assessor {
  /// How much of the code of all packages runs, on the device on which least does; nil where there is none.
  fileprivate var runningShare: Double? {
    devices.indices.compactMap { device -> Double? in
      let weight = packages.filter { !$0.isBrought || packages.count == 1 }
        .reduce(Weight()) { $0 + $1.verdicts[device].weight }
      let all = weight.running + weight.gaps
      return all == 0 ? nil : Double(weight.running) / Double(all)
    }.min()
  }

  /// The targets of the code that counts, each once, but for libraries of NVIDIA's that it brings along.
  fileprivate var ownTargets: [String] {
    let own = units.filter { !$0.isNVIDIAs }
    let images = (own.isEmpty ? units : own).flatMap(\.targets)
    let ordered = images.sorted {
      ($0.kind == .ptx ? 1 : 0, $0.target) < ($1.kind == .ptx ? 1 : 0, $1.target)
    }
    return distinct(ordered.map(\.targetName))
  }
}

extension String {
  /// Whether one of two names of packages starts as the other, or they have a word of some length in common.
  fileprivate func isAlike(_ other: String) -> Bool {
    if hasPrefix(other) || other.hasPrefix(self) { return true }
    let words = Set(split(separator: "-").filter { $0.count > 3 })
    return other.split(separator: "-").contains(where: words.contains)
  }
}
