import Assessment
import Bytes
import CTOML
import CommandLineSyntax
import Compatibility
import Glibc

/// The configuration file: the one that `--config` names, else the first `cubinspect.toml`, or `pyproject.toml` with a table
/// `[tool.cubinspect]`, in the working directory and the folders above it.
struct ConfigurationFile {
  /// The value of `--config` for none.
  static let none = "none"

  private let path: Path
  /// As messages name it.
  private let name: String
  /// The folder that paths in it start from; empty for the working directory.
  private let folder: Path

  static let fileName = Path("cubinspect.toml")
  private static let projectName = Path("pyproject.toml")
  private static let projectTables = ["tool", "cubinspect"]
  /// The list of tables that say what does not matter.
  fileprivate static let ignoreTable = "ignore"
  /// Bytes of a file; those of projects have the settings of other tools too.
  private static let sizeLimit = 1 << 20

  /// Reads the file that is in force; nil where there is none.
  ///
  /// - Throws: a usage error for a file that `--config` names and that is not there, and for one that cannot be read.
  static func read(_ arguments: ParsedArguments) throws(UsageError) -> Configuration? {
    // They take no options, and explain what is wrong.
    if let command = arguments.commandPath.last,
      ["help", "completions", "licenses", "man"].contains(command)
    {
      return nil
    }
    if let value = arguments.value(of: .config) {
      guard value.text != none else { return nil }
      let path = Path(bytes: value.bytes)
      return try ConfigurationFile(path: path, name: path.description, folder: path.parent)
        .configuration(arguments, isNamed: true)
    }
    guard let here = workingDirectory else { return nil }
    var folder = here
    while true {
      for file in [fileName, projectName] {
        let path = folder.appending(file.bytes)
        guard isReadable(path, in: folder) else { continue }
        let found = ConfigurationFile(
          path: path, name: (folder == here ? file : path).description,
          folder: folder == here ? Path("") : folder)
        if let configuration = try found.configuration(arguments, isNamed: false) { return configuration }
      }
      guard folder.bytes.count > 1 else { return nil }
      folder = folder.parent.bytes.isEmpty ? Path("/") : folder.parent
    }
  }

  /// What it says; nil for the file of a project that says nothing of this program.
  private func configuration(_ arguments: ParsedArguments, isNamed: Bool) throws(UsageError) -> Configuration?
  {
    func failure(_ text: String) -> UsageError {
      UsageError(.unusable("\(name): \(text)"), commandPath: arguments.commandPath)
    }
    let document: [UInt8]
    do throws(Problem) {
      document = try readAll(path, limit: Self.sizeLimit)
    } catch {
      throw failure(error.description)
    }
    let isProject = path.lastComponent == Self.projectName
    // The file of a project is that of other programs first, so that what is wrong in it is theirs to say.
    if isProject, !isNamed, !document.contains(Self.projectTables.joined(separator: ".").utf8) { return nil }
    var tables: JSONTree
    do throws(TOMLFailure) {
      tables = try JSONTree(toml: document)
    } catch {
      throw failure(error.description)
    }
    for name in isProject ? Self.projectTables : [] {
      guard case .object(let members) = tables, let inner = members[name] else { return nil }
      tables = inner
    }
    var configuration = Configuration(name: name, folder: folder.bytes)
    for (name, value) in tables.members {
      if name == Self.ignoreTable {
        guard case .array(let rules) = value else { throw failure("write ignore as tables [[ignore]]") }
        for rule in rules {
          guard case .object = rule else { throw failure("write ignore as tables [[ignore]]") }
          configuration.tables[name, default: []].append(
            Dictionary(uniqueKeysWithValues: rule.members.map { ($0, Configuration.Value($1)) }))
        }
      } else if case .object = value {
        configuration.settings += value.members.map {
          .init(command: name, option: $0, value: Configuration.Value($1))
        }
      } else {
        configuration.settings.append(.init(option: name, value: Configuration.Value(value)))
      }
    }
    return configuration
  }

  private static var workingDirectory: Path? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let isThere = unsafe buffer.withUnsafeMutableBytes { bytes in
      unsafe getcwd(bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count) != nil
    }
    return isThere ? Path(bytes: buffer.prefix { $0 != 0 }) : nil
  }

  /// Whether there is such a file, and nobody else put it into a folder that everybody may write to.
  private static func isReadable(_ path: Path, in folder: Path) -> Bool {
    var (file, around) = (stat(), stat())
    guard unsafe path.withCString({ unsafe stat($0, &file) }) == 0, file.st_mode & S_IFMT == S_IFREG,
      unsafe folder.withCString({ unsafe stat($0, &around) }) == 0
    else { return false }
    return around.st_mode & S_IWOTH == 0 || file.st_uid == geteuid() || file.st_uid == 0
  }
}

extension ParsedArguments {
  /// The name of the configuration file, where the command does something else because of it; nil otherwise.
  var usedConfiguration: String? {
    guard let configuration else { return nil }
    let isUsed = occurrences.contains { $0.source?.hasPrefix(configuration.name + ": ") ?? false }
    return isUsed || configuration.tables[ConfigurationFile.ignoreTable] != nil ? configuration.name : nil
  }

