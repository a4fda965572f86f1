public import DeviceCode

/// The device code of one file, prepared for judging: modules with the same images are judged once.
public struct Library: Sendable {
  /// Modules that no rule can tell apart.
  struct Group: Sendable {
    var role: ModuleRole
    /// Positions in ``Library/signatures``.
    var images: [Int]
    /// The same for the PTX of modules that were device-linked into these.
    var preLinked: [Int]
    /// Indices of the modules, ascending.
    var modules: [Int]
  }

  private struct GroupKey: Hashable {
    var role: ModuleRole
    var images: [Int]
    var preLinked: [Int]
  }

  let inventory: Inventory
  let signatures: [ImageSignature]
  /// Ordered by their first module.
  let groups: [Group]
  /// For every module its position in ``groups``.
  private let groupOfModule: [Int]

  public init(_ inventory: Inventory) {
    self.inventory = inventory
    var signatures: [ImageSignature] = []
    var positions: [ImageSignature: Int] = [:]
    let imagePositions = inventory.images.map { image in
      let signature = ImageSignature(image)
      if let known = positions[signature] { return known }
      positions[signature] = signatures.count
      signatures.append(signature)
      return signatures.count - 1
    }
    var groups: [Group] = []
    var known: [GroupKey: Int] = [:]
    groupOfModule = inventory.modules.indices.map { index in
      let module = inventory.modules[index]
      let images = module.images.clamped(to: inventory.images.indices)
      let key = GroupKey(
        role: ModuleRole(place: module.place, images.lazy.map { signatures[imagePositions[$0]] }),
        images: Array(imagePositions[images]),
        preLinked: Library.preLinkedPTX(of: module, in: inventory).map { imagePositions[$0] })
      if let group = known[key] {
        groups[group].modules.append(index)
        return group
      }
      known[key] = groups.count
      groups.append(
        Group(role: key.role, images: key.images, preLinked: key.preLinked, modules: [index]))
      return groups.count - 1
    }
    self.signatures = signatures
    self.groups = groups
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
    return groups.filter { $0.role == role }.flatMap { $0.images + $0.preLinked }.map { signatures[$0] }
      .sorted { ($0.isPTX ? 1 : 0, $0.target) < ($1.isPTX ? 1 : 0, $1.target) }
      .filter { seen.insert($0.targetName).inserted }
  }

  /// Whether it makes a difference what a driver knows: there is PTX, or compressed code that not every driver reads.
  public var dependsOnDriver: Bool { signatures.contains { MinimumDriver($0) != nil } }

  /// The role of a module.
  public func role(ofModule index: Int) -> ModuleRole { groups[groupOfModule[index]].role }

  /// Judges one module, with its evidence.
  public func verdict(ofModule index: Int, on device: Device) -> ModuleVerdict {
    let judgements = Judgements(signatures, on: device)
    let images = judgedImages(of: groups[groupOfModule[index]], module: index, judgements)
    return ModuleVerdict(images)
  }

  private func judgedImages(
    of group: Group, module index: Int, _ judgements: Judgements
  ) -> [JudgedImage] {
    let module = inventory.modules[index]
    let own = zip(module.images, group.images).map { image, signature in
      JudgedImage(
        image: image, signature: signatures[signature], judgement: judgements.alone[signature],
        isPreLinked: false)
    }
    let preLinked = zip(Library.preLinkedPTX(of: module, in: inventory), group.preLinked)
      .map { image, signature in
        JudgedImage(
          image: image, signature: signatures[signature], judgement: judgements.linked[signature],
          isPreLinked: true)
      }
    return own + preLinked
  }

  /// Judges the library. `dedicated` names portable modules whose kernels belong to another generation of GPUs:
  /// where they have no code for the device they are no gaps.
  public func verdict(on device: Device, dedicated: Set<Int> = []) -> LibraryVerdict {
    let judgements = Judgements(signatures, on: device)
    var verdict = LibraryVerdict(
      device: device, verdict: .noDeviceCode, portable: .init(), dedicated: 0, specialised: .init(),
      linkInputs: 0, minimumDriver: nil, uncovered: [], advice: [])
    var specialisedGaps: [LibraryVerdict.Uncovered] = []
    var needs = DriverNeeds()
    for group in groups {
      switch group.role {
      case .empty: break
      case .linkInput: verdict.linkInputs += group.modules.count
      case .portable, .specialised:
        let images = judgedImages(of: group, module: group.modules[0], judgements)
        let winner = ModuleVerdict(images).winner
        let fit = winner?.judgement.fit ?? .none
        if let winner { needs.add(winner, group.role) }
        if group.role == .specialised {
          verdict.specialised.add(fit, group.modules.count)
          if fit == .none { specialisedGaps.append(.init(modules: group.modules, images: images)) }
        } else {
          verdict.portable.add(fit, group.modules.count)
          guard fit == .none else { continue }
          let gaps = dedicated.isEmpty ? group.modules : group.modules.filter { !dedicated.contains($0) }
          verdict.dedicated += group.modules.count - gaps.count
          if !gaps.isEmpty { verdict.uncovered.append(.init(modules: gaps, images: images)) }
        }
      }
    }
    verdict.verdict = Library.combine(verdict)
    if verdict.portable.total == 0 && verdict.specialised.mayRun == 0 { verdict.uncovered = specialisedGaps }
    if !device.computeCapability.isTegra { verdict.minimumDriver = needs.minimum(for: verdict) }
    verdict.uncovered.sort { $0.modules[0] < $1.modules[0] }
    verdict.advice = Advice.all(for: verdict)
    return verdict
  }

  /// The verdict that follows from the counts.
  ///
  /// Portable modules all have to run, dedicated ones excepted. Specialised ones are made for one device each: those
  /// for other devices are no gaps, but one that runs is something that runs, and alone the best of them decides.
  private static func combine(_ verdict: LibraryVerdict) -> Verdict {
    let specialised = verdict.specialised
    var required = verdict.portable
    required.none -= verdict.dedicated
    guard let judged = required.verdict else {
      if specialised.exact + specialised.minorCompatible > 0 { return .native }
      if specialised.jit > 0 { return .jit }
      if specialised.notGuaranteed > 0 { return .notGuaranteed }
      return verdict.portable.total + specialised.total > 0 ? .incompatible : .noDeviceCode
    }
    return judged == .incompatible && specialised.mayRun > 0 ? .partial : judged
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
  private var portable: MinimumDriver?
  private var nativeSpecialised: MinimumDriver?
  private var otherSpecialised: MinimumDriver?

  mutating func add(_ winner: JudgedImage, _ role: ModuleRole) {
    let need = MinimumDriver(winner.signature)
    if role == .portable {
      portable = .newer(portable, need)
    } else if winner.judgement.fit.isNative {
      nativeSpecialised = .newer(nativeSpecialised, need)
    } else {
      otherSpecialised = .newer(otherSpecialised, need)
    }
  }

  /// What the modules need that decide the verdict: a library picks among its specialised modules by itself, so they
  /// count only where there are no portable ones, and their PTX only where it is the best.
  func minimum(for verdict: LibraryVerdict) -> MinimumDriver? {
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
