import Bytes
import DeviceCode
import FixtureSupport
import Foundation
import FuzzSupport
import Scan
import Testing

private let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")

private func read(_ bytes: [UInt8], jobs: Int = 2) -> (file: InspectedFile, kernels: FileKernels) {
  let source = MemoryBytes(bytes)
  let file = InspectedFile(source)
  return (file, FileKernels(file, source, jobs: jobs))
}

private func read(fixture name: String, jobs: Int = 2) throws -> (file: InspectedFile, kernels: FileKernels) {
  read(Array(try Data(contentsOf: fixtures.appending(path: name))), jobs: jobs)
}

/// Expects that every byte of the file is counted once, by section, by image and by part of the cubins.
private func expectSum(
  _ file: InspectedFile, _ kernels: FileKernels, _ name: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let composition = kernels.composition
  #expect(composition.size == file.size, "\(name)", sourceLocation: sourceLocation)
  #expect(
    composition.storedSizes.reduce(0, +) == composition.images, "\(name)", sourceLocation: sourceLocation)
  let cubins = file.inventory.images.filter { image in
    (image.kind == .cubin || image.kind == .cubinVariant) && kernels.kernelCounts[image.index] != nil
  }
  #expect(
    kernels.cubinParts.reduce(0) { $0 + $1.size } == cubins.reduce(0) { $0 + $1.size }, "\(name)",
    sourceLocation: sourceLocation)
  #expect(
    kernels.cubinParts.reduce(0) { $0 + $1.stored }
      == cubins.reduce(0) { $0 + composition.storedSizes[$1.index] },
    "\(name)", sourceLocation: sourceLocation)
  let copies = kernels.kernels.flatMap(\.copies)
  #expect(
    copies.reduce(0) { $0 + $1.size } <= cubins.reduce(0) { $0 + $1.size }, "\(name)",
    sourceLocation: sourceLocation)
}

@Suite struct FileCompositionTests {
  @Test func everyFixtureAddsUp() throws {
    let names = FileManager.default.enumerator(atPath: fixtures.path)?.compactMap { $0 as? String } ?? []
    var count = 0
    for name in names.sorted() {
      guard let bytes = try? Array(Data(contentsOf: fixtures.appending(path: name))) else { continue }
      let (file, kernels) = read(bytes)
      expectSum(file, kernels, name)
      if !file.inventory.images.isEmpty { count += 1 }
    }
    #expect(count > 200)
  }

  private func regions(_ bytes: [UInt8]) -> [String: FileComposition.Region] {
    let (file, kernels) = read(bytes)
    expectSum(file, kernels)
    return Dictionary(
      uniqueKeysWithValues: kernels.composition.regions.map { ("\($0.kind.rawValue) \($0.name)", $0) })
  }

  @Test func sectionsTablesAndGapsAreApart() throws {
    var elf = ELFBuilder(fatBinaries: [FatBinaryBuilder([.cubin("sm_80", .zstd), .ptx("compute_80")])])
    elf.append([UInt8](repeating: 7, count: 1000), to: ".data")
    let found = regions(elf.bytes)
    #expect(found["section .data"]?.host == 1000)
    let device = try #require(found["section .nv_fatbin"])
    // Two entries of 64 bytes behind a header of 16, and padding.
    #expect((144..<160).contains(device.overhead))
    #expect(device.images > 0 && device.host == 0)
    #expect(try #require(found["tables "]).size >= 64 * 5)
  }

  @Test func sectionsThatShareBytesCountThemOnce() {
    var elf = ELFBuilder()
    elf.append([UInt8](repeating: 7, count: 1000), to: ".data")
    elf.sections.append(.init(".late", [1, 2, 3]))
    elf.sections[elf.sections.count - 1].declaredSize = 1 << 40
    _ = regions(elf.bytes)
  }

  @Test func segmentsStandForSections() throws {
    let bytes = Array(try Data(contentsOf: fixtures.appending(path: "host/no-sections.so")))
    let found = regions(bytes)
    #expect(found.contains { $0.key.hasPrefix("section LOAD[") && $0.value.images > 0 })
  }

  @Test func cutFilesAddUp() {
    let bytes = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80", "sm_90"), FatBinaryBuilder("sm_80")]).bytes
    for count in stride(from: 0, to: bytes.count, by: 37) { _ = regions(Array(bytes[..<count])) }
  }

