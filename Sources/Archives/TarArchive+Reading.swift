public import Bytes
import CArchive
import Glibc

extension TarArchive {
  /// Bytes of a header, and of what the contents of a member are filled up to with zeros.
  static let blockSize = 512
  /// Bytes that are searched for the next header behind damage, and behind the end for what should not be there.
  private static let searchLimit: UInt64 = 1 << 20

  /// Reads the headers of the uncompressed tar `source`, and nothing else where no digest is asked for.
  ///
  /// Whatever is wrong is in ``problems``; the members in front of a broken header are there, and those behind it where
  /// one can be found.
  ///
  /// - Parameters:
  ///   - digests: whether all bytes are read for ``digest``.
  ///   - memory: bytes that the members may take; nil for what `limits` say.
  public init(
    _ source: any ByteSource, digests: Bool = false, limits: ArchiveLimits = ArchiveLimits(),
    memory: Budget? = nil
  ) {
    self.source = source
    self.limits = limits
    let memory = memory ?? limits.memory(for: source.size)
    do throws(Problem) {
      let handle = try unsafe ArchiveHandle(source, digest: digests ? SHA256() : nil, "tar") { archive in
        unsafe archive_read_support_format_tar(archive) == ARCHIVE_OK
          && archive_read_append_filter(archive, ARCHIVE_FILTER_NONE) == ARCHIVE_OK
      }
      var entry: OpaquePointer?
      var damage: UInt64 = 0
      loop: while true {
        switch unsafe archive_read_next_header(handle.archive, &entry) {
        case ARCHIVE_OK: break
        case ARCHIVE_WARN:
          // Names need not be text, so one that cannot be converted is nothing to speak of.
          if unsafe archive_errno(handle.archive) != EILSEQ { problems.append(withinLimit: handle.failure()) }
        case ARCHIVE_RETRY:
          // A block that is no header: the next one may be.
          if damage == 0 { problems.append(withinLimit: handle.failure()) }
          damage += UInt64(Self.blockSize)
          guard damage < Self.searchLimit else { throw handle.failure() }
          continue
        case ARCHIVE_EOF: break loop
        default:
          let failure = handle.failure()
          guard failure.code == .truncated, endsInPadding else { throw failure }
          break loop
        }
        damage = 0
        guard let entry = unsafe entry else { break }
        guard members.count < limits.tarMembers else {
          throw Problem(.limitExceeded, "tar members", expected: limits.atMost(.tarMembers))
        }
        // The format reader has taken the headers and nothing of the contents.
        let start = UInt64(clamping: unsafe archive_filter_bytes(handle.archive, 0))
        unsafe add(entry, at: start)
        if let last = members.last, !memory.take(last.memory) { throw Self.tooMuchMemory(limits) }
      }
      digest = try handle.finishDigest()
      try checkBehindEnd(UInt64(clamping: unsafe archive_filter_bytes(handle.archive, 0)))
    } catch {
      problems.append(withinLimit: error)
    }
  }

  static func tooMuchMemory(_ limits: ArchiveLimits) -> Problem {
    Problem(.limitExceeded, "memory for the members of an archive", expected: limits.atMost(.nameMemory))
  }

  /// Reports what readers do not see because the tar ends in front of it.
  private mutating func checkBehindEnd(_ end: UInt64) throws(Problem) {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    for offset in stride(from: end, to: end + Self.searchLimit, by: buffer.count) {
      let count = try source.read(at: offset, count: buffer.count, into: &buffer)
      if let place = buffer[..<count].firstIndex(where: { $0 != 0 }) {
        problems.append(
          withinLimit: Problem(
            .invalidValue, "tar", at: offset + UInt64(place), expected: "zeros behind its end",
            observed: "more"))
        return
      }
      if count < buffer.count { return }
    }
  }

  /// Whether nothing is missing but zeros behind the last file, which some tools leave out (Go's reader takes that).
  private var endsInPadding: Bool {
    guard let end = members.last?.range?.upperBound else { return false }
    let block = UInt64(Self.blockSize)
    return end <= source.size && source.size <= (end + block - 1) / block * block
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
    let target = max(hardLink?.bytes.count ?? 0, symbolicLink?.bytes.count ?? 0)
    guard max(name.bytes.count, target) <= limits.pathLength else {
      let isName = name.bytes.count > limits.pathLength
      problems.append(
        withinLimit: Problem(
          .limitExceeded, isName ? "tar member path" : "tar link target", at: start,
          expected: limits.atMost(.pathLength), observed: "\(isName ? name.bytes.count : target)"))
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
    SubrangeBytes(source, try range(of: member))
  }

  /// Where ``source`` has what ``contents(of:)`` gives.
  ///
  /// - Throws: the same.
  public func range(of member: TarMember) throws(Problem) -> Range<UInt64> {
    func problem(_ code: Problem.Code, expected: String? = nil, observed: String) -> Problem {
      Problem(
        code, "tar member \(printable(member.path.bytes.prefix(256)))", at: member.range?.lowerBound,
        expected: expected, observed: observed)
    }
    guard let range = member.range else {
      throw problem(.unsupported, observed: member.kind == .file ? "a file with holes" : "no file")
    }
    let size = range.upperBound - range.lowerBound
    guard size <= limits.memberSize else {
      throw problem(.limitExceeded, expected: limits.atMost(.memberSize), observed: "\(size)")
    }
    guard range.upperBound <= source.size else {
      throw problem(
        .truncated, expected: "\(size) bytes",
        observed: "\(source.size - min(range.lowerBound, source.size))")
    }
    return range
  }
}

extension TarMember {
  /// Bytes of memory that it takes.
  var memory: Int {
    let link =
      switch kind {
      case .symbolicLink(let target), .hardLink(let target): target.bytes.count
      case .file, .directory, .other: 0
      }
    return MemoryLayout<Self>.stride + 32 + path.bytes.count + link
  }
}
