import Archives
public import Bytes
public import Compatibility
public import DeviceCode
public import Stack

/// A file with CUDA device code.
public struct ScannedLibrary: Sendable {
  public var place: FilePlace
  /// Other names of the file: hard links, symbolic links, and files with the same contents.
  public var aliases: [FilePlace]
  public var file: InspectedFile
  /// The device code, prepared for judging.
  public var unit: CodeUnit
  /// The kernels of those modules whose names were read.
  public var kernels = KernelNames()
  /// What could not be read of the code when it was read for all devices.
  var readingProblems: [CodeFile.ReadingProblem] = []
  /// The build ID of an ELF file; nil without one.
  var buildID: [UInt8]?
  /// The SHA-256 digest of its bytes; nil where that was not asked for.
  var digest: [UInt8]?
  /// A checksum of how the file starts and ends; nil where that could not be read.
  var ends: UInt64?
  /// ``targets`` of a file in a zip archive; nil for others.
  var zippedTargets: [ImageTarget: TargetTotals]?
  /// What was written down of the file, whose bytes are not there; nil for a file that was read.
  var recorded: CodeFile?

  public init(place: FilePlace, aliases: [FilePlace] = [], file: InspectedFile, unit: CodeUnit) {
    self.place = place
    self.aliases = aliases
    self.file = file
    self.unit = unit
  }

  /// Images and stored bytes by target.
  var targets: [ImageTarget: TargetTotals] {
    recorded?.targets ?? zippedTargets ?? file.inventory.targetTotals
  }
  var imageCount: Int { recorded?.imageCount ?? file.inventory.images.count }
}

/// A file that is recognised but whose code is not CUDA device code that could be judged.
public struct RecognisedFile: Hashable, Sendable {
  public var place: FilePlace
  /// What it is: "32-bit little-endian ELF", "AMD (.hip_fatbin)".
  public var what: String

  public init(place: FilePlace, what: String) {
    self.place = place
    self.what = what
  }
}

/// A problem and the file that has it.
public struct PlacedProblem: Hashable, Sendable {
  public var place: FilePlace
  public var problem: Problem

  public init(place: FilePlace, problem: Problem) {
    self.place = place
    self.problem = problem
  }
}

extension [PlacedProblem] {
  mutating func sortByPlace() {
    sort { ($0.place, $0.problem.offset ?? 0) < ($1.place, $1.problem.offset ?? 0) }
  }
}

extension [FileProblem] {
  mutating func sortByPath() {
    sort { ($0.path, $0.problem.offset ?? 0) < ($1.path, $1.problem.offset ?? 0) }
  }
}

/// What lies under the roots besides device code and tells about the software around it.
struct Surroundings: Sendable {
  /// The files that facts may depend on.
  var files: [FilePlace] = []
  /// All symbolic links, and what they say.
  var links: [(place: FilePlace, target: Path)] = []
  /// Host ELF files, whether they hold device code or not.
  var libraries: [(place: FilePlace, library: HostLibrary)] = []
}

/// What a walk found under all roots, in an order that does not depend on the number of jobs.
public struct ScanResult: Sendable {
  public let roots: [ScanRoot]
  public var libraries: [ScannedLibrary]
  public var recognised: [RecognisedFile]
  public var problems: [PlacedProblem]
  public var counts: ScanCounts
  var surroundings = Surroundings()
  /// By root the symbolic links to directories, and to files that may hold device code, outside all roots.
  var linksOutside: [Int: Int] = [:]
  var limits = ArchiveLimits()
  /// Names that may still be looked up.
  var steps = Budget()

  public init(
    roots: [ScanRoot], libraries: [ScannedLibrary] = [], recognised: [RecognisedFile] = [],
    problems: [PlacedProblem] = [], counts: ScanCounts = ScanCounts()
  ) {
    self.roots = roots
    self.libraries = libraries
    self.recognised = recognised
    self.problems = problems
    self.counts = counts
  }
}
