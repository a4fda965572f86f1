/// The day of which tables are: what was published until then is in them.
public struct TableDate: Hashable, Sendable {
  public var year: Int
  public var month: Int
  public var day: Int

  /// Reads `2026-11-29`; nil for anything else.
  public init?(_ text: some StringProtocol) {
    let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard parts.map(\.count) == [4, 2, 2],
      parts.allSatisfy({ $0.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } })
    else { return nil }
    let numbers = parts.map { $0.reduce(0) { 10 * $0 + Int($1 - UInt8(ascii: "0")) } }
    guard 1...12 ~= numbers[1], 1...31 ~= numbers[2] else { return nil }
    (year, month, day) = (numbers[0], numbers[1], numbers[2])
  }

  /// Days from 1970-01-01, in the Gregorian calendar, whose leap days come at the end of a year that starts in March.
  public var daysSince1970: Int {
    let shifted = month > 2 ? year : year - 1
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
  }
}

extension TableDate: Comparable {
  public static func < (left: TableDate, right: TableDate) -> Bool {
    (left.year, left.month, left.day) < (right.year, right.month, right.day)
  }
}

extension TableDate: CustomStringConvertible {
  public var description: String {
    func padded(_ number: Int, _ count: Int) -> String {
      String(repeating: "0", count: max(0, count - "\(number)".count)) + "\(number)"
    }
    return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
  }
}
