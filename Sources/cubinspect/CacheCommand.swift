import Bytes
import CommandLineSyntax
import Glibc
import Report

/// `cubinspect cache`: what is kept in the folder of `--cache`, and the end of it.
struct CacheCommand {
  private enum Action: String {
    case show
    case prune
    case clear
  }

  private let folder: CacheFolder
  private let action: Action
  /// Days without use after which `prune` removes facts.
  private let days: Int

  init(_ arguments: ParsedArguments) throws(UsageError) {
    func refuse(_ why: String) -> UsageError { UsageError(.other(why), commandPath: arguments.commandPath) }
    guard let folder = CacheFolder(arguments) else {
      throw refuse("--cache is missing: in which folder are the facts kept?")
    }
    self.folder = folder
    action = arguments.positionals.first.flatMap { Action(rawValue: $0.text) } ?? .show
    if let value = arguments.value(of: .unused) {
      guard action == .prune else { throw refuse("--\(Flag.unused.long) is for prune") }
      guard let days = Int(value.text), (0...100_000).contains(days) else {
        throw arguments.invalid(.unused, value, "write a number of days, such as 30")
      }
      self.days = days
    } else {
      days = 30
    }
  }

  func run() -> ExitStatus {
    do throws(Problem) {
      let now = Int64(time(nil))
      func unusedDays(_ entry: CacheFolder.Entry) -> Int { Int(max(0, now - entry.used)) / 86_400 }
      func amount(_ entries: [CacheFolder.Entry]) -> CacheReport.Amount {
        CacheReport.Amount(scans: entries.count, bytes: entries.reduce(0) { $0 + $1.size })
      }
      func isRemoved(_ entry: CacheFolder.Entry) -> Bool {
        switch action {
        case .show: false
        case .prune: unusedDays(entry) >= days
        case .clear: true
        }
      }
      let entries = try folder.entries
      let removed = entries.filter(isRemoved)
      let kept = entries.filter { !isRemoved($0) }
      try folder.remove(removed)
      let ages = kept.map(unusedDays)
      let range = ages.min().flatMap { least in ages.max().map { least...$0 } }
      return Terminal.write(
        CacheReport(
          folder.path, kept: amount(kept), unusedDays: range, removed: action == .show ? nil : amount(removed)
        ).text)
    } catch {
      Terminal.report("\(folder.path): \(error)")
      return .usage
    }
  }
}
