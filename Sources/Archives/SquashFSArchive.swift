public import Bytes
import CSquashFS
import Synchronization

/// A SquashFS image: its files, folders and links, and random access to what the files hold.
///
/// Blocks are decompressed as somebody reads, and those that were read last are kept. Threads read at the same time, each
/// with a decompressor of its own.
public struct SquashFSArchive: Sendable {
  /// A file or a link under one of its names.
  public struct Member: Sendable {
    public enum Kind: Hashable, Sendable {
      /// The contents with this index in ``SquashFSArchive/contents``. Names of one file have the same.
      case file(Int)
      case symbolicLink(Path)
    }

    /// From the root, without a slash in front; data, never opened on the host.
    public var path: Path
    public var kind: Kind
  }

  /// What a file holds.
  public struct Contents: Sendable {
    public var size: UInt64
    /// Where its first bytes lie in the image, to read files in the order in which they lie.
    public var position: UInt64
    /// Where the inode is.
    let inode: UInt64
  }

  public internal(set) var members: [Member] = []
  public internal(set) var contents: [Contents] = []
  /// How many folders there are, the root among them.
  public internal(set) var directoryCount = 0
  /// What is wrong with the tables of the image. What cannot be read is left out of ``members``.
  public internal(set) var problems: [Problem] = []
  let image: SquashFSImage
  let limits: ArchiveLimits

  /// Where the image starts in a file with these first bytes, 36 at least: images of Singularity 2 have a script of 32
  /// bytes in front. Nil for a file that is none.
  public static func start(prefix: ArraySlice<UInt8>) -> UInt64? {
    let magic = "hsqs".utf8
    if prefix.starts(with: magic) { return 0 }
    return prefix.starts(with: "#!".utf8) && prefix.dropFirst(32).starts(with: magic) ? 32 : nil
  }

  /// Reads what names and links there are in the image `source`.
  ///
  /// - Parameters:
  ///   - memory: bytes that the members may take; nil for what `limits` say.
  ///   - decompression: bytes that may be decompressed; nil for no limit.
  /// - Throws: a ``Problem`` when it is no image, is cut off, or is compressed in a way that is not supported.
  public init(
    _ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits(), memory: Budget? = nil,
    decompression: Budget? = nil
  ) throws(Problem) {
    self.limits = limits
    let memory = memory ?? limits.memory(for: source.size)
    image = try SquashFSImage(source, budget: decompression ?? Budget())
    do {
      try image.readFragments(memory)
    } catch {
      problems.append(error)
    }
    var walk = SquashFSWalk(image, limits, memory)
    walk.run()
    (members, contents) = (walk.members, walk.contents)
    directoryCount = walk.directoryCount
    for problem in walk.problems { problems.append(withinLimit: problem) }
  }

  /// What a file holds.
  ///
  /// - Throws: a ``Problem/Code/limitExceeded`` problem when it is larger than the limit, and another one when its inode
  ///   makes no sense.
  public func open(_ index: Int) throws(Problem) -> any ByteSource {
    let size = contents[index].size
    guard size <= limits.memberSize else {
      throw Problem(
        .limitExceeded, "SquashFS file", expected: limits.atMost(.memberSize), observed: "\(size)")
    }
    return try SquashFSFile(image, inode: contents[index].inode)
  }
}

/// What all readers of one image share.
final class SquashFSImage: Sendable {
  let source: any ByteSource
  let budget: Budget
  let blockSize: Int
  /// Where the inode of the root is.
  let root: UInt64
  let inodes: Range<UInt64>
  let directories: Range<UInt64>
  private let fragmentCount: UInt32
  private let fragmentTable: UInt64
  private let fragments = Mutex<[(offset: UInt64, size: UInt32)]>([])
  private let idle = Mutex<[SquashFSReader]>([])
  private let cache: Mutex<BlockCache>

