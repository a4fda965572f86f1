import Bytes
import CSquashFS
import Glibc

/// libsquashfs over a byte source: what one thread at a time needs to read an image.
///
/// Of the library, the reader of the superblock, of metadata blocks and of the table of fragments is used, and its
/// decompressors. Its readers of inodes, directories and files are not: they ask for memory by fields of the image that
/// nobody has checked, and do not count what they decompress.
@safe final class SquashFSLibrary {
  private let source: any ByteSource
  /// Bytes that may be decompressed.
  private let budget: Budget
  /// Why the last call failed, where the library does not know.
  private var problem: Problem?
  fileprivate let file: UnsafeMutablePointer<squashfs_source>
  private let decompressor: UnsafeMutablePointer<squashfs_decompressor>
  /// The library's own, which ``decompressor`` calls.
  private var inner: UnsafeMutablePointer<sqfs_compressor_t>?
  private(set) var superblock = sqfs_super_t()

  /// Bytes of a metadata block.
  static let metadataSize = Int(SQFS_META_BLOCK_SIZE)

  /// - Throws: a ``Problem`` when the source is no image of SquashFS 4.0, or its compression is not supported.
  init(_ source: any ByteSource, budget: Budget) throws(Problem) {
    self.source = source
    self.budget = budget
    unsafe file = .allocate(capacity: 1)
    unsafe file.initialize(to: squashfs_source())
    unsafe decompressor = .allocate(capacity: 1)
    unsafe decompressor.initialize(to: squashfs_decompressor())
    // Both live as long as this object, which makes all calls of the library.
    let context = unsafe UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    unsafe file.pointee.context = context
    unsafe file.pointee.file.read_at = { file, offset, buffer, size in
      guard let file = unsafe file, let buffer = unsafe buffer else { return SQFS_ERROR_IO.rawValue }
      let context = unsafe UnsafeRawPointer(file).assumingMemoryBound(to: squashfs_source.self).pointee
        .context
      guard let context = unsafe context else { return SQFS_ERROR_IO.rawValue }
      return unsafe Unmanaged<SquashFSLibrary>.fromOpaque(context).takeUnretainedValue()
        .read(offset, UnsafeMutableRawBufferPointer(start: buffer, count: size))
    }
    unsafe file.pointee.file.get_size = { file in
      guard let file = unsafe file else { return 0 }
      let context = unsafe UnsafeRawPointer(file).assumingMemoryBound(to: squashfs_source.self).pointee
        .context
      guard let context = unsafe context else { return 0 }
      return unsafe Unmanaged<SquashFSLibrary>.fromOpaque(context).takeUnretainedValue().source.size
    }
    try check(unsafe sqfs_super_read(&superblock, file.pointer(to: \.file)), "SquashFS superblock", at: 0)
    try openDecompressor()
    unsafe decompressor.pointee.context = context
    unsafe decompressor.pointee.compressor.do_block = { compressor, input, size, output, capacity in
      guard let compressor = unsafe compressor else { return SQFS_ERROR_INTERNAL.rawValue }
      let context = unsafe UnsafeRawPointer(compressor).assumingMemoryBound(to: squashfs_decompressor.self)
        .pointee.context
      guard let context = unsafe context else { return SQFS_ERROR_INTERNAL.rawValue }
      return unsafe Unmanaged<SquashFSLibrary>.fromOpaque(context).takeUnretainedValue()
        .decompress(input, size, output, capacity)
    }
  }

  deinit {
    unsafe sqfs_destroy(inner)
    unsafe file.deallocate()
    unsafe decompressor.deallocate()
  }

