import Bytes

/// An inode: what a name stands for.
struct SquashFSInode {
  enum Kind {
    /// Where the list of names is, and how long.
    case directory(block: UInt64, offset: Int, size: Int)
    /// Where the blocks start, in the image.
    case file(blocks: UInt64)
    case symbolicLink(Path)
    /// A device, a FIFO, a socket.
    case other
  }

  var kind: Kind
  /// Bytes of a file.
  var size: UInt64 = 0
  /// Where the end of a file lies that shares a block with others.
  var fragment: (index: UInt32, offset: UInt32)?
}

/// Reads inodes and lists of names, for one thread at a time.
///
/// An inode is named by where it is: in the upper 48 bits its metadata block, counted from the start of the table, in the
/// lower 16 its place in that.
@safe final class SquashFSReader: @unchecked Sendable {
  let library: SquashFSLibrary
  private let blockSize: UInt64
  private let inodeStart: UInt64
  private let directoryStart: UInt64
  private let inodes: SquashFSLibrary.Table
  private let directories: SquashFSLibrary.Table
  private var buffer = [UInt8](repeating: 0, count: 4096)

  init(_ image: SquashFSImage, _ library: SquashFSLibrary) {
    self.library = library
    blockSize = UInt64(image.blockSize)
    inodeStart = image.inodes.lowerBound
    directoryStart = image.directories.lowerBound
    inodes = SquashFSLibrary.Table(library, image.inodes, "SquashFS inode")
    directories = SquashFSLibrary.Table(library, image.directories, "SquashFS directory")
  }

  /// Reads `count` bytes of a table and gives `body` a view of them.
  private func read<Result>(
    _ table: SquashFSLibrary.Table, _ count: Int, _ body: (ByteView) throws(Problem) -> Result
  ) throws(Problem) -> Result {
    try table.read(count, into: &buffer)
    // Elements of type UInt8 have no padding, so all their bytes are initialised.
    let bytes = buffer
    let span = unsafe bytes.span.bytes
    return try body(ByteView(span.extracting(0..<count)))
  }

  /// The inode at a place.
  ///
  /// - Parameter pathLength: the most bytes that a link may say.
  func inode(_ reference: UInt64, pathLength: Int) throws(Problem) -> SquashFSInode {
    let field: StaticString = "SquashFS inode"
    let block = inodeStart + reference >> 16
    try inodes.seek(to: block, offset: Int(reference & 0xFFFF))
    let type = try read(inodes, 16) { (view) throws(Problem) in try view.u16(0, field) }
    switch type {
    case 1, 8:
      let isExtended = type == 8
      return try read(inodes, isExtended ? 24 : 16) { (view) throws(Problem) in
        let size = isExtended ? Int(try view.u32(4, field)) : Int(try view.u16(8, field))
        let start = try view.u32(isExtended ? 8 : 0, field)
        return SquashFSInode(
          // Three bytes more than there are, for the names of the folder itself and of the one that it is in.
          kind: .directory(
            block: directoryStart + UInt64(start), offset: Int(try view.u16(isExtended ? 18 : 10, field)),
            size: max(0, size - 3)))
      }
    case 2, 9:
      let isExtended = type == 9
      return try read(inodes, isExtended ? 40 : 16) { (view) throws(Problem) in
        let index = try view.u32(isExtended ? 28 : 4, field)
        let offset = try view.u32(isExtended ? 32 : 8, field)
        let blocks = isExtended ? try view.u64(0, field) : UInt64(try view.u32(0, field))
        let size = isExtended ? try view.u64(8, field) : UInt64(try view.u32(12, field))
        return SquashFSInode(
          kind: .file(blocks: blocks), size: size, fragment: index == .max ? nil : (index, offset))
      }
    case 3, 10:
      let count = try read(inodes, 8) { (view) throws(Problem) in try view.u32(4, field) }
      guard count <= pathLength else {
        throw Problem(
          .limitExceeded, "SquashFS link target", at: block,
          expected: ArchiveLimits.Name.pathLength.atMost(UInt64(pathLength)), observed: "\(count)")
      }
      if buffer.count < count { buffer = [UInt8](repeating: 0, count: Int(count)) }
      try inodes.read(Int(count), into: &buffer)
      return SquashFSInode(kind: .symbolicLink(Path(bytes: buffer[..<Int(count)])))
    case 4...7, 11...14: return SquashFSInode(kind: .other)
    default:
      throw Problem(
        .invalidValue, "\(field)", at: block, expected: "a type from 1 to 14", observed: "\(type)")
    }
  }

