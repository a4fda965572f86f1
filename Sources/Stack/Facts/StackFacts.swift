public import Bytes
public import Compatibility
public import ELFFile

/// An installation of PyTorch.
public struct TorchInstallation: Hashable, Sendable, Codable {
  /// The folder that holds the package `torch`.
  public var folder: Path
  /// `2.4.1+cu121`.
  public var version: Fact<String>
  /// The CUDA version that it was built with; nil for a build without CUDA, and where nothing tells.
  public var cuda: Fact<CUDAVersion>?
  /// It says that it was built without CUDA.
  public var isWithoutCUDA: Bool
  /// The ROCm version of a build for AMD's GPUs.
  public var rocm: Fact<String>?
  /// The architectures that it says it was compiled for; nil where no library tells.
  public var flags: Fact<ArchitectureList>?
  /// The distributions of NVIDIA's libraries that it requires, by their names in normal form, with the version that
  /// they are pinned to.
  public var requires: [String: Fact<String>]
  /// The extras that it asks of some of these: `cublas`, `cudart` of `cuda-toolkit`, without which nothing is installed.
  public var extras: [String: [String]] = [:]
  /// The names of NVIDIA's libraries that its own libraries need, each once and in their order: `libcudart.so.12`.
  public var needed: [Fact<String>]

  public init(
    folder: Path, version: Fact<String>, cuda: Fact<CUDAVersion>? = nil, isWithoutCUDA: Bool = false,
    rocm: Fact<String>? = nil, flags: Fact<ArchitectureList>? = nil, requires: [String: Fact<String>] = [:],
    needed: [Fact<String>] = []
  ) {
    self.folder = folder
    self.version = version
    self.cuda = cuda
    self.isWithoutCUDA = isWithoutCUDA
    self.rocm = rocm
    self.flags = flags
    self.requires = requires
    self.needed = needed
  }

  /// Where its own libraries lie.
  public var libraryFolder: Path { folder.child("torch/lib") }
}

/// One Python environment: the packages of one folder, which see each other and no others.
public struct PythonEnvironment: Hashable, Sendable, Codable {
  /// `usr/lib/python3/dist-packages`; empty for the root itself.
  public var folder: Path
  /// The version of Python that it is for: `3.12`; nil where neither its folder nor PyTorch's wheel tells.
  public var python: Fact<String>?
  public var distributions: [Distribution]
  /// Nil where PyTorch is not installed.
  public var torch: TorchInstallation?
  public var frameworks: [Framework]
  /// NVIDIA's libraries in it.
  public var components: [Component]
}

/// A library that registers device code and needs no CUDA runtime: it has one inside, or loads one by itself.
public struct StaticRuntime: Hashable, Sendable, Codable {
  public var path: Path
  /// The compiler release that its device code names, which a runtime inside shares; nil where the code does not tell.
  public var toolkit: CUDAVersion?

  public init(path: Path, toolkit: CUDAVersion?) {
    self.path = path
    self.toolkit = toolkit
  }
}

/// What the files under a root say about the software around the device code.
public struct StackFacts: Sendable {
  public var environments: [PythonEnvironment]
  public var toolkits: [Toolkit]
  /// NVIDIA's libraries outside of all Python environments.
  public var components: [Component]
  public var compatPackages: [CompatPackage]
  public var staticRuntimes: [StaticRuntime]
  public var missing: [MissingLibrary]
  /// What compiles device code at run time, by path.
  public var compilers: [RuntimeCompiler] = []
  /// The packages that do so, by environment and name.
  public var runtimeFrameworks: [RuntimeFramework] = []
  /// Configurations of the image, or of several when somebody gave several.
  public var images: [ImageConfiguration]
  /// The packages that own files with device code, by environment, ecosystem and name.
  public var packages: [Package] = []
  /// Where packages are installed, by folder. A conda prefix stands for the Python environment in it too.
  public var installed: [InstalledEnvironment] = [] {
    didSet { folders = FolderIndex(installed.map(\.folder)) }
  }
  private(set) var folders = FolderIndex()
  /// By file with device code the index of its package.
  var owners: [Path: Int] = [:]
  /// The processor that most of the libraries are for; nil without libraries.
  public var machine: ELFMachine?
  /// The release of Jetson Linux (L4T) of a Tegra's root file system: `36.4.3`.
  public var jetsonLinux: Fact<String>?
  /// The root is that of a whole system, so that what is missing under it is missing indeed.
  public var isSystem = false

  public init(
    environments: [PythonEnvironment] = [], toolkits: [Toolkit] = [], components: [Component] = [],
    compatPackages: [CompatPackage] = [], staticRuntimes: [StaticRuntime] = [],
    missing: [MissingLibrary] = [], images: [ImageConfiguration] = []
  ) {
    self.environments = environments
    self.toolkits = toolkits
    self.components = components
    self.compatPackages = compatPackages
    self.staticRuntimes = staticRuntimes
    self.missing = missing
    self.images = images
  }

  /// The environment that a file belongs to.
  public func environment(of file: Path) -> PythonEnvironment? {
    environments.last { file.isInside($0.folder) }
  }

  /// Whether anything is known of the software around the device code but what the code itself tells.
  public var hasStack: Bool {
    environments.contains { $0.torch != nil || !$0.frameworks.isEmpty || !$0.components.isEmpty }
      || !toolkits.isEmpty || !components.isEmpty || !compatPackages.isEmpty || !images.isEmpty
  }

  /// All installations of PyTorch, in the order of their folders.
  public var torches: [TorchInstallation] { environments.compactMap(\.torch) }
}
