import DeviceCode

/// The driver loads linked cubins and PTX. LTO-IR and relocatable code must be linked first; other kinds are
/// not known. Source: nvJitLink documentation, `fatbinary_section.h`.
enum LoadableRule {
  static func judge(_ image: ImageSignature, linked: Bool) -> ImageJudgement? {
    switch image.kind {
    case .ptx, .cubin:
      image.isRelocatable && !linked ? .init(excluded: .notLoadable, by: .loadable) : nil
    case .relocatablePTX:
      linked ? nil : .init(excluded: .notLoadable, by: .loadable)
    case .ltoIR: .init(excluded: .notLoadable, by: .loadable)
    default: .init(excluded: .unknownKind, by: .loadable)
    }
  }

}
