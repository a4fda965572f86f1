public import Compatibility
import Stack

/// Which release of a package is asked for.
public struct ReleaseQuestion: Sendable {
  /// As somebody wrote it: `onnxruntime_gpu`.
  public var package: String
  /// The GPUs that all have to run it, with the driver where it is named.
  public var question: Question
  /// The version of Python that a release must have a wheel for: `3.12`; nil for any.
  public var python: String?
  /// The CUDA version that there is: wheels for another major version, or for a newer one, are left out. Nil for any.
  public var cuda: CUDAVersion?
  /// `x86_64` or `aarch64`.
  public var machine: String

  /// - Parameter machine: nil for that of the devices, where one of them tells, else `x86_64`.
  public init(
    package: String, question: Question, python: String? = nil, cuda: CUDAVersion? = nil,
    machine: String? = nil
  ) {
    self.package = package
    self.question = question
    self.python = python
    self.cuda = cuda
    let onArm = question.devices.contains { $0.device.machine == "aarch64" || $0.device.isTegra }
    self.machine = machine ?? SurveyTable.machine(isAArch64: onArm)
  }

  /// The name in normal form.
  var name: String { Distribution.normalize(package) }

  /// Whether what is for some versions of CUDA may be taken.
  ///
  /// - Parameter areAlternatives: there is a file for each version, of which exactly the one for what is there is taken.
  func admits(_ versions: [CUDAVersion], isMajorOnly: Bool, areAlternatives: Bool = false) -> Bool {
    guard let cuda, !versions.isEmpty else { return true }
    if areAlternatives { return versions.contains(cuda) }
    return versions.contains { $0.major == cuda.major && (isMajorOnly || $0 <= cuda) }
  }
}

/// What is known of the releases of a package on some GPUs.
public struct ReleaseAnswer: Sendable {
  /// The name in normal form.
  public var package: String
  public var machine: String
  /// Those that were measured and that the question admits, oldest first.
  public var releases: [AssessedRelease]
  /// The newest of them that runs whole on all GPUs.
  public var newest: AssessedRelease?
  /// The newest that runs after all with something that is not in it, or of which a part does: where it is newer than
  /// ``newest``, or there is none.
  public var newestInPart: AssessedRelease?
  /// The newest that was measured, whether it runs or not.
  public var latest: AssessedRelease?
  /// One for each GPU.
  public var changes: [[ReleaseChange]]
  /// How far it was measured.
  public var extent: ReleaseExtent

  /// The one to install: ``newestInPart`` where most of it runs, else ``newest``, and where there is none the former.
  public var best: AssessedRelease? {
    if let part = newestInPart, part.runsMostly { return part }
    return newest ?? newestInPart
  }
}

/// How far a package was measured.
public struct ReleaseExtent: Hashable, Sendable {
  /// How many releases there are, measured or not.
  public var releases: Int
  /// How many of them were measured.
  public var measured: Int
  /// The oldest and the newest that were; nil where none was.
  public var oldest: String?
  public var newest: String?
  /// The day on which there were these releases, where it is known.
  public var asOf: String?
  /// Measured releases that the question leaves out: for the wrong Python or CUDA.
  public var leftOut: Int
  /// Releases that are newer than the newest measured one.
  public var newer: Int
}

/// A release and what it is worth.
public struct AssessedRelease: Sendable {
  public var version: String
  /// The day on which it was published; nil where that is not known.
  public var published: String?
  /// The file that was measured, and its SHA-256 digest; nil for PyTorch, whose builds are in a table.
  public var file: String?
  public var sha256: String?
  /// The source of the row, where it is no measured file.
  public var source: String?
  /// False where no source states what it carries.
  public var isConfirmed = true
  /// The CUDA versions that it is built for, oldest first: of several it takes the one that is there. Empty where nothing
  /// tells.
  public var cuda: [CUDAVersion]
  /// Of ``cuda`` only the major version is known.
  public var isMajorOnly: Bool
  /// The targets of its own code: `sm_50`, `compute_90`.
  public var targets: [String]
  /// The versions of Python that it has wheels for, see ``SurveyTable/Release/pythons``.
  public var pythons: [String]
  public var requiresPython: String?
  /// The version of PyTorch that it requires, where it is one: `torch==2.5.1`.
  public var pins: [String]
  /// What it compiles with at run time and does not bring along, with the toolkits that would do.
  public var compilers: [String] = []
  /// One for each GPU.
  public var answers: [Answer]
  /// How much of its own code runs, from 0 to 1: on the GPU on which least does. Nil for PyTorch, whose builds are in a
  /// table, and where nothing was judged.
  public var runningShare: Double?
  /// The answer on all GPUs: the worst.
  public var answer: Answer
  /// The oldest driver for all GPUs; nil where nothing asks for one.
  public var oldestDriver: DriverVersion?
  /// The last driver branch that supports all of the GPUs; nil while the newest does.
  public var lastDriverBranch: Int?
  /// What installs it.
  public var command: String
  /// Its place among all releases of the package, those included that were not measured.
  public var position: Int
  /// The current compute capabilities on which it runs, at least in part.
  let findGenerations: @Sendable () -> [ComputeCapability]

  /// The current compute capabilities on which it runs, at least in part. They are judged each time that they are asked
  /// for.
  public var generations: [ComputeCapability] { findGenerations() }

  /// The oldest and the newest version of Python that tags and condition admit; no newest where every newer one is
  /// admitted. Nil where there are neither, or nobody understands them.
  public var pythonRange: (oldest: String, newest: String?)? {
    if pythons.isEmpty, requiresPython == nil { return nil }
    return SurveyTable.Release(
      version: version, published: published ?? "", pythons: pythons, requiresPython: requiresPython
    ).pythonRange
  }

  /// ``runningShare`` in percent, rounded down.
  public var runningPercent: Int? { runningShare.map { Int($0 * 100) } }

  /// Whether what it lacks is a compiler that is installed apart.
  public var needsCompiler: Bool {
    answer.kind == .unknown && answer.reasons.contains { $0.code == .compilerNotKnown }
  }

  /// Whether some of it does not run, but less than the rest: a feature of newer GPUs mostly, which the package does without.
  public var runsMostly: Bool { answer.kind == .partly && (runningShare ?? 0) >= 0.5 }

  /// How much of it runs, whatever stands in the way of the rest.
  var rank: Int {
    switch answer.kind {
    case .yes: 3
    case .unknown: needsCompiler ? 3 : answer.verdict == .notGuaranteed ? 1 : 0
    case .partly: 2
    case .no, .nothing: 0
    }
  }
}

/// Where a GPU comes or goes among the releases.
public struct ReleaseChange: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// The later release runs on the GPU, the earlier one does not.
    case came
    case gone
  }

  public var kind: Kind
  /// The last measured release before.
  public var before: String
  /// The first measured release after.
  public var after: String
  /// The day on which that was published.
  public var published: String?
  /// How many releases between them were not measured.
  public var unmeasured: Int
}
