/// The parts of a stack that have to fit, each with one mark.
public enum SummaryLine: String, Hashable, Sendable, CaseIterable {
  /// The host's driver against the CUDA runtimes and the requirements of the image.
  case driverAndCUDA
  /// PyTorch against its CUDA libraries.
  case torchAndCUDA
  /// The driver against the GPUs.
  case driverAndGPU
  /// PyTorch's device code against the GPUs.
  case torchAndGPU
  /// What is compiled at run time against the GPUs.
  case runtimeCode
}

extension ViewAssessment {
  /// The worst status of the checks of a line; nil where nothing in the view is about it.
  public func status(of line: SummaryLine) -> Check.Status? {
    checks.filter { $0.line == line }.worst
  }
}

extension Check {
  /// The line of the summary that it belongs to; nil for none.
  public var line: SummaryLine? {
    switch id {
    case .driverRuntime, .driverImage: .driverAndCUDA
    case .torchLibraries: .torchAndCUDA
    case .driverGPU: .driverAndGPU
    case .torchGPU: .torchAndGPU
    case .runtimeCode: .runtimeCode
    case .ptxDriver, .compressionDriver: isAboutTorch ? .torchAndGPU : nil
    default: nil
    }
  }
}
