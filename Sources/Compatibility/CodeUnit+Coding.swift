import DeviceCode
import Synchronization

/// Ascending numbers as a document has them: the first and the last of every run of consecutive ones.
struct NumberRanges: Codable {
  var numbers: [Int]

  /// Larger numbers count nothing that a file may hold.
  private static let limit = 1 << 24

  init(_ numbers: [Int]) { self.numbers = numbers }

  init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    numbers = []
    var next = 0
    while !container.isAtEnd {
      let range = try container.decode([Int].self)
      guard range.count == 2, range[0] >= next, range[1] >= range[0], range[1] < Self.limit else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "[first, last] of ascending runs of numbers below \(Self.limit)")
      }
      try DecodingBudget.of(decoder).spend(range[1] - range[0] + 1, decoder)
      numbers += range[0]...range[1]
      next = range[1] + 1
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    var start: Int?
    for (index, number) in numbers.enumerated() {
      let first = start ?? number
      start = first
      guard index + 1 == numbers.count || numbers[index + 1] != number + 1 else { continue }
      try container.encode([first, number])
      start = nil
    }
  }
}

/// How many numbers the ranges of a document may stand for, all together: a few bytes can name millions.
package final class DecodingBudget: Sendable {
  private let left: Atomic<Int>

  package init(_ numbers: Int) { left = Atomic(numbers) }

  /// The key of the budget in the user info of a decoder.
  package static let key = CodingUserInfoKey(rawValue: "budget")

  fileprivate static let none = DecodingBudget(1 << 24)

  /// The budget of the document that is decoded.
  static func of(_ decoder: any Decoder) -> DecodingBudget {
    key.flatMap { decoder.userInfo[$0] as? DecodingBudget } ?? none
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

  private enum GroupKeys: String, CodingKey { case role, images, preLinked, modules }

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
        modules: try row.decode(NumberRanges.self, forKey: .modules).numbers)
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
