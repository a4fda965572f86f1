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
  private let fetched: Fetched
  private var question: Question
  private let images: [ImageConfiguration]
  private let failLevel: FailLevel
  private let scanner: Scanner
  private let cache: FactsCache?
  private let isQuiet: Bool
  private let outputs: [Output]
  private let style: TextStyle
  private let tool: Tool
  private let sarifLocation: String?
  private let bill: BillOfMaterials?
  private let here: ScanReport.Here?
  private let configuration: String?

  init(_ arguments: ParsedArguments) throws(UsageError) {
    let tables = try arguments.tables
    try self.init(
      arguments, inputs: try arguments.inputs, tables: tables, target: try JudgedFor(arguments, tables))
  }

  /// - Parameter here: how it was found out what to look at, where the command line does not say it.
  init(
    _ arguments: ParsedArguments, inputs: [Input], tables: TableSet, target: JudgedFor,
    here: ScanReport.Here? = nil
  ) throws(UsageError) {
    outputs = try Output.all(arguments, reading: inputs.compactMap(\.path))
    style = Terminal.style(arguments)
    sarifLocation = arguments.value(of: .sarifLocation)?.text
    bill = try arguments.billOfMaterials(for: outputs)
    scanner = try arguments.scanner
    cache = FactsCache(arguments, scanner, tables)
    isQuiet = arguments.isQuiet
    tool = arguments.tool(tables)
    images = try arguments.images
    self.here = here
    configuration = arguments.usedConfiguration

    var requirements = Requirements()
    for value in arguments.values(of: .require) {
      do throws(TargetRequirement.Failure) {
        try requirements.add(value.text)
      } catch {
        throw arguments.invalid(.require, value, error.description)
      }
    }
    requirements.isExact = arguments.has(.requireExact)
    if requirements.isExact, requirements.isEmpty {
      throw UsageError(
        .other("--require-exact is for --require, which says what may be there"),
        commandPath: arguments.commandPath)
    }
    if arguments.has(.requirePTX) { requirements.rules.append(.init(targets: [.highestPTX])) }
    question = Question(
      devices: target.requested(by: tables), namesDevices: target.namesDevices, requirements: requirements,
      tables: tables)
    question.asksForPlan = !arguments.has(.noPlan)
    question.ignores = try arguments.ignoreRules(tables)
    let level = arguments.value(of: .failOn).flatMap { FailLevel(rawValue: $0.text) }
    failLevel = level ?? (target.namesDevices ? .incompatible : .never)
    // At last, when nothing is wrong with the command line.
    fetched = try Fetched(inputs, arguments)
  }

  /// What was found under the paths, the views of files with facts behind those of others.
  private func facts(_ scanner: Scanner) -> Facts {
    let devices = question.devices.map(\.device)
    var seen: Set<Path> = []
    let documents = fetched.inputs.filter { seen.insert($0.name).inserted }.map { ($0, FactsFile.open($0)) }
    let others = documents.filter { $0.1 == nil }.map(\.0)
    var facts = others.isEmpty ? Facts() : found(others, scanner, devices)
    for (input, file) in documents {
      guard let file else { continue }
      do throws(Problem) {
        facts.add(
          try FactsDocument.read(file, by: question.tables)
            .narrowed(to: devices, by: question.tables, images: images))
      } catch {
        var view = View(kind: .file, paths: [input.name])
        view.problems = [FileProblem(path: Path(""), problem: error)]
        facts.views.append(view)
      }
    }
    facts.limitRequirements(
      to: Budget(scanner.limits.conditions), scanner.limits.atMost(.conditions))
    return facts
  }

  /// What is found under `inputs`, which hold no facts.
  private func found(_ inputs: [ScanInput], _ scanner: Scanner, _ devices: [Device]) -> Facts {
    guard let cache else {
      return scanner.scan(inputs).facts(
        for: .devices(devices), by: question.tables, images: images, jobs: scanner.jobs,
        progress: scanner.progress)
    }
    return cache.facts(of: inputs, scanner).narrowed(to: devices, by: question.tables, images: images)
  }

  /// Reads what was named, and judges it.
  func assessment() -> Assessment {
    ProgressLine.during(isQuiet: isQuiet) { progress in
      var scanner = scanner
      scanner.progress = progress
      return Assessment(facts(scanner), question)
    }
  }

  func run() -> ExitStatus {
    let start = ContinuousClock.now
    let report = ScanReport(assessment(), here: here, configuration: configuration)
    let elapsed = ContinuousClock.now - start
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let isWritten = outputs.write(style) { format, style in
      switch format {
      case .text: Array(report.text(style, seconds: seconds).utf8)
      case .short: Array(report.shortText(style).utf8)
      case .json: report.json(tool)
      case .ndjson: report.ndjson()
      case .csv: report.csv()
      case .tsv: report.csv(.tab)
      case .markdown: Array(report.markdown().utf8)
      case .html: report.html(tool, seconds: seconds)
      case .sarif: report.sarif(tool, location: sarifLocation)
      case .cyclonedx: bill.map { report.cycloneDX(enriching: $0) } ?? report.cycloneDX(tool)
      case .junit: report.junit(failingAt: failLevel, timestamp: Terminal.timestamp, seconds: seconds)
      }
    }
    if let here, !isQuiet, !outputs.contains(where: { $0.format == .text && $0.file == nil }) {
      for note in here.notes { Terminal.report(note) }
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
    return assessment.hasFailures ? .usage : .success
  }
}

extension ParsedArguments {
  /// The bill that `--bom` names.
  fileprivate func billOfMaterials(for outputs: [Output]) throws(UsageError) -> BillOfMaterials? {
    guard let value = value(of: .bom) else { return nil }
    guard outputs.contains(where: { $0.format == .cyclonedx }) else {
      throw UsageError(
        .other("--bom is for -o cyclonedx, which writes the bill with what was found"),
        commandPath: commandPath)
    }
    do throws(Problem) {
      return try BillOfMaterials(
        readAll(Path(bytes: value.bytes), limit: BillOfMaterials.sizeLimit))
    } catch {
      throw invalid(.bom, value, error.description)
    }
  }
}

extension Assessment {
  /// Whether something could not be read as it should.
  var hasFailures: Bool { views.contains { $0.view.problems.contains { $0.problem.isFailure } } }
}
