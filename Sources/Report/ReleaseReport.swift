public import Assessment
import Compatibility
import Stack

/// The answer to `cubinspect which`.
public struct ReleaseReport: Sendable {
  public var question: ReleaseQuestion
  public var answer: ReleaseAnswer

  public init(question: ReleaseQuestion, answer: ReleaseAnswer) {
    self.question = question
    self.answer = answer
  }

  private var devices: [RequestedDevice] { question.question.devices }
  private var gpus: String { listed(devices.map(\.device.label)) }
  private var package: String { answer.package }

  // MARK: Text

  /// The answer as text: which release, how it is installed, since when, and how far was measured.
  public func text(_ style: TextStyle) -> String {
    var text = ""
    func add(_ line: String, _ indent: Int = 2) {
      text += wrapped(line, first: String(repeating: " ", count: indent), width: style.width)
    }
    let (mark, color): (String, TextStyle.Color) =
      if let best = answer.best { isWhole(best) ? ("✓", .green) : ("!", .yellow) } else { ("✗", .red) }
    text += wrapped(
      "\(headline).", first: style.paint(mark, color) + " ", indent: 2, width: style.width)
    if let best = answer.best { add(best.command, 4) }
    if let best = answer.best, !details(of: best).isEmpty { add(details(of: best)) }
    if let best = answer.best, let whole = answer.newest, let part = answer.newestInPart {
      if isWhole(best) {
        add("\(package) \(part.version) is newer and runs in part\(share(of: part)): \(reason(part)).")
        add(part.command, 4)
      } else {
        add("\(package) \(whole.version) is the newest of which all runs.")
        add(whole.command, 4)
      }
    }
    for line in changes { add(line) }
    if let loss { add(loss) }
    add(extent)
    return text
  }

  private var headline: String {
    guard let best = answer.best else {
      if !answer.releases.isEmpty, answer.releases.allSatisfy({ $0.answer.kind == .nothing }) {
        return "\(package): nothing in the measured wheels uses a GPU of NVIDIA's"
      }
      return extentMeasured == 0
        ? "\(package): no measured release fits the question"
        : "\(package): no measured release runs on \(gpus)"
          + (answer.latest.map { " (\($0.version): \(reason($0)))" } ?? "")
    }
    let probably = best.isConfirmed ? "" : "probably "
    if best.needsCompiler {
      return
        "\(package) \(best.version) is the newest that works on \(gpus), with a compiler that is installed apart: \(listed(best.compilers))"
    }
    if isWhole(best) {
      let slow = best.answer.verdict == .jit ? ", after the driver compiles its PTX at the first start" : ""
      return
        "\(package) \(best.version) is \(isLatest(best) ? "the newest release that was measured, and \(probably)runs" : "the newest that \(probably)runs") on \(gpus)\(slow)"
    }
    if best.runsMostly, let percent = best.runningPercent {
      return
        "\(package) \(best.version) is the newest \(isLatest(best) ? "release that was measured, and" : "of which") \(percent) % of the code \(probably)runs on \(gpus): \(reason(best))"
    }
    return
      "no measured release of \(package) runs whole on \(gpus); \(best.version) \(probably)does in part\(share(of: best)): \(reason(best))"
  }

  /// Whether all of a release runs on all GPUs.
  private func isWhole(_ release: AssessedRelease) -> Bool { release.version == answer.newest?.version }

  /// ` (97 % of its code)`; empty where that is not known.
  private func share(of release: AssessedRelease) -> String {
    release.runningPercent.map { " (\($0) % of its code)" } ?? ""
  }

  private var extentMeasured: Int { answer.releases.count }

  private func isLatest(_ release: AssessedRelease) -> Bool { release.version == answer.latest?.version }

  private func reason(_ release: AssessedRelease) -> String {
    let reasons = release.answer.reasons
    let worst = reasons.first { ![.compiledAtFirstStart, .notGuaranteed].contains($0.code) } ?? reasons.first
    return worst?.text ?? "what it carries is not known to run"
  }

  private func details(of release: AssessedRelease) -> String {
    var parts: [String] = []
    if let oldest = release.oldestDriver {
      // Without its CUDA version only the GPU is known to ask for a driver.
      let isGPUs = release.cuda.isEmpty && devices.contains { $0.device.oldestDriver == oldest }
      let scope = isGPUs ? " for the GPU alone, as its CUDA version is not known" : ""
      parts.append(
        (release.lastDriverBranch.map { "driver \(oldest) to R\($0)" } ?? "driver \(oldest) or newer") + scope
      )
    } else if let last = release.lastDriverBranch {
      parts.append("a driver up to R\(last)")
    }
    if !release.cuda.isEmpty {
      let versions = release.cudaVersions
      let range =
        versions.count > 3
        ? "\(versions[0]) to \(versions[versions.count - 1])" : listed(versions, with: "or")
      parts.append("CUDA \(range)")
    }
    if let python = release.python { parts.append(python) }
    if !release.pins.isEmpty { parts.append("requires \(release.pins.joined(separator: ", "))") }
    if let published = release.published { parts.append("published \(published)") }
    return parts.joined(separator: "; ")
  }

