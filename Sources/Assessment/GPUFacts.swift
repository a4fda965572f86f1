public import Compatibility
public import DeviceCode
import Stack

/// What the tables tell of a GPU that somebody names: the software that supports it.
public struct GPUFacts: Sendable {
  /// As it was asked for.
  public let query: String
  public let device: Device
  /// Nil for a compute capability that the tables do not have.
  public let architecture: ArchitectureTable.Row?
  /// The targets whose machine code runs on it as it is, ascending.
  public let targets: [CodeTarget]
  /// The last driver branch that supports it; nil while the newest does.
  public let lastDriver: DriverTable.Branch?
  /// The first toolkit after the last that compiles for it; nil while the newest does.
  public let firstToolkitWithout: CUDAVersion?
  /// The releases of JetPack that are for it, oldest first; empty for GPUs that are no Tegra.
  public let jetPacks: [JetsonTable.JetPack]
  /// The newest PyTorch that has an official build for it; nil where none has.
  public let torch: AssessedRelease?
  /// Where NVIDIA's own builds of PyTorch for a Tegra are, as a clause; nil for other GPUs.
  public let ownTorch: String?

  public init(_ match: GPUCatalogue.Match, by tables: TableSet) {
    query = match.query
    let device = match.device(tables: tables)
    self.device = device
    let row = tables.architectures[device.computeCapability]
    architecture = row
    targets = device.nativeTargets
    lastDriver = row?.lastDriver.flatMap { last in tables.drivers.branches.first { $0.branch == last } }
    firstToolkitWithout = row?.lastToolkit.flatMap { last in
      tables.toolkits.toolkits.first { $0.toolkit > last }?.toolkit
    }
    jetPacks =
      device.isTegra
      ? tables.jetson.jetPacks.filter { $0.computeCapabilities.contains(device.computeCapability) } : []
    let question = Question(
      devices: [RequestedDevice(query: match.query, device: device)], namesDevices: true, tables: tables)
    ownTorch = device.ownTorch
    // Of a compute capability that no table has nothing is known but what follows from the rules.
    torch =
      row == nil ? nil : ReleaseAnswer(torch: ReleaseQuestion(package: "torch", question: question)).best
  }

  /// The option of nvcc that compiles machine code for it.
  public var gencode: String { device.computeCapability.target.gencode() }
  /// The value of `TORCH_CUDA_ARCH_LIST`, by which extensions of PyTorch are compiled.
  public var torchArchitectures: String { device.computeCapability.description }
  /// The value of `CMAKE_CUDA_ARCHITECTURES`.
  public var cmakeArchitectures: String { device.computeCapability.target.description }
}
