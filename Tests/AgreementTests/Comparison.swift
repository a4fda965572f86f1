import Bytes
import DeviceCode
import Foundation
import Testing

/// What a comparison of one file with cuobjdump saw.
struct Comparison {
  var images = 0
  var ptx = 0
  var embedded = 0
  var accommodations: [Accommodation] = []
  /// Images whose target could not be compared.
  var hidden = 0
}

extension Cuobjdump {
  /// Expects that the reader finds in `path` what cuobjdump lists, in the same order, and reports no problem.
  func compare(_ path: URL) throws -> Comparison {
    let source = try FileBytes(path: Path(path.path))
    let file = InspectedFile(source)
    #expect(file.problems.isEmpty, "\(path.path): \(file.problems)")

    var images = Normalisation.images(of: file)
    var result = Comparison(
      images: images.count, ptx: images.count { $0.image.kind == .ptx },
      embedded: file.inventory.images.count - images.count)
    let (asked, listing, accommodations, hidden) = try accommodated(path, file, source)
    defer { if asked != path { try? FileManager.default.removeItem(at: asked.deletingLastPathComponent()) } }
    result.accommodations = accommodations
    result.hidden = hidden.count
    for index in images.indices where hidden.contains(images[index].image.index) {
      images[index].image.kind = .index
    }
    guard listing.status == 0 else {
      // It says so of files without the two sections, whatever else they hold.
      #expect(
        listing.status == 255 && listing.messages.contains("does not contain device code"),
        "\(path.path): cuobjdump ended with \(listing.status): \(listing.messages)")
      #expect(images.isEmpty, "\(path.path): cuobjdump finds nothing, the reader \(images.count) images")
      return result
    }
    let theirs = try parseListing(listing.output)
    let ours = images.enumerated().map { index, row in
      Normalisation.listed(
        row.image, member: row.module.member, matching: theirs.indices.contains(index) ? theirs[index] : nil)
    }
    expectSame(ours, theirs, "images of \(path.path)")
    expectSame(
      Normalisation.names(of: images), try parseNames(names(in: asked).output), "names in \(path.path)")
    return result
  }

  /// What cuobjdump lists of `path`, or of a copy in a folder of its own that it reads; with what was changed there,
  /// and the images that became an index.
  private func accommodated(_ path: URL, _ file: InspectedFile, _ source: FileBytes) throws -> (
    asked: URL, listing: ProgramOutput, accommodations: [Accommodation], hidden: Set<Int>
  ) {
    var asked = path
    var listing = try self.listing(of: path)
    var accommodations: [Accommodation] = []
    var hidden: Set<Int> = []
    while listing.status == 1, let accommodation = Accommodation(messages: listing.messages),
      !accommodations.contains(accommodation)
    {
      accommodations.append(accommodation)
      if asked == path { asked = try copy(of: path) }
      let changes = try accommodation.changes(for: file, in: source)
      try patch(asked, with: changes.patches)
      hidden.formUnion(changes.hidden)
      listing = try self.listing(of: asked)
    }
    return (asked, listing, accommodations, hidden)
  }

  /// Expects that cubins and PTX texts of `path`, as files, are byte for byte what cuobjdump extracts; returns how many
  /// of each were compared.
  ///
  /// - Parameter names: parts of the names that cuobjdump gives the files to compare.
  func compareFiles(_ path: URL, names: [String] = ["all"]) throws -> (cubins: Int, ptx: Int) {
    let original = try FileBytes(path: Path(path.path))
    let asked = try accommodated(path, InspectedFile(original), original).asked
    defer { if asked != path { try? FileManager.default.removeItem(at: asked.deletingLastPathComponent()) } }
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let theirs = try extract(names, of: asked, into: folder)
    // Where cuobjdump reads a copy, so does the reader.
    let source = try FileBytes(path: Path(asked.path))
    let file = InspectedFile(source)
    let images = Normalisation.images(of: file).map(\.image)
    let reader = PayloadReader(source, file.inventory)
    func compare(_ kind: ImageKind, _ files: [Int: String]) throws -> Int {
      let ours = images.filter { $0.kind == kind }
      // An identifier can give several images one name: the last is left.
      let lastNumbers = Dictionary(files.map { ($1, $0) }, uniquingKeysWith: max)
      for (name, number) in lastNumbers {
        let their = try Data(contentsOf: folder.appending(path: name))
        let image = try #require(ours.indices.contains(number - 1) ? ours[number - 1] : nil)
        let our = try image.fileContents(reader.bytes(of: image))
        #expect(our.elementsEqual(their), "\(path.path): \(name) and image \(image.index) differ")
      }
      return lastNumbers.count
    }
    return (try compare(.cubin, theirs.cubins), try compare(.ptx, theirs.ptx))
  }

  private func copy(of path: URL) throws -> URL {
    let folder = try temporaryFolder()
    let copy = folder.appending(path: path.lastPathComponent)
    try FileManager.default.copyItem(at: path, to: copy)
    return copy
  }

  private func patch(_ path: URL, with patches: [(offset: UInt64, bytes: [UInt8])]) throws {
    #expect(!patches.isEmpty, "\(path.path): nothing to accommodate")
    let handle = try FileHandle(forUpdating: path)
    defer { try? handle.close() }
    for patch in patches {
      try handle.seek(toOffset: patch.offset)
      try handle.write(contentsOf: Data(patch.bytes))
    }
  }

  /// Expects equal sequences, and shows the first difference rather than thousands of lines.
  private func expectSame<Element: Equatable & CustomStringConvertible>(
    _ ours: [Element], _ theirs: [Element], _ what: String
  ) {
    let difference = zip(ours, theirs).enumerated().first { $0.element.0 != $0.element.1 }
    if let (index, (our, their)) = difference {
      Issue.record("\(what): number \(index) is '\(our)' to the reader, '\(their)' to cuobjdump")
    }
    #expect(ours.count == theirs.count, "\(what): the number of them")
  }
}
