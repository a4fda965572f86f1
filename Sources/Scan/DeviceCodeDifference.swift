import Bytes
public import Compatibility
public import DeviceCode
import Stack

/// How the device code of one target differs between two sides.
public struct TargetDifference: Hashable, Sendable {
  /// What one side has for the target.
  public struct Side: Hashable, Sendable {
    public var totals: TargetTotals
    /// Kernels by name; nil where they were not read, or not all of them.
    public var kernels: Int?
    /// Bytes of the kernels' code; nil with ``kernels``.
    public var codeSize: UInt64?

    fileprivate static func + (left: Side, right: Side) -> Side {
      Side(
        totals: left.totals + right.totals, kernels: nil,
        codeSize: left.codeSize.flatMap { size in right.codeSize.map { size &+ $0 } })
    }
  }

  public var target: ImageTarget
  public var old: Side?
  public var new: Side?

  public var isGained: Bool { old == nil }
  public var isLost: Bool { new == nil }

  /// For a target that both sides have, the PTX versions that only the new side has, ascending.
  public var gainedPTX: [PTXISAVersion] { Self.added(from: old, to: new) }

  /// For a target that both sides have, the PTX versions that only the old side has, ascending.
  public var removedPTX: [PTXISAVersion] { Self.added(from: new, to: old) }

  /// Of ``removedPTX``, the versions older than every one that is left: drivers that know them know no other.
  public var lostPTX: [PTXISAVersion] {
    removedPTX.filter { version in new?.totals.ptxISAs.allSatisfy { $0 > version } ?? false }
  }

  private static func added(from old: Side?, to new: Side?) -> [PTXISAVersion] {
    guard let old, let new else { return [] }
    return new.totals.ptxISAs.subtracting(old.totals.ptxISAs).sorted()
  }
}

/// A kernel that one side of a library has for targets for which the other side has not.
public struct KernelDifference: Hashable, Sendable {
  /// Index into the names of ``KernelIndex``.
  public var kernel: Int
  /// The targets, ascending; without those that the other side does not have at all.
  public var targets: [ImageTarget]
  /// Those of ``targets`` for which the kernel moved between libraries.
  public var moved: [ImageTarget] = []
  /// Whether it moved for all of ``targets`` that any library of the other side has.
  public var hasMoved = false
  /// Whether the other side of the library has the kernel for any target.
  public var isElsewhere: Bool
}

/// How one library differs between two sides.
public struct LibraryDifference: Sendable {
  public enum Status: String, Hashable, Sendable, CaseIterable {
    /// The same targets, sizes and, where they were read, kernels.
    case unchanged
    case changed
    /// Only the new side has it.
    case gained
    /// Only the old side has it.
    case lost
    /// One side could not be read.
    case notCompared
  }

  public var pair: LibraryPair
  public var status: Status
  /// Every target of either side, ascending.
  public var targets: [TargetDifference]
  /// By name; empty where kernels were not read.
  public var gainedKernels: [KernelDifference] = []
  public var lostKernels: [KernelDifference] = []
  /// By compute capability, those on which it is not worth the same.
  public var gpus: [GPUDifference] = []

  public var gainedTargets: [ImageTarget] {
    status == .changed ? targets.filter(\.isGained).map(\.target) : []
  }
  public var lostTargets: [ImageTarget] { status == .changed ? targets.filter(\.isLost).map(\.target) : [] }

  /// Kernels that are lost for some target and did not move to another library.
  public var missingKernels: [KernelDifference] { lostKernels.filter { !$0.hasMoved } }

  /// Kernels that are gained for some target and did not come from another library.
  public var addedKernels: [KernelDifference] { gainedKernels.filter { !$0.hasMoved } }

  /// What the old side has and the new side has not.
  public var losses: Set<Loss> {
    var losses: Set<Loss> = []
    if status == .lost { losses.insert(.library) }
    if !lostTargets.isEmpty { losses.insert(.target) }
    if !missingKernels.isEmpty { losses.insert(.kernel) }
    if gpus.contains(where: \.isLost) { losses.insert(.gpu) }
    if gpus.contains(where: \.needsNewerDriver) || targets.contains(where: { !$0.lostPTX.isEmpty }) {
      losses.insert(.driver)
    }
    return losses
  }
}

/// What a release can lose.
public enum Loss: String, Hashable, Sendable, CaseIterable {
  /// A library with device code.
  case library
  /// A target that a library carried.
  case target
  case kernel
  /// The GPUs of a compute capability, on which a library ran.
  case gpu
  /// Older drivers, for some GPU or for a PTX version.
  case driver
}

/// How the device code of two scanned roots differs.
public struct DeviceCodeDifference: Sendable {
  public var libraries: [LibraryDifference]
  /// The targets of all libraries that were gained, lost or changed, each library counted once.
  public var totals: [TargetDifference]
  /// nil where kernels were not compared.
  public var kernels: KernelIndex?

