public import Bytes
public import DeviceCode

/// What was written of the images of some files: what the command `extract` shows.
public struct ExtractReport: Sendable {
  /// What became of one image.
  public enum Outcome: Hashable, Sendable {
    /// Written as a file of this name and size.
    case written(name: String, size: UInt64)
    /// Obfuscated, so that it cannot be decompressed: compressed LTO-IR.
    case opaque
    /// It cannot be read or decompressed.
    case unreadable
    /// The file could not be written.
    case notWritten
  }

  /// One file that was asked for.
  public struct File: Sendable {
    public var path: Path
    public var contents: InspectedFile
    /// The images that were asked for, by their index, ascending.
    public var images: [(index: Int, outcome: Outcome)]

    public init(path: Path, contents: InspectedFile, images: [(index: Int, outcome: Outcome)] = []) {
      self.path = path
      self.contents = contents
      self.images = images
    }
  }

  /// Where the files are.
  public var directory: Path
  public var files: [File]

  public init(directory: Path, files: [File]) {
    self.directory = directory
    self.files = files
  }
}

extension ExtractReport.File {
  fileprivate var written: [(image: DeviceImage, name: String, size: UInt64)] {
    images.compactMap { index, outcome in
      guard case .written(let name, let size) = outcome else { return nil }
      return (contents.inventory.images[index], name, size)
    }
  }

  fileprivate var skipped: [(image: DeviceImage, reason: String)] {
    images.compactMap { index, outcome in
      outcome.reason.map { (contents.inventory.images[index], $0) }
    }
  }
}

extension ExtractReport.Outcome {
  /// Why there is no file; nil where there is one.
  fileprivate var reason: String? {
    switch self {
    case .written: nil
    case .opaque: "opaque"
    case .unreadable: "unreadable"
    case .notWritten: "notWritten"
    }
  }
}

extension ExtractReport {
  /// The report as a JSON document.
  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object {
      $0.path(directory, "directory", bytes: "directoryBytes")
      $0.array("files", of: files) { writer, file in
        writer.rows("images", of: file.written) { writer, row in
          writer.member("file", row.name)
          writer.member("index", row.image.index)
          writer.member("kind", row.image.kind.description)
          writer.member("size", row.size)
          writer.member("target", row.image.targetName)
        }
        writer.path(file.path)
        writer.rows("problems", of: file.contents.problems) { $0.members(of: $1) }
        writer.rows("skipped", of: file.skipped) { writer, row in
          writer.member("index", row.image.index)
          writer.member("kind", row.image.kind.description)
          writer.member("reason", row.reason)
          writer.member("target", row.image.targetName)
        }
      }
      $0.member("schemaVersion", JSONWriter.schemaVersion)
      $0.tool(tool)
    }
    return writer.finish()
  }

  /// The report as text: for each file a table of what was written, then the sum.
  public func text(_ style: TextStyle) -> [UInt8] {
    var output: [UInt8] = []
    for file in files {
      write(file, style, to: &output)
      output.append(UInt8(ascii: "\n"))
    }
    let written = files.flatMap(\.written)
    let size = written.reduce(0) { $0 + $1.size }
    output.append(
      contentsOf: (written.isEmpty
        ? "nothing was written\n"
        : "\(counted(written.count, "file")) written into \(directory), \(byteCount(size))\n").utf8)
    return output
  }

  private func write(_ file: File, _ style: TextStyle, to output: inout [UInt8]) {
    var text = style.paint(file.path.description, .bold)
    let all = file.contents.inventory.images.count
    if all == 0 {
      if file.contents.problems.isEmpty { text += "  no CUDA device code" }
    } else if file.images.isEmpty {
      text += "  \(counted(all, "image")), none as asked for"
    } else if file.images.count < all {
      text += "  \(grouped(file.images.count)) of \(counted(all, "image"))"
    } else {
      text += "  \(counted(all, "image"))"
    }
    output.append(contentsOf: (text + "\n").utf8)
    if file.images.isEmpty, all > 0 {
      var targets: [String] = []
      for image in file.contents.inventory.images where !targets.contains(image.targetName) {
        targets.append(image.targetName)
      }
      let line = wrapped(targets.joined(separator: " "), first: "  it has ", width: style.width)
      output.append(contentsOf: line.utf8)
    }
    let written = file.written
    if !written.isEmpty {
      TextTable([.right("image"), .right("bytes"), .left("file")]).write(style, to: &output) { row in
        for image in written {
          row.add(UInt64(image.image.index))
          row.add(image.size)
          row.add(image.name)
        }
      }
    }
    for (outcome, why) in [
      (Outcome.opaque, "obfuscated LTO-IR, which does not decompress"),
      (.unreadable, "not readable, see the problem"), (.notWritten, "not written, see the message"),
    ] {
      let indices = file.images.filter { $0.outcome == outcome }.map { String($0.index) }
      guard !indices.isEmpty else { continue }
      let shown = indices.count <= 8 ? indices[...] : indices.prefix(7)
      var list = shown.joined(separator: ", ")
      if shown.count < indices.count { list += " and \(grouped(indices.count - shown.count)) more" }
      let line = wrapped(
        "\(indices.count == 1 ? "image" : "images") \(list): \(why)", first: "  left out: ",
        width: style.width)
      output.append(contentsOf: line.utf8)
    }
    output.append(contentsOf: file.contents.problems.lines(style).utf8)
  }
}
