import Archives
import Bytes
public import Compatibility
public import Scan
public import Stack

/// One GPU, or one generation of GPUs, that a scan was judged for.
public struct JudgedDevice: Hashable, Sendable {
  /// As it was asked for; for the generations of a scan without question the compute capability.
  public var query: String
  public var device: Device

  public init(query: String, device: Device) {
    self.query = query
    self.device = device
  }

  /// For a sentence: `A100 (8.0)`, or `8.0`.
  var label: String {
    let computeCapability = device.computeCapability.description
    return query == computeCapability ? computeCapability : "\(printable(query)) (\(computeCapability))"
  }
}

/// What a scan found, judged for some GPUs: what the command `scan` shows.
public struct ScanReport: Sendable {
  public var result: ScanResult
  public var devices: [JudgedDevice]
  public var requirements: [TargetRequirement]
  /// For every library its verdict on every device.
  public var verdicts: [[LibraryVerdict]]
  /// For every library the result of every requirement.
  public var requirementResults: [[RequirementResult]]
  /// Whether the devices were asked for, or are the generations shown when nobody asks.
  public var isQuestion: Bool
  /// The software around the device code; nil where there is none.
  public var stack: StackReport?

  public init(
    _ result: ScanResult, devices: [JudgedDevice], requirements: [TargetRequirement] = [], isQuestion: Bool,
    facts: StackFacts = StackFacts()
  ) {
    self.result = result
    self.devices = devices
    self.requirements = requirements
    self.isQuestion = isQuestion
    verdicts = result.libraries.map { library in
      devices.map { library.library.verdict(on: $0.device, kernels: library.kernels) }
    }
    requirementResults = result.libraries.map { library in
      requirements.map { library.library.check($0) }
    }
    stack = StackReport(facts, result, devices: devices, isQuestion: isQuestion)
  }

  /// Whether any verdict is at `level` or worse; a failed check of the stack counts as `incompatible`.
  public func reaches(_ level: FailLevel) -> Bool {
    verdicts.contains { $0.contains { level.includes($0.verdict) } }
      || stack?.summary.answer == .fail && level.includes(.incompatible)
  }

  /// Whether everything that was required is there; false also when there is no device code to carry it.
  public var meetsRequirements: Bool {
    requirements.isEmpty
      || !result.libraries.isEmpty && requirementResults.allSatisfy { $0.allSatisfy(\.isMet) }
  }

  /// The verdict over all libraries on one device.
  public func overall(device: Int) -> Verdict { Verdict.worst(of: verdicts.lazy.map { $0[device].verdict }) }

  /// Where a file is, for a message: its root and its path from there.
  public func path(of place: FilePlace) -> String {
    let root = result.roots[place.root]
    if root.kind == .file || place.path.bytes.isEmpty { return name(ofRoot: place.root) }
    return "\(name(ofRoot: place.root))/\(place.path)"
  }

  /// The path of a library for a person: with the root in front when there are several.
  func name(of place: FilePlace) -> String {
    let root = result.roots[place.root]
    return result.roots.count > 1 && root.kind != .file
      ? path(of: place) : place.path.description
  }

  /// The path of a root, with the platform or the name of the image where several are in one archive.
  func name(ofRoot index: Int) -> String {
    let root = result.roots[index]
    let siblings = result.roots.filter { $0.path == root.path }
    guard siblings.count > 1, let image = root.image else { return root.path.description }
    let platforms = Set(siblings.compactMap { $0.image?.platform })
    let own = platforms.count == siblings.count ? image.platform.description : image.names.first
    return "\(root.path) (\(printable(own ?? image.digest ?? "image \(index)")))"
  }
}
