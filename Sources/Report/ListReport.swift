public import Bytes
public import DeviceCode
public import Scan

/// Every image of some files: what the command `list` shows.
public struct ListReport: Sendable {
  /// One file that was asked for.
  public struct File: Sendable {
    public var path: Path
    public var contents: InspectedFile
    /// What was checked of the images; nil where they were not read.
    public var verification: Verification?

    public init(path: Path, contents: InspectedFile, verification: Verification? = nil) {
      self.path = path
      self.contents = contents
      self.verification = verification
    }
  }

  public var files: [File]

  public init(files: [File]) { self.files = files }
}

extension ListReport {
  /// The report as a JSON document.
  public func json(_ tool: Tool) -> [UInt8] {
    // A row takes some 220 bytes; room for all of them costs less than growing again and again.
    var writer = JSONWriter(capacity: files.reduce(1000) { $0 + $1.contents.inventory.images.count * 240 })
    writer.object {
      $0.array("files", of: files) { writer, file in
        let inventory = file.contents.inventory
        var targets = Memo<ImageTarget, String>()
        writer.member("format", file.contents.format.name)
        writer.rows("images", of: inventory.images) { writer, image in
          writer.member("abiVersion", image.abiVersion)
          writer.member("compilerArguments", image.compilerArguments)
          writer.member("compression", image.compression.rawValue)
          writer.member("flags", hexadecimal(image.flags.rawValue))
          writer.member("identifier", image.identifier)
          writer.member("index", image.index)
          writer.member("kind", image.kind.description)
          writer.member("member", inventory.modules[image.module].member)
          writer.member("memberOffset", image.memberOffset)
          writer.member("module", image.module)
          writer.member("offset", image.offset)
          writer.member("ptxISA", image.ptxISA?.description)
          if image.isRelocatable { writer.member("relocatable", true) }
          writer.member("section", inventory.modules[image.module].section)
          writer.member("size", image.size)
          writer.member("storedSize", image.storedSize)
          writer.member("target", targets.value(for: ImageTarget(image)) { _ in image.targetName })
          writer.member("toolkit", image.toolkit)
        }
        writer.array("otherDeviceCode", file.contents.foreignDeviceCode)
        writer.path(file.path)
        writer.rows("problems", of: file.contents.problems) { $0.members(of: $1) }
        writer.member("size", file.contents.size)
        if let verification = file.verification {
          writer.object("verification") {
            $0.member("decompressedBytes", verification.decompressedBytes)
            $0.member("images", verification.images)
            $0.member("opaque", verification.opaque)
          }
        }
      }
      $0.member("schemaVersion", JSONWriter.schemaVersion)
      $0.tool(tool)
    }
    return writer.finish()
  }

  /// The report as text: for each file a table with a row per image.
  public func text(_ style: TextStyle) -> [UInt8] {
    var output: [UInt8] = []
    for (index, file) in files.enumerated() {
      if index > 0 { output.append(UInt8(ascii: "\n")) }
      write(file, style, to: &output)
    }
    return output
  }

  private func write(_ file: File, _ style: TextStyle, to output: inout [UInt8]) {
    let inventory = file.contents.inventory
    var text = style.paint(file.path.description, .bold)
    let isUnread = file.contents.size == 0 && !file.contents.problems.isEmpty
    if !isUnread { text += "  \(byteCount(file.contents.size))" }
    switch file.contents.format {
    case .unsupported(let what): text += ", \(what): not read"
    case .other: text += file.contents.problems.isEmpty ? ", no file that holds device code" : ""
    default:
      text +=
        inventory.images.isEmpty
        ? ", no CUDA device code"
        : ", \(counted(inventory.modules.count, "module")), \(counted(inventory.images.count, "image"))"
    }
    text += "\n"
    for what in file.contents.foreignDeviceCode { text += "  holds device code for \(what)\n" }
    output.append(contentsOf: text.utf8)
    if !inventory.images.isEmpty {
      let hasArguments = file.verification != nil && inventory.images.contains { $0.compilerArguments != nil }
      writeTable(of: inventory, hasArguments: hasArguments, style, to: &output)
    }
    output.append(contentsOf: file.contents.problems.lines(style).utf8)
    if let verification = file.verification, !inventory.images.isEmpty {
      output.append(contentsOf: line(on: verification, isGood: file.contents.problems.isEmpty).utf8)
    }
  }

