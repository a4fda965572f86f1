import Bytes
import Compatibility
import ELFFile
import Stack

/// Something that mends the stack, computed from the tables.
public struct Recommendation: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Install this official build of PyTorch.
    case installTorch
    /// No official build of PyTorch carries code for a GPU, or for all of them together.
    case noOfficialBuild
    /// Install what PyTorch requires and does not find.
    case installLibraries
    /// Ask for this driver.
    case installDriver
    /// Start from this base image.
    case baseImage
    /// Build extensions with this toolkit.
    case toolkit
    /// Build extensions for these architectures.
    case architectureList
  }

  public var kind: Kind
  /// One sentence for a person, without a full stop at the end.
  public var message: String
  /// What to type or to write; nil where there is nothing.
  public var command: String?

  public init(_ kind: Kind, _ message: String, command: String? = nil) {
    self.kind = kind
    self.message = message
    self.command = command
  }
}

/// An official build of PyTorch that runs on some devices.
struct TorchChoice: Hashable {
  /// Position in the table's releases.
  var release: Int
  var version: String
  var cuda: CUDAVersion
  /// Position in the release's builds.
  var build: Int
  /// How well the worst of the devices runs it.
  var fit: Fit
}

extension Assessor {
  /// What mends the failed checks, most important first. `checks` are those of the question.
  func recommendations(for checks: [Check]) -> [Recommendation] {
    var list: [Recommendation] = []
    var choices: [TorchChoice] = []
    // Other failures stay with any driver.
    var isEverything = !checks.contains {
      $0.status == .fail && !$0.id.dependsOnDriver && !$0.id.isAboutBuilding && $0.id != .flagsContents
    }
    for torch in facts.torches {
      let isBad = torch.isWithoutCUDA || checks.contains { $0.isFailure(of: torch) }
      let isHeldBack = checks.contains { $0.isDriverFailure(of: torch) }
      guard isBad || isHeldBack else { continue }
      if isBad { isEverything = false }
      let choice = torchChoice(near: torch)
      if let choice { choices.append(choice) }
      // Where only the driver is wrong, another build is one way out; without one the driver's is the only one.
      if isBad || choice != nil {
        list += torchRecommendations(torch, choice).map { located($0, in: torch.folder) }
      }
    }
    list += checks.filter { $0.id == .torchLibraries && $0.status == .fail }.compactMap { libraries(for: $0) }
    list += driverRecommendations(checks, isEverything: isEverything)
    list += imageRecommendations(checks, choices.first)
    list += buildRecommendations(checks)
    var seen: Set<Recommendation> = []
    return list.filter { seen.insert($0).inserted }
  }

  /// The same, saying in which of several Python environments; what names nothing to do is true in all of them.
  private func located(_ recommendation: Recommendation, in folder: Path) -> Recommendation {
    guard facts.environments.count > 1,
      recommendation.kind != .noOfficialBuild || recommendation.command != nil
    else { return recommendation }
    var located = recommendation
    located.message = "in \(folder.bytes.isEmpty ? Path(".") : folder): \(recommendation.message)"
    return located
  }

  // MARK: PyTorch

  private var isAArch64: Bool {
    facts.machine == .aarch64 || facts.images.contains { $0.architecture == "arm64" }
  }

  /// The official build nearest to what is installed that runs on every device with the driver, if there is one.
  ///
  /// Nearest is the same release, then the one that follows, then the one before, and so on; machine code comes before
  /// PTX, and builds that are confirmed before others. Of the builds of a release the newest counts whose CUDA the
  /// driver supports by itself, then the oldest of the others.
  func torchChoice(near torch: TorchInstallation) -> TorchChoice? {
    let python = facts.environments.first { $0.folder == torch.folder }?.python?.value
    // Without a build for the Python that is there, another Python is needed too.
    return (python == nil ? nil : torchChoice(near: torch, python: python))
      ?? torchChoice(near: torch, python: nil)
  }

