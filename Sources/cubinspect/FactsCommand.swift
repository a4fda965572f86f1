import Bytes
import CommandLineSyntax
import Compatibility
import Report
import Scan
import Stack

/// `cubinspect facts`.
struct FactsCommand {
  private let paths: [Path]
  private let images: [ImageConfiguration]
  private let scanner: Scanner
  private let isQuiet: Bool
  private let output: Output
  private let tables: TableSet

  init(_ arguments: ParsedArguments) throws(UsageError) {
    paths = arguments.positionals.map { Path(bytes: $0.bytes) }
    output = try Output.json(arguments, .factsFile, reading: paths)
    images = try arguments.images
    scanner = try arguments.scanner
    isQuiet = arguments.isQuiet
    tables = try arguments.tables
  }

  func run() -> ExitStatus {
    if FactsFile.refuse(among: paths) { return .usage }
    let facts = ProgressLine.during(isQuiet: isQuiet) { progress in
      var scanner = scanner
      scanner.progress = progress
      return scanner.scan(paths).facts(
        for: .everything, by: tables, images: images, jobs: scanner.jobs, progress: progress)
    }
    var status = ExitStatus.success
    for view in facts.views {
      let problems = view.problems + view.readingProblems
      for entry in problems {
        let isWhole = entry.path.bytes.isEmpty || view.kind == .file
        let place = isWhole ? view.paths[0] : view.paths[0].appending(entry.path.bytes)
        Terminal.report("\(place): \(entry.problem.description)")
      }
      if problems.contains(where: { $0.problem.isFailure }) { status = .usage }
    }
    let isWritten = [output].write(
      TextStyle(), text: { _ in [] },
      json: {
        FactsDocument.write(facts, toolName: Cubinspect.tool.name, toolVersion: Cubinspect.tool.version)
      })
    return isWritten ? status : .usage
  }
}

/// Files that hold facts in place of what they are about.
enum FactsFile {
  /// The file at `path` if it is one, told by how it starts.
  static func open(_ path: Path) -> FileBytes? {
    guard let file = try? FileBytes(path: path),
      let prefix = try? file.bytes(
        at: 0, count: Int(min(file.size, UInt64(FactsDocument.prefixSize))), "file"),
      FactsDocument.isDocument(prefix: prefix)
    else { return nil }
    return file
  }

  /// Reports which of `paths` are facts, for commands that need the files themselves; returns whether some are.
  static func refuse(among paths: [Path]) -> Bool {
    let facts = paths.filter { open($0) != nil }
    for path in facts {
      Terminal.report("\(path): holds facts, which only the command scan can use")
    }
    return !facts.isEmpty
  }
}
