import Bytes
import DeviceCode
import FixtureSupport
import Foundation
import Scan
import Testing

@Suite struct ImageReadingTests {
  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")

  private func open(_ name: String) throws -> (Inventory, PayloadReader) {
    let bytes = Array(try Data(contentsOf: Self.fixtures.appending(path: name)))
    let file = InspectedFile(MemoryBytes(bytes))
    return (file.inventory, PayloadReader(MemoryBytes(bytes), file.inventory))
  }

  /// Compressed, uncompressed, concatenated and embedded images; the same for every number of threads.
  @Test(arguments: ["compression/all-size.fatbin", "concatenated/mixed.fatbin", "embedded/everything.so"])
  func everyImageIsReadInOrder(_ name: String) throws {
    let (inventory, reader) = try open(name)
    let alone = try inventory.images.map { Array(try reader.bytes(of: $0)) }
    for jobs in [1, 2, 7] {
      let together = reader.map(inventory.images.indices, of: inventory, jobs: jobs) { image, bytes in
        (image.index, Array(bytes))
      }
      #expect(try together.map { try $0.get().0 } == Array(inventory.images.indices))
      #expect(try together.map { try $0.get().1 } == alone)
    }
  }

  @Test func someImagesAreEnough() throws {
    let (inventory, reader) = try open("concatenated/mixed.fatbin")
    let some = [1, 2, inventory.images.count - 1]
    let read = reader.map(some, of: inventory, jobs: 2) { image, _ in image.index }
    #expect(try read.map { try $0.get() } == some)
    #expect(reader.map([], of: inventory, jobs: 2) { image, _ in image.index }.isEmpty)
  }

  /// A broken payload is the problem of its images alone, and so is what the body throws.
  @Test func aBrokenPayloadHidesNoOther() throws {
    let name = "compression/all-size.fatbin"
    var bytes = Array(try Data(contentsOf: Self.fixtures.appending(path: name)))
    let inventory = InspectedFile(MemoryBytes(bytes)).inventory
    let broken = try #require(inventory.images.first { $0.compression == .zstd })
    for offset in Int(broken.offset)..<Int(broken.offset) + 8 { bytes[offset] = 0 }
    let reader = PayloadReader(MemoryBytes(bytes), inventory)
    let results = reader.map(inventory.images.indices, of: inventory, jobs: 3) {
      (image, _) throws(Problem) in
      if image.index == broken.index + 1 { throw Problem(.mismatch, "image") }
      return image.index
    }
    for (index, result) in results.enumerated() {
      switch (index - broken.index, result) {
      case (0, .failure(let problem)):
        #expect(problem.code == .corruptData && problem.offset == broken.offset)
      case (1, .failure(let problem)): #expect(problem.code == .mismatch)
      case (_, .success(let value)): #expect(value == index)
      case (_, .failure(let problem)): Issue.record("image \(index): \(problem)")
      }
    }
  }
}
