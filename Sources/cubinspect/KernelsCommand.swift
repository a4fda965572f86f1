import Bytes
import CommandLineSyntax
import DeviceCode
import Report
import Scan

/// `cubinspect kernels`.
struct KernelsCommand {
  private let paths: [Path]
  private let selection: KernelSelection
  private let jobs: Int
  private let isQuiet: Bool
  private let outputs: [Output]
  private let style: TextStyle

  init(_ arguments: ParsedArguments) throws(UsageError) {
    paths = arguments.positionals.map { Path(bytes: $0.bytes) }
    outputs = try Output.all(arguments, reading: paths)
    style = Terminal.style(arguments)
    let jobs = try arguments.jobs
    self.jobs = jobs
    isQuiet = arguments.isQuiet
    var selection = KernelSelection()
    for value in arguments.values(of: .target) {
      guard CodeTarget(value.text) != nil, value.text.contains("_") else {
        throw arguments.invalid(.target, value, "write a target such as sm_90, sm_90a or compute_80")
      }
      selection.targets.append(value.text)
    }
    if let value = arguments.value(of: .match) {
      do throws(NamePattern.Failure) {
        let pattern = try NamePattern(value.text)
        selection.pattern = .init(value.text) { pattern.matches($0, jobs: jobs) }
      } catch {
        throw arguments.invalid(.match, value, error.description)
      }
    }
    if let order = arguments.value(of: .sort).flatMap({ KernelSelection.Order(rawValue: $0.text) }) {
      selection.order = order
    }
    if let value = arguments.value(of: .top) {
      guard let limit = Int(value.text), limit > 0 else {
        throw arguments.invalid(.top, value, "write a number from 1 on")
      }
      selection.limit = limit
    }
    selection.isMangled = arguments.has(.mangled)
    selection.isSummary = arguments.has(.summary)
    selection.isStubsOnly = arguments.has(.stubs)
    if selection.isSummary {
      for flag in [Flag.target, .match, .sort, .stubs] where arguments.has(flag) {
        throw UsageError(
          .other("--summary counts the whole file, and takes no --\(flag.long)"),
          commandPath: arguments.commandPath)
      }
    }
    self.selection = selection
  }

  func run() -> ExitStatus {
    if FactsFile.refuse(among: paths) { return .usage }
    let report = ProgressLine.during(isQuiet: isQuiet) { progress in
      progress?.begin(.decompressing)
      return KernelsReport(files: paths.map { file($0, progress) }, selection: selection)
    }
    let isWritten = outputs.write(style, text: report.text, json: { report.json(Cubinspect.tool) })
    var status = isWritten ? ExitStatus.success : .usage
    for file in report.files {
      if outputs.report(file.problems, of: file.path) { status = .usage }
    }
    return status
  }

  private func file(_ path: Path, _ progress: ScanProgress?) -> KernelsReport.File {
    var contents: InspectedFile
    var source: any ByteSource = MemoryBytes([])
    do throws(Problem) {
      source = try FileBytes.single(path)
      contents = InspectedFile(source)
    } catch {
      contents = .unreadable(error)
    }
    return KernelsReport.File(
      path: path, contents: contents,
      kernels: FileKernels(contents, source, jobs: jobs, progress: progress),
      selection: selection, jobs: jobs)
  }
}
