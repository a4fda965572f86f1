public import Bytes
public import Compatibility
import Stack

/// What runs together or not at all: a package with device code, PyTorch, or the files of a folder that no package owns.
public struct AssessedPackage: Sendable {
  /// For people: `PyTorch 2.4.1+cu121`, `xformers 0.0.30`, `build/lib`.
  public var name: String
  /// The folder of the Python environment that it is in.
  public var environment: Path?
  /// Its index in the facts of the stack; nil for PyTorch without a record and for files that no package owns.
  public var package: Int?
  public var isTorch = false
  /// One of NVIDIA's libraries, or several: cuBLAS, cuDNN. They pick among their kernels by GPU.
  public var isNVIDIAs = false
  /// The name of its distribution in normal form, by which others require it; nil where it has none.
  public var distribution: String?
  /// It compiles device code at run time, and is no library of NVIDIA's, whatever those that it brings along are.
  var compiles = false
  /// The framework that keeps in it what it compiled on earlier runs: such a package is judged where there is nothing else.
  public var cachedBy: String?
  /// Of what only compiles at run time; nil for others, whose package in the facts has it.
  public var version: String?
  /// Indices of the units, by path. Empty for PyTorch without device code, and for what only compiles at run time.
  public var units: [Int] = []
  /// For every device.
  public var verdicts: [PackageVerdict] = []
  /// The same by the code alone, with a driver that supports everything.
  var plain: [PackageVerdict] = []
  /// For every device the positions of the units that do not count, with the rules that say so; empty where no rule is about it.
  var ignored: [[Int: IgnoreRule]] = []

  /// The positions of the units that do not count on a device, with the rules that say so.
  func ignored(on device: Int) -> [Int: IgnoreRule] { ignored.isEmpty ? [:] : ignored[device] }
}

/// How much a unit counts in its package on a device.
public enum Standing: Hashable, Sendable {
  /// It has to run.
  case counts
  /// It was made for other GPUs on purpose, and what it does is missing on this one.
  case forOtherGPUs
  /// Another file of the package is taken in its place: the one with this index.
  case notTaken(unit: Int)
  /// It holds nothing that a driver loads.
  case withoutCode
  /// A framework compiled it on an earlier run and compiles it again for another GPU, so that nothing depends on it.
  case cached
  /// It does not matter to whoever asks.
  case ignored
}

extension Standing {
  /// Its name in documents.
  public var name: String {
    switch self {
    case .counts: "counts"
    case .forOtherGPUs: "forOtherGPUs"
    case .notTaken: "notTaken"
    case .withoutCode: "withoutCode"
    case .cached: "cached"
    case .ignored: "ignored"
    }
  }

  /// The index of the unit that is taken in its place; nil where none is.
  public var taken: Int? { if case .notTaken(let unit) = self { unit } else { nil } }
}

/// How the verdict on the code of a package follows from those on its units that count.
public enum PackageBasis: Hashable, Sendable {
  /// It is the worst of them.
  case worst
  /// Some run and some do not.
  case someRun
  /// Next to nothing runs, by the amount of code.
  case nearlyNothing
  /// It is that on the units without which the others do nothing: cuDNN's library for elementary operations.
  case decisive
  /// NVIDIA's libraries pick their kernels by GPU, so that what has no code for one that they support is never called.
  case picksByGPU
  /// A library of NVIDIA's that it brings along does not run.
  case broughtLibrary
}

/// What a package is worth on one device.
public struct PackageVerdict: Sendable {
  /// By its code and the driver's, before what else stands in the way.
  public var code: Verdict
  /// How it follows from the units.
  public var basis = PackageBasis.worst
  /// With everything that stands in the way: the driver, missing libraries, packages that it requires.
  public var verdict: Verdict
  /// For every unit of the package, in their order.
  public var standings: [Standing]
  /// How much of the code that counts runs, and how much does not that should.
  public var weight = Weight()
  /// Why it does not run, or not all of it.
  public var reasons: [Reason] = []
  /// It is the compilers at run time that keep it from running.
  var isStoppedByCompilers = false
  /// Which compilers it takes at run time decides, and is not known.
  var isOpen = false
  /// Of a package of which nothing counts: what its code would be worth, and the rule that says that it does not matter.
  public var ignored: (code: Verdict, rule: IgnoreRule)?

