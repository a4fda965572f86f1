import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as lines of JSON: one object for each answer of each view (`"kind": "answer"`), then one for each library and GPU
  /// (`"kind": "library"`); where somebody asks about no GPU one for each library alone. Their members are those of the JSON report.
  public func ndjson() -> [UInt8] {
    var lines: [UInt8] = []
    func line(_ body: (inout JSONWriter) -> Void) {
      var writer = JSONWriter(isOneLine: true)
      writer.object(body)
      lines += writer.finish()
    }
    for part in assessment.views where !question.isAboutTargetsOnly {
      for (requested, answer) in zip(devices, part.answers) {
        line { writer in
          writer.member("answer", answer.kind.rawValue)
          writer.member("computeCapability", requested.device.computeCapability.description)
          writer.member("driver", requested.device.driver?.description)
          writer.member("kind", "answer")
          writer.member("query", requested.query)
          writer.array("reasons", answer.reasons.map(\.text))
          writer.member("verdict", answer.verdict.rawValue)
          writer.member("view", part.name)
        }
      }
    }
    forEachLibrary { row in
      line { writer in
        let (name, version) = row.packageName
        writer.member("computeCapability", row.device?.device.computeCapability.description)
        writer.member("driver", row.device?.device.driver?.description)
        writer.member("kind", "library")
        writer.member("modules", row.unit?.code.moduleCount ?? 0)
        writer.member("package", name.isEmpty ? nil : name)
        if let unit = row.unit { writer.path(unit.path) }
        writer.member("query", row.device?.query)
        writer.member("requirement", row.requirement)
        writer.member("standing", row.standing?.name)
        writer.array("targets", row.targets)
        writer.member("verdict", row.verdict?.rawValue)
        writer.member("version", version)
        writer.member("view", row.part.name)
      }
    }
    return lines
  }
}
