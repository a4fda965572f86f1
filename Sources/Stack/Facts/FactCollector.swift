public import Bytes
public import Compatibility
import ELFFile

/// Gathers the facts of a tree.
public struct FactCollector {
  let tree: Tree
  let tables: TableSet
  let libraries: [HostLibrary]
  private let librariesByPath: [Path: HostLibrary]
  let files: Set<Path>
  private var problems: [FileProblem] = []

  /// The facts of `tree`, with what is known of its ELF files and of the image that it belongs to, and the packages that
  /// the files in `deviceCode` belong to.
  ///
  /// `steps` are the names that may be looked up to find libraries, and `stepLimit` says how many there were.
  /// The problems are those of files that cannot be read, by path. The order of the result does not depend on the order
  /// of `tree` and `libraries`.
  public static func facts(
    of tree: Tree, libraries: [HostLibrary], deviceCode: [Path] = [], images: [ImageConfiguration] = [],
    steps: Budget = Budget(), stepLimit: String? = nil, by tables: TableSet
  ) -> (facts: StackFacts, problems: [FileProblem]) {
    var collector = FactCollector(tree, libraries, tables)
    let facts = collector.collect(deviceCode, images, steps, stepLimit)
    return (facts, collector.problems.sorted { $0.path < $1.path })
  }

  private init(_ tree: Tree, _ libraries: [HostLibrary], _ tables: TableSet) {
    self.tree = tree
    self.tables = tables
    self.libraries = libraries.sorted { $0.path < $1.path }
    librariesByPath = Dictionary(libraries.map { ($0.path, $0) }) { first, _ in first }
    files = Set(tree.files)
  }

