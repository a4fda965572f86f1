public import Compatibility

/// What an image asks of its host: the value of a variable `NVIDIA_REQUIRE_*`.
///
/// Alternatives are separated by spaces, conditions that must all hold by commas; a condition is a name, an operator
/// and a value. Source: libnvidia-container, `src/cli/dsl.c` and `src/cli/configure.c`, by which it is evaluated here.
public struct Requirement: Hashable, Sendable {
  /// How a condition compares.
  public enum Comparison: String, Hashable, Sendable, CaseIterable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
  }

  /// What a host is, as far as that is known: a fact that is nil makes every condition on it hold.
  public struct Host: Hashable, Sendable {
    /// The newest CUDA version that the host's driver supports; libraries in the image do not count.
    public var cuda: String?
    /// The release of the kernel module: `535.54.03`.
    public var driver: String?
    /// The compute capability: `8.0`.
    public var arch: String?
    /// `Tesla`, `GeForce`, …; upper and lower case are the same.
    public var brand: String?

    public init(cuda: String? = nil, driver: String? = nil, arch: String? = nil, brand: String? = nil) {
      self.cuda = cuda
      self.driver = driver
      self.arch = arch
      self.brand = brand
    }
  }

  /// What evaluating says.
  public enum Outcome: Hashable, Sendable {
    case satisfied
    /// No alternative holds.
    case unsatisfied(Failure)
    /// The text has no meaning, and the container does not start. The part that is to blame.
    case malformed(String)
  }

  public struct Failure: Hashable, Sendable {
    /// The first alternative, which the container tool names: `cuda>=12.8`.
    public var alternative: String
    /// The condition that failed in each alternative, in their order: `driver<536`.
    public var conditions: [String]
  }

  public var text: String

  public init(_ text: String) { self.text = text }

  /// Evaluates from left to right: what stands behind the first alternative that holds is not looked at.
  public func evaluate(on host: Host) -> Outcome {
    var failed: [String] = []
    // The last condition decides when an alternative holds nothing but commas.
    var holds = true
    for alternative in text.utf8.split(separator: UInt8(ascii: " ")) {
      var isWhole = true
      for condition in alternative.split(separator: UInt8(ascii: ",")) {
        guard let result = Self.evaluate(condition, on: host) else {
          return .malformed(String(Substring(condition)))
        }
        holds = result
        if !holds {
          failed.append(String(Substring(condition)))
          isWhole = false
          break
        }
      }
      if isWhole { break }
    }
    if holds { return .satisfied }
    let first = text.utf8.split(separator: UInt8(ascii: " "), maxSplits: 1, omittingEmptySubsequences: false)
      .first.map { String(Substring($0)) }
    return .unsatisfied(Failure(alternative: first ?? "", conditions: failed))
  }

  /// Nil for a condition that is malformed.
  private static func evaluate(_ condition: Substring.UTF8View, on host: Host) -> Bool? {
    let isOperator = { (byte: UInt8) in "<>=!".utf8.contains(byte) }
    let name = condition.prefix { !isOperator($0) }
    let sign = condition.dropFirst(name.count).prefix(while: isOperator)
    let value = condition.dropFirst(name.count + sign.count)
    guard !name.isEmpty, !value.isEmpty, let comparison = Comparison(sign) else { return nil }
    let text = String(Substring(value))
    let holds: Bool? =
      switch Substring(name).lowercased() {
      case "cuda": version(host.cuda, comparison, text)
      case "driver": version(host.driver, comparison, text)
      case "arch": version(host.arch, comparison, text)
      case "brand": brand(host.brand, comparison, text)
      default: nil
      }
    // A condition that fails must fit in the tool's message, with spaces around the operator.
    let length = name.count + comparison.rawValue.utf8.count + value.count + 2
    return holds == false && length >= Self.messageLimit ? nil : holds
  }

  /// Bytes, the terminating NUL included. The corresponding constant is `EXPR_MAX`.
  private static let messageLimit = 128

  private static func brand(_ fact: String?, _ comparison: Comparison, _ value: String) -> Bool? {
    guard let fact else { return true }
    let isEqual = fact.lowercased() == value.lowercased()
    return comparison == .equal ? isEqual : comparison == .notEqual ? !isEqual : nil
  }

  private static func version(_ fact: String?, _ comparison: Comparison, _ value: String) -> Bool? {
    fact == nil ? true : fact.flatMap { compare($0, comparison, value) }
  }

  /// Compares two versions number by number; behind the shorter one only zeros count as equal. Nil where one of
  /// them is no version.
  static func compare(_ left: String, _ comparison: Comparison, _ right: String) -> Bool? {
    var (left, right) = (left.utf8[...], right.utf8[...])
    guard left.allSatisfy(isVersionByte), right.allSatisfy(isVersionByte) else { return nil }
    while !left.isEmpty, !right.isEmpty {
      guard let one = takeNumber(&left), let other = takeNumber(&right) else { return nil }
      if one != other { return comparison.holds(one < other ? -1 : 1) }
    }
    left = left.drop(while: isPadding)
    right = right.drop(while: isPadding)
    return comparison.holds(left.isEmpty ? (right.isEmpty ? 0 : -1) : 1)
  }

  private static func isVersionByte(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isPadding(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || byte == UInt8(ascii: "0")
  }

  /// Takes a number and all dots behind it; nil where there is none, or one that does not fit.
  private static func takeNumber(_ text: inout Substring.UTF8View) -> UInt64? {
    let digits = text.prefix { $0 != UInt8(ascii: ".") }
    guard let number = UInt64(Substring(digits)), number < .max else { return nil }
    text = text.dropFirst(digits.count).drop { $0 == UInt8(ascii: ".") }
    return number
  }
}

extension Requirement.Comparison {
  /// The tool compares as many bytes as the sign has, so a lone `!` is `!=`.
  fileprivate init?(_ sign: Substring.UTF8View) {
    let text = String(Substring(sign))
    self.init(rawValue: text == "!" ? "!=" : text)
  }

  /// Whether it holds for two values of which the left one is less (-1), equal (0) or greater (1).
  fileprivate func holds(_ order: Int) -> Bool {
    switch self {
    case .equal: order == 0
    case .notEqual: order != 0
    case .less: order < 0
    case .lessOrEqual: order <= 0
    case .greater: order > 0
    case .greaterOrEqual: order >= 0
    }
  }
}

extension Requirement.Failure: CustomStringConvertible {
  /// As the container tool says it.
  public var description: String {
    "unsatisfied condition: \(alternative)"
      + (alternative.hasPrefix("cuda>=")
        ? ", please update your driver to a newer version, or use an earlier cuda container" : "")
  }
}

extension Requirement.Host {
  /// The facts that a driver and a GPU give away.
  ///
  /// A branch stands for its newest release, which is newer than any that somebody may ask for, and a CUDA version
  /// for the first branch that supports it.
  public init(
    driver: DriverVersion?, computeCapability: ComputeCapability?, brand: String?, by tables: TableSet
  ) {
    cuda = driver?.maxCUDA(by: tables)?.description
    arch = computeCapability?.description
    self.brand = brand
    if case .release(_, let text) = driver {
      self.driver = text
    } else {
      self.driver = driver?.branchNumber(by: tables).map { "\($0).\(UInt32.max)" }
    }
  }
}