  private func torchChoice(near torch: TorchInstallation, python: String?) -> TorchChoice? {
    let table = PyTorchTable.shared
    let installed = table.release(of: torch.version.value).flatMap { release in
      table.releases.firstIndex { $0.series == release.series }
    }
    let origin = installed ?? table.releases.count - 1
    let order = table.releases.indices.sorted { left, right in
      (abs(left - origin), -left) < (abs(right - origin), -right)
    }
    var best: TorchChoice?
    for index in order where python.map({ table.releases[index].python.contains($0) }) ?? true {
      for choice in choices(in: index, near: torch).sorted(by: { isBetter($0, $1) }) {
        // A build that runs machine code ends the search; PTX is only taken where there is no other.
        if choice.fit.isNative { return choice }
        if best == nil { best = choice }
      }
    }
    return best
  }

  private func choices(in index: Int, near torch: TorchInstallation) -> [TorchChoice] {
    let release = PyTorchTable.shared.releases[index]
    let own = String(torch.version.value.prefix { $0 != "+" })
    return release.builds.indices.compactMap { position in
      let build = release.builds[position]
      guard let targets = isAArch64 ? build.targetsAArch64 : build.targets else { return nil }
      let versions = build.versions ?? release.versions
      guard let newest = versions.last else { return nil }
      let fit =
        devices.map { device in
          runs(build.cuda, on: device)
            ? targets.fit(on: Device(device.computeCapability, name: device.name)) : .none
        }.min() ?? .none
      guard fit >= .jit else { return nil }
      // Which PTX the code has is known as that of its CUDA version at most, which the driver must know.
      if fit == .jit, devices.contains(where: { $0.knownDriver?.maxCUDA.map { $0 < build.cuda } ?? false }) {
        return nil
      }
      let version = versions.contains(own) ? own : newest
      // What is installed does not mend itself.
      if torch.cuda?.value == build.cuda, version == own { return nil }
      return TorchChoice(release: index, version: version, cuda: build.cuda, build: position, fit: fit)
    }
  }

  /// Whether the driver runs a CUDA runtime on a device that it supports; true where nobody knows the driver.
  private func runs(_ cuda: CUDAVersion, on device: Device) -> Bool {
    guard device.isSupportedByDriver != false else { return false }
    guard let driver = device.knownDriver else {
      // Some driver must support both.
      guard let row = ArchitectureTable.shared[device.computeCapability], let last = row.lastDriver,
        let minimum = cuda.minimumDriver
      else { return true }
      return DriverVersion.branch(last).isAtLeast(minimum) != false
    }
    if let newest = driver.maxCUDA, newest >= cuda { return true }
    return cuda.minimumDriver.flatMap { driver.isAtLeast($0) } == true
  }

  private func isBetter(_ left: TorchChoice, _ right: TorchChoice) -> Bool {
    func rank(_ choice: TorchChoice) -> (Int, Int, Int, Int) {
      let build = PyTorchTable.shared.releases[choice.release].builds[choice.build]
      let isOwn = devices.allSatisfy { device in
        guard let newest = device.knownDriver?.maxCUDA else { return true }
        return newest >= choice.cuda
      }
      let number = choice.cuda.major * 100 + choice.cuda.minor
      return (choice.fit.isNative ? 0 : 1, build.isConfirmed ? 0 : 1, isOwn ? 0 : 1, isOwn ? -number : number)
    }
    return rank(left) < rank(right)
  }

