import Bytes
import DeviceCode
import Foundation
import Testing

/// What each fixture holds, as its `expected.json` says from how it was made.
private struct Expectation: Decodable, Sendable, CustomTestStringConvertible {
  struct Image: Decodable, Sendable {
    var module: Int
    var kind: String
    var target: String
    var compression: String
    var section: String?
    var ptxISA: String?
    var size: UInt64?
    var storedSize: UInt64?
    var identifier: String?
    var offsetInStream: UInt64?
    var flags: String?
    var toolkit: String?
    var relocatable: Bool?
    var abi: UInt16?
    var archiveMember: String?
    var payloadOffset: UInt64?
    var entryOffset: UInt64?
  }

  /// A record of `.nvFatBinSegment`.
  struct Wrapper: Decodable, Sendable {
    var version: UInt32
    var module: Int
    var arraySection: String?
  }

  var file: String
  var modules: Int
  var images: [Image]
  var problems: [String]?
  var wrappers: [Wrapper]?
  var group: String?

  var testDescription: String { "\(group ?? "")/\(file)" }

  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures")

  /// All files of all groups.
  static let all: [Expectation] = {
    do {
      let groups = try FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: nil)
      return try groups.map { $0.appending(path: "expected.json") }
        .filter { FileManager.default.fileExists(atPath: $0.path) }
        .sorted { $0.path < $1.path }
        .flatMap { list in
          try JSONDecoder().decode([Expectation].self, from: Data(contentsOf: list)).map {
            var expectation = $0
            expectation.group = list.deletingLastPathComponent().lastPathComponent
            return expectation
          }
        }
    } catch {
      fatalError("the fixtures' expectations cannot be read: \(error)")
    }
  }()
}

@Suite struct FixtureTests {
  @Test func everyGroupIsThere() {
    #expect(Set(Expectation.all.compactMap(\.group)).count >= 12)
    #expect(Expectation.all.count >= 200)
  }

  @Test(arguments: Expectation.all.filter { $0.group != "malformed" })
  fileprivate func holdsWhatItWasMadeOf(_ expected: Expectation) throws {
    let path = Expectation.root.appending(path: expected.testDescription).path
    let file = InspectedFile(try FileBytes(path: Path(path)))
    let images = file.inventory.images
    #expect(file.inventory.modules.count == expected.modules)
    #expect(
      images.map { "\($0.module) \($0.kind) \($0.targetName) \($0.compression.rawValue)" }
        == expected.images.map { "\($0.module) \($0.kind) \($0.target) \($0.compression)" })
    for (image, known) in zip(images, expected.images) {
      if let section = known.section { #expect(file.inventory.modules[image.module].section == section) }
      if let isa = known.ptxISA { #expect(image.ptxISA?.description == isa) }
      if let size = known.size { #expect(image.size == size) }
      if let size = known.storedSize { #expect(image.storedSize == size) }
      if let identifier = known.identifier { #expect(image.identifier == identifier) }
      if let offset = known.offsetInStream { #expect(image.memberOffset == offset) }
      if let toolkit = known.toolkit { #expect(image.toolkit == toolkit) }
      if let abi = known.abi { #expect(image.abiVersion == abi) }
      if let offset = known.payloadOffset { #expect(image.offset == offset) }
      if let offset = known.entryOffset { #expect(image.headerOffset == offset) }
      if let member = known.archiveMember { #expect(file.inventory.modules[image.module].member == member) }
      if let isRelocatable = known.relocatable { #expect(image.isRelocatable == isRelocatable) }
    }
    #expect(
      Set(file.problems.map(\.code.rawValue)) == Set(expected.problems ?? []),
      "\(file.problems.map(\.description))")
  }

  /// Every wrapper is tied to its module, and no module to a wrapper that is not there.
  @Test(arguments: Expectation.all.filter { $0.wrappers != nil })
  fileprivate func wrappersAreTied(_ expected: Expectation) throws {
    let path = Expectation.root.appending(path: expected.testDescription).path
    let modules = InspectedFile(try FileBytes(path: Path(path))).inventory.modules
    var versions: [Int: UInt32] = [:]
    for wrapper in expected.wrappers ?? [] { versions[wrapper.module] = wrapper.version }
    #expect(modules.map(\.wrapperVersion) == modules.map { versions[$0.index] })
    // The lists of pre-linked parts are filled at run time: all registered parts may belong to each.
    let parts = modules.filter { $0.place == .relocatable && $0.wrapperVersion == 1 }.map(\.index)
    for wrapper in expected.wrappers ?? [] {
      let isList = wrapper.version == 2 && wrapper.arraySection == ".bss"
      #expect(modules[wrapper.module].preLinked == (isList ? parts : []))
    }
  }

  @Test func thereAreWrappers() {
    let wrappers = Expectation.all.flatMap { $0.wrappers ?? [] }
    #expect(wrappers.count >= 40)
    #expect(wrappers.contains { $0.version == 2 })
  }

  /// Damage that only shows when payloads are decompressed.
  private static let invisible: Set<String> = ["payload-corrupt.fatbin", "declared-size-wrong.fatbin"]

  /// A malformed file loses no image that its damage leaves untouched, and where there is damage it is reported.
  @Test(arguments: Expectation.all.filter { $0.group == "malformed" })
  fileprivate func reportsDamage(_ expected: Expectation) throws {
    let path = Expectation.root.appending(path: expected.testDescription).path
    let file = InspectedFile(try FileBytes(path: Path(path)))
    var images = file.inventory.images.map { "\($0.kind) \($0.targetName)" }[...]
    for known in expected.images {
      let place = images.firstIndex(of: "\(known.kind) \(known.target)")
      #expect(place != nil, "\(known.kind) \(known.target) is lost")
      if let place { images = images[(place + 1)...] }
    }
    if !Self.invisible.contains(expected.file) {
      #expect(file.problems.isEmpty == (expected.problems ?? []).isEmpty, "\(file.problems)")
    }
    // One fault makes one problem, or few.
    #expect(file.problems.count <= 4, "\(file.problems)")
  }
}