  /// The file whose inode is at a place, with all its blocks.
  func file(_ reference: UInt64) throws(Problem)
    -> (inode: SquashFSInode, blocks: [(offset: UInt64, size: UInt32)])
  {
    let inode = try inode(reference, pathLength: 0)
    guard case .file(let start) = inode.kind else {
      throw Problem(.invalidValue, "SquashFS inode", expected: "a file", observed: "something else")
    }
    // The caller has seen that the file is not too large.
    let rest = inode.fragment == nil ? blockSize - 1 : 0
    let count = Int((inode.size + rest) / blockSize)
    var blocks: [(offset: UInt64, size: UInt32)] = []
    var offset = start
    while blocks.count < count {
      let next = min(count - blocks.count, buffer.count / 4)
      try read(inodes, next * 4) { (view) throws(Problem) in
        for index in 0..<next {
          let size = try view.u32(index * 4, "SquashFS inode")
          blocks.append((offset, size))
          let (end, overflow) = offset.addingReportingOverflow(UInt64(size & 0xFF_FFFF))
          guard !overflow else { throw Problem(.outOfBounds, "SquashFS block", at: offset) }
          offset = end
        }
      }
    }
    return (inode, blocks)
  }

  /// The names in a folder, each with the inode that it stands for.
  ///
  /// - Parameter body: gets one after the other.
  func list(
    block: UInt64, offset: Int, size: Int, _ body: (Path, UInt64) throws(Problem) -> Void
  ) throws(Problem) {
    let field: StaticString = "SquashFS directory"
    guard size > 0 else { return }
    try directories.seek(to: block, offset: offset)
    var rest = size
    func take(_ count: Int) throws(Problem) {
      guard count <= rest else { throw Problem(.truncated, "\(field)", at: block) }
      rest -= count
    }
    while rest > 0 {
      try take(12)
      let (count, start) = try read(directories, 12) { (view) throws(Problem) in
        (try view.u32(0, field), try view.u32(4, field))
      }
      guard count < 256 else {
        throw Problem(
          .invalidValue, "\(field)", at: block, expected: "at most 256 names together", observed: "\(count)")
      }
      for _ in 0...count {
        try take(8)
        let (place, length) = try read(directories, 8) { (view) throws(Problem) in
          (try view.u16(0, field), Int(try view.u16(6, field)) + 1)
        }
        guard length <= 256 else {
          throw Problem(
            .invalidValue, "\(field)", at: block, expected: "a name of at most 256 bytes",
            observed: "\(length)")
        }
        try take(length)
        try directories.read(length, into: &buffer)
        try body(Path(bytes: buffer[..<length]), UInt64(start) << 16 | UInt64(place))
      }
    }
  }
}

/// Finds all files and links of an image.
///
/// Level by level, and in each by where inodes and lists lie, so that a metadata block is decompressed a few times only.
struct SquashFSWalk {
  private let image: SquashFSImage
  private let limits: ArchiveLimits
  private let memory: Budget
  private(set) var members: [SquashFSArchive.Member] = []
  private(set) var contents: [SquashFSArchive.Contents] = []
  private(set) var directoryCount = 0
  private(set) var problems: [Problem] = []

  /// A name and the place of its inode.
  private struct Entry {
    var path: Path
    var inode: UInt64
  }

  /// A folder whose names are to be read.
  private struct Folder {
    var path: Path
    var block: UInt64
    var offset: Int
    var size: Int
  }

  /// Folders that were met: no folder has two names.
  private var folders: Set<UInt64> = []
  /// The contents of files that were met.
  private var files: [UInt64: Int] = [:]
  private var nodes = 0

  init(_ image: SquashFSImage, _ limits: ArchiveLimits, _ memory: Budget) {
    self.image = image
    self.limits = limits
    self.memory = memory
  }

  mutating func run() {
    do throws(Problem) {
      // The closure of the reader may not change this value.
      var walk = self
      try image.withReader { (reader) throws(Problem) in
        do throws(Problem) {
          try walk.run(reader)
        } catch {
          walk.problems.append(withinLimit: error)
        }
      }
      self = walk
    } catch {
      problems.append(withinLimit: error)
    }
  }

