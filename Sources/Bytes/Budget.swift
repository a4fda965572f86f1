import Synchronization

/// What some work may take, all its parts together, such as steps or bytes.
public final class Budget: Sendable {
  private let left: Atomic<Int>
  private let wasRefused = Atomic(false)
  /// What a problem expects where it is spent: "at most 5 bytes (limit x)".
  public let expected: String?

  public init(_ count: Int = .max, expected: String? = nil) {
    left = Atomic(count)
    self.expected = expected
  }

  /// Takes `count`; returns false, now and until something is added, when there is not as much left.
  public func take(_ count: Int = 1) -> Bool {
    guard !isSpent else { return false }
    guard left.wrappingSubtract(count, ordering: .relaxed).newValue < 0 else { return true }
    left.wrappingAdd(count, ordering: .relaxed)
    wasRefused.store(true, ordering: .relaxed)
    return false
  }

  /// How much is left.
  public var rest: Int { left.load(ordering: .relaxed) }

  /// Allows `count` more.
  public func add(_ count: Int) {
    let room = Int.max - max(0, left.load(ordering: .relaxed))
    left.wrappingAdd(min(count, room), ordering: .relaxed)
    wasRefused.store(false, ordering: .relaxed)
  }

  /// Whether more was wanted than was left.
  public var isSpent: Bool { wasRefused.load(ordering: .relaxed) }
}

extension Problem {
  /// What is not decompressed because `budget` is spent.
  public static func tooMuchDecompressed(_ budget: Budget?) -> Problem {
    Problem(.limitExceeded, "decompressed bytes", expected: budget?.expected, observed: "more")
  }
}
