import Bytes
import Compatibility
import Stack

/// The facts of a view and the devices that are asked about: what the checks are functions of.
struct Assessor {
  let view: View
  /// Every device has to run all of it; one without a driver is on a host whose driver nobody knows.
  var devices: [Device]
  let question: Question
  private let environments: [Path: PythonEnvironment]
  var units: [AssessedUnit]
  var packages: [AssessedPackage]
  /// What compiles device code at run time.
  var compilations: [Compilation] = []

  /// The CUDA runtimes that something brings along, oldest first.
  private(set) var runtimes: [RuntimeDemand] = []

  var facts: StackFacts { view.stack }
  /// What does not matter to whoever asks.
  var ignores: [IgnoreRule] { question.ignores }
  /// What everything is judged by.
  var tables: TableSet { question.tables }
  /// Whether somebody asked about these devices, or they are the generations of an overview.
  var namesDevices: Bool { question.namesDevices }
  /// The drivers among which the oldest that is enough is searched, oldest first.
  var candidates: [DriverVersion] { question.drivers }

  /// - Parameter devices: those of the question, with other drivers perhaps; nil for them as they are.
  init(_ view: View, _ question: Question, devices: [Device]? = nil) {
    self.view = view
    self.question = question
    environments = Dictionary(view.stack.environments.map { ($0.folder, $0) }) { first, _ in first }
    self.devices = devices ?? question.devices.map(\.device)
    if let release = view.stack.jetsonLinux {
      let numbers = release.value.split(separator: ".").compactMap { Int($0) }
      for index in self.devices.indices where self.devices[index].isTegra {
        self.devices[index].jetsonLinux = numbers
      }
    }
    units = view.units(by: question.tables)
    packages = view.packages(units)
    // What an earlier run left is compiled again where it is for another GPU, so that it decides nothing beside programs.
    let caches = packages.filter { $0.cachedBy != nil }
    packages.removeAll { $0.cachedBy != nil }
    compilations = findCompilations()
    judgeCompilations()
    if packages.isEmpty { packages = caches }
    runtimes = findRuntimes()
    judgeCode()
  }

  /// What would be known and asked after a change.
  func after(_ change: Plan.Step.Change) -> Assessor {
    var devices = devices
    if case .driver(let driver) = change {
      for index in devices.indices where !devices[index].isTegra { devices[index].driver = driver }
    }
    return Assessor(view.after(change, by: tables), question, devices: devices)
  }

  /// Fills in the verdicts on units and packages.
  private mutating func judgeCode() {
    let effective = devices.map { self.effective($0) }
    // Small libraries are often alike.
    for alike in groups(
      of: units.indices, by: { JudgedCode(code: units[$0].code, kernels: units[$0].kernels) })
    {
      let (code, kernels) = (units[alike[0]].code, units[alike[0]].kernels)
      let verdicts = effective.map { code.verdict(on: $0, kernels: kernels) }
      let plain = verdicts.map { verdict in
        verdict.device.knownDriver == nil
          ? verdict : code.verdict(on: verdict.device.withoutDriver, kernels: kernels)
      }
      for index in alike {
        units[index].verdicts = verdicts
        units[index].plain = plain
      }
    }
    for index in packages.indices {
      packages[index].ignored = ignoredUnits(of: packages[index])
      judge(&packages[index])
    }
    setAsideCubinsForOtherGPUs()
  }

  /// Fills in the verdicts on a package, whose units are judged.
  func judge(_ package: inout AssessedPackage) {
    let rule = rule(for: package)
    let own = package.units.map { units[$0] }
    package.verdicts = []
    package.plain = []
    for device in devices.indices {
      let (driven, plain) = (own.map { $0.verdicts[device] }, own.map { $0.plain[device] })
      let ignored = package.ignored(on: device)
      func judged(_ verdicts: [UnitVerdict], ignoring positions: some Collection<Int>) -> PackageVerdict {
        rule.judge(verdicts, plain: plain, driven: driven, ignoring: positions)
      }
      var verdict = judged(driven, ignoring: ignored.keys)
      var inAll = judged(plain, ignoring: ignored.keys)
      if let first = ignored.min(by: { $0.key < $1.key })?.value, verdict.code == .noDeviceCode {
        verdict.ignored = (judged(driven, ignoring: []).code, first)
        inAll.ignored = (judged(plain, ignoring: []).code, first)
      }
      package.verdicts.append(verdict)
      package.plain.append(inAll)
    }
  }

  /// By what a package is judged.
  func rule(for package: AssessedPackage) -> PackageRule {
    PackageRule(package: package, units: units, cuda: cuda(of: package))
  }

