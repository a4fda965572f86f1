public import Bytes
public import Compatibility
public import DeviceCode

/// A file with CUDA device code.
public struct ScannedLibrary: Sendable {
  public var place: FilePlace
  /// Other names of the file: hard links, symbolic links, and files with the same contents.
  public var aliases: [FilePlace]
  public var file: InspectedFile
  /// The device code, prepared for judging.
  public var library: Library
  /// The kernels of those modules whose names were read.
  public var kernels = KernelNames()
  /// A hash of how the file starts and ends; nil where that could not be read.
  var ends: Int?

  public init(place: FilePlace, aliases: [FilePlace] = [], file: InspectedFile, library: Library) {
    self.place = place
    self.aliases = aliases
    self.file = file
    self.library = library
  }
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
public struct FileProblem: Hashable, Sendable {
  public var place: FilePlace
  public var problem: Problem

  public init(place: FilePlace, problem: Problem) {
    self.place = place
    self.problem = problem
  }
}

/// How much a scan has seen. Equal for every number of jobs.
public struct ScanCounts: Hashable, Sendable {
  /// Regular files, every hard link counted.
  public var filesVisited = 0
  public var directories = 0
  /// Host ELF files, whether they hold device code or not.
  public var elfFiles = 0
  public var librariesWithDeviceCode = 0
  public var modules = 0
  public var images = 0
  /// Bytes of the files' contents; what it took to compare copies and to decompress members is not among them.
  public var bytesRead: UInt64 = 0
  /// Images that were decompressed, or read as a whole, for the names of their kernels.
  public var imagesRead = 0
  /// Symbolic links to directories, and to files that may hold device code, outside all roots: not followed.
  public var linksOutside = 0

  public init() {}
}

/// Everything that a scan found, in an order that does not depend on the number of jobs.
public struct ScanResult: Sendable {
  public let roots: [ScanRoot]
  /// Whether the wheels among the roots are one environment, as when they are installed together.
  let wheelsAreTogether: Bool
  public var libraries: [ScannedLibrary]
  public var recognised: [RecognisedFile]
  public var problems: [FileProblem]
  public var counts: ScanCounts
  public var surroundings = Surroundings()

  public init(
    roots: [ScanRoot], libraries: [ScannedLibrary] = [], recognised: [RecognisedFile] = [],
    problems: [FileProblem] = [], counts: ScanCounts = ScanCounts()
  ) {
    self.roots = roots
    wheelsAreTogether = roots.canBeInstalledTogether
    self.libraries = libraries
    self.recognised = recognised
    self.problems = problems
    self.counts = counts
  }
}