  init(_ source: any ByteSource, budget: Budget) throws(Problem) {
    self.source = source
    self.budget = budget
    let library = try SquashFSLibrary(source, budget: budget)
    let superblock = library.superblock
    blockSize = Int(superblock.block_size)
    root = superblock.root_inode_ref
    fragmentCount =
      superblock.flags & sqfs_u16(SQFS_FLAG_NO_FRAGMENTS.rawValue) == 0 ? superblock.fragment_entry_count : 0
    fragmentTable = superblock.fragment_table_start
    cache = Mutex(BlockCache(capacity: min(BlockCache.mostBlocks, BlockCache.mostBytes / blockSize)))
    let end = superblock.bytes_used
    guard end <= source.size else {
      throw Problem(
        .truncated, "SquashFS image", at: source.size, expected: "\(end) bytes", observed: "\(source.size)")
    }
    let (first, second) = (superblock.inode_table_start, superblock.directory_table_start)
    // What comes behind the directories; without one, its place is as far as can be.
    let third = min(
      superblock.fragment_table_start, superblock.export_table_start, superblock.id_table_start, end)
    guard MemoryLayout<sqfs_super_t>.size <= first, first < second, second <= third else {
      throw Problem(
        .invalidValue, "SquashFS superblock", at: 64,
        expected: "inodes, directories and other tables in this order",
        observed: "\(first), \(second) and \(third) of \(end)")
    }
    inodes = first..<second
    directories = second..<third
    idle.withLock { $0.append(SquashFSReader(self, library)) }
  }

  /// Reads the table of fragments.
  ///
  /// - Parameter memory: bytes that it may take.
  func readFragments(_ memory: Budget) throws(Problem) {
    guard fragmentCount > 0 else { return }
    // A metadata block has 512 of them, and takes its place in a list and three bytes.
    let blocks = (UInt64(fragmentCount) + 511) / 512
    guard fragmentTable <= source.size, blocks <= (source.size - fragmentTable) / 8 else {
      throw Problem(
        .outOfBounds, "SquashFS fragments", at: fragmentTable, observed: "\(fragmentCount) of them")
    }
    // The library has a copy for a moment.
    guard memory.take(Int(fragmentCount) * 32) else {
      throw Problem(.limitExceeded, "SquashFS fragments", observed: "\(fragmentCount) of them")
    }
    let table = try withReader { (reader) throws(Problem) in try reader.library.fragments() }
    fragments.withLock { $0 = table }
  }

  /// Where the block of a fragment lies, and its size; nil where there is none.
  func fragment(_ index: UInt32) -> (offset: UInt64, size: UInt32)? {
    fragments.withLock { Int(index) < $0.count ? $0[Int(index)] : nil }
  }

  /// Calls `body` with a reader that no other thread uses meanwhile.
  func withReader<Result>(_ body: (SquashFSReader) throws(Problem) -> Result) throws(Problem) -> Result {
    let reader: SquashFSReader
    if let last = idle.withLock({ $0.popLast() }) {
      reader = last
    } else {
      reader = SquashFSReader(self, try SquashFSLibrary(source, budget: budget))
    }
    defer { idle.withLock { $0.append(reader) } }
    return try body(reader)
  }

  /// What a block of data holds; see ``SquashFSLibrary/block(at:size:)``.
  func block(at offset: UInt64, size: UInt32) throws(Problem) -> [UInt8] {
    let key = BlockCache.Key(offset: offset, size: size)
    if let block = cache.withLock({ $0[key] }) { return block }
    let block = try withReader { (reader) throws(Problem) in
      try reader.library.block(at: offset, size: size)
    }
    cache.withLock { $0.keep(block, key) }
    return block
  }
}

/// Blocks of data that were read last.
private struct BlockCache {
  struct Key: Equatable {
    var offset: UInt64
    var size: UInt32
  }

  /// 8 MiB with the usual blocks of 128 KiB, and 32 MiB with the largest.
  static let mostBlocks = 64
  static let mostBytes = 32 << 20

