import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

/// What a report says of one library, or of a package without libraries, on one GPU: a line of the formats that are tables.
struct LibraryRow {
  let part: ViewAssessment
  /// Nil where somebody asks what libraries carry, and about no GPU; so are the verdict and the standing.
  let device: RequestedDevice?
  /// The package among those of the view; nil for what was set aside before packages were judged.
  let package: AssessedPackage?
  /// Nil for a package that holds no device code and only compiles.
  let unit: AssessedUnit?
  let verdict: Verdict?
  let standing: Standing?

  /// The name and the version of the package.
  var packageName: (name: String, version: String?) {
    package.map { part.nameAndVersion(of: $0) } ?? ("", nil)
  }

  var targets: [String] { unit?.targets.map(\.targetName) ?? [] }

  /// Whether the library carries what is required of it: `met`, or what is missing; nil where nothing is required.
  var requirement: String? {
    guard let unit, !unit.requirements.isEmpty || !unit.unexpectedTargets.isEmpty else { return nil }
    return unit.meetsRequirements ? "met" : unit.requirementClauses.joined(separator: "; ")
  }
}

extension ViewAssessment {
  /// The name and the version of a package as its record has them, where it has one.
  func nameAndVersion(of package: AssessedPackage) -> (name: String, version: String?) {
    if let owner = package.package.map({ view.stack.packages[$0] }) { return (owner.name, owner.version) }
    return (package.distribution ?? package.name, package.version)
  }
}

extension ScanReport {
  /// Calls `body` with the rows: view by view, the libraries in the order of their paths, then packages without any; each for
  /// every GPU.
  func forEachLibrary(_ body: (LibraryRow) -> Void) {
    for part in assessment.views {
      var owners: [Int: AssessedPackage] = [:]
      for package in part.packages {
        for unit in package.units where owners[unit] == nil { owners[unit] = package }
      }
      for (index, unit) in part.units.enumerated() {
        guard !question.isAboutTargetsOnly else {
          body(
            LibraryRow(
              part: part, device: nil, package: owners[index], unit: unit, verdict: nil, standing: nil))
          continue
        }
        for (device, requested) in devices.enumerated() {
          body(
            LibraryRow(
              part: part, device: requested, package: owners[index], unit: unit,
              verdict: part.verdict(of: index, on: device), standing: part.standing(of: index, on: device)))
        }
      }
      for package in part.packages where package.units.isEmpty && !question.isAboutTargetsOnly {
        for (device, requested) in devices.enumerated() {
          body(
            LibraryRow(
              part: part, device: requested, package: package, unit: nil,
              verdict: package.verdicts[device].told,
              standing: package.verdicts[device].ignored == nil ? .counts : .ignored))
        }
      }
    }
  }
}
