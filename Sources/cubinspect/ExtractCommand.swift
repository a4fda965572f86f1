import Bytes
import CommandLineSyntax
import DeviceCode
import Glibc
import Report
import Scan

/// `cubinspect extract`.
struct ExtractCommand {
  private let paths: [Path]
  private let directory: Path
  private let replaces: Bool
  /// Empty for all.
  private let targets: Set<String>
  /// Endings of the files' names; empty for all.
  private let kinds: Set<String>
  private let jobs: Int
  private let isQuiet: Bool
  private let outputs: [Output]
  private let style: TextStyle

  /// What is to be written of one file.
  private struct Plan {
    var path: Path
    var contents: InspectedFile
    var identity: FileIdentity?
    var images: [Int] = []
    /// The names of the images' files.
    var names: [Int: String] = [:]
  }

  init(_ arguments: ParsedArguments) throws(UsageError) {
    paths = arguments.positionals.map { Path(bytes: $0.bytes) }
    guard let into = arguments.value(of: .into), !into.bytes.isEmpty else {
      throw UsageError(.other("--into DIR is missing"), commandPath: arguments.commandPath)
    }
    directory = Path(bytes: into.bytes)
    replaces = arguments.has(.force)
    var targets: Set<String> = []
    for value in arguments.values(of: .target) {
      guard CodeTarget(value.text) != nil, value.text.contains("_") else {
        throw arguments.invalid(.target, value, "write a target such as sm_90, sm_90a or compute_80")
      }
      targets.insert(value.text)
    }
    self.targets = targets
    kinds = Set(arguments.values(of: .kind).map(\.text))
    jobs = try arguments.jobs
    isQuiet = arguments.isQuiet
    outputs = try Output.all(arguments, reading: paths, making: directory)
    style = Terminal.style(arguments)
  }

  func run() -> ExitStatus {
    if FactsFile.refuse(among: paths) { return .usage }
    var stems = FileStems()
    let plans = paths.map { plan($0, &stems) }
    var report = ExtractReport(directory: directory, files: [])
    var status = ExitStatus.success
    if plans.allSatisfy(\.images.isEmpty) {
      report.files = plans.map { ExtractReport.File(path: $0.path, contents: $0.contents) }
    } else {
      let output: OutputDirectory
      do {
        output = try OutputDirectory(directory, isMade: true)
      } catch {
        Terminal.report("\(directory): cannot be written into: \(error.observed ?? "")")
        return .usage
      }
      if reportConflict(plans, output) || !replaces && reportExisting(plans, output) { return .usage }
      let extracted = ProgressLine.during(isQuiet: isQuiet) { progress in
        progress?.begin(.decompressing)
        return plans.map { extract($0, into: output, progress) }
      }
      for (file, failures) in extracted {
        report.files.append(file)
        for failure in failures {
          Terminal.report(failure)
          status = .usage
        }
      }
    }
    let isWritten = outputs.write(style, text: report.text, json: { report.json(Cubinspect.tool) })
    if !isWritten { status = .usage }
    for file in report.files {
      if outputs.report(file.contents.problems, of: file.path) { status = .usage }
    }
    return status
  }

  private func plan(_ path: Path, _ stems: inout FileStems) -> Plan {
    // Before anything is left out, so that names do not depend on what is.
    let stem = stems.stem(of: path)
    do throws(Problem) {
      let source = try FileBytes.single(path)
      var plan = Plan(path: path, contents: InspectedFile(source), identity: source.identity)
      let images = plan.contents.inventory.images.filter(isWanted)
      plan.images = images.map(\.index)
      for image in images { plan.names[image.index] = image.fileName(stem: stem) }
      return plan
    } catch {
      return Plan(path: path, contents: .unreadable(error))
    }
  }

  private func isWanted(_ image: DeviceImage) -> Bool {
    (targets.isEmpty || targets.contains(image.targetName))
      && (kinds.isEmpty || kinds.contains(image.fileExtension))
  }

  /// Reports an image whose file would take the place of an input or of a report; returns whether there is one.
  private func reportConflict(_ plans: [Plan], _ output: OutputDirectory) -> Bool {
    let inputs = Dictionary(plans.compactMap { plan in plan.identity.map { ($0, plan.path) } }) { first, _ in
      first
    }
    for plan in plans {
      for name in plan.images.compactMap({ plan.names[$0] }).map({ Path($0) }) {
        let file = directory.appending(name.bytes)
        if let input = output.status(of: name).flatMap({ inputs[$0.identity] }) {
          Terminal.report("\(file): is the input \(input) too, and would be lost: nothing was written")
          return true
        }
        if outputs.contains(where: { $0.isEntry(name, of: output) }) {
          Terminal.report("\(file): an image and the report cannot go to the same place: nothing was written")
          return true
        }
      }
    }
    return false
  }

  /// Reports the files that are there already; returns whether there are any.
  private func reportExisting(_ plans: [Plan], _ output: OutputDirectory) -> Bool {
    let existing = plans.flatMap { plan in plan.images.compactMap { plan.names[$0] } }.filter {
      output.contains(Path($0))
    }
    guard let first = existing.first else { return false }
    let others = existing.count > 1 ? " and \(existing.count - 1) more exist" : " exists"
    Terminal.report(
      "\(directory.appending(first.utf8))\(others) already: nothing was written (--force replaces what is there)"
    )
    return true
  }

  /// Writes the images of one file; returns what became of them, and messages about files that could not be written.
  private func extract(
    _ plan: Plan, into output: OutputDirectory, _ progress: ScanProgress?
  ) -> (ExtractReport.File, [String]) {
    var file = ExtractReport.File(path: plan.path, contents: plan.contents)
    guard !plan.images.isEmpty else { return (file, []) }
    let source: FileBytes
    do throws(Problem) {
      // Not kept open since it was read, because there may be more files than can be open at once.
      source = try FileBytes(path: plan.path)
      guard source.identity == plan.identity, source.size == plan.contents.size else {
        throw Problem(.changedWhileReading, "file")
      }
    } catch {
      file.contents.report(unread: error)
      file.images = plan.images.map { ($0, .unreadable) }
      return (file, [])
    }
    let inventory = plan.contents.inventory
    let results = PayloadReader(source, inventory).map(
      plan.images, of: inventory, jobs: jobs, progress: progress
    ) {
      (image, bytes) throws(Problem) -> (size: Int, error: CInt) in
      let contents = image.fileContents(bytes)
      return (
        contents.count,
        output.write(contents, to: Path(plan.names[image.index] ?? ""), replaces: replaces)
      )
    }
    var failures: [String] = []
    for (index, result) in zip(plan.images, results) {
      switch result {
      case .success(let (size, error)):
        let name = plan.names[index] ?? ""
        if error == 0 {
          file.images.append((index, .written(name: name, size: UInt64(size))))
        } else {
          file.images.append((index, .notWritten))
          failures.append("\(directory.appending(name.utf8)): cannot be written: \(errorText(error))")
        }
      case .failure(let problem):
        file.images.append((index, problem.code == .unsupported ? .opaque : .unreadable))
        file.contents.report(unread: problem)
      }
    }
    return (file, failures)
  }
}
