public import Bytes
public import Stack

/// One thing that must hold for the software to run on the devices, or to be built for them.
public struct Check: Hashable, Sendable {
  public enum Status: String, Hashable, Sendable, CaseIterable {
    /// It holds.
    case pass
    /// It runs, but not as one would expect, or not all of it.
    case warn
    /// It does not run.
    case fail
    /// What is known does not tell.
    case unknown

    /// How much it counts: the worst of several is the one that counts most.
    var rank: Int {
      switch self {
      case .pass: 0
      case .unknown: 1
      case .warn: 2
      case .fail: 3
      }
    }
  }

  /// What is checked against what.
  public enum ID: String, Hashable, Sendable, CaseIterable {
    case driverGPU
    case driverRuntime
    case driverImage
    case imageDevices
    case toolkitGPU
    case toolkitTorch
    case torchCount
    case torchLibraries
    case torchGPU
    case packageGPU
    case packageTorch
    case ptxDriver
    case compressionDriver
    case flagsContents
    case missingLibraries
    case runtimeCode
  }

  public var id: ID
  public var status: Status
  /// What it is about: a package, a toolkit, a variable; nil where the id says it all.
  public var subject: String?
  /// The device that it is about, as an index into the question's devices; nil for all or none.
  public var device: Int?
  /// The folder of the Python environment that it is about.
  public var environment: Path?
  /// What is the case.
  public var sentence: Sentence
  /// What that means, or what CUDA says then; a clause that follows the summary.
  public var detail: String?
  public var evidence: [Evidence]
  /// It is about the device code of PyTorch.
  var isAboutTorch = false
  /// It says that PyTorch was built without CUDA.
  var isBuiltWithoutCUDA = false
  /// The packages that do not run when it fails, by their indices; nil where that is everything in the view.
  package var packages: [Int]?
  /// The reason that it is, where its id does not tell.
  var reason: Reason.Code?
  /// The packages do nothing without what it is about.
  var isWhole = false

  /// Whether another driver may change the answer.
  package var dependsOnDriver: Bool {
    id.dependsOnDriver || reason == .driverTooOldForPTX || reason == .driverTooOldForRuntime
  }

  /// What is the case, in a clause without a full stop at the end.
  public var summary: String { sentence.text }

  /// The summary and the detail.
  public var message: String { summary + (detail.map { "; " + $0 } ?? "") }

  /// Where the rule comes from.
  public var source: String { id.source }

  public init(
    _ id: ID, _ status: Status, subject: String? = nil, device: Int? = nil, environment: Path? = nil,
    _ sentence: Sentence, detail: String? = nil, evidence: [Evidence] = []
  ) {
    self.id = id
    self.status = status
    self.subject = subject
    self.device = device
    self.environment = environment
    self.sentence = sentence
    self.detail = detail
    self.evidence = evidence
  }
}

extension Check {
  /// Whether it is open only because no driver is named: what an unnamed driver does is no part of the question.
  package func isOutside(_ question: Question) -> Bool {
    status == .unknown && id.dependsOnDriver && !question.namesDriver
  }
}

extension Check.ID {
  /// Only matters where something is compiled on the machine.
  public var isAboutBuilding: Bool { self == .toolkitGPU || self == .toolkitTorch }

  /// Whether another driver may change the answer.
  public var dependsOnDriver: Bool {
    switch self {
    case .driverGPU, .driverRuntime, .driverImage, .ptxDriver, .compressionDriver: true
    default: false
    }
  }

  /// Where the rule comes from.
  public var source: String {
    switch self {
    case .driverGPU: "NVIDIA: CUDA toolkit, driver and architecture matrix"
    case .driverRuntime: "NVIDIA: CUDA compatibility (minor-version and forward compatibility)"
    case .driverImage: "libnvidia-container, src/cli/dsl.c and src/cli/configure.c"
    case .imageDevices: "NVIDIA container toolkit, internal/config/image/cuda_image.go"
    case .toolkitGPU: "NVIDIA: PTX ISA release notes, and the compilers of each toolkit"
    case .toolkitTorch: "PyTorch, torch/utils/cpp_extension.py: _check_cuda_version"
    case .torchCount: "Python takes the first installation on its path"
    case .torchLibraries:
      "the names that PyTorch's libraries need, and the versions that its distribution requires"
    case .torchGPU, .packageGPU: "CUDA programming guide, binary and PTX compatibility"
    case .packageTorch: "the version of PyTorch that the package requires or was built for"
    case .ptxDriver: "cuda.h, CUDA_ERROR_UNSUPPORTED_PTX_VERSION; NVIDIA: CUDA compatibility"
    case .compressionDriver: "NVIDIA: fat binary compression, drivers since 550.54.14"
    case .flagsContents: "torch.cuda.get_arch_list() against the device code of PyTorch's libraries"
    case .missingLibraries: "ld.so(8): how the dynamic linker searches"
    case .runtimeCode: "how the package finds its compiler, and what that compiler lists"
    }
  }
}

extension Sequence<Check> {
  /// The status over several checks that must all hold; nil without any.
  public var worst: Check.Status? { map(\.status).max { $0.rank < $1.rank } }
}
