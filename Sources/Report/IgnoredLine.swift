import Assessment
import Bytes

/// Something that is not as it should be and was ignored, with all the GPUs that it holds of.
struct IgnoredLine {
  var finding: IgnoredFinding
  /// Empty where it holds of all, or of none.
  var gpus: [String]

  /// `flash-attn 2.8.0 has no code for V100 (sm_80)`.
  var summary: String { finding.sentence.text(gpus: gpus.isEmpty ? nil : listed(gpus)) }

  /// The summary, and why it does not matter.
  var text: String { printable("\(summary). \(finding.rule.source) says: \(finding.rule.reason)") }
}

extension ScanReport {
  /// What was ignored in a view: what holds of several GPUs once.
  func ignored(in part: ViewAssessment) -> [IgnoredLine] {
    groups(of: part.ignored) { Key(finding: $0) }.map { group in
      IgnoredLine(
        finding: group[0], gpus: distinct(group.lazy.compactMap(\.device)).map { devices[$0].device.label })
    }
  }

  /// Rules about what does not matter that name nothing here, a clause each.
  var ignoredNothing: [String] {
    assessment.ignoresWithoutSubject.map { rule in
      printable("\(rule.source) ignores \(rule.subject), but nothing here has that name")
    }
  }
}

private struct Key: Hashable {
  var rule: IgnoreRule
  var id: String
  var subject: String?
  var sentence: String

  init(finding: IgnoredFinding) {
    (rule, id, subject) = (finding.rule, finding.id, finding.subject)
    sentence = finding.sentence.text(gpus: "")
  }
}