  private func openDecompressor() throws(Problem) {
    let id = SQFS_COMPRESSOR(UInt32(superblock.compression_id))
    switch id {
    case SQFS_COMP_GZIP, SQFS_COMP_XZ, SQFS_COMP_LZ4, SQFS_COMP_ZSTD: break
    default:
      let name = unsafe sqfs_compressor_name_from_id(id).map { unsafe String(cString: $0) }
      throw Problem(
        .unsupported, "SquashFS compression", at: 20, expected: "gzip, xz, lz4 or zstd",
        observed: name ?? "\(superblock.compression_id)")
    }
    var configuration = sqfs_compressor_config_t()
    let flags = sqfs_u16(SQFS_COMP_FLAG_UNCOMPRESS.rawValue)
    try check(
      unsafe sqfs_compressor_config_init(&configuration, id, Int(superblock.block_size), flags),
      "SquashFS compression", at: 20)
    try check(unsafe sqfs_compressor_create(&configuration, &inner), "SquashFS compression", at: 20)
  }

  /// The table of fragments: where the block of each lies, and its size as ``block(at:size:field:)`` takes it.
  ///
  /// The caller has checked the number of them.
  func fragments() throws(Problem) -> [(offset: UInt64, size: UInt32)] {
    guard let table = unsafe sqfs_frag_table_create(0) else { throw Self.noMemory("SquashFS fragments") }
    defer { unsafe sqfs_destroy(UnsafeMutableRawPointer(table)) }
    let place = superblock.fragment_table_start
    try check(
      unsafe sqfs_frag_table_read(
        table, file.pointer(to: \.file), &superblock, decompressor.pointer(to: \.compressor)),
      "SquashFS fragments", at: place)
    var found: [(offset: UInt64, size: UInt32)] = []
    let count = unsafe sqfs_frag_table_get_size(table)
    found.reserveCapacity(count)
    for index in 0..<count {
      var fragment = sqfs_fragment_t()
      try check(
        unsafe sqfs_frag_table_lookup(table, sqfs_u32(index), &fragment), "SquashFS fragments", at: place)
      found.append((fragment.start_offset, fragment.size))
    }
    return found
  }

