import Archives
import Bytes
import Compression
import Dispatch
import Stack
import Synchronization

/// Finds out what the paths are that a scan starts at, and opens archives.
struct RootOpener {
  let limits: ArchiveLimits
  /// Names that may be looked up.
  let steps: Budget
  /// Bytes that the members of archives may take.
  private let memory: Budget
  /// Bytes that may be decompressed.
  private let decompression: Budget
  /// The platform that is wanted of images for several; nil for all of Linux.
  let platform: ContainerImage.Platform?
  /// The folders that symbolic links of directories are followed into.
  private let linkedFolders: [LinkedFolder]
  let jobs: Int
  let progress: ScanProgress?
  private(set) var roots: [ScanRoot] = []
  private(set) var problems: [PlacedProblem] = []
  /// Layers by their digests: images for several platforms, and versions of one image, share them.
  private var layers: [String: TarArchive] = [:]
  /// What was written down of the members of layers that are not read.
  private var records: [String: [Int: LayerFile]] = [:]
  /// Layers of all images so far.
  private var layerCount = 0

  init(
    limits: ArchiveLimits, steps: Budget, decompression: Budget, platform: ContainerImage.Platform?,
    linkedFolders: [LinkedFolder], jobs: Int, progress: ScanProgress?
  ) {
    self.decompression = decompression
    self.limits = limits
    self.steps = steps
    memory = Budget(Int(clamping: limits.nameMemory))
    self.platform = platform
    self.linkedFolders = linkedFolders
    self.jobs = jobs
    self.progress = progress
  }

  /// Adds the roots that `input` stands for: the images of an archive, the wheels in a folder and the folder itself, or
  /// one.
  mutating func add(_ input: ScanInput) {
    let path = input.name
    do throws(Problem) {
      switch input.place {
      case .path:
        if try FileKind.of(path) == .directory {
          try addDirectory(path)
        } else {
          try addFile(FileBytes(path: path), at: path)
        }
      case .file(let file): try addFile(FileBytes(again: file), at: path, isNameless: true)
      case .image(let folder, let blobs, let layers):
        let archive = try ImageArchive(folder: folder, blobs: blobs, platform: platform) { digest in
          layers?.has(digest) ?? false
        }
        add(archive, at: path, layers: layers)
      }
    } catch {
      addRoot(ScanRoot(path: path, kind: .file), problems: [error])
    }
  }

  private mutating func addRoot(_ root: ScanRoot, problems: [Problem] = []) {
    let place = FilePlace(root: roots.count, path: root.kind == .file ? root.path.lastComponent : Path(""))
    roots.append(root)
    self.problems += problems.map { PlacedProblem(place: place, problem: $0) }
  }

  private mutating func addRoot(
    _ path: Path, _ kind: View.Kind, _ archive: ArchiveFiles, image: ScanRoot.Image? = nil
  ) {
    var root = ScanRoot(path: path, kind: kind)
    root.archive = archive
    root.image = image
    addRoot(root, problems: archive.problems)
  }

