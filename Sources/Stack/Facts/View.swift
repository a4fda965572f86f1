public import Bytes
public import Compatibility
public import DeviceCode

/// Everything that a scan found. Nothing in it depends on a GPU, on the driver of a host or on the time.
public struct Facts: Sendable {
  /// In the order in which they were named.
  public var views: [View]
  public var counts: ScanCounts

  public init(views: [View] = [], counts: ScanCounts = ScanCounts()) {
    self.views = views
    self.counts = counts
  }

  /// Adds the views of other facts, and what it took to find them.
  public mutating func add(_ other: Facts) {
    views += other.views
    counts.filesVisited += other.counts.filesVisited
    counts.directories += other.counts.directories
    counts.elfFiles += other.counts.elfFiles
    counts.librariesWithDeviceCode += other.counts.librariesWithDeviceCode
    counts.modules += other.counts.modules
    counts.images += other.counts.images
    counts.bytesRead += other.counts.bytesRead
    counts.imagesRead += other.counts.imagesRead
    counts.linksOutside += other.counts.linksOutside
  }

  /// The problems of all views.
  public var problemCount: Int { views.reduce(0) { $0 + $1.problems.count } }
}

/// The facts of one installation: what a person thinks of as one thing that runs, or does not.
///
/// A path in a view names one file: it starts at the directory, at the root of the file system or archive, and for wheels
/// that are installed together at the folder that they are unpacked into.
public struct View: Sendable, Encodable {
  public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
    /// A directory with all that is below it.
    case directory
    /// A directory, or a tar, that holds the root of a file system, or an image of one (SquashFS).
    case rootFileSystem
    /// One file.
    case file
    /// A zip archive that pip would install, or several that can be installed together.
    case wheel
    /// Any other zip archive.
    case zip
    /// A package of conda.
    case condaPackage
    /// A tar that is neither an image nor a package.
    case tar
    /// One image for one platform.
    case image

    /// Packages as they are handed out, which do not bring what they require.
    public var isPackage: Bool { self == .wheel || self == .condaPackage }
    /// A whole system, so that what is missing in it is missing indeed.
    public var isSystem: Bool { self == .image || self == .rootFileSystem }
  }

  public var kind: Kind
  /// What was named, or was found in what was named; more than one for wheels that are installed together.
  public var paths: [Path]
  /// What tells an image from others in the same archive: its platform, its name or its digest; nil where it is alone.
  public var label: String?
  public var image: Image?
  /// The files with device code, by their paths.
  public var files: [CodeFile] = []
  /// Files that are recognised but hold no device code that could be judged.
  public var otherFiles: [OtherFile] = []
  /// Symbolic links to directories, and to files that may hold device code, outside of what was named: not followed.
  public var linksOutside = 0
  /// Of ``paths`` the packages without device code, where there are several.
  public var emptyPackages: [Path] = []
  public var stack = StackFacts()
  /// By path and offset.
  public var problems: [FileProblem] = []

  public init(kind: Kind, paths: [Path], label: String? = nil, image: Image? = nil) {
    self.kind = kind
    self.paths = paths
    self.label = label
    self.image = image
  }

  enum CodingKeys: String, CodingKey {
    case kind, paths, label, image, files, otherFiles, linksOutside, emptyPackages, stack, problems
  }

  /// What an image says of itself besides its files.
  public struct Image: Hashable, Sendable, Codable {
    /// The names that the archive gives the image.
    public var names: [String]
    /// `linux/amd64`.
    public var platform: String
    /// The digest of the manifest; nil where there is none.
    public var digest: String?
    /// From the lowest to the uppermost.
    public var layers: [Layer]

    public init(names: [String], platform: String, digest: String?, layers: [Layer]) {
      self.names = names
      self.platform = platform
      self.digest = digest
      self.layers = layers
    }
  }

  public struct Layer: Hashable, Sendable, Codable {
    public var digest: String
    /// The command that made it, where the image tells.
    public var createdBy: String?

    public init(digest: String, createdBy: String?) {
      self.digest = digest
      self.createdBy = createdBy
    }
  }

  /// What could not be read where it matters to some devices only, each with its file.
  public var readingProblems: [FileProblem] {
    files.flatMap { file in
      file.readingProblems.map { FileProblem(path: file.path, problem: $0.problem) }
    }
  }

  /// Whether it holds nothing that anything could be said about.
  public var isEmpty: Bool {
    files.isEmpty && !stack.hasStack && stack.compilers.isEmpty && stack.runtimeFrameworks.isEmpty
      && problems.isEmpty && otherFiles.isEmpty
  }
}

