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
        let ignoresCase = arguments.has(.ignoreCase)
        let pattern = try NamePattern(value.text, ignoresCase: ignoresCase)
        selection.pattern = .init(value.text, ignoresCase: ignoresCase) { pattern.matches($0, jobs: jobs) }
      } catch {
        throw arguments.invalid(.match, value, error.description)
      }
    } else if arguments.has(.ignoreCase) {
      throw UsageError(.other("--ignore-case is for --match"), commandPath: arguments.commandPath)
    }
    for value in arguments.values(of: .condition) {
      selection.conditions.append(try Self.condition(value, arguments))
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
      for flag in [Flag.target, .match, .condition, .sort, .stubs] where arguments.has(flag) {
        throw UsageError(
          .other("--summary counts the whole file, and takes no --\(flag.long)"),
          commandPath: arguments.commandPath)
      }
    }
    self.selection = selection
    if selection.isSummary, outputs.contains(where: { $0.format == .csv || $0.format == .tsv }) {
      throw UsageError(
        .other("csv and tsv list kernels; --summary is written as text or json"),
        commandPath: arguments.commandPath)
    }
  }

  private static func condition(
    _ argument: Argument, _ arguments: ParsedArguments
  ) throws(UsageError) -> KernelSelection.Condition {
    let text = argument.text.filter { !$0.isWhitespace }
    let relation = KernelSelection.Condition.Relation.allCases.first { text.contains($0.rawValue) }
    let parts = relation.map { text.split(separator: $0.rawValue, omittingEmptySubsequences: false) } ?? []
    let names = KernelNumber.allCases.map(\.rawValue)
    guard let relation, parts.count == 2 else {
      throw arguments.invalid(
        .condition, argument,
        "write a field, one of > >= < <= = !=, and a number, such as stack>0; the fields are "
          + names.joined(separator: ", "))
    }
    guard let number = KernelNumber(rawValue: String(parts[0])) else {
      throw arguments.invalid(
        .condition, argument,
        "there is no field '\(printable(String(parts[0])))'; the fields are "
          + names.joined(separator: ", "))
    }
    let value = number == .registers ? UInt64(parts[1]) : ByteSize(String(parts[1]))?.bytes
    guard let value else {
      throw arguments.invalid(
        .condition, argument,
        "write a number behind \(relation.rawValue)"
          + (number == .registers ? "" : " (bytes, or such as 16KiB)"))
    }
    return .init(number, relation, value)
  }

  func run() -> ExitStatus {
    if FactsFile.refuse(among: paths) { return .usage }
    let report = ProgressLine.during(isQuiet: isQuiet) { progress in
      progress?.begin(.decompressing)
      return KernelsReport(files: paths.map { file($0, progress) }, selection: selection)
    }
    let isWritten = outputs.write(style) { format, style in
      switch format {
      case .json: report.json(Cubinspect.tool)
      case .csv: report.csv()
      case .tsv: report.csv(.tab)
      default: report.text(style)
      }
    }
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
      zippedSizes: selection.isSummary ? contents.inventory.zippedSizes(in: source) : [:],
      selection: selection, jobs: jobs)
  }
}
