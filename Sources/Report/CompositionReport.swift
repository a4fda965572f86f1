import Bytes
import Demangling
import DeviceCode
import Scan

/// What the bytes of one file are: by section, by target, by part of the cubins, and by kernel.
struct CompositionReport {
  /// The images of one kind and target.
  struct Target {
    var name: String
    var kind: ImageKind
    var target: CodeTarget
    var images = 0
    /// Different kernels; nil where no image could be read.
    var kernels: Int?
    var storedSize: UInt64 = 0
    var size: UInt64 = 0
    /// About how many bytes the images take in a wheel; nil where that is not known.
    var zippedSize: UInt64?
  }

  /// A kernel that several modules have for the same target. Each process uses one of them.
  struct Duplicate {
    var row: KernelRow
    /// Bytes of all copies but the largest for each target.
    var size: UInt64 = 0
    var storedSize: UInt64 = 0
  }

  private let file: KernelsReport.File
  /// Rows of the lists of kernels.
  private let limit: Int
  let targets: [Target]
  /// Those that waste most first.
  let duplicates: [Duplicate]
  let largest: [KernelRow]

  init(_ file: KernelsReport.File, limit: Int, isMangled: Bool) {
    self.file = file
    self.limit = limit
    targets = Self.targets(of: file)
    var duplicates = file.rows.compactMap { Self.duplicate($0, in: file.contents.inventory) }
    duplicates.sort { ($1.storedSize, $1.size, $0.row.name) < ($0.storedSize, $0.size, $1.row.name) }
    var shown = duplicates.prefix(limit).map(\.row)
    var largest = file.rows.filter { $0.size > 0 }
    largest.sort { ($1.storedSize, $1.size, $0.name) < ($0.storedSize, $0.size, $1.name) }
    largest = Array(largest.prefix(limit))
    if !isMangled {
      shown.demangle(1)
      largest.demangle(1)
    }
    for (index, row) in shown.enumerated() { duplicates[index].row = row }
    self.duplicates = duplicates
    self.largest = largest
  }

  private static func targets(of file: KernelsReport.File) -> [Target] {
    let inventory = file.contents.inventory
    var targets: [ImageTarget: Target] = [:]
    for image in inventory.images {
      let key = ImageTarget(image)
      var target = targets[key] ?? Target(name: image.targetName, kind: image.kind, target: image.target)
      target.images += 1
      target.storedSize += file.kernels.composition.storedSizes[image.index]
      target.size &+= image.size
      if file.kernels.kernelCounts[image.index] != nil { target.kernels = target.kernels ?? 0 }
      targets[key] = target
    }
    for entry in file.kernels.kernels {
      let keys = Set(entry.copies.map { ImageTarget(inventory.images[$0.image]) })
      for key in keys { targets[key]?.kernels? += 1 }
    }
    for (key, size) in file.zippedSizes { targets[key]?.zippedSize = size }
    return targets.values.sorted {
      ($0.kind.rawValue != $1.kind.rawValue)
        ? ($0.kind == .cubin || $1.kind != .cubin && $0.kind.rawValue < $1.kind.rawValue)
        : $0.target < $1.target
    }
  }

  /// What is wasted of a kernel; nil where nothing is. Relocatable code is the device linker's input, no copy.
  private static func duplicate(_ row: KernelRow, in inventory: Inventory) -> Duplicate? {
    guard row.copies.count > 1 else { return nil }
    var duplicate = Duplicate(row: row)
    var kept: [ImageTarget: KernelCopy] = [:]
    for copy in row.copies where copy.resources != nil && !inventory.images[copy.image].isRelocatable {
      let key = ImageTarget(inventory.images[copy.image])
      guard let other = kept[key] else {
        kept[key] = copy
        continue
      }
      let (more, less) =
        (copy.size, copy.storedSize) > (other.size, other.storedSize) ? (copy, other) : (other, copy)
      kept[key] = more
      duplicate.size += less.size
      duplicate.storedSize += less.storedSize
    }
    return duplicate.size > 0 ? duplicate : nil
  }

  private var composition: FileComposition { file.kernels.composition }

  private var wasted: (stored: UInt64, size: UInt64) {
    duplicates.reduce((0, 0)) { ($0.0 + $1.storedSize, $0.1 + $1.size) }
  }
}

// MARK: Text

extension CompositionReport {
  /// Sections with less than one part in so many are shown together.
  private static let smallest: UInt64 = 200