  private func torchRecommendations(_ torch: TorchInstallation, _ choice: TorchChoice?) -> [Recommendation] {
    let table = PyTorchTable.shared
    let names = listed(devices.map(\.label))
    guard let choice else {
      let uncovered = devices.filter { device in
        !table.releases.flatMap(\.builds).contains { build in
          (isAArch64 ? build.targetsAArch64 : build.targets).map {
            $0.fit(on: Device(device.computeCapability)) >= .jit
          } ?? false
        }
      }
      if !uncovered.isEmpty {
        return [
          Recommendation(
            .noOfficialBuild,
            "no official build of PyTorch carries code for \(listed(uncovered.map(\.label))): build it from source"
          )
        ]
      }
      var others = self
      for index in others.devices.indices { others.devices[index].driver = nil }
      guard let other = others.torchChoice(near: torch) else {
        return [
          Recommendation(
            .noOfficialBuild,
            "no official build of PyTorch carries code for all of \(names) that one driver runs")
        ]
      }
      let driver = other.cuda.minimumDriver.map { "driver \($0) or newer" } ?? "a newer driver"
      return [
        Recommendation(
          .noOfficialBuild,
          "no official build of PyTorch runs on \(names) with this driver; with \(driver) "
            + "PyTorch \(other.version) for CUDA \(other.cuda) does", command: command(other))
      ]
    }
    let release = table.releases[choice.release]
    let targets =
      (isAArch64 ? release.builds[choice.build].targetsAArch64 : release.builds[choice.build].targets)
    var message =
      "install PyTorch \(choice.version) for CUDA \(choice.cuda), the nearest official build that runs on \(names)"
    if let targets { message += "; it carries \(targets)" }
    if let minimum = choice.cuda.minimumDriver { message += " and needs driver \(minimum) or newer" }
    if let own = ToolkitTable.shared[choice.cuda]?.minimumDriver,
      devices.contains(where: { $0.knownDriver?.maxCUDA.map { $0 < choice.cuda } ?? false })
    {
      message += "; the driver of CUDA \(choice.cuda) itself is \(own)"
    }
    let python = facts.environments.first { $0.folder == torch.folder }?.python?.value
    if let first = release.python.first, let last = release.python.last,
      !(python.map { release.python.contains($0) } ?? false)
    {
      message += "; it is built for Python \(first) to \(last)" + (python.map { ", and here is \($0)" } ?? "")
    }
    return [Recommendation(.installTorch, message, command: command(choice))]
  }

  private func command(_ choice: TorchChoice) -> String {
    let release = PyTorchTable.shared.releases[choice.release]
    return PyTorchTable.shared.command(
      installing: release.builds[choice.build], of: release, version: choice.version)
  }

  private func libraries(for check: Check) -> Recommendation? {
    guard let environment = facts.environments.first(where: { $0.folder == check.environment }),
      let torch = environment.torch
    else { return nil }
    let wrong = torch.requires.filter { required in
      environment.distributions.first { $0.normalizedName == required.key }?.version != required.value.value
    }.sorted { $0.key < $1.key }
    guard !wrong.isEmpty else { return nil }
    let recommendation = Recommendation(
      .installLibraries, "install the libraries that PyTorch \(torch.version.value) requires",
      command: "pip install " + wrong.map { "\($0.key)==\($0.value.value)" }.joined(separator: " "))
    return located(recommendation, in: environment.folder)
  }

  // MARK: Driver and image

  /// - Parameter isEverything: whether a driver mends all that is wrong.
  private func driverRecommendations(_ checks: [Check], isEverything: Bool) -> [Recommendation] {
    let asks = checks.contains { $0.id.dependsOnDriver && $0.status != .pass }
    guard asks, let demand = driverDemand() else { return [] }
    guard let driver = demand.driver else {
      return [
        Recommendation(
          .installDriver,
          "no driver satisfies everything: \(listed(Array(demand.demands.prefix(2)).map(\.message)))")
      ]
    }
    // Nobody has to ask for what is there.
    let isThere = devices.allSatisfy { $0.knownDriver?.isAtLeast(driver) == true }
    if demand.demands.isEmpty || isThere { return [] }
    return [
      Recommendation(
        .installDriver,
        isEverything
          ? "driver \(driver) is the oldest that satisfies everything; \(demand.asking)"
          : "what is installed now needs driver \(driver) or newer, which alone does not mend it; \(demand.asking)"
      )
    ]
  }

