import Bytes
import DeviceCode
import Foundation

/// Where the kit, its fixtures and its results lie.
enum Kit {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().standardizedFileURL
  static let fixtures = root.appending(path: "Fixtures/hardware")
  static let folder = root.appending(path: "Tests/Hardware")
  static let predictions = folder.appending(path: "predictions.json")

  /// The tables that GPUs have answered so far, one per GPU and driver.
  static let results: [URL] =
    ((try? FileManager.default.contentsOfDirectory(
      at: fixtures.appending(path: "results"), includingPropertiesForKeys: nil)) ?? [])
    .filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }

  static func decode<Value: Decodable>(_ type: Value.Type, _ file: URL) throws -> Value {
    try JSONDecoder().decode(type, from: Data(contentsOf: file))
  }
}

/// One question to a driver: a row of `cases.json`.
struct HardwareCase: Codable, Sendable {
  struct Image: Codable, Sendable {
    /// What the header says.
    var target: String
    /// What the kernel stores.
    var number: Int
    /// What the payload is where it is not what the header says: a target, a PTX version behind `@`, or `nothing`.
    var payload: String?
  }

  var name: String
  var file: String
  var question: String
  /// In the order of the file.
  var images: [Image]
  var environment: [String: String]?

  static let all: [HardwareCase] = {
    do {
      return try Kit.decode([HardwareCase].self, Kit.fixtures.appending(path: "cases.json"))
    } catch {
      fatalError("the cases cannot be read: \(error)")
    }
  }()

  var path: URL { Kit.fixtures.appending(path: file) }

  func inspectedFile() throws -> InspectedFile { InspectedFile(try FileBytes(path: Path(path.path))) }
}