  /// What the configuration file wants ignored. Rules whose day is over are left out, and said to be.
  ///
  /// - Throws: a usage error for a rule that means nothing.
  func ignoreRules(_ tables: TableSet) throws(UsageError) -> [IgnoreRule] {
    guard let configuration else { return [] }
    var rules: [IgnoreRule] = []
    for (index, table) in (configuration.tables[ConfigurationFile.ignoreTable] ?? []).enumerated() {
      let place = "\(configuration.name): ignore \(index + 1)"
      func failure(_ text: String, _ near: [String] = []) -> UsageError {
        UsageError(.unusable("\(place): \(text)"), commandPath: commandPath, suggestions: near)
      }
      func text(_ key: String) throws(UsageError) -> String? {
        guard let value = table[key] else { return nil }
        guard case .text(let text) = value, !text.isEmpty else {
          throw failure("\(key) is \(value.summary), and has to be a text")
        }
        return text
      }
      let known = ["check", "gpu", "library", "package", "reason", "until"]
      for key in table.keys.sorted() where !known.contains(key) {
        throw failure("\(key) means nothing here", nearMatches(for: key, in: known, limit: 1))
      }
      guard let reason = try text("reason") else {
        throw failure("the reason is missing: reason = \"why it does not matter\"")
      }
      var rule = IgnoreRule(
        package: try text("package"), library: try text("library"), reason: reason,
        source: configuration.name)
      if let check = try text("check") {
        let names = Check.ID.ignorable.map(\.rawValue) + ["requirement"]
        if check == "requirement" {
          rule.what = .requirement
        } else if let id = Check.ID(rawValue: check), Check.ID.ignorable.contains(id) {
          rule.what = .check(id)
        } else {
          throw Check.ID(rawValue: check) == nil
            ? failure("there is no check \(check)", nearMatches(for: check, in: names, limit: 1))
            : failure("\(check) is about code: name its package or its library, without check")
        }
        if rule.library != nil, rule.what != .requirement {
          throw failure("\(check) is not about single libraries")
        }
      } else if rule.package == nil, rule.library == nil {
        throw failure("what is ignored is missing: package, library or check")
      }
      if let queries = table["gpu"] {
        rule.devices = try devices(queries, tables, failure)
        if rule.what == .requirement { throw failure("what is required does not depend on a GPU") }
      }
      if let until = try text("until") {
        guard let day = TableDate(until) else { throw failure("until is no day such as 2027-03-31") }
        if day.daysSince1970 < Terminal.secondsSince1970 / 86_400 {
          Terminal.report("\(place) (\(rule.subject)) ended on \(day), and counts again")
          continue
        }
      }
      rules.append(rule)
    }
    return rules
  }

  private func devices(
    _ value: Configuration.Value, _ tables: TableSet, _ failure: (String, [String]) -> UsageError
  ) throws(UsageError) -> [Device] {
    let values: [Configuration.Value] = if case .list(let all) = value { all } else { [value] }
    var devices: [Device] = []
    for value in values {
      guard case .text(let text) = value else {
        throw failure("gpu is \(value.summary), and has to be the name of a GPU", [])
      }
      for name in GPUCatalogue.queries(in: text) {
        do throws(GPUCatalogue.Failure) {
          devices += try GPUCatalogue.resolveAll(name, in: tables).map {
            $0.device(driver: nil, tables: tables)
          }
        } catch {
          throw failure("gpu \(name): \(error.description(by: tables))", [])
        }
      }
    }
    return devices
  }
}

extension Configuration.Value {
  /// The value as one would type it.
  var words: String {
    switch self {
    case .bool(let value): "\(value)"
    case .text(let text): text
    case .list(let values): values.map(\.words).joined(separator: ", ")
    case .other(let what): what
    }
  }

  fileprivate init(_ tree: JSONTree) {
    self =
      switch tree {
      case .bool(let value): .bool(value)
      case .integer(let value): .text("\(value)")
      case .string(let text): .text(text)
      case .array(let elements): .list(elements.map { Configuration.Value($0) })
      case .number(let number): .other("the number \(number)")
      case .object: .other("a table")
      case .null: .other("nothing")
      }
  }
}

/// Why a text is no TOML.
private enum TOMLFailure: Error, CustomStringConvertible {
  case unavailable
  case malformed(String, line: Int, column: Int)

  var description: String {
    switch self {
    case .unavailable:
      "this build of the program does not read it, because toml++ (Debian's libtomlplusplus-dev) was not there; "
        + "--config none leaves it out"
    case .malformed(let text, let line, let column): "line \(line), column \(column): \(text)"
    }
  }
}

extension JSONTree {
  /// The members of an object in the order of their names; none of anything else.
  fileprivate var members: [(String, JSONTree)] {
    guard case .object(let members) = self else { return [] }
    return members.sorted { $0.key < $1.key }
  }

  fileprivate init(toml document: [UInt8]) throws(TOMLFailure) {
    guard ctoml_is_available() != 0 else { throw .unavailable }
    let result = unsafe document.withUnsafeBytes { bytes in
      unsafe ctoml_read(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    defer {
      unsafe free(result.json)
      unsafe free(result.error)
    }
    guard let json = unsafe result.json else {
      let text = unsafe result.error.map { unsafe String(cString: $0) } ?? "out of memory"
      throw unsafe .malformed(text, line: Int(result.line), column: Int(result.column))
    }
    let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: json, count: result.length))
    do throws(Problem) {
      self = try JSONTree(document: bytes)
    } catch {
      throw .malformed(error.description, line: 1, column: 1)
    }
  }
}
