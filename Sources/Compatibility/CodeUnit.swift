public import DeviceCode

/// Device code that is judged as one: the modules of a file, or of several files among which a program chooses.
///
/// It holds what the rules ask of the modules, and nothing of a GPU. Modules that no rule can tell apart are one group, so
/// that 18,000 of them cost a few rows.
public struct CodeUnit: Hashable, Sendable {
  /// Modules that no rule can tell apart.
  struct Group: Hashable, Sendable {
    var role: ModuleRole
    /// Positions in ``CodeUnit/signatures``.
    var images: [Int]
    /// The same for the PTX of modules that were device-linked into these.
    var preLinked: [Int]
    /// Indices of the modules, ascending.
    var modules: [Int]
    /// Bytes of the largest image of each module, decompressed: how much code it is.
    var size: UInt64

    /// How much code some of the modules are, which are taken to be equal.
    func size(ofModules count: Int) -> UInt64 { size / UInt64(max(1, modules.count)) * UInt64(count) }
  }

  let signatures: [ImageSignature]
  /// Ordered by their first module.
  let groups: [Group]

  init(signatures: [ImageSignature], groups: [Group]) {
    self.signatures = signatures
    self.groups = groups
  }

  /// Prepares the modules of `inventory`.
  ///
  /// The driver picks PTX by the header of its entry and compiles the text, so what the text says of itself counts too.
  ///
  /// - Parameter directives: what the PTX of some images says of itself, by image, where that was not read with them.
  public init(_ inventory: Inventory, directives: [Int: PTXHeader] = [:]) {
    var builder = Builder()
    let positions = inventory.images.map { image in
      var signature = ImageSignature(image)
      if let own = image.ptxHeader ?? directives[image.index], own.differs(from: image) {
        signature.directive = .init(target: own.target, isa: own.isa)
      }
      return builder.position(of: signature)
    }
    for index in inventory.modules.indices {
      let module = inventory.modules[index]
      let images = module.images.clamped(to: inventory.images.indices)
      builder.add(
        index, at: module.place, images: Array(positions[images]),
        preLinked: CodeUnit.preLinkedPTX(of: module, in: inventory).map { positions[$0] },
        size: images.lazy.map { inventory.images[$0].size }.max() ?? 0)
    }
    self.init(signatures: builder.signatures, groups: builder.groups)
  }

  /// The code of several files among which a program picks, as a library picks among what is embedded in it: each file's
  /// modules count as specialised. Module `n` is the only module of file `n`.
  public init(alternatives units: [CodeUnit]) {
    var builder = Builder()
    for (index, unit) in units.enumerated() {
      let images = unit.groups.flatMap(\.images).map { builder.position(of: unit.signatures[$0]) }
      builder.add(
        index, at: .embedded, images: images, preLinked: [], size: unit.groups.reduce(0) { $0 &+ $1.size })
    }
    self.init(signatures: builder.signatures, groups: builder.groups)
  }

  /// Collects signatures and groups of modules, each once.
  private struct Builder {
    private struct Key: Hashable {
      var role: ModuleRole
      var images: [Int]
      var preLinked: [Int]
    }

    private(set) var signatures: [ImageSignature] = []
    private(set) var groups: [Group] = []
    private var positions: [ImageSignature: Int] = [:]
    private var known: [Key: Int] = [:]

    mutating func position(of signature: ImageSignature) -> Int {
      if let known = positions[signature] { return known }
      positions[signature] = signatures.count
      signatures.append(signature)
      return signatures.count - 1
    }

    /// Adds a module with images by their positions among the signatures; modules come in the order of their indices.
    mutating func add(
      _ module: Int, at place: Module.Place, images: [Int], preLinked: [Int], size: UInt64
    ) {
      let role = ModuleRole(place: place, images.map { signatures[$0] })
      let key = Key(role: role, images: images, preLinked: preLinked)
      if let group = known[key] {
        groups[group].modules.append(module)
        groups[group].size &+= size
      } else {
        known[key] = groups.count
        groups.append(Group(role: role, images: images, preLinked: preLinked, modules: [module], size: size))
      }
    }
  }