  /// What a block of data holds.
  ///
  /// - Parameter size: bytes that it takes, with the mark of one that is not compressed; not 0.
  func block(at offset: UInt64, size: UInt32) throws(Problem) -> [UInt8] {
    let field: StaticString = "SquashFS block"
    let stored = Int(size & 0xFF_FFFF)
    let capacity = Int(superblock.block_size)
    guard stored <= capacity else {
      throw Problem(
        .invalidValue, "\(field)", at: offset, expected: "at most \(capacity) bytes", observed: "\(stored)")
    }
    let input = try source.bytes(at: offset, count: stored, field)
    guard size & 1 << 24 == 0 else {
      guard budget.take(stored) else { throw spent }
      return input
    }
    var output = [UInt8](repeating: 0, count: capacity)
    // Within the two counts.
    let count = unsafe input.withUnsafeBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { output in
        unsafe decompress(input.baseAddress, UInt32(stored), output.baseAddress, UInt32(capacity))
      }
    }
    guard count > 0 else {
      // The library has 0 for what is larger than a block.
      try check(count < 0 ? count : SQFS_ERROR_COMPRESSOR.rawValue, field, at: offset)
      return []
    }
    output.removeSubrange(Int(count)...)
    return output
  }

  private func read(_ offset: UInt64, _ buffer: UnsafeMutableRawBufferPointer) -> CInt {
    do throws(Problem) {
      // The span covers the library's buffer, and no other access to it lasts longer than this call.
      var span = unsafe MutableRawSpan(_unsafeBytes: buffer)
      guard try source.read(at: offset, count: buffer.count, into: &span) == buffer.count else {
        return SQFS_ERROR_OUT_OF_BOUNDS.rawValue
      }
      // What is read again and again must come to an end, compressed or not.
      guard budget.take(buffer.count) else { throw spent }
      return 0
    } catch {
      problem = error
      return SQFS_ERROR_IO.rawValue
    }
  }

  private func decompress(
    _ input: UnsafePointer<UInt8>?, _ size: UInt32, _ output: UnsafeMutablePointer<UInt8>?, _ capacity: UInt32
  ) -> Int32 {
    guard let inner = unsafe inner, let decompress = unsafe inner.pointee.do_block else {
      return SQFS_ERROR_INTERNAL.rawValue
    }
    // Whoever tries again must not decompress to find that out.
    let count = budget.isSpent ? 0 : unsafe decompress(inner, input, size, output, capacity)
    guard !budget.isSpent, budget.take(max(0, Int(count))) else {
      problem = spent
      return SQFS_ERROR_IO.rawValue
    }
    return count
  }

  private var spent: Problem { .tooMuchDecompressed(budget) }

  private static func noMemory(_ field: StaticString) -> Problem {
    Problem(.unreadable, "\(field)", observed: "no memory left")
  }

  /// - Throws: what a result of the library means that is none of success.
  fileprivate func check(_ result: CInt, _ field: StaticString, at place: UInt64) throws(Problem) {
    guard result < 0 else { return }
    if let problem {
      self.problem = nil
      throw problem
    }
    let (code, observed): (Problem.Code, String?) =
      switch SQFS_ERROR(result) {
      case SQFS_ERROR_ALLOC: (.unreadable, "no memory left")
      case SQFS_ERROR_COMPRESSOR: (.corruptData, nil)
      case SQFS_ERROR_OUT_OF_BOUNDS: (.outOfBounds, nil)
      case SQFS_ERROR_UNSUPPORTED: (.unsupported, nil)
      case SFQS_ERROR_SUPER_VERSION: (.unsupported, "a version other than 4.0")
      case SQFS_ERROR_SUPER_BLOCK_SIZE: (.invalidValue, "a block size that is not allowed")
      default: (.invalidValue, nil)
      }
    throw Problem(code, "\(field)", at: place, observed: observed)
  }

  /// Metadata blocks that follow each other.
  @safe final class Table {
    private let library: SquashFSLibrary
    private let range: Range<UInt64>
    private let field: StaticString
    private var reader: OpaquePointer?
    private var place: UInt64 = 0

    init(_ library: SquashFSLibrary, _ range: Range<UInt64>, _ field: StaticString) {
      self.library = library
      self.range = range
      self.field = field
    }

    deinit { close() }

    private func close() {
      if let reader = unsafe reader { unsafe sqfs_destroy(UnsafeMutableRawPointer(reader)) }
      unsafe reader = nil
    }

    /// Goes to the byte `offset` of what the metadata block at `block` of the image holds.
    func seek(to block: UInt64, offset: Int) throws(Problem) {
      if unsafe reader == nil {
        unsafe reader = sqfs_meta_reader_create(
          library.file.pointer(to: \.file), library.decompressor.pointer(to: \.compressor), range.lowerBound,
          range.upperBound)
      }
      guard let reader = unsafe reader else { throw SquashFSLibrary.noMemory(field) }
      place = block
      try check(unsafe sqfs_meta_reader_seek(reader, block, offset))
    }

    /// Reads the next bytes into the start of `bytes`, which must have room for them.
    func read(_ count: Int, into bytes: inout [UInt8]) throws(Problem) {
      precondition(count <= bytes.count)
      guard let reader = unsafe reader else { throw Problem(.outOfBounds, "\(field)", at: place) }
      let result = unsafe bytes.withUnsafeMutableBytes {
        unsafe sqfs_meta_reader_read(reader, $0.baseAddress, count)
      }
      try check(result)
    }

    private func check(_ result: CInt) throws(Problem) {
      guard result != 0 else { return }
      // After an error the library takes parts of two blocks for one.
      close()
      try library.check(result, field, at: place)
    }
  }
}

extension UnsafeMutablePointer {
  /// A pointer to the first member of a structure of C.
  fileprivate func pointer<Member>(to member: KeyPath<Pointee, Member>) -> UnsafeMutablePointer<Member> {
    unsafe UnsafeMutableRawPointer(self).assumingMemoryBound(to: Member.self)
  }
}