  private mutating func run(_ reader: SquashFSReader) throws(Problem) {
    var level = [Entry(path: Path(""), inode: image.root)]
    while !level.isEmpty {
      var next: [Folder] = []
      level.sort { ($0.inode, $0.path) < ($1.inode, $1.path) }
      for entry in level {
        do throws(Problem) {
          if let folder = try add(entry, reader) { next.append(folder) }
        } catch {
          try report(error)
        }
      }
      level = []
      next.sort { ($0.block, $0.offset, $0.path) < ($1.block, $1.offset, $1.path) }
      for folder in next {
        do throws(Problem) {
          try list(folder, reader, into: &level)
        } catch {
          try report(error)
        }
      }
    }
  }

  /// - Throws: what ends the walk.
  private mutating func report(_ problem: Problem) throws(Problem) {
    if [tooManyNodes, TarArchive.tooMuchMemory(limits)].contains(problem) || image.budget.isSpent {
      throw problem
    }
    problems.append(withinLimit: problem)
  }

  private var tooManyNodes: Problem {
    Problem(.limitExceeded, "files of an image", expected: limits.atMost(.nodes))
  }

  /// Adds what a name stands for; returns a folder that is to be listed.
  private mutating func add(_ entry: Entry, _ reader: SquashFSReader) throws(Problem) -> Folder? {
    if let known = files[entry.inode] {
      members.append(.init(path: entry.path, kind: .file(known)))
      return nil
    }
    let isRoot = directoryCount == 0
    let inode = try reader.inode(entry.inode, pathLength: limits.pathLength)
    switch inode.kind {
    case .directory(let block, let offset, let size):
      guard folders.insert(entry.inode).inserted else {
        throw Problem(
          .overlap, "SquashFS directory", at: block, expected: "a folder with one name",
          observed: printable(entry.path.bytes.prefix(256)))
      }
      directoryCount += 1
      return Folder(path: entry.path, block: block, offset: offset, size: size)
    case _ where isRoot:
      throw Problem(.invalidValue, "SquashFS root", expected: "a folder", observed: "something else")
    case .file(let blocks):
      files[entry.inode] = contents.count
      members.append(.init(path: entry.path, kind: .file(contents.count)))
      let isInFragment = inode.size < UInt64(image.blockSize)
      let fragment = isInFragment ? inode.fragment.flatMap { image.fragment($0.index) } : nil
      contents.append(
        .init(size: inode.size, position: fragment?.offset ?? blocks, inode: entry.inode))
    case .symbolicLink(let target):
      guard memory.take(target.bytes.count) else { throw TarArchive.tooMuchMemory(limits) }
      members.append(.init(path: entry.path, kind: .symbolicLink(target)))
    case .other: break
    }
    return nil
  }

  private mutating func list(
    _ folder: Folder, _ reader: SquashFSReader, into level: inout [Entry]
  ) throws(Problem) {
    var names: Set<Path> = []
    var found: [Entry] = []
    var problem: Problem?
    do throws(Problem) {
      try reader.list(block: folder.block, offset: folder.offset, size: folder.size) {
        (name, inode) throws(Problem) in
        guard nodes + found.count < limits.nodes else { throw tooManyNodes }
        let path = folder.path.bytes.isEmpty ? name : folder.path.appending(name.bytes)
        // The path is kept by the walk, by the member and by what is made of it.
        guard memory.take(3 * (path.bytes.count + 32) + 160) else { throw TarArchive.tooMuchMemory(limits) }
        let shown = printable(path.bytes.prefix(256))
        if name.bytes.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }) || name == Path(".")
          || name == Path("..")
        {
          problems.append(
            withinLimit: Problem(
              .invalidValue, "SquashFS directory", at: folder.block, expected: "a name", observed: shown))
        } else if path.bytes.count > limits.pathLength {
          problems.append(
            withinLimit: Problem(
              .limitExceeded, "path in an image", expected: limits.atMost(.pathLength),
              observed: "\(path.bytes.count)"))
        } else if !names.insert(name).inserted {
          problems.append(
            withinLimit: Problem(
              .overlap, "SquashFS directory", at: folder.block, expected: "different names", observed: shown))
        } else {
          found.append(Entry(path: path, inode: inode))
        }
      }
    } catch {
      // What came before the damage is there.
      problem = error
    }
    nodes += found.count
    level += found
    if let problem { throw problem }
  }
}
