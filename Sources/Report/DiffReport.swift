import Bytes
public import Compatibility
import Demangling
import DeviceCode
public import Scan

/// How two files or trees differ in their device code: what the command `diff` shows.
public struct DiffReport: Sendable {
  /// A scan of the old root and the new root; of one root when both are the same.
  public var result: ScanResult
  public var difference: DeviceCodeDifference
  /// What is known of drivers.
  let tables: TableSet

  public init(_ result: ScanResult, _ difference: DeviceCodeDifference, tables: TableSet) {
    self.result = result
    self.difference = difference
    self.tables = tables
  }

  /// What went wrong in both steps, files before their kernels.
  public var problems: [PlacedProblem] { result.problems + (difference.kernels?.problems ?? []) }

  /// Where a file is, for a message.
  public func path(of place: FilePlace) -> String { place.fullPath(in: result.roots).description }

  /// How many libraries have a status.
  func count(_ status: LibraryDifference.Status) -> Int { difference.libraries.count { $0.status == status } }

  /// How many kernels are lost for some target, each name counted once.
  var missingKernels: Int { Set(difference.libraries.flatMap { $0.missingKernels.map(\.kernel) }).count }

  /// How many kernels are gained for some target, each name counted once.
  var addedKernels: Int { Set(difference.libraries.flatMap { $0.addedKernels.map(\.kernel) }).count }

  /// How many targets some library lost, each name counted once.
  var lostTargets: Int { Set(difference.libraries.flatMap(\.lostTargets)).count }

  /// How many PTX versions of a target some library lost.
  var lostPTXVersions: Int {
    Set(
      difference.libraries.flatMap { library in
        library.targets.flatMap { target in target.lostPTX.map { "\(target.target.name) \($0)" } }
      }
    ).count
  }

  /// The compute capabilities on whose GPUs some library no longer runs, or only in part.
  var lostGPUs: Set<ComputeCapability> { gpus(where: \.isLost) }
  var gainedGPUs: Set<ComputeCapability> { gpus(where: \.isGained) }
  /// The compute capabilities on whose GPUs some library needs a newer driver than before.
  var gpusForNewerDrivers: Set<ComputeCapability> { gpus(where: \.needsNewerDriver) }

  private func gpus(where isCounted: (GPUDifference) -> Bool) -> Set<ComputeCapability> {
    Set(difference.libraries.lazy.flatMap(\.gpus).filter(isCounted).map(\.computeCapability))
  }

  /// The mangled names of kernels, and their demangled names where they have one.
  func names(of kernels: [KernelDifference]) -> [(mangled: String, name: String)] {
    guard let names = difference.kernels?.names else { return [] }
    let mangled = kernels.map { names[$0.kernel] }
    return zip(mangled, demangle(mangled)).map { ($0, $1 ?? $0) }
  }
}