  /// The PTX from which the driver can link `module` again: images of its pre-linked parts for targets that every
  /// part has, since it needs all of them.
  private static func preLinkedPTX(of module: Module, in inventory: Inventory) -> [Int] {
    let parts = module.preLinked.filter(inventory.modules.indices.contains).map { index in
      inventory.modules[index].images.clamped(to: inventory.images.indices)
        .filter { ImageSignature(inventory.images[$0]).isPTX }
    }
    guard var common = parts.first.map({ Set($0.map { inventory.images[$0].target }) }) else { return [] }
    for part in parts.dropFirst() { common.formIntersection(part.map { inventory.images[$0].target }) }
    return common.isEmpty ? [] : parts.joined().filter { common.contains(inventory.images[$0].target) }
  }

  /// The targets of all portable modules, each once: machine code by number, then PTX by number; in a library
  /// without portable modules those of the specialised ones.
  public var targets: [ImageSignature] {
    let role: ModuleRole = groups.contains { $0.role == .portable } ? .portable : .specialised
    var seen: Set<String> = []
    return groups.filter { $0.role == role }.flatMap { $0.images + $0.preLinked }.map {
      signatures[$0].byHeader
    }
    .sorted { ($0.isPTX ? 1 : 0, $0.target) < ($1.isPTX ? 1 : 0, $1.target) }
    .filter { seen.insert($0.targetName).inserted }
  }

  /// Whether it makes a difference what a driver knows: there is PTX, or compressed code that not every driver reads.
  public func dependsOnDriver(by tables: TableSet) -> Bool {
    // PTX in a version that no table has asks for a driver as well, though nobody knows for which.
    signatures.contains {
      $0.isPTX && ($0.ptxISA != nil || $0.directive != nil) || MinimumDriver($0, by: tables) != nil
    }
  }

  /// How many modules hold code, those included that are not judged.
  public var moduleCount: Int { groups.reduce(0) { $0 + ($1.role == .empty ? 0 : $1.modules.count) } }

  /// How many modules a driver loads; of a unit for the device linker only, how many there are.
  public var loadableCount: Int {
    let count = groups.reduce(0) {
      $0 + ($1.role == .portable || $1.role == .specialised ? $1.modules.count : 0)
    }
    return count > 0 ? count : moduleCount
  }

  /// Without what no driver loads, where there is something that it does.
  package var loadable: CodeUnit {
    let kept = groups.filter { $0.role == .portable || $0.role == .specialised }
    guard !kept.isEmpty else { return self }
    let used = Set(kept.flatMap { $0.images + $0.preLinked }).sorted()
    let positions = Dictionary(uniqueKeysWithValues: zip(used, used.indices))
    return CodeUnit(
      signatures: used.map { signatures[$0] },
      groups: kept.map { group in
        var group = group
        group.images = group.images.compactMap { positions[$0] }
        group.preLinked = group.preLinked.compactMap { positions[$0] }
        return group
      })
  }

  /// The indices of all modules.
  package var modules: Set<Int> { Set(groups.flatMap(\.modules)) }

  /// Whether some image is PTX.
  public var hasPTX: Bool { signatures.contains(where: \.isPTX) }

  /// Whether every image that a driver can load is for one GPU or family only: it has the suffix `a` or `f`.
  public var isWhollySpecific: Bool {
    let loadable = groups.filter { $0.role == .portable || $0.role == .specialised }
    return !loadable.isEmpty
      && loadable.allSatisfy { group in
        group.images.allSatisfy { signatures[$0].target.suffix != .none } && group.preLinked.isEmpty
      }
  }

  /// The role of a module, by its index in the file; nil where there is none.
  public func role(ofModule index: Int) -> ModuleRole? {
    groups.first { $0.modules.contains(index) }?.role
  }

  /// Judges one module, with its evidence; nil where there is none with this index.
  public func verdict(ofModule index: Int, on device: Device) -> ModuleVerdict? {
    groups.first { $0.modules.contains(index) }.map { group in
      ModuleVerdict(judgedImages(of: group, Judgements(signatures, on: device)))
    }
  }

