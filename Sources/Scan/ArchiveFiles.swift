import Archives
import Bytes
import Compression
import DeviceCode
import Stack

/// The files of an archive.
struct ArchiveFiles: Sendable {
  struct File: Sendable {
    var path: Path
    /// The layer or the part that has the contents, and which member of it they are. Names of one file have the same.
    var layer: Int
    var member: Int
  }

  private enum Storage: Sendable {
    case zip(ZipArchive)
    /// The layers of a tree, or one by itself.
    case tars([TarArchive])
    case squashFS(SquashFSArchive)
  }

  private let storage: Storage
  private let layerNumbers: [Int]?
  /// By the layer what was written down of its members; nil for a layer that is there.
  private let records: [[Int: LayerFile]?]
  let files: [File]
  /// The tree that the files are in, and the number that each has there; nil where ``files`` are in the order of their paths.
  private var tree: (FileTree, numbers: [Int])?
  let directoryCount: Int
  let symbolicLinks: [(path: Path, target: Path)]
  let problems: [Problem]

  init(_ archive: ZipArchive) {
    storage = .zip(archive)
    layerNumbers = nil
    records = []
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

  /// - Parameters:
  ///   - layerNumbers: which of its image's layers each layer of `tree` is, where some were left out.
  ///   - records: for each layer of `tree` what was written down of its members, where the layer is not there.
  init(_ tree: FileTree, layerNumbers: [Int]? = nil, records: [[Int: LayerFile]?] = []) {
    storage = .tars(tree.layers)
    self.layerNumbers = layerNumbers
    self.records = records
    problems = tree.problems
    var files: [File] = []
    var numbers: [Int] = []
    var links: [(path: Path, target: Path)] = []
    var directoryCount = 1
    tree.visit { number, path, entry in
      switch entry {
      case .file(let layer, let member):
        files.append(File(path: path, layer: layer, member: member))
        numbers.append(number)
      case .symbolicLink(let target): links.append((path, target))
      case .directory: directoryCount += 1
      case .other: break
      }
    }
    self.files = files
    self.tree = (tree, numbers)
    symbolicLinks = links
    self.directoryCount = directoryCount
  }

  /// The files of one layer, those that are hidden in it among them: what lies below tells which an image shows. In front of each
  /// path stands the number of its member, because the same name may be there more than once.
  init(layer tar: TarArchive) {
    storage = .tars([tar])
    layerNumbers = nil
    records = []
    problems = tar.problems
    symbolicLinks = []
    directoryCount = 0
    var last: [Path: Int] = [:]
    var files: [File] = []
    for (number, member) in tar.members.enumerated() {
      var contents: Int?
      switch member.kind {
      case .file: contents = number
      case .hardLink(let target): contents = last[target.normalised]
      case .directory, .symbolicLink, .other: break
      }
      last[member.path.normalised] = contents
      guard let contents else { continue }
      files.append(File(path: Path("\(number)").appending(member.path.bytes), layer: 0, member: contents))
    }
    self.files = files.sorted { $0.path < $1.path }
  }

  init(_ archive: SquashFSArchive) {
    storage = .squashFS(archive)
    layerNumbers = nil
    records = []
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
    symbolicLinks = links
  }

  /// Which of its image's layers brought a file, counted from the lowest one.
  func layerNumber(of index: Int) -> Int { layerNumbers?[files[index].layer] ?? files[index].layer }

  /// The index of the file with this path; nil where there is none.
  func index(of path: Path) -> Int? {
    if let (tree, numbers) = tree {
      guard let number = tree.number(of: path) else { return nil }
      let index = numbers.partitioningIndex { $0 >= number }
      return index < numbers.count && numbers[index] == number ? index : nil
    }
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

  /// What a file has for each target, with about how many bytes of the archive that takes; nil in archives whose files are not
  /// compressed each by itself.
  ///
  /// - Parameter contents: what ``open(_:)`` gave, read to its end.
  func zippedTargets(
    of inventory: Inventory, contents: any ByteSource
  ) -> [ImageTarget: TargetTotals]? {
    guard case .zip = storage else { return nil }
    let stream = contents as? DecompressedBytes
    return inventory.targetTotals { range in
      stream.map { $0.sourceSize(of: range) } ?? (range.upperBound - range.lowerBound)
    }
  }

  /// Whether a file is known by what was written down of its layer.
  func isRecorded(_ index: Int) -> Bool {
    records.indices.contains(files[index].layer) && records[files[index].layer] != nil
  }

  /// What was written down of a file; nil where there was nothing to say.
  func record(_ index: Int) -> LayerFile? {
    isRecorded(index) ? records[files[index].layer]?[files[index].member] : nil
  }

  private func open(_ index: Int) throws(Problem) -> any ByteSource {
    let file = files[index]
    if isRecorded(index) {
      guard let contents = record(index)?.contents else {
        throw Problem(.notFound, "contents", observed: "not among the facts of the layer")
      }
      return try contents.open()
    }
    switch storage {
    case .zip(let archive): return try archive.contents(of: archive.members[file.member])
    case .tars(let layers):
      let layer = layers[file.layer]
      return try layer.contents(of: layer.members[file.member])
    case .squashFS(let archive): return try archive.open(file.member)
    }
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
    let inOrder = files.indices.map { (layer: files[$0].layer, position: position($0), index: $0) }
      .sorted { ($0.layer, $0.position, $0.index) < ($1.layer, $1.position, $1.index) }
    var batches: [Batch] = []
    var start = 0
    while start < inOrder.count {
      let layer = inOrder[start].layer
      let stream = stream(ofLayer: layer)
      var end = start + 1
      while end < inOrder.count, inOrder[end].layer == layer, stream != nil || end - start < Self.batchSize {
        end += 1
      }
      batches.append(Batch(files: inOrder[start..<end].map(\.index), stream: stream))
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
    case .tars(let layers):
      layers[files[index].layer].members[files[index].member].range.map { $0.upperBound - $0.lowerBound } ?? 0
    case .squashFS(let archive): archive.contents[files[index].member].size
    }
  }

  /// Where the contents of a file lie in their layer.
  private func position(_ index: Int) -> UInt64 {
    switch storage {
    case .zip(let archive): archive.members[files[index].member].headerOffset
    case .tars(let layers):
      layers[files[index].layer].members[files[index].member].range?.lowerBound ?? 0
    case .squashFS(let archive): archive.contents[files[index].member].position
    }
  }

  /// The compressed stream that a layer is read from; nil where it can be read in any order.
  private func stream(ofLayer layer: Int) -> DecompressedBytes? {
    guard case .tars(let layers) = storage else { return nil }
    return layers[layer].source as? DecompressedBytes
  }

  /// Where the file at `path` lies in a compressed stream that it shares with others; nil where it shares none.
  func streamPosition(of path: Path) -> (stream: DecompressedBytes, offset: UInt64)? {
    guard let index = index(of: path), let stream = stream(ofLayer: files[index].layer) else { return nil }
    return (stream, position(index))
  }
}

/// The first bytes of the files of a batch, read one after the other.
struct BatchStarts {
  /// How far apart in a tar the first and the last file are whose starts are read at once.
  private static let reach: UInt64 = 64 << 10
  /// Bytes of each that are read with it.
  static let size = 64

  private let archive: ArchiveFiles
  private let files: [Int]
  /// The tar that the files are in, where it can be read in any order, and where in it each of them is; nil for one that cannot
  /// be opened.
  private let tar: (source: any ByteSource, ranges: [Range<UInt64>?])?
  /// What was read last, and where in the tar it is.
  private var bytes: [UInt8] = []
  private var range: Range<UInt64> = 0..<0

  init(of batch: ArchiveFiles.Batch, in archive: ArchiveFiles) {
    self.archive = archive
    files = batch.files
    tar = batch.stream == nil ? archive.rangesInTar(batch.files) : nil
  }

  /// The first bytes of the file at `position` of the batch, up to `count`.
  ///
  /// - Throws: a ``Problem`` when it cannot be read.
  mutating func prefix(_ position: Int, count: Int) throws(Problem) -> ArraySlice<UInt8> {
    guard let file = tar?.ranges[position] else {
      return try archive.prefix(files[position], count: count)[...]
    }
    let wanted = file.prefix(count)
    // No bytes are in every range.
    if wanted.isEmpty { return [] }
    if !range.contains(wanted) { try read(wanted, position) }
    let start = Int(wanted.lowerBound - range.lowerBound)
    return bytes[start..<start + wanted.count]
  }

  /// Reads what is wanted of the file at `position`, and the starts of those that are near.
  private mutating func read(_ wanted: Range<UInt64>, _ position: Int) throws(Problem) {
    guard let (source, ranges) = tar else { return }
    range = 0..<0
    var end = wanted.upperBound
    for case let file? in ranges[(position + 1)...] {
      guard file.lowerBound - wanted.lowerBound < Self.reach else { break }
      end = max(end, file.prefix(Self.size).upperBound)
    }
    let count = Int(end - wanted.lowerBound)
    // What was read last is not looked at any more, so that the room for it is free.
    if bytes.count < count { bytes = [UInt8](repeating: 0, count: count) }
    let found = try source.read(at: wanted.lowerBound, count: count, into: &bytes)
    guard found == count else {
      throw Problem(.changedWhileReading, "file", at: wanted.lowerBound + UInt64(found))
    }
    range = wanted.lowerBound..<end
  }
}

extension ArchiveFiles {
  /// The tar that the files of a batch are in, and where each is that can be opened; nil for files of no tar.
  fileprivate func rangesInTar(_ indices: [Int]) -> (source: any ByteSource, ranges: [Range<UInt64>?])? {
    guard case .tars(let layers) = storage, let first = indices.first, !isRecorded(first) else { return nil }
    let layer = layers[files[first].layer]
    let ranges = indices.map { try? layer.range(of: layer.members[files[$0].member]) }
    return (layer.source, ranges)
  }

  /// The first bytes of a file, up to `count`.
  ///
  /// - Throws: a ``Problem`` when it cannot be read.
  fileprivate func prefix(_ index: Int, count: Int) throws(Problem) -> [UInt8] {
    if case .zip(let archive) = storage {
      return try archive.prefix(of: archive.members[files[index].member], count: count)
    }
    let source = try open(index)
    return try source.bytes(at: 0, count: Int(min(UInt64(count), source.size)), "file")
  }
}

extension Range<UInt64> {
  /// Its first `count` elements, or all.
  fileprivate func prefix(_ count: Int) -> Self {
    lowerBound..<lowerBound + Swift.min(upperBound - lowerBound, UInt64(count))
  }
}