  let capacity: Int
  /// The one that was read last at the end.
  private var blocks: [(key: Key, bytes: [UInt8])] = []

  init(capacity: Int) { self.capacity = capacity }

  subscript(key: Key) -> [UInt8]? {
    mutating get {
      guard let index = blocks.lastIndex(where: { $0.key == key }) else { return nil }
      if index < blocks.count - 1 { blocks.append(blocks.remove(at: index)) }
      return blocks.last?.bytes
    }
  }

  mutating func keep(_ bytes: [UInt8], _ key: Key) {
    if blocks.contains(where: { $0.key == key }) { return }
    if blocks.count >= capacity { blocks.removeFirst() }
    blocks.append((key, bytes))
  }
}

/// A file of an image.
final class SquashFSFile: ByteSource {
  private let image: SquashFSImage
  let size: UInt64
  /// Where each block lies, and its size as ``SquashFSImage/block(at:size:)`` takes it.
  private let blocks: [(offset: UInt64, size: UInt32)]
  /// Where what is behind the blocks lies, and where in that block it starts.
  private let tail: (offset: UInt64, size: UInt32, start: Int)?

  init(_ image: SquashFSImage, inode: UInt64) throws(Problem) {
    self.image = image
    let file = try image.withReader { (reader) throws(Problem) in try reader.file(inode) }
    size = file.inode.size
    blocks = file.blocks
    if let fragment = file.inode.fragment {
      guard let place = image.fragment(fragment.index) else {
        throw Problem(.outOfBounds, "SquashFS fragment", observed: "number \(fragment.index)")
      }
      tail = (place.offset, place.size, Int(fragment.offset))
    } else {
      tail = nil
    }
  }

  func read(at offset: UInt64, count: Int, into buffer: inout MutableRawSpan) throws(Problem) -> Int {
    guard offset < size else { return 0 }
    let wanted = Int(min(UInt64(min(count, buffer.byteCount)), size - offset))
    var done = 0
    while done < wanted {
      let place = offset + UInt64(done)
      let number = Int(place / UInt64(image.blockSize))
      let start = Int(place % UInt64(image.blockSize))
      let blockStart = UInt64(number) * UInt64(image.blockSize)
      let length = Int(min(UInt64(image.blockSize), size - blockStart))
      let piece = min(wanted - done, length - start)
      let part = done..<done + piece
      if number < blocks.count, blocks[number].size & 0xFF_FFFF == 0 {
        // Nothing but zeros is stored nowhere.
        guard image.budget.take(piece) else { throw Problem.tooMuchDecompressed(image.budget) }
        unsafe buffer.withUnsafeMutableBytes { target in
          for index in part { unsafe target[index] = 0 }
        }
      } else {
        let (block, first) = try block(number, length: length)
        // Both ranges were cut to what is there.
        unsafe buffer.withUnsafeMutableBytes { target in
          unsafe block.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: target[part])
              .copyMemory(
                from: UnsafeRawBufferPointer(rebasing: source[first + start..<first + start + piece]))
          }
        }
      }
      done += piece
    }
    return done
  }

  /// The block with the given number, which has `length` bytes of the file, and where in it they start.
  private func block(_ number: Int, length: Int) throws(Problem) -> (bytes: [UInt8], start: Int) {
    let block: [UInt8]
    let (offset, size, start): (UInt64, UInt32, Int)
    if number < blocks.count {
      (offset, size, start) = (blocks[number].offset, blocks[number].size, 0)
      block = try image.block(at: offset, size: size)
    } else if let tail {
      (offset, size, start) = tail
      block = size & 0xFF_FFFF == 0 ? [] : try image.block(at: offset, size: size)
    } else {
      throw Problem(.outOfBounds, "SquashFS block", observed: "number \(number)")
    }
    guard start <= block.count, length <= block.count - start else {
      throw Problem(
        .corruptData, "SquashFS block", at: offset, expected: "\(start + length) bytes",
        observed: "\(block.count)")
    }
    return (block, start)
  }
}
