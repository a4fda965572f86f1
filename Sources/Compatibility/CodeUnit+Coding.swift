import DeviceCode
import Synchronization

/// Ascending numbers as a document has them: the first and the last of every run of consecutive ones.
package struct NumberRanges: Codable {
  /// The first and the last number of every run.
  package private(set) var ranges: [[Int]] = []

  package init(_ numbers: [Int]) {
    for number in numbers {
      if let last = ranges.last, last[1] + 1 == number {
        ranges[ranges.count - 1][1] = number
      } else {
        ranges.append([number, number])
      }
    }
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    ranges = try container.decode([[Int]].self)
    var next = 0
    for range in ranges {
      guard range.count == 2, range[0] >= next, range[1] >= range[0], range[1] < .max else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "the first and the last of ascending runs of numbers")
      }
      next = range[1] + 1
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(ranges)
  }

  /// The smallest.
  var first: Int? { ranges.first?[0] }

  /// All of them, which a decoder has read.
  ///
  /// - Throws: when one is not below `limit`, or the document stands for more than it may.
  func numbers(below limit: Int, _ decoder: any Decoder) throws -> [Int] {
    guard let last = ranges.last?[1] else { return [] }
    guard last < limit else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "a number below \(limit), but it is \(last)"))
    }
    try DecodingBudget.of(decoder).spend(ranges.reduce(0) { $0 + $1[1] - $1[0] + 1 }, decoder)
    return ranges.flatMap { $0[0]...$0[1] }
  }
}

extension CodeUnit {
  /// More modules than any file has: as many as are read of one.
  static let moduleLimit = 1 << 20
}

/// How many numbers the ranges of a document may stand for, all together: a few bytes can name millions.
package final class DecodingBudget: Sendable {
  private let left: Atomic<Int>

  package init(_ numbers: Int) { left = Atomic(numbers) }

  /// The key of the budget in the user info of a decoder.
  package static let key = CodingUserInfoKey(rawValue: "budget")

  /// The budget of the document that is decoded; where it has none, one for each of its lists.
  static func of(_ decoder: any Decoder) -> DecodingBudget {
    key.flatMap { decoder.userInfo[$0] as? DecodingBudget } ?? DecodingBudget(1 << 24)
  }

  /// - Throws: when the document stands for more than it may.
  func spend(_ numbers: Int, _ decoder: any Decoder) throws {
    guard left.subtract(numbers, ordering: .relaxed).newValue >= 0 else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "fewer modules and kernels"))
    }
  }
}

extension CodeUnit: Codable {
  private enum CodingKeys: String, CodingKey { case images, groups }

  private enum GroupKeys: String, CodingKey { case role, images, preLinked, modules, size }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(signatures, forKey: .images)
    var rows = container.nestedUnkeyedContainer(forKey: .groups)
    for group in groups {
      var row = rows.nestedContainer(keyedBy: GroupKeys.self)
      try row.encode(group.role, forKey: .role)
      try row.encode(group.images, forKey: .images)
      if !group.preLinked.isEmpty { try row.encode(group.preLinked, forKey: .preLinked) }
      try row.encode(NumberRanges(group.modules), forKey: .modules)
      try row.encode(group.size, forKey: .size)
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let signatures = try container.decode([ImageSignature].self, forKey: .images)
    var groups: [Group] = []
    var rows = try container.nestedUnkeyedContainer(forKey: .groups)
    var seen: Set<Int> = []
    while !rows.isAtEnd {
      let row = try rows.nestedContainer(keyedBy: GroupKeys.self)
      let group = Group(
        role: try row.decode(ModuleRole.self, forKey: .role),
        images: try row.decode([Int].self, forKey: .images),
        preLinked: try row.decodeIfPresent([Int].self, forKey: .preLinked) ?? [],
        modules: try row.decode(NumberRanges.self, forKey: .modules)
          .numbers(below: CodeUnit.moduleLimit, decoder),
        size: try row.decode(UInt64.self, forKey: .size))
      guard (group.images + group.preLinked).allSatisfy(signatures.indices.contains) else {
        throw DecodingError.dataCorruptedError(
          forKey: .images, in: row, debugDescription: "positions among \(signatures.count) images")
      }
      guard (group.role == .empty) == group.images.isEmpty else {
        throw DecodingError.dataCorruptedError(
          forKey: .role, in: row, debugDescription: "images in every module that is not empty")
      }
      guard let first = group.modules.first, group.modules.allSatisfy({ seen.insert($0).inserted }),
        groups.last.map({ $0.modules[0] < first }) ?? true
      else {
        throw DecodingError.dataCorruptedError(
          forKey: .modules, in: row, debugDescription: "each module once, the groups by their first one")
      }
      groups.append(group)
    }
    self.init(signatures: signatures, groups: groups)
  }
}