  /// What every group is worth on a device, in their order.
  func fits(on device: Device) -> [Fit] {
    let judgements = Judgements(signatures, on: device)
    return groups.map { ModuleVerdict(judgedImages(of: $0, judgements)).fit }
  }

  private func judgedImages(of group: Group, _ judgements: Judgements) -> [JudgedImage] {
    func judged(_ position: Int, _ judgement: ImageJudgement, isPreLinked: Bool) -> JudgedImage {
      let signature = signatures[position]
      // What the text of PTX says is evidence only where it decides.
      let isByText = judgement.reason == .otherPTXTarget
      return JudgedImage(
        signature: isByText ? signature : signature.byHeader, judgement: judgement, isPreLinked: isPreLinked)
    }
    return group.images.map { judged($0, judgements.alone[$0], isPreLinked: false) }
      + group.preLinked.map { judged($0, judgements.linked[$0], isPreLinked: true) }
  }

  /// Judges the unit on a device, the driver included where one is known.
  ///
  /// Modules without code for the device are gaps, unless the names of their kernels tell otherwise;
  /// ``modulesToName(on:kernels:)`` says which names it takes.
  public func verdict(on device: Device, kernels: KernelNames = KernelNames()) -> UnitVerdict {
    var verdict = judge(on: device, kernels).verdict
    verdict.advice = Advice.all(for: verdict)
    return verdict
  }

  /// The steps that lead to the verdict on a device: all modules that hold code, ordered by the first of each group.
  public func steps(on device: Device, kernels: KernelNames = KernelNames()) -> [JudgedGroup] {
    judge(on: device, kernels).steps
  }

  /// The verdict without advice, and the steps that lead to it.
  func judge(
    on device: Device, _ kernels: KernelNames
  ) -> (verdict: UnitVerdict, steps: [JudgedGroup]) {
    let judgements = Judgements(signatures, on: device)
    var verdict = UnitVerdict(
      device: device, verdict: .noDeviceCode, portable: .init(), dedicated: 0, providedElsewhere: 0,
      withoutKernels: .init(), specialised: .init(), linkInputs: 0, minimumDriver: nil, uncovered: [],
      presumed: [], advice: [])
    var steps: [JudgedGroup] = []
    var gaps: [Gap] = []
    var lesser: [(group: Group, winner: JudgedImage, step: Int)] = []
    var specialisedGaps: [UnitVerdict.Uncovered] = []
    var running: [(group: Group, fit: Fit)] = []
    var needs = DriverNeeds(tables: device.tables)
    for group in groups where group.role != .empty {
      let images = judgedImages(of: group, judgements)
      let own = ModuleVerdict(images)
      steps.append(JudgedGroup(role: group.role, count: group.modules.count, verdict: own))
      switch group.role {
      case .empty: break
      case .linkInput: verdict.linkInputs += group.modules.count
      case .portable, .specialised:
        let (winner, fit) = (own.winner, own.fit)
        if fit > .none { running.append((group, fit)) }
        if group.role == .specialised {
          if let winner { needs.add(winner, group.role) }
          verdict.specialised.add(fit, group.modules.count)
          if fit == .none { specialisedGaps.append(.init(modules: group.modules, images: images)) }
        } else {
          verdict.portable.add(fit, group.modules.count)
          guard let winner else {
            gaps.append(Gap(group: group, images: images, step: steps.count - 1))
            continue
          }
          if fit.isNative {
            needs.add(winner, group.role)
          } else {
            lesser.append((group, winner, steps.count - 1))
          }
        }
      }
    }
    for (group, winner, step) in lesser {
      // Nothing of what holds no kernel is loaded.
      let empty = verdict.portable.isMostlyNative ? emptyModules(of: group, kernels) : 0
      verdict.withoutKernels.add(winner.judgement.fit, empty)
      if empty > 0 { steps[step].standings[.withoutKernels] = empty }
      if empty < group.modules.count { needs.add(winner, group.role) }
    }
    excuse(gaps, running: running, kernels, in: &verdict, &steps)
    verdict.weight = weight(of: verdict, running: running.map(\.group), kernels)
    verdict.verdict = CodeUnit.combine(verdict)
    if verdict.portable.total == 0 && verdict.specialised.mayRun == 0 { verdict.uncovered = specialisedGaps }
    verdict.isForOtherGPUs = verdict.verdict == .incompatible && isForOthers(gaps, kernels, verdict)
    if !device.isTegra { verdict.minimumDriver = needs.minimum(for: verdict) }
    verdict.uncovered = UnitVerdict.Uncovered.merged(verdict.uncovered)
    verdict.presumed = UnitVerdict.Uncovered.merged(verdict.presumed)
    return (verdict, steps)
  }