  func write(_ style: TextStyle, to output: inout [UInt8]) {
    guard composition.size > 0 else { return }
    writeSections(style, to: &output)
    guard !targets.isEmpty else { return }
    writeTargets(style, to: &output)
    writeParts(style, to: &output)
    writeKernels(style, to: &output)
  }

  private func title(_ text: String, _ style: TextStyle, to output: inout [UInt8]) {
    output.append(contentsOf: "\n  \(style.paint(text, .bold))\n".utf8)
  }

  private func share(_ bytes: UInt64, of whole: UInt64? = nil) -> String {
    let whole = whole ?? composition.size
    let (thousandths, _) = whole.dividingFullWidth((bytes * 1000 + whole / 2).multipliedFullWidth(by: 1))
    return "\(thousandths / 10).\(thousandths % 10) %"
  }

  private func writeSections(_ style: TextStyle, to output: inout [UInt8]) {
    let regions = composition.regions
    let small = regions.filter {
      $0.kind == .section && $0.images == 0 && $0.size < composition.size / Self.smallest
    }
    let folds = small.count > 1
    title("Sections", style, to: &output)
    TextTable([
      .right("bytes"), .right("share"), .right("images"), .right("fat binary headers"), .right("other"),
      .left("section"),
    ]).write(style, to: &output, limit: style.width) { table in
      func add(_ name: String, _ regions: [FileComposition.Region]) {
        let size = regions.reduce(0) { $0 + $1.size }
        table.add(grouped(size))
        table.add(share(size))
        for field in [\FileComposition.Region.images, \.overhead, \.host] {
          let bytes = regions.reduce(0) { $0 + $1[keyPath: field] }
          table.add(bytes > 0 ? grouped(bytes) : "")
        }
        table.add(name)
      }
      for region in regions where !folds || !small.contains(region) { add(region.title, [region]) }
      if folds { add("\(grouped(small.count)) more sections", small) }
      add("the file", regions)
    }
  }

  private func writeTargets(_ style: TextStyle, to output: inout [UInt8]) {
    title("Device code", style, to: &output)
    TextTable([
      .right("bytes"), .right("share"), .right("in a wheel"), .right("decompressed"), .right("images"),
      .right("kernels"), .left("kind"), .left("target"),
    ]).write(style, to: &output, limit: style.width) { table in
      for target in targets {
        table.add(grouped(target.storedSize))
        table.add(share(target.storedSize))
        table.add(target.zippedSize.map { grouped($0) } ?? "")
        table.add(grouped(target.size))
        table.add(grouped(target.images))
        table.add(target.kernels.map { grouped($0) } ?? "")
        table.add(target.kind.description)
        table.add(target.name)
      }
      table.add(grouped(composition.images))
      table.add(share(composition.images))
      table.add(grouped(targets.reduce(0) { $0 + ($1.zippedSize ?? 0) }))
      table.add(grouped(targets.reduce(0) { $0 &+ $1.size }))
      table.add(grouped(targets.reduce(0) { $0 + $1.images }))
      table.add(grouped(file.kernels.kernels.count))
      table.add("all")
      table.add("")
    }
  }

  private func writeParts(_ style: TextStyle, to output: inout [UInt8]) {
    let parts = zip(CubinPart.allCases, file.kernels.cubinParts).filter { $1.size > 0 }
      .sorted { ($1.1.stored, $1.1.size) < ($0.1.stored, $0.1.size) }
    guard !parts.isEmpty else { return }
    let whole = parts.reduce((stored: 0, size: 0)) { ($0.stored + $1.1.stored, $0.size + $1.1.size) }
    title("Inside the cubins", style, to: &output)
    TextTable([.right("bytes"), .right("share"), .right("decompressed"), .left("what")])
      .write(style, to: &output, limit: style.width) { table in
        for (part, bytes) in parts {
          table.add(grouped(bytes.stored))
          table.add(share(bytes.stored))
          table.add(grouped(bytes.size))
          table.add(part.title)
        }
        table.add(grouped(whole.stored))
        table.add(share(whole.stored))
        table.add(grouped(whole.size))
        table.add("all that could be read")
      }
    if file.contents.inventory.images.contains(where: { $0.kind == .cubin && $0.compression != .none }) {
      let note =
        "Within a compressed image the bytes in the file are divided in proportion to the decompressed."
      output.append(contentsOf: wrapped(note, first: "  ", width: style.width).utf8)
    }
  }

