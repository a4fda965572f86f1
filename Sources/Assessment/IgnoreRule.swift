public import Bytes
public import Compatibility
import Stack

/// What does not matter to whoever asks, and why: code, a check or a requirement that is set aside before the answers are made
/// of the rest.
public struct IgnoreRule: Hashable, Sendable {
  /// What is ignored of the packages and libraries that it names.
  public enum What: Hashable, Sendable {
    /// All that is said of them.
    case everything
    case check(Check.ID)
    /// That libraries have to carry targets.
    case requirement
  }

  public var what: What
  /// The name of a package, in which `*` stands for any characters; nil for all.
  public var package: String?
  /// The name of a library, in which `*` stands for any characters, or its path where there is a slash; nil for all.
  public var library: String?
  /// The GPUs on which it is ignored; nil for all.
  public var devices: [Device]?
  /// Why it does not matter, in the words of who wrote the rule.
  public var reason: String
  /// Where the rule stands: `cubinspect.toml`.
  public var source: String

  public init(
    _ what: What = .everything, package: String? = nil, library: String? = nil, devices: [Device]? = nil,
    reason: String, source: String
  ) {
    self.what = what
    self.package = package
    self.library = library
    self.devices = devices
    self.reason = reason
    self.source = source
  }

  /// What it names, for a person: `package flash-attn`.
  public var subject: String {
    var parts: [String] = []
    switch what {
    case .everything: break
    case .check(let id): parts.append("check \(id.rawValue)")
    case .requirement: parts.append("what is required")
    }
    if let package { parts.append("package \(package)") }
    if let library { parts.append("library \(library)") }
    return parts.joined(separator: " of ")
  }

  func isFor(_ device: Device) -> Bool {
    devices?.contains { own in
      guard own.computeCapability == device.computeCapability else { return false }
      guard let name = device.name, own.name != nil || !own.products.isEmpty else { return true }
      return own.name == name || own.products.contains(name)
    } ?? true
  }

  func isFor(packages names: [String]) -> Bool {
    guard let package else { return true }
    return names.contains { $0.utf8.matches(package.utf8) }
      || names.contains { $0.utf8.matches(Distribution.normalize(package).utf8) }
  }

  func isFor(libraries paths: [Path]) -> Bool {
    guard let library else { return true }
    return paths.contains { $0.matches(library) }
  }
}

/// Something that is not as it should be and was ignored.
public struct IgnoredFinding: Sendable {
  public var rule: IgnoreRule
  /// The check, or `requirement`.
  public var id: String
  public var status: Check.Status
  public var subject: String?
  /// The device that it is about, as an index into the question's devices; nil for all or none.
  public var device: Int?
  public var sentence: Sentence
  public var detail: String?
  /// The files that it is about.
  public var paths: [Path]
}

extension IgnoredFinding {
  init(_ check: Check, by rule: IgnoreRule) {
    self.init(
      rule: rule, id: check.id.rawValue, status: check.status, subject: check.subject, device: check.device,
      sentence: check.sentence, detail: check.detail, paths: distinct(check.evidence.lazy.compactMap(\.path)))
  }
}

extension Assessor {
  /// The names by which a rule may know a package.
  private func names(of package: AssessedPackage) -> [String] {
    [package.distribution, package.package.map { facts.packages[$0].name }, package.name].compactMap { $0 }
  }

  private func paths(ofUnit unit: Int) -> [Path] {
    units[unit].files.flatMap { view.files[$0].names }
  }

  /// For every device the positions of the units of a package that do not count; empty where no rule is about it.
  func ignoredUnits(of package: AssessedPackage) -> [[Int: IgnoreRule]] {
    guard !ignores.isEmpty else { return [] }
    let names = names(of: package)
    let rules = ignores.filter { rule in
      rule.what == .everything && (rule.package != nil || rule.library != nil) && rule.isFor(packages: names)
    }
    guard !rules.isEmpty else { return [] }
    return devices.map { device in
      var ignored: [Int: IgnoreRule] = [:]
      for (position, unit) in package.units.enumerated() {
        ignored[position] = rules.first { $0.isFor(device) && $0.isFor(libraries: paths(ofUnit: unit)) }
      }
      return ignored
    }
  }

