import Assessment
import Bytes
import Compatibility
import Stack

extension ScanReport {
  /// The report as SARIF 2.1.0: a result for each check that did not pass and each file that it is about, for each library that
  /// lacks what is required, and for each file that could not be read.
  ///
  /// - Parameter location: the file that every result points to, relative to the repository, where what was scanned is none of its
  ///   files: `Dockerfile`.
  public func sarif(_ tool: Tool, location: String? = nil) -> [UInt8] {
    var results: [SARIFResult] = []
    for part in assessment.views { results += self.results(part) }
    // GitHub shows no more results of a run.
    results = Array(results.prefix(5000))
    let rules = SARIFRule.all.filter { rule in results.contains { $0.rule == rule.id } }
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("$schema", "https://json.schemastore.org/sarif-2.1.0.json")
      writer.array("runs", of: [()]) { writer, _ in
        writer.object("automationDetails") { $0.member("id", "cubinspect/") }
        writer.member("columnKind", "unicodeCodePoints")
        writer.rows("results", of: results) { writer, result in
          writer.member("level", result.level)
          writer.rows("locations", of: [result]) { writer, result in
            writer.rows("logicalLocations", of: [result]) { writer, result in
              writer.member("fullyQualifiedName", result.name)
            }
            writer.object("physicalLocation") { writer in
              writer.object("artifactLocation") { $0.member("uri", location.map(\.asURI) ?? result.uri) }
              writer.object("region") { $0.member("startLine", 1) }
            }
          }
          writer.object("message") { $0.member("text", result.message(withName: location != nil)) }
          writer.object("partialFingerprints") { $0.member("cubinspect/v1", result.fingerprint) }
          writer.member("ruleId", result.rule)
          writer.member("ruleIndex", rules.firstIndex { $0.id == result.rule } ?? 0)
          if let ignored = result.ignored {
            writer.array("suppressions", of: [ignored]) { writer, rule in
              writer.member("justification", "\(rule.reason) (\(rule.source))")
              writer.member("kind", "external")
            }
          }
        }
        writer.object("tool") { writer in
          writer.object("driver") { writer in
            writer.member("name", tool.name)
            writer.object("properties") { $0.member("tables", assessment.question.tables.date.description) }
            writer.array("rules", of: rules) { writer, rule in
              writer.object("fullDescription") { $0.member("text", rule.text) }
              writer.object("help") { $0.member("text", "\(rule.text) Source: \(rule.source).") }
              writer.member("id", rule.id)
              writer.object("shortDescription") { $0.member("text", rule.title) }
            }
            writer.member("semanticVersion", tool.version)
          }
        }
      }
      writer.member("version", "2.1.0")
    }
    return writer.finish()
  }

  private func results(_ part: ViewAssessment) -> [SARIFResult] {
    let checks = part.checks.filter { $0.status != .pass && !$0.isOutside(question) }
    // What holds of a file on several GPUs need not hold of another one on all of them.
    let entries = checks.flatMap { check in
      let paths = distinct(check.evidence.lazy.compactMap(\.path)).prefix(check.isAboutCode ? .max : 1)
      return (paths.isEmpty ? [Path("")] : paths).map { (check: check, path: $0) }
    }
    var results = groups(of: entries) { SARIFKey($0.check, $0.path) }.map { group in
      let check = group[0].check
      return SARIFResult(
        rule: check.id.rawValue, level: check.status.level, part: part, path: group[0].path,
        sentence: check.sentence, detail: check.detail,
        gpus: distinct(group.lazy.compactMap(\.check.device)).map { devices[$0].device.label })
    }
    for unit in part.units {
      for clause in unit.requirementClauses {
        results.append(
          SARIFResult(
            rule: "requirement", level: "error", part: part, path: unit.path,
            sentence: "\(part.shown(unit.path)) \(clause)", detail: nil, gpus: []))
      }
    }
    for line in ignored(in: part) {
      let finding = line.finding
      for path in finding.paths.isEmpty ? [Path("")] : finding.paths {
        results.append(
          SARIFResult(
            rule: finding.id, level: finding.status.level, part: part, path: path, sentence: finding.sentence,
            detail: finding.detail, gpus: line.gpus, ignored: finding.rule))
      }
    }
    if part.view.paths == assessment.views.first?.view.paths {
      results += demandsWithoutLibrary.map { demand in
        SARIFResult(
          rule: "requirement", level: "error", part: part, path: Path(""), sentence: "\(demand.text)",
          detail: nil,
          gpus: [])
      }
    }
    for entry in part.view.problems where entry.problem.isFailure {
      results.append(
        SARIFResult(
          rule: "unread", level: "error", part: part, path: entry.path,
          sentence: Sentence("\(part.path(entry.path)): \(entry.problem.description)"), detail: nil, gpus: [])
      )
    }
    return results
  }
}

/// What the results of a check for several GPUs have in common.
private struct SARIFKey: Hashable {
  var id: Check.ID
  var status: Check.Status
  var subject: String?
  var path: Path
  var text: String

  init(_ check: Check, _ path: Path) {
    (id, status, subject, text) = (check.id, check.status, check.subject, check.sentence.text(gpus: ""))
    self.path = path
  }
}

