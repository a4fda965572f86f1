import Bytes
import CArchive
import Compression

/// A handle of libarchive that reads from a byte source.
///
/// No filter that starts another program is ever enabled.
@safe final class ArchiveHandle {
  /// Bytes that are read at a time.
  private static let bufferSize = 64 << 10

  let archive: OpaquePointer
  private let source: any ByteSource
  private let buffer: UnsafeMutableRawBufferPointer
  /// Where the next bytes come from.
  private var position: UInt64 = 0
  /// Why the source could not be read.
  private var problem: Problem?
  /// What everything that passes is added to; nothing is skipped then.
  private(set) var digest: SHA256?
  private let field: StaticString

  /// - Parameters:
  ///   - digest: a digest that all bytes of the source are added to.
  ///   - field: what is read, for problems.
  ///   - configure: enables a format and a filter; returns whether that worked.
  init(
    _ source: any ByteSource, digest: SHA256? = nil, _ field: StaticString,
    configure: (OpaquePointer) -> Bool
  ) throws(Problem) {
    guard let archive = unsafe archive_read_new() else { throw Problem(.unreadable, "\(field)") }
    unsafe self.archive = archive
    self.source = source
    self.digest = digest
    self.field = field
    unsafe buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 16)
    guard unsafe configure(archive) else { throw failure() }
    // The handle is closed when this object goes, so the pointer to it outlives every call.
    unsafe archive_read_set_callback_data(archive, Unmanaged.passUnretained(self).toOpaque())
    unsafe archive_read_set_read_callback(archive) { _, data, start in
      guard let data = unsafe data, let start = unsafe start else { return -1 }
      return unsafe Unmanaged<ArchiveHandle>.fromOpaque(data).takeUnretainedValue().refill(start)
    }
    if digest == nil {
      unsafe archive_read_set_skip_callback(archive) { _, data, count in
        guard let data = unsafe data else { return 0 }
        return unsafe Unmanaged<ArchiveHandle>.fromOpaque(data).takeUnretainedValue().skip(count)
      }
    }
    guard unsafe archive_read_open1(archive) == ARCHIVE_OK else { throw failure() }
  }

  deinit {
    unsafe archive_read_free(archive)
    unsafe buffer.deallocate()
  }

  /// What libarchive or the source complains about.
  func failure() -> Problem {
    if let problem { return problem }
    let text = unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "unknown"
    // libarchive has no number of its own for this.
    let isTruncated = text.lowercased().contains("truncated")
    return Problem(
      isTruncated ? .truncated : .corruptData, "\(field)", at: position, observed: printable(text))
  }

  /// Adds what is left of the source to the digest, and returns the digest's value.
  func finishDigest() throws(Problem) -> [UInt8]? {
    guard digest != nil else { return nil }
    while try fill() > 0 {}
    return digest?.value
  }

  private func refill(_ start: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
    do {
      let count = try fill()
      unsafe start.pointee = UnsafeRawPointer(buffer.baseAddress)
      return count
    } catch {
      problem = error
      return -1
    }
  }

  private func fill() throws(Problem) -> Int {
    // The span covers the buffer, and no other access to it lasts longer than this call.
    var span = unsafe MutableRawSpan(_unsafeBytes: buffer)
    let count = try source.read(at: position, count: Self.bufferSize, into: &span)
    position += UInt64(count)
    unsafe digest?.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    return count
  }

  private func skip(_ count: Int64) -> Int64 {
    guard count > 0, position < source.size else { return 0 }
    let skipped = min(UInt64(count), source.size - position)
    position += skipped
    return Int64(skipped)
  }
}

/// What one of libarchive's filters decompresses.
final class FilteredForwardBytes: ForwardBytes {
  private let handle: ArchiveHandle
  private var isFinished = false

  /// - Parameter filter: the number that libarchive has for the compression, which must be bounded in the memory it takes.
  init(_ source: any ByteSource, filter: CInt) throws(Problem) {
    handle = try unsafe ArchiveHandle(source, "compressed stream") { archive in
      unsafe archive_read_append_filter(archive, filter) == ARCHIVE_OK
        && archive_read_support_format_raw(archive) == ARCHIVE_OK
    }
    var entry: OpaquePointer?
    switch unsafe archive_read_next_header(handle.archive, &entry) {
    case ARCHIVE_OK: break
    case ARCHIVE_EOF: isFinished = true
    default: throw handle.failure()
    }
  }

  func read(
    into output: inout [UInt8], _ range: Range<Int>, noting marks: inout SourceMarks?
  ) throws(Problem) -> Int {
    precondition(range.lowerBound >= 0 && range.upperBound <= output.count)
    guard !isFinished else { return 0 }
    var filled = range.lowerBound
    while filled < range.upperBound {
      // At most what is left of the range is written.
      let count = unsafe output.withUnsafeMutableBytes { bytes in
        unsafe archive_read_data(handle.archive, bytes.baseAddress! + filled, range.upperBound - filled)
      }
      if count < 0 { throw handle.failure() }
      if count == 0 {
        isFinished = true
        break
      }
      filled += count
    }
    return filled - range.lowerBound
  }
}