  /// A group without code for a device.
  private struct Gap {
    var group: Group
    var images: [JudgedImage]
    /// Its position among the steps.
    var step: Int
  }

  /// The modules whose kernels' names are not in `kernels` and matter to the verdict on `device`; empty when all have been
  /// read.
  ///
  /// First those without code for the device. Where their own names do not settle it, those that run, which may have the
  /// same kernels. At last those that run less than well beside many that run well: they may hold no kernel. Where nothing
  /// runs at all, a few kernels that are not named for other GPUs settle it: more and more modules are read until there are
  /// such.
  public func modulesToName(on device: Device, kernels: KernelNames) -> [Int] {
    if device.isSupportedByDriver == false { return [] }
    if groups.allSatisfy({ $0.modules.allSatisfy(kernels.isRead) }) { return [] }
    let verdict = judge(on: device, kernels).verdict
    let open = (verdict.uncovered + verdict.presumed).flatMap(\.modules).sorted()
    let unnamed = open.filter { !kernels.isRead($0) }
    guard verdict.running > 0 else {
      if verdict.portable.total == 0 || isWhollySpecific { return [] }
      let read = open.filter { kernels.isRead($0) }
      let purpose = purpose(of: read, kernels, on: device)
      // A few kernels without a tag are in code for other GPUs too; more of them are not.
      let isEnough =
        read.contains { kernels[$0] == nil } || read.reduce(0) { $0 + (kernels[$1]?.count ?? 0) } >= 3
      return purpose.others < purpose.any && isEnough ? [] : Array(unnamed.prefix(max(1, read.count)))
    }
    if !unnamed.isEmpty { return unnamed }
    let mayBeEmpty =
      verdict.portable.isMostlyNative && (verdict.verdict == .jit || verdict.verdict == .notGuaranteed)
    guard !open.isEmpty || mayBeEmpty else { return [] }
    let judgements = Judgements(signatures, on: device)
    return groups.filter { group in
      guard group.role == .portable || group.role == .specialised && !open.isEmpty else { return false }
      let fit = ModuleVerdict(judgedImages(of: group, judgements)).fit
      return fit > .none && (!open.isEmpty || !fit.isNative)
    }.flatMap(\.modules).filter { !kernels.isRead($0) }.sorted()
  }

  /// The modules that run on `device` by compiling PTX, each with the position of that PTX among its images: the verdict
  /// rests on what the PTX says of itself.
  public func compiledPTX(on device: Device) -> [(module: Int, image: Int)] {
    let judgements = Judgements(signatures, on: device)
    return groups.flatMap { group -> [(module: Int, image: Int)] in
      guard group.role == .portable || group.role == .specialised else { return [] }
      let images = judgedImages(of: group, judgements)
      guard let winner = ModuleVerdict(images).winner, winner.signature.isPTX, !winner.isPreLinked,
        let position = images.firstIndex(of: winner)
      else { return [] }
      return group.modules.map { ($0, position) }
    }
  }

  /// How much code runs, and how much does not that should, among the modules that count.
  private func weight(of verdict: UnitVerdict, running: [Group], _ kernels: KernelNames) -> Weight {
    let role: ModuleRole = verdict.portable.total > 0 ? .portable : .specialised
    var weight = Weight()
    for group in running where group.role == role {
      weight.running &+= group.size(ofModules: group.modules.count - emptyModules(of: group, kernels))
    }
    let uncovered = Set(verdict.uncovered.flatMap(\.modules))
    guard !uncovered.isEmpty else { return weight }
    for group in groups where group.role == role {
      weight.gaps &+= group.size(ofModules: group.modules.count(where: uncovered.contains))
    }
    return weight
  }

