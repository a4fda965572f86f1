public import Archives
public import Bytes
public import Stack

/// Where a scan starts: a directory, a file, or the files of an archive.
public struct ScanRoot: Sendable {
  /// What was named on the command line, or a wheel in a folder that was.
  public var path: Path
  public var kind: View.Kind
  /// The image that was made of its layers, where the root is one.
  public var image: Image?
  /// What is in an archive; nil for what lies in the file system of the host.
  var archive: ArchiveFiles?
  /// The directory that is walked; nil for everything else.
  var folder: Folder?
  /// The symbolic links that lead out of the directory and are followed; nil where none are.
  var followed: FollowedLinks?
  /// The root itself where it is a file that its path does not lead to; nil for everything else.
  var file: FileBytes?

  public init(path: Path, kind: View.Kind) {
    self.path = path
    self.kind = kind
  }

  /// What a scan tells of an image besides its files.
  public struct Image: Hashable, Sendable {
    /// The names that the archive gives the image.
    public var names: [String]
    public var platform: ContainerImage.Platform
    /// The digest of the manifest; nil where there is none.
    public var digest: String?
    /// From the lowest to the uppermost; none in an image of Singularity.
    public var layers: [View.Layer]
    /// The image configuration, JSON as written; empty where there is none.
    public var configuration: [UInt8]
  }

  /// The folder, and the path in it, where what the directory has as `path` is; nil if the root is no directory.
  func place(of path: Path) -> (folder: Folder, path: Path)? {
    folder.map { followed?.place(of: path) ?? ($0, path) }
  }

  /// The name of the distribution in a wheel; nil where no file tells.
  fileprivate var distribution: String? {
    let suffix = ".dist-info/WHEEL"
    let file = archive?.files.first { $0.path.bytes.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) }
    return file.map { String($0.path.text.prefix { $0 != "-" }).lowercased() }
  }

  /// The layer that brought a file, counted from the lowest one; nil where the root is no image with layers.
  public func layer(of path: Path) -> Int? {
    guard image?.layers.isEmpty == false, let index = archive?.index(of: path) else { return nil }
    return archive?.layerNumber(of: index)
  }
}

extension View.Kind {
  /// Whether the path leads to a directory of the host that is walked.
  var isHostDirectory: Bool { self == .directory || self == .rootFileSystem }
}

/// The place of a file: which root it was found under, and its path from there. For a root that is a file, the
/// path is the file's name.
public struct FilePlace: Hashable, Sendable, Comparable {
  /// Index into the scan's roots.
  public var root: Int
  public var path: Path

  public init(root: Int, path: Path) {
    self.root = root
    self.path = path
  }

  public static func < (left: FilePlace, right: FilePlace) -> Bool {
    left.root == right.root ? left.path < right.path : left.root < right.root
  }

  /// The path for a person, and for a file of the host the one to open.
  public func fullPath(in roots: [ScanRoot]) -> Path {
    let root = roots[root]
    if root.kind == .file || path.bytes.isEmpty { return root.path }
    return root.path.appending(path.bytes)
  }

  /// The folder that the file is in.
  var folder: FilePlace { FilePlace(root: root, path: path.parent) }

  /// The place of an entry of this directory.
  func appending(_ name: [UInt8]) -> FilePlace {
    FilePlace(root: root, path: path.appending(name))
  }
}

extension [ScanRoot] {
  /// Whether the wheels among the roots, of which there are some, can be installed into one environment: no two are
  /// versions of one distribution. Packages of conda cannot be unpacked into one folder: each has its own `info`.
  var canBeInstalledTogether: Bool {
    let wheels = filter { $0.kind == .wheel }
    let names = Set(wheels.map { $0.distribution ?? $0.path.text })
    return !wheels.isEmpty && names.count == wheels.count
  }

  /// Opens a file of one of the roots. What is below a directory is opened without following symbolic links.
  ///
  /// - Throws: a ``Problem`` when it cannot be opened.
  func open(_ place: FilePlace) throws(Problem) -> any CountingByteSource {
    let root = self[place.root]
    if let archive = root.archive { return CountedBytes(try archive.open(place.path)) }
    if let (folder, path) = root.place(of: place.path) { return try FileBytes(in: folder, path) }
    return if let file = root.file { try FileBytes(again: file) } else { try FileBytes(path: root.path) }
  }
}

extension ScanResult {
  /// Opens a file that the scan found.
  ///
  /// - Throws: a ``Problem`` when it cannot be opened, any more.
  public func open(_ place: FilePlace) throws(Problem) -> any CountingByteSource { try roots.open(place) }
}