  private func line(on verification: Verification, isGood: Bool) -> String {
    var text = ""
    if verification.images > 0 || !isGood {
      text += "  verified: \(counted(verification.images, "image"))"
      if verification.decompressedBytes > 0 {
        text += ", \(byteCount(verification.decompressedBytes)) decompressed"
      }
      text += isGood ? ": as their headers say\n" : ": see the problems above\n"
    }
    if verification.opaque > 0 {
      text += "  not verified: \(counted(verification.opaque, "image")) of obfuscated LTO-IR\n"
    }
    return text
  }

  private func writeTable(
    of inventory: Inventory, hasArguments: Bool, _ style: TextStyle, to output: inout [UInt8]
  ) {
    let hasToolkit = inventory.images.contains { $0.toolkit != nil }
    let hasMember = inventory.modules.contains { $0.member != nil }
    let hasNote = inventory.images.contains { Self.note(on: $0) != "" }
    var headers: [TextTable.Header] = [
      .right("image"), .right("module"), .left("section"), .left("kind"), .left("target"), .right("stored"),
      .right("size"), .left("codec"), .right("PTX ISA"),
    ]
    if hasToolkit { headers.append(.right("toolkit")) }
    if hasMember { headers.append(.left("member")) }
    if hasNote { headers.append(.left("notes")) }
    if hasArguments { headers.append(.left("compiler arguments")) }
    // Few sections and targets make up thousands of rows.
    var sections = Memo<String, String>()
    var targets = Memo<ImageTarget, String>()
    TextTable(headers).write(style, to: &output) { row in
      for image in inventory.images {
        row.add(UInt64(image.index))
        row.add(UInt64(image.module))
        row.add(sections.value(for: inventory.modules[image.module].section) { printable($0) })
        row.add(image.kind.description)
        row.add(targets.value(for: ImageTarget(image)) { _ in image.targetName })
        row.add(image.storedSize)
        row.add(image.size)
        row.add(image.compression.rawValue)
        row.add(image.ptxISA?.description ?? "")
        if hasToolkit { row.add(printable(image.toolkit ?? "")) }
        if hasMember { row.add(printable(inventory.modules[image.module].member ?? "")) }
        if hasNote { row.add(Self.note(on: image)) }
        if hasArguments {
          let text = printable(image.compilerArguments ?? "")
          row.add(style.width == nil ? text : text.elided(to: 40))
        }
      }
    }
  }

  private static func note(on image: DeviceImage) -> String {
    guard
      image.isRelocatable || image.flags.contains(.debug) || image.memberOffset != nil
        || image.identifier != nil
    else { return "" }
    var notes: [String] = []
    if image.isRelocatable { notes.append("relocatable") }
    if image.flags.contains(.debug) { notes.append("debug") }
    if image.memberOffset != nil { notes.append("concatenated") }
    if let identifier = image.identifier { notes.append(printable(identifier)) }
    return notes.joined(separator: ", ")
  }
}

/// Values that are made once for each of a few keys, which are faster to compare than to hash.
struct Memo<Key: Equatable, Value> {
  private var entries: [(key: Key, value: Value)] = []

  /// The value for `key`, made by `make` at its first use.
  mutating func value(for key: Key, _ make: (Key) -> Value) -> Value {
    for entry in entries where entry.key == key { return entry.value }
    let value = make(key)
    entries.append((key, value))
    return value
  }
}

extension InspectedFile.Format {
  /// The name used in reports.
  var name: String {
    switch self {
    case .elf: "elf"
    case .staticLibrary: "staticLibrary"
    case .fatBinary: "fatbin"
    case .cubin: "cubin"
    case .ptx: "ptx"
    case .ltoIR: "ltoir"
    case .unsupported: "unsupported"
    case .other: "other"
    }
  }
}
