public import DeviceCode

/// What a module is for, which decides how it counts. Only headers are looked at.
public enum ModuleRole: String, Hashable, Sendable, Codable, CaseIterable {
  /// Meant to run wherever the library runs.
  case portable
  /// Compiled on purpose for one GPU or family: every image has the suffix `a` or `f`; or the module is embedded
  /// and holds a single target, so that the library's own code picks it.
  case specialised
  /// The driver cannot load any image of it alone: LTO-IR or relocatable code.
  case linkInput
  /// It holds no image.
  case empty

  /// The role of `module`, which holds `images`.
  public init(_ module: Module, _ images: some Collection<DeviceImage>) {
    self.init(place: module.place, images.lazy.map(ImageSignature.init))
  }

  init(place: Module.Place, _ images: some Collection<ImageSignature>) {
    guard let first = images.first else {
      self = .empty
      return
    }
    if place == .relocatable
      || images.allSatisfy({ LoadableRule.judge($0, linked: false)?.reason == .notLoadable })
    {
      self = .linkInput
    } else if images.allSatisfy({ $0.target.suffix != .none })
      || (place == .embedded && images.allSatisfy({ $0.hasTarget(of: first) }))
    {
      self = .specialised
    } else {
      self = .portable
    }
  }
}

/// One image of a module, judged.
public struct JudgedImage: Hashable, Sendable {
  public var signature: ImageSignature
  public var judgement: ImageJudgement
  /// It is PTX of a module that was device-linked into this one: its JIT fallback.
  public var isPreLinked: Bool
}

/// What one module is worth on one device: its best image, with the evidence.
public struct ModuleVerdict: Hashable, Sendable {
  public var fit: Fit
  /// The image that the driver takes; nil when no image runs.
  public var winner: JudgedImage?
  /// Every image that counts, in the order of the file, then pre-linked PTX.
  public var images: [JudgedImage]
}

/// What a portable module without code for a device is: a gap, or why it is none.
public enum ModuleStanding: String, Hashable, Sendable, CaseIterable {
  /// Nothing excuses it.
  case gap
  /// It holds no kernel.
  case withoutKernels
  /// All its kernels are named for other generations.
  case dedicated
  /// Most of its kernels are named for other generations, and none for the device's.
  case mostlyDedicated
  /// What of its kernels is not named for other generations is in a module that runs on the device, under the same
  /// name or as a variant.
  case providedElsewhere
  /// The same, or the kernel is an instance of a template that is compiled target by target, for the device too.
  case madeForOneTarget
  /// It is part of cuDNN, which was linked in and has machine code for the device in other modules. NVIDIA supports cuDNN
  /// on a GPU or not at all, and cuDNN picks its kernels by the GPU.
  case partOfCuDNN
  /// The library is shown to pick its kernels by generation.
  case pickedByGeneration
}

/// A step of the judgement of a unit: modules that no rule can tell apart, and what the driver takes of them.
public struct JudgedGroup: Hashable, Sendable {
  public var role: ModuleRole
  /// How many modules there are.
  public var count: Int
  public var verdict: ModuleVerdict
  /// How many of the portable modules without code for the device are what; of others only those that hold no kernel,
  /// where that counts.
  public var standings: [ModuleStanding: Int] = [:]
}

extension JudgedImage {
  /// Whether the driver takes this image before `other`: the better fit; among cubins the nearest, among PTX the
  /// highest target; for the same target the more specific code, then the newer PTX. NVIDIA documents only that cubins come before PTX; the verdict does not depend on the rest.
  func isTaken(before other: JudgedImage) -> Bool {
    let (own, theirs) = (signature, other.signature)
    if judgement.fit != other.judgement.fit { return judgement.fit > other.judgement.fit }
    if own.isPTX != theirs.isPTX { return !own.isPTX }
    if own.target.number != theirs.target.number { return own.target.number > theirs.target.number }
    if own.target.suffix != theirs.target.suffix {
      return own.target.suffix.specificity > theirs.target.suffix.specificity
    }
    return own.ptxISA ?? .init(0, 0) > theirs.ptxISA ?? .init(0, 0)
  }
}

extension CodeTarget.Suffix {
  fileprivate var specificity: Int {
    switch self {
    case .none: 0
    case .familySpecific: 1
    case .architectureSpecific: 2
    }
  }
}