  private mutating func collect(
    _ deviceCode: [Path], _ images: [ImageConfiguration], _ steps: Budget, _ stepLimit: String?
  ) -> StackFacts {
    let interesting = Interesting(tree.files)
    // Folders of environments, parents before what they hold.
    var found: [Path: [Distribution]] = [:]
    for path in interesting.metadata {
      if let distribution = distribution(at: path) {
        found[path.parent.parent, default: []].append(distribution)
      }
    }
    for path in interesting.versionFiles { found[path.parent.parent, default: []] += [] }
    let folders = found.keys.sorted()
    var environments = folders.map { environment(at: $0, found[$0] ?? []) }
    var facts = StackFacts(images: images)
    var resolver = LibraryResolver(tree, files: files, steps: steps)
    facts.toolkits = toolkits(interesting.toolkitFiles, &resolver)

    let conda = interesting.condaRecords.compactMap { CondaRecord($0) }
    let debian = interesting.debianStatus.flatMap { debianPackages(in: $0) }
    let prefixes = Set(conda.map(\.prefix))
    // Where several environments have one home, the last one counts.
    let homes = FolderIndex(environments.map { $0.folder.home(in: prefixes) })
    var seen: Set<Component> = []
    let table = tables.libraries
    let components =
      interesting.libraries.compactMap { Component(file: $0, table) }
      + conda.compactMap { Component($0, table) } + debian.compactMap { Component($0, table) }
    for component in components where seen.insert(component).inserted {
      if let index = homes.innermost(around: component.path) {
        environments[index].components.append(component)
      } else {
        facts.components.append(component)
      }
    }
    facts.environments = environments.filter { !$0.distributions.isEmpty || $0.torch != nil }
    let condaTorch = Dictionary(
      conda.lazy.filter { ["pytorch", "libtorch"].contains($0.name) }.map { ($0.prefix, $0) }
    ) { first, _ in first }
    facts.isSystem = ["etc/os-release", "usr/lib/os-release"].contains { name in
      files.contains(Path(name)) || tree.links[Path(name)] != nil
    }
    facts.compilers = compilers(homes)
    for index in facts.environments.indices {
      let home = facts.environments[index].folder.home(in: prefixes)
      facts.environments[index].torch?.complete(by: condaTorch[home])
    }
    PackageCollector(conda: conda, debian: debian, interesting).attribute(deviceCode, in: &facts, by: &self)
    facts.compatPackages = interesting.libraries.compactMap { compatPackage(at: $0) }
    facts.staticRuntimes = librariesWithRuntime()
      .map { StaticRuntime(path: $0.path, toolkit: $0.compiler.flatMap { CUDAVersion(release: $0) }) }
    facts.jetsonLinux = jetsonLinux(debian)
    facts.missing = resolver.missing(for: libraries, environments: folders, besides: table)
    if steps.isSpent {
      note(Problem(.limitExceeded, "search for needed libraries", expected: stepLimit), of: Path(""))
    }
    let machines = Dictionary(grouping: libraries, by: \.machine).mapValues(\.count)
    facts.machine =
      machines.max { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) }?.key
    facts.runtimeFrameworks = runtimeFrameworks(facts, resolver, prefixes: prefixes)
    return facts
  }

  /// The contents of a file, if there is one; what keeps it from being read is noted.
  mutating func contents(of path: Path) -> [UInt8]? {
    guard files.contains(path) else { return nil }
    return understood(path) { [tree] () throws(Problem) in try tree.contents(of: path) }
  }

  /// What `read` makes of a file; what keeps it from being understood is noted.
  mutating func understood<Value>(_ path: Path, _ read: () throws(Problem) -> Value) -> Value? {
    do throws(Problem) {
      return try read()
    } catch {
      note(error, of: path)
      return nil
    }
  }

  /// Notes what is wrong with a file.
  mutating func note(_ problem: Problem, of path: Path) {
    problems.append(FileProblem(path: path, problem: problem))
  }

  private mutating func distribution(at path: Path) -> Distribution? {
    // What a package carries of others is not installed.
    guard path.parent.parent.lastComponent != Path("_vendor"),
      let bytes = contents(of: path)
    else { return nil }
    let distribution = Distribution(metadata: bytes, at: path)
    if distribution == nil {
      note(Problem(.invalidValue, "distribution", expected: "a name and a version"), of: path)
    }
    return distribution
  }

  private mutating func environment(at folder: Path, _ distributions: [Distribution]) -> PythonEnvironment {
    let table = tables.libraries
    var environment = PythonEnvironment(
      folder: folder, python: nil, distributions: distributions, torch: nil, frameworks: [],
      components: distributions.compactMap { Component($0, table) })
    for distribution in distributions {
      let framework = Framework(distribution) { name in
        let path = folder.child(name)
        return contents(of: path).map { (path, $0) }
      }
      if let framework { environment.frameworks.append(framework) }
    }
    let own = distributions.first { $0.normalizedName == "torch" }
    environment.torch = torch(in: folder, own)
    environment.python = python(in: folder, own)
    return environment
  }

  /// The version of Python by the folder `python3.12`, or by the wheel that PyTorch came in.
  private mutating func python(in folder: Path, _ torch: Distribution?) -> Fact<String>? {
    for part in folder.components.reversed() where part.starts(with: "python3.".utf8) {
      let version = String(decoding: part.dropFirst("python".utf8.count), as: UTF8.self)
      if CUDAVersion(version) != nil { return Fact(version, in: folder, says: "python\(version)") }
    }
    guard let path = torch?.metadata.parent.child("WHEEL"),
      let version = contents(of: path).flatMap({ Distribution.python(wheel: $0) })
    else { return nil }
    return Fact(version, in: path, says: "made for Python \(version)")
  }

  private mutating func torch(in folder: Path, _ distribution: Distribution?) -> TorchInstallation? {
    let versionFile = folder.child("torch/version.py")
    let values = contents(of: versionFile).map { PythonSource($0).values }
    let version: Fact<String>
    if let text = values?["__version__"], !text.isEmpty {
      version = Fact(text, in: versionFile, says: "__version__ = '\(text)'")
    } else if let distribution {
      version = Fact(
        distribution.version, in: distribution.metadata, says: "Version: \(distribution.version)")
    } else {
      return nil
    }
    var torch = TorchInstallation(folder: folder, version: version)
    if let text = values?["cuda"], let cuda = CUDAVersion(release: text) {
      torch.cuda = Fact(cuda, in: versionFile, says: "cuda = '\(text)'")
    } else if let cuda = CUDAVersion(local: version.value) {
      torch.cuda = Fact(cuda, version.evidence)
    }
    torch.isWithoutCUDA =
      torch.cuda == nil && (values?["cuda"] == "None" || version.value.hasSuffix("+cpu"))
    if let text = values?["hip"], text != "None", !text.isEmpty {
      torch.rocm = Fact(text, in: versionFile, says: "hip = '\(text)'")
    }
    for required in distribution?.requires ?? [] where !required.isOptional {
      guard required.name.hasPrefix("nvidia-") || required.name == "cuda-toolkit", let pin = required.pin
      else {
        continue
      }
      if let distribution {
        torch.requires[required.name] = Fact(
          pin, in: distribution.metadata, says: "Requires-Dist: \(required.text)")
        torch.extras[required.name] = required.extras.isEmpty ? nil : required.extras
      }
    }
    let library = folder.child("torch/lib/libtorch_python.so")
    if files.contains(library) {
      do throws(Problem) {
        if let flags = try ArchitectureFlags.find(in: tree.open(library)) {
          torch.flags = Fact(flags, in: library, says: flags.description)
        }
      } catch {
        note(error, of: library)
      }
    }
    if torch.cuda == nil, !torch.isWithoutCUDA,
      let pin = torch.requires.filter({
        $0.key.hasPrefix("nvidia-cuda-runtime") || $0.key == "cuda-toolkit"
      }).min(by: { $0.key < $1.key }),
      let cuda = CUDAVersion(release: pin.value.value)
    {
      torch.cuda = Fact(cuda, pin.value.evidence)
    }
    var seen: Set<String> = []
    for library in libraries(in: torch.libraryFolder) {
      for soname in library.dynamic.needed where seen.insert(soname).inserted {
        if LibraryName(soname).flatMap({ tables.libraries.component(of: $0) }) != nil {
          torch.needed.append(Fact(soname, in: library.path, says: "needs \(soname)"))
        }
      }
    }
    return torch
  }

  /// The libraries below a folder, in their order.
  private func libraries(in folder: Path) -> ArraySlice<HostLibrary> {
    let first = Path(bytes: folder.bytes + [UInt8(ascii: "/")])
    let start = libraries.partitioningIndex { $0.path >= first }
    let end = libraries[start...].firstIndex { !$0.path.isInside(folder) } ?? libraries.endIndex
    return libraries[start..<end]
  }

  /// The release of Jetson Linux, by the file that it installs or by its core package.
  private mutating func jetsonLinux(_ debian: [DebianPackage]) -> Fact<String>? {
    let path = Path("etc/nv_tegra_release")
    if let (release, line) = contents(of: path).flatMap({ DriverFiles.jetsonLinux($0) }) {
      return Fact(release, in: path, says: String(line.prefix(64)))
    }
    guard let core = debian.first(where: { $0.name == "nvidia-l4t-core" }) else { return nil }
    let release = DebianPackage.upstream(core.version)
    return Fact(release, in: core.path, says: "nvidia-l4t-core \(core.version)")
  }

  /// The libraries that register device code where no CUDA runtime comes from another library, directly or not.
  private func librariesWithRuntime() -> [HostLibrary] {
    let haveRuntime = libraries.map { library in
      library.dynamic.needed.contains { LibraryName($0)?.stem == "libcudart" }
    }
    // From those that get a runtime back to those that need them.
    var neededBy: [String: [Int]] = [:]
    for (index, library) in libraries.enumerated() {
      for name in library.dynamic.needed { neededBy[name, default: []].append(index) }
    }
    var getRuntime = Set(libraries.indices.filter { haveRuntime[$0] })
    var rest = Array(getRuntime)
    while let index = rest.popLast() {
      for name in Set([libraries[index].path.lastComponent.text, libraries[index].dynamic.soname ?? ""]) {
        for next in neededBy.removeValue(forKey: name) ?? [] where getRuntime.insert(next).inserted {
          rest.append(next)
        }
      }
    }
    return libraries.indices.filter { libraries[$0].registersDeviceCode && !getRuntime.contains($0) }
      .map { libraries[$0] }
  }

  private mutating func toolkits(_ sorted: [Path], _ resolver: inout LibraryResolver) -> [Toolkit] {
    var folders: Set<Path> = []
    for path in sorted {
      let name = path.lastComponent
      if name == Path("nvcc"), path.parent.lastComponent == Path("bin") {
        folders.insert(path.parent.parent)
      } else if name == Path("version.json") || name == Path("version.txt"),
        path.parent.lastComponent.bytes.starts(with: "cuda".utf8)
      {
        folders.insert(path.parent)
      } else if name.bytes.starts(with: "libcudart.so.".utf8),
        let folder = Self.toolkitFolder(ofRuntime: path)
      {
        folders.insert(folder)
      }
    }
    let usual = Path("usr/local/cuda")
    return folders.sorted().compactMap { folder in
      let version = toolkitVersion(folder)
      let hasCompiler = files.contains(folder.child("bin/nvcc"))
      if version == nil && !hasCompiler { return nil }
      let isDefault =
        folder == usual
        || ["bin/nvcc", "version.json", "version.txt"].contains { name in
          files.contains(folder.child(name)) && resolver.existing(usual.child(name)) == folder.child(name)
        }
      return Toolkit(folder: folder, version: version, hasCompiler: hasCompiler, isDefault: isDefault)
    }
  }

  /// `usr/local/cuda-12.4` of `usr/local/cuda-12.4/lib64/libcudart.so.12.4.127` or one in `targets/…/lib`.
  private static func toolkitFolder(ofRuntime path: Path) -> Path? {
    var folder = path.parent.parent
    if folder.parent.lastComponent == Path("targets") { folder = folder.parent.parent }
    return folder.lastComponent.bytes.starts(with: "cuda-".utf8) ? folder : nil
  }

  private mutating func toolkitVersion(_ folder: Path) -> Fact<String>? {
    for (name, read) in [
      ("version.json", Toolkit.version(json:)), ("version.txt", Toolkit.version(text:)),
      ("include/cuda.h", Toolkit.version(header:)),
      ("targets/x86_64-linux/include/cuda.h", Toolkit.version(header:)),
      ("targets/sbsa-linux/include/cuda.h", Toolkit.version(header:)),
    ] {
      let path = folder.child(name)
      if let text = contents(of: path).flatMap(read) { return Fact(text, in: path, says: "CUDA \(text)") }
    }
    return Toolkit.version(folder: folder).map { Fact($0, in: folder, says: folder.lastComponent.text) }
  }

  private func compatPackage(at path: Path) -> CompatPackage? {
    let name = path.lastComponent.text
    guard name.hasPrefix("libcuda.so."), path.parent.lastComponent == Path("compat") else { return nil }
    let driver = String(name.dropFirst("libcuda.so.".count))
    guard driver.split(separator: ".").count > 1 else { return nil }
    return CompatPackage(path: path, driver: driver, library: librariesByPath[path], by: tables)
  }
}

