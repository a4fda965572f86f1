public import DeviceCode

/// What is known of one target, such as `sm_100f` or `compute_90`: on which GPUs its code runs, and what compiles for it.
public struct TargetFacts: Sendable {
  public let target: CodeTarget
  public let isPTX: Bool
  /// The first toolkit whose compilers take it; nil where the tables know of none.
  public let firstToolkit: CUDAVersion?
  /// The last one; nil while the newest does.
  public let lastToolkit: CUDAVersion?
  /// The version of the PTX ISA that brought it; nil where the tables do not tell.
  public let ptxISA: DriverTable.PTXRelease?
  private let tables: TableSet

  public init(_ target: CodeTarget, isPTX: Bool, by tables: TableSet) {
    self.target = target
    self.isPTX = isPTX
    self.tables = tables
    ptxISA = tables.drivers.ptxISA.first { $0.newTargets?.contains("sm_\(target)") == true }
    let row = tables.architectures[ComputeCapability(target)]
    if target.suffix == .none {
      (firstToolkit, lastToolkit) = (row?.firstToolkit, row?.lastToolkit)
    } else {
      let rows = tables.toolkits.compilers.filter { $0.compiler == nil }
      let own = rows.filter { $0.targets.contains(target) }
      firstToolkit = own.first?.toolkit
      lastToolkit = own.last?.toolkit == rows.last?.toolkit ? nil : own.last?.toolkit
    }
  }

  /// Reads `sm_90a` or `compute_90`; nil for anything else.
  public init?(_ name: String, by tables: TableSet) {
    guard name.hasPrefix("sm_") || name.hasPrefix("compute_"), let target = CodeTarget(name) else {
      return nil
    }
    self.init(target, isPTX: name.hasPrefix("compute_"), by: tables)
  }

  /// As the tools spell it.
  public var name: String { image.targetName }

  /// What code for it is worth on a device: of PTX the oldest version that has the target.
  public func judgement(on device: Device) -> ImageJudgement { Rule.judge(ImageSignature(image), on: device) }

  /// What it is worth on each compute capability of the tables, whatever the driver; oldest first.
  public var judgements: [(row: ArchitectureTable.Row, judgement: ImageJudgement)] {
    tables.architectures.rows.map { ($0, judgement(on: Device($0.computeCapability, tables: tables))) }
  }

  private var image: DeviceImage {
    DeviceImage(kind: isPTX ? .ptx : .cubin, target: target, ptxISA: isPTX ? ptxISA?.ptxISA : nil)
  }
}

extension CodeTarget {
  /// The option of nvcc that compiles machine code for it, or PTX.
  public func gencode(isPTX: Bool = false) -> String {
    "-gencode arch=compute_\(self),code=\(isPTX ? "compute" : "sm")_\(self)"
  }
}

extension Device {
  /// The targets of the toolkits in the tables whose machine code runs on it as it is, whatever the driver; ascending.
  public var nativeTargets: [CodeTarget] {
    let compiled = tables.toolkits.compilers.filter { $0.compiler == nil }.flatMap(\.targets)
    let device = withoutDriver
    return Set(compiled + tables.architectures.rows.map(\.computeCapability.target)).sorted().filter {
      target in
      Rule.judge(ImageSignature(DeviceImage(kind: .cubin, target: target)), on: device).fit.isNative
    }
  }
}
