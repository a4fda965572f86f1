/// The answer in four lines: which parts of the stack fit.
public struct StackSummary: Hashable, Sendable {
  public enum Line: String, Hashable, Sendable, CaseIterable {
    /// The host's driver against the CUDA runtimes and the requirements of the image.
    case driverAndCUDA
    /// PyTorch against its CUDA libraries.
    case torchAndCUDA
    /// The driver against the GPUs.
    case driverAndGPU
    /// PyTorch's device code against the GPUs.
    case torchAndGPU
  }

  /// The worst status of the checks of a line; nil where nothing under the root is about it.
  public var lines: [Line: Check.Status]
  /// Whether everything runs that is under the root, on all devices; `unknown` where that cannot be told.
  public var answer: Check.Status

  public init(_ checks: [Check]) {
    lines = [:]
    for line in Line.allCases { lines[line] = checks.filter { $0.line == line }.worst }
    answer = checks.filter { !$0.id.isAboutBuilding }.worst ?? .unknown
  }
}

extension Check {
  /// The line of the summary that it belongs to; nil for none.
  public var line: StackSummary.Line? {
    switch id {
    case .driverRuntime, .driverImage: .driverAndCUDA
    case .torchLibraries: .torchAndCUDA
    case .driverGPU: .driverAndGPU
    case .torchGPU: .torchAndGPU
    case .ptxDriver, .compressionDriver: subject?.hasPrefix("PyTorch ") == true ? .torchAndGPU : nil
    default: nil
    }
  }
}
