/// What the images of one target have in common: the kind of code and the architecture that it is for.
public struct ImageTarget: Hashable, Sendable {
  public var kind: ImageKind
  public var target: CodeTarget

  public init(_ kind: ImageKind, _ target: CodeTarget) {
    self.kind = kind
    self.target = target
  }

  public init(_ image: DeviceImage) { self.init(image.kind, image.target) }

  /// The target as the tools spell it: `sm_90a`, `compute_120f`, `lto_75`.
  public var name: String { DeviceImage(kind: kind, target: target).targetName }
}

extension ImageTarget: Comparable {
  /// Machine code first, then PTX, then other kinds; by number.
  public static func < (left: ImageTarget, right: ImageTarget) -> Bool {
    (left.kind.order, left.target) < (right.kind.order, right.target)
  }
}

extension ImageKind {
  fileprivate var order: Int {
    switch self {
    case .cubin: 0
    case .ptx: 1
    default: 2 + Int(rawValue)
    }
  }
}

/// How much device code there is for one target.
public struct TargetTotals: Hashable, Sendable {
  /// Modules with an image for it.
  public var modules = 0
  public var images = 0
  /// Bytes in the file. A stream that several images share counts for the target of the first.
  public var storedSize: UInt64 = 0
  /// Bytes when decompressed.
  public var size: UInt64 = 0
  /// About how many bytes of a zip archive, such as a wheel, the stored bytes take; nil where the file is in none.
  public var zippedSize: UInt64?
  /// For PTX, the versions of the instruction set.
  public var ptxISAs: Set<PTXISAVersion> = []

  public init() {}

  public static func + (left: TargetTotals, right: TargetTotals) -> TargetTotals {
    var sum = left
    sum.modules += right.modules
    sum.images += right.images
    sum.storedSize &+= right.storedSize
    sum.size &+= right.size
    if let zippedSize = right.zippedSize { sum.zippedSize = (left.zippedSize ?? 0) &+ zippedSize }
    sum.ptxISAs.formUnion(right.ptxISAs)
    return sum
  }
}

extension Inventory {
  /// What there is for each target.
  public var targetTotals: [ImageTarget: TargetTotals] {
    var totals: [ImageTarget: TargetTotals] = [:]
    var lastModules: [ImageTarget: Int] = [:]
    for (image, ownsBytes) in zip(images, imagesOwnBytes) {
      let target = ImageTarget(image)
      let isNewModule = lastModules.updateValue(image.module, forKey: target) != image.module
      var total = totals[target] ?? TargetTotals()
      if isNewModule { total.modules += 1 }
      total.images += 1
      if ownsBytes { total.storedSize &+= image.storedSize }
      total.size &+= image.size
      if let version = image.ptxISA { total.ptxISAs.insert(version) }
      totals[target] = total
    }
    return totals
  }

  /// ``targetTotals`` of a file in a zip archive.
  ///
  /// - Parameter zippedSize: how many bytes of the archive the bytes of the file at a range take; nil where that is not known.
  public func targetTotals(zippedSize: (Range<UInt64>) -> UInt64?) -> [ImageTarget: TargetTotals] {
    var totals = targetTotals
    for (target, ranges) in storedRanges {
      let sizes = ranges.compactMap(zippedSize)
      if !sizes.isEmpty { totals[target]?.zippedSize = sizes.reduce(0, &+) }
    }
    return totals
  }

  /// Where in the file the stored bytes of the images for each target lie. Images in compressed sections are left out, because
  /// their offsets do not count in the file.
  public var storedRanges: [ImageTarget: [Range<UInt64>]] {
    var ranges: [ImageTarget: [Range<UInt64>]] = [:]
    for (image, ownsBytes) in zip(images, imagesOwnBytes)
    where ownsBytes && modules[image.module].container == nil {
      let (end, overflow) = image.offset.addingReportingOverflow(image.storedSize)
      if !overflow { ranges[ImageTarget(image), default: []].append(image.offset..<end) }
    }
    return ranges
  }

  /// For each image, whether its stored bytes are its own: of those that share a stream they are the first one's.
  private var imagesOwnBytes: [Bool] {
    var streams: Set<UInt64> = []
    return images.map { image in
      let isShared = image.memberOffset != nil && image.compression != .none
      return !isShared || streams.insert(image.offset).inserted
    }
  }
}
