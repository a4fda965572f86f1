public import Bytes

/// An image of Singularity or Apptainer: the SquashFS partitions in it (apptainer/sif, pkg/sif, version 01).
public struct SIFImage: Sendable {
  /// A partition with a file system.
  public struct Partition: Sendable {
    /// What tells it from others; empty for the one that is run.
    public var name: String
    public var platform: ContainerImage.Platform
    /// Where it lies in the image.
    public var range: Range<UInt64>
  }

  /// Those that are run come first: one for each platform.
  public private(set) var partitions: [Partition] = []
  /// The platforms of the partitions that were left out because others were wanted.
  public private(set) var otherPlatforms: [ContainerImage.Platform] = []
  /// What is wrong with the descriptors, and which partitions are not read.
  public private(set) var problems: [Problem] = []

  /// The most descriptors of an image; the tools make room for 48.
  private static let descriptorLimit = 1024
  private static let headerSize = 128
  private static let descriptorSize = 585

  /// Whether these are the first bytes of an image, 42 at least. A script of 32 bytes comes first.
  public static func isSIF(prefix: ArraySlice<UInt8>) -> Bool {
    prefix.dropFirst(32).starts(with: "SIF_MAGIC\0".utf8)
  }

  /// Reads the header and the descriptors of the image `source`. Signatures, definition files and labels are passed over.
  ///
  /// - Parameter platform: the one that is wanted; nil for all.
  /// - Throws: a ``Problem`` when it is no image of the version that is known, or its descriptors are not in it.
  public init(_ source: any ByteSource, platform: ContainerImage.Platform? = nil) throws(Problem) {
    let field: StaticString = "SIF header"
    var window = ByteWindow(source, capacity: Self.descriptorSize)
    let (version, count, start) = try window.withBytes(at: 0, count: Self.headerSize, field) {
      (view) throws(Problem) in
      (
        try view.slice(42..<45, field).text(), try view.u64(88, field), try view.u64(96, field)
      )
    }
    guard version == "01" else {
      throw Problem(.unsupported, "SIF version", at: 42, expected: "01", observed: printable(version))
    }
    guard count <= UInt64(Self.descriptorLimit) else {
      throw Problem(
        .limitExceeded, "SIF descriptors", at: 88, expected: "at most \(Self.descriptorLimit)",
        observed: "\(count)")
    }
    guard start <= source.size, count * UInt64(Self.descriptorSize) <= source.size - start else {
      throw Problem(.outOfBounds, "SIF descriptors", at: 96)
    }
    var others: [Partition] = []
    for index in 0..<count {
      let place = start + index * UInt64(Self.descriptorSize)
      let descriptor = try window.withBytes(at: place, count: Self.descriptorSize, "SIF descriptor") {
        (view) throws(Problem) in try Descriptor(view)
      }
      guard descriptor.isUsed else { continue }
      do throws(Problem) {
        guard let partition = try descriptor.partition(of: source, at: place) else { continue }
        guard partition.platform.isWanted(platform) else {
          if !otherPlatforms.contains(partition.platform) { otherPlatforms.append(partition.platform) }
          continue
        }
        if descriptor.isRun { partitions.append(partition) } else { others.append(partition) }
      } catch {
        problems.append(withinLimit: error)
      }
    }
    partitions += others
  }
}

/// A descriptor: 585 bytes without gaps.
private struct Descriptor {
  private let type: UInt32
  let isUsed: Bool
  private let number: UInt32
  private let offset: UInt64
  private let size: UInt64
  private let fileSystem: UInt32
  private let purpose: UInt32
  private let architecture: String

  init(_ view: ByteView) throws(Problem) {
    let field: StaticString = "SIF descriptor"
    type = try view.u32(0, field)
    isUsed = try view.u8(4, field) != 0
    number = try view.u32(5, field)
    offset = try view.u64(17, field)
    size = try view.u64(25, field)
    fileSystem = try view.u32(201, field)
    purpose = try view.u32(205, field)
    architecture = try view.slice(209..<212, field).text()
  }

  private static let architectures = [
    "01": "386", "02": "amd64", "03": "arm", "04": "arm64", "05": "ppc64", "06": "ppc64le", "07": "mips",
    "08": "mipsle", "09": "mips64", "10": "mips64le", "11": "s390x", "12": "riscv64", "13": "loong64",
  ]

  /// Whether it is the partition with the root of what is run, on its platform.
  var isRun: Bool { purpose == 2 }

  private static let fileSystems: [UInt32: String] = [
    2: "an ext3 file system", 3: "an archive", 4: "raw data", 5: "encrypted SquashFS",
    6: "SquashFS encrypted with gocryptfs",
  ]

  /// The partition that it describes; nil for what is none.
  ///
  /// - Throws: a ``Problem`` when it is not read, or not in the image.
  func partition(of source: any ByteSource, at place: UInt64) throws(Problem) -> SIFImage.Partition? {
    let name = "SIF partition \(number)"
    func notRead(_ what: String) -> Problem {
      Problem(.unsupported, name, at: place, observed: "\(what), what it holds is not read")
    }
    switch type {
    case 0x4004: break
    case 0x400B:
      throw Problem(
        .unsupported, "SIF blob \(number)", at: place,
        observed: "part of an OCI image, what it holds is not read")
    default: return nil
    }
    guard fileSystem == 1 else {
      throw notRead(Self.fileSystems[fileSystem] ?? "a file system of the unknown kind \(fileSystem)")
    }
    guard (1...3).contains(purpose) else {
      throw notRead(purpose == 4 ? "an overlay" : "of the unknown kind \(purpose)")
    }
    guard offset <= source.size, size <= source.size - offset else {
      throw Problem(
        .outOfBounds, name, at: place, expected: "\(size) bytes at \(hexadecimal(offset))",
        observed: "\(source.size) bytes of the image")
    }
    return SIFImage.Partition(
      name: isRun ? "" : "partition \(number)",
      platform: ContainerImage.Platform(
        operatingSystem: "linux", architecture: Self.architectures[architecture] ?? "unknown"),
      range: offset..<offset + size)
  }
}
