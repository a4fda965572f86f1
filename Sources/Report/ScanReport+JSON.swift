import Assessment
import Bytes
import Compatibility
import DeviceCode
import Stack

extension ScanReport {
  /// The report as a JSON document. Two scans of the same files give the same bytes.
  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.answers(assessment.answers, question)
      if let here {
        writer.object("here") { writer in
          writer.member("container", here.container)
          writer.array("notes", here.notes)
          writer.member("origin", here.origin.rawValue)
        }
      }
      if !question.ignores.isEmpty {
        let idle = assessment.ignoresWithoutSubject
        writer.rows("ignores", of: question.ignores) { writer, rule in
          writer.member("isFound", !idle.contains(rule))
          writer.member("reason", rule.reason)
          writer.member("source", rule.source)
          writer.member("subject", rule.subject)
        }
      }
      let (requirements, missing) = (question.requirements, assessment.rulesWithoutLibrary)
      let rules = requirements.rules.filter { $0.pattern != nil }
      if !rules.isEmpty {
        writer.rows("libraryRequirements", of: rules) { writer, rule in
          writer.member("isFound", !missing.contains(rule))
          writer.member("pattern", rule.pattern)
          writer.array("targets", rule.targets.map(\.description))
        }
      }
      if requirements.isExact { writer.member("requireExact", true) }
      writer.array("requirements", requirements.targets(of: []).map(\.description))
      writer.member("schemaVersion", JSONWriter.schemaVersion)
      writer.object("summary") { writer in
        let counts = assessment.counts
        writer.member("bytesRead", counts.bytesRead)
        writer.member("directories", counts.directories)
        writer.member("elfFiles", counts.elfFiles)
        writer.member("filesVisited", counts.filesVisited)
        writer.member("images", counts.images)
        writer.member("imagesRead", counts.imagesRead)
        writer.member("librariesWithDeviceCode", counts.librariesWithDeviceCode)
        writer.member("linksOutside", counts.linksOutside)
        writer.member("modules", counts.modules)
        writer.member("problems", assessment.views.reduce(0) { $0 + $1.view.problems.count })
      }
      writer.tool(tool)
      writer.array("views", of: assessment.views) { $0.members(of: $1, question) }
    }
    return writer.finish()
  }
}

extension JSONWriter {
  /// The answer for every device.
  fileprivate mutating func answers(_ answers: [Answer], _ question: Question) {
    array("answers", of: zip(question.devices, answers)) { writer, entry in
      let (requested, answer) = entry
      writer.member("answer", answer.kind.rawValue)
      writer.member("computeCapability", requested.device.computeCapability.description)
      writer.member("driver", requested.device.driver?.description)
      writer.member("name", requested.device.name)
      writer.driver("oldestDriver", answer.oldestDriver)
      writer.member("query", requested.query)
      writer.rows("reasons", of: answer.reasons) { $0.members(of: $1) }
      writer.member("verdict", answer.verdict.rawValue)
    }
  }

  private mutating func members(of reason: Reason) {
    member("code", reason.code.rawValue)
    member("package", reason.package)
    member("text", reason.text)
  }

  fileprivate mutating func members(of part: ViewAssessment, _ question: Question) {
    let view = part.view
    answers(part.answers, question)
    rows("environments", of: view.stack.installed.indices) { writer, index in
      let environment = view.stack.installed[index]
      writer.member("kind", environment.kind.rawValue)
      writer.array(
        "packages",
        part.packages.indices.filter { package in
          part.packages[package].package.map { view.stack.packages[$0].environment == environment.folder }
            ?? false
        })
      writer.path(environment.folder)
    }
    if !part.ignored.isEmpty {
      rows("ignored", of: part.ignored) { writer, finding in
        writer.member("detail", finding.detail)
        if let device = finding.device { writer.member("device", device) }
        writer.member("id", finding.id)
        writer.rows("paths", of: finding.paths) { $0.path($1) }
        writer.member("reason", finding.rule.reason)
        writer.member("source", finding.rule.source)
        writer.member("status", finding.status.rawValue)
        writer.member("subject", finding.subject)
        writer.member("summary", finding.sentence.text)
      }
    }
    if let image = view.image { object("image") { $0.members(of: image) } }
    member("kind", view.kind.rawValue)
    member("label", view.label)
    array("libraries", of: part.units.indices) { $0.members(ofUnit: $1, part, question) }
    member("linksOutside", view.linksOutside)
    rows("otherFiles", of: view.otherFiles) { writer, file in
      writer.path(file.path)
      writer.member("what", file.what)
    }
    array("packages", of: part.packages) { $0.members(of: $1, view, question) }
    rows("paths", of: view.paths) { $0.path($1) }
    if !part.plan.isEmpty { object("plan") { $0.members(of: part.plan, question) } }
    rows("problems", of: view.problems) { writer, entry in
      writer.members(of: entry.problem, path: entry.path)
    }
    if view.stack.hasStack || !part.checks.isEmpty {
      object("stack") { $0.members(ofStack: part, question) }
    }
  }

