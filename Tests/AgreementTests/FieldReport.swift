import Foundation
import Testing

/// What became of a wheel on a real GPU, as somebody reported it or as its vendor documents it, and which answers of the
/// program agree with that.
struct FieldReport: Decodable, Sendable, CustomTestStringConvertible {
  /// `F…` is a report, `D…` a document.
  var id: String
  /// Where it is told.
  var sources: [String]
  /// The file on PyPI.
  var wheel: String
  /// As `--gpu` takes it. Reports on a driver need not name the GPU; then it is one that the wheel has code for.
  var gpu: String
  /// As `--driver` takes it; nil where it is not told.
  var driver: String?
  var outcome: Outcome
  /// What was seen, in a few words.
  var reported: String
  /// The answers that are right by the report alone.
  var accepted: [Answer.Kind]
  /// Each occurs in the text of a reason, because an answer without it would be no help.
  var mentions: [String]?
  /// Where the program rightly contradicts the report.
  var differs: Difference?

  enum Outcome: String, Decodable {
    case works
    /// Works, after the driver has compiled for minutes.
    case worksAfterCompilation = "works-jit"
    case partlyFails = "partly-fails"
    case fails
    case driverTooOld = "driver-too-old"
  }

  struct Difference: Decodable {
    var answers: [Answer.Kind]
    var reason: String
  }

  /// What the program answers for one GPU.
  struct Answer: Decodable {
    enum Kind: String, Decodable, CaseIterable { case yes, partly, no, unknown, nothing }

    struct Reason: Decodable {
      var code: String
      var text: String
    }

    var query: String
    var answer: Kind
    var reasons: [Reason]
  }

  /// The part of a JSON report that holds the answers.
  private struct Document: Decodable {
    var answers: [Answer]
  }

  var testDescription: String { "\(id) \(wheel) on \(gpu)\(driver.map { " with \($0)" } ?? "")" }

  var expected: [Answer.Kind] { differs?.answers ?? accepted }

  /// Whether people who follow the report's account would be told to expect a failure.
  private var isFailure: Bool { outcome == .fails || outcome == .driverTooOld }

  /// What is wrong with a JSON report and the exit status of `scan WHEEL --gpu GPU`; empty when nothing is.
  func objections(to document: Data, status: Int32) throws -> [String] {
    let answers = try JSONDecoder().decode(Document.self, from: document).answers
    guard answers.map(\.query) == [gpu], let answer = answers.first else {
      return ["asked for '\(gpu)', answered for \(answers.map(\.query))"]
    }
    var objections: [String] = []
    if !expected.contains(answer.answer) {
      let expected = expected.map(\.rawValue).joined(separator: " or ")
      let texts = answer.reasons.map(\.text).joined(separator: "; ")
      objections.append(
        "expected \(expected), not \(answer.answer.rawValue): \(texts). Reported: \(reported)")
    }
    switch answer.answer {
    case .yes where status != 0, .partly where status != 0, .no where status != 1:
      objections.append("\(answer.answer.rawValue), and exit status \(status)")
    case .unknown where isFailure && status != 1:
      objections.append("a failure is to be expected, and exit status \(status)")
    case .unknown where status > 1, .nothing where status > 1:
      objections.append("exit status \(status)")
    default: break
    }
    if answer.reasons.isEmpty && answer.answer != .yes {
      objections.append("\(answer.answer.rawValue) without a reason")
    }
    for mention in mentions ?? [] where !answer.reasons.contains(where: { $0.text.contains(mention) }) {
      objections.append("no reason mentions \(mention)")
    }
    return objections
  }

  /// All reports of the table `fieldReports.json`.
  static let all: [FieldReport] = {
    do {
      return try JSONDecoder().decode([FieldReport].self, from: Data(PackageResources.fieldReports_json))
    } catch {
      fatalError("fieldReports.json: \(error)")
    }
  }()

  /// The reports whose wheels are fetched for every run, or only for the large one.
  static func all(large: Bool) -> [FieldReport] {
    let small = Set(
      (["small", "field"].compactMap { try? TestInputs.wheels(size: $0) }).joined().map(
        \.file.lastPathComponent))
    return all.filter { small.contains($0.wheel) != large }
  }
}