/// A file with CUDA device code.
public struct CodeFile: Sendable {
  /// In the view.
  public var path: Path
  /// Other names of the file in the view: hard links, symbolic links, and files with the same contents.
  public var aliases: [Path]
  /// All names of the file, ``path`` first.
  public var names: [Path] { [path] + aliases }
  /// The layer of the image that brought it, counted from the lowest one.
  public var layer: Int?
  public var format: InspectedFile.Format
  /// Bytes.
  public var size: UInt64
  /// The SHA-256 digest of its bytes; nil in facts that were gathered for some devices, because it takes reading all of it.
  public var digest: [UInt8]?
  /// The build ID that its linker gave it (the note of GNU); nil where there is none.
  public var buildID: [UInt8]?
  /// The device code, without what tells one module from others that are judged alike.
  public var unit: CodeUnit
  /// The kernels of those modules whose names were read.
  public var kernels: KernelNames
  /// Images and stored bytes by target.
  public var targets: [ImageTarget: TargetTotals]
  public var imageCount: Int
  public var problems: [Problem]
  /// What could not be read of the code, where that matters to the verdicts on some devices only; empty in facts that were
  /// gathered for devices, where it is among ``problems``.
  public var readingProblems: [ReadingProblem]

  /// Why the kernels of a module, or the directives of PTX, are not known.
  public struct ReadingProblem: Hashable, Sendable, Codable {
    public var module: Int
    /// The position among the module's images of the PTX whose directives it is about; nil for kernels.
    public var ptx: Int?
    public var problem: Problem

    public init(module: Int, ptx: Int? = nil, problem: Problem) {
      self.module = module
      self.ptx = ptx
      self.problem = problem
    }
  }

  public init(
    path: Path, aliases: [Path] = [], layer: Int? = nil, format: InspectedFile.Format = .elf,
    size: UInt64 = 0, digest: [UInt8]? = nil, buildID: [UInt8]? = nil, unit: CodeUnit,
    kernels: KernelNames = KernelNames(), targets: [ImageTarget: TargetTotals] = [:],
    imageCount: Int = 0, problems: [Problem] = [], readingProblems: [ReadingProblem] = []
  ) {
    self.path = path
    self.aliases = aliases
    self.layer = layer
    self.format = format
    self.size = size
    self.digest = digest
    self.buildID = buildID
    self.unit = unit
    self.kernels = kernels
    self.targets = targets
    self.imageCount = imageCount
    self.problems = problems
    self.readingProblems = readingProblems
  }
}

/// A file that is recognised but whose code is not CUDA device code that could be judged.
public struct OtherFile: Hashable, Sendable, Codable {
  public var path: Path
  /// What it is: "32-bit little-endian ELF", "AMD (.hip_fatbin)".
  public var what: String

  public init(path: Path, what: String) {
    self.path = path
    self.what = what
  }
}

/// A problem and the file that has it.
public struct FileProblem: Hashable, Sendable, Codable {
  /// In the view; empty for the view itself.
  public var path: Path
  public var problem: Problem

  public init(path: Path, problem: Problem) {
    self.path = path
    self.problem = problem
  }
}

/// How much a scan has seen. Equal for every number of jobs.
public struct ScanCounts: Hashable, Sendable, Encodable {
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

  enum CodingKeys: String, CodingKey {
    case filesVisited, directories, elfFiles, librariesWithDeviceCode, modules, images, bytesRead, imagesRead,
      linksOutside
  }
}
