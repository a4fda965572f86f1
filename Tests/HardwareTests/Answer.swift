import Compatibility
import Foundation

/// What a driver answered to one question through one of its two calls.
struct Answer: Decodable, Sendable {
  /// What the kernel stored.
  var number: Int?
  /// The call that failed: `load`, `function`, `launch` or `copy`.
  var stage: String?
  var error: Int?
  /// Why there is no answer.
  var crash: String?
  /// The driver is older than the call.
  var unavailable: Bool?
}

/// A table that `Tests/Hardware/run` wrote: the answers of one GPU with one driver.
struct RecordedTable: Decodable, Sendable {
  struct Facts: Decodable, Sendable {
    var name: String
    var computeCapability: String
    var driver: String
    /// The newest CUDA version that the driver supports, by its own word.
    var cuda: String
  }

  struct Row: Decodable, Sendable {
    var module: Answer
    var library: Answer
    /// The checksum of the file that was asked about.
    var crc32: String
  }

  var device: Facts
  var cases: [String: Row]

  /// The differences from what is predicted, in words.
  func disagreements(among questions: [HardwareCase] = HardwareCase.all) throws -> [String] {
    guard let computeCapability = ComputeCapability(device.computeCapability),
      let driver = DriverVersion(
        ArchitectureTable.shipped.isTegra(computeCapability) ? device.cuda : device.driver)
    else { return ["\(device.computeCapability) or \(device.driver) cannot be read"] }
    var found: [String] = []
    for question in questions {
      guard let row = cases[question.name] else {
        found.append("\(question.name): not asked")
        continue
      }
      if row.crc32 != checksum(try Data(contentsOf: question.path)) {
        found.append("\(question.name): the file has changed since")
        continue
      }
      let prediction = Prediction(
        question, try question.inspectedFile(),
        on: Device(computeCapability, name: device.name, driver: driver))
      for (call, answer) in [("module", row.module), ("library", row.library)]
      where prediction.agrees(with: answer) == false {
        found.append("\(question.name) by \(call): predicted \(prediction), observed \(answer)")
      }
    }
    return found
  }
}

/// The CRC-32 that zlib and `run` compute.
private func checksum(_ data: Data) -> String {
  var crc: UInt32 = ~0
  for byte in data {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  let text = String(~crc, radix: 16)
  return String(repeating: "0", count: 8 - text.count) + text
}
