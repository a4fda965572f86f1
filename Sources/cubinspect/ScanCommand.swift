import Archives
import Assessment
import Bytes
import CommandLineSyntax
import Compatibility
import Glibc
import Report
import Scan
import Stack

/// `cubinspect scan`.
struct ScanCommand {
  private let paths: [Path]
  private let question: Question
  private let images: [ImageConfiguration]
  private let failLevel: FailLevel
  private let scanner: Scanner
  private let isQuiet: Bool
  private let outputs: [Output]
  private let style: TextStyle
  private let tool: Tool
  private let sarifLocation: String?

  init(_ arguments: ParsedArguments) throws(UsageError) {
    paths = arguments.positionals.map { Path(bytes: $0.bytes) }
    outputs = try Output.all(arguments, reading: paths)
    style = Terminal.style(arguments)
    sarifLocation = arguments.value(of: .sarifLocation)?.text
    scanner = try arguments.scanner
    isQuiet = arguments.isQuiet

    let tables = try arguments.tables
    tool = arguments.tool(tables)
    let queries = arguments.values(of: .gpu)
    let driver = try Self.driver(tables, arguments)
    var devices: [RequestedDevice] = []
    for query in queries { devices += try Self.devices(query, driver, tables, arguments) }
    if queries.isEmpty {
      devices = tables.architectures.current.map {
        RequestedDevice(query: $0.description, device: Device($0, driver: driver))
      }
    }
    images = try arguments.images

    var requirements: [TargetRequirement] = []
    if let value = arguments.value(of: .require) {
      do throws(TargetRequirement.Failure) {
        requirements = try TargetRequirement.list(value.text)
      } catch {
        throw arguments.invalid(.require, value, error.description)
      }
    }
    question = Question(
      devices: devices, namesDevices: !queries.isEmpty, requirements: requirements, tables: tables)
    let level = arguments.value(of: .failOn).flatMap { FailLevel(rawValue: $0.text) }
    failLevel = level ?? (queries.isEmpty ? .never : .incompatible)
  }

  /// The driver that `--driver` names, or that of this machine; nil without one.
  static func driver(_ tables: TableSet, _ arguments: ParsedArguments) throws(UsageError)
    -> DriverVersion?
  {
    guard let value = arguments.value(of: .driver) else { return nil }
    if value.text == auto {
      do throws(DetectedHost.Failure) {
        return try DriverProbe.host(by: tables).driver
      } catch {
        throw arguments.invalid(.driver, value, error.description)
      }
    }
    guard let driver = DriverVersion(value.text) else {
      throw arguments.invalid(
        .driver, value, "write a release (460.32.03), a branch (535), a CUDA version (12.2) or auto")
    }
    return driver
  }

  /// The GPUs that one `--gpu` names: those of this machine for `auto`, with its driver where none is named.
  static func devices(
    _ query: Argument, _ driver: DriverVersion?, _ tables: TableSet, _ arguments: ParsedArguments
  ) throws(UsageError) -> [RequestedDevice] {
    guard query.text != auto else {
      do throws(DetectedHost.Failure) {
        return try DriverProbe.host(by: tables).devices(by: tables).map { device in
          var device = device
          device.driver = driver ?? device.driver
          return RequestedDevice(query: device.name ?? device.computeCapability.description, device: device)
        }
      } catch {
        throw arguments.invalid(.gpu, query, error.description)
      }
    }
    do throws(GPUCatalogue.Failure) {
      return try GPUCatalogue.resolveAll(query.text, in: tables).map { match in
        RequestedDevice(query: query.text, device: match.device(driver: driver, tables: tables))
      }
    } catch {
      throw arguments.invalid(.gpu, query, error.description(by: tables))
    }
  }

  private static let auto = "auto"

  /// What was found under the paths, the views of files with facts behind those of others.
  private func facts(_ scanner: Scanner) -> Facts {
    let devices = question.devices.map(\.device)
    var seen: Set<Path> = []
    let documents = paths.filter { seen.insert($0).inserted }.map { ($0, FactsFile.open($0)) }
    let others = documents.filter { $0.1 == nil }.map(\.0)
    var facts =
      others.isEmpty
      ? Facts()
      : scanner.scan(others).facts(
        for: .devices(devices), by: question.tables, images: images, jobs: scanner.jobs,
        progress: scanner.progress)
    for (path, file) in documents {
      guard let file else { continue }
      do throws(Problem) {
        facts.add(
          try FactsDocument.read(file, by: question.tables)
            .narrowed(to: devices, by: question.tables, images: images))
      } catch {
        var view = View(kind: .file, paths: [path])
        view.problems = [FileProblem(path: Path(""), problem: error)]
        facts.views.append(view)
      }
    }
    facts.limitRequirements(
      to: Budget(scanner.limits.conditions), scanner.limits.atMost(.conditions))
    return facts
  }

  func run() -> ExitStatus {
    let start = ContinuousClock.now
    let report = ProgressLine.during(isQuiet: isQuiet) { progress in
      var scanner = scanner
      scanner.progress = progress
      return ScanReport(Assessment(facts(scanner), question))
    }
    let elapsed = ContinuousClock.now - start
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let isWritten = outputs.write(style) { format, style in
      switch format {
      case .text: Array(report.text(style, seconds: seconds).utf8)
      case .short: Array(report.shortText(style).utf8)
      case .json: report.json(tool)
      case .ndjson: report.ndjson()
      case .csv: report.csv()
      case .markdown: Array(report.markdown().utf8)
      case .html: report.html(tool, seconds: seconds)
      case .sarif: report.sarif(tool, location: sarifLocation)
      case .junit: report.junit(failingAt: failLevel, timestamp: Terminal.timestamp, seconds: seconds)
      }
    }
    if !outputs.showsTextOnTerminal {
      for problem in report.problems { Terminal.report(problem) }
      // Who sees no text, but watches, is told that it is done and what was found.
      if !isQuiet, isatty(STDERR_FILENO) == 1 {
        Terminal.report(report.summary(seconds: seconds, showsDetails: false))
      }
    }
    if !isWritten { return .usage }
    let assessment = report.assessment
    if assessment.reaches(failLevel) || !assessment.meetsRequirements { return .finding }
    let hasFailed = assessment.views.contains { $0.view.problems.contains { $0.problem.isFailure } }
    return hasFailed ? .usage : .success
  }
}
