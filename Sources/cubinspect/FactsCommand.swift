import Bytes
import CommandLineSyntax
import Compatibility
import Report
import Scan
import Stack

/// `cubinspect facts`.
struct FactsCommand {
  private let fetched: Fetched
  private let images: [ImageConfiguration]
  private let scanner: Scanner
  private let cache: FactsCache?
  private let isQuiet: Bool
  private let output: Output
  private let tables: TableSet
  private let isCompact: Bool
  private let isLayer: Bool

  init(_ arguments: ParsedArguments) throws(UsageError) {
    isCompact = arguments.has(.compact)
    isLayer = arguments.has(.layer)
    let inputs = try arguments.inputs
    if isLayer, isCompact || inputs.count != 1 {
      throw UsageError(
        .other(
          isCompact
            ? "--layer: the facts of a layer cannot be compact, because an image may need all of them; those of the image can"
            : "--layer: name one layer, because each has facts of its own"),
        commandPath: arguments.commandPath)
    }
    output = try Output.json(arguments, .factsFile, reading: inputs.compactMap(\.path))
    images = try arguments.images
    scanner = try arguments.scanner
    isQuiet = arguments.isQuiet
    tables = try arguments.tables
    cache = FactsCache(arguments, scanner, tables)
    fetched = try Fetched(inputs, arguments)
  }

  func run() -> ExitStatus {
    if isLayer { return layer(fetched.inputs[0]) }
    if isCompact, let status = compact() { return status }
    if FactsFile.refuse(among: fetched.inputs) { return .usage }
    var facts = ProgressLine.during(isQuiet: isQuiet) { progress in
      var scanner = scanner
      scanner.progress = progress
      if let cache, images.isEmpty { return cache.facts(of: fetched.inputs, scanner) }
      return scanner.scan(fetched.inputs).facts(
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
    return write(facts, tables.date) ? status : .usage
  }

  /// Writes down what the layer `input` adds and removes.
  private func layer(_ input: ScanInput) -> ExitStatus {
    do throws(Problem) {
      let file =
        switch input.place {
        case .file(let file): file
        case .path: try FileBytes(path: input.name)
        case .image: throw Problem(.unsupported, "layer", expected: "a tar", observed: "an image")
        }
      let facts = try ProgressLine.during(isQuiet: isQuiet) { progress in
        var scanner = scanner
        scanner.progress = progress
        return Result { () throws(Problem) in try scanner.layerFacts(of: file, by: tables) }
      }.get()
      var status = ExitStatus.success
      let problems = facts.problems.map { (Path(""), $0) } + facts.fileProblems
      for (path, problem) in problems {
        let place = path.bytes.isEmpty ? input.name : input.name.appending(path.bytes)
        Terminal.report("\(place): \(problem.description)")
        if problem.isFailure { status = .usage }
      }
      let isWritten = [output].write(
        TextStyle(), text: { _ in [] },
        json: {
          LayerDocument.write(
            facts, toolName: Cubinspect.tool.name, toolVersion: Cubinspect.tool.version, tables: tables.date)
        })
      return isWritten ? status : .usage
    } catch {
      Terminal.report("\(input.name): \(error.description)")
      return .usage
    }
  }

  /// - Parameter date: that of the tables by which the facts were found; nil for those of a document.
  private func write(_ facts: Facts, _ date: TableDate?) -> Bool {
    [output].write(
      TextStyle(), text: { _ in [] },
      json: {
        FactsDocument.write(
          facts, toolName: Cubinspect.tool.name, toolVersion: Cubinspect.tool.version, tables: date)
      })
  }

  /// Makes facts compact that were written down before; nil where some path holds none.
  private func compact() -> ExitStatus? {
    let files = fetched.inputs.compactMap { FactsFile.open($0) }
    guard files.count == fetched.inputs.count else { return nil }
    var facts = Facts()
    for (input, file) in zip(fetched.inputs, files) {
      do throws(Problem) {
        facts.add(try FactsDocument.read(file, by: tables))
      } catch {
        Terminal.report("\(input.name): \(error.description)")
        return .usage
      }
    }
    facts.views = facts.views.map(\.compact)
    return write(facts, nil) ? .success : .usage
  }
}

/// Files that hold facts in place of what they are about.
enum FactsFile {
  /// The file that `input` is if it is one, told by how it starts.
  static func open(_ input: ScanInput) -> FileBytes? {
    let opened: FileBytes? =
      switch input.place {
      case .path: try? FileBytes(path: input.name)
      case .file(let file): try? FileBytes(again: file)
      case .image: nil
      }
    guard let file = opened, FactsDocument.isDocument(file) else { return nil }
    return file
  }

  /// Reports which of `paths` are facts, for commands that need the files themselves; returns whether some are.
  static func refuse(among paths: [Path]) -> Bool { refuse(among: paths.map { ScanInput(name: $0) }) }

  static func refuse(among inputs: [ScanInput]) -> Bool {
    let facts = inputs.filter { open($0) != nil }
    for input in facts {
      Terminal.report("\(input.name): holds facts, which only the command scan can use")
    }
    return !facts.isEmpty
  }
}
