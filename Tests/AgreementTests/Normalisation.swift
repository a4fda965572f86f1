import DeviceCode

/// What cuobjdump must print for an inventory. Each rule here is a difference between the two, named in
/// Docs/Agreement.md; there are no others.
enum Normalisation {
  /// The images in the order of cuobjdump.
  ///
  /// - **sections**: embedded device code is left out; cuobjdump reads `.nv_fatbin` and `__nv_relfatbin` alone.
  /// - **section order**: `.nv_fatbin` comes first, whatever the order in the file; a static library goes member
  ///   by member.
  static func images(of file: InspectedFile) -> [(module: Module, image: DeviceImage)] {
    let places: [Module.Place] = [.registered, .relocatable, .standalone]
    let modules = file.inventory.modules.filter { module in
      module.section == ".nv_fatbin" || module.section == "__nv_relfatbin"
        || module.place == .standalone && file.format == .fatBinary
    }
    var members: [String?] = []
    for module in modules where !members.contains(module.member) { members.append(module.member) }
    return members.flatMap { member in
      places.flatMap { place in
        modules.filter { $0.member == member && $0.place == place }
          .flatMap { module in file.inventory[module].map { (module, $0) } }
      }
    }
  }

  /// How the plain listing shows `image`.
  ///
  /// - **kinds**: a cubin is `elf`, LTO-IR is `nvvm`; an index is listed without a target.
  /// - **LTO-IR version**: the reader keeps none, so the listed one is taken over.
  static func listed(_ image: DeviceImage, member: String?, matching other: ListedImage?) -> ListedImage {
    let flags = image.flags
    return ListedImage(
      kind: image.kind == .cubin ? "elf" : image.kind == .ltoIR ? "nvvm" : image.kind.description,
      target: image.kind == .index ? "" : image.target.description,
      version: image.ptxISA?.description ?? image.abiVersion.map { "1.\($0)" }
        ?? (image.kind == .ltoIR ? other?.version : nil) ?? "",
      host: flags.contains(.linux)
        ? "linux" : flags.contains(.mac) ? "mac" : flags.contains(.windows) ? "windows" : "<unknown>",
      is64Bit: flags.contains(.is64Bit), isDebug: flags.contains(.debug),
      isCompressed: image.compression != .none, identifier: image.identifier, member: member)
  }

  /// The names under which cubins and PTX are listed.
  ///
  /// - **dropped f**: the name of a cubin for `sm_103f` says `sm_103`; names of PTX keep the suffix.
  /// - LTO-IR has no name.
  static func names(of images: [(module: Module, image: DeviceImage)]) -> [ListedName] {
    var counts: [String: Int] = [:]
    return images.compactMap { module, image in
      let kind: String
      var target = image.target
      switch image.kind {
      case .cubin:
        kind = "ELF"
        if target.suffix == .familySpecific { target.suffix = .none }
      case .ptx: kind = "PTX"
      default: return nil
      }
      counts[kind, default: 0] += 1
      return ListedName(
        kind: kind, number: counts[kind] ?? 0, target: "sm_\(target)", member: module.member)
    }
  }
}