  /// A sentence for each time that a GPU came or went, the last first.
  private var changes: [String] {
    zip(devices, answer.changes).flatMap { device, changes in
      changes.suffix(2).reversed().map { change in
        let gap =
          change.unmeasured == 0
          ? ""
          : " (\(counted(change.unmeasured, "release")) between them \(change.unmeasured == 1 ? "was" : "were") not measured)"
        let date = change.published.map { " of \($0)" } ?? ""
        return switch change.kind {
        case .came:
          "\(device.device.label): since \(change.after)\(date); \(change.before) does not run on it\(gap)."
        case .gone:
          "\(device.device.label): gone since \(change.after)\(date); \(change.before) was the last that ran on it\(gap)."
        }
      }
    }
  }

  /// What the newest release has that the one to install has not.
  private var loss: String? {
    guard let best = answer.best, let latest = answer.latest, latest.version != best.version else {
      return nil
    }
    var parts = ["\(counted(latest.position - best.position, "release")) older"]
    if let day = latest.published {
      parts[0] += " than \(latest.version) of \(day)"
    } else {
      parts[0] += " than \(latest.version)"
    }
    let gained = latest.generations.filter { !best.generations.contains($0) }
    if !gained.isEmpty { parts.append("nothing for \(listed(gained.map(\.description))), which that has") }
    if let own = best.cuda.max(), let other = latest.cuda.max(), own < other,
      let ownText = best.cudaVersions.last, let otherText = latest.cudaVersions.last
    {
      parts.append("CUDA \(ownText) in place of \(otherText)")
    }
    return "What you lose: \(parts.joined(separator: "; "))."
  }

  private var extent: String {
    let extent = answer.extent
    guard extent.asOf != nil else {
      return "From the table of PyTorch's official builds (\(extent.oldest ?? "") to \(extent.newest ?? ""))."
    }
    var text =
      "Measured: \(extent.measured) of \(counted(extent.releases, "release")) on PyPI (\(extent.oldest ?? "none") to \(extent.newest ?? "none")), wheels for Linux on \(answer.machine)"
    if let day = extent.asOf { text += ", as of \(day)" }
    text += "."
    if extent.newer > 0 { text += " Not measured: \(counted(extent.newer, "newer release"))." }
    if extent.leftOut > 0 {
      text +=
        " \(counted(extent.leftOut, "measured release")) \(extent.leftOut == 1 ? "is" : "are") for another Python or CUDA."
    }
    return text
  }

  // MARK: JSON

  /// The answer as a JSON document.
  public func json(_ tool: Tool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("best", answer.best?.version)
      writer.array("changes", of: zip(devices, answer.changes)) { writer, entry in
        writer.rows("changes", of: entry.1) { writer, change in
          writer.member("after", change.after)
          writer.member("before", change.before)
          writer.member("kind", change.kind.rawValue)
          writer.member("published", change.published)
          writer.member("unmeasured", change.unmeasured)
        }
        writer.member("gpu", entry.0.device.label)
        writer.member("query", entry.0.query)
      }
      writer.member("command", answer.best?.command)
      writer.object("extent") { writer in
        writer.member("asOf", answer.extent.asOf)
        writer.member("leftOut", answer.extent.leftOut)
        writer.member("measured", answer.extent.measured)
        writer.member("newer", answer.extent.newer)
        writer.member("newest", answer.extent.newest)
        writer.member("oldest", answer.extent.oldest)
        writer.member("releases", answer.extent.releases)
      }
      writer.member("machine", answer.machine)
      writer.member("newest", answer.newest?.version)
      writer.member("newestInPart", answer.newestInPart?.version)
      writer.member("package", package)
      writer.array("releases", of: answer.releases) { writer, release in
        writer.array("answers", of: zip(devices, release.answers)) { writer, entry in
          writer.member("answer", entry.1.kind.rawValue)
          writer.member("gpu", entry.0.device.label)
          writer.array("reasons", entry.1.reasons.map(\.text))
          writer.member("verdict", entry.1.verdict.rawValue)
        }
        writer.member("command", release.command)
        writer.array("compilers", release.compilers)
        writer.member("confirmed", release.isConfirmed)
        writer.array("cuda", release.cudaVersions)
        writer.member("file", release.file)
        writer.member("lastDriverBranch", release.lastDriverBranch.map { UInt64($0) })
        writer.member("oldestDriver", release.oldestDriver?.description)
        writer.array("pins", release.pins)
        writer.member("published", release.published)
        writer.array("pythons", release.pythons)
        writer.member("requiresPython", release.requiresPython)
        writer.member("runningPercent", release.runningPercent.map { UInt64($0) })
        writer.member("sha256", release.sha256)
        writer.member("source", release.source)
        writer.array("targets", release.targets)
        writer.member("version", release.version)
      }
      writer.member("schemaVersion", JSONWriter.schemaVersion)
      writer.tool(tool)
    }
    return writer.finish()
  }
}

extension AssessedRelease {
  /// `12.4`, or `12` where only the major version is known.
  fileprivate var cudaVersions: [String] {
    cuda.map { isMajorOnly ? "\($0.major)" : $0.description }
  }

  /// `Python 3.8 to 3.12`, `Python 3.9 or newer`.
  var python: String? {
    guard let (oldest, newest) = pythonRange else { return requiresPython.map { "Python \($0)" } }
    guard let newest else { return oldest == "3.0" ? "Python 3" : "Python \(oldest) or newer" }
    return oldest == newest ? "Python \(oldest)" : "Python \(oldest) to \(newest)"
  }
}
