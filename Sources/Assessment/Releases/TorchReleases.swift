import Bytes
import Compatibility
import DeviceCode
import Stack

extension ReleaseAnswer {
  /// The official builds of PyTorch, of which a table tells what they carry: of each series the newest release, and of its
  /// builds the one that is best for the GPUs.
  init(torch question: ReleaseQuestion) {
    let asked = question.question
    let (tables, devices) = (asked.tables, asked.devices.map(\.device))
    let table = tables.pytorch
    let isAArch64 = question.machine == "aarch64"
    let rows = table.releases.indices.filter { index in
      question.python.map { table.releases[index].python.contains($0) } ?? true
    }
    let releases = rows.compactMap { index -> AssessedRelease? in
      let release = table.releases[index]
      guard let version = release.versions.last else { return nil }
      @Sendable func search(_ devices: [Device]) -> TorchChoice? {
        var search = TorchSearch(devices: devices, isAArch64: isAArch64, tables: tables)
        search.usesTriton = true
        return search.best(in: index) { question.admits([$0], isMajorOnly: false) }
      }
      let choice = search(devices)
      let build = choice.map { release.builds[$0.build] } ?? release.builds.first { $0.isDefault }
      guard let build, let targets = isAArch64 ? build.targetsAArch64 : build.targets else { return nil }
      let answers = devices.map { device in Answer(search([device])?.fit, device, version) }
      return AssessedRelease(
        version: choice?.version ?? version, source: table.sources[build.source],
        isConfirmed: build.isConfirmed, cuda: [build.cuda], isMajorOnly: false,
        targets: targets.images.map(\.targetName), pythons: release.python,
        pins: [], answers: answers, answer: Answer(choice?.fit, devices.first, version),
        oldestDriver: choice?.drivers?.first,
        lastDriverBranch: choice?.drivers?.lastBranch,
        command: table.command(
          installing: build, of: release, version: choice?.version ?? version, over: "", companions: [],
          onAArch64: isAArch64), position: index,
        findGenerations: {
          tables.architectures.current.filter { search([Device($0, tables: tables)]) != nil }
        })
    }
    self.init(
      question, releases,
      ReleaseExtent(
        releases: table.releases.count, measured: table.releases.count,
        oldest: table.releases.first?.versions.first, newest: table.releases.last?.versions.last, asOf: nil,
        leftOut: table.releases.count - releases.count, newer: 0))
  }
}

extension Answer {
  /// The answer that the best build of a release gives; nil for none.
  fileprivate init(_ fit: Fit?, _ device: Device?, _ version: String) {
    switch fit {
    case .exact?, .minorCompatible?: self.init(.yes, .native)
    case .jit?: self.init(.yes, .jit)
    case .notGuaranteed?: self.init(.unknown, .notGuaranteed)
    default:
      let name = device?.label ?? "the GPU"
      self.init(
        .no, .incompatible,
        reasons: [
          Reason(
            .noKernelImage, package: "PyTorch \(version)", "no build of PyTorch \(version) is for \(name)")
        ])
    }
  }
}
