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
  /// The checks that say whether it runs: without those about building, without what PyTorch's flags promise, since
  /// what they promise for the devices shows in the code, and without what wants a driver where none was named.
  public var deciding: [Check]

  /// - Parameter namesDriver: whether the driver is part of the question.
  public init(_ checks: [Check], namesDriver: Bool) {
    lines = [:]
    for line in Line.allCases { lines[line] = checks.filter { $0.line == line }.worst }
    deciding = checks.filter { check in
      !check.id.isAboutBuilding && check.id != .flagsContents
        && (namesDriver || check.status != .unknown || !check.id.dependsOnDriver)
    }
  }

  /// Whether everything runs that is under the root, on all devices; `unknown` where that cannot be told.
  public var answer: Check.Status { deciding.worst ?? .unknown }

  /// The same for one device, by its position in the question.
  public func answer(onDevice device: Int) -> Check.Status {
    deciding.filter { $0.device == nil || $0.device == device }.worst ?? .unknown
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