  private func imageRecommendations(_ checks: [Check], _ choice: TorchChoice?) -> [Recommendation] {
    guard !facts.images.isEmpty else { return [] }
    let refuses = checks.contains { $0.id == .driverImage && $0.status == .fail }
    let wanted = choice?.cuda ?? facts.torches.compactMap { $0.cuda?.value }.max()
    let isOtherMajor =
      choice.map { choice in
        facts.images.contains { image in
          image.cudaVersion.flatMap { CUDAVersion(release: $0) }.map { $0.major != choice.cuda.major }
            ?? false
        }
      } ?? false
    guard refuses || isOtherMajor else { return [] }
    let newest = devices.compactMap { $0.knownDriver?.maxCUDA }.min()
    // The image of the wanted version, or the nearest older one of the same major version that the driver supports.
    let rows = ContainerTable.shared.baseImages.filter { row in
      (wanted.map { row.cuda.major == $0.major && row.cuda <= $0 } ?? true)
        && (newest.map { row.cuda <= $0 } ?? true)
    }
    guard let row = rows.last else { return [] }
    return [
      Recommendation(
        .baseImage, "start from a base image of CUDA \(row.cuda), which this driver supports by itself",
        command: "FROM \(row.image)")
    ]
  }

  // MARK: Building

  private func buildRecommendations(_ checks: [Check]) -> [Recommendation] {
    var list: [Recommendation] = []
    for torch in facts.torches {
      guard let cuda = torch.cuda?.value, !compilers.isEmpty else { continue }
      let usable = compilers.filter { toolkit in
        guard let own = toolkit.cuda, own.major == cuda.major else { return false }
        return devices.allSatisfy { device in
          guard let row = ArchitectureTable.shared[device.computeCapability] else { return true }
          return row.firstToolkit <= own && row.lastToolkit.map { own <= $0 } ?? true
        }
      }
      let name = "extensions of PyTorch \(torch.version.value)"
      func add(_ message: String, command: String? = nil) {
        list.append(located(Recommendation(.toolkit, message, command: command), in: torch.folder))
      }
      if let toolkit = usable.first(where: { $0.cuda == cuda }) ?? usable.first {
        if compilers.count > 1 || toolkit.cuda != cuda {
          add(
            "build \(name) with the toolkit in \(toolkit.folder)", command: "CUDA_HOME=/\(toolkit.folder)")
        }
      } else {
        let first = devices.compactMap { ArchitectureTable.shared[$0.computeCapability]?.firstToolkit }.max()
        let needed = [cuda, first].compactMap { $0 }.max() ?? cuda
        add(
          needed.major == cuda.major
            ? "build \(name) with CUDA \(needed): no toolkit here can"
            : "no toolkit of CUDA \(cuda.major) compiles for all these GPUs, so \(name) cannot be built for them"
        )
      }
    }
    // NVIDIA's own libraries are nothing that anybody builds.
    var lacking: [String] = []
    for check in checks where check.id == .packageGPU && (check.status == .fail || check.status == .warn) {
      guard let subject = check.subject, !lacking.contains(subject), !subject.hasPrefix("nvidia-") else {
        continue
      }
      lacking.append(subject)
    }
    if !compilers.isEmpty || !lacking.isEmpty, !devices.isEmpty, !facts.torches.isEmpty {
      let architectures = Set(devices.map(\.computeCapability)).sorted().map(\.description)
      let shown = lacking.prefix(3) + (lacking.count > 3 ? ["\(lacking.count - 3) others"] : [])
      let what = lacking.isEmpty ? "extensions" : listed(Array(shown))
      list.append(
        Recommendation(
          .architectureList, "build \(what) for \(listed(architectures))",
          command: "TORCH_CUDA_ARCH_LIST=\"\(architectures.joined(separator: ";"))\""))
    }
    return list
  }
}

extension Check {
  /// The device code of `torch` is not for a GPU.
  fileprivate func isFailure(of torch: TorchInstallation) -> Bool {
    id == .torchGPU && status == .fail && environment == torch.folder
  }

  /// The driver does not run the CUDA runtime of `torch`, or does not load its code.
  fileprivate func isDriverFailure(of torch: TorchInstallation) -> Bool {
    guard status == .fail, id.dependsOnDriver else { return false }
    if id == .driverRuntime { return evidence.contains { $0 == torch.cuda?.evidence } }
    return environment == torch.folder && subject == "PyTorch \(torch.version.value)"
  }
}
