public import Bytes

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
  /// Bytes of all layers of the images in one archive, decompressed.
  public var imageSize: UInt64 = 128 << 30
  /// Files, folders and links of one image, all layers together.
  public var nodes = 1 << 22
  /// Names that are looked up on the way through folders, links and search paths of one scan.
  public var pathSteps = 1 << 26
  /// Bytes of memory for the members of all tars of one scan, besides ``memoryPerByte`` for each byte that is read of
  /// them.
  public var nameMemory: UInt64 = 64 << 20
  /// Conditions of what the images of one scan require of a driver; a variable counts as 20 of them.
  public var conditions = 1 << 14

  /// Bytes that are decompressed in one scan to open archives, and as many to read what is in them, besides
  /// ``decompressedPerByte`` for each byte of the files that are read; those that are decompressed twice count twice.
  public var decompressedSize: UInt64 = 4 << 30

  /// Bytes of an input that comes as a stream or from a client such as docker, and is kept while it is read.
  public var inputSize: UInt64 = 64 << 30

  /// Bytes that may be decompressed for each that is read.
  public static let decompressedPerByte = 100

  /// Bytes of memory that an archive may take for each of its own.
  public static let memoryPerByte = 10

  /// The memory for the members of an archive of `size` bytes.
  func memory(for size: UInt64) -> Budget {
    let budget = Budget(Int(clamping: nameMemory))
    budget.addMemory(for: size)
    return budget
  }

  public init() {}
}

extension ArchiveLimits {
  /// A limit by the name under which people set it, and by which a problem says that it was reached.
  public enum Name: String, CaseIterable, Hashable, Sendable {
    case zipMembers = "zip-members"
    case tarMembers = "tar-members"
    case pathLength = "path-length"
    case memberSize = "member-size"
    case streamSize = "stream-size"
    case imageSize = "image-size"
    case nodes
    case pathSteps = "path-steps"
    case nameMemory = "name-memory"
    case conditions
    case decompressedSize = "decompressed-size"
    case inputSize = "input-size"

    /// What it counts, in words.
    public var meaning: String {
      switch self {
      case .zipMembers: "members of one zip archive"
      case .tarMembers: "members of one tar or layer"
      case .pathLength: "bytes of a member's path"
      case .memberSize: "bytes of one member, decompressed"
      case .streamSize: "bytes of one compressed tar or layer, decompressed"
      case .imageSize: "bytes of all layers together, decompressed"
      case .nodes: "files, folders and links of one image"
      case .nameMemory:
        "memory for members, and \(ArchiveLimits.memoryPerByte) bytes for each read"
      case .conditions: "conditions of what images require of a driver"
      case .pathSteps: "names looked up on the way through links"
      case .decompressedSize: "bytes decompressed, and \(ArchiveLimits.decompressedPerByte) for each read"
      case .inputSize: "bytes of standard input, and of what is fetched"
      }
    }

    /// Whether it counts bytes.
    public var isSize: Bool {
      switch self {
      case .pathLength, .memberSize, .streamSize, .imageSize, .nameMemory, .decompressedSize, .inputSize: true
      case .zipMembers, .tarMembers, .nodes, .pathSteps, .conditions: false
      }
    }
  }

  public subscript(name: Name) -> UInt64 {
    get {
      switch name {
      case .zipMembers: UInt64(clamping: zipMembers)
      case .tarMembers: UInt64(clamping: tarMembers)
      case .pathLength: UInt64(clamping: pathLength)
      case .memberSize: memberSize
      case .streamSize: streamSize
      case .imageSize: imageSize
      case .nodes: UInt64(clamping: nodes)
      case .pathSteps: UInt64(clamping: pathSteps)
      case .nameMemory: nameMemory
      case .conditions: UInt64(clamping: conditions)
      case .decompressedSize: decompressedSize
      case .inputSize: inputSize
      }
    }
    set {
      switch name {
      case .zipMembers: zipMembers = Int(clamping: newValue)
      case .tarMembers: tarMembers = Int(clamping: newValue)
      case .pathLength: pathLength = Int(clamping: newValue)
      case .memberSize: memberSize = newValue
      case .streamSize: streamSize = newValue
      case .imageSize: imageSize = newValue
      case .nodes: nodes = Int(clamping: newValue)
      case .pathSteps: pathSteps = Int(clamping: newValue)
      case .nameMemory: nameMemory = newValue
      case .conditions: conditions = Int(clamping: newValue)
      case .decompressedSize: decompressedSize = newValue
      case .inputSize: inputSize = newValue
      }
    }
  }

  /// What a problem expects where the limit is passed: "at most 4096 bytes (limit path-length)".
  public func atMost(_ name: Name) -> String { name.atMost(self[name]) }
}

extension ArchiveLimits.Name {
  /// What a problem expects where this limit, of that value, is passed.
  func atMost(_ value: UInt64) -> String { "at most \(value)\(isSize ? " bytes" : "") (limit \(rawValue))" }
}

extension Budget {
  /// Allows the memory for the members of an archive of `size` bytes.
  public func addMemory(for size: UInt64) { add(ArchiveLimits.memoryPerByte, for: size) }

  /// Allows what a file of `size` bytes may decompress to.
  public func addDecompression(for size: UInt64) { add(ArchiveLimits.decompressedPerByte, for: size) }

  private func add(_ factor: Int, for size: UInt64) {
    let (product, overflow) = size.multipliedReportingOverflow(by: UInt64(factor))
    add(overflow ? .max : Int(clamping: product))
  }
}
