public import DeviceCode

/// One target that a publisher promises, and how a library is held to it.
public enum TargetRequirement: Hashable, Sendable {
  /// Machine code for exactly this target: `sm_80`, `sm_90a`.
  case cubin(CodeTarget)
  /// PTX for exactly this target: `compute_90`.
  case ptx(CodeTarget)
  /// Machine code that runs on this compute capability, whatever its target: `8.0`.
  case native(ComputeCapability)

  /// A list that cannot be read.
  public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The item that is no target; empty for a list without items.
    public var item: String

    public var description: String {
      item.isEmpty
        ? "the list of required targets is empty"
        : "\"\(item)\" is no target: write sm_80, sm_90a, compute_90, 8.0 or 9.0+PTX"
    }
  }

  /// Reads a list with commas, semicolons or white space between its items, as `sm_80, sm_90a, compute_90, 8.0`.
  ///
  /// `9.0+PTX` promises machine code for 9.0 and PTX `compute_90`, as in PyTorch's `TORCH_CUDA_ARCH_LIST`. Every
  /// requirement is kept once, in the order of the list.
  public static func list(_ text: String) throws(Failure) -> [TargetRequirement] {
    var list: [TargetRequirement] = []
    for part in text.split(whereSeparator: { $0 == "," || $0 == ";" || $0.isWhitespace }) {
      guard let requirements = item(part) else { throw Failure(item: String(part)) }
      for requirement in requirements where !list.contains(requirement) { list.append(requirement) }
    }
    if list.isEmpty { throw Failure(item: "") }
    return list
  }

  private static func item(_ text: Substring) -> [TargetRequirement]? {
    if text.hasPrefix("sm_") { return CodeTarget(text).map { [.cubin($0)] } }
    if text.hasPrefix("compute_") { return CodeTarget(text).map { [.ptx($0)] } }
    let (number, withPTX) = text.hasSuffix("+PTX") ? (text.dropLast(4), true) : (text, false)
    guard let computeCapability = ComputeCapability(number) else { return nil }
    return [.native(computeCapability)] + (withPTX ? [.ptx(computeCapability.target)] : [])
  }

  /// Whether a module with these images carries what is promised. PTX of device-linked modules counts for PTX.
  func isMet(
    with images: some Sequence<ImageSignature>, preLinked: some Sequence<ImageSignature>,
    by tables: TableSet
  ) -> Bool {
    switch self {
    case .cubin(let target):
      images.contains { $0.kind == .cubin && !$0.isRelocatable && $0.target == target }
    case .ptx(let target):
      images.contains { $0.kind == .ptx && !$0.isRelocatable && $0.target == target }
        || preLinked.contains { $0.isPTX && $0.target == target }
    case .native(let computeCapability):
      images.contains { Rule.judge($0, on: Device(computeCapability, tables: tables)).fit.isNative }
    }
  }
}

extension TargetRequirement: CustomStringConvertible {
  public var description: String {
    switch self {
    case .cubin(let target): "sm_\(target)"
    case .ptx(let target): "compute_\(target)"
    case .native(let computeCapability): computeCapability.description
    }
  }
}

/// How far one library keeps one promise.
public struct RequirementResult: Hashable, Sendable {
  public enum Status: String, Hashable, Sendable, CaseIterable {
    /// Kept.
    case met
    /// Some modules carry the target, others that must do not.
    case partial
    /// No module carries it.
    case missing
    /// There is no device code that could carry it.
    case noDeviceCode
  }

  public var requirement: TargetRequirement
  public var status: Status
  /// Modules that carry the target.
  public var carrying: Int
  /// The modules that must carry it and do not, ascending.
  public var missing: [Int]

  /// Only a promise that is kept in full passes.
  public var isMet: Bool { status == .met }
}

extension CodeUnit {
  /// Holds the library to a promise, failing closed.
  ///
  /// Every portable module must carry the target. A library without portable modules keeps the promise with one
  /// specialised module that carries it, since each of those is made for one device. Link inputs carry nothing that a
  /// driver loads, so a library with nothing else fails as `noDeviceCode`.
  public func check(_ requirement: TargetRequirement, by tables: TableSet) -> RequirementResult {
    let isPortable = groups.contains { $0.role == .portable }
    let judged = groups.filter { $0.role == (isPortable ? .portable : .specialised) }
    var result = RequirementResult(
      requirement: requirement, status: .noDeviceCode, carrying: 0, missing: [])
    for group in judged {
      let isMet = requirement.isMet(
        with: group.images.lazy.map { signatures[$0] },
        preLinked: group.preLinked.lazy.map { signatures[$0] }, by: tables)
      if isMet {
        result.carrying += group.modules.count
      } else {
        result.missing += group.modules
      }
    }
    result.missing.sort()
    if judged.isEmpty { return result }
    if !isPortable && result.carrying > 0 { result.missing = [] }
    result.status = result.carrying == 0 ? .missing : result.missing.isEmpty ? .met : .partial
    return result
  }
}
