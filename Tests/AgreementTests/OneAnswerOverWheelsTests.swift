import Assessment
import Bytes
import Compatibility
import Foundation
import Scan
import Stack
import Testing

/// Of every wheel at hand, on many GPUs and with many drivers: answers, packages, checks and exit status say the same.
@Suite struct OneAnswerOverWheelsTests {
  private static let gpus = [
    "Tesla K80", "GTX 1080", "V100", "T4", "A100", "RTX 3090", "Jetson AGX Orin", "L4", "H100 NVL", "B200",
    "RTX 5090", "GB10",
  ]
  private static let drivers: [String?] = [nil, "450.80.02", "535.54.03", "550.54.14", "580.65.06", "12.4"]

  @Test(arguments: ["small", "field"]) func smallWheels(_ size: String) throws {
    for (name, file) in try TestInputs.wheels(size: size) { try check(name, file) }
  }

  @Test(
    .enabled(if: TestInputs.includesLarge, "only in make test-large"),
    arguments: ["large", "dispatch", "field-large"])
  func largeWheels(_ size: String) throws {
    for (name, file) in try TestInputs.wheels(size: size) { try check(name, file) }
  }

  private func check(_ name: String, _ file: URL) throws {
    let devices = try Self.gpus.flatMap { gpu in
      try Self.drivers.map { driver in
        RequestedDevice(
          query: gpu,
          device: try GPUCatalogue.resolve(gpu, in: .shipped).device(
            driver: driver.flatMap { DriverVersion($0) }, tables: .shipped))
      }
    }
    let facts = Scanner(jobs: 2).scan([Path(file.path)]).facts(
      for: .devices(devices.map(\.device)), by: .shipped, jobs: 2)
    #expect(facts.views.count == 1, "\(name)")
    let assessment = Assessment(facts, Question(devices: devices, namesDevices: true))
    for (index, requested) in devices.enumerated() {
      let place: Comment =
        "\(name) on \(requested.query) with \(requested.device.driver?.description ?? "any driver")"
      let answer = assessment.answers[index]
      for view in assessment.views { check(view, index, answer, place) }
      let one = Assessment(facts, Question(devices: [requested], namesDevices: true))
      #expect(one.answers[0].kind == answer.kind && one.answers[0].verdict == answer.verdict, place)
      // `no` is what a scan fails at by default, and nothing else.
      #expect(one.reaches(.incompatible) == (answer.kind == .no), place)
      #expect(one.reaches(.partial) == (answer.kind == .no || answer.kind == .partly), place)
      // Naming no driver never asks more than naming one.
      let plain = assessment.answers[index - index % Self.drivers.count]
      #expect(!(plain.kind == .no && answer.kind == .yes), place)
    }
  }

  private func check(_ view: ViewAssessment, _ device: Int, _ answer: Answer, _ place: Comment) {
    #expect(view.answers[device].kind == answer.kind, place)
    #expect(answer.kind == .yes && answer.verdict == .native || !answer.reasons.isEmpty, place)
    let verdicts = view.packages.filter { !$0.isNVIDIAs }.map { $0.verdicts[device] }
    let counting = (verdicts.isEmpty ? view.packages.map { $0.verdicts[device] } : verdicts)
      .filter { $0.verdict != .noDeviceCode }
    let failed = view.checks.filter { $0.status == .fail && ($0.device == nil || $0.device == device) }
    switch answer.kind {
    case .yes:
      #expect(counting.allSatisfy { $0.verdict == .native || $0.verdict == .jit }, place)
      #expect(
        !failed.contains { [.driverGPU, .driverRuntime, .torchGPU, .torchLibraries].contains($0.id) }, place)
    case .no: #expect(counting.allSatisfy { $0.verdict == .incompatible }, place)
    case .partly: #expect(counting.contains { $0.verdict != .incompatible }, place)
    case .unknown: #expect(!counting.contains { $0.verdict == .incompatible }, place)
    case .nothing: #expect(counting.isEmpty, place)
    }
    for package in view.packages {
      let verdict = package.verdicts[device]
      #expect((verdict.verdict.severity ?? 0) >= (verdict.code.severity ?? 0), place)
      // A driver that does not support the GPU runs nothing of it.
      if failed.contains(where: { $0.id == .driverGPU }), verdict.verdict != .noDeviceCode {
        #expect(verdict.verdict == .incompatible, place)
      }
    }
  }
}
