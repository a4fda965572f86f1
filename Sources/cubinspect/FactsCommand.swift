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
  private let isCompact: Bool

  init(_ arguments: ParsedArguments) throws(UsageError) {
    isCompact = arguments.has(.compact)
    paths = arguments.positionals.map { Path(bytes: $0.bytes) }
    output = try Output.json(arguments, .factsFile, reading: paths)
    images = try arguments.images
    scanner = try arguments.scanner
    isQuiet = arguments.isQuiet
    tables = try arguments.tables
  }

  func run() -> ExitStatus {
    if isCompact, let status = compact() { return status }
    if FactsFile.refuse(among: paths) { return .usage }
    var facts = ProgressLine.during(isQuiet: isQuiet) { progress in
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
    if isCompact { facts.views = facts.views.map(\.compact) }
    return write(facts) ? status : .usage
  }

  private func write(_ facts: Facts) -> Bool {
    [output].write(
      TextStyle(), text: { _ in [] },
      json: {
        FactsDocument.write(facts, toolName: Cubinspect.tool.name, toolVersion: Cubinspect.tool.version)
      })
  }

  /// Makes facts compact that were written down before; nil where some path holds none.
  private func compact() -> ExitStatus? {
    let files = paths.compactMap { FactsFile.open($0) }
    guard files.count == paths.count else { return nil }
    var facts = Facts()
    for (path, file) in zip(paths, files) {
      do throws(Problem) {
        facts.add(try FactsDocument.read(file, by: tables))
      } catch {
        Terminal.report("\(path): \(error.description)")
        return .usage
      }
    }
    facts.views = facts.views.map(\.compact)
    return write(facts) ? .success : .usage
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
