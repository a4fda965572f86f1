import Foundation
import Testing

/// The program's answers agree with what people with real GPUs saw.
@Suite struct FieldReportTests {
  @Test(arguments: FieldReport.all(large: false))
  func smallWheel(_ report: FieldReport) throws { try expectAgreement(report) }

  @Test(
    .enabled(if: TestInputs.includesLarge, "only in make test-large"),
    arguments: FieldReport.all(large: true))
  func largeWheel(_ report: FieldReport) throws { try expectAgreement(report) }

  private func expectAgreement(_ report: FieldReport) throws {
    let wheel = try TestInputs.wheel(report.wheel)
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let driver = report.driver.map { ["--driver", $0] } ?? []
    let result = try run(
      URL(filePath: program).deletingLastPathComponent().appending(path: "cubinspect"),
      ["scan", wheel.path, "--gpu", report.gpu, "-o", "json"] + driver, in: folder)
    guard result.status == 0 || result.status == 1 else {
      Issue.record("exit status \(result.status): \(result.messages)")
      return
    }
    let objections = try report.objections(to: Data(result.output.utf8), status: result.status)
    #expect(objections == [])
  }

  /// Each report has a place where it is told, a wheel that can be fetched, and answers that can be missed.
  @Test func theTableIsSound() throws {
    let reports = FieldReport.all
    #expect(Set(reports.map(\.id)).count == reports.count)
    for report in reports {
      #expect(
        !report.sources.isEmpty && report.sources.allSatisfy { $0.hasPrefix("https://") }, "\(report.id)")
      #expect(!report.reported.isEmpty, "\(report.id)")
      #expect(!report.accepted.isEmpty && Set(report.accepted).count < 3, "\(report.id)")
      #expect(throws: Never.self, "\(report.id)") { try TestInputs.group(ofWheel: report.wheel) }
      if let difference = report.differs {
        #expect(!difference.reason.isEmpty && !difference.answers.isEmpty, "\(report.id)")
        #expect(Set(difference.answers).isDisjoint(with: report.accepted), "\(report.id)")
      }
    }
    #expect(!FieldReport.all(large: false).isEmpty)
  }

  // MARK: What the comparison finds

  private func document(
    _ answer: String, query: String = "T4", reasons: [String] = ["libx.so has no code for it"]
  ) throws -> Data {
    let reasons = reasons.map { ["code": "noCode", "text": $0] }
    return try JSONSerialization.data(
      withJSONObject: [
        "schemaVersion": 2, "answers": [["query": query, "answer": answer, "reasons": reasons]],
      ])
  }

  private func report(
    _ outcome: FieldReport.Outcome, _ accepted: [FieldReport.Answer.Kind], mentions: [String]? = nil,
    differs: FieldReport.Difference? = nil
  ) -> FieldReport {
    FieldReport(
      id: "F1", sources: [], wheel: "x-1-py3-none-any.whl", gpu: "T4", outcome: outcome, reported: "seen",
      accepted: accepted, mentions: mentions, differs: differs)
  }

  @Test func anAcceptedAnswerIsNoObjection() throws {
    #expect(try report(.works, [.yes]).objections(to: document("yes", reasons: []), status: 0) == [])
    #expect(try report(.fails, [.no, .partly]).objections(to: document("no"), status: 1) == [])
    #expect(try report(.fails, [.no, .partly]).objections(to: document("partly"), status: 0) == [])
    #expect(try report(.fails, [.unknown]).objections(to: document("unknown"), status: 1) == [])
    #expect(try report(.fails, [.nothing]).objections(to: document("nothing"), status: 0) == [])
  }

  @Test(arguments: FieldReport.Answer.Kind.allCases)
  func everyOtherAnswerIsAnObjection(_ kind: FieldReport.Answer.Kind) throws {
    let status: Int32 = kind == .no || kind == .unknown ? 1 : 0
    let objections = try report(.fails, FieldReport.Answer.Kind.allCases.filter { $0 != kind })
      .objections(to: document(kind.rawValue), status: status)
    #expect(objections.count == 1)
  }

  @Test func theExitStatusAgreesWithTheAnswer() throws {
    #expect(try report(.works, [.yes]).objections(to: document("yes"), status: 1).count == 1)
    #expect(try report(.fails, [.no]).objections(to: document("no"), status: 0).count == 1)
    #expect(try report(.fails, [.partly]).objections(to: document("partly"), status: 1).count == 1)
    #expect(try report(.fails, [.unknown]).objections(to: document("unknown"), status: 0).count == 1)
  }

  @Test func reasonsAreThereAndNameWhatTheyMust() throws {
    #expect(try report(.fails, [.no]).objections(to: document("no", reasons: []), status: 1).count == 1)
    let mentioning = report(.partlyFails, [.partly], mentions: ["libx.so"])
    #expect(try mentioning.objections(to: document("partly"), status: 0) == [])
    #expect(try mentioning.objections(to: document("partly", reasons: ["another"]), status: 0).count == 1)
  }

  @Test func aDifferenceTakesThePlaceOfWhatIsAccepted() throws {
    let differing = report(.fails, [.no], differs: .init(answers: [.yes], reason: "PTX"))
    #expect(try differing.objections(to: document("yes"), status: 0) == [])
    #expect(try differing.objections(to: document("no"), status: 1).count == 1)
  }

  @Test func oneAnswerForTheGPUThatWasAskedAbout() throws {
    #expect(try report(.works, [.yes]).objections(to: document("yes", query: "V100"), status: 0).count == 1)
    #expect(
      try report(.works, [.yes]).objections(to: Data(#"{"answers": []}"#.utf8), status: 0).count == 1)
    #expect(throws: DecodingError.self) {
      try report(.works, [.yes]).objections(to: Data(#"{"verdicts": []}"#.utf8), status: 0)
    }
  }
}
