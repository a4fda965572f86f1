public import Archives
public import Bytes
public import Compatibility
import DeviceCode
import Stack
import Synchronization

/// What one layer of images adds and removes, and what is known of its files: as much as the facts of any image with the layer
/// depend on.
///
/// An image of such layers is scanned as one of the layers themselves, except that no file is read.
public struct LayerFacts: Sendable {
  /// The digest of the layer as it is stored, with its algorithm in front.
  public var digest: String
  /// The digest of the uncompressed tar; nil where that could not be read to its end.
  public var tarDigest: String?
  /// The layer's names, links and whiteouts, as its tar has them.
  public var members: [TarMember]
  /// What is known of members, by their indices. Nothing depends on the others but their names.
  var files: [Int: LayerFile]
  /// What is wrong with the tar.
  public var problems: [Problem]

  /// The problems of its files, each with the member's path.
  public var fileProblems: [(path: Path, problem: Problem)] {
    files.sorted { $0.key < $1.key }.flatMap { index, file in
      (file.wayProblems + file.problems).map { (members[index].path, $0) }
    }
  }
}

/// What is known of one file of a layer.
struct LayerFile: Sendable {
  /// What was wrong before the file was read for device code: it could not be opened, or holds files that are not read.
  var wayProblems: [Problem] = []
  /// What it is; nil for a file that was not read for device code, because its start says that it has none.
  var format: InspectedFile.Format?
  /// What is wrong with the file that was read.
  var problems: [Problem] = []
  var foreignDeviceCode: [String] = []
  /// Its device code, without paths; nil where it has none.
  var code: CodeFile?
  /// The checksum of how the file starts and ends, where it has device code.
  var ends: UInt64?
  /// What it says of the libraries around it.
  var host: HostLibrary?
  /// What is kept of the bytes, where facts are made of them.
  var contents: KeptContents?

  /// Whether there is nothing to say.
  var isEmpty: Bool { wayProblems.isEmpty && format == nil && contents == nil }

  /// The file as a scan would have read it, without the images, of which ``code`` has what is told of them.
  var inspected: InspectedFile? {
    format.map {
      InspectedFile(
        format: $0, size: code?.size ?? 0, foreignDeviceCode: foreignDeviceCode,
        problems: code?.problems ?? problems)
    }
  }
}

extension Scanner {
  /// Reads the layer that `file` is: a tar, which may be compressed.
  ///
  /// What is no tar is a layer with a problem, as it is in an image.
  ///
  /// - Throws: a ``Problem`` when it cannot be read at all.
  public func layerFacts(of file: FileBytes, by tables: TableSet) throws(Problem) -> LayerFacts {
    let steps = Budget(limits.pathSteps)
    let memory = Budget(Int(clamping: limits.nameMemory))
    memory.addMemory(for: file.size)
    let decompression = Budget(
      Int(clamping: limits.decompressedSize), expected: limits.atMost(.decompressedSize))
    decompression.addDecompression(for: file.size)
    progress?.begin(.verifyingLayers, of: 1)
    let digest = try Digest(SHA256.digest(of: file)).text
    let tar = try TarArchive(
      decompressing: file, digests: true, limits: limits, memory: memory, decompression: decompression)
    progress?.finishStep()
    var root = ScanRoot(path: Path("layer"), kind: .tar)
    root.archive = ArchiveFiles(layer: tar)
    decompression.add(Int(clamping: limits.decompressedSize))
    progress?.begin(.walking)
    let walk = Walk(
      [root], limits: limits, decompression: decompression, problems: [], keepsContents: true,
      progress: progress)
    walk.run(jobs: jobs)
    var result = walk.result(jobs: jobs, limits: limits, steps: steps)
    // Which cubins are judged together, only the image with the layer tells.
    result.readKernels(
      for: CodeReading(.everything, in: [], by: tables), cubinsTogether: false, jobs: jobs, progress: progress
    )
    result.readDigests(jobs: jobs, progress: progress)
    return LayerFacts(
      digest: digest, tarDigest: tar.digest.map { Digest($0).text }, members: tar.members,
      files: walk.layerFiles(result), problems: tar.problems)
  }
}

extension Walk {
  /// What was found of each member of the one layer that was walked.
  ///
  /// - Parameter result: what the walk's result has become after the code was read.
  fileprivate func layerFiles(_ result: ScanResult) -> [Int: LayerFile] {
    guard let archive = roots[0].archive else { return [:] }
    var libraries: [Path: ScannedLibrary] = [:]
    for library in result.libraries {
      for place in [library.place] + library.aliases { libraries[place.path] = library }
    }
    let state = self.state.withLock { $0 }
    let wayProblems = Dictionary(grouping: state.problems, by: \.place.path)
    var files: [Int: LayerFile] = [:]
    var kept: [Int: Set<KeptContents>] = [:]
    for entry in archive.files {
      if let contents = state.kept[FilePlace(root: 0, path: entry.path)] {
        kept[entry.member, default: []].insert(contents)
      }
    }
    // Names of one member say the same, except of contents.
    for entry in archive.files where files[entry.member] == nil {
      var file = LayerFile()
      file.wayProblems = wayProblems[entry.path]?.map(\.problem) ?? []
      if let contents = kept[entry.member] {
        file.contents = contents.count == 1 ? contents.first : KeptContents(whole: archive, entry.path)
      }
      if let contents = state.files[.member(root: 0, layer: entry.layer, member: entry.member)]?.contents {
        file.format = contents.file.format
        file.problems = contents.file.problems
        file.foreignDeviceCode = contents.file.foreignDeviceCode
        file.host = contents.host
        if let library = libraries[entry.path] {
          file.code = CodeFile(library, path: Path(""))
          file.ends = library.ends
          file.problems = []
        }
      }
      if !file.isEmpty { files[entry.member] = file }
    }
    return files
  }
}

extension KeptContents {
  fileprivate init(whole archive: ArchiveFiles, _ path: Path) {
    do throws(Problem) {
      self.init(whole: try archive.open(path))
    } catch {
      self = .unreadable(error)
    }
  }
}

/// Documents of layers in a folder, by their digests: `sha256/HEX.json` or `sha256/HEX.json.gz`.
public struct LayerStore: Sendable {
  private let folder: Folder
  private let tables: TableSet

  /// - Throws: a ``Problem`` when there is no such folder.
  public init(_ path: Path, by tables: TableSet) throws(Problem) {
    folder = try Folder(path)
    self.tables = tables
  }

  private func open(_ digest: String) throws(Problem) -> FileBytes? {
    guard let digits = (try? Digest(text: digest))?.digits else { return nil }
    for suffix in [".json.gz", ".json"] {
      do {
        return try FileBytes(in: folder, Path("sha256/\(digits)\(suffix)"))
      } catch  where error.code == .notFound {}
    }
    return nil
  }

  /// Whether there is a document of the layer with this digest.
  func has(_ digest: String) -> Bool { (try? open(digest)) != nil }

  /// What is known of a layer; nil where there is no document.
  ///
  /// - Throws: a ``Problem`` when the document cannot be understood, or is one of another layer.
  func facts(of digest: String) throws(Problem) -> LayerFacts? {
    guard let file = try? open(digest) else { return nil }
    let facts = try LayerDocument.read(file, by: tables)
    guard facts.digest == digest else {
      throw Problem(
        .mismatch, "facts of a layer", expected: printable(digest), observed: printable(facts.digest))
    }
    return facts
  }
}
