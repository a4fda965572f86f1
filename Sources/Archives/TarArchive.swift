public import Bytes

/// An uncompressed tar: its members, and where in the tar each one's contents lie.
public struct TarArchive: Sendable {
  /// The tar, after any decompression. Nothing, where the members are known by what was written down of them.
  public let source: any ByteSource
  public let limits: ArchiveLimits
  public internal(set) var members: [TarMember] = []
  public internal(set) var problems: [Problem] = []
  /// The SHA-256 digest of all bytes of the tar, if it was asked for.
  public internal(set) var digest: [UInt8]?

  /// A tar of which the members were written down, and whose contents are not there.
  ///
  /// - Parameter memory: bytes that the members may take; nil for what `limits` say.
  public init(
    members: [TarMember], problems: [Problem], limits: ArchiveLimits = ArchiveLimits(), memory: Budget? = nil
  ) {
    source = MemoryBytes([])
    self.limits = limits
    self.problems = problems
    let memory = memory ?? limits.memory(for: 0)
    for member in members {
      guard memory.take(member.memory) else {
        self.problems.append(withinLimit: Self.tooMuchMemory(limits))
        return
      }
      self.members.append(member)
    }
  }
}

/// One member of a tar.
public struct TarMember: Sendable {
  public enum Kind: Hashable, Sendable {
    case file
    case directory
    /// Leads to a path that counts from the folder of the link, or from the root.
    case symbolicLink(Path)
    /// Another name of the member with this path.
    case hardLink(Path)
    /// A device, a FIFO, a socket.
    case other(FileKind)
  }

  /// As written; data, never opened on the host.
  public var path: Path
  public var kind: Kind
  /// Where the contents of a file lie in the tar; nil where they are in pieces, with holes between them.
  public var range: Range<UInt64>?

  public init(path: Path, kind: Kind, range: Range<UInt64>? = nil) {
    self.path = path
    self.kind = kind
    self.range = range
  }
}