extension Check.Status {
  /// The level of a result.
  fileprivate var level: String {
    switch self {
    case .fail: "error"
    case .warn: "warning"
    case .unknown, .pass: "note"
    }
  }
}

private struct SARIFResult {
  var rule: String
  var level: String
  var part: ViewAssessment
  /// In the view; empty for all of it.
  var path: Path
  var sentence: Sentence
  var detail: String?
  var gpus: [String]
  /// The rule that says that it does not matter.
  var ignored: IgnoreRule?

  /// What was named, and the file in it.
  private var place: String {
    let root = part.view.paths.count == 1 ? part.view.paths[0] : Path("")
    if path.bytes.isEmpty || part.view.kind == .file { return root.text }
    return root.bytes.isEmpty ? path.text : "\(root.text)/\(path.text)"
  }

  var name: String { part.view.label.map { "\(place) (\($0))" } ?? place }

  /// Relative, without a scheme.
  var uri: String {
    let relative = place.drop { $0 == "/" }
    return relative.isEmpty ? "." : String(relative).asURI
  }

  func message(withName: Bool) -> String {
    let text = sentence.text(gpus: gpus.isEmpty ? nil : listed(gpus)) + (detail.map { "; \($0)" } ?? "")
    return printable(withName ? "\(name): \(text)" : text)
  }

  /// The same for the next release of a file: without versions, digests and the names of archives.
  var fingerprint: String {
    let file = LibraryName(path.lastComponent.text)?.stem ?? path.lastComponent.text
    let words = [rule, file] + gpus
    let stem = words.map { word in
      word.filter { !$0.isNumber && $0 != "." } + "/\(gpus.contains(word) ? word : "")"
    }
    return stem.joined(separator: "|")
  }
}

/// What a result is about: a check by its id, or what is no check.
private struct SARIFRule {
  var id: String
  var title: String
  var text: String
  var source: String

  static let all: [SARIFRule] =
    Check.ID.allCases.map { id in
      let (title, text) = id.rule
      return SARIFRule(id: id.rawValue, title: title, text: text, source: id.source)
    } + [
      SARIFRule(
        id: "requirement", title: "A required target is missing",
        text:
          "A library does not carry every target that --require names. Add the target to the flags that it is compiled with.",
        source: "the option --require"),
      SARIFRule(
        id: "unread", title: "Something could not be read",
        text: "A file could not be read as it should, so that nothing is known of what it holds.",
        source: "the problems of the report"),
    ]
}

extension Check.ID {
  /// What is wrong when the check does not pass, and what helps.
  fileprivate var rule: (title: String, text: String) {
    switch self {
    case .driverGPU:
      (
        "The driver does not support the GPU",
        "Each GPU has a first driver, and some have a last one. Install a driver between them."
      )
    case .driverRuntime:
      (
        "The driver is too old for the CUDA runtime",
        "A CUDA runtime needs a driver of its own CUDA version, or a newer one of the same major version (minor-version compatibility). Install a newer driver, or a build for an older CUDA."
      )
    case .driverImage:
      (
        "The image refuses the driver",
        "NVIDIA_REQUIRE_CUDA of the image is not satisfied, so that the container does not start."
      )
    case .imageDevices:
      (
        "The image asks for no GPU",
        "NVIDIA_VISIBLE_DEVICES or NVIDIA_DRIVER_CAPABILITIES of the image keep CUDA from its containers."
      )
    case .toolkitGPU:
      (
        "The toolkit does not compile for the GPU",
        "Extensions that are built here have no code for the GPU. Build with another toolkit."
      )
    case .toolkitTorch:
      (
        "The toolkit does not fit PyTorch",
        "PyTorch builds extensions with a toolkit of its own major version of CUDA only."
      )
    case .torchCount: ("PyTorch is installed several times", "Each installation is judged by itself.")
    case .torchLibraries:
      (
        "Libraries of PyTorch are missing or are other ones",
        "PyTorch does not start without the CUDA libraries that it was built for."
      )
    case .torchGPU:
      (
        "PyTorch has no code for the GPU",
        "The first kernel fails with \"no kernel image is available for execution on the device\". Install a build that has code for the GPU."
      )
    case .packageGPU:
      (
        "A package has no code for the GPU",
        "Its kernels fail with \"no kernel image is available for execution on the device\". Install a release that has code for the GPU."
      )
    case .packageTorch:
      ("A package was made for another PyTorch", "Install the release that was made for this one.")
    case .ptxDriver:
      (
        "The driver is too old for the PTX",
        "The driver compiles PTX of its own CUDA version and of older ones. Install a newer driver."
      )
    case .compressionDriver:
      (
        "The driver does not decompress the code",
        "Compressed code needs driver 550.54.14 or newer, or the option -no-compress of nvcc."
      )
    case .flagsContents:
      (
        "PyTorch does not carry what it says",
        "torch.cuda.get_arch_list() names targets that not all of its code has."
      )
    case .missingLibraries: ("Libraries are missing", "A library does not load without those that it needs.")
    case .runtimeCode:
      (
        "Code that is made at run time fails",
        "A package compiles for the GPU when it runs, and the compiler that it takes does not know the GPU, is missing, or makes what the driver does not load."
      )
    }
  }
}
