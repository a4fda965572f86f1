import Archives
import Assessment
import Bytes
import Compatibility
import Demangling
public import DeviceCode
import ELFFile
import Report
import Scan
import Stack

/// An entry point that takes hostile bytes: what the fuzzer calls, and what the tests replay.
public enum FuzzTarget: String, Sendable, CaseIterable {
  /// A whole file of any format.
  case file = "FuzzFile"
  /// A fat binary that is a file of its own; the magic is put in place.
  case fatBinary = "FuzzFatBinary"
  /// The same, whose first entry is a concatenated one.
  case concatenated = "FuzzConcatenated"
  /// A bare cubin; magic, class and machine are put in place.
  case cubin = "FuzzCubin"
  /// A PTX text.
  case ptx = "FuzzPTX"
  /// The list of members of a static library; the magic is put in place.
  case archive = "FuzzArchive"
  /// A mangled name behind `_Z`.
  case demangling = "FuzzDemangle"
  /// A zip archive.
  case zip = "FuzzZip"
  /// A layer of an image, compressed or not, or an archive of images.
  case layer = "FuzzLayer"
  /// A SquashFS image, whose magic is put in place, or a SIF image.
  case squashFS = "FuzzSquashFS"
  /// An ELF file or a static library that is a member of an archive; compared with the same as a file of its own.
  case member = "FuzzMember"
  /// Facts as a file; what reads well is judged and reported.
  case facts = "FuzzFacts"
  /// Records of packages and of images, rows of tables, what nvidia-smi prints; what is found is judged and reported.
  case records = "FuzzRecords"
  /// A file of any format, read as a scan reads it; what is looked for is work that the size does not justify.
  case cost = "FuzzCost"

