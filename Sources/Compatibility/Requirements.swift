public import Bytes
import Glibc

/// What a publisher promises of the device code of libraries.
public struct Requirements: Hashable, Sendable {
  /// Targets that the libraries of some names must carry.
  public struct Rule: Hashable, Sendable, CustomStringConvertible {
    /// A file's name, or its path where it has a slash, in which `*` stands for any characters; nil for every library.
    public var pattern: String?
    public var targets: [TargetRequirement]

    public init(pattern: String? = nil, targets: [TargetRequirement]) {
      self.pattern = pattern
      self.targets = targets
    }

    /// Whether it holds of a library with these paths.
    public func applies(to paths: [Path]) -> Bool {
      guard let pattern else { return true }
      return paths.contains { $0.matches(pattern) }
    }

    /// `libtorch*: sm_80, sm_90`.
    public var description: String {
      (pattern.map { "\(printable($0)): " } ?? "") + targets.map(\.description).joined(separator: ", ")
    }
  }

  public var rules: [Rule] = []
  /// Whether libraries may carry nothing else.
  public var isExact = false

  public init() {}

  public init(_ text: String) throws(TargetRequirement.Failure) { try add(text) }

  public var isEmpty: Bool { rules.isEmpty }

  /// Adds `TARGETS` or `PATTERN=TARGETS`, where the targets are as ``TargetRequirement/list(_:)`` reads them.
  public mutating func add(_ text: String) throws(TargetRequirement.Failure) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let pattern = parts.count > 1 ? String(parts[0]) : nil
    if pattern?.isEmpty == true { throw .init(item: "=", why: "there is no name before it") }
    rules.append(Rule(pattern: pattern, targets: try TargetRequirement.list(String(parts[parts.count - 1]))))
  }

  /// What a library with these paths must carry, each once.
  public func targets(of paths: [Path]) -> [TargetRequirement] {
    rules.filter { $0.applies(to: paths) }.flatMap(\.targets).reduce(into: []) { targets, target in
      if !targets.contains(target) { targets.append(target) }
    }
  }
}

extension Requirements: CustomStringConvertible {
  public var description: String { rules.map(\.description).joined(separator: "; ") }
}