  private mutating func members(of package: AssessedPackage, _ view: View, _ question: Question) {
    let owner = package.package.map { view.stack.packages[$0] }
    member("ecosystem", owner?.ecosystem.rawValue)
    if let owner {
      member(
        "environment", view.stack.installed.firstIndex { $0.folder == owner.environment }.map { UInt64($0) })
    }
    array("libraries", package.units)
    member(
      "name", owner?.name ?? (package.version == nil ? package.name : package.distribution) ?? package.name)
    if let owner { place("record", owner.record) }
    rows("verdicts", of: zip(question.devices, package.verdicts)) { writer, entry in
      let (requested, verdict) = entry
      writer.member("code", verdict.toldCode.rawValue)
      writer.member("computeCapability", requested.device.computeCapability.description)
      writer.member("ignored", verdict.ignored?.rule.reason)
      writer.member("query", requested.query)
      writer.rows("reasons", of: verdict.reasons) { $0.members(of: $1) }
      writer.member("verdict", verdict.told.rawValue)
    }
    member("version", owner?.version ?? package.version)
  }

  private mutating func members(of image: View.Image) {
    member("digest", image.digest)
    rows("layers", of: image.layers) { writer, layer in
      writer.member("createdBy", layer.createdBy)
      writer.member("digest", layer.digest)
    }
    array("names", image.names)
    member("platform", image.platform)
  }

  private mutating func members(ofUnit index: Int, _ part: ViewAssessment, _ question: Question) {
    let unit = part.units[index]
    let files = unit.files.map { part.view.files[$0] }
    rows("aliases", of: unit.isCollection ? [] : files[0].aliases) { $0.path($1) }
    member("cachedBy", unit.cachedBy)
    if unit.isCollection {
      rows("files", of: zip(unit.paths, files)) { writer, entry in
        let (path, file) = entry
        writer.layer(of: file)
        writer.path(path)
        writer.member("size", file.size)
        writer.member("target", file.targets.keys.min()?.name)
      }
    }
    if !unit.isCollection { layer(of: files[0]) }
    member("modules", unit.code.moduleCount)
    if let package = unit.packages.first.map({ part.view.stack.packages[$0] }) {
      object("package") {
        $0.member("ecosystem", package.ecosystem.rawValue)
        $0.member("name", package.name)
        $0.member("version", package.version)
      }
    }
    path(unit.path)
    rows("problems", of: files.flatMap(\.problems)) { $0.members(of: $1) }
    rows("requirements", of: unit.requirements) { writer, result in
      writer.member("carrying", result.carrying)
      writer.array("missing", result.missing)
      writer.member("status", result.status.rawValue)
      writer.member("target", result.requirement.description)
    }
    member("size", files.reduce(0) { $0 + $1.size })
    rows("targets", of: part.targets(of: unit)) { writer, target in
      writer.member("images", target.totals.images)
      writer.member("storedSize", target.totals.storedSize)
      writer.member("target", target.target.name)
      if let size = target.totals.zippedSize { writer.member("zippedSize", size) }
    }
    if question.requirements.isExact { array("unexpectedTargets", unit.unexpectedTargets.map(\.name)) }
    array("verdicts", of: question.devices.indices) { writer, device in
      writer.members(of: unit, index, part, device)
    }
  }

  private mutating func layer(of file: CodeFile) {
    member("layer", file.layer.map { UInt64($0) })
  }

  private mutating func members(of unit: AssessedUnit, _ index: Int, _ part: ViewAssessment, _ device: Int) {
    let verdict = unit.verdicts[device]
    array("advice", part.advice(ofUnit: index, on: device).map(\.sentence))
    member("computeCapability", verdict.device.computeCapability.description)
    member("dedicated", verdict.dedicated)
    member("linkInputs", verdict.linkInputs)
    member("minimumDriver", verdict.minimumDriver?.driver.description)
    object("portable") {
      $0.member("exact", verdict.portable.exact)
      $0.member("jit", verdict.portable.jit)
      $0.member("minorCompatible", verdict.portable.minorCompatible)
      $0.member("none", verdict.portable.none)
      $0.member("notGuaranteed", verdict.portable.notGuaranteed)
      $0.member("total", verdict.portable.total)
    }
    modules("presumed", verdict.presumed, unit.kernels)
    member("providedElsewhere", verdict.providedElsewhere)
    object("specialised") {
      $0.member("runs", verdict.specialised.runs)
      $0.member("total", verdict.specialised.total)
    }
    let standing = part.standing(of: index, on: device)
    member("standing", standing.name)
    if let taken = standing.taken { member("taken", taken) }
    // Where nothing runs all kernels fail, and nobody has read all their names.
    modules("uncovered", verdict.uncovered, verdict.running > 0 ? unit.kernels : KernelNames())
    member("verdict", part.verdict(of: index, on: device).rawValue)
    member("withoutKernels", verdict.withoutKernels.total)
  }

  /// Modules that have the same images and lack code for the same reasons share a row.
  private mutating func modules(
    _ key: StaticString, _ groups: [UnitVerdict.Uncovered], _ kernels: KernelNames
  ) {
    rows(key, of: groups) { writer, group in
      let names = Set(group.modules.flatMap { kernels[$0] ?? [] })
      if !names.isEmpty { writer.array("kernels", names.sorted()) }
      writer.member("modules", group.modules.count)
      writer.array("ranges", of: NumberRanges(group.modules).ranges)
      writer.array("reasons", group.reasons.map(\.rawValue))
      writer.array("targets", group.targets)
    }
  }
}
