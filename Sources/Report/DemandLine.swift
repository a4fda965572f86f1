import Assessment
import Compatibility

/// A sentence on what is required of libraries.
struct DemandLine {
  var text: String
  var isMet: Bool

  var mark: String { isMet ? "✓" : "✗" }
}

extension ScanReport {
  /// One sentence on whether the libraries of some views carry what is required of them; none where only libraries are missing
  /// that ``demandsWithoutLibrary`` tells.
  func demand(on parts: [ViewAssessment]) -> [DemandLine] {
    let requirements = question.requirements
    guard !requirements.isEmpty else { return [] }
    let targets = requirements.description + (requirements.isExact ? " and nothing else" : "")
    let units = parts.flatMap(\.units)
    let failing = units.count { !$0.meetsRequirements }
    if units.isEmpty {
      return [DemandLine(text: "there is no device code that could carry \(targets)", isMet: false)]
    }
    if failing > 0 {
      let verb = failing == 1 ? "does" : "do"
      return [
        DemandLine(
          text: "\(grouped(failing)) of \(counted(units.count, "library", "libraries")) \(verb) not carry "
            + "what is required: \(targets)", isMet: false)
      ]
    }
    return assessment.rulesWithoutLibrary.isEmpty
      ? [DemandLine(text: "every library carries what is required: \(targets)", isMet: true)] : []
  }

  /// A sentence on each library of a view that does not carry what is required.
  func demandsOnLibraries(of part: ViewAssessment) -> [DemandLine] {
    part.units.indices.flatMap { index in
      part.units[index].requirementClauses.map {
        DemandLine(text: "\(part.name(of: index)) \($0)", isMet: false)
      }
    }
  }

  /// A sentence on each demand on libraries that are not there.
  var demandsWithoutLibrary: [DemandLine] {
    assessment.rulesWithoutLibrary.map {
      DemandLine(text: "no library with device code has the name that is required: \($0)", isMet: false)
    }
  }
}