  private mutating func addDirectory(_ path: Path) throws(Problem) {
    if ImageArchive.isImage(folder: path) {
      return add(try ImageArchive(folder: path, platform: platform), at: path)
    }
    let folder = try Folder(path)
    let directory = try Directory(in: folder)
    let followed = FollowedLinks(path, into: linkedFolders)
    var hasSystemFolder = false
    var packages: [[UInt8]] = []
    // What cannot be listed is told when the directory is walked.
    while let entry = try? directory.next() {
      if entry.name.elementsEqual("usr".utf8) { hasSystemFolder = true }
      guard Self.isPackage(entry.name[...]) else { continue }
      if entry.kind == .regular
        || entry.kind == .symbolicLink && followed?.leadsToFile(Path(bytes: entry.name)) == true
      {
        packages.append(entry.name)
      }
    }
    // Every Linux has this folder, and packages of Python and conda do not.
    var root = ScanRoot(path: path, kind: hasSystemFolder ? .rootFileSystem : .directory)
    root.folder = folder
    // Links in the file system of another machine lead nowhere on this one.
    if !hasSystemFolder { root.followed = followed }
    addRoot(root)
    for name in packages.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      add(ScanInput(name: path.appending(name)))
    }
  }

  /// Names of packages that are opened in a folder that was named. In folders below it they are files like others.
  private static let packageSuffixes = [".whl", ".conda"].map { Array($0.utf8) }

  /// Whether a file of this name, directly in a folder that was named, is opened as a root of its own.
  static func isPackage(_ name: ArraySlice<UInt8>) -> Bool {
    packageSuffixes.contains { name.suffix($0.count) == $0[...] }
  }

  /// - Parameter isNameless: whether the file cannot be opened by its name.
  private mutating func addFile(_ file: FileBytes, at path: Path, isNameless: Bool = false) throws(Problem) {
    memory.addMemory(for: file.size)
    decompression.addDecompression(for: file.size)
    let prefix = try file.bytes(at: 0, count: Int(min(file.size, 64)), "file")
    if let start = SquashFSArchive.start(prefix: prefix[...]) {
      let archive = try squashFS(SubrangeBytes(file, start..<file.size))
      return addRoot(path, .rootFileSystem, ArchiveFiles(archive))
    }
    if SIFImage.isSIF(prefix: prefix[...]) { return try addSIF(file, at: path) }
    if ZipArchive.isZip(prefix: prefix[...]) { return try addZip(file, at: path) }
    guard try TarArchive.isTar(file) else {
      let isELF = prefix.starts(with: [0x7F, 0x45, 0x4C, 0x46])
      if !isELF, try ZipArchive.endsAsZip(file) { return try addZip(file, at: path) }
      var root = ScanRoot(path: path, kind: .file)
      if isNameless { root.file = file }
      return addRoot(root)
    }
    var tree = FileTree(limits: limits, steps: steps, memory: memory)
    tree.apply(
      try TarArchive(decompressing: file, limits: limits, memory: memory, decompression: decompression))
    if ImageArchive.isImage(tree) {
      try add(ImageArchive(tree, platform: platform), at: path, alsoWrong: tree.problems)
    } else {
      let isConda = try tree.file(at: Path("info/index.json")) != nil
      addRoot(path, isConda ? .condaPackage : .tar, ArchiveFiles(tree))
    }
  }

  private func squashFS(_ source: any ByteSource) throws(Problem) -> SquashFSArchive {
    try SquashFSArchive(source, limits: limits, memory: memory, decompression: decompression)
  }

  private mutating func addSIF(_ file: FileBytes, at path: Path) throws(Problem) {
    let first = roots.count
    let image = try SIFImage(file, platform: platform)
    var wrong = image.problems
    for partition in image.partitions {
      do throws(Problem) {
        let archive = try squashFS(SubrangeBytes(file, partition.range))
        addRoot(
          path, .image, ArchiveFiles(archive),
          image: ScanRoot.Image(
            names: partition.name.isEmpty ? [] : [partition.name], platform: partition.platform, digest: nil,
            layers: [], configuration: []))
      } catch {
        wrong.append(error)
      }
    }
    addProblems(wrong, ofRootsFrom: first, at: path, otherPlatforms: image.otherPlatforms)
  }

  private mutating func addZip(_ file: FileBytes, at path: Path) throws(Problem) {
    let archive = try ZipArchive(file, limits: limits, decompression: decompression)
    if archive.isCondaPackage {
      return try addCondaPackage(
        CondaPackage(file, limits: limits, memory: memory, decompression: decompression), at: path)
    }
    addRoot(path, archive.isWheel ? .wheel : .zip, ArchiveFiles(archive))
  }

  private mutating func addCondaPackage(_ package: CondaPackage, at path: Path) throws(Problem) {
    var tree = FileTree(limits: limits, steps: steps, memory: memory)
    for part in package.parts { tree.apply(part) }
    addRoot(path, .condaPackage, ArchiveFiles(tree))
    let place = FilePlace(root: roots.count - 1, path: Path(""))
    for problem in package.problems where !tree.problems.contains(problem) {
      problems.append(PlacedProblem(place: place, problem: problem))
    }
  }

  /// Copies of decompressors, 40 or 54 KiB each, that are kept of all layers together: 80 MiB.
  private static let checkpointLimit = 1536

  private mutating func add(
    _ archive: ImageArchive, at path: Path, layers: LayerStore? = nil, alsoWrong: [Problem] = []
  ) {
    let first = roots.count
    layerCount = archive.images.reduce(layerCount) { $0 + $1.layers.count }
    for image in archive.images { add(image, at: path, layers: layers) }
    addProblems(
      alsoWrong + archive.problems, ofRootsFrom: first, at: path, otherPlatforms: archive.otherPlatforms)
  }

  /// Adds what is wrong with the archive that the roots from `first` on are the images of.
  private mutating func addProblems(
    _ problems: [Problem], ofRootsFrom first: Int, at path: Path,
    otherPlatforms: [ContainerImage.Platform]
  ) {
    var wrong = problems
    if roots.count == first, wrong.isEmpty {
      let others = otherPlatforms.prefix(8).map(\.description).joined(separator: ", ")
      wrong.append(
        Problem(
          .notFound, "image", expected: "one for \(platform?.description ?? "linux")",
          observed: others.isEmpty ? nil : printable(String(others.prefix(256)))))
    }
    guard !wrong.isEmpty else { return }
    if roots.count == first { return addRoot(ScanRoot(path: path, kind: .image), problems: wrong) }
    let place = FilePlace(root: first, path: Path(""))
    self.problems += wrong.map { PlacedProblem(place: place, problem: $0) }
  }

  private mutating func add(_ image: ContainerImage, at path: Path, layers known: LayerStore?) {
    var problems: [Problem] = []
    var wanted: Set<String> = []
    if let known { take(image.layers, from: known, &wanted, &problems) }
    read(image.layers.filter { layers[$0.digest] == nil && wanted.insert($0.digest).inserted }, &problems)
    var tree = FileTree(limits: limits, steps: steps, memory: memory)
    var applied: [Int] = []
    for (number, layer) in image.layers.enumerated() {
      guard let tar = layers[layer.digest] else { continue }
      tree.apply(tar)
      applied.append(number)
    }
    let records = applied.map { self.records[image.layers[$0].digest] }
    addRoot(
      path, .image, ArchiveFiles(tree, layerNumbers: applied, records: records),
      image: ScanRoot.Image(
        names: image.names, platform: image.platform, digest: image.digest,
        layers: image.layers.map { View.Layer(digest: $0.digest, createdBy: $0.createdBy) },
        configuration: image.configuration))
    let place = FilePlace(root: roots.count - 1, path: Path(""))
    self.problems += problems.map { PlacedProblem(place: place, problem: $0) }
  }

  /// Takes what is known of layers in their place. Those of which nothing is known remain to be read.
  ///
  /// - Parameter done: takes the digests of those that are not to be read any more.
  private mutating func take(
    _ wanted: [ContainerImage.Layer], from known: LayerStore, _ done: inout Set<String>,
    _ problems: inout [Problem]
  ) {
    for layer in wanted where layers[layer.digest] == nil && !done.contains(layer.digest) {
      do throws(Problem) {
        guard var facts = try known.facts(of: layer.digest) else { continue }
        if let found = facts.tarDigest, let problem = layer.tarProblem(found) {
          facts.problems.append(problem)
        }
        layers[layer.digest] = TarArchive(
          members: facts.members, problems: facts.problems, limits: limits, memory: memory)
        records[layer.digest] = facts.files
      } catch {
        problems.append(withinLimit: error)
      }
      done.insert(layer.digest)
    }
  }

  /// Reads and verifies layers, several at a time.
  private mutating func read(_ missing: [ContainerImage.Layer], _ problems: inout [Problem]) {
    let (limits, progress, memory, decompression) = (limits, progress, memory, decompression)
    progress?.begin(.verifyingLayers, of: missing.count)
    let checkpoints = Self.checkpointLimit / max(1, layerCount)
    let size = Atomic(layers.values.reduce(0) { $0 + $1.source.size })
    let results = Mutex([Result<TarArchive, Problem>?](repeating: nil, count: missing.count))
    let queue = WorkQueue<Int>()
    for index in missing.indices { queue.add(index) }
    queue.run(jobs: jobs) { index in
      let result: Result<TarArchive, Problem>
      do throws(Problem) {
        guard size.load(ordering: .relaxed) <= limits.imageSize else {
          throw Problem(
            .limitExceeded, "layers of the images", expected: limits.atMost(.imageSize), observed: "more")
        }
        let tar = try missing[index].tar(limits: limits, memory: memory, decompression: decompression)
        size.add(tar.source.size, ordering: .relaxed)
        // The files are read in a pass of their own, which jumps from checkpoint to checkpoint.
        (tar.source as? DecompressedBytes)?.release(keepingCheckpoints: checkpoints)
        result = .success(tar)
      } catch {
        result = .failure(error)
      }
      results.withLock { $0[index] = result }
      progress?.finishStep()
    }
    for (layer, result) in zip(missing, results.withLock { $0 }) {
      switch result {
      case .success(let tar): layers[layer.digest] = tar
      case .failure(let problem): problems.append(withinLimit: problem)
      case nil: break
      }
    }
  }
}

extension ZipArchive {
  /// Whether it has the file that tells pip what it is (binary distribution format, "File contents").
  fileprivate var isWheel: Bool {
    members.contains { $0.path.bytes.suffix(16).elementsEqual(".dist-info/WHEEL".utf8) }
  }

  /// Whether it has the two parts of a `.conda` package (CEP 2).
  fileprivate var isCondaPackage: Bool {
    members.contains { $0.path == Path("metadata.json") }
      && members.contains { $0.path.bytes.starts(with: "pkg-".utf8) }
  }
}
