import CTables
import FoundationEssentials

/// Which releases of packages on PyPI carry what: facts that the program itself measured in their wheels.
///
/// The table has a line for each package and machine, and one for each wheel that was measured, each a JSON object that
/// starts with the name of the package. `Tests/Scripts/survey` writes it. Only the lines of a package that is asked for are
/// decoded.
public struct SurveyTable: Sendable {
  /// A package on one kind of machine: how far it was measured.
  public struct Package: Hashable, Sendable, Codable {
    /// The name in normal form: `onnxruntime-gpu`.
    public var package: String
    /// `x86_64`, `aarch64`.
    public var machine: String
    /// The day on which PyPI had these releases: `2026-11-29`.
    public var asOf: String
    /// The final releases on PyPI with a wheel for Linux on this machine that nobody has withdrawn, oldest first.
    public var releases: [Release]
  }

  public struct Release: Hashable, Sendable, Codable {
    /// `0.45.5`.
    public var version: String
    /// The day on which its first wheel was published: `2025-04-08`.
    public var published: String
    /// The versions of CPython that it has wheels for: `3.12`, or `3.8+` for that one and all later ones; empty where one
    /// wheel is for every Python.
    public var pythons: [String]
    /// Which versions of Python it asks for, as its metadata has it: `>=3.9`; nil for any.
    public var requiresPython: String?

    public init(version: String, published: String, pythons: [String], requiresPython: String?) {
      self.version = version
      self.published = published
      self.pythons = pythons
      self.requiresPython = requiresPython
    }
  }

  /// A wheel that was measured.
  public struct Wheel: Sendable, Codable {
    public var package: String
    public var machine: String
    public var release: String
    /// The name of the file on PyPI.
    public var file: String
    /// The SHA-256 digest of the file, by which the measurement can be repeated: the source of the row.
    public var sha256: String
    /// Bytes.
    public var size: UInt64
    /// See ``View/compact``.
    public var facts: View
  }

  /// A wheel that was measured, without what was found in it.
  public struct Measured: Hashable, Sendable, Codable {
    public var machine: String
    public var release: String
  }

  /// What the table, as wheels do, calls the machine of a processor: `aarch64`, or `x86_64`.
  public static func machine(isAArch64: Bool) -> String { isAArch64 ? "aarch64" : "x86_64" }

  private let lines: [ArraySlice<UInt8>]

  /// - Parameter bytes: the lines of a table.
  public init(_ bytes: [UInt8]) {
    lines = bytes.split(separator: UInt8(ascii: "\n"))
  }

  /// The table of the program.
  public static let shipped = SurveyTable(
    unsafe [UInt8](unsafeUninitializedCapacity: ctables_surveyed_size()) { buffer, count in
      guard let start = buffer.baseAddress else { return }
      unsafe ctables_copy_surveyed(start)
      count = ctables_surveyed_size()
    })

  /// The names of all packages, in the order of the table, each once.
  public var names: [String] {
    var names: [String] = []
    for line in lines {
      let name = String(
        decoding: line.dropFirst(Self.start.utf8.count).prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
      if names.last != name { names.append(name) }
    }
    return names
  }

  private static let start = "{\"package\":\""

  /// The member that a line has near its start if it is one of a wheel.
  private static let wheelMember = "\"release\":"

  /// How far a package was measured, a row for each machine.
  public func packages(named name: String) throws -> [Package] {
    try rows(of: name, areWheels: false)
  }

  /// The measured wheels of a package, the oldest release first.
  public func wheels(of name: String) throws -> [Wheel] {
    try rows(of: name, areWheels: true)
  }

  /// Which wheels of a package were measured, the oldest release first.
  public func measured(of name: String) throws -> [Measured] {
    try rows(of: name, areWheels: true)
  }

  private func rows<Row: Decodable>(of name: String, areWheels: Bool) throws -> [Row] {
    let prefix = Array("\(Self.start)\(name)\"".utf8)
    let decoder = JSONDecoder()
    return try lines.filter { line in
      line.starts(with: prefix) && line.prefix(256).mentions(Self.wheelMember) == areWheels
    }.map { try decoder.decode(Row.self, from: Data($0)) }
  }
}

extension ArraySlice<UInt8> {
  fileprivate func mentions(_ text: String) -> Bool {
    String(decoding: self, as: UTF8.self).firstRange(of: text) != nil
  }
}

extension SurveyTable.Release {
  /// The oldest and the newest version of Python that it has a wheel for; no newest where every newer one is admitted. Nil
  /// where the metadata cannot be understood.
  public var pythonRange: (oldest: String, newest: String?)? {
    let known = [(2, 7)] + (0...Self.newestPython).map { (3, $0) }
    let supported = known.map { "\($0).\($1)" }.filter { supports(python: $0) == true }
    guard let oldest = supported.first, let newest = supported.last else { return nil }
    return (oldest, newest == "3.\(Self.newestPython)" ? nil : newest)
  }

  /// A minor version of Python 3 that no metadata names as its last.
  private static let newestPython = 50

  /// Whether it has a wheel for a version of Python, such as `3.12`; nil where the metadata cannot be understood.
  public func supports(python: String) -> Bool? {
    let own = VersionNumbers(python)
    guard own.numbers.count == 2 else { return nil }
    let isCovered = pythons.contains { tag in
      let version = VersionNumbers(tag)
      return version == own || tag.hasSuffix("+") && version < own
    }
    if !isCovered, !pythons.isEmpty { return false }
    for condition in (requiresPython ?? "").split(separator: ",") {
      let text = condition.filter { $0 != " " }
      let sign = text.prefix { !$0.isNumber }
      // The third number of a bound such as `>=3.6.1` is within the version that is asked for.
      let bound = VersionNumbers(text.dropFirst(sign.count)).series
      if bound.numbers.isEmpty { return nil }
      switch sign {
      case ">=", "~=", ">": if own < bound { return false }
      case "<": if bound <= own { return false }
      case "<=": if bound < own { return false }
      case "==": if own != bound, !text.hasSuffix("*") { return false }
      case "!=": if own == bound, text.hasSuffix("*") { return false }
      default: return nil
      }
    }
    return true
  }
}
