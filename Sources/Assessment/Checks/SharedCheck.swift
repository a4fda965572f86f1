import Bytes
package import Stack

/// What a check says of one GPU, or the same of several.
package struct SharedCheck {
  /// The first of those that say it.
  package var check: Check
  /// The GPUs that it is about, as indices into the question's devices; empty where it is about none or about all.
  package var devices: [Int]
  /// That of all of them, each once.
  package var evidence: [Evidence]

  fileprivate struct Key: Hashable {
    var id: Check.ID
    var status: Check.Status
    var subject: String?
    var environment: Path?
    var text: String
    var detail: String?

    init(_ check: Check) {
      (id, status, subject, environment) = (check.id, check.status, check.subject, check.environment)
      (text, detail) = (check.sentence.text(gpus: ""), check.detail)
    }
  }

  /// What is the case, with the names of all GPUs.
  ///
  /// - Parameter subject: what stands in place of the name of its subject; nil for the name.
  package func summary(_ question: Question, subject: String? = nil) -> String {
    let gpus = devices.isEmpty ? nil : listed(devices.map { question.devices[$0].device.label })
    return check.sentence.text(gpus: gpus, subject: subject)
  }
}

extension Sequence<Check> {
  /// The checks, those that say the same of different GPUs as one, in the order of the first.
  package var shared: [SharedCheck] {
    groups(of: self) { SharedCheck.Key($0) }.map { group in
      SharedCheck(
        check: group[0], devices: distinct(group.lazy.compactMap(\.device)),
        evidence: distinct(group.lazy.flatMap(\.evidence)))
    }
  }
}
