public import Bytes
public import Compatibility
public import DeviceCode
import Stack

/// Device code that is judged as one, with its verdicts: that of a file, or that of files among which a program picks.
public struct AssessedUnit: Sendable {
  /// The file; of several the folder that holds all of them.
  public var path: Path
  /// Indices of the view's files, by their paths: more than one for cubin files and for what was compiled at run time.
  public var files: [Int]
  /// Where each of them is: for a package in several environments its own copies.
  public var paths: [Path]
  public let code: CodeUnit
  /// See ``CodeUnit/targets``.
  public let targets: [ImageSignature]
  /// The kernels of those modules whose names were read.
  public var kernels: KernelNames
  /// Indices of the packages that the files belong to, in the facts of the stack: several where the same file is in
  /// several environments.
  public var packages: [Int]
  /// What the code is worth on each device with its driver, whatever else stands in the way.
  public var verdicts: [UnitVerdict] = []
  /// The same with a driver that supports everything.
  var plain: [UnitVerdict] = []
  /// For each requirement how far it is kept.
  public var requirements: [RequirementResult] = []
  /// Targets that it carries though nothing else than what is required may be there.
  public var unexpectedTargets: [ImageTarget] = []

  /// One of NVIDIA's libraries, which nobody else compiles.
  public var isNVIDIAs: Bool
  /// A file without which the rest of its library does nothing.
  var isDecisive = false
  /// What its name says it is for, among files that a program chooses from; nil for several files that are one unit.
  var alternative: Alternative?
  /// The framework that compiled it on an earlier run and keeps it for the next one: `Triton`. Nil for other code.
  public var cachedBy: String?

  /// Whether it is device code by itself, which a program picks from: cubin and PTX files.
  var isPickedFrom: Bool

  /// What is required and not all of its code has.
  public var unmetRequirements: [RequirementResult] { requirements.filter { !$0.isMet } }

  public var meetsRequirements: Bool { unmetRequirements.isEmpty && unexpectedTargets.isEmpty }

  /// What is required and not as it should be: clauses that the name of the unit stands before.
  public var requirementClauses: [String] {
    let unmet = unmetRequirements
    var clauses: [String] = []
    let missing = unmet.filter { $0.status == .missing }.map(\.requirement.description)
    if !missing.isEmpty {
      let verb = missing.count == 1 ? "is" : "are"
      clauses.append("does not carry \(missing.joined(separator: ", ")), which \(verb) required")
    }
    for result in unmet where result.status == .partial {
      let modules = result.carrying + result.missing.count
      clauses.append("carries the required \(result.requirement) in \(result.carrying) of \(modules) modules")
    }
    if unmet.contains(where: { $0.status == .noDeviceCode }) {
      clauses.append("holds no device code that could carry what is required")
    }
    if !unexpectedTargets.isEmpty {
      clauses.append(
        "carries \(unexpectedTargets.map(\.name).joined(separator: ", ")), and nothing but what is required may be there"
      )
    }
    return clauses
  }

  /// Whether it stands for several files.
  public var isCollection: Bool { files.count > 1 || cachedBy != nil }
}

extension View {
  /// The device code of the view, by path.
  ///
  /// The cubin and PTX files of one package are one, and the cubin files of one folder where no package has them: each is for
  /// a single target, and the program that brought them picks one at run time. So are the files that one framework keeps of what it
  /// compiled.
  func units(by tables: TableSet) -> [AssessedUnit] {
    enum Owner: Hashable {
      case package(Int)
      case folder(Path)
      case cache(RuntimeTable.KernelCache, Path)
    }
    let table = tables.libraries
    var units: [AssessedUnit] = []
    var collections: [Owner: [(path: Path, file: Int)]] = [:]
    func add(_ index: Int, packages: [Int]) {
      let file = files[index]
      units.append(
        AssessedUnit(
          path: file.path, files: [index], paths: [file.path], code: file.unit,
          targets: file.unit.targets, kernels: file.kernels, packages: packages,
          isNVIDIAs: table.isNVIDIAs(file.path),
          isDecisive: table.isDecisive(file.path), alternative: Alternative(file.path),
          isPickedFrom: file.format == .cubin || file.format == .ptx))
    }
    for (index, file) in files.enumerated() {
      var packages: [Int] = []
      var own: [Owner: Path] = [:]
      for path in file.names {
        guard let package = stack.packageIndex(of: path) else { continue }
        if !packages.contains(package) { packages.append(package) }
        own[.package(package)] = own[.package(package)] ?? path
      }
      if kind != .file, let (cache, folder) = tables.runtime.kernelCache(of: file.path) {
        collections[.cache(cache, folder), default: []].append((file.path, index))
      } else if kind != .file, file.format == .cubin || file.format == .ptx && !own.isEmpty {
        if own.isEmpty { own[.folder(file.path.parent)] = file.path }
        for (owner, path) in own { collections[owner, default: []].append((path, index)) }
      } else {
        add(index, packages: packages)
      }
    }
    var alone: [Int: [Int]] = [:]
    for (owner, members) in collections {
      let members = members.sorted { $0.path < $1.path }
      var package: [Int] = []
      var code = members.map { files[$0.file].unit }
      var folder = Path.folder(of: members.map(\.path))
      var framework: String?
      switch owner {
      case .package(let index): package = [index]
      case .folder: break
      case .cache(let cache, let root):
        (folder, framework) = (root, cache.framework)
        if cache.loadsCubinsOnly == true {
          for (position, member) in members.enumerated() where files[member.file].format == .ptx {
            code[position] = CodeUnit(Inventory())
          }
        }
      }
      if members.count == 1, framework == nil {
        alone[members[0].file, default: []] += package
        continue
      }
      let alternatives = CodeUnit(alternatives: code)
      var unit = AssessedUnit(
        path: folder, files: members.map(\.file), paths: members.map(\.path), code: alternatives,
        targets: alternatives.targets, kernels: KernelNames(), packages: package,
        isNVIDIAs: table.isNVIDIAs(folder), isPickedFrom: true)
      unit.cachedBy = framework
      units.append(unit)
    }
    for (file, packages) in alone { add(file, packages: packages.sorted()) }
    return units.sorted { left, right in
      left.path == right.path
        ? left.packages.lexicographicallyPrecedes(right.packages) : left.path < right.path
    }
  }
}

extension Path {
  /// The innermost folder that holds all of `files`, which are sorted.
  fileprivate static func folder(of files: [Path]) -> Path {
    guard let first = files.first, let last = files.last else { return Path("") }
    // Of sorted paths the first and the last differ earliest.
    let common = zip(first.bytes, last.bytes).prefix { $0 == $1 }.map(\.0)
    return Path(bytes: common + [0]).parent
  }
}