  /// ``code`` for whoever reads about the package, whether it counts or not.
  public var toldCode: Verdict { ignored?.code ?? code }
  /// ``verdict`` for whoever reads about the package: that on its code where it is ignored.
  public var told: Verdict { ignored?.code ?? verdict }

  /// The positions of the units that count.
  var counting: [Int] { standings.indices.filter { standings[$0] == .counts } }
}

extension View {
  /// The packages with device code, PyTorch first, then by the paths of their files.
  func packages(_ units: [AssessedUnit]) -> [AssessedPackage] {
    enum Key: Hashable {
      case torch(Path)
      case package(Int)
      case folder(Path)
    }
    var packages: [AssessedPackage] = []
    var positions: [Key: Int] = [:]
    func add(_ unit: Int, at path: Path, package: Int?) {
      let environment = stack.environment(of: path)
      let torch = environment?.torch.flatMap { path.isInside($0.folder.child("torch")) ? $0 : nil }
      let key: Key =
        torch.map { .torch($0.folder) } ?? package.map { .package($0) } ?? .folder(path.parent)
      if let position = positions[key] {
        if packages[position].units.last != unit { packages[position].units.append(unit) }
        return
      }
      positions[key] = packages.count
      var new = AssessedPackage(
        name: name(ofPackage: package, torch: torch, at: path), environment: environment?.folder,
        package: package)
      new.isTorch = torch != nil
      let owner = package.map { stack.packages[$0] }
      new.distribution = torch != nil ? "torch" : owner?.ecosystem == .python ? owner?.name : nil
      new.units = [unit]
      packages.append(new)
    }
    for (index, unit) in units.enumerated() {
      if let framework = unit.cachedBy {
        let place = unit.path.bytes.isEmpty ? "" : " \(unit.path)"
        var cache = AssessedPackage(name: "\(framework)'s cache\(place)", environment: nil, package: nil)
        cache.cachedBy = framework
        cache.units = [index]
        packages.append(cache)
        continue
      }
      let file = files[unit.files[0]]
      // A copy counts in each package and each environment that has it.
      for path in unit.isCollection ? [unit.path] : file.names {
        let package = unit.isCollection ? unit.packages.first : stack.packageIndex(of: path)
        if path != unit.path, package == nil, stack.environment(of: path) == nil { continue }
        add(index, at: path, package: package)
      }
    }
    for torch in stack.torches where positions[.torch(torch.folder)] == nil {
      var new = AssessedPackage(name: torch.label, environment: torch.folder, package: nil)
      new.isTorch = true
      new.distribution = "torch"
      packages.append(new)
    }
    // A lone file is named by itself, not by its folder.
    for index in packages.indices
    where packages[index].package == nil && !packages[index].isTorch && packages[index].cachedBy == nil {
      guard packages[index].units.count == 1, !units[packages[index].units[0]].isCollection else { continue }
      packages[index].name = "\(shown(units[packages[index].units[0]].path))"
    }
    for index in packages.indices {
      packages[index].isNVIDIAs =
        packages[index].distribution?.hasPrefix("nvidia-") == true
        || !packages[index].isTorch && !packages[index].units.isEmpty
          && packages[index].units.allSatisfy { units[$0].isNVIDIAs }
    }
    return packages.filter(\.isTorch) + packages.filter { !$0.isTorch }
  }

  private func name(ofPackage package: Int?, torch: TorchInstallation?, at path: Path) -> String {
    if let torch { return torch.label }
    if let package { return "\(stack.packages[package].name) \(stack.packages[package].version)" }
    if !path.parent.bytes.isEmpty { return "\(path.parent)" }
    return kind == .file ? "\(paths.first ?? path)" : "\(paths.first?.lastComponent ?? path)"
  }
}

extension View {
  /// A path of the view for a person: `.` for its root, and for a view that is a single file, which has no path in it, the
  /// file as it was named.
  package func shown(_ path: Path) -> Path {
    if kind == .file { return paths.first ?? path }
    return path.bytes.isEmpty ? Path(".") : path
  }
}

extension TorchInstallation {
  /// `PyTorch 2.4.1+cu121`.
  var label: String { "PyTorch \(version.value)" }
}