  /// Whether a package holds nothing but files that a program picks from: cubin and PTX files.
  func isPickedFrom(_ package: AssessedPackage) -> Bool {
    package.package != nil && !package.units.isEmpty && package.units.allSatisfy { units[$0].isPickedFrom }
  }

  /// A package of nothing but cubin and PTX files is for those GPUs that it has code for, where another package picks from it or
  /// it compiles at run time what it has not: flashinfer-cubin and flashinfer-python.
  private mutating func setAsideCubinsForOtherGPUs() {
    guard packages.contains(where: { !isPickedFrom($0) || $0.compiles }) else { return }
    for index in packages.indices where isPickedFrom(packages[index]) {
      for device in devices.indices where packages[index].plain[device].toldCode == .incompatible {
        if let rule = packages[index].verdicts[device].ignored?.rule {
          packages[index].verdicts[device].ignored = (.noDeviceCode, rule)
          continue
        }
        let aside = PackageVerdict(
          code: .noDeviceCode, verdict: .noDeviceCode,
          standings: packages[index].units.map { _ in .forOtherGPUs })
        packages[index].verdicts[device] = aside
        packages[index].plain[device] = aside
      }
    }
  }

  /// The version of CUDA that the programs of a package run with: that of PyTorch beside it, else of the runtime.
  private func cuda(of package: AssessedPackage) -> CUDAVersion? {
    guard let environment = environment(of: package) else { return nil }
    return environment.torch?.cuda?.value
      ?? environment.components.first { $0.isRuntime && $0.cuda != nil }?.cuda
  }

  /// The Python environment that a package is part of; nil for others.
  func environment(of package: AssessedPackage) -> PythonEnvironment? { environment(in: package.environment) }

  /// The Python environment in a folder; nil where there is none.
  func environment(in folder: Path?) -> PythonEnvironment? { folder.flatMap { environments[$0] } }

  /// The checks that count, see ``allChecks()``.
  func checks() -> [Check] { allChecks().filter { ignoreRule(for: $0) == nil } }

  /// All checks, those about the driver first; the order depends on nothing but the facts and the devices. Those of an
  /// overview about code made at run time are in its table, and are made when it is.
  func allChecks() -> [Check] {
    driverChecks() + packageChecks() + deviceCodeChecks()
      + (namesDevices ? runtimeCodeChecks(on: devices.indices) : []) + toolkitChecks()
  }

  /// The device with what its programs find: the driver libraries of a forward-compatibility package where one is admitted,
  /// which then also compile PTX and decompress.
  func effective(_ device: Device) -> Device {
    var effective = device
    // What the kernel module does not support no library supports.
    if device.isSupportedByDriver != false, let package = usablePackage(on: device),
      let driver = DriverVersion(package.driver.value)
    {
      effective.driver = driver
    }
    return effective
  }
}

/// All that the verdict on a unit depends on, besides the device.
private struct JudgedCode: Hashable {
  var code: CodeUnit
  var kernels: KernelNames
}

extension Device {
  /// The names of the products that it may be; empty where nobody knows.
  var candidates: [String] { name.map { [$0] } ?? products }

  /// What it is sold as; nil where its name is not known, where the catalogue does not have it, and where products
  /// that it may be are sold as different things.
  var segment: GPU.Segment? {
    let segments = candidates.map { tables.gpus.segment(of: $0) }
    return Set(segments).count == 1 ? segments[0] : nil
  }

  /// The brands that `NVIDIA_REQUIRE_*` may know it by, likeliest first; empty where nobody knows.
  var brands: [String] {
    distinct(candidates.flatMap { tables.containers.brands(ofGPU: $0, in: tables.gpus) })
  }
}

/// The items in their order, each once.
package func distinct<Item: Hashable>(_ items: some Sequence<Item>) -> [Item] {
  var seen: Set<Item> = []
  return items.filter { seen.insert($0).inserted }
}

/// The items in groups of those with the same key, each group at the place of its first one.
package func groups<Item, Key: Hashable>(
  of items: some Sequence<Item>, by key: (Item) -> Key
) -> [[Item]] {
  var groups: [[Item]] = []
  var positions: [Key: Int] = [:]
  for item in items {
    let key = key(item)
    if let position = positions[key] {
      groups[position].append(item)
    } else {
      positions[key] = groups.count
      groups.append([item])
    }
  }
  return groups
}

/// `a, b and c`, or with another word before the last.
package func listed(_ items: [String], with word: String = "and") -> String {
  guard let last = items.last else { return "" }
  return items.count == 1 ? last : items.dropLast().joined(separator: ", ") + " \(word) " + last
}

/// The first `count` of `items`, and how many others there are.
package func listed(_ items: [String], atMost count: Int, others: String = "others") -> String {
  items.count <= count + 1
    ? listed(items) : listed(items.prefix(count) + ["\(items.count - count) \(others)"])
}
