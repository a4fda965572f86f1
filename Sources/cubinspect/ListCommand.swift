import Bytes
import CommandLineSyntax
import DeviceCode
import Report
import Scan

/// `cubinspect list`.
struct ListCommand {
  private let paths: [Path]
  private let verifies: Bool
  private let jobs: Int
  private let isQuiet: Bool
  private let outputs: [Output]
  private let style: TextStyle

  init(_ arguments: ParsedArguments) throws(UsageError) {
    paths = arguments.positionals.map { Path(bytes: $0.bytes) }
    verifies = arguments.has(.verify)
    jobs = try arguments.jobs
    isQuiet = arguments.isQuiet
    outputs = try Output.all(arguments, reading: paths)
    style = Terminal.style(arguments)
  }

  func run() -> ExitStatus {
    if FactsFile.refuse(among: paths) { return .usage }
    let report = ProgressLine.during(isQuiet: isQuiet) { progress in
      progress?.begin(.decompressing)
      return ListReport(files: paths.map { read($0, progress) })
    }
    let isWritten = outputs.write(style, text: report.text, json: { report.json(Cubinspect.tool) })
    var status = isWritten ? ExitStatus.success : .usage
    for file in report.files {
      if outputs.report(file.contents.problems, of: file.path) { status = .usage }
    }
    return status
  }

  private func read(_ path: Path, _ progress: ScanProgress?) -> ListReport.File {
    do throws(Problem) {
      let source = try FileBytes.single(path)
      var contents = InspectedFile(source)
      let verification = verifies ? contents.verify(source, jobs: jobs, progress: progress) : nil
      return ListReport.File(path: path, contents: contents, verification: verification)
    } catch {
      return ListReport.File(path: path, contents: .unreadable(error))
    }
  }
}
