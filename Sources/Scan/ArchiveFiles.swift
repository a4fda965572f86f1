import Archives
import Bytes
import Compression

/// The files of an archive, in the order of their paths.
struct ArchiveFiles: Sendable {
  struct File: Sendable {
    var path: Path
    /// The layer or the part that has the contents, and which member of it they are. Names of one file have the same.
    var layer: Int
    var member: Int
  }

  private enum Storage: Sendable {
    case zip(ZipArchive)
    case tree(FileTree)
    case squashFS(SquashFSArchive)
  }

  private let storage: Storage
  private let layerNumbers: [Int]?
  let files: [File]
  let directoryCount: Int
  let symbolicLinks: [(path: Path, target: Path)]
  let problems: [Problem]

  init(_ archive: ZipArchive) {
    storage = .zip(archive)
    layerNumbers = nil
    problems = archive.problems
    symbolicLinks = []
    files = archive.members.indices.filter { !archive.members[$0].isDirectory }
      .map { File(path: archive.members[$0].path, layer: 0, member: $0) }.sorted { $0.path < $1.path }
    directoryCount = Self.directoryCount(archive.members.map(\.path).sorted()) + 1
  }

  /// How many folders `paths`, which are sorted, have on the way to them: those that the path before has not.
  private static func directoryCount(_ paths: [Path]) -> Int {
    let slash = UInt8(ascii: "/")
    var count = 0
    var previous: [UInt8] = []
    for path in paths {
      let common = zip(previous, path.bytes).prefix { $0 == $1 }.count
      count += path.bytes[common...].lazy.filter { $0 == slash }.count
      previous = path.bytes
    }
    return count
  }

  /// - Parameter layerNumbers: which of its image's layers each layer of `tree` is, where some were left out.
  init(_ tree: FileTree, layerNumbers: [Int]? = nil) {
    storage = .tree(tree)
    self.layerNumbers = layerNumbers
    problems = tree.problems
    symbolicLinks = tree.symbolicLinks
    files = tree.files.map { File(path: $0.path, layer: $0.layer, member: $0.member) }
      .sorted { $0.path < $1.path }
    directoryCount = tree.directoryCount
  }

  init(_ archive: SquashFSArchive) {
    storage = .squashFS(archive)
    layerNumbers = nil
    problems = archive.problems
    directoryCount = archive.directoryCount
    var files: [File] = []
    var links: [(path: Path, target: Path)] = []
    for member in archive.members {
      switch member.kind {
      case .file(let contents): files.append(File(path: member.path, layer: 0, member: contents))
      case .symbolicLink(let target): links.append((member.path, target))
      }
    }
    self.files = files.sorted { $0.path < $1.path }
    symbolicLinks = links.sorted { $0.path < $1.path }
  }

  /// Which of its image's layers brought a file, counted from the lowest one.
  func layerNumber(of index: Int) -> Int { layerNumbers?[files[index].layer] ?? files[index].layer }

  /// The index of the file with this path; nil where there is none.
  func index(of path: Path) -> Int? {
    let index = files.partitioningIndex { $0.path >= path }
    return index < files.count && files[index].path == path ? index : nil
  }

  /// What the file at `path` holds.
  ///
  /// - Throws: a ``Problem`` when there is none, or it cannot be read.
  func open(_ path: Path) throws(Problem) -> any ByteSource {
    guard let index = index(of: path) else { throw Problem(.notFound, Problem.path) }
    return try open(index)
  }

  /// Compares the checksum of a file, where the archive has one.
  ///
  /// - Parameter contents: what ``open(_:)`` gave.
  /// - Throws: a ``Problem`` when it is another one, or the rest of the file cannot be read.
  func verify(_ index: Int, contents: any ByteSource) throws(Problem) {
    guard case .zip(let archive) = storage else { return }
    try archive.verify(archive.members[files[index].member], contents: contents)
  }

  private func open(_ index: Int) throws(Problem) -> any ByteSource {
    let file = files[index]
    switch storage {
    case .zip(let archive): return try archive.contents(of: archive.members[file.member])
    case .tree(let tree):
      let layer = tree.layers[file.layer]
      return try layer.contents(of: layer.members[file.member])
    case .squashFS(let archive): return try archive.open(file.member)
    }
  }

  /// The first bytes of a file, up to `count`.
  ///
  /// - Throws: a ``Problem`` when it cannot be read.
  func prefix(_ index: Int, count: Int) throws(Problem) -> [UInt8] {
    if case .zip(let archive) = storage {
      return try archive.prefix(of: archive.members[files[index].member], count: count)
    }
    let source = try open(index)
    return try source.bytes(at: 0, count: Int(min(UInt64(count), source.size)), "file")
  }

  /// Files that are best read one after the other, or in any order.
  struct Batch: Sendable {
    /// Indices of files, in the order in which their contents lie in the archive.
    var files: [Int]
    /// The stream that has the contents of all of them, where going back in it is slow.
    var stream: DecompressedBytes?
  }

  /// All files in batches: those of one compressed layer together, others in small ones.
  var batches: [Batch] {
    let inOrder = files.indices.sorted { first, second in
      (files[first].layer, position(first), first) < (files[second].layer, position(second), second)
    }
    var batches: [Batch] = []
    var start = 0
    while start < inOrder.count {
      let layer = files[inOrder[start]].layer
      let stream = stream(ofLayer: layer)
      var end = start + 1
      while end < inOrder.count, files[inOrder[end]].layer == layer,
        stream != nil || end - start < Self.batchSize
      {
        end += 1
      }
      batches.append(Batch(files: Array(inOrder[start..<end]), stream: stream))
      start = end
    }
    return batches
  }

  /// Files of a batch that can be read in any order.
  private static let batchSize = 256

  /// How many bytes of the archive a file takes, or of what it or its layer decompresses to.
  func storedSize(_ index: Int) -> UInt64 {
    switch storage {
    case .zip(let archive): archive.members[files[index].member].compressedSize
    case .tree(let tree):
      tree.layers[files[index].layer].members[files[index].member].range.map { $0.upperBound - $0.lowerBound }
        ?? 0
    case .squashFS(let archive): archive.contents[files[index].member].size
    }
  }

  /// Where the contents of a file lie in their layer.
  private func position(_ index: Int) -> UInt64 {
    switch storage {
    case .zip(let archive): archive.members[files[index].member].headerOffset
    case .tree(let tree):
      tree.layers[files[index].layer].members[files[index].member].range?.lowerBound ?? 0
    case .squashFS(let archive): archive.contents[files[index].member].position
    }
  }

  /// The compressed stream that a layer is read from; nil where it can be read in any order.
  private func stream(ofLayer layer: Int) -> DecompressedBytes? {
    guard case .tree(let tree) = storage else { return nil }
    return tree.layers[layer].source as? DecompressedBytes
  }

  /// Where the file at `path` lies in a compressed stream that it shares with others; nil where it shares none.
  func streamPosition(of path: Path) -> (stream: DecompressedBytes, offset: UInt64)? {
    guard let index = index(of: path), let stream = stream(ofLayer: files[index].layer) else { return nil }
    return (stream, position(index))
  }
}
