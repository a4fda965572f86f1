public import DeviceCode

/// One target that a publisher promises, and how a library is held to it.
public enum TargetRequirement: Hashable, Sendable {
  /// Machine code for exactly this target: `sm_80`, `sm_90a`.
  case cubin(CodeTarget)
  /// PTX for exactly this target: `compute_90`.
  case ptx(CodeTarget)
  /// Machine code that runs on this compute capability, whatever its target: `8.0`.
  case native(ComputeCapability)

  /// PTX for the newest target for which the library has machine code, and no machine code without PTX.
  case highestPTX

  /// A list that cannot be read.
  public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The item that is no target; empty for a list without items.
    public var item: String
    /// Nil where it is nothing that is known.
    public var why: String?

    public var description: String {
      guard !item.isEmpty else { return "the list of required targets is empty" }
      return "\"\(item)\" is no target: "
        + (why ?? "write sm_80, sm_90a or compute_90; 8.0, 9.0a or 9.0+PTX; 80-real, 90-virtual or 80")
    }
  }

  /// Reads a list with commas, semicolons or white space between its items, as `sm_80, sm_90a, compute_90, 8.0`.
  ///
  /// Items are targets, or as in PyTorch's `TORCH_CUDA_ARCH_LIST`: `9.0+PTX` promises machine code for 9.0 and PTX
  /// `compute_90`, `9.0a` machine code for `sm_90a`. Or as in CMake's `CMAKE_CUDA_ARCHITECTURES`: `80-real` promises `sm_80`,
  /// `80-virtual` `compute_80`, and `80` both. What these two leave to a toolkit or to a machine is no target. Every requirement is
  /// kept once, in the order of the list.
  public static func list(_ text: String) throws(Failure) -> [TargetRequirement] {
    var list: [TargetRequirement] = []
    for part in text.split(whereSeparator: { $0 == "," || $0 == ";" || $0.isWhitespace }) {
      for requirement in try item(part) where !list.contains(requirement) { list.append(requirement) }
    }
    if list.isEmpty { throw Failure(item: "") }
    return list
  }

  private static func item(_ text: Substring) throws(Failure) -> [TargetRequirement] {
    if text.hasPrefix("sm_"), let target = CodeTarget(text) { return [.cubin(target)] }
    if text.hasPrefix("compute_"), let target = CodeTarget(text) { return [.ptx(target)] }
    switch text.lowercased() {
    case "all", "all-major":
      throw Failure(item: String(text), why: "which targets it means depends on the toolkit")
    case "native": throw Failure(item: String(text), why: "which target it means depends on the machine")
    default: break
    }
    if text.contains(".") {
      let (number, withPTX) = text.hasSuffix("+PTX") ? (text.dropLast(4), true) : (text, false)
      let suffix = number.last.flatMap { CodeTarget.Suffix(rawValue: String($0)) } ?? .none
      let digits = suffix == .none ? number : number.dropLast()
      guard let computeCapability = ComputeCapability(digits) else { throw Failure(item: String(text)) }
      let target = CodeTarget(computeCapability.target.number, suffix)
      return [suffix == .none ? .native(computeCapability) : .cubin(target)] + (withPTX ? [.ptx(target)] : [])
    }
    let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    // A bare number of CMake's, which has two digits at least.
    guard let first = text.first, first.isNumber, let target = CodeTarget(parts[0]), target.number >= 10
    else {
      if text.wholeMatch(of: /[A-Z][a-z]+(\+PTX)?/) != nil {
        throw Failure(
          item: String(text),
          why: "write the compute capability, because names mean other targets in other releases of PyTorch")
      }
      throw Failure(item: String(text))
    }
    switch parts.dropFirst().first {
    case nil: return [.cubin(target), .ptx(target)]
    case "real": return [.cubin(target)]
    case "virtual": return [.ptx(target)]
    default: throw Failure(item: String(text))
    }
  }

  /// Whether a module with these images carries what is promised. PTX of device-linked modules counts for PTX.
  func isMet(
    with images: some Sequence<ImageSignature>, preLinked: some Sequence<ImageSignature>,
    by tables: TableSet
  ) -> Bool {
    images.contains { accepts($0, by: tables) }
      || preLinked.contains { $0.isPTX && self == .ptx($0.target) }
  }

  /// Whether an image is what is promised.
  func accepts(_ image: ImageSignature, by tables: TableSet) -> Bool {
    switch self {
    case .cubin(let target): image.kind == .cubin && !image.isRelocatable && image.target == target
    case .ptx(let target): image.kind == .ptx && !image.isRelocatable && image.target == target
    case .native(let computeCapability):
      Rule.judge(image, on: Device(computeCapability, tables: tables)).fit.isNative
    case .highestPTX: false
    }
  }
}

extension TargetRequirement: CustomStringConvertible {
  public var description: String {
    switch self {
    case .cubin(let target): "sm_\(target)"
    case .ptx(let target): "compute_\(target)"
    case .native(let computeCapability): computeCapability.description
    case .highestPTX: "PTX of the newest target"
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
    if requirement == .highestPTX, let highest = highestPTX { return check(highest, by: tables) }
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

  /// The PTX that ``TargetRequirement/highestPTX`` means here; nil without code that a driver loads.
  ///
  /// It is for the newest target with machine code, the plain one where there is such, or the newest PTX of a library without
  /// machine code.
  private var highestPTX: TargetRequirement? {
    let targets = loadableImages.filter { $0.kind == .cubin }.map(\.target)
    guard let newest = targets.map(\.number).max() else {
      return loadableImages.filter(\.isPTX).map(\.target).max().map { .ptx($0) }
    }
    return targets.filter { $0.number == newest }.min().map { .ptx($0) }
  }

  /// The targets of images that a driver loads or links again, and that are none of these, ascending.
  public func targets(besides requirements: [TargetRequirement], by tables: TableSet) -> [ImageTarget] {
    let requirements = requirements.map { $0 == .highestPTX ? highestPTX ?? $0 : $0 }
    let preLinked = groups.flatMap(\.preLinked).map { signatures[$0] }.filter(\.isPTX)
    let others =
      loadableImages.filter { image in !requirements.contains { $0.accepts(image, by: tables) } }
      + preLinked.filter { !requirements.contains(.ptx($0.target)) }
    return Set(others.map { ImageTarget($0.kind, $0.target) }).sorted()
  }

  private var loadableImages: [ImageSignature] {
    groups.filter { $0.role == .portable || $0.role == .specialised }.flatMap(\.images).map { signatures[$0] }
  }
}