  /// Reads `input`; returns what the result promises and does not keep, which is nothing.
  public func violations(_ input: [UInt8]) -> [String] {
    switch self {
    case .file:
      let source = MemoryBytes(input)
      let file = InspectedFile(source)
      return Self.violations(of: file) + Self.compositionViolations(file, source)
    case .fatBinary: return Self.fatBinaryViolations(input.overwritten(with: [0x50, 0xED, 0x55, 0xBA]))
    case .concatenated:
      var bytes = input.overwritten(with: [0x50, 0xED, 0x55, 0xBA])
      if bytes.count > 17 { bytes.replaceSubrange(16..<18, with: [0, 1]) }
      return Self.fatBinaryViolations(bytes)
    case .cubin:
      var bytes = input.overwritten(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1])
      if bytes.count > 19 { bytes.replaceSubrange(18..<20, with: [190, 0]) }
      return Self.cubinViolations(bytes)
    case .ptx:
      if let contents = try? PTXContents(input[...]), contents.kernels.contains("") { return ["no name"] }
      guard let header = PTXHeader(String(decoding: input, as: UTF8.self)) else { return [] }
      return (0...input.count * 3).contains(header.offset) ? [] : ["a header at \(header.offset)"]
    case .archive:
      let bytes = input.overwritten(with: Array("!<arch>\n".utf8))
      guard let (members, _) = try? ArchiveMember.list(MemoryBytes(bytes)) else { return [] }
      return members.contains { $0.range.upperBound > UInt64(bytes.count) } ? ["a member outside"] : []
    case .zip: return Self.zipViolations(input)
    case .layer: return Self.layerViolations(input)
    case .squashFS: return Self.squashFSViolations(input)
    case .member:
      let member = InspectedFile(SubrangeBytes(MemoryBytes(input), 0..<UInt64(input.count)))
      let file = InspectedFile(MemoryBytes(input))
      func findings(_ file: InspectedFile) -> String {
        "\(file.format) \(file.inventory) \(file.problems) \(file.elf.map { "\($0.sections) \($0.dynamic) \($0.notes)" } ?? "")"
      }
      return findings(member) == findings(file) ? [] : [findings(member), findings(file)]
    case .facts: return Self.factsViolations(input)
    case .records: return Self.recordViolations(input)
    case .cost: return ReadingCost(of: input).violations
    case .demangling:
      let name = "_Z" + String(decoding: input, as: UTF8.self)
      // The text itself as well: what the demangler writes is a narrow choice of what may come.
      return [name, Demangling.demangle(name) ?? ""].flatMap { text in
        let readable = readableKernelName(text)
        return readable.utf8.count > text.utf8.count || readable.isEmpty && !text.isEmpty
          ? ["'\(readable)' of '\(text)'"] : []
      }
    }
  }

  private static func zipViolations(_ bytes: [UInt8]) -> [String] {
    var limits = ArchiveLimits()
    limits.memberSize = 1 << 20
    guard let archive = try? ZipArchive(MemoryBytes(bytes), limits: limits) else { return [] }
    var found = archive.problems.count > 1001 ? ["\(archive.problems.count) problems"] : []
    if Set(archive.members.map(\.path)).count < archive.members.count { found.append("a path twice") }
    var size = 0
    for member in archive.members where size < 1 << 22 {
      guard let contents = try? archive.contents(of: member), let read = try? SHA256.digest(of: contents)
      else { continue }
      size += Int(contents.size)
      if contents.size != member.size { found.append("\(contents.size) bytes of \(member.size)") }
      if read.count != 32 { found.append("no digest") }
    }
    return found
  }

  private static func layerViolations(_ bytes: [UInt8]) -> [String] {
    var limits = ArchiveLimits()
    limits.streamSize = 1 << 22
    limits.nodes = 1000
    guard let layer = try? TarArchive(decompressing: MemoryBytes(bytes), limits: limits) else { return [] }
    var tree = FileTree(limits: limits)
    tree.apply(layer)
    tree.apply(layer)
    var found = tree.problems.count > 1001 ? ["\(tree.problems.count) problems"] : []
    for file in tree.files {
      if file.path.bytes.split(separator: UInt8(ascii: "/")).contains(where: { $0.elementsEqual("..".utf8) })
      {
        found.append("a path outside: \(file.path)")
      }
      if (try? tree.file(at: file.path))??.member != file.member {
        found.append("another file at \(file.path)")
      }
      guard let contents = try? tree.contents(of: file) else { continue }
      _ = try? contents.bytes(at: contents.size, count: 0, "end")
    }
    guard let archive = try? ImageArchive(tree) else { return found }
    if archive.images.count > 1000 || archive.problems.count > 1001 {
      found.append("\(archive.images.count) images, \(archive.problems.count) problems")
    }
    for layer in archive.images.flatMap(\.layers).prefix(8) {
      guard let digest = try? layer.tar(limits: limits).digest else { continue }
      if digest.count != 32 { found.append("a digest of \(digest.count) bytes") }
    }
    return found
  }

  private static func squashFSViolations(_ bytes: [UInt8]) -> [String] {
    if let image = try? SIFImage(MemoryBytes(bytes)) {
      let outside = image.partitions.filter { $0.range.upperBound > UInt64(bytes.count) }
      if !outside.isEmpty { return ["partitions outside: \(outside)"] }
    }
    var limits = ArchiveLimits()
    limits.memberSize = 1 << 20
    limits.nodes = 1000
    let source = MemoryBytes(bytes.overwritten(with: Array("hsqs".utf8)))
    let decompression = Budget(64 << 20)
    guard let archive = try? SquashFSArchive(source, limits: limits, decompression: decompression) else {
      return []
    }
    var found = archive.problems.count > 1001 ? ["\(archive.problems.count) problems"] : []
    let paths = archive.members.map(\.path)
    if paths.count > limits.nodes { found.append("\(paths.count) members") }
    if Set(paths).count < paths.count { found.append("a path twice") }
    if let path = paths.first(where: { $0.components.contains { $0.elementsEqual("..".utf8) } }) {
      found.append("a path outside: \(path)")
    }
    for index in archive.contents.indices {
      guard let contents = try? archive.open(index), contents.size < 1 << 18 else { continue }
      if contents.size != archive.contents[index].size { found.append("\(contents.size) bytes") }
      let count = Int(contents.size)
      guard let whole = try? contents.bytes(at: 0, count: count, "file") else { continue }
      let end = try? contents.bytes(at: contents.size / 2, count: count - count / 2, "file")
      if end != Array(whole[(count / 2)...]) { found.append("other bytes when they are read again") }
    }
    // Whoever has spent the budget gets nothing more.
    return decompression.isSpent ? found.filter { !$0.hasPrefix("other bytes") } : found
  }

  private static func factsViolations(_ bytes: [UInt8]) -> [String] {
    guard let facts = try? FactsDocument.read(MemoryBytes(bytes), by: .shipped) else {
      return layerDocumentViolations(bytes)
    }
    return judgementViolations(facts, by: .shipped)
  }

  static func document(_ facts: Facts) -> [UInt8] {
    FactsDocument.write(facts, toolName: "cubinspect", toolVersion: "1.2.3")
  }

  /// What facts, and the reports that are written from them, promise.
  static func judgementViolations(_ facts: Facts, by tables: TableSet) -> [String] {
    let written = document(facts)
    var found: [String] = []
    if (try? FactsDocument.read(MemoryBytes(written), by: tables)).map(document) != written {
      found.append("facts that change when they are written and read")
    }
    let requested = [
      RequestedDevice(
        query: "A100", device: Device(ComputeCapability(8, 0), driver: .branch(535), tables: tables)),
      RequestedDevice(query: "8.7", device: Device(ComputeCapability(8, 7), tables: tables)),
    ]
    for namesDevices in [true, false] {
      let question = Question(devices: requested, namesDevices: namesDevices, tables: tables)
      let narrowed = facts.narrowed(to: requested.map(\.device), by: tables)
      let report = ScanReport(Assessment(narrowed, question))
      _ = report.json(Tool(name: "cubinspect", version: "1.2.3"))
      let text = report.text(TextStyle(), seconds: 1) + report.problems.joined(separator: "\n")
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      if let line = lines.first(where: { printable(String($0)) != $0 }) {
        found.append("a control character: \(printable(String(line)))")
      }
    }
    return found
  }

  private static func fatBinaryViolations(_ bytes: [UInt8]) -> [String] {
    let source = MemoryBytes(bytes)
    let file = InspectedFile(source)
    var found = violations(of: file) + compositionViolations(file, source)
    guard found.isEmpty else { return found }
    let reader = PayloadReader(source, file.inventory)
    var next = 0
    for payload in file.inventory.payloads {
      if payload.images.lowerBound != next {
        found.append("a payload of \(payload.images), not from \(next)")
      }
      next = payload.images.upperBound
      guard payload.size <= 1 << 22, let bytes = try? reader.bytes(of: payload) else { continue }
      if bytes.count != Int(payload.size) { found.append("\(bytes.count) of \(payload.size) bytes") }
      for image in file.inventory.images[payload.images] {
        guard let contents = try? reader.bytes(of: image, in: bytes) else { continue }
        if contents.count != Int(image.size) { found.append("\(contents.count) of \(image.size) bytes") }
        guard image.kind == .ptx || image.kind == .relocatablePTX,
          let header = (try? PTXContents(contents))?.header
        else { continue }
        // The start of a payload says what the whole says.
        let read = reader.ptxHeaders(of: [image.index])[0]
        if (try? read.get()) != header { found.append("\(read), not \(header)") }
      }
    }
    if next != file.inventory.images.count { found.append("images without payload") }
    return found
  }

  /// Every byte of a file is counted once.
  private static func compositionViolations(_ file: InspectedFile, _ source: MemoryBytes) -> [String] {
    let composition = FileComposition(file, source)
    let images = composition.storedSizes.reduce(0, +)
    return composition.size == file.size && composition.images == images
      ? [] : ["\(composition.size) of \(file.size) bytes, \(composition.images) of \(images) in images"]
  }

  private static func cubinViolations(_ bytes: [UInt8]) -> [String] {
    let size = UInt64(bytes.count)
    if let cubin = try? Cubin(MemoryBytes(bytes)), cubin.size > size {
      return ["a cubin of \(cubin.size) bytes in \(size)"]
    }
    guard let contents = try? CubinContents(bytes[...]) else { return [] }
    var found: [String] = []
    let composition = contents.composition(of: bytes[...])
    if composition.parts.reduce(0, +) != size || composition.kernels.reduce(0, +) > size {
      found.append("\(composition) of \(size) bytes")
    }
    for kernel in contents.kernels where kernel.code.upperBound > size {
      found.append("code at \(kernel.code) of \(size)")
    }
    for kernel in contents.kernels {
      for number: UInt32 in [60, 80, 120] {
        let body = KernelBody(kernel, in: bytes[...], target: CodeTarget(number))
        if UInt64(body.instructions) * 8 > kernel.codeSize { found.append("\(body) in \(kernel.codeSize)") }
      }
    }
    for section in contents.sections {
      if section.range.upperBound > size { found.append("a section at \(section.range) of \(size)") }
      if let kernel = section.kernel, !contents.kernels.indices.contains(kernel) {
        found.append("a section of kernel \(kernel) of \(contents.kernels.count)")
      }
      _ = contents.name(of: section, in: bytes[...])
    }
    return found
  }

  /// What every result of reading a file promises, whatever the file holds.
  public static func violations(of file: InspectedFile) -> [String] {
    var found: [String] = []
    func check(_ holds: Bool, _ text: @autoclosure () -> String) {
      if !holds, found.count < 8 { found.append(text()) }
    }
    check(file.problems.count <= 1001, "\(file.problems.count) problems")
    for problem in file.problems {
      check(printable(problem.description) == problem.description, "a control character: \(problem)")
    }
    let modules = file.inventory.modules
    let images = file.inventory.images
    // Offsets in an inflated section count in its contents.
    let inflated = Set((file.elf?.sections ?? []).filter { $0.flags.contains(.compressed) }.map(\.name))
    var next = 0
    for (index, module) in modules.enumerated() {
      check(module.index == index, "module \(index) has the index \(module.index)")
      check(module.images.lowerBound == next, "images of module \(index): \(module.images), not from \(next)")
      next = module.images.upperBound
      check(module.preLinked.allSatisfy(modules.indices.contains), "pre-linked parts of module \(index)")
      if file.format != .staticLibrary, !inflated.contains(module.section) {
        check(
          module.offset <= file.size && module.size <= file.size - module.offset,
          "module \(index): \(module.size) bytes at \(module.offset) of \(file.size)")
      }
    }
    check(next == images.count, "\(images.count) images, \(next) of them in modules")
    guard found.isEmpty else { return found }
    for (index, image) in images.enumerated() {
      check(image.index == index, "image \(index) has the index \(image.index)")
      guard modules.indices.contains(image.module), modules[image.module].images.contains(index) else {
        check(false, "image \(index) is not in module \(image.module)")
        continue
      }
      if file.format != .staticLibrary, !inflated.contains(modules[image.module].section) {
        check(
          image.offset <= file.size && image.storedSize <= file.size - image.offset,
          "image \(index): \(image.storedSize) bytes at \(image.offset) of \(file.size)")
      }
    }
    return found
  }

  /// The fuzzer's entry point: a broken promise ends the process.
  ///
  /// - Parameter count: the bytes at `start`, which may be nil when there are none.
  @unsafe
  public func run(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let violations = violations(input)
    if !violations.isEmpty { fatalError(violations.joined(separator: "; ")) }
    return 0
  }
}

extension [UInt8] {
  /// The same number of bytes, the first ones replaced.
  fileprivate func overwritten(with start: [UInt8]) -> [UInt8] {
    let count = Swift.min(start.count, count)
    return Array(start[..<count] + self[count...])
  }
}
