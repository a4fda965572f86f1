public import Compatibility
public import Stack

/// The judgement of everything that was scanned: facts and a question in, answers out. Whatever is written, is written
/// from it.
public struct Assessment: Sendable {
  public var question: Question
  public var views: [ViewAssessment]
  public var counts: ScanCounts
  /// One for each device of the question, over all views.
  public var answers: [Answer]

  public init(_ facts: Facts, _ question: Question) {
    self.question = question
    counts = facts.counts
    let views = facts.views.map { ViewAssessment($0, question) }
    self.views = views
    answers = question.devices.indices.map { device in
      .combined(views.map { $0.answers[device] }, by: question.tables)
    }
  }

  /// Whether an answer is at `level` or worse.
  public func reaches(_ level: FailLevel) -> Bool {
    answers.contains { level.includes($0.verdict) }
  }

  /// Whether everything that was required is there; false also when there is no device code to carry it.
  public var meetsRequirements: Bool {
    question.requirements.isEmpty
      || views.contains { !$0.units.isEmpty }
        && views.allSatisfy { $0.units.allSatisfy(\.meetsRequirements) } && rulesWithoutLibrary.isEmpty
  }

  /// The rules about what does not matter that name nothing that was found.
  public var ignoresWithoutSubject: [IgnoreRule] {
    question.ignores.filter { rule in !views.contains { $0.knownIgnores.contains(rule) } }
  }

  /// The requirements of libraries whose names no library has.
  public var rulesWithoutLibrary: [Requirements.Rule] {
    question.requirements.rules.filter { rule in
      rule.pattern != nil
        && !views.contains { $0.view.files.contains { rule.applies(to: $0.names) } }
    }
  }
}

/// From which verdict on a scan counts as failed: this one and everything worse.
public enum FailLevel: String, Hashable, Sendable, CaseIterable {
  case never, incompatible, partial, notGuaranteed, jit

  /// Whether `verdict` is at this level or worse.
  public func includes(_ verdict: Verdict) -> Bool {
    guard let severity = verdict.severity, let threshold else { return false }
    return severity >= threshold
  }

  private var threshold: Int? {
    switch self {
    case .never: nil
    case .incompatible: Verdict.incompatible.severity
    case .partial: Verdict.partial.severity
    case .notGuaranteed: Verdict.notGuaranteed.severity
    case .jit: Verdict.jit.severity
    }
  }
}
