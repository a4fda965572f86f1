public import DeviceCode

/// What one unit of device code is worth on one device, with all counts and the evidence.
public struct UnitVerdict: Hashable, Sendable {
  /// How many modules of a set have which fit.
  public struct Counts: Hashable, Sendable {
    public var exact: Int
    public var minorCompatible: Int
    public var jit: Int
    public var notGuaranteed: Int
    public var none: Int

    public init(exact: Int = 0, minorCompatible: Int = 0, jit: Int = 0, notGuaranteed: Int = 0, none: Int = 0)
    {
      self.exact = exact
      self.minorCompatible = minorCompatible
      self.jit = jit
      self.notGuaranteed = notGuaranteed
      self.none = none
    }

    public var total: Int { exact + minorCompatible + jit + notGuaranteed + none }
    /// Modules that run, whether machine code or PTX.
    public var runs: Int { exact + minorCompatible + jit }
    /// Modules that run or may run.
    public var mayRun: Int { runs + notGuaranteed }

    /// Whether more modules run as they are than run less well.
    var isMostlyNative: Bool { exact + minorCompatible > jit + notGuaranteed }

    mutating func add(_ fit: Fit, _ number: Int) {
      switch fit {
      case .exact: exact += number
      case .minorCompatible: minorCompatible += number
      case .jit: jit += number
      case .notGuaranteed: notGuaranteed += number
      case .none: none += number
      }
    }

    /// The verdict over modules that all have to run: nil when there are none.
    var verdict: Verdict? {
      if total == 0 { return nil }
      if mayRun == 0 { return .incompatible }
      if none > 0 { return .partial }
      if notGuaranteed > 0 { return .notGuaranteed }
      return jit > 0 ? .jit : .native
    }
  }

  /// Modules with the same images that all lack code for the device.
  public struct Uncovered: Hashable, Sendable {
    /// The modules' indices, ascending.
    public var modules: [Int]
    /// Every image of the first of these modules with the reason why it is out; the others' differ only in place.
    public var images: [JudgedImage]

    /// The images' targets as the tools spell them, in the order of the file.
    public var targets: [String] { images.map(\.signature.targetName) }
    /// Groups with the same images and reasons as one, ordered by their first module.
    static func merged(_ groups: [Uncovered]) -> [Uncovered] {
      var modules: [[JudgedImage]: [Int]] = [:]
      for group in groups { modules[group.images, default: []] += group.modules }
      return modules.map { Uncovered(modules: $0.value.sorted(), images: $0.key) }
        .sorted { $0.modules[0] < $1.modules[0] }
    }

    /// The reasons, one per image.
    public var reasons: [ExclusionReason] { images.compactMap(\.judgement.reason) }
  }

  public var device: Device
  public var verdict: Verdict
  /// All portable modules, those included that are no gaps.
  public var portable: Counts
  /// Portable modules without code for the device that are no gaps, because all their kernels are named for other
  /// generations.
  public var dedicated: Int
  /// The same, because modules that run have their kernels, or variants of them for this device.
  public var providedElsewhere: Int
  /// Portable modules that hold no kernel, where that counts: without code for the device, unless there are others and
  /// nothing runs; and without machine code that is sure to run beside more that has it.
  public var withoutKernels: Counts
  public var specialised: Counts
  public var linkInputs: Int
  /// The driver that the winning images of the modules that decide the verdict need; nil when nothing is known to be
  /// needed, and for Tegra.
  public var minimumDriver: MinimumDriver?
  /// The gaps: portable modules without code for the device. In a library without portable modules the specialised
  /// ones when none of them runs. Ordered by their first module.
  public var uncovered: [Uncovered]
  /// Portable modules without code for the device that are taken to be no gaps, though the names of their kernels do not
  /// prove it: most of their kernels are named for other generations, or the library is shown to pick its kernels by
  /// generation. Ordered by their first module.
  public var presumed: [Uncovered]
  /// How much code runs, and how much does not that should: of the portable modules, of a unit without any the
  /// specialised ones.
  public var weight = Weight()
  /// Nothing of it runs because it was made for other GPUs on purpose: all its code has the suffix `a` or `f` of another
  /// GPU or family, or its kernels, but for a few, are named for other generations.
  public var isForOtherGPUs = false
  /// What helps, most helpful first.
  public var advice: [Advice]

  /// How many modules with code there are, those included that are not judged.
  public var modules: Int { portable.total + specialised.total + linkInputs }
  /// How many of them run or may run.
  public var running: Int { portable.mayRun + specialised.mayRun }
  /// How many of them are gaps.
  public var gaps: Int { uncovered.reduce(0) { $0 + $1.modules.count } }

  /// Whether another driver would run more of it.
  public var isHeldByDriver: Bool { uncovered.contains { $0.reasons.contains(where: \.isByDriver) } }

  /// How many portable modules without code for the device are no gaps.
  public var excused: Int {
    dedicated + providedElsewhere + withoutKernels.none + presumed.reduce(0) { $0 + $1.modules.count }
  }
}

/// Amounts of device code, in bytes of each module's largest image: code that runs, and code that should and does not.
public struct Weight: Hashable, Sendable {
  public var running: UInt64 = 0
  public var gaps: UInt64 = 0

  public init() {}

  /// Whether so little runs beside what does not that the whole does not do its work.
  ///
  /// In reports on real wheels, packages that do not work on a GPU run 10 % of their code or less (PyTorch 2.8 on a
  /// GTX 1080: all of its linear algebra and nothing else), and packages that do work run a quarter or more.
  public var isNearlyNothing: Bool { running < (running &+ gaps) / 8 }

  public static func + (left: Weight, right: Weight) -> Weight {
    var sum = left
    sum.running &+= right.running
    sum.gaps &+= right.gaps
    return sum
  }
}

/// The oldest driver that runs the images which win, and what asks for it.
public struct MinimumDriver: Hashable, Sendable {
  /// What a driver must know.
  public enum Need: Hashable, Sendable {
    case ptxISA(PTXISAVersion)
    case compression(ImageCompression)
  }

  public var driver: DriverVersion
  public var need: Need

  /// The newer of two; nil counts as oldest.
  static func newer(_ left: MinimumDriver?, _ right: MinimumDriver?, by tables: TableSet) -> MinimumDriver? {
    guard let left else { return right }
    guard let right else { return left }
    return left.driver.isAtLeast(right.driver, by: tables) == false ? right : left
  }

  /// The older of two.
  static func older(_ left: MinimumDriver, _ right: MinimumDriver, by tables: TableSet) -> MinimumDriver {
    left.driver.isAtLeast(right.driver, by: tables) == false ? left : right
  }

  /// What an image needs; nil when any driver in the table does.
  init?(_ image: ImageSignature, by tables: TableSet) {
    let table = tables.drivers
    let compression = table.compression.first { $0.compression == image.compression.rawValue }
      .map { MinimumDriver(driver: $0.minimumDriver, need: .compression(image.compression)) }
    var isa: MinimumDriver?
    if image.isPTX, let version = image.ptxISA, let cuda = table.cuda(for: version) {
      let branch = table.branches.first { $0.maxCUDA >= cuda }?.branch
      isa = MinimumDriver(driver: branch.map { .branch($0) } ?? .cuda(cuda), need: .ptxISA(version))
    }
    guard let newer = MinimumDriver.newer(compression, isa, by: tables) else { return nil }
    self = newer
  }

  private init(driver: DriverVersion, need: Need) {
    self.driver = driver
    self.need = need
  }
}