  private func writeKernels(_ style: TextStyle, to output: inout [UInt8]) {
    if !duplicates.isEmpty {
      let (stored, size) = wasted
      title("Kernels in several modules", style, to: &output)
      let text =
        "\(counted(duplicates.count, "kernel")) \(duplicates.count == 1 ? "is" : "are") compiled more than once for "
        + "the same target. All copies but one of each waste \(byteCount(stored)), \(share(stored)) of the file "
        + "(\(byteCount(size)) decompressed)."
      output.append(contentsOf: wrapped(text, first: "  ", width: style.width).utf8)
      TextTable([
        .right("wasted"), .right("decompressed"), .right("copies"), .right("targets"), .left("kernel"),
      ])
      .write(style, to: &output, limit: style.width) { table in
        for duplicate in duplicates.prefix(limit) {
          table.add(grouped(duplicate.storedSize))
          table.add(grouped(duplicate.size))
          addKernel(duplicate.row, to: &table)
        }
      }
    }
    guard !largest.isEmpty else { return }
    title("Largest kernels", style, to: &output)
    TextTable([
      .right("bytes"), .right("decompressed"), .right("copies"), .right("targets"), .left("kernel"),
    ])
    .write(style, to: &output, limit: style.width) { table in
      for row in largest {
        table.add(grouped(row.storedSize))
        table.add(grouped(row.size))
        addKernel(row, to: &table)
      }
    }
  }

  private func addKernel(_ row: KernelRow, to table: inout TextTable.Row) {
    let inventory = file.contents.inventory
    table.add(grouped(row.copies.count))
    table.add(UInt64(Set(row.copies.map { ImageTarget(inventory.images[$0.image]) }).count))
    table.add(printable(row.shownName))
  }
}

extension FileComposition.Region {
  /// What it is called in text.
  fileprivate var title: String {
    switch kind {
    case .section: name.isEmpty ? "(section without a name)" : printable(name)
    case .tables: "(ELF headers and tables)"
    case .archive: "(member headers and index)"
    case .gaps: "(between the sections)"
    case .standalone: "(the file itself)"
    }
  }
}

extension CubinPart {
  fileprivate var title: String {
    switch self {
    case .kernelCode: "code of kernels"
    case .functionCode: "code of other functions"
    case .mercury: "second form of the code (Mercury)"
    case .constants: "constants"
    case .data: "initialised global memory"
    case .attributes: "attributes for the driver"
    case .relocations: "relocations"
    case .symbols: "symbols and names"
    case .debug: "debug information"
    case .other: "other sections"
    case .headers: "headers, section tables, padding"
    }
  }

  /// The name in JSON.
  fileprivate var name: String { "\(self)" }
}

// MARK: JSON

extension CompositionReport {
  func write(to writer: inout JSONWriter) {
    writer.rows("cubinParts", of: zip(CubinPart.allCases, file.kernels.cubinParts).filter { $1.size > 0 }) {
      $0.member("part", $1.0.name)
      $0.member("size", $1.1.size)
      $0.member("storedSize", $1.1.stored)
    }
    writer.object("duplicates") {
      $0.member("kernels", duplicates.count)
      $0.rows("largest", of: duplicates.prefix(limit)) { writer, duplicate in
        writer.member("copies", duplicate.row.copies.count)
        writer.member("demangled", duplicate.row.demangled)
        writer.member("name", duplicate.row.name)
        writer.member("size", duplicate.size)
        writer.member("storedSize", duplicate.storedSize)
      }
      $0.member("size", wasted.size)
      $0.member("storedSize", wasted.stored)
    }
    writer.rows("largestKernels", of: largest) { writer, row in
      writer.member("copies", row.copies.count)
      writer.member("demangled", row.demangled)
      writer.member("name", row.name)
      writer.member("size", row.size)
      writer.member("storedSize", row.storedSize)
    }
    writer.rows("regions", of: composition.regions) { writer, region in
      writer.member("hostSize", region.host)
      writer.member("imageSize", region.images)
      writer.member("kind", region.kind.rawValue)
      writer.member("name", region.name)
      writer.member("overheadSize", region.overhead)
      writer.member("size", region.size)
    }
    writer.rows("targets", of: targets) { writer, target in
      writer.member("images", target.images)
      if let kernels = target.kernels { writer.member("kernels", kernels) }
      writer.member("kind", target.kind.description)
      writer.member("size", target.size)
      writer.member("storedSize", target.storedSize)
      writer.member("target", target.name)
      if let size = target.zippedSize { writer.member("zippedSize", size) }
    }
  }
}
