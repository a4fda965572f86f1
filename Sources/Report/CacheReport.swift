public import Bytes

/// What is in a folder in which facts are kept, and what was removed from it.
public struct CacheReport {
  /// Facts of some scans.
  public struct Amount {
    public var scans: Int
    public var bytes: UInt64

    public init(scans: Int, bytes: UInt64) {
      self.scans = scans
      self.bytes = bytes
    }

    fileprivate var text: String { "facts of \(counted(scans, "scan")), \(byteCount(bytes))" }
  }

  private let folder: Path
  private let kept: Amount
  /// Whole days since the facts that were used last were used, and those that were not used for longest.
  private let unusedDays: ClosedRange<Int>?
  private let removed: Amount?

  public init(_ folder: Path, kept: Amount, unusedDays: ClosedRange<Int>?, removed: Amount? = nil) {
    self.folder = folder
    self.kept = kept
    self.unusedDays = unusedDays
    self.removed = removed
  }

  public var text: String {
    var sentences: [String] = []
    if let removed { sentences.append(removed.scans == 0 ? "nothing is removed" : "removed \(removed.text)") }
    if kept.scans == 0 {
      sentences.append(removed == nil ? "no facts are kept here" : "none are left")
    } else {
      let use = unusedDays.map { days in
        days.count == 1
          ? ", used \(Self.ago(days.lowerBound))"
          : ", used between \(Self.ago(days.upperBound)) and \(Self.ago(days.lowerBound))"
      }
      sentences.append(kept.text + (removed == nil ? "" : " are left") + (use ?? ""))
    }
    return "\(folder): \(sentences.joined(separator: "; "))\n"
  }

  private static func ago(_ days: Int) -> String {
    switch days {
    case ...0: "today"
    case 1: "yesterday"
    default: "\(grouped(days)) days ago"
    }
  }
}
