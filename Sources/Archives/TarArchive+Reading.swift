public import Bytes
import CArchive
import Glibc

extension TarArchive {
  /// Reads the headers of the uncompressed tar `source`, and nothing else where no digest is asked for.
  ///
  /// Whatever is wrong is in ``problems``; the members in front of a broken header are there.
  ///
  /// - Parameter digests: whether all bytes are read for ``digest``.
  public init(_ source: any ByteSource, digests: Bool = false, limits: ArchiveLimits = ArchiveLimits()) {
    self.source = source
    self.limits = limits
    do throws(Problem) {
      let handle = try unsafe ArchiveHandle(source, digest: digests ? SHA256() : nil, "tar") { archive in
        unsafe archive_read_support_format_tar(archive) == ARCHIVE_OK
          && archive_read_append_filter(archive, ARCHIVE_FILTER_NONE) == ARCHIVE_OK
      }
      var entry: OpaquePointer?
      loop: while true {
        switch unsafe archive_read_next_header(handle.archive, &entry) {
        case ARCHIVE_OK, ARCHIVE_WARN: break
        case ARCHIVE_EOF: break loop
        default:
          let failure = handle.failure()
          guard failure.code == .truncated, endsInPadding else { throw failure }
          break loop
        }
        guard let entry = unsafe entry else { break }
        guard members.count < limits.tarMembers else {
          throw Problem(.limitExceeded, "tar members", expected: limits.atMost(.tarMembers))
        }
        // The format reader has taken the headers and nothing of the contents.
        let start = UInt64(clamping: unsafe archive_filter_bytes(handle.archive, 0))
        unsafe add(entry, at: start)
      }
      digest = try handle.finishDigest()
    } catch {
      problems.append(withinLimit: error)
    }
  }

  /// Whether nothing is missing but zeros behind the last file, which some tools leave out (Go's reader takes that).
  private var endsInPadding: Bool {
    guard let end = members.last?.range?.upperBound else { return false }
    return end <= source.size && source.size <= (end + 511) / 512 * 512
  }

  @unsafe
  private mutating func add(_ entry: OpaquePointer, at start: UInt64) {
    func path(_ text: UnsafePointer<CChar>?) -> Path? {
      guard let text = unsafe text else { return nil }
      return unsafe Path(bytes: UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
    guard let name = unsafe path(archive_entry_pathname(entry)) else {
      problems.append(withinLimit: Problem(.invalidValue, "tar member path", at: start))
      return
    }
    let hardLink = unsafe path(archive_entry_hardlink(entry))
    let symbolicLink = unsafe path(archive_entry_symlink(entry))
    guard
      max(name.bytes.count, hardLink?.bytes.count ?? 0, symbolicLink?.bytes.count ?? 0) <= limits.pathLength
    else {
      problems.append(
        withinLimit: Problem(
          .limitExceeded, "tar member path", at: start, expected: limits.atMost(.pathLength),
          observed: "\(name.bytes.count)"))
      return
    }
    var member = TarMember(path: name, kind: .file, range: nil)
    let kind = FileKind(mode: unsafe UInt32(archive_entry_filetype(entry)))
    if let hardLink {
      member.kind = .hardLink(hardLink)
    } else {
      switch kind {
      case .regular:
        let isSparse = unsafe archive_entry_sparse_reset(entry) > 0
        let (end, overflow) = start.addingReportingOverflow(
          UInt64(clamping: unsafe archive_entry_size(entry)))
        if !isSparse, !overflow { member.range = start..<end }
      case .directory: member.kind = .directory
      case .symbolicLink: member.kind = .symbolicLink(symbolicLink ?? Path(""))
      default: member.kind = .other(kind)
      }
    }
    members.append(member)
  }

  /// What a file holds.
  ///
  /// - Throws: a ``Problem/Code/unsupported`` problem when it is no file or has holes,
  ///   ``Problem/Code/limitExceeded`` when it is larger than the limit, ``Problem/Code/truncated`` when the tar ends before
  ///   it does.
  public func contents(of member: TarMember) throws(Problem) -> any ByteSource {
    let name = printable(member.path.bytes.prefix(256))
    guard let range = member.range else {
      throw Problem(
        .unsupported, "tar member \(name)", observed: member.kind == .file ? "a file with holes" : "no file")
    }
    guard range.upperBound - range.lowerBound <= limits.memberSize else {
      throw Problem(
        .limitExceeded, "tar member \(name)", at: range.lowerBound,
        expected: limits.atMost(.memberSize), observed: "\(range.upperBound - range.lowerBound)")
    }
    guard range.upperBound <= source.size else {
      throw Problem(
        .truncated, "tar member \(name)", at: range.lowerBound,
        expected: "\(range.upperBound - range.lowerBound) bytes",
        observed: "\(source.size - min(range.lowerBound, source.size))")
    }
    return SubrangeBytes(source, range)
  }
}