  /// Whether a unit of which nothing runs on the device was made for other GPUs on purpose: all its code is for one GPU
  /// or family, or its kernels, but for a few without a tag, are named for other generations. What another driver would run was not.
  private func isForOthers(_ gaps: [Gap], _ kernels: KernelNames, _ verdict: UnitVerdict) -> Bool {
    guard !verdict.uncovered.contains(where: { $0.reasons.contains(where: \.isByDriver) }) else {
      return false
    }
    if isWhollySpecific { return true }
    guard verdict.running == 0, verdict.specialised.total == 0 else { return false }
    let purpose = purpose(of: gaps.flatMap(\.group.modules), kernels, on: verdict.device)
    return purpose.others > purpose.any && !purpose.isOwn
  }

  /// How many of the modules that hold kernels are named for other GPUs than the device and how many are not, and whether
  /// the name of a kernel includes the device.
  private func purpose(
    of modules: [Int], _ kernels: KernelNames, on device: Device
  ) -> (others: Int, any: Int, isOwn: Bool) {
    let rule = DispatchRule(
      kernels, on: device.computeCapability, running: [], native: [], others: [])
    var purpose = (others: 0, any: 0, isOwn: false)
    for module in modules {
      switch rule.standing(ofModule: module, targets: []) {
      case .dedicated, .mostlyDedicated: purpose.others += 1
      case .withoutKernels: break
      default: purpose.any += 1
      }
      if rule.namesDevice(inModule: module) { purpose.isOwn = true }
    }
    return purpose
  }

  private func emptyModules(of group: Group, _ kernels: KernelNames) -> Int {
    group.modules.count { kernels.kernels(ofModule: $0)?.isEmpty == true }
  }

  /// Tells the gaps among modules without code for the device from those that are none by the names of their kernels.
  private func excuse(
    _ gaps: [Gap], running: [(group: Group, fit: Fit)], _ kernels: KernelNames,
    in verdict: inout UnitVerdict, _ steps: inout [JudgedGroup]
  ) {
    guard !running.isEmpty else {
      // Nothing is picked where nothing runs, but there may be nothing to run.
      let isEmpty = gaps.allSatisfy { emptyModules(of: $0.group, kernels) == $0.group.modules.count }
      if isEmpty {
        verdict.withoutKernels.none = verdict.portable.none
      } else {
        verdict.uncovered = gaps.map { .init(modules: $0.group.modules, images: $0.images) }
      }
      for gap in gaps {
        steps[gap.step].standings = [isEmpty ? .withoutKernels : .gap: gap.group.modules.count]
      }
      return
    }
    guard !gaps.isEmpty else { return }
    func modules(_ groups: [Group]) -> [DispatchRule.TargetedModule] {
      groups.flatMap { group in group.modules.map { ($0, targets(of: group)) } }
    }
    let rule = DispatchRule(
      kernels, on: verdict.device.computeCapability, running: modules(running.map(\.group)),
      native: running.flatMap { $0.fit.isNative ? $0.group.modules : [] }, others: modules(gaps.map(\.group)))
    for gap in gaps {
      let targets = targets(of: gap.group)
      // What another driver would run is meant for the device.
      let isPicked = !gap.images.contains { $0.judgement.reason?.isByDriver == true }
      var modules: (uncovered: [Int], presumed: [Int]) = ([], [])
      for module in gap.group.modules {
        let own = rule.standing(ofModule: module, targets: targets)
        let standing = isPicked || own == .withoutKernels ? own : .gap
        steps[gap.step].standings[standing, default: 0] += 1
        switch standing {
        case .withoutKernels: verdict.withoutKernels.none += 1
        case .dedicated: verdict.dedicated += 1
        case .providedElsewhere: verdict.providedElsewhere += 1
        case .madeForOneTarget, .mostlyDedicated, .partOfCuDNN: modules.presumed.append(module)
        case .gap, .pickedByGeneration: modules.uncovered.append(module)
        }
      }
      if !modules.uncovered.isEmpty {
        verdict.uncovered.append(.init(modules: modules.uncovered, images: gap.images))
      }
      if !modules.presumed.isEmpty {
        verdict.presumed.append(.init(modules: modules.presumed, images: gap.images))
      }
    }
    if picksByGeneration(verdict, rule) {
      verdict.presumed += verdict.uncovered
      verdict.uncovered = []
      for gap in gaps {
        steps[gap.step].standings[.pickedByGeneration] = steps[gap.step].standings.removeValue(forKey: .gap)
      }
    }
  }