  @Test func membersOfStaticLibrariesAreReadAsFiles() throws {
    var object = ELFBuilder(fatBinaries: [FatBinaryBuilder("sm_80")])
    object.type = 1
    object.sections.append(.init(".text.f", [1, 2, 3, 4]))
    object.sections.append(.init(".text.g", [1, 2, 3, 4, 5]))
    let found = regions(ArchiveBuilder.bytes([("a.o", object.bytes), ("b.txt", [1, 2, 3])]))
    #expect(found["section .text"]?.host == 9)
    #expect(found["archive "] != nil)
    #expect(try #require(found["section .nv_fatbin"]).images > 0)
  }

  @Test func compressedSectionsAreDivided() throws {
    let (file, kernels) = try read(fixture: "host/compressed-section.so")
    let inside = file.inventory.modules.filter { $0.container != nil }
    #expect(!inside.isEmpty)
    for module in inside {
      for image in file.inventory[module] { #expect(kernels.composition.storedSizes[image.index] > 0) }
    }
  }

  @Test func bareFilesAreOneRegion() throws {
    for name in ["containers/scale.cubin", "containers/scale.ptx", "containers/scale.fatbin"] {
      let (file, kernels) = try read(fixture: name)
      #expect(kernels.composition.regions.map(\.kind) == [.standalone], "\(name)")
      #expect(kernels.composition.size == file.size)
    }
  }
}

@Suite struct ApportionmentTests {
  @Test func sharesAddUp() {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<200 {
      let weights = (0..<Int.random(in: 1...20, using: &generator)).map { _ in
        UInt64.random(in: 0...1 << 40, using: &generator)
      }
      let bytes = UInt64.random(in: 0...1 << 50, using: &generator)
      var shares = Apportionment(bytes, whole: weights.reduce(0, +))
      let given = weights.map { shares.next($0) }
      #expect(given.reduce(shares.rest, +) == bytes)
      #expect(weights.contains { $0 > 0 } == (shares.rest == 0) || bytes == 0)
    }
  }

  @Test func weightsPastTheWholeGetNothing() {
    var shares = Apportionment(100, whole: 10)
    #expect([shares.next(5), shares.next(10), shares.next(3), shares.rest] == [50, 50, 0, 0])
    var none = Apportionment(100, whole: 0)
    #expect([none.next(3), none.rest] == [0, 100])
  }
}

@Suite struct FileKernelsTests {
  /// The same for every number of threads.
  @Test(arguments: ["concatenated/mixed.fatbin", "embedded/everything.so", "units/three.so"])
  func threadsChangeNothing(_ name: String) throws {
    let alone = try read(fixture: name, jobs: 1).kernels
    #expect(!alone.kernels.isEmpty)
    for jobs in [2, 7] {
      let together = try read(fixture: name, jobs: jobs).kernels
      #expect(together.kernels.map(\.name) == alone.kernels.map(\.name))
      #expect(together.kernels.map { $0.copies.map(\.image) } == alone.kernels.map { $0.copies.map(\.image) })
      #expect(together.composition == alone.composition)
    }
  }

  @Test func copiesHaveTheResourcesOfTheirImage() throws {
    let (file, kernels) = try read(fixture: "units/three.so")
    for entry in kernels.kernels {
      for copy in entry.copies {
        let isPTX = file.inventory.images[copy.image].kind == .ptx
        #expect((copy.resources == nil) == isPTX)
        #expect(isPTX || copy.size > copy.resources?.codeSize ?? 0)
      }
    }
  }

  /// One broken payload is a problem at its place; the kernels of the others come.
  @Test func brokenImagesAreProblems() throws {
    var bytes = Array(try Data(contentsOf: fixtures.appending(path: "compression/all-size.fatbin")))
    let whole = read(bytes)
    let broken = try #require(whole.file.inventory.images.first { $0.compression == .zstd })
    for offset in Int(broken.offset)..<Int(broken.offset) + 8 { bytes[offset] = 0 }
    let (file, kernels) = read(bytes)
    #expect(whole.kernels.problems.isEmpty)
    #expect(kernels.problems.map(\.code) == [.corruptData])
    #expect(kernels.problems.map(\.offset) == [broken.offset])
    #expect(kernels.kernelCounts[broken.index] == nil)
    #expect(kernels.kernels.map(\.name) == whole.kernels.kernels.map(\.name))
    expectSum(file, kernels)
  }
}