  public var losses: Set<Loss> { libraries.reduce(into: []) { $0.formUnion($1.losses) } }

  /// Compares the first root of a scan with the last, library by library. Where kernels were read, libraries that
  /// `pairs` leaves alone are one that was renamed when most of their kernels are the same.
  ///
  /// - Parameters:
  ///   - kernels: those of all libraries in ``readLibraries(_:)``.
  ///   - tables: what is known of GPUs and drivers.
  public init(
    _ result: ScanResult, pairs: [LibraryPair], kernels: KernelIndex?, tables: TableSet = .shipped
  ) {
    self.kernels = kernels
    let unreadable = Self.unreadablePlaces(result)
    let pairs = kernels?.joiningRenamed(pairs) ?? pairs
    let devices = ScanResult.comparedDevices(tables)
    libraries = pairs.map { pair in
      var library = Self.compare(pair, result, kernels, unreadable)
      if library.status == .changed, let old = pair.old, let new = pair.new {
        library.gpus = result.gpuDifferences(old.library, new.library, on: devices)
      }
      return library
    }
    Self.markMoved(&libraries)
    totals = Self.totals(of: libraries, result, kernels)
  }

  /// The libraries that a comparison of kernels has to read: all but the identical ones.
  public static func readLibraries(_ pairs: [LibraryPair]) -> [Int] {
    Set(
      pairs.flatMap { pair in
        pair.old?.library == pair.new?.library ? [] : [pair.old, pair.new].compactMap { $0?.library }
      }
    ).sorted()
  }

  // MARK: One library

  private static func compare(
    _ pair: LibraryPair, _ result: ScanResult, _ kernels: KernelIndex?, _ unreadable: UnreadablePlaces
  ) -> LibraryDifference {
    let old = pair.old.map { side($0.library, result, kernels) }
    let new = pair.new.map { side($0.library, result, kernels) }
    let targets = Set((old ?? [:]).keys).union((new ?? [:]).keys).sorted().map {
      TargetDifference(target: $0, old: old?[$0], new: new?[$0])
    }
    var difference = LibraryDifference(pair: pair, status: .changed, targets: targets)
    guard let oldSide = pair.old else {
      difference.status = isUnreadable(pair.new, unreadable.old) ? .notCompared : .gained
      if difference.status == .gained, let side = pair.new {
        difference.gainedKernels = allKernels(side.library, kernels)
      }
      return difference
    }
    guard let newSide = pair.new else {
      difference.status = isUnreadable(oldSide, unreadable.new) ? .notCompared : .lost
      if difference.status == .lost { difference.lostKernels = allKernels(oldSide.library, kernels) }
      return difference
    }
    if oldSide.library == newSide.library {
      difference.status = .unchanged
      return difference
    }
    let oldKernels = kernels?.libraries[oldSide.library] ?? [:]
    let newKernels = kernels?.libraries[newSide.library] ?? [:]
    difference.gainedKernels = missing(from: oldKernels, in: newKernels, kernels)
    difference.lostKernels = missing(from: newKernels, in: oldKernels, kernels)
    if difference.gainedKernels.isEmpty, difference.lostKernels.isEmpty, old == new {
      difference.status = .unchanged
    }
    return difference
  }

  private static func side(_ library: Int, _ result: ScanResult, _ kernels: KernelIndex?) -> [ImageTarget:
    TargetDifference.Side]
  {
    let read = kernels?.libraries[library]
    let totals = result.libraries[library].file.inventory.targetTotals
    return Dictionary(
      uniqueKeysWithValues: totals.map { target, totals in
        let kernels = read?[target].flatMap { $0.isComplete ? $0 : nil }
        return (
          target,
          TargetDifference.Side(
            totals: totals, kernels: kernels?.codeSizes.count, codeSize: kernels?.codeSize)
        )
      })
  }

  /// The kernels of `whole` that `part` has not, for targets that both have and that were read on both sides.
  private static func missing(
    from part: [ImageTarget: KernelIndex.Target], in whole: [ImageTarget: KernelIndex.Target],
    _ index: KernelIndex?
  ) -> [KernelDifference] {
    var targets: [Int: [ImageTarget]] = [:]
    for (target, kernels) in whole.sorted(by: { $0.key < $1.key }) {
      guard kernels.isComplete, let others = part[target], others.isComplete else { continue }
      for kernel in kernels.codeSizes.keys where others.codeSizes[kernel] == nil {
        targets[kernel, default: []].append(target)
      }
    }
    return list(targets, index) { kernel in part.values.contains { $0.codeSizes[kernel] != nil } }
  }