  /// Whether the library is shown to pick its kernels by generation, so that no module without code for the device need
  /// be a gap: some are named for other generations, what runs is named or made for the device's own, and what is not
  /// known to be for others is no more than what is.
  private func picksByGeneration(_ verdict: UnitVerdict, _ rule: DispatchRule) -> Bool {
    let left = verdict.uncovered.reduce(0) { $0 + $1.modules.count }
    return verdict.portable.mayRun > 0 && verdict.dedicated > 0
      && (rule.runsOwnGeneration || verdict.specialised.runs > 0)
      && left <= verdict.dedicated + verdict.specialised.none
      && !verdict.uncovered.contains { $0.reasons.contains(where: \.isByDriver) }
  }

  /// The names of a group's targets.
  private func targets(of group: Group) -> Set<String> {
    Set((group.images + group.preLinked).map { signatures[$0].targetName })
  }

  /// The verdict that follows from the counts.
  ///
  /// Portable modules all have to run, but for those that are no gaps; where next to none of them does, the unit does not
  /// run, whatever specialised ones do: those are made for one device each and serve single features. Where there are no
  /// others the best of them decides.
  private static func combine(_ verdict: UnitVerdict) -> Verdict {
    let specialised = verdict.specialised
    var required = verdict.portable
    required.jit -= verdict.withoutKernels.jit
    required.notGuaranteed -= verdict.withoutKernels.notGuaranteed
    required.none -= verdict.excused
    guard let judged = required.verdict else {
      if specialised.exact + specialised.minorCompatible > 0 { return .native }
      if specialised.jit > 0 { return .jit }
      if specialised.notGuaranteed > 0 { return .notGuaranteed }
      let loadable = verdict.portable.total - verdict.withoutKernels.total + specialised.total
      return loadable > 0 ? .incompatible : .noDeviceCode
    }
    return judged == .partial && verdict.weight.isNearlyNothing ? .incompatible : judged
  }
}

extension ModuleVerdict {
  init(_ images: [JudgedImage]) {
    winner = images.lazy.filter { $0.judgement.fit > .none }.min { $0.isTaken(before: $1) }
    fit = winner?.judgement.fit ?? .none
    self.images = images
  }
}

/// What the images that run need of the driver, kept apart by how much they count.
private struct DriverNeeds {
  let tables: TableSet
  private var portable: MinimumDriver?
  private var nativeSpecialised: MinimumDriver?
  private var otherSpecialised: MinimumDriver?

  init(tables: TableSet) { self.tables = tables }

  mutating func add(_ winner: JudgedImage, _ role: ModuleRole) {
    let need = MinimumDriver(winner.signature, by: tables)
    if role == .portable {
      portable = .newer(portable, need, by: tables)
    } else if winner.judgement.fit.isNative {
      nativeSpecialised = .newer(nativeSpecialised, need, by: tables)
    } else {
      otherSpecialised = .newer(otherSpecialised, need, by: tables)
    }
  }

  /// What the modules need that decide the verdict: a library picks among its specialised modules by itself, so they
  /// count only where there are no portable ones, and their PTX only where it is the best.
  func minimum(for verdict: UnitVerdict) -> MinimumDriver? {
    if verdict.portable.total > 0 { return portable }
    return verdict.verdict == .native ? nativeSpecialised : otherSpecialised
  }
}

/// The judgement of every signature on one device.
private struct Judgements {
  /// As images that the driver loads alone.
  var alone: [ImageJudgement]
  /// As PTX that the driver links.
  var linked: [ImageJudgement]

  init(_ signatures: [ImageSignature], on device: Device) {
    alone = signatures.map { Rule.judge($0, on: device) }
    linked = signatures.map { Rule.judge($0, on: device, linked: true) }
  }
}
