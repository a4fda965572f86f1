public import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as JUnit XML: a suite for each view, and a test case for each package and GPU, for each library that has to carry
  /// what is required, and for each file that could not be read.
  ///
  /// - Parameters:
  ///   - level: from which verdict on a package has failed; what holds no device code counts as skipped.
  ///   - timestamp: when the scan was made: `2026-11-29T17:03:37`.
  ///   - seconds: how long it took.
  public func junit(failingAt level: FailLevel, timestamp: String, seconds: Double) -> [UInt8] {
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
    for (index, part) in assessment.views.enumerated() {
      var suite = JUnitSuite(part, question, level, ignored: ignored(in: part))
      if index == 0 { suite.add(assessment.rulesWithoutLibrary) }
      let name = part.name.asMarkup
      let time = index == 0 ? "\((seconds * 1000).rounded() / 1000)" : "0"
      text +=
        "  <testsuite name=\"\(name)\" package=\"cubinspect\" id=\"\(index)\" timestamp=\"\(timestamp)\" hostname=\"localhost\""
        + " tests=\"\(suite.cases.count)\" failures=\"\(suite.count(.failure))\" errors=\"\(suite.count(.error))\""
        + " time=\"\(time)\">\n    <properties/>\n"
      for item in suite.cases {
        text += "    <testcase classname=\"\(name)\" name=\"\(item.name.asMarkup)\" time=\"0\""
        if let (kind, type, message, body) = item.outcome {
          text +=
            ">\n      <\(kind.rawValue) type=\"\(type.asMarkup)\" message=\"\(message.asMarkup)\">\(body.asMarkup)</\(kind.rawValue)>\n"
            + "    </testcase>\n"
        } else {
          text += "/>\n"
        }
      }
      text += "    <system-out/>\n    <system-err/>\n  </testsuite>\n"
    }
    return Array((text + "</testsuites>\n").utf8)
  }
}

/// The test cases of one view.
private struct JUnitSuite {
  enum Kind: String {
    case failure, error
  }

  struct Case {
    var name: String
    var outcome: (kind: Kind, type: String, message: String, body: String)?
  }

  private(set) var cases: [Case] = []

  init(_ part: ViewAssessment, _ question: Question, _ level: FailLevel, ignored: [IgnoredLine]) {
    for package in part.packages {
      for (device, verdict) in package.verdicts.enumerated() where verdict.verdict != .noDeviceCode {
        var item = Case(name: "\(package.name) on \(question.devices[device].device.label)")
        if level.includes(verdict.verdict) {
          let reasons = verdict.reasons.map(\.text)
          item.outcome = (
            .failure, verdict.verdict.rawValue, reasons.first ?? verdict.verdict.meaning,
            reasons.dropFirst().joined(separator: "; ")
          )
        }
        cases.append(item)
      }
    }
    if !question.requirements.isEmpty {
      for (index, unit) in part.units.enumerated() {
        let clauses = unit.requirementClauses
        var item = Case(name: "\(part.name(of: index)) carries what is required")
        if !clauses.isEmpty {
          item.outcome = (
            .failure, "requirement", clauses.joined(separator: "; "),
            "it carries \(unit.targets.map(\.targetName).joined(separator: " "))"
          )
        }
        cases.append(item)
      }
    }
    // They pass, because nobody wants them to fail, and say so.
    cases += ignored.map { Case(name: "ignored: \($0.text)") }
    for entry in part.view.problems where entry.problem.isFailure {
      cases.append(
        Case(
          name: "\(part.path(entry.path)) is read",
          outcome: (.error, entry.problem.code.rawValue, entry.problem.description, "")))
    }
  }

  /// Adds what no library could carry.
  mutating func add(_ rules: [Requirements.Rule]) {
    for rule in rules {
      let name = "a library carries what is required of \(rule.description)"
      cases.append(
        Case(
          name: name, outcome: (.failure, "requirement", "no library with device code has such a name", "")))
    }
  }

  func count(_ kind: Kind) -> Int { cases.count { $0.outcome?.kind == kind } }
}
