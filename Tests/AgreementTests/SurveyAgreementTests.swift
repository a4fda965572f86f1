import Assessment
import Bytes
import Compatibility
import Foundation
import Scan
import Stack
import Testing

/// The table of surveyed packages says what a scan of the wheels says.
@Suite struct SurveyAgreementTests {
  private static let gpus = [
    "Tesla K80", "GTX 980", "GTX 1080", "V100", "T4", "A100", "RTX 3090", "L4", "H100 NVL", "B200",
    "RTX 5090",
    "GB10",
  ]
  private static let drivers: [String?] = [nil, "450.80.02", "535.54.03", "570.86.15", "580.65.06", "12.4"]

  private static func question() throws -> Question {
    let devices = try gpus.flatMap { gpu in
      try drivers.map { driver in
        RequestedDevice(
          query: gpu,
          device: try GPUCatalogue.resolve(gpu, in: .shipped).device(
            driver: driver.flatMap { DriverVersion($0) }, tables: .shipped))
      }
    }
    return Question(devices: devices, namesDevices: true)
  }

  /// What is compared: the verdict on each device, of the whole, of each package and of each file.
  private static func verdicts(_ view: View, _ question: Question) -> [String: [String]] {
    let assessment = ViewAssessment(view, question)
    var verdicts = [
      "": assessment.answers.map { "\($0.kind) \($0.verdict) \($0.oldestDriver?.description ?? "")" }
    ]
    for package in assessment.packages {
      verdicts["package \(package.name)"] = package.verdicts.map { "\($0.verdict)" }
    }
    for unit in assessment.units {
      verdicts["\(unit.path)"] = unit.verdicts.map { "\($0.verdict) \($0.gaps) \($0.isForOtherGPUs)" }
    }
    return verdicts
  }

  private static func wheels(_ sizes: [String]) throws -> [(name: String, file: URL)] {
    try sizes.flatMap { try TestInputs.wheels(size: $0) }
  }

  @Test func compactFactsAreJudgedAsAllFacts() throws {
    let question = try Self.question()
    for (name, file) in try Self.wheels(["small"]) {
      let facts = Scanner(jobs: 2).scan([Path(file.path)]).facts(for: .everything, by: .shipped, jobs: 2)
      let view = try #require(facts.views.first)
      #expect(Self.verdicts(view.compact, question) == Self.verdicts(view, question), "\(name)")
    }
  }

  /// The rows whose wheels are at hand.
  @Test func theTableSaysWhatAScanSays() throws {
    try compare(["small", "field"])
  }

  @Test(.enabled(if: TestInputs.includesLarge, "only in make test-large"))
  func theTableSaysWhatAScanOfLargeWheelsSays() throws { try compare(["dispatch", "field-large"]) }

  private func compare(_ sizes: [String]) throws {
    let question = try Self.question()
    var compared = 0
    for (name, file) in try Self.wheels(sizes) {
      let rows = try SurveyTable.shipped.names.flatMap { try SurveyTable.shipped.wheels(of: $0) }
        .filter { $0.file == file.lastPathComponent }
      guard let row = rows.first else { continue }
      let scanned = Scanner(jobs: 2).scan([Path(file.path)])
        .facts(for: .devices(question.devices.map(\.device)), by: .shipped, jobs: 2)
      let view = try #require(scanned.views.first)
      let (table, scan) = (Self.verdicts(row.facts, question), Self.verdicts(view, question))
      for key in Set(table.keys).union(scan.keys).sorted() {
        #expect(table[key] == scan[key], "\(name): \(key)")
      }
      compared += 1
    }
    #expect(compared > 0)
  }
}
