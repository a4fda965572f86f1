import Archives
import Bytes
import DeviceCode
import Foundation
import Testing

/// Wheels, read as they are and unpacked by unzip.
@Suite struct WheelTests {
  private static let sizes = ["small"] + (TestInputs.includesLarge ? ["large"] : [])

  @Test(arguments: sizes) func membersAreWhatUnzipUnpacks(_ size: String) throws {
    let wheels = try TestInputs.wheels(size: size)
    #expect(!wheels.isEmpty)
    for (name, wheel) in wheels {
      let archive = try ZipArchive(FileBytes(path: Path(wheel.path)))
      #expect(archive.problems == [])
      let root = try TestInputs.folder(of: name, size: size)
      let files = try TestInputs.candidates(under: root)
      #expect(!files.isEmpty)
      for file in files {
        let path = Path(String(file.path.dropFirst(root.path.count + 1)))
        let member = try #require(archive.members.first { $0.path == path })
        #expect(InspectedFile.mayHoldDeviceCode(prefix: try archive.prefix(of: member, count: 64)[...]))
        let inside = InspectedFile(try archive.contents(of: member))
        let outside = InspectedFile(try FileBytes(path: Path(file.path)))
        #expect(inside.format == outside.format && inside.size == outside.size, "\(path)")
        #expect("\(inside.inventory)" == "\(outside.inventory)", "\(path)")
        #expect(inside.problems == outside.problems, "\(path)")
      }
    }
  }
}
