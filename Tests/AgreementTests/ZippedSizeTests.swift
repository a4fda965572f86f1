import Bytes
import Compatibility
import Compression
import DeviceCode
import Foundation
import Scan
import Stack
import Testing

/// What reports say that the code for a target takes of a wheel is what the wheel's member is smaller by without it.
struct ZippedSizeTests {
  @Test(arguments: ["torchvision", "bitsandbytes"]) func savings(_ wheel: String) throws {
    let file = try #require(TestInputs.wheels(size: "small").first { $0.name == wheel }).file
    let folder = try TestInputs.folder(of: wheel, size: "small")
    let view = Scan.Scanner(jobs: 2).scan([Path(file.path)])
      .facts(for: .devices([]), by: .shipped, jobs: 2).views[0]
    // Few are enough: each is compressed once for each target.
    let libraries = view.files.sorted { $0.size < $1.size }.prefix(2)
    #expect(!libraries.isEmpty)
    for library in libraries {
      let source = try FileBytes(path: Path(folder.path).appending(library.path.bytes))
      let inventory = InspectedFile(source).inventory
      let bytes = try source.bytes(at: 0, count: Int(source.size), "library")
      let whole = try size(of: [bytes[...]])
      let sampled = inventory.zippedSizes(in: source)
      #expect(Set(sampled.keys) == Set(library.targets.keys))
      for (target, total) in library.targets {
        var (rest, start): ([ArraySlice<UInt8>], Int) = ([], 0)
        for image in inventory.images where ImageTarget(image) == target {
          rest.append(bytes[start..<Int(image.offset)])
          start = Int(image.offset + image.storedSize)
        }
        rest.append(bytes[start...])
        let saved = Double(whole) - Double(try size(of: rest))
        // Images that are alike help each other, and the ends of images fall between what is counted.
        let tolerance = 0.15 * saved + 8192
        let zipped = try #require(total.zippedSize)
        #expect(
          abs(Double(zipped) - saved) < tolerance, "\(library.path) \(target.name): \(zipped), \(saved)")
        let sample = try #require(sampled[target])
        #expect(
          abs(Double(sample) - saved) < tolerance, "\(library.path) \(target.name): \(sample), \(saved)")
      }
    }
  }

  private func size(of parts: [ArraySlice<UInt8>]) throws -> UInt64 {
    let meter = try DeflateMeter()
    for part in parts { meter.add(Array(part)) }
    return meter.finish()
  }
}