/// The files that facts are made of, by what they are; each list in the order of the paths.
struct Interesting {
  /// Of distributions.
  var metadata: [Path] = []
  /// Of PyTorch.
  var versionFiles: [Path] = []
  /// By which toolkits are found.
  var toolkitFiles: [Path] = []
  /// Libraries with a version in their name.
  var libraries: [Path] = []
  /// Of conda prefixes.
  var condaRecords: [Path] = []
  /// Of conda packages that are not installed.
  var condaIndexes: [Path] = []
  /// dpkg's list of packages, or one package of it.
  var debianStatus: [Path] = []
  /// dpkg's lists of files.
  var debianLists: [Path] = []

  init(_ files: [Path]) {
    for path in files {
      let name = path.name
      switch name.first {
      case UInt8(ascii: "M") where name.elementsEqual("METADATA".utf8) && path.parent.hasSuffix(".dist-info"),
        UInt8(ascii: "P") where name.elementsEqual("PKG-INFO".utf8) && path.parent.hasSuffix(".egg-info"):
        metadata.append(path)
      case UInt8(ascii: "v") where name.elementsEqual("version.py".utf8):
        if path.parent.lastComponent == Path("torch") { versionFiles.append(path) }
      case UInt8(ascii: "v")
      where name.elementsEqual("version.json".utf8) || name.elementsEqual("version.txt".utf8),
        UInt8(ascii: "n") where name.elementsEqual("nvcc".utf8):
        toolkitFiles.append(path)
      case UInt8(ascii: "l") where name.starts(with: "lib".utf8) && name.contains(".so."):
        libraries.append(path)
        if name.starts(with: "libcudart.so.".utf8) { toolkitFiles.append(path) }
      default: break
      }
      let folder = path.bytes.dropLast(name.count + 1)
      if name.hasSuffix(".json") {
        if folder.hasSuffix("conda-meta") { condaRecords.append(path) }
        if name.elementsEqual("index.json".utf8), folder.hasSuffix("info") { condaIndexes.append(path) }
      } else if folder.hasSuffix("lib/dpkg/status.d") {
        if name.hasSuffix(".md5sums") { debianLists.append(path) } else { debianStatus.append(path) }
      } else if name.hasSuffix(".list") {
        if folder.hasSuffix("lib/dpkg/info") { debianLists.append(path) }
      } else if name.elementsEqual("status".utf8), folder.hasSuffix("lib/dpkg") {
        debianStatus.append(path)
      }
    }
    condaRecords.sort()
    condaIndexes.sort()
    debianStatus.sort()
    debianLists.sort()
    metadata.sort()
    versionFiles.sort()
    toolkitFiles.sort()
    libraries.sort()
  }
}
