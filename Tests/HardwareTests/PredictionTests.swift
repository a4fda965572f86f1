import Bytes
import Compatibility
import Compression
import DeviceCode
import Foundation
import Testing

@Suite struct PredictionTests {
  @Test func everyFixtureIsAskedAbout() throws {
    struct Entry: Decodable { var file: String }
    let made = try Kit.decode([Entry].self, Kit.fixtures.appending(path: "expected.json"))
    #expect(Set(HardwareCase.all.map(\.file)) == Set(made.map(\.file)))
    #expect(Set(HardwareCase.all.map(\.name)).count == HardwareCase.all.count)
  }

  @Test(arguments: HardwareCase.all) func aCaseNamesTheImagesOfItsFile(_ question: HardwareCase) throws {
    let inventory = try question.inspectedFile().inventory
    #expect(inventory.modules.count == 1)
    #expect(inventory.images.map(\.targetName) == question.images.map(\.target))
    #expect(Set(question.images.map(\.number)).count == question.images.count, "a number names one image")
  }

  /// The number of each image is in its payload, in that of no other: since Volta an instruction holds it in four bytes
  /// of its own.
  @Test(arguments: HardwareCase.all) func anImageStoresItsNumber(_ question: HardwareCase) throws {
    let source = try FileBytes(path: Path(question.path.path))
    let numbers = question.images.filter { $0.payload != "nothing" }.map(\.number)
    for (image, expected) in zip(InspectedFile(source).inventory.images, question.images)
    where image.kind == .ptx || image.kind == .cubin && image.target.number >= 70 {
      let payload = try decompressed(image, source)
      let found = numbers.filter { number in
        if image.kind == .ptx { return payload.contains(", \(number);".utf8) }
        return stride(from: 0, to: payload.count - 3, by: 4).contains { at in
          payload[at..<at + 4].elementsEqual((0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) })
        }
      }
      #expect(found == (expected.payload == "nothing" ? [] : [expected.number]))
    }
  }

  private func decompressed(_ image: DeviceImage, _ source: FileBytes) throws -> [UInt8] {
    let stored = try source.bytes(at: image.offset, count: Int(image.storedSize), "payload")
    guard let codec = Codec(rawValue: image.compression.rawValue) else { return stored }
    guard let start = image.memberOffset.map(Int.init) else {
      return try decompress(stored, codec, size: image.size, limit: 1 << 20)
    }
    // The members' sizes add up to the stream's.
    let members = InspectedFile(source).inventory.images.filter { $0.offset == image.offset }
    let stream = try decompress(stored, codec, size: members.map(\.size).reduce(0, +), limit: 1 << 20)
    return Array(stream[start..<start + Int(image.size)])
  }

  /// What must be asked of every GPU is in the fixtures, whichever it is.
  @Test(arguments: ["7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0", "12.1"])
  func everyGPUMeetsEveryKindOfCase(_ name: String) throws {
    let device = try device(name, driver: "590")
    var fits: Set<Fit> = []
    var reasons: Set<ExclusionReason> = []
    for question in HardwareCase.all {
      let file = try question.inspectedFile()
      fits.insert(Prediction(question, file, on: device).fit)
      for image in file.inventory.images {
        if let reason = Rule.judge(ImageSignature(image), on: device).reason { reasons.insert(reason) }
      }
    }
    // 8.0, 9.0, 10.0 and 12.0 are the first of their major version, 12.1 the newest compute capability.
    let isFirst = device.computeCapability.minor == 0
    #expect(fits.isSuperset(of: [.exact, .jit, .none]))
    #expect(fits.contains(.minorCompatible) == !isFirst)
    #expect(
      reasons.isSuperset(of: [
        .differentMajor, .architectureSpecific, .otherFamily, .ptxISANewerThanDriver, .notLoadable,
      ]))
    #expect(reasons.contains(.newerMinor) == !["7.5", "8.9", "9.0", "10.3", "12.1"].contains(name))
    #expect(reasons.contains(.ptxTargetNewer) == (name != "12.1"))
  }

  struct Known: Sendable, CustomTestStringConvertible {
    var name: String
    var on: String
    var driver: String
    var prediction: Prediction

    init(_ name: String, on: String, driver: String = "550.54.15", _ prediction: Prediction) {
      self.name = name
      self.on = on
      self.driver = driver
      self.prediction = prediction
    }

    var testDescription: String { "\(name) on \(on) with \(driver)" }
  }

  @Test(arguments: [
    Known("cubins-none.fatbin", on: "8.0", .runs(.exact, 8001)),
    Known("cubins-none.fatbin", on: "8.6", .runs(.minorCompatible, 8001)),
    Known("cubins-zstd.fatbin", on: "8.0", driver: "535.54.03", .fails(.invalidImage)),
    Known("ampere.fatbin", on: "8.9", .runs(.minorCompatible, 8601)),
    Known("ampere.fatbin", on: "9.0", .fails(.noBinaryForGPU)),
    Known("sm_80.cubin", on: "9.0", .fails()),
    Known("ptx-descending.fatbin", on: "9.0", .runs(.jit, 9002)),
    Known("ptx-too-new.fatbin", on: "9.0", .runs(.jit, 6002)),
    Known("compute_75-99.0.ptx", on: "9.0", .fails(.unsupportedPTXVersion)),
    Known("compute_75-8.5.ptx", on: "9.0", .fails(.unsupportedPTXVersion)),
    Known("compute_75-8.3.ptx", on: "9.0", .runs(.jit, 7502)),
    Known("malformed/nothing.fatbin", on: "8.6", .fails(.invalidImage)),
    Known("malformed/nothing-nearest.fatbin", on: "8.6", .fails(.invalidImage)),
    Known("malformed/nothing-nearest.fatbin", on: "8.0", .runs(.exact, 8001)),
    Known("malformed/nothing-ptx.fatbin", on: "8.0", .fails(.invalidPTX)),
    Known("malformed/header-75-cubin-90.fatbin", on: "7.5", .fails()),
    Known("malformed/header-75-cubin-90.fatbin", on: "9.0", .fails(.noBinaryForGPU)),
    Known("malformed/header-86-cubin-80.fatbin", on: "8.6", .runs(.minorCompatible, 8001)),
    Known("malformed/header-6.3-text-99.0.fatbin", on: "8.6", .fails(.unsupportedPTXVersion)),
    Known("lto-and-ptx.fatbin", on: "8.0", .runs(.jit, 7502)),
    Known("cubins-then-ptx.fatbin CUDA_FORCE_PTX_JIT=1", on: "8.0", .runs(.jit, 7502)),
    Known("cubins-none.fatbin CUDA_FORCE_PTX_JIT=1", on: "8.0", .fails()),
    Known("compute_75.ptx CUDA_DISABLE_PTX_JIT=1", on: "8.0", .fails(.jitCompilationDisabled)),
    Known("cubins-then-ptx.fatbin CUDA_DISABLE_PTX_JIT=1", on: "8.0", .runs(.exact, 8001)),
  ]) func known(_ known: Known) throws {
    let question = try #require(HardwareCase.all.first { $0.name == known.name })
    let prediction = Prediction(
      question, try question.inspectedFile(), on: try device(known.on, driver: known.driver))
    #expect(prediction == known.prediction)
  }

  /// Every table that a GPU has answered holds what the rules predict.
  @Test(arguments: Kit.results) func aRecordedTableAgrees(_ file: URL) throws {
    let table = try Kit.decode(RecordedTable.self, file)
    #expect(try table.disagreements() == [])
    // The branch table says of this driver what it says of itself.
    if let known = DriverVersion(table.device.driver)?.maxCUDA(by: .shipped) {
      #expect(known.description == table.device.cuda)
    }
  }
}

