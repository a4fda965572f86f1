/// What an archive may claim before it is no longer believed.
public struct ArchiveLimits: Hashable, Sendable {
  /// Members of one zip archive.
  public var zipMembers = 1 << 18
  /// Members of one tar or layer.
  public var tarMembers = 1 << 21
  /// Bytes of a member's path: `PATH_MAX` of Linux.
  public var pathLength = 4096
  /// Bytes of one member, decompressed.
  public var memberSize: UInt64 = 8 << 30
  /// Bytes of one compressed tar or layer, decompressed.
  public var streamSize: UInt64 = 32 << 30
  /// Files, folders and links of one image, all layers together.
  public var nodes = 1 << 22

  public init() {}
}