/// Judges a package on one device by the verdicts on its units.
struct PackageRule {
  let package: AssessedPackage
  let units: [AssessedUnit]
  /// The version of CUDA that the program runs with, by which it picks among files for several: 12.8; nil where nobody
  /// knows.
  let cuda: CUDAVersion?

  /// Whether a unit is a library of NVIDIA's.
  func isNVIDIAs(_ position: Int) -> Bool {
    package.isNVIDIAs || units[package.units[position]].isNVIDIAs
  }

  /// Judges the package by the verdicts on its units on one device.
  ///
  /// - Parameters:
  ///   - plain: the verdicts with a driver that supports everything.
  ///   - driven: the verdicts with the driver that is there. Where nobody knows the CUDA, the file is taken that runs best by
  ///     them: which GPU there is a program sees, but a CUDA that suits the driver is chosen by whoever installs it.
  ///   - ignored: the positions of the units that do not count.
  func judge(
    _ verdicts: [UnitVerdict], plain: [UnitVerdict], driven: [UnitVerdict],
    ignoring ignored: some Collection<Int> = [Int]()
  ) -> PackageVerdict {
    OnDevice(rule: self, verdicts: verdicts, plain: plain, driven: driven).judge(ignoring: ignored)
  }

  /// Whether there are files for several versions of CUDA, and nobody knows which is there.
  var isCUDAOpen: Bool {
    cuda == nil
      && package.units.contains { if case .cuda? = units[$0].alternative?.choice { true } else { false } }
  }
}

/// A package on one device. Positions are those of its units.
private struct OnDevice {
  let rule: PackageRule
  let verdicts: [UnitVerdict]
  /// With a driver that supports everything.
  let plain: [UnitVerdict]
  /// With the driver that is there.
  let driven: [UnitVerdict]

  private var package: AssessedPackage { rule.package }
  private func path(_ position: Int) -> Path { rule.units[package.units[position]].path }
  private func isNVIDIAs(_ position: Int) -> Bool { rule.isNVIDIAs(position) }

  /// What a unit is worth in its package. NVIDIA's libraries pick their kernels by GPU, without saying so in every name:
  /// what has no code in one that runs is taken to be for others, as NVIDIA supports the library on the GPU or not at all.
  private func worth(_ position: Int) -> Verdict {
    let verdict = verdicts[position]
    guard verdict.verdict == .partial, isNVIDIAs(position), !verdict.isHeldByDriver else {
      return verdict.verdict
    }
    let native = verdict.portable.exact + verdict.portable.minorCompatible + verdict.specialised.exact
    return native > 0 ? .native : verdict.portable.runs + verdict.specialised.runs > 0 ? .jit : .notGuaranteed
  }

  func judge(ignoring ignored: some Collection<Int>) -> PackageVerdict {
    var result = PackageVerdict(
      code: .noDeviceCode, verdict: .noDeviceCode, standings: package.units.map { _ in .counts })
    for position in ignored { result.standings[position] = .ignored }
    func setAside(_ isWithoutCode: (Int) -> Bool) {
      for position in result.counting where isWithoutCode(position) {
        result.standings[position] = .withoutCode
      }
    }
    setAside { plain[$0].verdict == .noDeviceCode }
    choose(among: &result)
    // Code without kernels that the driver does not load.
    setAside { verdicts[$0].verdict == .noDeviceCode }
    // What it compiles at run time is its own: NVIDIA's profiler, which Triton brings along, decides nothing.
    if package.compiles, !package.isTorch, result.counting.allSatisfy(isNVIDIAs) { return result }
    // The code of others that it brings along does not make up for its own.
    let brought = Set(result.counting.filter { !package.isNVIDIAs && isNVIDIAs($0) })
    let own = result.counting.filter { !brought.contains($0) }
    let deciding = own.isEmpty ? result.counting : own
    let isNative = deciding.contains { worth($0) == .native }
    if deciding.contains(where: { worth($0) != .incompatible }) {
      for position in deciding
      where verdicts[position].isForOtherGPUs && (isNative || isOlderThanCode(of: position)) {
        result.standings[position] = .forOtherGPUs
      }
    }
    let counting = deciding.filter { result.standings[$0] == .counts }
    let worths = counting.map(worth)
    result.weight = weight(of: counting, worths)
    (result.code, result.basis) = combined(counting, worths, result.weight)
    let isIncomplete = brought.contains { worth($0) == .incompatible }
    if !own.isEmpty, isIncomplete, let severity = result.code.severity,
      severity < Verdict.partial.severity ?? 0
    {
      (result.code, result.basis) = (.partial, .broughtLibrary)
    }
    result.verdict = result.code
    return result
  }