private func device(_ computeCapability: String, driver: String) throws -> Device {
  let version: DriverVersion = try #require(DriverVersion(driver))
  return Device(try #require(ComputeCapability(computeCapability)), driver: version)
}

/// `Tests/Hardware/predictions.json`, which the kit reads where there is no Swift.
///
/// With `CUBINSPECT_UPDATE_GOLDENS=1` in the environment (`make goldens`) it is written again.
@Suite struct PredictionGoldenTests {
  @Test func predictionsAreCurrent() throws {
    let cases = try HardwareCase.all.map { question in
      let file = try question.inspectedFile()
      var rows: [(text: String, computeCapabilities: [ComputeCapability])] = []
      for computeCapability in PredictionSteps.computeCapabilities {
        let text = PredictionSteps(question, file, on: computeCapability).text
        if let index = rows.firstIndex(where: { $0.text == text }) {
          rows[index].computeCapabilities.append(computeCapability)
        } else {
          rows.append((text, [computeCapability]))
        }
      }
      let lines = rows.map { row in
        "    \"\(row.computeCapabilities.map(\.description).joined(separator: " "))\": \(row.text)"
      }
      return "  \"\(question.name)\": {\n\(lines.joined(separator: ",\n"))\n  }"
    }
    let text = "{\n\(cases.joined(separator: ",\n"))\n}\n"
    if ProcessInfo.processInfo.environment["CUBINSPECT_UPDATE_GOLDENS"] != nil {
      try text.write(to: Kit.predictions, atomically: true, encoding: .utf8)
    }
    let written = try String(contentsOf: Kit.predictions, encoding: .utf8)
    let lines = zip(
      text.split(separator: "\n", omittingEmptySubsequences: false),
      written.split(separator: "\n", omittingEmptySubsequences: false))
    let difference = lines.first { $0 != $1 }
    #expect(text == written, "predicted \(difference?.0 ?? "more"), written \(difference?.1 ?? "less")")
  }
}