  private static func allKernels(_ library: Int, _ index: KernelIndex?) -> [KernelDifference] {
    var targets: [Int: [ImageTarget]] = [:]
    for (target, kernels) in (index?.libraries[library] ?? [:]).sorted(by: { $0.key < $1.key }) {
      for kernel in kernels.codeSizes.keys { targets[kernel, default: []].append(target) }
    }
    return list(targets, index) { _ in false }
  }

  private static func list(
    _ targets: [Int: [ImageTarget]], _ index: KernelIndex?, _ isElsewhere: (Int) -> Bool
  ) -> [KernelDifference] {
    guard let names = index?.names else { return [] }
    return targets.map {
      KernelDifference(kernel: $0, targets: $1, isElsewhere: isElsewhere($0))
    }.sorted { names[$0.kernel] < names[$1.kernel] }
  }

  // MARK: All libraries

  /// Marks what one library lost and another gained.
  private static func markMoved(_ libraries: inout [LibraryDifference]) {
    struct Instance: Hashable {
      var kernel: Int
      var target: ImageTarget
    }
    func instances(_ differences: [KernelDifference]) -> [Instance] {
      differences.flatMap { difference in
        difference.targets.map { Instance(kernel: difference.kernel, target: $0) }
      }
    }
    let lost = Set(libraries.flatMap { instances($0.lostKernels) })
    let moved = Set(libraries.flatMap { instances($0.gainedKernels) }).intersection(lost)
    guard !moved.isEmpty else { return }
    let targets = libraries.flatMap(\.targets)
    let oldTargets = Set(targets.filter { !$0.isGained }.map(\.target))
    let newTargets = Set(targets.filter { !$0.isLost }.map(\.target))
    func mark(_ differences: inout [KernelDifference], _ otherTargets: Set<ImageTarget>) {
      for index in differences.indices {
        let (kernel, targets) = (differences[index].kernel, differences[index].targets)
        let own = targets.filter { moved.contains(Instance(kernel: kernel, target: $0)) }
        differences[index].moved = own
        differences[index].hasMoved =
          !own.isEmpty && own.count == targets.count { otherTargets.contains($0) }
      }
    }
    for index in libraries.indices {
      mark(&libraries[index].gainedKernels, oldTargets)
      mark(&libraries[index].lostKernels, newTargets)
    }
  }

  /// The libraries of each side that were gained, lost or changed, each once.
  public var comparedLibraries: (old: [Int], new: [Int]) { Self.comparedLibraries(libraries) }

  private static func comparedLibraries(_ libraries: [LibraryDifference]) -> (old: [Int], new: [Int]) {
    let differing = libraries.filter { $0.status != .unchanged && $0.status != .notCompared }.map(\.pair)
    return (
      Set(differing.compactMap { $0.old?.library }).sorted(),
      Set(differing.compactMap { $0.new?.library }).sorted()
    )
  }

  private static func totals(
    of libraries: [LibraryDifference], _ result: ScanResult, _ kernels: KernelIndex?
  ) -> [TargetDifference] {
    var totals: [ImageTarget: TargetDifference] = [:]
    func add(_ side: WritableKeyPath<TargetDifference, TargetDifference.Side?>, _ libraries: [Int]) {
      for library in libraries {
        for (target, own) in Self.side(library, result, kernels) {
          var total = totals[target] ?? TargetDifference(target: target, old: nil, new: nil)
          // How many kernels of two libraries have the same name is not known here.
          var own = own
          own.kernels = nil
          total[keyPath: side] = total[keyPath: side].map { $0 + own } ?? own
          totals[target] = total
        }
      }
    }
    let (old, new) = comparedLibraries(libraries)
    add(\.old, old)
    add(\.new, new)
    return totals.values.sorted { $0.target < $1.target }
  }

  private typealias UnreadablePlaces = (old: [Path], new: [Path])

  /// The files and folders of the first and the last root that could not be read.
  private static func unreadablePlaces(_ result: ScanResult) -> UnreadablePlaces {
    func places(below root: Int) -> [Path] {
      let isRead = result.libraries.contains { library in
        library.place.root == root || library.aliases.contains { $0.root == root }
      }
      let paths = result.problems.filter { $0.place.root == root && $0.problem.isFailure }.map(\.place.path)
      // A root that is a file stands for all that could be there.
      return result.roots[root].kind == .file && !isRead && !paths.isEmpty ? [Path("")] : paths
    }
    return (places(below: 0), places(below: result.roots.count - 1))
  }

  /// Whether the other side of a library may be in what could not be read.
  private static func isUnreadable(_ side: LibraryPair.Side?, _ places: [Path]) -> Bool {
    guard let path = side?.place.path else { return false }
    return places.contains {
      $0.bytes.isEmpty || $0.withoutVersion == path.withoutVersion
        || path.bytes.starts(with: $0.bytes + [UInt8(ascii: "/")])
    }
  }
}