  /// Whether the device is older than all that a unit was made for, so that who made it knew the device.
  private func isOlderThanCode(of position: Int) -> Bool {
    let own = verdicts[position].device.computeCapability
    return rule.units[package.units[position]].targets.allSatisfy { ComputeCapability($0.target) > own }
  }

  /// The verdict over units that all count, by what each is worth and how much of their code runs.
  private func combined(_ positions: [Int], _ all: [Verdict], _ weight: Weight) -> (Verdict, PackageBasis) {
    let worst = Verdict.worst(of: all)
    guard worst == .incompatible || worst == .partial else {
      return (worst, all == positions.map { verdicts[$0].verdict } ? .worst : .picksByGPU)
    }
    if all.allSatisfy({ $0 == .incompatible }) { return (worst, .worst) }
    // NVIDIA supports a library on a GPU or not at all: what one that runs has no code for is never called there. What
    // another driver would run is.
    let isHeld = positions.contains { verdicts[$0].isHeldByDriver }
    if package.isNVIDIAs {
      // cuDNN's other libraries do nothing without the one for elementary operations, and all of it runs with that.
      let decisive = zip(positions, all).filter { rule.units[package.units[$0.0]].isDecisive }.map(\.1)
      let worst = Verdict.worst(of: decisive)
      if worst == .incompatible || !decisive.isEmpty && !isHeld { return (worst, .decisive) }
    }
    if weight.isNearlyNothing { return (.incompatible, .nearlyNothing) }
    if !package.isNVIDIAs || isHeld { return (.partial, .someRun) }
    return (.worst(of: all.filter { $0 != .partial && $0 != .incompatible }), .picksByGPU)
  }

  private func weight(of positions: [Int], _ all: [Verdict]) -> Weight {
    zip(positions, all).reduce(Weight()) { sum, entry in
      var own = verdicts[entry.0].weight
      // What counts as running counts with all of it.
      if entry.1 != .partial, entry.1 != .incompatible { own.gaps = 0 }
      return sum + own
    }
  }

  /// Sets aside the files that others are taken in place of.
  private func choose(among result: inout PackageVerdict) {
    var families: [String: [(position: Int, choice: Alternative.Choice)]] = [:]
    for position in result.counting {
      if let alternative = rule.units[package.units[position]].alternative {
        families[alternative.family, default: []].append((position, alternative.choice))
      }
    }
    for family in families.values where Set(family.map(\.choice)).count > 1 {
      guard let taken = taken(of: family) else { continue }
      for member in family where member.position != taken {
        result.standings[member.position] = .notTaken(unit: package.units[taken])
      }
    }
  }

  /// The file that is taken: by the version of CUDA where it is known, else the one that runs best.
  private func taken(of family: [(position: Int, choice: Alternative.Choice)]) -> Int? {
    var candidates = family
    let versions = family.compactMap { if case .cuda(let version) = $0.choice { version } else { nil } }
    if let cuda = rule.cuda, versions.count == family.count {
      let wanted = cuda.major * 10 + cuda.minor
      // `cuda12` is every 12.x.
      let fitting =
        versions.filter { $0 <= wanted && $0 / 10 == cuda.major } + versions.filter { $0 == cuda.major }
      if let best = fitting.max() {
        candidates = family.filter { $0.choice == .cuda(best) }
      }
    }
    let isOpen = rule.cuda == nil && versions.count == family.count
    func rank(_ candidate: (position: Int, choice: Alternative.Choice)) -> [Int] {
      let (driven, plain) = (driven[candidate.position], plain[candidate.position])
      // Of those that the driver does not load the one that another driver would; of equals the newest, which comes last.
      return isOpen
        ? [
          driven.verdict.severity ?? 9, plain.verdict.severity ?? 9,
          candidate.choice.isNewer(than: driven.device) ? 1 : 0, -driven.running, -candidate.position,
        ] : [plain.verdict.severity ?? 9, -plain.running, -candidate.position]
    }
    return candidates.min { rank($0).lexicographicallyPrecedes(rank($1)) }?.position
  }
}
