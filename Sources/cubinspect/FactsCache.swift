import Archives
import Bytes
import CommandLineSyntax
import Compatibility
import Compression
import Glibc
import Report
import Scan
import Stack

/// Facts of inputs that were read before, each in a file of the folder that `--cache` names.
///
/// The name of a file is a digest of all that its facts depend on: what the inputs are (``InputState``), the program, its
/// tables, and the options that say what is read. So nothing in the folder is ever changed, and it needs no lock: a file
/// appears whole, and who finds the same facts writes the same bytes.
struct FactsCache {
  private let folder: CacheFolder
  /// What facts depend on besides the inputs.
  private let circumstances: SHA256
  private let tables: TableSet

  /// A file that was changed so shortly before a scan can be changed again without a sign, because clocks of file systems
  /// have a resolution of up to two seconds.
  private static let settlingTime: Int64 = 2_000_000_000

  /// - Returns: nil where the command line names no folder, and where links are followed, because what they lead to could
  ///   change unseen.
  init?(_ arguments: ParsedArguments, _ scanner: Scanner, _ tables: TableSet) {
    guard let folder = CacheFolder(arguments) else { return nil }
    guard scanner.linkedFolders.isEmpty else {
      if !arguments.isQuiet { Terminal.report("--cache is left out, because --follow-links is there") }
      return nil
    }
    self.folder = folder
    self.tables = tables
    let program = FileState(of: Path("/proc/self/exe"))
    var lines = [
      "facts \(FactsDocument.version) of \(Cubinspect.tool.name) \(Cubinspect.tool.version)",
      "program \(program?.size ?? 0) \(program?.modified ?? 0)",
      "tables \(tables.date)",
      "platform \(scanner.platform?.description ?? "")",
      // What may be read is another thing for another user.
      "user \(geteuid())",
    ]
    for name in ArchiveLimits.Name.allCases { lines.append("\(name.rawValue) \(scanner.limits[name])") }
    for path in arguments.tablePaths {
      let file = FileState(of: path)
      lines.append("data \(path) \(file?.identity.inode ?? 0) \(file?.size ?? 0) \(file?.changed ?? 0)")
    }
    var circumstances = SHA256()
    for line in lines { circumstances.add(Array("\(line)\n".utf8)) }
    self.circumstances = circumstances
  }

  /// The facts of `inputs` for every GPU and driver: those that are kept, else those that a scan finds, which are kept.
  func facts(of inputs: [ScanInput], _ scanner: Scanner) -> Facts {
    let start = Int64(time(nil)) * 1_000_000_000
    func find() -> Facts {
      scanner.scan(inputs).facts(
        for: .everything, by: tables, jobs: scanner.jobs, progress: scanner.progress)
    }
    scanner.progress?.begin(.opening)
    guard let state = InputState(of: inputs, jobs: scanner.jobs) else { return find() }
    var digest = circumstances
    digest.add(state.digest)
    let name = CacheFolder.name(of: digest.value)
    if let facts = kept(name) { return facts }
    let facts = find()
    if state.newestChange < start - Self.settlingTime, facts.isLasting { keep(facts, name) }
    return facts
  }

  /// nil where there are none, and where they cannot be read: then they are found and written again.
  private func kept(_ name: Path) -> Facts? {
    guard let file = folder.open(name), var facts = try? FactsDocument.read(file, by: tables) else {
      return nil
    }
    facts.counts.bytesRead = 0
    facts.counts.imagesRead = 0
    return facts
  }

  private func keep(_ facts: Facts, _ name: Path) {
    do throws(Problem) {
      let document = FactsDocument.write(
        facts, toolName: Cubinspect.tool.name, toolVersion: Cubinspect.tool.version, tables: tables.date)
      try folder.write(try gzipped(document), to: name)
    } catch {
      Terminal.report("\(folder.path): what was found is not kept: \(error)")
    }
  }
}

extension Facts {
  /// Whether the same files would give the same facts later: nothing was refused or changed meanwhile.
  fileprivate var isLasting: Bool {
    let passing: Set<Problem.Code> = [.unreadable, .changedWhileReading, .notFound, .notRegularFile]
    return !views.contains { view in
      (view.problems + view.readingProblems).contains { passing.contains($0.problem.code) }
    }
  }
}