  /// Whether there is something here that a rule names, whatever its state and the GPU.
  func knows(_ rule: IgnoreRule) -> Bool {
    if rule.package == nil, rule.library == nil { return true }
    if packages.contains(where: { package in
      rule.isFor(packages: names(of: package))
        && (rule.library == nil || package.units.contains { rule.isFor(libraries: paths(ofUnit: $0)) })
    }) {
      return true
    }
    guard rule.library == nil else { return false }
    return facts.environments.contains { environment in
      environment.distributions.contains { rule.isFor(packages: [$0.normalizedName]) }
    }
  }

  /// The rule by which a check is not held; nil where it is.
  func ignoreRule(for check: Check) -> IgnoreRule? {
    guard !ignores.isEmpty else { return nil }
    let about =
      check.packages.map { $0.map { packages[$0] } }
      ?? packages.filter { $0.name == check.subject && $0.environment == check.environment }
    let subjects = about.isEmpty ? [[check.subject].compactMap { $0 }] : about.map { names(of: $0) }
    return ignores.first { rule in
      switch rule.what {
      case .everything: guard rule.package != nil, rule.library == nil else { return false }
      case .check(let id): guard id == check.id else { return false }
      case .requirement: return false
      }
      if rule.devices != nil {
        guard let device = check.device, rule.isFor(devices[device]) else { return false }
      }
      return subjects.allSatisfy { rule.isFor(packages: $0) }
    }
  }

  /// Of all checks those that are not held and do not pass, and what is said of code that does not count.
  func ignored(among checks: [Check]) -> [IgnoredFinding] {
    let code = packages.flatMap { package -> [(Check, IgnoreRule)] in
      package.ignored.enumerated().flatMap { device, ignored in
        groups(of: ignored.keys.sorted()) { ignored[$0] }.flatMap { positions -> [(Check, IgnoreRule)] in
          guard let rule = ignored[positions[0]] else { return [] }
          var part = package
          part.units = positions.map { package.units[$0] }
          part.ignored = []
          judge(&part)
          return codeChecks(part, device).map { ($0, rule) }
        }
      }
    }
    let others = checks.compactMap { check in ignoreRule(for: check).map { (check, $0) } }
    return (code + others).filter { check, _ in check.status != .pass && !check.isOutside(question) }
      .map { IgnoredFinding($0, by: $1) }
  }

  /// Takes from the units what they do not have to carry.
  mutating func ignoredRequirements() -> [IgnoredFinding] {
    units.indices.compactMap { unit in
      let clauses = units[unit].requirementClauses
      guard !clauses.isEmpty, let rule = ignoreRule(forRequirementsOf: unit) else { return nil }
      units[unit].requirements = []
      units[unit].unexpectedTargets = []
      let name = "\(view.shown(units[unit].path))"
      return IgnoredFinding(
        rule: rule, id: "requirement", status: .fail, subject: name, device: nil,
        sentence: "\(subject: name) \(clauses.joined(separator: "; "))", detail: nil,
        paths: [units[unit].path])
    }
  }

  private func ignoreRule(forRequirementsOf unit: Int) -> IgnoreRule? {
    let owners = packages.filter { $0.units.contains(unit) }.flatMap(names)
    return ignores.first { rule in
      switch rule.what {
      case .everything: guard rule.package != nil || rule.library != nil else { return false }
      case .check: return false
      case .requirement: break
      }
      return rule.devices == nil && rule.isFor(packages: owners) && rule.isFor(libraries: paths(ofUnit: unit))
    }
  }
}

extension Check.ID {
  /// What a rule may set aside: not what says of code on which GPUs it runs, because the answer follows from the code.
  public static var ignorable: [Check.ID] {
    allCases.filter { id in
      switch id {
      case .torchGPU, .packageGPU, .ptxDriver, .compressionDriver: false
      default: true
      }
    }
  }
}
