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
    let word = arguments.positionals.first?.text ?? Action.show.rawValue
    guard let action = Action(rawValue: word) else {
      throw refuse("'\(word)' is nothing that can be done with a cache; there are show, prune and clear")
    }
    guard let folder = CacheFolder(arguments) else {
      throw refuse("--cache is missing: in which folder are the facts kept?")
    }
    self.action = action
    self.folder = folder
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
      let entries = try folder.entries
      let removed =
        switch action {
        case .show: [CacheFolder.Entry]()
        case .prune: entries.filter { unusedDays($0) >= days }
        case .clear: entries
        }
      try folder.remove(removed)
      let names = Set(removed.map(\.name))
      let kept = entries.filter { !names.contains($0.name) }
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
